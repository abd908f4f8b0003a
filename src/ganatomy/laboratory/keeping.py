"""Whose a record is: records in run folders are kept under a lock and used only for the weights they are of."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .. import files
from ..errors import GanatomyError, OutputError, RunError, StorageError
from ..latent import dissected
from ..latent.dissection import DissectConfig
from ..latent.shapes import DISSECT
from ..metrics.network import FeatureNetwork
from ..metrics.shapes import MEASURE
from ..training import snapshots
from ..training.run import Run

_NOT_COMPARED = ("dims", "num_dims", "pick", "values", "atlas_values", "edits")
"""Settings that dissect.json notes in other words than the configuration."""


@dataclass(frozen=True)
class Measured:
    """A measurement that is not on disk yet: its record, and the pictures that belong to it by file name."""

    record: dict[str, Any]
    suffix: str
    """What its files bear in their names, see `stages.file_suffix`."""
    pictures: Mapping[str, bytes] = field(default_factory=dict)

    def keep(self, run: Run) -> None:
        """Write the pictures, measure.json and a line of metrics.jsonl, in this order.

        The record names the SHA-256 of its pictures, so a kill between them leaves no pair that seems to fit.
        """
        for name, png in self.pictures.items():
            files.write_bytes(run.folder / name, png)
        files.write_json(run.folder / f"measure{self.suffix}.json", self.record)
        files.append_jsonl(run.folder / "metrics.jsonl", self.record)


@contextmanager
def writing(folder: Path, part: str) -> Iterator[bool]:
    """Hold a folder's lock for a part of the work; give whether the folder can be written at all.

    Another process that holds it is a `RunError`; where nothing may be written, results can still be shown.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(files.one_writer(folder, part))
            can_write = True
        except OutputError as error:
            if not is_read_only(error):
                raise
            can_write = False
        yield can_write


def is_read_only(error: GanatomyError) -> bool:
    """Return whether an error says that a place may not be written, rather than that writing went wrong."""
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in files.READ_ONLY


@contextmanager
def measuring(run: Run) -> Iterator[bool]:
    """Hold what a measurement of a run needs, as `writing` does."""
    check_log(run.folder)
    with writing(run.folder, "measure") as can_write:
        yield can_write


def check_log(folder: Path) -> None:
    """Refuse a metrics.jsonl that cannot be appended to, before any work."""
    path = folder / "metrics.jsonl"
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise OutputError(f"{path} is a link, folder or device, and only files of the run are written; remove it.")


def keep_or_say(run: Run, measured: Measured, can_write: bool, say: Callable[[str], None]) -> None:
    """Keep a measurement whose numbers were shown already; where nothing may be written, say so instead."""
    if can_write:
        try:
            measured.keep(run)
            return
        except StorageError as error:
            if not is_read_only(error):
                raise
    say(f"{run.folder} cannot be written, so this measurement of {run.name} was not kept there.")


def tidy(run_folder: Path) -> None:
    """End what a killed dissection or measurement left in a run folder, if nobody is at it and it can be written."""
    if not dissected.has_leftovers(run_folder):
        return
    with contextlib.suppress(OutputError, RunError, StorageError), files.one_writer(run_folder, "dissect"):
        dissected.settle(run_folder)


def is_measured(run: Run, wanted: Mapping[str, Any] | None = None, network: FeatureNetwork | None = None) -> bool:
    """Return whether a run's measure.json is of its newest snapshot and, where given, of these settings and network.

    `wanted` are keys of the record, such as `seed` and `sizes`; what an earlier version did not note does not count.
    """
    path = run.folder / "measure.json"
    if not path.exists():
        return False
    record = MEASURE.read(path)
    if not snapshots.is_of(record, snapshots.newest(run.folder)) or not _agrees(record, wanted or {}):
        return False
    known = record.get("features")
    return network is None or not isinstance(known, dict) or known.get("sha256") == network.sha256


def is_dissected(run_folder: Path, config: DissectConfig, num_real: int) -> bool:
    """Return whether a run's finished dissection is of its newest snapshot and was made with this configuration."""
    path = dissected.folder_of(run_folder) / dissected.RECORD_NAME
    if not path.is_file():
        return False
    record = DISSECT.read(path)
    wanted = {name: value for name, value in asdict(config).items() if name not in _NOT_COMPARED}
    wanted |= {"values": list(config.values), "atlas_values": list(config.measured_values)}
    wanted |= {"edit_words": list(config.edits), "num_real": num_real, "has_given_latents": False, "num_own": 0}
    chosen = {"pick": config.pick, "num_dims": config.num_dims}
    wanted |= {"pick": "given", "dims": list(config.dims)} if config.dims else chosen
    return snapshots.is_of(record, snapshots.newest(run_folder)) and _agrees(record, wanted)


def _agrees(record: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(record[key] == value for key, value in wanted.items() if key in record)


def older_records(run: Run) -> list[str]:
    """Return in words which records above a run hold numbers of it that are older than its own."""
    found, parent = [], run.folder.resolve().parent
    if (parent / files.GROUP_RECORD).exists() and (parent / "measure.json").exists():
        found.append(
            f"{parent / 'measure.json'} has the earlier numbers of {run.name}; `ganatomy measure {parent}` measures "
            "the whole group."
        )
    lab = parent.parent / "lab.json"
    if parent.name == "runs" and lab.exists():
        found.append(
            f"{lab} keeps what the lab found of {run.name}; `ganatomy report {parent.parent}` says what changed since, "
            "and the lab, started again, does its own work again."
        )
    return found
