"""Imported sets: copies of people's own pictures in the user cache, known by a name and verified by their content."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .. import files
from ..errors import ConfigError, DataError, StorageError
from ..progress import Progress
from . import catalog, copying
from .choices import choose
from .collection import check_kind, survey_path
from .fitting import Fitting
from .shapes import IMPORTED
from .survey import Survey

RECORD = "imported.json"
_NAME = re.compile(r"\w[\w.-]{0,63}")
RESERVED = ("atelier", *catalog.CATALOG)
MAX_LEFT_OUT = 20
"""Files left out that the record names."""


def root() -> Path:
    """Return the folder of all imported sets."""
    return catalog.cache_dir() / "imported"


def names() -> list[str]:
    """Return the names of the imported sets, sorted."""
    found = (path.parent.name for path in root().glob(f"*/{RECORD}"))
    return sorted(name for name in found if _NAME.fullmatch(name))


def path_of(name: str) -> Path:
    """Return the folder or file of an imported set; a changed or missing copy is a `DataError`."""
    record = IMPORTED.read(root() / name / RECORD)
    path = root() / name / record["file"]
    if not copying.is_plain(path) or content_hash(path) != record["sha256"]:
        raise DataError(
            f"the imported set {name} in {root() / name} is not what was imported any more. "
            f"Remove that folder and import it again: ganatomy data import PATH --name {name}."
        )
    return path


def add(path: Path, name: str | None) -> dict[str, Any]:
    """Do what `adding` does; return the record."""
    *_, record = adding(path, name)
    assert isinstance(record, dict)
    return record


def adding(path: Path, name: str | None) -> Iterator[Progress | dict[str, Any]]:
    """Look through a folder or file, copy it into the cache under a name; yield progress records, last the record.

    Links to files inside a folder are followed; other links, and what is neither file nor folder, are `left_out` in the
    record, each with its reason; `problem` says in words what stands against a training as it is. The copy is made
    beside its place and renamed when whole; what a killed import left there is removed first. Raises `ConfigError` for
    a name that is not allowed or taken by other content, `DataError` where nothing can be used as a picture,
    `StorageError` where the cache cannot be written.
    """
    kind = check_kind(path)
    name = path.resolve().stem if name is None else name
    if not _NAME.fullmatch(name) or name in RESERVED:
        raise ConfigError(
            f"an imported set cannot be named {name!r}; give --name with letters, digits, '.', '_' or '-' that is not "
            f"one of {', '.join(RESERVED)}."
        )
    source = copying.listing(path, never=[catalog.cache_dir(), root()])
    problem = None
    for step in survey_path(path, Fitting(), for_sheet=True):
        if isinstance(step, Survey):
            problem = _problem(step)
        else:
            yield step
    record: dict[str, Any] = {"name": name, "file": name if kind == "folder" else f"{name}.{kind}"}
    told = {
        "num_left_out": len(source.left_out),
        "left_out": [{"file": file.name, "reason": file.reason} for file in source.left_out[:MAX_LEFT_OUT]],
        "problem": problem,
    }
    if not (root() / name).exists():
        copying.check_space(source, root())
    for done in _hashed(source, record) if (root() / name).exists() else _written(source, record):
        yield done if isinstance(done, Progress) else {"schema": files.SCHEMA, **done, **told}


def _problem(survey: Survey) -> str | None:
    """Return what stands against a training as it is; where nothing can be used at all that is a `DataError`."""
    problem = choose(survey).problem
    if not survey.pictures:
        raise DataError(
            f"{problem}\nNothing was imported. Where the files are links to others, copy what they lead to first, for "
            "instance with `cp -RL`."
        )
    return problem


def _same(name: str, record: dict[str, Any]) -> dict[str, Any]:
    """Return the record if the set known by this name has the same content, else raise a `ConfigError`."""
    target = root() / name
    if IMPORTED.read(target / RECORD)["sha256"] != record["sha256"]:
        raise ConfigError(f"{name} is already imported with other content; give another --name, or remove {target}.")
    return record


def _hashed(source: copying.Listing, record: dict[str, Any]) -> Iterator[Progress | dict[str, Any]]:
    """Hash what is in the cache already under this name; yield progress, last the completed record."""
    for done in copying.copied(source, None):
        yield done if isinstance(done, Progress) else _same(record["name"], {**record, "sha256": done})


def _written(source: copying.Listing, record: dict[str, Any]) -> Iterator[Progress | dict[str, Any]]:
    """Copy into the cache; yield progress, last the completed record."""
    folder = files.make_folder(root())
    files.remove_unfinished(folder, folders=True)
    target = folder / record["name"]
    temporary = files.temporary_beside(target)
    try:
        temporary.mkdir()
        for done in copying.copied(source, temporary / record["file"]):
            if isinstance(done, Progress):
                yield done
            else:
                record = {**record, "sha256": done}
        files.write_json(temporary / RECORD, record)
        if target.exists():  # another process was faster
            record = _same(record["name"], record)
        else:
            os.replace(temporary, target)
    except OSError as error:
        raise StorageError(f"{target} could not be written: {files.why(error)}. Set GANATOMY_HOME.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    yield record


def content_hash(path: Path) -> str:
    """Return the SHA-256 over the relative names and contents of a folder's files, or over a file's content."""
    *_, digest = copying.copied(copying.listing(path, never=()), None)
    assert isinstance(digest, str)
    return digest
