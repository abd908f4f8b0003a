"""Pictures in .npz and .npy files: which array is what, in which layout and range, with which labels."""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import DataError
from ..progress import Progress
from .archive import DEFLATE_MAX_RATIO, MAX_RATIO, Archive, Member
from .decode import Picture, Refused
from .layout import Split
from .npy import MAX_ARRAY_BYTES, read_npy
from .survey import Survey
from .wording import printable, some

IMAGE_KEYS: dict[Split, tuple[str, ...]] = {
    "train": ("images", "x_train", "train_images"),
    "test": ("test_images", "x_test", "val_images", "x_val"),
}
"""Names of image arrays, per split; those for validation serve as test where there is no other."""
LABEL_KEYS: dict[Split, tuple[str, ...]] = {
    "train": ("labels", "y_train", "train_labels"),
    "test": ("test_labels", "y_test", "val_labels", "y_val"),
}
CLASS_KEY = "class_names"
MAX_LABEL_BYTES = 2**28
LARGE_BYTES = 2**30
"""Arrays above this size may not expand like a zip bomb; smaller ones may be blank."""
SLACK = 0.06
"""How far beyond [0, 1] or [-1, 1] numbers may be that were rounded or sharpened; more is another unit."""
CHUNK = 1024
PROGRESS_EVERY = 64


@dataclass
class _Part:
    """The arrays of one split."""

    key: str
    split: Split | None
    images: np.ndarray
    """Any dtype [N, H, W] or [N, H, W, C]; later uint8."""
    mode: str
    """dtype and layout as found."""
    labels: list[str] | None = None
    has_words: bool = False
    """Whether the labels are texts."""
    note: str = ""


def survey_arrays(survey: Survey) -> Iterator[Progress | Survey]:
    """Read the arrays of a survey's file into it; yield progress records, last the survey.

    Arrays: `images` (or x_train, train_images, or the only array), and optionally `labels` (y_train, train_labels),
    test_images (x_test), test_labels (y_test), class_names. Images are [N, H, W], [N, 1 or 3, H, W] or
    [N, H, W, 1, 3 or 4]; uint8, bool, other whole numbers within [0, 255], or floats in [0, 1] or [-1, 1]. Anything
    else, and objects, are a `DataError`.
    """
    path = survey.path
    survey.num_files = 1
    parts = _load_npz(survey) if survey.kind == "npz" else [_load_npy(path)]
    _to_u8(parts, path)
    _check_labels(parts, path)
    total = sum(len(part.images) for part in parts)
    classes: list[str | None] = []
    for part in parts:
        classes += part.labels or [None] * len(part.images)
    survey.expect(classes)
    done = 0
    for part in parts:
        for number, pixels in enumerate(part.images):
            if done % PROGRESS_EVERY == 0:
                yield Progress(done, total)
            flat, note = _on_white(pixels)
            notes = tuple(name for name in (part.note, note) if name)
            label = part.labels[number] if part.labels is not None else None
            survey.add(f"{part.key}[{number}]", label, part.split, Picture(flat, survey.kind.upper(), part.mode, notes))
            done += 1
    yield Progress(total, total)
    yield survey


def _load_npy(path: Path) -> _Part:
    return _Part("images", None, *_pictures(read_npy_file(path), str(path)))


