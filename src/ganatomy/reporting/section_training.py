"""Training: loss curves and sample grids, and what their numbers say."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from . import figures, pictures
from .blocks import Block, Figure, LegendItem, Para, Section
from .desk import Desk
from .figures import Axis, Curve
from .provenance import notes
from .records import RunRecord
from .scoring import covered_share, shares_of
from .trends import Trend, trend
from .words import count, num, percent, signed

MAX_NAMES = 6
"""Names of classes listed in a sentence."""


def curve(run: RunRecord, player: str) -> Curve | None:
    """Return a run's loss curve of `G` or `D`, None where nothing was logged."""
    nimg, values = run.series(f"Loss/{player}/adv")
    return Curve(nimg, values, player.lower(), player) if len(values) > 1 else None


def loss_legend(desk: Desk, players: tuple[str, ...]) -> tuple[LegendItem, ...]:
    """Return the legend of a loss plot."""
    lines = [LegendItem(player.lower(), "line", desk.words(f"legend.{player}")) for player in players]
    return (*lines, LegendItem("muted", "dash", desk.words("legend.equilibrium")))


def loss_reading(desk: Desk, player: str, moved: Trend) -> str:
    """Read one loss curve: where it goes, whether it has settled, and how far it is from the equilibrium."""
    words = desk.words
    level = figures.EQUILIBRIUM[player]
    gap = moved.last - level
    side = "near" if abs(gap) <= moved.scatter else "above" if gap > 0 else "below"
    settled = "settled" if moved.is_settled else "drifts"
    return words("join.sentences").join(
        (
            words(f"loss.{moved.moves}", who=words(f"loss.who.{player}"), first=num(moved.first), last=num(moved.last)),
            words(
                f"loss.{settled}",
                slope=signed(moved.slope, 2),
                drift=signed(moved.drift, 2),
                scatter=num(moved.scatter, 2),
            ),
            words(f"loss.{side}.{player}", level=num(level), gap=num(abs(gap), 2)),
        )
    )


