"""A training made to fit a time: a short calibration, a model of what a run costs, and the length that follows from it.

The length is decided once, before the run begins, and is a pure function of the costs measured; from then on the run is
an ordinary one of that length. All intervals are shares of the length, so a short run is a complete one.

    end = start-up + steps * step + blocks * block + epochs * epoch + sum over tasks of count * seconds + first look
"""

from __future__ import annotations

import dataclasses
import math
import os
import platform
import re
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from .. import config as configuration
from .. import device, files, rng
from ..config import TrainConfig
from ..datasets.store import Dataset
from ..errors import ConfigError, DivergedError, Interrupted, RunError
from . import checkpoint, engine, runlog
from .run import Run, create_run
from .session import Watch
from .state import TrainState

MOST_SEC = 366 * 24 * 3600
SHARE, LEAST_SEC, LONGEST_SEC = 0.03, 2.0, 20.0
"""Calibration: this share of the budget spent in steps, but so many seconds at least and at most."""
MARGIN = 0.02
"""Share of the budget that is left free, since a late end is worse than an early one."""
MIN_STEPS = 10
"""A run of fewer steps is not a training; the least budget holds these."""
MOST_ROUNDS = 5
"""Every task is timed so often at most after its first time, and once where that takes long beside the budget."""
CHUNK_SEC = 0.05
_SCRATCH, _MARK = re.compile(r"\.calibration-([0-9]{1,18})-\w+"), "calibration.json"
"""Name of a calibration's folder, with the process at work in it, and the record that says so."""
_BUDGET = re.compile(r"(?:([0-9]+(?:\.[0-9]+)?)h)?(?:([0-9]+(?:\.[0-9]+)?)min)?(?:([0-9]+(?:\.[0-9]+)?)s)?")


def parse_budget(text: str) -> float:
    """Return the seconds of a budget written as 90s, 10min, 0.5h or 1h30min; anything else is a `ConfigError`."""
    match = _BUDGET.fullmatch(text)
    parts = match.groups() if match else ()
    if not any(parts):
        raise ConfigError(
            f"budget {text!r} is not a time; write hours, minutes and seconds with their units and without spaces, as "
            "in 90s, 10min, 0.5h or 1h30min."
        )
    seconds = sum(float(part or 0) * unit for part, unit in zip(parts, (3600, 60, 1)))
    if not 0 < seconds <= MOST_SEC:
        raise ConfigError(f"budget {text!r} is {seconds:g} seconds; it must be more than 0 and at most 8784h (a year).")
    return seconds


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What the parts of a run take here, in seconds."""

    startup_sec: float
    """From the decision to the first step: the run's folder, networks, the step, the health watch."""
    step_sec: float
    """One step on a full batch, with its slices of images and latents."""
    block_sec: float
    """Drawing the latents of a block of 4,096 images."""
    epoch_sec: float
    """Drawing the order of an epoch."""
    usable_sec: float
    """Batch-norm statistics of G_ema, once for all that is pictured at one image count."""
    stats_sec: float
    """A line of stats.jsonl."""
    sample_sec: float
    """A picture of the fixed latents."""
    look_sec: float
    """A look at the run's health, with every picture."""
    first_look_sec: float
    """What the first look takes beyond that."""
    snapshot_sec: float
    """A snapshot."""
    checkpoint_sec: float
    """A checkpoint, flushed to disk."""


@dataclass(frozen=True)
class Decision:
    """What a budget came to."""

    config: TrainConfig
    """The configuration with its length and all intervals fixed."""
    expected_sec: float
    """From the decision to the last file."""
    peak_mem_gb: float
    """Largest memory of the process so far, which has done once all that a run does; 0 where unknown."""
    costs: Costs


