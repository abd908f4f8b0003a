"""Readers of atelier's factors against drawings they have not seen."""

import numpy as np
import pytest
import torch

from ganatomy.datasets import atelier
from ganatomy.latent.factors import NUM_DRAWINGS, factor_reader, read_factors

T_SHIRT, DRESS, BOOT = (atelier.CLASS_NAMES.index(name) for name in ("T-shirt", "Dress", "Boot"))


def drawings(label, num, seed=11, size=(28, 28)):
    factors = np.random.default_rng(seed).random((num, 9), dtype=np.float32)
    grey = torch.from_numpy(atelier.render(np.full(num, label), factors, size)).float()
    return grey, factors


@pytest.mark.parametrize("label", [T_SHIRT, BOOT])
def test_every_factor_of_a_class_is_read(label):
    grey, factors = drawings(label, 400)
    reader = factor_reader(label, 28, 28)
    values, applies = reader.read(grey), atelier.APPLIES[label]
    r2 = 1 - np.square(values - factors).mean(axis=0) / factors.var(axis=0)
    assert (r2[applies] > 0.985).all()
    np.testing.assert_allclose(r2[applies], reader.r2[applies], atol=0.01)
    assert np.isnan(values[:, ~applies]).all()
    assert np.isnan(reader.r2[~applies]).all()
    assert np.abs((values - factors)[:, applies].mean(axis=0)).max() < 0.01


def test_what_no_pixel_shows_is_not_read():
    """The first fifth of a dress's sleeve is hidden by the dress: one drawing, so one reading."""
    factors = np.full((2, 9), 0.5, np.float32)
    factors[:, atelier.FACTORS.index("sleeve")] = (0.0, 0.2)
    grey = torch.from_numpy(atelier.render(np.full(2, DRESS), factors)).float()
    assert torch.equal(grey[0], grey[1])
    assert 0.85 < factor_reader(DRESS, 28, 28).r2[atelier.FACTORS.index("sleeve")] < 0.95


def test_each_picture_is_read_by_the_reader_of_its_class():
    shirts, boots = drawings(T_SHIRT, 3)[0], drawings(BOOT, 2)[0]
    values = read_factors(torch.cat([shirts[:1], boots, shirts[1:]]), np.array([T_SHIRT, BOOT, BOOT, T_SHIRT, T_SHIRT]))
    assert values.shape == (5, 9)
    np.testing.assert_allclose(values[[0, 3, 4]], factor_reader(T_SHIRT, 28, 28).read(shirts), atol=1e-6)
    np.testing.assert_allclose(values[1:3], factor_reader(BOOT, 28, 28).read(boots), atol=1e-6)


def test_larger_pictures_are_averaged_down():
    grey, factors = drawings(BOOT, 200, size=(56, 56))
    reader = factor_reader(BOOT, 56, 56)
    assert reader.points.shape[0] == NUM_DRAWINGS
    assert reader.mean.shape == (28 * 28,)
    values, applies = reader.read(grey), atelier.APPLIES[BOOT]
    assert (1 - np.square(values - factors).mean(axis=0) / factors.var(axis=0))[applies].min() > 0.98


def test_noise_in_the_pixels_is_borne():
    grey, factors = drawings(BOOT, 300)
    noisy = grey + 10 * torch.from_numpy(np.random.default_rng(0).standard_normal(grey.shape)).float()
    values, applies = factor_reader(BOOT, 28, 28).read(noisy.clamp(0, 255).round()), atelier.APPLIES[BOOT]
    assert (1 - np.square(values - factors).mean(axis=0) / factors.var(axis=0))[applies].min() > 0.95
