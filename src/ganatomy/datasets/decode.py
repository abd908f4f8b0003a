"""One picture from bytes that nobody vouches for: a uint8 array, or a refusal in words.

Pillow decodes, held to the formats in `FORMATS`; sizes are checked in the header, before any pixel is decoded.
Colour profiles (ICC) are not applied.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import struct
import sys
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageCms, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from .wording import printable

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
"""Formats that are read; Pillow's other readers are rarely used and have a longer record of holes."""
MAX_PIXELS = 64_000_000
"""Most pixels of one picture."""
MAX_SIDE_PX = 32_768
"""Longest side of one picture."""
MAX_FILE_BYTES = 256 * 2**20
"""Largest file of one picture."""
CHUNK_BYTES = 1 << 20

DECODER_ERRORS = (
    ImageCms.PyCMSError, Image.DecompressionBombError, Image.DecompressionBombWarning, OSError, SyntaxError, ValueError,
    TypeError, AttributeError, LookupError, ArithmeticError, AssertionError, RuntimeError, EOFError, MemoryError,
    BufferError, struct.error, zlib.error,
)  # fmt: skip
"""What third-party decoders raise on bytes made to break them: Pillow's plugins parse headers with plain Python and
let whatever a nonsensical value causes pass. Each of these means that this file is damaged, not that we erred."""

NOTES = {
    "alpha_on_white": "transparent pixels put on white",
    "sixteen_bit": "16 bits per value brought to 8: divided by 257 and rounded (colour: the upper 8 bits)",
    "palette": "palette replaced by its colours",
    "bilevel": "black and white (1 bit) read as grey 0 and 255",
    "cmyk": "CMYK converted to RGB without a colour profile",
    "exif_turned": "turned or mirrored as the camera noted (EXIF orientation)",
    "first_frame": "only the first frame or page read",
}
"""What can be done to a picture while it is read: stable id -> English words."""

_MAGIC = (
    (b"\x89PNG", "PNG"), (b"\xff\xd8", "JPEG"), (b"GIF8", "GIF"), (b"RIFF", "WebP"), (b"BM", "BMP"),
    (b"II*\0", "TIFF"), (b"MM\0*", "TIFF"), (b"II+\0", "TIFF"), (b"MM\0+", "TIFF"),
    (b"P1", "PPM"), (b"P2", "PPM"), (b"P3", "PPM"), (b"P4", "PPM"), (b"P5", "PPM"), (b"P6", "PPM"),
)  # fmt: skip
_OTHERS = (
    (b"<!doctype", "a web page (HTML)"), (b"<html", "a web page (HTML)"), (b"<svg", "an SVG drawing"),
    (b"<?xml", "an XML or SVG file"), (b"%pdf", "a PDF"), (b"8bps", "a Photoshop file"), (b"pk\3\4", "a zip"),
    (b"\0\0\0\x0cjxl ", "a JPEG XL picture"), (b"\0\0\0\x0cjp  ", "a JPEG 2000 picture"),
    (b"{", "a text file"), (b"\x1f\x8b", "a gzip file"),
)  # fmt: skip
_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_PNG_METADATA = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")
_GREY_MODES = ("1", "L", "LA", "La")
_COLOUR_MODES = ("P", "PA", "RGB", "RGBX", "RGBA", "RGBa", "CMYK", "YCbCr", "HSV", "LAB")


class Refused(Exception):
    """Why one file is not read, in words that can stand behind its name; never shown with a traceback."""


@dataclass(frozen=True, eq=False)
class Picture:
    """One decoded picture."""

    pixels: np.ndarray
    """uint8 [H, W] (grey) or [H, W, 3] (RGB) in [0, 255], H and W at least 1, contiguous."""
    format: str
    """Pillow's name of the format: PNG, JPEG, ..."""
    mode: str
    """Pillow's mode as found in the file: L, RGB, P, I;16, ..."""
    notes: tuple[str, ...]
    """What was done to it; keys of `NOTES`."""


