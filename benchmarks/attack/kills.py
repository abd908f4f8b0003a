"""SIGKILL at any moment: the same words again must end well, leave nothing behind and give the same bytes.

Half of the kills come at a random time, half at a random one of the moments at which the verb opens a file to write it,
renames, removes or makes something, where a kill hurts most. The processes are forked from one that has PyTorch loaded.
"""

from __future__ import annotations

import functools
import json
import mmap
import os
import random
import re
import signal
import struct
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import manifest, process
from .damaged import DATA
from .outcome import Attempt
from .world import DISSECT, MEASURE, SMALL, World

LEFT_BEHIND = re.compile(r"\.tmp$|/\.calibration-|/\.probe\.|\.partial$|/\.new-|/\.old-")
WRITING = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "shutil.")
COMPARED = (".safetensors", ".png", ".webp", ".gif", ".npy", ".npz", ".json", ".html", ".md", ".txt")
SECONDS = 240.0


@dataclass(frozen=True)
class Victim:
    """A verb to be killed: its words, what it may write, and how it goes on."""

    verb: str
    words: tuple[str, ...]
    writes: tuple[str, ...]
    needs: tuple[str, ...] = ()
    resume: str | None = None
    """Folder that is continued with `train --resume` once it is a run."""


def _train(name: str, *words: str) -> Victim:
    return Victim(name, ("train", "gan", *DATA, *words, "--out", "new"), ("work/new", "work"), (), "new")


VICTIMS = (
    _train("train", "--total-nimg", "3200", *SMALL),
    _train("train --seeds", "--total-nimg", "1600", *SMALL, "--seeds", "2", "--executor", "sequential"),
    Victim(
        "train --budget",
        ("train", "gan", *DATA, *SMALL, "--budget", "20s", "--out", "new"), ("work/new", "work"), (), "new",
    ),
    Victim("train --resume", ("train", "--resume", "stopped"), ("work/stopped",), ("stopped",)),
    Victim("lab", ("lab", *DATA, "--budget", "smoke", "--out", "lab"), ("work/lab",)),
    Victim("measure", ("measure", "run", *MEASURE), ("work/run",), ("run",)),
    Victim("dissect", ("dissect", "run", *DISSECT), ("work/run",), ("run",)),
    Victim("walk", ("walk", "run", "--num-frames", "24", "--out", "film"), ("work/film",), ("run",)),
    Victim("sample", ("sample", "run", "--num", "400", "--out", "many"), ("work/many",), ("run",)),
    Victim("report", ("report", "run", "group", "--out", "page"), ("work/page",), ("run", "group")),
    Victim("compare", ("compare", "run", "group", "--num-sets", "1", "--out", "c"), ("work/c",), ("run", "group")),
    Victim("data import", ("data", "import", "../data/pictures", "--name", "mine"), ()),
    Victim("features train", ("features", "train", "../data/set.npz", "--num-epochs", "3", "--num-threads", "1"), ()),
)  # fmt: skip
QUICK = tuple(victim for victim in VICTIMS if victim.verb not in ("lab", "train --budget"))
"""Those that come in every round; the others, which take long, in every third."""


@dataclass(frozen=True)
class Undisturbed:
    """What a verb does when nothing happens to it."""

    seconds: float
    num_events: int
    paths: frozenset[str]
    content: dict[str, str]
    """Hashes of the files that were the same both times."""
    num_bytes: int
    """About how much it writes into the working folder."""


def count_events(counter: mmap.mmap, kill_at: int | None) -> None:
    """Count the moments of writing in this process from now on, and end it, by SIGKILL, at one of them."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            flags = arguments[2]
            writing = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        else:
            writing = event.startswith(WRITING)
        if writing:
            (num,) = struct.unpack("q", counter[:8])
            if num == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            counter[:8] = struct.pack("q", num + 1)

    sys.addaudithook(hook)


def outputs(there: World) -> dict[str, str]:
    """Return {path: hash} of the files in work/ and in the program's cache."""
    found = manifest.manifest(there.place)
    return {
        path: entry[3] for path, entry in found.items()
        if path.startswith(("work/", "home/ganatomy/")) and entry[0].startswith("-") and not path.endswith(".lock")
    }  # fmt: skip


