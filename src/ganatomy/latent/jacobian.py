"""The Jacobian of a generator at latents of the prior: how strongly every number acts, where, and in how many ways.

J = dG/dz [P, z_dim] at one latent says what a small step does: the length of column d is the strength of number d
there, its pixels are where it acts, and the singular values of J count the independent ways in which the image can
move. An edit to 5 is a large step, which the Jacobian does not speak of; the atlas does.

Unit everywhere: levels of a pixel (0 to 255) per unit of z, before the rounding to uint8; root mean square over pixels.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
import torch
from torch import Tensor, nn

from .. import files, rng
from ..errors import ConfigError
from ..progress import Progress
from .intervals import bootstrap_weights, percentile_interval, weighted_means
from .lens import Subject, Work

RECORD_NAME = "jacobian.json"
LEVELS = 127.5
"""Levels of a pixel per unit of the network's output."""
CHUNK_VALUES = 2**19
"""Values of Jacobians held at once (2 MB in float32): more latents together are not faster."""
ENERGY = 0.9
"""Share of the squared singular values that the count of directions has to reach."""


@dataclass(frozen=True, kw_only=True)
class JacobianConfig:
    """How much to look at."""

    num_latents: int = 256
    """Latents at which the Jacobian is taken."""
    seed: int = 0
    """Seed of the latents (purpose `jacobian`) and of the resamples."""


@dataclass(frozen=True)
class Jacobians:
    """What the Jacobians at N latents have in common.

    Attributes:
        strength: float64 [N, z_dim], root mean square over pixels of every column.
        singular: float64 [N, min(z_dim, P)], singular values / sqrt(P), descending.
        heat: float64 [z_dim, H, W], root mean square over latents (and channels) of every column.
    """

    strength: np.ndarray
    singular: np.ndarray
    heat: np.ndarray


def jacobian(G: nn.Module, z: Tensor) -> Tensor:
    """Return dG/dz at latents z [N, z_dim] by forward-mode differentiation: [N, z_dim, C, H, W], z's dtype.

    One tangent per latent number; the network runs once for all of them (Baydin et al. 2018, arXiv:1502.05767).
    """
    basis = torch.eye(z.shape[1], dtype=z.dtype, device=z.device)

    def column(direction: Tensor) -> Tensor:
        return torch.func.jvp(G, (z,), (direction.expand_as(z),))[1]

    with torch.no_grad(), warnings.catch_warnings():
        # The first call makes PyTorch load rules of its own that use what PyTorch itself has deprecated.
        warnings.filterwarnings("ignore", "`torch.jit.script`", DeprecationWarning)
        return torch.func.vmap(column)(basis).transpose(0, 1)


def jacobian_by_steps(G: nn.Module, z: Tensor, step: float) -> Tensor:
    """Return dG/dz by central differences, one number at a time: the slow reference of `jacobian`."""
    columns = []
    with torch.no_grad():
        for dim in range(z.shape[1]):
            ahead, behind = z.clone(), z.clone()
            ahead[:, dim] += step
            behind[:, dim] -= step
            columns.append((G(ahead) - G(behind)) / (2 * step))
    return torch.stack(columns, dim=1)


