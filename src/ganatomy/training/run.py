"""A run folder: made, opened and read. The one record that every other part works from."""

from __future__ import annotations

import datetime
import os
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from torch import nn

from .. import config as configuration
from .. import device, files, paths
from ..config import TrainConfig
from ..errors import GanatomyError, OutputError, RunError
from ..models import registry
from . import belongings, checkpoint, shapes
from .snapshots import Snapshot, hashed


@dataclass(frozen=True)
class Run:
    """One run folder. `open_run` checks that it is one; the properties read what is on disk now."""

    folder: Path

    def __fspath__(self) -> str:
        return str(self.folder)

    @property
    def name(self) -> str:
        """The folder's name, inside a group with the group's name before it."""
        return files.run_name(self.folder)

    @property
    def config(self) -> TrainConfig:
        """The configuration the run was started with."""
        return configuration.read(self.folder / "config.json")

    @property
    def status(self) -> dict[str, Any]:
        """`state` (running, finished, interrupted, diverged, failed), `cur_nimg`, `total_nimg`, `message`."""
        return shapes.STATUS.read(self.folder / "status.json")

    @property
    def is_finished(self) -> bool:
        """Whether training reached its total number of images."""
        return (self.folder / "status.json").exists() and self.status["state"] == "finished"

    def stats(self) -> list[dict[str, Any]]:
        """Return the lines of stats.jsonl."""
        return list(shapes.STATS.lines(self.folder / "stats.jsonl"))

    def snapshots(self) -> dict[int, Path]:
        """Return the snapshots by images seen, oldest first."""
        return belongings.written(self.folder, "snapshots")

    def samples(self) -> dict[int, Path]:
        """Return the pictures of the fixed latents by images seen, oldest first."""
        return belongings.written(self.folder, "samples")

    @property
    def snapshot_nimg(self) -> int:
        """Images seen by the newest snapshot."""
        return max(self._existing_snapshots())

    @property
    def snapshot(self) -> Snapshot:
        """The newest snapshot."""
        found = self._existing_snapshots()
        return hashed(max(found), found[max(found)])

    def generator(self, device_name: str = "cpu") -> nn.Module:
        """Return the newest G_ema in eval mode: z [N, z_dim] -> image [N, C, H, W] in [-1, 1]."""
        return self.opened(device_name)[0]

    def opened(self, device_name: str = "cpu") -> tuple[nn.Module, Snapshot]:
        """Return the newest G_ema as `generator` does, and which snapshot it is; a training may write the next one."""
        nimg, path = max(self._existing_snapshots().items())
        network = registry.read_generator(path, self.config)
        return network.requires_grad_(False).eval().to(device_name), hashed(nimg, path)

    def discriminator(self, device_name: str = "cpu", nimg: int | None = None) -> nn.Module | None:
        """Return D as it stood at a snapshot (None: the newest), in eval mode: image [N, C, H, W] -> logits [N].

        Images are in [-1, 1]. It is in the checkpoint of the same image count; None where that is gone or damaged.
        """
        found = {checkpoint.nimg_of(path): path for path in checkpoint.checkpoints(self.folder)}
        path = found.get(self.snapshot_nimg if nimg is None else nimg)
        if path is None or not checkpoint.is_good(path):
            return None
        tensors, _ = checkpoint.read(path)
        weights = {name.removeprefix("D."): value for name, value in tensors.items() if name.startswith("D.")}
        network = registry.build_discriminator(self.config)
        try:
            network.load_state_dict(weights)
        except RuntimeError as error:
            raise RunError(f"{path} is a checkpoint of another network: {error}. Remove that folder.") from error
        return network.requires_grad_(False).eval().to(device_name)

    def _existing_snapshots(self) -> dict[int, Path]:
        found = self.snapshots()
        if not found:
            raise RunError(f"{self.folder} has no snapshot yet; let the run reach its first one, or resume it.")
        return found


