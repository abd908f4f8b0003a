"""dissect.json by questions: what one measure says about an edit, its control, the base, or all numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .blocks import Cell
from .records import finite
from .words import Words, num, percent

Row = dict[str, Any]
SHARES = ("visible_share", "noise_share", "bright_share", "class_flip", "top_class_share", "precision")


@dataclass(frozen=True)
class LatentRecord:
    """A view of one dissect.json; undefined means (None in the file) are left out of every answer."""

    record: dict[str, Any]

    @property
    def dims(self) -> list[int]:
        """The chosen latent numbers."""
        return list(self.record["dims"])

    @property
    def values(self) -> list[float]:
        """The values set."""
        return [float(value) for value in self.record["values"]]

    @cached_property
    def _edits(self) -> dict[tuple[int, float, str], Row]:
        return _indexed(self.record.get("edits") or [])

    @cached_property
    def _atlas(self) -> dict[tuple[int, float, str], Row]:
        return _indexed(self.record.get("atlas") or [])

    def edit(self, dim: int, value: float, measure: str) -> Row | None:
        """Return the row of a chosen number."""
        return self._edits.get((dim, value, measure))

    def control(self, dim: int, measure: str) -> Row | None:
        """Return the control of a chosen number, the same for all values."""
        row = next((row for value in self.values if (row := self.edit(dim, value, measure))), None)
        found = (row or {}).get("control")
        return found if isinstance(found, dict) and finite(found.get("mean")) else None

    def base(self, measure: str) -> Row | None:
        """Return what the measure says about the unedited images."""
        found = (self.record.get("base") or {}).get(measure)
        return found if isinstance(found, dict) and finite(found.get("mean")) else None

    def has(self, measure: str) -> bool:
        """Whether any chosen number was measured with it."""
        return any(key[2] == measure for key in self._edits)

    def means(self, value: float, measure: str) -> dict[int, float]:
        """Return the mean by chosen number."""
        rows = {dim: self.edit(dim, value, measure) for dim in self.dims}
        return {dim: row["mean"] for dim, row in rows.items() if row}

    def control_mean(self, measure: str) -> float | None:
        """Return the mean of the controls over the chosen numbers."""
        found = [row["mean"] for dim in self.dims if (row := self.control(dim, measure))]
        return float(np.mean(found)) if found else None

    def atlas(self, value: float, measure: str) -> np.ndarray:
        """Return the means of all numbers in order [z_dim] (empty where the atlas lacks any)."""
        size = int(self.record.get("z_dim", 0))
        rows = [self._atlas.get((dim, value, measure)) for dim in range(size)]
        return np.array([row["mean"] for row in rows if row]) if all(rows) else np.empty(0)

    def atlas_control(self, measure: str) -> np.ndarray:
        """Return the controls of all numbers in order [z_dim] (empty where any is missing)."""
        size = int(self.record.get("z_dim", 0))
        found = []
        for dim in range(size):
            row = next((row for value in self.values if (row := self._atlas.get((dim, value, measure)))), None)
            control = (row or {}).get("control")
            if not isinstance(control, dict) or not finite(control.get("mean")):
                return np.empty(0)
            found.append(float(control["mean"]))
        return np.array(found)

    def top_classes(self, value: float) -> dict[int, int]:
        """Return the index of the most frequent class by chosen number."""
        rows = {dim: self.edit(dim, value, "top_class_share") for dim in self.dims}
        return {dim: int(row["top_class"]) for dim, row in rows.items() if row and finite(row.get("top_class"))}

    def file(self, kind: str, value: float | None = None) -> str | None:
        """Return a PNG's name: `base`, `combined`, or `values` / `differences` of one value."""
        found = (self.record.get("figures") or {}).get(kind)
        if value is None:
            return found if isinstance(found, str) else None
        names: dict[str, str] = found if isinstance(found, dict) else {}
        return next((name for key, name in names.items() if _number(key) == value), None)


def shown(measure: str, value: float) -> str:
    """Write a measure's value: shares in percent, others with three digits."""
    return percent(value) if measure in SHARES else num(value)


def half_width(row: Row, measure: str) -> str:
    """Write half of a row's interval, empty where it has none."""
    if not finite(row.get("lo")) or not finite(row.get("hi")):
        return ""
    half = (row["hi"] - row["lo"]) / 2
    thin = "\N{NARROW NO-BREAK SPACE}"
    return f"±{thin}{num(100 * half, 2)}{thin}%" if measure in SHARES else f"±{thin}{num(half, 2)}"


def measure_cell(row: Row | None, measure: str) -> Cell:
    """Return a measure's mean over its half interval; shares always with one decimal, so that columns line up."""
    if row is None or not finite(row.get("mean")):
        return Cell("–", numeric=True)
    mean = f"{100 * row['mean']:.1f}\N{NARROW NO-BREAK SPACE}%" if measure in SHARES else num(row["mean"])
    return Cell(mean, half_width(row, measure), numeric=True)


def worth_items(words: Words, small: Mapping[str, Any], normal: Mapping[str, Any]) -> str:
    """Say what images of 0.1 z are worth beside those of z: Frechet distance, precision, recall; of what there is."""
    items = []
    for name in ("frechet", "precision", "recall"):
        of_small, of_normal = small.get(name), normal.get(name)
        if finite(of_small) and finite(of_normal):
            write = num if name == "frechet" else percent
            items.append(words(f"worth.{name}", small=write(of_small), normal=write(of_normal)))
    return words.listing(items)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _indexed(rows: Sequence[Row]) -> dict[tuple[int, float, str], Row]:
    return {(int(row["dim"]), float(row["value"]), str(row["measure"])): row for row in rows if finite(row.get("mean"))}
