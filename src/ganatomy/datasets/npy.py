"""Arrays in NumPy's .npy format from streams nobody vouches for, checked before anything is allocated; no pickle."""

from __future__ import annotations

import io
import math
import sys
import tokenize
import warnings
from typing import BinaryIO

import numpy as np

from ..errors import DataError
from .decode import Refused
from .wording import printable

MAX_ARRAY_BYTES = 8 * 2**30
"""Largest array that is read."""
MAX_HEADER_BYTES = 10_000
"""Longest header that NumPy itself accepts."""
CHUNK_BYTES = 1 << 20
KINDS = "biufU"
"""Kinds of values that are read: bool, whole numbers, floats, text."""
AGAIN = "Save it again with np.save or np.savez."

_MAGIC = b"\x93NUMPY"
_LENGTH_BYTES = {(1, 0): 2, (2, 0): 4}
_HEADER_ERRORS = (
    ValueError, SyntaxError, TypeError, AttributeError, LookupError, ArithmeticError, EOFError, RuntimeError,
    MemoryError, tokenize.TokenError,
)  # fmt: skip
"""What NumPy's header parser raises on text made to break it: it evaluates Python literals."""


def read_npy(stream: BinaryIO, num_bytes: int, what: str, max_bytes: int = MAX_ARRAY_BYTES) -> np.ndarray:
    """Read one array from a stream of `num_bytes`, native byte order, C order; kinds bool, int, uint, float, text.

    Raises `DataError`, beginning with `what`, where the header is damaged, announces objects, more than `max_bytes` or
    another size than the stream has, or where the stream ends early or does not end.
    """
    try:
        dtype, shape, is_fortran, header_bytes = _read_header(stream, what)
        content_bytes = math.prod(shape) * dtype.itemsize
        if content_bytes > max_bytes:
            raise DataError(
                f"{what} announces {_words(shape)} values of {dtype}, {content_bytes / 2**30:,.1f} GiB; at most "
                f"{max_bytes / 2**30:,.1f} GiB are allowed. Take fewer or smaller pictures."
            )
        if header_bytes + content_bytes != num_bytes:
            raise DataError(
                f"{what} is damaged: its header announces {_words(shape)} values of {dtype}, "
                f"{header_bytes + content_bytes:,} bytes in all, but it has {num_bytes:,}. {AGAIN}"
            )
        content = np.empty(content_bytes, np.uint8)
        _fill(stream, content.data)
        if stream.read(1):
            raise Refused("it goes on after the values its header announces")
    except Refused as error:
        raise DataError(f"{what} cannot be read: {error}. {AGAIN}") from error
    except OSError as error:
        raise DataError(f"{what} cannot be read: {error.strerror or error}.") from error
    except MemoryError as error:
        raise DataError(f"{what} does not fit into memory. Take fewer or smaller pictures.") from error
    if dtype.kind == "b":
        content = (content != 0).view(np.uint8)  # a byte of 2 is not a bool
    array = content.view(dtype).reshape(shape, order="F" if is_fortran else "C")
    array = np.asarray(array, dtype=dtype.newbyteorder("="), order="C")
    if dtype.kind == "U" and array.size and array.reshape(-1).view(np.uint32).max() > sys.maxunicode:
        raise DataError(f"{what} is damaged: it holds text with characters that do not exist. {AGAIN}")
    return array


def _read_header(stream: BinaryIO, what: str) -> tuple[np.dtype, tuple[int, ...], bool, int]:
    """Return (dtype, shape, whether in Fortran order, bytes of the whole header), all of it checked."""
    prefix = _exactly(stream, 8)
    if not prefix.startswith(_MAGIC):
        raise DataError(f"{what} is not an array in NumPy's format: it begins with 0x{prefix[:6].hex()}. {AGAIN}")
    version = prefix[6], prefix[7]
    if version not in _LENGTH_BYTES:
        raise DataError(
            f"{what} has version {version[0]}.{version[1]} of NumPy's format; 1.0 and 2.0 are read. {AGAIN}"
        )
    length = _exactly(stream, _LENGTH_BYTES[version])
    num_bytes = int.from_bytes(length, "little")
    if num_bytes > MAX_HEADER_BYTES:
        raise DataError(
            f"{what} has a header of {num_bytes:,} bytes; at most {MAX_HEADER_BYTES:,} are allowed. {AGAIN}"
        )
    text = io.BytesIO(length + _exactly(stream, num_bytes))
    parse = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            shape, is_fortran, dtype = parse(text, max_header_size=MAX_HEADER_BYTES)
    except _HEADER_ERRORS as error:
        reason = printable(" ".join(str(error).split()))[:100]
        raise DataError(f"{what} has a damaged header ({reason}). {AGAIN}") from error
    if dtype.hasobject:
        raise DataError(f"{what} holds Python objects, which are never loaded: they could run any program. {AGAIN}")
    if dtype.kind not in KINDS or (dtype.itemsize > 8 and dtype.kind != "U") or dtype.subdtype or not dtype.itemsize:
        raise DataError(f"{what} holds values of {dtype}; allowed: bool, whole numbers, floats of 16 to 64 bits, text.")
    if any(side < 0 for side in shape):
        raise DataError(f"{what} announces a negative size, {_words(shape)}. {AGAIN}")
    return dtype, shape, is_fortran, 8 + len(length) + num_bytes


def _exactly(stream: BinaryIO, num_bytes: int) -> bytes:
    content = bytearray(num_bytes)
    _fill(stream, memoryview(content))
    return bytes(content)


def _fill(stream: BinaryIO, window: memoryview) -> None:
    """Fill a window of bytes from a stream; too few are `Refused`."""
    filled = 0
    while filled < len(window):
        chunk = stream.read(min(CHUNK_BYTES, len(window) - filled))
        if not chunk:
            raise Refused("the file is cut short")
        window[filled : filled + len(chunk)] = chunk
        filled += len(chunk)


def _words(shape: tuple[int, ...]) -> str:
    return " x ".join(f"{side:,}" for side in shape) or "1"