def read_npy_file(path: Path, max_bytes: int = MAX_ARRAY_BYTES) -> np.ndarray:
    """Return the array of a .npy file (see `npy.read_npy`); a missing one, a pipe or a device is a `DataError` too."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # opening a pipe would wait for ever
            raise DataError(f"{path} cannot be read: it is not a file.")
        with open(path, "rb") as handle:
            return read_npy(handle, os.fstat(handle.fileno()).st_size, str(path), max_bytes)
    except FileNotFoundError:
        raise DataError(f"{path} does not exist.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error


def _load_npz(survey: Survey) -> list[_Part]:
    """Read the arrays of an .npz that are used; name the others as not used."""
    path = survey.path
    with closing(Archive(path)) as archive:
        members = {}
        for member in archive.members:
            if len(member.parts) == 1 and member.name.endswith(".npy"):
                members[member.name.removesuffix(".npy")] = member
            else:
                survey.refuse(member.name, "not an array")
        train, test = _image_key(members, "train", path), _image_key(members, "test", path)
        if train is None:
            raise DataError(
                f"{path} holds {some(sorted(members), 8) or 'no arrays'}; the pictures must be named "
                f"{', '.join(IMAGE_KEYS['train'])}, or be the only array."
            )
        keys: list[tuple[Split, str, str | None]] = [("train", train, _label_key(members, "train", path))]
        if test is not None:
            keys.append(("test", test, _label_key(members, "test", path)))
        used = {key for _, images, labels in keys for key in (images, labels)} | {CLASS_KEY}
        for name in sorted(set(members) - used):
            survey.refuse(name, "array not used")
        if sum(members[images].info.file_size for _, images, _ in keys) > MAX_ARRAY_BYTES:
            raise DataError(
                f"{path} holds more than {MAX_ARRAY_BYTES >> 30} GiB of pictures. Take fewer or smaller ones."
            )
        parts = []
        for split, images, labels in keys:
            pictures = _pictures(read_member(archive, members[images], path), f"{path}: {images}")
            part = _Part(images, split if test is not None else None, *pictures)
            if labels is not None:
                values = read_member(archive, members[labels], path, MAX_LABEL_BYTES)
                part.labels = _label_names(values, len(part.images), f"{path}: {labels}")
                part.has_words = values.dtype.kind == "U"
            parts.append(part)
        if CLASS_KEY in members:
            _name_classes(survey, parts, read_member(archive, members[CLASS_KEY], path, MAX_LABEL_BYTES))
        elif parts[0].labels is not None:
            _number_classes(survey, parts)
    return parts


def read_member(archive: Archive, member: Member, path: Path, max_bytes: int = MAX_ARRAY_BYTES) -> np.ndarray:
    """Return the array of an archive's member; what is damaged or too large is a `DataError`."""
    what = f"{path}: {member.name.removesuffix('.npy')}"
    large = member.info.file_size > LARGE_BYTES
    reason = member.refusal(max_bytes, MAX_RATIO if large else DEFLATE_MAX_RATIO)
    try:
        if reason:
            raise Refused(reason)
        with archive.open(member) as stream:
            return read_npy(stream, member.info.file_size, what, max_bytes)
    except Refused as error:
        raise DataError(f"{what} cannot be read: {error}.") from error


def _image_key(members: dict[str, Member], split: Split, path: Path) -> str | None:
    """Return the name of a split's image array, or None."""
    found = [key for key in IMAGE_KEYS[split] if key in members]
    if split == "train" and len(found) > 1:
        raise DataError(
            f"{path} holds {' and '.join(found)}: it is not clear which are the pictures. Keep one of them."
        )
    if split == "train" and not found and len(members) == 1:
        return next(iter(members))
    return found[0] if found else None


def _label_key(members: dict[str, Member], split: Split, path: Path) -> str | None:
    found = [key for key in LABEL_KEYS[split] if key in members]
    if split == "train" and len(found) > 1:
        raise DataError(f"{path} holds {' and '.join(found)}: it is not clear which are the labels. Keep one of them.")
    return found[0] if found else None


