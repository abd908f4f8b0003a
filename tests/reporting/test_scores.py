"""The table of all scores: every run beside the real images, in both languages, only what was measured."""

from typing import Any

import pytest

from ganatomy.reporting.section_scores import scores_table
from ganatomy.reporting.words import Words


class Run:
    """What the table asks of a run."""

    def __init__(self, name: str, scores: dict[str, Any], **more: Any):
        self.name = name
        self.measure = {"scores": scores, **more}
        self.score = next(iter(scores.items()), None)
        self.classes = more.get("classes")


class Desk:
    """What the table asks of a desk."""

    def __init__(self, lang: str):
        self.words = Words(lang)

    def label(self, run: Run) -> str:
        return run.name


def score(value: float, floor: float | None, spread: float | None = None, num_sets: int = 1) -> dict[str, Any]:
    return {
        "value": value, "floor": floor, "spread": spread, "num_sets": num_sets, "num_gen": 10_000, "num_real": 10_000,
        "spread_by": "jackknife" if spread and num_sets == 1 else None,
    }  # fmt: skip


def run(name: str, fd: float, precision: float) -> Run:
    scores = {
        "fd10k_test[net]": score(fd, 0.08, 0.02, 3),
        "kd10k_test[net]": score(0.3, -0.0004, 0.01),
        "precision10k_test[net]": score(precision, 0.9),
    }
    classes = {"counts": [5, 5], "kl": 0.25, "clarity": 1.5}
    return Run(name, scores, bias={"extrapolated": fd - 0.1}, classes=classes)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_rows_columns_and_the_floor(lang):
    table = scores_table(Desk(lang), [run("GAN", 9.0, 0.5), run("DCGAN", 3.0, 0.75)])
    words = Words(lang)
    assert table.columns == (words("scores.head"), "GAN", "DCGAN", words("scores.real"))
    cells = {row[0].text: [(cell.text, cell.sub) for cell in row[1:]] for row in table.rows}
    assert cells[words("scores.kind.fd")] == [("9.00", "± 0.020"), ("3.00", "± 0.020"), ("0.0800", "")]
    assert cells[words("scores.kind.kd")][-1] == ("−0.000400", "")
    assert cells[words("scores.kind.precision")] == [("0.500", ""), ("0.750", ""), ("0.900", "")]
    assert cells[words("scores.bias")][:2] == [("8.90", ""), ("2.90", "")]
    assert cells[words("scores.kl")] == [("0.250", ""), ("0.250", ""), ("–", "")]
    notes = [row[0].sub for row in table.rows]
    assert notes[0].startswith("fd10k_test[net]")
    assert "10,000" in notes[0]
    assert notes[1].endswith(words("scores.protocol.jackknife", num_gen="10,000", num_real="10,000"))
    assert "None" not in str(table)
    assert "nan" not in str(table).lower()


def test_only_scores_that_all_runs_share():
    other = run("B", 3.0, 0.5)
    del other.measure["scores"]["kd10k_test[net]"]
    table = scores_table(Desk("en"), [run("A", 9.0, 0.5), other])
    assert [row[0].text for row in table.rows][:2] == ["Fréchet distance", "Precision"]


def test_the_distance_alone_needs_no_table():
    only = Run("A", {"fd10k_test[net]": score(9.0, 0.08)})
    assert scores_table(Desk("en"), [only]) is None
    assert scores_table(Desk("en"), [Run("A", {})]) is None
