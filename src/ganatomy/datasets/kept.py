"""Converted sets in the user's cache, so that no verb decodes or draws again what an earlier one did.

One file holds one set: images, labels and factors of both splits in the safetensors format, and beside them the recipe
that it was made by. The recipe says everything the pixels depend on: names, sizes and times of every source file, what
was asked for, the code and the libraries that convert. Its hash is the file's name, so another source or another
version never meets it. The file is verified by a hash of its content, then mapped into memory, not read: pages that
nobody looks at take no memory, and several processes share those that are.

A file that is damaged, foreign or in the way is no error: the set is made again. So is a cache without room.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import math
import mmap
import os
import shutil
import stat
import struct
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import PIL
import torch
from PIL import features as pillow_features

from .. import files
from ..errors import GanatomyError
from .catalog import cache_dir, known_cache_dir
from .layout import is_junk
from .store import Dataset, ImageStore

SCHEMA = 1
MAX_TOTAL_BYTES = 16 * 2**30
"""All files together; the ones that were not used for longest make room for a new one."""
SPARE_BYTES = 2**30
"""Room that is left on the disk."""
MAX_HEADER_BYTES = 2**27
CHUNK_BYTES = 1 << 22
RECENT_NS = 2 * 10**9
"""Source files changed so shortly ago are not trusted to show the next change in their times."""
ALIGNMENT = 64
_DTYPES: dict[str, np.dtype[Any]] = {"U8": np.dtype("u1"), "I64": np.dtype("<i8"), "F32": np.dtype("<f4")}
_KIND = "ganatomy converted set"
_NO_DIGEST = "0" * 64
_DAMAGE = (
    GanatomyError, OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError,
    struct.error,
)  # fmt: skip
"""What reading a file raises that is not what its name says."""

Source = Mapping[str, Any]
"""JSON values that say what the pixels of a set depend on, beside the code."""


@dataclass(frozen=True)
class Plan:
    """What a file is to hold: everything but the images is in memory."""

    name: str
    class_names: tuple[str, ...]
    shapes: Mapping[str, tuple[int, int, int, int]]
    """[N, C, H, W] of the splits train and test."""
    arrays: Mapping[str, np.ndarray]
    """int64 labels and float32 factors, by `<split>/labels` and `<split>/factors`."""
    chunks: Mapping[str, Iterable[np.ndarray]]
    """The images of each split in order: uint8 [n, C, H, W]."""
    about: Mapping[str, Any]
    """JSON values that are kept beside it."""


@dataclass(frozen=True)
class Found:
    """A set from the cache."""

    name: str
    class_names: tuple[str, ...]
    train: ImageStore
    test: ImageStore
    about: dict[str, Any]

    def dataset(self, sha256: str) -> Dataset:
        """Return it as a data set."""
        return Dataset(self.name, self.train, self.test, sha256, self.class_names)


class NotKeptError(Exception):
    """Why a set is not in the cache, in words."""


def root() -> Path:
    """Return the folder of all converted sets."""
    return cache_dir() / "converted"


@functools.cache
def _code() -> str:
    """Return the hash of the code that makes pixels: that of this package and of the randomness."""
    here = Path(__file__).parent
    digest = hashlib.sha256()
    for file in (*sorted(here.glob("*.py")), here.parent / "rng.py"):
        digest.update(f"{file.name}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def recipe(source: Source) -> dict[str, Any]:
    """Return everything that the pixels of a set depend on."""
    libraries = {name: str(pillow_features.version(name)) for name in ("jpg", "webp", "libtiff", "zlib")}
    return {
        "schema": SCHEMA, "code": _code(), "numpy": np.__version__, "pillow": PIL.__version__, **libraries,
        "source": dict(source),
    }  # fmt: skip


def place(made_by: Mapping[str, Any]) -> Path:
    """Return where the set of a recipe is kept."""
    return root() / f"{files.sha256(json.dumps(made_by, sort_keys=True).encode())[:32]}.safetensors"


def told(made_by: Mapping[str, Any]) -> str:
    """Say where a set is kept that was just written, and what removes it."""
    path = place(made_by)
    return (
        f"converted pictures kept for next time: {path} ({path.stat().st_size / 2**20:,.1f} MB). They may be "
        f"deleted at any time; past {MAX_TOTAL_BYTES >> 30} GiB in all, those that were not used for longest are."
    )


def fingerprint(path: Path) -> dict[str, Any] | None:
    """Return what tells whether a folder or file is still the same: its place, and a hash of names, sizes and times.

    None where something changed so shortly ago that the next change might not show, or cannot be looked at.
    """
    limit = time.time_ns() - RECENT_NS
    digest, newest = hashlib.sha256(), 0
    try:
        resolved = path.resolve(strict=True)
        for name, status in _entries(resolved):
            seen = (status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
            digest.update(os.fsencode(name) + f"\0{seen}\n".encode())
            if not stat.S_ISDIR(status.st_mode):
                newest = max(newest, status.st_ctime_ns, status.st_mtime_ns if os.name == "nt" else 0)
    except (OSError, RuntimeError):
        return None
    if newest > limit:
        return None
    return {"path": os.fsencode(resolved).hex(), "files": digest.hexdigest()}


def _entries(root_path: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Yield relative name and status of every entry that counts, in a fixed order; of links, also of what they are."""
    if not root_path.is_dir():
        yield "", os.stat(root_path)
        return
    cache = known_cache_dir()
    waiting: list[tuple[str, ...]] = [()]
    while waiting:
        parts = waiting.pop()
        with os.scandir(root_path.joinpath(*parts)) as entries:
            ordered = sorted(entries, key=lambda entry: entry.name)
        for entry in ordered:
            inner = (*parts, entry.name)
            if is_junk(inner) or Path(entry.path) == cache:
                continue
            yield "/".join(inner), entry.stat(follow_symlinks=False)
            if entry.is_symlink():
                with contextlib.suppress(OSError):  # it leads nowhere, which the link's own status says
                    yield f"{'/'.join(inner)}/->", os.stat(entry.path)
            elif entry.is_dir():
                waiting.append(inner)


