"""Other noises than the training's: the table of both distances, and what it says."""

from __future__ import annotations

from typing import Any

from .blocks import Block, Cell, Para, Table
from .desk import Desk
from .latents import LatentRecord, worth_items
from .records import finite
from .words import count, num, signed


def prior_table(desk: Desk, latents: LatentRecord) -> list[Block]:
    """Return both distances under other latent distributions, with sentences that read them."""
    words = desk.words
    record = latents.record.get("priors") or {}
    rows = [row for row in record.get("frechet") or [] if finite(row.get("value"))]
    others = [row for row in record.get("other") or [] if finite(row.get("value"))]
    if not rows:
        return []

    kinds = ["", "kernel_"] if all(finite(row.get("kernel")) for row in rows) else [""]
    table = []
    for row in rows + others:
        cells = [Cell(words.name("prior", row["prior"]))]
        for kind in kinds:
            cells.append(error_cell(row.get("kernel" if kind else "value"), row.get(f"{kind}se")))
            gap, error = (row.get(f"{kind}{key}") for key in ("difference", "difference_se"))
            cells.append(error_cell(None if row["prior"] == "normal" else gap, error, is_signed=True))
        table.append(tuple(cells))
    parts = prior_readings(desk, record, rows)
    if others:
        parts.append(further_reading(desk, rows, others))
    reading = words("join.sentences").join(parts)
    head = [words("prior.column"), words("prior.value"), words("prior.difference")]
    head += [words("prior.kernel"), words("prior.difference")] if len(kinds) > 1 else []
    note = words("prior.note", n=count(record.get("num_img", 0)))
    return [Table(words("prior.title"), tuple(head), tuple(table), note, kind="priors"), Para(reading, "reading")]


def error_cell(value: Any, error: Any, *, is_signed: bool = False) -> Cell:
    """Return a number over its standard error."""
    if not finite(value):
        return Cell("–", numeric=True)
    sub = f"±\N{NARROW NO-BREAK SPACE}{num(error, 2)}" if finite(error) and error else ""
    return Cell(signed(value) if is_signed else num(value), sub, numeric=True)


def standing(row: dict[str, Any]) -> str:
    """Return whether a noise is the training's (`normal`), `level` with it (two standard errors), or an `other`."""
    if row["prior"] == "normal":
        return "normal"
    gap, error = row.get("difference"), row.get("difference_se")
    return "level" if finite(gap) and finite(error) and abs(gap) <= 2 * error else "other"


def further_reading(desk: Desk, rows: list[dict[str, Any]], others: list[dict[str, Any]]) -> str:
    """Say whether one of the further noises comes closer to the real images than all of the claim's."""
    best, known = (min(part, key=lambda row: float(row["value"])) for part in (others, rows))
    key = "prior.further.lower" if best["value"] < known["value"] else "prior.further.none"
    name = desk.words.name("prior", best["prior"])
    return desk.words(key, n=len(others), name=name, value=num(best["value"]))


def prior_readings(desk: Desk, record: dict[str, Any], rows: list[dict[str, Any]]) -> list[str]:
    """Say which noise is best by both distances, what small noise costs in variety and what its images are worth."""
    words = desk.words
    best = min(rows, key=lambda row: float(row["value"]))
    key = f"prior.best.{standing(best)}"
    found = [words(key, name=words.name("prior", best["prior"]), value=num(best["value"]))]
    if all(finite(row.get("kernel")) for row in rows):
        other = min(rows, key=lambda row: float(row["kernel"]))["prior"]
        key = "prior.kernel.same" if other == best["prior"] else "prior.kernel.other"
        found.append(words(key, name=words.name("prior", other)))
    diversity = (record.get("diversity") or {}).get("ratio")
    if finite(diversity):
        found.append(words("prior.diversity", ratio=num(float(diversity))))
    small = record.get("small_noise") or {}
    worth = [{**row, "frechet": row.get("value")} for row in small.get("rows") or []]
    items = worth_items(words, worth[0], worth[1]) if len(worth) == 2 else ""
    if items:
        found.append(words("prior.small", n=count(small.get("num_img", 0)), items=items))
    return found
