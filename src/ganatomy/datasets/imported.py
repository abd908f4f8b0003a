"""Imported sets: copies of people's own pictures in the user cache, known by a name and verified by their content."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path
from typing import Any

from .. import files
from ..errors import ConfigError, DataError
from . import catalog
from .shapes import IMPORTED

RECORD = "imported.json"
_NAME = re.compile(r"^\w[\w.-]{0,63}$")
RESERVED = ("atelier", *catalog.CATALOG)


def root() -> Path:
    """Return the folder of all imported sets."""
    return catalog.cache_dir() / "imported"


def names() -> list[str]:
    """Return the names of the imported sets, sorted."""
    found = (path.parent.name for path in root().glob(f"*/{RECORD}"))
    return sorted(name for name in found if _NAME.match(name))


def path_of(name: str) -> Path:
    """Return the folder or file of an imported set; a changed or missing copy is a `DataError`."""
    record = IMPORTED.read(root() / name / RECORD)
    path = root() / name / record["file"]
    if not path.exists() or content_hash(path) != record["sha256"]:
        raise DataError(
            f"the imported set {name} in {root() / name} is not what was imported any more. "
            f"Remove that folder and import it again: ganatomy data import PATH --name {name}."
        )
    return path


def add(path: Path, name: str | None) -> dict[str, Any]:
    """Copy a folder or file into the cache under a name; return its record.

    The copy is made beside its place and renamed when whole. Raises `ConfigError` for a name that is not allowed or
    taken by other content, `StorageError` where the cache cannot be written.
    """
    name = path.stem if name is None else name
    if not _NAME.match(name) or name in RESERVED:
        raise ConfigError(
            f"an imported set cannot be named {name!r}; give --name with letters, digits, '.', '_' or '-' that is not "
            f"one of {', '.join(RESERVED)}."
        )
    target = root() / name
    record = {"name": name, "file": name + path.suffix.lower() if path.is_file() else name}
    record["sha256"] = content_hash(path)
    if target.exists():
        known = IMPORTED.read(target / RECORD)
        if known["sha256"] != record["sha256"]:
            raise ConfigError(
                f"{name} is already imported with other content; give another --name, or remove {target}."
            )
        return {"schema": files.SCHEMA, **record}
    temporary = target.with_name(f".{name}.{os.getpid()}.tmp")
    files.make_folder(temporary)
    try:
        if path.is_dir():
            shutil.copytree(path, temporary / record["file"], ignore=_links)
        else:
            shutil.copyfile(path, temporary / record["file"])
        files.write_json(temporary / RECORD, record)
        os.replace(temporary, target)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise DataError(
            f"{path} could not be copied to {target}: {error}. Free some space or set GANATOMY_HOME."
        ) from error
    return {"schema": files.SCHEMA, **record}


def content_hash(path: Path) -> str:
    """Return the SHA-256 over the relative names and contents of a folder's files, or over a file's content."""
    if path.is_file():
        return files.sha256_file(path)
    digest = hashlib.sha256()
    for file in sorted(p for p in path.rglob("*") if p.is_file() and not p.is_symlink()):
        digest.update(f"{file.relative_to(path).as_posix()}\0{files.sha256_file(file)}\n".encode())
    return digest.hexdigest()


def _links(folder: str, entries: list[str]) -> list[str]:
    """Return the symbolic links of a folder: they are not copied, for they may lead anywhere."""
    return [entry for entry in entries if (Path(folder) / entry).is_symlink()]