def look(G: nn.Module, z: Tensor) -> Iterator[int | Jacobians]:
    """Take the Jacobians at z [N, z_dim] and keep what they have in common.

    Yields:
        How many latents are done since the last record; then the `Jacobians`.
    """
    device = next(G.parameters()).device
    strength, singular, squares = [], [], []
    start, at_once = 0, 1
    while start < len(z):
        part = (jacobian(G, z[start : start + at_once].to(device)) * LEVELS).cpu()
        _, z_dim, channels, height, width = part.shape
        num_px = channels * height * width
        flat = part.flatten(2).double()  # [B, z_dim, P]
        # The Gram matrix is symmetric by construction, so its eigenvalues are the squared singular values.
        squared = torch.linalg.eigvalsh(flat @ flat.transpose(1, 2) / num_px).clamp(min=0)
        singular.append(squared.flip(1)[:, : min(z_dim, num_px)].sqrt().numpy())
        strength.append(flat.square().mean(dim=2).sqrt().numpy())
        squares.append(part.double().square().mean(dim=2).sum(dim=0).numpy())
        yield len(part)
        start += len(part)
        at_once = max(1, CHUNK_VALUES // (num_px * z_dim))
    yield Jacobians(np.concatenate(strength), np.concatenate(singular), np.sqrt(np.sum(squares, axis=0) / len(z)))


def participation(singular: np.ndarray) -> np.ndarray:
    """Return the participation ratio (sum of squares)^2 / (sum of fourth powers) of singular values [..., D]: [...].

    It counts the directions in which the image moves: D for D equal ones, 1 for a single one; 0 where all are 0.
    """
    squared = np.square(singular)
    total = squared.sum(axis=-1) ** 2
    below = np.square(squared).sum(axis=-1)
    return np.where(below > 0, total / np.where(below > 0, below, 1.0), 0.0)


def num_for_energy(singular: np.ndarray, share: float = ENERGY) -> np.ndarray:
    """Return how many of the largest singular values [..., D] hold a share of the squared sum: int64 [...]."""
    reached = np.cumsum(np.square(singular), axis=-1)
    enough = reached >= share * reached[..., -1:] * (1 - 1e-12)
    count: np.ndarray = enough.argmax(axis=-1) + 1
    return np.where(reached[..., -1] > 0, count, 0)


def cost(config: JacobianConfig, subject: Subject) -> int:
    """Return the images that `measure_jacobian` counts: a tangent takes about as long as an image."""
    return config.num_latents * subject.z_dim


def check(config: JacobianConfig) -> JacobianConfig:
    """Return the configuration if it is allowed; else a `ConfigError`."""
    if config.num_latents < 2:
        raise ConfigError(f"num_jacobians is {config.num_latents}; it must be at least 2.")
    return config


def measure_jacobian(subject: Subject, config: JacobianConfig, folder: Path) -> Work:
    """Measure the Jacobian of a generator and write `jacobian.json`.

    Args:
        subject: the generator.
        config: how much to look at.
        folder: where the record goes.

    Yields:
        `Progress`; then the record: `strength` [{dim, mean, lo, hi}] for all numbers, `spectrum` {mean, lo, hi}
        (singular values, mean and the central 95 % of latents), `effective_dimension` and `num_90` {mean, lo, hi}
        (mean over latents of `participation` and `num_for_energy`, intervals of the mean). The arrays of `Jacobians`
        go into `jacobian.safetensors`.
    """
    check(config)
    z = rng.latents(config.seed, "jacobian", config.num_latents, subject.z_dim)
    total, done = cost(config, subject), 0
    found: Jacobians | None = None
    for step in look(subject.lens.G, z):
        if isinstance(step, Jacobians):
            found = step
        else:
            done += step * subject.z_dim
            yield Progress(done, total)
    assert found is not None, "look always ends with its Jacobians"
    record = subject.header() | asdict(config) | describe(found, config.seed)
    files.write_bytes(folder / "jacobian.safetensors", _arrays(found))
    files.write_json(folder / RECORD_NAME, record)
    yield files.read_json(folder / RECORD_NAME)


def describe(found: Jacobians, seed: int) -> dict[str, Any]:
    """Return the numbers of the record, with intervals by bootstrap over latents."""
    weights = bootstrap_weights(seed, "jacobian", len(found.strength))

    def interval(array: np.ndarray) -> list[dict[str, float]]:
        samples = weighted_means(array.T, weights)  # [R, K]
        lo, hi = percentile_interval(samples[1:])
        return [_plain(triple) for triple in zip(samples[0], lo, hi)]

    ways = np.stack([participation(found.singular), num_for_energy(found.singular)], axis=1)
    dimension, num_90 = interval(ways)
    spread = np.quantile(found.singular, [0.025, 0.975], axis=0)
    return {
        "unit": "levels per unit of z, root mean square over pixels",
        "interval": "95 % percentile bootstrap over latents, 1,000 resamples",
        "strength": [{"dim": dim, **row} for dim, row in enumerate(interval(found.strength))],
        "spectrum": {
            "mean": _digits(found.singular.mean(axis=0)), "lo": _digits(spread[0]), "hi": _digits(spread[1])
        },
        "effective_dimension": dimension,
        "num_90": num_90,
    }  # fmt: skip


def _digits(array: np.ndarray) -> list[float]:
    return [float(f"{value:.6g}") for value in array]


def _plain(triple: tuple[float, float, float]) -> dict[str, float]:
    return dict(zip(("mean", "lo", "hi"), _digits(np.array(triple))))


def _arrays(found: Jacobians) -> bytes:
    return safetensors.numpy.save({"strength": found.strength, "singular": found.singular, "heat": found.heat})
