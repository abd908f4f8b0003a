"""Claims about the noise that latents are drawn from (C9, C10): its spread and its shape."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from .. import rng
from ..latent.intervals import Array
from ..latent.priors import PRIORS, SMALL_NAME
from ..metrics.comparison import student_quantile
from ..metrics.jackknife import NUM_GROUPS
from .evidence import Evidence
from .hierarchy import TAIL, Estimate, counts, decide, over_trainings, student_interval
from .rows import cannot, decided, new_row

OTHERS = tuple(name for name in PRIORS if name != "normal")
WORTH = ("value", "kernel", "precision", "recall")
"""What small noise and the training's are compared by, beside diversity; `value` is the Frechet distance."""


def small_noise(recipe: str, trainings: Sequence[Evidence], seed: int) -> dict[str, Any]:
    """C9: pairs share no latent, so resampling pairs resamples independent observations.

    Beside the ratio of diversities, which decides, `worth` says what the images of both noises are worth beside real
    ones: less variety could also be the price of better images.
    """
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

    values = [float(small.mean() / normal.mean()) for small, normal in distances]
    found = over_trainings(values, one, rng.generator(seed, f"claim-C9-{recipe}"))
    worth = _worth(trainings)
    more = {"worth": worth} if worth else {}
    return decided(row, found, num_pairs=[len(normal) for _, normal in distances], **more)


def _worth(trainings: Sequence[Evidence]) -> dict[str, dict[str, float]] | None:
    """Return {small, normal: {frechet, ...}}, means over trainings of what all have; None where one has nothing."""
    records = [training.record.get("priors", {}).get("small_noise") for training in trainings]
    tables = [{entry["prior"]: entry for entry in record["rows"]} for record in records if record]
    if len(tables) < len(trainings):
        return None
    return {
        key: {
            "frechet" if name == "value" else name: float(np.mean([table[prior][name] for table in tables]))
            for name in WORTH
            if all(name in table[prior] for table in tables)
        }
        for key, prior in (("small", SMALL_NAME), ("normal", "normal"))
    }


def best_prior(recipe: str, trainings: Sequence[Evidence], seed: int) -> dict[str, Any]:
    """C10: the training's distribution against every other one, by differences on paired latents.

    Each difference's interval is Student's t: of one training with its jackknife standard error (groups - 1 degrees of
    freedom), of several with the spread of the trainings' own differences. The six intervals hold together (Bonferroni:
    each at 1 - 0.05 / 6), so the claim holds only if N(0, I) beats every other noise, and fails only if some other
    beats it.

    The Frechet distance decides. `kernel` puts the kernel distance to the same test, with its own verdict, and counts
    the pairs of distributions that both distances put in the same order.
    """
    del seed  # these intervals have closed forms
    row = new_row("C10", recipe, trainings, "smallest Frechet distance of another noise - that of N(0, I)", ">", 0.0)
    tables = [training.record.get("priors", {}).get("frechet") for training in trainings]
    for training, table in zip(trainings, tables):
        if not table:
            return cannot(row, f"no Frechet distances of other noise were measured for {training.name}.")
    by_prior = [{entry["prior"]: entry for entry in table} for table in tables if table]
    estimate, found = _nearest(by_prior, "")
    normal = float(np.mean([table["normal"]["value"] for table in by_prior]))
    more: dict[str, Any] = {"num_img": [training.record["priors"]["num_img"] for training in trainings]}
    if all("kernel" in table["normal"] for table in by_prior):
        kernel, of_kernel = _nearest(by_prior, "kernel_")
        of_kernel |= {"value": kernel.value, "lo": kernel.lo, "hi": kernel.hi}
        more["kernel"] = of_kernel | {"verdict": decide(kernel, row["side"], row["threshold"])} | _agreement(by_prior)
    return decided(row, estimate, normal=normal, **found, **more)


def _nearest(by_prior: Sequence[dict[str, dict[str, Any]]], kind: str) -> tuple[Estimate, dict[str, Any]]:
    """Return the smallest difference to N(0, I), and {nearest, differences}; `kind` begins the distance's keys."""
    difference, se = (
        np.array([[table[name][f"{kind}{key}"] for name in OTHERS] for table in by_prior])
        for key in ("difference", "difference_se")
    )
    tail = TAIL / len(OTHERS)
    found = [student_interval(each, tail) if len(by_prior) > 1 else None for each in difference.T]
    error = student_quantile(1 - tail, NUM_GROUPS - 1) * np.sqrt((se**2).sum(axis=0)) / len(by_prior)
    mean = difference.mean(axis=0)
    ends = [given or (mean[i] - error[i], mean[i] + error[i]) for i, given in enumerate(found)]
    lo, hi = (np.array(side, np.float64) for side in zip(*ends))
    # The smallest difference lies between the smallest lower and the smallest upper bound of all of them.
    nearest = int(mean.argmin())
    table = [
        {"prior": name, "difference": float(mean[i]), "lo": float(lo[i]), "hi": float(hi[i])}
        for i, name in enumerate(OTHERS)
    ]
    estimate = Estimate(float(mean[nearest]), float(lo.min()), float(hi.min()))
    return estimate, {"nearest": OTHERS[nearest], "differences": table}


def _agreement(by_prior: Sequence[dict[str, dict[str, Any]]]) -> dict[str, Any]:
    """Return how many pairs of the seven distributions both distances put in the same order, and if it is all."""
    frechet, kernel = (
        {name: float(np.mean([table[name][key] for table in by_prior])) for name in PRIORS}
        for key in ("value", "kernel")
    )
    pairs = list(combinations(PRIORS, 2))
    same = sum((frechet[a] < frechet[b]) == (kernel[a] < kernel[b]) for a, b in pairs)
    return {"num_pairs": len(pairs), "num_same_order": same, "is_same_order": same == len(pairs)}
