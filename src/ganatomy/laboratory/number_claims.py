"""Claims about all latent numbers (C1, C3 to C8): the share of them on which an edit does what the source says.

The statistic of a number is computed from its latents, the share over all numbers; how its interval is made says
`hierarchy`. A number whose statistic is not defined (all its images constant, say) does not
pass, and is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..latent.intervals import Array, weighted_means
from ..latent.measures import entropy
from .evidence import Evidence
from .hierarchy import Estimate, Side, passes, share_of_numbers
from .rows import cannot, combined, decided, new_row

Statistic = Callable[[Evidence, float | None, Array], Array]
"""(training, edit value or None for the control, weights [R, N]) -> one number per latent number, [R, D]."""


def median_visible_share(training: Evidence, value: float | None, weights: Array) -> Array:
    """Return the (lower) median over latents of the visible share: [R, D]."""
    found = []
    for row in training.of_all("visible_share", value):
        order = np.argsort(row, kind="stable")
        reached = np.cumsum(weights[:, order], axis=1) >= weights.sum(axis=1, keepdims=True) / 2
        found.append(row[order][reached.argmax(axis=1)])
    return np.stack(found, axis=1).astype(np.float64)


def ratio_to_base(measure: str, training: Evidence, value: float | None, weights: Array) -> Array:
    """Return mean of the edit / mean of the base, over the latents where both are defined: [R, D]."""
    edit, base = training.of_all(measure, value), training.base(measure)
    defined = np.isfinite(edit) & np.isfinite(base)
    above = weighted_means(np.where(defined, edit, np.nan), weights)
    below = weighted_means(np.where(defined, base, np.nan), weights)
    return _divide(above, below)


def confidence_change(training: Evidence, value: float | None, weights: Array) -> Array:
    """Return the mean confidence of the edit minus that of the base: [R, D]."""
    return weighted_means(training.of_all("confidence", value) - training.base("confidence"), weights)


def precision_change(training: Evidence, value: float | None, weights: Array) -> Array:
    """Return the precision of the edit minus that of the base: [R, D]."""
    return weighted_means(training.of_all("precision", value) - training.base("precision"), weights)


def entropy_ratio(training: Evidence, value: float | None, weights: Array) -> Array:
    """Return the class entropy of the edit / that of the base: [R, D]; NaN where the base has a single class."""
    base = entropy(weights @ np.eye(_num_classes(training))[training.base("class")])
    return _divide(entropy(_class_counts(training, value, weights)), base[:, None])


def top_is_trouser(training: Evidence, value: float | None, weights: Array) -> Array:
    """Return 1.0 for every number whose most frequent class is trouser, else 0.0: [R, D]."""
    top = _class_counts(training, value, weights).argmax(axis=-1)
    return (top == _trouser(training)).astype(np.float64)


def _class_counts(training: Evidence, value: float | None, weights: Array) -> Array:
    classes = training.of_all("class", value).astype(np.int64)
    num_dims, num = classes.shape
    one_hot = np.eye(_num_classes(training))[classes.T].reshape(num, -1)
    counts: Array = weights @ one_hot
    return counts.reshape(len(weights), num_dims, -1)


def _num_classes(training: Evidence) -> int:
    return len(training.record["class_names"])


def _trouser(training: Evidence) -> int | None:
    names = [name.lower().removesuffix("s") for name in training.record.get("class_names") or []]
    return names.index("trouser") if "trouser" in names else None


def _divide(above: Array, below: Array) -> Array:
    result: Array = np.where(below > 0, above / np.where(below > 0, below, 1.0), np.nan)
    return result


@dataclass(frozen=True)
class NumberClaim:
    """A claim about the share of latent numbers on the right side of a bound."""

    id: str
    statistic: Statistic
    text: str
    """The statistic of one number in words."""
    measure: str
    """The measure it needs."""
    value: float
    """The edit value."""
    side: Side
    bound: float
    share_side: Side
    share: float


NUMBER_CLAIMS = (
    NumberClaim("C1", median_visible_share, "median visible share", "visible_share", 0.1, "<=", 0.05, ">=", 0.9),
    NumberClaim("C3", partial(ratio_to_base, "sharpness"), "sharpness / base", "sharpness", 0.1, ">", 1.0, ">", 0.5),
    NumberClaim("C4", partial(ratio_to_base, "sharpness"), "sharpness / base", "sharpness", 5.0, "<", 0.9, ">", 0.5),
    NumberClaim(
        "C5", partial(ratio_to_base, "noise_share"), "noise share / base", "noise_share", 5.0, ">", 1.1, ">", 0.5
    ),
    NumberClaim("C6", confidence_change, "mean confidence - base", "confidence", 20.0, "<=", -0.1, ">", 0.5),
    NumberClaim("C7", entropy_ratio, "class entropy / base", "class", 20.0, "<=", 0.5, ">=", 0.5),
    NumberClaim("C8", top_is_trouser, "trouser as most frequent class", "class", 20.0, ">=", 1.0, ">", 0.5),
)


PRECISION = NumberClaim("C6", precision_change, "precision - base", "precision", 20.0, "<=", -0.1, ">", 0.5)
"""The second condition of C6, where precision was measured; the first is in the table above."""
PART_KEYS = ("statistic", "value", "lo", "hi", "threshold", "side", "verdict", "median", "num_undefined", "control")


@dataclass(frozen=True)
class _Found:
    """The share of numbers that pass, the median of their statistics (None where it says nothing), undefined ones."""

    share: Estimate
    median: float | None
    num_undefined: int


def about_numbers(claim: NumberClaim, recipe: str, trainings: Sequence[Evidence], seed: int) -> dict[str, Any]:
    """Decide one claim about numbers; the control is put through the same test and stands in the row beside it."""
    statistic = f"share of numbers d with {claim.text} {claim.side} {claim.bound:g} for edit(d, {claim.value:g})"
    if claim.id == "C8":
        statistic = "share of numbers d with trouser as the most frequent class for edit(d, 20)"
    row = new_row(claim.id, recipe, trainings, statistic, claim.share_side, claim.share)
    reason = missing(claim, trainings)
    if reason:
        return cannot(row, reason)
    found = _test(claim, trainings, claim.value, f"{claim.id}-{recipe}-edit", seed)
    control = _test(claim, trainings, None, f"{claim.id}-{recipe}-control", seed)
    return decided(
        row,
        found.share,
        num_dims=[len(training.arrays["all/dims"]) for training in trainings],
        num_latents=[len(training.arrays["all/z"]) for training in trainings],
        num_undefined=found.num_undefined,
        median=found.median,
        control={
            "value": control.share.value,
            "lo": control.share.lo,
            "hi": control.share.hi,
            "median": control.median,
        },
    )


def destroyed_quality(recipe: str, trainings: Sequence[Evidence], seed: int) -> dict[str, Any]:
    """Decide C6 by two conditions: confidence falls, and precision falls.

    A network that sees nonsense can be sure of it, so confidence alone is a weak witness; it decides alone, and the
    row's `note` says so, where precision was not measured or is too low in the unedited images to fall by the bound.
    """
    first = next(claim for claim in NUMBER_CLAIMS if claim.id == "C6")
    row = about_numbers(first, recipe, trainings, seed)
    if row["reason"]:
        return row
    for training in trainings:
        if not training.has(PRECISION.measure, PRECISION.value):
            why = f"precision was not measured for {training.name}"
            return row | {"note": f"{why}, so confidence alone decides."}
        base = float(training.base(PRECISION.measure).mean(dtype=np.float64))
        if base < -PRECISION.bound:
            why = f"the precision of the unedited images of {training.name} is {base:.3f} and cannot fall by 0.1"
            return row | {"note": f"{why}, so confidence alone decides."}
    rows = [row, about_numbers(PRECISION, recipe, trainings, seed)]
    return combined(row, [{key: each[key] for key in PART_KEYS} for each in rows])


def _test(claim: NumberClaim, trainings: Sequence[Evidence], value: float | None, purpose: str, seed: int) -> _Found:
    def passed(training: Evidence, weights: Array) -> Array:
        return passes(claim.statistic(training, value, weights), claim.side, claim.bound)

    num_latents = [len(training.arrays["all/z"]) for training in trainings]
    tests = [partial(passed, training) for training in trainings]
    share = share_of_numbers(tests, num_latents, seed, purpose)
    plain = [claim.statistic(t, value, np.ones((1, num)))[0] for t, num in zip(trainings, num_latents)]
    medians = [float(np.nanmedian(numbers)) for numbers in plain if np.isfinite(numbers).any()]
    median = float(np.mean(medians)) if medians and claim.id != "C8" else None
    return _Found(share, median, int(sum(np.isnan(numbers).sum() for numbers in plain)))


def missing(claim: NumberClaim, trainings: Sequence[Evidence]) -> str | None:
    """Return in words why a claim about numbers cannot be decided, or None."""
    for training in trainings:
        if not training.arrays:
            return f"{training.name} has no latent experiment; run `ganatomy dissect` on it."
        if not training.has("visible_share", claim.value):
            return f"{claim.value:g} is not among the values that {training.name} was edited to."
        if not training.has(claim.measure, claim.value):
            return _no_classes(training)
        if claim.id == "C8" and _trouser(training) is None:
            return f"the data of {training.name} have no class called trouser."
        if claim.id == "C7" and len(np.unique(training.base("class"))) == 1:
            return f"the unedited images of {training.name} are all of one class, so there is no variety to lose."
    return None


def _no_classes(training: Evidence) -> str:
    """Return in words why classes were not measured: no feature network at all, or one that knows no classes."""
    network = training.record.get("features")
    if network is None:
        return f"there is no feature network for the data of {training.name}, so classes were not measured."
    return (
        f"the feature network {network} knows no classes, so those of {training.name} were not measured; for data "
        "with classes `ganatomy features train DATA` makes a network that does."
    )
