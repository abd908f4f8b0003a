"""Imports: what is copied and what is not, places inside each other, and what a killed import leaves."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ganatomy.datasets import copying, imported
from ganatomy.errors import ConfigError, DataError, RunError, StorageError
from pictures import drawn, png

needs_links = pytest.mark.skipif(os.name == "nt", reason="needs symbolic links")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("GANATOMY_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def filled(folder: Path, num: int = 6) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(num):
        (folder / f"{number}.png").write_bytes(png(drawn((16, 16), number)))
    return folder


def copy_of(name: str) -> set[str]:
    place = imported.root() / name / name
    return {file.relative_to(place).as_posix() for file in place.rglob("*") if file.is_file()}


@needs_links
@pytest.mark.parametrize("of", ["files", "folders", "nothing"])
def test_a_folder_of_links_only_is_refused_and_leaves_nothing(tmp_path, home, of):
    pool, subset = filled(tmp_path / "pool/a"), tmp_path / "subset"
    subset.mkdir()
    if of == "folders":
        (subset / "a").symlink_to(pool)
    else:
        for number in range(6):
            (subset / f"{number}.png").symlink_to(pool / f"{number}{'' if of == 'files' else ' gone'}.png")
    with pytest.raises(DataError, match=r"0 of \d files can be used[\s\S]*a link[\s\S]*Nothing was imported.*cp -RL"):
        imported.add(subset, None)
    assert not home.exists()


@needs_links
def test_links_inside_the_folder_are_followed_others_are_named(tmp_path, home):
    folder = filled(tmp_path / "set")
    (tmp_path / "secret.png").write_bytes(png(drawn((16, 16), 77)))
    (folder / "out.png").symlink_to(tmp_path / "secret.png")
    (folder / "again.png").symlink_to("0.png")
    (folder / "up").symlink_to(tmp_path)
    (folder / "self").symlink_to(folder)
    os.mkfifo(folder / "pipe.png")
    record = imported.add(folder, None)
    assert copy_of("set") == {*(f"{number}.png" for number in range(6)), "again.png"}
    assert not any(file.is_symlink() for file in imported.root().rglob("*"))
    assert record["num_left_out"] == 4
    assert {row["file"]: row["reason"].split(";")[0] for row in record["left_out"]} == {
        "out.png": "a link that leaves the folder", "up": "a link that leaves the folder",
        "self": "a link to a folder", "pipe.png": "not a plain file",
    }  # fmt: skip
    assert imported.path_of("set").is_dir()
    assert imported.add(folder, None) == record


@pytest.mark.parametrize("inside", ["cache", "a/deep/cache", ".cache/ganatomy"])
def test_a_folder_that_holds_the_cache_does_not_copy_it(tmp_path, monkeypatch, inside):
    folder = filled(tmp_path / "me")
    monkeypatch.setenv("GANATOMY_HOME", str(folder / inside))
    first = imported.add(folder, "one")
    assert copy_of("one") == {f"{number}.png" for number in range(6)}
    assert first["left_out"] == []  # there was none yet
    second = imported.add(folder, "two")
    assert copy_of("two") == copy_of("one")
    assert second["left_out"] == [{"file": inside, "reason": "it is the place that is written to"}]


def test_a_folder_inside_the_cache_is_copied_but_not_the_cache_itself(tmp_path, home):
    filled(home / "own pictures")
    imported.add(home / "own pictures", "own")
    imported.add(imported.root() / "own" / "own", "again")
    assert copy_of("again") == copy_of("own") == {f"{number}.png" for number in range(6)}
    for place in (home, imported.root()):
        with pytest.raises(DataError, match="is where copies are kept"):
            imported.add(place, "whole")


@needs_links
def test_a_cache_that_is_reached_through_a_link_is_not_copied(tmp_path, monkeypatch):
    folder = filled(tmp_path / "me")
    (tmp_path / "link").symlink_to(folder / "cache")
    (folder / "cache").mkdir()
    monkeypatch.setenv("GANATOMY_HOME", str(tmp_path / "link"))
    imported.add(folder, "one")
    imported.add(folder, "two")
    assert copy_of("two") == {f"{number}.png" for number in range(6)}


@pytest.mark.parametrize("content", [{}, {"a.txt": b"x"}, {"a.png": b"no picture"}, {"photo.heic": b"x"}])
def test_what_holds_no_picture_is_not_imported(tmp_path, home, content):
    folder = tmp_path / "set"
    folder.mkdir()
    for name, data in content.items():
        (folder / name).write_bytes(data)
    with pytest.raises(DataError, match="Nothing was imported"):
        imported.add(folder, None)
    assert not home.exists()


def test_what_cannot_be_trained_on_as_it_is_is_imported_and_told(tmp_path, home, ganatomy_here):
    folder = filled(tmp_path / "set")
    (folder / "wide.png").write_bytes(png(drawn((16, 99), 5)))
    done = ganatomy_here("data", "import", folder)
    assert done.returncode == 0
    assert "warning: as it is, no training is possible: the 7 pictures" in done.stderr
    assert "imported as set" in done.stderr


def test_the_next_import_removes_what_a_killed_one_left(tmp_path, home):
    imported.add(filled(tmp_path / "first"), None)
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    left = imported.root() / f".gone.{int(dead.stdout)}.tmp"
    filled(left / "gone")
    alive = imported.root() / f".busy.{os.getppid()}.tmp"
    others = [filled(imported.root() / name) for name in (".mine.tmp", "gone.1.tmp", ".hidden")]
    filled(alive)
    (imported.root() / f".file.{int(dead.stdout)}.tmp").write_bytes(b"half")
    imported.add(filled(tmp_path / "second", 7), None)
    assert sorted(path.name for path in imported.root().iterdir()) == sorted(
        ["first", "second", alive.name, *(path.name for path in others)]
    )


def test_a_copy_that_fails_leaves_nothing(tmp_path, home, monkeypatch):
    folder = filled(tmp_path / "set")

    def full(place, to, digest):
        raise StorageError("the disk is full")
        yield

    monkeypatch.setattr(copying, "_copy", full)
    with pytest.raises(StorageError, match="the disk is full"):
        imported.add(folder, None)
    assert list(imported.root().iterdir()) == []


def test_a_disk_without_room_is_told_before_any_copy(tmp_path, home, monkeypatch):
    monkeypatch.setattr(copying.shutil, "disk_usage", lambda place: copying.shutil._ntuple_diskusage(1, 1, 10))
    with pytest.raises(DataError, match=r"the copy would take 0\.00 GiB.*set GANATOMY_HOME"):
        imported.add(filled(tmp_path / "set"), None)
    assert not home.exists()


def test_the_hash_of_a_folder_is_what_it_was(tmp_path):
    """Sets that were imported by earlier versions are still what was imported."""
    folder = filled(tmp_path / "set/b")
    filled(tmp_path / "set/B/.hidden", 2)
    filled(tmp_path / "set/b c", 2)
    digest = hashlib.sha256()
    root = folder.parent
    for file in sorted(p for p in root.rglob("*") if p.is_file()):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"{file.relative_to(root).as_posix()}\0{content}\n".encode())
    assert imported.content_hash(root) == digest.hexdigest()
    assert imported.content_hash(folder / "0.png") == hashlib.sha256((folder / "0.png").read_bytes()).hexdigest()


def test_a_record_that_points_elsewhere_is_not_followed(tmp_path, home):
    imported.add(filled(tmp_path / "set"), None)
    record = imported.root() / "set" / imported.RECORD
    record.write_text(record.read_text().replace('"file": "set"', '"file": "../../../set"'))
    with pytest.raises(RunError):
        imported.path_of("set")
    with pytest.raises(ConfigError, match="cannot be named 'a\\\\n'"):
        imported.add(tmp_path / "set", "a\n")