def score_reading(desk: Desk, run: RunRecord) -> str:
    """Say how D scores real and generated images in the last fifth; empty where that was not logged."""
    tails = []
    for key in ("Scores/real", "Scores/fake"):
        values = run.series(key)[1]
        if not len(values):
            return ""
        tails.append(float(values[-max(1, len(values) // 5) :].mean()))
    kind = "apart" if tails[0] - tails[1] > 0.2 else "close"
    return desk.words(f"scores.{kind}", real=num(tails[0], 2), fake=num(tails[1], 2))


def source_reading(desk: Desk, g: Trend, d: Trend) -> str:
    """Hold a pair of curves against the source's picture of a healthy run: G falls, D rises, both settle."""
    right = (g.moves == "falls") + (d.moves == "rises")
    key = ("healthy.opposite", "healthy.half", "healthy.both")[right]
    settled = "healthy.settled" if g.is_settled and d.is_settled else "healthy.moving"
    return desk.words(key) + desk.words("join.sentences") + desk.words(settled)


def single_loss(desk: Desk, run: RunRecord, player: str, source: int | None) -> Figure | None:
    """Return the loss curve of one player on the axes both players share."""
    both = [found for name in ("G", "D") if (found := curve(run, name))]
    mine = next((found for found in both if found.label == player), None)
    if mine is None:
        return None
    words, label = desk.words, desk.label(run)
    number = desk.number(source)
    moved = trend(mine.nimg, mine.values)
    reading = [loss_reading(desk, player, moved)] if moved else [words("loss.short")]
    if player == "D":
        pair = [trend(found.nimg, found.values) for found in both]
        if len(pair) == 2 and pair[0] and pair[1]:
            reading.append(source_reading(desk, pair[0], pair[1]))
        reading.append(score_reading(desk, run))
    title = words(f"fig.loss.{player}", run=label)
    drawn = figures.loss_chart(
        f"fig{number}", [("", [mine])], Axis(words("axis.nimg"), words("axis.loss"), title), figures.limits(both)
    )
    legend = loss_legend(desk, (player,))
    return desk.add(Figure(number, title, tuple(filter(None, reading)), chart=drawn, legend=legend))


def both_losses(desk: Desk, run: RunRecord, source: int | None) -> Figure | None:
    """Return both losses of a run in one plot."""
    curves = [found for player in ("G", "D") if (found := curve(run, player))]
    if len(curves) < 2:
        return None
    words, label = desk.words, desk.label(run)
    number = desk.number(source)
    title = words("fig.loss.both", run=label)
    g, d = (trend(found.nimg, found.values) for found in curves)
    reading = [words("loss.short")]
    if g and d:
        before, after = abs(g.first - d.first), abs(g.last - d.last)
        change = (
            "stays" if abs(after - before) <= 0.05 * max(before, after) else "shrinks" if after < before else "grows"
        )
        gap = words(f"gap.{change}", before=num(before), after=num(after))
        reading = [loss_reading(desk, "G", g), loss_reading(desk, "D", d), gap, score_reading(desk, run)]
    drawn = figures.loss_chart(
        f"fig{number}", [("", curves)], Axis(words("axis.nimg"), words("axis.loss"), title), figures.limits(curves)
    )
    legend = loss_legend(desk, ("G", "D"))
    return desk.add(Figure(number, title, tuple(filter(None, reading)), chart=drawn, legend=legend))


def value_at(run: RunRecord, key: str, nimg: int) -> float | None:
    """Return a scalar of stats.jsonl at the line nearest to a number of images."""
    at, values = run.series(key)
    return float(values[int(np.argmin(abs(at - nimg)))]) if len(values) else None


def middle_sample(run: RunRecord) -> tuple[int, Path] | None:
    """Return the sample grid nearest to half of the training, if there is one before the last."""
    if len(run.samples) < 3:
        return None
    return min(run.samples[1:-1], key=lambda sample: abs(sample[0] - run.total_nimg / 2))


def middle_grid(desk: Desk, run: RunRecord, source: int | None) -> Figure | None:
    """Return the fixed latents in mid-training."""
    sample = middle_sample(run)
    if sample is None:
        return None
    words, (nimg, path) = desk.words, sample
    number = desk.number(source)
    epochs = nimg / run.config.num_train if run.config.num_train else 0
    title = words("fig.middle", run=desk.label(run), nimg=count(nimg))
    reading = [words("middle.when", nimg=count(nimg), total=count(run.total_nimg), epochs=num(epochs, 2))]
    real, fake = value_at(run, "Scores/real", nimg), value_at(run, "Scores/fake", nimg)
    if real is not None and fake is not None:
        reading.append(words("middle.scores", real=num(real, 2), fake=num(fake, 2)))
    before, after = pictures.change(run.samples[0][1], path), pictures.change(path, run.samples[-1][1])
    if before is not None and after is not None:
        reading.append(
            words(
                "middle.change" if after < before else "middle.more",
                before=num(before),
                after=num(after),
                unit=desk.levels(run),
            )
        )
    shown = pictures.picture(path, title)
    return desk.add(Figure(number, title, (words("join.sentences").join(reading),), pictures=(shown,)))


def drawn_reading(desk: Desk, run: RunRecord) -> str:
    """Say which classes a run draws: the most frequent, how many are covered, how sure the classifier is.

    Nothing is said where classes were not measured; why stands under the scores on top.
    """
    words, names, shares = desk.words, desk.class_names(run), shares_of(run)
    if not shares or len(names) != len(shares):
        return ""
    total, limit = sum(float(value) for value in (run.classes or {})["counts"]), covered_share(len(shares))
    top = int(np.argmax(shares))
    covered = sum(share >= limit for share in shares)
    rare = [names[k] for k, share in enumerate(shares) if share < limit]
    key = "classes.all" if not rare else "classes.some"
    text = words(
        key, n=count(total), top=names[top], share=percent(shares[top]), even=percent(1 / len(shares)), covered=covered,
        num=len(shares), limit=percent(limit), rare=words.listing(rare, MAX_NAMES),
    )  # fmt: skip
    if run.confidence:
        text += words("join.sentences") + words("classes.confidence", median=num(run.confidence["median"], 2))
    return text


def final_grid(desk: Desk, run: RunRecord, source: int | None) -> Figure | None:
    """Return the fixed latents at the end of training."""
    if not run.samples:
        return None
    nimg, path = run.samples[-1]
    words = desk.words
    number = desk.number(source)
    title = words("fig.final", run=desk.label(run))
    epochs = nimg / run.config.num_train if run.config.num_train else 0
    reading = (words("final.when", nimg=count(nimg), epochs=num(epochs, 2)), drawn_reading(desk, run))
    return desk.add(Figure(number, title, tuple(filter(None, reading)), pictures=(pictures.picture(path, title),)))


def section(desk: Desk, run: RunRecord) -> Section | None:
    """Return a run's training section; in a lab the GAN has the source's figures 1 to 4 and the DCGAN 9 and 10."""
    label, source = desk.label(run), desk.plays_source(run)
    is_gan = source and run.config.model == "mlp"
    found: list[Figure | None]
    if is_gan:
        found = [
            single_loss(desk, run, "G", 1),
            single_loss(desk, run, "D", 2),
            middle_grid(desk, run, 3),
            final_grid(desk, run, 4),
        ]
    else:
        found = [both_losses(desk, run, 9 if source else None), final_grid(desk, run, 10 if source else None)]
    blocks: list[Block] = [block for block in found if block is not None]
    if not blocks:
        return None
    lead = Para(desk.words(f"training.lead.{run.config.model}", run=label, z_dim=run.config.z_dim), "lead")
    late = notes(desk, run, "measure")
    return Section(f"run-{run.key}", desk.words("training.title", run=label), (lead, *late, *blocks))
