"""The plots of directions, paths and real images: shaded tables with signs, and ranges on one line each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from .blocks import Chart, LegendItem
from .canvas import FONT_PX, NARROW, WIDE, Canvas, chart, colour
from .figures import Axis, shorten, text_columns

ROW_PX, HEAD_PX, FOOT_PX = 24, 44, 26


@dataclass(frozen=True)
class Shade:
    """One cell: level from -1 to 1 (sign by colour, size by opacity), a short text, whether it is framed."""

    level: float
    text: str
    is_framed: bool = False


@dataclass(frozen=True)
class ShadePanel:
    """One table: its title, names of the rows, labels of the columns, cells [rows][columns] (None: left empty).

    With `is_numbered` the rows are labelled `1 name` and columns are expected to be `1`, `2` ...
    """

    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[tuple[Shade | None, ...], ...]
    is_numbered: bool = False


def shade_chart(key: str, panels: Sequence[ShadePanel], axis: Axis) -> Chart:
    """Draw shaded tables, one below the other, all with cells of the same width.

    Where columns are too many for the texts of their cells, a table is continued below with the rows repeated.
    """
    layouts = {width: _Layout(panels, width) for width in (WIDE, NARROW)}

    def draw(canvas: Canvas) -> None:
        layout, top = layouts[canvas.width], 0
        for panel in layout.panels:
            _shades(canvas, panel, layout, top)
            top += _height(panel)

    heights = [sum(map(_height, layout.panels)) - FOOT_PX + 8 for layout in layouts.values()]
    return chart(key, axis.alt, draw, (heights[0], heights[1]))


class _Layout:
    """Where panels fit into a width: the cells' left edge and width, and the panels, wide ones in parts."""

    def __init__(self, panels: Sequence[ShadePanel], width: int):
        unit = 0.55 * FONT_PX[width]
        names = max(text_columns(name) for panel in panels for name in panel.rows) + 3
        self.left = round(min(122 if width == NARROW else 190, names * unit + 12))
        self.fitting = int((self.left - 8) / unit)
        room = width - self.left - 4
        texts = [shade.text for panel in panels for row in panel.cells for shade in row if shade]
        need = max((_text_px(text, FONT_PX[width]) for text in texts), default=0.0) + 2
        most = max(1, min(int(room / need), max(len(panel.columns) for panel in panels)))
        self.panels = [part for panel in panels for part in _parts(panel, most)]
        self.cell = min(room / max(len(panel.columns) for panel in self.panels), 46)


def _text_px(text: str, font_px: float) -> float:
    """Return how wide a number is at most: digits 0.64, signs 0.84, points 0.32 of the font's size."""
    return font_px * sum(0.84 if char == "\N{MINUS SIGN}" else 0.32 if char in ".," else 0.64 for char in text)


def _parts(panel: ShadePanel, most: int) -> list[ShadePanel]:
    """Return a panel in parts of about equal numbers of columns, at most `most`; only the first has the title."""
    num = math.ceil(len(panel.columns) / most)
    size = math.ceil(len(panel.columns) / num)
    found = []
    for start in range(0, len(panel.columns), size):
        part = slice(start, start + size)
        cells = tuple(row[part] for row in panel.cells)
        title = "" if start else panel.title
        found.append(replace(panel, title=title, columns=panel.columns[part], cells=cells))
    return found


def _head(panel: ShadePanel) -> int:
    return HEAD_PX if panel.title else HEAD_PX - 22


def _height(panel: ShadePanel) -> int:
    return _head(panel) + ROW_PX * len(panel.rows) + FOOT_PX


def _shades(canvas: Canvas, panel: ShadePanel, layout: _Layout, top: int) -> None:
    left, cell, head = layout.left, layout.cell, _head(panel)
    canvas.text(0, top + 15, panel.title, name="ink", bold=True)
    axes = canvas.axes(left, top + head, len(panel.columns) * cell, ROW_PX * len(panel.rows))
    axes.grid(visible=False)
    axes.spines["bottom"].set_visible(False)
    axes.set(xlim=(0, len(panel.columns)), ylim=(len(panel.rows), 0), xticks=[], yticks=[])
    for column, label in enumerate(panel.columns):
        canvas.text(left + (column + 0.5) * cell, top + head - 6, label, anchor="middle")
    for row, name in enumerate(panel.rows):
        y = top + head + ROW_PX * (row + 0.5) + 4.5
        if panel.is_numbered:
            canvas.text(15, y, f"{row + 1}", anchor="end")
        fitting = layout.fitting - (3 if panel.is_numbered else 0)
        canvas.text(20 if panel.is_numbered else 0, y, shorten(name, fitting), name="ink")
        for column, shade in enumerate(panel.cells[row]):
            if shade:
                _shade(canvas, axes, (column, row), shade)


def _shade(canvas: Canvas, axes: Any, place: tuple[int, int], shade: Shade) -> None:
    column, row = place
    name = "accent" if shade.level >= 0 else "d"
    # At most half opaque, so that the number on it can be read in both themes.
    alpha = 0.03 + 0.47 * min(1.0, abs(shade.level))
    canvas.cell(axes, column, row, name, alpha)
    if shade.is_framed:
        canvas.frame(axes, column, row)
    x, y = canvas.place(axes, column + 0.5, row + 0.5)
    canvas.text(x, y + 4.5, shade.text, anchor="middle", name="ink")


@dataclass(frozen=True)
class Range:
    """One row: its label, median, interval of the median, 10 and 90 % of the images, palette colour."""

    label: str
    median: float
    interval: tuple[float, float] | None
    spread: tuple[float, float] | None
    colour: str


def range_chart(key: str, rows: Sequence[Range], axis: Axis, legend: Sequence[LegendItem]) -> Chart:
    """Draw medians with intervals (thick) and the central 80 % (thin) on one axis from 0, labels above the lines."""
    row_px, top = 46, 4
    height = top + row_px * len(rows) + 48

    def draw(canvas: Canvas) -> None:
        axes = canvas.axes(8, top, canvas.width - 8 - 22, row_px * len(rows))
        most = max(max([row.median, *(row.interval or ()), *(row.spread or ())]) for row in rows)
        axes.grid(visible=False)
        axes.grid(axis="x", color=colour("line"), linewidth=0.7)
        axes.set(xlim=(0, 1.04 * most or 1.0), ylim=(len(rows), 0), yticks=[])
        axes.locator_params(axis="x", nbins=5 if canvas.is_narrow else 8)
        for i, row in enumerate(rows):
            y = i + 0.72
            if row.spread:
                axes.plot(row.spread, [y, y], color=colour(row.colour), linewidth=1.6)
            if row.interval:
                axes.plot(row.interval, [y, y], color=colour(row.colour), linewidth=8, alpha=0.35,
                          solid_capstyle="butt")  # fmt: skip
            axes.plot(row.median, y, "o", color=colour(row.colour), markersize=8, markeredgewidth=0)
            canvas.text(8, top + row_px * i + 19, row.label, name=row.colour, bold=True)
        canvas.text(canvas.width - 22, canvas.height - 6, axis.x, anchor="end")

    return chart(key, axis.alt, draw, (height, height), legend)
