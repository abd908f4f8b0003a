"""Files damaged at random, read in a process of its own with bounded memory: `python fuzz.py FIRST NUM FOLDER`.

Case number N is a pure function of N, so a failure is repeated with `python fuzz.py N 1 FOLDER`; `--each` lists all.
"""

import contextlib
import faulthandler
import functools
import gzip
import io
import json
import random
import struct
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script, it finds pictures.py too
from ganatomy.datasets import decode as decoding
from ganatomy.datasets.collection import read_path
from ganatomy.datasets.fitting import Fitting
from ganatomy.datasets.inspection import inspect
from ganatomy.datasets.sources import read_idx
from ganatomy.datasets.wording import printable
from ganatomy.errors import GanatomyError
from ganatomy.latent.codes import read_latents
from pictures import KINDS, drawn, png

Z_DIM = 6
MEMORY_BYTES = 2**30
"""How much a case may add to the address space."""
MAX_PIXELS = 2_000_000
"""Cap on a picture's pixels here, so that one that slips past it is seen in the memory."""
SECONDS = 10.0
HANG_SECONDS = 60
OUT_OF_MEMORY = ("more memory than there is", "fit into memory")


@functools.cache
def idx_files() -> dict[str, bytes]:
    values = np.arange(20 * 6 * 5, dtype=np.uint8).reshape(20, 6, 5)
    plain = struct.pack(">4B3I", 0, 0, 8, 3, *values.shape) + values.tobytes()
    return {"plain.idx": plain, "packed.gz": gzip.compress(plain, mtime=0), "wrapped.idx": plain}


@functools.cache
def picture_files() -> dict[str, bytes]:
    pixels = drawn((20, 14), 0)
    return {f"{name}.{ending}": make(pixels) for name, (ending, make) in KINDS.items()}


@functools.cache
def zip_files() -> dict[str, bytes]:
    files = {}
    for name, method in (("stored.zip", zipfile.ZIP_STORED), ("deflated.zip", zipfile.ZIP_DEFLATED)):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", method) as archive:
            for number in range(6):
                archive.writestr(
                    zipfile.ZipInfo(f"{'ab'[number % 2]}/图 {number}.png"), png(drawn((8, 8), number)), method
                )
        files[name] = buffer.getvalue()
    return files


@functools.cache
def array_files() -> dict[str, bytes]:
    pixels = np.stack([drawn((8, 8), number, channels=1) for number in range(6)])
    files = {}
    for name, save in (("plain.npz", np.savez), ("packed.npz", np.savez_compressed)):
        buffer = io.BytesIO()
        save(buffer, images=pixels, labels=np.arange(6) % 2, class_names=np.array(["a", "图"]))
        files[name] = buffer.getvalue()
    for name, array in (("bytes.npy", pixels), ("floats.npy", pixels / 255)):
        buffer = io.BytesIO()
        np.save(buffer, array)
        files[name] = buffer.getvalue()
    return files


@functools.cache
def latent_files() -> dict[str, bytes]:
    values = np.random.default_rng(0).standard_normal((5, Z_DIM))
    files = {}
    for name, array in (("floats.npy", values), ("fortran.npy", np.asfortranarray(values.astype(np.float32)))):
        buffer = io.BytesIO()
        np.save(buffer, array)
        files[name] = buffer.getvalue()
    for name, save in (("plain.npz", np.savez), ("packed.npz", np.savez_compressed)):
        buffer = io.BytesIO()
        save(buffer, z=values, other=values[:1])
        files[name] = buffer.getvalue()
    return files


FAMILIES: dict[str, Callable[[], dict[str, bytes]]] = {
    "idx": idx_files, "picture": picture_files, "zip": zip_files, "array": array_files, "latents": latent_files,
}  # fmt: skip


def _flip(data: bytearray, draw: random.Random) -> None:
    for _ in range(draw.choice((1, 1, 2, 8))):
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)


def _truncate(data: bytearray, draw: random.Random) -> None:
    del data[draw.randrange(len(data)) :]


def _splice(data: bytearray, draw: random.Random) -> None:
    size = draw.randrange(1, 1 + min(64, len(data)))
    source, target = draw.randrange(len(data)), draw.randrange(len(data))
    data[target : target + draw.choice((0, size))] = data[source : source + size]


def _header(data: bytearray, draw: random.Random) -> None:
    """Change a byte near the start or the end, where formats say what follows."""
    reach = min(80, len(data))
    position = draw.choice((draw.randrange(reach), len(data) - 1 - draw.randrange(reach)))
    data[position] = draw.choice((0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256)))


