"""The plots of the latent experiment: small multiples, a ranking with intervals, a spectrum, a matrix of classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .blocks import Chart, LegendItem
from .canvas import Canvas, chart, colour
from .figures import Axis, shorten, text_columns

NONE = np.empty(0)


@dataclass(frozen=True)
class Line:
    """One line of a panel: positions [n], values [n], a band (lo and hi [n], or empty), a palette colour."""

    x: np.ndarray
    y: np.ndarray
    colour: str
    lo: np.ndarray = field(default_factory=lambda: NONE)
    hi: np.ndarray = field(default_factory=lambda: NONE)


@dataclass(frozen=True)
class Panel:
    """One of several small plots: its title, lines, and horizontal levels by mark (`dash` or `line`)."""

    title: str
    lines: tuple[Line, ...]
    levels: tuple[tuple[str, float], ...] = ()
    is_log: bool = False


@dataclass(frozen=True)
class Ticks:
    """Where the panels' horizontal axis is labelled, and a position marked by an upright line (None: none)."""

    at: tuple[float, ...]
    labels: tuple[str, ...]
    mark: float | None = None


def panel_chart(key: str, panels: Sequence[Panel], ticks: Ticks, axis: Axis, legend: Sequence[LegendItem]) -> Chart:
    """Draw small multiples with one horizontal axis: two columns, or one below the other where narrow."""
    title, plot, foot = 26, 96, 32
    step = title + plot + foot

    def draw(canvas: Canvas) -> None:
        columns = 1 if canvas.is_narrow else 2
        cell = canvas.width / columns
        for i, panel in enumerate(panels):
            x, y = (i % columns) * cell, (i // columns) * step
            canvas.text(x, y + 15, panel.title, name="ink", bold=True)
            _panel(canvas.axes(x + 44, y + title, cell - 44 - 22, plot), panel, ticks)
        canvas.text(canvas.width - 22, canvas.height - 6, axis.x, anchor="end")

    wide = step * math.ceil(len(panels) / 2) + 22
    return chart(key, axis.alt, draw, (wide, step * len(panels) + 22), legend)


def _panel(axes: Any, panel: Panel, ticks: Ticks) -> None:
    if panel.is_log:
        axes.set_yscale("log")
    for mark, level in panel.levels:
        dashes = (4, 3) if mark == "dash" else (1, 0)
        axes.axhline(level, color=colour("muted"), linewidth=1.4 if mark == "dash" else 1, dashes=dashes)
    for line in panel.lines:
        if len(line.lo):
            axes.fill_between(line.x, line.lo, line.hi, color=colour(line.colour), alpha=0.2, linewidth=0)
        axes.plot(line.x, line.y, "o-", color=colour(line.colour), linewidth=2, markersize=4.5, markeredgewidth=0)
    low, high = min(ticks.at), max(ticks.at)
    if ticks.mark is not None:
        axes.axvline(ticks.mark, color=colour("line"), linewidth=1.2)
    margin = 0.04 * (high - low) or 1
    axes.set_xlim(low - margin, high + margin)
    axes.set_xticks(ticks.at, labels=ticks.labels)
    if panel.is_log:
        low, high = axes.get_ylim()
        known = _log_ticks(low, high)
        axes.set_yticks(known, labels=[f"{tick:.3g}" for tick in known])
        axes.minorticks_off()
    else:
        axes.margins(y=0.12)
        axes.locator_params(axis="y", nbins=4)


def _log_ticks(low: float, high: float) -> list[float]:
    """Return two to four round numbers in a range of a logarithmic axis (one or none where it is very short)."""
    for steps in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7)):
        found = [step * 10.0**power for power in range(-7, 8) for step in steps]
        found = [tick for tick in found if low <= tick <= high]
        if len(found) > 1:
            return found[:: math.ceil(len(found) / 4)]
    return found


@dataclass(frozen=True)
class Dot:
    """One row of a dot plot: value with interval, control, strength with interval (None without), and its label."""

    label: str
    note: str
    value: tuple[float, float, float]
    control: float | None
    strength: tuple[float, float, float] | None
    is_idle: bool


def ranking_chart(key: str, groups: Sequence[Sequence[Dot]], heads: tuple[str, str], axis: Axis) -> Chart:
    """Draw groups of dots with intervals, one row per number; beside it the strength of the same number.

    `heads` are the titles of the left and the right half; the right half is left out where no dot has a strength.
    """
    rows = [dot for group in groups for dot in group]
    row_px, gap_px, top = 20, 14, 50
    height = top + row_px * len(rows) + gap_px * (len(groups) - 1) + 36
    has_strength = any(dot.strength for dot in rows)
    places, y = [], 0.5
    for group in groups:
        places += [y + i for i in range(len(group))]
        y += len(group) + gap_px / row_px

    def draw(canvas: Canvas) -> None:
        left, gap, right = 104, 26, 14
        room = canvas.width - left - right
        first = room * 0.6 - gap / 2 if has_strength else room
        halves = [(float(left), first, "accent", heads[0])]
        if has_strength:
            halves.append((left + first + gap, room - first - gap, "run1", heads[1]))
        canvas.text(0, 12, axis.y)
        for x, width, name, head in halves:
            dots = [(dot.value, dot.control) if x == left else (dot.strength, None) for dot in rows]
            axes = canvas.axes(x, top, width, height - top - 36)
            axes.grid(visible=False)
            axes.grid(axis="x", color=colour("line"), linewidth=0.7)
            most = 1.05 * max(_reach(*dot) for dot in dots) or 1.0
            axes.set(xlim=(-0.025 * most, most), ylim=(y - gap_px / row_px, 0), yticks=[])
            axes.locator_params(axis="x", nbins=4 if width > 180 else 3)
            for place, (value, control), dot in zip(places, dots, rows):
                _dot(axes, place, value, control, "muted" if dot.is_idle else name)
            canvas.text(x, top - 9, head, name="ink", bold=True)
            if x == left:
                for place, dot in zip(places, rows):
                    _, at = canvas.place(axes, 0, place)
                    canvas.text(0, at + 4.5, dot.label, name="ink", bold=True)
                    canvas.text(left - 10, at + 4.5, dot.note, anchor="end")

    return chart(key, axis.alt, draw, (height, height))


