"""Pictures of every kind people bring, and files that only look like pictures; also used by other tests."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

NUM_FILES = 200
NUM_BROKEN = 24
SIZES = ((28, 28), (32, 48), (64, 64), (20, 90), (100, 30))
"""(height, width) of the good pictures of `make_folder`, in turn."""
CLASSES = ("cats", "big dogs", "中文 类")


def drawn(size: tuple[int, int], seed: int, *, channels: int = 3) -> np.ndarray:
    """Return a smooth, coloured picture with some noise: uint8 [H, W, 3], or [H, W] for one channel."""
    draw = np.random.default_rng(seed)
    rows, cols = np.mgrid[0 : size[0], 0 : size[1]]
    waves = [
        128 + 90 * np.sin(draw.uniform(0.05, 0.4) * rows + draw.uniform(0.05, 0.4) * cols + draw.uniform(0, 6))
        for _ in range(channels)
    ]
    noisy = np.stack(waves, axis=-1) + draw.normal(0, 6, (*size, channels))
    pixels = np.clip(noisy, 0, 255).astype(np.uint8)
    return pixels[:, :, 0] if channels == 1 else pixels


def encode(img: Image.Image, file_format: str, **options: object) -> bytes:
    """Return a picture as the bytes of a file."""
    buffer = io.BytesIO()
    img.save(buffer, format=file_format, **options)
    return buffer.getvalue()


def png(pixels: np.ndarray, **options: object) -> bytes:
    """Return an array as PNG."""
    return encode(Image.fromarray(pixels), "PNG", **options)


def _with_alpha(pixels: np.ndarray) -> Image.Image:
    img = Image.fromarray(pixels).convert("RGBA")
    alpha = np.full(pixels.shape[:2], 255, np.uint8)
    alpha[: pixels.shape[0] // 2] = 0
    img.putalpha(Image.fromarray(alpha))
    return img


def _turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def _rgb(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(pixels)


def _palette_transparent(pixels: np.ndarray) -> bytes:
    return encode(_rgb(pixels).quantize(16), "PNG", transparency=0)


def _sixteen(pixels: np.ndarray, file_format: str) -> bytes:
    return encode(Image.fromarray(pixels[:, :, 0].astype(np.uint16) * 257), file_format)


def _frames(pixels: np.ndarray, file_format: str) -> bytes:
    frames = [_rgb(np.roll(pixels, shift, axis=1)) for shift in range(3)]
    return encode(frames[0], file_format, save_all=True, append_images=frames[1:])


KINDS: dict[str, tuple[str, Callable[[np.ndarray], bytes]]] = {
    "grey": ("png", lambda pixels: encode(_rgb(pixels).convert("L"), "PNG")),
    "rgb": ("png", png),
    "rgb photo": ("jpg", lambda pixels: encode(_rgb(pixels), "JPEG", quality=90)),
    "grey photo": ("JPG", lambda pixels: encode(_rgb(pixels).convert("L"), "JPEG")),
    "rgba": ("png", lambda pixels: encode(_with_alpha(pixels), "PNG")),
    "grey alpha": ("png", lambda pixels: encode(_with_alpha(pixels).convert("LA"), "PNG")),
    "palette": ("png", lambda pixels: encode(_rgb(pixels).quantize(32), "PNG")),
    "palette clear": ("png", _palette_transparent),
    "bilevel": ("png", lambda pixels: encode(_rgb(pixels).convert("1"), "PNG")),
    "bilevel fax": ("tif", lambda pixels: encode(_rgb(pixels).convert("1"), "TIFF", compression="group4")),
    "sixteen": ("png", lambda pixels: _sixteen(pixels, "PNG")),
    "sixteen tiff": ("tiff", lambda pixels: _sixteen(pixels, "TIFF")),
    "cmyk": ("jpeg", lambda pixels: encode(_rgb(pixels).convert("CMYK"), "JPEG")),
    "turned 6": ("jpg", lambda pixels: encode(_rgb(pixels), "JPEG", exif=_turned(6))),
    "turned 3": ("png", lambda pixels: encode(_rgb(pixels), "PNG", exif=_turned(3))),
    "moving gif": ("gif", lambda pixels: _frames(pixels, "GIF")),
    "moving webp": ("webp", lambda pixels: _frames(pixels, "WEBP")),
    "webp": ("webp", lambda pixels: encode(_rgb(pixels), "WEBP", lossless=True)),
    "bmp": ("bmp", lambda pixels: encode(_rgb(pixels), "BMP")),
    "tiff lzw": ("tif", lambda pixels: encode(_rgb(pixels), "TIFF", compression="tiff_lzw")),
    "ppm": ("ppm", lambda pixels: encode(_rgb(pixels), "PPM")),
    "pgm": ("pgm", lambda pixels: encode(_rgb(pixels).convert("L"), "PPM")),
}
"""Name -> (ending, encoder of uint8 [H, W, 3]) of every kind that is read."""


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a PNG chunk with its checksum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def bomb_png(height: int = 30_000, width: int = 30_000) -> bytes:
    """Return a PNG of a few bytes whose header announces height x width pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


