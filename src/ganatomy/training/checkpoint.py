"""Checkpoints (everything needed to continue) and snapshots (G_ema for use), crash-safe and without pickle.

A checkpoint is a folder written under a temporary name: each file is flushed to disk, the manifest with sizes
and SHA-256 comes last, then the folder is renamed. Whatever moment a process dies at, the folders under their
final names are whole; `load_newest` verifies them all the same and falls back, loudly, to the one before. The manifest
names the training, so that another's checkpoint is never taken for one's own. Only these three files and folders that
hold nothing else are ever removed.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import safetensors
import safetensors.torch
from torch import Tensor

from .. import files
from ..errors import CheckpointError, OutputError, RunError, StorageError
from . import belongings
from .state import TrainState

_FILES = _TENSORS, _COUNTERS, _MANIFEST = "state.safetensors", "counters.json", "manifest.json"
_NAME = re.compile(r"checkpoint-([0-9]{9,18})")
_UNFINISHED = re.compile(r"\.checkpoint-[0-9]{9,18}\.([0-9]{1,18})\.tmp")


class Checkpointed(Protocol):
    """What checkpoints need of the state of a training, of a GAN or of a feature network."""

    @property
    def cur_nimg(self) -> int:
        """Images seen so far; names the checkpoint."""

    @property
    def keep_checkpoints(self) -> int:
        """How many of the newest planned checkpoints stay on disk."""

    @property
    def identity(self) -> str:
        """What tells this training's checkpoints from another's; empty where something else does."""

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
    """Return a run's checkpoint folders, oldest first; links and folders of other people's are left out."""
    return [path for path in _named(folder) if _may_be_ours(path)]


def _named(folder: Path) -> list[Path]:
    """Return what has a checkpoint's name, by image count."""
    parent = folder / "checkpoints"
    found = (parent / name for name in _inside(parent) if _NAME.fullmatch(name))
    return sorted((path for path in found if path.name == _name(nimg_of(path))), key=nimg_of)


def _inside(folder: Path) -> list[str]:
    """Return the names inside a folder, none where there is no folder."""
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise RunError(f"{folder} cannot be read: {files.why(error)}.") from error


def nimg_of(path: Path) -> int:
    """Return the images seen by a checkpoint, from its folder's name."""
    return int(path.name.removeprefix("checkpoint-"))


def _name(nimg: int) -> str:
    return f"checkpoint-{nimg:09d}"


def _may_be_ours(path: Path) -> bool:
    """Return whether a path is a folder itself with a checkpoint's files in it, or with nothing."""
    if path.is_symlink() or not path.is_dir():
        return False
    inside = _inside(path)
    return not inside or any(name in _FILES for name in inside)


def save(folder: Path, state: Checkpointed) -> Path:
    """Write a checkpoint of `state` into the run folder, then drop all but the newest few; return its path."""
    final = folder / "checkpoints" / _name(state.cur_nimg)
    try:
        _remove_unfinished(files.own_folder(folder, "checkpoints"))
        if not _is_own(final, state.identity):  # else it is there: the same image count of the same run, the same bytes
            _write(final, state)
        _drop_old(folder, state, final)
    except (OSError, StorageError, OutputError) as error:
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
    listed = {name: {"size": len(data), "sha256": files.sha256(data)} for name, data in contents.items()}
    manifest = {"schema": files.SCHEMA, "files": listed}
    if state.identity:
        manifest["training"] = state.identity
    contents[_MANIFEST] = _json_bytes(manifest)
    try:
        temporary.mkdir()
        for name, data in contents.items():
            files.write_bytes(temporary / name, data)
        files.fsync_folder(temporary)
        _make_room(final, state.identity)
        os.replace(temporary, final)
    except (OSError, StorageError):
        _remove(temporary)
        raise
    files.fsync_folder(final.parent)


def _make_room(final: Path, identity: str) -> None:
    """Remove a damaged checkpoint of ours; what is not ours is a `StorageError`, never removed."""
    if not os.path.lexists(final):
        return
    if why := _in_the_way(final, identity):
        raise StorageError(f"{final} is in the way: {why}. Move it elsewhere")
    _remove(final)


def _remove(path: Path) -> None:
    """Remove a checkpoint's own files, the manifest first, and its folder if nothing else is in it."""
    files.remove_files(path / name for name in (_MANIFEST, _TENSORS, _COUNTERS))
    files.remove_unfinished(path)
    with contextlib.suppress(OSError):  # it holds what somebody else put there
        path.rmdir()


def _remove_unfinished(parent: Path) -> None:
    """Remove the checkpoints that killed processes did not finish."""
    for path in parent.glob(".checkpoint-*.tmp"):
        match = _UNFINISHED.fullmatch(path.name)
        if match and path.is_dir() and not path.is_symlink() and not files.may_be_alive(int(match[1]), path):
            _remove(path)


def _in_the_way(path: Path, identity: str) -> str:
    """Return why a path at a checkpoint's place cannot be replaced, nothing where it is a checkpoint of ours."""
    if path.is_symlink() or not path.is_dir():
        return "it is no folder of ours"
    if strange := sorted(set(_inside(path)) - set(_FILES)):
        return f"it holds files that ganatomy did not write ({', '.join(strange[:3])})"
    return "" if _is_of(path, identity) else "it is a checkpoint of another training"


def check_places(folder: Path, state: Checkpointed) -> None:
    """Raise a `RunError` where people's folders, or another training's checkpoints, stand where the state will go."""
    for path in _named(folder):
        is_ahead = state.cur_nimg < nimg_of(path) and state.is_planned(nimg_of(path))
        if is_ahead and (why := _in_the_way(path, state.identity)):
            raise RunError(f"{path} is in the way: {why}. Move it elsewhere, then resume the run.")


