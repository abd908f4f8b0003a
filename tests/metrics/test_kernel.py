"""The kernel distance against scikit-learn's kernel summed over all pairs, and where its value is known."""

import numpy as np
import pytest

from ganatomy import rng
from ganatomy.errors import GanatomyError
from ganatomy.metrics.jackknife import jackknife_se
from ganatomy.metrics.kernel import KernelTo, kernel_distance


def rows(num: int, num_features: int = 16, shift: float = 0.0, index: int = 0) -> np.ndarray:
    return rng.generator(3, "test-kernel", index).normal(shift, 1.0, (num, num_features))


def reference(x: np.ndarray, y: np.ndarray) -> float:
    """Sum scikit-learn's kernel matrix over all pairs of different rows."""
    from sklearn.metrics.pairwise import polynomial_kernel

    xx, yy, xy = (polynomial_kernel(a, b, degree=3) for a, b in ((x, x), (y, y), (x, y)))
    n, m = len(x), len(y)
    return (
        (xx.sum() - np.trace(xx)) / (n * (n - 1)) + (yy.sum() - np.trace(yy)) / (m * (m - 1)) - 2 * xy.sum() / (n * m)
    )


@pytest.mark.parametrize(("n", "m", "shift"), [(100, 100, 0.5), (57, 203, 0.1), (2, 3, 1.0), (19, 40, 0.0)])
def test_equals_an_independent_implementation(n, m, shift):
    x, y = rows(n, shift=shift), rows(m, index=1)
    assert kernel_distance(x, y).value == pytest.approx(reference(x, y), rel=1e-6, abs=1e-12)
    assert kernel_distance(x, y).value == pytest.approx(kernel_distance(y, x).value, rel=1e-9)


def test_known_means_in_one_dimension():
    """x = a, y = b with certainty: MMD^2 = k(a,a) + k(b,b) - 2 k(a,b)."""
    a, b = np.full((30, 1), 2.0), np.full((40, 1), -1.0)
    assert kernel_distance(a, b).value == pytest.approx(5.0**3 + 2.0**3 - 2 * (-1.0) ** 3)


@pytest.mark.parametrize(("shift", "low", "high"), [(0.0, 1.2, 1.7), (0.7, 0.85, 1.15)])
def test_it_is_unbiased_and_its_error_is_right(shift, low, high):
    """Over 300 pairs the jackknife error is the true spread; for equal distributions it is too large by about root 2,
    since there the estimate's first-order variance vanishes (the estimate is a degenerate U-statistic)."""
    pairs = [(rows(60, 8, shift, 2 * i), rows(60, 8, index=2 * i + 1)) for i in range(10, 310)]
    found = [kernel_distance(x, y) for x, y in pairs]
    values = np.array([each.value for each in found])
    if shift == 0:
        assert abs(values.mean()) < 3 * values.std() / np.sqrt(len(values))
    errors = np.sqrt(np.mean([each.se**2 for each in found]))
    assert low < errors / values.std() < high


def test_few_rows_have_no_error_and_bad_ones_are_refused():
    assert kernel_distance(rows(19), rows(50)).se is None
    assert kernel_distance(rows(20), rows(50)).se > 0
    with pytest.raises(GanatomyError, match="1 generated features; at least 2 are needed"):
        kernel_distance(rows(1), rows(50))
    with pytest.raises(GanatomyError, match="16 numbers, real ones 8"):
        kernel_distance(rows(5), rows(5, 8))
    bad = rows(5)
    bad[3, 2] = np.nan
    with pytest.raises(GanatomyError, match="1 of 5 rows of real features hold NaN"):
        kernel_distance(rows(5), bad)


@pytest.mark.parametrize(("n", "m"), [(20, 20), (203, 157)])
def test_distances_without_a_group_are_those_of_the_rows_that_stay(n, m):
    real, gen = rows(m), rows(n, shift=0.3, index=1)
    value, left_out = KernelTo(real).distances(gen)
    assert value == pytest.approx(reference(gen, real), rel=1e-6, abs=1e-9)
    assert left_out.shape == (10,)
    kept = [np.concatenate(np.array_split(each, 10)[:3] + np.array_split(each, 10)[4:]) for each in (gen, real)]
    assert left_out[3] == pytest.approx(reference(*kept), rel=1e-6, abs=1e-9)


def test_the_error_of_a_difference_is_that_of_independent_draws():
    """Over 60 repetitions, to 30 %; pairing makes it smaller than two errors added."""
    differences, paired, alone = [], [], []
    for index in range(60):
        real, z = rows(600, 3, index=2 * index), rows(600, 3, index=2 * index + 1)
        to_real = KernelTo(real)
        (first, first_outs), (second, second_outs) = (to_real.distances(scale * z) for scale in (1.0, 1.2))
        differences.append(second - first)
        paired.append(jackknife_se(second_outs - first_outs))
        alone.append(np.hypot(jackknife_se(first_outs), jackknife_se(second_outs)))
    assert np.mean(paired) == pytest.approx(np.std(differences), rel=0.3)
    assert np.mean(paired) < 0.9 * np.mean(alone)
