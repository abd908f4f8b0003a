"""Training the runs of a group: one after the other in this process, or side by side in processes of their own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from .. import files
from ..errors import GanatomyError, Interrupted
from ..progress import Progress
from . import belongings
from .replicates import RunGroup, conclude, state_of, write_states
from .run import Run, failure_state
from .runlog import STATS

LOG_NAME = "worker.log"
"""What a worker printed, in its run folder; several workings of one run follow each other."""
PARENT = "GANATOMY_WORKER_OF"
"""Environment variable of a worker: the process id of who started it (see `console.StopSignal`)."""
POLL_SEC = 0.5
TAIL_BYTES = 16_384
ONE_POOL = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(kw_only=True)
class Work:
    """What training a group needs from its caller."""

    train_one: Callable[[Run], Iterator[Progress]]
    """Trains one run in this process."""
    say: Callable[[str], None]
    should_stop: Callable[[], bool] = lambda: False
    health_of: Callable[[Run], list[str]] = lambda run: []
    """Names of the health rules that fire in a run, by what lies in its folder."""
    words: tuple[str, ...] = ()
    """More words for the workers' command line, as `--data-dir DIR`."""
    failures: dict[str, dict[str, Any]] = field(default_factory=dict)
    """State and message of trainings that did not reach their end, by run folder name."""


def train_group(group: RunGroup, work: Work) -> Generator[Progress, None, None]:
    """Train every run of a group that is not at its end; yields progress over the images of all runs.

    A training that fails does not stop the others. The caller holds the group's lock.

    Raises:
        GroupError: some trainings did not reach their end.
        Interrupted: `should_stop` turned true; everything was saved.
    """
    steps = {"sequential": _one_by_one, "processes": _in_processes}[group.executor.executor]
    try:
        yield from steps(group, work)
    except Interrupted:
        write_states(group, work.failures)
        rows = [f"{run.folder.name} {_told(run)}" for run in group.runs]
        raise Interrupted(f"stopped; saved: {', '.join(rows)}.") from None
    conclude(group, work.failures, work.say)


def _told(run: Run) -> str:
    seen = state_of(run)
    return "not begun" if seen["state"] == "new" else f"{seen['state']} at {seen['cur_nimg']:,}"


def _one_by_one(group: RunGroup, work: Work) -> Iterator[Progress]:
    board = _Board(group, work)
    for run in group.left():
        if work.should_stop():
            raise Interrupted("stopped between two trainings.")
        try:
            for progress in work.train_one(run):
                yield board.progress({run.folder.name: progress.done}, progress.note)
        except Interrupted:
            raise
        except GanatomyError as error:
            _report_failure(work, run, failure_state(error), str(error))
        board.has_ended(run)


@dataclass
class _Worker:
    """A process that trains one run."""

    run: Run
    process: subprocess.Popen[bytes]
    log: IO[bytes]
    log_start: int

    def last_words(self) -> str:
        """Return the error the process ended with, else its last line, else nothing."""
        with open(self.log.name, "rb") as handle:
            handle.seek(self.log_start)
            text = handle.read()[-TAIL_BYTES:].decode("utf-8", errors="replace").strip()
        before, found, error = text.rpartition("ganatomy: ")
        is_error = found and (not before or before.endswith("\n"))
        return error if is_error else text.rpartition("\n")[2]


def _in_processes(group: RunGroup, work: Work) -> Iterator[Progress]:
    waiting, workers = deque(group.left()), list[_Worker]()
    for run in waiting:
        belongings.check_links(run.folder)
    board, num_workers, stopping = _Board(group, work), group.executor.num_workers, False
    try:
        while waiting or workers:
            if work.should_stop() and not stopping:
                stopping = True
                waiting.clear()
                for worker in workers:
                    _ask_to_stop(worker.process)
            while waiting and len(workers) < num_workers:
                workers.append(_start(waiting.popleft(), work.words))
            for worker in [worker for worker in workers if worker.process.poll() is not None]:
                workers.remove(worker)
                worker.log.close()
                if not stopping:
                    _look_at_end(worker, work)
                    board.has_ended(worker.run)
            yield board.progress(board.health({worker.run.folder.name: _seen_nimg(worker.run) for worker in workers}))
            if workers:
                time.sleep(POLL_SEC)
    finally:
        for worker in workers:  # none are left unless something failed here: whatever they saved is whole
            worker.process.kill()
            worker.process.wait()
            worker.log.close()
    if stopping and group.left():
        raise Interrupted("the workers have stopped.")


