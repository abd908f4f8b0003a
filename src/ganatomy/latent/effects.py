"""What moving along a direction does to each trait of an image, measured on latents that no direction was found on.

A direction may be any unit vector: one that was found, or a basis vector, which stands for a single latent number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .intervals import Array, bootstrap_weights, num_defined, percentile_interval, weighted_means

NAME_THRESHOLD = 0.2
"""Least effect that gives a direction its name, in standard deviations of the trait per sigma: 4 % of its variance."""

LEAST_DEFINED = 0.5
"""Least share of latents with the trait at both ends for it to give a name: a few shoes' heels name no direction."""

Read = Callable[[Tensor], Array]
"""Latents [N, z_dim] -> traits float64 [A, N], NaN where not defined."""


@dataclass(frozen=True, eq=False)
class Effects:
    """Mean change of A traits per sigma along D directions."""

    change: Array
    """float64 [A, D], in standard deviations of the trait over the prior; NaN where no latent has both ends defined."""
    lo: Array
    """float64 [A, D], lower end of the 95 % percentile bootstrap interval over latents."""
    hi: Array
    """float64 [A, D], its upper end."""
    defined: Array
    """float64 [A, D], share of latents whose images at both ends have the trait; the others are left out."""

    @property
    def is_sure(self) -> np.ndarray:
        """Whether the interval excludes 0: bool [A, D]."""
        sure: np.ndarray = (self.lo > 0) | (self.hi < 0)
        return sure


def measure_effects(
    read: Read, z: Tensor, vectors: Array, sd: Array, seed: int, block: int = 1024
) -> Iterator[int | Effects]:
    """Measure what every direction does: (trait at z + v) - (trait at z - v), halved, averaged over the latents.

    Args:
        read: reads the traits of the images of latents.
        z: float32 [N, z_dim], the same latents for all directions.
        vectors: float64 [D, z_dim], unit directions (or basis vectors).
        sd: float64 [A], standard deviation of each trait over the prior; the effects on one without any are NaN.
        seed: of the bootstrap, which all directions share.
        block: latents looked at together, at most.

    Yields:
        After every direction the images it took, 2 N; last the `Effects`.
    """
    unit = 2 * np.where(sd > 0, sd, np.nan)[:, None]
    changes = np.empty((len(sd), len(vectors), len(z)))
    for index, vector in enumerate(torch.from_numpy(vectors.astype(np.float32))):
        ends = torch.cat([z + vector, z - vector])
        values = np.concatenate([read(part) for part in ends.split(block)], axis=1)
        changes[:, index] = (values[:, : len(z)] - values[:, len(z) :]) / unit
        yield 2 * len(z)
    if changes.size == 0:  # images that are all alike have no trait to measure
        nothing = np.empty(changes.shape[:2])
        yield Effects(nothing, nothing, nothing, nothing)
        return
    means = weighted_means(changes, bootstrap_weights(seed, "directions", len(z)))
    lo, hi = percentile_interval(means)
    yield Effects(means[0], lo, hi, num_defined(changes) / len(z))


def name_effects(effects: Effects, traits: Sequence[str], threshold: float = NAME_THRESHOLD) -> list[str | None]:
    """Return the trait that each direction moves most, or None.

    A trait counts only where its interval excludes 0, the mean change is at least `threshold` standard deviations per
    sigma, up or down, and at least half of the latents have it at both ends.

    Args:
        effects: of A traits and D directions.
        traits: A names.
        threshold: in standard deviations of the trait per sigma.

    Returns:
        D names or Nones.
    """
    size = np.where(effects.is_sure & (effects.defined >= LEAST_DEFINED), np.abs(effects.change), 0.0)
    return [traits[row.argmax()] if len(row) and row.max() >= threshold else None for row in size.T]


def normalise(effects: Effects, own: Sequence[int | None]) -> Array:
    """Return how much each direction moves other traits, with the move of its own trait as the unit.

    Args:
        effects: of A traits and D directions.
        own: index of the trait that each direction was found for, None for one found without.

    Returns:
        |E[a, d]| / |E[own(d), d]|, float64 [A, D]; NaN for a direction without a trait of its own, and for one that
        does not surely move it.
    """
    table = np.full_like(effects.change, np.nan)
    for column, row in enumerate(own):
        if row is not None and effects.is_sure[row, column]:
            table[:, column] = np.abs(effects.change[:, column] / effects.change[row, column])
    return table


def off_diagonal(normalised: Array, own: Sequence[int | None], chosen: Sequence[int]) -> tuple[float, float] | None:
    """Return (mean, maximum) of the normalised effects of some traits' directions on the others of them.

    Args:
        normalised: float64 [A, D] from `normalise`.
        own: index of the trait that each direction was found for, or None.
        chosen: indices of the traits that are set against each other, for example those of one kind.

    Returns:
        Entries that are not defined (NaN) are left out; None where there are none at all.
    """
    columns = [column for column, row in enumerate(own) if row in chosen]
    table = normalised[np.ix_(list(chosen), columns)]
    others = np.array([[row != own[column] for column in columns] for row in chosen], bool).reshape(table.shape)
    values = table[others & np.isfinite(table)]
    return (float(values.mean()), float(values.max())) if len(values) else None
