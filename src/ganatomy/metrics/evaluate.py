"""Measure a generator: Frechet distance to the test images with its floor, class coverage, confidence.

Protocol: `num_sets` independent sets of 10,000 generated images, each against all test images. Latents are a
function of (seed, set) only. Real and generated images pass through the same uint8 storage and the same feature
network. The floor is the distance of held-out real images (last of the training split, not used to train the
network) to the test images: what a perfect generator would score.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from torch import Tensor, nn

from .. import rng
from ..datasets.store import Dataset
from ..errors import ConfigError, DataError
from ..models.generate import generate
from ..progress import Progress
from . import modes
from .features import NUM_HELD_OUT, FeatureNetwork
from .frechet import frechet
from .moments import Moments

NUM_GEN = 10_000
CHUNK_NIMG = 1000
"""Images between two progress records."""

Split = Literal["test", "held_out"]

_real_moments: dict[tuple[str, str, Split], Moments] = {}
"""Feature moments of real images, kept for this process only: (data SHA-256, network SHA-256, split)."""


def real_images(dataset: Dataset, split: Split) -> Tensor:
    """Return uint8 [N, C, H, W]: the `test` images, or the `held_out` last 10,000 of the training split."""
    return dataset.test.images if split == "test" else dataset.train.images[-NUM_HELD_OUT:]


def real_moments(dataset: Dataset, features: FeatureNetwork, split: Split) -> Moments:
    """Return the feature moments of a split's real images; computed once per process."""
    key = (dataset.sha256, features.sha256, split)
    if key not in _real_moments:
        moments = Moments(features.num_features)
        moments.update(features.extract(real_images(dataset, split))[0])
        _real_moments[key] = moments
    return _real_moments[key]


def floor(dataset: Dataset, features: FeatureNetwork) -> float:
    """Return the Frechet distance of the held-out real images to the test images, in squared feature units."""
    return frechet(real_moments(dataset, features, "held_out"), real_moments(dataset, features, "test"))


def score_name(features: FeatureNetwork, num_gen: int = NUM_GEN) -> str:
    """Return the score's name, which carries its protocol: `fd10k_test[fashion-v1]`. It is not an FID."""
    count = f"{num_gen // 1000}k" if num_gen % 1000 == 0 else str(num_gen)
    return f"fd{count}_test[{features.name}]"


def measure(
    G: nn.Module,
    z_dim: int,
    dataset: Dataset,
    features: FeatureNetwork | None,
    *,
    seed: int,
    num_sets: int = 1,
    num_gen: int = NUM_GEN,
) -> Iterator[Progress | dict[str, Any]]:
    """Yield `Progress` in generated images, then the result.

    G must be in eval mode. The result has the keys of `measure.json` without `run` and `nimg`: `features`,
    `seed`, `scores`, `classes`, `confidence` and `message` (None, or in words what was not measured). Scores
    hold the mean over the sets, their sample standard deviation `spread` (None for one set) and all `values`;
    classes and confidence are those of the first set. `features=None` (a data set without a feature network)
    gives the same record with nothing measured. A wrong number of sets or images is a `ConfigError`.
    """
    if num_sets < 1 or num_gen < 2:
        raise ConfigError(
            f"{num_sets} sets of {num_gen} images were asked for; at least 1 set of at least 2 images is needed."
        )
    if features is None:
        yield _nothing_measured(dataset, seed)
        return
    num_real = min(len(dataset.test), len(real_images(dataset, "held_out")))
    if num_real < 2:
        raise DataError(
            f"the data set {dataset.name} has {num_real} real images to compare with; at least 2 are needed."
        )
    floor_value = floor(dataset, features)
    values, first = [], np.empty((0, len(features.class_names)), np.float32)
    for index in range(num_sets):
        moments, parts = Moments(features.num_features), []
        latents = rng.LatentStream(seed, f"measure-{index}", z_dim)
        for start in range(0, num_gen, CHUNK_NIMG):
            z = latents.z(start, min(CHUNK_NIMG, num_gen - start))
            gen_features, probabilities = features.extract(generate(G, z))
            moments.update(gen_features)
            parts.append(probabilities)
            yield Progress(index * num_gen + start + len(z), num_sets * num_gen)
        values.append(frechet(moments, real_moments(dataset, features, "test")))
        if index == 0:
            first = np.concatenate(parts)
    score = {
        "value": float(np.mean(values)),
        "floor": floor_value,
        "num_gen": num_gen,
        "num_real": len(dataset.test),
        "num_floor": len(real_images(dataset, "held_out")),
        "split": "test",
        "num_sets": num_sets,
        "spread": float(np.std(values, ddof=1)) if num_sets > 1 else None,
        "values": values,
    }
    yield {
        "features": {"name": features.name, "sha256": features.sha256, "test_accuracy": features.test_accuracy},
        "seed": seed,
        "scores": {score_name(features, num_gen): score},
        "classes": _classes(features, first),
        "confidence": modes.confidence_summary(first),
        "message": None,
    }


def _classes(features: FeatureNetwork, probabilities: np.ndarray) -> dict[str, Any]:
    counts = modes.class_counts(probabilities)
    return {
        "names": list(features.class_names),
        "counts": counts.tolist(),
        "missing": [features.class_names[index] for index in modes.missing_classes(counts)],
        "share_min": modes.SHARE_MIN,
        "entropy": modes.class_entropy(counts),
    }


def _nothing_measured(dataset: Dataset, seed: int) -> dict[str, Any]:
    return {
        "features": None,
        "seed": seed,
        "scores": {},
        "classes": None,
        "confidence": None,
        "message": f"no feature network is known for the data set {dataset.name}, so its generator was not scored.",
    }
