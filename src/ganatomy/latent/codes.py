"""Latents people choose: which numbers to edit, which values to set, and files of latents; all checked before work.

A latent z has z_dim numbers, counted from 0. `choose_dims` turns what was asked for (a list, a random pick, or the
numbers with the largest effect) into a tuple of them; `read_latents` reads a file without pickle and believes its
header only after comparing it with the file's size.
"""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from .. import bounds, paths, rng
from ..errors import ConfigError, DataError, unknown

Pick = Literal["random", "top"]

MAX_LATENTS = 1_000_000
"""Most latents a file may hold; a larger count is taken for a damaged or hostile header."""


def parse_dims(text: str) -> tuple[int, ...]:
    """Read latent numbers such as `3,17,42` ; anything else is a `ConfigError`."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ConfigError(f"dims is {text!r}; give whole numbers with commas between, for example 3,17,42.") from None


def parse_values(text: str) -> tuple[float, ...]:
    """Read edit values such as `0.1,5,20` ; anything else is a `ConfigError`."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ConfigError(f"values is {text!r}; give numbers with commas between, for example 0.1,5,20.") from None


def check_dims(dims: Sequence[int], z_dim: int) -> tuple[int, ...]:
    """Return the latent numbers if each is in 0 ... z_dim-1 and none is named twice; else a `ConfigError`."""
    if not dims:
        raise ConfigError("dims is empty; name at least one latent number, for example 3,17,42.")
    for dim in dims:
        if not 0 <= dim < z_dim:
            raise ConfigError(
                f"latent number {bounds.shown(dim)} does not exist: this generator's latents have {z_dim} numbers, 0 "
                f"to {z_dim - 1}."
            )
    twice = sorted(dim for dim, num in Counter(dims).items() if num > 1)
    if twice:
        raise ConfigError(f"dims names {', '.join(map(str, twice))} more than once; name each latent number once.")
    return tuple(dims)


def check_values(values: Sequence[float]) -> tuple[float, ...]:
    """Return the edit values if they are finite and different (as printed with %g); else a `ConfigError`."""
    if not values:
        raise ConfigError("values is empty; give at least one value to set, for example 0.1,5,20.")
    bounds.check("number of values", len(values), called="the number of values")
    for value in values:
        check_value(value, f"the edit value {bounds.shown(value)}")
    if len({value_name(value) for value in values}) < len(values):
        raise ConfigError(f"values names one value twice: {', '.join(map(value_name, values))}; give each once.")
    return tuple(float(value) for value in values)


def check_value(value: float, told: str) -> None:
    """Refuse a value that latent numbers cannot be set to with a `ConfigError` that begins with `told`."""
    bound = bounds.BOUNDS["edit value"]
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{told} is not a finite number; give values such as 0.1,5,20.")
    if not bound.low <= value <= bound.high:
        raise ConfigError(
            f"{told} is out of range; it must be at least {bound.low:,.0f} and at most {bound.high:,.0f}, for "
            f"{bound.why}."
        )


def check_num_codes(num_codes: int) -> int:
    """Return the number of latents in a figure if it is allowed; else a `ConfigError`."""
    bounds.check("num_codes", num_codes)
    return num_codes


def chi(z_dim: int) -> tuple[float, float]:
    """Return mean and standard deviation of the norm |z| of z ~ N(0, I) with z_dim numbers (the chi distribution)."""
    mean = math.sqrt(2) * math.exp(math.lgamma((z_dim + 1) / 2) - math.lgamma(z_dim / 2))
    return mean, math.sqrt(z_dim - mean * mean)


def norm_sigmas(z: Tensor) -> np.ndarray:
    """Return how many standard deviations of the norm each latent [N, z_dim] lies outside (or inside) N(0, I): [N].

    Almost all of N(0, I) lies in a shell of radius about sqrt(z_dim) and thickness 0.7: 3 sigmas are far out, though
    every single number may look usual.
    """
    mean, sd = chi(z.shape[1])
    sigmas: np.ndarray = (z.double().norm(dim=1).numpy() - mean) / sd
    return sigmas


def value_name(value: float) -> str:
    """Return an edit value as it stands in file names and JSON keys: `0.1`, `5`, `20`."""
    return f"{value:g}"


def check_pick(pick: str, num_dims: int, z_dim: int) -> None:
    """Refuse an unknown way of picking and a number of dims outside 1 ... z_dim with a `ConfigError`."""
    if pick not in get_args(Pick):
        raise unknown("pick", pick, get_args(Pick))
    if not 1 <= num_dims <= z_dim:
        raise ConfigError(
            f"num_dims is {bounds.shown(num_dims)}; this generator's latents have {z_dim} numbers: choose 1 to {z_dim}."
        )


