import os
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganatomy.datasets import members
from ganatomy.datasets.decode import decode
from ganatomy.datasets.layout import natural_key
from ganatomy.datasets.members import folder_files, zip_files
from ganatomy.errors import DataError
from pictures import PICTURE, zipped

HEADER_BYTES = 30


def filled(root: Path, names: list[str]) -> Path:
    for name in names:
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(PICTURE)
    return root


@pytest.fixture(params=["folder", "zip"])
def listed(request, tmp_path):
    """List files of the given names, as a folder and as a zip: (files, refused)."""

    def make(names: list[str]):
        if request.param == "folder":
            (tmp_path / "root").mkdir()
            return folder_files(filled(tmp_path / "root", names))
        return zip_files(zipped(tmp_path / "set.zip", names))

    return make


def rows(files) -> list[tuple[str, str | None, str | None]]:
    return [(file.name, file.class_name, file.split) for file in files]


def test_no_folders_no_classes(listed):
    files, refused = listed(["b 10.png", "b 2.png", "A.JPG", "ü 图.webp"])
    assert rows(files) == [(name, None, None) for name in ("A.JPG", "b 2.png", "b 10.png", "ü 图.webp")]
    assert refused == []
    assert [file.num_bytes for file in files] == [len(PICTURE)] * 4
    with files[0].open() as stream:
        assert stream.read() == PICTURE


def test_folders_are_classes_at_whatever_depth_below(listed):
    files, _ = listed(["cats/1.png", "cats/deep/er/2.png", "狗 dogs/1.png"])
    assert rows(files) == [
        ("cats/1.png", "cats", None),
        ("cats/deep/er/2.png", "cats", None),
        ("狗 dogs/1.png", "狗 dogs", None),
    ]


@pytest.mark.parametrize("test_name", ["test", "val", "Valid", "validation"])
def test_train_and_test_folders_are_splits(listed, test_name):
    files, _ = listed(["Train/a/1.png", "Train/b/2.png", f"{test_name}/a/sub/3.png"])
    assert {(file.class_name, file.split) for file in files} == {("a", "train"), ("b", "train"), ("a", "test")}
    assert len(files) == 3


def test_splits_without_classes(listed):
    files, _ = listed(["train/1.png", "test/2.png", "val/3.png"])
    assert rows(files) == [("test/2.png", None, "test"), ("train/1.png", None, "train"), ("val/3.png", None, "test")]


def test_what_wraps_everything_is_skipped(listed):
    files, refused = listed(["set/v1/train/a/1.png", "set/v1/test/a/2.png", "README.md", "set/license.txt"])
    assert {(file.class_name, file.split) for file in files} == {("a", "train"), ("a", "test")}
    assert [file.name for file in refused] == ["README.md", "set/license.txt"]


def test_one_folder_is_no_class_and_a_split_alone_is_none(listed):
    files, _ = listed(["train/1.png", "train/2.png"])
    assert {(file.class_name, file.split) for file in files} == {(None, None)}


def test_pictures_beside_folders_are_ambiguous(listed):
    with pytest.raises(
        DataError, match=r"directly \(x.png\) and others in folders \(cats, dogs\).*named after its class"
    ):
        listed(["x.png", "cats/1.png", "dogs/1.png"])


def test_other_folders_beside_splits_are_ambiguous(listed):
    with pytest.raises(DataError, match=r"has the folders test, train, and beside them pictures such as more/1.png"):
        listed(["train/1.png", "test/1.png", "more/1.png"])


def test_classes_in_one_split_only_are_ambiguous(listed):
    with pytest.raises(DataError, match="not clear whether the folders are classes"):
        listed(["train/a/1.png", "train/b/1.png", "test/1.png"])


def test_a_text_file_beside_classes_is_only_refused(listed):
    files, refused = listed(["cats/1.png", "dogs/1.png", "labels.json", "a.heic", "noending", "cats/film.mp4"])
    assert len(files) == 2
    assert {file.name: file.reason for file in refused} == {
        "labels.json": "not a picture",
        "a.heic": "a .heic picture is not read; save it as PNG or JPEG",
        "noending": "not a picture: its name has no ending such as .png",
        "cats/film.mp4": "not a picture",
    }


def test_what_systems_leave_behind_is_passed_over(listed):
    junk = [
        ".hidden.png",
        ".git/a.png",
        "__MACOSX/._1.png",
        "Thumbs.db",
        "a/desktop.ini",
        "a/.DS_Store",
        "@eaDir/x.png",
    ]
    files, refused = listed(["a/1.png", "b/1.png", *junk])
    assert [file.name for file in files] == ["a/1.png", "b/1.png"]
    assert refused == []


