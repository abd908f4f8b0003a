"""What people see while something runs: plain words, and a bar with the time left where there is a terminal.

Long work yields progress records; this module is the caller that draws them. It needs `rich` only for the bar.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import IO, Any, Protocol, TypeVar

from .errors import ConfigError, Interrupted
from .progress import Progress, clock

SECONDS_BETWEEN_LINES = 10.0
_IMPORTED = time.monotonic()
_command_began: list[float] = []
_at_work = [False]
WIDTHS = 40, 400
"""Narrowest and widest lines that are written; in one column the parser's help would never end."""
STREAM_ERRORS = (OSError, ValueError, RuntimeError)
"""What a stream says that nobody reads: a full disk or a broken pipe, a closed file, a message within a message (a
signal that came while one was being printed)."""
WORKER_OF = "GANATOMY_WORKER_OF"
"""Environment variable of a group's worker: the process id of who started it."""


Result = TypeVar("Result")


class HasMessage(Protocol):
    """A download's record: the file in work and a line for people."""

    @property
    def file(self) -> str:
        """Name of the file."""

    @property
    def message(self) -> str:
        """One plain line."""


def note_command() -> None:
    """Note that this process is one command, so that its work began when this module was imported."""
    _command_began.append(_IMPORTED)


def began() -> float:
    """Return when the work in hand began, by `time.monotonic`: with the process of a command, in Python now."""
    return _command_began[0] if _command_began else time.monotonic()


def is_command() -> bool:
    """Return whether this process is one command, so that nobody takes what a verb returns."""
    return bool(_command_began)


def begin() -> None:
    """Note that a verb begins: nothing was done yet."""
    _at_work[0] = False


def is_at_work() -> bool:
    """Return whether the verb in hand has begun its work, beyond looking at what it was given."""
    return _at_work[0]


def is_quiet() -> bool:
    """Return whether this is one of several processes of a training, but not the first: that one speaks for all."""
    rank = os.environ.get("RANK", "")
    return "WORLD_SIZE" in os.environ and rank.isdecimal() and int(rank) > 0


def speaks_for_machine() -> bool:
    """Return whether this process says what fails before the processes of a training have met: one on each machine."""
    return not is_quiet() or os.environ.get("LOCAL_RANK") == "0"


class Listener:
    """A text stream that may lose its reader: what cannot be written is dropped, and the reason is kept in `lost`.

    A training goes on whether anybody listens or not. Whoever needs to know that results were lost asks `lost`.
    """

    def __init__(self, stream: IO[str] | None):
        self._stream = stream
        self.lost = ""

    @property
    def encoding(self) -> str:
        """The encoding of what is written; UTF-8 where nothing is."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        """Write text if somebody takes it."""
        if self._stream is None:
            self.lost = self.lost or "it is closed"
            return len(text)
        try:
            self._stream.write(text)
        except STREAM_ERRORS as error:
            self._note(error)
        return len(text)

    def flush(self) -> None:
        """Hand on what was written if somebody takes it."""
        if self._stream is not None:
            try:
                self._stream.flush()
            except STREAM_ERRORS as error:
                self._note(error)

    def isatty(self) -> bool:
        """Return whether a terminal shows it."""
        try:
            return self._stream is not None and self._stream.isatty()
        except ValueError:  # closed
            return False

    def close_for_good(self) -> None:
        """Flush once more; what cannot be written then must not fail again when Python ends."""
        self.flush()
        if self.lost and self._stream is not None:
            with contextlib.suppress(*STREAM_ERRORS):  # a stream without a number needs nothing
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._stream.fileno())
                os.close(nowhere)

    def _note(self, error: Exception) -> None:
        self.lost = self.lost or getattr(error, "strerror", None) or str(error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def listeners() -> Iterator[tuple[Listener, Listener]]:
    """Let standard output and standard error lose their readers inside the block; yields the two.

    Where one of them is closed its number is taken first, so that no file opened later gets it and is written into.
    """
    _fill_closed_numbers()
    out, err = Listener(sys.stdout), Listener(sys.stderr)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            yield out, err
        finally:
            out.close_for_good()
            err.close_for_good()


@contextlib.contextmanager
def readable_width() -> Iterator[None]:
    """Let lines be 40 to 400 columns wide inside the block, whatever the terminal says: a parser's boxes need room."""
    before, columns = os.environ.get("COLUMNS"), shutil.get_terminal_size().columns
    if not WIDTHS[0] <= columns <= WIDTHS[1]:
        os.environ["COLUMNS"] = str(min(max(columns, WIDTHS[0]), WIDTHS[1]))
    try:
        yield
    finally:
        if before is not None:
            os.environ["COLUMNS"] = before
        else:
            os.environ.pop("COLUMNS", None)


def _fill_closed_numbers() -> None:
    while True:
        number = os.open(os.devnull, os.O_RDWR)
        if number > 2:
            os.close(number)
            return


