"""The files of a folder or a zip archive, each with its class and split, and those that are not read."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from ..errors import DataError
from .archive import Archive, Member
from .catalog import known_cache_dir
from .decode import MAX_FILE_BYTES
from .layout import EMPTY_FOLDER, Found, RefusedFile, SourceFile, Split, arrange, is_junk
from .wording import printable

__all__ = ["RefusedFile", "SourceFile", "Split", "folder_files", "zip_files"]

MAX_FILES = 2_000_000
"""Most entries of a folder that are looked at; more means that another folder was meant."""


def folder_files(path: Path) -> tuple[list[SourceFile], list[RefusedFile]]:
    """List the pictures below a folder by `layout.arrange`, and the files that are not read; both in natural order.

    Nothing outside the folder is read: links that leave it are refused, links to folders are not followed; and nothing
    that this program keeps in its cache, where that lies inside. Raises `DataError` where the folder cannot be listed
    or its form is not clear.
    """
    cache = known_cache_dir()
    try:
        root = Path(path).resolve(strict=True)
        names = os.listdir(root)
    except (OSError, RuntimeError) as error:  # a loop of links is a RuntimeError before Python 3.13
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"the folder {path} cannot be read: {reason}. Give a folder of pictures.") from error
    found: list[Found] = []
    refused: list[RefusedFile] = []
    waiting: list[tuple[tuple[str, ...], Path]] = [((name,), root / name) for name in names]
    num_seen = 0
    while waiting:
        parts, place = waiting.pop()
        num_seen += 1
        if num_seen > MAX_FILES:
            raise DataError(
                f"{path} holds more than {MAX_FILES:,} files. Give the folder that holds only the pictures."
            )
        if is_junk(parts) or place == cache:
            continue
        try:
            entry = look(root, parts, place)
            if entry is None:
                inside = os.listdir(place)
                waiting += [((*parts, name), place / name) for name in inside]
                if all(is_junk((name,)) for name in inside):
                    refused.append(RefusedFile(f"{printable('/'.join(parts))}/", EMPTY_FOLDER))
            else:
                found.append(entry)
        except OSError as error:
            refused.append(RefusedFile(printable("/".join(parts)), f"it cannot be read: {error.strerror or error}"))
        except NotTaken as error:
            refused.append(RefusedFile(printable("/".join(parts)), str(error)))
    return arrange(found, refused, str(path))


class NotTaken(Exception):
    """Why a folder's entry is not read."""


def look(root: Path, parts: tuple[str, ...], place: Path) -> Found | None:
    """Return a plain file, or None for a folder to be listed; anything else raises `NotTaken` or OSError.

    `root` is resolved; a link to a file inside it is that file.
    """
    status = os.lstat(place)
    target = place
    if stat.S_ISLNK(status.st_mode):
        try:
            target = place.resolve(strict=True)
        except RuntimeError as error:
            raise NotTaken("a link that leads in a circle") from error
        except FileNotFoundError as error:
            raise NotTaken("a link that leads nowhere") from error
        if not target.is_relative_to(root):
            raise NotTaken("a link that leaves the folder; copy the file itself here")
        status = os.stat(target)
        if stat.S_ISDIR(status.st_mode):
            raise NotTaken("a link to a folder; its files are read where they lie")
    if stat.S_ISDIR(status.st_mode):
        return None
    if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for ever
        raise NotTaken("not a plain file")
    return Found(parts, status.st_size, _opener(target))


def _opener(place: Path) -> Callable[[], BinaryIO]:
    return lambda: open(place, "rb")


def zip_files(path: Path) -> tuple[list[SourceFile], list[RefusedFile]]:
    """List the pictures of a zip by `layout.arrange`, and the files that are not read; both in natural order.

    Nothing is extracted: each `open()` reads a member as a stream of at most the announced bytes and raises `Refused`
    where it is damaged. An archive made to do harm is a `DataError` (see `archive`), as is one of unclear form. The
    archive stays open as long as one of the files is kept.
    """
    archive = Archive(Path(path))
    found: list[Found] = []
    refused: list[RefusedFile] = []
    for member in archive.members:
        reason = "" if is_junk(member.parts) else member.refusal(MAX_FILE_BYTES)
        if reason:
            refused.append(RefusedFile(member.name, reason))
        else:
            found.append(Found(member.parts, member.info.file_size, _member_opener(archive, member)))
    refused += [
        RefusedFile(f"{printable('/'.join(parts))}/", EMPTY_FOLDER)
        for parts in archive.empty_folders
        if not is_junk(parts)
    ]
    return arrange(found, refused, str(path))


def _member_opener(archive: Archive, member: Member) -> Callable[[], BinaryIO]:
    return lambda: archive.open(member)
