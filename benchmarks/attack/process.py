"""A verb in a process of its own, forked from one that has everything loaded: milliseconds instead of seconds.

The child calls the real entry, `cli.main`, with its own file descriptors, folder, environment, user and limits. A
process that neither works nor ends (it waits for a pipe) is told from one that is slow by its CPU time.
"""

from __future__ import annotations

import contextlib
import faulthandler
import functools
import gc
import io
import os
import pkgutil
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from .outcome import Ending

NOBODY = 65534
OTHERS = 10
Strike = Callable[[int, float], None]
"""Called with the process and its seconds while it runs."""


@dataclass(frozen=True)
class Setting:
    """Where and under which limits a verb runs."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    """Changes to the environment; an empty value removes a variable."""
    uid: int | None = None
    """User to become; None: stay (there is nobody else to become where we are not root)."""
    seconds: float = 60.0
    """Most CPU time; `OTHERS` times as long by the clock, for there may be other work on the machine."""
    idle_seconds: float = 6.0
    """So long without using the CPU means that it hangs."""
    memory_bytes: int = 2 * 2**30
    """How much the process may add to its address space."""
    file_bytes: int | None = 2**28
    """Largest file it may write."""
    stdout: Path | None = None
    """Where standard output goes; None: it is collected."""
    stderr: Path | None = None
    """The same for standard error."""
    closed: tuple[str, ...] = ()
    """Streams that are closed from the start: `stdout`, `stderr`."""
    before: Callable[[], None] | None = None
    """Called in the child before the verb."""


def usual_user() -> int | None:
    """Return the user that attempts run as: nobody, where this process may choose."""
    return NOBODY if os.geteuid() == 0 else None


@functools.cache
def load() -> None:
    """Import everything that a verb may need, once, so that children find it loaded."""
    import ganatomy

    for module in pkgutil.walk_packages(ganatomy.__path__, "ganatomy."):
        if not module.name.endswith("__main__"):
            __import__(module.name)
    import filelock
    import matplotlib.font_manager
    import rich.console
    import scipy.stats  # noqa: F401 - where it is there, some statistics use it

    matplotlib.font_manager.fontManager.findfont("DejaVu Sans")
    from PIL import Image

    Image.init()
    assert filelock
    assert rich
    gc.collect()
    gc.freeze()


def run(words: list[str], setting: Setting, meanwhile: Strike | None = None) -> Ending:
    """Run `ganatomy WORDS` in a forked child and return how it ended.

    `meanwhile(pid, seconds)` is called about every 2 ms while it runs, for instance to kill it.
    """
    load()
    sys.stdout.flush()
    sys.stderr.flush()
    pipes = [os.pipe() for _ in range(3)]  # not files: a limit on the size of files would hold for these too
    start = time.monotonic()
    pid = os.fork()
    if pid == 0:
        _be_child(words, setting, [into for _, into in pipes])
    told = [bytearray() for _ in pipes]
    for from_, into in pipes:
        os.close(into)
        os.set_blocking(from_, False)

    def listen() -> None:
        for (from_, _), text in zip(pipes, told):
            with contextlib.suppress(BlockingIOError):
                while piece := os.read(from_, 1 << 16):
                    text += piece

    status, usage, hung = _wait(pid, setting, start, (listen, meanwhile))
    seconds = time.monotonic() - start
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)  # what it left running
    listen()
    for from_, _ in pipes:
        os.close(from_)
    out, err, trace = (text.decode("utf-8", "backslashreplace") for text in told)
    code = None if hung else os.waitstatus_to_exitcode(status)
    return Ending(code, out, err, trace, seconds, usage.ru_maxrss / 1024)


def _wait(
    pid: int, setting: Setting, start: float, watching: tuple[Callable[[], None], Strike | None]
) -> tuple[int, resource.struct_rusage, bool]:
    """Wait for a child; one that hangs or takes too long tells its stack and is ended."""
    listen, meanwhile = watching
    busy_at, before, pause = start, -1.0, 0.002
    while True:
        found, status, usage = os.wait4(pid, os.WNOHANG)
        if found:
            return status, usage, False
        listen()
        now = time.monotonic()
        if meanwhile is not None:
            meanwhile(pid, now - start)
        used, working = _work_of(pid)
        if working or used != before:
            before, busy_at = used, now
        too_long = used > setting.seconds or now - start > setting.seconds * OTHERS
        if too_long or now - busy_at > setting.idle_seconds:
            os.kill(pid, signal.SIGUSR1)  # faulthandler writes where it is
            time.sleep(0.2)
            listen()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            _, status, usage = os.wait4(pid, 0)
            return status, usage, True
        time.sleep(pause)
        pause = 0.002 if meanwhile is not None else min(pause * 1.2, 0.05)


def _work_of(pid: int) -> tuple[float, bool]:
    """Return the CPU seconds of a process and its children so far, and whether one of them is at work."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        inner = [_work_of(int(child)) for child in children]
        used = sum(map(int, stat[11:15])) / os.sysconf("SC_CLK_TCK") + sum(seconds for seconds, _ in inner)
        return used, stat[0] in "RD" or any(working for _, working in inner)
    return 0.0, False


