"""Claims about training curves: first against last fifth, and whether the last fifth is settled.

Lines of `stats.jsonl` are neighbours in time, so they are resampled in blocks (moving-block bootstrap, Kuensch 1989)
of about the square root of a fifth's length.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import rng
from ..latent.intervals import Array
from .hierarchy import Estimate, over_trainings

MIN_FIFTH = 4
"""Fewest lines in a fifth of a curve from which anything is decided."""
SETTLED_SDS = 2.0
"""A settled curve drifts over its last fifth by at most this many standard deviations of its own scatter."""

Curves = dict[str, Array]
"""`G` and `D` losses over training, [L] each."""


def loss_curves(stats: Sequence[dict[str, Any]]) -> Curves:
    """Return the adversarial losses of both networks from the lines of stats.jsonl."""
    return {
        network: np.array([line[f"Loss/{network}/adv"] for line in stats], np.float64).reshape(-1)
        for network in ("G", "D")
    }


def fifth(curves: Curves) -> int:
    """Return the number of lines in a fifth of the training."""
    return len(curves["G"]) // 5


def change(curves: Curves, first: np.ndarray, last: np.ndarray, *, network: str) -> Array:
    """Return the mean of the last fifth minus that of the first, for resampled lines [R, n] of each: [R]."""
    x, n = curves[network], fifth(curves)
    result: Array = x[-n:][last].mean(axis=1) - x[:n][first].mean(axis=1)
    return result


def gap_change(curves: Curves, first: np.ndarray, last: np.ndarray) -> Array:
    """Return how |mean G loss - mean D loss| changes from the first to the last fifth: [R], negative if it shrinks."""
    gap, n = curves["G"] - curves["D"], fifth(curves)
    result: Array = np.abs(gap[-n:][last].mean(axis=1)) - np.abs(gap[:n][first].mean(axis=1))
    return result


def drift(curves: Curves, first: np.ndarray, last: np.ndarray, *, network: str) -> Array:
    """Return the size of the trend over the last fifth in standard deviations of the scatter about it: [R], >= 0.

    The least-squares line's rise over the fifth, divided by the residuals' standard deviation; resamples add blocks
    of residuals to the fitted line.
    """
    del first
    n = fifth(curves)
    y = curves[network][-n:]
    t = np.arange(n) - (n - 1) / 2
    slope = float(t @ y / (t @ t))
    residual = y - y.mean() - slope * t
    # A curve without any scatter: any trend at all is then far beyond it.
    scatter = max(float(residual.std()), 1e-9 * (1.0 + abs(float(y.mean()))))
    resampled = slope + (residual[last] - residual[last].mean(axis=1, keepdims=True)) @ t / (t @ t)
    result: Array = np.abs(resampled) * (n - 1) / scatter
    return result


def block_indices(draw: np.random.Generator, num_rows: int, num: int) -> np.ndarray:
    """Return moving-block resamples of `num` neighbouring lines: int64 [num_rows, num]."""
    length = max(1, math.isqrt(num))
    starts = draw.integers(num - length + 1, size=(num_rows, -(-num // length)))
    return (starts[:, :, None] + np.arange(length)).reshape(num_rows, -1)[:, :num]


def estimate(
    trainings: Sequence[Curves], statistic: Callable[[Curves, np.ndarray, np.ndarray], Array], seed: int, purpose: str
) -> Estimate:
    """Return a statistic of the curves averaged over trainings, with its interval: of one training over blocks."""
    whole = [np.arange(fifth(curves))[None] for curves in trainings]
    values = [float(statistic(curves, rows, rows)[0]) for curves, rows in zip(trainings, whole)]

    def one(training: int, num_rows: int, draw: np.random.Generator) -> Array:
        curves = trainings[training]
        n = fifth(curves)
        return statistic(curves, block_indices(draw, num_rows, n), block_indices(draw, num_rows, n))

    return over_trainings(values, one, rng.generator(seed, f"curves-{purpose}"))
