"""A group of trainings measured: every run by itself, and mean and spread of every score over the trainings."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import Any

from .. import files
from ..errors import RunError
from ..metrics.left_out import left_out
from ..metrics.left_out import lines as left_out_lines
from ..training import snapshots
from ..training.replicates import RunGroup, state_of
from ..training.run import Run

Record = dict[str, Any]


def measurable(group: RunGroup, say: Callable[[str], None]) -> list[Run]:
    """Return a group's finished runs; the others are named through `say`. None finished is a `RunError`."""
    runs = [run for run in group.runs if run.is_finished]
    left_out = [f"{run.folder.name} ({state_of(run)['state']})" for run in group.runs if not run.is_finished]
    if not runs:
        raise RunError(
            f"no training of {group.folder} is finished: {', '.join(left_out)}. Continue them with "
            f"`ganatomy train --resume {group.folder}`."
        )
    if left_out:
        say(f"not finished, so left out: {', '.join(left_out)}.")
    return runs


def group_record(group: RunGroup, records: Sequence[Record]) -> Record:
    """Return `measure.json` of a group: `runs`, and `scores` with their mean and spread over trainings.

    `records` are what `measure` returned for every run.
    """
    first = records[0]["scores"]
    shared = [name for name in first if all(name in record["scores"] for record in records)]
    scores = {name: _over_trainings([record["scores"][name] for record in records]) for name in shared}
    main = next((name for name in shared if name.startswith("fd")), None)
    runs = [
        {
            "run": record["run"],
            "nimg": record["nimg"],
            snapshots.HASH: record.get(snapshots.HASH),
            "seed": record.get("seed"),
            "scores": {name: record["scores"][name] for name in shared},
        }
        for record in records
    ]
    others = dict.fromkeys(name for record in records for name in record["scores"] if name not in shared)
    missing = [
        left_out(name, "not_shared", runs=[str(each["run"]) for each in records if name not in each["scores"]])
        for name in others
    ]
    return {
        "group": group.name, "num": len(records), "main": main, "scores": scores, "runs": runs, "left_out": missing,
    }  # fmt: skip


def keep(group: RunGroup, record: Record, suffix: str | None, say: Callable[[str], None]) -> None:
    """Write `measure.json` of a group; `suffix` is that of another feature network, as in the runs.

    None says that the folder cannot be written, and that is told.
    """
    if suffix is None:
        say(f"{group.folder} cannot be written, so the scores of the group were not kept there.")
    else:
        files.write_json(group.folder / f"measure{suffix}.json", record)


def _over_trainings(scores: Sequence[Record]) -> Record:
    values = [float(score["value"]) for score in scores]
    return {
        "mean": statistics.fmean(values),
        "sd": statistics.stdev(values) if len(values) > 1 else None,
        "lo": min(values),
        "hi": max(values),
        "num": len(values),
        "floor": scores[0].get("floor"),
    }


def group_lines(record: Record) -> str:
    """Return mean and spread over trainings of the main score in a line, and below it what not all trainings have."""
    return "\n".join([_main_line(record), *left_out_lines(record)])


def _main_line(record: Record) -> str:
    name = record["main"]
    if name is None:
        return f"{record['group']}: the runs share no Frechet distance"
    score = record["scores"][name]
    floor = "unknown" if score["floor"] is None else f"{score['floor']:.4g}"
    if score["sd"] is None:
        return f"{record['group']}: {name} = {score['mean']:.4g} in one training, which has no spread; floor: {floor}"
    return (
        f"{record['group']}: {name} = {score['mean']:.4g} +- {score['sd']:.3g} (mean and sd over {score['num']} "
        f"trainings; {score['lo']:.4g} to {score['hi']:.4g}; floor, real against real: {floor})"
    )