def _be_child(words: list[str], setting: Setting, handles: list[int]) -> NoReturn:
    """Become the verb; never returns."""
    code = 1
    try:
        os.setpgid(0, 0)
        trace = os.fdopen(os.dup(handles[2]), "w", encoding="utf-8", errors="backslashreplace")
        _redirect(setting, handles)
        _confine(setting)
        faulthandler.disable()  # of whoever started this
        faulthandler.register(signal.SIGUSR1, file=trace, all_threads=False)
        code = _call(words, setting, trace)
        trace.flush()
    finally:
        os._exit(code)


def _redirect(setting: Setting, handles: list[int]) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    out, err = (
        handle if path is None else os.open(path, os.O_WRONLY)
        for handle, path in zip(handles, (setting.stdout, setting.stderr))
    )  # fmt: skip
    for source, descriptor in ((nothing, 0), (out, 1), (err, 2)):
        os.dup2(source, descriptor)
    sys.stdin = io.TextIOWrapper(io.FileIO(0, closefd=False), encoding="utf-8")
    sys.stdout = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "w", closefd=False)), encoding="utf-8")
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(io.FileIO(2, "w", closefd=False)), encoding="utf-8", errors="backslashreplace",
        line_buffering=True,
    )  # fmt: skip
    for name in setting.closed:  # what the interpreter makes of a descriptor that is closed when it starts
        os.close({"stdout": 1, "stderr": 2}[name])
        setattr(sys, name, None)


def _confine(setting: Setting) -> None:
    """Set limits, environment, user and folder."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + setting.memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if setting.file_bytes is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (setting.file_bytes, setting.file_bytes))
    if setting.uid is not None:
        os.setgroups([])
        os.setresgid(setting.uid, setting.uid, setting.uid)
        os.setresuid(setting.uid, setting.uid, setting.uid)
    os.umask(0o022)
    for name, value in {"COLUMNS": "100", "NO_COLOR": "1", **setting.env}.items():
        os.environ.pop(name, None)
        if value:
            os.environ[name] = value
    os.chdir(setting.folder)


def _call(words: list[str], setting: Setting, trace: io.TextIOWrapper) -> int:
    """Call the command line and return its exit code, as the interpreter would."""
    from ganatomy import cli, console

    console._IMPORTED = time.monotonic()  # a budget counts from the start of the process
    sys.argv = ["ganatomy", *words]
    try:
        if setting.before is not None:
            setting.before()
        cli.main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - this is what is being looked for
        code = 1
        with contextlib.suppress(RecursionError):
            trace.write(traceback.format_exc(limit=-60))
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        code = 120  # what the interpreter answers
        trace.write(f"Exception ignored while flushing sys.stdout:\n{type(error).__name__}: {error}\n")
    with contextlib.suppress(OSError, AttributeError):
        sys.stderr.flush()
    return code
