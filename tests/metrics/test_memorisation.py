"""Copies are found, and what is no copy is not; the bias curve leads to the true distance."""

import numpy as np
import pytest

from ganatomy import rng
from ganatomy.metrics.bias import bias_curve
from ganatomy.metrics.frechet import frechet
from ganatomy.metrics.memorisation import closer_share, memorisation
from ganatomy.metrics.moments import Moments, moments_of


def rows(num: int, index: int, num_features: int = 6) -> np.ndarray:
    return rng.generator(5, "test-memorisation", index).normal(0.0, 1.0, (num, num_features))


def test_fresh_draws_are_no_copies():
    found = memorisation(rows(1000, 0), rows(1000, 1), rows(3000, 2))
    assert found["closer"] == pytest.approx(0.5, abs=0.04)
    assert found["too_close"] < 0.03


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_copies_are_counted(share):
    train, fresh = rows(3000, 2), rows(1000, 0)
    num = int(share * 1000)
    gen = np.concatenate([train[:num] + 1e-4, fresh[num:]])
    found = memorisation(gen, rows(1000, 1), train)
    assert found["too_close"] == pytest.approx(share, abs=0.02)
    assert found["closer"] == pytest.approx(0.5 + share / 2, abs=0.04)
    assert len(found["pairs"]) == 8
    assert all(pair["gen"] == pair["train"] < num for pair in found["pairs"])


def test_closer_share_against_all_pairs():
    a, b = np.array([1.0, 2.0, 2.0, 5.0]), np.array([2.0, 3.0, 0.0])
    by_hand = np.mean([(x < y) + (x == y) / 2 for x in a for y in b])
    assert closer_share(a, b) == pytest.approx(by_hand)


def test_the_curve_leads_to_the_true_distance():
    """Two normals with known covariances, 20 draws: the distance at N is too large, the extrapolated one is right."""
    num_features, num = 20, 1000
    real = Moments.of(10**9, np.zeros(num_features), np.eye(num_features))
    for scale in (1.0, 1.5):
        truth = num_features * (scale - 1) ** 2
        found = [bias_curve(scale * rows(num, 100 + i, num_features), real) for i in range(20)]
        at_num = np.array([each["values"][-1] for each in found]) - truth
        led_to = np.array([each["extrapolated"] for each in found]) - truth
        assert all(np.all(np.diff(each["num"]) > 0) for each in found)
        assert at_num.mean() > 4 * at_num.std() / np.sqrt(20) > 0
        assert abs(led_to.mean()) < 3 * led_to.std() / np.sqrt(20)
    first = scale * rows(num, 100, num_features)
    assert found[0]["values"][-1] == frechet(moments_of(first), real)
