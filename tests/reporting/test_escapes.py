"""No name becomes markup, in HTML or in Markdown (read by an independent parser), and every link finds its place."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest
from fixture import write_run
from markdown_it import MarkdownIt
from pages import parse

from ganatomy.reporting import escapes, page

PLANTED = (
    "my_run", "b c", "中文 运行", "😀", "a'b\"c", 'x" onmouseover="alert(1)', "<img src=x onerror=alert(1)>",
    "[a](javascript:x)", "]]>", "![p](q)", "`code` ``two``", "# head", "- item", "1. one", "=", "---", "~~~", "a|b",
    "a\\|b\\", "&lt;b&gt;", "<!--", "</script><script>alert(1)</script>", "*bold* _it_ __b__", "a\nb", "a\u2028b",
    "[x]: http://y", "$x^2$", "{{ 7 * 7 }}", "%41",
)  # fmt: skip
NAMES = ["my_run", "b c 中文 😀", "x' on=\"alert(1)\"<img src=x onerror=alert(1)>[a](b) `c` | ](d)\n# e"]
"""What folders of runs are called."""


class Tags(HTMLParser):
    """Tags with their attributes, and the text."""

    def __init__(self, html: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def rendered(markdown: str) -> Tags:
    return Tags(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown))


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize(
    "place", ["{}", "# {}", "**{}**", "- {}: x", "| a |\n| --- |\n| {} |", "[{}](#x)", "![{}](x.png)", "### {}\n\ntext"]
)
def test_text_stays_text_wherever_it_stands(name, place):
    """Rendered, it reads as it was written (white space is one space), between the tags of its place and no others."""
    found, plain = rendered(place.format(escapes.text_markdown(name))), rendered(place.format("plain"))
    assert [tag for tag, _ in found.tags] == [tag for tag, _ in plain.tags]
    assert [sorted(attributes) for _, attributes in found.tags] == [sorted(attributes) for _, attributes in plain.tags]
    alt = "".join(attributes.get("alt") or "" for _, attributes in found.tags)
    assert " ".join(name.split()) in " ".join((found.text + alt).split())


@pytest.mark.parametrize("name", PLANTED)
def test_code_stays_code_and_exact(name):
    found = rendered(f"| a | b |\n| --- | --- |\n| {escapes.code_markdown(name)} | {escapes.rich_markdown(name)} |")
    assert [tag for tag, _ in found.tags if tag not in ("code", "strong")] == (
        ["table", "thead", "tr", "th", "th", "tbody", "tr", "td", "td"]
    )
    assert found.tags[8:]
    assert not any(attributes for _, attributes in found.tags)
    assert " ".join(name.split()) in " ".join(found.text.split())


def test_anchors_differ_and_are_safe_everywhere():
    names = [*PLANTED, "a~62~", "ab", "a b", "a_b", "a-b", "A b", "x" * 300, "x" * 299 + "y", "中" * 80, "~"]
    found = [escapes.anchor(name) for name in names]
    assert len(set(found)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_.~-]{1,120}", identifier) for identifier in found)
    assert escapes.anchor("gan-s0_v1.0") == "gan-s0_v1.0"
    with pytest.raises(AssertionError):
        escapes.checked_anchor('x" onclick="y')


def test_json_cannot_leave_its_script():
    record = {"name": "</script><!--<script>&\u2028\u2029中"}
    text = str(escapes.script_json(json.dumps(record, ensure_ascii=False)))
    assert not re.search("[<>&\u2028\u2029]", text)
    assert json.loads(text) == record


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> page.ReportResult:
    """A report of runs with planted names, two of them of the same name in other folders and one given twice."""
    root = tmp_path_factory.mktemp("hostile")
    folders = [root / name for name in NAMES] + [root / "one" / "twin", root / "two" / "twin"]
    for folder in folders:
        write_run(folder, "gan", scores=False, dissect=False, num_pictures=1)
    return page.render(
        [*folders, folders[-1]], out=root / "out", title=PLANTED[5] + PLANTED[6], author="".join(PLANTED)
    )


def test_a_report_of_hostile_names_has_no_markup_of_theirs(hostile):
    for found in (rendered(hostile.md.read_text(encoding="utf-8")), Tags(hostile.html.read_text(encoding="utf-8"))):
        assert "script" not in {tag for tag, _ in found.tags}
        for _, attributes in found.tags:
            assert not [name for name in attributes if name.startswith("on")], attributes
            assert not str(attributes.get("href", "")).startswith("javascript"), attributes
        assert PLANTED[6] in found.text
    allowed = {
        "h1", "h2", "h3", "p", "strong", "a", "img", "table", "thead", "tbody", "tr", "th", "td", "ul", "ol", "li",
        "code", "hr", "blockquote",
    }  # fmt: skip
    found = rendered(hostile.md.read_text(encoding="utf-8"))
    assert {tag for tag, _ in found.tags} <= allowed
    named = {name for tag, attributes in found.tags for name in attributes if tag != "img"}
    assert named <= {"id", "href", "style", "start"}


def test_every_link_of_both_pages_finds_its_place(hostile):
    for found in (rendered(hostile.md.read_text(encoding="utf-8")), Tags(hostile.html.read_text(encoding="utf-8"))):
        ids = [attributes["id"] for _, attributes in found.tags if "id" in attributes]
        assert len(ids) == len(set(ids))
        targets = [attributes["href"] for tag, attributes in found.tags if tag == "a" and "href" in attributes]
        assert len([target for target in targets if target.startswith("#run-")]) == len(NAMES) + 3
        for target in targets:
            assert target.startswith("#")
            assert target[1:] in ids, target
        for name in NAMES:
            assert f"run-{escapes.anchor(name)}" in ids


def test_runs_of_one_name_are_told_apart(hostile):
    text = parse(hostile.html).text
    for name in ("one/twin", "two/twin (2)"):
        assert name in text
