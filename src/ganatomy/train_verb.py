"""What `train` does: a new run, a group of runs, or the continuation of either. The verb itself is in `api`."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from . import bounds, console, device, files, paths, presets, shared
from . import config as configuration
from .config import DataOptions, TrainConfig
from .datasets.store import Dataset
from .errors import ConfigError
from .metrics.features import features_for
from .metrics.watch import Firing, Watch
from .progress import Progress, clock
from .training import budget, distributed, replicates, session, warm_start, workers
from .training.budget import Decision
from .training.distributed import ALONE, Group
from .training.replicates import Executor, RunGroup
from .training.run import Run, check_free, create_run, new_run_name, open_run

INTERVALS = ("tick_nimg", "sample_nimg", "snapshot_nimg", "checkpoint_nimg")


@dataclass(frozen=True, kw_only=True)
class Words:
    """What was said to `train`; None where nothing was said."""

    began: float
    """When the work began, by `time.monotonic`."""
    preset: str | None
    data: str | None
    out: Path | None
    resume: Path | None
    init_from: Path | None
    seeds: int | None
    executor: str | None
    budget: str | None
    asked: dict[str, Any]
    """Settings of the configuration."""
    options: DataOptions
    """Where the data lies, and the shape of own pictures."""


def train(words: Words) -> Run | RunGroup:
    """Train as `api.train` says; one of several processes where torchrun started it."""
    _check_launched(words)
    group = distributed.join(_device_of(words))
    try:
        if words.resume is not None:
            return _resume(words, Path(words.resume), group)
        if distributed.is_restarted() and words.out is not None and (Path(words.out) / "config.json").exists():
            console.say(f"started again after a process failed (restart {distributed.num_restarts()}).")
            return _continue(open_run(words.out), words.options, group)
        return _start(words, group)
    finally:
        distributed.leave()


def _check_launched(words: Words) -> None:
    """Refuse what several processes cannot do together, and odd variables of whoever starts processes."""
    console.worker_of()
    if not distributed.is_launched():
        return
    if words.resume is None and words.out is None:
        raise ConfigError("several processes need one folder that all of them see: give --out FOLDER.")
    for name in ("seeds", "budget"):
        if getattr(words, name) is not None:
            raise ConfigError(f"--{name} is for one process; leave it out, or start ganatomy without torchrun.")


def _device_of(words: Words) -> torch.device:
    """Return the device whose processes are to meet: a run's own where it is continued, else the one asked for."""
    if words.resume is not None and distributed.is_launched() and "device" not in words.asked:
        config = open_run(words.resume).config
        return torch.device(config.device if device.is_here(config.device) else "cpu")
    return device.choose_device(words.asked.get("device", "auto"))[0]


def _start(words: Words, group: Group) -> Run | RunGroup:
    """Make and train a new run, or a new group where seeds were given."""
    if words.preset is None:
        raise ConfigError(f"give a preset ({', '.join(presets.PRESETS)}), or --resume RUN.")
    preset = presets.preset(words.preset)
    _check_seeds(words)
    seconds = _check_length(words)
    asked = dict(words.asked)
    if words.init_from is not None:
        warm_start.check_source(Path(words.init_from))
        asked["init_from"] = str(Path(words.init_from).resolve())
    configuration.check(dataclasses.replace(preset, **_without_automatic(asked)))
    if words.out is not None:
        out, seeds = Path(words.out), None if words.seeds is None else _seeds(words, preset)
        group.in_turn(lambda: _check_place(out, seeds) if group.is_first else None)
    dataset = group.in_turn(lambda: shared.open_data(words.data, words.options))
    shared.keep_apart(Path(words.out or "runs"), dataset)
    if words.seeds is not None:
        return _start_group(words, preset, asked, dataset)
    config = session.configure(preset, dataset, asked, console.say)
    if config.init_from is not None:
        warm_start.check_fits(Path(config.init_from), config)
    folder = Path(words.out or Path("runs") / new_run_name(preset.preset, config.seed))
    decision = None
    if seconds is not None:
        as_asked: dict[str, Any] = {name: asked.get(name) for name in INTERVALS}
        open_config = dataclasses.replace(config, total_nimg=None, budget_sec=seconds, **as_asked)
        decision = _decide(open_config, dataset, folder, words.began)
        config = decision.config
    if group.size > 1:
        distributed.check_split(config.batch_size, config.total_nimg or config.batch_size, group)
        console.say(_told_processes(config, group))
    described = dataset.describe()
    run = group.in_turn(
        lambda: create_run(folder, config, shared.command(), described) if group.is_first else open_run(folder)
    )
    _train_run(run, dataset, group)
    if decision is not None and seconds is not None:
        took = time.monotonic() - words.began
        console.say(
            f"budget: {clock(seconds)} were given; all took {clock(took)} ({took:.1f} s, {took / seconds - 1:+.1%})."
        )
    return run


