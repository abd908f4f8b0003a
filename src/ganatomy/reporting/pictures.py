"""Sample grids for the page: the pixels of the PNG files, cut or put together, never resized."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from .. import images
from ..errors import RunError
from .blocks import Picture

MEDIA_PX = 480
"""Room for a picture beside its text on wide screens."""
FULL_PX = 840
"""Room for a picture over the whole column."""


def data_uri(png: bytes) -> str:
    """Return a PNG as a data URI."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def pixels(path: Path) -> np.ndarray:
    """Read a PNG: uint8 [H, W] or [H, W, 3]; a damaged file is a `RunError`."""
    try:
        with Image.open(path) as image:
            return np.asarray(image if image.mode == "L" else image.convert("RGB"))
    except OSError as error:
        raise RunError(
            f"{path} cannot be read as an image: {error}. Make it again, or delete it to leave it out."
        ) from error


def picture(path: Path, alt: str, *, room_px: int = MEDIA_PX, rows: Sequence[str] = (), title: str = "") -> Picture:
    """Return a PNG on disk as it is, with the largest whole enlargement that fits into `room_px` (at least 1)."""
    height, width = pixels(path).shape[:2]
    scale = max(1, room_px // width)
    return Picture(path, data_uri(path.read_bytes()), width, height, scale, alt, tuple(rows), title)


def strip(paths: Sequence[Path], cell_px: tuple[int, int], num_columns: int, target: Path) -> Path:
    """Put the first row of several sample grids below each other and write it as a PNG.

    Args:
        paths: sample grids without gaps, one row of the strip each.
        cell_px: height and width of one image.
        num_columns: images per row.
        target: file to write.
    """
    height, width = cell_px
    top = [pixels(path)[:height, : width * num_columns] for path in paths]
    return _write(np.concatenate(top, axis=0), target)


def _write(sheet: np.ndarray, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    images.save_png(target, sheet)
    return target


def paired_rows(first: Path, second: Path, cell_px: tuple[int, int], num_rows: int, target: Path) -> Path:
    """Lay rows of two sample grids of the same latents in pairs, first above second, with a gap between the pairs."""
    height = cell_px[0]
    upper, lower = pixels(first), pixels(second)
    gap = np.full((4, *upper.shape[1:]), 255, np.uint8)
    bands: list[np.ndarray] = []
    for row in range(num_rows):
        part = slice(row * height, (row + 1) * height)
        bands += [upper[part], lower[part], gap]
    return _write(np.concatenate(bands[:-1], axis=0), target)


def change(first: Path, second: Path) -> float | None:
    """Return the mean absolute change in grey levels between two grids, None where their sizes differ."""
    a, b = pixels(first), pixels(second)
    return float(np.abs(a.astype(np.float64) - b).mean()) if a.shape == b.shape else None
