"""Runs side by side: the same latents, the same axes, the classes drawn and the score with its floor."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from . import figures, pictures
from .blocks import Block, Figure, LegendItem, Para, Section
from .desk import Desk
from .figures import Axis
from .records import RunRecord, finite
from .section_training import COVERED_SHARE, curve, loss_legend
from .trends import trend
from .words import count, num, percent

MAX_STRIP_ROWS = 5
REAL_COUNTS = {
    "fashion-mnist": [1000] * 10,
    "mnist": [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
}
"""Test images per class of the data sets with a feature network."""
PAIRED_ROWS = 4


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
    target = pictures.strip([path for _, path in chosen], cell, 8, desk.folder / f"strip-{run.name}.png")
    title = words("fig.strip", run=label)
    steps = [pictures.change(a[1], b[1]) for a, b in pairwise(chosen)]
    reading = [words("strip.how", times=words.listing([count(nimg) for nimg, _ in chosen]))]
    if all(step is not None for step in steps):
        known = [step for step in steps if step is not None]
        largest = int(np.argmax(known))
        listed = words.listing([num(step) for step in known])
        reading.append(
            words("strip.change", steps=listed, a=count(chosen[largest][0]), b=count(chosen[largest + 1][0]))
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
    target = desk.folder / f"pairs-{first.name}-{second.name}.png"
    pictures.paired_rows(upper, lower, cell, PAIRED_ROWS, target)
    names = {"first": desk.label(first), "second": desk.label(second)}
    title = words("fig.paired", **names)
    reading = [words("paired.how", **names)]
    apart = pictures.change(upper, lower)
    if apart is not None:
        reading.append(words("paired.change", apart=num(apart)))
    image = pictures.picture(target, title, rows=(names["first"], names["second"]) * PAIRED_ROWS)
    return desk.add(Figure(number, title, tuple(reading), pictures=(image,)))


def losses_figure(desk: Desk, runs: Sequence[RunRecord]) -> Figure | None:
    """Return the losses of several runs on the same axes."""
    found = [(run, [c for player in ("G", "D") if (c := curve(run, player))]) for run in runs]
    panels = [(desk.label(run), curves) for run, curves in found if curves]
    if len(panels) < 2:
        return None
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
    drawn = figures.loss_chart(f"fig{number}", panels, Axis(words("axis.nimg"), words("axis.loss"), title), ends)
    text = (words("join.sentences").join(reading),)
    return desk.add(Figure(number, title, text, chart=drawn, legend=loss_legend(desk, ("G", "D"))))


def shares_of(run: RunRecord) -> list[float]:
    """Return the share of every class among a run's samples."""
    counts = [float(value) for value in (run.classes or {}).get("counts", [])]
    total = sum(counts) or 1.0
    return [value / total for value in counts]


def classes_figure(desk: Desk, runs: Sequence[RunRecord]) -> Figure | None:
    """Return the classes drawn by every run against the even share of the real test images."""
    shown = [run for run in runs if run.classes and desk.class_names(run)]
    if not shown or len({tuple(desk.class_names(run)) for run in shown}) > 1:
        return None
    words = desk.words
    names = desk.class_names(shown[0])
    number = desk.number()
    shares = [shares_of(run) for run in shown]
    real_counts = REAL_COUNTS.get(shown[0].config.data, [1] * len(names))
    real_counts = real_counts if len(real_counts) == len(names) else [1] * len(names)
    real = [value / sum(real_counts) for value in real_counts]
    title = words("fig.classes", runs=words.listing([desk.label(run) for run in shown]))
    reading = [words("classes.how", even=percent(1 / len(names)))]
    for run, row in zip(shown, shares):
        top, low = int(np.argmax(row)), int(np.argmin(row))
        rare = [names[k] for k, share in enumerate(row) if share < COVERED_SHARE]
        distance = sum(abs(a - b) for a, b in zip(row, real)) / 2
        key = "classes.run.rare" if rare else "classes.run.all"
        ends = {"top": names[top], "share": percent(row[top]), "low": names[low], "least": percent(row[low])}
        rest = {"rare": words.listing(rare), "limit": percent(COVERED_SHARE), "distance": percent(distance)}
        reading.append(words(key, run=desk.label(run), **ends, **rest) + missing_text(desk, run))
    runs_legend = tuple(LegendItem(desk.colour(run), "bar", desk.label(run)) for run in shown)
    legend = (*runs_legend, LegendItem("ink", "line", words("legend.real")))
    drawn = figures.class_chart(f"fig{number}", names, shares, real, Axis(words("axis.share"), "", title), legend)
    return desk.add(Figure(number, title, tuple(reading), chart=drawn, legend=legend))


