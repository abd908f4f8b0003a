"""The health of runs in the report: what fired and what to try, all numbers, in both languages."""

import dataclasses
from types import SimpleNamespace

import pytest

from ganatomy.metrics import health
from ganatomy.reporting import section_health
from ganatomy.reporting.words import Words


class Desk:
    """What the section asks of a desk."""

    def __init__(self, lang: str, runs: list[SimpleNamespace]):
        self.words, self.records = Words(lang), SimpleNamespace(runs=runs)

    def label(self, run: SimpleNamespace) -> str:
        return run.name


def run(name: str, diversity: float) -> SimpleNamespace:
    """A run of 20,000 images with that diversity from 10,000 on, judged."""
    good = {"Loss/D/adv": 0.5, "Loss/G/adv": 3.0, "Grad/G/norm": 9.0, "Accuracy/real": 0.9, "Accuracy/fake": 0.9}
    look = {"diversity": 0.8, "class_entropy": 0.95, "movement": 0.3, "overfit": 0.01, "d_train": 2.0, "d_test": 1.9}
    record = health.Record(
        [{"cur_nimg": n, **good} for n in range(200, 20_001, 200)],
        [
            {"cur_nimg": n, **look, "kd": 0.5 if n == 0 else 0.1, "diversity": diversity if n >= 10_000 else 0.8}
            for n in range(0, 20_001, 2_000)
        ],
        20_000,
    )
    verdicts = health.judge(record)
    told = [dataclasses.asdict(verdict) for verdict in verdicts]
    return SimpleNamespace(name=name, health={"overall": health.overall(verdicts), "verdicts": told})


@pytest.mark.parametrize(("lang", "name", "well"), [("en", "mode collapse", "healthy"), ("zh", "模式坍塌", "健康")])
def test_what_fired_is_told_with_what_to_try(lang, name, well):
    runs = [run("GAN", 0.2), run("DCGAN", 0.8)]
    desk = Desk(lang, runs)
    section = section_health.section(desk)
    texts = [block.text for block in section.blocks[:-1]]
    found = [text for text in texts if name in text and "10,000" in text]
    assert len(found) == 1
    assert "--batch-size" in found[0]
    assert found[0].startswith("GAN")
    assert any(text.startswith("DCGAN") and well in text for text in texts)
    assert [section_health.word_of(desk, each) for each in runs] == [name, well]


def test_the_table_has_every_signal_and_says_where_it_fired():
    table = section_health.section(Desk("en", [run("GAN", 0.2), run("DCGAN", 0.8)])).blocks[-1]
    assert len(table.rows) == len(health.SIGNALS)
    row = next(row for row in table.rows if "feature diversity" in row[0].sub)
    assert f"below {health.thresholds()['diversity']:.3f}" in row[0].sub
    assert (row[1].text, row[1].sub) == ("0.200", "fired at 10,000 images")
    assert (row[2].text, row[2].sub) == ("0.800", "")


def test_a_run_that_was_not_watched_has_no_section():
    watched, old = run("GAN", 0.8), SimpleNamespace(name="unwatched-run", health=None)
    assert section_health.section(Desk("en", [old])) is None
    assert section_health.word_of(Desk("en", [old]), old) == "–"
    assert "unwatched-run" not in str(section_health.section(Desk("en", [watched, old])))


def test_every_verdict_and_signal_has_its_words():
    for lang in ("en", "zh"):
        table = Words(lang).table
        for name in health.VERDICTS:
            assert {f"verdict.{name}", f"verdict.{name}.says", f"verdict.{name}.try"} <= table.keys()
        assert {f"signal.{signal.id}" for signal in health.SIGNALS} <= table.keys()
