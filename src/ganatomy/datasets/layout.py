"""Which class and split a picture belongs to, told by the folders it lies in."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Literal

from ..errors import DataError
from .decode import MAX_FILE_BYTES, Refused
from .wording import printable, some

Split = Literal["train", "test"]

PICTURE_SUFFIXES = (
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".dib", ".gif", ".tif", ".tiff",
    ".ppm", ".pgm", ".pbm", ".pnm",
)  # fmt: skip
"""Name endings, in any case, of files that are decoded; what a file really holds is decided by its content."""
OTHER_PICTURE_SUFFIXES = (".heic", ".heif", ".avif", ".svg", ".psd", ".jp2", ".jxl", ".ico", ".tga", ".exr", ".hdr")
TRAIN_NAMES = ("train", "training")
TEST_NAMES = ("test", "testing", "val", "valid", "validation")
"""Folder names, in any case, that are splits where there is at least one of each kind and nothing else."""
INSPECTION_MARK = "ganatomy data inspect"
"""Stands in the head of the pictures that `data inspect` writes, so that they never become data."""
EMPTY_FOLDER = "an empty folder, which makes no class"
_JUNK = ("__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "$recycle.bin")


@dataclass(frozen=True)
class SourceFile:
    """One file that may be a picture."""

    name: str
    """Relative path with '/', safe to print."""
    class_name: str | None
    """Folder that names its class; None without classes."""
    split: Split | None
    """Split given by a folder; None where there are no such folders."""
    num_bytes: int
    """Size as announced; it may lie."""
    open: Callable[[], BinaryIO]
    """Opens its content for reading; reading may raise OSError or `decode.Refused`."""


@dataclass(frozen=True)
class RefusedFile:
    """One file that is not read."""

    name: str
    """Relative path with '/', safe to print."""
    reason: str
    """Why, in words."""


@dataclass(frozen=True)
class Found:
    """One file as listed, before anything is decided about it."""

    parts: tuple[str, ...]
    """Folder names and file name, from the top."""
    num_bytes: int
    open: Callable[[], BinaryIO]

    @property
    def name(self) -> str:
        """Relative path with '/', safe to print."""
        return printable("/".join(self.parts))


def natural_key(name: str) -> tuple[tuple[str | tuple[int, str], ...], str]:
    """Return a sorting key by which img2 comes before img10, whatever the case; equal only for equal names."""
    pieces = re.split(r"([0-9]+)", unicodedata.normalize("NFC", name).casefold())  # text and digits by turns
    # digits are compared by how many there are, then as text: a name may hold more of them than int() takes
    digits = [piece.lstrip("0") for piece in pieces[1::2]]
    key: list[str | tuple[int, str]] = list(pieces)
    key[1::2] = [(len(piece), piece) for piece in digits]
    return tuple(key), name


def is_junk(parts: Sequence[str]) -> bool:
    """Return whether a path is hidden or left behind by a system, to be passed over without a word."""
    return any(part.startswith(".") or part.casefold() in _JUNK for part in parts)


def arrange(found: list[Found], refused: list[RefusedFile], where: str) -> tuple[list[SourceFile], list[RefusedFile]]:
    """Give every listed picture its class and split, and add what is no picture to `refused`; both in natural order.

    Folders that wrap everything are skipped. A top level of only train and test (or val) folders gives the splits;
    the next level's folders are the classes, at whatever depth below a picture lies. Pictures both directly and in
    folders of one level, or splits of unlike form, are a `DataError`.
    """
    pictures, others = [], list(refused)
    for file in found:
        if is_junk(file.parts):
            continue
        reason = _not_read(file)
        if reason:
            others.append(RefusedFile(file.name, reason))
        else:
            pictures.append(file)
    levels = _levels(pictures, where)
    files = [
        SourceFile(file.name, class_name, split, file.num_bytes, file.open)
        for file, (class_name, split) in zip(pictures, levels)
    ]
    return sorted(files, key=lambda file: natural_key(file.name)), sorted(others, key=lambda o: natural_key(o.name))


def _not_read(file: Found) -> str:
    """Return why a file is not even tried, or an empty text."""
    suffix = re.search(r"\.[^.]*$", file.parts[-1].casefold())
    ending = suffix[0] if suffix else ""
    if ending in OTHER_PICTURE_SUFFIXES:
        return f"a {ending} picture is not read; save it as PNG or JPEG"
    if ending not in PICTURE_SUFFIXES:
        return "not a picture" if ending else "not a picture: its name has no ending such as .png"
    if file.num_bytes > MAX_FILE_BYTES:
        return f"it is larger than the {MAX_FILE_BYTES >> 20} MB allowed"
    if file.parts[-1].startswith("inspect-") and ending == ".png" and _is_inspection(file):
        return "a picture that `ganatomy data inspect` made; remove it, or leave it here"
    return ""


def _is_inspection(file: Found) -> bool:
    try:
        with file.open() as stream:
            return INSPECTION_MARK.encode() in stream.read(200)
    except (OSError, Refused):  # told when it is to be decoded
        return False


def _levels(pictures: list[Found], where: str) -> list[tuple[str | None, Split | None]]:
    """Return (class, split) of each picture."""
    paths = [file.parts for file in pictures]
    while paths and len(paths[0]) > 1 and all(len(path) > 1 and path[0] == paths[0][0] for path in paths):
        paths = [path[1:] for path in paths]
    tops = {path[0] for path in paths if len(path) > 1}
    splits: dict[str, Split] = {top: "train" for top in tops if top.casefold() in TRAIN_NAMES}
    tests = {top for top in tops if top.casefold() in TEST_NAMES}
    if not splits or not tests:
        return [(name, None) for name in _classes(paths, where)]
    outside = [path for path in paths if len(path) == 1 or path[0] not in splits.keys() | tests]
    if outside:
        raise DataError(
            f"{where} has the folders {some(sorted(map(printable, splits.keys() | tests)))}, and beside them pictures "
            f"such as {printable('/'.join(outside[0]))}: are they splits or classes? "
            "For splits leave nothing else on that level; for classes rename those folders."
        )
    splits |= dict.fromkeys(tests, "test")
    names = _classes([path[1:] for path in paths], where)
    return [(name, splits[path[0]]) for name, path in zip(names, paths)]


def _classes(paths: list[tuple[str, ...]], where: str) -> list[str | None]:
    """Return the class of each path: its first folder, or None for all where there are no folders."""
    loose = ["/".join(path) for path in paths if len(path) == 1]
    if len(loose) == len(paths):
        return [None] * len(paths)
    if loose:
        folders = sorted({path[0] for path in paths if len(path) > 1}, key=natural_key)
        raise DataError(
            f"{where} holds pictures directly ({some([printable(name) for name in loose], 2)}) and others in folders "
            f"({some([printable(name) for name in folders])}), so it is not clear whether the folders are classes. "
            "Put every picture into a folder named after its class, or all of them into one folder."
        )
    return [printable(unicodedata.normalize("NFC", path[0])) for path in paths]
