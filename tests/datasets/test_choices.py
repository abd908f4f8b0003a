from collections import Counter

import numpy as np
import pytest

from ganatomy.datasets import draw
from ganatomy.datasets.choices import suggest_size
from ganatomy.datasets.duplicates import Twin
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
    found = draw.held_out(classes, range(len(classes)), order)
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


def twins_of(family: list[int]) -> list[Twin]:
    return [Twin(first, second, exact=True) for second, first in enumerate(family) if first != second]


@pytest.mark.parametrize(
    ("classes", "family", "num_test"),
    [
        ([None] * 400, [i // 2 * 2 for i in range(400)], 40),  # every picture saved twice
        ([None] * 200, [i % 100 for i in range(200)], 20),
        ([None] * 300, [i // 3 * 3 for i in range(300)], 30),
        (["a", "b"] * 100, [i // 2 * 2 for i in range(200)], 20),  # every picture in both classes
        ([str(i // 20) for i in range(200)], [i // 4 * 4 for i in range(200)], 40),  # four each, where two were wanted
        ([None] * 100, [0] * 60 + list(range(60, 100)), 10),  # sixty frames of one film
        ([None] * 4, [0, 0, 2, 2], 2),
        ([None] * 5, [0, 0, 0, 3, 3], 2),
    ],
)
def test_pictures_and_their_twins_are_drawn_together(classes, family, num_test):
    for seed in range(20):
        order = np.random.default_rng(seed).permutation(len(classes)).tolist()
        test = draw.held_out(classes, family, order)
        train = [index for index in order if index not in test]
        assert len(test) == len(set(test)) == num_test
        assert draw.num_across(train, test, family) == 0


def test_twins_that_cannot_be_kept_together_are_drawn_as_if_there_were_none():
    order = np.random.default_rng(3).permutation(12).tolist()
    found = draw.held_out([None] * 12, [0] * 12, order)
    assert found == draw.held_out([None] * 12, range(12), order) == order[:2]
    assert draw.num_across(order[2:], found, [0] * 12) == 2


def test_families_follow_twins_of_twins():
    family = draw.families(6, [Twin(0, 2, exact=True), Twin(2, 3, exact=False), Twin(1, 5, exact=True)])
    assert family == [0, 1, 0, 0, 4, 1]
    assert draw.families(4, twins_of([0, 0, 2, 2])) == [0, 0, 2, 2]


@pytest.mark.parametrize("num_last", [0, 1, 9, 10, 25])
def test_an_order_is_changed_only_where_it_parts_twins(num_last):
    order = np.random.default_rng(4).permutation(60).tolist()
    alone = draw.parted(order, num_last, range(60))
    assert alone is order
    family = [index // 2 * 2 for index in range(60)]
    found = draw.parted(order, num_last, family)
    assert sorted(found) == sorted(order)
    first, last = found[: 60 - num_last], found[60 - num_last :]
    assert draw.num_across(first, last, family) == num_last % 2  # an odd number parts one pair
    assert [index for index in order if index in set(first)] == first
