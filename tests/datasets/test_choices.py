from collections import Counter

import numpy as np
import pytest

from ganatomy.datasets import choices
from ganatomy.datasets.choices import suggest_size
from ganatomy.datasets.fitting import Fitting


@pytest.mark.parametrize(
    ("classes", "held_out"),
    [
        ([None] * 4, 2),
        ([None] * 19, 2),
        ([None] * 1000, 100),
        ([None] * 200_000, 10_000),
        (["a"] * 95 + ["b"] * 5, 10),
        (["a", "b", "c", "d"], 2),
        (["a"] * 30 + ["b"], 3),
        (["a"] * 5 + [str(number) for number in range(15)], 2),
        ([str(number // 2) for number in range(40)], 4),
    ],
)
def test_how_many_are_held_out(classes, held_out):
    order = np.random.default_rng(1).permutation(len(classes)).tolist()
    found = choices._held_out(classes, order)
    assert len(found) == len(set(found)) == held_out
    sizes, taken = Counter(classes), Counter(classes[index] for index in found)
    if len(sizes) < len(classes):
        assert all(taken[name] < sizes[name] for name in sizes)  # every class stays in training
        assert all(abs(taken[name] - held_out * sizes[name] / len(classes)) <= 1.5 for name in sizes)


@pytest.mark.parametrize(
    ("sizes", "suggested"),
    [
        ({(28, 28): 5, (30, 30): 5}, (28, 28)),
        ({(28, 28): 4, (30, 30): 3, (33, 33): 3}, (32, 32)),  # the median, 30, is brought to a multiple of 4
        ({(48, 32): 6, (9, 9): 1}, (48, 32)),
        ({(3000, 4000): 9, (9, 9): 1}, (48, 64)),
        ({(600, 800): 1, (400, 400): 1, (500, 1000): 1}, (40, 64)),
        ({(5, 5): 9, (6, 6): 1}, (8, 8)),
        ({(20, 30): 1, (24, 33): 1, (29, 40): 1}, (24, 32)),
        ({(10, 30_000): 1, (20, 20_000): 1}, (8, 64)),
        ({}, (64, 64)),
    ],
)
def test_suggested_sizes(sizes, suggested):
    found = suggest_size(Counter(sizes))
    assert found == suggested
    Fitting(found).check()
