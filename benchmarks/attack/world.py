"""A small world to attack in: run folders made once, copied for every attempt beside files that are none of ours.

`base/` holds a finished run, an interrupted one, a group of two, a smoke lab, data and latents, and is made once.
`try/` is what an attempt sees, always at the same path: work/ (where it runs), people/ (somebody's own files), home/
(the user's and the program's).
"""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import manifest, process
from .outcome import Attempt, Ending

KINDS = ("run", "stopped", "group", "lab")
"""What there is to attack: folders of these names in work/."""
SMALL = ("--z-dim", "6", "--batch-size", "32", "--tick-nimg", "64", "--sample-nimg", "320", "--snapshot-nimg", "320",
         "--checkpoint-nimg", "160", "--num-threads", "1", "--precision", "float32")  # fmt: skip
SHORT = ("--total-nimg", "640", *SMALL)
DISSECT = (
    "--num-dims", "1", "--values", "5", "--atlas-values", "5", "--num-codes", "2", "--num-latents", "4",
    "--num-latents-all", "4", "--num-prior-img", "40", "--num-scale-img", "20", "--num-jacobians", "2",
    "--num-path-pairs", "4", "--num-direction-latents", "64", "--num-inverted", "2", "--num-inversion-evals", "2",
)  # fmt: skip
MEASURE = ("--num-sets", "1")
NUM_PICTURES, SIDE, NUM_CLASSES = 320, 12, 4
OWN_FILES = {
    "notes.txt": b"mine",
    "samples/mine.png": b"\x89PNG not really",
    "samples/fixed-best.png": b"renamed by hand",
    "snapshots/mine.safetensors": b"mine",
    "snapshots/G_ema-final.safetensors": b"kept by hand",
    "checkpoints/mine/thesis.tex": b"mine",
    "checkpoints/checkpoint-keep/state.safetensors": b"kept by hand",
    "dissect/notes on number 3.md": b"mine",
}
"""Files that people put into a run folder; no verb may touch them."""
PEOPLE = {
    "thesis/chapter 1.tex": b"\\section{GAN}",
    "thesis/fixed-000000320.png": b"a figure",
    "models/checkpoint-000000320/state.safetensors": b"of another project",
    "models/G_ema-000000320.safetensors": b"of another project",
    "pictures/holiday.jpg": b"\xff\xd8\xff",
    "config.json": b'{"editor": "vi"}\n',
    "stats.jsonl": b'{"step": 1}\n',
}
"""Somebody's files beside the work; some bear names of ours."""


@dataclass(frozen=True)
class World:
    """The folders of one series of attempts."""

    root: Path
    uid: int | None

    @property
    def base(self) -> Path:
        """What is made once."""
        return self.root / "base"

    @property
    def place(self) -> Path:
        """What an attempt sees."""
        return self.root / "try"

    @property
    def work(self) -> Path:
        """The folder that attempts run in."""
        return self.place / "work"

    @property
    def env(self) -> dict[str, str]:
        """The environment of attempts: no network, one thread, a home of its own."""
        home = str(self.place / "home")
        return {
            "HOME": home, "GANATOMY_HOME": f"{home}/ganatomy", "GANATOMY_OFFLINE": "1", "OMP_NUM_THREADS": "1",
            "OMP_WAIT_POLICY": "PASSIVE", "MPLCONFIGDIR": str(self.root / "mpl"), "XDG_CACHE_HOME": f"{home}/cache",
            "TMPDIR": str(self.root / "tmp"), "GANATOMY_DATA": str(self.root / "nothing"),
        }  # fmt: skip

    def setting(self, **changes: object) -> process.Setting:
        """Return where and under which limits a verb runs here."""
        env = {**self.env, **changes.pop("env", {})}  # type: ignore[dict-item]
        return process.Setting(**{"folder": self.work, "env": env, "uid": self.uid, **changes})  # type: ignore[arg-type]

    def fresh(self, kinds: Iterable[str] = ()) -> Path:
        """Make the place anew with copies of some of the base's folders; return the folder to work in."""
        clear(self.place)
        for name, content in PEOPLE.items():
            write(self.place / "people" / name, content)
        (self.place / "home").mkdir()
        self.work.mkdir()
        write(self.work / "own.txt", b"mine")
        shutil.copytree(self.base / "data", self.place / "data")
        for kind in kinds:
            shutil.copytree(self.base / "work" / kind, self.work / kind, symlinks=True)
            for name, content in OWN_FILES.items():
                if kind in ("run", "stopped"):
                    write(self.work / kind / name, content)
        self.give(self.place)
        return self.work

    def give(self, path: Path) -> None:
        """Let a path, and all in it, belong to the user that attempts run as."""
        if self.uid is None:
            return
        for folder, folders, files in os.walk(path):
            for name in (*folders, *files):
                os.lchown(os.path.join(folder, name), self.uid, self.uid)
        os.lchown(path, self.uid, self.uid)

    def own_files(self, kind: str) -> list[str]:
        """Return people's own files in a run folder, relative to the place."""
        return [f"work/{kind}/{name}" for name in OWN_FILES] if kind in ("run", "stopped") else []


