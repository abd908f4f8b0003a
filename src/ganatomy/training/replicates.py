"""Trainings of one configuration that differ in their seeds only: a folder of ordinary runs, and who trains them.

```
<group>/group.json   what was decided (executor, workers, threads, with the reason) and how each training ended
<group>/s0 ... s7    ordinary runs; each can be opened, resumed and measured by itself
```

Either this process trains one run after the other with all its threads, or workers do: processes of the ordinary
command `ganatomy train --resume <group>/sN`, a few at a time. Nothing but files passes between them, so a run of a
group is the run that the same seed and number of threads give alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any, Literal, get_args

from .. import files
from ..config import TrainConfig
from ..errors import ConfigError, GroupError, OutputError, unknown
from ..paths import exists
from . import shapes
from .run import Run, check_free, create_run, open_run

ExecutorName = Literal["sequential", "processes"]
LEFT = ("new", "running", "interrupted", "failed")
"""States from which a run is continued; one that diverged would only do so again."""


@dataclass(frozen=True, kw_only=True)
class Executor:
    """How the trainings of a group are run; part of group.json."""

    executor: ExecutorName
    reason: str
    num_workers: int
    """Trainings at a time."""
    num_threads: int
    """CPU threads of each."""


def choose_executor(
    asked: str, device_type: str, *, num_seeds: int, num_cores: int, alone: int, given: int | None = None
) -> Executor:
    """Return how several trainings are run here, with the reason in words.

    On the cores of a CPU, processes were faster for every network measured (docs/performance.md).

    Args:
        asked: `auto`, `sequential` or `processes`.
        device_type: `cpu`, `cuda` or `mps`.
        num_seeds: How many trainings there are.
        num_cores: Cores this process may use.
        alone: CPU threads of a training that has the machine for itself.
        given: CPU threads that were asked for; workers have one each where None.

    Raises:
        ConfigError: an unknown executor, or `processes` on a device that is not the CPU.
    """
    if asked not in ("auto", *get_args(ExecutorName)):
        raise unknown("executor", asked, ("auto", *get_args(ExecutorName)))
    if asked == "processes" and device_type != "cpu":
        raise ConfigError(
            f"--executor processes shares out CPU cores, but the device is {device_type}, which trains one run at a "
            "time; give --executor sequential, or --device cpu."
        )
    name, reason = _executor_and_reason(asked, device_type, num_seeds, num_cores)
    if name == "sequential":
        return Executor(executor=name, reason=reason, num_workers=1, num_threads=alone)
    num_workers = max(1, min(num_seeds, num_cores // (given or 1)))
    return Executor(executor=name, reason=reason, num_workers=num_workers, num_threads=given or 1)


def _executor_and_reason(
    asked: str, device_type: str, num_seeds: int, num_cores: int
) -> tuple[ExecutorName, str]:
    for name in get_args(ExecutorName):
        if asked == name:
            return name, "asked for"
    if device_type != "cpu":
        return "sequential", f"{device_type} trains one run at a time"
    if num_seeds == 1:
        return "sequential", "there is one training"
    if num_cores < 2:
        return "sequential", "this process may use one core"
    return "processes", "threads of one training wait for each other, single-thread trainings side by side do not"


@dataclass(frozen=True)
class RunGroup:
    """The folder of a group. `open_group` checks that it is one; the properties read what is on disk now."""

    folder: Path

    def __fspath__(self) -> str:
        return str(self.folder)

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def record(self) -> dict[str, Any]:
        """group.json: preset, seeds, executor, and state and message of every training when last written."""
        return shapes.GROUP.read(self.folder / files.GROUP_RECORD)

    @property
    def runs(self) -> list[Run]:
        """The runs, by seed."""
        return [open_run(self.folder / name) for name in _run_names(self.record["seeds"])]

    @property
    def config(self) -> TrainConfig:
        """The configuration of the first run; the others differ in their seed."""
        return self.runs[0].config

    @property
    def executor(self) -> Executor:
        """How its trainings are run."""
        record = self.record
        return Executor(**{name: record[name] for name in Executor.__dataclass_fields__})

    @property
    def is_finished(self) -> bool:
        """Whether every training reached its total number of images."""
        return all(run.is_finished for run in self.runs)

    def left(self) -> list[Run]:
        """Return the runs that training goes on with."""
        return [run for run in self.runs if state_of(run)["state"] in LEFT]


def is_group(path: str | PathLike[str]) -> bool:
    """Return whether a path is the folder of a group."""
    return exists(Path(path) / files.GROUP_RECORD)


def open_group(path: str | PathLike[str]) -> RunGroup:
    """Return the group at a folder; a `RunError` says what is missing where it is not a whole one."""
    group = RunGroup(Path(path))
    _ = group.runs
    return group


def expand(paths: Sequence[str | PathLike[str]]) -> list[Path]:
    """Return the paths with every group replaced by its runs that have begun."""
    found: list[Path] = []
    for path in map(Path, paths):
        if is_group(path):
            found += [run.folder for run in open_group(path).runs if state_of(run)["state"] != "new"]
        else:
            found.append(path)
    return found


def check_new(folder: Path, seeds: Sequence[int]) -> None:
    """Refuse a folder in which a group would meet other runs, or anything that it did not write."""
    names = _run_names(seeds)
    check_free(folder, names)
    for place in (folder / name for name in names):
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            raise OutputError(f"{place} is not a folder but stands where a training will go. Choose another --out.")
        check_free(place)


def create_group(
    folder: Path, config: TrainConfig, seeds: Sequence[int], executor: Executor, command: str, data: dict[str, Any]
) -> RunGroup:
    """Write a group's folder: one run per seed and, last, group.json; return the group.

    `config` is resolved, its number of threads the executor's; `data` is what `Dataset.describe` says.
    """
    check_new(folder, seeds)
    files.make_folder(folder)
    for seed, name in zip(seeds, _run_names(seeds)):
        create_run(folder / name, replace(config, seed=seed), command, data)
    head = {"preset": config.preset, "total_nimg": config.total_nimg, "seeds": list(seeds), "command": command}
    files.write_json(folder / files.GROUP_RECORD, {**head, **asdict(executor), "runs": []})
    group = RunGroup(folder)
    write_states(group, {})
    return group


def write_states(group: RunGroup, failures: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Write state and message of every training into group.json; return them.

    `failures` are those that a worker could not write itself, by the run folder's name.
    """
    rows = []
    for run in group.runs:
        seen = state_of(run) | failures.get(run.folder.name, {})
        rows.append({"name": run.folder.name, "seed": run.config.seed, **seen})
    files.write_json(group.folder / files.GROUP_RECORD, {**group.record, "runs": rows})
    return rows


