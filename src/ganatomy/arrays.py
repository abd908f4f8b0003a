"""Safetensors files read by their shapes: names, types and sizes are compared before a number is read.

A header that announces more than the file holds is refused by the format itself; here are refused what is no plain
file, other names, types and shapes than the writer's, and numbers that are not finite where they are used as weights.
"""

from __future__ import annotations

import stat
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from .errors import RunError
from .files import why

MAX_ARRAYS_BYTES = 2**34
"""Largest file that is opened."""
DTYPES = {
    "F16": "float16", "F32": "float32", "F64": "float64", "U8": "uint8", "I8": "int8", "I16": "int16", "I32": "int32",
    "I64": "int64", "BOOL": "bool",
}  # fmt: skip
"""NumPy's names of the types that are written here."""

Shapes = Mapping[str, tuple[str, tuple[int | str, ...]]]
"""Name (or pattern) -> type and sides. A `*` stands for one part of a name, and in a side's name for the first part.

Sides are numbers, or names: sides of one name are equal.
"""


def read_arrays(
    path: Path, shapes: Shapes, again: str, *, only: Collection[str] | None = None,
    sizes: Mapping[str, int] | None = None,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Return the arrays of a safetensors file whose names `shapes` knows; others are left out.

    Args:
        path: the file.
        shapes: what may be in it; the first pattern that fits a name counts.
        again: how it is made again, as `dissect`.
        only: names to read; None: all.
        sizes: sides that are known already, by their names.

    Raises:
        RunError: the file is missing, no plain file, damaged, or holds an array of another type or shape.
    """
    remedy = f"Make it again with `ganatomy {again}`, or restore it from a copy."
    known, found = dict(sizes or {}), {}
    try:
        check_plain(path)
        with safe_open(path, framework="numpy") as file:
            for name in sorted(file.keys()):
                shape = next((known_ for pattern, known_ in shapes.items() if _fits(pattern, name)), None)
                if shape is None or (only is not None and name not in only):
                    continue
                part = file.get_slice(name)
                _compare(path, name, (part.get_dtype(), tuple(part.get_shape())), shape, known, remedy)
                found[name] = file.get_tensor(name)
    except (SafetensorError, OSError, ValueError, MemoryError) as error:
        raise RunError(f"{path} cannot be read: {why(error)}. {remedy}") from error
    return found


def check_plain(path: Path) -> None:
    """Raise an OSError where a path is no plain file, or a `RunError` where it is larger than any file of ours."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError("it is not a file")
    if status.st_size > MAX_ARRAYS_BYTES:
        raise OSError(f"it is larger than {MAX_ARRAYS_BYTES:,} bytes")


def read_weights(path: Path, expected: Mapping[str, tuple[str, tuple[int, ...]]], again: str) -> dict[str, np.ndarray]:
    """Return the tensors of a network, which must be exactly those `expected`, name -> (type, shape), and finite.

    Raises:
        RunError: the file is missing or damaged, belongs to another network, or holds values that are not finite.
    """
    found = read_arrays(path, dict(expected), again)
    if set(found) != set(expected):
        wrong = sorted(set(expected) - set(found))[0]
        raise RunError(f"{path} is damaged or belongs to another network: it lacks {wrong}. {_sentence(again)}")
    for name, values in found.items():
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise RunError(f"{path}: {name} holds values that are not finite. {_sentence(again)}")
    return found


def _sentence(again: str) -> str:
    return f"Make it again with `ganatomy {again}`, or restore it from a copy."


def _fits(pattern: str, name: str) -> bool:
    if "*" not in pattern:
        return pattern == name
    parts, names = pattern.split("/"), name.split("/")
    return len(parts) == len(names) and all(part in ("*", given) for part, given in zip(parts, names))


def _compare(
    path: Path, name: str, found: tuple[str, tuple[int, ...]], wanted: tuple[str, tuple[int | str, ...]],
    sizes: dict[str, int], remedy: str,
) -> None:  # fmt: skip
    kind, shape = DTYPES.get(found[0], found[0]), found[1]
    sides = [side.replace("*", name.split("/")[0]) if isinstance(side, str) else side for side in wanted[1]]
    expected = [sizes.setdefault(side, given) if isinstance(side, str) else side for side, given in zip(sides, shape)]
    if kind != wanted[0] or len(sides) != len(shape) or list(shape) != expected:
        told = _by(expected if len(sides) == len(shape) else wanted[1])
        raise RunError(
            f"{path} is damaged or belongs to another network: {name} is {kind} {_by(shape)}, "
            f"expected {wanted[0]} {told}. {remedy}"
        )
    if 0 in shape:
        raise RunError(f"{path}: {name} is empty. {remedy}")


def _by(shape: Iterable[int | str]) -> str:
    return " x ".join(map(str, shape)) or "1"