def _pictures(array: np.ndarray, what: str) -> tuple[np.ndarray, str]:
    """Return pictures as [N, H, W] or [N, H, W, C] of the same dtype, and dtype and layout in words."""
    shape = list(array.shape)
    if array.size == 0 or array.dtype.kind == "U":
        raise DataError(f"{what} holds no pictures: it is {array.dtype} {shape}.")
    if array.ndim == 3 and shape[2] not in (1, 3, 4):
        return array, f"{array.dtype} NHW"
    first, last = array.ndim == 4 and shape[1] in (1, 3), array.ndim == 4 and shape[3] in (1, 3, 4)
    if first and last:
        raise DataError(
            f"{what} is {shape}, which can be [N, C, H, W] or [N, H, W, C]: it is not clear where the channels are. "
            "Save it as [N, H, W] or with another size."
        )
    if first:
        return (array[:, 0] if shape[1] == 1 else array.transpose(0, 2, 3, 1)), f"{array.dtype} NCHW"
    if last:
        return (array[:, :, :, 0] if shape[3] == 1 else array), f"{array.dtype} NHWC"
    raise DataError(
        f"{what} is {shape}; allowed: [N, H, W], [N, 1 or 3, H, W] or [N, H, W, 1, 3 or 4], N pictures of height H and "
        "width W. Reshape it."
    )


def _to_u8(parts: list[_Part], path: Path) -> None:
    """Bring the images of all splits to uint8 in [0, 255], floats by one common range."""
    floats = [bounds for part in parts if part.images.dtype.kind == "f" for bounds in _bounds(part.images)]
    low, high = min(floats, default=0.0), max(floats, default=0.0)
    if not all(map(math.isfinite, floats)) or low < -1 or high > 1:
        raise DataError(
            f"{path} holds floats from {low:g} to {high:g}; allowed are [0, 1], [-1, 1], or whole numbers in [0, 255]. "
            f"{_advice(low, high)}"
        )
    for part in parts:
        if part.images.dtype != np.uint8:
            part.note, factor, shift = _scaling(part, low < 0, path)
            part.images = _scaled(part.images, factor, shift)


def _advice(low: float, high: float) -> str:
    """Return what to do about numbers from `low` to `high`; advice for one range would make another one black."""
    if not math.isfinite(low) or not math.isfinite(high):
        return (
            "Some are no finite numbers: find out where they come from, or leave those pictures out, for instance with "
            "images[np.isfinite(images).all(axis=tuple(range(1, images.ndim)))]."
        )
    if low >= -SLACK and high <= 1 + SLACK:
        return "They are in [0, 1] but for a little: cut that off with np.clip(images, 0, 1)."
    if low >= -1 - SLACK and high <= 1 + SLACK:
        return "They are in [-1, 1] but for a little: cut that off with np.clip(images, -1, 1)."
    if low >= 0 and 16 <= high <= 255.5:
        return "They seem to be levels of 255: np.uint8(np.rint(images.clip(0, 255)))."
    if low >= 0 and 4096 < high <= 65535:
        return "They seem to have 16 bits: np.uint8(np.rint(images / 257.0))."
    return (
        "They seem to be normalised by a mean and a standard deviation, or of another unit. Undo that (images * sd + "
        "mean, with the numbers that were used, gives [0, 1]), or bring the whole range to [0, 1] with "
        "(images - images.min()) / np.ptp(images)."
    )


def _scaling(part: _Part, is_signed: bool, path: Path) -> tuple[str, float, float]:
    """Return (note, factor, shift) by which (value + shift) * factor lies in [0, 255]."""
    kind = part.images.dtype.kind
    if kind == "b":
        return "from_bool", 255.0, 0.0
    if kind == "f":
        return ("from_signed_floats", 127.5, 1.0) if is_signed else ("from_unit_floats", 255.0, 0.0)
    least, most = _bounds(part.images)
    if least < 0 or most > 255:
        raise DataError(
            f"{path}: {part.key} holds whole numbers from {least:g} to {most:g}; allowed are 0 to 255. "
            f"{_advice(least, most)}"
        )
    return "from_integers", 1.0, 0.0


