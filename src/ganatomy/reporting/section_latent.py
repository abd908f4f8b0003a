"""The latent experiment: the grids of edited images, difference maps, the table of measures, the atlas, other noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from . import figures, pictures, section_atlas, section_beyond, section_noise
from .atlas_record import atlas_record
from .blocks import Block, Cell, Figure, Heading, LegendItem, Para, Section, Table
from .desk import Desk
from .figures import Axis, Effect
from .latents import LatentRecord, measure_cell, shown
from .provenance import notes
from .records import RunRecord
from .words import count, num, percent

COLUMNS = (
    "visible_share",
    "contrast",
    "sharpness",
    "noise_share",
    "bright_share",
    "confidence",
    "precision",
    "class_flip",
    "class_entropy",
)
NEAR = 0.02
"""Ratios closer to 1 than this are called unchanged."""


def spread_over(desk: Desk, measure: str, means: dict[int, float]) -> dict[str, str]:
    """Return `mean` over the chosen numbers and `range`, which names the numbers at both ends."""
    mean = shown(measure, float(np.mean(list(means.values()))))
    if len(means) < 2:
        return {"mean": mean, "range": ""}
    low, high = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
    ends = {"low": shown(measure, means[low]), "high": shown(measure, means[high])}
    return {"mean": mean, "range": desk.words("latent.range", dim_low=low, dim_high=high, **ends)}


def visible_reading(desk: Desk, latents: LatentRecord, value: float) -> str:
    """Say how much an edit changes, beside what redrawing the number changes."""
    means = latents.means(value, "visible_share")
    if not means:
        return ""
    words = desk.words
    text = words("latent.visible", value=f"{value:g}", **spread_over(desk, "visible_share", means))
    control = latents.control_mean("visible_share")
    if not control:
        return text
    ratio = float(np.mean(list(means.values()))) / control
    kind = "less" if ratio < 0.8 else "same" if ratio <= 1.25 else "more"
    return (
        text + words("join.sentences") + words(f"latent.control.{kind}", control=percent(control), ratio=num(ratio, 2))
    )


def look_reading(desk: Desk, latents: LatentRecord, value: float) -> str:
    """Say whether images get sharper or softer, noisier or cleaner, brighter or not, against the base."""
    parts = []
    for measure in ("sharpness", "noise_share", "bright_share"):
        base, means = latents.base(measure), latents.means(value, measure)
        if base is None or not means:
            continue
        before, after = float(base["mean"]), float(np.mean(list(means.values())))
        ratio = after / before if before > 0 else float("inf") if after > 0 else 1.0
        alike = abs(ratio - 1) <= NEAR or shown(measure, before) == shown(measure, after)
        kind = "same" if alike else "up" if ratio > 1 else "down"
        parts.append(desk.words(f"look.{measure}.{kind}", before=shown(measure, before), after=shown(measure, after)))
    return desk.words("join.sentences").join(parts)


def class_reading(desk: Desk, latents: LatentRecord, value: float, names: list[str]) -> str:
    """Say how many images change class, how sure the classifier stays, and whether results converge."""
    words = desk.words
    parts = []
    flips = latents.means(value, "class_flip")
    if flips:
        parts.append(words("class.flip", **spread_over(desk, "class_flip", flips)))
    for measure, limit in (("confidence", 0.02), ("class_entropy", 0.1)):
        base, means = latents.base(measure), latents.means(value, measure)
        if base is None or not means:
            continue
        before, after = float(base["mean"]), float(np.mean(list(means.values())))
        kind = "same" if abs(after - before) <= limit else "up" if after > before else "down"
        parts.append(words(f"class.{measure}.{kind}", before=num(before), after=num(after)))
    tops = latents.top_classes(value)
    if tops and names and all(0 <= index < len(names) for index in tops.values()):
        by_class: dict[str, list[str]] = {}
        for dim, index in tops.items():
            by_class.setdefault(names[index], []).append(str(dim))
        listed = [words("class.top.item", name=name, dims=words.listing(dims)) for name, dims in by_class.items()]
        is_one = len(by_class) == 1
        items = next(iter(by_class)) if is_one else words("list.semi").join(listed)
        parts.append(words("class.top.one" if is_one else "class.top.many", items=items))
    return words("join.sentences").join(parts)


def base_reading(desk: Desk, latents: LatentRecord) -> tuple[str, ...]:
    """Describe the unedited images."""
    words, record = desk.words, latents.record
    first = words(
        "base.drawn", codes=record.get("num_codes", 8), z_dim=record.get("z_dim", ""), seed=record.get("seed", 0)
    )
    known = [m for m in ("contrast", "sharpness", "confidence", "class_entropy") if latents.base(m)]
    items = [f"{words.name('measure', m)} {shown(m, (latents.base(m) or {})['mean'])}" for m in known]
    if not items:
        return (first,)
    return first, words("base.measures", n=count(record.get("num_latents", 0)), items=words.listing(items))


def class_names(desk: Desk, run: RunRecord, latents: LatentRecord) -> list[str]:
    """Return the class names the experiment used, in the report's language."""
    raw = latents.record.get("class_names")
    return [desk.class_name(run.data, name) for name in raw] if raw else desk.class_names(run)


