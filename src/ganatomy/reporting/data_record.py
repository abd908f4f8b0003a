"""What is known of a run's data: data.json, completed by lab.json and config.json where it is missing or old."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..config import TrainConfig

CATALOGUE = ("fashion-mnist", "mnist")
DRAWN = "atelier"
KINDS = ("catalogue", "drawn", "own")


@dataclass(frozen=True)
class Decision:
    """Something that was decided about own pictures, with the reader's reason (an English sentence)."""

    id: str
    value: Any
    reason: str


@dataclass(frozen=True)
class Findings:
    """What the reader found in own files (`datasets.findings`); a part that is missing is None or empty."""

    raw: Mapping[str, Any]

    def number(self, key: str) -> int | None:
        """Return a count such as `num_files`."""
        return whole(self.raw.get(key))

    @property
    def source(self) -> str:
        """What the pictures were read from: `folder`, `zip`, `npz`, `npy`, or an empty text."""
        return str(self.raw.get("kind") or "")

    @property
    def sizes(self) -> list[tuple[int, int, int]]:
        """(height, width, number of pictures), the most frequent first."""
        found = [(whole(r.get("height")), whole(r.get("width")), whole(r.get("num"))) for r in self._rows("sizes")]
        known = [(h, w, n) for h, w, n in found if h is not None and w is not None and n is not None]
        return sorted(known, key=lambda size: -size[2])

    @property
    def num_other_sizes(self) -> int:
        """How many further sizes there are."""
        return self.number("num_other_sizes") or 0

    @property
    def modes(self) -> list[tuple[str, int]]:
        """(format and mode of the files, their number), the most frequent first."""
        found = [
            (" ".join(str(r[key]) for key in ("format", "mode") if r.get(key)), whole(r.get("num")) or 0)
            for r in self._rows("modes")
        ]
        return sorted(((name, num) for name, num in found if name), key=lambda mode: -mode[1])

    @property
    def conversions(self) -> list[tuple[str, int, list[str]]]:
        """(id, number of pictures, examples) of what was done to pictures while they were read."""
        return [
            (str(r["id"]), whole(r.get("num")) or 0, [str(name) for name in r.get("examples") or []])
            for r in self._rows("conversions")
            if r.get("id")
        ]

    @property
    def refused(self) -> list[tuple[str, str]]:
        """(file, reason) of the files that are not read."""
        return [(str(r.get("file") or "–"), str(r.get("reason") or "")) for r in self._rows("refused")]

    @property
    def duplicates(self) -> tuple[int, int] | None:
        """(pictures that repeat an earlier one, those among them that do so exactly), None where nobody looked."""
        found = self.raw.get("near_duplicates")
        if not isinstance(found, Mapping):
            return None
        num = whole(found.get("num"))
        return None if num is None else (num, whole(found.get("num_exact")) or 0)

    @property
    def decisions(self) -> list[Decision]:
        """What was decided, in the reader's order."""
        return [
            Decision(str(r["id"]), r.get("value"), str(r.get("reason") or ""))
            for r in self._rows("decisions")
            if r.get("id")
        ]

    @property
    def classes(self) -> list[tuple[str, int, int]]:
        """(name, training images, test images) of every class."""
        return [
            (str(r["name"]), whole(r.get("num_train")) or 0, whole(r.get("num_test")) or 0)
            for r in self._rows("classes")
            if r.get("name") is not None
        ]

    def _rows(self, key: str) -> list[Mapping[str, Any]]:
        found = self.raw.get(key)
        return [row for row in found if isinstance(row, Mapping)] if isinstance(found, list) else []


@dataclass(frozen=True)
class DataRecord:
    """One data set as the report tells it."""

    name: str
    sha256: str
    kind: str
    """`catalogue`, `drawn` or `own`."""
    fallback: str
    """Why this set stands in for Fashion-MNIST, an English sentence; empty where it does not."""
    class_names: tuple[str, ...] | None
    """Empty for a set without classes, None where that is not known."""
    num_train: int | None
    num_test: int | None
    img_shape: tuple[int, int, int]
    """(C, H, W)."""
    findings: Findings | None
    """What was found in own files."""
    picture: Path | None
    """A grid of real training images."""

    @property
    def is_colour(self) -> bool:
        """Whether its pictures have three channels."""
        return self.img_shape[0] == 3

    @cached_property
    def test_counts(self) -> dict[str, int]:
        """Test images by class name, empty where they were not counted."""
        found = {name: num_test for name, _, num_test in self.findings.classes} if self.findings else {}
        return found if sum(found.values()) else {}


def data_record(config: TrainConfig, raw: Mapping[str, Any], lab: Mapping[str, Any], folder: Path) -> DataRecord:
    """Return what is known of a run's data.

    Args:
        config: the run's configuration.
        raw: its data.json, empty where there is none.
        lab: `data` of lab.json, empty outside a lab.
        folder: the run's folder, for the picture of real images.
    """
    name = str(raw.get("name") or config.data or lab.get("name") or "")
    shared = lab if lab.get("name") == name else {}
    kind = str(raw.get("kind") or shared.get("kind") or "")
    if kind not in KINDS:
        kind = "catalogue" if name in CATALOGUE else "drawn" if name == DRAWN else "own"
    names, findings = raw.get("class_names"), raw.get("findings")
    picture = folder / "real.png"
    return DataRecord(
        name=name,
        sha256=str(raw.get("sha256") or config.data_sha256 or shared.get("sha256") or ""),
        kind=kind,
        fallback=str(raw.get("fallback") or shared.get("fallback") or "").strip(),
        class_names=tuple(map(str, names)) if isinstance(names, list) else None,
        num_train=whole(raw.get("num_train")) or config.num_train or whole(shared.get("num_train")),
        num_test=whole(raw.get("num_test")) or whole(shared.get("num_test")),
        img_shape=config.img_shape,
        findings=Findings(findings) if isinstance(findings, Mapping) else None,
        picture=picture if picture.exists() else None,
    )


def whole(value: object) -> int | None:
    """Return a number read from JSON as a whole one, None where it is none."""
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) and value == value else None
