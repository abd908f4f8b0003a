"""What all latent numbers do: the short answer, effect curves, the ranking, where they act, in how many ways."""

from __future__ import annotations

import numpy as np

from . import heat, pictures
from .atlas_record import AtlasRecord, Curve, Row, spearman
from .blocks import Facts, Figure, LegendItem
from .desk import Desk
from .figures import Axis
from .figures_latent import Dot, Line, Panel, Ticks, panel_chart, ranking_chart, spectrum_chart
from .latents import SHARES, shown
from .records import RunRecord, finite
from .words import count, num, percent, signed

CURVES = (
    "visible_share",
    "class_flip",
    "confidence",
    "precision",
    "logit",
    "sharpness",
    "noise_share",
    "diversity_features",
)
"""Measures with a panel of their own."""
ALIKE = {"confidence": 0.02, "precision": 0.02}
"""Changes up to this size are called none."""
CONVERGED = 1.5
"""Images converge where the mean share of the most frequent class grows to this multiple."""
NUM_STRONG, NUM_WEAK = 12, 6
NUM_HEAT = 8
NUM_NAMED = 5
HEAT_VALUE = 2.0
"""The value whose heat maps are compared: the outermost that N(0, 1) still draws often (4.6 % lie beyond)."""


def value_text(value: float) -> str:
    """Write an edit value: 0.1, −20."""
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")


def at_values(desk: Desk, atlas: AtlasRecord, measure: str) -> tuple[list[str], list[str]]:
    """Return the grids' values and what a curve says at them, both as text."""
    curve = atlas.curves.get(measure)
    pairs = [(value, found) for value in atlas.values if curve and (found := curve.at(value)) is not None]
    return [value_text(value) for value, _ in pairs], [shown(measure, found) for _, found in pairs]


def answer(desk: Desk, atlas: AtlasRecord, names: list[str]) -> Facts | None:
    """Answer in brief: what the values do, which numbers matter, what images become, what lies beyond."""
    words = desk.words
    join = words("join.sentences").join
    parts = {
        "values": _what_values_do(desk, atlas),
        "numbers": _which_matter(desk, atlas),
        "becomes": join(filter(None, (convergence(desk, atlas, names), quality(desk, atlas)))),
        "beyond": _beyond(desk, atlas),
    }
    values = words.listing(list(map(value_text, atlas.values)))
    rows = [(words(f"brief.q.{key}", values=values), text, False) for key, text in parts.items() if text]
    return Facts(tuple(rows)) if rows else None


def _what_values_do(desk: Desk, atlas: AtlasRecord) -> str:
    words, curve = desk.words, atlas.curves.get("visible_share")
    values, shares = at_values(desk, atlas, "visible_share")
    if curve is None or not values:
        return ""
    text = words("brief.values", n=atlas.z_dim, values=words.listing(values), shares=words.listing(shares))
    if curve.control is not None:
        text += words("brief.redrawn", control=percent(curve.control))
    text += words("brief.stop")
    _, flips = at_values(desk, atlas, "class_flip")
    return text + (words("join.sentences") + words("brief.flips", shares=words.listing(flips)) if flips else "")


def _which_matter(desk: Desk, atlas: AtlasRecord) -> str:
    words, share = desk.words, atlas.tenth_share
    if not atlas.ranking:
        return ""
    parts = [idle_text(desk, atlas)]
    if share is not None:
        even = atlas.num_tenth / len(atlas.ranking)
        parts.append(words("brief.tenth", tenth=atlas.num_tenth, share=percent(share), even=percent(even)))
    dimension = atlas.interval("effective_dimension")
    if dimension:
        parts.append(words("brief.dimension", ways=num(dimension["mean"], 2), z_dim=atlas.z_dim))
    return words("join.sentences").join(parts)


