"""Network families by name, and the one place that builds them from a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from .. import rng
from ..arrays import read_weights
from ..config import TrainConfig
from . import dcgan, dcgan_explicit, mlp, mlp_explicit
from .weights import Weights

GENERATORS: dict[str, type[mlp.Generator] | type[dcgan.Generator]] = {"mlp": mlp.Generator, "dcgan": dcgan.Generator}
DISCRIMINATORS: dict[str, type[mlp.Discriminator] | type[dcgan.Discriminator]] = {
    "mlp": mlp.Discriminator,
    "dcgan": dcgan.Discriminator,
}
EXPLICIT: dict[str, tuple[Any, Any]] = {
    "mlp": (mlp_explicit.Generator, mlp_explicit.Discriminator),
    "dcgan": (dcgan_explicit.Generator, dcgan_explicit.Discriminator),
}
"""Generator and discriminator with derivatives written out, for the fast step."""


class ExplicitGenerator(Protocol):
    """A generator's passes without autograd."""

    weights: Weights

    def forward(self, z: Tensor) -> tuple[Tensor, Any]:
        """Return images [N, C, H, W] of latents [N, Z], and what `backward` needs."""

    def backward(self, grad: Tensor, made: Any) -> None:
        """Store the gradients of all parameters from the images'."""


class ExplicitDiscriminator(Protocol):
    """A discriminator's passes without autograd."""

    weights: Weights

    def forward(self, img: Tensor) -> tuple[Tensor, Any]:
        """Return logits [N] of images [N, C, H, W], and what `backward_img` needs."""

    def forward_both(self, real_img: Tensor, gen_img: Tensor) -> tuple[Tensor, Tensor, Any]:
        """Return the logits of real and of generated images from separate passes, and what `backward_both` needs."""

    def backward_both(self, real_slopes: Tensor, gen_slopes: Tensor, seen: Any) -> None:
        """Store the gradients of all parameters from those of both logits."""

    def backward_img(self, slopes: Tensor, seen: Any) -> Tensor:
        """Return the gradient of the images from that of the logits; stores nothing."""


def explicit_generator(network: nn.Module, config: TrainConfig, dtype: torch.dtype) -> ExplicitGenerator:
    """Return the passes of a generator of this configuration, computed in `dtype`."""
    built: ExplicitGenerator = EXPLICIT[config.model][0](network, dtype)
    return built


def explicit_discriminator(network: nn.Module, config: TrainConfig, dtype: torch.dtype) -> ExplicitDiscriminator:
    """Return the passes of a discriminator of this configuration, computed in `dtype`."""
    built: ExplicitDiscriminator = EXPLICIT[config.model][1](network, dtype)
    return built


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


def read_tensors(path: Path, config: TrainConfig) -> dict[str, np.ndarray]:
    """Return the tensors of a snapshot of a configuration's generator, float32, by torch's names.

    A snapshot that is damaged, of another network than the configuration says, or holds values that are not finite is a
    `RunError`, before memory is taken for it.
    """
    with torch.device("meta"):
        planned = GENERATORS[config.model](config.z_dim, config.img_shape).state_dict()
    expected = {name: (str(value.dtype).removeprefix("torch."), tuple(value.shape)) for name, value in planned.items()}
    return read_weights(path, expected, "train --resume RUN")


def read_generator(path: Path, config: TrainConfig) -> nn.Module:
    """Return the generator of a configuration with the weights of a snapshot (see `read_tensors`)."""
    found = read_tensors(path, config)
    network = build_generator(config)
    network.load_state_dict({name: torch.from_numpy(value) for name, value in found.items()})
    return network


def num_parameters(network: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(parameter.numel() for parameter in network.parameters())
