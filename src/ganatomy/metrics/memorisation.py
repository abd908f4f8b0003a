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
CHANCE = 0.001
"""How often fresh images may exceed the limit. It is small: pixels and features of every run are looked at."""
MOST_REACH = 0.5
"""Where chance alone reaches to more than this share, copies could not be told."""
SAME = 1e-5
"""Distance, relative to the median, up to which two images are one: features of one image differ by rounding."""
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
    generated images that are nearer than at least 99 % of the test images, with `expected`, its mean for equal
    distributions, and `limit`, what it exceeds by chance in one case in 1,000; and `pairs`, the closest images as {gen,
    train, distance}, `train` being the entry of `index` [N].

    With few images `reach`, where chance reaches to, is so high that copies could not exceed it; where test images are
    copies of training images themselves, nothing can be nearer than they are. Then `limit` is None and `untold` says
    why: `few_copies` or `same_copies`.
    """
    order = np.argsort(to_train, kind="stable")[:NUM_PAIRS]
    rank = close_rank(len(normal))
    threshold = np.partition(normal, rank - 1)[rank - 1]
    reach = chance_limit(len(to_train), len(normal))
    medians = {"median_gen": float(np.median(to_train)), "median_test": float(np.median(normal))}
    is_same = threshold <= SAME * max(medians.values())
    untold = "same_copies" if is_same else "few_copies" if reach > MOST_REACH else None
    return {
        **medians,
        "closer": closer_share(to_train, normal),
        "too_close": float(np.mean(to_train < threshold)),
        "expected": rank / (len(normal) + 1),
        "limit": None if untold else reach,
        "reach": reach,
        "untold": untold,
        "pairs": [{"gen": int(i), "train": int(index[i]), "distance": float(to_train[i])} for i in order],
    }


def close_rank(num_test: int) -> int:
    """Return which of the test images, from the nearest to the training set on, the threshold is: 1 to num_test.

    The least for which whatever is nearer is nearer than 99 % of the test images.
    """
    return num_test // round(1 / LOW_SHARE) + 1


def chance_limit(num_gen: int, num_test: int) -> float:
    """Return the share of generated images below the threshold that chance exceeds in at most one case in 1,000.

    Where both kinds of distances come from one continuous distribution, the number below the k-th smallest of M is
    beta-binomial with k and M + 1 - k, whatever the distribution (David & Nagaraja 2003, Order Statistics, section
    7.2); ties only make it smaller. The limit is that distribution's quantile.
    """
    k = close_rank(num_test)
    count = np.arange(num_gen + 1)
    log_p = (
        _log_choose(count + k - 1, count)
        + _log_choose(num_gen - count + num_test - k, num_gen - count)
        - _log_choose(np.array(num_gen + num_test), np.array(num_gen))
    )
    # Summed from the far end, so that what is left above a count is exact where it is small.
    at_least = np.cumsum(np.exp(log_p)[::-1])[::-1]
    exceeded = np.append(at_least[1:], 0.0)
    return int(np.argmax(exceeded <= CHANCE)) / num_gen


def _log_choose(n: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Return the logarithm of n over k, whole numbers [...], from one table of log factorials."""
    table = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, int(np.max(n)) + 1)))])
    result: np.ndarray = table[n] - table[k] - table[n - k]
    return result


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


def is_copying(found: dict[str, Any]) -> bool | None:
    """Return whether too many images are near training images, by what `compare` returned; None where none can tell.

    Records of older versions may have a limit of 100 % and more, which tells nothing either.
    """
    limit = found.get("limit")
    return None if limit is None or limit >= 1 else bool(found["too_close"] > limit)


def closer_share(first: np.ndarray, second: np.ndarray) -> float:
    """Return P(a < b) + P(a = b) / 2 for a drawn from `first` [N] and b from `second` [M]."""
    ordered = np.sort(second)
    above = len(second) - np.searchsorted(ordered, first, side="right")
    equal = np.searchsorted(ordered, first, side="right") - np.searchsorted(ordered, first, side="left")
    return float(np.mean(above + equal / 2) / len(second))
