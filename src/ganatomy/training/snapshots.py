"""Snapshots of a run: which one a record was taken of, told by its images and its SHA-256.

A record belongs to the weights that it looked at. It carries `nimg` and `snapshot_sha256`; whatever reads it asks
`is_of`. Records of earlier versions have no hash and are judged by their image count alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import files
from ..errors import RunError
from . import belongings

HASH = "snapshot_sha256"
"""The key under which records name the snapshot that they looked at, beside `nimg`."""


@dataclass(frozen=True)
class Snapshot:
    """One state of G_ema on disk: the images it has seen, and its file's SHA-256 as 64 hex digits."""

    nimg: int
    sha256: str

    @property
    def words(self) -> dict[str, Any]:
        """What a record of it carries."""
        return {"nimg": self.nimg, HASH: self.sha256}


def snapshot_files(folder: Path) -> dict[int, Path]:
    """Return the snapshots of a run folder by images seen, oldest first."""
    return belongings.written(folder, "snapshots")


def hashed(nimg: int, path: Path) -> Snapshot:
    """Return what tells a snapshot from others; a file that cannot be read is a `RunError`."""
    if not path.is_file():  # opening a pipe would wait for ever
        raise RunError(f"snapshot {path} is not a file.")
    try:
        return Snapshot(nimg, files.sha256_file(path))
    except OSError as error:
        raise RunError(f"snapshot {path} cannot be read: {files.why(error)}.") from error


def newest(folder: Path) -> Snapshot | None:
    """Return the newest snapshot of a run folder, None where there is none yet."""
    found = snapshot_files(folder)
    return hashed(max(found), found[max(found)]) if found else None


def is_of(record: Mapping[str, Any], snapshot: Snapshot | None) -> bool:
    """Return whether a record was taken of a snapshot; where no snapshot is kept there is nothing to tell by."""
    if snapshot is None:
        return True
    known = record.get(HASH)
    return record.get("nimg") == snapshot.nimg and known in (None, snapshot.sha256)


def are_of_one(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Return whether two records were taken of one snapshot, as far as both tell."""
    hashes = {record[HASH] for record in (first, second) if record.get(HASH)}
    return first.get("nimg") == second.get("nimg") and len(hashes) < 2
