"""Measure a generator: Frechet distance to the test images with its floor, class coverage, confidence.

Protocol: `num_sets` independent sets of 10,000 generated images, each against all test images. Latents are a
function of (seed, set) only. Real and generated images pass through the same uint8 storage and the same feature
network. The floor is the distance of held-out real images (last of the training split, not used to train the
network) to the test images: what a perfect generator would score. A network that knows no classes, or others than the
data have, gives distances only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, TypedDict, Unpack

import numpy as np
import torch
from torch import Tensor, nn

from .. import images, rng
from ..datasets.enough import MIN_COMPARED
from ..datasets.store import Dataset
from ..errors import ConfigError, DataError
from ..models.generate import generate
from ..progress import Progress
from . import modes
from .bias import bias_curve
from .features import cannot_train, network_warnings, passed_over, trained_for
from .frechet import frechet
from .jackknife import NUM_GROUPS, jackknife_se, leave_out_scores
from .left_out import left_out, warning
from .memorisation import memory_record
from .memory_reference import MemoryReference
from .moments import Moments, moments_of
from .near import count_name, near_scores
from .neighbours import tied
from .network import FeatureNetwork
from .prdc import K
from .reference import Reference
from .splits import Split, real_features, real_images

NUM_GEN = 10_000
NUM_MEMORY = 1000
"""Generated images whose nearest training images are looked for, unless another number is asked for."""
MIN_BIAS = 20
"""Generated images that the line through distances at several numbers needs."""
SAME = 1e-5
"""Spread of features, relative to their mean, below which images look the same to a network: rounding alone."""
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


def floor(dataset: Dataset, features: FeatureNetwork) -> float | None:
    """Return the Frechet distance of the held-out real images to the test images, in squared feature units.

    None where fewer than two are held out.
    """
    if dataset.num_held_out < MIN_COMPARED:
        return None
    return frechet(real_moments(dataset, features, "held_out"), real_moments(dataset, features, "test"))


def score_name(features: FeatureNetwork, num_gen: int = NUM_GEN) -> str:
    """Return the score's name, which carries its protocol: `fd10k_test[fashion-v1]`. It is not an FID."""
    return f"fd{count_name(num_gen)}_test[{features.name}]"


class Sizes(TypedDict, total=False):
    """How much is generated, and how much of it each measure looks at."""

    num_sets: int
    """Independent sets (default 1)."""
    num_gen: int
    """Images of a set (default 10,000)."""
    near: tuple[int, int] | None
    """Sets, and images of each, for the kernel distance and the neighbourhoods; None, the default: all."""
    k: int
    """Which nearest image a neighbourhood reaches to (default 5)."""
    memory: int | None
    """First images of the first set whose nearest training images are looked for; None, the default: not at all."""


def measure(
    G: nn.Module, z_dim: int, dataset: Dataset, features: FeatureNetwork | None, *, seed: int, **sizes: Unpack[Sizes]
) -> Iterator[Progress | dict[str, Any]]:
    """Yield `Progress` in generated images, then the result.

    G must be in eval mode. The result has the keys of `measure.json` without `run` and `nimg`: `features`,
    `seed`, `scores`, `classes`, `confidence`, `memorisation`, `message` (None, or in words why classes were not
    measured), and `left_out` and `warnings`, see `metrics.left_out`.
    Scores hold the mean over the sets, all `values` and the noise of one set, `spread`: their sample standard
    deviation, or for a single set its jackknife standard error (`spread_by` says which; None for fewer than 20 images);
    classes and confidence are those of the first set, and None with a network that does not know the data's classes.
    `features=None` gives the same record with nothing measured. A wrong number of sets or images is a `ConfigError`.
    """
    num_sets, num_gen = sizes.get("num_sets", 1), sizes.get("num_gen", NUM_GEN)
    memory, k = max(0, min(sizes.get("memory") or 0, num_gen)), sizes.get("k", K)
    if k < 1:
        raise ConfigError(f"k is {k}; neighbourhoods reach to the nearest image (1) or further, usually 5 or 3.")
    if num_sets < 1 or num_gen < 2:
        raise ConfigError(
            f"{num_sets} sets of {num_gen} images were asked for; at least 1 set of at least 2 images is needed."
        )
    if features is None:
        yield _nothing_measured(dataset, seed)
        return
    if len(dataset.test) < MIN_COMPARED:
        raise DataError(
            f"the data set {dataset.name} has {len(dataset.test)} test image to compare with; at least {MIN_COMPARED} "
            "are needed. Give more pictures."
        )
    reference = real_moments(dataset, features, "test")
    sets = []
    for index in range(num_sets):
        for step in _sample_set(G, _latents(seed, index, z_dim), features, num_gen, 0 if index else memory):
            if isinstance(step, int):
                yield Progress(index * num_gen + step, num_sets * num_gen)
            else:
                sets.append(step)
    first = sets[0]
    near_sets, num_near = sizes.get("near") or (num_sets, num_gen)
    near_rows = [each.features[:num_near] for each in sets[:near_sets]]
    scores = {score_name(features, num_gen): _frechet_score([each.features for each in sets], dataset, features)}
    real = Reference(dataset, features, num_near, k)
    near, missing = near_scores(near_rows, real, features.name)
    has_classes = _knows_classes(features, dataset)
    record: dict[str, Any] = {
        "features": {"name": features.name, "sha256": features.sha256, "test_accuracy": features.test_accuracy},
        "seed": seed,
        "scores": scores | near,
        "bias": bias_curve(first.features, reference) if num_gen >= MIN_BIAS else None,
        "classes": _classes(features, first.probabilities, dataset) if has_classes else None,
        "confidence": modes.confidence_summary(first.probabilities) if has_classes else None,
        "memorisation": memory_record(
            first.img, first.features[:memory], MemoryReference(dataset, features, memory)
        ) if memory else None,
        "message": None if has_classes else _no_classes(dataset, features),
    }  # fmt: skip
    record["left_out"] = _left_out(record, dataset) + missing
    record["warnings"] = _warnings(sets, dataset, real) + network_warnings(dataset, features)
    yield record


