"""One training from its run folder: pick up the newest checkpoint, train to the end, keep the status honest."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch

from .. import config as configuration
from .. import device, files, images
from ..config import TrainConfig
from ..datasets.store import Dataset
from ..errors import DataError, GanatomyError, RunError, StorageError
from ..progress import Progress
from . import checkpoint, distributed, engine, loop, runlog, shapes
from .distributed import ALONE, Group
from .run import Run, failure_state, open_run, write_status
from .state import TrainState


class Watch(Protocol):
    """Whoever looks at a training while it runs (metrics.watch, which this row may not import)."""

    @property
    def hooks(self) -> Sequence[tuple[int, loop.Hook]]:
        """Functions of the state with their intervals in images."""

    def note(self) -> str:
        """Return a word for the progress line."""


def configure(
    config: TrainConfig,
    dataset: Dataset,
    asked: dict[str, Any],
    say: Callable[[str], None],
    threads: tuple[int, str] | None = None,
) -> TrainConfig:
    """Return a preset's full configuration: settings asked for, the data's shape, device and threads with reasons.

    `threads` is a number of CPU threads that was chosen already, with its reason.
    """
    device_name, device_reason = device.choose_device(asked.get("device", "auto"))
    num_threads, threads_reason = threads or device.choose_threads(
        asked.get("num_threads"), distributed.num_on_machine()
    )
    say(f"device: {device_name} ({device_reason}); CPU threads: {num_threads} ({threads_reason}).")
    decided = {"device": str(device_name), "num_threads": num_threads, "num_processes": distributed.num_launched()}
    decided |= dataset.settings()
    decided |= engine.choose(asked, device_name, num_threads, say)
    config = dataclasses.replace(config, **asked | decided)
    for name in ("adam_beta1", "adam_beta2"):
        if name in asked and config.optimizer != "adam":
            say(f"warning: {name} is not used by {config.optimizer}; it is ignored.")
    if "num_epochs" in asked and config.total_nimg is not None:
        say("warning: num_epochs is ignored, since total_nimg was given.")
    return configuration.resolve(config)


def run_training(
    run: Run,
    dataset: Dataset,
    *,
    say: Callable[[str], None],
    should_stop: Callable[[], bool] = lambda: False,
    watch: Watch | None = None,
    group: Group = ALONE,
) -> Iterator[Progress]:
    """Train a run from its newest checkpoint (or from 0) to the end; yields a progress record per tick.

    One process may write a run folder at a time; of a `group` it is the first. `say` receives what was decided, in
    words; errors are recorded in status.json before they are raised. `watch` looks at the state in mid-run, and its
    word stands in the progress records.
    """
    config = run.config
    if dataset.sha256 != config.data_sha256:
        raise DataError(
            f"{run.folder} was trained on {config.data} with hash {config.data_sha256[:12]}..., "
            f"the data found has {dataset.sha256[:12]}...; continue it with the same data."
        )
    distributed.check_split(config.batch_size, config.total_nimg or config.batch_size, group)
    with files.one_writer(run.folder) if group.is_first else contextlib.nullcontext():
        device.choose_device(config.device)
        engine.prepare(config)
        _warn_about_changes(run, group, say)
        state = TrainState(config, torch.device(config.device), group)
        if checkpoint.load_newest(run.folder, state, say):
            say(f"{run.name}: continuing at {state.cur_nimg:,} of {config.total_nimg:,} images.")
        elif config.init_from:
            state.start_from(read_weights(Path(config.init_from)))
            say(f"{run.name}: starting from the weights of {config.init_from}.")
        group.wait()  # all have read before the first one writes
        if group.is_first:
            runlog.cut_back(run.folder, config, state.cur_nimg)
            write_status(run, "running", state.cur_nimg)
            _save_real(run, dataset)
        stream = engine.image_stream(dataset.train, config, state.device)
        try:
            for progress in loop.train(state, stream, run.folder, watch.hooks if watch else (), should_stop):
                yield dataclasses.replace(progress, note=watch.note() if watch else "")
        except GanatomyError as error:
            _record_failure(run, error, state)
            raise
        except OSError as error:
            failure = StorageError(f"writing {run.folder} failed: {error}. Free some space, then resume the run.")
            _record_failure(run, failure, state)
            raise failure from error
        if group.is_first:
            write_status(run, "finished", state.cur_nimg)


def _save_real(run: Run, dataset: Dataset) -> None:
    """Write `real.png`: up to 64 training images from all over the set, for people."""
    path = run.folder / "real.png"
    if not path.exists():
        chosen = torch.linspace(0, len(dataset.train) - 1, min(64, len(dataset.train))).long()
        images.save_png(path, images.grid(dataset.train.images[chosen], num_columns=16, gap_px=2))


def _record_failure(run: Run, error: GanatomyError, state: TrainState) -> None:
    if not state.group.is_first:
        return
    with contextlib.suppress(StorageError):  # on a full disk what stopped the run matters more than its status
        write_status(run, failure_state(error), state.cur_nimg, str(error))


def read_weights(folder: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of another run's newest good checkpoint, for a warm start."""
    good = checkpoint.newest_good(open_run(folder).folder)
    if good is None:
        raise RunError(f"{folder} has no checkpoint to start from.")
    return checkpoint.read(good)[0]


def _warn_about_changes(run: Run, group: Group, say: Callable[[str], None]) -> None:
    config, num = run.config, group.size
    if config.num_processes != num:
        say(
            f"warning: this run was begun by {config.num_processes} and goes on with {num} at a time (processes): the "
            f"same images and latents, but batch norm now sees {config.batch_size // num} images at a time."
        )
    before, now = shapes.ENVIRONMENT.read(run.folder / "environment.json"), device.environment()
    for name in ("cpu", "packages"):
        if before.get(name, now[name]) != now[name]:
            say(f"warning: {name} changed since the run's start ({before[name]} -> {now[name]}); numbers may differ.")
