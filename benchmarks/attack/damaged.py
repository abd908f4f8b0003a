"""Damaged run folders: every file of a run, a group and a lab, damaged in every way, given to the verbs that read it.

Which files a verb reads is seen, not guessed: each verb is run once undisturbed, and what it opens is noted.
"""

from __future__ import annotations

import functools
import json
import os
import random
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from . import damages, process, world
from .outcome import Attempt
from .world import DISSECT, MEASURE, SHORT, World

SKIPPED = (".lock", "report.html", "report.md")


@dataclass(frozen=True)
class Use:
    """One way to use a folder: the verb, its words, and what it may write, relative to the place."""

    verb: str
    words: tuple[str, ...]
    writes: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    """Folders of the base that it needs beside the damaged one."""


DATA = ("--data", "../data/set.npz")
USES: dict[str, tuple[Use, ...]] = {
    "run": (
        Use("doctor", ("doctor", "run"), ("work/run/health.json",)),
        Use("report", ("report", "run", "--out", "page"), ("work/page",)),
        Use("measure", ("measure", "run", *MEASURE), ("work/run",)),
        Use("sample", ("sample", "run", "--num", "8", "--out", "s.npy"), ("work/s.npy",)),
        Use("walk", ("walk", "run", "--num-frames", "4", "--out", "w.webp"), ("work/w.webp",)),
        Use("walk film", ("walk", "run", "--kind", "film", "--out", "w.gif"), ("work/w.gif",)),
        Use("dissect", ("dissect", "run", *DISSECT), ("work/run",)),
        Use(
            "compare", ("compare", "run", "group", "--num-sets", "1", "--out", "c"), ("work/c", "work/run"),
            ("group",),
        ),
        Use("train --init-from", ("train", "gan", *DATA, *SHORT, "--init-from", "run", "--out", "new"), ("work/new",)),
        Use("train --resume", ("train", "--resume", "run"), ("work/run",)),
    ),
    "stopped": (
        Use("train --resume", ("train", "--resume", "stopped"), ("work/stopped",)),
        Use("train --resume", ("train", "--resume", "stopped"), ("work/stopped",)),
        Use("doctor", ("doctor", "stopped"), ("work/stopped/health.json",)),
        Use("report", ("report", "stopped"), ("work/stopped",)),
        Use(
            "train --init-from", ("train", "gan", *DATA, *SHORT, "--init-from", "stopped", "--out", "new"),
            ("work/new",),
        ),
    ),
    "group": (
        Use("doctor", ("doctor", "group"), ("work/group/s0/health.json", "work/group/s1/health.json")),
        Use("report", ("report", "group"), ("work/group",)),
        Use("measure", ("measure", "group", *MEASURE), ("work/group",)),
        Use(
            "compare", ("compare", "group", "run", "--num-sets", "1", "--out", "c"), ("work/c", "work/group"),
            ("run",),
        ),
        Use("train --resume", ("train", "--resume", "group"), ("work/group",)),
    ),
    "lab": (
        Use("lab", ("lab", *DATA, "--budget", "smoke", "--out", "lab"), ("work/lab",)),
        Use("report", ("report", "lab"), ("work/lab",)),
        Use("doctor", ("doctor", "lab/runs/gan-s0"), ("work/lab/runs/gan-s0/health.json",)),
        Use("compare", ("compare", "lab", "run", "--num-sets", "1", "--out", "c"), ("work/c", "work/lab"), ("run",)),
    ),
}  # fmt: skip
TURNS = ("run", "stopped", "run", "group", "run", "stopped", "lab")
"""How often each kind of folder has its turn."""
Case = tuple[str, str, damages.Damage, Use]


def files_of(base: Path, kind: str) -> list[str]:
    """Return the files of a folder that are worth damaging, of many alike only some, relative to it."""
    paths = sorted(path.relative_to(base / kind).as_posix() for path in (base / kind).rglob("*") if path.is_file())
    alike: dict[tuple[str, str], int] = {}
    chosen = []
    for path in paths:
        if Path(path).name in SKIPPED or path.startswith("figures/"):
            continue
        key = (str(Path(path).parent), Path(path).suffix)
        alike[key] = alike.get(key, 0) + 1
        if Path(path).suffix not in damages.PICTURES or alike[key] <= 2:
            chosen.append(path)
    return chosen


