"""Where words come in: every verb, from the command line or from Python, looks at what it was given first.

Names that are no text are refused, `~` is replaced, and what the system refuses is told in words, here and nowhere
else.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

from . import console, paths
from .errors import AccessError, GanatomyError, OutputError, StorageError

Given = ParamSpec("Given")
Result = TypeVar("Result")

TEXTS = ("title", "author")
"""Words that are shown, not looked for: put together again where a locale took them apart."""


def verb(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """Return a verb that looks at its words before it begins, and tells what the system refuses in words."""
    names = [name for name in function.__annotations__ if name != "return"]
    are_paths = {name for name in names if "Path" in str(function.__annotations__[name])} | {"data_dir"}

    def taken(value: Any, name: str, what: str) -> Any:
        if isinstance(value, list | tuple):
            return type(value)(taken(item, name, what) for item in value)
        if isinstance(value, str | PathLike):
            return _looked_at(value, what, is_path=name in are_paths, is_shown=name in TEXTS)
        return value

    @functools.wraps(function)
    def call(*args: Given.args, **options: Given.kwargs) -> Result:
        given: list[Any] = [taken(value, name, name) for name, value in zip(names, args)]
        named: dict[str, Any] = {
            name: taken(value, name, f"--{name.replace('_', '-')}") for name, value in options.items()
        }
        console.begin()
        try:
            return cast(Callable[..., Result], function)(*given, *args[len(given) :], **named)
        except OSError as error:
            raise told(error) from error

    return call


def _looked_at(value: str | PathLike[str], what: str, *, is_path: bool, is_shown: bool) -> str | PathLike[str]:
    word = value if isinstance(value, str) else value.__fspath__()
    paths.refuse_odd(word, what)
    if is_shown:
        return paths.as_text(word) or ""
    is_run = not isinstance(value, str | Path)  # what `train` returned stays what it is
    return paths.expand(value, what) if is_path and not is_run else value


def told(error: OSError) -> GanatomyError:
    """Return what the system refused in words: exit code 2 before work has begun, 1 in its middle."""
    reason = error.strerror or str(error) or type(error).__name__
    place = " and ".join(str(name) for name in (error.filename, error.filename2) if name is not None)
    if console.is_at_work():
        return StorageError(f"reading or writing {place or 'a file'} failed: {reason}. What was finished is kept.")
    if isinstance(error, PermissionError) and error.filename is not None:
        return paths.no_access(error.filename, error)
    if not place:
        return AccessError(f"the system refused to go on: {reason}.")
    return OutputError(f"{place} cannot be used: {reason}. Give another file or folder.")
