"""The report's plots: losses, classes, scores, and the effect of every latent number."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from .blocks import Chart, LegendItem
from .canvas import Canvas, chart, colour

MOST_BESIDE = 4
"""Panels of losses in a row; more would be too narrow to read, and of very many none would be left."""

EQUILIBRIUM = {"G": math.log(2), "D": 2 * math.log(2)}
"""Losses of a pair whose D cannot tell real from fake and says 1/2: -log 1/2 for G, twice that for D."""


@dataclass(frozen=True)
class Curve:
    """A loss over training: images seen [n], values [n], palette colour, and a short label (Latin)."""

    nimg: np.ndarray
    values: np.ndarray
    colour: str
    label: str


@dataclass(frozen=True)
class Axis:
    """The words of a plot's axes and the description of the whole."""

    x: str
    y: str
    alt: str


def running_mean(values: np.ndarray) -> np.ndarray:
    """Smooth [n] by the mean over a window of a twentieth, which shrinks at both ends."""
    half = max(1, len(values) // 40)
    total = np.concatenate(([0.0], np.cumsum(values)))
    index = np.arange(len(values))
    reach = np.minimum(half, np.minimum(index, len(values) - 1 - index))
    result: np.ndarray = (total[index + reach + 1] - total[index - reach]) / (2 * reach + 1)
    return result


def limits(curves: Sequence[Curve]) -> tuple[float, float]:
    """Return (images, loss) at the ends of axes that hold these curves; single spikes may leave them."""
    top = max(float(np.percentile(curve.values, 99)) for curve in curves)
    smooth = max(float(running_mean(curve.values).max()) for curve in curves)
    return max(float(curve.nimg[-1]) for curve in curves), max(1.6, 1.05 * top, 1.1 * smooth)


def loss_chart(key: str, panels: Sequence[tuple[str, Sequence[Curve]]], axis: Axis, ends: tuple[float, float]) -> Chart:
    """Draw losses, one panel per run, up to four side by side (stacked where narrow), all on the same axes.

    Thin: every record; thick: running mean; dotted: the loss where D cannot tell real from fake.
    """
    titled, beside = len(panels) > 1, min(len(panels), MOST_BESIDE)

    def draw(canvas: Canvas) -> None:
        columns = 1 if canvas.is_narrow else beside
        rows = math.ceil(len(panels) / columns)
        left, top, bottom, gap = 38, 30, 46, 40
        width = (canvas.width - left - 26 - gap * (columns - 1)) / columns
        height = (canvas.height - bottom - (top + 12) * rows) / rows
        canvas.text(0, 14, axis.y)
        for i, (title, curves) in enumerate(panels):
            x, y = left + (i % columns) * (width + gap), top + 12 + (i // columns) * (height + top + 12)
            axes = canvas.axes(x, y, width, height)
            if titled:
                canvas.text(x, y - 8, title, name="ink", bold=True)
            _losses(canvas, axes, curves, ends, is_last=i >= len(panels) - columns)
        canvas.text(canvas.width - 26, canvas.height - 8, axis.x, anchor="end")

    narrow = 250 if not titled else 80 + 190 * len(panels)
    wide = 280 if not titled else 110 + 190 * math.ceil(len(panels) / beside)
    return chart(key, axis.alt, draw, (wide, narrow))


def _losses(canvas: Canvas, axes: Any, curves: Sequence[Curve], ends: tuple[float, float], *, is_last: bool) -> None:
    for curve in curves:
        thousands = curve.nimg / 1000
        level = EQUILIBRIUM.get(curve.label)
        if level:
            axes.axhline(level, color=colour(curve.colour), linewidth=1, dashes=(1, 3))
        axes.plot(thousands, curve.values, color=colour(curve.colour), linewidth=0.8, alpha=0.38)
        axes.plot(thousands, running_mean(curve.values), color=colour(curve.colour), linewidth=2.2)
    axes.set_xlim(0, ends[0] / 1000)
    axes.set_ylim(0, ends[1])
    axes.locator_params(axis="x", nbins=4 if canvas.is_narrow else 5)
    axes.locator_params(axis="y", nbins=5)
    if not is_last:
        axes.set_xticklabels([])
    finals = [float(running_mean(curve.values)[-1]) for curve in curves]
    places = [canvas.place(axes, curve.nimg[-1] / 1000, final) for curve, final in zip(curves, finals)]
    heights = spread([y for _, y in places], 17)
    for curve, (x, _), y in zip(curves, places, heights):
        canvas.text(x + 7, y + 4.5, curve.label, name=curve.colour, bold=True)


def spread(places: Sequence[float], apart: float) -> list[float]:
    """Push positions apart until neighbours are at least `apart` away, moving each as little as needed."""
    order = np.argsort(places)
    moved = np.array(places, dtype=float)
    for _ in range(50):
        for low, high in pairwise(order):
            lack = apart - (moved[high] - moved[low])
            if lack > 1e-9:
                moved[low] -= lack / 2
                moved[high] += lack / 2
    return [float(value) for value in moved]


def text_columns(text: str) -> int:
    """Return how wide a text is in columns of Latin letters; Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def shorten(text: str, columns: int) -> str:
    """Return a text cut to a number of columns, with an ellipsis where something was cut."""
    if text_columns(text) <= columns:
        return text
    while text and text_columns(text) > columns - 1:
        text = text[:-1]
    return text.rstrip() + "…"


def class_chart(
    key: str, names: Sequence[str], shares: Sequence[Sequence[float]], real: Sequence[float], axis: Axis,
    legend: Sequence[LegendItem],
) -> Chart:  # fmt: skip
    """Draw the share of every class as bars, one colour per run, with a line at the share among real images.

    Args:
        key: name of the chart.
        names: class names in the report's language [K].
        shares: shares in [0, 1], one list of K per run.
        real: shares among real images [K].
        axis: words of the axes.
        legend: one entry per run, whose colours the bars take.
    """
    step = 14 * len(shares) + 14
    columns = max(text_columns(name) for name in names)

    def draw(canvas: Canvas) -> None:
        unit = 0.55 * canvas.font_px  # what one column of Latin text takes at most on average
        least, most = (96, 140) if canvas.is_narrow else (120, 220)
        left = round(min(most, max(least, columns * unit + 14)))
        fitting = int((left - 10) / unit)
        height = step * len(names)
        axes = canvas.axes(left, 8, canvas.width - left - 50, height)
        top = 100 * max(max(row) for row in [*shares, real])
        axes.grid(visible=False)
        axes.grid(axis="x", color=colour("line"), linewidth=0.7)
        axes.set(xlim=(0, top * 1.02), ylim=(len(names), 0), yticks=[])
        axes.locator_params(axis="x", nbins=4)
        for k, name in enumerate(names):
            _, y = canvas.place(axes, 0, k + 0.5)
            canvas.text(0, y + 4.5, shorten(name, fitting), name="ink")
            axes.plot([100 * real[k]] * 2, [k + 0.1, k + 0.9], color=colour("ink"), linewidth=1.4)
            for i, row in enumerate(shares):
                middle = k + 0.5 + (i - (len(shares) - 1) / 2) * 14 / step
                axes.barh(middle, 100 * row[k], 12 / step, color=colour(legend[i].colour))
                x, y = canvas.place(axes, 100 * row[k], middle)
                line, _ = canvas.place(axes, 100 * real[k], middle)
                start = line if x - 6 < line < x + 38 else x  # the number must not lie across the line
                canvas.text(start + 5, y + 4.5, f"{100 * row[k]:.1f}", name=legend[i].colour)
        canvas.text(canvas.width - 50, canvas.height - 6, axis.x, anchor="end")

    height = 8 + step * len(names) + 48
    return chart(key, axis.alt, draw, (height, height), legend)


def score_chart(
    key: str, rows: Sequence[tuple[str, float, float | None, str]], floor: float | None, floor_text: str, axis: Axis
) -> Chart:
    """Draw Fréchet distances as points on a logarithmic axis, with their spread and a line at the floor.

    `rows` are (Latin label, value, spread or None, palette colour).
    """

    def draw(canvas: Canvas) -> None:
        left, row_height = 78, 36
        axes = canvas.axes(left, 28, canvas.width - left - 44, row_height * len(rows))
        values = [value for _, value, _, _ in rows] + ([floor] if floor else [])
        axes.set_xscale("log")
        low, high = 10 ** math.floor(math.log10(min(values) * 0.9)), max(values) * 2
        axes.set(xlim=(low, high), ylim=(len(rows), 0), yticks=[])
        axes.grid(axis="x", color=colour("line"), linewidth=0.7)
        ticks = [10.0**power for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
        ticks = [tick for tick in ticks if low <= tick <= high]
        axes.set_xticks(ticks, labels=[f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        if floor:
            axes.axvline(floor, color=colour("ink"), linewidth=1.4)
            x, y = canvas.place(axes, floor, 0)
            canvas.text(x, y - 9, floor_text, anchor="end" if x > 0.6 * canvas.width else "start", name="ink")
        for i, (label, value, sd, name) in enumerate(rows):
            middle = i + 0.5
            axes.plot([low, value], [middle] * 2, color=colour("line"), linewidth=1)
            if sd:
                axes.plot([max(low, value - sd), value + sd], [middle] * 2, color=colour(name), linewidth=5, alpha=0.4)
            axes.plot(value, middle, "o", color=colour(name), markersize=9, markeredgewidth=0)
            x, y = canvas.place(axes, value, middle)
            canvas.text(x + 11, y + 4.5, f"{value:.3g}", name=name, bold=True)
            canvas.text(0, y + 4.5, label, name="ink")
        canvas.text(canvas.width - 44, canvas.height - 6, axis.x, anchor="end")

    height = 28 + 36 * len(rows) + 48
    return chart(key, axis.alt, draw, (height, height))


@dataclass(frozen=True)
class Effect:
    """The effect of one edit value over all latent numbers: label, colour, means [n]; chosen numbers by index."""

    label: str
    colour: str
    means: np.ndarray
    chosen: tuple[int, ...]


def effect_chart(key: str, effects: Sequence[Effect], axis: Axis) -> Chart:
    """Draw the effects sorted from the weakest to the strongest number, one line per value; dots: chosen numbers."""

    def draw(canvas: Canvas) -> None:
        left, right, top = 44, 46, 34
        axes = canvas.axes(left, top, canvas.width - left - right, canvas.height - top - 46)
        num = len(effects[0].means)
        peak = max(float(effect.means.max()) for effect in effects)
        axes.set(xlim=(0.5, num + 0.5), ylim=(0, 1.06 * peak or 1))
        ends = []
        for effect in effects:
            order = np.argsort(effect.means, kind="stable")
            values = effect.means[order]
            is_control = effect.colour == "muted"
            axes.plot(np.arange(1, num + 1), values, color=colour(effect.colour), linewidth=1.4 if is_control else 2.2,
                      dashes=(3, 3) if is_control else (1, 0))  # fmt: skip
            ranks = [int(np.flatnonzero(order == dim)[0]) for dim in effect.chosen if dim < num]
            axes.plot([rank + 1 for rank in ranks], values[ranks], "o", color=colour(effect.colour), markersize=6,
                      markeredgewidth=0)  # fmt: skip
            ends.append(canvas.place(axes, num + 0.5, float(values[-1])))
        for effect, (x, _), y in zip(effects, ends, spread([y for _, y in ends], 16)):
            canvas.text(x + 6, y + 4.5, effect.label, name=effect.colour, bold=True)
        axes.locator_params(axis="y", nbins=5)
        axes.locator_params(axis="x", nbins=5, integer=True)
        canvas.text(0, 14, axis.y)
        canvas.text(canvas.width - right, canvas.height - 8, axis.x, anchor="end")

    return chart(key, axis.alt, draw, (290, 260))
