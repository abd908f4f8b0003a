"""Whether every training was healthy: the verdict in a sentence, what fired and what to try, all rules with numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..metrics.health import GRACE_NIMG
from .blocks import Block, Cell, Para, Section, Table
from .desk import Desk
from .provenance import notes
from .records import RunRecord, finite
from .words import count, num

FIRED = ("fired", "passed")


def verdicts_of(run: RunRecord) -> list[dict[str, Any]]:
    """Return the verdicts of a run's health.json, empty where it was not watched."""
    return [verdict for verdict in (run.health or {}).get("verdicts") or [] if isinstance(verdict, dict)]


def names_of(desk: Desk, run: RunRecord, states: Sequence[str]) -> list[str]:
    """Return the names of the verdicts of some states."""
    return [desk.words.name("verdict", str(v["id"])) for v in verdicts_of(run) if v.get("state") in states]


def word_of(desk: Desk, run: RunRecord) -> str:
    """Return a run's health in a word or two for the board on top: what fires now, else healthy."""
    if not verdicts_of(run):
        return "–"
    fired = names_of(desk, run, ("fired",))
    overall = str((run.health or {}).get("overall"))
    return desk.words.listing(fired, 2) or desk.words.name("health.word", overall)


def section(desk: Desk) -> Section | None:
    """Return the health of all runs that were watched."""
    runs, words = [run for run in desk.records.runs if verdicts_of(run)], desk.words
    if not runs:
        return None
    blocks: list[Block] = [Para(words("health.lead", grace=count(GRACE_NIMG)), "lead")]
    for run in runs:
        overall = str((run.health or {}).get("overall"))
        names = words.listing(names_of(desk, run, ("fired",) if overall == "unhealthy" else FIRED))
        blocks.append(Para(words(f"health.{overall}", run=desk.label(run), names=names)))
        blocks += [Para(_found(desk, run, v)) for v in verdicts_of(run) if v.get("state") == "fired"]
    blocks += [note for run in runs for note in notes(desk, run, "health")]
    blocks += [_table(desk, runs)]
    return Section("health", words("health.title"), tuple(blocks))


def _found(desk: Desk, run: RunRecord, verdict: dict[str, Any]) -> str:
    """Say what a verdict means and what to try next."""
    words, name = desk.words, str(verdict["id"])
    explained = words("health.explained", says=words(f"verdict.{name}.says"), try_=words(f"verdict.{name}.try"))
    named = {"run": desk.label(run), "name": words.name("verdict", name), "nimg": count(verdict.get("nimg") or 0)}
    return words("health.found", explained=explained, **named)


def _table(desk: Desk, runs: Sequence[RunRecord]) -> Table:
    """Return one row per signal: its number at the end of each run, and where it fired."""
    words = desk.words
    rows = []
    for verdict in verdicts_of(runs[0]):
        for reading in verdict.get("readings") or []:
            side = words("health.side.below" if reading["side"] == "<" else "health.side.above")
            limit = words("health.limit", side=side, threshold=num(reading["threshold"]))
            note = words("list.semi").join([words.name("signal", str(reading["signal"])), limit])
            cells = [_cell(desk, run, str(verdict["id"]), str(reading["signal"])) for run in runs]
            rows.append((Cell(words.name("verdict", str(verdict["id"])), note), *cells))
    head = (words("health.head"), *(desk.label(run) for run in runs))
    return Table(words("health.table"), head, tuple(rows), words("health.note"), kind="scores")


def _cell(desk: Desk, run: RunRecord, verdict: str, signal: str) -> Cell:
    readings = [
        reading
        for entry in verdicts_of(run)
        if entry["id"] == verdict
        for reading in entry["readings"]
        if reading["signal"] == signal
    ]
    reading = readings[0] if readings else {}
    if not finite(reading.get("value")):
        return Cell("–", numeric=True)
    since = reading.get("fired_nimg")
    key = "health.since" if reading.get("is_active") else "health.passed.at"
    return Cell(num(reading["value"]), desk.words(key, nimg=count(since)) if since else "", numeric=True)