def _beyond(desk: Desk, atlas: AtlasRecord) -> str:
    """Say whether another scale of the whole latent than the training's would be better."""
    x, y = atlas.scaled("frechet")
    if not len(x):
        return ""
    best = int(y.argmin())
    ours = float(y[x == 1][0]) if (x == 1).any() else None
    known = {"scale": f"{x[best]:g}", "value": num(float(y[best])), "ours": "–" if ours is None else num(ours)}
    return desk.words(f"brief.scale.{atlas.rank_of_training(float(x[best]))}", **known)


def idle_text(desk: Desk, atlas: AtlasRecord) -> str:
    """Say how many numbers do nothing."""
    idle, n = atlas.num_idle, len(atlas.ranking)
    key = "none" if not idle else "all" if idle == n else "one" if idle == 1 else "some"
    return desk.words(f"brief.idle.{key}", idle=idle, n=n)


def converges(atlas: AtlasRecord, value: float) -> str:
    """Return whether images converge at a value: to `one` class, `each` number to its own, or `none`; empty if unknown.

    To one: most images of all numbers together are of one class that held less before. Each to its own: the share of a
    number's most frequent class grows to `CONVERGED` times that of the unedited images, on average.
    """
    moves, top = atlas.moves(value), atlas.curves.get("top_class_share")
    after = top.at(value) if top else None
    if moves is None:
        return ""
    if moves.after[moves.top] > max(0.5, moves.before[moves.top]):
        return "one"
    if top is None or after is None or top.base is None:
        return ""
    return "each" if after >= CONVERGED * top.base else "none"


def convergence(desk: Desk, atlas: AtlasRecord, names: list[str]) -> str:
    """Say what images become at the outermost value."""
    value = atlas.far
    kind = converges(atlas, value) if value is not None else ""
    moves, top = (atlas.moves(value), atlas.curves.get("top_class_share")) if value is not None else (None, None)
    if not kind or value is None or moves is None or len(names) != len(moves.after):
        return ""
    before = top.base if top else None
    own, base = (top.at(value) if top else None), moves.before[moves.top]
    known = {
        "value": value_text(value), "top": names[moves.top], "share": percent(moves.after[moves.top]),
        "base": percent(base), "own": percent(own or 0), "before": percent(before or 0),
    }  # fmt: skip
    return desk.words(f"brief.converge.{kind}", **known)


def quality(desk: Desk, atlas: AtlasRecord) -> str:
    """Say what the outermost value does to precision, else to confidence."""
    for measure, limit in (("precision", ALIKE["precision"]), ("confidence", ALIKE["confidence"])):
        curve = atlas.curves.get(measure)
        after = curve.at(atlas.far) if curve and atlas.far is not None else None
        if curve is None or curve.base is None or after is None or atlas.far is None:
            continue
        kind = "same" if abs(after - curve.base) <= limit else "up" if after > curve.base else "down"
        known = {"value": value_text(atlas.far), "before": shown(measure, curve.base), "after": shown(measure, after)}
        return desk.words(f"brief.{measure}.{kind}", **known)
    return ""


def curve_figure(desk: Desk, run: RunRecord, atlas: AtlasRecord) -> Figure | None:
    """Return the effect curves of all measures as small multiples."""
    known = {name: atlas.curves[name] for name in CURVES if name in atlas.curves}
    if not known:
        return None
    words, label = desk.words, desk.label(run)
    values = sorted({float(value) for curve in known.values() for value in curve.values})
    panels = [_curve_panel(desk, name, curve, values) for name, curve in known.items()]
    ticks = Ticks(tuple(float(i) for i in range(len(values))), tuple(map(value_text, values)))
    title = words("fig.curves", run=label, n=atlas.z_dim)
    legend = (
        LegendItem("accent", "line", words("curves.mean")),
        LegendItem("accent", "band", words("curves.band")),
        LegendItem("muted", "dash", words("legend.control")),
        LegendItem("muted", "line", words("table.base")),
    )
    number = desk.number()
    drawn = panel_chart(f"fig{number}", panels, ticks, Axis(words("axis.value"), "", title), legend)
    reading = (words("curves.how"), _curve_reading(desk, known), _sides(desk, known), _apart(desk, atlas, known))
    return desk.add(Figure(number, title, tuple(filter(None, reading)), chart=drawn, legend=legend))


