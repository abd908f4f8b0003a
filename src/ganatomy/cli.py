"""The command line, generated from the signatures in `api`; it holds no logic of its own.

Exit codes: 0 done, 2 input refused before work, 1 failed in mid-run, 130 Ctrl-C, 143 SIGTERM.
"""

from __future__ import annotations

import functools
import inspect
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any, NoReturn

import docstring_parser
import tyro
from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

from . import api, console, data_verbs, judge_verbs, walk_verb
from .config import DataOptions, Overrides, ShapeOptions
from .errors import ElsewhereError, GanatomyError, memory_in_words, unknown

VERBS: tuple[Callable[..., Any], ...] = (
    api.lab, api.train, api.sample, api.measure, api.dissect, walk_verb.walk, judge_verbs.compare, judge_verbs.doctor,
    api.report,
)  # fmt: skip
GROUPS: dict[str, dict[str, Callable[..., Any]]] = {
    "data": {
        "list": data_verbs.data_list,
        "get": data_verbs.data_get,
        "inspect": data_verbs.data_inspect,
        "import": data_verbs.data_import,
    },
    "features": {"train": data_verbs.features_train},
}
"""Verbs of two words."""
JOINED: dict[type, tuple[type, ...]] = {
    DataOptions: (ShapeOptions, DataOptions),
    api.LabOptions: (ShapeOptions, DataOptions, api.PageOptions),
    api.TrainOptions: (ShapeOptions, DataOptions, Overrides),
}
"""Options that are joined from parts, each with the parts that describe its fields."""
DESCRIPTION = "Train, dissect and report on GANs."
NO_DOCSTRINGS = "(Python runs with -OO, which drops most descriptions; every option works. Leave -OO out to read them.)"
"""Stands in the help where the docstrings are gone."""
GROUP_DESCRIPTIONS = {
    "data": "Data sets: list, get, inspect, import.",
    "features": "Feature networks of your own data: train.",
}

SILENT_SEC = 10.0
"""How long a process that leaves the words to the first one stays: torchrun ends all others, also one that is about to
speak, as soon as any fails. When the first one has spoken and failed, it ends this one."""

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


def _describe_joined() -> None:
    """Let the docstrings of joined TypedDicts name the fields of their parts, which tyro cannot find by itself."""
    described: dict[type, list[docstring_parser.DocstringParam]] = {
        part: docstring_parser.parse_from_object(part).params
        for part in (ShapeOptions, DataOptions, Overrides, api.PageOptions)
    }
    for joined, parts in JOINED.items():
        fields = [param for part in parts for param in described[part]]
        lines = [f"    {param.arg_name}: {' '.join((param.description or '').split())}" for param in fields]
        joined.__doc__ = "\n".join([f"{(joined.__doc__ or NO_DOCSTRINGS).splitlines()[0]}\n", "Args:", *lines])


def _command(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Return a verb that shows the parser its own signature without the return type, which needs heavy imports."""
    inner = inspect.unwrap(verb)
    assert isinstance(inner, FunctionType)
    plain = FunctionType(inner.__code__, inner.__globals__, inner.__name__, inner.__defaults__, inner.__closure__)
    plain.__kwdefaults__ = inner.__kwdefaults__
    plain.__doc__ = inner.__doc__ or NO_DOCSTRINGS
    plain.__annotations__ = {name: kind for name, kind in inner.__annotations__.items() if name != "return"}

    @functools.wraps(plain)
    def command(*args: Any, **options: Any) -> Any:
        return verb(*args, **options)

    return command


def _check_verb(words: list[str], names: list[str], kind: str = "verb") -> None:
    """Refuse a verb that does not exist with the nearest one; tyro would only list them."""
    if words and not words[0].startswith("-") and words[0] not in names:
        raise unknown(kind, words[0], names)


def _group(name: str) -> Callable[..., Any]:
    """Return the entry of a group in the list of verbs; its own words are parsed by `_run`."""

    def group() -> None:
        raise AssertionError("a group of verbs is not called itself")

    group.__doc__ = GROUP_DESCRIPTIONS[name]
    return group


def _run(words: list[str]) -> None:
    """Parse the words and call the verb."""
    if words and not words[0].startswith("-"):
        _describe_joined()
    prog, description = "ganatomy", DESCRIPTION
    verbs = {verb.__name__: _command(verb) for verb in VERBS} | {name: _group(name) for name in GROUPS}
    if words and words[0] in GROUPS:
        group, *words = words
        prog, description = f"ganatomy {group}", GROUP_DESCRIPTIONS[group]
        verbs = {name: _command(verb) for name, verb in GROUPS[group].items()}
        _check_verb(words, list(verbs), f"word after {group!r}")
    else:
        _check_verb(words, list(verbs))
    result = tyro.extras.subcommand_cli_from_dict(
        verbs,
        prog=prog,
        description=description,
        args=words,
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.DisallowNone, tyro.conf.FlagCreatePairsOff),
        registry=registry,
        console_outputs=console.speaks_for_machine(),
    )
    code = getattr(result, "exit_code", 0)  # a verdict that scripts must see: of `data inspect`
    if code:
        sys.exit(code)


def main(args: list[str] | None = None) -> NoReturn:
    """Run one verb and exit with its code; errors meant for people are printed without a traceback."""
    if args is None:
        console.note_command()
    with console.readable_width(), console.listeners() as (out, _):
        code = _code_of(sys.argv[1:] if args is None else args)
        out.flush()
        if out.lost:
            console.say(f"ganatomy: what was to stand on standard output could not be written: {out.lost}.")
            code = code or 1
    if args is None and code == 2 and not console.speaks_for_machine():
        time.sleep(SILENT_SEC)
    sys.exit(code)


def _code_of(words: list[str]) -> int:
    """Run one verb; return the exit code, having said what went wrong."""
    try:
        with memory_in_words():
            _run(words)
    except ElsewhereError as error:  # said there
        return error.exit_code
    except GanatomyError as error:
        if console.speaks_for_machine() or error.is_said_here:
            print(f"ganatomy: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("ganatomy: stopped.", file=sys.stderr)
        return 130
    except SystemExit as ended:  # of the parser: help, or options that it refused in words of its own
        return ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    return 0
