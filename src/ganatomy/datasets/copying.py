"""Copies of people's folders and files: listed whole before anything is written, hashed while they are made.

Nothing is copied from outside the folder, so links that leave it are named as left out; and never the place that is
written to, so a copy of a home folder does not copy itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import files
from ..errors import DataError, StorageError
from ..progress import Progress
from .layout import RefusedFile
from .members import MAX_FILES, NotTaken, look
from .wording import printable

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Listing:
    """What is copied of a folder or file, in the order of the hash, and what is left out."""

    files: list[tuple[str, Path]]
    """Relative name with '/', empty for a file that is no folder, and where it is read."""
    num_bytes: int
    left_out: list[RefusedFile]


def listing(path: Path, never: Sequence[Path]) -> Listing:
    """List a folder or file without the folders `never` inside it, in natural order of the names.

    Links to files inside the folder count as these files. Raises `DataError` where the folder cannot be listed.
    """
    root = path.resolve()
    if not root.is_dir():
        return Listing([("", root)], root.stat().st_size, [])
    barred = {place.resolve() for place in never}
    if root in barred:
        raise DataError(f"{path} is where copies are kept, so it cannot be copied; give a folder inside it.")
    found: list[tuple[tuple[str, ...], Path]] = []
    left_out: list[RefusedFile] = []
    num_bytes = num_seen = 0
    waiting: list[tuple[str, ...]] = [()]
    while waiting:
        parts = waiting.pop()
        place = root.joinpath(*parts)
        num_seen += 1
        if num_seen > MAX_FILES:
            raise DataError(f"{path} holds more than {MAX_FILES:,} files. Give the folder with the pictures only.")
        try:
            entry = look(root, parts, place) if parts else None
            if entry is not None:
                found.append((parts, place.resolve()))
                num_bytes += entry.num_bytes
            elif place in barred:
                left_out.append(RefusedFile(_name(parts), "it is the place that is written to"))
            else:
                waiting += [(*parts, name) for name in os.listdir(place)]
        except OSError as error:
            if not parts:
                raise DataError(f"the folder {path} cannot be read: {files.why(error)}.") from error
            left_out.append(RefusedFile(_name(parts), f"it cannot be read: {files.why(error)}"))
        except NotTaken as error:
            left_out.append(RefusedFile(_name(parts), str(error)))
    return Listing([("/".join(parts), place) for parts, place in sorted(found)], num_bytes, left_out)


def _name(parts: tuple[str, ...]) -> str:
    return printable("/".join(parts))


def copied(source: Listing, target: Path | None) -> Iterator[Progress | str]:
    """Copy what was listed to a folder or file that does not exist yet; yield progress, last the SHA-256 of all of it.

    The hash is over relative names and contents of a folder's files, or over a file's content. `target=None` only
    hashes. Raises `DataError` for a file that cannot be read, `StorageError` where writing fails.
    """
    digest, done = hashlib.sha256(), 0
    for name, place in source.files:
        to = None if target is None else target.joinpath(*name.split("/")) if name else target
        of_file = hashlib.sha256()
        for num in _copy(place, to, of_file):
            done += num
            yield Progress(min(done, source.num_bytes), max(source.num_bytes, 1), "bytes")
        if not name:
            yield of_file.hexdigest()
            return
        digest.update(os.fsencode(f"{name}\0{of_file.hexdigest()}\n"))
    yield digest.hexdigest()


def _copy(place: Path, to: Path | None, digest: hashlib._Hash) -> Iterator[int]:
    """Copy and hash one file; yield how many bytes each piece had."""
    with contextlib.ExitStack() as opened:
        try:
            handle = opened.enter_context(open(place, "rb"))
        except OSError as error:
            raise DataError(f"{place} cannot be read: {files.why(error)}. Nothing was copied.") from error
        try:
            if to is not None:
                to.parent.mkdir(parents=True, exist_ok=True)
            out = None if to is None else opened.enter_context(open(to, "xb"))
            while chunk := handle.read(CHUNK_BYTES):
                digest.update(chunk)
                if out is not None:
                    out.write(chunk)
                yield len(chunk)
        except OSError as error:
            raise StorageError(
                f"copying {place} to {to} failed: {files.why(error)}. Free some space or set GANATOMY_HOME."
            ) from error


def check_space(source: Listing, folder: Path) -> None:
    """Raise a `DataError` where the disk of a folder that may not exist yet has no room for the copy."""
    there = next((place for place in (folder, *folder.parents) if place.is_dir()), None)
    try:
        free = shutil.disk_usage(there).free if there else None
    except OSError:
        return
    if free is not None and source.num_bytes > free:
        raise DataError(
            f"the copy would take {source.num_bytes / 2**30:,.2f} GiB, and {folder} has {free / 2**30:,.2f} GiB left. "
            "Free some space, set GANATOMY_HOME to a folder on another disk, or use the data where they lie."
        )


def is_plain(path: Path) -> bool:
    """Return whether a path is a folder or plain file, no link, device or pipe."""
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)