def _curve_panel(desk: Desk, name: str, curve: Curve, values: list[float]) -> Panel:
    factor = 100 if name in SHARES else 1
    at = np.array([values.index(value) for value in curve.values], np.float64)
    line = Line(at, factor * curve.mean, "accent", factor * curve.lo, factor * curve.hi)
    levels = [("dash", curve.control), ("line", curve.base)]
    title = desk.words.name("measure", name)
    if name in SHARES:
        title = desk.words("axis.percent", name=title)
    return Panel(title, (line,), tuple((mark, factor * level) for mark, level in levels if level is not None))


def _curve_reading(desk: Desk, known: dict[str, Curve]) -> str:
    """List what every measure was before and is at both ends."""
    words = desk.words
    items = []
    for name, curve in known.items():
        if curve.base is not None:
            ends = {"low": shown(name, float(curve.mean[0])), "high": shown(name, float(curve.mean[-1]))}
            items.append(words("curves.item", name=words.name("measure", name), base=shown(name, curve.base), **ends))
    if not items:
        return ""
    values = next(iter(known.values())).values
    ends = {"low": value_text(float(values[0])), "high": value_text(float(values[-1]))}
    return words("curves.from", items=words("list.semi").join(items), **ends)


def _sides(desk: Desk, known: dict[str, Curve]) -> str:
    """Say whether the sign of a value matters, by the visible change at both outermost values of the same size."""
    curve = known.get("visible_share")
    low, high = (float(curve.values[0]), float(curve.values[-1])) if curve else (0.0, 0.0)
    if curve is None or high <= 0 or low != -high:
        return ""
    left, right = float(curve.mean[0]), float(curve.mean[-1])
    ratio = max(left, right) / min(left, right) if min(left, right) > 0 else 1.0 if left == right else float("inf")
    kind = "same" if ratio <= 1.1 else "differ"
    ends = {"low": value_text(low), "high": value_text(high), "left": percent(left), "right": percent(right)}
    return desk.words(f"curves.sides.{kind}", **ends)


def _apart(desk: Desk, atlas: AtlasRecord, known: dict[str, Curve]) -> str:
    """Say how much numbers differ from each other at the outermost value."""
    curve = known.get("visible_share")
    index = curve.index(atlas.far) if curve else None
    if curve is None or index is None or atlas.far is None:
        return ""
    lo, hi = float(curve.lo[index]), float(curve.hi[index])
    return desk.words("curves.apart", value=value_text(atlas.far), lo=percent(lo), hi=percent(hi))


def ranking_figure(desk: Desk, run: RunRecord, atlas: AtlasRecord) -> Figure | None:
    """Return the strongest and the weakest numbers with the intervals of their effect and rank."""
    rows = atlas.ranking
    if not rows:
        return None
    words = desk.words
    is_whole = len(rows) <= NUM_STRONG + NUM_WEAK
    groups = [rows] if is_whole else [rows[:NUM_STRONG], rows[-NUM_WEAK:]]
    factor = 100 if atlas.effect_measure in SHARES else 1
    dots = [[_ranked(desk, atlas, row, factor) for row in group] for group in groups]
    effect = words.name("measure", atlas.effect_measure)
    heads = (words("axis.percent", name=effect) if factor > 1 else effect, words("axis.strength"))
    key = "whole" if is_whole else "ends"
    title = words(f"fig.ranking.{key}", run=desk.label(run), strong=NUM_STRONG, weak=NUM_WEAK, n=len(rows))
    legend = [
        LegendItem("accent", "line", words("ranking.effect")),
        LegendItem("muted", "dot", words("legend.control")),
    ]
    if atlas.strength:
        legend.append(LegendItem("run1", "line", words("ranking.jacobian")))
    number = desk.number()
    drawn = ranking_chart(f"fig{number}", dots, heads, Axis("", words("axis.ranking"), title))
    reading = (
        words("ranking.how", measure=effect), _ends(desk, atlas), _named(desk, atlas), _trust(desk, atlas),
        idle_text(desk, atlas), _agreement(desk, atlas),
    )  # fmt: skip
    shown_text = tuple(filter(None, reading))
    return desk.add(Figure(number, title, shown_text, chart=drawn, legend=tuple(legend)))


