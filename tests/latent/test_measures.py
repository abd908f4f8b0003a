import math

import numpy as np
import pytest
import torch

from ganatomy.latent import measures as m


def seen(pixels, probabilities=None, features=None):
    array = np.asarray(pixels, np.uint8)
    array = array[:, None] if array.ndim == 3 else array
    as32 = [None if x is None else np.asarray(x, np.float32) for x in (features, probabilities)]
    return m.Seen(torch.from_numpy(array), *as32)


@pytest.fixture(scope="module")
def random():
    return np.random.default_rng(0).integers(0, 256, (5, 9, 12))


def test_visible_share_counts_changes_above_16_levels():
    base = np.full((2, 4, 5), 100)
    edit = base.copy()
    edit[0, 0] += 17
    edit[0, 1] -= 16
    edit[0, 2, :2] -= 17
    np.testing.assert_allclose(m.visible_share(seen(edit), seen(base)), [7 / 20, 0], rtol=1e-6)
    wrap = np.array([[[255]], [[0]]])
    np.testing.assert_array_equal(m.visible_share(seen(wrap), seen(255 - wrap)), [1, 1])


def test_a_colour_pixel_is_visible_if_any_channel_is_and_bright_if_all_are():
    base = np.full((1, 3, 2, 2), 250)
    edit = base.copy()
    edit[0, 1, 0, 0] = 100
    np.testing.assert_allclose(m.visible_share(seen(edit), seen(base)), [0.25])
    edit = np.full((1, 3, 2, 2), 253)
    edit[0, 2, 1, 1] = 252
    np.testing.assert_allclose(m.bright_share(seen(edit)), [0.75])


def test_contrast_is_the_standard_deviation(random):
    np.testing.assert_allclose(m.contrast(seen(random)), random.reshape(5, -1).std(axis=1), rtol=1e-5)


def test_sharpness_equals_the_loop(random):
    wanted = []
    for img in random.astype(float):
        total = 0.0
        for y in range(8):
            for x in range(11):
                total += math.hypot(img[y, x + 1] - img[y, x], img[y + 1, x] - img[y, x])
        wanted.append(total / 88 / img.std())
    np.testing.assert_allclose(m.sharpness(seen(random)), wanted, rtol=1e-5)


def test_sharpness_of_a_ramp_in_closed_form_and_blur_lowers_it():
    ramp = np.broadcast_to(10 * np.arange(12), (1, 12, 12))
    # Gradient 10 everywhere; the standard deviation of 0, 10 ... 110 is 10 sqrt((12^2 - 1) / 12).
    np.testing.assert_allclose(m.sharpness(seen(ramp)), 1 / math.sqrt(143 / 12), rtol=1e-5)
    step = np.where(np.arange(12) < 6, 0, 120)
    blurred = np.convolve(np.pad(step, 3, "edge"), np.full(7, 1 / 7), "valid").round()
    both = np.stack([np.broadcast_to(step, (12, 12)), np.broadcast_to(blurred, (12, 12))])
    # The same total rise over a smaller contrast is sharper: the pinned measure is a ratio and says so.
    np.testing.assert_allclose(m.sharpness(seen(both)), 120 / 11 / both.reshape(2, -1).std(axis=1), rtol=1e-5)


def test_noise_share_of_pure_frequencies():
    x = np.arange(16)
    checkerboard = 255 * ((x[:, None] + x) % 2)
    low = np.round(127.5 + 120 * np.cos(2 * np.pi * 2 * x / 16)) + 0 * x[:, None]
    edge_below = np.round(127.5 + 127 * np.cos(2 * np.pi * 4 * x / 16)) + 0 * x[:, None]
    mixed = 100 + 40 * np.cos(np.pi * x) + 40 * np.round(np.cos(np.pi * x / 2)) + 0 * x[:, None]
    found = m.noise_share(seen(np.stack([checkerboard, low, edge_below, mixed])))
    np.testing.assert_allclose(found[0], 1, atol=1e-6)
    np.testing.assert_allclose(found[1:3], 0, atol=1e-4)
    # cos(pi x) has twice the mean power of cos(pi x / 2); exactly half of Nyquist does not count as above.
    np.testing.assert_allclose(found[3], 2 / 3, atol=1e-5)


