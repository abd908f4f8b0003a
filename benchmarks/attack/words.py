"""Odd command lines: every verb and option of the real parsers with values that nobody means, or that few think of."""

from __future__ import annotations

import inspect
import os
import random
import typing
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from . import process, world
from .damaged import DATA
from .outcome import Attempt
from .world import DISSECT, MEASURE, SHORT, World

NUMBERS = (
    "0", "-1", "-0", "1", "2", "3", "4096", "1.5", "-1e-9", "1e-320", "0x10", "1_000", "+1", " 1", "1e9", "1000000000",
    "2147483648", "9223372036854775807", "9223372036854775808", "18446744073709551616", "9" * 80, "-" + "9" * 80,
    "9" * 5000, "100000", "1e308", "1e309", "-1e308", "nan", "inf", "-inf", "", " ", "\u0663", "\uff11", "one", "None",
    "True", "1,2", "1;2", "1e38",
)  # fmt: skip
LISTS = (
    "", ",", "1,", ",1", "1,,2", "0,0", "-1", "5,nan", "inf", "1e308", "9" * 80, ",".join(map(str, range(3000))), "1 2",
    "0.1,5,20", "a", "1e-320,1", "3,17,42", "0", "5", "-0,0", "1e39",
)  # fmt: skip
TEXTS = (
    "", " ", "-", "--", "\t", "\n", "two\nlines", "\x1b[31mred", "a" * 300, "x" * 100_000, "中文名", "é\u0301",
    "\u202e", "\U0001f600", "../..", "a/b", "C:\\x", "<script>alert(1)</script>", "[x](javascript:alert(1))",
    "| a | b |", "None", "%s%n", "{0.__class__}", "$(id)", "gan", "en", "zh", "EN", "cpu", "cuda", "auto",
    "random-v1", "0", "true", "10x10", "0x0", "8x8", "100000x100000", "1e9h", "-5min", "1s", "99999999h", "0s",
    "random", "@file", "*", "?",
)  # fmt: skip
PATHS = (
    "", " ", ".", "..", "-", "--", "/", "run", "./run/", "run/../run", "run/config.json", "stopped", "group", "lab",
    "own.txt", "../people", "../people/thesis", "nowhere", "nowhere/at all", "/dev/null", "/dev/zero", "/dev/full",
    "/dev/stdin", "/dev/random", "/proc/self/mem", "/proc/1/root", "pipe", "pipe.npy", "zero.npy", "zero.png", "loop",
    "socket", "~", "~nobody", "~nobody/x", "~no-such-user/x", "~/x", "a" * 300, "a" * 255, "a/" * 3000, "中文/图.png",
    "new.png", "new.npy", "new.webp", "new.gif", "new.npz", "new.txt", "new", "\n", "new\nline.png", "back\\slash.png",
    "closed", "closed/x", "closed/x.png", "readonly", "readonly/x.npy", "../data/set.npz", "../data/pictures",
    "../data/latents.npy", "new.PNG", ".png", "a.png/b.png", "own.txt/x.png", "/root/x", "/new.png", "../../out.png",
    "con", "new.png ",
)  # fmt: skip
BYTES = (b"\xff", b"caf\xe9.png", b"\xff\xfe.npy", b"../data/\xe9", b"run\xff", b"\xed\xa0\x80.webp")
"""Names that are no UTF-8, as the shell passes them on."""
PLAIN_USES: dict[str, tuple[str, ...]] = {
    "lab": (*DATA, "--budget", "smoke", "--out", "lab"),
    "train": ("gan", *DATA, *SHORT, "--out", "new"),
    "sample": ("run", "--num", "4", "--out", "s.npy"),
    "measure": ("run", *MEASURE),
    "dissect": ("run", *DISSECT),
    "walk": ("run", "--num-frames", "3", "--out", "w.webp"),
    "compare": ("run", "group", "--num-sets", "1", "--out", "c"),
    "doctor": ("run",),
    "report": ("run", "--out", "page"),
    "data list": (),
    "data get": ("mnist",),
    "data inspect": ("../data/pictures", "--out", "i.png"),
    "data import": ("../data/pictures",),
    "features train": ("../data/set.npz", "--num-epochs", "3", "--num-threads", "1"),
}
"""Words with which every verb works; one or two of them are replaced."""
MAY_BE_LONG = {
    "--total-nimg", "--num-epochs", "--seeds", "--budget", "--num", "--num-sets", "--num-frames", "--batch-size",
    "--z-dim", "--size",
}  # fmt: skip
"""Options whose large values are a wish for long work: that must be refused, or stop in words when it is told to."""
TURNS = {"train": 5, "dissect": 4, "walk": 3, "sample": 3, "measure": 2, "data inspect": 2, "report": 2, "lab": 2}
"""How many of a round are of a verb; those with many options have more."""
COMMON_CHANCE = 0.1
SECONDS = {"lab": 60.0}
WRITTEN = (
    "work/new", "work/s.npy", "work/w.webp", "work/c", "work/page", "work/i.png", "work/lab", "work/runs",
)  # fmt: skip


def options_of(verb: Callable[..., Any]) -> dict[str, Any]:
    """Return {option with its dashes: type} of a verb, those joined from TypedDicts too; positionals bear no dashes."""
    kinds = {name: kind for name, kind in verb.__annotations__.items() if name != "return"}
    bare = type("Bare", (), {"__annotations__": kinds, "__module__": verb.__module__})
    hints = typing.get_type_hints(bare, include_extras=True)
    found: dict[str, Any] = {}
    for name, parameter in inspect.signature(verb).parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            (joined,) = typing.get_args(hints[name])
            found |= {f"--{key.replace('_', '-')}": kind for key, kind in typing.get_type_hints(joined).items()}
        elif parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
            found[name] = hints[name]
        else:
            found[f"--{name.replace('_', '-')}"] = hints[name]
    return found


