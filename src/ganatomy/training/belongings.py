"""What a run wrote itself into `samples/` and `snapshots/`: the only files there that it replaces or deletes.

`manifest.jsonl` has a line per file, appended before the file is written: image count, name, SHA-256. What is there
under another name, with other bytes, or as a link or folder is somebody else's, whatever it is called. In runs of
earlier versions, which have no manifest, names and the schedule take its place.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .. import files
from ..config import TrainConfig
from ..errors import OutputError, RunError, StorageError
from . import schedule

MANIFEST = "manifest.jsonl"
PARTS = {"samples": ("fixed-", ".png"), "snapshots": ("G_ema-", ".safetensors")}
"""Sub-folders of a run that grow while it trains, each with the beginning and the end of its files' names."""
FOLDERS = (*PARTS, "checkpoints")
RECORDS = (MANIFEST, "stats.jsonl", "panel.jsonl", "status.json", "health.json", "real.png", "worker.log", ".lock")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def file_name(part: str, nimg: int) -> str:
    """Return the name of a part's file at an image count."""
    begin, end = PARTS[part]
    return f"{begin}{nimg:09d}{end}"


def check_links(folder: Path) -> None:
    """Raise an `OutputError` where something that a training writes is a link, or not what it should be."""
    for name in FOLDERS:
        if (folder / name).is_symlink() or (folder / name).exists():
            files.own_folder(folder, name)
    for name in RECORDS:
        path = folder / name
        if path.is_symlink():
            raise OutputError(f"{path} is a link, which ganatomy never writes through. Remove it, then try again.")
        if path.exists() and not path.is_file():
            raise OutputError(f"{path} is not a file, but a folder or device; remove it, then try again.")


def put(folder: Path, part: str, nimg: int, data: bytes) -> None:
    """Write a part's file at an image count; the manifest knows of it first.

    A file there that the run did not write is a `StorageError`: it is never overwritten.
    """
    name = file_name(part, nimg)
    try:
        path, digest = files.own_folder(folder, part) / name, files.sha256(data)
    except OutputError as error:  # in mid-run
        raise StorageError(str(error)) from error
    if os.path.lexists(path):
        there = _digest(path) if _is_file(path) else ""
        if there == digest:
            return
        if there not in _read(folder).get(f"{part}/{name}", ()):
            raise StorageError(f"{path} is in the way: this run did not write it. Move it elsewhere, then resume.")
    files.append_jsonl(folder / MANIFEST, {"nimg": nimg, "file": f"{part}/{name}", "sha256": digest}, durable=True)
    files.write_bytes(path, data)


def written(folder: Path, part: str) -> dict[int, Path]:
    """Return a part's files by image count, oldest first: those in the manifest, without one by their names."""
    begin, end = PARTS[part]
    if (folder / MANIFEST).exists():
        counts = sorted({nimg for _, (of, nimg, _) in _lines(folder) if of == part})
        found = {nimg: folder / part / file_name(part, nimg) for nimg in counts}
        return {nimg: path for nimg, path in found.items() if path.is_file() and not path.is_symlink()}
    pattern = re.compile(f"{re.escape(begin)}([0-9]{{1,18}}){re.escape(end)}")
    paths = (folder / part).glob(f"{begin}*{end}")
    return dict(sorted((int(match[1]), path) for path in paths if (match := pattern.fullmatch(path.name))))


@dataclass(frozen=True)
class Cut:
    """What is done to a run folder so that it stands where a checkpoint stands."""

    deleted: list[Path] = field(default_factory=list)
    """Files of the run's own."""
    rewritten: dict[Path, bytes] = field(default_factory=dict)
    """Files with their new bytes."""

    def apply(self) -> None:
        """Do it. A kill at any moment leaves a folder of which `plan_cut` makes the same."""
        files.remove_files(self.deleted)
        for path, data in self.rewritten.items():
            files.write_bytes(path, data)


