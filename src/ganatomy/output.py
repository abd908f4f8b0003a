"""Pictures into files, block by block: .npy, .npz, one .png grid, or a folder of PNG files that holds nothing else.

What is written lies in a temporary file until it is whole, and one block of pictures is in memory at a time.
"""

from __future__ import annotations

import os
import re
import shutil
import zipfile
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from . import bounds, device, files, images
from .errors import ConfigError, OutputError, RunError
from .progress import Progress

SAMPLE_ENDINGS = (".npy", ".npz", ".png")
MAX_GRID_PX = 2**26
"""Most pixels of one .png grid, 8,192 x 8,192: programs that show pictures take larger ones for an attack (Pillow
from 89 million)."""
BLOCK_BYTES, CHUNK_NIMG, MOST_CHUNKS = 2**26, 256, 16
"""A block is 1 to 16 chunks of 256 pictures, about 64 MB at most."""
GAP_PX = 2
FILE_ENDINGS = frozenset((
    ".npy", ".npz", ".png", ".webp", ".gif", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".tif", ".tiff", ".avif",
    ".heic", ".heif", ".ico", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".jp2", ".jxl", ".svg", ".pdf", ".eps", ".ps",
    ".apng", ".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".ogv", ".pt", ".pth", ".pkl", ".pickle",
    ".ckpt", ".safetensors", ".h5", ".hdf5", ".mat", ".csv", ".tsv", ".txt", ".json", ".jsonl", ".md", ".htm", ".html",
    ".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".parquet", ".tfrecord",
))  # fmt: skip
"""What ends a file's name and no folder's, in lower case; any other dot belongs to a folder's name, as in v1.0."""
_LEFTOVER = re.compile(r"\.\d{6,}\.png\.\d+\.tmp|\.probe\.[0-9a-f]{8}")
"""What a killed process of ours leaves in a folder of pictures."""

Pictures = Callable[[int, int], Tensor]
"""Pictures `start` to `stop` as uint8 [stop - start, C, H, W]."""
Shape = tuple[int, int, int]


def ending(path: Path, allowed: Sequence[str]) -> str:
    """Return the kind of output that a path names: an allowed file ending in lower case, or "" for a folder.

    An existing folder is one whatever its name. Another file ending is a `ConfigError`.
    """
    suffix = path.suffix.lower()
    if path.is_dir() or suffix not in FILE_ENDINGS:
        return ""
    if suffix not in allowed:
        raise ConfigError(f"--out {path} ends in {path.suffix}; allowed: {', '.join(allowed)}, or a folder's name.")
    return suffix


