"""Files that are written whole or not at all, JSON with a schema number, JSON lines, folders and their lock."""

from __future__ import annotations

import datetime
import glob
import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from .errors import OutputError, RunError, StorageError

SCHEMA = 1
GROUP_RECORD = "group.json"
"""Marks a folder whose sub-folders are trainings of one configuration (see training.replicates)."""


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file atomically: temporary file beside it, fsync, rename. Raises `StorageError` with the cause."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as handle:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StorageError(
            f"could not write {path}: {error.strerror}. Free some space or choose another folder."
        ) from error


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """Open a file to be written piece by piece: it appears when the block ends, and after an error there is nothing.

    Whatever ends the block early, Ctrl-C too, removes the temporary file beside it; what a killed process left there
    goes with the next call. Raises `StorageError` with the cause.
    """
    path = Path(path)
    _remove_stale(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise StorageError(
            f"could not write {path}: {error.strerror or error}. Free some space or choose another folder."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _remove_stale(path: Path) -> None:
    """Remove the temporary files of a path whose processes are gone."""
    if os.name == "nt":  # there, asking for a process would end it
        return
    for found in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        number = found.name.removesuffix(".tmp").rpartition(".")[2]
        if number.isascii() and number.isdigit() and len(number) < 10 and not _is_running(int(number)):
            found.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically, with the same line ends on every system."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, record: dict[str, Any], schema: int = SCHEMA) -> None:
    """Write a record as UTF-8 JSON with its schema number first. NaN and infinity are refused."""
    text = json.dumps({"schema": schema, **record}, ensure_ascii=False, indent=1, allow_nan=False)
    write_text(path, text + "\n")


def read_json(path: Path, schema: int = SCHEMA) -> dict[str, Any]:
    """Read a record written by `write_json`; a newer schema or a damaged file is a `RunError`."""
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{path} is missing; it is not a complete folder of this project.") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RunError(f"{path} cannot be read as JSON: {error}. Restore it from a copy or make it again.") from error
    if not isinstance(record, dict) or not isinstance(record.get("schema"), int):
        raise RunError(f"{path} has no schema number; it was not written by ganatomy.")
    if record["schema"] > schema:
        raise RunError(
            f"{path} has schema {record['schema']}, this version of ganatomy reads up to {schema}. "
            "Update ganatomy to open it."
        )
    return record


def append_jsonl(path: Path, record: dict[str, Any]) -> None:
    """Append one record as a line of JSON."""
    try:
        with open(path, "a", encoding="utf-8", newline="\n") as handle:
            handle.write(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n")
    except OSError as error:
        raise StorageError(f"could not append to {path}: {error.strerror}.") from error


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of a JSON-lines file; a torn last line (a crash in mid-write) is left out."""
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return
    for number, line in enumerate(lines, 1):
        try:
            yield json.loads(line)
        except json.JSONDecodeError as error:
            if number < len(lines):
                raise RunError(f"{path}, line {number}, is damaged: {error}.") from error


def sha256(data: bytes) -> str:
    """Return the SHA-256 of bytes as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hex digits, read in pieces."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def fsync_folder(folder: Path) -> None:
    """Make renames inside a folder durable, where the system knows how (not on Windows)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> Path:
    """Create a folder (and its parents) and prove that it can be written; else an `OutputError`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe.{secrets.token_hex(4)}"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise OutputError(
            f"the output folder {folder} cannot be written: {error.strerror}. Choose another with --out."
        ) from error
    return folder


def new_run_name(preset: str, seed: int) -> str:
    """Return a run's folder name: preset, seed, local time and four random hex digits."""
    stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    return f"{preset}-s{seed}-{stamp}-{secrets.token_hex(2)}"


def run_name(folder: Path) -> str:
    """Return what a run is called: its folder's name, inside a group with the group's name before it."""
    parent = folder.parent
    return f"{parent.resolve().name}-{folder.name}" if (parent / GROUP_RECORD).exists() else folder.name


def plain_name(name: str) -> str:
    """Return a name with everything but letters, digits, '_', '.' and '-' turned into '-', for folders."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-.") or "data"


@contextmanager
def one_writer(folder: Path) -> Iterator[None]:
    """Hold a folder's lock: a second writer is refused; the system releases it when a process dies."""
    import filelock  # loads asyncio, which `--help` does not need

    lock = filelock.FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:  # itself an OSError, so it comes first
        raise RunError(f"{folder} is being written by another process; wait for it or choose another folder.") from None
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be written: {error.strerror}. Free some space or choose another."
        ) from error
    try:
        yield
    finally:
        lock.release()


def remove_files(paths: Iterable[Path]) -> None:
    """Delete files that exist."""
    for path in paths:
        path.unlink(missing_ok=True)
