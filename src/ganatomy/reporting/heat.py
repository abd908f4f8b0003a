"""Heat maps of where latent numbers act, as one picture: exact pixels, a shared scale of colours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from . import pictures

GAP_PX = 2
TOP_SHARE = 0.1
"""The part of the pixels that `concentration` looks at."""


def colour_table() -> np.ndarray:
    """Return magma from black (0) to light yellow (255): uint8 [256, 3], equal steps look equal (CAM02-UCS)."""
    import matplotlib as mpl

    table: np.ndarray = mpl.colormaps["magma"](np.arange(256), bytes=True)[:, :3]
    return table


def sheet(maps: np.ndarray) -> tuple[np.ndarray, float]:
    """Lay out maps in levels [rows, columns, H, W] with a 2 px white gap.

    Returns:
        uint8 [H', W', 3], and the level of the lightest colour: colours are by the square root of level / largest, so
        that the traces of small edits are seen beside those of large ones.
    """
    rows, columns, height, width = maps.shape
    top = float(maps.max(initial=0.0))
    scaled = np.sqrt(np.clip(maps / top, 0, 1)) if top > 0 else np.zeros_like(maps)
    coloured = colour_table()[(255 * scaled).round().astype(np.int64)]
    step = (height + GAP_PX, width + GAP_PX)
    out = np.full((rows * step[0] - GAP_PX, columns * step[1] - GAP_PX, 3), 255, np.uint8)
    for i in range(rows):
        for k in range(columns):
            out[i * step[0] : i * step[0] + height, k * step[1] : k * step[1] + width] = coloured[i, k]
    return out, top


def write(maps: np.ndarray, target: Path) -> float:
    """Write `sheet` of maps [rows, columns, H, W] as a PNG and return the level of the lightest colour."""
    pixels, top = sheet(maps)
    pictures.write(pixels, target)
    return top


def concentration(heat: np.ndarray) -> float | None:
    """Return the share of a map [H, W] that lies in its strongest tenth of pixels, None where it is 0 everywhere."""
    ordered = np.sort(heat, axis=None)[::-1].astype(np.float64)
    total = float(ordered.sum())
    return float(ordered[: max(1, round(TOP_SHARE * len(ordered)))].sum()) / total if total > 0 else None


def likeness(maps: np.ndarray) -> float | None:
    """Return the mean correlation over pixels of all pairs of maps [n, H, W], None with fewer than two that vary."""
    flat = maps.reshape(len(maps), -1).astype(np.float64)
    varying = flat[flat.std(axis=1) > 0]
    if len(varying) < 2:
        return None
    pairs = np.corrcoef(varying)[np.triu_indices(len(varying), 1)]
    return float(pairs.mean())


def nearest(values: Sequence[float], wanted: float) -> int:
    """Return the index of the value nearest to the wanted one."""
    return int(np.argmin([abs(value - wanted) for value in values]))