def pair_sheet(
    G: nn.Module, z_dim: int, dataset: Dataset, seed: int, pairs: list[dict[str, Any]], gap_px: int = 2
) -> np.ndarray:
    """Return the closest pairs of a measurement as one picture, uint8 [2 H + gap, W] or [2 H + gap, W, 3].

    `pairs` are those of `memorisation` by that seed; the generated images, made again, stand above their training
    images, the closest on the left.
    """
    stream = _latents(seed, 0, z_dim)
    gen = generate(G, torch.cat([stream.z(pair["gen"], 1) for pair in pairs]))
    real = dataset.train.images[[pair["train"] for pair in pairs]]
    return images.grid(torch.cat([gen, real]), num_columns=len(pairs), gap_px=gap_px)


def _latents(seed: int, index: int, z_dim: int) -> rng.LatentStream:
    return rng.LatentStream(seed, f"measure-{index}", z_dim)


class _Sampled(NamedTuple):
    features: np.ndarray
    """[num_gen, F]."""
    probabilities: np.ndarray
    """[num_gen, K]."""
    img: Tensor
    """The first images, uint8 [num_kept, C, H, W]."""


def _sample_set(
    G: nn.Module, latents: rng.LatentStream, features: FeatureNetwork, num_gen: int, num_kept: int
) -> Iterator[int | _Sampled]:
    """Yield how many images are done, then what they are."""
    parts, kept = [], []
    for start in range(0, num_gen, CHUNK_NIMG):
        z = latents.z(start, min(CHUNK_NIMG, num_gen - start))
        img = generate(G, z)
        parts.append(features.extract(img))
        kept.append(img[: max(0, num_kept - start)])
        yield start + len(z)
    gen_features, probabilities = (np.concatenate(each) for each in zip(*parts))
    yield _Sampled(gen_features, probabilities, torch.cat(kept))


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
    labels = dataset.test.labels if dataset.class_names else None
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


def _knows_classes(features: FeatureNetwork, dataset: Dataset) -> bool:
    """Whether a network's classes say something about a data set: they are the same, or the data have none."""
    return bool(features.class_names) and dataset.class_names in ((), tuple(features.class_names))


def _left_out(record: dict[str, Any], dataset: Dataset) -> list[dict[str, Any]]:
    """Return what the record lacks beside kernel distance and neighbourhoods, with the reasons."""
    (name, score), *_ = record["scores"].items()
    sizes = {"num_gen": score["num_gen"], "num_real": score["num_real"]}
    found = []
    if score["floor"] is None:
        found.append(left_out(name, "few_floor", "floor", least=MIN_COMPARED - 1, num_floor=dataset.num_held_out))
    if score["spread"] is None:
        found.append(left_out(name, "few_error", "error", least=2 * NUM_GROUPS, **sizes))
    if record["bias"] is None:
        found.append(left_out("bias", "few_line", least=MIN_BIAS, **sizes))
    if record["classes"] and record["classes"]["kl"] is None:
        is_labelled = bool(dataset.class_names) and dataset.test.labels is not None
        found.append(left_out("kl", "new_class" if is_labelled else "no_labels"))
    for kind, copies in (record["memorisation"] or {}).items():
        if copies["untold"]:
            about = {"num_test": copies["num_test"], "num_gen": copies["num_gen"], "limit": copies["reach"]}
            found.append(left_out(f"copies, in {kind}", copies["untold"], **about))
    return found


def _warnings(sets: list[_Sampled], dataset: Dataset, real: Reference) -> list[dict[str, Any]]:
    """Return what has to be known of the pictures to read the scores: whether all or many look the same."""
    found = []
    if all(_look_the_same(moments_of(each.features)) for each in sets):
        found.append(warning("same_gen", num=sum(len(each.features) for each in sets)))
    num_tied = int(tied(real.features, real.radii).sum()) if len(real.radii) else 0
    if _look_the_same(moments_of(real.features)):
        found.append(warning("same_real", num=real.num))
    elif num_tied:
        found.append(warning("ties", num=num_tied, total=real.num, k=real.k))
    return found


def _look_the_same(seen: Moments) -> bool:
    """Whether images have equal features but for rounding, which depends on how many are looked at together."""
    return float(np.trace(seen.covariance)) <= SAME**2 * float(seen.mean @ seen.mean)


def _no_classes(dataset: Dataset, features: FeatureNetwork) -> str:
    if features.class_names:
        return (
            f"classes and confidence were not measured, for the feature network {features.name} knows other classes "
            f"than {dataset.name} has."
        )
    start = f"classes and confidence were not measured, for the feature network {features.name} knows no classes"
    own, weak = trained_for(dataset), passed_over(dataset)
    if weak:
        return f"{start}; {weak['name']}, trained on {dataset.name}, knows too little of them to be asked."
    if own:
        return f"{start}; {own.name}, the network of {dataset.name}, knows them: measure with it."
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
        "memorisation": None,
        "message": f"no feature network is known for the data set {dataset.name}, so its generator was not scored.",
        "left_out": [],
        "warnings": [],
    }
