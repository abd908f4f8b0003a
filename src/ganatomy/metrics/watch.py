"""Health during training: looks at the panel, judges the run, says what is new, keeps health.json up to date."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .. import files
from ..datasets.store import Dataset
from ..errors import RunError, StorageError
from ..training.loop import Hook
from ..training.run import Run
from ..training.runlog import PANEL, STATS
from ..training.state import TrainState
from . import health
from .features import features_for
from .panel import Panel

NAMES = {
    "d_strong": "D too strong", "d_weak": "D too weak", "g_vanishing": "G's gradient vanishes",
    "oscillation": "oscillation", "divergence": "divergence", "collapse": "mode collapse", "stalled": "stalled",
    "memorising": "D memorises",
}  # fmt: skip
"""Verdicts in a word or two, for terminals."""


def record_of(run: Run) -> health.Record:
    """Return what the rules look at, from a run folder; a run that was never looked at has no panel."""
    config = run.config
    status = run.status if (run.folder / "status.json").exists() else {}
    return health.Record(
        stats=run.stats(),
        panel=list(files.read_jsonl(run.folder / PANEL)),
        total_nimg=config.total_nimg or 0,
        is_fresh=config.init_from is None,
        diverged_nimg=status["cur_nimg"] if status.get("state") == "diverged" else None,
    )


def judge_run(run: Run) -> list[health.Verdict]:
    """Judge a run by what lies in its folder; returns the verdicts, and writes health.json where it may be written."""
    verdicts = health.judge(record_of(run))
    with contextlib.suppress(StorageError):  # a run of somebody else, or on a read-only disk, is judged all the same
        _write(run, verdicts)
    return verdicts


class Firing:
    """The names of the rules that fire in a run that another process trains; every health.json is read once."""

    def __init__(self) -> None:
        self._read: dict[Path, tuple[int, list[str]]] = {}

    def __call__(self, run: Run) -> list[str]:
        """Return the names; none before the first look."""
        path = run.folder / health.RECORD_NAME
        if not path.exists():
            return []
        written = path.stat().st_mtime_ns
        if self._read.get(path, (0, []))[0] != written:
            fired = [row["id"] for row in files.read_json(path)["verdicts"] if row["state"] == "fired"]
            self._read[path] = written, [NAMES[name] for name in fired]
        return self._read[path][1]


def line_of(verdict: health.Verdict) -> str:
    """Return a verdict in one line: name, image count, number and threshold."""
    name, reading = NAMES[verdict.id], verdict.readings[0]
    if verdict.state in ("fired", "passed") and reading.fired_value is not None:
        number = f"{reading.says}: {reading.fired_value:.3g}, threshold {reading.threshold:.3g}"
        when = f"since {verdict.nimg:,} images" if verdict.state == "fired" else f"at {verdict.nimg:,} images, not now"
        return f"{name} {when} ({number})"
    if verdict.state == "fired":
        return f"{name} at {verdict.nimg:,} images (a loss or gradient was not finite)"
    if reading.value is None:
        return f"{name}: nothing to judge yet"
    return f"{name}: no ({reading.says}: {reading.value:.3g}, threshold {reading.threshold:.3g})"


def _write(run: Run, verdicts: list[health.Verdict]) -> None:
    record = {
        "overall": health.overall(verdicts),
        "verdicts": [dataclasses.asdict(verdict) for verdict in verdicts],
    }
    files.write_json(run.folder / health.RECORD_NAME, record)


class Watch:
    """The health of one run in training: a hook for the loop and a word for the progress line."""

    def __init__(self, run: Run, dataset: Dataset, say: Callable[[str], None]):
        self._run, self._say, self._dataset = run, say, dataset
        self._network = features_for(dataset)  # a damaged one is refused here, before any work
        self._panel: Panel | None = None
        self._stats, self._seen = _Tail(run.folder / STATS, say), _Tail(run.folder / PANEL, say)
        self._states: dict[str, str] | None = None

    @property
    def hooks(self) -> list[tuple[int, Hook]]:
        """The hook with its interval: whenever the fixed latents are pictured."""
        interval = self._run.config.sample_nimg
        assert interval, "a run's configuration is resolved"
        return [(interval, self._look)]

    def note(self) -> str:
        """Return the state for the progress line, empty before the first judgement."""
        states = self._states or {}
        fired = [NAMES[name] for name, state in states.items() if state == "fired"]
        return ", ".join(fired) or ("healthy so far" if "clear" in states.values() else "")

    def _look(self, state: TrainState) -> None:
        """Add a line to panel.jsonl, judge the run, and say what fired since the last look."""
        if self._states is None:  # of a resumed run: what its earlier part has said already
            self._states = {verdict.id: verdict.state for verdict in self._judge()}
        looks = self._seen.lines()
        if not looks or looks[-1]["cur_nimg"] < state.cur_nimg:  # a finished run that is resumed was looked at already
            if self._panel is None:  # only now, with the run's own number of threads, so that its numbers repeat
                self._panel = Panel(self._run.folder, self._dataset, self._network)
            self._panel(state)
        verdicts = self._judge()
        for verdict in verdicts:
            if verdict.state == "fired" and self._states[verdict.id] != "fired":
                self._say(f"health: {line_of(verdict)}; `ganatomy doctor {self._run.folder}` says what to try.")
        self._states = {verdict.id: verdict.state for verdict in verdicts}
        _write(self._run, verdicts)

    def _judge(self) -> list[health.Verdict]:
        config = self._run.config
        record = health.Record(
            self._stats.lines(), self._seen.lines(), config.total_nimg or 0, is_fresh=config.init_from is None
        )
        return health.judge(record)


class _Tail:
    """The lines of a growing JSON-lines file, each read once."""

    def __init__(self, path: Path, say: Callable[[str], None]):
        self._path, self._say, self._lines, self._offset = path, say, list[dict[str, Any]](), 0

    def lines(self) -> list[dict[str, Any]]:
        """Return all lines so far; those of a file that somebody removed or cut short are remembered, and it is said.

        A torn last line is left for the next time; a damaged one is a `RunError`.
        """
        if not self._path.exists() and not self._offset:
            return self._lines
        if not self._path.exists() or self._path.stat().st_size < self._offset:
            self._say(f"warning: {self._path} was removed or cut short by somebody else; it is begun anew.")
            self._offset = 0
            if not self._path.exists():
                return self._lines
        with open(self._path, "rb") as handle:
            handle.seek(self._offset)
            whole = handle.read().rpartition(b"\n")[0]
        self._offset += len(whole) + 1 if whole else 0
        for line in filter(None, whole.split(b"\n")):
            self._lines.append(self._record(line))
        return self._lines

    def _record(self, line: bytes) -> dict[str, Any]:
        try:
            record = files.parse_json(line)
        except ValueError as error:
            raise RunError(f"{self._path} was damaged while it was being written: {error}.") from error
        if not isinstance(record, dict):
            raise RunError(f"{self._path} was damaged while it was being written: a line is no record.")
        return record
