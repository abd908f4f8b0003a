"""Which classes a generator makes, how evenly and how clearly: statistics of class probabilities [N, K].

Every image counts for its top class (the highest probability). These numbers see classes only: a generator
that makes one picture per class has a perfect histogram.
"""

from __future__ import annotations

import numpy as np

SHARE_MIN = 0.01
"""A class is missing when fewer than this share of the images has it as top class (1 in 100)."""


def top_class(probabilities: np.ndarray) -> np.ndarray:
    """Return the class of highest probability for every image: int64 [N]; the first one where several are equal."""
    index: np.ndarray = probabilities.argmax(axis=1)
    return index


def confidences(probabilities: np.ndarray) -> np.ndarray:
    """Return the highest class probability of every image: [N], in [1/K, 1]."""
    highest: np.ndarray = probabilities.max(axis=1)
    return highest


def class_counts(probabilities: np.ndarray) -> np.ndarray:
    """Return how many images have each class as top class: int64 [K], adding up to N."""
    return np.bincount(top_class(probabilities), minlength=probabilities.shape[1])


def missing_classes(counts: np.ndarray, share_min: float = SHARE_MIN) -> np.ndarray:
    """Return the indices of the classes whose share of all images is below `share_min`: int64, ascending."""
    return np.flatnonzero(counts < share_min * counts.sum())


def class_entropy(counts: np.ndarray) -> float:
    """Return the entropy of a class histogram in nats: 0 for one class only, log(K) for equal shares."""
    shares = counts[counts > 0] / counts.sum()
    return float(np.abs((shares * np.log(shares)).sum()))


def confidence_summary(probabilities: np.ndarray) -> dict[str, float]:
    """Return `median`, `mean` and `lo10` (10th percentile, linear interpolation) of the confidences."""
    values = confidences(probabilities).astype(np.float64)
    return {
        "median": float(np.median(values)),
        "mean": float(values.mean()),
        "lo10": float(np.quantile(values, 0.1)),
    }


def kl_divergence(counts: np.ndarray, real_counts: np.ndarray) -> float | None:
    """Return KL(generated || real) of two class histograms [K] in nats: 0 for equal shares.

    The plug-in estimate, biased upwards by about (K - 1) / (2 N). None where an image has a class that no real one has.
    """
    share, real_share = counts / counts.sum(), real_counts / real_counts.sum()
    drawn = share > 0
    if (real_share[drawn] == 0).any():
        return None
    return max(0.0, float((share[drawn] * np.log(share[drawn] / real_share[drawn])).sum()))


def clarity(probabilities: np.ndarray) -> float:
    """Return exp(mean KL(p(class | image) || p(class))): 1 to K, high where images are clear and classes even.

    The formula of the inception score (Salimans et al. 2016, arXiv:1606.03498, sec. 4) in the features of another
    network, so it is no inception score. A generator with one picture per class gets the highest value.
    """
    rows = probabilities.astype(np.float64)
    mean = rows.mean(axis=0)
    ratio = np.log(np.where(rows > 0, rows, 1.0)) - np.log(np.where(mean > 0, mean, 1.0))
    return float(np.exp((rows * ratio).sum(axis=1).mean()))
