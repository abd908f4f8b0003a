"""What a training needs of memory at least, from its configuration alone, so that it can be refused before any work."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .. import device
from ..config import TrainConfig
from ..errors import ConfigError
from ..models import registry
from ..models.generate import CHUNK

_FLOAT = 4
"""Bytes of a float32."""


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
    time. No memory is taken: the networks are built without numbers.
    """
    with torch.device("meta"):
        G = registry.GENERATORS[config.model](config.z_dim, config.img_shape)
        D = registry.DISCRIMINATORS[config.model](config.img_shape)
        maps_G = _map_sizes(G, torch.empty(1, config.z_dim))
        maps_D = _map_sizes(D, torch.empty(1, *config.img_shape))
    moments = 2 if config.optimizer == "adam" else 0
    weights = registry.num_parameters(G) * (3 + moments) + registry.num_parameters(D) * (2 + moments)
    size = 2 if config.precision == "bfloat16" else _FLOAT
    part = -(-config.batch_size // config.num_processes)
    step = size * part * (sum(maps_D) + max(sum(maps_D), sum(maps_G)))
    sample = _FLOAT * CHUNK * max(a + b for a, b in zip([config.z_dim, *maps_G], maps_G))
    return _FLOAT * weights, max(step, sample)


def _map_sizes(network: nn.Module, x: Tensor) -> list[int]:
    """Return the numbers in the output of every layer with weights, for one image."""
    sizes: list[int] = []
    hooks = [
        layer.register_forward_hook(lambda module, inputs, output: sizes.append(output.numel()))
        for layer in network.modules()
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)
    ]
    network.eval()
    with torch.no_grad():
        network(x)
    for hook in hooks:
        hook.remove()
    return sizes
