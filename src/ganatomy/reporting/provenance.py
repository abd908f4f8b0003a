"""Of which snapshot the numbers of a page are, and what changed since a lab or a comparison was made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..training import snapshots
from .blocks import Para
from .desk import Desk
from .records import RunRecord, finite
from .versus import VersusDesk
from .words import count

_MEASURED = ("scores", "classes", "confidence", "memorisation")
"""What lab.json takes from a run's measure.json."""


def notes(desk: Desk, run: RunRecord, *kinds: str) -> list[Para]:
    """Return a paragraph for every record of a run that is not of its newest snapshot.

    `kinds` are `measure`, `dissect` and `health`.
    """
    return [Para(text, "note") for kind in kinds if (text := stale(desk, run, kind))]


def stale(desk: Desk, run: RunRecord, kind: str) -> str:
    """Say of how many images a record is where the run has gone on since, else an empty text."""
    if kind == "health":
        return _late_health(desk, run)
    record = {"measure": run.measure, "dissect": run.dissect or {}}[kind]
    newest = run.snapshot
    if newest is None or not finite(record.get("nimg")) or snapshots.is_of(record, newest):
        return ""
    key = "other" if record["nimg"] == newest.nimg else "older"
    return desk.words(f"stale.{kind}.{key}", run=desk.label(run), nimg=count(record["nimg"]), newest=count(newest.nimg))


def _late_health(desk: Desk, run: RunRecord) -> str:
    nimg = (run.health or {}).get("nimg")
    if not finite(nimg) or nimg + (run.config.sample_nimg or 0) >= run.total_nimg:
        return ""
    return desk.words("stale.health", run=desk.label(run), nimg=count(nimg), newest=count(run.total_nimg))


def changed(desk: Desk) -> tuple[str, ...]:
    """Say which runs of a lab were measured or dissected again since lab.json was written."""
    found = []
    for run in desk.records.runs:
        if not run.lab:
            continue
        if any(key in run.lab and run.lab[key] != run.measure.get(key) for key in _MEASURED):
            found.append(desk.words("changed.measure", run=desk.label(run), seed=run.measure.get("seed", "–")))
        if desk.records.lab.get("edits") and _edits_of_lab(desk, run) != _edits_now(run):
            found.append(desk.words("changed.dissect", run=desk.label(run)))
    return tuple(found)


def _edits_of_lab(desk: Desk, run: RunRecord) -> list[Mapping[str, Any]]:
    rows = desk.records.lab.get("edits") or []
    return [{k: v for k, v in row.items() if k != "run"} for row in rows if row.get("run") == run.folder.name]


def _edits_now(run: RunRecord) -> list[Mapping[str, Any]]:
    record = run.dissect or {}
    return [row for row in record.get("edits") or [] if row.get("value") in (record.get("values") or [])]


def compared_before(desk: VersusDesk) -> tuple[str, ...]:
    """Say which runs were measured again since compare.json was written: those whose scores differ from it now."""
    found = []
    for group in desk.compare["groups"]:
        for row, run in zip(group["runs"], desk.members[group["name"]]):
            scores = run.measure.get("scores") or {}
            then = {name: score.get("value") for name, score in (row.get("scores") or {}).items()}
            if scores and then != {name: (scores.get(name) or {}).get("value") for name in then}:
                found.append(desk.words("changed.compared", run=desk.label(run)))
    return tuple(found)