def create_run(folder: Path, config: TrainConfig, command: str, data: dict[str, Any] | None = None) -> Run:
    """Write a new run's folder: environment.json, command.txt, data.json and, last, config.json; return the run.

    `data` is what `Dataset.describe` says of the training data; without it there is no data.json. A folder that holds
    anything but what a killed start left is refused.
    """
    check_free(folder)
    files.make_folder(folder)
    files.remove_unfinished(folder)
    files.write_json(folder / "environment.json", device.environment())
    files.write_text(folder / "command.txt", command + "\n")
    if data is not None:
        files.write_json(folder / "data.json", data)
    files.write_json(folder / "config.json", config.to_dict())
    return Run(folder)


def check_free(folder: Path, own: Collection[str] = ()) -> None:
    """Refuse a folder that holds a run or a group of runs already, or anything else, as a place for a new run.

    What a killed start left is no hindrance, nor what has a name in `own`.
    """
    if paths.exists(folder) and not paths.is_dir(folder):
        raise OutputError(f"the output folder {folder} cannot be written: it is no folder. Choose another with --out.")
    for name, kind in (("config.json", "run"), (files.GROUP_RECORD, "group of runs")):
        if paths.exists(folder / name):
            raise RunError(
                f"{folder} already holds a {kind}. Continue it with `ganatomy train --resume {folder}`, "
                "or choose another --out."
            )
    check_empty(folder, {*own, *_left_by_a_start(folder)})


def check_empty(folder: Path, own: Collection[str] = ()) -> None:
    """Refuse a folder that holds something with a name that is not in `own`; our lock and dead temporary files are."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError(f"{folder} cannot be used: {files.why(error)}. Choose another with --out.") from error
    strange = sorted(name for name in names if name not in own and not files.is_passing(folder / name))
    if strange:
        told = ", ".join(strange[:3]) + (", ..." if len(strange) > 3 else "")
        raise RunError(
            f"{folder} is not empty but holds {told}; nothing there is touched. Give a new folder for what is made, "
            f"for example --out {folder / 'run'}."
        )


def _left_by_a_start(folder: Path) -> list[str]:
    """Return the files that a start, killed before its config.json, left in a folder; none if in doubt.

    They are known by what is in them, in the order in which they are written.
    """
    left: list[str] = []
    for name, keys in (("environment.json", {"ganatomy", "cpu"}), ("command.txt", set()), ("data.json", {"sha256"})):
        path = folder / name
        if path.is_symlink() or not path.is_file():
            break
        if keys:
            try:
                if not keys <= set(files.read_json(path)):
                    break
            except RunError:
                break
        left.append(name)
    return left


def open_run(path: str | PathLike[str]) -> Run:
    """Return the run at a folder; a `RunError` says what is missing where it is not one."""
    folder = Path(path)
    if not paths.is_dir(folder):
        raise RunError(f"{folder} is not a folder; give the folder of a run, as printed by `ganatomy train`.")
    if not paths.exists(folder / "config.json"):
        inside = " It is a lab: give one of the runs inside its runs/ folder." if (folder / "lab.json").exists() else ""
        if (folder / files.GROUP_RECORD).exists():
            inside = " It is a group of runs: give one of the runs inside it."
        raise RunError(f"{folder} is not a run: it has no config.json.{inside}")
    run = Run(folder)
    _ = run.config
    return run


def write_status(run: Run, state: str, cur_nimg: int, message: str = "") -> None:
    """Write status.json."""
    total_nimg = run.config.total_nimg
    record = {"state": state, "cur_nimg": cur_nimg, "total_nimg": total_nimg, "message": message}
    files.write_json(run.folder / "status.json", record)


def failure_state(error: GanatomyError) -> str:
    """Return the status word for the error that ended a run."""
    return {"Interrupted": "interrupted", "DivergedError": "diverged"}.get(type(error).__name__, "failed")


def new_run_name(preset: str, seed: int) -> str:
    """Return a run's folder name: preset, seed, local time and four random hex digits."""
    stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    return f"{preset}-s{seed}-{stamp}-{secrets.token_hex(2)}"
