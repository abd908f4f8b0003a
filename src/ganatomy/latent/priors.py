"""Other noise than the training's: what the spread and the shape of the latent distribution do (claims C9 and C10).

The source report says that too small noise reduces variety and that the training distribution is the right noise.
Here the same standard normal draws are scaled, or mapped number by number onto a uniform or Laplace distribution of
unit variance, so that all distributions are compared on paired latents.

Less variety alone says little about quality, and one distance alone may have its own taste. So small noise is also
measured against the test images, and the distributions are ordered by the kernel distance too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import rng
from ..metrics.jackknife import NUM_GROUPS, jackknife_se, leave_out_scores
from ..metrics.kernel import KernelTo
from ..metrics.prdc import K, prdc
from .lens import Lens
from .measures import NUM_PAIRS, pair_distance
from .real import RealImages

SMALL_SCALE = 0.1
SMALL_NAME = "normal x 0.1"
NUM_SMALL = 2 * NUM_PAIRS
"""Images of small noise, and of the training's beside it."""
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


def to_fixed_norm(z: Tensor) -> Tensor:
    """Put every latent [N, Z] on the sphere of radius sqrt(Z), where N(0, I) nearly lies anyway."""
    return z * (math.sqrt(z.shape[1]) / z.norm(dim=1, keepdim=True))


def to_one_hot(z: Tensor) -> Tensor:
    """Keep of every latent [N, Z] only the sign of its largest number, at sqrt(Z); the others are 0: the same norm."""
    at = z.abs().argmax(dim=1, keepdim=True)
    return torch.zeros_like(z).scatter_(1, at, math.sqrt(z.shape[1]) * z.gather(1, at).sign())


PRIORS: dict[str, Callable[[Tensor], Tensor]] = {
    "normal": lambda z: z,
    "normal x 0.5": lambda z: 0.5 * z,
    "normal x 0.7": lambda z: 0.7 * z,
    "normal x 1.3": lambda z: 1.3 * z,
    "normal x 2": lambda z: 2.0 * z,
    "uniform": to_uniform,
    "laplace": to_laplace,
}
"""Latent distributions of claim C10 by name, as maps of standard normal draws; the first is the training's."""


def _scaled(noise: Callable[[Tensor], Tensor], scale: float) -> Callable[[Tensor], Tensor]:
    return lambda z: scale * noise(z)


OTHER_NOISES: dict[str, Callable[[Tensor], Tensor]] = {
    f"{name}{'' if scale == 1 else f' x {scale:g}'}": _scaled(noise, scale)
    for name, noise in (
        ("uniform", to_uniform), ("laplace", to_laplace), ("fixed norm", to_fixed_norm), ("one-hot", to_one_hot)
    )
    for scale in (1, 0.5, 2)
    if (name, scale) not in (("uniform", 1), ("laplace", 1))
}  # fmt: skip
"""Further noises, beside those of the claim: other shapes, and the same shapes with half and double the spread."""


