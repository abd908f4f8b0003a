"""The figures of the inversion: images beside what was found for them, and edits of what was found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import images
from .codes import value_name
from .edits import GAP_PX, Generate, difference_map, set_number
from .projection import Inverted

NUM_PAIRS = 12
"""Columns of a figure of pairs."""
NUM_EDITED = 8
"""Columns of a figure of edits."""
BAND_PX = 8
"""Gap between groups of rows."""

Shown = tuple[Tensor, Inverted, Tensor | None]
"""Images uint8 [N, C, H, W], what was found, their nearest training images or None."""


def write_inversion_figures(
    generate: Generate, shown: dict[str, Shown], dims: Sequence[int], values: Sequence[float], folder: Path
) -> dict[str, dict[str, Any]]:
    """Write `inversion-pairs.png` and `inversion-edits.png` for test images, `inversion-own.png` for own ones.

    Pairs have a column per image, test images sorted by error over its whole range, and the rows image, inversion,
    difference (colours of `edits.difference_map`: red where the inversion is brighter) and nearest training image.
    Edits have a column per image; image, inversion, and, one group a number, the inversion with that number set to
    each value. `inversion-own.png` stacks both for the first own images, in their order.

    Returns:
        For each figure `file`, `rows` in words, `columns` (positions among the images) and their `errors`.
    """
    figures: dict[str, dict[str, Any]] = {}
    for name, (target, found, nearest) in shown.items():
        pairs = evenly(found.error, NUM_PAIRS) if name == "test" else list(range(min(NUM_EDITED, len(target))))
        edited = evenly(found.error, NUM_EDITED) if name == "test" else pairs
        above = _pairs(generate, (target, found, nearest), pairs)
        below = _edits(generate, found.z[edited], dims, values)
        if name == "test":
            figures["pairs"] = _write("inversion-pairs.png", above, pairs, found, folder)
            top = _top(generate, (target, found, nearest), edited)
            figures["edits"] = _write("inversion-edits.png", [top, *below], edited, found, folder)
        else:
            figures[name] = _write(f"inversion-{name}.png", above + below, pairs, found, folder)
    return figures


Band = tuple[list[str], Tensor]
"""Rows that stand together: their names, and uint8 [rows, columns, 1 or 3, H, W]."""


def evenly(error: np.ndarray, num: int) -> list[int]:
    """Return `num` positions (or all) from the least error [N] to the largest, in even steps of rank, ascending."""
    order = np.argsort(error, kind="stable")
    ranks = np.linspace(0, len(order) - 1, min(num, len(order))).round().astype(int)
    return [int(i) for i in order[ranks]]


def _top(generate: Generate, shown: Shown, columns: list[int]) -> Band:
    target, found, _ = shown
    return ["image", "inversion"], torch.stack([target[columns], generate(found.z[columns])])


def _pairs(generate: Generate, shown: Shown, columns: list[int]) -> list[Band]:
    names, top = _top(generate, shown, columns)
    bands = [(names, top), (["difference"], difference_map(top[1:], top[0]))]
    if shown[2] is not None:
        bands.append((["nearest training image"], shown[2][columns][None]))
    return bands


def _edits(generate: Generate, z: Tensor, dims: Sequence[int], values: Sequence[float]) -> list[Band]:
    """Return a band per number, a row per value."""
    bands = []
    for dim in dims:
        names = [f"number {dim} set to {value_name(value)}" for value in values]
        rows = [generate(set_number(z, dim, value)) for value in values]
        bands.append((names, torch.stack(rows)))
    return bands


def _write(file: str, bands: list[Band], columns: list[int], found: Inverted, folder: Path) -> dict[str, Any]:
    images.save_png(folder / file, _layout([rows for _, rows in bands]))
    errors = [float(found.error[i]) for i in columns]
    return {"file": file, "rows": [name for names, _ in bands for name in names], "columns": columns, "errors": errors}


def _layout(bands: list[Tensor]) -> np.ndarray:
    """Lay bands [rows, columns, C, H, W] below each other, 8 px apart; in colour where one of them is."""
    channels = max(rows.shape[2] for rows in bands)
    sheets = []
    for rows in bands:
        cells = rows.expand(-1, -1, channels, -1, -1).flatten(0, 1)
        sheet = images.grid(cells, rows.shape[1], gap_px=GAP_PX)
        sheets += [sheet, np.full((BAND_PX, *sheet.shape[1:]), 255, np.uint8)]
    return np.concatenate(sheets[:-1])
