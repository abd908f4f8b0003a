import gzip
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from ganatomy.datasets import catalog
from ganatomy.errors import ConfigError, DataError


def real_data_dir() -> Path | None:
    """The folder of real data sets, if this machine has one."""
    shared = os.environ.get("GANATOMY_DATA")
    root = Path(shared) if shared else Path(__file__).resolve().parents[3] / "shared" / "data"
    return root if (root / "fashion-mnist").is_dir() else None


REAL = real_data_dir()


@pytest.mark.parametrize("packed", [True, False])
def test_data_dir(tiny, tmp_path, packed):
    tiny.write(tmp_path / "mine", packed=packed)
    data = catalog.load("tiny", tmp_path / "mine")
    assert (data.name, data.img_shape, data.class_names) == ("tiny", (1, 4, 6), ("a", "b", "c"))
    assert data.train.images.dtype == torch.uint8
    assert data.train.labels.dtype == torch.int64
    content = tiny.contents["t10k-images-idx3-ubyte"][16:]
    assert data.test.images.numpy().tobytes() == content
    assert data.test.labels.tolist() == list(tiny.contents["t10k-labels-idx1-ubyte"][8:])
    assert len(data.sha256) == 64


def test_a_copy_gzipped_differently_is_the_same_set(tiny, tmp_path):
    tiny.write(tmp_path / "fast", level=1)
    tiny.write(tmp_path / "best", level=9)
    first, second = (catalog.load("tiny", tmp_path / name) for name in ("fast", "best"))
    assert first.sha256 == second.sha256
    assert torch.equal(first.train.images, second.train.images)


def test_order_of_places(tiny, tmp_path, monkeypatch):
    cache, shared, asked = tmp_path / "cache", tmp_path / "shared", tmp_path / "asked"
    tiny.write(cache)
    assert catalog.find(tiny.entry, None) == cache / "tiny"
    shared.mkdir()
    monkeypatch.setenv("GANATOMY_DATA", str(shared))
    assert catalog.find(tiny.entry, None) == cache / "tiny"  # not in GANATOMY_DATA: the cache is next
    tiny.write(shared)
    assert catalog.find(tiny.entry, None) == shared / "tiny"
    tiny.write(asked)
    assert catalog.find(tiny.entry, asked) == asked / "tiny"


def test_data_dir_without_the_set_is_never_passed_over(tiny, tmp_path, monkeypatch):
    tiny.write(tmp_path / "cache")
    (tmp_path / "mine").mkdir()
    with pytest.raises(DataError, match="does not hold tiny: looked for train-images-idx3-ubyte") as caught:
        catalog.load("tiny", tmp_path / "mine")
    assert str(tmp_path / "mine" / "tiny") in str(caught.value)
    with pytest.raises(DataError, match="is not a folder"):
        catalog.load("tiny", tmp_path / "absent")
    folder = tiny.write(tmp_path / "other")
    with pytest.raises(DataError, match="files lie directly in"):
        catalog.load("tiny", folder)
    monkeypatch.setenv("GANATOMY_DATA", str(tmp_path / "absent"))
    with pytest.raises(DataError, match=r"GANATOMY_DATA is .*, which is not a folder"):
        catalog.load("tiny")


def test_a_part_of_the_set_names_what_is_missing(tiny, tmp_path, monkeypatch):
    folder = tiny.write(tmp_path / "mine")
    (folder / "train-labels-idx1-ubyte.gz").unlink()
    words = r"only a part of tiny: train-labels-idx1-ubyte \(plain or .gz\) missing"
    with pytest.raises(DataError, match=words):
        catalog.load("tiny", tmp_path / "mine")
    monkeypatch.setenv("GANATOMY_DATA", str(tmp_path / "mine"))
    tiny.write(tmp_path / "cache")  # a whole copy further on is no reason to pass the damaged one over
    with pytest.raises(DataError, match=words):
        catalog.load("tiny")


def test_without_download_all_places_are_named(tiny, tmp_path, monkeypatch):
    (tmp_path / "shared").mkdir()
    monkeypatch.setenv("GANATOMY_DATA", str(tmp_path / "shared"))
    with pytest.raises(DataError, match=r"not on this machine; looked in .*shared.*GANATOMY_DATA.*cache"):
        catalog.load("tiny", allow_download=False)
    folder = tiny.write(tmp_path / "cache")
    (folder / "t10k-images-idx3-ubyte.gz").unlink()
    with pytest.raises(DataError, match="t10k-images-idx3-ubyte"):
        catalog.load("tiny", allow_download=False)


