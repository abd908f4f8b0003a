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
    x_parts, y_parts = (np.array_split(rows, groups) for rows in (x, y))
    # Sums of the kernel over every pair of groups: enough for the estimate and for every estimate without a group.
    within_x, within_y, between = (np.empty((groups, groups)) for _ in range(3))
    for i in range(groups):
        for j in range(groups):
            between[i, j] = _kernel_sum(x_parts[i], y_parts[j])
            if j >= i:
                within_x[i, j] = within_x[j, i] = _kernel_sum(x_parts[i], x_parts[j])
                within_y[i, j] = within_y[j, i] = _kernel_sum(y_parts[i], y_parts[j])
    # A row with itself is no pair.
    for parts, within in ((x_parts, within_x), (y_parts, within_y)):
        for i, rows in enumerate(parts):
            within[i, i] -= np.sum((np.einsum("nf,nf->n", rows, rows) / rows.shape[1] + 1.0) ** 3)
    sizes = np.array([len(rows) for rows in x_parts]), np.array([len(rows) for rows in y_parts])
    value = _estimate(within_x, within_y, between, sizes, np.ones(groups, bool))
    if groups == 1:
        return KernelDistance(value, None)
    left_out = [_estimate(within_x, within_y, between, sizes, np.arange(groups) != i) for i in range(groups)]
    return KernelDistance(value, jackknife_se(np.array(left_out)))


def _kernel_sum(a: np.ndarray, b: np.ndarray) -> float:
    product = a @ b.T
    product /= a.shape[1]
    product += 1.0
    return float(np.einsum("ij,ij,ij->", product, product, product))


def _estimate(
    within_x: np.ndarray,
    within_y: np.ndarray,
    between: np.ndarray,
    sizes: tuple[np.ndarray, np.ndarray],
    kept: np.ndarray,
) -> float:
    """Return the unbiased estimate (Gretton et al. 2012, eq. 3) from the groups that are kept."""
    n, m = (size[kept].sum() for size in sizes)
    inside = np.ix_(kept, kept)
    return float(
        within_x[inside].sum() / (n * (n - 1))
        + within_y[inside].sum() / (m * (m - 1))
        - 2 * between[inside].sum() / (n * m)
    )
