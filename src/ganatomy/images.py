"""Pixel ranges, grids and PNG: the only module that knows how images are stored and scaled.

Storage is uint8 NCHW in [0, 255]; networks see float32 NCHW in [-1, 1]. Every image, real or generated,
passes through the same uint8 round trip before anything is measured on it.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from . import files
from .errors import RunError

MAX_PNG_PX = 2**27
MAX_PNG_BYTES = 2**29
"""Largest picture that is read, in pixels and bytes."""
PNG_ERRORS = (
    Image.DecompressionBombError, OSError, SyntaxError, ValueError, TypeError, AttributeError, LookupError,
    ArithmeticError, AssertionError, RuntimeError, EOFError, MemoryError, struct.error, zlib.error,
)  # fmt: skip
"""What Pillow's reader raises on bytes made to break it: it parses chunks with plain Python."""
_AGAIN = "Restore it from a copy, make it again, or delete it to leave it out."


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


def read_png(path: Path, shape: tuple[int, int] | None = None) -> np.ndarray:
    """Return the pixels of a PNG of ours: uint8 [H, W] or [H, W, 3].

    What is missing, no plain file, damaged, of other colours, too large or not of the `shape` [H, W] that is expected
    is a `RunError`.
    """
    pixels, _ = read_png_and_bytes(path)
    if shape is not None and pixels.shape[:2] != shape:
        raise RunError(
            f"{path} has {pixels.shape[1]} x {pixels.shape[0]} pixels, expected are {shape[1]} x {shape[0]}. {_AGAIN}"
        )
    return pixels


def read_png_and_bytes(path: Path) -> tuple[np.ndarray, bytes]:
    """Return the pixels of a PNG of ours, as `read_png` does, and the file itself."""
    data = files.read_bytes(path, MAX_PNG_BYTES)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # what is too large is said below
            with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
                if picture.width * picture.height > MAX_PNG_PX:
                    raise ValueError(f"it announces {picture.width:,} x {picture.height:,} pixels")
                if picture.mode not in ("L", "RGB"):
                    raise ValueError(f"its pixels are {picture.mode}, not grey or RGB in 8 bits")
                return np.asarray(picture), data
    except PNG_ERRORS as error:
        reason = str(error) or type(error).__name__
        if isinstance(error, UnidentifiedImageError):
            reason = "it is none"  # Pillow would name an object in memory
        raise RunError(f"{path} cannot be read as an image in PNG format: {reason}. {_AGAIN}") from error


def enlarge(pixels: np.ndarray, scale: int) -> np.ndarray:
    """Return uint8 [H, W] or [H, W, 3] with every pixel as a square of `scale` x `scale` pixels."""
    return pixels.repeat(scale, axis=0).repeat(scale, axis=1)
