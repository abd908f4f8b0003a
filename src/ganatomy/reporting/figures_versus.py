"""The plot of a comparison: every training a dot, one row per group, all on one axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .blocks import Chart
from .canvas import Canvas, chart, colour
from .figures import Axis, shorten

LOG_FROM = 5.0
"""Ratio of the largest to the smallest value from which the axis is logarithmic."""
ROW_PX = 56


@dataclass(frozen=True)
class DotRow:
    """One group: its name, the scores of its trainings, their mean, and the noise of a single training's score."""

    label: str
    values: tuple[float, ...]
    mean: float
    spread: float | None
    """Spread over the sample sets of the only training; None where there are several trainings, or none is known."""
    colour: str


def is_logarithmic(rows: Sequence[DotRow]) -> bool:
    """Return whether the values reach so far apart that the axis is logarithmic."""
    low, high = (limit(value for row in rows for value in row.values) for limit in (min, max))
    return low > 0 and high >= LOG_FROM * low


def round_ticks(low: float, high: float) -> list[float]:
    """Return the 1, 2 and 5 of every power of ten between two positive ends."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [step * 10.0**power for power in powers for step in (1, 2, 5) if low <= step * 10.0**power <= high]


def _ends(rows: Sequence[DotRow], is_log: bool) -> tuple[float, float]:
    """Return the ends of an axis that holds all dots and bars with some room."""
    reach = [value + sign * (row.spread or 0.0) for row in rows for value in row.values for sign in (-1, 1)]
    low, high = min(reach), max(reach)
    if is_log:
        low = max(low, min(value for row in rows for value in row.values) / 2)
        room = (high / low) ** 0.06
        return low / room, high * room
    room = 0.08 * (high - low) or 0.05 * abs(high) or 1.0
    return low - room, high + room


def dots_chart(key: str, rows: Sequence[DotRow], axis: Axis) -> Chart:
    """Draw the trainings of every group as dots in their group's row, with a line at their mean.

    A group of one training has a bar for the noise of its score instead.
    """
    is_log = is_logarithmic(rows)

    def draw(canvas: Canvas) -> None:
        left, right = 12, 12
        axes = canvas.axes(left, 4, canvas.width - left - right, ROW_PX * len(rows))
        axes.grid(visible=False)
        axes.grid(axis="x", color=colour("line"), linewidth=0.7)
        low, high = _ends(rows, is_log)
        if is_log:
            axes.set_xscale("log")
        axes.set(xlim=(low, high), ylim=(len(rows), 0), yticks=[])
        if is_log:
            ticks = round_ticks(low, high)
            ticks = ticks[:: max(1, math.ceil(len(ticks) / (5 if canvas.is_narrow else 9)))]
            axes.set_xticks(ticks, labels=[f"{tick:g}" for tick in ticks])
            axes.minorticks_off()
        else:
            axes.locator_params(axis="x", nbins=4 if canvas.is_narrow else 7)
        for i, row in enumerate(rows):
            if i:
                axes.axhline(i, color=colour("line"), linewidth=0.7)
            _row(canvas, axes, row, i)
        canvas.text(canvas.width - right, canvas.height - 6, axis.x, anchor="end")

    height = 4 + ROW_PX * len(rows) + 48
    return chart(key, axis.alt, draw, (height, height))


def _row(canvas: Canvas, axes: Any, row: DotRow, index: int) -> None:
    """Draw one group: its name and mean above, its dots below."""
    middle, pixel = index + 0.64, 1 / ROW_PX
    if len(row.values) == 1 and row.spread:
        ends = [row.values[0] - row.spread, row.values[0] + row.spread]
        axes.plot(ends, [middle] * 2, color=colour(row.colour), linewidth=5, alpha=0.4)
    # Dots near each other are set apart in height, in turn by rank.
    heights = np.resize([0, -5, 5], len(row.values)) * pixel
    axes.plot(
        sorted(row.values), middle + heights, "o", color=colour(row.colour), markersize=9, markeredgewidth=0, alpha=0.7
    )
    if len(row.values) > 1:
        axes.plot([row.mean] * 2, [middle - 12 * pixel, middle + 12 * pixel], color=colour("ink"), linewidth=1.6)
    _, y = canvas.place(axes, row.mean, index + 0.3)
    fitting = 30 if canvas.is_narrow else 60
    canvas.text(12, y, shorten(row.label, fitting), name=row.colour, bold=True)
    canvas.text(canvas.width - 12, y, f"{row.mean:.3g}", anchor="end", name=row.colour, bold=True)
