"""What a dissect folder says about all latent numbers together: curves, ranking, classes, scales, heat maps.

Every answer is None or empty where an older record, or one without classes or real images, lacks it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import read_arrays
from ..checked import is_there
from ..latent.shapes import ATLAS_ARRAYS
from .records import RunRecord, finite

Row = dict[str, Any]
HEAT_KEY = "all/heat"
NONE = np.empty(0)


@dataclass(frozen=True)
class Curve:
    """One measure over the values set: mean over all numbers and the band of the central 80 % of them, [V] each."""

    values: np.ndarray
    mean: np.ndarray
    lo: np.ndarray
    hi: np.ndarray
    control: float | None
    """The same mean with the number redrawn."""
    base: float | None
    """Of the unedited images; None for a measure against them."""

    def index(self, value: float | None) -> int | None:
        """Return where a value stands, None where it was not set."""
        found = np.flatnonzero(self.values == value) if value is not None else NONE
        return int(found[0]) if len(found) else None

    def at(self, value: float | None) -> float | None:
        """Return the mean at one value, None where it was not set."""
        index = self.index(value)
        return None if index is None else float(self.mean[index])


@dataclass(frozen=True)
class Moves:
    """Classes before and after one edit of every number: [K] shares, and [K, K] share of class row now in column."""

    value: float
    before: np.ndarray
    after: np.ndarray
    matrix: np.ndarray

    @property
    def top(self) -> int:
        """The most frequent class after the edit."""
        return int(self.after.argmax())


@dataclass(frozen=True)
class AtlasRecord:
    """A view of dissect.json and of jacobian.json beside it."""

    record: dict[str, Any]
    jacobian: dict[str, Any]
    folder: Path

    @property
    def z_dim(self) -> int:
        """Numbers in one latent."""
        return int(self.record.get("z_dim") or 0)

    @property
    def named(self) -> dict[int, tuple[str, float]]:
        """The attribute that each number moves most and by how much per sigma; numbers that move none are left out."""
        found = self.record.get("attributes") or {}
        names, change = list(found.get("names") or []), found.get("change") or []
        moved = enumerate(found.get("moves") or [])
        return {dim: (name, float(change[names.index(name)][dim])) for dim, name in moved if name in names}

    @property
    def values(self) -> list[float]:
        """The values of the grids."""
        return [float(value) for value in self.record.get("values") or []]

    @property
    def far(self) -> float | None:
        """The value of the grids that lies furthest out."""
        return max(self.values, key=abs) if self.values else None

    @cached_property
    def curves(self) -> dict[str, Curve]:
        """The effect curves by measure, of those with at least two values."""
        found = {name: _curve(row) for name, row in (self.record.get("curves") or {}).items()}
        return {name: curve for name, curve in found.items() if curve is not None}

    @cached_property
    def ranking(self) -> list[Row]:
        """All numbers, strongest first."""
        rows = (self.record.get("ranking") or {}).get("numbers") or []
        return [row for row in rows if all(finite(row.get(key)) for key in ("effect", "lo", "hi"))]

    @property
    def effect_measure(self) -> str:
        """The measure that the ranking is by."""
        return str((self.record.get("ranking") or {}).get("measure", "visible_share"))

    @property
    def num_idle(self) -> int:
        """How many numbers of the ranking do nothing."""
        return sum(bool(row.get("is_idle")) for row in self.ranking)

    @property
    def num_tenth(self) -> int:
        """How many numbers are the strongest tenth, at least 1."""
        return max(1, len(self.ranking) // 10)

    @property
    def tenth_share(self) -> float | None:
        """The share of the total effect that the strongest tenth of the numbers have; None where all is 0."""
        effects = [row["effect"] for row in self.ranking]
        total = sum(effects)
        return sum(effects[: self.num_tenth]) / total if total > 0 else None

    @cached_property
    def strength(self) -> dict[int, Row]:
        """The Jacobian's strength of every number, {mean, lo, hi} by dim."""
        return {int(row["dim"]): row for row in self.jacobian.get("strength") or [] if finite(row.get("mean"))}

    def interval(self, key: str) -> Row | None:
        """Return {mean, lo, hi} of `effective_dimension` or `num_90`."""
        row = self.jacobian.get(key)
        return row if isinstance(row, dict) and all(finite(row.get(name)) for name in ("mean", "lo", "hi")) else None

    @property
    def spectrum(self) -> np.ndarray:
        """Mean, lo and hi of the singular values [3, K], descending; empty without."""
        found = self.jacobian.get("spectrum") or {}
        rows = [found.get(name) or [] for name in ("mean", "lo", "hi")]
        return np.array(rows, np.float64) if rows[0] and len({len(row) for row in rows}) == 1 else np.empty((3, 0))

    def moves(self, value: float) -> Moves | None:
        """Return what becomes what at a value."""
        found, key = self.record.get("moves") or {}, f"{value:g}"
        parts = [found.get("base"), (found.get("shares") or {}).get(key), (found.get("matrices") or {}).get(key)]
        if not all(parts):
            return None
        before, after, matrix = (np.array(part, np.float64) for part in parts)
        return Moves(value, before, after, matrix)

    def becomes(self, value: float) -> dict[int, int]:
        """Return by class for how many numbers most images that change class become it; the most frequent first."""
        counts: dict[int, int] = {}
        for row in (self.record.get("moves") or {}).get("numbers") or []:
            if row.get("value") == value and row.get("becomes") is not None:
                counts[int(row["becomes"])] = counts.get(int(row["becomes"]), 0) + 1
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    @property
    def scales(self) -> list[Row]:
        """The rows of the whole latent scaled."""
        return [row for row in (self.record.get("scales") or {}).get("rows") or [] if finite(row.get("scale"))]

    def scaled(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return (scales [n], values [n]) of one measure of `scales`, where it is known."""
        pairs = [(row["scale"], value) for row in self.scales if (value := plain_mean(row.get(name))) is not None]
        table = np.array(pairs, np.float64).reshape(-1, 2)
        return table[:, 0], table[:, 1]

    def rank_of_training(self, best: float) -> str:
        """Return whether the best scale by distance is the `training`'s, `close` to it (two errors), or an `other`."""
        rows = {float(row["scale"]): row for row in self.scales}
        ours, found = rows.get(1.0, {}), rows.get(best, {})
        if best == 1:
            return "training"
        pairs = [(row.get("frechet"), row.get("frechet_se")) for row in (ours, found)]
        known = [(value, error) for value, error in pairs if finite(value) and finite(error)]
        if len(known) < 2:
            return "other"
        (near, se), (low, other_se) = known
        return "close" if near - low <= 2 * math.hypot(se, other_se) else "other"

    def heat(self) -> np.ndarray:
        """Return the mean size of each pixel's change in levels, float32 [V + 1, z_dim, H, W]; empty without.

        The values ascend; last is the control.
        """
        path = self.folder / "atlas.safetensors"
        empty = np.empty((0, 0, 0, 0), np.float32)
        if not is_there(path):
            return empty
        found = read_arrays(path, ATLAS_ARRAYS, "dissect", only=(HEAT_KEY,)).get(HEAT_KEY, empty)
        num = len(self.record.get("atlas_values") or [])
        return found if num and found.shape[:2] == (num + 1, self.z_dim) else empty


def atlas_record(run: RunRecord) -> AtlasRecord:
    """Return the view of a run that was dissected."""
    return AtlasRecord(run.dissect or {}, run.jacobian, run.dissect_folder)


def plain_mean(value: object) -> float | None:
    """Return a number as it is, or the mean of {mean, lo, hi}; None where neither is known."""
    found = value.get("mean") if isinstance(value, dict) else value
    return float(found) if finite(found) else None


def spearman(x: np.ndarray, y: np.ndarray) -> float | None:
    """Return the rank correlation of x and y [n], ties at their mean rank (Spearman 1904); None where one is flat."""
    ranks = [_mean_ranks(array) for array in (x, y)]
    spread = [float(row.std()) for row in ranks]
    if len(x) < 2 or min(spread) == 0:
        return None
    product = np.mean((ranks[0] - ranks[0].mean()) * (ranks[1] - ranks[1].mean()))
    return float(product / (spread[0] * spread[1]))


def _mean_ranks(array: np.ndarray) -> np.ndarray:
    _, inverse, counts = np.unique(array, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: np.ndarray = (ends - (counts - 1) / 2)[inverse]
    return ranks


def _curve(row: Row) -> Curve | None:
    known = [point for point in row.get("values") or [] if all(finite(point.get(key)) for key in ("mean", "lo", "hi"))]
    if len(known) < 2:
        return None
    table = np.array([[point[key] for key in ("value", "mean", "lo", "hi")] for point in known], np.float64)
    table = table[np.argsort(table[:, 0], kind="stable")]
    values, mean, lo, hi = table.T
    return Curve(values, mean, lo, hi, plain_mean(row.get("control")), plain_mean(row.get("base")))
