"""The fast search for nearest rows against every pair of rows in float64: the same rows, the same distances (1e-12)."""

import numpy as np
import pytest

from ganatomy import rng
from ganatomy.errors import GanatomyError
from ganatomy.metrics import neighbours
from ganatomy.metrics.neighbours import find_nearest, nearest


def draw(index: int) -> np.random.Generator:
    return rng.generator(8, "test-find-nearest", index)


def all_pairs(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """From the differences themselves, the first of equal distances."""
    distances = np.array([np.sqrt(((row - b.astype(np.float64)) ** 2).sum(axis=1)) for row in a.astype(np.float64)])
    return distances.argmin(axis=1), distances.min(axis=1)


def assert_found(a: np.ndarray, b: np.ndarray) -> None:
    index, distance = find_nearest(a, b)
    expected_index, expected = all_pairs(a, b)
    assert index.dtype == np.int64
    np.testing.assert_array_equal(index, expected_index)
    np.testing.assert_allclose(distance, expected, rtol=1e-12, atol=0)


@pytest.fixture(params=["whole", "blocks"])
def blocks(request, monkeypatch):
    """Once in one block, once in many small ones whose last is short."""
    if request.param == "blocks":
        monkeypatch.setattr(neighbours, "SEARCH_ROWS", 37)
        monkeypatch.setattr(neighbours, "SEARCH_VALUES", 500)


@pytest.mark.usefixtures("blocks")
def test_pixels():
    a = draw(0).integers(0, 256, (60, 49), dtype=np.uint8)
    b = draw(1).integers(0, 256, (300, 49), dtype=np.uint8)
    assert_found(a, b)
    slow_index, slow = nearest(a, b)
    index, distance = find_nearest(a, b)
    np.testing.assert_array_equal(index, slow_index)
    np.testing.assert_allclose(distance, slow, rtol=1e-9)


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("offset", [0.0, 3e4])
def test_features_also_far_from_the_origin(kind, offset):
    """Far from the origin |a|^2 + |b|^2 - 2 a.b has no digit left in float32."""
    a, b = (offset + draw(i).normal(0, 1, (num, 6)) for i, num in ((2, 70), (3, 400)))
    assert_found(a.astype(kind), b.astype(kind))


@pytest.mark.usefixtures("blocks")
def test_nearly_equal_distances_are_told_apart():
    """Around each row 50 others whose distances differ by parts in 10^7 to 10^12, far below float32's digits."""
    a = draw(4).normal(0, 5, (40, 16))
    direction = draw(5).normal(0, 1, (40, 50, 16))
    direction /= np.linalg.norm(direction, axis=2, keepdims=True)
    for step in (1e-7, 1e-9, 1e-12):
        length = 1 + step * np.array([draw(6 + i).permutation(50) for i in range(40)])
        assert_found(a, (a[:, None] + length[..., None] * direction).reshape(-1, 16))


@pytest.mark.usefixtures("blocks")
def test_of_equal_rows_the_first_is_taken_and_copies_have_distance_zero():
    b = draw(60).integers(0, 256, (90, 20), dtype=np.uint8)
    b = np.concatenate([b, b[::-1], b])
    index, distance = find_nearest(b[:90], b)
    np.testing.assert_array_equal(index, np.arange(90))
    assert (distance == 0).all()
    assert_found(draw(61).integers(0, 256, (50, 20), dtype=np.uint8), b)
    same = np.full((200, 20), 7, np.uint8)
    assert_found(b[:30], same)


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e20])
def test_values_whose_squares_leave_float32(scale):
    a, b = (scale * draw(i).normal(0, 1, (num, 5)) for i, num in ((70, 9), (71, 30)))
    index, distance = find_nearest(a, b)
    expected_index, expected = all_pairs(a, b)
    np.testing.assert_array_equal(index, expected_index)
    np.testing.assert_allclose(distance, expected, rtol=1e-9)


def test_rows_that_cannot_be_compared_are_refused_in_words():
    rows = np.ones((4, 3))
    with pytest.raises(GanatomyError, match=r"rows have 3 and 2 numbers; only rows of one width"):
        find_nearest(rows, rows[:, :2])
    with pytest.raises(GanatomyError, match="NaN or infinity"):
        find_nearest(rows, np.array([[0.0, np.nan, 1.0]]))
    with pytest.raises(GanatomyError, match="there are 0 features; at least 1 are needed"):
        find_nearest(rows[:0], rows)
    with pytest.raises(GanatomyError, match=r"of shape \[3\]"):
        find_nearest(rows[0].astype(np.uint8), rows)
