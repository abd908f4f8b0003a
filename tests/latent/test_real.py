"""Precision image by image and paired kernel distances, against the metrics that compute them set by set.

Tolerances: a single image of 600 may fall on the other side of a ball in float32; kernel distances agree to 1e-9.
"""

import dataclasses

import numpy as np
import pytest
from planted import SHAPE, Z_DIM, Brightness, Planted

from ganatomy import rng
from ganatomy.latent import measures
from ganatomy.latent import real as real_module
from ganatomy.latent.lens import Lens
from ganatomy.latent.real import RealImages
from ganatomy.metrics.moments import moments_of
from ganatomy.metrics.neighbours import squared_radii
from ganatomy.metrics.prdc import K, prdc


def real_images(features):
    return RealImages(moments_of(features), features, squared_radii(features, K))


def drawn(seed, num, width, scale=1.0, shift=0.0):
    rows = np.random.default_rng(seed).standard_normal((num, width))
    return (scale * rows + shift).astype(np.float32)


@pytest.mark.parametrize("width", [2, 16, 128])
@pytest.mark.parametrize("shift", [0.0, 40.0])  # features far from the origin, where float32 has few digits left
def test_the_share_of_precise_images_is_the_precision_of_prdc(width, shift):
    test = drawn(0, 900, width, shift=shift)
    for scale in (0.5, 1.0, 1.3):
        gen = drawn(1, 600, width, scale, shift)
        wanted = prdc(gen, test).precision
        found = real_images(test).hold(gen)
        assert found.dtype == np.float32
        assert set(np.unique(found)) <= {0.0, 1.0}
        assert found.mean() == pytest.approx(wanted, abs=1 / 600 + 1e-7)


def test_balls_on_a_line_are_open():
    """Points 0, 1, ... 9 on a line: the ball of an end reaches to 5, that of 4 and 5 to 3 away."""
    test = np.stack([np.arange(10.0), np.zeros(10)], axis=1).astype(np.float32)
    real = real_images(test)
    np.testing.assert_array_equal(np.sqrt(real.radii), [5, 4, 3, 3, 3, 3, 3, 3, 4, 5])
    places = np.array([[-4.9, 0], [-5.1, 0], [4.5, 2.9], [4.5, 3.1], [0, 4.9], [14.1, 0], [13.9, 0]], np.float32)
    assert real.hold(places).tolist() == [1, 0, 1, 0, 1, 0, 1]
    # Exactly on the surface of a ball, in numbers that are exact in binary, is outside.
    square = real_images(np.array([[0, 0]] * 5 + [[4, 0]], np.float32) - np.float32([2 / 3, 0]))
    assert square.radii[5] == pytest.approx(16)


def test_blocks_and_empty_sets_change_nothing(monkeypatch):
    real, gen = real_images(drawn(0, 300, 8)), drawn(1, 57, 8, 1.5)
    whole = real.hold(gen)
    monkeypatch.setattr(real_module, "BLOCK_VALUES", 1000)
    np.testing.assert_array_equal(real.hold(gen), whole)
    assert real.hold(gen[:0]).shape == (0,)


def test_a_lens_sees_precision_only_with_real_images_and_neighbourhoods():
    z, lens = 3 * rng.latents(0, "test_lens", 30, Z_DIM), Lens(Planted(), Brightness())
    features = lens.see(rng.latents(1, "test_lens", 200, Z_DIM)).known_features
    real = real_images(features)
    few = dataclasses.replace(real, radii=np.empty(0))
    for other in (lens, dataclasses.replace(lens, real=few)):
        seen = other.see(z)
        assert seen.is_precise is None
        assert "precision" not in {measure.name for measure in seen.measures()}
    seen = dataclasses.replace(lens, real=real).see(z)
    assert seen.img_u8.shape == (30, *SHAPE)
    np.testing.assert_array_equal(measures.precision(seen), real.hold(seen.known_features))
    np.testing.assert_array_equal(measures.precision(seen.part(3, 9)), measures.precision(seen)[3:9])
    assert 0 < measures.precision(seen).mean() < 1
    assert dataclasses.replace(lens, features=None, real=real).see(z).is_precise is None
