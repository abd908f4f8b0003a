"""The one pass over people's pictures: what each is, what was done to it, and the pixels that are kept of it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image

from ..config import FitName
from ..errors import DataError
from ..progress import Progress
from .decode import Picture, Refused, decode
from .duplicates import Fingerprint, fingerprint
from .fitting import Fitting, fit_pixels, has_colour, size_words, to_channels
from .layout import RefusedFile, SourceFile, Split, natural_key
from .wording import printable

Kind = Literal["folder", "zip", "npz", "npy"]

MAX_KEPT_BYTES = 8 * 2**30
"""Most bytes of pixels held in memory."""
BLOCK_BYTES = 1 << 26
"""Pixels of files are put together in blocks of this size."""
NUM_EXAMPLES = 3
SHEET_CLASSES, SHEET_COLUMNS, SHEET_UNLABELLED = 10, 12, 60
"""A contact sheet shows so many classes with so many pictures each, or so many pictures without classes."""
SHEET_PX = 256
"""Longest side of a picture on a contact sheet."""


class Held(NamedTuple):
    """Pixels in a block of memory; an array object for each picture would cost more than its numbers."""

    block: np.ndarray
    start: int
    shape: tuple[int, ...]


@dataclass(eq=False)
class Kept:
    """One picture that could be read."""

    name: str
    class_name: str | None
    split: Split | None
    size: tuple[int, int]
    """(height, width) as found, upright."""
    is_rgb: bool
    """Whether it has three channels as found."""
    has_colour: bool
    """Whether these channels differ visibly."""
    fingerprint: Fingerprint
    held: Held | np.ndarray | None = None
    """Where its pixels are; None where they need not be kept."""

    @property
    def pixels(self) -> np.ndarray | None:
        """uint8 [H, W] or [H, W, 3], fitted where a size was asked for; None where it was not kept."""
        if not isinstance(self.held, Held):
            return self.held
        block, start, shape = self.held
        return block[start : start + math.prod(shape)].reshape(shape)


@dataclass
class Tally:
    """How often something was done, and to which pictures first."""

    num: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        """Count one picture."""
        self.num += 1
        if len(self.examples) < NUM_EXAMPLES:
            self.examples.append(name)


class Survey:
    """Everything known after the pass.

    With `for_sheet`, only the pixels of a contact sheet are kept (of `expected` pictures per class, evenly spread);
    else all pixels, as long as they have one size or a size was asked for.
    """

    def __init__(self, kind: Kind, path: Path, fitting: Fitting, *, for_sheet: bool = False):
        self.kind, self.path, self.fitting, self.for_sheet = kind, path, fitting.check(), for_sheet
        self.num_files = 0
        self.pictures: list[Kept] = []
        self.refused: list[RefusedFile] = []
        self.sizes: Counter[tuple[int, int]] = Counter()
        self.modes: Counter[tuple[str, str]] = Counter()
        self.conversions: dict[str, Tally] = {}
        self.class_names: tuple[str, ...] | None = None
        """Names of the labels where the data itself gives them; else the folders' names in natural order."""
        self.least, self.most = 255, 0
        """Least and greatest value of all pixels."""
        self.listed_classes: set[str] = set()
        """Classes of the files, whether or not they can be read."""
        self._expected: Counter[str | None] = Counter()
        self._seen: Counter[str | None] = Counter()
        self._slots: set[tuple[str | None, int]] = set()
        self._kept_bytes = 0
        self._block, self._block_used = np.empty(0, np.uint8), 0

    @property
    def name(self) -> str:
        """Name of the data set: that of the folder, or of the file without its ending."""
        place = self.path.resolve()
        return printable(place.name if self.kind == "folder" else place.stem) or "pictures"

    @property
    def common_size(self) -> tuple[int, int] | None:
        """The (height, width) that all pictures have, or None."""
        return next(iter(self.sizes)) if len(self.sizes) == 1 else None

    def expect(self, class_names: Sequence[str | None]) -> None:
        """Tell the classes of the files to come, so that a contact sheet can be spread over them."""
        self.listed_classes = {name for name in class_names if name is not None}
        self._expected = Counter(class_names)
        if len(self._expected) > SHEET_CLASSES:
            first = sorted((name for name in self._expected if name is not None), key=natural_key)[:SHEET_CLASSES]
            self._expected = Counter({name: self._expected[name] for name in first})
        self._check_memory(len(class_names) * int(np.prod(self.fitting.size or 0)) * (self.fitting.channels or 1))

    def add(self, name: str, class_name: str | None, split: Split | None, picture: Picture) -> None:
        """Take in one decoded picture. Raises `DataError` where the memory allowed is exceeded."""
        pixels = picture.pixels
        height, width = pixels.shape[:2]
        kept = Kept(name, class_name, split, (height, width), pixels.ndim == 3, has_colour(pixels), fingerprint(pixels))
        self.pictures.append(kept)
        self.least, self.most = min(self.least, int(pixels.min())), max(self.most, int(pixels.max()))
        self.sizes[height, width] += 1
        self.modes[picture.format, picture.mode] += 1
        notes = [*picture.notes, *_fitting_notes(kept.size, self.fitting)]
        for note in notes:
            self.conversions.setdefault(note, Tally()).add(name)
        if self.for_sheet:
            kept.held = self._for_sheet(pixels, class_name)
        elif self.fitting.size is not None or len(self.sizes) == 1:
            fitted = self._fitted(pixels)
            kept.held = self._held(fitted, pixels)
            self._kept_bytes += fitted.nbytes
            self._check_memory(self._kept_bytes)
        elif self._kept_bytes:  # of several sizes nothing can be made; the pass goes on to tell which there are
            self._kept_bytes = 0
            self._block = np.empty(0, np.uint8)
            for other in self.pictures:
                other.held = None

    def refuse(self, name: str, reason: str) -> None:
        """Take in one file that cannot be read."""
        self.refused.append(RefusedFile(name, reason))

    def _fitted(self, pixels: np.ndarray) -> np.ndarray:
        if self.fitting.size is not None:
            pixels = fit_pixels(pixels, self.fitting.size, self.fitting.fit)
        return pixels if self.fitting.channels is None else to_channels(pixels, self.fitting.channels)

    def _held(self, fitted: np.ndarray, pixels: np.ndarray) -> Held | np.ndarray:
        """Put the pixels into one of a few large blocks: thousands of small pieces of memory would never be given back
        while anything else lies between them. Part of an array that was read whole stays where it is.
        """
        if fitted.nbytes > BLOCK_BYTES // 8 or (fitted is pixels and self.kind in ("npz", "npy")):
            return fitted
        if self._block_used + fitted.nbytes > len(self._block):
            self._block, self._block_used = np.empty(BLOCK_BYTES, np.uint8), 0
        start, self._block_used = self._block_used, self._block_used + fitted.nbytes
        self._block[start : self._block_used].reshape(fitted.shape)[...] = fitted
        return Held(self._block, start, fitted.shape)

    def _for_sheet(self, pixels: np.ndarray, class_name: str | None) -> np.ndarray | None:
        """Return the picture for the contact sheet, or None where its place is taken or there is none."""
        expected = self._expected[class_name]
        places = SHEET_UNLABELLED if class_name is None else SHEET_COLUMNS
        slot = (class_name, self._seen[class_name] * places // max(1, expected))
        self._seen[class_name] += 1
        if not expected or slot in self._slots:
            return None
        self._slots.add(slot)
        pixels = self._fitted(pixels)
        return shrunk(pixels, 2 * SHEET_PX)

    def _check_memory(self, num_bytes: int) -> None:
        if num_bytes > MAX_KEPT_BYTES and not self.for_sheet:
            raise DataError(
                f"the pictures of {self.path} take more than {MAX_KEPT_BYTES >> 30} GiB of memory; give a smaller "
                "--size, for instance --size 64x64, --channels 1, or fewer pictures."
            )


def shrunk(pixels: np.ndarray, longest_px: int) -> np.ndarray:
    """Return uint8 [H, W(, 3)] with no side longer than `longest_px`, its aspect kept."""
    scale = longest_px / max(pixels.shape[:2])
    if scale >= 1:
        return pixels
    height, width = (max(1, round(side * scale)) for side in pixels.shape[:2])
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0))


