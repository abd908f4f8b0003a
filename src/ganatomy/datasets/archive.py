"""Zip archives from people nobody vouches for: listed and read as streams, never extracted, every trick refused.

Tricks that make an archive as a whole untrustworthy are a `DataError`: names that leave it, links, two members of one
name, members that share bytes, too many members or bytes, a directory that cannot be read. What concerns one member
only (encryption, an unknown method, a huge ratio, damage) is told of that member.
"""

from __future__ import annotations

import contextlib
import io
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from ..errors import DataError
from .decode import Refused
from .wording import printable

MAX_MEMBERS = 250_000
"""Most members of an archive; CelebA, the largest set people bring as one zip, has 202,600."""
MAX_TOTAL_BYTES = 16 * 2**30
"""Most uncompressed bytes of an archive."""
MAX_DIRECTORY_BYTES = 128 * 2**20
MAX_RATIO = 200
"""Largest expansion of a picture of more than `SMALL_BYTES`; only a blank picture or a bomb reaches it."""
SMALL_BYTES = 10**6
DEFLATE_MAX_RATIO = 1032
"""Deflate cannot expand one byte to more than this many (zlib technical notes)."""
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Compression methods that are read: the others cannot be unpacked piece by piece with a bound on memory."""
ZIP_ERRORS = (
    zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, ArithmeticError,
    LookupError, TypeError, RuntimeError, MemoryError,
)  # fmt: skip
"""What the standard library's zip reader raises on bytes made to break it."""

_END, _END64, _END64_LOCATOR, _ENTRY = b"PK\5\6", b"PK\6\6", b"PK\6\7", b"PK\1\2"
_END_BYTES, _END64_BYTES, _LOCATOR_BYTES, _LOCAL_BYTES = 22, 56, 20, 30
_ENCRYPTED_BITS = 0x1 | 0x40 | 0x2000
_UTF8_BIT = 0x800
AGAIN = "Make or download the zip again."


@dataclass(frozen=True)
class Member:
    """One file of an archive, its name checked."""

    parts: tuple[str, ...]
    """Folder names and file name; none is empty, '.' or '..'."""
    info: zipfile.ZipInfo

    @property
    def name(self) -> str:
        """Relative path with '/', safe to print."""
        return printable("/".join(self.parts))

    def refusal(self, max_bytes: int, max_ratio: int = MAX_RATIO) -> str:
        """Return why this member is not read, or an empty text."""
        info = self.info
        if info.flag_bits & _ENCRYPTED_BITS:
            return "it is encrypted; make the zip without a password"
        if info.compress_type not in METHODS:
            return f"compression method {info.compress_type} is not read; make the zip with deflate"
        if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
            return "not a plain file"
        if ":" in self.name:
            return "its name holds ':', which on Windows would name a hidden stream; rename it"
        if info.file_size > max_bytes:
            return f"it is larger than the {max_bytes >> 20:,} MB allowed"
        stored = info.compress_type == zipfile.ZIP_STORED
        if info.file_size > info.compress_size * (1 if stored else DEFLATE_MAX_RATIO):
            return "it is damaged: it is too small for the size its header announces"
        if info.file_size > SMALL_BYTES and info.file_size > max_ratio * info.compress_size:
            return f"it expands more than {max_ratio}:1, as a zip bomb does"
        return ""


class Archive:
    """An open zip whose directory has been checked; raises `DataError` where it cannot be trusted."""

    def __init__(self, path: Path):
        self.path = path
        _check_directory(path)
        try:
            self._zip = zipfile.ZipFile(path)
        except ZIP_ERRORS as error:
            raise _damaged(path, error) from error
        with contextlib.ExitStack() as on_failure:
            on_failure.callback(self._zip.close)
            infos = self._zip.infolist()
            _check_caps(path, infos)
            self.members = _check_names(path, infos)
            """Every file (not folder) of the archive."""
            self.empty_folders = _empty_folders(path, infos, self.members)
            """Parts of the folders that the archive names and that hold nothing."""
            _check_overlap(path, infos, self._zip.start_dir)
            on_failure.pop_all()

    def open(self, member: Member) -> BinaryIO:
        """Open a member as a stream; damage raises `Refused`, here or while reading. At its end the CRC is compared."""
        try:
            stream = self._zip.open(member.info)
        except ZIP_ERRORS as error:
            raise _unreadable(error) from error
        return cast(BinaryIO, _Stream(cast(BinaryIO, stream), member.info.file_size))

    def close(self) -> None:
        """Close the file."""
        self._zip.close()


