"""Class statistics on probability tables whose answers are known by hand (exact, or 1e-6 where float32 is averaged)."""

import math

import numpy as np
import pytest

from ganatomy.metrics import modes


def table(counts, confidence=0.9):
    """One row per image, top class as counted, the rest of the probability spread evenly."""
    num_classes = len(counts)
    rows = np.full((sum(counts), num_classes), (1 - confidence) / (num_classes - 1), np.float32)
    rows[np.arange(len(rows)), np.repeat(np.arange(num_classes), counts)] = confidence
    return rows


def test_counts_and_top_classes():
    probabilities = table([3, 0, 5, 2])
    assert modes.class_counts(probabilities).tolist() == [3, 0, 5, 2]
    assert modes.top_class(probabilities).tolist() == [0, 0, 0, 2, 2, 2, 2, 2, 3, 3]
    assert modes.class_counts(probabilities).sum() == 10


def test_missing_is_a_share_strictly_below_the_threshold():
    assert modes.missing_classes(np.array([100, 99, 0, 9801])).tolist() == [1, 2]
    assert modes.missing_classes(np.array([25, 25, 25, 25])).tolist() == []
    assert modes.missing_classes(np.array([10, 20, 70]), share_min=0.15).tolist() == [0]
    assert modes.SHARE_MIN == 0.01


def test_entropy_in_nats():
    assert modes.class_entropy(np.array([7, 7, 7, 7])) == pytest.approx(math.log(4), rel=1e-12)
    assert modes.class_entropy(np.array([0, 9, 0])) == 0.0
    expected = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    assert modes.class_entropy(np.array([1, 0, 3])) == pytest.approx(expected, rel=1e-12)


def test_confidence_summary():
    highest = np.linspace(0.5, 1.0, 11)
    summary = modes.confidence_summary(np.stack([highest, 1 - highest], axis=1).astype(np.float32))
    assert summary == pytest.approx({"median": 0.75, "mean": 0.75, "lo10": 0.55}, abs=1e-6)
    assert modes.confidences(table([2, 2])).tolist() == pytest.approx([0.9] * 4)
