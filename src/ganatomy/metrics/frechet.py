"""The Frechet distance between two Gaussians, in NumPy and float64."""

from __future__ import annotations

import numpy as np

from ..errors import GanatomyError
from .moments import Moments


def frechet_distance(mean1: np.ndarray, covariance1: np.ndarray, mean2: np.ndarray, covariance2: np.ndarray) -> float:
    """Return |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)) of N(m1, S1) and N(m2, S2), in squared feature units.

    Dowson and Landau 1982, eq. 4; used for GANs by Heusel et al. 2017 (arXiv:1706.08500, eq. 6). The trace of the
    root is computed as sum sqrt(eigvalsh(A S2 A)) with A = S1^(1/2): A S2 A is symmetric and has the eigenvalues
    of S1 S2, so nothing becomes complex, singular covariances (few or collapsed samples) need no added epsilon,
    and negative eigenvalues can only be rounding and count as 0. Means [F], covariances [F, F], float64;
    a value that is not finite is a `GanatomyError`. The result is >= 0.
    """
    for array in (mean1, covariance1, mean2, covariance2):
        if not np.isfinite(array).all():
            raise GanatomyError("a mean or covariance holds NaN or infinity, so the distance is not defined.")
    if not covariance1.shape == covariance2.shape == (len(mean1), len(mean2)):
        raise GanatomyError(
            f"covariances of shape {covariance1.shape} and {covariance2.shape} do not fit together; "
            "measure both sets with the same feature network."
        )
    values, vectors = np.linalg.eigh(covariance1)
    root = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    product = root @ covariance2 @ root
    trace_of_root = np.sqrt(np.linalg.eigvalsh((product + product.T) / 2).clip(min=0)).sum()
    shift = mean1 - mean2
    distance = shift @ shift + np.trace(covariance1) + np.trace(covariance2) - 2 * trace_of_root
    return max(float(distance), 0.0)


def frechet(first: Moments, second: Moments) -> float:
    """Return the Frechet distance of two sets of features by their moments; symmetric, >= 0."""
    return frechet_distance(first.mean, first.covariance, second.mean, second.covariance)
