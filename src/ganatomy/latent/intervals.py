"""Bootstrap intervals by weights: one matrix product resamples every number, value and measure together.

A resample of N latents is a row of multinomial counts, so a resampled mean is a weighted mean. Row 0 is all ones: the
estimate itself. Values that are not defined (NaN) get weight zero, so they are left out of estimate and resamples
alike, and `num_defined` tells how many stayed. Intervals are 95 % percentile intervals (Efron & Tibshirani 1993,
chapter 13).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .. import rng

Array = npt.NDArray[np.float64]

NUM_RESAMPLES = 1000


def bootstrap_weights(seed: int, purpose: str, num: int, num_resamples: int = NUM_RESAMPLES) -> Array:
    """Return resampling counts float64 [num_resamples + 1, num]; each row sums to num, row 0 is all ones."""
    draw = rng.generator(seed, f"bootstrap-{purpose}").integers(num, size=(num_resamples, num))
    rows = np.arange(num_resamples)[:, None] * num
    counts = np.bincount((draw + rows).ravel(), minlength=num_resamples * num).reshape(num_resamples, num)
    return np.concatenate([np.ones((1, num)), counts]).astype(np.float64)


def weighted_means(x: np.ndarray, weights: Array) -> Array:
    """Return the mean over the last axis under every row of weights; undefined (NaN) values are left out.

    Args:
        x: [..., N].
        weights: [R, N].

    Returns:
        float64 [R, ...]; NaN where no defined value has any weight.
    """
    flat = x.reshape(-1, x.shape[-1]).astype(np.float64)
    defined = np.isfinite(flat)
    total = weights @ np.where(defined, flat, 0.0).T
    count = weights @ defined.T.astype(np.float64)
    with np.errstate(invalid="ignore"):
        means = np.where(count > 0, total / np.where(count > 0, count, 1.0), np.nan)
    return means.reshape(len(weights), *x.shape[:-1])


def num_defined(x: np.ndarray) -> np.ndarray:
    """Return how many values along the last axis are defined: int64 [...]."""
    count: np.ndarray = np.isfinite(x).sum(axis=-1)
    return count


def percentile_interval(samples: Array) -> tuple[Array, Array]:
    """Return (lo, hi) of the central 95 % of resamples [R, ...]; a resample without a value is left out.

    Where no resample has a value, lo and hi are NaN.
    """
    empty = ~np.isfinite(samples).any(axis=0)
    filled = np.where(empty, 0.0, samples)
    cut = np.nanquantile(filled, [0.025, 0.975], axis=0)
    lo, hi = np.where(empty, np.nan, cut)
    return lo, hi
