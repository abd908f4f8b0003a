"""The command line, generated from the signatures in `api`; it holds no logic of its own.

Exit codes: 0 done, 2 input refused before work, 1 failed in mid-run, 130 Ctrl-C, 143 SIGTERM.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any, NoReturn

import tyro
from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

from . import api
from .errors import GanatomyError, unknown

VERBS: tuple[Callable[..., Any], ...] = (api.lab, api.train, api.sample, api.measure, api.dissect, api.report)
DESCRIPTION = "Train, dissect and report on GANs."

registry = ConstructorRegistry()


def _with_commas(kind: type, metavar: str) -> PrimitiveConstructorSpec[Any]:
    """Return how a tuple is written in one word: 3,17,42."""

    def parse(words: list[str]) -> tuple[Any, ...]:
        try:
            return tuple(kind(part) for part in words[0].split(","))
        except ValueError:
            raise ValueError(f"{words[0]!r} is not a list such as {metavar}") from None

    return PrimitiveConstructorSpec(
        nargs=1,
        metavar=metavar,
        instance_from_str=parse,
        is_instance=lambda value: isinstance(value, tuple),
        str_from_instance=lambda value: [",".join(f"{item:g}" for item in value)],
    )


@registry.primitive_rule
def _number_lists(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    if info.type == tuple[int, ...]:
        return _with_commas(int, "3,17,42")
    if info.type == tuple[float, ...]:
        return _with_commas(float, "0.1,5,20")
    return None


@registry.primitive_rule
def _paths(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    if info.type != api.PathOrRun:
        return None
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar="FOLDER",
        instance_from_str=lambda words: Path(words[0]),
        is_instance=lambda value: isinstance(value, str | Path),
        str_from_instance=lambda value: [str(value)],
    )


def _command(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Return a copy of a verb without its return type, which would need heavy imports to resolve."""
    assert isinstance(verb, FunctionType)
    copy = FunctionType(verb.__code__, verb.__globals__, verb.__name__, verb.__defaults__, verb.__closure__)
    copy.__kwdefaults__ = verb.__kwdefaults__
    copy.__doc__ = verb.__doc__
    copy.__annotations__ = {name: kind for name, kind in verb.__annotations__.items() if name != "return"}
    return copy


def _check_verb(words: list[str]) -> None:
    """Refuse a verb that does not exist with the nearest one; tyro would only list them."""
    names = [verb.__name__ for verb in VERBS]
    if words and not words[0].startswith("-") and words[0] not in names:
        raise unknown("verb", words[0], names)


def main(args: list[str] | None = None) -> NoReturn:
    """Run one verb and exit with its code; errors meant for people are printed without a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        _check_verb(sys.argv[1:] if args is None else args)
        tyro.extras.subcommand_cli_from_dict(
            {verb.__name__: _command(verb) for verb in VERBS},
            prog="ganatomy",
            description=DESCRIPTION,
            args=args,
            config=(tyro.conf.OmitArgPrefixes, tyro.conf.DisallowNone, tyro.conf.FlagCreatePairsOff),
            registry=registry,
        )
    except GanatomyError as error:
        print(f"ganatomy: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("ganatomy: stopped.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(1)
    sys.exit(0)
