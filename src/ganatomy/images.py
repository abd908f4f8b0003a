"""Pixel ranges, grids and PNG: the only module that knows how images are stored and scaled.

Storage is uint8 NCHW in [0, 255]; networks see float32 NCHW in [-1, 1]. Every image, real or generated,
passes through the same uint8 round trip before anything is measured on it.
"""

from __future__ import annotations

import io
import os
import struct
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from . import files
from .errors import ConfigError, OutputError, RunError

MAX_SIDE_PX = {".webp": 16_383, ".gif": 65_535, "": 65_535}
"""Animations by file ending (none: a folder of PNG files), with the longest side that the format can hold."""
MAX_PNG_PX = 2**27
MAX_PNG_BYTES = 2**29
"""Largest picture that is read, in pixels and bytes."""
PNG_ERRORS = (
    Image.DecompressionBombError, OSError, SyntaxError, ValueError, TypeError, AttributeError, LookupError,
    ArithmeticError, AssertionError, RuntimeError, EOFError, MemoryError, struct.error, zlib.error,
)  # fmt: skip
"""What Pillow's reader raises on bytes made to break it: it parses chunks with plain Python."""
_AGAIN = "Restore it from a copy, make it again, or delete it to leave it out."
MAX_FILM_PX = 2**28
"""Most pixels of all frames together, which are held in memory: 1,000 frames of 500 x 500 and some."""


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


def png_bytes(pixels: np.ndarray) -> bytes:
    """Encode uint8 [H, W] (grey) or [H, W, 3] (RGB) as PNG, without metadata."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def save_png(path: Path, pixels: np.ndarray) -> None:
    """Write uint8 [H, W] or [H, W, 3] as a PNG file, whole or not at all."""
    files.write_bytes(path, png_bytes(pixels))


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


def save_many(path: Path, img_u8: Tensor) -> str:
    """Write uint8 [N, C, H, W] as .npy or .npz (arrays NCHW), as one .png grid, or as single PNG files in a folder.

    Returns what was written, in words. Another file ending is a `ConfigError`.
    """
    array = img_u8.cpu().numpy()
    buffer = io.BytesIO()
    if path.suffix == ".npy":
        np.save(buffer, array, allow_pickle=False)
    elif path.suffix == ".npz":
        np.savez(buffer, images=array)
    elif path.suffix == ".png":
        save_png(path, grid(img_u8, num_columns=max(1, round(len(array) ** 0.5)), gap_px=2))
        return str(path)
    elif path.suffix:
        raise ConfigError(f"--out {path} ends in {path.suffix}; allowed: .npy, .npz, .png, or a folder's name.")
    else:
        files.make_folder(path)
        for number in range(len(array)):
            save_png(path / _frame_name(number), grid(img_u8[number : number + 1], num_columns=1))
        return f"{path}{os.sep}{_frame_name(0)} and on"
    files.write_bytes(path, buffer.getvalue())
    return str(path)


def enlarge(pixels: np.ndarray, scale: int) -> np.ndarray:
    """Return uint8 [H, W] or [H, W, 3] with every pixel as a square of `scale` x `scale` pixels."""
    return pixels.repeat(scale, axis=0).repeat(scale, axis=1)


def check_animation(path: Path, num_frames: int = 0, height: int = 0, width: int = 0) -> None:
    """Refuse, before any work, a file ending that is no animation's, and films that are too large for its format.

    Height and width are those of one frame in pixels; `num_frames` frames of them may have 2^28 pixels together. What
    is refused is a `ConfigError`, or an `OutputError` for a folder that holds more numbered PNG files than frames.
    """
    if path.suffix not in MAX_SIDE_PX:
        raise ConfigError(f"--out {path} ends in {path.suffix}; allowed: .webp, .gif, or a folder's name.")
    if max(height, width) > MAX_SIDE_PX[path.suffix] or num_frames * height * width > MAX_FILM_PX:
        raise ConfigError(
            f"a film of {num_frames} frames of {width} x {height} pixels is too large: at most "
            f"{MAX_SIDE_PX[path.suffix]:,} a side and {MAX_FILM_PX:,} together. Give fewer frames or columns, or a "
            "smaller scale."
        )
    if not path.suffix and num_frames and (path / _frame_name(num_frames)).exists():
        raise OutputError(f"{path} holds the frames of a longer film; give another folder, or delete them.")


def save_animation(path: Path, frames: Sequence[np.ndarray], durations_ms: Sequence[int]) -> None:
    """Write frames as an animated .webp or .gif that repeats for ever, or as numbered PNG files into a folder.

    WebP is lossless, and so are grey frames as GIF; a GIF's colour frames are reduced to 256 colours each. Both formats
    store equal successive frames once and show them longer. The same arguments give the same bytes.

    Args:
        path: what `check_animation` allowed.
        frames: uint8 [H, W] or [H, W, 3], all of one shape.
        durations_ms: how long each is shown; GIF knows multiples of 10 ms. PNG files have none.
    """
    files.make_folder(path.parent if path.suffix else path)
    if not path.suffix:
        for number, pixels in enumerate(frames):
            save_png(path / _frame_name(number), pixels)
        return
    first, *others = (Image.fromarray(pixels) for pixels in frames)
    buffer = io.BytesIO()
    kind: dict[str, Any] = {"format": "WEBP", "lossless": True} if path.suffix == ".webp" else {"format": "GIF"}
    first.save(buffer, save_all=True, append_images=others, duration=list(durations_ms), loop=0, **kind)
    files.write_bytes(path, buffer.getvalue())


def _frame_name(number: int) -> str:
    return f"{number:06d}.png"
