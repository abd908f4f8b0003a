"""Distances between many rows, in blocks that fit into memory: nearest neighbours and their radii.

Squared Euclidean distances come from one matrix product, |a - b|^2 = |a|^2 + |b|^2 - 2 a.b, in float64; rounding can
make them slightly negative, then they count as 0.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .checks import check_rows

BLOCK_VALUES = 2**24
"""Distances held at once (128 MB)."""


def squared_blocks(a: np.ndarray, b: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield (rows of `a`, squared distances [rows, M]) for float64 rows a [N, F] and b [M, F]; the array is reused."""
    a_squares, b_squares = np.einsum("nf,nf->n", a, a), np.einsum("nf,nf->n", b, b)
    step = max(1, BLOCK_VALUES // max(1, len(b)))
    buffer = np.empty((min(step, len(a)), len(b)))
    for start in range(0, len(a), step):
        rows = slice(start, min(start + step, len(a)))
        block = buffer[: rows.stop - rows.start]
        np.matmul(a[rows], b.T, out=block)
        block *= -2.0
        block += a_squares[rows, None]
        block += b_squares
        np.maximum(block, 0.0, out=block)
        yield rows, block


def squared_radii(features: np.ndarray, k: int) -> np.ndarray:
    """Return the squared distance of every row [N, F] to its k-th nearest other row: float64 [N]; N > k."""
    rows = check_rows(features, k + 1)
    radii = np.empty(len(rows))
    for part, block in squared_blocks(rows, rows):
        block[np.arange(len(block)), np.arange(part.start, part.stop)] = -1.0  # itself comes first
        radii[part] = np.partition(block, k, axis=1)[:, k]
    return radii


def nearest(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for every row of a [N, F] the index (int64) of its nearest row of b [M, F] and the distance (float64)."""
    a, b = check_rows(a, 1), check_rows(b, 1)
    index, distance = np.empty(len(a), np.int64), np.empty(len(a))
    for rows, block in squared_blocks(a, b):
        index[rows] = block.argmin(axis=1)
        distance[rows] = np.sqrt(block[np.arange(len(block)), index[rows]])
    return index, distance
