"""The page as a whole: both languages, everything there, nothing broken, nothing leaves it, same bytes again."""

from __future__ import annotations

import base64
import json
import re
import shutil
from urllib.parse import unquote

import pytest
from fixture import write_lab, write_run
from pages import BROKEN, parse

from ganatomy.errors import ConfigError, RunError
from ganatomy.reporting import page


def test_everything_is_there(report):
    found = parse(report.html)
    ids = found.values("id")
    assert len(ids) == len(set(ids))
    for number in range(1, 11):
        assert f"fig-{number}" in ids
    for number in range(1, 14):
        assert f"claim-C{number}" in ids
    for target in found.values("href"):
        if target.startswith("#"):
            assert target[1:] in ids, target
    for total in ("114,064", "100,609", "837,953", "432,321", "(28 + 2×1 − 4)/2 + 1 = 14", "c5" * 32, "7.08"):
        assert total in found.text
    assert {"gan-s0", "dcgan-s0"} == {identifier.removeprefix("run-") for identifier in ids if identifier[:4] == "run-"}


def test_text_has_no_holes_and_no_broken_values(report):
    for text in (parse(report.html).text, report.md.read_text(encoding="utf-8")):
        assert not BROKEN.search(text), BROKEN.search(text)


def test_no_request_can_leave_the_page(report):
    found = parse(report.html)
    html = report.html.read_text(encoding="utf-8")
    for value in found.values("src", "href", "xlink:href", "srcset", "action", "data", "poster"):
        assert value.startswith(("#", "data:")), value[:80]
    assert "http://" not in html
    assert "https://" not in html
    assert "@import" not in html
    assert not re.search(r"url\((?!#)", html)
    assert "<script" not in html
    policy = next(value for value in found.values("content") if "default-src" in value)
    assert "default-src 'none'" in policy
    assert "img-src data:" in policy


def test_language_is_declared(report):
    found = parse(report.html)
    lang = next(value for tag, name, value in found.attributes if (tag, name) == ("html", "lang"))
    chinese = re.search(r"[\u4e00-\u9fff]", found.text)
    assert (lang == "zh-CN") == bool(chinese)
    assert lang in ("en", "zh-CN")


def test_every_figure_has_a_paragraph_that_reads_it_and_a_file(report):
    html = report.html.read_text(encoding="utf-8")
    assert len(report.figures) == html.count("<figure ")
    assert [entry["id"] for entry in report.figures[:10]] == [f"fig-{n}" for n in range(1, 11)]
    for entry in report.figures:
        assert (report.html.parent / entry["file"]).exists()
        assert re.search(r"\d", entry["caption"])
        assert len(entry["caption"]) > 40
    for caption in re.findall(r"<figcaption>(.*?)</figcaption>", html, flags=re.S):
        assert caption.count("<p>") >= 1


def test_markdown_links_exist_and_hold_the_same_figures(report):
    text = report.md.read_text(encoding="utf-8")
    links = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text)
    assert len(links) >= len(report.figures)
    for link in links:
        assert not link.startswith(("/", "http", "data:"))
        assert (report.md.parent / unquote(link)).exists(), link
    anchors = set(re.findall(r'<a id="([^"]+)">', text))
    assert {f"fig-{n}" for n in range(1, 11)} <= anchors
    for target in re.findall(r"\]\(#([^)]+)\)", text):
        assert target in anchors
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert len(tables) > 60


def test_pictures_are_pixel_exact(report, lab):
    found = parse(report.html)
    sources = [value for tag, name, value in found.attributes if (tag, name) == ("img", "src")]
    sizes = [int(value) for tag, name, value in found.attributes if (tag, name) == ("img", "width")]
    assert all(size % 238 == 0 or size % 224 == 0 for size in sizes)
    png = (lab / "runs" / "gan-s0" / "dissect" / "value-5.png").read_bytes()
    assert page_uri(png) in sources
    assert "image-rendering: pixelated" in report.html.read_text(encoding="utf-8")


def page_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()


def test_second_render_gives_the_same_bytes(report, tmp_path):
    folder = report.html.parent
    before = {path: path.read_bytes() for path in (report.html, report.md, *sorted((folder / "figures").iterdir()))}
    lang = "zh" if 'lang="zh-CN"' in report.html.read_text(encoding="utf-8") else "en"
    again = page.render([folder], lang=lang)
    assert again == report
    assert {path: path.read_bytes() for path in before} == before


def test_title_and_author_cannot_inject(lab, tmp_path):
    evil = "<script>alert(1)</script>\"'`|*_[x](javascript:1){{7*7}}"
    found = page.render([lab], title=evil, author=evil, out=tmp_path)
    html = parse(found.html)
    assert "script" not in {tag for tag, _, _ in html.attributes}
    assert "<script" not in found.html.read_text(encoding="utf-8")
    assert html.text.count(evil) == 3  # title, heading, author
    markdown = found.md.read_text(encoding="utf-8")
    assert "<script" not in markdown
    assert not re.search(r"(?<!\\)\]\(javascript", markdown)


