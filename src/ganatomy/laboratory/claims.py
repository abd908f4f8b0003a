"""The source report's claims C1 to C13, decided from measurements (SOURCE-REPORT.md, section 4).

Every claim gives one row per recipe it speaks of: value, 95 % interval, threshold and verdict. `holds` means that the
whole interval is on the right side of the threshold, `fails` that all of it is on the wrong side. A claim that cannot
be decided stays in the table as `undecided`, with the reason in words.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import rng
from ..latent.intervals import Array
from ..latent.priors import NUM_GROUPS, PRIORS
from .curve_claims import gan_losses, dcgan_losses
from .evidence import Evidence
from .hierarchy import Estimate, counts, over_trainings
from .number_claims import NUMBER_CLAIMS, about_numbers
from .rows import cannot, decided, new_row

NUM_DRAWS = 20_000
"""Draws for intervals that come from standard errors; many, since some lie far out in the tails."""


def decide_claims(recipes: dict[str, Sequence[Evidence]], seed: int = 0) -> list[dict[str, Any]]:
    """Decide C1 to C13.

    Args:
        recipes: trainings by recipe. C1 to C10 are decided for each of them, C11 for `gan`, C12 for `dcgan`, C13 for
            both. Trainings of one recipe differ in their seed only.
        seed: seed of the resamples; the same seed and evidence give the same rows.

    Returns:
        Rows `{id, run, statistic, value, lo, hi, threshold, side, verdict, reason, num_trainings, trainings, scope}`;
        `run` is the recipe. Value, lo and hi are None where they cannot be known, and `reason` says why (else None).
        Claims about numbers also have `num_dims`, `num_latents`, `median` (over the numbers), `num_undefined` and a
        `control` with its own value, lo, hi and median; claims of several parts have `parts`, and their row shows the
        part that decided.
    """
    rows = []
    for recipe, trainings in recipes.items():
        if trainings:
            rows += [_of_recipe(claim, recipe, trainings, seed) for claim in (f"C{i}" for i in range(1, 11))]
    if recipes.get("gan"):
        rows.append(_losses("C11", "gan", recipes["gan"], seed))
    if recipes.get("dcgan"):
        rows.append(_losses("C12", "dcgan", recipes["dcgan"], seed))
    if recipes.get("gan") and recipes.get("dcgan"):
        rows.append(_score_ratio(recipes["gan"], recipes["dcgan"], seed))
    return sorted(rows, key=lambda row: int(row["id"][1:]))


def _of_recipe(claim_id: str, recipe: str, trainings: Sequence[Evidence], seed: int) -> dict[str, Any]:
    special = {"C2": _size_of_numbers, "C9": _small_noise, "C10": _best_prior}
    if claim_id in special:
        return special[claim_id](recipe, trainings, seed)
    claim = next(claim for claim in NUMBER_CLAIMS if claim.id == claim_id)
    return _about_numbers(claim, recipe, trainings, seed)


def _size_of_numbers(recipe: str, trainings: Sequence[Evidence], seed: int) -> dict[str, Any]:
    """C2 is exact: P(|z| > 0.5) = erfc(0.5 / sqrt 2). The latents used are counted beside it."""
    del seed
    row = new_row("C2", recipe, trainings, "share of |z| > 0.5 under N(0, 1), exact", ">", 0.5)
    exact = math.erfc(0.5 / math.sqrt(2))
    used = [training.arrays["all/z"] for training in trainings if training.arrays]
    measured = float(np.mean([np.mean(np.abs(z) > 0.5) for z in used])) if used else None
    return decided(row, Estimate(exact, exact, exact), measured=measured, num_measured=sum(z.size for z in used))


def _small_noise(recipe: str, trainings: Sequence[Evidence], seed: int) -> dict[str, Any]:
    """C9: pairs share no latent, so resampling pairs resamples independent observations."""
    row = new_row("C9", recipe, trainings, "feature diversity of 0.1 z / that of z", "<=", 0.5)
    distances = []
    for training in trainings:
        small, normal = (training.arrays.get(f"priors/pair_distance/{name}") for name in ("small", "normal"))
        if small is None or normal is None:
            return cannot(row, f"the diversity of {training.name} was not measured in feature space.")
        if not normal.any():
            return cannot(row, f"all images of {training.name} are the same in feature space: no variety to lose.")
        distances.append((small.astype(np.float64), normal.astype(np.float64)))

    def one(training: int, num_rows: int, draw: np.random.Generator) -> Array:
        small, normal = distances[training]
        weights = counts(draw, num_rows, len(normal))
        result: Array = (weights @ small) / (weights @ normal)
        return result

    value = float(np.mean([small.mean() / normal.mean() for small, normal in distances]))
    samples = over_trainings(len(trainings), one, rng.generator(seed, f"claim-C9-{recipe}"))
    return decided(row, Estimate.of(value, samples), num_pairs=[len(normal) for _, normal in distances])