def plan_cut(folder: Path, config: TrainConfig, cur_nimg: int) -> Cut:
    """Return how the parts and their manifest are cut back to image `cur_nimg`; nothing is changed yet.

    What an undisturbed run has on disk at that image remains, and everything of other people's.

    Raises:
        RunError: the manifest is damaged, or other people's files stand where the run will write.
    """
    # A run that starts again from 0 does the maintenance of image 0 again.
    reached, is_old = cur_nimg or -1, not (folder / MANIFEST).exists()
    known, deleted, kept = _read(folder), list[Path](), list[tuple[int, str, str]]()
    for part in PARTS:
        for nimg, path in _named(folder, part):
            key, may_write = f"{part}/{path.name}", _may_write(part, nimg, config)
            is_own = _is_file(path) and (may_write if is_old else _digest(path) in known.get(key, ()))
            if nimg <= reached and _is_planned(part, nimg, config):
                if is_old and is_own:
                    kept.append((nimg, key, _digest(path)))
            elif is_own:
                deleted.append(path)
            elif nimg > reached and may_write:
                raise RunError(
                    f"{path} is in the way: this run did not write it, but will write a file of that name. Move it "
                    "elsewhere or give it another name, then resume."
                )
    if is_old:
        kept.sort(key=lambda row: row[0])
        lines = [json.dumps({"nimg": nimg, "file": key, "sha256": digest}) for nimg, key, digest in kept]
        data = "".join(f"{line}\n" for line in lines).encode()
        return Cut(deleted, {folder / MANIFEST: data} if data else {})
    lasting = [
        line for line, (part, nimg, _) in _lines(folder) if nimg <= reached and _is_planned(part, nimg, config)
    ]
    return Cut(deleted, {folder / MANIFEST: b"".join(line + b"\n" for line in lasting)})


def cut_lines(path: Path, cur_nimg: int) -> dict[Path, bytes]:
    """Return a log with its lines up to image `cur_nimg`, none where that is 0; nothing where there is no log."""
    if not path.exists():
        return {}
    kept = []
    for line, record in files.raw_jsonl(path):
        nimg = record.get("cur_nimg")
        if not isinstance(nimg, int) or isinstance(nimg, bool):
            raise RunError(f"{path} has a line without its image count; restore it from a copy, or delete that line.")
        if nimg <= (cur_nimg or -1):
            kept.append(line + b"\n")
    return {path: b"".join(kept)}


def _named(folder: Path, part: str) -> Iterator[tuple[int, Path]]:
    """Yield what has a name of a part's files, with its image count, in order."""
    begin, end = PARTS[part]
    found = []
    for path in (folder / part).glob(f"{begin}*{end}"):
        digits = path.name[len(begin) : -len(end)]
        if digits.isdecimal() and digits.isascii() and path.name == file_name(part, int(digits[:18])):
            found.append((int(digits), path))
    yield from sorted(found)


def _may_write(part: str, nimg: int, config: TrainConfig) -> bool:
    """Return whether this run may ever write a part's file at an image count; an interruption adds a snapshot."""
    if part == "snapshots":
        return nimg > 0 and schedule.is_step_end(nimg, config)
    return _is_planned(part, nimg, config)


def _is_planned(part: str, nimg: int, config: TrainConfig) -> bool:
    interval = config.sample_nimg if part == "samples" else config.snapshot_nimg
    return schedule.is_step_end(nimg, config) and schedule.is_planned(interval or 1, nimg, config)


def _is_file(path: Path) -> bool:
    """Return whether a path is a regular file itself, not a link to one."""
    return stat.S_ISREG(path.lstat().st_mode)


def _digest(path: Path) -> str:
    try:
        return files.sha256_file(path)
    except OSError as error:
        raise RunError(f"{path} cannot be read: {files.why(error)}.") from error


def _read(folder: Path) -> dict[str, set[str]]:
    """Return the SHA-256 of everything the manifest knows, by `part/name`; of several writings all count."""
    known: dict[str, set[str]] = {}
    for _, (part, nimg, digest) in _lines(folder):
        known.setdefault(f"{part}/{file_name(part, nimg)}", set()).add(digest)
    return known


def _lines(folder: Path) -> Iterator[tuple[bytes, tuple[str, int, str]]]:
    """Yield every line of the manifest with its part, image count and SHA-256; other content is a `RunError`."""
    path = folder / MANIFEST
    for line, record in files.raw_jsonl(path):
        nimg, digest = record.get("nimg"), record.get("sha256")
        part = str(record.get("file")).partition("/")[0]
        if (
            part not in PARTS or not isinstance(nimg, int) or isinstance(nimg, bool) or not 0 <= nimg < 10**18
            or not isinstance(digest, str) or not _SHA256.fullmatch(digest)
            or record["file"] != f"{part}/{file_name(part, nimg)}"
        ):  # fmt: skip
            raise RunError(f"{path} has a line that no run writes ({line[:80]!r}). Restore it from a copy.")
        yield line, (part, nimg, digest)
