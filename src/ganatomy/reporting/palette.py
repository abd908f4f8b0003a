"""The report's colours, once for light and once for dark; a test holds all text at a contrast of 4.5 or more.

Charts are drawn with `SENTINEL` colours, which stand for names and become CSS variables in the page (so that figures
follow its theme) or the light colours in a file.
"""

from __future__ import annotations

LIGHT = {
    "paper": "#fcfbf8",
    "panel": "#f4f1ea",
    "line": "#dcd7cc",
    "ink": "#1d1b18",
    "muted": "#625d54",
    "accent": "#1c5a8c",
    "g": "#1c5a8c",
    "d": "#b4462a",
    "run0": "#86651b",
    "run1": "#0d6e67",
    "run2": "#6a4a94",
    "run3": "#9a3d66",
    "value0": "#4d6d8b",
    "value1": "#2a6ca3",
    "value2": "#0d3a63",
    "value3": "#7a4fa3",
    "value4": "#9a3d66",
    "holds": "#1d6b3d",
    "fails": "#ab3220",
    "undecided": "#6d6350",
}
"""Colours on a light page; everything but `paper`, `panel` and `line` may carry text."""

DARK = {
    "paper": "#15171b",
    "panel": "#1d2026",
    "line": "#363b43",
    "ink": "#e9e6df",
    "muted": "#aba69b",
    "accent": "#86b8e8",
    "g": "#86b8e8",
    "d": "#f0937a",
    "run0": "#dcb766",
    "run1": "#62c7b9",
    "run2": "#b99ae2",
    "run3": "#e798bd",
    "value0": "#7f9dbb",
    "value1": "#8fc1ee",
    "value2": "#d6ebff",
    "value3": "#c8a6ee",
    "value4": "#e798bd",
    "holds": "#7fcf9b",
    "fails": "#f49b8b",
    "undecided": "#c2b698",
}
"""The same names on a dark page."""

SENTINEL = {name: f"#00fa{i:02x}" for i, name in enumerate(LIGHT)}
"""Colours that occur in no figure, one per name."""


def themed(svg: str) -> str:
    """Replace the sentinels by CSS variables."""
    for name, code in SENTINEL.items():
        svg = svg.replace(code, f"var(--{name})")
    return svg


def light(svg: str) -> str:
    """Replace the sentinels by the light colours."""
    for name, code in SENTINEL.items():
        svg = svg.replace(code, LIGHT[name])
    return svg


def css() -> str:
    """Return the custom properties of both themes as CSS; print always gets the light one."""

    def block(colours: dict[str, str]) -> str:
        return "".join(f"--{name}:{code};" for name, code in colours.items())

    return (
        f":root{{color-scheme:light dark;{block(LIGHT)}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{block(DARK)}}}}}\n"
    )
