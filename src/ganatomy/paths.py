r"""Paths and words as people give them: home folders, names that are no text, places that may not be looked at.

One rule for names: what is given is text that UTF-8 can write, or it is refused before any work (`refuse_odd`). What
comes from elsewhere, such as the folder one stands in, may be any bytes: `files` stores it with `\udcff` escapes that
JSON reads back exactly, and the terminal shows the same.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import sys
from pathlib import Path

from .errors import AccessError, ConfigError

NOWHERE = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EBADF)
"""Reasons of the system that mean: nothing is there, and nothing can be."""


def expand(path: str | os.PathLike[str], what: str) -> Path:
    """Return a path with a leading `~` or `~user` replaced by that home folder, unless such an entry lies here.

    `what` names the option or variable; a home that does not exist is a `ConfigError`.
    """
    plain = Path(path)
    if not str(plain).startswith("~") or exists(plain):
        return plain
    try:
        return plain.expanduser()
    except RuntimeError:
        raise ConfigError(
            f"{what} {plain}: there is no home folder for {plain.parts[0]!r} here; write the path out."
        ) from None


def home() -> Path | None:
    """Return this user's home folder, None where the system knows of none (a user id without an entry)."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def exists(path: str | os.PathLike[str]) -> bool:
    """Return whether a path leads somewhere; one that may not be looked at is an `AccessError`."""
    return _look(path) is not None


def is_dir(path: str | os.PathLike[str]) -> bool:
    """Return whether a path is a folder; one that may not be looked at is an `AccessError`."""
    found = _look(path)
    return found is not None and stat.S_ISDIR(found.st_mode)


def is_file(path: str | os.PathLike[str]) -> bool:
    """Return whether a path is a plain file, no device or pipe; one that may not be looked at is an `AccessError`."""
    found = _look(path)
    return found is not None and stat.S_ISREG(found.st_mode)


def _look(path: str | os.PathLike[str]) -> os.stat_result | None:
    try:
        return os.stat(path)
    except ValueError:  # a NUL, or characters that no name can hold
        return None
    except OSError as error:
        if error.errno in NOWHERE or not isinstance(error, PermissionError):
            return None
        raise no_access(path, error) from error


def no_access(path: str | os.PathLike[str], error: OSError) -> AccessError:
    """Return the error for a place that this user may not look at."""
    return AccessError(
        f"{Path(path)} may not be looked at: {error.strerror or error}. Ask its owner for the right to read it (and to "
        "enter the folders above it), or give another."
    )


def as_text(word: str) -> str | None:
    """Return a word as text that UTF-8 can write, None where it is none.

    Under a locale without UTF-8, Python hands over a word's bytes one by one; where they are UTF-8 they are put
    together again.
    """
    for text in (word, _from_bytes(word)):
        try:
            if text is not None:
                text.encode("utf-8")
                return text
        except UnicodeEncodeError:
            continue
    return None


def shown(word: str) -> str:
    r"""Return a word with what is no UTF-8 in it as escapes: `run_\xff`."""
    try:
        return os.fsencode(word).decode("utf-8", "backslashreplace")
    except ValueError:  # characters that no name can hold
        return word.encode("utf-8", "backslashreplace").decode("utf-8")


def _from_bytes(word: str) -> str | None:
    try:
        return os.fsencode(word).decode("utf-8")
    except ValueError:
        return None


def short_name(name: str, most_bytes: int = 200) -> str:
    """Return a name that fits a file system with an ending to come: a long one is cut and told apart by its hash."""
    data = os.fsencode(name)
    if len(data) <= most_bytes:
        return name
    start = data[: most_bytes - 9].decode(sys.getfilesystemencoding(), "ignore")
    return f"{start}-{hashlib.sha256(data).hexdigest()[:8]}"


def refuse_odd(word: str, what: str) -> None:
    """Raise a `ConfigError` for a word that no record could hold: no UTF-8, or with a NUL in it."""
    if as_text(word) is None:
        raise ConfigError(
            f"{what} {shown(word)} is no UTF-8 text, so records and pages could not name it. Rename the folder or file "
            "(a link with a plain name will do), or type the words anew in a UTF-8 terminal."
        )
    if "\0" in word:
        raise ConfigError(f"{what} {word!r} holds a NUL character, which no path or name may have.")
