"""What images become, numbers switched off in groups, people's own edits, and what lies outside N(0, I)."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import pictures
from .atlas_record import AtlasRecord, Moves, plain_mean
from .blocks import Cell, Figure, LegendItem, Table
from .desk import Desk
from .figures import Axis, shorten, text_columns
from .figures_latent import Line, Panel, Ticks, matrix_chart, panel_chart
from .latents import LatentRecord, measure_cell
from .records import RunRecord, finite
from .section_atlas import value_text
from .words import count, num, percent

Rows = Sequence[dict[str, Any]]
MOST_CLASSES = 12
"""Classes that a matrix has room for."""
EDIT_MEASURES = ("visible_share", "class_flip", "confidence", "precision", "sharpness", "noise_share")
GROUP_KINDS = ("strong", "strong", "weak", "weak")
"""The groups that the experiment switches off, in its order."""
LABEL_COLUMNS, CELL_COLUMNS = 14, 24
"""Room for an edit's words beside a picture and in a table."""


def move_figure(desk: Desk, run: RunRecord, atlas: AtlasRecord, names: list[str]) -> Figure | None:
    """Return which class becomes which at the two outermost values of the grids."""
    far = sorted({value for value in atlas.values if abs(value) >= 1}, key=lambda value: (abs(value), value))[-2:]
    found = [moves for value in far if (moves := atlas.moves(value)) and len(moves.after) == len(names)]
    if not found or len(names) < 2:
        return None
    words = desk.words
    kept = _kept(found, len(names))
    tables = []
    for moves in found:
        table = np.concatenate([moves.matrix[kept][:, kept], moves.after[None, kept]])
        tables.append((words("moves.table", value=value_text(moves.value)), table))
    values = words.listing([value_text(moves.value) for moves in found])
    title = words("fig.moves", run=desk.label(run), values=values)
    axis = Axis(words("axis.after"), words("axis.before"), title)
    number = desk.number()
    drawn = matrix_chart(f"fig{number}", [names[k] for k in kept], tables, words("moves.all"), axis)
    reading = [words("moves.how")]
    if len(kept) < len(names):
        reading.append(words("moves.cut", shown=len(kept), n=len(names)))
    reading += [moves_reading(desk, atlas, moves, names) for moves in found]
    reading += source_reading(desk, atlas, names)
    return desk.add(Figure(number, title, tuple(reading), chart=drawn))


def _kept(found: Sequence[Moves], num_classes: int) -> list[int]:
    """Return the classes to show, in order: all, or those with the largest share before or after any edit."""
    largest = np.max([moves.before for moves in found] + [moves.after for moves in found], axis=0)
    order = np.argsort(-largest, kind="stable")[: min(num_classes, MOST_CLASSES)]
    return sorted(int(k) for k in order)


def moves_reading(desk: Desk, atlas: AtlasRecord, moves: Moves, names: list[str]) -> str:
    """Say which class grows and which shrinks most, how many keep their class, and where most numbers lead."""
    words = desk.words
    gain = moves.after - moves.before
    grown, lost = int(gain.argmax()), int(gain.argmin())
    known = {"value": value_text(moves.value), "kept": percent(float(moves.before @ moves.matrix.diagonal()))}
    parts = [words("moves.kept", **known)]
    if gain[grown] > 0:
        pairs = {"grown": names[grown], "g0": percent(moves.before[grown]), "g1": percent(moves.after[grown])}
        pairs |= {"lost": names[lost], "l0": percent(moves.before[lost]), "l1": percent(moves.after[lost])}
        parts.append(words("moves.gain", **pairs))
    becomes = atlas.becomes(moves.value)
    if becomes:
        items = [words("moves.become.item", name=names[k], n=n) for k, n in becomes.items() if k < len(names)]
        key = "moves.become.one" if len(items) == 1 else "moves.become.many"
        parts.append(words(key, items=words.listing(items[:3]), num=len(items), n=sum(becomes.values())))
    return words("join.sentences").join(parts)


