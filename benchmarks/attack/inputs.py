"""Hostile inputs: pictures, archives, arrays, IDX files and latents, each damaged in every way a file can be.

Whole files are damaged here as the folders of runs are (cut, pipes, devices, links, no permission, ...), beside names
that no shell likes; `fuzz` changes single bytes.
"""

from __future__ import annotations

import gzip
import os
import random
import struct
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from . import damages, process, world
from .damaged import Use, lend
from .outcome import Attempt
from .world import DISSECT, SHORT, World

Make = Callable[[Path, random.Random], "tuple[Path, Path]"]
"""Writes an input into a folder: returns (what the verb is given, the file to be damaged)."""
NAMES = (
    "a b", "中文 图", "-x", "--help", "a'b\"c", "a\nb", "\x1b[31mred", "<script>", "[x](y)", "a" * 240, ".hidden", "é",
    "e\u0301", "\u202egnp", "%s", "$(id)", "CON", "a.b.c", "~", "*", "&amp;", "|", os.fsdecode(b"\xff\xfe"),
)  # fmt: skip
"""Names for files and classes that are rarely thought of."""
HEADERS = (
    "{'descr': (      ", "{" * 9000, "[" * 30_000, "(" * 9_000 + ")" * 9_000, "\0" * 100, "__import__('os')",
    "1" * 5000, "{'descr': '<f4', 'fortran_order': False, 'shape': (" + "9" * 5000 + ", 6)}",
    "{'descr': '|O', 'fortran_order': False, 'shape': (4, 6)}",
    "{'descr': [('a', '<f4', (2147483647,))], 'fortran_order': False, 'shape': (4, 6)}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (-4, -6)}",
    "{'descr': '<f4', 'fortran_order': 3, 'shape': (True, 6)}",
    "{'descr': '<V9999999999', 'fortran_order': False, 'shape': (1, 6)}",
)  # fmt: skip
"""Headers of .npy files that say what cannot be, or are no header at all."""


def _pictures(folder: Path, draw: random.Random) -> tuple[Path, Path]:
    """A folder of 40 PNG files in classes, one of them, or one class, under an odd name."""
    where = folder / "pictures"
    paths = sorted(where.rglob("*.png"))
    victim = draw.choice(paths)
    if draw.random() < 0.5:
        victim = victim.rename(victim.with_name(f"{draw.choice(NAMES)}.png"))
    if draw.random() < 0.3:
        moved = where / draw.choice(NAMES)
        if not moved.exists():
            victim.parent.rename(moved)
            victim = moved / victim.name
    return where, victim


def _one_picture(folder: Path, draw: random.Random) -> tuple[Path, Path]:
    """A single picture, of a format that the program reads or not."""
    from PIL import Image

    name, ending = draw.choice(
        (("PNG", "png"), ("JPEG", "jpg"), ("GIF", "gif"), ("BMP", "bmp"), ("WEBP", "webp"), ("TIFF", "tif"))
    )
    path = folder / f"one.{ending}"
    Image.fromarray(np.arange(144, dtype=np.uint8).reshape(12, 12)).save(path, format=name)
    return path, path


