"""The real images that the latent experiment compares with, and which images lie among them.

Precision (Kynkaanniemi et al. 2019, arXiv:1904.06991, eq. 1) image by image, so that an edit's loss of it has an
interval. `metrics.prdc` computes the same in float64; about 100,000 edited images ask for float32, where an image at a
distance from the surface of a ball that is smaller than the rounding (relative 1e-6) may be counted on its other side.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ..metrics.moments import Moments
from ..metrics.neighbours import open_ties

NUM_REAL = 5000
"""Real images whose neighbourhoods are used, at most: the first of the test images."""
BLOCK_VALUES = 2**20
"""Distances held at once (4 MB), so that they stay in the processor's cache."""

ROUNDED, TINY = 4e-6, 1e-30
"""What float32 may round away of a squared distance, relative to the squares that it is the difference of."""


@dataclass(frozen=True, eq=False)
class RealImages:
    """What a feature network sees in the test images."""

    moments: Moments
    """Mean and covariance of all of them, for Frechet distances."""
    features: np.ndarray
    """float32 [M, F], of the first of them, for kernel distances and neighbourhoods."""
    radii: np.ndarray
    """float64 [M], squared distance of each to its 5th nearest other one; empty where there are too few images."""

    @property
    def has_balls(self) -> bool:
        """Whether there are neighbourhoods to lie in."""
        return len(self.radii) > 0

    @cached_property
    def _balls(self) -> tuple[np.ndarray, Tensor, Tensor]:
        """Return (centre of all [F], ball centres [F, M], squared radii - squared norms [M]), about that centre.

        About their mean the numbers are smaller, and so is what float32 rounds away.
        """
        exact = self.features.astype(np.float64)
        radii, is_tied = open_ties(exact, self.radii)
        centre = exact.mean(axis=0)
        exact -= centre
        squares = np.einsum("mf,mf->m", exact, exact)
        # Balls around more than k equal images have no width but what float32 rounds away.
        offset = np.where(is_tied, radii + ROUNDED * squares + TINY, radii) - squares
        return centre, *(torch.from_numpy(array.astype(np.float32)) for array in (exact.T, offset))

    def hold(self, features: np.ndarray) -> np.ndarray:
        """Return 1 for every row of features [N, F] inside (strict <) the ball of a real image, else 0: float32 [N].

        By torch, for beside the networks NumPy's own threads would wait for torch's on the same cores.
        """
        centre, balls, offset = self._balls
        rows = torch.from_numpy((features - centre).astype(np.float32))
        inside = []
        for part in rows.split(max(1, BLOCK_VALUES // len(offset))):
            # |a - b|^2 < r^2 is 2 a.b + r^2 - |b|^2 > |a|^2, and the left side is one product.
            nearest = torch.addmm(offset, part, balls, alpha=2.0).amax(dim=1)
            inside.append(nearest > part.square().sum(dim=1))
        return torch.cat(inside).to(torch.float32).numpy() if inside else np.empty(0, np.float32)
