"""Mean and covariance of a stream of feature rows, in float64."""

from __future__ import annotations

import numpy as np

from ..errors import GanatomyError


class Moments:
    """Streaming mean and sample covariance (divisor n - 1, as in `np.cov`).

    Batches are merged by the pairwise update of Chan, Golub and LeVeque 1979 ("Updating formulae and a pairwise
    algorithm for computing sample variances", eq. 2.1): centred sums, so no digits are lost to a large mean.
    The result does not depend on how the rows were split, up to rounding (relative 1e-12).
    """

    def __init__(self, num_features: int):
        self.num = 0
        self._mean = np.zeros(num_features)
        self._scatter = np.zeros((num_features, num_features))

    def update(self, features: np.ndarray) -> None:
        """Add rows [n, num_features]; NaN and infinity are a `GanatomyError`, never left out."""
        rows = np.asarray(features, np.float64)
        if rows.ndim != 2 or rows.shape[1] != len(self._mean):
            raise GanatomyError(f"features of shape {rows.shape} were given; [n, {len(self._mean)}] is needed.")
        if not np.isfinite(rows).all():
            bad = int((~np.isfinite(rows)).any(axis=1).sum())
            raise GanatomyError(
                f"{bad} of {len(rows)} feature rows hold NaN or infinity, so no mean or covariance is defined; "
                "check the generator and the feature network."
            )
        if len(rows) == 0:
            return
        mean = rows.mean(axis=0)
        centred = rows - mean
        total = self.num + len(rows)
        shift = mean - self._mean
        self._scatter += centred.T @ centred + np.outer(shift, shift) * (self.num * len(rows) / total)
        self._mean = self._mean + shift * (len(rows) / total)
        self.num = total

    @staticmethod
    def of(num: int, mean: np.ndarray, covariance: np.ndarray) -> Moments:
        """Return the moments with a known number of rows, mean [F] and sample covariance [F, F]."""
        moments = Moments(len(mean))
        moments.num, moments._mean, moments._scatter = num, mean.astype(np.float64), covariance * (num - 1.0)
        return moments

    @property
    def mean(self) -> np.ndarray:
        """float64 [num_features]; at least one row is needed."""
        self._need(1)
        return self._mean.copy()

    @property
    def covariance(self) -> np.ndarray:
        """float64 [num_features, num_features], symmetric, divisor n - 1; at least two rows are needed."""
        self._need(2)
        return (self._scatter + self._scatter.T) / (2 * (self.num - 1))

    def _need(self, num: int) -> None:
        if self.num < num:
            raise GanatomyError(f"only {self.num} feature rows were added; at least {num} are needed. Use more images.")


def moments_of(features: np.ndarray) -> Moments:
    """Return the moments of rows [n, num_features]."""
    moments = Moments(features.shape[1])
    moments.update(features)
    return moments
