"""The tables of all scores, one for each feature network: every run beside what real images score."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from .blocks import Cell, Table
from .desk import Desk
from .records import RunRecord, finite
from .words import count, num

_NAME = re.compile(r"^([a-z]+)\d+k?(?:_k\d+)?_test\[(.+)\]$")


def scores_table(desk: Desk, runs: Sequence[RunRecord]) -> Table | None:
    """Return one row per score that all measured runs share, or None where there is only the Fréchet distance."""
    measured = [run for run in runs if run.score]
    return _table(desk, measured, [run.measure for run in measured], desk.words("scores.table"))


def other_tables(desk: Desk, runs: Sequence[RunRecord]) -> list[Table]:
    """Return a table for every further feature network with which all measured runs were measured too."""
    measured = [run for run in runs if run.score]
    networks = list(measured[0].other_measures) if measured else []
    found = [
        _table(
            desk, measured, [run.other_measures[name] for run in measured], desk.words("scores.table.other", name=name)
        )
        for name in networks
        if all(name in run.other_measures for run in measured)
    ]
    return [table for table in found if table]


def _table(desk: Desk, runs: Sequence[RunRecord], records: Sequence[dict[str, Any]], caption: str) -> Table | None:
    if not runs:
        return None
    words, tables = desk.words, [record.get("scores") or {} for record in records]
    names = [name for name in tables[0] if all(name in table for table in tables) and _NAME.match(name)]
    rows = [_score_row(desk, name, [table[name] for table in tables]) for name in names]
    if len(rows) < 2:
        return None
    rows += _other_rows(desk, records)
    head = (words("scores.head"), *(desk.label(run) for run in runs), words("scores.real"))
    reach = next((table[name]["k"] for table in tables for name in names if "k" in table[name]), None)
    note = words("scores.note") + (words("join.sentences") + words("scores.reach", k=reach) if reach else "")
    return Table(caption, head, tuple(rows), note, kind="scores")


def _score_row(desk: Desk, name: str, records: list[dict[str, Any]]) -> tuple[Cell, ...]:
    words, match = desk.words, _NAME.match(name)
    kind = match[1] if match else name
    first = records[0]
    protocol = {"num_gen": count(first.get("num_gen", 0)), "num_real": count(first.get("num_real", 0))}
    sets = int(first.get("num_sets", 1))
    key = "scores.protocol" if sets > 1 else "scores.protocol.one"
    if first.get("spread_by") == "jackknife":
        key = "scores.protocol.jackknife"
    text = words(key, sets=sets, **protocol)
    note = words("list.semi").join([name, words(f"scores.what.{kind}"), text])
    values = [(_plain(record.get("value")), _spread(record.get("spread"))) for record in records]
    return _row(words(f"scores.kind.{kind}"), note, values, _plain(first.get("floor")))


def _spread(value: object) -> str:
    return f"± {num(value, 2)}" if finite(value) and value > 0 else ""


def _other_rows(desk: Desk, records: Sequence[dict[str, Any]]) -> list[tuple[Cell, ...]]:
    """Return the extrapolated distance and what the classes say, where they are known."""
    words = desk.words
    biases = [(record.get("bias") or {}).get("extrapolated") for record in records]
    rows = []
    if any(finite(value) for value in biases):
        rows.append(
            _row(words("scores.bias"), words("scores.bias.note"), [(_plain(value), "") for value in biases], "–")
        )
    for key in ("kl", "clarity"):
        values = [(record.get("classes") or {}).get(key) for record in records]
        if any(finite(value) for value in values):
            num_classes = max(len((record.get("classes") or {}).get("counts", [])) for record in records)
            note = words(f"scores.{key}.note", num_classes=num_classes)
            shown = [(_plain(value), "") for value in values]
            rows.append(_row(words(f"scores.{key}"), note, shown, "–"))
    return rows


def _plain(value: object) -> str:
    return num(value) if finite(value) else "–"


def _row(title: str, note: str, values: Sequence[tuple[str, str]], real: str) -> tuple[Cell, ...]:
    """Return a row: what it is, (value, spread) of every run, and the real images."""
    return (Cell(title, note), *(Cell(*value, numeric=True) for value in values), Cell(real, numeric=True))