def source_reading(desk: Desk, atlas: AtlasRecord, names: list[str]) -> list[str]:
    """Hold the outermost value against what the source saw there, trousers; empty where that class is unknown."""
    raw = [str(name).lower() for name in atlas.record.get("class_names") or []]
    found = [k for k, name in enumerate(raw) if name.startswith("trouser")]
    moves = atlas.moves(atlas.far) if atlas.far is not None else None
    if not found or moves is None or len(names) != len(moves.after):
        return []
    k = found[0]
    shares = {"before": percent(float(moves.before[k])), "after": percent(float(moves.after[k]))}
    return [desk.words("moves.source", name=names[k], value=value_text(moves.value), **shares)]


def edits_of(rows: Rows) -> list[tuple[str, int]]:
    """Return every edit's words and how many numbers it changes, in the record's order; one may come twice."""
    return [(str(row["edit"]), len(row.get("dims") or [])) for row in rows if row["measure"] == rows[0]["measure"]]


def edit_labels(desk: Desk, rows: Rows, is_group: bool, columns: int = LABEL_COLUMNS) -> list[tuple[str, str]]:
    """Return the words of every edit with a label of at most so many columns."""
    edits = edits_of(rows)
    if not is_group:
        return [(text, short_edit(text, columns)) for text, _ in edits]
    kinds = GROUP_KINDS if len(edits) == len(GROUP_KINDS) else ("any",) * len(edits)
    return [(text, desk.words(f"groups.{kind}", n=n)) for (text, n), kind in zip(edits, kinds)]


def short_edit(text: str, columns: int) -> str:
    """Shorten the numbers of an edit, not what is done to them: `19,21,29…=-5`."""
    found = re.fullmatch(r"(.*?)([+*]?=[^=]*)", text)
    numbers, change = found.groups() if found else (text, "")
    return shorten(numbers, max(2, columns - text_columns(change))).replace(",…", "…") + change


def row_of(rows: Rows, edit: str, measure: str) -> dict[str, Any] | None:
    """Return the row of an edit and a measure, None where it has no mean."""
    found = (row for row in rows if row["edit"] == edit and row["measure"] == measure and finite(row.get("mean")))
    return next(found, None)


def edit_pictures(
    desk: Desk, run: RunRecord, atlas: AtlasRecord, kind: str, title: str, reading: tuple[str, ...]
) -> Figure | None:
    """Return the images and difference maps of the further edits (`edits`) or of the groups (`groups`)."""
    files = (atlas.record.get("figures") or {}).get(kind)
    rows = atlas.record.get("groups" if kind == "groups" else "further") or []
    if not isinstance(files, dict) or not rows:
        return None
    labels = tuple(label for _, label in edit_labels(desk, rows, kind == "groups"))
    found = []
    for key, more in (("rows", (desk.words("table.base"),)), ("difference", ())):
        path = run.dissect_folder / str(files.get(key, ""))
        if path.is_file():
            name = desk.words(f"edited.{key}")
            found.append(pictures.picture(path, f"{title}: {name}", rows=(*more, *labels), title=name))
    shown_text = tuple(filter(None, reading))
    return desk.add(Figure(desk.number(), title, shown_text, pictures=tuple(found))) if found else None


def edits_table(desk: Desk, latents: LatentRecord, rows: Rows, is_group: bool) -> Table | None:
    """Return the measures of edits of several numbers, each above its control."""
    words = desk.words
    labels = dict(edit_labels(desk, rows, is_group, CELL_COLUMNS))
    columns = [m for m in EDIT_MEASURES if any(row_of(rows, edit, m) for edit in labels)]
    if not columns:
        return None
    base = [measure_cell(latents.base(measure), measure) for measure in columns]
    table = [(Cell(words("table.base")), Cell("–"), *base)]
    kinds = ["group"]
    for edit, label in labels.items():
        found = [row_of(rows, edit, measure) for measure in columns]
        controls = [(row or {}).get("control") for row in found]
        table.append((Cell(label), Cell(words("table.edit")), *map(measure_cell, found, columns)))
        table.append((Cell(label), Cell(words("table.control")), *map(measure_cell, controls, columns)))
        kinds += ["group", "control repeat"]
    head = (words("table.numbers"), "", *(words.name("measure", measure) for measure in columns))
    n = max(int(row.get("num_latents") or 0) for row in rows)
    caption = words("groups.table" if is_group else "own.table")
    return Table(caption, head, tuple(table), words("own.note", n=count(n)), kind="measures", row_kinds=tuple(kinds))


