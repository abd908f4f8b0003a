"""The folder dissect/ of a run: made beside the old one and put in its place when whole, so readers see whole states.

```
dissect/        the finished dissection, and whatever people put there
.dissect.new/   one in work; whole as soon as it holds dissect.json, which is written last
.dissect.old/   what the new one replaces, between two renames
```

A kill at any moment leaves one of these states, and `settle` ends it: what is whole takes its place, what is half done
is removed. Only files under names of ours are deleted, what people put into dissect/ moves along, and links are moved
or refused, never followed. Everything that writes here expects the caller to hold the run's lock for dissect.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .. import files
from ..errors import OutputError, StorageError

NAME = "dissect"
NEW, OLD = ".dissect.new", ".dissect.old"
RECORD_NAME = "dissect.json"
_OURS = re.compile(
    r"(dissect|jacobian|directions|paths|inversion)\.json|(atlas|jacobian|inversion)\.safetensors|"
    r"(base|combined|(value|difference|path|directions|inversion)-[^/]+|(edits|groups)(-difference)?)\.png|"
    r"\..+\.\d+\.tmp"
)
"""Names of the files of a dissection."""


def folder_of(run_folder: Path) -> Path:
    """Return where a run's finished dissection lies, also in the moment in which it is being replaced."""
    now, old = run_folder / NAME, run_folder / OLD
    return old if not _is_whole(now) and _is_whole(old) and not old.is_symlink() else now


def _is_whole(folder: Path) -> bool:
    return (folder / RECORD_NAME).is_file()


@contextmanager
def successor(run_folder: Path) -> Iterator[Path]:
    """Give an empty folder for a new dissection; it replaces the old one if the block ends with a whole one.

    Otherwise, whatever ended the block, the old one stays as it is and the new folder is removed.

    Raises:
        OutputError: dissect/ is a link or a file, or the folder cannot be written.
        StorageError: the new one is whole but cannot take the old one's place; the next call puts it there.
    """
    check(run_folder)
    settle(run_folder)
    new = files.own_folder(run_folder, NEW)
    try:
        yield new
    finally:
        if not _is_whole(new):
            shutil.rmtree(new, ignore_errors=True)  # what is left of it, the next call removes
    _replace(run_folder)


def check(run_folder: Path) -> None:
    """Refuse a dissect/ that is not a folder of the run: a link, which would be written through, or a file."""
    for name in (NAME, NEW, OLD):
        folder = run_folder / name
        if folder.is_symlink():
            raise OutputError(
                f"{folder} is a link to another folder, and ganatomy writes and deletes only inside {run_folder}. Put "
                "a real folder in its place, or remove the link."
            )
        if folder.exists() and not folder.is_dir():
            raise OutputError(f"{folder} is not a folder; move that file away.")


def has_leftovers(run_folder: Path) -> bool:
    """Return whether a killed dissection left anything for `settle`."""
    return any((run_folder / name).is_dir() and not (run_folder / name).is_symlink() for name in (NEW, OLD))


def settle(run_folder: Path) -> None:
    """End what a killed dissection left: a whole new one takes its place, half a one goes, the old one comes back."""
    now, new, old = (run_folder / name for name in (NAME, NEW, OLD))
    if not has_leftovers(run_folder):
        return
    check(run_folder)
    with _told(run_folder):
        if _is_whole(new):
            _replace(run_folder)
        elif _is_whole(old) and not _is_whole(now):
            if now.exists():
                _take_along(now, old)
            os.replace(old, now)
        elif old.exists():
            now.mkdir(exist_ok=True)
            _take_along(old, now)
        if new.exists():
            shutil.rmtree(new)


def _replace(run_folder: Path) -> None:
    """Put the new dissection in the place of the old one; what was already done of it is not done again."""
    now, new, old = (run_folder / name for name in (NAME, NEW, OLD))
    with _told(run_folder):
        if now.exists() and old.exists():  # an earlier replacement was cut short after its renames
            _take_along(old, now)
        if now.exists():
            os.replace(now, old)
        os.replace(new, now)
        files.fsync_folder(run_folder)
        if old.exists():
            _take_along(old, now)


def _take_along(source: Path, target: Path) -> None:
    """Move what people put into a folder to another one, delete our files there, and then the folder itself."""
    for entry in sorted(source.iterdir()):
        if _OURS.fullmatch(entry.name) and not entry.is_symlink() and entry.is_file():
            entry.unlink()
        else:
            os.replace(entry, _free_name(target, entry.name))
    source.rmdir()


def _free_name(folder: Path, name: str) -> Path:
    """Return a path in a folder that nothing has: the name itself, else with a number before its ending."""
    path, number = folder / name, 1
    while os.path.lexists(path):
        number += 1
        path = folder / f"{Path(name).stem}-{number}{Path(name).suffix}"
    return path


@contextmanager
def _told(run_folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"the dissection in {run_folder} is whole, but its folder could not be put in place: {files.why(error)}. "
            f"Close what has files of {run_folder / NAME} open; the next `ganatomy dissect` or `ganatomy report` "
            "completes it."
        ) from error