def picture_figure(
    desk: Desk, run: RunRecord, file: str | None, title: str, reading: tuple[str, ...], *, source: int | None = None,
    rows: tuple[str, ...] = (), legend: tuple[LegendItem, ...] = (),
) -> Figure | None:  # fmt: skip
    """Return a figure of one PNG of the dissect folder, None where the file is not there."""
    path = run.dissect_folder / Path(file).name if file else None
    if path is None or not path.exists():
        return None
    number = desk.number(source)
    image = pictures.picture(path, title, rows=rows)
    reading = tuple(text for text in reading if text)
    return desk.add(Figure(number, title, reading, pictures=(image,), legend=legend))


def edit_figures(desk: Desk, run: RunRecord, latents: LatentRecord) -> list[Figure]:
    """Return the base row and the grid of every value; in a lab the GAN's are the source's figures 5 to 8."""
    words, label = desk.words, desk.label(run)
    is_source = desk.plays_source(run) and run.config.model == "mlp"
    names = class_names(desk, run, latents)
    rows = tuple(f"z[{dim}]" for dim in latents.dims)
    base = picture_figure(
        desk, run, latents.file("base"), words("fig.base", run=label, n=latents.record.get("num_codes", 8)),
        base_reading(desk, latents), source=5 if is_source else None,
    )  # fmt: skip
    found = [base]
    for i, value in enumerate(latents.values):
        reading = (
            visible_reading(desk, latents, value),
            look_reading(desk, latents, value),
            class_reading(desk, latents, value, names),
        )
        title = words("fig.value", run=label, value=f"{value:g}", n=len(latents.dims))
        source = 6 + i if is_source and i < 3 else None
        found.append(picture_figure(desk, run, latents.file("values", value), title, reading, source=source, rows=rows))
    return [figure for figure in found if figure]


def difference_figures(desk: Desk, run: RunRecord, latents: LatentRecord) -> list[Figure]:
    """Return the combined page and a figure with the difference maps of all values."""
    words, label = desk.words, desk.label(run)
    found: list[Figure] = []
    strength = {value: latents.means(value, "visible_share") for value in latents.values}
    mean = {value: float(np.mean(list(means.values()))) for value, means in strength.items() if means}
    order = words.listing([words("combined.item", value=f"{v:g}", share=percent(s)) for v, s in mean.items()])
    title = words(
        "fig.combined", run=label, rows=len(latents.dims) * len(latents.values), columns=latents.record["num_codes"]
    )
    reading = (words("combined.order"), words("combined.shares", items=order) if order else "")
    rows = tuple(f"z[{dim}]={value:g}" for value in latents.values for dim in latents.dims)
    combined = picture_figure(desk, run, latents.file("combined"), title, reading, rows=rows)
    if combined:
        found.append(combined)
    maps = []
    for value in latents.values:
        name = latents.file("differences", value)
        path = run.dissect_folder / Path(name).name if name else None
        if path and path.exists():
            alt = words("fig.difference.one", value=f"{value:g}")
            maps.append(pictures.picture(path, alt, rows=tuple(f"z[{dim}]" for dim in latents.dims), title=alt))
    if maps:
        number = desk.number()
        ends = [visible_ends(desk, latents, value) for value in latents.values]
        reading = (words("difference.how"), words("join.sentences").join(filter(None, ends)))
        shown_text = tuple(filter(None, reading))
        figure = Figure(number, words("fig.difference", run=label), shown_text, pictures=tuple(maps))
        found.append(desk.add(figure))
    return found


