"""What a training left behind that the claims are decided from: latent experiment, training curves, scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .. import config as configuration
from ..arrays import read_arrays
from ..errors import RunError
from ..latent import dissected
from ..latent.dissection import ARRAYS_NAME
from ..latent.shapes import ATLAS_ARRAYS, DISSECT
from ..metrics.shapes import MEASURE
from ..training import snapshots
from ..training.shapes import STATS


@dataclass(frozen=True)
class Evidence:
    """One training's records; a part that is missing is empty, and claims that need it are undecided.

    Attributes:
        name: the run's name.
        record: `dissect.json`.
        arrays: `atlas.safetensors`, see `latent.atlas.Numbers.arrays`.
        stats: lines of `stats.jsonl`.
        scores: the `scores` of `measure.json`.
    """

    name: str
    record: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    stats: list[dict[str, Any]] = field(default_factory=list)
    scores: dict[str, Any] = field(default_factory=dict)

    def base(self, measure: str) -> np.ndarray:
        """Return a per-latent measure of the unedited images: [N]."""
        return self.arrays[f"all/base/{measure}"]

    def of_all(self, measure: str, value: float | None) -> np.ndarray:
        """Return a measure of edit(d, value) for all numbers d, or of the controls for None: [D, N]."""
        if value is None:
            return self.arrays[f"all/control/{measure}"]
        index = self._index(value)
        assert index is not None, "has() tells which values were edited"
        of_value: np.ndarray = self.arrays[f"all/edit/{measure}"][index]
        return of_value

    def has(self, measure: str, value: float) -> bool:
        """Return whether a measure was taken of the edits to `value`."""
        return f"all/edit/{measure}" in self.arrays and self._index(value) is not None

    def _index(self, value: float) -> int | None:
        values = self.record.get("atlas_values") or self.record.get("values", [])
        near = np.flatnonzero(np.isclose(values, value, rtol=1e-6))
        return int(near[0]) if len(near) else None


def by_recipe(folders: Sequence[Path]) -> dict[str, list[Evidence]]:
    """Read run folders and group them by the preset they were trained with."""
    found: dict[str, list[Evidence]] = {}
    for folder in folders:
        preset = str(configuration.read(Path(folder) / "config.json").preset)
        found.setdefault(preset, []).append(load_evidence(folder))
    return found


def load_evidence(folder: Path) -> Evidence:
    """Read a run folder's `dissect/`, `stats.jsonl` and `measure.json`; what is damaged is a `RunError`.

    Only what was taken of the newest snapshot is evidence.
    """
    folder = Path(folder)
    snapshot = snapshots.newest(folder)
    record: dict[str, Any] = {}
    arrays: dict[str, np.ndarray] = {}
    where = dissected.folder_of(folder)
    if (where / dissected.RECORD_NAME).exists():
        record = DISSECT.read(where / dissected.RECORD_NAME)
        record = record if snapshots.is_of(record, snapshot) else {}
    if record:
        arrays = _arrays(where / ARRAYS_NAME, record)
    measured = MEASURE.read_if_there(folder / "measure.json") or {}
    scores = measured.get("scores") if snapshots.is_of(measured, snapshot) else None
    return Evidence(folder.name, record, arrays, list(STATS.lines(folder / "stats.jsonl")), scores or {})


def _arrays(path: Path, record: dict[str, Any]) -> dict[str, np.ndarray]:
    sizes = {"values": len(record.get("atlas_values") or record["values"])}
    sizes |= {"z_dim": record["z_dim"]} if "z_dim" in record else {}
    arrays = read_arrays(path, ATLAS_ARRAYS, "dissect", sizes=sizes)
    num = len(record.get("class_names") or ())
    for name, array in arrays.items():
        if name.endswith("/class") and not 0 <= array.min() <= array.max() < num:
            raise RunError(f"{path}: {name} names classes that do not exist. Make it again with `ganatomy dissect`.")
    return arrays