def _scaled(images: np.ndarray, factor: float, shift: float) -> np.ndarray:
    """Return (images + shift) * factor rounded to uint8, in pieces, so that no second large array is made."""
    scaled = np.empty(images.shape, np.uint8)
    wide = np.float64 if images.itemsize > 4 else np.float32
    for start in range(0, len(images), CHUNK):
        values = np.add(images[start : start + CHUNK], shift, dtype=wide)
        scaled[start : start + CHUNK] = np.rint(np.multiply(values, factor, dtype=wide))
    return scaled


def _bounds(images: np.ndarray) -> tuple[float, float]:
    """Return the least and the greatest value; NaN where one is among them."""
    chunks = [images[start : start + CHUNK] for start in range(0, len(images), CHUNK)]
    return float(np.min([chunk.min() for chunk in chunks])), float(np.max([chunk.max() for chunk in chunks]))


def _on_white(pixels: np.ndarray) -> tuple[np.ndarray, str]:
    """Return [H, W] or [H, W, 3] of uint8 with a fourth channel, alpha, put on white; and the note about it."""
    if pixels.ndim == 2 or pixels.shape[2] == 3:
        return pixels, ""
    colour, alpha = pixels[:, :, :3].astype(np.uint32), pixels[:, :, 3:].astype(np.uint32)
    flat = ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
    return flat, "alpha_on_white" if alpha.min() < 255 else ""


def _label_names(values: np.ndarray, num: int, what: str) -> list[str]:
    """Return the label of each picture as text."""
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1 or values.dtype.kind not in "biuU":
        raise DataError(
            f"{what} is {values.dtype} {list(values.shape)}; allowed: one whole number or word per picture."
        )
    if len(values) != num:
        raise DataError(f"{what} holds {len(values):,} labels for {num:,} pictures; each picture needs one.")
    return _texts(values.astype(np.int64) if values.dtype.kind == "b" else values)


def _texts(values: np.ndarray) -> list[str]:
    return [printable(str(value)) for value in values.tolist()]


def _check_labels(parts: list[_Part], path: Path) -> None:
    if len({part.labels is None for part in parts}) > 1:
        with_labels = next(part.key for part in parts if part.labels is not None)
        raise DataError(f"{path} has labels only for {with_labels}; give labels for both splits, or for none.")


def _number_classes(survey: Survey, parts: list[_Part]) -> None:
    """Name the classes by their labels, numbers in their order."""
    names = {name for part in parts for name in part.labels or ()}
    are_numbers = all(name.removeprefix("-").isdecimal() for name in names)
    survey.class_names = tuple(sorted(names, key=lambda name: (int(name) if are_numbers else 0, name)))


def _name_classes(survey: Survey, parts: list[_Part], names: np.ndarray) -> None:
    """Turn labels 0 .. K-1 into the names given for them."""
    what = f"{survey.path}: {CLASS_KEY}"
    if names.ndim != 1 or names.dtype.kind != "U" or not len(names):
        raise DataError(
            f"{what} is {names.dtype} {list(names.shape)}; allowed: a list of texts, the name of each label."
        )
    texts = _texts(names)
    if len(set(texts)) < len(texts):
        raise DataError(f"{what} names two classes alike: {some(texts, 8)}. Give each class its own name.")
    by_number = {str(label): name for label, name in enumerate(texts)}
    given = {label for part in parts for label in part.labels or ()}
    # Words are names, numbers are places in the list, also where the names are numbers themselves.
    is_named = any(part.has_words for part in parts) and given <= set(texts)
    by_label = {name: name for name in texts} if is_named else by_number
    for part in parts:
        wrong = sorted({label for label in part.labels or () if label not in by_label})
        if wrong:
            raise DataError(
                f"{survey.path}: {part.key} has the labels {some(wrong)}, but class_names names {len(texts)} classes; "
                f"labels are 0 to {len(texts) - 1}."
            )
        part.labels = part.labels and [by_label[label] for label in part.labels]
    survey.class_names = tuple(texts) if any(part.labels for part in parts) else ()
