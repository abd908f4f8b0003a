"""Files that are written whole or not at all, JSON with a schema number, JSON lines, folders and their lock.

What lies on disk is not trusted: records are read up to a size, from regular files only, and whatever is wrong with
them is a `RunError` in words. Nothing here writes, locks or deletes through a symbolic link.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import hashlib
import json
import math
import os
import re
import secrets
import shutil
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from .errors import OutputError, RunError, StorageError

SCHEMA = 1
GROUP_RECORD = "group.json"
"""Marks a folder whose sub-folders are trainings of one configuration (see training.replicates)."""
MAX_RECORD_BYTES = 2**28
"""Largest JSON record or JSON-lines file that is read: a thousand times what a long run writes."""
_TEMPORARY = re.compile(r"^\..+\.(\d+)\.tmp$")
"""Names of files that are not whole yet: `.<name>.<process>.tmp`."""
_PROBE = ".probe."
_MAX_NAME_BYTES = 200
"""A temporary name holds so many bytes of the file's own; file systems allow 255 in all."""
READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)
"""What the system answers where a place may not be written, rather than that writing went wrong."""
_STALE_SEC = 24 * 3600.0


def why(error: Exception) -> str:
    """Return what an operating-system error says, in words without its number."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file atomically: temporary file beside it, fsync, rename. Raises `StorageError` with the cause.

    A symbolic link of that name is replaced, never followed.
    """
    with writing(path) as handle:
        handle.write(data)


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """Open a file to be written piece by piece: it appears when the block ends, and after an error there is nothing.

    Whatever ends the block early, Ctrl-C too, removes the temporary file beside it; what a killed process left there
    goes with the next call. Raises `StorageError` with the cause.
    """
    path = Path(path)
    temporary = temporary_beside(path)
    try:
        with open(temporary, "xb") as handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    except OSError as error:
        advice = "Free some space or choose another folder."
        raise StorageError(f"could not write {path}: {why(error)}. {advice}") from error
    finally:
        with contextlib.suppress(OSError):  # what went wrong matters more than what is left of the attempt
            temporary.unlink(missing_ok=True)


def temporary_beside(path: Path) -> Path:
    """Return the name under which this process writes a file until it is whole; what dead processes left is removed."""
    name = os.fsencode(path.name)[:_MAX_NAME_BYTES]
    stem = f".{name.decode(sys.getfilesystemencoding(), 'ignore')}"
    temporary = path.with_name(f"{stem}.{os.getpid()}.tmp")
    with contextlib.suppress(OSError):
        _remove_dead(path.parent.glob(f"{glob.escape(stem)}.*.tmp"))
    return temporary


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically, with the same line ends on every system.

    What is no character (a byte of a name that is no UTF-8) is written as its escape, which JSON reads back.
    """
    write_bytes(path, text.encode("utf-8", errors="backslashreplace"))


def write_json(path: Path, record: dict[str, Any], schema: int = SCHEMA) -> None:
    """Write a record as UTF-8 JSON with its schema number first. NaN and infinity are refused."""
    text = json.dumps({"schema": schema, **record}, ensure_ascii=False, indent=1, allow_nan=False)
    write_text(path, text + "\n")


def read_bytes(path: Path, limit: int = MAX_RECORD_BYTES) -> bytes:
    """Return a regular file's bytes; a missing, unreadable or larger one, a pipe or a device is a `RunError`."""
    path = Path(path)
    try:
        # A pipe without a writer would block the opening itself.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise RunError(f"{path} is missing; it is not a complete folder of this project.") from None
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read: {why(error)}.") from error
    try:
        with open(descriptor, "rb") as handle:
            status = os.fstat(handle.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise RunError(f"{path} is not a file; it was not written by ganatomy.")
            # One byte more than there should be; asking for `limit` would take that much memory at once.
            data = b"" if status.st_size > limit else handle.read(status.st_size + 1)
    except (OSError, MemoryError) as error:
        raise RunError(f"{path} cannot be read: {why(error)}.") from error
    if max(status.st_size, len(data)) > limit:
        raise RunError(f"{path} is larger than {limit:,} bytes; it was not written by ganatomy.")
    return data


def parse_json(data: bytes | str) -> Any:
    """Return the value of JSON text in UTF-8; a `ValueError` in words says what is wrong with it.

    NaN, infinity, numbers beyond float64, thousands of digits and nesting too deep to follow are refused.
    """
    try:
        text = data.decode("utf-8") if isinstance(data, bytes) else data
        return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"it holds {word}, which is no number")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"it holds {digits[:20]}, which is beyond any number written here")
    return number


