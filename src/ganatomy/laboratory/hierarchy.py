"""Intervals of what was measured on trainings: in one training, and over several for the recipe.

**One training.** All its latent numbers were measured, so they are a census: a share of them is uncertain only as far
as the latents that were drawn leave open on which side of its bound a number lies. Latents are resampled, numbers are
not, and the verdict speaks of this training. Within a training all numbers were measured on the same latents, so one
draw of latents serves all of them.

**Several trainings.** Each gives one value, and those are independent: Student's t interval of their mean, with one
degree of freedom less than trainings, holds whatever made them differ: seeds, numbers, latents. It speaks of the recipe
from 2 trainings on, though of so few it is wide (t is 12.7 for two, 4.3 for three). It takes the values to be about
normal: `python -m benchmarks.coverage` shows where it covers and where not. Where all trainings give the same value
there is no spread to take it from, which shares of few numbers near 0 or 1 often do; that is no certainty, so the
interval is then what the latents leave open, and for shares of numbers also Wilson's over all numbers together.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from .. import rng
from ..latent.intervals import Array
from ..metrics.comparison import student_quantile, wilson

NUM_RESAMPLES = 1000
TAIL = 0.025
"""Probability outside an interval on either side."""
EQUAL = 1e-12
"""Relative range below which the values of trainings count as all equal."""

Side = Literal[">", ">=", "<", "<="]
Verdict = Literal["holds", "fails", "undecided"]


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval."""

    value: float
    lo: float
    hi: float

    @staticmethod
    def of(value: float, samples: Array) -> Estimate:
        """Return the estimate with the central 95 % of resampled values [R]."""
        lo, hi = np.quantile(samples, [TAIL, 1 - TAIL])
        return Estimate(float(value), float(lo), float(hi))


def decide(estimate: Estimate, side: Side, threshold: float) -> Verdict:
    """Return `holds` where the whole interval is on the right side of the threshold, `fails` where none of it is."""
    lo, hi = estimate.lo, estimate.hi
    right, wrong = {
        ">": (lo > threshold, hi <= threshold),
        ">=": (lo >= threshold, hi < threshold),
        "<": (hi < threshold, lo >= threshold),
        "<=": (hi <= threshold, lo > threshold),
    }[side]
    return "holds" if right else "fails" if wrong else "undecided"


def passes(statistic: Array, side: Side, bound: float) -> Array:
    """Return 1.0 where a statistic is on the right side of a bound, else 0.0; undefined (NaN) does not pass."""
    with np.errstate(invalid="ignore"):
        compared = {
            ">": statistic > bound,
            ">=": statistic >= bound,
            "<": statistic < bound,
            "<=": statistic <= bound,
        }[side]
    return compared.astype(np.float64)


def counts(draw: np.random.Generator, num_rows: int, num: int) -> Array:
    """Return resampling counts [num_rows, num]: how often each of `num` things was drawn, in all `num` times."""
    drawn = draw.integers(num, size=(num_rows, num)) + np.arange(num_rows)[:, None] * num
    return np.bincount(drawn.ravel(), minlength=num_rows * num).reshape(num_rows, num).astype(np.float64)


def mid_interval(samples: Array, tail: float = TAIL) -> tuple[float, float]:
    """Return the central 1 - 2 tail of resampled values [R] that take few different values, such as shares of numbers.

    A value's own probability counts half to either side (mid-distribution, Parzen 2004): of whole steps, percentiles
    would take a step more than they need.
    """
    values, num = np.unique(np.round(samples, 9), return_counts=True)
    middle = (np.cumsum(num) - num / 2) / num.sum()
    inside = (middle >= tail) & (middle <= 1 - tail)
    if not inside.any():
        inside = middle == middle[np.argmin(np.abs(middle - 0.5))]
    return float(values[inside][0]), float(values[inside][-1])


def student_interval(values: Sequence[float], tail: float = TAIL) -> tuple[float, float] | None:
    """Return the t interval of the mean of trainings' values (at least 2) at 1 - 2 tail; None where all are equal.

    Student 1908. For shares its ends may leave [0, 1].
    """
    x = np.asarray(values, np.float64)
    if np.ptp(x) <= EQUAL * np.abs(x).max():
        return None
    half = _quantile(1 - tail, len(x) - 1) * float(x.std(ddof=1)) / math.sqrt(len(x))
    return float(x.mean()) - half, float(x.mean()) + half


@functools.cache
def _quantile(p: float, df: int) -> float:
    return student_quantile(p, df)


def over_trainings(
    values: Sequence[float], one: Callable[[int, int, np.random.Generator], Array], draw: np.random.Generator
) -> Estimate:
    """Return the mean of trainings' values with its 95 % interval: of this training for one, of the recipe for several.

    `one(training, num_rows, draw)` gives resamples of one training's value, [num_rows]: what is open inside of it. They
    make the interval of one training, and of several that are all equal.
    """
    mean = float(np.mean(values))
    found = student_interval(values) if len(values) > 1 else None
    if found is not None:
        return Estimate(mean, *found)
    samples = [one(training, NUM_RESAMPLES, draw) for training in range(len(values))]
    return Estimate.of(mean, np.mean(samples, axis=0))


def share_of_numbers(
    tests: Sequence[Callable[[Array], Array]], num_latents: Sequence[int], seed: int, purpose: str
) -> Estimate:
    """Return the share of latent numbers that pass a test, averaged over trainings, with its 95 % interval in [0, 1].

    Args:
        tests: one function per training: weights of the latents [R, N] -> 1.0 or 0.0 for every number [R, D].
        num_latents: N of each training.
        seed: seed of the resamples.
        purpose: names their stream.
    """
    passed = [test(np.ones((1, num)))[0] for test, num in zip(tests, num_latents)]
    values = [float(each.mean()) for each in passed]
    mean = float(np.mean(values))
    found = student_interval(values) if len(values) > 1 else None
    if found is None:
        draw = rng.generator(seed, f"hierarchy-{purpose}")
        rows = [test(counts(draw, NUM_RESAMPLES, num)).mean(axis=1) for test, num in zip(tests, num_latents)]
        found = mid_interval(np.mean(rows, axis=0))
        if len(values) > 1:
            pooled = np.concatenate(passed)
            others = wilson(int(pooled.sum()), len(pooled))
            found = min(found[0], others[0]), max(found[1], others[1])
    # The value is always inside, and a share between 0 and 1.
    return Estimate(mean, max(0.0, min(found[0], mean)), min(1.0, max(found[1], mean)))
