"""Network families by name, and the one place that builds them from a configuration."""

from __future__ import annotations

from torch import nn

from .. import rng
from ..config import TrainConfig
from . import dcgan, mlp

GENERATORS: dict[str, type[mlp.Generator] | type[dcgan.Generator]] = {"mlp": mlp.Generator, "dcgan": dcgan.Generator}
DISCRIMINATORS: dict[str, type[mlp.Discriminator] | type[dcgan.Discriminator]] = {
    "mlp": mlp.Discriminator,
    "dcgan": dcgan.Discriminator,
}


def build_generator(config: TrainConfig) -> nn.Module:
    """Return a freshly initialised generator on the CPU; its weights depend on the seed alone."""
    with rng.torch_seeded(config.seed, "init_G"):
        return _initialised(GENERATORS[config.model](config.z_dim, config.img_shape), config)


def build_discriminator(config: TrainConfig) -> nn.Module:
    """Return a freshly initialised discriminator on the CPU; its weights depend on the seed alone."""
    with rng.torch_seeded(config.seed, "init_D"):
        return _initialised(DISCRIMINATORS[config.model](config.img_shape), config)


def _initialised(network: nn.Module, config: TrainConfig) -> nn.Module:
    if config.init == "normal":
        dcgan.init_normal(network)
    return network


def num_parameters(network: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(parameter.numel() for parameter in network.parameters())
