"""A comparison on disk: compare.json and its runs, each under a name of its own, and the desk of their page."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .. import files
from ..laboratory.comparing import RECORD_NAME
from ..laboratory.shapes import COMPARE
from ..paths import exists
from .desk import Desk
from .records import Records, RunRecord, numbered
from .words import Words


@dataclass
class VersusDesk(Desk):
    """The desk of a comparison."""

    compare: dict[str, Any] = field(default_factory=dict)
    """compare.json."""
    members: dict[str, tuple[RunRecord, ...]] = field(default_factory=dict)
    """The runs of every group, by the group's name and in its order."""

    def label(self, run: RunRecord) -> str:
        """Return a run's group, and its seed where the group has several trainings."""
        group = next(name for name, runs in self.members.items() if run in runs)
        if len(self.members[group]) == 1:
            return group
        return self.words("versus.training", group=group, seed=run.config.seed)

    def group_colour(self, group: str) -> str:
        """Return a group's palette colour."""
        return f"run{list(self.members).index(group) % 4}"

    def colour(self, run: RunRecord) -> str:
        """Return a run's palette colour: its group's."""
        return self.group_colour(next(name for name, runs in self.members.items() if run in runs))


def locate(paths: list[Path], out: Path | None) -> tuple[list[Path], Path | None, Path | None]:
    """Return (folders of runs, folder to write to, folder of compare.json or None) for what a report is asked for.

    The folder of a comparison stands for its runs; runs that are to be reported into that folder are its own.
    """
    if len(paths) == 1 and exists(paths[0] / RECORD_NAME):
        folders = run_folders(_read(paths[0]), paths[0])
        return [folder for group in folders.values() for folder in group], out or paths[0], paths[0]
    return paths, out, out if out is not None and exists(out / RECORD_NAME) else None


def run_folders(record: dict[str, Any], start: Path) -> dict[str, list[Path]]:
    """Return the run folders of every group, from the folder of compare.json."""
    return {group["name"]: [start / run["folder"] for run in group["runs"]] for group in record["groups"]}


def versus_desk(records: Records, words: Words, place: Path) -> VersusDesk | None:
    """Return the desk of the comparison in a folder, None where it is one of other runs than those reported."""
    record = _read(place)
    known = {run.folder.resolve(): run for run in records.runs}
    folders = run_folders(record, place)
    if {folder.resolve() for group in folders.values() for folder in group} != set(known):
        return None
    found = [(group, known[folder.resolve()]) for group, places in folders.items() for folder in places]
    # Replicates of two groups may both lie in folders called s0: here they are called by group and seed.
    stems = [
        files.plain_name(group) + (f"-s{run.config.seed}" if len(folders[group]) > 1 else "") for group, run in found
    ]
    members: dict[str, tuple[RunRecord, ...]] = dict.fromkeys(folders, ())
    for (group, run), name in zip(found, numbered(stems)):
        members[group] += (replace(run, told_apart=name),)
    told = Records(records.folder, tuple(run for runs in members.values() for run in runs), {})
    return VersusDesk(told, words, compare=record, members=members)


def _read(folder: Path) -> dict[str, Any]:
    return COMPARE.read(folder / RECORD_NAME)
