"""The whole latent scaled from 0 to 3: fidelity against diversity, and where the network loses its way.

Scaling by less than 1 is the truncation of Brock et al. 2019 (arXiv:1809.11096, section 3.1) in its simplest form: all
latents move towards the middle. The same draws serve every scale, so the rows differ in the scale alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import rng
from ..metrics.jackknife import jackknife_se, leave_out_scores
from ..metrics.prdc import K, prdc
from .codes import norm_sigmas
from .intervals import bootstrap_weights, percentile_interval, weighted_means
from .lens import Lens
from .measures import NUM_PAIRS, Seen, bright_share, entropy, pair_distance, sharpness

SCALES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0)
CHUNK_NIMG = 1000
MIN_IMG = 20


def measure_scales(lens: Lens, z_dim: int, seed: int, num_img: int) -> Iterator[int | dict[str, Any]]:
    """Measure the images of s * z for every scale s in `SCALES`.

    Args:
        lens: generator, feature network (or None) and what it saw in real images (or None).
        z_dim: numbers in one latent.
        seed: seed of the latents (purpose `scales`) and of the resamples.
        num_img: images per scale, at least 20.

    Yields:
        How many images were made since the last record; then the record: `rows` with one entry per scale, {scale,
        norm_sigmas, and as far as they are known sharpness, bright_share, confidence (each {mean, lo, hi}, 95 %
        bootstrap over latents), diversity (mean feature distance of pairs that share no latent, {mean, lo, hi}),
        class_entropy, frechet, frechet_se (jackknife), precision, recall}. Precision says how many images are like
        real ones, recall how much of the variety of real ones is reached; s = 0 makes one image, so it has no recall.
    """
    z = rng.latents(seed, "scales", num_img, z_dim)
    rows = []
    for scale in SCALES:
        seen: list[Seen] = []
        for part in (scale * z).split(CHUNK_NIMG):
            seen.append(lens.see(part))
            yield len(part)
        row: dict[str, Any] = {"scale": scale, "norm_sigmas": _round(float(norm_sigmas(scale * z).mean()))}
        rows.append(row | _pixel_rows(seen, seed) | _feature_rows(lens, seen, seed))
    yield {"seed": seed, "num_img": num_img, "num_pairs": min(NUM_PAIRS, num_img // 2), "k": K, "rows": rows}


def num_images(num_img: int) -> int:
    """Return how many images `measure_scales` will make, for progress."""
    return len(SCALES) * num_img


def _pixel_rows(seen: list[Seen], seed: int) -> dict[str, Any]:
    rows = {measure.__name__: np.concatenate([measure(part) for part in seen]) for measure in (sharpness, bright_share)}
    return {name: _interval(array, seed) for name, array in rows.items()}


def _feature_rows(lens: Lens, seen: list[Seen], seed: int) -> dict[str, Any]:
    if lens.features is None:
        return {}
    found: dict[str, Any] = {}
    features = np.concatenate([part.known_features for part in seen])
    num_pairs = min(NUM_PAIRS, len(features) // 2)
    pairs = np.arange(2 * num_pairs).reshape(num_pairs, 2).T
    found["diversity"] = _interval(pair_distance(features, pairs), seed)
    if seen[0].probabilities is not None:
        probabilities = np.concatenate([part.known_probabilities for part in seen])
        counts = np.bincount(probabilities.argmax(axis=1), minlength=probabilities.shape[1])
        found["confidence"] = _interval(probabilities.max(axis=1), seed)
        found["class_entropy"] = _round(float(entropy(counts.astype(np.float64))))
        found["class_shares"] = [_round(share) for share in counts / len(probabilities)]
    real = lens.real
    if real is None:
        return found
    value, left_out = leave_out_scores(features, real.moments)
    found |= {"frechet": _round(value), "frechet_se": _round(jackknife_se(left_out))}
    if real.has_balls and len(features) > K:
        near = prdc(features, real.features, real_radii=real.radii)
        found |= {"precision": _round(near.precision), "recall": _round(near.recall)}
    return found


def _interval(values: np.ndarray, seed: int) -> dict[str, float | None]:
    samples = weighted_means(values, bootstrap_weights(seed, "scales", len(values)))
    lo, hi = percentile_interval(samples[1:])
    return dict(zip(("mean", "lo", "hi"), map(_round, (float(samples[0]), float(lo), float(hi)))))


def _round(value: float) -> float | None:
    return float(f"{value:.6g}") if np.isfinite(value) else None