def _told_processes(config: TrainConfig, group: Group) -> str:
    per_step = " + ".join(str(Group(rank, group.size).part(config.batch_size)[1]) for rank in range(group.size))
    return (
        f"{group.size} processes share every step of {config.batch_size} images ({per_step}); gradients are summed, "
        "batch norm sees each process's own images."
    )


def _train_run(run: Run, dataset: Dataset, group: Group = ALONE, num_threads: int | None = None) -> None:
    """Train a run to its end; `num_threads` counts where its device is missing here, with which its own threads go."""
    console.say(f"run folder: {run.folder}")
    with console.stoppable(f"Resume with `ganatomy train --resume {run.folder}`.") as stop:
        watch = group.in_turn(lambda: Watch(run, dataset, console.say) if group.is_first else None)
        work = session.run_training(
            run, dataset, say=console.say, should_stop=stop, watch=watch, group=group, num_threads=num_threads
        )
        console.show(work, f"train {run.name}")


def _check_length(words: Words) -> float | None:
    """Return the budget in seconds, or None; a budget beside another word for the length is refused."""
    if words.budget is None:
        return None
    seconds = budget.parse_budget(words.budget)
    given = [f"--{name.replace('_', '-')}" for name in ("total_nimg", "num_epochs") if name in words.asked]
    if given:
        raise ConfigError(f"--budget decides how long the training is; leave out {' and '.join(given)}, or the budget.")
    if words.seeds is not None:
        raise ConfigError(
            "--budget fits one training to a time; with --seeds give --total-nimg or --num-epochs, "
            "so that every seed is trained for the same length."
        )
    return seconds


def _check_seeds(words: Words) -> None:
    if words.seeds is None:
        if words.executor is not None:
            raise ConfigError("--executor says how several trainings are run; give --seeds K too, or leave it out.")
        return
    bounds.check_seeds(words.asked.get("seed", 0), words.seeds)


def _seeds(words: Words, preset: TrainConfig) -> range:
    """Return the seeds of a group."""
    first = words.asked.get("seed", preset.seed)
    return range(first, first + (words.seeds or 1))


def _check_place(folder: Path, seeds: range | None) -> None:
    """Refuse a folder that a new run, or a group with these seeds, would share with anything else."""
    if seeds is None:
        check_free(folder)
    else:
        replicates.check_new(folder, seeds)


def _decide(config: TrainConfig, dataset: Dataset, folder: Path, began: float) -> Decision:
    """Calibrate, and say what was decided."""
    check_free(folder)
    assert config.budget_sec
    if folder.exists():
        files.make_folder(folder)  # proves that it can be written
    near = files.make_folder(folder.absolute().parent)
    console.say(f"budget: {clock(config.budget_sec)}; calibrating on this machine ...")
    with console.stoppable("Nothing was begun.") as stop:
        decision = budget.decide(
            config, dataset, near, watch_of=lambda run: Watch(run, dataset, lambda message: None),
            elapsed=lambda: time.monotonic() - began, should_stop=stop,
        )  # fmt: skip
    ends = datetime.datetime.now() + datetime.timedelta(seconds=decision.expected_sec)
    peak = f"about {decision.peak_mem_gb:.1f} GB" if decision.peak_mem_gb else "unknown here"
    chosen, costs = decision.config, decision.costs
    console.say(
        f"budget: {chosen.total_nimg:,} images, {chosen.num_epochs:.2f} epochs; it should end at {ends:%H:%M:%S}, "
        f"after {clock(time.monotonic() - began + decision.expected_sec)} in all; peak memory {peak}."
    )
    console.say(
        f"budget: a step takes {costs.step_sec * 1e3:.1f} ms here, a checkpoint {costs.checkpoint_sec:.2f} s, pictures "
        f"and a look at health {costs.usable_sec + costs.sample_sec + costs.look_sec:.2f} s."
    )
    return decision


def _start_group(words: Words, preset: TrainConfig, asked: dict[str, Any], dataset: Dataset) -> RunGroup:
    """Make a group of runs and train them."""
    seeds = _seeds(words, preset)
    given = asked.get("num_threads") or device.wished_threads()
    device_name, _ = device.choose_device(asked.get("device", "auto"))
    alone, why = device.choose_threads(asked.get("num_threads"))
    executor = replicates.choose_executor(
        words.executor or "auto", device_name.type,
        num_seeds=len(seeds), num_cores=device.num_cores(), alone=alone, given=given,
    )  # fmt: skip
    if executor.executor == "processes" and given is None:
        why = "one for each of the trainings side by side"
    config = session.configure(preset, dataset, asked, console.say, threads=(executor.num_threads, why))
    features_for(dataset)  # a damaged network is refused here, before any work
    name = new_run_name(f"{preset.preset}-x{len(seeds)}", seeds[0])
    folder = Path(words.out or Path("runs") / name)
    if config.init_from is not None:
        warm_start.check_fits(Path(config.init_from), config)
        console.say("note: all trainings start from the same weights; their spread does not hold that of the start.")
    group = replicates.create_group(folder, config, seeds, executor, shared.command(), dataset.describe())
    _train_group(group, dataset, words.options)
    return group


