"""The shaded tables of directions and paths: nothing is lost where a table is continued below, numbers have room."""

from __future__ import annotations

import pytest

from ganatomy.reporting import figures_parts
from ganatomy.reporting.figures import Axis
from ganatomy.reporting.figures_parts import Range, Shade, ShadePanel


def panel_of(num, text="−88"):
    cells = tuple(tuple(Shade(-0.88, text, i == k) for k in range(num)) for i in range(3))
    return ShadePanel("Title", ("horizontal position", "b", "c"), tuple(str(i + 1) for i in range(num)), cells)


@pytest.mark.parametrize("num", [1, 2, 7, 10, 23])
def test_wide_tables_are_continued_below_without_loss(num):
    panel = panel_of(num)
    layout = figures_parts._Layout([panel], figures_parts.NARROW)
    assert [label for part in layout.panels for label in part.columns] == list(panel.columns)
    for row in range(3):
        assert [shade for part in layout.panels for shade in part.cells[row]] == list(panel.cells[row])
    assert [bool(part.title) for part in layout.panels] == [True] + [False] * (len(layout.panels) - 1)
    assert layout.cell >= figures_parts._text_px("−88", 12)
    assert layout.left + layout.cell * max(len(part.columns) for part in layout.panels) <= 320


def test_shades_carry_their_numbers_in_both_drawings():
    chart = figures_parts.shade_chart("key", [panel_of(10)], Axis("", "", "alt"))
    for svg in (chart.narrow, chart.wide):
        assert str(svg).count(">−88</text>") == 30
    assert str(chart.narrow).count(">b</text>") == 2  # continued once
    assert str(chart.wide).count(">b</text>") == 1


def test_ranges_bear_missing_intervals_and_zero():
    rows = [Range("label", 0.0, None, None, "accent"), Range("other", 3.0, (2.0, 4.0), (1.0, 9.0), "run0")]
    both = figures_parts.range_chart("key", rows, Axis("axis", "", "alt"), ())
    alone = figures_parts.range_chart("key", rows[:1], Axis("axis", "", "alt"), ())
    for chart in (both, alone):
        assert all(">label</text>" in str(svg) for svg in (chart.narrow, chart.wide))
    assert ">other</text>" in str(both.wide)