def measure_priors(
    lens: Lens, z_dim: int, seed: int, num_img: int
) -> Iterator[int | tuple[dict[str, Any], dict[str, np.ndarray]]]:
    """Compare latent distributions by feature diversity and by two distances to the test images.

    Args:
        lens: generator, feature network, which need not know classes, and the real images; without them only
            diversity is measured.
        z_dim: numbers in one latent.
        seed: seed of the latents (purpose `priors`).
        num_img: images per distribution for the distances (10,000 in `fd10k_test`), at least 20.

    Yields:
        How many images were made since the last record; then (record, arrays). Without a feature network the record
        says so in `message`.

        The record's `diversity` compares 0.1 z with z over 1,000 pairs, no latent in two of them; `frechet` has one
        row per distribution: `{prior, value, se, difference, difference_se}`, the difference being against `normal`
        on the same draws, standard errors by the delete-a-group jackknife with 10 groups. The same four of the kernel
        distance are `kernel`, `kernel_se`, `kernel_difference`, `kernel_difference_se`, where there are at least 20
        real images for it. `other` has the same rows for `OTHER_NOISES`. `small_noise` compares 2,000 images of 0.1 z
        with those of z, see `_small_noise`.
    """
    if lens.features is None:
        yield {"message": "not measured: there is no feature network for these data."}, {}
        return
    real = lens.real
    z = rng.latents(seed, "priors", max(num_img, NUM_SMALL), z_dim)
    pairs = np.arange(NUM_SMALL).reshape(NUM_PAIRS, 2).T
    found: dict[str, np.ndarray] = {}
    few: dict[str, np.ndarray] = {}
    scores = None if real is None else _Scores(real)
    jobs: dict[str, Tensor] = {"small": SMALL_SCALE * z[:NUM_SMALL], "normal": z}
    if scores is not None:
        jobs |= {name: prior(z[:num_img]) for name, prior in (PRIORS | OTHER_NOISES).items() if name != "normal"}
    for name, latents in jobs.items():
        rows = []
        for part in torch.split(latents, CHUNK_NIMG):
            rows.append(_features(lens, part))
            yield len(part)
        features = np.concatenate(rows)
        if name in ("small", "normal"):
            found[name], few[name] = pair_distance(features, pairs), features[:NUM_SMALL]
        if scores is not None and name != "small":
            scores.add(name, features[:num_img])
    record: dict[str, Any] = {"seed": seed, "diversity": _diversity(found["small"], found["normal"])}
    if real is None or scores is None:
        record["message"] = "no Frechet distances: no real images were given."
    else:
        record |= {"num_img": num_img, "num_real": real.moments.num, "split": "test", "features": lens.features.name}
        record |= {"num_groups": NUM_GROUPS, "num_real_kernel": len(real.features), "frechet": scores.rows(PRIORS)}
        record["other"] = scores.rows(OTHER_NOISES)
        record["small_noise"] = _small_noise(few, real)
    yield record, {f"priors/pair_distance/{name}": array for name, array in found.items()}


def num_images(num_img: int, has_features: bool, has_real: bool) -> int:
    """Return how many images `measure_priors` will make, for progress."""
    if not has_features:
        return 0
    others = (len(PRIORS) + len(OTHER_NOISES) - 1) * num_img if has_real else 0
    return NUM_SMALL + max(num_img, NUM_SMALL) + others


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


class _Scores:
    """Both distances to the real images of paired sets of features, each with its leave-outs."""

    def __init__(self, real: RealImages):
        self._moments = real.moments
        self._kernel = KernelTo(real.features) if len(real.features) >= 2 * NUM_GROUPS else None
        self._found: dict[str, dict[str, tuple[float, np.ndarray]]] = {}

    def add(self, name: str, features: np.ndarray) -> None:
        """Measure features [N, F], N >= 20."""
        self._found[name] = {"": leave_out_scores(features, self._moments)}
        if self._kernel is not None:
            self._found[name]["kernel"] = self._kernel.distances(features)

    def rows(self, names: Iterable[str]) -> list[dict[str, Any]]:
        """Return the rows of these sets in order, differences against `normal`."""
        rows = []
        for name in names:
            row: dict[str, Any] = {"prior": name}
            for kind, (value, leave_outs) in self._found[name].items():
                of_normal, of_normal_leave_outs = self._found["normal"][kind]
                start = f"{kind}_" if kind else ""
                row |= {kind or "value": value, f"{start}se": jackknife_se(leave_outs)}
                row[f"{start}difference"] = value - of_normal
                row[f"{start}difference_se"] = jackknife_se(leave_outs - of_normal_leave_outs)
            rows.append(row)
        return rows


def _small_noise(features: dict[str, np.ndarray], real: RealImages) -> dict[str, Any]:
    """Return what 2,000 images of `small` noise and of `normal` are worth beside real ones.

    `rows` has one per noise as in `frechet`, with `precision` and `recall` where there are enough real images: a low
    recall says that variety is lost, a low precision that the images are no longer like real ones.
    """
    scores = _Scores(real)
    for name, rows in features.items():
        scores.add(name, rows)
    record: dict[str, Any] = {"scale": SMALL_SCALE, "num_img": NUM_SMALL, "num_real_near": len(real.radii), "k": K}
    record["rows"] = scores.rows(features)
    for row in record["rows"]:
        if real.has_balls:
            found = prdc(features[row["prior"]], real.features, real_radii=real.radii)
            row |= {"precision": found.precision, "recall": found.recall}
        row["prior"] = SMALL_NAME if row["prior"] == "small" else row["prior"]
    return record
