"""Full disks and broken streams: every verb on a file system with too little room, and with nowhere to speak.

As root the working folder is a small tmpfs; elsewhere, and for half of the attempts, no file may grow beyond a random
size. Afterwards there is room again, and the same words must end well.
"""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from . import manifest, process, world
from .kills import VICTIMS, Undisturbed, Victim, again_words, undisturbed
from .outcome import Attempt
from .world import World

FULL = Path("/dev/full")
STREAMS: dict[str, dict[str, object]] = {
    "stdout on a full disk": {"stdout": FULL},
    "stdout closed": {"closed": ("stdout",)},
    "stderr on a full disk": {"stderr": FULL},
    "stderr closed": {"closed": ("stderr",)},
    "both on a full disk": {"stdout": FULL, "stderr": FULL},
    "both closed": {"closed": ("stdout", "stderr")},
}
TALKATIVE = (
    Victim("doctor", ("doctor", "run"), ("work/run/health.json",), ("run",)),
    Victim("doctor", ("doctor",), ()),
    Victim("data list", ("data", "list"), ()),
    Victim("data inspect", ("data", "inspect", "../data/pictures", "--out", "i.png"), ("work/i.png",)),
    Victim("measure --json", ("measure", "run", "--num-sets", "1", "--json"), ("work/run",), ("run",)),
)
"""Verbs that speak more than they write."""
ROOM = 64 * 2**20
TURNS = ("tmpfs", "stream", "limit")


def attempts(there: World, seed: int, numbers: Iterable[int]) -> Iterator[Attempt]:
    """Make the attempts of these numbers: kinds of trouble and verbs in turn."""
    process.load()
    known: dict[str, Undisturbed] = {}
    writing = [victim for victim in VICTIMS if victim.verb != "train --budget"]
    for number in numbers:
        draw = random.Random(f"{seed}-full-{number}")
        around, turn = divmod(number, len(TURNS))
        if TURNS[turn] == "stream":
            every = [(victim, name) for name in STREAMS for victim in (*TALKATIVE, *writing) if victim.verb != "lab"]
            yield broken_stream(there, *every[(7 * around) % len(every)], number)
            continue
        victim = writing[around % len(writing)]
        if victim.verb not in known:
            known[victim.verb] = undisturbed(there, victim)
        small = TURNS[turn] == "tmpfs" and os.geteuid() == 0
        yield (small_disk if small else small_files)(there, victim, known[victim.verb], number, draw)


def broken_stream(there: World, victim: Victim, name: str, number: int) -> Attempt:
    """Run a verb with a stream that cannot be written to."""
    there.fresh(victim.needs)
    attempt = Attempt("full", number, victim.verb, name, list(victim.words))
    setting = there.setting(seconds=120.0, **STREAMS[name])
    world.attack(there, attempt, setting, victim.writes, heard="stderr" not in name and "both" not in name)
    if "stderr" in name and attempt.ending and attempt.ending.code != 0:
        attempt.faults.append(f"not done: exit {attempt.ending.code}, though only the words were lost")
    return attempt


def small_files(there: World, victim: Victim, usual: Undisturbed, number: int, draw: random.Random) -> Attempt:
    """Run a verb while no file may grow beyond a random size, then without that limit."""
    there.fresh(victim.needs)
    size = int(2 ** draw.uniform(0, 19)) - 1
    attempt = Attempt("full", number, victim.verb, f"no file over {size:,} bytes", list(victim.words))
    world.attack(there, attempt, there.setting(file_bytes=size, seconds=120.0), victim.writes, there.own_files("run"))
    return _again(there, victim, usual, attempt)


def small_disk(there: World, victim: Victim, usual: Undisturbed, number: int, draw: random.Random) -> Attempt:
    """Run a verb in a tmpfs that is full, or becomes so, then with room."""
    there.fresh(victim.needs)
    with _tmpfs(there) as resize:
        used = _used(there.work)
        share = draw.choice((0.0, draw.random(), draw.random()))
        room = int(share * max(2**16, usual.num_bytes))
        resize(used + room)
        attempt = Attempt("full", number, victim.verb, f"a disk with {room:,} bytes left", list(victim.words))
        world.attack(there, attempt, there.setting(seconds=120.0), victim.writes, there.own_files("run"))
        resize(ROOM)
        return _again(there, victim, usual, attempt)


def _used(folder: Path) -> int:
    info = os.statvfs(folder)
    return (info.f_blocks - info.f_bfree) * info.f_frsize


@contextlib.contextmanager
def _tmpfs(there: World) -> Iterator[Callable[[int], None]]:
    """Put the working folder, with what is in it, on a tmpfs of its own; yields what changes its size."""
    aside = there.work.with_name("aside")
    there.work.rename(aside)
    there.work.mkdir()
    subprocess.run(("mount", "-t", "tmpfs", "-o", f"size={ROOM},mode=755", "tmpfs", str(there.work)), check=True)
    try:
        subprocess.run(("cp", "-a", f"{aside}/.", str(there.work)), check=True)
        world.clear(aside)
        aside.rmdir()

        def resize(size: int) -> None:
            size = max(4096, -(-size // 4096) * 4096)
            subprocess.run(("mount", "-o", f"remount,size={size}", str(there.work)), check=True)

        yield resize
    finally:
        subprocess.run(("umount", "--lazy", str(there.work)), check=True)


def _again(there: World, victim: Victim, usual: Undisturbed, attempt: Attempt) -> Attempt:
    """With room again the verb must end well; what a failure left must not stand in its way."""
    words = again_words(there, victim)
    ending = process.run(words, there.setting(seconds=120.0))
    if ending.code != 0 or ending.trace:
        told = (ending.trace or ending.stderr)[-300:]
        attempt.faults.append(f"not continued: `{' '.join(words)}` exit {ending.code}: {told!r}")
    left = [path for path in manifest.manifest(there.place) if path.endswith(".tmp")]
    attempt.faults += [f"left behind: {path}" for path in left]
    return attempt