class _Stream(io.RawIOBase):
    """A member's content, never more than announced, with damage told as `Refused`."""

    def __init__(self, stream: BinaryIO, num_bytes: int):
        self._stream, self._left = stream, num_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        window = memoryview(buffer).cast("B")
        try:
            data = self._stream.read(len(window))  # at the end too: that read compares the checksum
        except ZIP_ERRORS as error:
            raise _unreadable(error) from error
        if len(data) > self._left:
            raise Refused("it is damaged: it holds more than its header announces")
        self._left -= len(data)
        if not data and self._left and len(window):
            raise Refused("the file is cut short")
        window[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()


def _check_directory(path: Path) -> None:
    """Bound the directory's size and number of entries before anything is allocated for them."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for ever
            raise DataError(f"{path} cannot be read: it is not a file.")
        with open(path, "rb") as handle:
            directory_bytes, directory_end = _directory_place(handle)
            if directory_bytes > MAX_DIRECTORY_BYTES:
                raise DataError(f"{path} has a directory of {directory_bytes:,} bytes, far too large. {AGAIN}")
            handle.seek(max(0, directory_end - directory_bytes))
            num_entries = handle.read(directory_bytes).count(_ENTRY)  # at least as many as there are
    except FileNotFoundError:
        raise DataError(f"{path} does not exist.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    except Refused as error:
        raise DataError(f"{path} is no zip archive, or is cut short: {error}. {AGAIN}") from error
    if num_entries > MAX_MEMBERS:
        raise DataError(f"{path} holds more than the {MAX_MEMBERS:,} files allowed. Unpack it and give the folder.")


def _directory_place(handle: BinaryIO) -> tuple[int, int]:
    """Return (size, end) of the directory in bytes, found as the standard library finds it."""
    start = max(0, handle.seek(0, 2) - _END_BYTES - 0xFFFF - _END64_BYTES - _LOCATOR_BYTES)
    handle.seek(start)
    tail = handle.read()
    at = len(tail) - _END_BYTES
    if at < 0 or not (tail.startswith(_END, at) and tail.endswith(b"\0\0")):  # there is a comment behind it
        at = tail.rfind(_END)
    if at < 0 or len(tail) - at < _END_BYTES:
        raise Refused("it has no directory at its end")
    at64 = at - _LOCATOR_BYTES - _END64_BYTES
    if at64 >= 0 and tail.startswith(_END64_LOCATOR, at - _LOCATOR_BYTES) and tail.startswith(_END64, at64):
        return struct.unpack_from("<Q", tail, at64 + 40)[0], start + at64
    return struct.unpack_from("<L", tail, at + 12)[0], start + at


def _check_caps(path: Path, infos: list[zipfile.ZipInfo]) -> None:
    if len(infos) > MAX_MEMBERS:
        raise DataError(f"{path} holds {len(infos):,} files; at most {MAX_MEMBERS:,} are allowed. Unpack it first.")
    total = sum(info.file_size for info in infos)
    if total > MAX_TOTAL_BYTES:
        raise DataError(
            f"{path} announces {total / 2**30:,.1f} GiB uncompressed; at most {MAX_TOTAL_BYTES >> 30} GiB are allowed. "
            "Take fewer or smaller pictures."
        )


def _check_names(path: Path, infos: list[zipfile.ZipInfo]) -> list[Member]:
    """Return the archive's files by their names, or the `DataError` for the first name that is a trick."""
    members: list[Member] = []
    seen: dict[str, str] = {}
    for info, name in zip(infos, _names(infos)):
        parts = _parts(path, name, info)
        if not parts or name.endswith(("/", "\\")) or info.is_dir():
            continue
        key = unicodedata.normalize("NFC", "/".join(parts)).casefold()
        if key in seen:
            raise DataError(
                f"{path} holds two files of one name, {seen[key]} and {printable(name)}: which one is read would "
                "depend on the program. Rename one and make the zip again."
            )
        seen[key] = printable(name)
        members.append(Member(parts, info))
    return members


def _empty_folders(path: Path, infos: list[zipfile.ZipInfo], members: list[Member]) -> list[tuple[str, ...]]:
    folders = {_parts(path, name, info) for info, name in zip(infos, _names(infos)) if name.endswith(("/", "\\"))}
    filled = {parts[:num] for parts in (*folders, *(member.parts for member in members)) for num in range(len(parts))}
    return sorted(folders - filled)


def _names(infos: list[zipfile.ZipInfo]) -> list[str]:
    """Return the names as they were meant.

    Where a name is not marked as UTF-8 the standard says code page 437; what is there is UTF-8 (macOS, Linux) or the
    maker's own code page, of which simplified Chinese can be told from its bytes.
    """
    old = [info for info in infos if not info.flag_bits & _UTF8_BIT and not info.orig_filename.isascii()]
    for encoding in ("utf-8", "gb2312"):
        try:
            better = {id(info): info.orig_filename.encode("cp437").decode(encoding) for info in old}
        except UnicodeError:
            continue
        return [better.get(id(info), info.orig_filename) for info in infos]
    return [info.orig_filename for info in infos]


def _parts(path: Path, name: str, info: zipfile.ZipInfo) -> tuple[str, ...]:
    """Return the parts of a member's path; a name that leaves the archive, or a link, is a `DataError`."""
    plain = name.replace("\\", "/")  # some Windows programs write backslashes; they also hide '..'
    trick = ""
    if "\0" in name:
        trick = "has a zero byte in its name"
    elif plain.startswith("/"):
        trick = "has an absolute path"
    elif re.match("[A-Za-z]:", plain):
        trick = "has a path with a drive letter"
    elif ".." in plain.split("/"):
        trick = "has a path that climbs out with '..'"
    elif stat.S_ISLNK(info.external_attr >> 16):
        trick = "is a symbolic link"
    if trick:
        raise DataError(
            f"{path} is refused: its member {printable(name)} {trick}, as in archives made to overwrite files. "
            "Make the zip again from plain files."
        )
    return tuple(part for part in plain.split("/") if part not in ("", "."))


def _check_overlap(path: Path, infos: list[zipfile.ZipInfo], directory_start: int) -> None:
    """Refuse members that share bytes: so a small archive expands to anything."""
    ordered = sorted(infos, key=lambda info: info.header_offset)
    starts = [info.header_offset for info in ordered[1:]] + [directory_start]
    for info, next_start in zip(ordered, starts):
        # at least so many bytes: the extra field before the content is not counted
        end = info.header_offset + _LOCAL_BYTES + len(info.orig_filename) + info.compress_size
        if end > next_start or info.header_offset < 0:
            raise DataError(
                f"{path} is refused: the content of its member {printable(info.orig_filename)} reaches into what "
                f"follows it, as in a zip bomb or a damaged file. {AGAIN}"
            )


def _damaged(path: Path, error: BaseException) -> DataError:
    text = printable(str(error))[:100] or type(error).__name__
    return DataError(f"{path} cannot be read as a zip archive: {text}. {AGAIN}")


def _unreadable(error: BaseException) -> Refused:
    text = printable(str(error))[:100]
    if isinstance(error, EOFError):
        return Refused("the file is cut short")
    if "CRC" in text:
        return Refused("it is damaged: its content does not fit its checksum (CRC-32)")
    return Refused(f"it is damaged ({text or type(error).__name__})")
