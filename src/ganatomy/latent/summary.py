"""What the atlas says, question by question: which numbers matter, which do nothing, what becomes what, how far out.

Everything here is read from the arrays of `atlas.Numbers`; nothing is generated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from .atlas import Numbers
from .attributes import ATTRIBUTES
from .codes import norm_sigmas, value_name
from .edits import set_number
from .effects import Effects, name_effects
from .intervals import percentile_interval, weighted_means
from .measures import resamples

IDLE_SHARE = 0.001
"""A number is idle if no value and no redraw of it changes more than this share of the pixels visibly."""
STEP = 2.0
"""Numbers are named by their edits to this many sigmas, which still lie in the prior."""
NUMBER_THRESHOLD = 0.1
"""Least effect that names a number: 1 % of the attribute's variance, what each of 100 equal numbers would have."""
LOW, HIGH = 0.1, 0.9
"""The band of the effect curves: the central 80 % of the numbers."""


def ranking(found: Numbers, seed: int) -> dict[str, Any]:
    """Order all numbers by the size of their effect, with intervals of size and rank by bootstrap over latents.

    The effect is the distance to the unedited image in feature space, where there is a network, else the visible
    share; its mean over all values set. The resamples rank all numbers anew, so an interval of ranks tells how far an
    order can be trusted.

    Returns:
        {measure, numbers: [{dim, effect, lo, hi, rank, rank_lo, rank_hi, control, is_idle}]}, strongest first, ranks
        from 1; `control` is the same mean for the number redrawn.
    """
    measure = found.effect_measure
    weights = resamples(seed, len(found.z)).weights
    sizes = weighted_means(found.edit[measure].mean(axis=0, dtype=np.float64), weights)  # [R, D]
    controls = found.control[measure].mean(axis=1, dtype=np.float64)
    ranks = np.argsort(np.argsort(-sizes, axis=1, kind="stable"), axis=1, kind="stable") + 1
    (lo, hi), (rank_lo, rank_hi) = percentile_interval(sizes[1:]), np.quantile(ranks[1:], [0.025, 0.975], axis=0)
    idle = _idle(found)
    numbers = [
        {
            "dim": found.dims[i],
            "effect": _digits(sizes[0, i]),
            "lo": _digits(lo[i]),
            "hi": _digits(hi[i]),
            "rank": int(ranks[0, i]),
            "rank_lo": int(rank_lo[i]),
            "rank_hi": math.ceil(rank_hi[i]),
            "control": _digits(controls[i]),
            "is_idle": bool(idle[i]),
        }
        for i in np.argsort(ranks[0])
    ]
    return {"measure": measure, "interval": "95 % percentile bootstrap over latents", "numbers": numbers}


def attributes(found: Numbers, seed: int) -> dict[str, Any]:
    """Say which attribute of the picture each number changes most, from its edits to -2 and 2 sigma.

    Returns:
        {unit, threshold, names: [A], change, lo, hi: [A][D], moves: [D]}: mean change of every attribute per sigma in
        standard deviations of the attribute over the unedited images, with 95 % intervals over latents, and for every
        number the attribute it moves most, None where no interval excludes 0 with a mean of at least the threshold.
        None where the edits to -2 and 2 were not measured.
    """
    ends = [found.values.index(value) for value in (-STEP, STEP) if value in found.values]
    if len(ends) < 2:
        return {"message": f"the values {-STEP:g} and {STEP:g} were not measured."}
    sd = np.array([np.nanstd(found.base[name].astype(np.float64)) for name in ATTRIBUTES])
    unit = 2 * STEP * np.where(sd > 0, sd, np.nan)[:, None, None]
    changes = np.stack([found.edit[name][ends[1]] - found.edit[name][ends[0]] for name in ATTRIBUTES]) / unit
    means = weighted_means(changes, resamples(seed, len(found.z)).weights)
    lo, hi = percentile_interval(means[1:])
    defined = np.isfinite(changes).mean(axis=2)
    moved = name_effects(Effects(means[0], lo, hi, defined), list(ATTRIBUTES), NUMBER_THRESHOLD)
    found_tables = {"change": means[0], "lo": lo, "hi": hi}
    tables = {key: [[_digits(x) for x in row] for row in table] for key, table in found_tables.items()}
    known = {"unit": "standard deviations of the attribute per sigma", "threshold": NUMBER_THRESHOLD}
    return known | {"names": list(ATTRIBUTES), **tables, "moves": moved}


def _idle(found: Numbers) -> np.ndarray:
    share = found.edit["visible_share"].mean(axis=2, dtype=np.float64).max(axis=0)
    redrawn = found.control["visible_share"].mean(axis=1, dtype=np.float64)
    idle: np.ndarray = np.maximum(share, redrawn) <= IDLE_SHARE
    return idle


