"""The page of a comparison in both languages, and the verb that makes it from fabricated runs."""

import json
import re
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from pages import BROKEN, parse, section
from versus_fixture import scores, write_group, write_templates, write_training

import ganatomy as ga
from ganatomy import files
from ganatomy.errors import ConfigError, RunError
from ganatomy.reporting import figures_versus, page
from ganatomy.reporting.figures_versus import DotRow
from ganatomy.reporting.text import en_versus, zh_versus
from ganatomy.reporting.words import LANGS, Words


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[str, Path]:
    """Groups of three trainings and single ones."""
    place = tmp_path_factory.mktemp("versus")
    made = write_templates(place)
    return {
        "gan": write_group(place / "gan", made["gan"], (17.3, 20.4, 16.9)),
        "dcgan": write_group(place / "dcgan", made["dcgan"], (8.42, 8.36, 7.8), share=0.71),
        "slow": write_group(place / "slow", made["dcgan"], (8.9, 7.9, 8.3), lr_g=1e-4),
        "late": write_group(place / "late", made["dcgan"], (8.0, 8.1, 8.2), first_seed=5, batch_size=32),
    }


@pytest.fixture(scope="module", params=LANGS)
def lang(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def two(runs, lang, tmp_path_factory) -> Path:
    """The page of gan against dcgan, three trainings each."""
    return ga.compare([runs["gan"], runs["dcgan"]], lang=lang, out=tmp_path_factory.mktemp(f"two-{lang}"))


def whole(html: Path) -> str:
    """Check what every page must be, and return its text."""
    found = parse(html)
    ids = found.values("id")
    assert len(ids) == len(set(ids))
    assert all(target[1:] in ids for target in found.values("href") if target.startswith("#"))
    markdown = html.with_suffix(".md").read_text(encoding="utf-8")
    for text in (found.text, markdown):
        assert not BROKEN.search(text), BROKEN.search(text)
    for link in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", markdown):
        assert (html.parent / unquote(link)).exists(), link
    return found.text


def test_both_languages_have_the_same_sentences_and_placeholders():
    assert set(en_versus.TEXT) == set(zh_versus.TEXT)
    for key, text in en_versus.TEXT.items():
        names = set(re.findall(r"\{(\w+)\}", text))
        assert names == set(re.findall(r"\{(\w+)\}", zh_versus.TEXT[key])), key


def test_the_verdict_comes_first_with_its_numbers(two, lang):
    text, html = whole(two), two.read_text(encoding="utf-8")
    words = Words(lang)
    answer = re.search(r'<p class="answer">(.*?)</p>', html)[1]
    record = json.loads((two.parent / "compare.json").read_text(encoding="utf-8"))
    assert record["schema"] == 1
    ratio = record["pairs"][0]["scores"][record["main"]]["ratio"]
    for share in (1 - ratio["value"], 1 - ratio["lo"], 1 - ratio["hi"]):
        assert f"{100 * share:.1f}" in answer
    assert answer.index("dcgan") < answer.rindex("gan")
    contents = re.findall(r'<li><a href="#(\w+)">', html)
    assert contents == ["versus", "data", "networks", "reproduce"]  # six runs: none has a section of its own
    versus = section(html, "versus")
    for number in ("0.452", "0.363", "0.562", "0.0020", "0.10", "17.3", "20.4", "7.80", "0.0412"):
        assert number in versus, number
    assert words("versus.note.smallest", n=3, m=3, smallest="0.10") in versus
    assert words("versus.winner", name="dcgan") in versus
    assert "lr_g" in versus
    assert "300,000" in versus
    assert words("versus.axis.log", score=words("scores.kind.fd")) not in text  # 7.8 to 20.4 fits a plain axis


def test_losses_and_pictures_of_one_run_per_group(two, lang):
    words = Words(lang)
    titles = re.findall(r'<p class="figure-title">.*?</a> (.*?)</p>', two.read_text(encoding="utf-8"))
    labels = [words("versus.training", group=group, seed=0) for group in ("gan", "dcgan")]
    assert titles[1] == words("fig.losses", runs=words.listing(labels))
    assert titles[2] == words("fig.paired", first=labels[0], second=labels[1])
    assert len(titles) == 3
    assert (two.parent / "figures" / "pairs-gan-s0-dcgan-s0.png").exists()


def test_the_report_renders_a_comparison_again(two, lang):
    """From the folder alone, and from its runs into it: the same bytes; in the other language another page."""
    before = two.read_bytes()
    assert page.render([two.parent], lang=lang).html.read_bytes() == before
    record = json.loads((two.parent / "compare.json").read_text(encoding="utf-8"))
    folders = [two.parent / run["folder"] for group in record["groups"] for run in group["runs"]]
    assert page.render(folders, lang=lang, out=two.parent).html.read_bytes() == before
    other = page.render(folders[:2], lang=lang, out=two.parent).html  # not the comparison's runs
    assert 'id="versus"' not in other.read_text(encoding="utf-8")
    page.render([two.parent], lang=lang)


def test_few_runs_keep_their_own_sections(runs, lang, tmp_path):
    """Replicates of two groups in folders of the same names: ids and files stay apart."""
    given = [runs[group] / f"s{seed}" for group in ("gan", "dcgan") for seed in (0, 1)]
    html = ga.compare(given, lang=lang, out=tmp_path, title="T <1>", author="A & B")
    text = whole(html)
    words = Words(lang)
    assert "T <1>" in text
    assert words("page.author", name="A & B") in text
    for group in ("gan", "dcgan"):
        for seed in (0, 1):
            label = words("versus.training", group=group, seed=seed)
            assert words("training.title", run=label) in text
    titles = re.findall(r'<p class="figure-title">.*?</a> (.*?)</p>', html.read_text(encoding="utf-8"))
    assert len(titles) == len(set(titles))
    assert words("versus.note.two") in text


def test_one_training_is_shown_with_its_sample_spread_and_decides_nothing(runs, lang, tmp_path):
    html = ga.compare([runs["gan"] / "s0", runs["dcgan"]], lang=lang, out=tmp_path)
    text, words = whole(html), Words(lang)
    assert words("versus.open") in text
    assert words("versus.reason.few") in text
    assert words("versus.note.few") in text
    assert words("versus.dots.one", group="gan", spread="0.35") in text
    assert "17.3 ± 0.35" in text
    assert json.loads((tmp_path / "compare.json").read_text(encoding="utf-8"))["pairs"][0]["winner"] is None


def test_four_groups(runs, lang, tmp_path):
    """Pairs that are decided and that are not; a group of other seeds shares no latents, so it has no pictures."""
    html = ga.compare(list(runs.values()), lang=lang, out=tmp_path)
    text, words = whole(html), Words(lang)
    names = [
        "gan",
        "dcgan lr_g=0.0002 batch_size=64",
        "dcgan lr_g=0.0001 batch_size=64",
        "dcgan lr_g=0.0002 batch_size=32",
    ]
    assert all(name in text for name in names)
    assert words("versus.note.holm", pairs=6) in text
    assert words("versus.together") in text
    assert words("versus.head.holm") in text
    record = json.loads((tmp_path / "compare.json").read_text(encoding="utf-8"))
    del record["correction"]  # an older one, whose pairs were each decided alone
    (tmp_path / "compare.json").write_text(json.dumps(record), encoding="utf-8")
    older = whole(ga.report(tmp_path, lang=lang))
    assert words("versus.note.pairs", pairs=6, wrong="0.30") in older
    assert words("versus.head.holm") not in older
    assert words("versus.undecided", list="")[:5] in text
    shown = {path.name for path in (tmp_path / "figures").glob("pairs-*")}
    assert len(shown) == 2
    assert not any("batch_size-32" in name for name in shown)


@pytest.mark.parametrize(
    ("a", "b", "key"),
    [
        ((3.0, 3.0, 3.0), (5.0, 5.0), "versus.answer.flat"),
        ((1e-3, 10.0, 1.0), (2.0, 2000.0), "versus.answer.chance"),
        ((-0.01, 0.02, 0.01), (5.0, 5.1), "versus.answer.plain"),
        ((-0.01, 9.0, 4.0), (5.0, 5.1), "versus.answer.chance.plain"),
    ],
)
def test_verdicts_of_every_kind(runs, lang, tmp_path, a, b, key):
    """Five runs, so that none has sections of its own to render."""
    for name, values in (("gan", a), ("dcgan", b)):
        for seed, fd in enumerate(values):
            write_training(runs[name] / "s0", tmp_path / f"{name}-s{seed}", seed, scores(fd, 0.6, fd))
    html = ga.compare([tmp_path], lang=lang, out=tmp_path / "out")
    whole(html)
    template = Words(lang).table[key]
    pieces = [piece for piece in re.split(r"\{\w+\}", template) if len(piece) > 3]
    answer = re.search(r'<p class="answer">(.*?)</p>', html.read_text(encoding="utf-8"))[1].replace("&#39;", "'")
    for piece in pieces:
        assert piece.strip() in answer, (piece, answer)


def test_the_verb_prints_verdicts_and_refuses_in_words(runs, tmp_path, capsys, ganatomy_here):
    done = ganatomy_here("compare", runs["gan"], runs["dcgan"], "--out", tmp_path / "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "dcgan is better" in done.stdout
    assert f"report: {tmp_path / 'out' / 'report.html'}" in done.stderr
    for words, expected in (
        (["compare"], "give two or more folders of runs"),
        (["compare", runs["gan"]], "all 3 runs have the same configuration"),
        (["compare", runs["gan"], runs["dcgan"], "--num-sets", "0"], "at least 1 set"),
        (["compare", tmp_path / "none"], "is not a folder"),
        (["compare", runs["gan"], runs["dcgan"], "--out", runs["gan"] / "s0"], "holds a run or a lab"),
    ):
        done = ganatomy_here(*words, cwd=tmp_path)
        assert done.returncode == 2
        assert expected in done.stderr
        assert done.stdout == ""
    assert not (tmp_path / "runs").exists()  # before any work
    with pytest.raises(ConfigError, match=r"unknown language 'fr'"):
        ga.compare([runs["gan"], runs["dcgan"]], lang="fr")


def test_a_run_without_scores_and_without_a_snapshot_is_refused_before_measuring(runs, tmp_path):
    copy = shutil.copytree(runs["gan"], tmp_path / "gan")
    (copy / "s1" / "measure.json").unlink()
    with pytest.raises(RunError, match="has no snapshot yet"):
        ga.compare([copy, runs["dcgan"]], out=tmp_path / "out")
    assert not (tmp_path / "out" / "compare.json").exists()


def test_without_out_the_comparison_lies_among_the_runs(runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    html = ga.compare([runs["gan"], runs["dcgan"]])
    assert re.fullmatch(r"runs/compare-\d{8}-\d{6}-[0-9a-f]{4}/report\.html", html.as_posix())


def test_a_damaged_record_is_named(tmp_path, runs):
    files.write_json(tmp_path / "compare.json", {"main": "fd"})
    with pytest.raises(RunError, match=r"key 'scores' is missing.*ganatomy compare"):
        page.render([tmp_path])


def row(*values: float, spread: float | None = None) -> DotRow:
    return DotRow("a group", values, float(np.mean(values)), spread, "run0")


def test_dots_axis():
    """Logarithmic from a factor of 5 on, never with values at or below 0; ticks are 1, 2 and 5 of powers of ten."""
    assert not figures_versus.is_logarithmic([row(1.0, 4.9)])
    assert figures_versus.is_logarithmic([row(1.0), row(5.0)])
    assert not figures_versus.is_logarithmic([row(-1.0, 5.0)])
    assert figures_versus.round_ticks(0.09, 3.0) == pytest.approx([0.1, 0.2, 0.5, 1, 2])


@pytest.mark.parametrize(
    "rows", [[row(2.0, 2.0), row(2.0)], [row(1e-3, 1e4), row(3.0, spread=2.9)], [row(0.0), row(-1.0, spread=0.2)]]
)
def test_dots_draw_whatever_the_values(rows):
    drawn: Any = figures_versus.dots_chart("key", rows, figures_versus.Axis("x", "", "alt"))
    for svg in (str(drawn.narrow), str(drawn.wide), drawn.file):
        assert svg.count("a group") == 2
        assert not re.search(r"nan|inf", re.sub(r"<text.*?</text>", "", svg))
