"""Groups of trainings compared score by score: the record of `ganatomy compare`, and its verdicts in plain lines."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import itertools
import os
import re
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..config import TrainConfig
from ..errors import RunError
from ..metrics.comparison import Better, compare_scores, decide_together
from ..metrics.left_out import warnings_of
from ..metrics.shapes import MEASURE
from ..training import snapshots
from ..training.run import Run
from .groups import NOT_THE_RECIPE, Found, Group, recipe

BETTER: dict[str, Better] = {
    "fd": "lower", "kd": "lower", "precision": "higher", "recall": "higher", "density": "higher", "coverage": "higher",
}  # fmt: skip
"""Kinds of scores that can be compared, and which end is better."""
DISTANCES = ("fd", "kd")
RECORD_NAME = "compare.json"
_KIND = re.compile(r"^([a-z]+)\d")
Measured = dict[Path, dict[str, Any]]
"""measure.json by run folder."""


def read_measured(runs: Sequence[Run]) -> Measured:
    """Return what lies in the runs' measure.json."""
    return {run.folder: MEASURE.read(run.folder / "measure.json") for run in runs}


def shared_scores(runs: Sequence[Run], measured: Measured) -> list[str]:
    """Return the names of the scores that every run has; names carry the protocol, so equal names compare.

    Raises:
        RunError: no Frechet distance is shared, or feature networks of one name differ. It names the runs and what to
            do.
    """
    records = [measured[run.folder] for run in runs]
    tables = [_scores(record) for record in records]
    shared = [name for name in tables[0] if all(name in table for table in tables)]
    networks = {str((record.get("features") or {}).get("sha256")) for record in records}
    if any(name.startswith("fd") for name in shared) and len(networks) == 1:
        return shared
    known = dict.fromkeys(", ".join(table) or "nothing" for table in tables)
    each = "; ".join(
        f"{next(run.name for run, table in zip(runs, tables) if (', '.join(table) or 'nothing') == names)}: {names}"
        for names in known
    )
    again = "\n".join(f"  ganatomy measure {run.folder}" for run in runs)
    raise RunError(
        f"the runs share no Frechet distance of one protocol and one feature network ({each}). Measure all of them "
        f"alike:\n{again}"
    )


def _scores(record: dict[str, Any]) -> dict[str, float]:
    """Return the values of a measurement's scores that can be compared."""
    return {
        name: float(score["value"])
        for name, score in (record.get("scores") or {}).items()
        if score_kind(name) in BETTER and isinstance(score.get("value"), int | float)
    }


def score_kind(name: str) -> str:
    """Return what kind of score a name is: `fd10k_test[fashion-v1]` is `fd`; empty where it is none."""
    match = _KIND.match(name)
    return match[1] if match else ""


def compare_groups(found: Found, *, out: Path, command: str, measured: Measured | None = None) -> dict[str, Any]:
    """Return `compare.json`: groups, the settings that differ, every score of every pair of groups, and verdicts.

    Every run must be measured; `measured` are the measurements, None: those on disk. Run folders are noted relative to
    `out`, where the record is to lie.
    """
    measured = measured or read_measured(found.runs)
    names = shared_scores(found.runs, measured)
    main = next(name for name in names if name.startswith("fd"))
    names = [main, *(name for name in names if name != main)]
    config = found.runs[0].config
    return {
        "version": importlib.metadata.version("ganatomy"),
        "command": command,
        "data": {"name": config.data, "sha256": config.data_sha256, "img_shape": list(config.img_shape)},
        "main": main,
        "scores": {
            name: {"kind": score_kind(name), "better": BETTER[score_kind(name)], "floor": _floor(measured, name)}
            for name in names
        },
        "groups": [_group_record(group, names, measured, out) for group in found.groups],
        "differences": config_differences(found.groups),
        "correction": "holm",
        "pairs": _pair_records(found.groups, names, main, measured),
        "left_out": list(found.left_out),
        "scores_left_out": _scores_left_out(found.runs, names, measured),
        "warnings": _warnings(found.runs, measured),
    }


def _scores_left_out(runs: Sequence[Run], names: Sequence[str], measured: Measured) -> list[dict[str, Any]]:
    """Return the scores that some runs have and others lack, which are not compared: `score`, `runs` that lack it."""
    tables = {run.name: _scores(measured[run.folder]) for run in runs}
    others = dict.fromkeys(name for table in tables.values() for name in table if name not in names)
    return [{"score": name, "runs": [run for run, table in tables.items() if name not in table]} for name in others]


def _warnings(runs: Sequence[Run], measured: Measured) -> list[dict[str, Any]]:
    """Return what the measurements warn of, with the run's name: `run`, and what `metrics.left_out.warning` has."""
    return [{"run": run.name, **entry} for run in runs for entry in warnings_of(measured[run.folder])]


def _floor(measured: Measured, name: str) -> float | None:
    floor = next(iter(measured.values()))["scores"][name].get("floor")
    return float(floor) if isinstance(floor, int | float) else None


def _values(group: Group, name: str, measured: Measured) -> list[float]:
    return [float(measured[run.folder]["scores"][name]["value"]) for run in group.runs]


def _group_record(group: Group, names: Sequence[str], measured: Measured, out: Path) -> dict[str, Any]:
    """Return a group's part of the record: its runs with their scores, and mean and spread over its trainings."""
    runs = []
    for run in group.runs:
        record = measured[run.folder]
        scores = {
            name: {key: record["scores"][name].get(key) for key in ("value", "spread", "spread_by", "num_sets")}
            for name in names
        }
        known = {"name": run.name, "folder": relative(run.folder, out), "seed": run.config.seed}
        taken = {"nimg": record.get("nimg"), snapshots.HASH: record.get(snapshots.HASH)}
        runs.append({**known, **taken, "scores": scores})
    totals = {}
    for name in names:
        values = _values(group, name, measured)
        sd = statistics.stdev(values) if len(values) > 1 else None
        totals[name] = {"mean": statistics.fmean(values), "sd": sd, "lo": min(values), "hi": max(values)}
    return {"name": group.name, "num": len(group.runs), "runs": runs, "scores": totals, "config": recipe(group.config)}