def group_figure(desk: Desk, run: RunRecord, atlas: AtlasRecord, latents: LatentRecord) -> Figure | None:
    """Return the groups of numbers switched off, with what hangs on each."""
    rows: Rows = atlas.record.get("groups") or []
    title = desk.words("fig.groups", run=desk.label(run))
    reading = (desk.words("groups.how"), groups_reading(desk, rows), _groups_precision(desk, rows, latents))
    return edit_pictures(desk, run, atlas, "groups", title, reading)


def groups_reading(desk: Desk, rows: Rows) -> str:
    """Say how much of the picture hangs on the strongest tenth, beside the weakest half: by redrawing both."""
    words = desk.words
    edits = edits_of(rows)
    if len(edits) != len(GROUP_KINDS):
        return ""
    sizes, (strong, _, weak, _) = dict(edits), [text for text, _ in edits]
    parts = []
    means = {}
    for key, edit in (("strong", strong), ("weak", weak)):
        row = row_of(rows, edit, "visible_share")
        control = plain_mean((row or {}).get("control"))
        if row is None or control is None:
            return ""
        means[key] = control
        known = {"n": sizes[edit], "off": percent(row["mean"]), "redrawn": percent(control)}
        text = words(f"groups.{key}.does", **known)
        flip = row_of(rows, edit, "class_flip")
        redrawn = plain_mean((flip or {}).get("control"))
        if flip and redrawn is not None:
            text += words("groups.flip", off=percent(flip["mean"]), redrawn=percent(redrawn))
        parts.append(text + words("brief.stop"))
    ratio = means["strong"] / means["weak"] if means["weak"] > 0 else math.inf if means["strong"] > 0 else 1.0
    kind = "more" if ratio > 1.1 else "less" if ratio < 1 / 1.1 else "same"
    parts.append(words(f"groups.weigh.{kind}", strong=sizes[strong], weak=sizes[weak]))
    return words("join.sentences").join(parts)


def _groups_precision(desk: Desk, rows: Rows, latents: LatentRecord) -> str:
    words, base = desk.words, latents.base("precision")
    labels = edit_labels(desk, rows, is_group=True)
    found = [(label, row) for edit, label in labels if (row := row_of(rows, edit, "precision"))]
    if base is None or not found:
        return ""
    items = [words("groups.item", name=label, value=percent(row["mean"])) for label, row in found]
    return words("groups.precision", base=percent(base["mean"]), items=words.listing(items))


def own_figure(desk: Desk, run: RunRecord, atlas: AtlasRecord) -> Figure | None:
    """Return the edits that the user gave."""
    words, rows = desk.words, atlas.record.get("further") or []
    edits = edits_of(rows)
    title = words("fig.own", run=desk.label(run), n=len(edits))
    reading = [words("own.how")]
    sizes = [(row["mean"], text) for text, _ in edits if (row := row_of(rows, text, "visible_share"))]
    if sizes:
        share, text = max(sizes)
        reading.append(words("own.most", edit=f"`{short_edit(text, CELL_COLUMNS)}`", share=percent(share)))
    return edit_pictures(desk, run, atlas, "edits", title, tuple(reading))


def scale_figure(desk: Desk, run: RunRecord, atlas: AtlasRecord) -> Figure | None:
    """Return fidelity against diversity: the whole latent scaled."""
    words = desk.words
    colours = {"precision": "accent", "recall": "run1", "diversity": "run2", "confidence": "value0", "frechet": "d"}
    known = {name: pair for name in colours if len((pair := atlas.scaled(name))[0]) > 1}
    if not known:
        return None
    panels = []
    both = [name for name in ("precision", "recall") if name in known]
    if both:
        lines = tuple(Line(known[name][0], 100 * known[name][1], colours[name]) for name in both)
        names = words("scales.and").join(words.name("scales.name", name) for name in both)
        panels.append(Panel(words("axis.percent", name=names), lines))
    for name in ("diversity", "confidence", "frechet"):
        if name in known:
            x, y = known[name]
            line = Line(x, np.maximum(y, 1e-6) if name == "frechet" else y, colours[name])
            panels.append(Panel(words.name("scales.name", name), (line,), is_log=name == "frechet"))
    every = [row["scale"] for row in atlas.scales]
    at = [float(s) for s in range(math.floor(min(every)), math.ceil(max(every)) + 1)]
    ticks = Ticks(tuple(at), tuple(f"{s:g}" for s in at), mark=1.0)
    title = words("fig.scales", run=desk.label(run))
    legend = tuple(LegendItem(colours[name], "line", words.name("scales.name", name)) for name in both)
    number = desk.number()
    drawn = panel_chart(f"fig{number}", panels, ticks, Axis(words("axis.scale"), "", title), legend)
    reading = (words("scales.how"), *scale_readings(desk, atlas, known))
    return desk.add(Figure(number, title, reading, chart=drawn, legend=legend))


