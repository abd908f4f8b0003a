"""The hierarchical bootstrap: trainings, then latent numbers, then latents, each resampled with replacement.

With one training only numbers and latents are resampled, and a verdict speaks of this run. Within a training all
numbers were measured on the same latents, so one draw of latents serves all of them. With few trainings percentile
intervals are known to be narrow (Davison & Hinkley 1997, section 3.8): three of them are a first look, not a proof.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from .. import rng
from ..latent.intervals import Array

NUM_RESAMPLES = 1000

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
        lo, hi = np.quantile(samples, [0.025, 0.975])
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


def over_trainings(
    num_trainings: int, one: Callable[[int, int, np.random.Generator], Array], draw: np.random.Generator
) -> Array:
    """Return resamples of a mean over trainings: [1000].

    `one(training, num_rows, draw)` gives resamples of one training's value, [num_rows]. Every resample draws as many
    trainings as there are, with replacement, and a fresh resample inside each.
    """
    total = np.zeros(NUM_RESAMPLES)
    for _ in range(num_trainings):
        picked = draw.integers(num_trainings, size=NUM_RESAMPLES)
        for training in range(num_trainings):
            rows = np.flatnonzero(picked == training)
            if len(rows):
                total[rows] += one(training, len(rows), draw)
    return total / num_trainings


def share_of_numbers(
    tests: Sequence[Callable[[Array], Array]], num_latents: Sequence[int], seed: int, purpose: str
) -> Estimate:
    """Return the share of latent numbers that pass a test, averaged over trainings.

    Args:
        tests: one function per training: weights of the latents [R, N] -> 1.0 or 0.0 for every number [R, D].
        num_latents: N of each training.
        seed: seed of the resamples.
        purpose: names their stream.
    """
    value = np.mean([test(np.ones((1, num))).mean() for test, num in zip(tests, num_latents)])

    def one(training: int, num_rows: int, draw: np.random.Generator) -> Array:
        passed = tests[training](counts(draw, num_rows, num_latents[training]))
        result: Array = (passed * counts(draw, num_rows, passed.shape[1])).sum(axis=1) / passed.shape[1]
        return result

    draw = rng.generator(seed, f"hierarchy-{purpose}")
    return Estimate.of(float(value), over_trainings(len(tests), one, draw))