def block_nimg(shape: Shape) -> int:
    """Return how many pictures of a shape (C, H, W) a block has."""
    chunk = CHUNK_NIMG * shape[0] * shape[1] * shape[2]
    return CHUNK_NIMG * max(1, min(MOST_CHUNKS, BLOCK_BYTES // chunk))


def check_samples(path: Path, num: int, shape: Shape) -> int:
    """Refuse, before any work, what cannot be written; return the bytes it will take on disk, about.

    Raises:
        ConfigError: a file ending that is not known, too many pictures, or too many for a grid.
        OutputError: a folder that holds anything that the same command would not write, or a disk that is too full.
    """
    bounds.check("num", num)
    kind, raw = ending(path, SAMPLE_ENDINGS), num * shape[0] * shape[1] * shape[2]
    if kind == ".png":
        height, width = _grid_size(num, shape)
        if height * width > MAX_GRID_PX:
            raise ConfigError(
                f"a grid of {num:,} pictures would have {width:,} x {height:,} pixels; at most {MAX_GRID_PX:,} "
                "together can be opened again. Give fewer, or --out FILE.npy or a folder."
            )
    if not kind:
        bounds.check("number of single pictures", num, called=f"the number of single pictures for the folder {path}")
        check_folder(path, num)
    needed = raw if kind else num * max(4096, shape[0] * shape[1] * shape[2] // 4)  # a file takes a block of the disk
    free = free_disk_bytes(path)
    if kind != ".png" and free is not None and needed > free:
        raise OutputError(
            f"{num:,} pictures take about {device.told_bytes(needed)}, and the disk of {path} has "
            f"{device.told_bytes(free)} free. Give fewer, or another --out."
        )
    return needed


def free_disk_bytes(path: Path) -> int | None:
    """Return what is free on the disk that a path will lie on, None where the system does not tell."""
    for folder in (path, *path.absolute().parents):
        try:
            return shutil.disk_usage(folder).free
        except OSError:  # not made yet
            continue
    return None


def check_folder(path: Path, num: int) -> None:
    """Refuse a folder that holds anything but pictures 0 to `num` under the names that `write_folder` gives them."""
    if not path.exists():
        return
    if not path.is_dir():
        raise OutputError(f"{path} is a file, and a folder is wanted there; give another --out.")
    try:
        found = sorted(os.scandir(path), key=lambda entry: entry.name)
    except OSError as error:
        raise OutputError(f"the folder {path} cannot be read: {error.strerror}. Choose another with --out.") from error
    others = [entry.name for entry in found if not (_is_ours(entry, num) or _LEFTOVER.fullmatch(entry.name))]
    if not others:
        return
    if all(re.fullmatch(r"\d{6,}\.png", name) for name in others):
        raise OutputError(
            f"{path} holds the frames of a longer film, or more pictures than the {num:,} of this command; the old "
            "ones would be mixed with the new. Give another folder, or delete them."
        )
    some = ", ".join(ascii(name) for name in others[:3]) + (" and more" if len(others) > 3 else "")
    raise OutputError(f"{path} holds {some}, which this command would not write; give another folder, or an empty one.")


def _is_ours(entry: os.DirEntry[str], num: int) -> bool:
    digits = entry.name.removesuffix(".png")
    is_number = digits.isascii() and digits.isdigit() and len(digits) < 20
    return is_number and int(digits) < num and entry.name == frame_name(int(digits)) and entry.is_file()


def write_samples(path: Path, pictures: Pictures, num: int, shape: Shape) -> Generator[Progress | str]:
    """Write `num` pictures of a shape (C, H, W), asked for in blocks of `block_nimg`; what `check_samples` allowed.

    Yields:
        `Progress` in pictures, then what was written, in words.
    """
    kind, step = ending(path, SAMPLE_ENDINGS), block_nimg(shape)
    if not kind:
        yield from _write_singles(path, pictures, num, step)
        yield f"{path}{os.sep}{frame_name(0)} and on"
        return
    if kind == ".png":
        yield from _write_grid(path, pictures, num, shape)
    else:
        with files.writing(path) as handle:
            if kind == ".npy":
                np.lib.format.write_array_header_1_0(handle, _header(num, shape))
                for start in range(0, num, step):
                    handle.write(_bytes(pictures(start, min(num, start + step))))
                    yield Progress(min(num, start + step), num)
            else:
                with (
                    zipfile.ZipFile(handle, "w", zipfile.ZIP_STORED, allowZip64=True) as archive,
                    archive.open("images.npy", "w", force_zip64=True) as member,
                ):
                    np.lib.format.write_array_header_1_0(member, _header(num, shape))
                    for start in range(0, num, step):
                        member.write(_bytes(pictures(start, min(num, start + step))))
                        yield Progress(min(num, start + step), num)
    yield str(path)


def _header(num: int, shape: Shape) -> dict[str, object]:
    return {"descr": np.lib.format.dtype_to_descr(np.dtype(np.uint8)), "fortran_order": False, "shape": (num, *shape)}


def _bytes(img_u8: Tensor) -> bytes:
    return img_u8.cpu().numpy().tobytes()


def _grid_size(num: int, shape: Shape) -> tuple[int, int]:
    """Return (height, width) in pixels of the grid of so many pictures."""
    columns = _num_columns(num)
    return -(-num // columns) * (shape[1] + GAP_PX) - GAP_PX, columns * (shape[2] + GAP_PX) - GAP_PX


def _num_columns(num: int) -> int:
    return max(1, round(num**0.5))


def _write_grid(path: Path, pictures: Pictures, num: int, shape: Shape) -> Iterator[Progress]:
    (channels, height, width), columns, step = shape, _num_columns(num), block_nimg(shape)
    sheet = np.full((*_grid_size(num, shape), channels), 255, np.uint8)
    for start in range(0, num, step):
        for i, picture in enumerate(pictures(start, min(num, start + step)).cpu().numpy(), start):
            top, left = i // columns * (height + GAP_PX), i % columns * (width + GAP_PX)
            sheet[top : top + height, left : left + width] = picture.transpose(1, 2, 0)
        yield Progress(min(num, start + step), num)
    images.save_png(path, sheet[:, :, 0] if shape[0] == 1 else sheet)


def _write_singles(path: Path, pictures: Pictures, num: int, step: int) -> Iterator[Progress]:
    """Write single PNG files; those that a stopped command left are found again, and anything else is refused first."""
    check_folder(path, num)
    files.make_folder(path)
    there = {number for number in range(num) if (path / frame_name(number)).exists()} if any(path.iterdir()) else set()

    def pixels(start: int) -> Iterator[tuple[int, np.ndarray]]:
        img_u8 = pictures(start, min(num, start + step))
        for number in range(len(img_u8)):
            yield start + number, images.grid(img_u8[number : number + 1], num_columns=1)

    for start in range(0, num, step):
        if not there.isdisjoint(range(start, start + step)):
            for number, picture in pixels(start):
                if number in there:
                    check_same(path / frame_name(number), picture)
    for start in range(0, num, step):
        if not there.issuperset(range(start, min(num, start + step))):
            for number, picture in pixels(start):
                if number not in there:
                    images.save_png(path / frame_name(number), picture)
        yield Progress(min(num, start + step), num)
    _remove_leftovers(path)


def write_folder(path: Path, frames: Sequence[np.ndarray]) -> None:
    """Write frames uint8 [H, W] or [H, W, 3] as numbered PNG files.

    A folder that holds anything else, also other pictures under these names, is an `OutputError`, and stays as it is.
    """
    check_folder(path, len(frames))
    files.make_folder(path)
    paths = [path / frame_name(number) for number in range(len(frames))]
    there = [file.exists() for file in paths]
    for file, is_there, pixels in zip(paths, there, frames):
        if is_there:
            check_same(file, pixels)
    for file, is_there, pixels in zip(paths, there, frames):
        if not is_there:
            images.save_png(file, pixels)
    _remove_leftovers(path)


def check_same(file: Path, pixels: np.ndarray) -> None:
    """Refuse to write over a file that is not the picture that would be written."""
    try:
        same = np.array_equal(images.read_png(file), pixels)
    except RunError:
        same = False
    if not same:
        raise OutputError(
            f"{file} is there already and is another picture than this command would write; nothing was changed. Give "
            "another folder, or an empty one."
        )


def _remove_leftovers(path: Path) -> None:
    files.remove_files([entry for entry in path.iterdir() if _LEFTOVER.fullmatch(entry.name)])


def frame_name(number: int) -> str:
    """Return the file name of a picture of a folder: 000017.png."""
    return f"{number:06d}.png"


def mapped(path: Path) -> np.ndarray:
    """Return the pictures of a .npy or .npz file that `write_samples` wrote: uint8 [N, C, H, W], read as needed."""
    if path.suffix.lower() == ".npy":
        array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
        return array
    with zipfile.ZipFile(path) as archive, archive.open("images.npy") as member:
        np.lib.format.read_magic(member)
        shape, _, dtype = np.lib.format.read_array_header_1_0(member)
        length = member.tell()
        at = archive.getinfo("images.npy").header_offset
    with open(path, "rb") as handle:
        handle.seek(at + 26)  # lengths of the name and of the extra field, see APPNOTE.TXT, section 4.3.7
        name, extra = (int.from_bytes(handle.read(2), "little") for _ in range(2))
    return np.memmap(path, dtype, "r", at + 30 + name + extra + length, shape)