def visible_ends(desk: Desk, latents: LatentRecord, value: float) -> str:
    """Name the chosen numbers with the largest and smallest visible change at a value."""
    means = latents.means(value, "visible_share")
    if len(means) < 2:
        return ""
    low, high = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
    ends = {"low": percent(means[low]), "high": percent(means[high]), "dim_low": low, "dim_high": high}
    return desk.words("difference.ends", value=f"{value:g}", **ends)


def measure_table(desk: Desk, latents: LatentRecord) -> Table:
    """Return the measures of the base and of every chosen number and value, controls below the edits."""
    words = desk.words
    columns = [measure for measure in COLUMNS if latents.has(measure)]
    base = [measure_cell(latents.base(measure), measure) for measure in columns]
    table = [(Cell(words("table.base")), Cell("–"), *base)]
    kinds = ["group"]
    for dim in latents.dims:
        for i, value in enumerate(latents.values):
            edits = [measure_cell(latents.edit(dim, value, measure), measure) for measure in columns]
            table.append((Cell(f"z[{dim}]"), Cell(f"{value:g}"), *edits))
            kinds.append("repeat" if i else "group")
        controls = [measure_cell(latents.control(dim, measure), measure) for measure in columns]
        table.append((Cell(f"z[{dim}]"), Cell(words("table.control")), *controls))
        kinds.append("control repeat")
    head = (words("table.number"), words("table.value"), *(words.name("measure", measure) for measure in columns))
    n = count(latents.record.get("num_latents", 0))
    note = words("table.measures.note", n=n)
    absent = [words.name("measure", name) for name in COLUMNS if name in (latents.record.get("unavailable") or [])]
    if absent:
        note += words("join.sentences") + words("missing.measures", names=words.listing(absent))
    return Table(words("table.measures", n=n), head, tuple(table), note, kind="measures", row_kinds=tuple(kinds))


def effect_figure(desk: Desk, run: RunRecord, latents: LatentRecord) -> Figure | None:
    """Return the visible change of every latent number at every value, sorted, with the chosen numbers marked."""
    found = {value: latents.atlas(value, "visible_share") for value in latents.values}
    found = {value: means for value, means in found.items() if len(means)}
    if not found:
        return None
    words, label = desk.words, desk.label(run)
    chosen = tuple(latents.dims)
    effects = [
        Effect(f"{value:g}", f"value{min(i, 4)}", 100 * means, chosen) for i, (value, means) in enumerate(found.items())
    ]
    control = latents.atlas_control("visible_share")
    legend = [LegendItem(effect.colour, "line", words("legend.value", value=effect.label)) for effect in effects]
    if len(control):
        effects.append(Effect("N(0,1)", "muted", 100 * control, ()))
        legend.append(LegendItem("muted", "dash", words("legend.control")))
    number = desk.number()
    size = len(next(iter(found.values())))
    title = words("fig.atlas", run=label, n=size)
    parts = []
    for value, means in found.items():
        low, high = int(np.argmin(means)), int(np.argmax(means))
        ends = {"median": percent(float(np.median(means))), "low": percent(means[low]), "high": percent(means[high])}
        parts.append(words("atlas.value", value=f"{value:g}", dim_low=low, dim_high=high, **ends))
    first = words("atlas.how", n=size, latents=count(latents.record.get("num_latents_all", 0)))
    reading = (first, words("join.sentences").join(parts), concentration(desk, found))
    axis = Axis(words("axis.rank"), words("axis.visible"), title)
    return desk.add(
        Figure(number, title, reading, chart=figures.effect_chart(f"fig{number}", effects, axis), legend=tuple(legend))
    )


