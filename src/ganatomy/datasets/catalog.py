"""The named data sets: where they may lie on disk, where they can be downloaded, and what their content must be.

Look-up order: the folder asked for (`--data-dir`, nothing else is tried then), the folder in GANATOMY_DATA, the user
cache, a download into the cache (not with GANATOMY_OFFLINE=1); each place holds `<name>/<files>`. The first place
with any file of the set is used: if it is damaged or incomplete there, that is an error, never a reason to look
elsewhere.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import filelock
import torch

from .. import paths
from ..errors import AccessError, ConfigError, DataError, GanatomyError, unknown
from . import download
from .download import Received
from .sources import AGAIN, read_idx_hashed
from .store import Dataset, ImageStore

FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
"""File names of every set, each plain or with `.gz`: train images, train labels, test images, test labels."""
MAX_VALUES = 60_000 * 28 * 28
"""Values in the largest of these files; a file that announces more is refused."""
MAX_FILE_BYTES = MAX_VALUES + 100_000
"""Largest download; even a file that gzip cannot shrink is no larger."""


FASHION_CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip


class NotHereError(DataError):
    """A set that is on no place of this machine and cannot be fetched now."""


@dataclass(frozen=True)
class Entry:
    """One named data set of IDX files."""

    name: str
    """Name in commands and folder names."""
    class_names: tuple[str, ...]
    """Name of each label."""
    mirrors: tuple[str, ...]
    """Addresses of folders that hold the files as `.gz`, tried in this order."""
    sha256: tuple[str, str, str, str]
    """SHA-256 of each uncompressed file, in the order of `FILES`."""


CATALOG: dict[str, Entry] = {
    "fashion-mnist": Entry(
        name="fashion-mnist",
        class_names=FASHION_CLASSES,
        mirrors=(
            "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion",
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
        ),
        sha256=(
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    ),
    "mnist": Entry(
        name="mnist",
        class_names=tuple("0123456789"),
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist",
            "https://storage.googleapis.com/cvdf-datasets/mnist",
        ),
        sha256=(
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ),
}


def load(
    name: str,
    data_dir: Path | None = None,
    *,
    allow_download: bool = True,
    on_progress: Callable[[Received], None] | None = None,
) -> Dataset:
    """Load a named data set, downloading it only where no place on this machine holds it.

    `data_dir` is searched alone when given. `on_progress` receives the records of a download. Raises `ConfigError` for
    an unknown name and `DataError` for a set that is missing, incomplete, damaged or not what its name says.
    """
    if name not in CATALOG:
        raise unknown("data set", name, CATALOG)
    entry = CATALOG[name]
    folder = find(entry, data_dir, allow_download=allow_download and not is_offline())
    if folder is None:
        folder = cache_dir() / name
        for record in get(entry, folder):
            if on_progress is not None:
                on_progress(record)
    return read(entry, folder)


def is_offline() -> bool:
    """Return whether GANATOMY_OFFLINE forbids every download; anything but empty and 0 does."""
    return os.environ.get("GANATOMY_OFFLINE", "") not in ("", "0")


def cache_dir() -> Path:
    """Return the folder for downloads: GANATOMY_HOME, else the platform's convention for a user's cache."""
    chosen = os.environ.get("GANATOMY_HOME")
    if chosen:
        return paths.expand(chosen, "GANATOMY_HOME")
    base = os.environ.get({"win32": "LOCALAPPDATA", "darwin": ""}.get(sys.platform, "XDG_CACHE_HOME"))
    if base:
        return Path(base) / "ganatomy"
    home = paths.home()
    if home is None:
        raise ConfigError("this user has no home folder for a cache; set GANATOMY_HOME to a folder of your own.")
    inside = {"win32": ("AppData", "Local"), "darwin": ("Library", "Caches")}.get(sys.platform, (".cache",))
    return home.joinpath(*inside, "ganatomy")


def known_cache_dir() -> Path | None:
    """Return the cache's folder without links in its path, None where this user has no place for one."""
    try:
        return cache_dir().resolve()
    except (GanatomyError, OSError, RuntimeError):  # a user without a home, or a circle of links
        return None


def where(entry: Entry) -> str:
    """Return in words where a set lies on this machine, or that it does not; nothing is downloaded."""
    try:
        return str(find(entry, None, allow_download=False))
    except NotHereError:
        return "not here; GANATOMY_OFFLINE forbids the download" if is_offline() else "to be downloaded"
    except AccessError as error:
        return f"not to be read: {error}"
    except DataError as error:
        return f"damaged: {error}"


def find(entry: Entry, data_dir: Path | None, *, allow_download: bool = True) -> Path | None:
    """Return the folder that holds a set, or None where it is to be downloaded into the cache."""
    if data_dir is not None:
        return _find_asked(entry, paths.expand(data_dir, "--data-dir"))
    looked = []
    shared = os.environ.get("GANATOMY_DATA")
    if shared:
        root = paths.expand(shared, "GANATOMY_DATA")
        if not paths.is_dir(root):
            raise DataError(f"GANATOMY_DATA is {shared!r}, which is not a folder; correct or unset it.")
        if _present(entry, root / entry.name):
            return root / entry.name
        looked.append(f"{root / entry.name} (GANATOMY_DATA)")
    cached = cache_dir() / entry.name
    if allow_download:  # what an interrupted download left there is completed
        return cached if all(_file(cached, file) for file in FILES) else None
    if _present(entry, cached):
        return cached
    looked.append(f"{cached} (cache)")
    allow = "unset GANATOMY_OFFLINE" if is_offline() else "allow the download"
    raise NotHereError(
        f"{entry.name} is not on this machine; looked in {', '.join(looked)}. "
        f"Pass --data-dir DIR where DIR/{entry.name}/ holds its four files, or {allow}."
    )