def missing_text(desk: Desk, run: RunRecord) -> str:
    """Name the classes that the measurement counts as missing, empty where none are."""
    record = run.classes or {}
    names = [desk.words.name("class", str(name)) for name in record.get("missing") or []]
    if not names or not finite(record.get("share_min")):
        return ""
    text = desk.words("classes.missing", limit=percent(record["share_min"]), names=desk.words.listing(names))
    return desk.words("join.sentences") + text


def score_figure(desk: Desk, runs: Sequence[RunRecord]) -> Figure | None:
    """Return the Fréchet distances of all runs with their spread and the floor."""
    shown = [(run, run.score[0], run.score[1]) for run in runs if run.score]
    shown = [entry for entry in shown if entry[1] == shown[0][1]]
    if not shown:
        return None
    words = desk.words
    name, first = shown[0][1], shown[0][2]
    number = desk.number()
    floor = first.get("floor") or None
    title = words("fig.score", name=name)
    protocol = {"num_gen": count(first.get("num_gen", 0)), "num_real": count(first.get("num_real", 0))}
    reading = [words("score.protocol", name=name, **protocol)]
    for run, _, record in shown:
        spread, sets = record.get("spread"), record.get("num_sets", 1)
        key = "score.run.sets" if sets > 1 else "score.run.jackknife" if spread else "score.run.one"
        reading.append(
            words(key, run=desk.label(run), value=num(record["value"]), spread=num(spread or 0, 2), sets=sets)
        )
    if floor:
        each = [words("score.times", run=desk.label(run), ratio=num(r["value"] / floor, 2)) for run, _, r in shown]
        times = words("list.semi").join(each)
        reading.append(words("score.floor", floor=num(floor), n=count(first.get("num_floor", 0)), times=times))
    values = sorted(((r["value"], desk.label(run)) for run, _, r in shown), key=lambda pair: pair[0])
    if len(values) > 1 and values[0][0] > 0:
        (best, winner), (worst, loser) = values[0], values[-1]
        reading.append(words("score.ratio", winner=winner, loser=loser, ratio=num(worst / best, 2)))
    rows = [(desk.label(run)[:12], float(r["value"]), r.get("spread"), desk.colour(run)) for run, _, r in shown]
    axis = Axis(words("axis.score"), "", title)
    drawn = figures.score_chart(f"fig{number}", rows, floor, words("legend.floor", floor=num(floor or 0)), axis)
    return desk.add(Figure(number, title, (reading[0], words("join.sentences").join(reading[1:])), chart=drawn))


def section(desk: Desk) -> Section | None:
    """Return what compares the runs and what is measured of all of them."""
    runs = desk.records.runs
    found: list[Figure | None] = []
    if len(runs) > 1:
        found += [paired_figure(desk, runs[0], runs[1]), losses_figure(desk, runs)]
    found += [strip_figure(desk, run) for run in runs]
    found += [classes_figure(desk, runs), score_figure(desk, runs)]
    blocks: list[Block] = [figure for figure in found if figure]
    if not blocks:
        return None
    kind = "many" if len(runs) > 1 else "one"
    return Section(
        "compare", desk.words(f"compare.title.{kind}"), (Para(desk.words(f"compare.lead.{kind}"), "lead"), *blocks)
    )