def _reach(value: tuple[float, float, float] | None, control: float | None) -> float:
    return max(value[2] if value else 0.0, control or 0.0)


def _dot(axes: Any, y: float, value: tuple[float, float, float] | None, control: float | None, name: str) -> None:
    if control is not None:
        axes.plot(control, y, "o", markersize=5, color=colour("muted"), markeredgewidth=0)
    if value is not None:
        axes.plot(value[1:], [y, y], color=colour(name), linewidth=4, alpha=0.4, solid_capstyle="butt")
        axes.plot(value[0], y, "o", color=colour(name), markersize=7, markeredgewidth=0)


def spectrum_chart(key: str, spectrum: np.ndarray, marks: Sequence[tuple[float, str]], axis: Axis,
                   legend: Sequence[LegendItem]) -> Chart:  # fmt: skip
    """Draw singular values [3, K] (mean, lo, hi) on a logarithmic axis, with upright lines at (position, colour)."""
    floor = max(float(spectrum[0].max()) * 1e-5, 1e-12)
    mean, lo, hi = np.maximum(spectrum, floor)
    index = np.arange(1, len(mean) + 1)

    def draw(canvas: Canvas) -> None:
        left, right, top = 52, 16, 34
        axes = canvas.axes(left, top, canvas.width - left - right, canvas.height - top - 46)
        axes.set_yscale("log")
        axes.fill_between(index, lo, hi, color=colour("accent"), alpha=0.2, linewidth=0)
        axes.plot(index, mean, color=colour("accent"), linewidth=2.2)
        for place, name in marks:
            axes.axvline(place, color=colour(name), linewidth=1.6, dashes=(5, 3) if name == "run0" else (1, 0))
        axes.set_xlim(0, len(index) + 1)
        axes.minorticks_off()
        low, high = axes.get_ylim()
        ticks = [10.0**power for power in range(-12, 8) if low <= 10.0**power <= high]
        axes.set_yticks(ticks, labels=[f"{tick:g}" for tick in ticks])
        axes.locator_params(axis="x", nbins=6, integer=True)
        canvas.text(0, 14, axis.y)
        canvas.text(canvas.width - right, canvas.height - 8, axis.x, anchor="end")

    return chart(key, axis.alt, draw, (290, 260), legend)


def matrix_chart(key: str, names: Sequence[str], tables: Sequence[tuple[str, np.ndarray]], last: str, axis: Axis
                 ) -> Chart:  # fmt: skip
    """Draw tables of shares as shades with their percentages, one below the other.

    Args:
        key: name of the chart.
        names: class names in the report's language [K]; rows are labelled `1 name`, columns `1`.
        tables: (title, shares [K + 1, K]); the last row holds all images together.
        last: label of the last row.
        axis: `x` stands above the columns, `y` above the rows.
    """
    num, row_px, head, foot = len(names), 24, 62, 20
    step = head + row_px * (num + 1) + 6 + foot

    def draw(canvas: Canvas) -> None:
        unit = 0.55 * canvas.font_px
        columns = max(text_columns(name) for name in (*names, last)) + 3
        left = round(min(104 if canvas.is_narrow else 190, columns * unit + 12))
        cell = (canvas.width - left - 4) / num
        fitting = int((left - 8) / unit) - 3
        for i, (title, shares) in enumerate(tables):
            top = i * step
            canvas.text(0, top + 15, title, name="ink", bold=True)
            canvas.text(0, top + head - 8, axis.y)
            canvas.text(canvas.width - 4, top + 36, axis.x, anchor="end")
            axes = canvas.axes(left, top + head, num * cell, row_px * (num + 1) + 6)
            axes.grid(visible=False)
            axes.spines["bottom"].set_visible(False)
            axes.set(xlim=(0, num), ylim=(num + 1 + 6 / row_px, 0), xticks=[], yticks=[])
            for column in range(num):
                canvas.text(left + (column + 0.5) * cell, top + head - 8, f"{column + 1}", anchor="middle")
            for row, name in enumerate((*names, last)):
                y = row + (6 / row_px if row == num else 0)
                _cells(canvas, axes, y, shares[row])
                at = canvas.place(axes, 0, y + 0.5)[1] + 4.5
                if row < num:
                    canvas.text(14, at, f"{row + 1}", anchor="end")
                canvas.text(20 if row < num else 0, at, shorten(name, fitting + 3 * (row == num)), name="ink",
                            bold=row == num)  # fmt: skip

    return chart(key, axis.alt, draw, (step * len(tables), step * len(tables)))


def _cells(canvas: Canvas, axes: Any, y: float, shares: np.ndarray) -> None:
    if not shares.any():  # no image was of this class
        return
    for column, share in enumerate(shares):
        # At most half opaque, so that the number on it can be read in both themes.
        canvas.cell(axes, column, y, "accent", 0.04 + 0.46 * float(share))
        x, at = canvas.place(axes, column + 0.5, y + 0.5)
        text = f"{100 * share:.0f}"
        canvas.text(x, at + 4.5, text, anchor="middle", name="ink" if share >= 0.05 else "muted")