def test_damage_is_an_error_where_it_is_found(tiny, tmp_path, monkeypatch):
    tiny.write(tmp_path / "cache")
    folder = tiny.write(tmp_path / "shared")
    monkeypatch.setenv("GANATOMY_DATA", str(tmp_path / "shared"))
    path = folder / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match="cut short") as caught:
        catalog.load("tiny")
    assert str(path) in str(caught.value)


def test_other_content_is_refused_with_both_hashes(tiny, tmp_path):
    folder = tiny.write(tmp_path)
    content = bytearray(tiny.contents["train-images-idx3-ubyte"])
    content[100] ^= 1
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(bytes(content)))
    with pytest.raises(DataError, match=r"uncompressed content is [0-9a-f]{64}, expected [0-9a-f]{64}") as caught:
        catalog.load("tiny", tmp_path)
    assert tiny.entry.sha256[0] in str(caught.value)
    assert str(path) in str(caught.value)


def test_labels_that_do_not_fit(tiny, tmp_path):
    folder = tiny.write(tmp_path)
    shutil.copy(folder / "t10k-labels-idx1-ubyte.gz", folder / "train-labels-idx1-ubyte.gz")
    with pytest.raises(DataError, match=r"20 images but .*train-labels-idx1-ubyte.gz 8 labels"):
        catalog.load("tiny", tmp_path)
    shutil.copy(folder / "train-images-idx3-ubyte.gz", folder / "train-labels-idx1-ubyte.gz")
    with pytest.raises(DataError, match="wrong magic number for its name: 3 dimensions, expected 1"):
        catalog.load("tiny", tmp_path)


def test_unknown_name_gets_the_nearest():
    with pytest.raises(ConfigError, match=r"unknown data set 'fashion_mnist'; .* Did you mean 'fashion-mnist'"):
        catalog.load("fashion_mnist")


@pytest.mark.parametrize(
    ("platform", "variable", "expected"),
    [
        ("linux", None, ".cache/ganatomy"),
        ("linux", "XDG_CACHE_HOME", "elsewhere/ganatomy"),
        ("darwin", None, "Library/Caches/ganatomy"),
        ("win32", "LOCALAPPDATA", "elsewhere/ganatomy"),
        ("win32", None, "AppData/Local/ganatomy"),
        ("linux", "GANATOMY_HOME", "elsewhere"),
    ],
)
def test_user_cache_follows_the_platform(monkeypatch, tmp_path, platform, variable, expected):
    for name in ("GANATOMY_HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    if variable:
        monkeypatch.setenv(variable, str(tmp_path / "elsewhere"))
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert catalog.cache_dir() == tmp_path / expected


def test_catalogue_is_well_formed():
    for name, entry in catalog.CATALOG.items():
        assert name == entry.name
        assert len({*entry.sha256}) == 4
        assert all(len(bytes.fromhex(value)) == 32 for value in entry.sha256)
        assert len(entry.class_names) == 10
        assert len(entry.mirrors) >= 2
    hashes = {catalog.set_sha256(entry) for entry in catalog.CATALOG.values()}
    assert len(hashes) == len(catalog.CATALOG)


@pytest.mark.skipif(REAL is None, reason="no real data on this machine")
@pytest.mark.parametrize("name", ["fashion-mnist", "mnist"])
def test_real_sets(name):
    if not (REAL / name).is_dir():
        pytest.skip(f"{name} is not here")
    start = time.perf_counter()
    data = catalog.load(name, REAL)
    assert time.perf_counter() - start < 15  # 0.3 s on two idle cores
    assert (len(data.train), len(data.test), data.img_shape) == (60_000, 10_000, (1, 28, 28))
    assert data.sha256 == catalog.set_sha256(catalog.CATALOG[name])
    counts = np.bincount(data.test.labels.numpy(), minlength=10)
    assert counts.sum() == 10_000
    assert len(counts) == 10
    if name == "fashion-mnist":
        assert (counts == 1000).all()
