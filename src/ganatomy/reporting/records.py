"""What lies on disk, read once: a lab folder, or run folders, as plain records that may lack any part."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from .. import config as configuration
from .. import files
from ..checked import Kind, is_there, read_text
from ..config import TrainConfig
from ..datasets.shapes import DATA
from ..errors import RunError
from ..laboratory.shapes import LAB, TIMING
from ..latent import dissected
from ..latent.shapes import DIRECTIONS, DISSECT, INVERSION, JACOBIAN, PATHS
from ..metrics.shapes import HEALTH, MEASURE
from ..paths import exists, short_name
from ..training import snapshots
from ..training.shapes import ENVIRONMENT, STATS
from ..training.snapshots import Snapshot
from .data_record import DataRecord, data_record
from .escapes import anchor

_SAMPLE = re.compile(r"-(\d+)\.png$")


@dataclass(frozen=True)
class RunRecord:
    """One run folder; a part that is not there is None or empty."""

    folder: Path
    config: TrainConfig
    environment: dict[str, Any]
    command: str
    lab: dict[str, Any]
    """The run's entry in lab.json, empty outside a lab."""
    lab_data: dict[str, Any]
    """What lab.json says of the data, empty outside a lab."""

    told_apart: str = ""
    """Another name than the folder's, where two runs of a report have the same."""

    @property
    def name(self) -> str:
        """The folder's name, inside a group with the group's name before it; unique in a report."""
        return self.told_apart or files.run_name(self.folder)

    @property
    def key(self) -> str:
        """The name for ids and names of files, see `escapes.anchor`."""
        return short_name(anchor(self.name), 120)  # two of them, a word and an ending make a file's name

    @cached_property
    def stats(self) -> list[dict[str, Any]]:
        """The lines of stats.jsonl."""
        return list(STATS.lines(self.folder / "stats.jsonl"))

    @cached_property
    def data(self) -> DataRecord:
        """What is known of the data it was trained on."""
        return data_record(self.config, DATA.read_if_there(self.folder / "data.json") or {}, self.lab_data, self.folder)

    @cached_property
    def snapshot(self) -> Snapshot | None:
        """The newest snapshot, None where none is kept."""
        return snapshots.newest(self.folder)

    @cached_property
    def dissect_folder(self) -> Path:
        """Where the finished dissection lies."""
        return dissected.folder_of(self.folder)

    @cached_property
    def measure(self) -> dict[str, Any]:
        """measure.json, else what lab.json says of it, else empty."""
        return MEASURE.read_if_there(self.folder / "measure.json") or self.lab

    @cached_property
    def other_measures(self) -> dict[str, dict[str, Any]]:
        """Measurements with other feature networks than the data's own, measure-<network>.json, by the network's name.

        Only those of the snapshot that measure.json is of.
        """
        records = [MEASURE.read(path) for path in sorted(self.folder.glob("measure-*.json"))]
        return {
            str(record["features"]["name"]): record
            for record in records
            if record.get("features") and snapshots.are_of_one(record, self.measure)
        }

    @property
    def memorisation(self) -> dict[str, dict[str, Any]]:
        """How near generated images come to training images: `pixels` and `features`, empty where not measured."""
        found = self.measure.get("memorisation")
        return found if isinstance(found, dict) and {"pixels", "features"} <= set(found) else {}

    @cached_property
    def dissect(self) -> dict[str, Any] | None:
        """dissect/dissect.json."""
        return self._dissected("dissect", DISSECT)

    @cached_property
    def directions(self) -> dict[str, Any]:
        """dissect/directions.json, empty where directions were not looked for."""
        return self._dissected("directions", DIRECTIONS) or {}

    @cached_property
    def paths(self) -> dict[str, Any]:
        """dissect/paths.json, empty where no paths were followed."""
        return self._dissected("paths", PATHS) or {}

    @cached_property
    def inversion(self) -> dict[str, Any]:
        """dissect/inversion.json, empty where no real images were looked for."""
        return self._dissected("inversion", INVERSION) or {}

    @cached_property
    def jacobian(self) -> dict[str, Any]:
        """dissect/jacobian.json, empty where it was not taken."""
        return self._dissected("jacobian", JACOBIAN) or {}

    @cached_property
    def health(self) -> dict[str, Any] | None:
        """health.json."""
        return HEALTH.read_if_there(self.folder / "health.json")

    @cached_property
    def timing(self) -> dict[str, Any]:
        """Seconds by stage after the training, from timing.json."""
        return TIMING.read_if_there(self.folder / "timing.json") or {}

    def _dissected(self, part: str, kind: Kind) -> dict[str, Any] | None:
        return kind.read_if_there(self.dissect_folder / f"{part}.json", z_dim=self.config.z_dim)

    @cached_property
    def samples(self) -> list[tuple[int, Path]]:
        """Pictures of the fixed latents as (images seen, PNG), oldest first."""
        found = [
            (int(m[1]), path) for path in (self.folder / "samples").glob("*.png") if (m := _SAMPLE.search(path.name))
        ]
        return sorted(found)

    @property
    def total_nimg(self) -> int:
        """Images shown so far: of the last line of stats.jsonl, else the plan."""
        return int(self.stats[-1]["cur_nimg"]) if self.stats else int(self.config.total_nimg or 0)

    @property
    def seconds(self) -> float | None:
        """Training time in seconds."""
        given = self.lab.get("seconds")
        if given is None and self.stats:
            given = self.stats[-1].get("Timing/total_sec")
        return float(given) if isinstance(given, int | float) else None

    @property
    def score(self) -> tuple[str, dict[str, Any]] | None:
        """Name and record of the first Fréchet distance."""
        for name, record in (self.measure.get("scores") or {}).items():
            if isinstance(record, dict) and finite(record.get("value")):
                return name, record
        return None

    @property
    def features(self) -> dict[str, Any] | None:
        """`name`, `sha256` and `test_accuracy` of the feature network; outside measure.json only the name is known."""
        record = self.measure.get("features")
        if isinstance(record, dict) and record.get("name"):
            return record
        name = re.search(r"\[([^\]]+)\]$", self.score[0]) if self.score else None
        return {"name": name[1]} if name else None

    @property
    def is_measured(self) -> bool:
        """Whether the run was measured, whatever came of it."""
        return "scores" in self.measure

    @property
    def classes(self) -> dict[str, Any] | None:
        """`names`, `counts` and `missing` of the classes drawn."""
        record = self.measure.get("classes")
        return record if isinstance(record, dict) and record.get("counts") else None

    @property
    def confidence(self) -> dict[str, Any] | None:
        """`median`, `mean`, `lo10` of the classifier's confidence."""
        record = self.measure.get("confidence")
        return record if isinstance(record, dict) and finite(record.get("median")) else None

    def series(self, key: str) -> tuple[np.ndarray, np.ndarray]:
        """Return (images seen [n], values [n]) of one scalar of stats.jsonl, float64, without gaps."""
        pairs = [(line["cur_nimg"], line[key]) for line in self.stats if finite(line.get(key))]
        table = np.array(pairs, dtype=np.float64).reshape(-1, 2)
        return table[:, 0], table[:, 1]


