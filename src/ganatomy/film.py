"""Animated pictures: films as .webp, .gif or numbered PNG files, and what a written film really holds."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from . import files, output
from .errors import ConfigError

MAX_SIDE_PX = {".webp": 16_383, ".gif": 65_535, "": 65_535}
"""Animations by file ending (none: a folder of PNG files), with the longest side that the format can hold."""
MAX_FILM_PX = 2**28
"""Most pixels of all frames together, which are held in memory: 1,000 frames of 500 x 500 and some."""


def ending(path: Path) -> str:
    """Return the kind of film that a path names: .webp, .gif, or "" for a folder; another ending is a `ConfigError`."""
    return output.ending(path, (".webp", ".gif"))


def check_animation(path: Path, num_frames: int = 0, height: int = 0, width: int = 0) -> None:
    """Refuse, before any work, a file ending that is no animation's, and films that are too large for its format.

    Height and width are those of one frame in pixels; `num_frames` frames of them may have 2^28 pixels together. What
    is refused is a `ConfigError`, or an `OutputError` for a folder that holds anything but frames of such a film.
    """
    kind = ending(path)
    if max(height, width) > MAX_SIDE_PX[kind] or num_frames * height * width > MAX_FILM_PX:
        raise ConfigError(
            f"a film of {num_frames} frames of {width} x {height} pixels is too large: at most "
            f"{MAX_SIDE_PX[kind]:,} a side and {MAX_FILM_PX:,} together. Give fewer frames or columns, or a "
            "smaller scale."
        )
    if not kind and num_frames:
        output.check_folder(path, num_frames)


def save_animation(path: Path, frames: Sequence[np.ndarray], durations_ms: Sequence[int]) -> None:
    """Write frames as an animated .webp or .gif that repeats for ever, or as numbered PNG files into a folder.

    WebP is lossless, and so are grey frames as GIF; a GIF's colour frames are reduced to 256 colours each. Both formats
    store equal successive frames once and show them longer; where all are equal, what they hold is a still picture. The
    same arguments give the same bytes.

    Args:
        path: what `check_animation` allowed.
        frames: uint8 [H, W] or [H, W, 3], all of one shape.
        durations_ms: how long each is shown; GIF knows multiples of 10 ms. PNG files have none.
    """
    kind = ending(path)
    if not kind:
        output.write_folder(path, frames)
        return
    files.make_folder(path.parent)
    first, *others = (Image.fromarray(pixels) for pixels in frames)
    buffer = io.BytesIO()
    options: dict[str, Any] = {"format": "WEBP", "lossless": True} if kind == ".webp" else {"format": "GIF"}
    first.save(buffer, save_all=True, append_images=others, duration=list(durations_ms), loop=0, **options)
    files.write_bytes(path, buffer.getvalue())


def told_film(path: Path, num_frames: int, size: str) -> str:
    """Return in words how many pictures a written film holds and how long they play, as read from the file itself.

    Args:
        path: the file or folder that `save_animation` wrote.
        num_frames: how many frames it was given.
        size: how large they are, in words.
    """
    if not ending(path):
        return f"{num_frames} pictures of {size}"
    with Image.open(path) as film:
        held, durations_ms = getattr(film, "n_frames", 1), []
        if held == 1:
            return f"a still of {size}, for all {num_frames} pictures are equal"
        for number in range(held):
            film.seek(number)
            film.load()  # only then is the duration of a WebP frame known
            durations_ms.append(film.info.get("duration", 0))
    equal = "" if held == num_frames else f" ({held} different ones, the others are equal to the one before)"
    return f"{num_frames} pictures of {size}{equal}, {sum(durations_ms) / 1000:.1f} s"
