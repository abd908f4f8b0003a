"""Other noise than the training's: what the spread and the shape of the latent distribution do (claims C9 and C10).

The source report says that too small noise reduces variety and that the training distribution is the right noise.
Here the same standard normal draws are scaled, or mapped number by number onto a uniform or Laplace distribution of
unit variance, so that all distributions are compared on paired latents.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import rng
from ..metrics.jackknife import NUM_GROUPS, jackknife_se, leave_out_scores
from ..metrics.moments import Moments
from ..metrics.network import FeatureNetwork
from .atlas import Lens
from .measures import NUM_PAIRS, pair_distance

SMALL_SCALE = 0.1
CHUNK_NIMG = 1000


def to_uniform(z: Tensor) -> Tensor:
    """Map standard normal numbers onto the uniform distribution of unit variance, -sqrt(3) to sqrt(3), float32."""
    exact: Tensor = math.sqrt(3) * (2 * torch.special.ndtr(z.to(torch.float64)) - 1)
    return exact.to(torch.float32)


def to_laplace(z: Tensor) -> Tensor:
    """Map standard normal numbers onto the Laplace distribution of unit variance (scale 1 / sqrt(2)), float32."""
    exact = z.to(torch.float64)
    # From the nearer tail, so that large numbers keep their precision.
    size = -math.sqrt(0.5) * (math.log(2) + torch.special.log_ndtr(-exact.abs()))
    return (exact.sign() * size).to(torch.float32)


PRIORS: dict[str, Callable[[Tensor], Tensor]] = {
    "normal": lambda z: z,
    "normal x 0.5": lambda z: 0.5 * z,
    "normal x 0.7": lambda z: 0.7 * z,
    "normal x 1.3": lambda z: 1.3 * z,
    "normal x 2": lambda z: 2.0 * z,
    "uniform": to_uniform,
    "laplace": to_laplace,
}
"""Latent distributions by name, as maps of standard normal draws; the first is the training's."""


def measure_priors(
    lens: Lens, real: Moments | None, z_dim: int, seed: int, num_img: int
) -> Iterator[int | tuple[dict[str, Any], dict[str, np.ndarray]]]:
    """Compare latent distributions by feature diversity and by Frechet distance to the test images.

    Args:
        lens: generator and feature network, which need not know classes.
        real: feature moments of the test images, or None: then only diversity is measured.
        z_dim: numbers in one latent.
        seed: seed of the latents (purpose `priors`).
        num_img: images per distribution for the Frechet distance (10,000 in `fd10k_test`), at least 20.

    Yields:
        How many images were made since the last record; then (record, arrays). Without a feature network the record
        says so in `message`.

        The record's `diversity` compares 0.1 z with z over 1,000 pairs, no latent in two of them; `frechet` has one
        row per distribution: `{prior, value, se, difference, difference_se}`, the difference being against `normal`
        on the same draws, standard errors by the delete-a-group jackknife with 10 groups.
    """
    if lens.features is None:
        yield {"message": "not measured: there is no feature network for these data."}, {}
        return
    z = rng.latents(seed, "priors", max(num_img, 2 * NUM_PAIRS), z_dim)
    pairs = np.arange(2 * NUM_PAIRS).reshape(NUM_PAIRS, 2).T
    found: dict[str, np.ndarray] = {}
    scores: dict[str, tuple[float, np.ndarray]] = {}
    jobs: dict[str, Tensor] = {"small": SMALL_SCALE * z[: 2 * NUM_PAIRS], "normal": z}
    if real is not None:
        jobs |= {name: prior(z[:num_img]) for name, prior in PRIORS.items() if name != "normal"}
    for name, latents in jobs.items():
        rows = []
        for part in torch.split(latents, CHUNK_NIMG):
            rows.append(_features(lens, part))
            yield len(part)
        features = np.concatenate(rows)
        if name in ("small", "normal"):
            found[name] = pair_distance(features, pairs)
        if real is not None and name != "small":
            scores[name] = leave_out_scores(features[:num_img], real)
    record: dict[str, Any] = {"seed": seed, "diversity": _diversity(found["small"], found["normal"])}
    if real is None:
        record["message"] = "no Frechet distances: no real images were given."
    else:
        record |= {"num_img": num_img, "num_real": real.num, "split": "test", "features": lens.features.name}
        record |= {"num_groups": NUM_GROUPS, "frechet": _frechet_rows(scores)}
    yield record, {f"priors/pair_distance/{name}": array for name, array in found.items()}


def num_images(num_img: int, features: FeatureNetwork | None, real: Moments | None) -> int:
    """Return how many images `measure_priors` will make, for progress."""
    if features is None:
        return 0
    others = (len(PRIORS) - 1) * num_img if real is not None else 0
    return 2 * NUM_PAIRS + max(num_img, 2 * NUM_PAIRS) + others


def _features(lens: Lens, z: Tensor) -> np.ndarray:
    assert lens.features is not None, "measure_priors returns early without a network"
    return lens.features.extract(lens.generate(z))[0]


def _diversity(small: np.ndarray, normal: np.ndarray) -> dict[str, Any]:
    small_mean, normal_mean = float(small.mean(dtype=np.float64)), float(normal.mean(dtype=np.float64))
    return {
        "scale": SMALL_SCALE,
        "num_pairs": len(normal),
        "small": small_mean,
        "normal": normal_mean,
        "ratio": small_mean / normal_mean if normal_mean > 0 else None,
    }


def _frechet_rows(scores: dict[str, tuple[float, np.ndarray]]) -> list[dict[str, Any]]:
    value, leave_outs = scores["normal"]
    rows = []
    for name in PRIORS:
        other, other_leave_outs = scores[name]
        row = {"prior": name, "value": other, "se": jackknife_se(other_leave_outs)}
        row |= {"difference": other - value, "difference_se": jackknife_se(other_leave_outs - leave_outs)}
        rows.append(row)
    return rows