def _fitting_notes(found: tuple[int, int], fitting: Fitting) -> list[str]:
    """Return the ids of what fitting does to a picture of (height, width) = `found`."""
    if fitting.size is None or found == fitting.size:
        return []
    return [f"fit_{fitting.fit}", *(["enlarged"] if _scale(found, fitting.size, fitting.fit) > 1 else [])]


def _scale(found: tuple[int, int], size: tuple[int, int], fit: FitName) -> float:
    scales = size[0] / found[0], size[1] / found[1]
    return min(scales) if fit == "pad" else max(scales)


def survey_files(
    survey: Survey, files: Sequence[SourceFile], refused: Sequence[RefusedFile]
) -> Iterator[Progress | Survey]:
    """Decode every file once into a survey; yield progress records, last the survey.

    Files that cannot be read are named in it with the reason, and never stop the pass.
    """
    survey.num_files = len(files) + len(refused)
    survey.refused.extend(refused)
    survey.expect([file.class_name for file in files])
    for number, file in enumerate(files):
        yield Progress(number, len(files), "files")
        try:
            with file.open() as stream:
                picture = decode(stream)
        except Refused as error:
            survey.refuse(file.name, str(error))
        except OSError as error:
            survey.refuse(file.name, f"it cannot be read: {error.strerror or error}")
        else:
            survey.add(file.name, file.class_name, file.split, picture)
    survey.refused.sort(key=lambda refused_file: natural_key(refused_file.name))
    yield Progress(len(files), len(files), "files")
    yield survey


def size_list(sizes: Counter[tuple[int, int]], most: int = 5) -> str:
    """Return the commonest sizes in words: `64x48 (12 pictures), 32x32 (3), and 4 other sizes`."""
    ordered = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))
    words = [f"{size_words(size)} ({num:,})" for size, num in ordered[:most]]
    left = len(ordered) - most
    return ", ".join(words) + (f" and {left:,} other sizes" if left > 1 else " and 1 other size" if left == 1 else "")
