"""Whether a generator copies its training images: how close its images come to them, beside held-out real ones.

Real test images are not copies, so the distances from them to their nearest training images say what is normal. A
generator that copies has many images nearer than that. Distances are taken in pixels and in feature space; the closest
pairs are there to be looked at.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .neighbours import nearest

LOW_SHARE = 0.01
"""An image counts as too close when it is nearer to the training set than this share of the real test images."""
NUM_PAIRS = 8


def memorisation(gen: np.ndarray, test: np.ndarray, train: np.ndarray) -> dict[str, Any]:
    """Compare nearest-neighbour distances of generated and of test rows to the training rows, all [N, F].

    Returns `median_gen`, `median_test`; `closer`, the chance that a generated row is nearer to the training set than a
    test row is (0.5 for equal distributions, ties count half; Mann and Whitney 1947); `too_close`, the share of
    generated rows below the 1 % quantile of the test rows' distances (about 0.01 for equal distributions); and `pairs`,
    the closest generated rows as {gen, train, distance} by index. Too few rows, another width or values that are not
    finite are a `GanatomyError`.
    """
    index, to_train = nearest(gen, train)
    _, normal = nearest(test, train)
    order = np.argsort(to_train, kind="stable")[:NUM_PAIRS]
    return {
        "num_gen": len(gen),
        "num_test": len(test),
        "num_train": len(train),
        "median_gen": float(np.median(to_train)),
        "median_test": float(np.median(normal)),
        "closer": closer_share(to_train, normal),
        "too_close": float(np.mean(to_train < np.quantile(normal, LOW_SHARE))),
        "pairs": [{"gen": int(i), "train": int(index[i]), "distance": float(to_train[i])} for i in order],
    }


def closer_share(first: np.ndarray, second: np.ndarray) -> float:
    """Return P(a < b) + P(a = b) / 2 for a drawn from `first` [N] and b from `second` [M]."""
    ordered = np.sort(second)
    above = len(second) - np.searchsorted(ordered, first, side="right")
    equal = np.searchsorted(ordered, first, side="right") - np.searchsorted(ordered, first, side="left")
    return float(np.mean(above + equal / 2) / len(second))