def undisturbed(there: World, victim: Victim) -> Undisturbed:
    """Run a verb twice and keep what both have in common."""
    both, seconds, num, grown = [], 0.0, 0, 0
    for _ in range(2):
        there.fresh(victim.needs)
        before = _num_bytes(there)
        counter = mmap.mmap(-1, 8)
        setting = there.setting(before=functools.partial(count_events, counter, None), seconds=SECONDS)
        ending = process.run(list(victim.words), setting)
        if ending.code != 0:
            raise RuntimeError(f"undisturbed {victim.verb}: {ending.code} {ending.stderr} {ending.trace}")
        both.append(outputs(there))
        grown = _num_bytes(there) - before
        seconds, (num,) = ending.seconds, struct.unpack("q", counter[:8])
    first, second = both
    same = {
        path: content for path, content in first.items()
        if second.get(path) == content and path.endswith(COMPARED)
    }  # fmt: skip
    return Undisturbed(seconds, num, frozenset(first) & frozenset(second), same, grown)


def _num_bytes(there: World) -> int:
    return sum(path.lstat().st_size for path in there.work.rglob("*"))


def attempts(there: World, seed: int, numbers: Iterable[int]) -> Iterator[Attempt]:
    """Make the attempts of these numbers; a verb's undisturbed runs are made when it is first needed."""
    process.load()
    known: dict[str, Undisturbed] = {}
    for number in numbers:
        around, turn = divmod(number, len(QUICK) + 1)
        slow = [victim for victim in VICTIMS if victim not in QUICK]
        victim = slow[around % len(slow)] if turn == len(QUICK) else QUICK[turn]
        if victim.verb not in known:
            known[victim.verb] = undisturbed(there, victim)
        yield kill(there, victim, known[victim.verb], number, random.Random(f"{seed}-kills-{number}"))


def kill(there: World, victim: Victim, usual: Undisturbed, number: int, draw: random.Random) -> Attempt:
    """Kill a verb once, run it again, and judge what is there then."""
    there.fresh(victim.needs)
    before = manifest.manifest(there.place)
    counter = mmap.mmap(-1, 8)
    by_event = draw.random() < 0.5
    event = draw.randrange(max(1, usual.num_events)) if by_event else None
    moment = draw.uniform(0, usual.seconds)

    def strike(pid: int, seconds: float) -> None:
        if event is None and seconds >= moment:
            os.kill(pid, signal.SIGKILL)

    setting = there.setting(before=functools.partial(count_events, counter, event), seconds=SECONDS)
    first = process.run(list(victim.words), setting, strike)
    when = f"event {event} of {usual.num_events}" if by_event else f"{moment:.2f} of {usual.seconds:.2f} s"
    attempt = Attempt("kills", number, victim.verb, f"killed at {when} (ended {first.code})", list(victim.words))
    attempt.words = again_words(there, victim)
    attempt.ending = process.run(attempt.words, there.setting(seconds=SECONDS))
    attempt.judge()
    if attempt.ending.code != 0:
        attempt.faults.append(f"not continued: exit {attempt.ending.code}: {attempt.ending.stderr[-200:]!r}")
    check(there, victim, usual, attempt)
    allowed = (*victim.writes, "home/ganatomy", "home/cache")
    after = manifest.manifest(there.place)
    kept = there.own_files("run") + there.own_files("stopped")
    changed = manifest.changes(before, after, allowed=allowed, kept=kept)
    attempt.faults += [f"touched: {line}" for line in changed]
    return attempt


def again_words(there: World, victim: Victim) -> list[str]:
    """Return the words that go on: the same, or `--resume` where a new run has its folder already."""
    if victim.resume:
        folder = there.work / victim.resume
        if any((folder / name).exists() for name in ("config.json", "group.json")):
            return ["train", "--resume", victim.resume]
    return list(victim.words)


def check(there: World, victim: Victim, usual: Undisturbed, attempt: Attempt) -> None:
    """Compare what is there after the second run with what an undisturbed one leaves."""
    found = outputs(there)
    everything = manifest.manifest(there.place)
    left = [path for path in everything if LEFT_BEHIND.search(path) and path not in usual.paths]
    attempt.faults += [f"left behind: {path}" for path in left]
    if victim.verb != "train --budget":
        extra = sorted(found.keys() - usual.paths - set(left))
        lacking = sorted(usual.paths - found.keys())
        attempt.faults += [f"left behind: {path}" for path in extra[:5]]
        attempt.faults += [f"lacking: {path}" for path in lacking[:5]]
        differ = [path for path, content in usual.content.items() if found.get(path, content) != content]
        attempt.faults += [f"other bytes: {path}" for path in differ[:5]]
    for path in found:
        if path.endswith(".jsonl"):
            attempt.faults += [f"torn line: {path}"] * (not _is_whole(there.place / path))


def _is_whole(path: Path) -> bool:
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            json.loads(line)
    except ValueError:
        return False
    return True