def scale_readings(
    desk: Desk, atlas: AtlasRecord, known: dict[str, tuple[np.ndarray, np.ndarray]]
) -> list[str]:  # fmt: skip
    """Say at which scale each of precision, recall and the distance is best, and what happens at both ends."""
    words, parts = desk.words, []
    for name in ("precision", "recall", "frechet"):
        if name not in known:
            continue
        x, y = known[name]
        several = x > 0  # at 0 there is one image only, which has no recall and a precision of 0 or 1
        x, y = (x[several], y[several]) if several.any() else (x, y)
        best = int(y.argmin() if name == "frechet" else y.argmax())
        write = num if name == "frechet" else percent
        key = f"scales.best.{name}"
        parts.append(words(key, scale=f"{x[best]:g}", value=write(float(y[best]))))
        if name == "frechet":
            parts.append(words(f"scales.{atlas.rank_of_training(float(x[best]))}"))
    return [words("join.sentences").join(parts)] if parts else []


def outside_table(desk: Desk, atlas: AtlasRecord) -> Table | None:
    """Return how far every edit lies outside N(0, I)."""
    words = desk.words
    rows = [row for row in atlas.record.get("outside") or [] if finite(row.get("norm_sigmas"))]
    if not rows:
        return None
    table = []
    for row in rows:
        value = row.get("value")
        name = words("outside.none") if value is None else words("outside.edit", value=value_text(float(value)))
        cells = [f"{row['sigmas']:g}" if finite(row.get("sigmas")) else "–", chance(row.get("beyond"))]
        far = row["norm_sigmas"]
        cells.append(f"{'+' if far > 0 else ''}{num(far, 2)}")
        table.append((Cell(name), *(Cell(text, numeric=True) for text in cells)))
    head = tuple(words(f"outside.{key}") for key in ("column", "sigmas", "beyond", "norm"))
    return Table(words("outside.title"), head, tuple(table), kind="priors")


def chance(value: Any) -> str:
    """Write a probability: 92 %, 4.6 %, 5.7 × 10⁻⁷, and what is smaller than a float can say as < 10⁻³⁰⁰."""
    if not finite(value):
        return "–"
    if value >= 0.001:
        return percent(value)
    if value < 1e-300:
        return "< 10" + _raised(-300)
    digits, power = f"{value:.1e}".split("e")
    return f"{digits} × 10{_raised(int(power))}"


def _raised(power: int) -> str:
    return str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def outside_reading(desk: Desk, atlas: AtlasRecord) -> str:
    """Explain why one value can be far out for its number and yet hardly change the norm."""
    rows = {row["value"]: row for row in atlas.record.get("outside") or [] if finite(row.get("value"))}
    shown_values = [value for value in rows if value > 1]
    if not shown_values or not atlas.z_dim:
        return ""
    value = min(shown_values, key=lambda v: abs(v - 5))
    row = rows[value]
    norms = {"norm": num(math.sqrt(atlas.z_dim)), "edited": num(math.sqrt(atlas.z_dim - 1 + value**2))}
    norms |= {"value": value_text(value), "far": num(row["norm_sigmas"], 2), "z_dim": str(atlas.z_dim)}
    norms |= {"beyond": chance(row.get("beyond")), "more": num(value**2 - 1)}
    kind = "near" if row["norm_sigmas"] < 3 else "far"
    sentences = [desk.words("outside.reading", **norms), desk.words(f"outside.reading.{kind}")]
    last = max(shown_values)
    if last > value:
        far = {"value": value_text(last), "edited": num(math.sqrt(atlas.z_dim - 1 + last**2))}
        sentences.append(desk.words("outside.last", far=num(rows[last]["norm_sigmas"], 2), **far))
    return desk.words("join.sentences").join(sentences)
