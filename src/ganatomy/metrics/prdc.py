"""Precision, recall, density and coverage of generated images, from neighbourhoods in feature space.

Precision and recall: Kynkaanniemi et al. 2019 (arXiv:1904.06991, eq. 1 and 2); density and coverage: Naeem et al. 2020
(arXiv:2002.09797, eq. 4 and 5). A neighbourhood is the open ball around a row with the distance to its k-th nearest
other row of the same set as radius: k = 5 and strict `<`, as in Naeem's code. Precision and density ask where the
generated images lie (in the balls around real ones), recall and coverage whether all real ones are reached.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..datasets.enough import NEIGHBOURS
from .checks import check_pair
from .neighbours import open_ties, squared_blocks, squared_radii

K = NEIGHBOURS


class Prdc(NamedTuple):
    """The four numbers. Even for equal distributions precision and recall are far from 1 in many dimensions, so they
    mean something only beside the row of real against real images.
    """

    precision: float
    """Share of generated images inside the ball of at least one real image: are they like real ones?"""
    recall: float
    """Share of real images inside the ball of at least one generated image: is all variety reached?"""
    density: float
    """Mean number of real balls around a generated image / k; about 1 for equal distributions, can exceed 1."""
    coverage: float
    """Share of real images whose ball holds at least one generated image."""


def prdc(gen: np.ndarray, real: np.ndarray, k: int = K, real_radii: np.ndarray | None = None) -> Prdc:
    """Return the four numbers for features gen [N, F] and real [M, F], each of more than k rows; NumPy, float64.

    `real_radii` is `squared_radii(real, k)` where it is known already. Too few rows, another width or values that are
    not finite are a `GanatomyError`.
    """
    gen, real = check_pair(gen, real, min_rows=k + 1)
    gen_radii = squared_radii(gen, k)
    real_radii = squared_radii(real, k) if real_radii is None else real_radii
    gen_radii, _ = open_ties(gen, gen_radii)
    real_radii, is_tied = open_ties(real, real_radii)
    weights = _weights(real, real_radii, is_tied, k)
    is_precise = np.zeros(len(gen), bool)
    is_recalled, is_covered = np.empty(len(real), bool), np.empty(len(real), bool)
    num_balls = 0.0
    for rows, block in squared_blocks(real, gen):
        inside = block < real_radii[rows, None]
        is_precise |= inside.any(axis=0)
        is_covered[rows] = inside.any(axis=1)
        num_balls += float(weights[rows] @ np.count_nonzero(inside, axis=1))
        is_recalled[rows] = (block < gen_radii).any(axis=1)
    return Prdc(
        precision=float(is_precise.mean()),
        recall=float(is_recalled.mean()),
        density=num_balls / (k * len(gen)),
        coverage=float(is_covered.mean()),
    )


def _weights(real: np.ndarray, radii: np.ndarray, is_tied: np.ndarray, k: int) -> np.ndarray:
    """Return what each ball counts for density: 1, or k / n for one around n equal images; float64 [M]."""
    weights = np.ones(len(real))
    index = np.flatnonzero(is_tied)
    for rows, block in squared_blocks(real[index], real):
        equal = np.count_nonzero(block < radii[index[rows], None], axis=1)
        weights[index[rows]] = k / np.maximum(equal, k)
    return weights
