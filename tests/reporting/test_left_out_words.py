"""What a measurement left out and warns of stands on the page in both languages; nothing goes missing silently."""

import json
import re

import pytest
from fixture import write_run
from pages import BROKEN, section, source

from ganatomy.metrics.left_out import REASONS, WARNINGS, left_out, warning
from ganatomy.reporting import page, section_memory
from ganatomy.reporting.desk import Desk
from ganatomy.reporting.records import Records, read_run
from ganatomy.reporting.text import en, zh
from ganatomy.reporting.words import Words

LANGS = ("en", "zh")
NUMBERS = {
    "k": 5, "num_gen": 60, "num_real": 5, "least": 20, "num_floor": 3, "num_test": 2, "limit": 0.969, "num": 60,
    "total": 90, "network": "own-12345678", "accuracy": 0.1, "least_share": 0.3, "instead": "random-v1",
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("left") / "gan-s0", "gan", dissect=False, num_pictures=2)


def written(run, out, lang, change):
    """Return the page of a run whose measurement was changed."""
    record = json.loads((run / "measure.json").read_text(encoding="utf-8"))
    change(record)
    copy = out / run.name
    copy.mkdir()
    for path in run.iterdir():
        if path.is_file():
            (copy / path.name).write_bytes(path.read_bytes())
    (copy / "measure.json").write_text(json.dumps(record), encoding="utf-8")
    return source(page.render([copy], lang=lang))


def plain(text):
    """Return a sentence with plain spaces, as `section` reads it."""
    return " ".join(text.split())


def fields(text):
    return set(re.findall(r"\{(\w+)", text))


def test_every_reason_and_warning_has_the_same_numbers_in_both_languages():
    for kind, known in (("unscored", REASONS), ("caution", WARNINGS)):
        for name, text in known.items():
            assert fields(text) == fields(en.TEXT[f"{kind}.{name}"]) == fields(zh.TEXT[f"{kind}.{name}"]), name
            assert fields(text) <= set(NUMBERS)


@pytest.mark.parametrize("lang", LANGS)
def test_all_reasons_and_warnings_are_told(run, tmp_path, lang):
    def change(record):
        record["left_out"] = [left_out("precision10k_test[x]", name, **NUMBERS) for name in REASONS]
        record["left_out"].append(left_out("kd10k_test[x]", "few_floor", "floor", **NUMBERS))
        record["left_out"].append({"score": "recall10k_test[x]", "id": "of-tomorrow", "reason": "a new reason <b>"})
        record["warnings"] = [warning(name, **NUMBERS) for name in WARNINGS]

    html, words = written(run, tmp_path, lang, change), Words(lang)
    found = section(html, "compare")
    assert not BROKEN.search(found)
    shown = {**NUMBERS, "limit": "96.9\N{NARROW NO-BREAK SPACE}%"}
    for name in REASONS:
        assert plain(words(f"unscored.{name}", **shown)) in found, name
    name = words("unscored.of", score=words("scores.kind.kd"), network="x")
    assert words("unscored.part.floor", score=name) in found
    assert "a new reason" in found
    assert "<b>" not in found
    shown |= {"accuracy": "10\N{NARROW NO-BREAK SPACE}%", "least_share": "30\N{NARROW NO-BREAK SPACE}%"}
    for name in WARNINGS:
        assert plain(words(f"caution.{name}", **shown)) in plain(html), name


@pytest.mark.parametrize("lang", LANGS[:1])
def test_keys_of_another_type_say_nothing(run, tmp_path, lang):
    html = written(run, tmp_path, lang, lambda record: record.update(left_out="x", warnings=[3, None]))
    assert not BROKEN.search(section(html, "compare"))


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"limit": None, "reach": 0.969, "untold": "few_copies", "num_test": 2}, "few_copies"),
        ({"limit": 1.047, "num_test": 2}, "few_copies"),
        ({"limit": None, "reach": 0.03, "untold": "same_copies"}, "same_copies"),
    ],
)
def test_copies_that_cannot_be_told(run, lang, changed, reason):
    found, words = verdict(run, lang, dict.fromkeys(("pixels", "features"), {"too_close": 1.0} | changed)), Words(lang)
    limit = "96.9" if changed["limit"] is None else "100"
    told = words(f"unscored.{reason}", num_test="2", num_gen="1,000", limit=f"{limit}\N{NARROW NO-BREAK SPACE}%")
    assert told in found
    assert "104.7" not in found


@pytest.mark.parametrize("lang", LANGS)
def test_one_kind_that_cannot_be_told_leaves_the_other(run, lang):
    same = {"limit": None, "reach": 0.02, "untold": "same_copies"}
    found, words = verdict(run, lang, {"pixels": same, "features": {"too_close": 0.5}}), Words(lang)
    assert words("memory.untold", where=words("memory.in.pixels"), why=words("unscored.same_copies")) in found
    assert words.listing([words("memory.in.features")]) in found


def verdict(run, lang, changes):
    """Return the sentence on copies of a run whose measurement was changed."""
    record = read_run(run)
    for kind, changed in changes.items():
        record.measure["memorisation"][kind] |= changed
    desk = Desk(Records(run, (record,), {}), Words(lang))
    return section_memory.verdict_text(desk, record)
