"""The noise of a Frechet distance from one sample set: the delete-a-group jackknife.

No sample enters twice, so the distance is not biased upwards as it is by resampling with replacement.
"""

from __future__ import annotations

import numpy as np

from .frechet import frechet
from .moments import Moments, moments_of

NUM_GROUPS = 10


def leave_out_scores(features: np.ndarray, real: Moments) -> tuple[float, np.ndarray]:
    """Return the Frechet distance of features [n, F] to `real`, and with each of 10 groups left out: float64 [10]."""
    parts = [
        frechet(moments_of(np.delete(features, np.arange(start, len(features), NUM_GROUPS), axis=0)), real)
        for start in range(NUM_GROUPS)
    ]
    return frechet(moments_of(features), real), np.array(parts)


def jackknife_se(leave_outs: np.ndarray) -> float:
    """Return the delete-a-group jackknife standard error (Shao & Wu 1989) of leave-one-out values [groups].

    No sample enters twice, so the Frechet distance is not biased as it is by resampling with replacement.
    """
    groups = len(leave_outs)
    return float(np.sqrt((groups - 1) / groups * np.sum((leave_outs - leave_outs.mean()) ** 2)))