def _find_asked(entry: Entry, root: Path) -> Path:
    """Return the set's folder inside the folder asked for, or say what is wrong with it."""
    if not paths.is_dir(root):
        raise DataError(f"--data-dir {root} is not a folder; give one that holds {entry.name}/{FILES[0]}.gz.")
    folder = root / entry.name
    if _present(entry, folder):
        return folder
    hint = ""
    if any(_file(root, file) for file in FILES):
        hint = f" The files lie directly in {root}: put them into a folder named {entry.name} and give the one above."
    raise DataError(
        f"--data-dir {root} does not hold {entry.name}: looked for {', '.join(FILES)} (each plain or .gz) in {folder}."
        f"{hint} Correct the folder, or leave --data-dir out to use the cache or download."
    )


def _file(folder: Path, file: str) -> Path | None:
    """Return a file as it lies in a folder, plain before `.gz`; None where there is neither."""
    return next((path for path in (folder / file, folder / f"{file}.gz") if paths.exists(path)), None)


def _present(entry: Entry, folder: Path) -> bool:
    """Return whether a folder holds the set; a part of it is a `DataError`."""
    missing = [file for file in FILES if _file(folder, file) is None]
    if missing and len(missing) < len(FILES):
        raise DataError(
            f"{folder} holds only a part of {entry.name}: {', '.join(missing)} (plain or .gz) missing. "
            "Put the missing files there, or remove the folder."
        )
    return not missing


def read(entry: Entry, folder: Path) -> Dataset:
    """Read and verify the four files of a set in a folder."""
    train = _read_split(folder, FILES[:2], entry.sha256[:2])
    test = _read_split(folder, FILES[2:], entry.sha256[2:])
    return Dataset(entry.name, train, test, set_sha256(entry), entry.class_names)


def set_sha256(entry: Entry) -> str:
    """Return the SHA-256 over a set's content hashes, joined by line ends."""
    return hashlib.sha256("\n".join(entry.sha256).encode()).hexdigest()


def _read_split(folder: Path, names: tuple[str, ...], hashes: tuple[str, ...]) -> ImageStore:
    """Read images and labels of one split: shapes first, then the hashes."""
    paths = [_file(folder, name) or folder / name for name in names]
    (img, img_hash), (labels, labels_hash) = (read_idx_hashed(path, max_bytes=MAX_VALUES) for path in paths)
    for path, array, num_dims in ((paths[0], img, 3), (paths[1], labels, 1)):
        if array.ndim != num_dims:
            raise DataError(
                f"{path} has the wrong magic number for its name: {array.ndim} dimensions, expected {num_dims}. {AGAIN}"
            )
    if len(img) != len(labels):
        raise DataError(
            f"{paths[0]} holds {len(img):,} images but {paths[1]} {len(labels):,} labels; each image needs one label. "
            "Copy or download both files again."
        )
    for path, found, expected in zip(paths, (img_hash, labels_hash), hashes):
        _check_hash(path, found, expected)
    return ImageStore(torch.from_numpy(img).unsqueeze(1), torch.from_numpy(labels).to(torch.int64))


def _check_hash(path: Path, found: str, expected: str) -> None:
    if found != expected:
        raise DataError(
            f"{path} is not the file its name says: the SHA-256 of its uncompressed content is {found}, "
            f"expected {expected}. {AGAIN}"
        )


def get(entry: Entry, folder: Path) -> Iterator[Received]:
    """Download what a folder lacks of a set, one process at a time; yield progress records.

    Raises `DataError` when every mirror failed, naming each attempt, its cause and how to fetch the files by hand.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / ".lock")
        yield from _acquire(lock, entry)
    except OSError as error:
        raise DataError(
            f"the cache folder {folder} cannot be written: {error.strerror}. Set GANATOMY_HOME to a folder that can, "
            f"or pass --data-dir DIR where DIR/{entry.name}/ holds the files."
        ) from error
    try:
        for file, expected in zip(FILES, entry.sha256):
            if _file(folder, file) is None:
                yield from _get_file(entry, folder / f"{file}.gz", expected)
    finally:
        lock.release()


def _get_file(entry: Entry, target: Path, expected: str) -> Iterator[Received]:
    def verify(path: Path) -> None:
        _check_hash(path, read_idx_hashed(path, max_bytes=MAX_VALUES)[1], expected)

    try:
        urls = [f"{mirror}/{target.name}" for mirror in entry.mirrors]
        yield from download.fetch(urls, target, verify, MAX_FILE_BYTES)
    except DataError as error:
        raise NotHereError(
            f"{error}\nRun the command again to go on where it stopped, or fetch the files by hand: download "
            f"{', '.join(file + '.gz' for file in FILES)} from any of {', '.join(entry.mirrors)} into {target.parent}"
            f" (or into DIR/{entry.name} and pass --data-dir DIR)."
        ) from error


def _acquire(lock: filelock.BaseFileLock, entry: Entry) -> Iterator[Received]:
    """Take the lock, telling once a second that another process has it."""
    while True:
        try:
            lock.acquire(timeout=1)
            return
        except filelock.Timeout:
            yield Received("", 0, None, f"another process is downloading {entry.name}; waiting for it")
