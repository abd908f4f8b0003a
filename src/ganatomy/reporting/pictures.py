"""Sample grids for the page: the pixels of the PNG files, cut or put together, never resized."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from .. import images
from ..errors import RunError
from .blocks import MEDIA_PX, Picture

LABELS_PX = 20
"""What labels take of that room, beyond what they have beside it."""
TALL_PX = 1000
"""Height that a picture may be enlarged to."""


def data_uri(picture: bytes, kind: str = "png") -> str:
    """Return an encoded picture as a data URI."""
    return f"data:image/{kind};base64," + base64.b64encode(picture).decode("ascii")


def pixels(path: Path) -> np.ndarray:
    """Read a PNG: uint8 [H, W] or [H, W, 3]; a damaged file is a `RunError`."""
    return images.read_png(path)


def picture(path: Path, alt: str, *, rows: Sequence[str] = (), title: str = "", columns: Sequence[str] = ()) -> Picture:
    """Return a PNG on disk as it is, with the largest whole enlargement for which there is room (at least 1).

    Both sides are enlarged alike, so pixels stay square and nothing is stretched. What is too large to be shown
    pixel by pixel goes into the page as WebP, or a page of photographs would weigh 50 MB; the PNG stays beside it.
    """
    sheet, data = images.read_png_and_bytes(path)
    height, width = sheet.shape[:2]
    room = MEDIA_PX - LABELS_PX if rows else MEDIA_PX
    scale = max(1, min(room // width, TALL_PX // height))
    uri = data_uri(webp_bytes(sheet), "webp") if width > MEDIA_PX else data_uri(data)
    return Picture(path, uri, width, height, scale, alt, tuple(rows), title, tuple(columns))


def webp_bytes(sheet: np.ndarray) -> bytes:
    """Encode uint8 [H, W] or [H, W, 3] as WebP of high quality; not exact."""
    buffer = io.BytesIO()
    Image.fromarray(sheet).convert("RGB").save(buffer, format="WEBP", quality=90, method=4)
    return buffer.getvalue()


def strip(paths: Sequence[Path], cell_px: tuple[int, int], num_columns: int, target: Path) -> Path:
    """Put the first row of several sample grids below each other and write it as a PNG.

    Args:
        paths: sample grids without gaps, one row of the strip each.
        cell_px: height and width of one image.
        num_columns: images per row.
        target: file to write.
    """
    height, width = cell_px
    size = height, width * num_columns
    top = _alike([(path, pixels(path)[: size[0], : size[1]]) for path in paths], size)
    return write(np.concatenate(top, axis=0), target)


def write(sheet: np.ndarray, target: Path) -> Path:
    """Write pixels, uint8 [H, W] or [H, W, 3], as a PNG; the folder is made if missing."""
    target.parent.mkdir(parents=True, exist_ok=True)
    images.save_png(target, sheet)
    return target


def paired_rows(first: Path, second: Path, cell_px: tuple[int, int], num_rows: int, target: Path) -> Path:
    """Lay rows of two sample grids of the same latents in pairs, first above second, with a gap between the pairs."""
    height = cell_px[0]
    num_columns = pixels(first).shape[1]
    upper, lower = _alike(
        [(path, pixels(path)[: height * num_rows]) for path in (first, second)], (height * num_rows, num_columns)
    )
    gap = np.full((4, *upper.shape[1:]), 255, np.uint8)
    bands: list[np.ndarray] = []
    for row in range(num_rows):
        part = slice(row * height, (row + 1) * height)
        bands += [upper[part], lower[part], gap]
    return write(np.concatenate(bands[:-1], axis=0), target)


def _alike(sheets: Sequence[tuple[Path, np.ndarray]], size: tuple[int, int]) -> list[np.ndarray]:
    """Return sheets that are to stand together; one of another size [H, W] or other colours is a `RunError`."""
    for path, sheet in sheets:
        if sheet.shape != (*size, *sheets[0][1].shape[2:]):
            raise RunError(
                f"{path} is not of the size and colours of this run's pictures. Restore it from a copy, or delete it "
                "to leave it out."
            )
    return [sheet for _, sheet in sheets]


def change(first: Path, second: Path) -> float | None:
    """Return the mean absolute change in levels (of a channel) between two grids, None where their sizes differ."""
    a, b = pixels(first), pixels(second)
    return float(np.abs(a.astype(np.float64) - b).mean()) if a.shape == b.shape else None
