"""Trainings as groups of one configuration: run folders found, checked and grouped, before anything is compared.

Runs are of one group where every setting is equal but the seed and what belongs to the machine or to how often
something was written down. Everything that forbids a comparison is a `RunError` in words, before anything is measured.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..config import TrainConfig
from ..errors import RunError
from ..paths import exists, is_dir
from ..training.run import Run, open_run

NOT_THE_RECIPE = frozenset(
    {
        "seed", "device", "num_threads",
        "tick_nimg", "sample_nimg", "snapshot_nimg", "checkpoint_nimg", "keep_checkpoints",
        "data", "data_path", "data_fit",  # the content is compared by its hash
        "budget_sec",  # what it decided is total_nimg
    }
)  # fmt: skip
"""Settings in which trainings of one group may differ."""
MAX_DIFFERING = 3
"""Settings in the name of a group; a number tells apart what they do not."""


@dataclass(frozen=True)
class Group:
    """Trainings of one configuration, by seed."""

    name: str
    runs: tuple[Run, ...]

    @property
    def config(self) -> TrainConfig:
        """The configuration of the first run; the others differ in `NOT_THE_RECIPE` at most."""
        return self.runs[0].config


@dataclass(frozen=True)
class Found:
    """What the given folders hold."""

    groups: tuple[Group, ...]
    left_out: tuple[dict[str, str], ...]
    """Runs inside a given folder that are not finished: `run`, `state`."""

    @property
    def runs(self) -> list[Run]:
        """All runs, group by group."""
        return [run for group in self.groups for run in group.runs]


def find_groups(paths: Sequence[Path]) -> Found:
    """Open run folders, folders of runs (replicates) and labs, and group their runs by configuration.

    Raises:
        RunError: a folder holds no run; a run is given twice or is not finished; two trainings of a group have one
            seed; fewer than two runs or groups; runs on different data or of different image shapes.
    """
    runs, left_out = [], []
    for path in paths:
        opened, rest = _runs_at(Path(path))
        runs += opened
        left_out += rest
    _check_twice(runs)
    missing = f" Left out: {told_left_out(left_out)}." if left_out else ""
    if len(runs) < 2:
        raise RunError(
            f"{len(runs)} finished {'run was' if len(runs) == 1 else 'runs were'} found; a comparison needs two or "
            f"more. Give more run folders, or folders of runs.{missing}"
        )
    _check_same_data(runs)
    groups = _grouped(runs)
    if len(groups) < 2:
        raise RunError(
            f"all {len(runs)} runs have the same configuration and differ in their seeds at most, so there is nothing "
            f"to compare. Give runs of another configuration too; `ganatomy report` shows these on one page.{missing}"
        )
    for group in groups:
        _check_seeds(group)
    return Found(groups, tuple(left_out))


def told_left_out(left_out: Iterable[dict[str, str]]) -> str:
    """Return the runs that were left out with their state in one line."""
    return ", ".join(f"{row['run']} ({row['state']})" for row in left_out)


def _runs_at(path: Path) -> tuple[list[Run], list[dict[str, str]]]:
    """Return the runs that a path stands for, and those inside it that are not finished."""
    if not is_dir(path):
        raise RunError(f"{path} is not a folder; give folders of runs, as printed by `ganatomy train`.")
    if exists(path / "config.json"):
        run = open_run(path)
        if not run.is_finished:
            raise RunError(
                f"{path} is not finished ({_state(run)}), so its scores are of another training length. Continue it "
                f"with `ganatomy train --resume {path}`, or leave it out."
            )
        return [run], []
    is_lab = exists(path / "lab.json") or exists(path / "plan.json")
    inside = path / "runs" if is_lab else path
    found = [open_run(folder.parent) for folder in sorted(inside.glob("*/config.json"))]
    if not found:
        raise RunError(
            f"{path} is neither a run nor a folder of runs: there is no config.json in it or in a folder inside it. "
            "Give run folders, a folder whose sub-folders are runs, or a lab."
        )
    unfinished = [{"run": run.name, "state": _state(run)} for run in found if not run.is_finished]
    return [run for run in found if run.is_finished], unfinished


def _state(run: Run) -> str:
    """Return how far a run is: its state and images."""
    if not (run.folder / "status.json").exists():
        return "not begun"
    status = run.status
    return f"{status['state']} at {status['cur_nimg']:,} of {status['total_nimg']:,} images"


def _check_twice(runs: Sequence[Run]) -> None:
    seen: set[Path] = set()
    for run in runs:
        place = run.folder.resolve()
        if place in seen:
            raise RunError(f"{run.folder} is given twice; a training counts once, so give every run once.")
        seen.add(place)


def _check_same_data(runs: Sequence[Run]) -> None:
    first = runs[0]
    for run in runs[1:]:
        for what, here, there in (
            ("data", run.config.data_sha256, first.config.data_sha256),
            ("image shapes", run.config.img_shape, first.config.img_shape),
        ):
            if here != there:
                raise RunError(
                    f"the runs were trained on different {what}: {first.name} on {_data(first.config)}, {run.name} on "
                    f"{_data(run.config)}. Scores compare on the same data only; leave one of them out."
                )


def _data(config: TrainConfig) -> str:
    """Return the data of a run with their hash and shape."""
    return f"{config.data} (SHA-256 {config.data_sha256[:12]}..., {'x'.join(map(str, config.img_shape))})"


def recipe(config: TrainConfig) -> dict[str, Any]:
    """Return the settings that decide a group."""
    return {name: value for name, value in config.to_dict().items() if name not in NOT_THE_RECIPE}


def _grouped(runs: Sequence[Run]) -> tuple[Group, ...]:
    """Group runs in the order of the first of each, by seed inside."""
    found: dict[tuple[Any, ...], list[Run]] = {}
    for run in runs:
        found.setdefault(tuple(recipe(run.config).values()), []).append(run)
    ordered = [tuple(sorted(group, key=lambda run: run.config.seed)) for group in found.values()]
    names = group_names([group[0].config for group in ordered])
    return tuple(Group(name, group) for name, group in zip(names, ordered))


def group_names(configs: Sequence[TrainConfig]) -> list[str]:
    """Return a name for every configuration: its preset, and where others share it, the settings that differ."""
    names = []
    for config in configs:
        same = [recipe(other) for other in configs if other.preset == config.preset]
        mine = recipe(config)
        differing = [field for field in mine if any(other[field] != mine[field] for other in same)]
        if "total_nimg" in differing and "num_epochs" in differing:
            differing.remove("num_epochs")  # the same setting in other words
        parts = [f"{field}={_short(mine[field])}" for field in differing[:MAX_DIFFERING]]
        names.append(" ".join([config.preset, *parts]))
    return [
        name if names.count(name) == 1 else f"{name} ({names[: i + 1].count(name)})" for i, name in enumerate(names)
    ]


def _short(value: Any) -> str:
    """Return a setting's value in short: numbers without padding, of a path the last name."""
    if isinstance(value, str):
        return Path(value).name or value
    return f"{value:g}" if isinstance(value, float) else "unset" if value is None else str(value)


def _check_seeds(group: Group) -> None:
    """Refuse one training counted as two: the same configuration and seed give the same run."""
    for first, second in itertools.pairwise(group.runs):
        if first.config.seed == second.config.seed:
            raise RunError(
                f"{first.folder} and {second.folder} have the same configuration and the same seed "
                f"{first.config.seed}, so they are one training twice. Leave one out; another training needs another "
                "--seed."
            )