def clear(folder: Path) -> None:
    """Remove all checkpoints of a finished training, and their folder if nothing else is in it."""
    for path in checkpoints(folder):
        _remove(path)
    parent = folder / "checkpoints"
    _remove_unfinished(parent)
    if not parent.is_symlink() and parent.is_dir() and not _inside(parent):
        parent.rmdir()


def _drop_old(folder: Path, state: Checkpointed, newest: Path) -> None:
    """Keep `newest` and the newest few that an undisturbed run saves too.

    One that an interruption added goes as soon as it is not the newest, and never takes the place of another, so a
    resumed run ends with the same checkpoints.
    """
    found = [path for path in checkpoints(folder) if _is_of(path, state.identity)]
    planned = [path for path in found if state.is_planned(nimg_of(path))]
    for old in found:
        if old != newest and old not in planned[-state.keep_checkpoints :]:
            _remove(old)


def verify(path: Path) -> None:
    """Check a checkpoint's files against its manifest; raises `Damaged` with what is wrong."""
    listed = _manifest(path).get("files")
    for name in (_TENSORS, _COUNTERS):
        entry = listed.get(name) if isinstance(listed, dict) else None
        size = entry.get("size") if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or not isinstance(size, int):
            raise Damaged(f"its manifest does not list {name}")
        try:
            if (path / name).stat().st_size != size or files.sha256(_bytes(path / name)) != entry.get("sha256"):
                raise Damaged(f"{name} does not match the manifest")
        except OSError as error:
            raise Damaged(f"{name} cannot be read: {files.why(error)}") from error
    nimg = _record(path, _COUNTERS).get("cur_nimg")
    if nimg is not None and nimg != nimg_of(path):
        raise Damaged(f"it holds a training after {nimg} images, not {nimg_of(path):,}")


def _bytes(path: Path) -> bytes:
    """Return the bytes of a regular file, however large."""
    try:
        return files.read_bytes(path, path.stat().st_size)
    except (OSError, RunError) as error:
        raise Damaged(f"it cannot be read: {error}") from error


def _record(path: Path, name: str) -> dict[str, Any]:
    try:
        return files.read_json(path / name)
    except RunError as error:
        raise Damaged(f"it cannot be read: {error}") from error


def _manifest(path: Path) -> dict[str, Any]:
    return _record(path, _MANIFEST)


def _is_of(path: Path, identity: str) -> bool:
    """Return whether nothing says that a checkpoint is another training's; earlier versions noted nothing."""
    try:
        return not identity or _manifest(path).get("training", identity) == identity
    except Damaged:
        return True


def is_good(path: Path) -> bool:
    """Return whether a checkpoint verifies."""
    try:
        verify(path)
    except Damaged:
        return False
    return True


def _is_own(path: Path, identity: str) -> bool:
    return path in checkpoints(path.parent.parent) and is_good(path) and _is_of(path, identity)


def newest_good(folder: Path, identity: str = "") -> Path | None:
    """Return the newest checkpoint that verifies (and is of the training with that identity, if given), or None."""
    found = (path for path in reversed(checkpoints(folder)) if _is_of(path, identity))
    return next((path for path in found if is_good(path)), None)


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors and counters of one verified checkpoint."""
    return safetensors.torch.load(_bytes(path / _TENSORS)), _record(path, _COUNTERS)


def shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a checkpoint's tensors by name, from the head of the file; raises `Damaged`."""
    try:
        with safetensors.safe_open(path / _TENSORS, framework="pt") as tensors:
            return {name: tuple(tensors.get_slice(name).get_shape()) for name in tensors.keys()}  # noqa: SIM118
    except (OSError, safetensors.SafetensorError) as error:
        raise Damaged(f"{path / _TENSORS} cannot be read: {error}") from error


def load_newest(folder: Path, state: Checkpointed, warn: Callable[[str], None]) -> bool:
    """Load the newest checkpoint that verifies into `state`; return False where the run never saved one.

    Damaged checkpoints, and those of another training, are named through `warn`.

    Raises:
        CheckpointError: all are damaged.
        RunError: all are of another training.
    """
    found = checkpoints(folder)
    own = [path for path in found if _is_of(path, state.identity)]
    for path in found:
        if path not in own:
            warn(f"checkpoint {path} is of another training; it is left alone.")
    for path in reversed(own):
        try:
            verify(path)
            state.load(*read(path))
            return True
        except (Damaged, safetensors.SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
            warn(f"checkpoint {path} is damaged ({error}); trying the one before it.")
    if own:
        raise CheckpointError(
            f"all {len(own)} checkpoints in {folder / 'checkpoints'} are damaged. Restore one from a copy, or start a "
            f"new run; the snapshots of {folder} are not concerned and can be sampled and measured."
        )
    if found:
        raise RunError(
            f"the checkpoints in {folder / 'checkpoints'} are of another training than {folder / 'config.json'} "
            "describes: one of the two was changed or copied here. Restore what was there, or start a new run."
        )
    return False


def save_snapshot(folder: Path, state: TrainState) -> None:
    """Write G_ema with batch-norm statistics of its own as `snapshots/G_ema-<images>.safetensors`; none at 0."""
    if state.cur_nimg == 0:
        return
    weights = state.usable_generator().state_dict()
    tensors = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
    belongings.put(folder, "snapshots", state.cur_nimg, safetensors.torch.save(tensors))


def _json_bytes(record: dict[str, Any]) -> bytes:
    return (json.dumps(record, indent=1, sort_keys=True, allow_nan=False) + "\n").encode("utf-8")