def test_hostile_names_in_the_records_stay_text(tmp_path):
    folder = write_lab(tmp_path / "lab", dissect=False)
    record = json.loads((folder / "lab.json").read_text(encoding="utf-8"))
    record["command"] = "ganatomy lab --out '</code><img src=x onerror=alert(1)>' `x`"
    record["data"]["name"] = "<b>set</b>"
    record["claims"] = [
        {"id": "C1", "run": "gan-s0", "verdict": "undecided", "reason": "<i>why</i> | not"},
        {"id": "<u>", "run": "<u>", "verdict": "maybe"},
    ]
    (folder / "lab.json").write_text(json.dumps(record), encoding="utf-8")
    found = page.render([folder])
    html = parse(found.html)
    assert not {"b", "i", "u"} & {tag for tag, _, _ in html.attributes}
    assert "onerror" not in {name for _, name, _ in html.attributes}
    assert "<b>set</b>" in html.text
    for text in (found.html.read_text(encoding="utf-8"), found.md.read_text(encoding="utf-8").replace("\\", "")):
        assert "<img src=x" not in re.sub(r"`[^`]*`", "", text)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_lab_without_a_feature_network_and_without_dissection(tmp_path, lang):
    folder = write_lab(tmp_path / "lab", scores=False, dissect=False)
    found = page.render([folder], lang=lang)
    html = parse(found.html)
    assert not BROKEN.search(html.text)
    assert [entry["id"] for entry in found.figures][:6] == ["fig-1", "fig-2", "fig-3", "fig-4", "fig-9", "fig-10"]
    assert "claims" not in html.values("id")


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_other_latent_sizes_values_and_undefined_measures(tmp_path, lang):
    run = write_run(tmp_path / "run one", "dcgan", z_dim=7, dims=(2,), values=(-3.0, 0.0, 1.5, 8.0))
    path = run / "dissect" / "dissect.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    for row in record["edits"] + record["atlas"]:
        if row["measure"] == "sharpness":
            row.update(mean=None, lo=None, hi=None)
            row["control"].update(mean=None, lo=None, hi=None)
    record["priors"] = {"message": "not measured"}
    path.write_text(json.dumps(record), encoding="utf-8")
    found = page.render([run], lang=lang)
    assert found.html == run / "report.html"
    assert [entry["id"] for entry in found.figures] == [f"fig-{n}" for n in range(1, len(found.figures) + 1)]
    assert not BROKEN.search(parse(found.html).text)
    links = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", found.md.read_text(encoding="utf-8"))
    assert all((run / unquote(link)).exists() for link in links)


def test_a_run_that_has_only_begun(tmp_path):
    run = write_run(tmp_path / "run", "gan", dissect=False)
    shutil.rmtree(run / "samples")
    (run / "measure.json").unlink()
    (run / "stats.jsonl").unlink()
    (run / "environment.json").unlink()
    found = page.render([run])
    assert found.figures == []
    assert not BROKEN.search(parse(found.html).text)


def test_a_torn_last_line_and_missing_scalars_are_left_out(tmp_path):
    run = write_run(tmp_path / "run", "gan", dissect=False)
    lines = (run / "stats.jsonl").read_text(encoding="utf-8").splitlines()
    short = [line if i % 3 else json.dumps({"cur_nimg": json.loads(line)["cur_nimg"]}) for i, line in enumerate(lines)]
    (run / "stats.jsonl").write_text("\n".join(short) + '\n{"cur_ni', encoding="utf-8")
    assert "fig-1" in [entry["id"] for entry in page.render([run]).figures]


def test_several_runs_share_a_page_in_the_folder_asked_for(tmp_path):
    runs = [write_run(tmp_path / f"gan-{k}", "gan", dissect=False) for k in range(3)]
    found = page.render(runs, out=tmp_path / "out")
    text = parse(found.html).text
    assert found.html == tmp_path / "out" / "report.html"
    assert all(run.name in text for run in runs)


def test_what_is_not_a_lab_or_run_is_refused_in_words(lab, tmp_path):
    with pytest.raises(RunError, match="neither a lab nor a run"):
        page.render([tmp_path])
    with pytest.raises(RunError, match="stands alone"):
        page.render([lab, lab / "runs" / "gan-s0"])
    with pytest.raises(RunError, match="no folder was given"):
        page.render([])
    with pytest.raises(ConfigError, match=r"unknown language 'fr'.*en, zh"):
        page.render([lab], lang="fr")
    damaged = write_run(tmp_path / "damaged", "gan", dissect=False)
    max((damaged / "samples").glob("*.png")).write_bytes(b"no picture")
    with pytest.raises(RunError, match="cannot be read as an image"):
        page.render([damaged])
