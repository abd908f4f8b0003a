"""What a training needs of memory at least, from its configuration alone, so that it can be refused before any work."""

from __future__ import annotations

import math
from itertools import pairwise

from .. import device
from ..config import TrainConfig
from ..errors import ConfigError
from ..models import dcgan, mlp
from ..models.generate import CHUNK

_FLOAT = 4
"""Bytes of a float32."""

Counted = tuple[int, list[int]]
"""Parameters of a network, and the numbers in the output of each of its layers with weights, for one image."""


def check(config: TrainConfig) -> None:
    """Refuse, with a `ConfigError` that names both sizes, a training that cannot fit the memory that is free here."""
    weights, step = needed_bytes(config)
    free = device.free_memory_bytes(config.device)
    if free is None or weights + step <= free:
        return
    raise ConfigError(
        f"this training needs {device.told_bytes(weights + step)} of memory or more ({device.told_bytes(weights)} for "
        f"the networks with z_dim {config.z_dim}, {device.told_bytes(step)} for images of {config.img_height}x"
        f"{config.img_width}, {config.batch_size} in a step and {CHUNK} in a sample), and {device.told_bytes(free)} "
        "are free here. Give smaller images (--size), a smaller batch_size or z_dim, the preset gan, or use a machine "
        "with more memory."
    )


def needed_bytes(config: TrainConfig) -> tuple[int, int]:
    """Return the bytes that a training needs at least: (networks with optimizers, the images of a step or a sample).

    A step keeps the maps of D for real and generated images, or those of G and D; a sample holds two maps of G at a
    time. It is counted by hand: PyTorch could do it on its device `meta`, but takes seconds to load that.
    """
    count = {"mlp": _count_mlp, "dcgan": _count_dcgan}[config.model]
    (num_G, maps_G), (num_D, maps_D) = count(config.z_dim, config.img_shape)
    moments = 2 if config.optimizer == "adam" else 0
    weights = num_G * (3 + moments) + num_D * (2 + moments)  # G's average too, and gradients
    size = 2 if config.precision == "bfloat16" else _FLOAT
    part = -(-config.batch_size // config.num_processes)
    step = size * part * (sum(maps_D) + max(sum(maps_D), sum(maps_G)))
    sample = _FLOAT * CHUNK * max(a + b for a, b in pairwise([config.z_dim, *maps_G]))
    return _FLOAT * weights, max(step, sample)


def _count_mlp(z_dim: int, img_shape: tuple[int, int, int]) -> tuple[Counted, Counted]:
    hidden, pixels = mlp.NUM_HIDDEN, math.prod(img_shape)
    of_G = (z_dim + 1) * hidden + (hidden + 1) * pixels, [hidden, pixels]
    return of_G, ((pixels + 1) * hidden + hidden + 1, [hidden, 1])


def _count_dcgan(z_dim: int, img_shape: tuple[int, int, int]) -> tuple[Counted, Counted]:
    num_img, height, width = img_shape
    stairs = dcgan.solve_stairs(height, width)
    base = stairs[-1]
    num_base = base.num_channels * math.prod(base.small)
    num_G, maps_G = z_dim * num_base + 3 * base.num_channels, [num_base]
    num_D, maps_D = num_base + 1, []
    channels = [num_img, *(stair.num_channels for stair in stairs)]
    for outer, inner, stair in zip(channels, channels[1:], stairs):
        kernel, is_first = outer * inner * math.prod(stair.kernel), stair is stairs[0]
        num_G += kernel + (1 if is_first else 3) * outer  # biases, and batch norm but on the layer at the image
        num_D += kernel + (1 if is_first else 3) * inner
        maps_G.insert(1, outer * math.prod(stair.large))
        maps_D.append(inner * math.prod(stair.small))
    return (num_G, maps_G), (num_D, [*maps_D, 1])
