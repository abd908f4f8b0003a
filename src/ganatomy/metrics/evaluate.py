"""Measure a generator: Frechet distance to the test images with its floor, class coverage, confidence.

Protocol: `num_sets` independent sets of 10,000 generated images, each against all test images. Latents are a
function of (seed, set) only. Real and generated images pass through the same uint8 storage and the same feature
network. The floor is the distance of held-out real images (last of the training split, not used to train the
network) to the test images: what a perfect generator would score. A network that knows no classes gives distances
only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from torch import nn

from .. import rng
from ..datasets.store import Dataset
from ..errors import ConfigError, DataError
from ..models.generate import generate
from ..progress import Progress
from . import modes
from .bias import bias_curve
from .features import cannot_train
from .frechet import frechet
from .jackknife import NUM_GROUPS, jackknife_se, leave_out_scores
from .moments import Moments, moments_of
from .near import count_name, near_scores
from .network import FeatureNetwork
from .reference import Reference
from .splits import Split, real_features, real_images

NUM_GEN = 10_000
CHUNK_NIMG = 1000
"""Images between two progress records."""

_real_moments: dict[tuple[str, str, Split], Moments] = {}
"""Feature moments of real images, kept for this process only: (data SHA-256, network SHA-256, split)."""


def real_moments(dataset: Dataset, features: FeatureNetwork, split: Split) -> Moments:
    """Return the feature moments of a split's real images: the shipped ones, else computed once per process."""
    key = (dataset.sha256, features.sha256, split)
    if key not in _real_moments:
        known = features.known_moments(dataset.sha256, split)
        _real_moments[key] = known or moments_of(real_features(dataset, features, split))
    return _real_moments[key]


def compute_moments(dataset: Dataset, features: FeatureNetwork, split: Split) -> Moments:
    """Return the feature moments of a split's real images from the images themselves."""
    return moments_of(features.extract(real_images(dataset, split))[0])


def floor(dataset: Dataset, features: FeatureNetwork) -> float:
    """Return the Frechet distance of the held-out real images to the test images, in squared feature units."""
    return frechet(real_moments(dataset, features, "held_out"), real_moments(dataset, features, "test"))


def score_name(features: FeatureNetwork, num_gen: int = NUM_GEN) -> str:
    """Return the score's name, which carries its protocol: `fd10k_test[fashion-v1]`. It is not an FID."""
    return f"fd{count_name(num_gen)}_test[{features.name}]"


