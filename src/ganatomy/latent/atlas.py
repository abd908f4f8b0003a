"""The atlas: what every latent number does, measured on the same latents, each edit beside its control.

For each number d the edited latents of all values and the control pass through the generator and the feature
network together; the base images are made once. Arrays are kept per latent, so that later steps can resample
trainings, numbers and latents.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..models.generate import CHUNK
from .attributes import ATTRIBUTES
from .edits import redraw, set_number
from .intervals import num_defined, percentile_interval, weighted_means
from .lens import Lens
from .measures import MEASURES, Measure, Resamples, Seen, resamples, top_class

SIGNIFICANT_DIGITS = 6


@dataclass
class Numbers:
    """Everything measured about some latent numbers d at some values v on N latents.

    Attributes:
        dims: the D numbers.
        values: the V values set.
        z: [N, z_dim], the latents edited.
        base: measure -> [N]; per-latent measures and attributes of the unedited images, and `class` (index).
        edit: measure -> [V, D, N].
        control: measure -> [D, N].
        heat: float32 [V + 1, D, H, W], mean over latents of the size of each pixel's change, levels; last the control.
        sets: measure -> [V + 2, D, 3]: mean, lo, hi of a set measure; after the values the control, then the base.
        top_classes: int64 [V + 2, D] in the same order; empty without a network that knows classes.
    """

    dims: tuple[int, ...]
    values: tuple[float, ...]
    z: Tensor
    base: dict[str, np.ndarray] = field(default_factory=dict)
    edit: dict[str, np.ndarray] = field(default_factory=dict)
    control: dict[str, np.ndarray] = field(default_factory=dict)
    sets: dict[str, np.ndarray] = field(default_factory=dict)
    heat: np.ndarray = field(default_factory=lambda: np.empty((0, 0, 0, 0), np.float32))
    top_classes: np.ndarray = field(default_factory=lambda: np.empty((0, 0), np.int64))

    def arrays(self, prefix: str) -> dict[str, np.ndarray]:
        """Return all per-latent arrays under `prefix/...`, for safetensors."""
        named = {f"{prefix}/z": self.z.numpy(), f"{prefix}/dims": np.array(self.dims, np.int64)}
        for group, table in (("base", self.base), ("edit", self.edit), ("control", self.control)):
            named |= {f"{prefix}/{group}/{name}": np.ascontiguousarray(array) for name, array in table.items()}
        return named

    def measures(self) -> list[Measure]:
        """Return the measures that were taken."""
        return [measure for measure in MEASURES.values() if measure.name in self.sets or measure.name in self.edit]

    @property
    def effect_measure(self) -> str:
        """The measure that numbers are ordered by: feature distance to the base, visible share without features."""
        return "feature_distance" if "feature_distance" in self.edit else "visible_share"

    def effects(self) -> np.ndarray:
        """Return the size of each number's effect: mean of `effect_measure` over values and latents, float64 [D]."""
        size: np.ndarray = self.edit[self.effect_measure].mean(axis=(0, 2), dtype=np.float64)
        return size