def _ranked(desk: Desk, atlas: AtlasRecord, row: Row, factor: float) -> Dot:
    strength = atlas.strength.get(int(row["dim"]))
    low, high = row.get("rank_lo"), row.get("rank_hi")
    note = "" if low is None or high is None else f"{low}" if low == high else f"{low}\N{EN DASH}{high}"
    value = (factor * row["effect"], factor * row["lo"], factor * row["hi"])
    control = row.get("control")
    return Dot(
        f"z[{row['dim']}]", note, value, None if control is None else factor * control,
        (strength["mean"], strength["lo"], strength["hi"]) if strength else None, bool(row.get("is_idle")),
    )  # fmt: skip


def _ends(desk: Desk, atlas: AtlasRecord) -> str:
    first, last = atlas.ranking[0], atlas.ranking[-1]
    if first is last:
        return ""
    measure = atlas.effect_measure
    ends = {"high": shown(measure, first["effect"]), "low": shown(measure, last["effect"])}
    key = "ranking.ends" if last["effect"] > 0 else "ranking.ends.zero"
    ratio = num(first["effect"] / last["effect"], 2) if last["effect"] > 0 else ""
    return desk.words(key, dim_high=first["dim"], dim_low=last["dim"], ratio=ratio, **ends)


def _named(desk: Desk, atlas: AtlasRecord) -> str:
    """Say what attribute the strongest numbers move, and how many move none."""
    threshold = (atlas.record.get("attributes") or {}).get("threshold")
    if not finite(threshold):
        return ""
    words, named = desk.words, atlas.named
    limit, n = num(threshold, 2), len(atlas.ranking)
    if not named:
        return words("ranking.named.none", n=n, limit=limit)
    first = [row["dim"] for row in atlas.ranking if row["dim"] in named][:NUM_NAMED]
    items = [
        words("ranking.named.item", dim=dim, name=words.name("trait", named[dim][0]), change=signed(named[dim][1], 2))
        for dim in first
    ]
    text = words("ranking.named", items=words.listing(items))
    return text + words("join.sentences") + words("ranking.named.rest", rest=n - len(named), n=n, limit=limit)


def _trust(desk: Desk, atlas: AtlasRecord) -> str:
    """Say how far the order can be trusted: the width of the ranks' intervals, and of the first one."""
    widths = [row["rank_hi"] - row["rank_lo"] + 1 for row in atlas.ranking if row.get("rank_lo") and row.get("rank_hi")]
    if len(widths) < 2:
        return ""
    first = atlas.ranking[0]
    kind = "certain" if first.get("rank_lo") == first.get("rank_hi") == 1 else "open"
    known = {"median": f"{float(np.median(widths)):g}", "n": len(atlas.ranking)}
    return desk.words(
        f"ranking.trust.{kind}", dim=first["dim"], first=first.get("rank_lo"), last=first.get("rank_hi"), **known
    )


def _agreement(desk: Desk, atlas: AtlasRecord) -> str:
    """Say how the order by large edits agrees with that by the Jacobian."""
    both = [
        (row["effect"], atlas.strength[row["dim"]]["mean"]) for row in atlas.ranking if row["dim"] in atlas.strength
    ]
    table = np.array(both, np.float64).reshape(-1, 2)
    rho = spearman(table[:, 0], table[:, 1]) if len(table) > 2 else None
    if rho is None:
        return ""
    kind = "same" if rho >= 0.9 else "close" if rho >= 0.6 else "loose" if rho >= 0.3 else "apart"
    return desk.words(f"ranking.agree.{kind}", rho=num(rho, 2))