def measure(
    G: nn.Module,
    z_dim: int,
    dataset: Dataset,
    features: FeatureNetwork | None,
    *,
    seed: int,
    num_sets: int = 1,
    num_gen: int = NUM_GEN,
    near: tuple[int, int] | None = None,
) -> Iterator[Progress | dict[str, Any]]:
    """Yield `Progress` in generated images, then the result.

    G must be in eval mode. The result has the keys of `measure.json` without `run` and `nimg`: `features`,
    `seed`, `scores`, `classes`, `confidence` and `message` (None, or in words what was not measured). Scores
    hold the mean over the sets, all `values` and the noise of one set, `spread`: their sample standard deviation, or
    for a single set its jackknife standard error (`spread_by` says which; None for fewer than 20 images);
    classes and confidence are those of the first set, and None with a network that knows no classes. `features=None`
    gives the same record with nothing measured. `near` is (sets, images per set) for the kernel distance and the
    neighbourhoods, None for all. A wrong number of sets or images is a `ConfigError`.
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
    reference = real_moments(dataset, features, "test")
    sets = []
    for index in range(num_sets):
        for step in _sample_set(G, rng.LatentStream(seed, f"measure-{index}", z_dim), features, num_gen):
            if isinstance(step, int):
                yield Progress(index * num_gen + step, num_sets * num_gen)
            else:
                sets.append(step)
    first_features, first_probabilities = sets[0]
    near_sets, num_near = near or (num_sets, num_gen)
    near_rows = [rows[:num_near] for rows, _ in sets[:near_sets]]
    scores = {score_name(features, num_gen): _frechet_score([rows for rows, _ in sets], dataset, features)}
    yield {
        "features": {"name": features.name, "sha256": features.sha256, "test_accuracy": features.test_accuracy},
        "seed": seed,
        "scores": scores | near_scores(near_rows, Reference(dataset, features, num_near), features.name),
        "bias": bias_curve(first_features, reference) if num_gen >= 20 else None,
        "classes": _classes(features, first_probabilities, dataset) if features.class_names else None,
        "confidence": modes.confidence_summary(first_probabilities) if features.class_names else None,
        "message": None if features.class_names else _no_classes(dataset, features),
    }


def _sample_set(
    G: nn.Module, latents: rng.LatentStream, features: FeatureNetwork, num_gen: int
) -> Iterator[int | tuple[np.ndarray, np.ndarray]]:
    """Yield how many images are done, then (features [num_gen, F], probabilities [num_gen, K])."""
    parts = []
    for start in range(0, num_gen, CHUNK_NIMG):
        z = latents.z(start, min(CHUNK_NIMG, num_gen - start))
        parts.append(features.extract(generate(G, z)))
        yield start + len(z)
    gen_features, probabilities = (np.concatenate(each) for each in zip(*parts))
    yield gen_features, probabilities


def _frechet_score(sets: list[np.ndarray], dataset: Dataset, features: FeatureNetwork) -> dict[str, Any]:
    """Return the record of the Frechet distances of feature sets [num_gen, F]."""
    reference = real_moments(dataset, features, "test")
    values = [frechet(moments_of(rows), reference) for rows in sets]
    return {
        "value": float(np.mean(values)),
        "floor": floor(dataset, features),
        "num_gen": len(sets[0]),
        "num_real": len(dataset.test),
        "num_floor": dataset.num_held_out,
        "split": "test",
        "num_sets": len(sets),
        "values": values,
    } | _spread(values, sets[0], reference)


def _spread(values: list[float], gen_features: np.ndarray, reference: Moments) -> dict[str, Any]:
    """Return the noise of one set's value: the sample sd of several sets, else the jackknife of the only one."""
    if len(values) > 1:
        return {"spread": float(np.std(values, ddof=1)), "spread_by": "sample sets"}
    if len(gen_features) < 2 * NUM_GROUPS:
        return {"spread": None, "spread_by": None}
    return {"spread": jackknife_se(leave_out_scores(gen_features, reference)[1]), "spread_by": "jackknife"}


def _classes(features: FeatureNetwork, probabilities: np.ndarray, dataset: Dataset) -> dict[str, Any]:
    counts = modes.class_counts(probabilities)
    labels = dataset.test.labels
    real = None if labels is None else np.bincount(labels.numpy(), minlength=len(counts))
    return {
        "names": list(features.class_names),
        "counts": counts.tolist(),
        "missing": [features.class_names[index] for index in modes.missing_classes(counts)],
        "share_min": modes.SHARE_MIN,
        "entropy": modes.class_entropy(counts),
        "kl": None if real is None else modes.kl_divergence(counts, real),
        "clarity": modes.clarity(probabilities),
    }


def _no_classes(dataset: Dataset, features: FeatureNetwork) -> str:
    start = f"classes and confidence were not measured, for the feature network {features.name} knows no classes"
    reason = cannot_train(dataset)
    if reason:
        return f"{start} and no other can be trained: {reason}."
    return f"{start}; `ganatomy features train DATA` trains one on {dataset.name}, then measure again."


def _nothing_measured(dataset: Dataset, seed: int) -> dict[str, Any]:
    return {
        "features": None,
        "seed": seed,
        "scores": {},
        "classes": None,
        "confidence": None,
        "message": f"no feature network is known for the data set {dataset.name}, so its generator was not scored.",
    }