def state_of(run: Run) -> dict[str, Any]:
    """Return `state` (new, or as in status.json), `cur_nimg` and `message` of a run."""
    if not (run.folder / "status.json").exists():
        return {"state": "new", "cur_nimg": 0, "message": ""}
    status = run.status
    return {name: status[name] for name in ("state", "cur_nimg", "message")}


def conclude(group: RunGroup, failures: dict[str, dict[str, Any]], say: Callable[[str], None]) -> None:
    """Write how every training ended; a `GroupError` lists those that did not reach their end."""
    rows = write_states(group, failures)
    bad = [row for row in rows if row["state"] != "finished"]
    if not bad:
        say(f"{group.folder}: all {len(rows)} trainings are finished.")
        return
    told = "\n".join(f"  {group.folder / row['name']}: {row['state']}: {row['message']}" for row in bad)
    again = any(row["state"] in LEFT for row in bad)
    advice = f" `ganatomy train --resume {group.folder}` continues what can be continued." if again else ""
    raise GroupError(
        f"{len(bad)} of {len(rows)} trainings did not reach their end, the others are finished:\n{told}\n"
        f"One that diverged needs smaller learning rates, or other seeds.{advice}"
    )


def _run_names(seeds: Sequence[int]) -> list[str]:
    return [f"s{seed}" for seed in seeds]