def choose_dims(num_dims: int, pick: str, z_dim: int, seed: int, effects: np.ndarray | None = None) -> tuple[int, ...]:
    """Choose latent numbers, in ascending order.

    Args:
        num_dims: how many, 1 to z_dim.
        pick: `random` (a pure function of the seed) or `top` (largest effects; ties by the smaller number).
        z_dim: numbers in one latent.
        seed: seed of the random pick.
        effects: [z_dim] effect of each number, needed by `top`.

    Raises:
        ConfigError: a pick or count that is not allowed, or `top` without effects.
    """
    check_pick(pick, num_dims, z_dim)
    if pick == "random":
        chosen = rng.generator(seed, "dissect_dims").permutation(z_dim)[:num_dims]
    elif effects is None or effects.shape != (z_dim,):
        raise ConfigError(f"pick is 'top', which needs the effect of all {z_dim} latent numbers; make the atlas first.")
    else:
        chosen = np.argsort(-effects, kind="stable")[:num_dims]
    return tuple(sorted(int(dim) for dim in chosen))


def read_latents(path: Path, z_dim: int) -> Tensor:
    """Read latents from a .npy file, or a .npz file with one array (or one called `z`), without pickle.

    Args:
        path: file of [N, z_dim] numbers, 1 <= N <= 1,000,000.
        z_dim: numbers in one latent of the generator.

    Returns:
        [N, z_dim], float32, finite, on the CPU.

    Raises:
        ConfigError: another file type, shape or number type, or values that are not finite.
        DataError: the file is missing, damaged or shorter than its header says.
    """
    path = Path(path)
    if path.suffix.lower() not in (".npy", ".npz"):
        raise ConfigError(f"{path} is not a file of latents: its name must end in .npy or .npz.")
    if paths.exists(path) and not paths.is_file(path):  # opening a pipe would wait for ever
        raise DataError(f"{path} cannot be read as latents: it is no plain file. Write it with numpy.save.")
    try:
        if path.suffix.lower() == ".npz":
            array = _read_npz(path, z_dim)
        else:
            with open(path, "rb") as handle:
                array = _read_npy(handle, path.stat().st_size, path, z_dim)
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
        # RuntimeError: encrypted archives and compression methods that zipfile does not know.
        raise DataError(
            f"{path} cannot be read as latents: {error}. Write it with numpy.save or numpy.savez."
        ) from error
    with np.errstate(over="ignore"):
        z = torch.from_numpy(array.astype(np.float32))
    bad = ~torch.isfinite(z).all(dim=1)
    if bad.any():
        row = int(bad.nonzero()[0, 0])
        raise ConfigError(
            f"{path}: latent {row} has values that are not finite; every number must be finite in float32."
        )
    return z


def _read_npz(path: Path, z_dim: int) -> np.ndarray:
    with zipfile.ZipFile(path) as archive:
        members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        if "z" not in members and len(members) != 1:
            names = ", ".join(sorted(members)) or "none"
            raise ConfigError(f"{path} holds {len(members)} arrays ({names}); it must hold one, or one called z.")
        info = members.get("z") or next(iter(members.values()))
        with archive.open(info) as handle:
            return _read_npy(handle, info.file_size, path, z_dim)


def _read_npy(handle: IO[bytes], size: int, path: Path, z_dim: int) -> np.ndarray:
    """Check the header against the promised shape and the size in bytes, and only then read the numbers."""
    head = io.BytesIO(handle.read(min(size, 65_536)))
    version = np.lib.format.read_magic(head)
    readers: dict[tuple[int, int], Any] = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise DataError(f"{path} has .npy version {version[0]}.{version[1]}; versions 1.0 and 2.0 are read.")
    shape, fortran_order, dtype = readers[version](head)
    if dtype.hasobject or dtype.kind not in "fiu":
        raise ConfigError(f"{path} holds numbers of type {dtype}; latents must be real numbers, for example float32.")
    if len(shape) != 2 or shape[1] != z_dim:
        raise ConfigError(f"{path} has shape {list(shape)}; this generator needs [N, {z_dim}].")
    if not 1 <= shape[0] <= MAX_LATENTS:
        raise ConfigError(f"{path} has {shape[0]} latents; 1 to {MAX_LATENTS} are allowed.")
    expected = shape[0] * shape[1] * dtype.itemsize
    if size - head.tell() != expected:
        raise DataError(
            f"{path} is damaged: its header promises {expected} bytes of numbers ({shape[0]} x {shape[1]} {dtype}), "
            f"the file has {size - head.tell()}. Write it again."
        )
    data = head.read() + handle.read()
    if len(data) != expected:
        raise DataError(f"{path} is damaged: it ends after {len(data)} of {expected} bytes of numbers. Write it again.")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran_order else "C")
