"""Whether a generator copies its training images: how close its images come to them, beside held-out real ones.

Real test images are not copies, so the distances from them to their nearest training images say what is normal. A
generator that copies has many images nearer than that. Distances are taken in pixels and in feature space; the closest
pairs are there to be looked at.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from .memory_reference import MemoryReference, Training
from .neighbours import find_nearest

LOW_SHARE = 0.01
"""An image counts as too close when it is nearer to the training set than this share of the real test images."""
NUM_PAIRS = 8


def memorisation(gen: np.ndarray, test: np.ndarray, train: np.ndarray) -> dict[str, Any]:
    """Compare nearest-neighbour distances of generated and of test rows to the training rows, all [N, F].

    Returns `num_gen`, `num_test`, `num_train` and what `compare` returns. Too few rows, another width or values that
    are not finite are a `GanatomyError`.
    """
    return {
        "num_gen": len(gen),
        "num_test": len(test),
        "num_train": len(train),
        **compare(*find_nearest(gen, train), find_nearest(test, train)[1]),
    }


def compare(index: np.ndarray, to_train: np.ndarray, normal: np.ndarray) -> dict[str, Any]:
    """Compare the distances of generated images to the training set, `to_train` [N], with those of test images [M].

    Returns `median_gen`, `median_test`; `closer`, the chance that a generated image is nearer to the training set than
    a test image is (0.5 for equal distributions, ties count half; Mann and Whitney 1947); `too_close`, the share of
    generated images below the 1 % quantile of the test images' distances, with `expected`, its mean for equal
    distributions, and `limit`, three standard deviations above it; and `pairs`, the closest images as {gen, train,
    distance}, `train` being the entry of `index` [N].
    """
    order = np.argsort(to_train, kind="stable")[:NUM_PAIRS]
    expected, error = _chance(len(to_train), len(normal))
    return {
        "median_gen": float(np.median(to_train)),
        "median_test": float(np.median(normal)),
        "closer": closer_share(to_train, normal),
        "too_close": float(np.mean(to_train < np.quantile(normal, LOW_SHARE))),
        "expected": expected,
        "limit": expected + 3 * error,
        "pairs": [{"gen": int(i), "train": int(index[i]), "distance": float(to_train[i])} for i in order],
    }


def _chance(num_gen: int, num_test: int) -> tuple[float, float]:
    """Return mean and standard deviation of `too_close` where both come from one continuous distribution.

    The number below the k-th smallest of n is beta-binomial with k and n + 1 - k; the quantile lies between two ranks.
    """
    rank = LOW_SHARE * (num_test - 1) + 1
    mean = rank / (num_test + 1)
    variance = mean * (1 - mean) * (num_gen + num_test + 1) / (num_gen * (num_test + 2))
    return mean, float(np.sqrt(variance))


def memory_record(gen_img: Tensor, gen_features: np.ndarray, real: MemoryReference) -> dict[str, dict[str, Any]]:
    """Return the key `memorisation` of measure.json for uint8 images [N, C, H, W] and their features [N, F].

    `pixels` and `features` each hold what `compare` returns, with `train` as numbers of the training split, and the
    sizes; `capped` says whether `num_train` are fewer than all training images. Distances are Euclidean, in levels or
    in features.
    """
    gen = {"pixels": gen_img.flatten(1).numpy(), "features": gen_features}
    return {name: _record(rows, getattr(real, name)) for name, rows in gen.items()}


def _record(gen: np.ndarray, training: Training) -> dict[str, Any]:
    index, to_train = find_nearest(gen, training.rows)
    return {
        "num_gen": len(gen),
        "num_test": len(training.normal),
        "num_train": len(training.rows),
        "capped": len(training.rows) < training.num_all,
        **compare(training.index[index], to_train, training.normal),
    }


def closer_share(first: np.ndarray, second: np.ndarray) -> float:
    """Return P(a < b) + P(a = b) / 2 for a drawn from `first` [N] and b from `second` [M]."""
    ordered = np.sort(second)
    above = len(second) - np.searchsorted(ordered, first, side="right")
    equal = np.searchsorted(ordered, first, side="right") - np.searchsorted(ordered, first, side="left")
    return float(np.mean(above + equal / 2) / len(second))
