"""The exception tree. Every error a user can cause or meet is a `GanatomyError` told in words.

A message says what was given, what is allowed and what to do. `exit_code` is what the command line
returns: 2 for input refused before any work, 1 for a failure in mid-run, 130 and 143 for signals.
"""

from __future__ import annotations

import contextlib
import difflib
import errno
from collections.abc import Iterable, Iterator


class GanatomyError(Exception):
    """Base of all errors meant for people; its text is complete without a traceback."""

    exit_code = 2
    is_said_here = False
    """Whether one of several processes of a training says it although it is not the first, which speaks for all."""


class ConfigError(GanatomyError):
    """A setting, option or name that is not allowed."""


class DataError(GanatomyError):
    """A data set that is missing, damaged or not what its name says."""


class RunError(GanatomyError):
    """A folder that is not a run or lab of ours, belongs to a newer version, or is in use."""


class OutputError(GanatomyError):
    """An output path that cannot be written."""


class AccessError(GanatomyError):
    """A file or folder that this user may not look at."""


class ElsewhereError(GanatomyError):
    """Another process of the same training failed, and says why; this one ends with the same exit code, silently."""

    def __init__(self, message: str, exit_code: int = 2):
        super().__init__(message)
        self.exit_code = exit_code


class CheckpointError(GanatomyError):
    """No checkpoint of a run can be trusted, found while resuming."""

    exit_code = 1


class StorageError(GanatomyError):
    """Writing failed in mid-run, for example because the disk is full."""

    exit_code = 1


class MemoryShortError(GanatomyError):
    """Memory that was needed in mid-run was not there."""

    exit_code = 1


class DivergedError(GanatomyError):
    """A loss or gradient became NaN or infinite; the step was not taken."""

    exit_code = 1


class MidRunError(GanatomyError):
    """Something failed after a training had begun that would have been refused before it."""

    exit_code = 1


class GroupError(GanatomyError):
    """Some trainings of a group did not reach their end; the text lists them, the others are kept."""

    exit_code = 1


class Interrupted(GanatomyError):
    """A run was stopped by a signal after saving; `exit_code` is 130 (Ctrl-C) or 143 (SIGTERM)."""

    def __init__(self, message: str, exit_code: int = 130):
        super().__init__(message)
        self.exit_code = exit_code


_NO_MEMORY = (
    "can't allocate memory", "DefaultCPUAllocator", "not enough memory", "out of memory", "Cannot allocate memory",
    "std::bad_alloc",
)  # fmt: skip
"""What the messages of PyTorch and its libraries say where memory is missing."""


@contextlib.contextmanager
def memory_in_words() -> Iterator[None]:
    """Turn memory that is missing inside the block into a `MemoryShortError`; every other error passes as it is.

    PyTorch has no type of its own for it on a CPU, only a RuntimeError with these words; the system has ENOMEM.
    """
    try:
        yield
    except (MemoryError, RuntimeError, OSError) as error:
        if isinstance(error, OSError) and error.errno != errno.ENOMEM:
            raise
        if isinstance(error, RuntimeError) and not any(words in str(error) for words in _NO_MEMORY):
            raise
        detail = (str(error).splitlines() or [""])[0].strip()
        raise MemoryShortError(
            "this machine, or the limit set for this process, has no more memory for this"
            f"{f' ({detail[:200]})' if detail else ''}. Give fewer or smaller images, a smaller batch_size or fewer "
            "latents, or use a machine with more memory."
        ) from error


def unknown(kind: str, given: str, allowed: Iterable[str]) -> ConfigError:
    """Return the error for a name that is not in a list, with the nearest allowed name."""
    names = list(allowed)
    near = difflib.get_close_matches(given, names, n=1, cutoff=0.4)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return ConfigError(f"unknown {kind} {given!r}; allowed: {', '.join(names)}.{hint}")
