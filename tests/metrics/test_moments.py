"""Streaming moments against `np.cov`: equal to a relative 1e-12, and 1e-9 with a mean 1e6 times the spread."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganatomy.errors import GanatomyError
from ganatomy.metrics.moments import Moments, moments_of


def streamed(rows, splits):
    moments = Moments(rows.shape[1])
    for part in np.split(rows, splits):
        moments.update(part)
    return moments


@settings(max_examples=30, deadline=None)
@given(
    num=st.integers(2, 200),
    num_features=st.integers(1, 8),
    cuts=st.lists(st.integers(0, 200), max_size=6),
    seed=st.integers(0, 2**32 - 1),
)
def test_equals_numpy_however_the_rows_are_split(num, num_features, cuts, seed):
    rows = np.random.Generator(np.random.PCG64(seed)).normal(3.0, 2.0, (num, num_features))
    moments = streamed(rows, sorted(min(cut, num) for cut in cuts))
    assert moments.num == num
    np.testing.assert_allclose(moments.mean, rows.mean(axis=0), rtol=1e-12, atol=1e-12)
    expected = np.cov(rows, rowvar=False, ddof=1).reshape(num_features, num_features)
    np.testing.assert_allclose(moments.covariance, expected, rtol=1e-12, atol=1e-12 * np.abs(expected).max())


def test_a_large_mean_costs_no_digits():
    rows = np.random.Generator(np.random.PCG64(0)).normal(0.0, 1.0, (3000, 5))
    moments = streamed(rows + 1e6, [1, 700, 2999])
    np.testing.assert_allclose(moments.covariance, np.cov(rows, rowvar=False), rtol=1e-9, atol=1e-9)


def test_float32_rows_are_summed_in_float64():
    rows = np.random.Generator(np.random.PCG64(1)).normal(100.0, 1.0, (20_000, 3)).astype(np.float32)
    expected = np.cov(rows.astype(np.float64), rowvar=False)
    np.testing.assert_allclose(moments_of(rows).covariance, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_refused_and_adds_nothing(bad):
    moments = moments_of(np.eye(3))
    rows = np.ones((4, 3))
    rows[2, 1] = bad
    with pytest.raises(GanatomyError, match="1 of 4 feature rows hold NaN or infinity"):
        moments.update(rows)
    assert moments.num == 3


def test_too_few_rows_and_wrong_shapes_are_told_in_words():
    with pytest.raises(GanatomyError, match="only 1 feature rows were added; at least 2"):
        _ = moments_of(np.ones((1, 3))).covariance
    with pytest.raises(GanatomyError, match="at least 1 are needed"):
        _ = Moments(3).mean
    with pytest.raises(GanatomyError, match=r"\(4, 2\) were given; \[n, 3\]"):
        Moments(3).update(np.ones((4, 2)))
