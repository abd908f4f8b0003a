"""Whether a feature network knows enough of its data to judge with: its accuracy on the held-out images says so.

A network that guesses still gives features, distances and probabilities, and every score of it looks like a score. So
one below three times chance is never chosen by itself. Chance is what always naming the most frequent class gets, and
with few classes, where three times chance is 100 % or more, half of what is left above chance is asked for. With few
held-out images a guesser can be lucky: what it gets right must also be more than luck, one case in 100.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from ..datasets.store import Dataset

LEAST_CHANCES = 3
"""How many times chance a network must get right."""
ROUNDING = 1e-9
LUCK = 0.01
"""How likely guessing may be to do as well."""


@dataclass(frozen=True)
class Knowledge:
    """What a network's accuracy on held-out images is worth."""

    accuracy: float
    """Share of the held-out images that it gets right, in [0, 1]."""
    num: int
    """Held-out images."""
    chance: float
    """What always naming one class gets: the share of the most frequent one of all training images."""
    chance_held_out: float
    """The same of the held-out images, which differs where they are few."""

    @property
    def least(self) -> float:
        """The accuracy that is asked for."""
        return min(LEAST_CHANCES * self.chance, (1 + self.chance) / 2)

    @property
    def is_enough(self) -> bool:
        """Whether the network is fit to be chosen."""
        num_right = round(self.accuracy * self.num)
        return self.accuracy >= self.least - ROUNDING and luck(num_right, self.num, self.chance_held_out) <= LUCK

    def to_dict(self) -> dict[str, Any]:
        """Return it as the card of a network holds it, as `held_out`."""
        return {
            "accuracy": self.accuracy, "num": self.num, "chance": self.chance, "least": self.least,
            "is_enough": self.is_enough,
        }  # fmt: skip


def knowledge(accuracy: float, labels: Tensor, num_held_out: int, num_classes: int) -> Knowledge:
    """Return what an accuracy on the last `num_held_out` of the training images with labels int64 [N] is worth."""
    held_out = labels[len(labels) - num_held_out :]
    chances = (_largest_share(each, num_classes) for each in (labels, held_out))
    return Knowledge(accuracy, len(held_out), *chances)


def _largest_share(labels: Tensor, num_classes: int) -> float:
    """Return the share of the most frequent class, at least 1 / classes."""
    counts = np.bincount(labels.numpy(), minlength=num_classes)
    return max(1 / num_classes, float(counts.max(initial=0) / max(1, counts.sum())))


def of_card(card: dict[str, Any], dataset: Dataset) -> Knowledge:
    """Return what a network knows by its card, about the data that it was trained on; those have labels."""
    assert dataset.train.labels is not None, "a network was trained on labels"
    accuracy, num_classes = float(card["validation"]["accuracy"]), len(card["class_names"])
    return knowledge(accuracy, dataset.train.labels, dataset.num_held_out, num_classes)


def luck(num_right: int, num: int, chance: float) -> float:
    """Return P(X >= num_right) for X binomial with `num` trials of probability `chance`, above 0."""
    if chance >= 1:
        return 1.0
    terms = [
        math.lgamma(num + 1) - math.lgamma(i + 1) - math.lgamma(num - i + 1)
        + i * math.log(chance) + (num - i) * math.log1p(-chance)
        for i in range(num_right, num + 1)
    ]  # fmt: skip
    return min(1.0, math.fsum(math.exp(term) for term in terms))
