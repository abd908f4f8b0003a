"""`random-v1`: the same numbers everywhere, features that spread and order images sensibly."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest
import torch

from ganatomy import rng
from ganatomy.errors import DataError
from ganatomy.metrics.classifier import ConvNorm
from ganatomy.metrics.frechet import frechet
from ganatomy.metrics.moments import moments_of
from ganatomy.metrics.random_features import RandomNetwork, draw_trunk, random_network

SHA256 = {
    (1, 28, 28): "1d8129c37e1c4e796a2d4f0e60719c516b7ad859bca11c8bf6d37f47a11e79e8",
    (3, 48, 32): "7a3e2b28003fd890417ddb5b7806b40afbe3dacdb49b6b1c218c1956e4a1f515",
    (1, 9, 13): "517b91eb4aa7c0fd6102feae75a8d6a5dc64c5aef6f029dc832d4b8ed80d19c6",
}


def noise(num, img_shape, seed=0):
    return torch.from_numpy(rng.generator(seed, "test_noise").integers(0, 256, (num, *img_shape), dtype=np.uint8))


@pytest.mark.parametrize("img_shape", SHA256)
def test_the_weights_are_the_same_everywhere(img_shape):
    network = random_network(img_shape)
    assert network.sha256 == SHA256[img_shape]
    assert (network.name, network.class_names, network.test_accuracy) == ("random-v1", (), None)
    assert network is random_network(img_shape)


def test_another_process_with_another_seed_gets_the_same_features():
    code = """
import hashlib, torch
torch.manual_seed(77)
torch.set_num_threads(1)
from ganatomy.metrics.random_features import random_network
img = (torch.arange(3 * 9 * 13) * 37 % 256).to(torch.uint8).view(3, 1, 9, 13)
print(hashlib.sha256(random_network((1, 9, 13)).extract(img)[0].tobytes()).hexdigest())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", timeout=120)
    img = (torch.arange(3 * 9 * 13) * 37 % 256).to(torch.uint8).view(3, 1, 9, 13)
    torch.set_num_threads(1)
    assert done.stdout.strip() == hashlib.sha256(random_network((1, 9, 13)).extract(img)[0].tobytes()).hexdigest()


def test_weights_are_scaled_by_their_fan_in_and_norms_are_left_out():
    for module in draw_trunk((3, 64, 64)).modules():
        if isinstance(module, ConvNorm):
            fan_in = module.conv.weight[0].numel()
            assert module.conv.weight.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=0.1)
            assert isinstance(module.norm, torch.nn.Identity)


@pytest.mark.parametrize("img_shape", [(1, 8, 8), (1, 28, 28), (3, 64, 64), (3, 100, 37)])
def test_features_are_not_degenerate(img_shape):
    network = random_network(img_shape)
    features, probabilities = network.extract(noise(60, img_shape))
    assert features.dtype == np.float32
    assert features.shape == (60, 128)
    assert probabilities.shape == (60, 0)
    alive = features.std(axis=0) > 0.01 * features.mean()
    assert alive.mean() > 0.4
    spread = np.linalg.norm(features - features.mean(axis=0), axis=1).mean()
    assert spread > 0.2 * np.linalg.norm(features.mean(axis=0))
    levels = torch.arange(256, dtype=torch.uint8)[:, None, None, None].expand(256, *img_shape).contiguous()
    features, _ = network.extract(levels)
    assert np.isfinite(features).all()
    assert (np.linalg.norm(features, axis=1) > 0).all()  # no level, mid-grey included, gives nothing
    assert (np.linalg.norm(np.diff(features, axis=0), axis=1) > 0).all()  # and neighbouring levels differ


def test_the_distance_grows_with_the_damage_done_to_images():
    network, smooth = random_network((1, 16, 16)), noise(400, (1, 4, 4)).float()
    img = torch.nn.functional.interpolate(smooth, 16, mode="bilinear").round()
    real = moments_of(network.extract(img[:200].to(torch.uint8))[0])
    draw = torch.from_numpy(rng.generator(1, "test_damage").standard_normal((200, 1, 16, 16), dtype=np.float32))
    found = []
    for level in (0, 16, 48, 96):
        damaged = (img[200:] + level * draw).clamp(0, 255).to(torch.uint8)
        found.append(frechet(moments_of(network.extract(damaged)[0]), real))
    assert found == sorted(found)
    assert found[-1] > 5 * found[0]


def test_images_that_no_network_takes_are_refused():
    with pytest.raises(DataError, match="sides of 8 to 1024"):
        RandomNetwork((1, 4, 4))