def concentration(desk: Desk, found: dict[float, np.ndarray]) -> str:
    """Say whether few numbers do most of the work at the largest value."""
    value, means = max(found.items(), key=lambda item: abs(item[0]))
    ordered = np.sort(means)[::-1]
    tenth = max(1, len(ordered) // 10)
    total = float(ordered.sum())
    share = float(ordered[:tenth].sum()) / total if total > 0 else 0.0
    even = tenth / len(ordered)
    kind = "few" if share > 2 * even else "even"
    return desk.words(f"atlas.{kind}", value=f"{value:g}", tenth=tenth, share=percent(share), even=percent(even))


def measured_blocks(desk: Desk, run: RunRecord, latents: LatentRecord) -> list[Block]:
    """Return everything after the grids, by question; a heading stands only above what there is."""
    words, atlas = desk.words, atlas_record(run)
    names = class_names(desk, run, latents)
    found: list[Block] = []

    def under(key: str, *blocks: Block | None) -> None:
        known = [block for block in blocks if block]
        if known:
            found.extend((Heading(words(f"head.{key}"), f"{key}-{run.key}"), *known))

    brief = section_atlas.answer(desk, atlas, names)
    under("brief", brief)
    table = measure_table(desk, latents) if latents.record.get("edits") else None
    under("values", section_atlas.curve_figure(desk, run, atlas), *difference_figures(desk, run, latents), table)
    under(
        "numbers", section_atlas.ranking_figure(desk, run, atlas), effect_figure(desk, run, latents),
        section_atlas.heat_figure(desk, run, atlas), section_atlas.spectrum_figure(desk, run, atlas),
    )  # fmt: skip
    groups = section_beyond.edits_table(desk, latents, latents.record.get("groups") or [], is_group=True)
    under("groups", section_beyond.group_figure(desk, run, atlas, latents), groups)
    under("becomes", section_beyond.move_figure(desk, run, atlas, names))
    outside, reading = section_beyond.outside_table(desk, atlas), section_beyond.outside_reading(desk, atlas)
    under(
        "beyond", section_beyond.scale_figure(desk, run, atlas), outside, Para(reading, "reading") if reading else None,
        *section_noise.prior_table(desk, latents),
    )  # fmt: skip
    own = section_beyond.edits_table(desk, latents, latents.record.get("further") or [], is_group=False)
    under("own", section_beyond.own_figure(desk, run, atlas), own)
    return found


def section(desk: Desk, run: RunRecord) -> Section | None:
    """Return a run's latent experiment, None where it was not dissected.

    In a lab the GAN's holds only the source's figures 5 to 8; `measured_section` follows after figure 10.
    """
    if run.dissect is None or not run.dissect.get("dims"):
        return None
    latents = LatentRecord(run.dissect)
    words, label = desk.words, desk.label(run)
    lead = words(
        "latent.lead", run=label, dims=words.listing([str(dim) for dim in latents.dims]), z_dim=run.dissect["z_dim"],
        values=words.listing([f"{value:g}" for value in latents.values]),
    )  # fmt: skip
    blocks: list[Block] = [Para(lead, "lead"), *notes(desk, run, "dissect"), *edit_figures(desk, run, latents)]
    if not is_split(desk, run):
        blocks += measured_blocks(desk, run, latents)
    return Section(f"latent-{run.key}", words("latent.title", run=label), tuple(blocks))


def is_split(desk: Desk, run: RunRecord) -> bool:
    """Whether the run's experiment is told in two sections, so that the source's figures stay in order."""
    return desk.plays_source(run) and run.config.model == "mlp"


def measured_section(desk: Desk, run: RunRecord) -> Section | None:
    """Return the second half of the lab's GAN experiment."""
    if run.dissect is None or not run.dissect.get("dims") or not is_split(desk, run):
        return None
    label = desk.label(run)
    blocks = measured_blocks(desk, run, LatentRecord(run.dissect))
    if not blocks:
        return None
    lead = Para(desk.words("latent.measured.lead", run=label), "lead")
    late = notes(desk, run, "dissect")
    return Section(f"measured-{run.key}", desk.words("latent.measured.title", run=label), (lead, *late, *blocks))
