import numpy as np

from ganatomy.latent.intervals import bootstrap_weights, num_defined, percentile_interval, weighted_means


def test_weights_are_counts_of_a_resample_and_the_first_row_is_the_estimate():
    weights = bootstrap_weights(0, "t", 50, 200)
    assert weights.shape == (201, 50)
    assert (weights[0] == 1).all()
    assert (weights.sum(axis=1) == 50).all()
    # Multinomial counts: variance 1 - 1/N.
    assert abs(weights[1:].var() - 49 / 50) < 0.05
    np.testing.assert_array_equal(weights, bootstrap_weights(0, "t", 50, 200))
    assert (weights != bootstrap_weights(1, "t", 50, 200)).any()


def test_weighted_means_equal_resampling_by_hand_and_leave_out_undefined_values():
    x = np.random.default_rng(0).standard_normal((2, 3, 20))
    x[1, 2, 5:] = np.nan
    x[0, 0, :] = np.nan
    weights = bootstrap_weights(0, "t", 20, 10)
    found = weighted_means(x, weights)
    assert found.shape == (11, 2, 3)
    assert np.isnan(found[:, 0, 0]).all()
    for r in range(11):
        np.testing.assert_allclose(found[r, 0, 1], np.repeat(x[0, 1], weights[r].astype(int)).mean())
        kept = np.repeat(x[1, 2], weights[r].astype(int))
        np.testing.assert_allclose(found[r, 1, 2], kept[np.isfinite(kept)].mean())
    np.testing.assert_array_equal(num_defined(x), [[0, 20, 20], [20, 20, 5]])


def test_intervals_cover_the_mean_about_as_often_as_they_say():
    draw = np.random.default_rng(1)
    x = draw.exponential(size=(400, 80))
    lo, hi = percentile_interval(weighted_means(x, bootstrap_weights(0, "t", 80, 500))[1:])
    covered = ((lo <= 1) & (hi >= 1)).mean()
    assert 0.89 <= covered <= 0.98
    np.testing.assert_allclose((hi - lo).mean(), 2 * 1.96 / np.sqrt(80), rtol=0.1)


def test_an_interval_without_any_value_is_undefined():
    samples = np.stack([np.full(10, np.nan), np.arange(10.0)], axis=1)
    lo, hi = percentile_interval(samples)
    assert np.isnan([lo[0], hi[0]]).all()
    assert np.isfinite([lo[1], hi[1]]).all()