def clear(folder: Path) -> None:
    """Delete a folder of ours, whatever modes were set in it."""

    def again(action: Callable[..., object], path: str, _: object) -> None:
        os.chmod(os.path.dirname(path), 0o700)
        os.chmod(path, 0o700)
        action(path)

    if folder.exists():
        shutil.rmtree(folder, onerror=again)
    folder.mkdir(parents=True)


def write(path: Path, content: bytes) -> None:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def attack(
    world: World,
    attempt: Attempt,
    setting: process.Setting,
    allowed: Iterable[str],
    kept: Iterable[str] = (),
    *,
    heard: bool = True,
) -> Attempt:
    """Run an attempt, judge its ending, and compare everything around before and after."""
    before = manifest.manifest(world.place)
    attempt.ending = process.run(attempt.words, setting)
    attempt.judge(heard=heard)
    allowed = (*allowed, "home/ganatomy", "home/cache")
    after = manifest.manifest(world.place)
    attempt.faults += [f"touched: {line}" for line in manifest.changes(before, after, allowed=allowed, kept=kept)]
    return attempt


def make_world(root: Path) -> World:
    """Return the world at a folder, its base made if it is not there yet."""
    world = World(root.absolute(), process.usual_user())
    done = world.base / "done"
    if done.exists():
        return world
    clear(world.root)
    for name in ("mpl", "tmp", "base/work", "base/data", "nothing"):
        (world.root / name).mkdir(parents=True)
    os.chmod(world.root / "tmp", 0o777)
    os.chmod(world.root / "mpl", 0o777)
    clear(world.place)
    make_data(world.place / "data")
    shutil.copytree(world.place / "data", world.base / "data", dirs_exist_ok=True)
    (world.place / "home").mkdir()
    world.work.mkdir()
    world.give(world.place)
    _train_all(world)
    for kind in KINDS:
        shutil.copytree(world.work / kind, world.base / "work" / kind)
    done.touch()
    return world


def _train_all(world: World) -> None:
    data = ("--data", "../data/set.npz")
    _make(world, "train", "gan", *data, *SHORT, "--out", "run")
    _make(world, "measure", "run", *MEASURE)
    _make(world, "dissect", "run", *DISSECT)
    stopping = functools.partial(stop_after, 15)
    _make(world, "train", "gan", *data, *SHORT, "--out", "stopped", before=stopping, code=143)
    _make(
        world, "train", "gan", *data, *SHORT, "--seeds", "2", "--executor", "sequential", "--lr-g", "0.02", "--out",
        "group",
    )  # fmt: skip
    _make(world, "measure", "group", *MEASURE)
    _make(world, "lab", *data, "--budget", "smoke", "--out", "lab")


def _make(world: World, *words: str, before: Callable[[], None] | None = None, code: int = 0) -> Ending:
    ending = process.run(list(words), world.setting(before=before, seconds=300.0, idle_seconds=60.0))
    if ending.code != code or ending.trace:
        raise RuntimeError(f"{' '.join(words)}: {ending.code}\n{ending.stderr}\n{ending.trace}")
    return ending


def stop_after(num: int) -> None:
    """Let the program believe, when it has looked so many times, that SIGTERM came."""
    from ganatomy import console

    looks = iter(range(num))

    def looked(self: console.StopSignal) -> bool:
        if next(looks, None) is None:
            self.exit_code = 143
        return self.exit_code != 0

    console.StopSignal.__call__ = looked  # type: ignore[method-assign]


def make_data(folder: Path) -> None:
    """Write a labelled set of small grey pictures as .npz and as a folder of PNG, and a file of latents."""
    from PIL import Image

    folder.mkdir(parents=True)
    draw = np.random.default_rng(0)
    labels = np.arange(NUM_PICTURES) % NUM_CLASSES
    pixels = (draw.random((NUM_PICTURES, SIDE, SIDE)) * 60).astype(np.uint8)
    for number, label in enumerate(labels):
        pixels[number, 2 + label : 6 + label, 3:9] += 150
    np.savez(folder / "set.npz", images=pixels, labels=labels)
    np.save(folder / "latents.npy", draw.standard_normal((4, 6)).astype(np.float32))
    for number in range(40):
        path = folder / "pictures" / f"class {labels[number]}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[number]).save(path)
