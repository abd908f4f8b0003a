"""Converted sets in the cache: the same bytes as read anew, and never those of another source."""

import dataclasses
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganatomy.datasets import atelier, collection, kept, survey
from ganatomy.datasets.collection import read_kept, read_path
from ganatomy.datasets.fitting import Fitting
from ganatomy.datasets.store import Dataset
from ganatomy.errors import DataError
from ganatomy.progress import Progress
from pictures import drawn, png, zipped

PLAIN = Fitting()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    """An empty cache, and sources that count as old enough."""
    monkeypatch.setenv("GANATOMY_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(kept, "RECENT_NS", 0)
    monkeypatch.setattr(kept, "SPARE_BYTES", 0)
    return tmp_path / "home" / "converted"


@pytest.fixture
def decoded(monkeypatch) -> list[int]:
    """Count the pictures that are added to a survey."""
    calls: list[int] = []
    add = survey.Survey.add
    monkeypatch.setattr(survey.Survey, "add", lambda self, *words: (calls.append(1), add(self, *words))[1])
    return calls


def filled(folder: Path, num: int = 24, channels: int = 1) -> Path:
    for number in range(num):
        place = folder / "ab"[number % 2] / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(png(drawn((12, 16), number, channels=channels)))
    return folder


def read(path: Path, fitting: Fitting = PLAIN, said: list[str] | None = None):
    *progress, result = read_kept(path, fitting, ([] if said is None else said).append)
    assert all(isinstance(record, Progress) for record in progress)
    return result


def same(first: Dataset, second: Dataset) -> bool:
    stores = zip((first.train, first.test), (second.train, second.test))
    alike = all(torch.equal(a.images, b.images) and torch.equal(a.labels, b.labels) for a, b in stores)
    return alike and (first.name, first.sha256, first.class_names) == (second.name, second.sha256, second.class_names)


def kept_files(cache: Path) -> list[Path]:
    return sorted(cache.iterdir()) if cache.exists() else []


def arrays(path: Path) -> Path:
    images = np.stack([drawn((12, 16), number, channels=1) for number in range(24)])
    np.savez(path, images=images, labels=np.arange(24) % 2)
    return path


@pytest.mark.parametrize("fitting", [PLAIN, Fitting((8, 9), "pad", 3), Fitting(channels=1)])
@pytest.mark.parametrize("kind", ["folder", "zip", "npz", "npy"])
def test_the_same_set_as_read_anew_and_decoded_once(tmp_path, cache, decoded, kind, fitting):
    source = filled(tmp_path / "set", channels=3)
    if kind == "zip":
        source = zipped(tmp_path / "set.zip", {f"{file.parent.name}/{file.name}": file.read_bytes()
                                               for file in source.rglob("*.png")})  # fmt: skip
    elif kind == "npz":
        source = arrays(tmp_path / "set.npz")
    elif kind == "npy":
        source = tmp_path / "set.npy"
        np.save(source, np.stack([drawn((12, 16), number) for number in range(24)]))
    said: list[str] = []
    first, findings = read(source, fitting, said)
    assert len(decoded) == 24
    second, again = read(source, fitting, said)
    assert len(decoded) == 24
    *_, (plain, plainly) = read_path(source, fitting)
    if kind == "npy":
        first, second, plain = (
            dataclasses.replace(each, train=dataclasses.replace(each.train, labels=torch.zeros(len(each.train)).long()),
                                test=dataclasses.replace(each.test, labels=torch.zeros(len(each.test)).long()))
            for each in (first, second, plain)
        )  # fmt: skip
    assert same(first, plain)
    assert same(second, plain)
    assert findings.to_dict() == again.to_dict() == plainly.to_dict()
    assert again == plainly
    assert len(said) == 1
    assert str(kept_files(cache)[0]) in said[0]
    assert "may be deleted at any time" in said[0]


def change_a_pixel(folder: Path) -> None:
    place = folder / "a" / "0.png"
    status = place.stat()
    pixels = np.asarray(Image.open(place)).copy()
    pixels[0, 0] ^= 1
    data = png(pixels)
    place.write_bytes(data + bytes(max(0, status.st_size - len(data))))
    os.utime(place, ns=(status.st_atime_ns, status.st_mtime_ns))  # as `cp -p` or a restored backup has it


CHANGES = {
    "a pixel, the time set back": change_a_pixel,
    "one more": lambda folder: (folder / "b" / "new.png").write_bytes(png(drawn((12, 16), 99, channels=1))),
    "one less": lambda folder: (folder / "b" / "1.png").unlink(),
    "another name": lambda folder: (folder / "b" / "1.png").rename(folder / "b" / "zz.png"),
    "another class": lambda folder: (folder / "b" / "1.png").rename(folder / "a" / "1.png"),
    "two swapped": lambda folder: [
        (folder / "a" / "0.png").rename(folder / "x"),
        (folder / "b" / "1.png").rename(folder / "a" / "0.png"),
        (folder / "x").rename(folder / "b" / "1.png"),
    ],
    "a note": lambda folder: (folder / "notes.txt").write_text("found, not read"),
    "a link's target": lambda folder: (folder / "a" / "link.png").symlink_to("../b/1.png"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_source_is_read_again(tmp_path, decoded, change):
    folder = filled(tmp_path / "set")
    read(folder)
    num = len(decoded)
    time.sleep(0.02)  # a clock of the file system ticks a few hundred times a second
    CHANGES[change](folder)
    found, findings = read(folder)
    assert len(decoded) > num
    *_, (plain, plainly) = read_path(folder, PLAIN)
    assert same(found, plain)
    assert findings == plainly


def test_what_was_asked_for_and_the_code_make_other_files(tmp_path, cache, monkeypatch):
    folder = filled(tmp_path / "set")
    for fitting in (PLAIN, Fitting((12, 16)), Fitting((8, 8)), Fitting((8, 8), "pad"), Fitting((8, 8), "pad", 3)):
        read(folder, fitting)
    assert len(kept_files(cache)) == 5
    monkeypatch.setattr(kept, "_code", lambda: "other code")
    read(folder)
    monkeypatch.setattr(kept.PIL, "__version__", "another")
    read(folder)
    assert len(kept_files(cache)) == 7


def test_a_source_that_just_changed_is_not_kept(tmp_path, cache, monkeypatch):
    monkeypatch.setattr(kept, "RECENT_NS", 60 * 10**9)
    read(filled(tmp_path / "set"))
    assert kept_files(cache) == []


def test_a_source_that_changes_while_it_is_read_is_not_kept(tmp_path, cache):
    folder = filled(tmp_path / "set")
    records = read_kept(folder, PLAIN, lambda message: None)
    next(records)
    (folder / "b" / "new.png").write_bytes(png(drawn((12, 16), 99, channels=1)))
    *_, (found, _) = records
    assert len(found.train) + len(found.test) == 24
    assert kept_files(cache) == []
    assert len(read(folder)[0].train) + len(read(folder)[0].test) == 25


def test_damaged_files_are_made_again(tmp_path, cache, decoded):
    folder = filled(tmp_path / "set")
    *_, (whole, _) = read_path(folder, PLAIN)
    read(folder)
    (path,) = kept_files(cache)
    data = path.read_bytes()
    draw = np.random.default_rng(0)
    damages = [b"", data[:7], data[:100], data[:-1], data + b"x", b"x" * len(data), (2**63).to_bytes(8, "little") * 9,
               (2).to_bytes(8, "little") + b"{}", (2).to_bytes(8, "little") + b"[]" + data]  # fmt: skip
    for at in draw.integers(0, len(data), 40).tolist():
        damages.append(data[:at] + bytes([data[at] ^ (1 << int(draw.integers(8)))]) + data[at + 1 :])
    for damage in damages:
        path.unlink()  # never in place: it is mapped
        path.write_bytes(damage)
        num = len(decoded)
        found, _ = read(folder)
        assert len(decoded) == num + 24
        assert same(found, whole)
        assert path.read_bytes() == data


@pytest.mark.parametrize("header", [
    b'{"__metadata__": 5}', b'{"__metadata__": {"ganatomy": "{}"}}', b'{"__metadata__": {"ganatomy": "[]"}}', b"null",
    b'{"__metadata__": {"ganatomy": 7}}', b'{"a": 1e999}', b"[" * 5000, b"\xff\xfe", b"1" * 5000, b"{}",
])  # fmt: skip
def test_foreign_headers_are_no_error(tmp_path, cache, header):
    folder = filled(tmp_path / "set")
    whole, _ = read(folder)
    (path,) = kept_files(cache)
    path.unlink()
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    assert same(read(folder)[0], whole)


def test_what_is_in_the_way_is_no_error(tmp_path, cache):
    folder = filled(tmp_path / "set")
    whole, _ = read(folder)
    (path,) = kept_files(cache)
    path.unlink()
    os.mkfifo(path)
    assert same(read(folder)[0], whole)  # a pipe is replaced
    path.unlink()
    other = tmp_path / "other.bin"
    other.write_bytes(b"not mine")
    path.symlink_to(other)
    assert same(read(folder)[0], whole)
    assert other.read_bytes() == b"not mine"
    assert not path.is_symlink()
    path.unlink()
    path.mkdir()
    said: list[str] = []
    assert same(read(folder, said=said)[0], whole)
    assert said[0].startswith("the converted pictures are not kept for next time: ")
    assert [entry.name for entry in kept_files(cache)] == [path.name]


@pytest.mark.parametrize("why", ["full", "no room", "a file there", "a link there", "no home"])
def test_a_cache_that_cannot_be_written_is_said_and_no_error(tmp_path, cache, monkeypatch, why):
    folder = filled(tmp_path / "set")
    *_, (plain, _) = read_path(folder, PLAIN)
    if why == "full":

        def full(*words):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(kept, "_write", full)
    elif why == "no room":
        monkeypatch.setattr(kept, "SPARE_BYTES", 2**62)
    elif why == "a file there":
        cache.parent.write_bytes(b"in the way")
    elif why == "a link there":
        (tmp_path / "elsewhere").mkdir()
        cache.parent.mkdir()
        cache.symlink_to(tmp_path / "elsewhere")
    else:

        def homeless():
            raise RuntimeError("no home")

        monkeypatch.setattr(kept, "cache_dir", homeless)
    said: list[str] = []
    assert same(read(folder, said=said)[0], plain)
    assert len(said) == 1
    assert "not kept for next time: " in said[0]
    if why == "a link there":
        assert list((tmp_path / "elsewhere").iterdir()) == []
    if why in ("full", "no room"):
        assert kept_files(cache) == []


def test_the_oldest_make_room_and_what_is_no_set_stays(tmp_path, cache, monkeypatch):
    folders = [filled(tmp_path / f"set {number}") for number in range(4)]
    for folder in folders[:3]:
        read(folder)
    (cache / "mine.txt").write_text("stays")
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    (cache / f".half.safetensors.{int(dead.stdout)}.tmp").write_bytes(b"half")
    size = max(path.stat().st_size for path in cache.glob("*.safetensors"))
    read(folders[0])  # used, so that the second is the oldest now
    monkeypatch.setattr(kept, "MAX_TOTAL_BYTES", int(3.5 * size))
    read(folders[3])
    assert len(list(cache.glob("*.safetensors"))) == 3
    assert (cache / "mine.txt").exists()
    assert not list(cache.glob(".*.tmp"))
    calls: list[Path] = []
    monkeypatch.setattr(collection, "survey_path", lambda path, fitting: calls.append(path) or iter(()))
    for folder in (folders[0], folders[2], folders[3]):
        read(folder)
    assert calls == []
    monkeypatch.setattr(kept, "MAX_TOTAL_BYTES", size // 2)
    with pytest.raises(AssertionError):
        read(folders[1])
    assert calls == [folders[1]]


def test_a_removed_file_does_not_disturb_who_uses_it(tmp_path, cache):
    whole, _ = read(filled(tmp_path / "set"))
    before = whole.train.images.clone()
    for path in kept_files(cache):
        path.unlink()
    assert torch.equal(whole.train.images, before)


def test_a_set_of_which_nothing_can_be_made_leaves_nothing(tmp_path, cache):
    folder = filled(tmp_path / "set")
    (folder / "a" / "wide.png").write_bytes(png(drawn((12, 40), 1, channels=1)))
    with pytest.raises(DataError, match="have 2 sizes"):
        read(folder)
    assert kept_files(cache) == []


def test_the_drawn_set_is_drawn_once(cache, monkeypatch):
    monkeypatch.setattr(atelier, "NUM_TRAIN", 200)
    monkeypatch.setattr(atelier, "NUM_TEST", 90)
    said: list[str] = []
    plain = atelier.load((12, 9), 200, 90)
    first = atelier.load_kept((12, 9), said.append)
    monkeypatch.setattr(atelier, "render", None)
    second = atelier.load_kept((12, 9), said.append)
    for found in (first, second):
        assert same(found, plain)
        assert torch.equal(found.train.factors, plain.train.factors)
        assert torch.equal(found.test.factors, plain.test.factors)
    assert len(said) == 1


@pytest.mark.slow
def test_several_processes_at_once(tmp_path, cache):
    folder = filled(tmp_path / "set", 60)
    code = (
        "import sys, pathlib; from ganatomy.datasets import kept, collection, fitting; kept.RECENT_NS = 0\n"
        "for _ in range(5): *_, (found, _) = collection.read_kept(pathlib.Path(sys.argv[1]), fitting.Fitting(), id)\n"
        "print(found.sha256)"
    )
    work = [subprocess.Popen([sys.executable, "-c", code, folder], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    hashes = {each.communicate()[0].strip() for each in work}
    assert hashes == {read(folder)[0].sha256}
    assert len(kept_files(cache)) == 1