def readers(there: World) -> dict[str, dict[str, list[Use]]]:
    """Return {kind of folder: {file: the uses that open it}}, kept in the base once it was seen."""
    path = there.base / "reads.json"
    if not path.exists():
        seen = {kind: [_opened(there, kind, use) for use in uses] for kind, uses in USES.items()}
        path.write_text(json.dumps(seen, indent=1), encoding="utf-8")
    seen = json.loads(path.read_text(encoding="utf-8"))
    return {
        kind: {
            file: [use for use, opened in zip(USES[kind], seen[kind]) if file in opened]
            for file in files_of(there.base / "work", kind)
        }
        for kind in USES
    }


def _opened(there: World, kind: str, use: Use) -> list[str]:
    """Run a use undisturbed; return the files of the folder that it opened, relative to it."""
    there.fresh((kind, *use.needs))
    log = there.work / "opened"
    ending = process.run(list(use.words), there.setting(before=functools.partial(_log_opens, log), seconds=240.0))
    if ending.code != 0:
        raise RuntimeError(f"undisturbed {use.words}: {ending.code} {ending.stderr} {ending.trace}")
    start = os.path.join(there.work, kind) + os.sep
    opened = {os.path.join(there.work, os.fsdecode(line)) for line in log.read_bytes().split(b"\0")}
    return sorted({os.path.normpath(path).removeprefix(start) for path in opened if path.startswith(start)})


def _log_opens(log: Path) -> None:
    handle = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND)

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
            os.write(handle, os.fsencode(arguments[0]) + b"\0")

    sys.addaudithook(hook)


def cases(known: dict[str, dict[str, list[Use]]], seed: int, numbers: Iterable[int]) -> Iterator[tuple[int, Case]]:
    """Yield (number, (kind of folder, file, damage, use)): each pair of file and damage once before any comes twice."""
    pairs: dict[str, list[tuple[str, damages.Damage]]] = {}
    for kind in world.KINDS:
        pairs[kind] = [
            (file, damage)
            for file, uses in known[kind].items() if uses
            for damage in (*damages.ANY, *damages.BY_KIND * (2 if file.count("/") < 2 else 1)) if fits(file, damage)
        ]  # fmt: skip
        random.Random(f"{seed}-{kind}").shuffle(pairs[kind])
    wanted = set(numbers)
    turn = dict.fromkeys(world.KINDS, 0)
    for number in range(max(wanted, default=-1) + 1):
        kind = TURNS[number % len(TURNS)]
        file, damage = pairs[kind][turn[kind] % len(pairs[kind])]
        turn[kind] += 1
        if number in wanted:
            use = random.Random(f"{seed}-{number}-use").choice(known[kind][file])
            yield number, (kind, file, damage, use)


def fits(file: str, damage: damages.Damage) -> bool:
    """Return whether a damage is one for this kind of file."""
    suffix = Path(file).suffix
    allowed: dict[Callable[..., object], tuple[str, ...]] = {
        damages.torn_line: damages.LINES, damages.lying_header: damages.TENSORS, damages.bomb: damages.PICTURES,
        damages.wrong_schema: damages.RECORDS, damages.encoding: (*damages.RECORDS, *damages.LINES, ".txt", ".md"),
    }  # fmt: skip
    records = dict.fromkeys(
        (damages.other_value, damages.missing_key, damages.other_root), (*damages.RECORDS, *damages.LINES)
    )
    return suffix in (allowed | records).get(damage, (suffix,))


def attempts(there: World, seed: int, numbers: Iterable[int]) -> Iterator[Attempt]:
    """Make the attempts of these numbers."""
    process.load()
    for number, (kind, file, damage, use) in cases(readers(there), seed, numbers):
        there.fresh((kind, *use.needs))
        target = there.work / kind / file
        try:
            told = damage(target, random.Random(f"{seed}-{number}"), there.place / "people") or damages.missing(
                target, random.Random(0), there.place / "people"
            )
        except (json.JSONDecodeError, IndexError, KeyError, ValueError) as error:
            raise RuntimeError(f"{damage.__name__} of {file}: {error!r}") from error
        lend(there, target)
        attempt = Attempt("damaged", number, use.verb, f"{kind}/{file}: {told}", list(use.words))
        yield world.attack(there, attempt, there.setting(), use.writes, there.own_files(kind))


def lend(there: World, target: Path) -> None:
    """Let what a damage made belong to the user that attempts run as."""
    for path in (target.parent, there.place / "people"):
        if path.exists():
            there.give(path)