@dataclass(frozen=True)
class Records:
    """Everything a report is made from."""

    folder: Path
    """Where the report goes."""
    runs: tuple[RunRecord, ...]
    lab: dict[str, Any]
    """lab.json, empty where runs are reported without a lab."""

    @cached_property
    def datasets(self) -> tuple[tuple[RunRecord, DataRecord], ...]:
        """The data sets of all runs, each once, with the first run that has it."""
        found: dict[tuple[str, str], tuple[RunRecord, DataRecord]] = {}
        for run in self.runs:
            found.setdefault((run.data.name, run.data.sha256), (run, run.data))
        return tuple(found.values())

    def first(self, model: str) -> RunRecord | None:
        """Return the first run of a network family."""
        return next((run for run in self.runs if run.config.model == model), None)


def finite(value: object) -> TypeGuard[float]:
    """Whether a value read from JSON is a usable number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def read_run(folder: Path, lab: dict[str, Any] | None = None, data: dict[str, Any] | None = None) -> RunRecord:
    """Read one run folder, with its entry and the data of lab.json if it is in a lab; what is none is a `RunError`."""
    if not exists(folder / "config.json"):
        raise RunError(
            f"{folder} is neither a lab nor a run: it has no lab.json and no config.json. "
            "Give the folder of a lab, or one or more run folders."
        )
    command = folder / "command.txt"
    return RunRecord(
        folder=folder,
        config=configuration.read(folder / "config.json"),
        environment=ENVIRONMENT.read_if_there(folder / "environment.json") or {},
        command=read_text(command).strip() if is_there(command) else "",
        lab=lab or {},
        lab_data=data or {},
    )


def _told_apart(runs: list[RunRecord]) -> tuple[RunRecord, ...]:
    """Give runs of the same name names of their own: with folders above them, and a number where that is not enough."""
    names = [run.name for run in runs]
    for i, run in enumerate(runs):
        alike = [other for other in runs if other.name == run.name]
        if len(alike) == 1:
            continue
        above = run.folder.resolve().parts[1:-1]
        for depth in range(1, len(above) + 1):
            near = above[len(above) - depth :]
            names[i] = "/".join((*near, run.name))
            if sum(other.folder.resolve().parts[-depth - 1 : -1] == near for other in alike) == 1:
                break
    return tuple(replace(run, told_apart=name) for run, name in zip(runs, numbered(names)))


def numbered(names: Iterable[str]) -> list[str]:
    """Return names with a number behind every one that came before, such as that of a folder given twice."""
    found: list[str] = []
    for name in names:
        number, unique = 1, name
        while unique in found:
            number += 1
            unique = f"{name} ({number})"
        found.append(unique)
    return found


def read(paths: list[Path], out: Path | None = None) -> Records:
    """Read one lab folder, or one or more run folders.

    Args:
        paths: the folders; a lab stands alone.
        out: where the report goes; else beside lab.json, into the one run folder, or beside several runs.

    Raises:
        RunError: a folder is neither, is damaged, or a lab was given together with other folders.
    """
    if not paths:
        raise RunError("no folder was given; give the folder of a lab, or one or more run folders.")
    labs = [path for path in paths if exists(path / "lab.json")]
    if labs and len(paths) > 1:
        raise RunError(f"{labs[0]} is a lab and stands alone; give it by itself, or the runs inside its runs/ folder.")
    if labs:
        lab = LAB.read(labs[0] / "lab.json")
        entries = lab.get("runs") or {}
        folders = [labs[0] / "runs" / name for name in entries]
        data = lab.get("data") or {}
        runs = tuple(read_run(folder, entries[folder.name], data) for folder in folders if folder.is_dir())
        return Records(folder=out or labs[0], runs=runs, lab=lab)
    runs = _told_apart([read_run(path) for path in paths])
    return Records(folder=out or (paths[0] if len(paths) == 1 else paths[0].parent), runs=runs, lab={})
