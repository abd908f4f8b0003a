"""Checkpoints (everything needed to continue) and snapshots (G_ema for use), crash-safe and without pickle.

A checkpoint is a folder written under a temporary name: each file is flushed to disk, the manifest with sizes
and SHA-256 comes last, then the folder is renamed. Whatever moment a process dies at, the folders under their
final names are whole; `load_newest` verifies them all the same and falls back, loudly, to the one before.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import safetensors
import safetensors.torch
from torch import Tensor

from .. import files
from ..errors import CheckpointError, RunError, StorageError
from . import shapes
from .state import TrainState

_TENSORS, _COUNTERS, _MANIFEST = "state.safetensors", "counters.json", "manifest.json"
MAX_BYTES = 2**34
"""Largest file of a checkpoint that is read."""


class Checkpointed(Protocol):
    """What checkpoints need of the state of a training, of a GAN or of a feature network."""

    @property
    def cur_nimg(self) -> int:
        """Images seen so far; names the checkpoint."""

    @property
    def keep_checkpoints(self) -> int:
        """How many of the newest planned checkpoints stay on disk."""

    def is_planned(self, nimg: int) -> bool:
        """Return whether an undisturbed training saves a checkpoint at `nimg` images."""

    def tensors(self) -> dict[str, Tensor]:
        """Return every changing tensor by name, on the CPU."""

    def counters(self) -> dict[str, Any]:
        """Return every changing number by name, as JSON values."""

    def load(self, tensors: dict[str, Tensor], counters: dict[str, Any]) -> None:
        """Continue from what `tensors` and `counters` returned; a missing or misshaped entry raises."""


class Damaged(Exception):
    """Internal: a checkpoint folder fails verification; the text says how."""


def checkpoints(folder: Path) -> list[Path]:
    """Return a run's checkpoint folders, oldest first."""
    found = (path for path in (folder / "checkpoints").glob("checkpoint-*") if path.is_dir())
    return sorted((path for path in found if _number(path).isdecimal()), key=nimg_of)


def nimg_of(path: Path) -> int:
    """Return the images seen by a checkpoint, from its folder's name."""
    return int(_number(path))


def _number(path: Path) -> str:
    return path.name.removeprefix("checkpoint-")


def save(folder: Path, state: Checkpointed) -> Path:
    """Write a checkpoint of `state` into the run folder, then drop all but the newest few; return its path."""
    parent = folder / "checkpoints"
    final = parent / f"checkpoint-{state.cur_nimg:09d}"
    try:
        parent.mkdir(exist_ok=True)
        for leftover in parent.glob(".checkpoint-*.tmp"):
            shutil.rmtree(leftover)
        if not is_good(final):  # else it is there already: the same image count of the same run, the same bytes
            _write(final, state)
        _drop_old(folder, state, final)
    except (OSError, StorageError) as error:
        good = newest_good(folder)
        kept = f"the last good checkpoint is {good}" if good else "there is no earlier checkpoint"
        raise StorageError(
            f"could not save a checkpoint: {error}; {kept}. Free some space, then resume the run."
        ) from error
    return final


def _write(final: Path, state: Checkpointed) -> None:
    """Write one checkpoint under a temporary name and rename it, in place of a damaged one if there is one."""
    temporary = final.with_name(f".{final.name}.{os.getpid()}.tmp")
    contents = {
        _TENSORS: safetensors.torch.save(state.tensors()),
        _COUNTERS: _json_bytes({"schema": files.SCHEMA, **state.counters()}),
    }
    manifest = {name: {"size": len(data), "sha256": files.sha256(data)} for name, data in contents.items()}
    contents[_MANIFEST] = _json_bytes({"schema": files.SCHEMA, "files": manifest})
    try:
        temporary.mkdir()
        for name, data in contents.items():
            files.write_bytes(temporary / name, data)
        files.fsync_folder(temporary)
        if final.exists():
            shutil.rmtree(final)
        os.replace(temporary, final)
    except (OSError, StorageError):
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    files.fsync_folder(final.parent)


def _drop_old(folder: Path, state: Checkpointed, newest: Path) -> None:
    """Keep `newest` and the newest few that an undisturbed run saves too.

    One that an interruption added goes as soon as it is not the newest, and never takes the place of another, so a
    resumed run ends with the same checkpoints.
    """
    found = checkpoints(folder)
    planned = [path for path in found if state.is_planned(nimg_of(path))]
    for old in found:
        if old != newest and old not in planned[-state.keep_checkpoints :]:
            shutil.rmtree(old)


def verify(path: Path) -> None:
    """Check a checkpoint's files against its manifest; raises `Damaged` with what is wrong."""
    try:
        listed = shapes.MANIFEST.read(path / _MANIFEST)["files"]
        for name in (_TENSORS, _COUNTERS):
            size = listed[name]["size"]
            data = files.read_bytes(path / name, min(size, MAX_BYTES))
            if len(data) != size or files.sha256(data) != listed[name]["sha256"]:
                raise Damaged(f"{name} does not match the manifest")
        shapes.COUNTERS.read(path / _COUNTERS)
    except RunError as error:
        raise Damaged(str(error)) from error


def is_good(path: Path) -> bool:
    """Return whether a checkpoint verifies."""
    try:
        verify(path)
    except Damaged:
        return False
    return True


def newest_good(folder: Path) -> Path | None:
    """Return the newest checkpoint that verifies, or None."""
    return next((path for path in reversed(checkpoints(folder)) if is_good(path)), None)


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors and counters of one verified checkpoint."""
    tensors = safetensors.torch.load(files.read_bytes(path / _TENSORS, MAX_BYTES))
    return tensors, shapes.COUNTERS.read(path / _COUNTERS)


def load_newest(folder: Path, state: Checkpointed, warn: Callable[[str], None]) -> bool:
    """Load the newest checkpoint that verifies into `state`; return False where the run never saved one.

    Damaged checkpoints are named through `warn`; if all are damaged a `CheckpointError` is raised.
    """
    found = checkpoints(folder)
    for path in reversed(found):
        try:
            verify(path)
            state.load(*read(path))
            return True
        except (Damaged, RunError, safetensors.SafetensorError, KeyError, ValueError, RuntimeError) as error:
            warn(f"checkpoint {path} is damaged ({error}); trying the one before it.")
    if found:
        raise CheckpointError(
            f"all {len(found)} checkpoints in {folder / 'checkpoints'} are damaged. Restore one from a copy, "
            f"or start a new run with --init-from and one of the snapshots of {folder}."
        )
    return False


def save_snapshot(folder: Path, state: TrainState) -> None:
    """Write G_ema with batch-norm statistics of its own as `snapshots/G_ema-<images>.safetensors`; none at 0."""
    if state.cur_nimg == 0:
        return
    (folder / "snapshots").mkdir(exist_ok=True)
    weights = state.usable_generator().state_dict()
    tensors = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
    files.write_bytes(folder / "snapshots" / f"G_ema-{state.cur_nimg:09d}.safetensors", safetensors.torch.save(tensors))


def _json_bytes(record: dict[str, Any]) -> bytes:
    return (json.dumps(record, indent=1, sort_keys=True, allow_nan=False) + "\n").encode("utf-8")