NPY_HEADER = "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }\n"


def npy_bytes(header: str, content: bytes = b"", version: bytes = b"\1\0") -> bytes:
    """Return a file in NumPy's format with any header."""
    text = header.encode("latin1")
    length = struct.pack("<H" if version == b"\1\0" else "<I", len(text))
    return b"\x93NUMPY" + version + length + text + content


def _wrong_checksum(data: bytes) -> bytes:
    at = data.index(b"IDAT") + 8
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


def _with_size(data: bytes, height: int, width: int) -> bytes:
    """Return a PNG whose header announces another size."""
    return data[:8] + chunk(b"IHDR", struct.pack(">II", width, height) + data[24:29]) + data[33:]


def broken_files(seed: int = 0) -> dict[str, bytes]:
    """Return name -> content of files that must be refused, each broken in a way of its own."""
    pixels = drawn((40, 40), seed)
    good = {name: make(pixels) for name, (_, make) in KINDS.items()}
    noise = np.random.default_rng(seed).integers(0, 256, 3000, dtype=np.uint8).tobytes()
    floats = encode(Image.fromarray(pixels[:, :, 0].astype(np.float32) / 255), "TIFF")
    files = {
        "empty.png": b"",
        "one byte.jpg": b"\xff",
        "only magic.png": b"\x89PNG\r\n\x1a\n",
        "noise.png": noise,
        "noise behind magic.jpg": b"\xff\xd8\xff\xe0" + noise,
        "cut.png": good["rgb"][: len(good["rgb"]) // 2],
        "cut.jpg": good["rgb photo"][: len(good["rgb photo"]) // 2],
        "cut.gif": good["moving gif"][:200],
        "cut.webp": good["webp"][: len(good["webp"]) // 2],
        "cut.bmp": good["bmp"][:500],
        "cut.tif": good["tiff lzw"][:300],
        "cut.ppm": good["ppm"][:200],
        "web page.jpg": b"<!DOCTYPE html><html><body>404 Not Found</body></html>",
        "bomb.png": bomb_png(),
        "long side.png": bomb_png(1, 40_000),
        "checksum.png": _wrong_checksum(good["rgb"]),
        "cut in its header.jpg": good["rgb photo"][:60],
        "no pixels.png": _with_size(good["rgb"], 0, 40),
        "float.tiff": floats,
        "really a pdf.png": b"%PDF-1.7\n" + noise[:100],
        "really a zip.png": b"PK\3\4" + noise[:100],
        "notes.txt": b"These are my pictures.\n",
        "labels.csv": b"file,label\na.png,1\n",
        "photo.heic": b"\0\0\0\x18ftypheic" + noise[:200],
    }
    assert len(files) == NUM_BROKEN
    return files


def make_folder(path: Path, seed: int = 0, *, classes: bool = True) -> set[str]:
    """Write 200 files of every kind below `path`; return the relative names of the 24 broken ones.

    With classes they lie in three folders, one with a Chinese name; good pictures have five sizes, names with spaces
    and umlauts, and no two are alike.
    """
    folders = [path / name for name in CLASSES] if classes else [path]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    kinds = list(KINDS.items())
    for number in range(NUM_FILES - NUM_BROKEN):
        kind, (ending, make) = kinds[number % len(kinds)]
        name = f"{('Übung', '图片', 'img')[number % 3]} {number} {kind}.{ending}"
        content = make(drawn(SIZES[number % len(SIZES)], seed * 1000 + number))
        (folders[number % len(folders)] / name).write_bytes(content)
    broken = set()
    for number, (name, content) in enumerate(broken_files(seed).items()):
        place = folders[number % len(folders)] / name
        place.write_bytes(content)
        broken.add(place.relative_to(path).as_posix())
    return broken


PICTURE = png(drawn((8, 8), 0))


def zipped(path: Path, names: list[str] | dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    """Write a zip of members with the names given, each the same picture or its own content; return its path."""
    contents = dict.fromkeys(names, PICTURE) if isinstance(names, list) else names
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return path
