"""The factors of `atelier` read from pictures alone: one kernel ridge regression per class.

A reader is learnt from drawings whose factors are known, and knows nothing of generators. Kernel ridge regression
(Murphy 2012, section 14.4.3) with the Matern 5/2 kernel (Rasmussen & Williams 2006, eq. 4.17) on the first principal
coordinates of the pixels: on 500 other drawings it explains 99 % or more of every factor of every class (the factor
head of `atelier-v1`: 97 to 99 %), but 89 % of a dress's sleeve, which the dress hides while it is short. With noise of
10 levels in the pixels it is 95 % or more (T-shirt, coat, boot); what is read from a picture unlike all drawings means
nothing.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from .. import rng
from ..datasets import atelier
from .intervals import Array

NUM_DRAWINGS, NUM_HELD_OUT = 2000, 500
NUM_COORDINATES = 100
"""Principal coordinates of the pixels that the kernel sees, at most."""
LENGTH = 3.0
"""Length scale of the kernel, in root mean squares of the drawings' distance from their mean."""
RIDGE = 1e-5
MAX_PX = 28
"""Larger pictures are averaged down to this side first, so that reading them costs the same."""


@dataclass(frozen=True, eq=False)
class FactorReader:
    """The reader of one class."""

    applies: np.ndarray
    """bool [9]: the factors that change this class, in the order of `atelier.FACTORS`."""
    mean: Tensor
    """float32 [P], mean drawing."""
    basis: Tensor
    """float32 [P, Q], principal directions of the drawings, divided by the length scale."""
    points: Tensor
    """float32 [M, Q], coordinates of the drawings."""
    weights: Tensor
    """float64 [M, 9]."""
    r2: Array
    """float64 [9]: share of a factor's variance explained on held-out drawings; NaN where it does not apply."""

    def read(self, grey: Tensor) -> Array:
        """Return the factors of pictures float32 [N, H, W] in [0, 255]: float64 [N, 9], about 0 to 1.

        NaN where a factor does not apply. Values outside [0, 1] are left as they are: cutting them would bend means.
        """
        kernel = _matern(_pixels(grey).sub(self.mean) @ self.basis, self.points)
        values: Array = (kernel @ self.weights).add(0.5).numpy()
        values[:, ~self.applies] = np.nan
        return values


def _pixels(grey: Tensor) -> Tensor:
    """Return pictures [N, H, W], larger ones averaged down, as float32 [N, P] in [0, 1]."""
    height, width = (min(side, MAX_PX) for side in grey.shape[1:])
    return adaptive_avg_pool2d(grey[:, None], (height, width)).flatten(1) / 255


def _matern(a: Tensor, b: Tensor) -> Tensor:
    """Return the Matern 5/2 kernel of length scale 1 between points [N, Q] and [M, Q]: float64 [N, M]."""
    root = torch.cdist(a.double(), b.double(), compute_mode="use_mm_for_euclid_dist").mul_(5**0.5)
    decay = torch.exp(-root)
    return root.square().div_(3).add_(root).add_(1).mul_(decay)


@functools.cache
def factor_reader(label: int, height: int, width: int) -> FactorReader:
    """Return the reader of a class of `atelier` for pictures of one size: the same whenever it is made.

    Args:
        label: index into `atelier.CLASS_NAMES`.
        height: of the pictures, px.
        width: of the pictures, px.
    """
    num = NUM_DRAWINGS + NUM_HELD_OUT
    factors = rng.generator(0, "factor-reader", label).random((num, len(atelier.FACTORS)), dtype=np.float32)
    drawings = torch.from_numpy(atelier.render(np.full(num, label), factors, (height, width))).to(torch.float32)
    known = torch.from_numpy(factors).double() - 0.5
    pixels = _pixels(drawings[:NUM_DRAWINGS])
    mean = pixels.mean(dim=0)
    centred = pixels - mean
    basis = torch.linalg.eigh(centred.T @ centred)[1].flip(1)[:, :NUM_COORDINATES]
    basis = basis / (LENGTH * (centred @ basis).square().sum(dim=1).mean().sqrt())
    points = centred @ basis
    kernel = _matern(points, points)
    kernel.diagonal().add_(RIDGE)
    weights = torch.cholesky_solve(known[:NUM_DRAWINGS], torch.linalg.cholesky(kernel))

    reader = FactorReader(atelier.APPLIES[label], mean, basis, points, weights, np.empty(0))
    error = reader.read(drawings[NUM_DRAWINGS:]) - 0.5 - known[NUM_DRAWINGS:].numpy()
    variance = known[NUM_DRAWINGS:].var(dim=0, correction=0).numpy()
    return replace(reader, r2=1 - np.square(error).mean(axis=0) / variance)


def read_factors(grey: Tensor, labels: np.ndarray) -> Array:
    """Return the factors of pictures of several classes, each read by the reader of its class.

    Args:
        grey: float32 [N, H, W], 0 to 255.
        labels: int64 [N], index into `atelier.CLASS_NAMES`.

    Returns:
        float64 [N, 9], about 0 to 1; NaN where a factor does not change that class.
    """
    height, width = grey.shape[1:]
    values = np.full((len(grey), len(atelier.FACTORS)), np.nan)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        values[rows] = factor_reader(int(label), height, width).read(grey[torch.from_numpy(rows)])
    return values