def _zip(folder: Path, draw: random.Random) -> tuple[Path, Path]:
    """An archive of the pictures with an odd member: a way out, a link, twice the same name, another archive."""
    path = folder / "set.zip"
    odd = draw.choice(
        ("../../out.png", "/tmp/out.png", "a/../../b.png", "C:\\x.png", "x" * 60_000, "two", "link", "bomb", "zip", "",
         *NAMES[:18])
    )  # fmt: skip
    with zipfile.ZipFile(path, "w", draw.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for picture in sorted((folder / "pictures").rglob("*.png")):
            archive.write(picture, picture.relative_to(folder / "pictures"))
        some = sorted((folder / "pictures").rglob("*.png"))[0].read_bytes()
        if odd == "link":
            info = zipfile.ZipInfo("class 0/link.png")
            info.external_attr = 0o120777 << 16
            archive.writestr(info, "/etc/hostname")
        elif odd == "bomb":
            archive.writestr("class 0/bomb.png", b"\0" * 300_000_000, zipfile.ZIP_DEFLATED)
        elif odd == "two":
            archive.writestr("class 0/same.png", some)
            archive.writestr("CLASS 0/SAME.PNG", some)
        else:
            archive.writestr(
                odd.encode("utf-8", "replace").decode("utf-8") if odd else "nothing/", some if odd else b""
            )
    return path, path


def _arrays(folder: Path, draw: random.Random) -> tuple[Path, Path]:
    """A .npz or .npy of images, of a type, shape or with labels that may not fit."""
    kind = draw.choice(("u1", "u1", "f4", "f8", "i8", "?", "c8", "U3", "f2"))
    shape = draw.choice(
        (
            (40, 12, 12),
            (40, 12, 12, 1),
            (40, 12, 12, 3),
            (40, 3, 12, 12),
            (40, 144),
            (40,),
            (0, 12, 12),
            (1, 12, 12),
            (12, 12),
            (40, 12, 12, 2),
            (),
        )
    )
    values = np.random.default_rng(draw.randrange(2**31)).integers(0, 200, shape)
    with np.errstate(all="ignore"):
        images = (
            values.astype(kind)
            if kind != "f2"
            else values.astype("f4").astype("f2") * draw.choice((1, np.nan, 1 / 200))
        )
    labels = draw.choice(
        (
            np.arange(len(values)) % 4 if values.ndim else np.array(0),
            np.arange(7),
            np.full(40, -1),
            np.full(40, 1e9),
            np.array(["a", "b"] * 20),
            np.zeros((40, 4)),
        )
    )
    if draw.random() < 0.5:
        path = folder / "array.npy"
        np.save(path, images)
    else:
        path = folder / "array.npz"
        named = draw.choice(
            (
                {"images": images, "labels": labels},
                {"x": images, "y": labels},
                {"a": images},
                {"images": images, "labels": labels, "class_names": np.array(list(NAMES[:4]))},
            )
        )
        draw.choice((np.savez, np.savez_compressed))(path, **named)
    return path, path


def _latents(folder: Path, draw: random.Random) -> tuple[Path, Path]:
    """A file of latents: a type, shape, order, version or names that may not fit."""
    shape = draw.choice((*[(4, 6)] * 5, (1, 6), (4, 7), (0, 6), (6,), (), (4, 6, 1), (100_000, 6)))
    values = np.random.default_rng(0).standard_normal(shape) * draw.choice((1, 1, 1, 1, 1e30, 1e300, np.nan))
    with np.errstate(all="ignore"):
        array = np.asarray(values).astype(draw.choice(("f4", "f4", "f8", "f8", "f2", "i4", ">f4", "c16", "?", "U2")))
    path = folder / "z.npy"
    how = draw.choice(("npy", "npy", "npz", "two", "z", "version 3", "header"))
    if how in ("npz", "two", "z"):
        path = folder / "z.npz"
        np.savez(path, **({"a": array, "b": array} if how == "two" else {"z" if how == "z" else "a": array}))
        return path, path
    np.save(path, np.asfortranarray(array))
    data = path.read_bytes()
    if how == "version 3":
        path.write_bytes(data[:6] + bytes((draw.choice((0, 3, 9)), 0)) + data[8:])
    elif how == "header":
        header = draw.choice(HEADERS).encode()
        path.write_bytes(b"\x93NUMPY\x02\x00" + struct.pack("<I", len(header)) + header + bytes(96))
    return path, path


def _idx(folder: Path, draw: random.Random) -> tuple[Path, Path]:
    """The four files of a named set, of which every hash is known: all of them are wrong."""
    where = folder / "idx" / "mnist"
    where.mkdir(parents=True)
    packed = draw.random() < 0.5
    for name, shape in (
        ("train-images-idx3", (40, 28, 28)),
        ("train-labels-idx1", (40,)),
        ("t10k-images-idx3", (8, 28, 28)),
        ("t10k-labels-idx1", (8,)),
    ):
        dims = list(shape)
        if draw.random() < 0.2:
            dims[0] = draw.choice((0, 41, 2**31, 2**32 - 1))
        data = struct.pack(f">4B{len(dims)}I", 0, 0, draw.choice((8, 8, 8, 9, 13)), len(dims), *dims) + bytes(
            int(np.prod(shape))
        )
        (where / f"{name}-ubyte{'.gz' * packed}").write_bytes(gzip.compress(data, mtime=0) if packed else data)
    victim = draw.choice(sorted(where.iterdir()))
    return folder / "idx", victim


NEW, WALKED = ("work/new",), ("work/w.gif",)
INPUTS: dict[str, tuple[Make, tuple[Use, ...]]] = {}
for _name, _make in (("pictures", _pictures), ("zip", _zip), ("array", _arrays), ("one picture", _one_picture)):
    INPUTS[_name] = (_make, (
        Use("data inspect", ("data", "inspect", "INPUT", "--out", "i.png"), ("work/i.png",)),
        Use("data inspect", ("data", "inspect", "INPUT", "--size", "8x8", "--out", "i.png"), ("work/i.png",)),
        Use("data import", ("data", "import", "INPUT", "--name", "mine")),
        Use("train --data", ("train", "gan", "--data", "INPUT", *SHORT, "--out", "new"), ("work/new",)),
        Use("dissect --images", ("dissect", "run", *DISSECT, "--images", "INPUT"), ("work/run",)),
    ))  # fmt: skip
INPUTS["latents"] = (_latents, (
    Use("sample --latents", ("sample", "run", "--latents", "INPUT", "--out", "s.npy"), ("work/s.npy",)),
    Use("walk --latents", ("walk", "run", "--latents", "INPUT", "--num-frames", "3", "--out", "w.gif"), WALKED),
    Use("dissect --latents", ("dissect", "run", *DISSECT, "--latents", "INPUT"), ("work/run",)),
))  # fmt: skip
INPUTS["idx"] = (_idx, (
    Use("train --data", ("train", "gan", "--data", "mnist", "--data-dir", "INPUT", *SHORT, "--out", "new"), NEW),
))  # fmt: skip
TURNS = ("pictures", "latents", "zip", "array", "pictures", "latents", "idx", "array", "one picture", "zip")
SLOW_SHARE = 0.12
"""How often a use that trains or dissects is tried, where there is a quicker one."""
SLOW = ("train --data", "dissect --images", "dissect --latents")


def attempts(there: World, seed: int, numbers: Iterable[int]) -> Iterator[Attempt]:
    """Make the attempts of these numbers: inputs in turn, damages and uses by chance."""
    process.load()
    for number in numbers:
        draw = random.Random(f"{seed}-inputs-{number}")
        name = TURNS[number % len(TURNS)]
        make, uses = INPUTS[name]
        quick = [use for use in uses if use.verb not in SLOW]
        use = draw.choice(quick if quick and draw.random() > SLOW_SHARE else uses)
        there.fresh(("run",) if "run" in use.words else ())
        given, victim = make(there.place / "data", draw)
        told = "as it is"
        if draw.random() < 0.7:
            damage = draw.choice((*damages.ANY, damages.bomb))
            told = damage(victim, draw, there.place / "people") or told
        there.give(there.place / "data")
        lend(there, victim)
        words = [str(given) if word == "INPUT" else word for word in use.words]
        attempt = Attempt("inputs", number, use.verb, f"{name}: {victim.name!a}: {told}", words)
        yield world.attack(there, attempt, there.setting(), use.writes, there.own_files("run"))
