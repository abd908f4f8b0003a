"""Runs side by side: the same latents, the same axes, the classes drawn and the score with its floor."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from . import figures, left_out, pictures, section_memory
from .blocks import Block, Figure, LegendItem, Para, Section
from .desk import Desk
from .figures import Axis
from .provenance import notes
from .records import RunRecord, finite
from .scoring import covered_share, few_images, network_kind, shares_of
from .section_scores import other_tables, scores_table
from .section_training import MAX_NAMES, curve, loss_legend
from .trends import trend
from .words import count, num, percent

MAX_STRIP_ROWS = 5
REAL_COUNTS = {
    "fashion-mnist": [1000] * 10,
    "mnist": [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
}
"""Test images per class of the catalogue's data sets."""
MAX_BARS = 24
"""Classes in the bar chart; of more, those are shown whose share is furthest from the real one."""
PAIRED_ROWS = 4
PANEL_COLUMNS = 64
"""Room for the titles of a plot's panels side by side, in columns of Latin letters."""


def pick_stages(run: RunRecord) -> list[int]:
    """Return the indices of up to five sample grids, from the first to the last, denser at the start."""
    last = len(run.samples) - 1
    if last < MAX_STRIP_ROWS:
        return list(range(last + 1))
    return sorted({0, max(1, round(last * 0.1)), round(last * 0.3), round(last * 0.6), last})


def strip_figure(desk: Desk, run: RunRecord) -> Figure | None:
    """Return the first row of the fixed latents at an early, middle and late time."""
    stages = pick_stages(run)
    if len(stages) < 2:
        return None
    words, label = desk.words, desk.label(run)
    number = desk.number()
    chosen = [run.samples[i] for i in stages]
    cell = (run.config.img_height, run.config.img_width)
    target = pictures.strip([path for _, path in chosen], cell, 8, desk.folder / f"strip-{run.key}.png")
    title = words("fig.strip", run=label)
    steps = [pictures.change(a[1], b[1]) for a, b in pairwise(chosen)]
    reading = [words("strip.how", times=words.listing([count(nimg) for nimg, _ in chosen]))]
    if all(step is not None for step in steps):
        known = [step for step in steps if step is not None]
        largest = int(np.argmax(known))
        listed = words.listing([num(step) for step in known])
        reading.append(
            words(
                "strip.change",
                steps=listed,
                unit=desk.levels(run),
                a=count(chosen[largest][0]),
                b=count(chosen[largest + 1][0]),
            )
        )
    rows = tuple(count(nimg) for nimg, _ in chosen)
    image = pictures.picture(target, title, rows=rows)
    return desk.add(Figure(number, title, tuple(reading), pictures=(image,)))


def paired_figure(desk: Desk, first: RunRecord, second: RunRecord) -> Figure | None:
    """Return rows of two runs' final grids in pairs; only runs that share seed, z_dim and image size share latents."""
    shared = ("seed", "z_dim", "img_height", "img_width", "img_channels")
    if not first.samples or not second.samples:
        return None
    if any(getattr(first.config, name) != getattr(second.config, name) for name in shared):
        return None
    words = desk.words
    number = desk.number()
    upper, lower = first.samples[-1][1], second.samples[-1][1]
    cell = (first.config.img_height, first.config.img_width)
    target = desk.folder / f"pairs-{first.key}-{second.key}.png"
    pictures.paired_rows(upper, lower, cell, PAIRED_ROWS, target)
    names = {"first": desk.label(first), "second": desk.label(second)}
    title = words("fig.paired", **names)
    reading = [words("paired.how", **names)]
    apart = pictures.change(upper, lower)
    if apart is not None:
        reading.append(words("paired.change", apart=num(apart), unit=desk.levels(first)))
    image = pictures.picture(target, title, rows=(names["first"], names["second"]) * PAIRED_ROWS)
    return desk.add(Figure(number, title, tuple(reading), pictures=(image,)))


