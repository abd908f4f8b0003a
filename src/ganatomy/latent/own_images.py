"""People's own pictures for a trained generator: read by the project's data readers, never resized."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ..datasets.collection import survey_path
from ..datasets.decode import Refused, decode
from ..datasets.fitting import Fitting, has_colour, size_words, to_channels
from ..datasets.layout import PICTURE_SUFFIXES
from ..datasets.survey import Survey, size_list
from ..datasets.wording import some
from ..errors import DataError

MAX_OWN = 1000
"""Most own pictures that are taken: each costs as much as hundreds of generated images."""


def read_own(path: Path, img_shape: tuple[int, int, int]) -> tuple[Tensor, tuple[str, ...]]:
    """Read people's own pictures, to be inverted, before any work.

    Args:
        path: a folder, .zip, .npz or .npy as for `--data`, or one picture (PNG, JPEG, ...).
        img_shape: (C, H, W) of the images that the generator makes.

    Returns:
        The pictures in natural order of their names, uint8 [N, C, H, W], and in words which files were left out and
        why. Grey pictures are repeated for a generator of colour images; coloured files without visible colour are
        taken as grey for a generator of grey ones.

    Raises:
        DataError: no picture, more than 1,000, another height or width (nothing is resized), or visible colour for a
            generator of grey images; the text names sizes and what to do.
    """
    path = Path(path)
    left_out: tuple[str, ...] = ()
    if path.is_file() and path.suffix.lower() in PICTURE_SUFFIXES:
        pictures = [_read_picture(path)]
        _check_sizes(path, {pictures[0].shape[:2]}, size_words((pictures[0].shape[0], pictures[0].shape[1])), img_shape)
    else:
        survey = next(record for record in survey_path(path, Fitting()) if isinstance(record, Survey))
        left_out = tuple(f"{file.name}: {file.reason}" for file in survey.refused)
        if not survey.pictures:
            raise DataError(
                f"{path} holds no picture that can be read"
                + (f" ({some(left_out)})" if left_out else "")
                + "; give a folder, .zip, .npz or .npy of pictures, or one picture."
            )
        _check_sizes(path, set(survey.sizes), size_list(survey.sizes), img_shape)
        pictures = [picture.pixels for picture in survey.pictures if picture.pixels is not None]
    if len(pictures) > MAX_OWN:
        raise DataError(f"{path} holds {len(pictures):,} pictures; at most {MAX_OWN:,} are inverted. Choose some.")
    return _stack(path, pictures, 3 if img_shape[0] == 3 else 1), left_out


def _read_picture(path: Path) -> np.ndarray:
    try:
        with open(path, "rb") as handle:
            return decode(handle).pixels
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    except Refused as error:
        raise DataError(f"{path} cannot be read as a picture: {error}. Save it as PNG again.") from error


def _check_sizes(path: Path, found: set[tuple[int, ...]], words: str, img_shape: tuple[int, int, int]) -> None:
    wanted = img_shape[1], img_shape[2]
    if found != {wanted}:
        raise DataError(
            f"{path} holds pictures of {words} (height x width); this generator makes {size_words(wanted)}, and no "
            f"picture is resized here. Bring them to {size_words(wanted)} with an image editor, framed as in the "
            "data the generator was trained on."
        )


def _stack(path: Path, pictures: Sequence[np.ndarray], channels: Literal[1, 3]) -> Tensor:
    if channels == 1:
        num = sum(has_colour(pixels) for pixels in pictures)
        if num:
            raise DataError(
                f"{path}: {num:,} of {len(pictures):,} pictures are coloured, this generator makes grey images. Save "
                "them in grey first."
            )
    rows = [to_channels(pixels, channels) for pixels in pictures]
    stacked = np.stack([np.atleast_3d(pixels).transpose(2, 0, 1) for pixels in rows])
    return torch.from_numpy(np.ascontiguousarray(stacked))
