"""Scores that a measurement left out and what it warns of, in words, so that nothing goes missing silently."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..metrics.left_out import REASONS, WARNINGS, grouped, warnings_of
from .blocks import Para
from .desk import Desk
from .records import RunRecord, finite
from .words import count, percent

_SCORE = re.compile(r"^([a-z]+)\d+k?(?:_k\d+)?_test\[(.+)\]$")
SHARES = ("accuracy", "least_share", "limit")
"""Numbers of a reason that are shares."""


def records_of(run: RunRecord) -> list[dict[str, Any]]:
    """Return a run's measurements: with the data's own network, then with others."""
    return [run.measure, *run.other_measures.values()]


def notes(desk: Desk, runs: Sequence[RunRecord]) -> list[Para]:
    """Return a sentence for every reason for which something was left out, run by run."""
    words, measured = desk.words, [run for run in runs if run.measure.get("scores")]
    found: list[str] = []
    for run in measured:
        for record in records_of(run):
            for entries in grouped(_entries(record, "left_out")).values():
                names = list(dict.fromkeys(score_word(desk, entry) for entry in entries))
                text = reason(desk, entries[0])
                found.append(words("unscored.line", run=desk.label(run), scores=words.listing(names), reason=text))
    found += _not_shared(desk, measured)
    return [Para(text, "note") for text in dict.fromkeys(found)]


def warnings(desk: Desk, runs: Sequence[RunRecord]) -> tuple[str, ...]:
    """Return what has to be known to read the scores of runs, each sentence once."""
    found = [
        desk.words("unscored.warning", run=desk.label(run), text=warning(desk, entry))
        for run in runs
        for record in records_of(run)
        for entry in warnings_of(record)
    ]
    return tuple(dict.fromkeys(found))


def _entries(record: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    given = record.get(key)
    return [entry for entry in given if isinstance(entry, Mapping)] if isinstance(given, list) else []


def reason(desk: Desk, entry: Mapping[str, Any]) -> str:
    """Return in the report's language why something was left out; one that is not known is quoted as it is."""
    shown = _numbers(REASONS, entry)
    return str(entry.get("reason") or "") if shown is None else desk.words(f"unscored.{entry['id']}", **shown)


def warning(desk: Desk, entry: Mapping[str, Any]) -> str:
    """Return a warning in the report's language; one that is not known is quoted as it is."""
    shown = _numbers(WARNINGS, entry)
    return str(entry.get("text") or "") if shown is None else desk.words(f"caution.{entry['id']}", **shown)


def _numbers(known: Mapping[str, str], entry: Mapping[str, Any]) -> dict[str, str] | None:
    """Return what is filled into the sentence of an entry; None where this version does not know its reason."""
    given = entry.get("numbers")
    numbers = given if isinstance(given, Mapping) else {}
    text = known.get(str(entry.get("id")))
    if text is None or not set(re.findall(r"\{(\w+)", text)) <= set(numbers):
        return None
    return {str(name): _shown(str(name), value) for name, value in numbers.items()}


def _shown(name: str, value: Any) -> str:
    if not finite(value):
        return str(value)
    return percent(value) if name in SHARES else count(value)


def score_word(desk: Desk, entry: Mapping[str, Any]) -> str:
    """Return what an entry's score is called, with the part of it that is missing and its network."""
    words, score = desk.words, str(entry.get("score"))
    found = _SCORE.match(score)
    name = score
    if found and f"scores.kind.{found[1]}" in words.table:
        name = words("unscored.of", score=words(f"scores.kind.{found[1]}"), network=found[2])
    elif score in ("bias", "kl"):
        name = words(f"scores.{score}")
    elif score in ("copies, in pixels", "copies, in features"):
        name = words(f"unscored.copies.{score.rsplit(' ', 1)[-1]}")
    part = entry.get("part")
    return words(f"unscored.part.{part}", score=name) if part in ("floor", "error") else name


def _not_shared(desk: Desk, runs: Sequence[RunRecord]) -> list[str]:
    """Name what the table leaves out since not every run has it, where no run's own record says so."""
    tables = [run.measure["scores"] for run in runs]
    missing: dict[str, list[str]] = {}
    for run, table in zip(runs, tables):
        said = {str(entry.get("score")) for entry in _entries(run.measure, "left_out")}
        for name in dict.fromkeys(name for other in tables for name in other if _SCORE.match(name)):
            if name not in table and name not in said:
                missing.setdefault(desk.label(run), []).append(score_word(desk, {"score": name}))
    return [
        desk.words(
            "unscored.line", run=label, scores=desk.words.listing(list(dict.fromkeys(names))),
            reason=desk.words("unscored.not_shared"),
        )
        for label, names in missing.items()
    ]  # fmt: skip