def losses_figure(desk: Desk, runs: Sequence[RunRecord]) -> Figure | None:
    """Return the losses of several runs on the same axes."""
    found = [(run, [c for player in ("G", "D") if (c := curve(run, player))]) for run in runs]
    panels = [(desk.label(run), curves) for run, curves in found if curves]
    if len(panels) < 2:
        return None
    fitting = PANEL_COLUMNS // len(panels)
    words = desk.words
    number = desk.number()
    title = words("fig.losses", runs=words.listing([label for label, _ in panels]))
    reading = [words("losses.how")]
    for label, curves in panels:
        trends = {c.label: t for c in curves if (t := trend(c.nimg, c.values))}
        if len(trends) == 2:
            gap = abs(trends["G"].last - trends["D"].last)
            reading.append(
                words("losses.run", run=label, g=num(trends["G"].last), d=num(trends["D"].last), gap=num(gap))
            )
    ends = figures.limits([c for _, curves in panels for c in curves])
    drawn_panels = [(figures.shorten(label, fitting), curves) for label, curves in panels]
    drawn = figures.loss_chart(f"fig{number}", drawn_panels, Axis(words("axis.nimg"), words("axis.loss"), title), ends)
    text = (words("join.sentences").join(reading),)
    return desk.add(Figure(number, title, text, chart=drawn, legend=loss_legend(desk, ("G", "D"))))


def real_shares(run: RunRecord, raw_names: Sequence[str]) -> tuple[list[float], bool]:
    """Return the share of every class among the real test images and whether it was counted, else even shares."""
    data = run.data
    counts = [data.test_counts.get(name, 0) for name in raw_names]
    if data.kind == "catalogue":
        counts = REAL_COUNTS.get(data.name, counts)
    if len(counts) != len(raw_names) or not sum(counts):
        return [1 / len(raw_names)] * len(raw_names), False
    return [value / sum(counts) for value in counts], True


def classes_figure(desk: Desk, runs: Sequence[RunRecord]) -> Figure | None:
    """Return the classes drawn by every run against the share of the real test images."""
    shown = [run for run in runs if run.classes and len(desk.class_names(run)) == len(shares_of(run))]
    if not shown or len({tuple(desk.class_names(run)) for run in shown}) > 1:
        return None
    words = desk.words
    names = desk.class_names(shown[0])
    number = desk.number()
    shares = [shares_of(run) for run in shown]
    real, is_counted = real_shares(shown[0], [str(name) for name in (shown[0].classes or {})["names"]])
    title = words("fig.classes", runs=words.listing([desk.label(run) for run in shown]))
    kept = kept_bars(shares, real)
    reading = [words("classes.how" if is_counted else "classes.how.even", even=percent(1 / len(names)))]
    if len(kept) < len(names):
        reading[0] += words("join.sentences") + words("classes.cut", shown=len(kept), n=len(names))
    reading += [classes_reading(desk, run, names, row, real) for run, row in zip(shown, shares)]
    runs_legend = tuple(LegendItem(desk.colour(run), "bar", desk.label(run)) for run in shown)
    legend = (*runs_legend, LegendItem("ink", "line", words("legend.real" if is_counted else "legend.even")))
    drawn = figures.class_chart(
        f"fig{number}", [names[k] for k in kept], [[row[k] for k in kept] for row in shares], [real[k] for k in kept],
        Axis(words("axis.share"), "", title), legend,
    )  # fmt: skip
    return desk.add(Figure(number, title, tuple(reading), chart=drawn, legend=legend))


def kept_bars(shares: Sequence[Sequence[float]], real: Sequence[float]) -> list[int]:
    """Return the classes to draw, in order: all, or of many those furthest from the real share in any run."""
    distance = np.abs(np.array(shares) - np.array(real)).max(axis=0)
    return sorted(np.argsort(-distance, kind="stable")[:MAX_BARS].tolist())


def classes_reading(
    desk: Desk, run: RunRecord, names: Sequence[str], row: Sequence[float], real: Sequence[float]
) -> str:
    """Read one run's shares: the most and least frequent class, the rare ones, how far all are from the real ones."""
    words, limit = desk.words, covered_share(len(names))
    top, low = int(np.argmax(row)), int(np.argmin(row))
    rare = [names[k] for k, share in enumerate(row) if share < limit]
    distance = sum(abs(a - b) for a, b in zip(row, real)) / 2
    key = "classes.run.rare" if rare else "classes.run.all"
    ends = {"top": names[top], "share": percent(row[top]), "low": names[low], "least": percent(row[low])}
    rest = {"rare": words.listing(rare, MAX_NAMES), "limit": percent(limit), "distance": percent(distance)}
    return words(key, run=desk.label(run), **ends, **rest) + missing_text(desk, run)


