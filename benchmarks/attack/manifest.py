"""What lies in a folder, down to every byte and time, and what changed between two looks."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path

MAX_HASHED_BYTES = 2**28
Entry = tuple[str, int, int, str]
"""Type and mode, size, time of the last change in ns, and hash or link target."""


def manifest(folder: Path) -> dict[str, Entry]:
    """Return {path relative to the folder: entry} of everything in it; links, pipes and devices are not opened."""
    found: dict[str, Entry] = {}
    waiting = [folder]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                info = entry.stat(follow_symlinks=False)
                kind = f"{stat.filemode(info.st_mode)}"
                content = ""
                if stat.S_ISLNK(info.st_mode):
                    content = os.readlink(entry.path)
                elif stat.S_ISREG(info.st_mode):
                    content = _hash(entry.path)
                is_folder = stat.S_ISDIR(info.st_mode)
                size = 0 if is_folder else info.st_size
                found[os.path.relpath(entry.path, folder)] = (kind, size, info.st_mtime_ns, content)
                if is_folder and (os.access(entry.path, os.R_OK | os.X_OK)):
                    waiting.append(Path(entry.path))
    return found


def _hash(path: str) -> str:
    try:
        with open(path, "rb") as handle:
            if os.fstat(handle.fileno()).st_size <= MAX_HASHED_BYTES:
                return hashlib.file_digest(handle, "sha256").hexdigest()
            return hashlib.sha256(handle.read(1 << 20)).hexdigest()  # a hole of many gigabytes
    except PermissionError:
        return "unreadable"


def changes(
    before: dict[str, Entry], after: dict[str, Entry], *, allowed: Iterable[str] = (), kept: Iterable[str] = ()
) -> list[str]:
    """Return in words what changed outside the allowed paths, or at a kept path, wherever it lies.

    An allowed path covers everything under it, and the time of the folder that it is in.
    """
    allowed, kept = tuple(allowed), tuple(kept)
    told = []
    for path in sorted(before.keys() | after.keys()):
        if _under(path, allowed) and path not in kept:
            continue
        old, new = before.get(path), after.get(path)
        if old is not None and new is not None and _may_move(path, old, allowed):
            old, new = (*old[:2], 0, old[3]), (*new[:2], 0, new[3])
        if old != new:
            told.append(f"{_what(old, new)}: {path}")
    return told


def _under(path: str, allowed: Iterable[str]) -> bool:
    return any(path == place or path.startswith(place + os.sep) for place in allowed)


def _may_move(path: str, entry: Entry, allowed: Iterable[str]) -> bool:
    """Return whether this is a folder that holds an allowed path, so that its time may change."""
    is_folder = entry[0].startswith("d")
    return is_folder and any(place.startswith(path + os.sep) for place in allowed)


def _what(old: Entry | None, new: Entry | None) -> str:
    if old is None:
        return "was made"
    if new is None:
        return "is gone"
    names = ("type or mode", "size", "time", "content")
    return "changed: " + ", ".join(name for name, a, b in zip(names, old, new) if a != b)
