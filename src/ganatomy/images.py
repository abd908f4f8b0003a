"""Pixel ranges, grids and PNG: the only module that knows how images are stored and scaled.

Storage is uint8 NCHW in [0, 255]; networks see float32 NCHW in [-1, 1]. Every image, real or generated,
passes through the same uint8 round trip before anything is measured on it.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from . import files
from .errors import RunError


def to_float(img_u8: Tensor) -> Tensor:
    """Scale uint8 [N, C, H, W] in [0, 255] to float32 in [-1, 1]."""
    return img_u8.to(torch.float32).div_(127.5).sub_(1.0)


def to_u8(img: Tensor) -> Tensor:
    """Round float [N, C, H, W] in [-1, 1] to uint8 in [0, 255]; values outside are clipped."""
    return img.to(torch.float32).add(1.0).mul_(127.5).round_().clamp_(0, 255).to(torch.uint8)


def grid(img_u8: Tensor, num_columns: int, gap_px: int = 0, background: int = 255) -> np.ndarray:
    """Lay out uint8 [N, C, H, W] row by row, `num_columns` wide: uint8 [rows*H, cols*W] or [..., 3].

    Pixels are copied, never resized; `gap_px` pixels of `background` stand between cells.
    """
    num, channels, height, width = img_u8.shape
    rows = -(-num // num_columns)
    sheet = np.full(
        (rows * (height + gap_px) - gap_px, num_columns * (width + gap_px) - gap_px, channels), background, np.uint8
    )
    for i, picture in enumerate(img_u8.cpu().numpy()):
        top, left = (i // num_columns) * (height + gap_px), (i % num_columns) * (width + gap_px)
        sheet[top : top + height, left : left + width] = picture.transpose(1, 2, 0)
    return sheet[:, :, 0] if channels == 1 else sheet


def png_bytes(pixels: np.ndarray, mark: str = "") -> bytes:
    """Encode uint8 [H, W] (grey) or [H, W, 3] (RGB) as PNG, without metadata but a mark that says what it is."""
    buffer, info = io.BytesIO(), PngInfo()
    if mark:
        info.add_text("Software", mark)
    Image.fromarray(pixels).save(buffer, format="PNG", optimize=True, pnginfo=info)
    return buffer.getvalue()


def save_png(path: Path, pixels: np.ndarray, mark: str = "") -> None:
    """Write uint8 [H, W] or [H, W, 3] as a PNG file, whole or not at all, perhaps with a mark that says what it is."""
    files.write_bytes(path, png_bytes(pixels, mark))


def read_png(path: Path) -> np.ndarray:
    """Return the pixels of a PNG of ours: uint8 [H, W] or [H, W, 3]. A damaged or missing file is a `RunError`."""
    try:
        with Image.open(path, formats=("PNG",)) as picture:
            return np.asarray(picture)
    except (OSError, SyntaxError, ValueError) as error:
        raise RunError(f"{path} cannot be read as a PNG: {error}. Restore it from a copy or make it again.") from error


def enlarge(pixels: np.ndarray, scale: int) -> np.ndarray:
    """Return uint8 [H, W] or [H, W, 3] with every pixel as a square of `scale` x `scale` pixels."""
    return pixels.repeat(scale, axis=0).repeat(scale, axis=1)