def decode(source: bytes | BinaryIO) -> Picture:
    """Decode one picture from bytes or a binary stream (read to its end); raises `Refused` with the reason."""
    data = source if isinstance(source, bytes) else _read(source)
    if not data:
        raise Refused("the file is empty")
    if len(data) > MAX_FILE_BYTES:
        raise Refused(f"it is larger than the {MAX_FILE_BYTES >> 20} MB allowed")
    try:
        with _silent():
            try:
                return _decode(data)
            except ValueError:  # Pillow's limits on what a PNG says of itself are no limits on its pixels
                bare = _without_metadata(data)
                if bare == data:
                    raise
                return _decode(bare)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Refused(f"{_announced(error)} pixels are more than the {MAX_PIXELS // 10**6} M pixels allowed") from error
    except UnidentifiedImageError as error:
        raise Refused(_what_it_is(data)) from error
    except MemoryError as error:
        raise Refused("decoding it needs more memory than there is") from error
    except DECODER_ERRORS as error:
        raise Refused(_damage(error)) from error


def _read(stream: BinaryIO) -> bytes:
    """Read a stream to its end, but not past the cap; to the end, because that is where checksums are compared."""
    chunks, filled = [], 0
    try:
        while filled <= MAX_FILE_BYTES and (chunk := stream.read(CHUNK_BYTES)):
            chunks.append(chunk)
            filled += len(chunk)
    except OSError as error:
        raise Refused(f"it cannot be read: {error.strerror or error}") from error
    return b"".join(chunks)


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Keep Pillow's warnings and log lines from the terminal; a possible bomb becomes an exception."""
    logger, handler = logging.getLogger("PIL"), logging.NullHandler()
    logger.addHandler(handler)  # without any handler, Python prints log records on standard error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    finally:
        logger.removeHandler(handler)


@contextlib.contextmanager
def _libtiff_silent() -> Iterator[None]:
    """Send the process's standard error nowhere: libtiff writes there from C, past everything Python can catch."""
    try:
        sys.stderr.flush()
        saved = os.dup(2)
    except (AttributeError, OSError, ValueError):  # no standard error, or a closed one: nothing to keep silent
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


def _decode(data: bytes) -> Picture:
    with Image.open(io.BytesIO(data), formats=FORMATS) as img:
        _check_size(*img.size)
        found, mode, rawmode = img.format or "", img.mode, _rawmode(img)
        turned_by_pillow = isinstance(img, TiffImageFile)
        orientation = _orientation(img) if turned_by_pillow else 1
        with _libtiff_silent() if turned_by_pillow else contextlib.nullcontext():
            img.load()
        _check_size(*img.size)
        notes = ["sixteen_bit"] if ";16" in rawmode or ";12" in rawmode else []
        if mode == "I" or mode.startswith("I;16"):
            pixels = _from_sixteen_bits(img, rawmode, notes)
        elif mode in _GREY_MODES or mode in _COLOUR_MODES:
            pixels = np.asarray(_flatten(img, notes))
        elif mode == "F":
            raise Refused(f"float {found}: its range is not known; save it with 8 bits")
        else:
            raise Refused(f"{found} of mode {printable(mode)} is not read")
        if not turned_by_pillow:
            orientation = _orientation(img)
            pixels = _turn(pixels, orientation)
        if orientation != 1:
            notes.append("exif_turned")
        if _has_more_frames(img):
            notes.append("first_frame")
    return Picture(np.ascontiguousarray(pixels, dtype=np.uint8), found, mode, tuple(dict.fromkeys(notes)))


def _without_metadata(data: bytes) -> bytes:
    """Return a PNG without its texts and colour profile, which are not read; anything else, and damage, as it is."""
    if not data.startswith(_PNG_MAGIC):
        return data
    kept, at = [_PNG_MAGIC], len(_PNG_MAGIC)
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] not in _PNG_METADATA:
            kept.append(data[at : at + 12 + length])
        at += 12 + length
    return b"".join([*kept, data[at:]])


