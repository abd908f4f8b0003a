"""Files of images and labels as they come: IDX (plain or gzip), checked before anything is allocated.

IDX (LeCun, Cortes and Burges, "The MNIST database"): two zero bytes, a type byte, the number of dimensions,
each dimension as a big-endian uint32, then the values. Only type 0x08 (uint8) occurs in image sets.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from ..errors import DataError

MAX_CONTENT_BYTES = 2**31
"""Largest uncompressed file that is read."""
UINT8_TYPE = 0x08
MAX_DIMS = 4
GZIP_MAGIC = b"\x1f\x8b"
DEFLATE_MAX_RATIO = 1032
"""Deflate cannot expand one byte to more than this many (zlib technical notes)."""
CHUNK_BYTES = 1 << 20
AGAIN = "Delete it, then copy or download it again."
"""What to do about a damaged file; the end of every message about one."""


def read_idx(path: Path, *, max_bytes: int = MAX_CONTENT_BYTES) -> np.ndarray:
    """Read an IDX file of uint8 values, plain or gzip: an array of the dimensions in its header, all at least 1.

    Raises `DataError` where the file is missing, damaged, of another kind, or larger than `max_bytes`.
    """
    return read_idx_hashed(path, max_bytes=max_bytes)[0]


def read_idx_hashed(path: Path, *, max_bytes: int = MAX_CONTENT_BYTES) -> tuple[np.ndarray, str]:
    """Read like `read_idx`; return (array, SHA-256 of the uncompressed content as 64 hex digits).

    The hash does not depend on how, or whether, the file was compressed.
    """
    path = Path(path)
    try:
        with open(path, "rb") as raw:
            packed = raw.read(2) == GZIP_MAGIC
            file_bytes = raw.seek(0, 2)
            raw.seek(0)
            if not packed:
                return _read(raw, path, file_bytes, max_bytes)
            with gzip.GzipFile(fileobj=raw, mode="rb") as unpacked:
                return _read(unpacked, path, file_bytes * DEFLATE_MAX_RATIO, max_bytes)
    except FileNotFoundError:
        raise DataError(f"{path} does not exist.") from None
    except EOFError:
        raise DataError(f"{path} is cut short: its gzip data ends too early. {AGAIN}") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path} is damaged: it cannot be unpacked as gzip ({error}). {AGAIN}") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error


def _read(handle: io.BufferedIOBase, path: Path, most_bytes: int, max_bytes: int) -> tuple[np.ndarray, str]:
    """Read header and values from an open file that can hold at most `most_bytes` of content."""
    header, dims = _read_header(handle, path)
    num_values = math.prod(dims)
    shape = " x ".join(str(size) for size in dims)
    if num_values > max_bytes:
        raise DataError(f"{path} announces {shape} = {num_values:,} values; at most {max_bytes:,} are allowed. {AGAIN}")
    if len(header) + num_values > most_bytes:
        raise DataError(f"{path} is cut short: it is too small for the {shape} values its header announces. {AGAIN}")
    digest = hashlib.sha256(header)
    content = bytearray(num_values)
    window = memoryview(content)
    filled = 0
    while filled < num_values:
        chunk = handle.read(min(CHUNK_BYTES, num_values - filled))
        if not chunk:
            raise DataError(f"{path} is cut short: it holds {filled:,} of the {shape} values announced. {AGAIN}")
        window[filled : filled + len(chunk)] = chunk
        digest.update(chunk)
        filled += len(chunk)
    if handle.read(1):  # for gzip this is also what makes the checksum at the end be compared
        raise DataError(f"{path} goes on after the {shape} values its header announces. {AGAIN}")
    return np.frombuffer(content, dtype=np.uint8).reshape(dims), digest.hexdigest()


def _read_header(handle: io.BufferedIOBase, path: Path) -> tuple[bytes, tuple[int, ...]]:
    """Read and check the magic number and the dimensions."""
    magic = handle.read(4)
    if len(magic) < 4:
        raise DataError(f"{path} is not an IDX file: it holds only {len(magic)} bytes. {AGAIN}")
    if magic[:2] != b"\0\0" or magic[2] != UINT8_TYPE or not 1 <= magic[3] <= MAX_DIMS:
        raise DataError(
            f"{path} is not an IDX file of uint8 values: its magic number is 0x{magic.hex()}; allowed are 0x00000801 "
            f"(labels) to 0x0000080{MAX_DIMS}, 0x00000803 for grey images. {AGAIN}"
        )
    sizes = handle.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise DataError(f"{path} is cut short: its header of {magic[3]} dimensions is not complete. {AGAIN}")
    dims: tuple[int, ...] = struct.unpack(f">{magic[3]}I", sizes)
    if 0 in dims:
        raise DataError(f"{path} holds nothing: its header announces {' x '.join(map(str, dims))} values. {AGAIN}")
    return magic + sizes, dims
