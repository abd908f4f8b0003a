"""`random-v1`: a fixed network with random weights, for data on which no network was trained.

Random convolutional features keep much of the distances between images: Naeem et al. 2020, "Reliable Fidelity and
Diversity Metrics for Generative Models" (arXiv:2002.09797) measure with a randomly initialised VGG where images are
far from ImageNet. Here it is this project's own trunk, so that features have the same shape as those of a trained
network. The weights are drawn by NumPy from a fixed seed and scaled as in He et al. 2015 (arXiv:1502.01852, eq. 10:
standard deviation sqrt(2 / fan_in)); batch norms are left out. They are the same on every machine and with every
version of torch. Such a network knows no classes, and its distances compare only with others of the same sha256.
"""

from __future__ import annotations

import functools
import hashlib
import math

import numpy as np
import torch
from torch import Tensor, nn

from .. import rng
from .classifier import NUM_FEATURES, ConvNorm, Trunk
from .network import FeatureNetwork

NAME = "random-v1"


class RandomNetwork(FeatureNetwork):
    """The random network for images of one shape (C, H, W), C = 1 or 3, sides of 8 to 1024 (else a `DataError`)."""

    name, num_features, class_names, test_accuracy = NAME, NUM_FEATURES, (), None

    def __init__(self, img_shape: tuple[int, int, int]):
        self.img_shape = img_shape
        self._trunk = draw_trunk(img_shape)
        self.sha256 = weights_sha256(self._trunk)

    def compute(self, img: Tensor) -> tuple[Tensor, Tensor]:
        """float32 [N, C, H, W] in [-1, 1] -> (features [N, 128] >= 0, probabilities [N, 0])."""
        return self._trunk.features(img), img.new_empty(len(img), 0)


@functools.cache
def random_network(img_shape: tuple[int, int, int]) -> RandomNetwork:
    """Return the random network for images (C, H, W), made once a process."""
    return RandomNetwork(img_shape)


def draw_trunk(img_shape: tuple[int, int, int]) -> Trunk:
    """Return the trunk with its fixed random weights, ready to use: a function of the images' shape alone."""
    trunk = Trunk(img_shape)
    layers = [module for module in trunk.modules() if isinstance(module, ConvNorm)]
    for index, layer in enumerate(layers):
        shape = tuple(layer.conv.weight.shape)
        scale = np.float32(math.sqrt(2 / math.prod(shape[1:])))
        weight = rng.generator(0, NAME, index).standard_normal(shape, dtype=np.float32) * scale
        layer.conv.weight = nn.Parameter(torch.from_numpy(weight), requires_grad=False)
        layer.norm = nn.Identity()
    return trunk.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def weights_sha256(trunk: Trunk) -> str:
    """Return the SHA-256 over the names, shapes and values (float32, little-endian, row by row) of all weights."""
    found = hashlib.sha256()
    for name, value in trunk.state_dict().items():
        found.update(f"{name} {list(value.shape)}\n".encode())
        found.update(np.ascontiguousarray(value.numpy(), "<f4").tobytes())
    return found.hexdigest()