def _check_size(width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise Refused(f"it has no pixels ({height} x {width})")
    if max(width, height) > MAX_SIDE_PX:
        raise Refused(f"{height:,} x {width:,} px: a side is longer than the {MAX_SIDE_PX:,} px allowed")
    if width * height > MAX_PIXELS:
        raise Refused(f"{height:,} x {width:,} px are more than the {MAX_PIXELS // 10**6} M pixels allowed")


def _rawmode(img: Image.Image) -> str:
    """Return how values lie in the file, `RGB;16B` for instance; Pillow's mode alone hides 16-bit colour."""
    for tile in getattr(img, "tile", ()):
        args = tile[3]
        if isinstance(args, tuple) and args and isinstance(args[0], str):
            many = tile[0].startswith("ppm") and isinstance(args[-1], int) and args[-1] > 255
            return args[0] + (";16" if many else "")
        if isinstance(args, str):
            return args
    return ""


def _from_sixteen_bits(img: Image.Image, rawmode: str, notes: list[str]) -> np.ndarray:
    """Return grey values of more than 8 bits as uint8 [H, W], rounded to the nearest."""
    if img.mode == "I" and img.format not in ("PNG", "PPM"):  # these two are known to lie in 0 .. 65,535
        raise Refused(f"{img.format} of 32-bit or signed whole numbers: its range is not known; save it with 8 bits")
    top = 4095 if rawmode.startswith("I;12") else 65535
    values = np.clip(np.asarray(img), 0, top).astype(np.uint32)
    if isinstance(img, TiffImageFile) and img.tag_v2.get(0x0106) == 0:  # white is zero; Pillow inverts only 8 bits
        values = top - values
    clear = img.info.get("transparency")
    if isinstance(clear, int) and (values == clear).any():
        values[values == clear] = top
        notes.append("alpha_on_white")
    notes.append("sixteen_bit")
    return ((values * 255 + top // 2) // top).astype(np.uint8)


def _flatten(img: Image.Image, notes: list[str]) -> Image.Image:
    """Return a picture of mode L or RGB: palettes resolved, transparent pixels on white."""
    for note, modes in (("bilevel", ("1",)), ("palette", ("P", "PA")), ("cmyk", ("CMYK",))):
        if img.mode in modes:
            notes.append(note)
    target = "L" if img.mode in _GREY_MODES else "RGB"
    if not img.has_transparency_data:
        return img.convert(target)
    img = img.convert("LA" if target == "L" else "RGBA")  # divides colours that are stored multiplied by alpha
    alpha = img.getchannel("A")
    if alpha.getextrema() == (255, 255):
        return img.convert(target)
    notes.append("alpha_on_white")
    canvas = Image.new(target, img.size, 255 if target == "L" else (255, 255, 255))
    canvas.paste(img.convert(target), mask=alpha)
    return canvas


def _orientation(img: Image.Image) -> int:
    """Return the EXIF orientation; 1, upright, where EXIF is absent or damaged: the pixels are still good."""
    try:
        value = img.getexif().get(0x0112, 1)
    except DECODER_ERRORS:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _turn(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn [H, W, ...] upright by its EXIF orientation 1 .. 8."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def _has_more_frames(img: Image.Image) -> bool:
    """Return whether anything follows the first frame, even if it is damaged."""
    try:
        return bool(getattr(img, "is_animated", False))
    except DECODER_ERRORS:
        return True


def _announced(error: Exception) -> str:
    number = re.search(r"\d+", str(error))
    return f"{int(number[0]):,}" if number and len(number[0]) < 30 else "too many"


def _what_it_is(data: bytes) -> str:
    """Say what a file that is no picture seems to be."""
    allowed = f"allowed: {', '.join(FORMATS)}"
    for magic, name in _MAGIC:
        if data.startswith(magic):
            return f"it begins like {name}, but it is damaged or of a kind that is not read"
    if data[4:8] == b"ftyp":
        brand = data[8:12].lower()
        heif = {b"avif": "an AVIF picture", b"avis": "an AVIF picture", b"heic": "a HEIC picture"}
        kind = heif.get(brand, "a HEIC picture" if brand[:3] in (b"hei", b"hev", b"mif") else "a film")
        return f"it is {kind}, no picture in an allowed format; {allowed}"
    head = data[:64].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for magic, kind in _OTHERS:
        if head.startswith(magic):
            return f"it is {kind}, no picture in an allowed format; {allowed}"
    return f"no picture in an allowed format; {allowed}"


def _damage(error: BaseException) -> str:
    text = printable(" ".join(str(error).split()))[:100]
    if isinstance(error, EOFError) or "truncated" in text.lower():
        return "the file is cut short"
    return f"it is damaged ({text or type(error).__name__})"
