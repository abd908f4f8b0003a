"""How a Frechet distance depends on the number of generated images, and where it leads for endless ones.

With finitely many images the distance is too large, by an amount that falls like 1/N and differs from model to model
(Chong and Forsyth 2020, arXiv:1911.07023). The value at 1/N = 0 is read from a straight line through distances at
several N; the number of real images stays as it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .frechet import frechet
from .moments import Moments, moments_of

NUM_POINTS = 6
MIN_SHARE = 0.2
"""The smallest set of the curve, as a share of all images."""


def bias_curve(features: np.ndarray, real: Moments) -> dict[str, Any]:
    """Return `num` [6] (images per set), `values` [6] and `extrapolated`, the line's value at 1/N = 0.

    The sets are the first N of the features [n, F], n >= 20, evenly spaced in 1/N from a fifth of them to all.
    """
    total = len(features)
    inverse = np.linspace(1 / (MIN_SHARE * total), 1 / total, NUM_POINTS)
    sizes = [max(2, round(1 / each)) for each in inverse]
    values = [frechet(moments_of(features[:size]), real) for size in sizes]
    slope, extrapolated = np.polyfit(1.0 / np.array(sizes), values, 1)
    return {"num": sizes, "values": values, "slope": float(slope), "extrapolated": float(extrapolated)}