def read_json(path: Path, schema: int = SCHEMA) -> dict[str, Any]:
    """Read a record written by `write_json`; a newer schema or a damaged file is a `RunError`."""
    data = read_bytes(path)
    try:
        record = parse_json(data)
    except ValueError as error:
        raise RunError(f"{path} cannot be read as JSON: {error}. Restore it from a copy or make it again.") from error
    number = record.get("schema") if isinstance(record, dict) else None
    if not isinstance(number, int) or isinstance(number, bool):
        raise RunError(f"{path} has no schema number; it was not written by ganatomy.")
    if number > schema:
        raise RunError(
            f"{path} has schema {number}, this version of ganatomy reads up to {schema}. Update ganatomy to open it."
        )
    return dict(record)


def append_jsonl(path: Path, record: dict[str, Any], *, durable: bool = False) -> None:
    """Append one record as a line of JSON; a torn last line, which a kill in mid-write leaves, is taken off first.

    A symbolic link, a pipe or a folder of that name is a `StorageError`. A `durable` line is on the disk before
    anything that follows it.
    """
    line = json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n"
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags | getattr(os, "O_BINARY", 0), 0o666)
        with open(descriptor, "r+b") as handle:
            if not stat.S_ISREG(os.fstat(handle.fileno()).st_mode):
                raise StorageError(f"could not append to {path}: it is not a file.")
            _to_end_of_lines(handle)
            handle.write(line.encode("utf-8", errors="backslashreplace"))
            if durable:
                handle.flush()
                os.fsync(handle.fileno())
    except OSError as error:
        reason = "it is a link, which is never followed" if Path(path).is_symlink() else why(error)
        raise StorageError(f"could not append to {path}: {reason}.") from error


def open_log(path: Path) -> BinaryIO:
    """Open a file that a process's output is appended to; a link, a pipe or a folder there is a `StorageError`."""

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0), 0o666)

    try:
        log = open(path, "ab", opener=opener)  # noqa: SIM115 (the caller's to close)
    except OSError as error:
        raise StorageError(f"could not append to {path}: {why(error)}.") from error
    if not stat.S_ISREG(os.fstat(log.fileno()).st_mode):
        log.close()
        raise StorageError(f"could not append to {path}: it is not a file.")
    return log


def _to_end_of_lines(handle: BinaryIO) -> None:
    """Go to where the next line begins: a last line without its end gets one where it is whole, else it is cut off."""
    end = handle.seek(0, os.SEEK_END)
    tail, start = b"", end
    while start and b"\n" not in tail:
        start = max(0, start - 65_536)
        handle.seek(start)
        tail = handle.read(end - start)
    torn = tail[tail.rfind(b"\n") + 1 :]
    try:
        parse_json(torn)
    except ValueError:
        handle.seek(end - len(torn))
        handle.truncate()
    else:
        handle.seek(end)
        handle.write(b"\n")


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of a JSON-lines file; a torn last line (a crash in mid-write) is left out.

    A missing file has none. A damaged line, or one that is no record, is a `RunError` that names it.
    """
    for _, record in raw_jsonl(path):
        yield record


def raw_jsonl(path: Path) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Yield what `read_jsonl` yields, each record after the bytes of its line."""
    path = Path(path)
    if not path.exists() and not path.is_symlink():
        return
    lines = read_bytes(path).split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        try:
            record = parse_json(line)
            if not isinstance(record, dict):
                raise ValueError("it is no record")
        except ValueError as error:
            if number < len(lines):
                raise RunError(
                    f"{path}, line {number}, is damaged: {error}. Restore it from a copy, or delete that line."
                ) from error
            return
        yield line, record


