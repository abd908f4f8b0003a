"""Bringing pictures to one height, width and number of channels."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from PIL import Image

from ..config import FitName
from ..errors import ConfigError, unknown

MIN_SIDE_PX = 8
"""Shortest side of pictures to train on."""
MAX_SIDE_PX = 1024
"""Longest side of pictures to train on."""
_SIZE = re.compile(r"\s*([0-9]{1,9})(?:\s*[xX×]\s*([0-9]{1,9}))?\s*")
_SIZE_HELP = (
    f"give height x width in pixels, as in 48x32, or one number for a square; sides {MIN_SIDE_PX} to {MAX_SIDE_PX}"
)


@dataclass(frozen=True)
class Fitting:
    """What people asked to be done to their pictures; None: let the pictures decide."""

    size: tuple[int, int] | None = None
    """(height, width) in pixels."""
    fit: FitName = "crop"
    """crop (scale to cover, cut the centre), pad (scale to fit, fill up) or stretch (ignore the aspect)."""
    channels: Literal[1, 3] | None = None
    """1 (grey) or 3 (RGB)."""

    def check(self) -> Fitting:
        """Return the fitting if every value is allowed; else raise a `ConfigError` with value, range and fix."""
        if self.size is not None:
            _check_sides(f"{self.size[0]}x{self.size[1]}", self.size)
        if self.fit not in get_args(FitName):
            raise unknown("fit", str(self.fit), get_args(FitName))
        if self.channels not in (None, 1, 3):
            raise ConfigError(f"channels is {self.channels}; allowed: 1 (grey) or 3 (RGB).")
        return self


def parse_size(text: str) -> tuple[int, int]:
    """Return (height, width) of "48x32" or "48×32"; "28" alone is 28x28. Anything else is a `ConfigError`."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ConfigError(f"size is {text!r}; {_SIZE_HELP}.")
    height = int(match[1])
    size = height, int(match[2] or height)
    _check_sides(text, size)
    return size


def size_words(size: tuple[int, int]) -> str:
    """Return (height, width) as `parse_size` reads it: 48x32."""
    return f"{size[0]}x{size[1]}"


def is_trainable(size: tuple[int, int]) -> bool:
    """Return whether both sides are within the allowed range."""
    return all(MIN_SIDE_PX <= side <= MAX_SIDE_PX for side in size)


def _check_sides(given: str, size: tuple[int, int]) -> None:
    if not is_trainable(size):
        raise ConfigError(f"size is {given!r}; {_SIZE_HELP}.")


def fit_pixels(pixels: np.ndarray, size: tuple[int, int], fit: FitName) -> np.ndarray:
    """Bring uint8 [H, W] or [H, W, 3] to (height, width) = `size` with Pillow's Lanczos filter; same kind of array.

    A picture that already has this size comes back as it is. `pad` fills with the median colour of the picture's rim.
    """
    height, width = size
    rows, cols = pixels.shape[:2]
    if (rows, cols) == (height, width):
        return pixels
    if fit == "stretch":
        return _resize(pixels, height, width, (0.0, 0.0, cols, rows))
    if fit == "crop":
        scale = max(height / rows, width / cols)
        high, wide = min(rows, height / scale), min(cols, width / scale)
        left, top = (cols - wide) / 2, (rows - high) / 2
        return _resize(pixels, height, width, (left, top, min(cols, left + wide), min(rows, top + high)))
    scale = min(height / rows, width / cols)
    high, wide = max(1, min(height, round(rows * scale))), max(1, min(width, round(cols * scale)))
    canvas = np.empty((height, width, *pixels.shape[2:]), np.uint8)
    canvas[...] = _rim_colour(pixels)
    top, left = (height - high) // 2, (width - wide) // 2
    canvas[top : top + high, left : left + wide] = _resize(pixels, high, wide, (0.0, 0.0, cols, rows))
    return canvas


def _resize(pixels: np.ndarray, height: int, width: int, box: tuple[float, float, float, float]) -> np.ndarray:
    """Scale the part of a picture inside `box` (left, top, right, bottom; fractions of pixels are allowed)."""
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS, box=box))


def _rim_colour(pixels: np.ndarray) -> np.ndarray:
    """Return the median of the outermost pixels: uint8, a number for grey, [3] for RGB."""
    rim = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    return np.rint(np.median(rim, axis=0)).astype(np.uint8)


def to_channels(pixels: np.ndarray, channels: Literal[1, 3]) -> np.ndarray:
    """Return uint8 [H, W] for 1 channel, [H, W, 3] for 3; the same array where nothing is to be done.

    Grey from RGB is ITU-R 601 luma, 0.299 R + 0.587 G + 0.114 B, rounded as by Pillow.
    """
    if channels == 1:
        return pixels if pixels.ndim == 2 else np.asarray(Image.fromarray(pixels).convert("L"))
    return pixels if pixels.ndim == 3 else np.repeat(pixels[:, :, None], 3, axis=2)


def has_colour(pixels: np.ndarray, tolerance: int = 8) -> bool:
    """Return whether the channels of uint8 [H, W, 3] differ anywhere by more than `tolerance`; [H, W] has none."""
    if pixels.ndim == 2:
        return False
    red, green, blue = pixels[:, :, 0], pixels[:, :, 1], pixels[:, :, 2]
    spread = np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue)
    return bool(spread.max() > tolerance)