def _train_group(group: RunGroup, dataset: Dataset, options: DataOptions) -> None:
    """Train what is left of a group, holding its lock."""
    executor, seeds = group.executor, group.record["seeds"]
    console.say(f"group folder: {group.folder} (seeds {', '.join(map(str, seeds))})")
    console.say(f"executor: {_told_executor(executor)}.")
    data_dir = options.get("data_dir")
    with (
        files.one_writer(group.folder),
        console.stoppable(f"Continue with `ganatomy train --resume {group.folder}`.") as stop,
    ):
        work = workers.Work(
            train_one=lambda run: _training(run, dataset, stop), say=console.say, should_stop=stop, health_of=Firing(),
            words=() if data_dir is None else ("--data-dir", str(data_dir)),
        )  # fmt: skip
        with contextlib.closing(workers.train_group(group, work)) as records:
            console.show(records, f"train {group.name}")


def _training(run: Run, dataset: Dataset, stop: Callable[[], bool]) -> Iterator[Progress]:
    watch = Watch(run, dataset, console.say)
    return session.run_training(run, dataset, say=console.say, should_stop=stop, watch=watch)


def _told_executor(executor: Executor) -> str:
    threads = f"{executor.num_threads} thread{'s' if executor.num_threads > 1 else ''}"
    if executor.executor == "sequential":
        return f"sequential ({executor.reason}), one training after the other on {threads}"
    return f"processes ({executor.reason}), {executor.num_workers} at a time on {threads} each"


def _resume(words: Words, folder: Path, group: Group) -> Run | RunGroup:
    """Continue a run or a group exactly; settings given beside must be its own."""
    for name in ("seeds", "executor", "budget"):
        if getattr(words, name) is not None:
            raise ConfigError(
                f"--resume continues a run, or a group of runs, as it was started: its seeds, executor and length are "
                f"fixed. Leave out --{name}."
            )
    target: Run | RunGroup = replicates.open_group(folder) if replicates.is_group(folder) else open_run(folder)
    _check_unchanged(target.config, words)
    _check_no_fitting(words.options)
    run = target.runs[0] if isinstance(target, RunGroup) else target
    if target.is_finished:
        what = "is finished" if isinstance(target, Run) else "is finished: every training of the group is at its end"
        console.say(f"{folder} {what}; to train it further, start a new run with --init-from {run.folder}.")
        return target
    if isinstance(target, RunGroup) and not target.left():
        replicates.conclude(target, {}, console.say)
    if isinstance(target, Run):
        return _continue(target, words.options, group, words.asked.get("num_threads"))
    if group.size > 1:
        raise ConfigError(f"{folder} is a group of runs; continue it without torchrun, which is for one run.")
    _train_group(target, shared.of_run(run, words.options.get("data_dir")), words.options)
    return target


def _continue(run: Run, options: DataOptions, group: Group, num_threads: int | None = None) -> Run:
    """Continue one run."""
    dataset = group.in_turn(lambda: shared.of_run(run, options.get("data_dir")))
    _train_run(run, dataset, group, num_threads)
    return run


def _check_no_fitting(options: DataOptions) -> None:
    asked: dict[str, Any] = dict(options)
    given = [name for name in ("size", "fit", "channels") if asked.get(name) is not None]
    if given:
        raise ConfigError(f"--resume keeps the run's pictures as they are; leave out --{' and --'.join(given)}.")


def _without_automatic(asked: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is decided later, by looking at the machine."""
    return {name: value for name, value in asked.items() if name != "device" and value != "auto"}


def _check_unchanged(config: TrainConfig, words: Words) -> None:
    """Refuse settings given beside --resume that differ from the run's own, listing every difference."""
    if words.out is not None or words.init_from is not None:
        raise ConfigError("--resume continues a run in its own folder; leave out --out and --init-from.")
    wanted = dict(words.asked)
    wanted |= {name: value for name, value in (("preset", words.preset), ("data", words.data)) if value is not None}
    if config.data_path and wanted.get("data"):
        data = paths.expand(wanted["data"], "--data")
        if str(data.resolve()) == config.data_path:
            del wanted["data"]
    wanted = {name: value for name, value in wanted.items() if value != "auto"}
    if not device.is_here(config.device):  # it goes on with the CPU of this machine, which may be said
        if wanted.get("device") == "cpu":
            del wanted["device"]
        wanted.pop("num_threads", None)
    changed = configuration.differences(config, dataclasses.replace(config, **wanted))
    if changed:
        raise ConfigError(
            f"--resume continues a run exactly, so its settings cannot change: {'; '.join(changed)}. "
            "Leave them out, or start a new run with --init-from."
        )
