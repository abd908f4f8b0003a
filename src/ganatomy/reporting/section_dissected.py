"""Several dissected runs in one table: how their latent numbers differ."""

from __future__ import annotations

from collections.abc import Callable

from .atlas_record import AtlasRecord, atlas_record
from .blocks import Cell, Para, Section, Table
from .desk import Desk
from .latents import SHARES, LatentRecord
from .records import RunRecord, finite
from .section_atlas import converges, value_text
from .section_latent import class_names
from .section_noise import standing
from .words import num, percent, signed

Answer = Callable[[RunRecord, AtlasRecord], Cell]
EMPTY = Cell("–", numeric=True)


def section(desk: Desk) -> Section | None:
    """Return the table of all dissected runs, None with fewer than two."""
    runs = [run for run in desk.records.runs if run.dissect and run.dissect.get("dims")]
    if len(runs) < 2:
        return None
    words = desk.words
    atlases = [atlas_record(run) for run in runs]
    rows = []
    for label, answer in questions(desk, atlases):
        cells = [answer(run, atlas) for run, atlas in zip(runs, atlases)]
        if any(cell is not EMPTY for cell in cells):
            rows.append((Cell(label), *cells))
    if not rows:
        return None
    head = (words("beside.column"), *(desk.label(run) for run in runs))
    table = Table(words("beside.table"), head, tuple(rows), words("beside.note"), kind="beside")
    return Section("dissected", words("beside.title"), (Para(words("beside.lead"), "lead"), table))


def questions(desk: Desk, atlases: list[AtlasRecord]) -> list[tuple[str, Answer]]:
    """Return every row's label and what answers it for a run."""
    words = desk.words
    values = sorted({value for atlas in atlases for value in atlas.values}, key=lambda value: (abs(value), value))
    far = max(values, key=abs)
    named = {"value": value_text(far)}
    found: list[tuple[str, Answer]] = [
        (words("beside.idle"), _idle),
        (words("beside.tenth"), lambda run, atlas: _share(atlas.tenth_share)),
        (words("beside.dimension"), lambda run, atlas: _interval(atlas, "effective_dimension")),
        (words("beside.num_90"), lambda run, atlas: _interval(atlas, "num_90")),
    ]
    for value in values:
        found.append((words("beside.visible", value=value_text(value)), _at("visible_share", value)))
    found += [
        (words("beside.flip", **named), _at("class_flip", far)),
        (words("beside.top", **named), lambda run, atlas: _top(desk, run, atlas, far)),
        (words("beside.own", **named), _at("top_class_share", far)),
        (words("beside.precision", **named), lambda run, atlas: _change(atlas, "precision", far)),
        (words("beside.confidence", **named), lambda run, atlas: _change(atlas, "confidence", far)),
        (words("beside.logit", **named), lambda run, atlas: _change(atlas, "logit", far)),
        (words("beside.scale"), lambda run, atlas: _best_scale(atlas)),
        (words("beside.noise"), lambda run, atlas: _best_noise(desk, run)),
    ]
    return found


def _idle(run: RunRecord, atlas: AtlasRecord) -> Cell:
    return Cell(f"{atlas.num_idle} / {len(atlas.ranking)}", numeric=True) if atlas.ranking else EMPTY


def _share(share: float | None) -> Cell:
    return EMPTY if share is None else Cell(percent(share), numeric=True)


def _interval(atlas: AtlasRecord, key: str) -> Cell:
    row = atlas.interval(key)
    if row is None:
        return EMPTY
    return Cell(num(row["mean"]), f"{num(row['lo'])}\N{EN DASH}{num(row['hi'])}", numeric=True)


def _at(measure: str, value: float) -> Answer:
    def found(run: RunRecord, atlas: AtlasRecord) -> Cell:
        curve = atlas.curves.get(measure)
        return _share(curve.at(value) if curve else None)

    return found


def _top(desk: Desk, run: RunRecord, atlas: AtlasRecord, value: float) -> Cell:
    moves = atlas.moves(value)
    names = class_names(desk, run, LatentRecord(atlas.record))
    if moves is None or len(names) != len(moves.after) or not converges(atlas, value):
        return EMPTY
    return Cell(names[moves.top], percent(float(moves.after[moves.top])), numeric=True)


def _change(atlas: AtlasRecord, measure: str, value: float) -> Cell:
    curve = atlas.curves.get(measure)
    after = curve.at(value) if curve else None
    if curve is None or curve.base is None or after is None:
        return EMPTY
    write = percent if measure in SHARES else num
    gap = after - curve.base
    text = f"{'+' if gap > 0 else ''}{percent(gap)}" if measure in SHARES else signed(gap)
    return Cell(text, f"{write(curve.base)} → {write(after)}", numeric=True)


def _best_scale(atlas: AtlasRecord) -> Cell:
    x, y = atlas.scaled("frechet")
    return Cell(f"{x[y.argmin()]:g}", num(float(y.min())), numeric=True) if len(x) else EMPTY


def _best_noise(desk: Desk, run: RunRecord) -> Cell:
    record = (run.dissect or {}).get("priors") or {}
    rows = [row for key in ("frechet", "other") for row in record.get(key) or [] if finite(row.get("value"))]
    if not rows:
        return EMPTY
    best = min(rows, key=lambda row: float(row["value"]))
    note = num(best["value"]) + (desk.words("beside.level") if standing(best) == "level" else "")
    return Cell(desk.words.name("prior", best["prior"]), note, numeric=True)
