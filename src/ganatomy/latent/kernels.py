"""Kernel distances of several sets of generated images to the same real ones, and of their differences the error.

The distance is that of `metrics.kernel` (Binkowski et al. 2018, arXiv:1801.01401). There a set stands alone; here sets
come from paired latents, and leaving out the same group of latents in both tells how far their difference is known.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..metrics.jackknife import NUM_GROUPS
from .intervals import Array


class KernelScores:
    """Kernel distances to real features [M, F], M >= 20; sums over the real images are made once."""

    def __init__(self, real: np.ndarray):
        self._parts = _groups(real)
        self._sizes = np.array([len(part) for part in self._parts])
        self._within = _within(self._parts)

    def leave_outs(self, features: np.ndarray) -> tuple[float, Array]:
        """Return the distance of features [N, F], N >= 20, and with each of 10 groups of both sets left out: [10].

        Unbiased, in float64 by torch (see `RealImages.hold`); the same as `metrics.kernel.kernel_distance`.
        """
        parts = _groups(features)
        between = np.array([[_kernel_sum(a, b) for b in self._parts] for a in parts])
        n, m = _kept(np.array([len(part) for part in parts])), _kept(self._sizes)
        inside, real = _kept_pairs(_within(parts)), _kept_pairs(self._within)
        values = inside / (n * (n - 1)) + real / (m * (m - 1)) - 2 * _kept_pairs(between) / (n * m)
        return float(values[0]), values[1:]


def _groups(features: np.ndarray) -> list[Tensor]:
    rows = torch.from_numpy(features).to(torch.float64)
    return list(rows.tensor_split(NUM_GROUPS))


def _kernel_sum(a: Tensor, b: Tensor) -> float:
    kernel = (a @ b.T).div_(a.shape[1]).add_(1.0)
    return float(kernel.square().mul_(kernel).sum())


def _within(parts: list[Tensor]) -> Array:
    """Return the kernel's sums over pairs of different rows, by pairs of groups: [10, 10]."""
    sums = np.zeros((NUM_GROUPS, NUM_GROUPS))
    for i, a in enumerate(parts):
        for j in range(i, NUM_GROUPS):
            sums[i, j] = sums[j, i] = _kernel_sum(a, parts[j])
        sums[i, i] -= float((a.square().sum(dim=1) / a.shape[1] + 1.0).pow(3).sum())
    return sums


def _kept(sizes: np.ndarray) -> Array:
    """Return the number of rows of all groups, then without each: [11]."""
    total = sizes.sum()
    return np.array([total, *(total - sizes)], np.float64)


def _kept_pairs(sums: Array) -> Array:
    """Return sums by pairs of groups [10, 10] over all groups, then without each: [11]."""
    total = sums.sum()
    return np.array([total, *(total - sums.sum(axis=0) - sums.sum(axis=1) + sums.diagonal())])
