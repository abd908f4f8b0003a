"""As somebody else: folders of other people, closed or read-only, a home that is not there, a user without a name.

Needs root, to be another user; without it there are no attempts.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from . import process, world
from .damaged import USES, Use
from .outcome import Attempt
from .world import World

OTHERS = (
    Use("data list", ("data", "list")),
    Use("data inspect", ("data", "inspect", "../data/pictures", "--out", "i.png"), ("work/i.png",)),
    Use("data import", ("data", "import", "../data/pictures")),
    Use("features train", ("features", "train", "../data/set.npz", "--num-epochs", "3", "--num-threads", "1")),
    Use("walk", ("walk", "run", "--num-frames", "3"), ("work/run",)),
    Use("doctor", ("doctor",)),
    Use("sample", ("sample", "run", "--num", "4", "--out", "s.png"), ("work/s.png",)),
)
NAMELESS = 54_321
"""A user that no list of users knows."""
Trouble = Callable[[World, str, random.Random], "tuple[str, dict[str, object]]"]


def _paths(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*"))


def not_mine(there: World, kind: str, draw: random.Random) -> tuple[str, dict[str, object]]:
    """Another user's folder that may be read only."""
    for path in (there.work / kind, *_paths(there.work / kind)):
        os.lchown(path, 0, 0)
    return "the folder is another user's, to be read only", {}


def closed(there: World, kind: str, draw: random.Random) -> tuple[str, dict[str, object]]:
    """Another user's folder that may not be entered."""
    os.chown(there.work / kind, 0, 0)
    (there.work / kind).chmod(0o700)
    return "the folder is another user's, closed", {}


def one_closed(there: World, kind: str, draw: random.Random) -> tuple[str, dict[str, object]]:
    """One file or folder inside may not be read."""
    path = draw.choice(_paths(there.work / kind))
    os.lchown(path, 0, 0)
    path.chmod(0o700 if path.is_dir() else 0o600)
    return f"{path.relative_to(there.work)} is another user's, closed", {}


def one_not_mine(there: World, kind: str, draw: random.Random) -> tuple[str, dict[str, object]]:
    """One file or folder inside may be read only."""
    path = draw.choice(_paths(there.work / kind))
    for inner in (path, *_paths(path)):
        os.lchown(inner, 0, 0)
    return f"{path.relative_to(there.work)} is another user's, to be read only", {}


def no_place(there: World, kind: str, draw: random.Random) -> tuple[str, dict[str, object]]:
    """The working folder may not be written."""
    os.chown(there.work, 0, 0)
    return "the working folder is another user's", {}


def odd_home(there: World, kind: str, draw: random.Random) -> tuple[str, dict[str, object]]:
    """A home that is closed, missing, a file, relative, or not named at all; a user who is on no list."""
    home, uid = draw.choice(
        (("/root", None), ("/nonexistent", None), ("", None), ("../people/config.json", None), ("relative", None),
         ("/dev/null", None), ("", NAMELESS), ("/proc/1", NAMELESS), ("/", None))
    )  # fmt: skip
    cache = draw.choice(("", "", f"{home}/cache" if home else "", "/root/x", "/dev/null/x", "~nobody/x", "~/x"))
    told = f"HOME={home or '(unset)'} GANATOMY_HOME={cache or '(unset)'} user {uid or there.uid}"
    changes: dict[str, object] = {"env": {"HOME": home, "GANATOMY_HOME": cache, "XDG_CACHE_HOME": "", "TMPDIR": ""}}
    if uid is not None:
        for path in (there.work, *_paths(there.work)):
            os.lchown(path, uid, uid)
        changes["uid"] = uid
    return told, changes


TROUBLES: tuple[Trouble, ...] = (not_mine, closed, one_closed, one_not_mine, no_place, odd_home, odd_home)
MUST_WORK = {(not_mine, "sample"), (not_mine, "report"), (not_mine, "walk"), (not_mine, "doctor")}
"""What only reads a run, with its output elsewhere, works on a run that may only be read."""


def attempts(there: World, seed: int, numbers: Iterable[int]) -> Iterator[Attempt]:
    """Make the attempts of these numbers: troubles in turn, uses by chance."""
    if there.uid is None:
        return
    process.load()
    for number in numbers:
        draw = random.Random(f"{seed}-stranger-{number}")
        trouble = TROUBLES[number % len(TROUBLES)]
        kind = draw.choice(("run", "run", "stopped", "group", "lab"))
        uses = USES[kind] + (OTHERS if kind == "run" else ())
        use = draw.choice(OTHERS if trouble is odd_home and draw.random() < 0.5 else uses)
        kind = "run" if use in OTHERS else kind
        there.fresh((kind, *use.needs))
        told, changes = trouble(there, kind, draw)
        attempt = Attempt("stranger", number, use.verb, f"{kind}: {told}", list(use.words))
        world.attack(there, attempt, there.setting(**changes), (*use.writes, "work/relative"), there.own_files(kind))
        outside = use.writes and not any(path.startswith(f"work/{kind}") for path in use.writes)
        end = attempt.ending
        if (trouble, use.verb) in MUST_WORK and outside and end and end.code != 0:
            attempt.faults.append(f"refused: reading is all it needs: {end.stderr[-200:]!r}")
        yield attempt