def find(made_by: Mapping[str, Any]) -> Found | None:
    """Return the set of a recipe from the cache, verified; None where it is not there whole."""
    try:
        path = place(made_by)
        with _open(path) as handle:
            found = _read(handle, made_by)
    except _DAMAGE:
        return None
    with contextlib.suppress(OSError):  # the newest uses stay longest; a cache of others is only read
        if not path.is_symlink():
            os.utime(path)
    return found


def _open(path: Path) -> BinaryIO:
    """Open a plain file; a pipe or device under its name would wait for ever."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise ValueError(f"{path} is no plain file")
    return open(path, "rb")


def _read(handle: BinaryIO, made_by: Mapping[str, Any]) -> Found:
    """Map a file of ours; anything else is a ValueError."""
    num_bytes = os.fstat(handle.fileno()).st_size
    (header_bytes,) = struct.unpack("<Q", _exactly(handle, 8))
    if header_bytes > min(MAX_HEADER_BYTES, num_bytes - 8):
        raise ValueError("it is no safetensors file")
    text = _exactly(handle, header_bytes)
    header = files.parse_json(text)
    about = header.pop("__metadata__")
    record = files.parse_json(about["ganatomy"])
    if record["kind"] != _KIND or record["recipe"] != json.loads(json.dumps(made_by)):
        raise ValueError("it is another file than its name says")
    start = 8 + header_bytes
    if start + max(entry["data_offsets"][1] for entry in header.values()) != num_bytes:
        raise ValueError("it is cut short")
    digest = hashlib.sha256(text.replace(about["sha256"].encode(), _NO_DIGEST.encode(), 1))
    while chunk := handle.read(CHUNK_BYTES):
        digest.update(chunk)
    if digest.hexdigest() != about["sha256"]:
        raise ValueError("its content is not what was written")
    mapped = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_COPY)
    arrays = {name: torch.from_numpy(_view(mapped, start, entry)) for name, entry in header.items()}
    train, test = (
        ImageStore(arrays[f"{split}/images"], arrays.get(f"{split}/labels"), arrays.get(f"{split}/factors"))
        for split in ("train", "test")
    )
    return Found(record["name"], tuple(record["class_names"]), train, test, record["about"])


def _view(mapped: mmap.mmap, start: int, entry: dict[str, Any]) -> np.ndarray:
    dtype, shape, (first, last) = _DTYPES[entry["dtype"]], tuple(entry["shape"]), entry["data_offsets"]
    if math.prod(shape) * dtype.itemsize != last - first:
        raise ValueError("its sizes do not fit together")
    return np.frombuffer(mapped, dtype, math.prod(shape), start + first).reshape(shape)


def _exactly(handle: BinaryIO, num: int) -> bytes:
    data = handle.read(num)
    if len(data) != num:
        raise ValueError("it is cut short")
    return data


def keep(made_by: Mapping[str, Any], plan: Plan) -> Found:
    """Write the set of a recipe whole or not at all, and return it mapped; `NotKeptError` says why it cannot be."""
    num_bytes = sum(math.prod(shape) for shape in plan.shapes.values())
    num_bytes += sum(array.nbytes for array in plan.arrays.values())
    temporary: Path | None = None
    try:
        path = place(made_by)
        _check_links(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        _make_room(path.parent, num_bytes)
        temporary = files.temporary_beside(path)
        with open(temporary, "xb") as handle:
            _write(handle, made_by, plan)
            handle.flush()
            os.fsync(handle.fileno())
        if os.name != "nt":
            os.chmod(temporary, 0o444)  # it is mapped, so nobody should write into it; whoever wants may delete it
        with open(temporary, "rb") as handle:
            found = _read(handle, made_by)
        os.replace(temporary, path)
    except (GanatomyError, OSError, ValueError, RuntimeError) as error:
        raise NotKeptError(str(error) if isinstance(error, GanatomyError) else files.why(error)) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
    return found


def _check_links(path: Path) -> None:
    if path.parent.is_symlink():
        raise ValueError(f"{path.parent} is a link")


def _make_room(folder: Path, num_bytes: int) -> None:
    """Remove what a killed process left, and the sets that were not used for longest where the new one needs room."""
    files.remove_unfinished(folder)
    if num_bytes > MAX_TOTAL_BYTES:
        raise ValueError(f"it has {num_bytes / 2**30:.1f} GiB, and at most {MAX_TOTAL_BYTES >> 30} GiB are kept")
    kept = [(path.stat(), path) for path in folder.glob("*.safetensors") if path.is_file() and not path.is_symlink()]
    total = sum(status.st_size for status, _ in kept)
    for status, path in sorted(kept, key=lambda entry: entry[0].st_mtime_ns):
        if total + num_bytes <= MAX_TOTAL_BYTES:
            break
        path.unlink(missing_ok=True)
        total -= status.st_size
    if shutil.disk_usage(folder).free < num_bytes + SPARE_BYTES:
        raise ValueError(f"the disk of {folder} is nearly full")


def _write(handle: BinaryIO, made_by: Mapping[str, Any], plan: Plan) -> None:
    """Write the format: the header's length, the header, the arrays. The hash is filled in at the end."""
    record = {
        "kind": _KIND, "recipe": dict(made_by), "name": plan.name, "class_names": list(plan.class_names),
        "about": dict(plan.about),
    }  # fmt: skip
    entries: dict[str, Any] = {}
    at = 0
    for name, array in plan.arrays.items():
        dtype = next(key for key, each in _DTYPES.items() if each == array.dtype)
        entries[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [at, at := at + array.nbytes]}
    for split, shape in plan.shapes.items():
        offsets = [at, at := at + math.prod(shape)]
        entries[f"{split}/images"] = {"dtype": "U8", "shape": list(shape), "data_offsets": offsets}
    header = {"__metadata__": {"sha256": _NO_DIGEST, "ganatomy": json.dumps(record)}, **entries}
    text = json.dumps(header).encode()
    text += b" " * (-(8 + len(text)) % ALIGNMENT)
    handle.write(struct.pack("<Q", len(text)) + text)
    digest = hashlib.sha256(text)
    for data in _data(plan):
        digest.update(data)
        handle.write(data)
    if handle.tell() != 8 + len(text) + at:
        raise ValueError("the pictures are not as many as announced")
    handle.seek(8 + text.index(_NO_DIGEST.encode()))
    handle.write(digest.hexdigest().encode())


def _data(plan: Plan) -> Iterator[memoryview]:
    for array in plan.arrays.values():
        yield np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
    for split in plan.shapes:
        for chunk in plan.chunks[split]:
            yield np.ascontiguousarray(chunk).reshape(-1).data
