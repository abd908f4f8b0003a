"""The Frechet distance against closed forms (1e-9) and `scipy.linalg.sqrtm` (relative 1e-6, full rank)."""

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from ganatomy.errors import GanatomyError
from ganatomy.metrics.frechet import frechet, frechet_distance
from ganatomy.metrics.moments import moments_of


def draw(seed):
    return np.random.Generator(np.random.PCG64(seed))


def features(seed, num=400, num_features=12, shift=0.0):
    """Correlated rows like a network's: non-negative, some features almost always 0."""
    random = draw(seed)
    mixed = random.normal(shift, 1.0, (num, num_features)) @ random.normal(0, 1, (num_features, num_features))
    return np.maximum(mixed, 0)


def rotation(seed, num_features):
    return np.linalg.qr(draw(seed).normal(size=(num_features, num_features)))[0]


def by_scipy(first, second):
    mean1, mean2 = first.mean(axis=0), second.mean(axis=0)
    s1, s2 = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    root = scipy.linalg.sqrtm(s1 @ s2)
    return ((mean1 - mean2) ** 2).sum() + np.trace(s1 + s2) - 2 * np.trace(root).real


@pytest.mark.parametrize("num_features", [1, 3, 12, 128])
def test_agrees_with_scipy_sqrtm_on_full_rank_sets(num_features):
    first, second = features(1, 700, num_features), features(2, 900, num_features, shift=0.3)
    assert np.linalg.matrix_rank(np.cov(first, rowvar=False).reshape(num_features, num_features)) == num_features
    if num_features == 1:  # the definition itself: (m1 - m2)^2 + (s1 - s2)^2
        expected = (first.mean() - second.mean()) ** 2 + (first.std(ddof=1) - second.std(ddof=1)) ** 2
    else:
        expected = by_scipy(first, second)
    assert frechet(moments_of(first), moments_of(second)) == pytest.approx(expected, rel=1e-6)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 10))
def test_commuting_gaussians_have_a_closed_form(seed, num_features):
    """S1 and S2 with the same eigenvectors: |m1 - m2|^2 + sum (sqrt(a) - sqrt(b))^2, to 1e-9 of the traces."""
    random = draw(seed)
    a, b = random.uniform(0, 4, (2, num_features))
    mean1, mean2 = random.normal(size=(2, num_features))
    axes = rotation(seed, num_features)
    expected = ((mean1 - mean2) ** 2).sum() + ((np.sqrt(a) - np.sqrt(b)) ** 2).sum()
    value = frechet_distance(mean1, (axes * a) @ axes.T, mean2, (axes * b) @ axes.T)
    assert value == pytest.approx(expected, abs=1e-7 * (1 + a.sum() + b.sum()))


def test_two_gaussians_that_do_not_commute():
    """2x2: tr sqrt(S1 S2) = sqrt(tr(S1 S2) + 2 sqrt(det(S1) det(S2))), by the eigenvalues of a 2x2 matrix; 1e-12."""
    s1, s2 = np.array([[2.0, 0.7], [0.7, 1.0]]), np.array([[1.0, -0.4], [-0.4, 3.0]])
    assert not np.allclose(s1 @ s2, s2 @ s1)
    trace_of_root = np.sqrt(np.trace(s1 @ s2) + 2 * np.sqrt(np.linalg.det(s1) * np.linalg.det(s2)))
    expected = 1 + 4 + np.trace(s1) + np.trace(s2) - 2 * trace_of_root
    value = frechet_distance(np.array([1.0, 0.0]), s1, np.array([0.0, 2.0]), s2)
    assert value == pytest.approx(expected, rel=1e-12)


def test_equal_covariances_leave_the_squared_mean_difference():
    rows = features(3)
    shift = np.linspace(-1, 2, rows.shape[1])
    assert frechet(moments_of(rows), moments_of(rows + shift)) == pytest.approx((shift**2).sum(), rel=1e-9)


def test_a_set_has_distance_zero_to_itself():
    moments = moments_of(features(4, num=2000, num_features=64))
    assert 0 <= frechet(moments, moments) < 1e-9 * np.trace(moments.covariance)


def test_invariant_under_rotation_and_symmetric_when_swapped():
    first, second = features(5), features(6, shift=0.5)
    value = frechet(moments_of(first), moments_of(second))
    turn = rotation(7, first.shape[1])
    assert value > 0.1
    assert frechet(moments_of(first @ turn), moments_of(second @ turn)) == pytest.approx(value, rel=1e-9)
    assert frechet(moments_of(second), moments_of(first)) == pytest.approx(value, rel=1e-9)


def test_scales_with_the_square_of_the_features():
    first, second = features(8), features(9, shift=0.5)
    value = frechet(moments_of(first), moments_of(second))
    assert frechet(moments_of(10 * first), moments_of(10 * second)) == pytest.approx(100 * value, rel=1e-9)


def test_fewer_samples_than_features():
    """Rank-deficient sets in complementary coordinates: the product is 0, so only means and traces remain; 1e-9."""
    random = draw(10)
    first, second = np.zeros((5, 40)), np.zeros((7, 40))
    first[:, :20], second[:, 20:] = random.normal(size=(5, 20)), random.normal(size=(7, 20))
    expected = ((first.mean(0) - second.mean(0)) ** 2).sum() + first.var(0, ddof=1).sum() + second.var(0, ddof=1).sum()
    assert frechet(moments_of(first), moments_of(second)) == pytest.approx(expected, rel=1e-9)


def test_rank_deficient_sets_with_common_directions():
    """Rows inside a 6-d subspace of 30-d: the distance is that of the 6-d coordinates; 1e-7."""
    axes = rotation(11, 30)[:6]
    first, second = features(12, 300, 6), features(13, 300, 6, shift=0.4)
    low = frechet(moments_of(first), moments_of(second))
    assert frechet(moments_of(first @ axes), moments_of(second @ axes)) == pytest.approx(low, rel=1e-7)


def test_a_collapsed_set():
    """All rows equal: |m1 - c|^2 + tr S1, exactly what the definition gives for S2 = 0; relative 1e-12."""
    rows = features(14)
    point = np.full((50, rows.shape[1]), 0.5)
    moments = moments_of(rows)
    expected = ((moments.mean - 0.5) ** 2).sum() + np.trace(moments.covariance)
    assert frechet(moments, moments_of(point)) == pytest.approx(expected, rel=1e-12)
    assert frechet(moments_of(point), moments_of(point)) == 0.0


def test_rounding_never_makes_it_negative_or_nan():
    """Nearly singular covariances over 12 orders of magnitude; the exact value is 0."""
    axes = rotation(15, 20)
    covariance = (axes * np.logspace(-12, 0, 20)) @ axes.T
    value = frechet_distance(np.zeros(20), covariance, np.zeros(20), covariance)
    assert 0 <= value < 1e-7


def test_nan_infinity_and_unequal_networks_are_refused():
    mean, eye = np.zeros(3), np.eye(3)
    with pytest.raises(GanatomyError, match="NaN or infinity"):
        frechet_distance(mean, eye, np.array([0, np.nan, 0]), eye)
    with pytest.raises(GanatomyError, match="NaN or infinity"):
        frechet_distance(mean, np.diag([1.0, np.inf, 1.0]), mean, eye)
    with pytest.raises(GanatomyError, match="same feature network"):
        frechet(moments_of(features(1, 50, 3)), moments_of(features(1, 50, 4)))
