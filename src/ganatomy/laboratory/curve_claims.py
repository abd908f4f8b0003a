"""Claims about the two losses (C11, C12): several conditions on first and last fifth, all of which must hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..latent.intervals import Array
from . import curves
from .curves import MIN_FIFTH, SETTLED_SDS, Curves
from .evidence import Evidence
from .hierarchy import Estimate, Side, decide
from .rows import cannot, combined, new_row

Part = tuple[str, Callable[[Curves, np.ndarray, np.ndarray], Array], Side, float]
"""(statistic in words, function of curves, side, threshold)."""

GAN_PARTS: tuple[Part, ...] = (
    ("G's loss, mean of last - first fifth", partial(curves.change, network="G"), "<", 0.0),
    ("D's loss, mean of last - first fifth", partial(curves.change, network="D"), ">", 0.0),
    (
        "drift of G's loss over the last fifth, in sd of its scatter",
        partial(curves.drift, network="G"),
        "<=",
        SETTLED_SDS,
    ),
    (
        "drift of D's loss over the last fifth, in sd of its scatter",
        partial(curves.drift, network="D"),
        "<=",
        SETTLED_SDS,
    ),
)

DCGAN_PARTS: tuple[Part, ...] = (
    ("G's loss, mean of last - first fifth", partial(curves.change, network="G"), "<", 0.0),
    ("D's loss, mean of last - first fifth", partial(curves.change, network="D"), "<", 0.0),
    ("gap between the losses, last - first fifth", curves.gap_change, "<", 0.0),
)


def gan_losses(recipe: str, trainings: Sequence[Evidence], seed: int) -> dict[str, Any]:
    """Decide C11: G's loss falls, D's rises, both settle."""
    return _losses("C11", GAN_PARTS, recipe, trainings, seed)


def dcgan_losses(recipe: str, trainings: Sequence[Evidence], seed: int) -> dict[str, Any]:
    """Decide C12: both losses fall and approach each other."""
    return _losses("C12", DCGAN_PARTS, recipe, trainings, seed)


def _losses(
    claim_id: str, wanted: Sequence[Part], recipe: str, trainings: Sequence[Evidence], seed: int
) -> dict[str, Any]:
    """The row shows the part that decides: the first that fails, else the first undecided, else the first."""
    text, _, side, threshold = wanted[0]
    row = new_row(claim_id, recipe, trainings, text, side, threshold)
    found = [curves.loss_curves(training.stats) for training in trainings]
    for training, each in zip(trainings, found):
        if curves.fifth(each) < MIN_FIFTH:
            num = len(training.stats)
            reason = f"{training.name} logged {num} lines; at least {5 * MIN_FIFTH} are needed to compare fifths."
            return cannot(row, reason)
    parts = []
    for text, statistic, side, threshold in wanted:
        estimate = curves.estimate(found, statistic, seed, f"{claim_id}-{recipe}-{text}")
        parts.append(_part(text, estimate, side, threshold))
    return combined(row, parts) | {"num_lines": [len(training.stats) for training in trainings]}


def _part(text: str, estimate: Estimate, side: Side, threshold: float) -> dict[str, Any]:
    return {
        "statistic": text,
        "value": estimate.value,
        "lo": estimate.lo,
        "hi": estimate.hi,
        "threshold": threshold,
        "side": side,
        "verdict": decide(estimate, side, threshold),
    }
