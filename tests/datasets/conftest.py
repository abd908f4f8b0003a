import gzip
import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from ganatomy.datasets import catalog
from pictures import make_folder


@dataclass(frozen=True)
class TinySet:
    """A data set of 20 + 8 images of 4 x 6 in the catalogue under the name `tiny`."""

    entry: catalog.Entry
    contents: dict[str, bytes]

    def write(self, root: Path, *, packed: bool = True, level: int = 6) -> Path:
        folder = root / "tiny"
        folder.mkdir(parents=True)
        for name, content in self.contents.items():
            if packed:
                (folder / f"{name}.gz").write_bytes(gzip.compress(content, compresslevel=level))
            else:
                (folder / name).write_bytes(content)
        return folder


def idx(values: np.ndarray) -> bytes:
    return struct.pack(f">4B{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.astype(np.uint8).tobytes()


@pytest.fixture
def tiny(monkeypatch, tmp_path) -> TinySet:
    """The tiny set in the catalogue, its mirrors refusing, no other place known but an empty cache."""
    draw = np.random.default_rng(7)
    arrays = [
        draw.integers(0, 256, (20, 4, 6)),
        draw.integers(0, 3, 20),
        draw.integers(0, 256, (8, 4, 6)),
        draw.integers(0, 3, 8),
    ]
    contents = {name: idx(values) for name, values in zip(catalog.FILES, arrays)}
    hashes = tuple(hashlib.sha256(content).hexdigest() for content in contents.values())
    entry = catalog.Entry("tiny", ("a", "b", "c"), ("http://127.0.0.1:9",), hashes)
    monkeypatch.setitem(catalog.CATALOG, "tiny", entry)
    monkeypatch.delenv("GANATOMY_DATA", raising=False)
    monkeypatch.setenv("GANATOMY_HOME", str(tmp_path / "cache"))
    return TinySet(entry, contents)


@pytest.fixture(scope="session")
def mixed(tmp_path_factory) -> tuple[Path, set[str]]:
    """The folder of 200 files of every kind and the names of the 24 broken ones; only read it."""
    folder = tmp_path_factory.mktemp("own") / "mixed set"
    return folder, make_folder(folder)
