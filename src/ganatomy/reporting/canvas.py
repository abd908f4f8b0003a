"""Plots as SVG with real text, byte for byte repeatable, whose colours the page decides.

Matplotlib draws lines, bars and the numbers on the axes; every word is added afterwards at a fixed place, because
Matplotlib would have to measure it and knows no Chinese font. One unit is one CSS pixel at scale 1.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from markupsafe import Markup

from . import palette
from .blocks import Chart, LegendItem

WIDE, NARROW = 600, 320
FONT_PX = {WIDE: 13.0, NARROW: 12.0}
FAMILY = (
    "system-ui, -apple-system, 'Segoe UI', Roboto, 'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', sans-serif"
)

Draw = Callable[["Canvas"], None]


class Canvas:
    """A drawing of fixed size in pixels; the origin of all positions is the top left corner."""

    def __init__(self, width: int, height: int, salt: str):
        from matplotlib.figure import Figure  # slow to import; only reports with figures pay for it

        self.width, self.height, self.salt = width, height, salt
        self.font_px = FONT_PX[width]
        self.is_narrow = width == NARROW
        self.figure = Figure(figsize=(width / 72, height / 72), dpi=72, facecolor="none")
        self._texts: list[str] = []

    def axes(self, left: float, top: float, width: float, height: float) -> Any:
        """Add axes at a place in pixels: horizontal grid lines, no frame, muted numbers of readable size."""
        w, h = self.width, self.height
        axes = self.figure.add_axes((left / w, 1 - (top + height) / h, width / w, height / h), facecolor="none")
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        axes.spines["bottom"].set(color=colour("line"), linewidth=1)
        axes.grid(axis="y", color=colour("line"), linewidth=0.7)
        axes.set_axisbelow(True)
        axes.tick_params(length=0, pad=6, labelcolor=colour("muted"), labelsize=self.font_px)
        return axes

    def text(
        self, x: float, y: float, words: str, *, anchor: str = "start", name: str = "muted", bold: bool = False
    ) -> None:
        """Write words at a place in pixels (baseline); their width decides nothing."""
        weight = ' font-weight="600"' if bold else ""
        self._texts.append(
            f'<text x="{x:.2f}" y="{y:.2f}" text-anchor="{anchor}" style="fill: {colour(name)}"'
            f' font-size="{self.font_px:g}"{weight}>{escape(words)}</text>'
        )

    def place(self, axes: Any, x: float, y: float) -> tuple[float, float]:
        """Return the pixel position of a point in data coordinates."""
        px, py = axes.transData.transform((x, y))
        return float(px), float(self.height - py)

    def cell(self, axes: Any, column: float, row: float, name: str, alpha: float) -> None:
        """Shade cell (column, row) of axes that count cells, with a gap around it."""
        axes.add_artist(_rectangle(column, row, facecolor=colour(name), alpha=alpha, linewidth=0))

    def frame(self, axes: Any, column: float, row: float) -> None:
        """Draw the edge of a cell."""
        axes.add_artist(_rectangle(column, row, facecolor="none", edgecolor=colour("ink"), linewidth=1))

    def svg(self) -> str:
        """Return the drawing as an `<svg>` element with sentinel colours."""
        import matplotlib as mpl

        buffer = io.StringIO()
        with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": self.salt, "font.size": self.font_px}):
            self.figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
        raw = buffer.getvalue()
        body = raw[raw.index(">", raw.index("<svg")) + 1 : raw.rindex("</svg>")]
        body = re.sub(r"<metadata>.*?</metadata>\s*|<style.*?</style>\s*", "", body, flags=re.S)
        body = re.sub(r'<g id="[^"]*"', "<g", body)
        body = re.sub(r' transform="rotate\(-0[^"]*"', "", body)
        body = re.sub(r"<g/>\s*|^\s+", "", body, flags=re.M)
        body = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", body)
        body = re.sub(r"font-family: [^;\"]*;?", "", body)
        body = re.sub(r"(\d\.\d\d)\d+", r"\1", body)  # hundredths of a pixel; the other digits are half of all bytes
        body = body.replace("xlink:href", "href").replace("stroke: #000000", f"stroke: {colour('ink')}")
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" role="img"'
            f' stroke-linejoin="round" font-family="{FAMILY}">{body}{"".join(self._texts)}</svg>'
        )


def _rectangle(column: float, row: float, **style: Any) -> Any:
    from matplotlib.patches import Rectangle  # a bar per cell would take ten times as long

    return Rectangle((column + 0.03, row + 0.04), 0.94, 0.92, **style)


def colour(name: str) -> str:
    """Return the sentinel of a palette colour."""
    return palette.SENTINEL[name]


def _unique(svg: str, prefix: str) -> str:
    """Give every id of a drawing a prefix, since all drawings of a page share one name space."""
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', svg)
    svg = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}-\1"', svg)
    return re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", svg)


def _legend(canvas: Canvas, legend: Sequence[LegendItem]) -> str:
    parts = []
    for i, item in enumerate(legend):
        y = canvas.height + 20 * i + 8
        stroke = 'stroke-dasharray="3 3"' if item.mark == "dash" else ""
        parts.append(
            f'<line x1="8" x2="30" y1="{y}" y2="{y}" stroke="{colour(item.colour)}" stroke-width="3" {stroke}/>'
            f'<text x="38" y="{y + 4.5}" font-size="13" style="fill: {colour("ink")}">{escape(item.text)}</text>'
        )
    return "".join(parts)


def chart(key: str, alt: str, draw: Draw, heights: tuple[int, int], legend: Sequence[LegendItem] = ()) -> Chart:
    """Draw a chart for wide and narrow columns and as a file.

    Args:
        key: name of the chart, unique on the page; the salt of its ids.
        alt: what it shows, for those who cannot see it.
        draw: draws onto a canvas; called once per width, and must not draw words with Matplotlib.
        heights: height in pixels (wide, narrow).
        legend: entries written below the drawing in the file (the page has its own legend).
    """
    drawn = {}
    for width, height in ((WIDE, heights[0]), (NARROW, heights[1])):
        canvas = Canvas(width, height, key)
        draw(canvas)
        drawn[width] = (canvas, _unique(canvas.svg(), f"{key}-{width}"))
    label = f' aria-label="{escape(alt)}"'

    def inline(svg: str) -> Markup:
        return Markup(palette.themed(svg.replace(' xmlns="http://www.w3.org/2000/svg"', label, 1)))

    canvas, wide = drawn[WIDE]
    extra = 20 * len(legend) + 8 if legend else 0
    total = canvas.height + extra
    file = wide.replace(
        f'viewBox="0 0 {WIDE} {canvas.height}"', f'width="{WIDE}" height="{total}" viewBox="0 0 {WIDE} {total}"', 1
    )
    at = file.index(">") + 1
    background = f'<rect width="{WIDE}" height="{total}" style="fill: {colour("paper")}"/>'
    file = file[:at] + background + file[at : -len("</svg>")] + _legend(canvas, legend) + "</svg>\n"
    return Chart(narrow=inline(drawn[NARROW][1]), wide=inline(wide), file=palette.light(file))