def heat_figure(desk: Desk, run: RunRecord, atlas: AtlasRecord) -> Figure | None:
    """Return heat maps of the strongest numbers at all values, below the mean over all numbers."""
    maps = atlas.heat()
    if not maps.size or not atlas.ranking:
        return None
    words, label = desk.words, desk.label(run)
    dims = [int(row["dim"]) for row in atlas.ranking[:NUM_HEAT]]
    table = np.concatenate([maps.mean(axis=1, keepdims=True), maps[:, dims]], axis=1).swapaxes(0, 1)
    path = desk.folder / f"heat-{run.key}.png"
    top = heat.write(table, path)
    values = [float(value) for value in atlas.record["atlas_values"]]
    title = words("fig.heat", run=label, num=len(dims))
    rows = (words("heat.mean"), *(f"z[{dim}]" for dim in dims))
    columns = (*map(value_text, values), words("heat.redrawn"))
    image = pictures.picture(path, title, rows=rows, columns=columns)
    at = heat.nearest(values, HEAT_VALUE)
    known = {"value": value_text(values[at])}
    shares = [heat.concentration(maps[at].mean(axis=0)), heat.concentration(maps[at, dims[0]])]
    reading = [words("heat.how", top=num(top), levels=desk.levels(run))]
    if shares[0] is not None and shares[1] is not None:
        ends = {"mean": percent(shares[0]), "dim": dims[0], "own": percent(shares[1])}
        reading.append(words("heat.share", even=percent(heat.TOP_SHARE), **known, **ends))
    alike = heat.likeness(maps[at, dims])
    if alike is not None:
        kind = "same" if alike >= 0.8 else "close" if alike >= 0.5 else "apart"
        reading.append(words(f"heat.alike.{kind}", likeness=num(alike, 2) if alike else "0", **known))
    return desk.add(Figure(desk.number(), title, tuple(reading), pictures=(image,)))


def spectrum_figure(desk: Desk, run: RunRecord, atlas: AtlasRecord) -> Figure | None:
    """Return the singular values of the Jacobian with the effective dimension and where 90 % of the energy is."""
    spectrum = atlas.spectrum
    ways, num_90 = atlas.interval("effective_dimension"), atlas.interval("num_90")
    if not spectrum.size or not spectrum[0].max() > 0 or ways is None or num_90 is None:
        return None
    words, size = desk.words, spectrum.shape[1]
    title = words("fig.spectrum", run=desk.label(run))
    legend = (
        LegendItem("accent", "line", words("spectrum.mean")),
        LegendItem("accent", "band", words("spectrum.band")),
        LegendItem("d", "line", words("spectrum.ways", n=num(ways["mean"], 2))),
        LegendItem("run0", "dash", words("spectrum.energy", n=num(num_90["mean"], 2))),
    )
    number = desk.number()
    axis = Axis(words("axis.singular"), words("axis.levels"), title)
    drawn = spectrum_chart(f"fig{number}", spectrum, ((ways["mean"], "d"), (num_90["mean"], "run0")), axis, legend)
    share = float(spectrum[0, 0] ** 2 / np.square(spectrum[0]).sum())
    reading = (
        words("spectrum.how", n=count(atlas.jacobian.get("num_latents") or 0), z_dim=atlas.z_dim),
        words("spectrum.found", ways=num(ways["mean"], 3), lo=num(ways["lo"], 3), hi=num(ways["hi"], 3), size=size),
        words("spectrum.num", num=num(num_90["mean"], 3), lo=num(num_90["lo"], 3), hi=num(num_90["hi"], 3)),
        words("spectrum.first", share=percent(share)),
    )  # fmt: skip
    return desk.add(Figure(number, title, reading, chart=drawn, legend=legend))
