"""All randomness is a pure function of (seed, purpose, image number)."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ganatomy import rng


@given(start=st.integers(0, 9000), num=st.integers(0, 5000), cut=st.floats(0, 1))
@settings(max_examples=30, deadline=None)
def test_latents_are_slices_of_one_sequence(start, num, cut):
    stream = rng.LatentStream(1, "test", 3)
    middle = round(num * cut)
    parts = torch.cat([stream.z(start, middle), stream.z(start + middle, num - middle)])
    assert parts.shape == (num, 3)
    assert torch.equal(parts, rng.LatentStream(1, "test", 3).z(0, start + num)[start:])


def test_a_smaller_draw_is_a_prefix_of_a_larger():
    assert torch.equal(rng.latents(5, "x", 100, 7), rng.latents(5, "x", 9000, 7)[:100])


@pytest.mark.parametrize("other", [(1, "a", 0), (0, "b", 0), (0, "a", 1)])
def test_seed_purpose_and_index_each_make_another_stream(other):
    first = rng.generator(0, "a", 0).standard_normal(1000)
    second = rng.generator(*other).standard_normal(1000)
    assert np.array_equal(first, rng.generator(0, "a", 0).standard_normal(1000))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.15  # 4.7 standard errors


def test_blocks_do_not_repeat():
    z = rng.latents(0, "train", 3 * rng.BLOCK_NIMG, 2)
    assert len(z.unique(dim=0)) == len(z)


def test_latents_are_standard_normal():
    """Moments of 2^18 numbers within five standard errors."""
    z = rng.latents(3, "moments", 2**14, 16).double().flatten()
    error = len(z) ** -0.5
    assert z.dtype == torch.float64
    assert abs(z.mean()) < 5 * error
    assert abs(z.square().mean() - 1) < 5 * 2**0.5 * error
    assert abs(z.pow(4).mean() - 3) < 5 * 96**0.5 * error


def test_the_streams_never_change():
    """Numbers of this version, pinned: another version with other numbers could not continue its runs."""
    expected = [[2.76542687, -0.29371461], [-1.15021908, 0.60632116]]
    torch.testing.assert_close(rng.latents(0, "train", 2, 2), torch.tensor(expected), rtol=0, atol=1e-6)
    assert rng.OrderStream(0, 10).indices(0, 12).tolist() == [8, 0, 7, 3, 5, 9, 6, 2, 4, 1, 1, 4]


@pytest.mark.parametrize("num_images", [1, 7, 64])
def test_every_epoch_shows_every_image_once_in_another_order(num_images):
    order = rng.OrderStream(2, num_images)
    epochs = [order.indices(epoch * num_images, num_images) for epoch in range(3)]
    for epoch in epochs:
        assert sorted(epoch.tolist()) == list(range(num_images))
    if num_images == 64:
        assert not torch.equal(epochs[0], epochs[1])


def test_order_across_an_epoch_boundary():
    whole = rng.OrderStream(2, 10).indices(0, 30)
    stream = rng.OrderStream(2, 10)
    assert torch.equal(torch.cat([stream.indices(start, 4) for start in range(0, 28, 4)]), whole[:28])
    assert torch.equal(stream.indices(5, 20), whole[5:25])


def test_seeded_block_restores_the_global_generator():
    before = torch.get_rng_state()
    with rng.torch_seeded(0, "init"):
        first = torch.randn(5)
    with rng.torch_seeded(0, "init"):
        assert torch.equal(first, torch.randn(5))
    with rng.torch_seeded(1, "init"):
        assert not torch.equal(first, torch.randn(5))
    assert torch.equal(before, torch.get_rng_state())