def num_tasks(interval_nimg: int, config: TrainConfig, num_steps: int) -> int:
    """Return how often a task of an interval is due after image 0 and before the end of a run of so many full steps."""
    return min(num_steps - 1, config.batch_size * (num_steps - 1) // interval_nimg)


def predict_sec(config: TrainConfig, costs: Costs) -> float:
    """Return the seconds from the decision to the last file, for a resolved configuration."""
    assert config.total_nimg and config.tick_nimg and config.sample_nimg
    assert config.snapshot_nimg and config.checkpoint_nimg
    num_steps = math.ceil(config.total_nimg / config.batch_size)
    ticks, samples, snapshots, checkpoints = (
        num_tasks(interval, config, num_steps) + 1
        for interval in (config.tick_nimg, config.sample_nimg, config.snapshot_nimg, config.checkpoint_nimg)
    )
    at_start = costs.usable_sec + costs.sample_sec + costs.look_sec + costs.first_look_sec
    return (
        costs.startup_sec
        + at_start
        + num_steps * costs.step_sec
        + math.ceil(config.total_nimg / rng.BLOCK_NIMG) * costs.block_sec
        + math.ceil(config.total_nimg / config.num_train) * costs.epoch_sec
        + ticks * costs.stats_sec
        + samples * (costs.sample_sec + costs.look_sec)
        + _num_pictured(config, num_steps) * costs.usable_sec
        + snapshots * costs.snapshot_sec
        + checkpoints * costs.checkpoint_sec
    )


def _num_pictured(config: TrainConfig, num_steps: int) -> int:
    """Return after how many steps something is made with G_ema: a picture or a snapshot, or both at once."""
    assert config.sample_nimg and config.snapshot_nimg
    steps: set[int] = {num_steps}
    for interval in (config.sample_nimg, config.snapshot_nimg):
        if interval <= config.batch_size:
            return num_steps
        count = num_tasks(interval, config, num_steps)
        steps.update(math.ceil(number * interval / config.batch_size) for number in range(1, count + 1))
    return len(steps)


def choose_config(config: TrainConfig, costs: Costs, available_sec: float) -> TrainConfig | None:
    """Return the configuration of the longest run of full steps that fits, resolved; None where not even the least.

    `config` has no length and only those intervals that were asked for. A pure function of its arguments.
    """

    def of(num_steps: int) -> TrainConfig:
        return with_steps(config, num_steps)

    def fits(num_steps: int) -> bool:
        return predict_sec(of(num_steps), costs) <= available_sec

    if not fits(MIN_STEPS):
        return None
    low, high = MIN_STEPS, max(MIN_STEPS + 1, math.ceil(available_sec / max(costs.step_sec, 1e-6)) + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return of(low)


def with_steps(config: TrainConfig, num_steps: int) -> TrainConfig:
    """Return the configuration of a run of so many full steps, resolved."""
    return configuration.resolve(dataclasses.replace(config, total_nimg=num_steps * config.batch_size))


def decide(
    config: TrainConfig, dataset: Dataset, near: Path, *, watch_of: Callable[[Run], Watch],
    elapsed: Callable[[], float], should_stop: Callable[[], bool] = lambda: False,
) -> Decision:  # fmt: skip
    """Calibrate here and now, and return the longest configuration that ends within `config.budget_sec`.

    Args:
        config: The configuration without a length, with only those intervals that were asked for.
        dataset: The data it will train on.
        near: A folder on the disk that the run will be written to; nothing is left in it.
        watch_of: Makes the health watch of a run.
        elapsed: Seconds of the budget that are gone.
        should_stop: Turns true when the user wants to stop.

    Raises:
        ConfigError: the budget cannot hold even the least run; says what could.
    """
    budget_sec = config.budget_sec
    assert budget_sec
    seconds = min(LONGEST_SEC, max(LEAST_SEC, SHARE * budget_sec))
    with _scratch_folder(near) as folder:
        costs = _Calibration(config, dataset, folder, watch_of, should_stop).measure(seconds)
    gone_sec = elapsed()
    chosen = choose_config(config, costs, budget_sec * (1 - MARGIN) - gone_sec)
    if chosen is None:
        least_sec = predict_sec(with_steps(config, MIN_STEPS), costs)
        raise ConfigError(
            f"a budget of {budget_sec:g} s is too small: {gone_sec:.1f} s have gone into starting and calibrating, "
            f"and the shortest run takes {least_sec:.1f} s more. The least budget here is about "
            f"{math.ceil((gone_sec + least_sec) / (1 - MARGIN) + 1)}s."
        )
    return Decision(chosen, predict_sec(chosen, costs), peak_memory_gb(chosen.device), costs)


def peak_memory_gb(device_name: str) -> float:
    """Return the largest memory used so far in GB: the device's for CUDA, else this process's (0 where unknown)."""
    if device_name.startswith("cuda"):
        return torch.cuda.max_memory_allocated() / 1e9
    return device.peak_memory_gb()


@contextmanager
def _scratch_folder(near: Path) -> Iterator[Path]:
    """Make a folder for a calibration and remove it afterwards; those of processes that were killed go first."""
    _remove_leftovers(near)
    folder = Path(tempfile.mkdtemp(prefix=f".calibration-{os.getpid()}-", dir=near))
    try:
        files.write_json(folder / _MARK, _mark())
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _mark() -> dict[str, Any]:
    """Return what a calibration's folder says of the process at work in it."""
    return {"calibration_of": platform.node(), "process": os.getpid()}


def _remove_leftovers(near: Path) -> None:
    """Remove the folders of calibrations whose processes ran on this machine and are dead, and no others."""
    for folder in near.glob(".calibration-*"):
        match = _SCRATCH.fullmatch(folder.name)
        if not match or folder.is_symlink() or not folder.is_dir() or files.may_be_alive(int(match[1]), folder):
            continue
        if not any(folder.iterdir()):  # killed before it was marked
            folder.rmdir()
            continue
        try:
            mark = files.read_json(folder / _MARK)
        except RunError:
            continue
        if {**_mark(), "process": int(match[1])} == {key: mark.get(key) for key in ("calibration_of", "process")}:
            shutil.rmtree(folder, ignore_errors=True)


class _Calibration:
    """A scratch run beside the real one: the same steps and the same tasks, timed."""

    def __init__(
        self, config: TrainConfig, dataset: Dataset, folder: Path, watch_of: Callable[[Run], Watch],
        should_stop: Callable[[], bool],
    ):  # fmt: skip
        self._device, self._should_stop = torch.device(config.device), should_stop
        engine.prepare(config)
        start = time.perf_counter()
        self._run = create_run(folder / "run", configuration.resolve(config), "calibration", dataset.describe())
        self._watch = watch_of(self._run)
        self._state = TrainState(self._run.config, self._device)
        self._stream = engine.image_stream(dataset.train, config, self._device)
        self._latents = rng.LatentStream(config.seed, "train", config.z_dim, self._device)
        self._step = engine.build_step(self._state)
        self._log = runlog.StatsLog(self._run.folder)
        self._settle()
        self._startup_sec = time.perf_counter() - start

    def _settle(self) -> None:
        """Wait for the device, so that a reading of the clock is of work done."""
        if self._device.type == "cuda":
            torch.cuda.synchronize()

    def _timed(self, work: Callable[[], object]) -> float:
        if self._should_stop():
            raise Interrupted("stopped while calibrating.")
        start = time.perf_counter()
        work()
        self._settle()
        return time.perf_counter() - start

    def _steps(self, num: int) -> None:
        """Take steps on the first images, again and again: drawing more is timed apart."""
        num_images = self._run.config.batch_size
        per_block = max(1, min(rng.BLOCK_NIMG, self._run.config.num_train) // num_images)
        try:
            for _ in range(num):
                at = self._state.cur_nimg // num_images % per_block * num_images
                self._step(self._stream.real_img(at, num_images), self._latents.z(at, num_images))
            self._step.settle()
        except DivergedError as error:
            raise DivergedError(f"while calibrating: {error} Try a smaller --lr-g and --lr-d.") from error

    def measure(self, seconds: float) -> Costs:
        """Return the costs; so many seconds go into steps, spread between rounds of the tasks."""
        first_sec = self._timed(lambda: self._steps(1))
        warm_sec = min(self._timed(lambda: self._steps(1)) for _ in range(2))
        num = max(1, round(CHUNK_SEC / max(warm_sec, 1e-6)))
        rounds = [self._round()]
        chunks = self._chunks(num, seconds / 2)
        start = time.perf_counter()
        while len(rounds) < 2 or (len(rounds) <= MOST_ROUNDS and time.perf_counter() - start < seconds / 2):
            rounds.append(self._round())
        chunks += self._chunks(num, seconds / 2)
        usual = {name: statistics.median(one[name] for one in rounds[1:]) for name in rounds[0]}
        draws = [self._draws(number) for number in (1, 2, 3)]
        return Costs(
            startup_sec=self._startup_sec + max(0.0, first_sec - warm_sec),
            step_sec=statistics.median(chunks),
            block_sec=statistics.median(block for block, _ in draws),
            epoch_sec=statistics.median(epoch for _, epoch in draws),
            first_look_sec=max(0.0, rounds[0]["look_sec"] - usual["look_sec"]),
            **usual,
        )

    def _chunks(self, num_steps: int, seconds: float) -> list[float]:
        """Return the seconds of a step, each a mean over so many, measured for at least so long."""
        found: list[float] = []
        while not found or sum(found) * num_steps < seconds:
            found.append(self._timed(lambda: self._steps(num_steps)) / num_steps)
        return found

    def _draws(self, number: int) -> tuple[float, float]:
        """Time drawing a block of latents and the order of an epoch."""
        block = self._timed(lambda: self._latents.z(number * rng.BLOCK_NIMG, 1))
        return block, self._timed(lambda: self._stream.order.indices(number * self._run.config.num_train, 1))

    def _round(self) -> dict[str, float]:
        """Do every task of a run once, timed by the name of its cost, in the order of the loop.

        A step comes first: what was made at one image count is not made again.
        """
        folder, state = self._run.folder, self._state
        self._steps(1)
        tasks: dict[str, Callable[[], object]] = {
            "stats_sec": lambda: self._log.write(state),
            "usable_sec": state.usable_generator,
            "sample_sec": lambda: runlog.save_samples(folder, state),
            "snapshot_sec": lambda: checkpoint.save_snapshot(folder, state),
            "look_sec": lambda: [hook(state) for _, hook in self._watch.hooks],
            "checkpoint_sec": lambda: checkpoint.save(folder, state),
        }
        return {name: self._timed(task) for name, task in tasks.items()}
