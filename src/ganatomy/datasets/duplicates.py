"""Pictures that occur twice, exactly or nearly, found in time that grows linearly with their number.

Candidates share one of the four 16-bit parts of a 64-bit difference hash (dHash: is each cell of 9 x 8 brighter than
its left neighbour?); a candidate counts when 16 x 16 grey thumbnails agree.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from PIL import Image

MAX_MEAN_DIFFERENCE = 4.0
"""Levels of 255 by which thumbnails may differ in the mean."""
MAX_RELATIVE_DIFFERENCE = 0.04
"""The same as a share of the thumbnail's own spread (standard deviation): else all faint pictures, or all digits 1,
would be alike."""
BUCKET = 16
"""Newest candidates looked at for each part of the hash. Frames of a film are neighbours in name; blank pictures, of
which all share one hash, cost no more than others."""
THUMB_PX = 16


class Fingerprint(NamedTuple):
    """What is kept of a picture to find its twins."""

    digest: bytes
    """Hash of shape and pixels, 16 bytes."""
    bands: tuple[int, int, int, int]
    """The difference hash in four parts of 16 bits."""
    thumb: bytes
    """A grey 16 x 16 thumbnail, 256 levels. Small arrays that outlive their picture would split up the memory that the
    next pictures need, so that each took twice its size; small bytes lie apart."""


@dataclass(frozen=True)
class Twin:
    """A picture that repeats an earlier one."""

    first: int
    """Index of the earlier picture."""
    second: int
    """Index of the later one."""
    exact: bool
    """Whether every decoded pixel is equal."""


def fingerprint(pixels: np.ndarray) -> Fingerprint:
    """Return the fingerprint of uint8 [H, W] or [H, W, 3]."""
    digest = hashlib.blake2b(repr(pixels.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(pixels).data)
    grey = Image.fromarray(pixels).convert("L")
    # a triangle filter: Pillow's BOX takes whole pixels only, so one picture in two sizes would differ
    cells = np.asarray(grey.resize((9, 8), Image.Resampling.BILINEAR))
    brighter = np.packbits(cells[:, 1:] > cells[:, :-1]).view(np.uint16)
    # by NumPy, whose bytes are new ones: Pillow's are the rest of a buffer of 64 kB
    thumb = np.asarray(grey.resize((THUMB_PX, THUMB_PX), Image.Resampling.BILINEAR)).tobytes()
    first, second, third, fourth = brighter.tolist()
    return Fingerprint(digest.digest(), (first, second, third, fourth), thumb)


def find_twins(prints: Sequence[Fingerprint]) -> list[Twin]:
    """Return every picture that repeats an earlier one, in order, each with one earlier picture.

    All exact repeats are found, and point to the first of their kind. Near repeats are found unless `BUCKET` pictures
    with the same part of the hash lie in between; pictures without contrast have none.
    """
    twins: list[Twin] = []
    originals: dict[bytes, int] = {}
    buckets: dict[tuple[int, int], deque[int]] = {}
    thumbs = np.frombuffer(b"".join(entry.thumb for entry in prints), np.uint8).reshape(-1, THUMB_PX**2)
    for index, entry in enumerate(prints):
        first = originals.setdefault(entry.digest, index)
        if first != index:
            twins.append(Twin(first, index, exact=True))
            continue
        candidates: set[int] = set()
        for band in enumerate(entry.bands):
            bucket = buckets.setdefault(band, deque(maxlen=BUCKET))
            candidates.update(bucket)
            bucket.append(index)
        near = _nearest(thumbs, sorted(candidates), index) if candidates else None
        if near is not None:
            twins.append(Twin(near, index, exact=False))
    return twins


def _nearest(thumbs: np.ndarray, candidates: list[int], index: int) -> int | None:
    """Return the candidate whose thumbnail is nearest to that of `index`, if it is near enough."""
    thumb = thumbs[index].astype(np.int16)
    distances = np.abs(thumbs[candidates] - thumb).mean(axis=1)
    best = int(distances.argmin())
    limit = min(MAX_MEAN_DIFFERENCE, MAX_RELATIVE_DIFFERENCE * float(thumb.std()))
    return candidates[best] if distances[best] <= limit and limit > 0 else None