def verbs() -> dict[str, dict[str, Any]]:
    """Return {verb: its options}, of all verbs of the command line."""
    from ganatomy import cli

    found = {verb.__name__: options_of(verb) for verb in cli.VERBS}
    for group, inside in cli.GROUPS.items():
        found |= {f"{group} {name}": options_of(verb) for name, verb in inside.items()}
    return found


def values_of(kind: Any) -> tuple[str, ...]:
    """Return odd values for an option's type."""
    text = str(kind)
    odd_bytes = tuple(os.fsdecode(name) for name in BYTES)
    if "Path" in text:
        return (*PATHS, *odd_bytes)
    if "tuple[int" in text or "tuple[float" in text:
        return LISTS
    if "int" in text or "float" in text:
        return NUMBERS
    return (*TEXTS, *odd_bytes)


def odd_line(name: str, options: dict[str, Any], draw: random.Random) -> tuple[list[str], list[str]]:
    """Return (words after the verb, options that were made odd)."""
    words = list(PLAIN_USES[name])
    changed = []
    for _ in range(draw.choice((1, 1, 1, 2))):
        option = draw.choice(list(options) or ["--nothing"])
        value = draw.choice(values_of(options.get(option, str)))
        if draw.random() < COMMON_CHANCE:
            value = draw.choice((*TEXTS, *PATHS, *NUMBERS))
        changed.append(option)
        _put(words, option, value, draw)
    return words, changed


def _put(words: list[str], option: str, value: str, draw: random.Random) -> None:
    """Set an option, or a positional, to a value; sometimes twice, without its value, misspelt or joined by '='."""
    how = draw.random()
    if not option.startswith("--"):
        if words and not words[0].startswith("-"):
            words[0] = value
        else:
            words.insert(0, value)
    elif how < 0.06:
        words += [option, value, option, value]
    elif how < 0.1:
        words.append(option)
    elif how < 0.13:
        words += [option[:-1] if draw.random() < 0.5 else option + "s", value]
    elif how < 0.2:
        words.append(f"{option}={value}")
    elif option in words:
        words[words.index(option) + 1] = value
    else:
        words += [option, value]


def attempts(there: World, seed: int, numbers: Iterable[int]) -> Iterator[Attempt]:
    """Make the attempts of these numbers: verbs in turn, options by chance."""
    process.load()
    known = verbs()
    names = [name for name in sorted(known) for _ in range(TURNS.get(name, 1))]
    for number in numbers:
        draw = random.Random(f"{seed}-words-{number}")
        name = names[number % len(names)]
        words, changed = odd_line(name, known[name], draw)
        if draw.random() < 0.03:
            words, changed = draw.choice(((), ("--help",), (draw.choice(TEXTS),), ("--", *words))), ["all"]
        there.fresh(("lab",) if name == "lab" else ("run", "group") if name != "train" else ("run", "stopped"))
        odd_places(there)
        line = [*name.split(), *words]
        attempt = Attempt("words", number, name, f"{name}: {', '.join(changed)}", line)
        done = world.attack(
            there, attempt, there.setting(seconds=SECONDS.get(name, 25.0)), (*WRITTEN, *told_to_write(name, line))
        )
        yield long_work(there, done, changed)


def told_to_write(name: str, line: list[str]) -> list[str]:
    """Return the paths, relative to the place, that these words ask to be written."""
    places = [f"work/{folder}" for folder in ("run", "group", "stopped", "lab")]
    found = places if name in ("measure", "dissect", "walk", "compare", "report", "train", "doctor") else []
    for index, word in enumerate(line):
        path = line[index + 1] if word == "--out" and index + 1 < len(line) else word.removeprefix("--out=")
        if word.startswith("--out") and "\0" not in path:
            home = path.replace("~", "../home", 1) if path == "~" or path.startswith("~/") else path
            written = os.path.normpath(os.path.join("work", home))
            found = [*found, written.partition("../")[2] or written]
    if name.startswith("data inspect"):
        found = [*found, "work"]  # without --out a picture beside
    return found


def odd_places(there: World) -> None:
    """Put pipes, devices, links and closed folders where words may name them."""
    for name in ("pipe", "pipe.npy"):
        os.mkfifo(there.work / name)
    for name in ("zero.npy", "zero.png"):
        (there.work / name).symlink_to("/dev/zero")
    (there.work / "loop").symlink_to("loop")
    for name, mode in (("closed", 0), ("readonly", 0o555)):
        (there.work / name).mkdir()
        (there.work / name).chmod(mode)
    there.give(there.work)


def long_work(there: World, attempt: Attempt, changed: list[str]) -> Attempt:
    """Tell long work that was asked for from a hang: it stops in words when it is told to."""
    if not attempt.faults or not attempt.faults[0].startswith("hung") or not set(changed) & MAY_BE_LONG:
        return attempt
    end = attempt.ending
    assert end is not None
    if end.peak_mb < process.Setting(Path()).memory_bytes / 2**20:
        attempt.notes.append(f"long: {attempt.faults.pop(0)}")
        attempt.notes.append(f"long work with {', '.join(changed)}")
        end.killed_by_us = True
    return attempt