def measure_numbers(
    lens: Lens, z: Tensor, dims: Sequence[int], values: Sequence[float], seed: int
) -> Iterator[int | Numbers]:
    """Measure every edit and control of the latent numbers `dims`.

    Args:
        lens: generator and feature network.
        z: [N, z_dim] latents, N >= 2.
        dims: the numbers to edit.
        values: the values to set.
        seed: seed of controls, random pairs and resamples.

    Yields:
        How many numbers are done, after each; then the `Numbers`.
    """
    draws = resamples(seed, len(z))
    found = Numbers(tuple(dims), tuple(values), z)
    base = lens.see(z)
    _empty_arrays(found, base)
    found.base |= per_latent(base)
    base_sets = set_values(base, draws)
    num_sets = len(values) + 1
    # Few latents: several numbers share a chunk of the generator, which would else be filled up with padding.
    at_once = max(1, CHUNK // (num_sets * len(z)))
    for start in range(0, len(dims), at_once):
        group = dims[start : start + at_once]
        seen = lens.see(torch.cat([edited for dim in group for edited in _edited(z, dim, values, seed)]))
        for i in range(len(group)):
            first = i * num_sets * len(z)
            of_dim = seen.part(first, first + num_sets * len(z))
            _measure_dim(found, start + i, of_dim, base, draws)
            for name, triple in base_sets.items():
                found.sets[name][-1, start + i] = triple
            yield start + i + 1
    yield found


def _edited(z: Tensor, dim: int, values: Sequence[float], seed: int) -> list[Tensor]:
    return [*(set_number(z, dim, value) for value in values), redraw(z, dim, seed)]


def _measure_dim(found: Numbers, column: int, seen: Seen, base: Seen, draws: Resamples) -> None:
    """Fill in one number's column from the images of all its edits and, last, its control."""
    num = len(found.z)
    parts = [seen.part(start, start + num) for start in range(0, len(seen.img_u8), num)]
    for name, row in (per_latent(seen) | pairs(parts, base)).items():
        by_set = row.reshape(len(parts), num)
        found.edit[name][:, column], found.control[name][column] = by_set[:-1], by_set[-1]
    for k, part in enumerate(parts):
        found.heat[k, column] = (part.grey - base.grey).abs_().mean(dim=0).numpy()
        for name, triple in set_values(part, draws).items():
            found.sets[name][k, column] = triple
    if seen.probabilities is not None:
        found.top_classes[:, column] = [top_class(part) for part in [*parts, base]]


def _empty_arrays(found: Numbers, base: Seen) -> None:
    num_values, num_dims, num = len(found.values), len(found.dims), len(found.z)
    found.heat = np.empty((num_values + 1, num_dims, *base.grey.shape[1:]), np.float32)
    for measure in base.measures():
        if measure.kind == "set":
            found.sets[measure.name] = np.empty((num_values + 2, num_dims, 3))
    for name in [*(measure.name for measure in base.measures() if measure.kind != "set"), *ATTRIBUTES]:
        found.edit[name] = np.empty((num_values, num_dims, num), np.float32)
        found.control[name] = np.empty((num_dims, num), np.float32)
    if base.probabilities is not None:
        found.edit["class"] = np.empty((num_values, num_dims, num), np.int16)
        found.control["class"] = np.empty((num_dims, num), np.int16)
        found.top_classes = np.empty((num_values + 2, num_dims), np.int64)


def per_latent(seen: Seen) -> dict[str, np.ndarray]:
    """Return the measures of single images and their attributes: name -> float32 [N]; and `class`, int16."""
    rows = {
        measure.name: measure.function(seen).astype(np.float32)
        for measure in seen.measures()
        if measure.kind == "per_latent"
    }
    rows |= {name: known.function(seen).astype(np.float32) for name, known in ATTRIBUTES.items() if name not in rows}
    return rows | ({"class": seen.classes.astype(np.int16)} if seen.probabilities is not None else {})


def pairs(parts: list[Seen], base: Seen) -> dict[str, np.ndarray]:
    """Return the measures against the base, of several edits one after the other: name -> float32 [parts x N]."""
    return {
        measure.name: np.concatenate([measure.function(part, base) for part in parts]).astype(np.float32)
        for measure in base.measures()
        if measure.kind == "pair"
    }


def set_values(seen: Seen, draws: Resamples) -> dict[str, np.ndarray]:
    """Return mean, lo, hi of every set measure: name -> [3]."""
    found = {}
    for measure in seen.measures():
        if measure.kind == "set":
            samples = measure.function(seen, draws)
            found[measure.name] = np.array([samples[0], *percentile_interval(samples[1:])])
    return found


def plain(triple: np.ndarray) -> dict[str, float | None]:
    """Return {mean, lo, hi} rounded to 6 significant digits, None where undefined."""
    rounded = (float(f"{x:.{SIGNIFICANT_DIGITS}g}") if np.isfinite(x) else None for x in triple)
    return dict(zip(("mean", "lo", "hi"), rounded))


def mean_intervals(array: np.ndarray, draws: Resamples) -> np.ndarray:
    """Return mean, lo, hi over the last axis: [..., 3]."""
    samples = weighted_means(array, draws.weights)
    lo, hi = percentile_interval(samples[1:])
    return np.stack([samples[0], lo, hi], axis=-1)


def base_rows(found: Numbers, seed: int) -> dict[str, dict[str, Any]]:
    """Return what the measures say about the unedited images: measure -> {mean, lo, hi, num_latents}."""
    draws = resamples(seed, len(found.z))
    rows: dict[str, dict[str, Any]] = {}
    for name, array in found.base.items():
        if name in MEASURES:
            rows[name] = plain(mean_intervals(array, draws)) | {"num_latents": int(num_defined(array))}
    for name, triples in found.sets.items():
        rows[name] = plain(triples[-1, 0]) | {"num_latents": len(found.z)}
        if name == "top_class_share":
            rows[name]["top_class"] = int(found.top_classes[-1, 0])
    return rows


def edit_rows(found: Numbers, seed: int) -> list[dict[str, Any]]:
    """Return one row per (number, value, measure): `{dim, value, measure, num_latents, mean, lo, hi, control}`.

    `lo` and `hi` bound the 95 % percentile interval over latents (1,000 resamples). `num_latents` counts the latents
    on which the measure is defined (a constant image has no sharpness and no noise share); with none of them mean,
    lo and hi are None. Rows of `top_class_share` also carry `top_class`, the class's index.
    """
    draws = resamples(seed, len(found.z))
    tables: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = {}
    for measure in found.measures():
        if measure.kind == "set":
            triples = found.sets[measure.name]
            full = np.full(triples.shape[:2], len(found.z))
            tables[measure.name] = (triples[:-2], triples[-2], full[:-2], full[-2])
        else:
            edit, control = found.edit[measure.name], found.control[measure.name]
            intervals = (mean_intervals(edit, draws), mean_intervals(control, draws))
            tables[measure.name] = (*intervals, num_defined(edit), num_defined(control))
    rows = []
    for column, dim in enumerate(found.dims):
        for k, value in enumerate(found.values):
            for name, (edits, controls, num, num_control) in tables.items():
                row: dict[str, Any] = {"dim": dim, "value": value, "measure": name, "num_latents": int(num[k, column])}
                row |= plain(edits[k, column])
                row["control"] = plain(controls[column]) | {"num_latents": int(num_control[column])}
                if name == "top_class_share":
                    row["top_class"] = int(found.top_classes[k, column])
                    row["control"]["top_class"] = int(found.top_classes[-2, column])
                rows.append(row)
    return rows