def test_classes_written_in_two_unicode_forms_are_one(listed):
    files, _ = listed(["train/\u00fc/1.png", "train/b/2.png", "test/u\u0308/3.png"])
    assert {file.class_name for file in files} == {"\u00fc", "b"}


def test_large_files_are_refused_without_reading(tmp_path):
    filled(tmp_path, ["a.png"])
    with open(tmp_path / "huge.png", "wb") as handle:
        handle.truncate(257 * 2**20)
    files, refused = folder_files(tmp_path)
    assert [file.name for file in files] == ["a.png"]
    assert [(file.name, file.reason) for file in refused] == [("huge.png", "it is larger than the 256 MB allowed")]


@settings(max_examples=200)
@given(st.lists(st.text("ab019. /éA", max_size=6), min_size=2, max_size=6))
def test_natural_order_is_a_total_order(names):
    ordered = sorted(set(names), key=natural_key)
    for seed in range(3):
        shuffled = list(ordered)
        random.Random(seed).shuffle(shuffled)
        assert sorted(shuffled, key=natural_key) == ordered
    assert len({natural_key(name) for name in ordered}) == len(ordered)


def test_natural_order():
    names = ["img0", "img1", "img01", "Img2", "img10", "img" + "9" * 5000, "imh"]
    shuffled = list(names)
    random.Random(1).shuffle(shuffled)
    assert sorted(shuffled, key=natural_key) == ["img0", "img01", "img1", "Img2", "img10", "img" + "9" * 5000, "imh"]


# --- folders -------------------------------------------------------------------------------------------------------

needs_links = pytest.mark.skipif(os.name == "nt", reason="needs symbolic links")


@needs_links
def test_links_never_lead_out_of_the_folder_or_in_circles(tmp_path):
    outside = filled(tmp_path / "outside", ["secret.png"])
    root = filled(tmp_path / "root", ["a/1.png", "b/1.png"])
    (root / "a/out.png").symlink_to(outside / "secret.png")
    (root / "a/up.png").symlink_to("../../outside/secret.png")
    (root / "outside").symlink_to(outside)
    (root / "a/loop").symlink_to(root)
    (root / "a/self.png").symlink_to("self.png")
    (root / "a/gone.png").symlink_to("nowhere.png")
    (root / "b/fine.png").symlink_to("../a/1.png")
    (root / "b/more").symlink_to("../a")
    files, refused = folder_files(root)
    assert [file.name for file in files] == ["a/1.png", "b/1.png", "b/fine.png"]
    reasons = {file.name: file.reason for file in refused}
    leaves = "a link that leaves the folder; copy the file itself here"
    assert reasons.pop("a/self.png")  # a loop is told differently by different versions of Python
    assert reasons == {
        "a/out.png": leaves, "a/up.png": leaves, "outside": leaves, "a/gone.png": "a link that leads nowhere",
        "a/loop": "a link to a folder; its files are read where they lie",
        "b/more": "a link to a folder; its files are read where they lie",
    }  # fmt: skip


@needs_links
def test_the_folder_itself_may_be_a_link(tmp_path):
    filled(tmp_path / "real", ["a/1.png", "b/1.png"])
    (tmp_path / "link").symlink_to("real")
    assert len(folder_files(tmp_path / "link")[0]) == 2


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_cannot_hang_the_listing(tmp_path):
    filled(tmp_path, ["1.png"])
    os.mkfifo(tmp_path / "pipe.png")
    files, refused = folder_files(tmp_path)
    assert [file.name for file in files] == ["1.png"]
    assert [(file.name, file.reason) for file in refused] == [("pipe.png", "not a plain file")]


@pytest.mark.skipif(os.name == "nt", reason="needs names of bytes")
def test_names_that_steer_terminals_or_are_no_text_are_escaped(tmp_path):
    (tmp_path / "red\x1b[31m\n.png").write_bytes(PICTURE)
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png")).write_bytes(PICTURE)
    (tmp_path / "ab\u202egnp.exe.png").write_bytes(PICTURE)
    files, _ = folder_files(tmp_path)
    assert {file.name for file in files} == {"red\\x1b[31m\\n.png", "caf\\udce9.png", "ab\\u202egnp.exe.png"}
    for file in files:
        file.name.encode("utf-8")
        with file.open() as stream:
            assert decode(stream).pixels.shape == (8, 8, 3)


def test_folders_that_cannot_be_listed(tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"cannot be read: .*Give a folder of pictures"):
        folder_files(tmp_path / "none")
    filled(tmp_path, [f"{number}.png" for number in range(12)])
    monkeypatch.setattr(members, "MAX_FILES", 11)
    with pytest.raises(DataError, match="more than 11 files"):
        folder_files(tmp_path)