def sha256(data: bytes) -> str:
    """Return the SHA-256 of bytes as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hex digits, read in pieces."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def fsync_folder(folder: Path) -> None:
    """Make renames inside a folder durable, where the system knows how (not on Windows)."""
    if os.name != "nt":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def make_folder(folder: Path) -> Path:
    """Create a folder (and its parents) and prove that it can be written; else an `OutputError`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f"{_PROBE}{secrets.token_hex(4)}"
        probe.write_bytes(b"")
        probe.unlink()
    except (OSError, ValueError) as error:
        raise OutputError(
            f"the output folder {folder} cannot be written: {why(error)}. Choose another with --out."
        ) from error
    return folder


def own_folder(parent: Path, name: str) -> Path:
    """Return a sub-folder of a folder of ours, made where it is missing.

    A link or a file of that name is an `OutputError`: what it leads to belongs to somebody else.
    """
    folder = parent / name
    if folder.is_symlink():
        raise OutputError(
            f"{folder} is a link to another folder, and ganatomy writes and deletes only inside {parent}. Put a real "
            "folder in its place."
        )
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be made: {why(error)}.") from error
    return folder


def run_name(folder: Path) -> str:
    """Return what a run is called: its folder's name, inside a group with the group's name before it."""
    parent = folder.parent
    return f"{parent.resolve().name}-{folder.name}" if (parent / GROUP_RECORD).exists() else folder.name


def plain_name(name: str) -> str:
    """Return a name with everything but letters, digits, '_', '.' and '-' turned into '-', for folders."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-.") or "data"


@contextmanager
def one_writer(folder: Path, part: str = "", wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold a folder's lock: a second writer is refused; the system releases it when a process dies.

    `part` names what is written where it does not concern a training: `measure` may write beside one that goes on.
    With `wait` a second writer is not refused: it calls that between its attempts, which may sleep or raise.
    """
    import filelock  # loads asyncio, which `--help` does not need

    path = folder / (f".{part}.lock" if part else ".lock")
    if path.is_symlink() or (path.exists() and (not path.is_file() or path.stat().st_size)):
        raise OutputError(f"{path} is not a lock of ours but a link, a folder, a device or a file of yours; remove it.")
    lock = filelock.FileLock(path)
    while not lock.is_locked:
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:  # itself an OSError, so it comes first
            if wait is None:
                doing = f" ({part})" if part else ""
                raise RunError(
                    f"{folder} is being written by another process{doing}; wait for it or choose another folder."
                ) from None
            wait()
        except OSError as error:
            told = f"{folder} cannot be written: {why(error)}. Free some space or choose another."
            raise OutputError(told) from error
    try:
        yield
    finally:
        lock.release()


def remove_files(paths: Iterable[Path]) -> None:
    """Delete files that exist."""
    for path in paths:
        path.unlink(missing_ok=True)


def remove_unfinished(folder: Path, *, folders: bool = False) -> None:
    """Delete what a killed process left in mid-write in a folder: files under temporary names of ours, no others.

    With `folders`, whole folders under such names too, for places where those are ours.
    """
    _remove_dead(folder.glob(".*.tmp"), folders=folders)


def _remove_dead(found: Iterable[Path], *, folders: bool = False) -> None:
    for path in found:
        match = _TEMPORARY.match(path.name)
        if match is None or may_be_alive(int(match[1]), path):
            continue
        if path.is_symlink() or not path.is_dir():
            path.unlink(missing_ok=True)
        elif folders:
            shutil.rmtree(path, ignore_errors=True)


def is_passing(path: Path) -> bool:
    """Return whether a path is our lock, which is empty, or what a killed process left in mid-write."""
    if path.is_symlink() or not path.is_file():
        return False
    match = _TEMPORARY.match(path.name)
    is_empty = path.stat().st_size == 0 and (path.name == ".lock" or path.name.startswith(_PROBE))
    return is_empty or bool(match and not may_be_alive(int(match[1]), path))


def may_be_alive(process: int, path: Path) -> bool:
    """Return whether another process, which wrote a temporary file or folder, may still be at it."""
    if os.name == "nt":  # there is no harmless question there, and os.kill would end it
        with contextlib.suppress(OSError):
            return time.time() - path.stat().st_mtime < _STALE_SEC
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return process != os.getpid()