def _inflate(data: bytearray, draw: random.Random) -> None:
    """Overwrite 2, 4 or 8 bytes with a large number, as a length that lies."""
    size = draw.choice((2, 4, 8))
    if len(data) > size:
        reach = min(len(data) - size, draw.choice((60, 400, len(data))))
        value = draw.choice((2 ** (8 * size) - 1, 2 ** (8 * size - 1), 2 ** (8 * size - 9), 70_000 % 2 ** (8 * size)))
        position = draw.choice((draw.randrange(reach), len(data) - size - draw.randrange(reach)))
        data[position : position + size] = value.to_bytes(size, draw.choice(("big", "little")))


def _drop(data: bytearray, draw: random.Random) -> None:
    start = draw.randrange(len(data))
    del data[start : start + draw.randrange(1, 40)]


MUTATORS = (_flip, _truncate, _splice, _header, _header, _inflate, _inflate, _drop)


def mutated(data: bytes, draw: random.Random) -> bytes:
    """Return damaged bytes: one to three changes."""
    changed = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 3))):
        if changed:
            draw.choice(MUTATORS)(changed, draw)
    return bytes(changed)


def case(number: int) -> tuple[str, str, bytes]:
    """Return (family, file name, damaged content) of a case."""
    draw = random.Random(number)
    family = tuple(FAMILIES)[number % len(FAMILIES)]
    files = FAMILIES[family]()
    name = draw.choice(sorted(files))
    data = mutated(files[name], draw)
    return family, name, gzip.compress(data, mtime=0) if name.startswith("wrapped") else data


def read(family: str, path: Path) -> None:
    """Read a file as its family is read; what comes back is checked."""
    if family == "idx":
        assert read_idx(path).dtype == np.uint8
    elif family == "picture":
        picture = decoding.decode(path.read_bytes())
        assert picture.pixels.dtype == np.uint8
        assert picture.pixels.ndim == 2 or picture.pixels.shape[2:] == (3,)
        assert 0 < picture.pixels.size <= 3 * MAX_PIXELS
    elif family == "latents":
        z = read_latents(path, Z_DIM)
        assert z.shape[1] == Z_DIM
        assert torch.isfinite(z).all()
    else:
        *_, (dataset, findings) = read_path(path, Fitting((8, 8)))
        assert dataset.img_shape[1:] == (8, 8)
        json.dumps(findings.to_dict())
        *_, inspection = inspect(path, Fitting())
        assert inspection.lines()


def outcome(action: Callable[[], object]) -> str:
    """Return `read`, `refused`, or in words what must never happen."""
    start = time.monotonic()
    try:
        action()
        result = "read"
    except (GanatomyError, decoding.Refused) as error:
        text = str(error)
        result = "out of memory: " + text if any(words in text for words in OUT_OF_MEMORY) else "refused"
        if not text or any(printable(line) != line for line in text.split("\n")):
            result = f"no words: {text!r}"
    except BaseException as error:  # noqa: BLE001 - this is what is being looked for
        result = f"escaped: {type(error).__name__}: {error}"
    seconds = time.monotonic() - start
    return result if seconds <= SECONDS else f"slow: {seconds:.0f} s"


def bound_memory() -> None:
    """Forbid this process to grow by more than `MEMORY_BYTES`, where the system can."""
    with contextlib.suppress(ImportError, OSError):
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        limit = pages * resource.getpagesize() + MEMORY_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def main(first: int, num: int, folder: Path, each: bool = False) -> None:
    """Run cases and print their outcomes as JSON: {family: {outcome: number}}, the bad ones by number, or each."""
    decoding.MAX_PIXELS = MAX_PIXELS
    warm = folder / "warm.png"
    warm.write_bytes(png(drawn((8, 8), 0)))
    read("picture", warm)  # what is loaded on first use is not counted
    bound_memory()
    counts: dict[str, Counter[str]] = {family: Counter() for family in FAMILIES}
    bad: dict[int, str] = {}
    all_: list[tuple[int, str, str, str]] = []
    for number in range(first, first + num):
        family, name, data = case(number)
        path = folder / name
        path.write_bytes(data)
        (folder / "current").write_text(str(number), encoding="ascii")  # to be found after a crash
        faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)
        result = outcome(lambda family=family, path=path: read(family, path))
        faulthandler.cancel_dump_traceback_later()
        counts[family][result.split(":")[0]] += 1
        all_.append((number, family, name, result))
        if result not in ("read", "refused"):
            bad[number] = result
        path.unlink(missing_ok=True)
    print(json.dumps({"counts": counts, "bad": bad, **({"each": all_} if each else {})}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), "--each" in sys.argv)
