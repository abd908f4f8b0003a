"""Distances between many rows, in blocks that fit into memory: nearest neighbours and their radii.

Squared Euclidean distances come from one matrix product, |a - b|^2 = |a|^2 + |b|^2 - 2 a.b, in float64; rounding can
make them slightly negative, then they count as 0.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ..errors import GanatomyError
from .checks import check_rows

BLOCK_VALUES = 2**24
"""Distances held at once (128 MB)."""
SEARCH_VALUES, SEARCH_ROWS = 2**25, 8192
"""Values of rows held at once in a search (128 MB), and most rows."""
SAME = 1e-5
"""Distance, relative to the size of a row, up to which two rows are at one place."""
TINY = 1e-300
"""What is above 0 where the rows are 0 themselves."""


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


def tied(features: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Return which rows [N, F] have k others at their own place, by their squared radii [N]: bool [N].

    Features of equal images differ by rounding, so a distance of 1e-5 of a row's size is none.
    """
    found: np.ndarray = radii <= SAME**2 * np.einsum("nf,nf->n", features, features, dtype=np.float64)
    return found


def open_ties(features: np.ndarray, radii: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return squared radii [N] of rows [N, F] that a row at the same place lies inside of, and which rows are `tied`.

    A ball of radius 0 is empty for strict `<`, even for what lies at its centre; such radii become just large enough
    to hold it. All others stay as they are.
    """
    is_tied = tied(features, radii)
    if not is_tied.any():
        return radii, is_tied
    size = np.einsum("nf,nf->n", features, features, dtype=np.float64)
    return np.where(is_tied, 4 * SAME**2 * size + TINY, radii), is_tied


def nearest(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for every row of a [N, F] the index (int64) of its nearest row of b [M, F] and the distance (float64)."""
    a, b = check_rows(a, 1), check_rows(b, 1)
    index, distance = np.empty(len(a), np.int64), np.empty(len(a))
    for rows, block in squared_blocks(a, b):
        index[rows] = block.argmin(axis=1)
        distance[rows] = np.sqrt(block[np.arange(len(block)), index[rows]])
    return index, distance


def find_nearest(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what `nearest` returns, faster and in less memory; uint8 rows stay uint8 until they are looked at.

    Distances are searched for in float32, and every pair that may be the nearest within the bound on float32's rounding
    (Higham 2002, Accuracy and Stability, eq. 3.5) is computed again in float64 from the differences. So the answer is
    exact, and of equally near rows the first is taken.
    """
    a, b = _as_they_are(a), _as_they_are(b)
    if a.shape[1] != b.shape[1]:
        raise GanatomyError(f"rows have {a.shape[1]} and {b.shape[1]} numbers; only rows of one width have distances.")
    largest = max(max(float(rows.max()), -float(rows.min())) for rows in (a, b))
    if not 1e-15 < largest < 1e15:  # squares would leave float32
        return nearest(a, b)
    centre = b[:: max(1, len(b) // 1000)].mean(axis=0, dtype=np.float64).astype(np.float32)
    index, squared = np.zeros(len(a), np.int64), np.full(len(a), np.inf)
    step = max(16, SEARCH_VALUES // a.shape[1])
    for start in range(0, len(a), step):
        rows = slice(start, start + step)
        _search(a[rows], b, centre, index[rows], squared[rows])
    return index, np.sqrt(squared)


def _as_they_are(rows: np.ndarray) -> np.ndarray:
    is_pixels = rows.dtype == np.uint8 and rows.ndim == 2 and rows.size > 0
    return rows if is_pixels else check_rows(rows, 1)


def _search(a: np.ndarray, b: np.ndarray, centre: np.ndarray, index: np.ndarray, squared: np.ndarray) -> None:
    """Set the index and the squared distance (float64) of the nearest row of b for every row of a."""
    x = _centred(a, centre)
    x_squares = np.einsum("nf,nf->n", x, x, dtype=np.float64)
    # Twice the dot product's bound, F / 2 roundings each of (|x| + |y|)^2, and a few for centring and adding.
    unit = (0.625 * a.shape[1] + 16) * 2.0**-24
    step = max(16, min(SEARCH_ROWS, SEARCH_VALUES // a.shape[1]))
    for start in range(0, len(b), step):
        y = _centred(b[start : start + step], centre)
        y_squares = np.einsum("nf,nf->n", y, y, dtype=np.float64)
        found = torch.addmm(_row(y_squares)[None], torch.from_numpy(x), torch.from_numpy(y).T, alpha=-2.0)
        found += _row(x_squares)[:, None]
        slack = unit * (np.sqrt(x_squares) + np.sqrt(y_squares.max())) ** 2
        limit = np.minimum(found.amin(dim=1).numpy() + slack, squared) + slack
        limit[squared == 0] = -np.inf  # nothing is nearer
        i, j = (each.numpy() for each in (found <= _row(limit)[:, None]).nonzero(as_tuple=True))
        exact = _squared_pairs(a, b, i, j + start)
        order = np.lexsort((j, exact, i))
        row, first = np.unique(i[order], return_index=True)
        best = order[first]
        is_nearer = exact[best] < squared[row]
        index[row[is_nearer]], squared[row[is_nearer]] = j[best][is_nearer] + start, exact[best][is_nearer]


def _centred(rows: np.ndarray, centre: np.ndarray) -> np.ndarray:
    wide = np.float32 if rows.dtype == np.uint8 else np.float64
    return np.subtract(rows, centre, dtype=wide).astype(np.float32, copy=False)


def _row(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))


def _squared_pairs(a: np.ndarray, b: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Return |a[i] - b[j]|^2 for index pairs [P]: float64 [P]."""
    exact = np.empty(len(i))
    step = max(1, SEARCH_VALUES // (8 * a.shape[1]))
    for start in range(0, len(i), step):
        part = slice(start, start + step)
        difference = np.subtract(a[i[part]], b[j[part]], dtype=np.float64)
        exact[part] = np.einsum("nf,nf->n", difference, difference)
    return exact