def relative(folder: Path, start: Path) -> str:
    """Return a folder as seen from another, with forward slashes; absolute where there is no such way."""
    try:
        return Path(os.path.relpath(folder.resolve(), start.resolve())).as_posix()
    except ValueError:  # another drive
        return folder.resolve().as_posix()


def config_differences(groups: Sequence[Group]) -> list[dict[str, Any]]:
    """Return every setting that differs between groups: `field` and its `values` by group."""
    recipes = {group.name: recipe(group.config) for group in groups}
    fields = [field.name for field in dataclasses.fields(TrainConfig) if field.name not in NOT_THE_RECIPE]
    return [
        {"field": field, "values": {name: settings[field] for name, settings in recipes.items()}}
        for field in fields
        if len({settings[field] for settings in recipes.values()}) > 1
    ]


def _pair_records(groups: Sequence[Group], names: Sequence[str], main: str, measured: Measured) -> list[dict[str, Any]]:
    """Return every pair of groups with every score, the verdicts corrected over the pairs.

    The main score decides: its verdicts hold together over all pairs. Those of the other scores hold together over all
    pairs and all of them.
    """
    pairs = list(itertools.combinations(groups, 2))
    tables = [{name: _compared(a, b, name, measured) for name in names} for a, b in pairs]
    for family in ([main], [name for name in names if name != main]):
        keys = [(table, name) for table in tables for name in family]
        for (table, name), record in zip(keys, decide_together([table[name] for table, name in keys])):
            table[name] = record
    return [_pair_record(a, b, table, main) for (a, b), table in zip(pairs, tables)]


def _compared(a: Group, b: Group, name: str, measured: Measured) -> dict[str, Any]:
    kind = score_kind(name)
    values = (_values(group, name, measured) for group in (a, b))
    return compare_scores(*values, better=BETTER[kind], is_distance=kind in DISTANCES)


def _pair_record(a: Group, b: Group, scores: dict[str, dict[str, Any]], main: str) -> dict[str, Any]:
    verdict, reason = scores[main]["verdict"], scores[main]["reason"]
    winner = {"A better": a.name, "B better": b.name}.get(verdict)
    return {"a": a.name, "b": b.name, "verdict": verdict, "winner": winner, "reason": reason, "scores": scores}


def verdict_lines(record: dict[str, Any]) -> str:
    """Return the verdicts on the main score as a plain table, with reasons and notes below.

    With several pairs there is a column of Holm's p, by which they are decided together.
    """
    main, are_many = record["main"], len(record["pairs"]) > 1
    holm = ("Holm p",) if are_many else ()
    rows: list[tuple[str, ...]] = [
        (
            "A",
            "B",
            "trainings",
            "mean A",
            "mean B",
            "B / A",
            "95 % interval",
            "Welch p",
            *holm,
            "permutation p",
            "verdict",
        )
    ]
    remarks: dict[str, None] = {}
    for pair in record["pairs"]:
        score = pair["scores"][main]
        ratio = score["ratio"] or score["difference"]
        shuffled = score["permutation"]
        rows.append(
            (
                pair["a"], pair["b"], f"{score['num_a']}, {score['num_b']}", f"{score['mean_a']:.4g}",
                f"{score['mean_b']:.4g}", f"{ratio['value']:.3g}", _interval(ratio),
                _p(score["welch"] and score["welch"]["p"]), *([_p(score["p_corrected"])] if are_many else []),
                _p(shuffled and shuffled["p"]),
                f"{pair['winner']} is better" if pair["winner"] else pair["verdict"],
            )
        )  # fmt: skip
        if pair["reason"]:
            remarks[f"{pair['a']} and {pair['b']}: {pair['reason']['text']}"] = None
        remarks |= dict.fromkeys(f"Note: {note['text']}" for note in score["notes"])
    if any(pair["scores"][main]["scale"] == "plain" for pair in record["pairs"]):
        rows[0] = tuple("B - A" if cell == "B / A" else cell for cell in rows[0])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    means = "geometric means" if record["pairs"][0]["scores"][main]["scale"] == "log" else "means"
    head = f"{main}, {record['scores'][main]['better']} is better; {means} over the trainings"
    remarks |= dict.fromkeys(_more_remarks(record))
    return "\n".join([head, *lines, *remarks])


def _more_remarks(record: dict[str, Any]) -> list[str]:
    """Return what holds for all pairs: how verdicts hold together, scores that were left out, warnings of runs."""
    num, told = len(record["pairs"]), []
    if num > 1:
        told.append(
            f"Note: the verdicts on the {num} pairs hold together (Holm's correction): if no groups differed, any of "
            "them would be decided in at most 5 % of cases. Intervals are of each pair alone."
        )
    told += [
        f"Left out: {row['score']} (not measured of {', '.join(row['runs'])})" for row in record["scores_left_out"]
    ]
    return told + [f"Note: {row['run']}: {row['text']}" for row in record["warnings"]]


def _p(p: float | None) -> str:
    return "-" if p is None else f"{p:.2g}"


def _interval(ratio: dict[str, float | None]) -> str:
    return "-" if ratio["lo"] is None else f"{ratio['lo']:.3g} to {ratio['hi']:.3g}"
