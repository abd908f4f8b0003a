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
from ..datasets import enough
from ..datasets.store import Dataset
from ..errors import DataError, GanatomyError, MidRunError, RunError, StorageError, memory_in_words
from ..progress import Progress
from . import belongings, checkpoint, distributed, engine, loop, memory, runlog, shapes, warm_start
from .distributed import ALONE, Group
from .run import Run, failure_state, write_status
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
    warn_of_size(dataset, config.batch_size, say)
    for name in ("adam_beta1", "adam_beta2"):
        if name in asked and config.optimizer != "adam":
            say(f"warning: {name} is not used by {config.optimizer}; it is ignored.")
    if "num_epochs" in asked and config.total_nimg is not None:
        say("warning: num_epochs is ignored, since total_nimg was given.")
    config = configuration.resolve(config)
    memory.check(config)
    return config


def warn_of_size(dataset: Dataset, batch_size: int, say: Callable[[str], None]) -> None:
    """Say what a set is too small for, before anything is trained on it."""
    num_train, num_test = len(dataset.train), len(dataset.test)
    for text in (enough.told(num_train, num_test), enough.proportion(num_train, batch_size)):
        if text:
            say(f"warning: {text}")


def run_training(
    run: Run,
    dataset: Dataset,
    *,
    say: Callable[[str], None],
    should_stop: Callable[[], bool] = lambda: False,
    watch: Watch | None = None,
    group: Group = ALONE,
    num_threads: int | None = None,
) -> Iterator[Progress]:
    """Train a run from its newest checkpoint (or from 0) to the end; yields a progress record per tick.

    One process may write a run folder at a time; of a `group` it is the first. `say` receives what was decided, in
    words. Until the first write every error leaves the folder as it was; later ones have exit code 1, and status.json
    names them before they are raised. `watch` looks at the state in mid-run, and its word stands in the progress
    records. Where this machine lacks the run's device the CPU goes on, with `num_threads`.
    """
    config = engine.as_possible_here(run.config, say, num_threads)
    if dataset.sha256 != config.data_sha256:
        raise DataError(
            f"{run.folder} was trained on {config.data} with hash {config.data_sha256[:12]}..., "
            f"the data found has {dataset.sha256[:12]}...; continue it with the same data."
        )
    distributed.check_split(config.batch_size, config.total_nimg or config.batch_size, group)
    belongings.check_links(run.folder)
    with contextlib.ExitStack() as held:
        # all have read before the first one writes
        state, cut = group.in_turn(lambda: _prepared(run, config, group, say, held))
        group.has_run = True
        try:
            if group.is_first:
                _begin(run, dataset, cut, state.cur_nimg)
            stream = engine.image_stream(dataset.train, config, state.device)
            with memory_in_words():
                for progress in loop.train(state, stream, run.folder, watch.hooks if watch else (), should_stop):
                    yield dataclasses.replace(progress, note=watch.note() if watch else "")
        except (GanatomyError, OSError) as error:
            failure = _in_mid_run(run, error)
            _record_failure(run, failure, state)
            raise failure from error.__cause__ if failure is error else error
        if group.is_first:
            write_status(run, "finished", state.cur_nimg)


def _prepared(
    run: Run, config: TrainConfig, group: Group, say: Callable[[str], None], held: contextlib.ExitStack
) -> tuple[TrainState, belongings.Cut]:
    """Return the state that training goes on from, and what is to be cut back; the first process holds the lock."""
    if group.is_first:
        held.enter_context(files.one_writer(run.folder))
    device.choose_device(config.device)
    memory.check(config)
    engine.prepare(config)
    _warn_about_changes(run, group, say)
    state = TrainState(config, torch.device(config.device), group)
    if checkpoint.load_newest(run.folder, state, say):
        say(f"{run.name}: continuing at {state.cur_nimg:,} of {config.total_nimg:,} images.")
    elif config.init_from:
        say(warm_start.start(state, Path(config.init_from), run.name))
    checkpoint.check_places(run.folder, state)
    return state, runlog.plan_cut(run.folder, config, state.cur_nimg)


def _begin(run: Run, dataset: Dataset, cut: belongings.Cut, cur_nimg: int) -> None:
    """Write for the first time: nothing before this changes the folder."""
    for folder in (run.folder, *(run.folder / part for part in belongings.PARTS)):
        files.remove_unfinished(folder)
    cut.apply()
    write_status(run, "running", cur_nimg)
    _save_real(run, dataset)


def _in_mid_run(run: Run, error: GanatomyError | OSError) -> GanatomyError:
    """Return the error that a run ends with once it has begun: whatever it is, it was not refused before work."""
    if not run.folder.is_dir():
        return StorageError(
            f"{run.folder} is gone: it was removed or renamed while the training went on, which has stopped. Where it "
            "still exists under another name, resume it there; else start the run again."
        )
    if isinstance(error, OSError):
        return StorageError(f"writing {run.folder} failed: {error}. Free some space, then resume the run.")
    if error.exit_code != 2:
        return error
    failure = MidRunError(str(error))
    failure.is_said_here = error.is_said_here
    return failure


def _save_real(run: Run, dataset: Dataset) -> None:
    """Write `real.png`: up to 64 training images from all over the set, for people."""
    path = run.folder / "real.png"
    if not path.exists():
        chosen = torch.linspace(0, len(dataset.train) - 1, min(64, len(dataset.train))).long()
        images.save_png(path, images.grid(dataset.train.images[chosen], num_columns=16, gap_px=2))


def _record_failure(run: Run, error: GanatomyError, state: TrainState) -> None:
    if not state.group.is_first:
        return
    # On a full disk, or where the folder is gone, what stopped the run matters more than its status.
    with contextlib.suppress(StorageError, RunError):
        write_status(run, failure_state(error), state.cur_nimg, str(error))


def _warn_about_changes(run: Run, group: Group, say: Callable[[str], None]) -> None:
    config, num = run.config, group.size
    if config.num_processes != num:
        say(
            f"warning: this run was begun by {config.num_processes} and goes on with {num} at a time (processes): the "
            f"same images and latents, but batch norm now sees {config.batch_size // num} images at a time."
        )
    wished = device.wished_threads()
    if wished is not None and wished != config.num_threads and device.is_here(config.device):
        say(
            f"OMP_NUM_THREADS is {wished}, but the run goes on with its own {config.num_threads} CPU threads, which "
            "are part of an exact continuation."
        )
    now = device.environment()
    try:
        before = shapes.ENVIRONMENT.read(run.folder / "environment.json")
    except RunError as error:  # a training needs it for nothing but this comparison
        say(f"warning: {error} So it is not known what changed since the run's start; numbers may differ.")
        return
    for name in ("cpu", "packages"):
        if before.get(name) != now[name]:
            was = before.get(name, "not recorded")
            say(f"warning: {name} changed since the run's start ({was} -> {now[name]}); numbers may differ.")