@pytest.mark.parametrize("size", [(9, 12), (12, 9), (7, 7), (28, 28)])
def test_noise_share_equals_the_full_fft(size):
    img = np.random.default_rng(1).integers(0, 256, (3, *size))
    power = np.abs(np.fft.fft2(img - img.mean(axis=(1, 2), keepdims=True))) ** 2
    fy, fx = np.fft.fftfreq(size[0])[:, None], np.fft.fftfreq(size[1])
    wanted = (power * (np.hypot(fy, fx) > 0.25)).sum(axis=(1, 2)) / power.sum(axis=(1, 2))
    np.testing.assert_allclose(m.noise_share(seen(img)), wanted, rtol=1e-5)


@pytest.mark.parametrize("level", [0, 37, 255])
def test_a_constant_image_has_no_sharpness_and_no_noise_share(level):
    flat = seen(np.full((2, 28, 28), level))
    assert np.isnan(m.sharpness(flat)).all()
    assert np.isnan(m.noise_share(flat)).all()
    np.testing.assert_array_equal(m.contrast(flat), 0)
    np.testing.assert_array_equal(m.bright_share(flat), level >= 253)


def test_bright_share_starts_at_253():
    np.testing.assert_allclose(m.bright_share(seen([[[252, 253], [254, 255]]])), [0.75])


def test_class_measures():
    base = seen(np.zeros((4, 2, 2)), np.eye(3)[[0, 0, 1, 2]], np.zeros((4, 2)))
    edit = seen(np.zeros((4, 2, 2)), [[0.2, 0.5, 0.3], [0.6, 0.3, 0.1], [0, 1, 0], [0, 0.7, 0.3]], [[3, 4]] * 4)
    np.testing.assert_array_equal(m.class_flip(edit, base), [1, 0, 0, 1])
    np.testing.assert_allclose(m.confidence(edit), [0.5, 0.6, 1, 0.7])
    np.testing.assert_allclose(m.feature_distance(edit, base), [5] * 4)
    draws = m.resamples(0, 4)
    share = np.array([1, 3]) / 4
    np.testing.assert_allclose(m.class_entropy(edit, draws)[0], -(share * np.log(share)).sum())
    np.testing.assert_allclose(m.top_class_share(edit, draws)[0], 0.75)
    assert m.top_class(edit) == 1
    assert m.top_class(seen(np.zeros((2, 2, 2)), np.eye(3)[[2, 1]])) == 1


def test_entropy_of_one_class_is_zero_and_of_equal_classes_ln_k():
    found = m.entropy(np.array([[10.0, 0, 0], [5, 5, 5]]))
    np.testing.assert_allclose(found, [0, math.log(3)], atol=1e-15)
    assert str(found[0]) == "0.0"


def test_diversity_is_the_mean_distance_of_the_pairs():
    draw = np.random.default_rng(3)
    pixels, features = draw.integers(0, 256, (30, 4, 4)), draw.standard_normal((30, 6))
    draws = m.resamples(5, 30)
    assert draws.pairs.shape == (2, 1000)
    assert (draws.pairs[0] != draws.pairs[1]).all()
    px, distance = [], []
    for i, j in draws.pairs.T:
        px.append(math.sqrt(((pixels[i] - pixels[j]) ** 2).mean()))
        distance.append(np.linalg.norm(features[i] - features[j]))
    set_ = seen(pixels, None, features)
    np.testing.assert_allclose(m.diversity_px(set_, draws)[0], np.mean(px), rtol=1e-5)
    np.testing.assert_allclose(m.diversity_features(set_, draws)[0], np.mean(distance), rtol=1e-5)
    same = seen(np.repeat(pixels[:1], 30, axis=0))
    np.testing.assert_array_equal(m.diversity_px(same, draws), 0)


def test_diversity_of_gaussian_features_in_closed_form():
    # |x - y| of two independent N(0, I_2) has mean sqrt(pi).
    features = np.random.default_rng(0).standard_normal((4000, 2))
    draws = m.resamples(0, 4000)
    assert m.pair_distance(features, draws.pairs).mean() == pytest.approx(math.sqrt(math.pi), abs=4 * 0.93 / 1000**0.5)


def test_the_table_names_every_measure_once_and_knows_what_needs_a_network():
    assert all(name == measure.name for name, measure in m.MEASURES.items())
    assert all(measure.doc and measure.unit for measure in m.MEASURES.values())

    def known(*what):
        return {name for name, measure in m.MEASURES.items() if measure.needs <= set(what)}

    without = {"visible_share", "contrast", "sharpness", "noise_share", "bright_share", "diversity_px"}
    assert known() == known("classes", "real") == without
    assert known("features") - without == {"diversity_features", "feature_distance"}
    assert known("features", "real") - known("features") == {"precision"}
    assert known("features", "classes", "real") | {"logit"} == set(m.MEASURES)
    assert known("logits") - without == {"logit"}