def missing_text(desk: Desk, run: RunRecord) -> str:
    """Name the classes that the measurement counts as missing, empty where none are."""
    record = run.classes or {}
    names = [desk.class_name(run.data, name) for name in record.get("missing") or []]
    if not names or not finite(record.get("share_min")):
        return ""
    words, listed = desk.words, desk.words.listing(names, MAX_NAMES)
    return words("join.sentences") + words("classes.missing", limit=percent(record["share_min"]), names=listed)


def score_figure(desk: Desk, runs: Sequence[RunRecord]) -> Figure | None:
    """Return the Fréchet distances of all runs with their spread and the floor."""
    shown = [(run, run.score[0], run.score[1]) for run in runs if run.score]
    shown = [entry for entry in shown if entry[1] == shown[0][1]]
    if not shown:
        return None
    words = desk.words
    name, first = shown[0][1], shown[0][2]
    number = desk.number()
    floor = first["floor"] if finite(first.get("floor")) and first["floor"] > 0 else None
    title = words("fig.score", name=name)
    protocol = {"num_gen": count(first.get("num_gen", 0)), "num_real": count(first.get("num_real", 0))}
    network = words(f"features.{network_kind(shown[0][0])}")
    protocol_text = [words("score.protocol", name=name, network=network, **protocol), few_images(desk, first)]
    reading = []
    for run, _, record in shown:
        spread, sets = record.get("spread"), record.get("num_sets", 1)
        key = "score.run.sets" if sets > 1 else "score.run.jackknife" if spread else "score.run.one"
        reading.append(
            words(key, run=desk.label(run), value=num(record["value"]), spread=num(spread or 0, 2), sets=sets)
        )
    if floor:
        each = [
            words("score.times" if r["value"] >= floor else "score.below", run=desk.label(run),
                  ratio=num(r["value"] / floor, 2))
            for run, _, r in shown
        ]  # fmt: skip
        times = words("list.semi").join(each)
        reading.append(words("score.floor", floor=num(floor), n=count(first.get("num_floor", 0)), times=times))
    values = sorted(((r["value"], desk.label(run)) for run, _, r in shown), key=lambda pair: pair[0])
    if len(values) > 1 and values[0][0] > 0:
        (best, winner), (worst, loser) = values[0], values[-1]
        reading.append(words("score.ratio", winner=winner, loser=loser, ratio=num(worst / best, 2)))
    rows = [(desk.label(run)[:12], float(r["value"]), r.get("spread"), desk.colour(run)) for run, _, r in shown]
    axis = Axis(words("axis.score"), "", title)
    drawn = figures.score_chart(f"fig{number}", rows, floor, words("legend.floor", floor=num(floor or 0)), axis)
    join = words("join.sentences").join
    return desk.add(Figure(number, title, (join(filter(None, protocol_text)), join(reading)), chart=drawn))


def section(desk: Desk, *, is_told: bool = False) -> Section | None:
    """Return what compares the runs and what is measured of all of them.

    `is_told` leaves out the losses, paired pictures and distances, which the section of a comparison has told already.
    """
    runs = desk.records.runs
    found: list[Figure | None] = []
    if len(runs) > 1 and not is_told:
        found += [paired_figure(desk, runs[0], runs[1]), losses_figure(desk, runs)]
    found += [strip_figure(desk, run) for run in runs]
    found.append(classes_figure(desk, runs))
    if not is_told:
        found.append(score_figure(desk, runs))
    blocks: list[Block] = [figure for figure in found if figure]
    table = scores_table(desk, runs)
    blocks += [table] if table else []
    blocks += [*other_tables(desk, runs), *left_out.notes(desk, runs)]
    blocks += section_memory.blocks(desk, runs)
    if not blocks:
        return None
    kind = "many" if len(runs) > 1 else "one"
    lead = Para(desk.words(f"compare.lead.{kind}"), "lead")
    late = [note for run in runs for note in notes(desk, run, "measure")]
    return Section("compare", desk.words(f"compare.title.{kind}"), (lead, *late, *blocks))