def say(message: str) -> None:
    """Print one line for people on standard error (standard output is for results); dropped where nobody listens."""
    if is_quiet() or sys.stderr is None:
        return
    with contextlib.suppress(*STREAM_ERRORS):
        print(message, file=sys.stderr, flush=True)


def worker_of() -> int:
    """Return the process id of who started this worker of a group, 0 where this is none."""
    given = os.environ.get(WORKER_OF) or "0"
    if not given.isdecimal() or len(given) > 9:
        raise ConfigError(
            f"{WORKER_OF} is {given!r}; it is set by the program for the workers of a group, to a process id. Unset it."
        )
    return int(given)


def download_lines() -> Callable[[HasMessage], None]:
    """Return a function that prints a download's records: every new file at once, then a line every 10 seconds."""
    last_file, last_line = "", 0.0

    def draw(record: HasMessage) -> None:
        nonlocal last_file, last_line
        now = time.monotonic()
        if record.file != last_file or now - last_line >= SECONDS_BETWEEN_LINES:
            last_file, last_line = record.file, now
            say(record.message)

    return draw


def show(records: Iterable[Progress | Result], label: str) -> Result | None:
    """Consume work that yields progress records and, last, perhaps a result; return the result.

    In a terminal there is a bar with the time left; elsewhere one plain line every 10 seconds and one at the end.
    """
    if sys.stderr is not None and sys.stderr.isatty() and importlib.util.find_spec("rich") and not is_quiet():
        return _show_bar(records, label)
    return _show_lines(records, label)


def _begun(records: Iterable[Progress | Result]) -> Iterator[Progress | Result]:
    """Pass records on, and note from the first one on that work has begun."""
    for record in records:
        _at_work[0] = True
        yield record


def _show_lines(records: Iterable[Progress | Result], label: str) -> Result | None:
    start = last_line = time.monotonic()
    first: Progress | None = None
    result: Result | None = None
    for record in _begun(records):
        if not isinstance(record, Progress):
            result = record
            continue
        first = first or record
        now = time.monotonic()
        if now - last_line >= SECONDS_BETWEEN_LINES and record.done > first.done:
            last_line = now
            left = (now - start) * (record.total - record.done) / (record.done - first.done)
            share = 100 * record.done / record.total
            note = f"; {record.note}" if record.note else ""
            say(f"{label}: {record.done:,} of {record.total:,} {record.unit} ({share:.0f} %), {clock(left)} left{note}")
    say(f"{label}: done in {clock(time.monotonic() - start)}")
    return result


def _show_bar(records: Iterable[Progress | Result], label: str) -> Result | None:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    result: Result | None = None
    with Bar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=None)
        for record in _begun(records):
            if isinstance(record, Progress):
                note = f" ({record.note})" if record.note else ""
                bar.update(task, completed=record.done, total=record.total, description=f"{label}{note}")
            else:
                result = record
    return result


class StopSignal:
    """Set by Ctrl-C or SIGTERM; work looks at it between steps. `exit_code` is 130 or 143.

    A worker of a group also stops, as if by SIGTERM, when the process that started it is gone.
    """

    def __init__(self) -> None:
        self.exit_code = 0
        self._parent = worker_of()

    def __call__(self) -> bool:
        """Return whether a signal came."""
        if self._parent and os.name != "nt" and os.getppid() != self._parent:
            self.exit_code = self.exit_code or 143
        return self.exit_code != 0


@contextlib.contextmanager
def stop_on_signals() -> Iterator[StopSignal]:
    """Turn the first Ctrl-C or SIGTERM inside the block into a request to save and stop; a second one acts at once.

    Outside the main thread signals cannot be caught, and the block changes nothing.
    """
    stop = StopSignal()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    previous: dict[int, signal.Handlers | Callable[[int, FrameType | None], object] | int | None] = {}

    def restore() -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)

    def request(number: int, frame: FrameType | None) -> None:
        stop.exit_code = 128 + number
        restore()
        say("stopping after this step; saving (once more to stop at once) ...")

    numbers = [signal.SIGINT, signal.SIGTERM]
    if sys.platform == "win32":
        numbers.append(signal.SIGBREAK)  # what a group's workers are sent there
    for number in numbers:
        previous[number] = signal.signal(number, request)
    try:
        yield stop
    finally:
        restore()


@contextlib.contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does, through its clean-up; outside the main thread nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        raise Interrupted("stopped.", 128 + number)

    previous = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


@contextlib.contextmanager
def stoppable(advice: str) -> Iterator[StopSignal]:
    """Save and stop on Ctrl-C or SIGTERM inside the block, and say how to go on."""
    with stop_on_signals() as stop:
        try:
            yield stop
        except Interrupted as error:
            raise Interrupted(f"{error} {advice}", stop.exit_code) from None
