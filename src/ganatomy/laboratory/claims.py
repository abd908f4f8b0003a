"""The source report's claims C1 to C13, decided from measurements (SOURCE-REPORT.md, section 4).

Every claim gives one row per recipe it speaks of: value, 95 % interval, threshold and verdict. `holds` means that the
whole interval is on the right side of the threshold, `fails` that all of it is on the wrong side. A claim that cannot
be decided stays in the table as `undecided`, with the reason in words.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import rng
from ..metrics.jackknife import NUM_GROUPS
from .curve_claims import dcgan_losses, gan_losses
from .evidence import Evidence
from .hierarchy import Estimate
from .noise_claims import best_prior, small_noise
from .number_claims import NUMBER_CLAIMS, about_numbers, destroyed_quality
from .rows import cannot, decided, new_row, scope

NUM_DRAWS = 20_000
"""Draws for an interval that comes from standard errors; many, for it lies in the tails."""


def decide_claims(recipes: Mapping[str, Sequence[Evidence]], seed: int = 0) -> list[dict[str, Any]]:
    """Decide C1 to C13.

    Args:
        recipes: trainings by recipe. C1 to C10 are decided for each of them, C11 for `gan`, C12 for `dcgan`, C13 for
            both. Trainings of one recipe differ in their seed only.
        seed: seed of the resamples; the same seed and evidence give the same rows.

    Returns:
        Rows `{id, run, statistic, value, lo, hi, threshold, side, verdict, reason, num_trainings, trainings, scope}`;
        `run` is the training's name, with several trainings the recipe's. Value, lo and hi are None where they cannot
        be known, and `reason` says why (else None). Claims about numbers also have `num_dims`, `num_latents`,
        `median` (over the numbers), `num_undefined` and a `control` with its own value, lo, hi and median; claims of
        several conditions have `parts`, and their row shows the part that decided. A `note` says in words what a
        verdict had to do without. What more C9 and C10 have is said at `noise_claims`.
    """
    rows = []
    for recipe, trainings in recipes.items():
        if trainings:
            rows += [_of_recipe(claim, recipe, trainings, seed) for claim in (f"C{i}" for i in range(1, 11))]
    if recipes.get("gan"):
        rows.append(gan_losses("gan", recipes["gan"], seed))
    if recipes.get("dcgan"):
        rows.append(dcgan_losses("dcgan", recipes["dcgan"], seed))
    if recipes.get("gan") and recipes.get("dcgan"):
        rows.append(_score_ratio(recipes["gan"], recipes["dcgan"], seed))
    return sorted(rows, key=lambda row: int(row["id"][1:]))


def _of_recipe(claim_id: str, recipe: str, trainings: Sequence[Evidence], seed: int) -> dict[str, Any]:
    special = {"C2": _size_of_numbers, "C6": destroyed_quality, "C9": small_noise, "C10": best_prior}
    if claim_id in special:
        return special[claim_id](recipe, trainings, seed)
    claim = next(claim for claim in NUMBER_CLAIMS if claim.id == claim_id)
    return about_numbers(claim, recipe, trainings, seed)


def _size_of_numbers(recipe: str, trainings: Sequence[Evidence], seed: int) -> dict[str, Any]:
    """C2 is exact: P(|z| > 0.5) = erfc(0.5 / sqrt 2). The latents used are counted beside it."""
    del seed
    row = new_row("C2", recipe, trainings, "share of |z| > 0.5 under N(0, 1), exact", ">", 0.5)
    exact = math.erfc(0.5 / math.sqrt(2))
    used = [training.arrays["all/z"] for training in trainings if training.arrays]
    measured = float(np.mean([np.mean(np.abs(z) > 0.5) for z in used])) if used else None
    return decided(row, Estimate(exact, exact, exact), measured=measured, num_measured=sum(z.size for z in used))


def _score_ratio(gan: Sequence[Evidence], dcgan: Sequence[Evidence], seed: int) -> dict[str, Any]:
    """C13: the smallest ratio of any GAN training's score to any DCGAN training's.

    Intervals come from the scores' standard errors with Student's t: the spread of independent sample sets where there
    are several, else the jackknife of the only one.
    """
    trainings = [*gan, *dcgan]
    row = new_row("C13", "gan, dcgan", trainings, "smallest ratio of Frechet distances, GAN / DCGAN", ">=", 2.0)
    num = min(len(gan), len(dcgan))
    # Two of each are too few for the smallest ratio to say something of trainings yet to come.
    row |= {"num_trainings": num, "scope": scope(num) if num != 2 else "in these trainings"}
    shared = set.intersection(*(set(training.scores) for training in trainings))
    name = next((name for name in sorted(shared) if name.startswith("fd")), None)
    if name is None:
        return cannot(
            row, "the trainings have no Frechet distance of the same protocol; run `ganatomy measure` on them."
        )
    above, below = (np.array([t.scores[name]["value"] for t in recipe]) for recipe in (gan, dcgan))
    if below.min() <= 0:
        return cannot(row, "a DCGAN training's Frechet distance is 0, so there is no ratio.", score=name)
    value = float(above.min() / below.max())
    errors = [[_score_error(training, name) for training in recipe] for recipe in (gan, dcgan)]
    if any(error is None for recipe in errors for error in recipe):
        reason = "nothing tells the noise of the scores: too few images were measured."
        return cannot(row, reason, score=name, value=value)
    draw = rng.generator(seed, "claim-C13")
    (above_se, above_dof), (below_se, below_dof) = (np.array(recipe, np.float64).T for recipe in errors)
    above_draws = above + above_se * draw.standard_t(above_dof, size=(NUM_DRAWS, len(above)))
    below_draws = below + below_se * draw.standard_t(below_dof, size=(NUM_DRAWS, len(below)))
    samples = above_draws.min(axis=1) / np.maximum(below_draws.max(axis=1), 1e-12)
    return decided(row, Estimate.of(value, samples), score=name)


def _score_error(training: Evidence, name: str) -> tuple[float, int] | None:
    """Return (standard error, degrees of freedom) of a training's score, or None where nothing tells it."""
    score = training.scores[name]
    if score.get("spread") is None:
        return None
    num_sets = score.get("num_sets", 1)
    groups = num_sets if num_sets > 1 else NUM_GROUPS
    return float(score["spread"]) / math.sqrt(num_sets), groups - 1