def curves(found: Numbers) -> dict[str, Any]:
    """Return what each measure does over the values, averaged over all numbers: the effect curves.

    Returns:
        measure -> {base (None for a measure against the base), control: {mean, lo, hi}, values: [{value, mean, lo,
        hi}]}; lo and hi hold the central 80 % of the numbers, so they tell how much numbers differ, not how sure the
        mean is.
    """
    result = {}
    for measure in found.measures():
        if measure.kind == "set":
            by_number = found.sets[measure.name][..., 0]  # [V + 2, D]
            edits, control, base = by_number[:-2], by_number[-2], float(by_number[-1, 0])
        else:
            edits, control = _means(found.edit[measure.name]), _means(found.control[measure.name])
            base = float(_means(found.base[measure.name])) if measure.kind == "per_latent" else math.nan
        rows = [{"value": value, **_band(row)} for value, row in zip(found.values, edits)]
        result[measure.name] = {"base": _digits(base), "control": _band(control), "values": rows}
    return result


def moves(found: Numbers, num_classes: int) -> dict[str, Any]:
    """Return which classes images leave and which they become.

    Returns:
        {matrices: {value: [K][K] share of images of class row that become class column, over all numbers}, shares:
        {value: [K] share of each class after the edit}, base: [K], numbers: [{dim, value, flipped, becomes, share,
        leaves, source_share}]} with one entry per number and value: how many images change class, the class that most
        of these become with its share of them, and the class that most of them were. None where no image changes.
    """
    base = found.base["class"].astype(np.int64)
    numbers: list[dict[str, Any]] = []
    matrices, shares = {}, {}
    for k, value in enumerate(found.values):
        edited = found.edit["class"][k].astype(np.int64)  # [D, N]
        counts = np.stack([_count(base, row, num_classes) for row in edited])  # [D, K, K]
        total = counts.sum(axis=0).astype(np.float64)
        of_class = total.sum(axis=1, keepdims=True)
        share = np.where(of_class > 0, total / np.maximum(of_class, 1), 0.0)
        matrices[value_name(value)] = [[_digits(x) for x in row] for row in share]
        shares[value_name(value)] = [_digits(x) for x in total.sum(axis=0) / total.sum()]
        numbers += [_number_moves(dim, value, table) for dim, table in zip(found.dims, counts)]
    start = np.bincount(base, minlength=num_classes) / len(base)
    return {"base": [_digits(x) for x in start], "shares": shares, "matrices": matrices, "numbers": numbers}


def _count(before: np.ndarray, after: np.ndarray, num_classes: int) -> np.ndarray:
    return np.bincount(before * num_classes + after, minlength=num_classes**2).reshape(num_classes, num_classes)


def _number_moves(dim: int, value: float, table: np.ndarray) -> dict[str, Any]:
    moved = table - np.diag(table.diagonal())
    total = int(moved.sum())
    row: dict[str, Any] = {"dim": dim, "value": value, "flipped": _digits(total / table.sum())}
    if not total:
        return row | {"becomes": None, "share": None, "leaves": None, "source_share": None}
    after, before = moved.sum(axis=0), moved.sum(axis=1)
    row |= {"becomes": int(after.argmax()), "share": _digits(after.max() / total)}
    return row | {"leaves": int(before.argmax()), "source_share": _digits(before.max() / total)}


def outside(z: Tensor, values: Sequence[float]) -> list[dict[str, Any]]:
    """Return how far setting one number of z [N, z_dim] to each value leads out of N(0, I).

    Returns:
        [{value, sigmas, beyond, norm_sigmas}]: |v| in standard deviations of one number; the probability that a number
        of N(0, 1) is larger in size; and the mean over latents and numbers of how many standard deviations of the norm
        the whole latent then lies outside (see `codes.norm_sigmas`). First comes the row of the unedited latents.
    """
    z_dim = z.shape[1]
    rows = [{"value": None, "sigmas": None, "beyond": None, "norm_sigmas": _digits(float(norm_sigmas(z).mean()))}]
    for value in values:
        far = np.mean([norm_sigmas(set_number(z, dim, value)).mean() for dim in range(z_dim)])
        beyond = math.erfc(abs(value) / math.sqrt(2))
        rows.append(
            {"value": value, "sigmas": abs(value), "beyond": float(f"{beyond:.3g}"), "norm_sigmas": _digits(float(far))}
        )
    return rows


def _means(array: np.ndarray) -> np.ndarray:
    """Return the mean over the last axis of what is defined; NaN where nothing is."""
    defined = np.isfinite(array)
    count = defined.sum(axis=-1)
    total = np.where(defined, array, 0.0).sum(axis=-1, dtype=np.float64)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _band(row: np.ndarray) -> dict[str, float | None]:
    defined = row[np.isfinite(row)]
    if not len(defined):
        return {"mean": None, "lo": None, "hi": None}
    lo, hi = np.quantile(defined, [LOW, HIGH])
    return {"mean": _digits(float(defined.mean())), "lo": _digits(float(lo)), "hi": _digits(float(hi))}


def _digits(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None