def _start(run: Run, words: tuple[str, ...]) -> _Worker:
    """Start the ordinary command on a run; out of reach of the terminal's Ctrl-C, which is passed on once, by us."""
    num_threads = str(run.config.num_threads)
    env = {**os.environ, **dict.fromkeys(ONE_POOL, num_threads), "OMP_WAIT_POLICY": "PASSIVE", PARENT: str(os.getpid())}
    here = Path(__file__).resolve().parents[2]
    if here.name not in ("site-packages", "dist-packages"):  # a worker runs this very code, also where it is a checkout
        env["PYTHONPATH"] = os.pathsep.join([str(here), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-P", "-m", "ganatomy", "train", "--resume", str(run.folder), *words]
    apart: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    log = files.open_log(run.folder / LOG_NAME)  # closed when the worker has ended
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, **apart)
    return _Worker(run, process, log, log.tell())


def _ask_to_stop(process: subprocess.Popen[bytes]) -> None:
    """Send the signal at which a training saves and stops."""
    with contextlib.suppress(ProcessLookupError):
        if sys.platform == "win32":
            process.send_signal(signal.CTRL_BREAK_EVENT)
        else:
            process.send_signal(signal.SIGTERM)


def _look_at_end(worker: _Worker, work: Work) -> None:
    """Say how a worker's training ended, and note what it could not note itself."""
    run, code = worker.run, worker.process.returncode
    if code == 0 and run.is_finished:
        work.say(f"{run.folder.name}: finished.")
        return
    message = worker.last_words()
    state = "failed"
    if code < 0:
        message = f"its process was ended by signal {-code} ({signal.strsignal(-code)})."
    elif code in (130, 143):
        state = "interrupted"
    elif code == 1 and state_of(run)["state"] == "diverged":
        state = "diverged"
    message = message or f"its process ended with exit code {code}."
    _report_failure(work, run, state, f"{message} Its log: {run.folder / LOG_NAME}")


def _report_failure(work: Work, run: Run, state: str, message: str) -> None:
    work.failures[run.folder.name] = {"state": state, "message": message}
    work.say(f"{run.folder.name}: {state}: {message}")


class _Board:
    """Where all runs of a group stand, for the one progress line."""

    def __init__(self, group: RunGroup, work: Work):
        self._work = work
        self._runs = {run.folder.name: run for run in group.runs}
        self._totals = {name: run.config.total_nimg or 0 for name, run in self._runs.items()}
        left = {run.folder.name for run in group.left()}
        # A training that has ended has no images left, however it ended.
        self._seen = {
            name: state_of(run)["cur_nimg"] if name in left else self._totals[name] for name, run in self._runs.items()
        }
        self._told: dict[str, list[str]] = {}

    def has_ended(self, run: Run) -> None:
        """Note that a training has ended."""
        self._seen[run.folder.name] = self._totals[run.folder.name]

    def progress(self, at_work: dict[str, int], note: str = "") -> Progress:
        """Return the images of all runs, those at work as given; `note` is of the one at work, where there is one."""
        self._seen |= at_work
        notes = [f"{name} {note}".strip() for name in at_work]
        note = f"at work: {', '.join(notes)}" if notes else ""
        return Progress(sum(self._seen.values()), sum(self._totals.values()), note=note)

    def health(self, at_work: dict[str, int]) -> dict[str, int]:
        """Say which health rules fire in workers' runs, each once."""
        for name in at_work:
            run, told = self._runs[name], self._told.setdefault(name, [])
            for rule in self._work.health_of(run):
                if rule not in told:
                    told.append(rule)
                    self._work.say(f"health: {name}: {rule}; `ganatomy doctor {run.folder}` says what to try.")
        return at_work


def _seen_nimg(run: Run) -> int:
    """Return the images a run in training has seen, from the end of its stats.jsonl."""
    path = run.folder / STATS
    if not path.is_file():
        return 0
    with open(path, "rb") as handle:
        handle.seek(max(0, handle.seek(0, os.SEEK_END) - TAIL_BYTES))
        lines = handle.read().split(b"\n")
    for line in reversed(lines):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            return int(json.loads(line)["cur_nimg"])
    return 0
