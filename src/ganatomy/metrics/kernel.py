"""The kernel distance: unbiased squared maximum mean discrepancy with a cubic kernel, and its standard error.

Binkowski et al. 2018, "Demystifying MMD GANs" (arXiv:1801.01401, sec. 4): k(x, y) = (x . y / F + 1)^3. All pairs are
used, not random subsets of them, so the number has no noise of its own; its standard error is a delete-a-group
jackknife over both sets, right where the distributions differ and too large by about the root of 2 where they do not.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .checks import check_pair
from .jackknife import NUM_GROUPS, jackknife_se


class KernelDistance(NamedTuple):
    """A kernel distance and its noise."""

    value: float
    """Unbiased estimate: about 0 for equal distributions, slightly below it by chance."""
    se: float | None
    """Jackknife standard error; None for fewer than 20 rows in a set."""


def kernel_distance(gen: np.ndarray, real: np.ndarray) -> KernelDistance:
    """Return the kernel distance of features [N, F] and [M, F], both of at least 2 rows.

    In NumPy and float64. A row number other than that or a value that is not finite is a `GanatomyError`.
    """
    x, y = check_pair(gen, real, min_rows=2)
    groups = NUM_GROUPS if min(len(x), len(y)) >= 2 * NUM_GROUPS else 1
    value, left_out = KernelTo(y, groups).distances(x)
    return KernelDistance(value, jackknife_se(left_out) if groups > 1 else None)


class KernelTo:
    """Kernel distances of several sets to the same real features [M, F], finite; M is at least twice `groups`.

    The kernel is summed over every pair of groups once: that is enough for the estimate and for every estimate without
    a group of both sides. Sets made from paired latents leave out the same latents with the same group, so the
    differences of their leave-outs tell how far the difference of their distances is known.
    """

    def __init__(self, real: np.ndarray, groups: int = NUM_GROUPS):
        self._parts = np.array_split(real.astype(np.float64), groups)
        self._within = _within(self._parts)

    def distances(self, gen: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the distance of features [N, F], N at least twice the groups, and those without each group: [groups].

        Unbiased (Gretton et al. 2012, eq. 3); without its only group there is no distance, so that is left out: [0].
        """
        parts = np.array_split(gen.astype(np.float64), len(self._parts))
        between = np.array([[_kernel_sum(a, b) for b in self._parts] for a in parts])
        n, m = _sizes(parts), _sizes(self._parts)
        inside, real = _kept(_within(parts)), _kept(self._within)
        values = inside / (n * (n - 1)) + real / (m * (m - 1)) - 2 * _kept(between) / (n * m)
        return float(values[0]), values[1:]


def _kernel_sum(a: np.ndarray, b: np.ndarray) -> float:
    product = a @ b.T
    product /= a.shape[1]
    product += 1.0
    return float(np.einsum("ij,ij,ij->", product, product, product))


def _within(parts: list[np.ndarray]) -> np.ndarray:
    """Return the kernel's sums over pairs of different rows of one set, by pairs of its groups: [G, G]."""
    sums = np.zeros((len(parts), len(parts)))
    for i, a in enumerate(parts):
        for j in range(i, len(parts)):
            sums[i, j] = sums[j, i] = _kernel_sum(a, parts[j])
        sums[i, i] -= np.sum((np.einsum("nf,nf->n", a, a) / a.shape[1] + 1.0) ** 3)  # a row with itself is no pair
    return sums


def _sizes(parts: list[np.ndarray]) -> np.ndarray:
    """Return the number of rows of all groups, then, if there are several, without each: [1 + G] or [1]."""
    sizes = np.array([len(part) for part in parts], np.float64)
    return np.array([sizes.sum(), *(sizes.sum() - sizes if len(sizes) > 1 else ())])


def _kept(sums: np.ndarray) -> np.ndarray:
    """Return sums by pairs of groups [G, G] over all groups, then, if there are several, without each: as `_sizes`."""
    total = sums.sum()
    without = total - sums.sum(axis=0) - sums.sum(axis=1) + sums.diagonal()
    return np.array([total, *(without if len(sums) > 1 else ())])
