import gc
import io
import os
import random
import stat
import struct
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import drawn, png

from ganatomy.datasets import archive as archives
from ganatomy.datasets import members
from ganatomy.datasets.archive import Archive
from ganatomy.datasets.decode import Refused, decode
from ganatomy.datasets.layout import natural_key
from ganatomy.datasets.members import folder_files, zip_files
from ganatomy.datasets.wording import columns, printable, some, wrap
from ganatomy.errors import DataError

PICTURE = png(drawn((8, 8), 0))
HEADER_BYTES = 30


def zipped(path: Path, names: list[str] | dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    contents = dict.fromkeys(names, PICTURE) if isinstance(names, list) else names
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return path


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


# --- zips ----------------------------------------------------------------------------------------------------------


def special(path: Path, name: str, mode: int, content: bytes = b"/etc/passwd") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.create_system = 3
        info.external_attr = mode << 16
        archive.writestr("1.png", PICTURE)
        archive.writestr(info, content)
    return path


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("/etc/a.png", "an absolute path"),
        ("\\windows\\a.png", "an absolute path"),
        ("../a.png", "climbs out with '..'"),
        ("a/../../b.png", "climbs out with '..'"),
        ("a\\..\\..\\b.png", "climbs out with '..'"),
        ("a/..", "climbs out with '..'"),
        ("C:/a.png", "a drive letter"),
        ("c:a.png", "a drive letter"),
        ("d:\\a.png", "a drive letter"),
    ],
)
def test_names_that_leave_the_archive(tmp_path, name, words):
    path = zipped(tmp_path / "x.zip", ["good.png", name])
    with pytest.raises(DataError, match=words) as caught:
        zip_files(path)
    assert printable(name) in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_zero_byte_in_a_name(tmp_path):
    path = zipped(tmp_path / "x.zip", ["good.png", "a.pngZ.txt"])
    path.write_bytes(path.read_bytes().replace(b"a.pngZ.txt", b"a.png\0.txt"))
    with pytest.raises(DataError, match="a zero byte in its name"):
        zip_files(path)


def test_links_in_a_zip(tmp_path):
    with pytest.raises(DataError, match=r"its member a.png is a symbolic link"):
        zip_files(special(tmp_path / "x.zip", "a.png", stat.S_IFLNK | 0o777))


def test_devices_in_a_zip_are_not_read(tmp_path):
    files, refused = zip_files(special(tmp_path / "x.zip", "a.png", stat.S_IFCHR | 0o666))
    assert [file.name for file in files] == ["1.png"]
    assert [file.reason for file in refused] == ["not a plain file"]


@pytest.mark.parametrize(
    "names",
    [
        ["a.png", "a.png"],
        ["a/B.png", "A/b.png"],
        ["\u00fc.png", "u\u0308.png"],
        ["a/b.png", "a\\b.png"],
        ["a.png", "./a.png"],
    ],
)
def test_two_members_of_one_name(tmp_path, names):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in names:
            archive.writestr(name, PICTURE)
    with pytest.raises(DataError, match="two files of one name"):
        zip_files(tmp_path / "x.zip")


def test_backslashes_of_windows_programs_are_separators(tmp_path):
    files, _ = zip_files(zipped(tmp_path / "x.zip", ["cats\\1.png", "dogs\\1.png"]))
    assert rows(files) == [("cats/1.png", "cats", None), ("dogs/1.png", "dogs", None)]


def test_a_colon_costs_only_the_file(tmp_path):
    files, refused = zip_files(zipped(tmp_path / "x.zip", ["1.png", "2.png:hidden.png", "at 12:30.png"]))
    assert [file.name for file in files] == ["1.png"]
    assert [file.name for file in refused] == ["2.png:hidden.png", "at 12:30.png"]
    assert all("hidden stream" in file.reason for file in refused)


def test_names_in_old_code_pages(tmp_path):
    for encoding, names in (("utf-8", ["ü/1.png", "图 片/2.png"]), ("gb2312", ["图片/1.png", "中文 类/2.png"])):
        coded = [name.encode(encoding) for name in names]
        stand_ins = [letter * len(code) for letter, code in zip("xy", coded)]
        path = zipped(tmp_path / f"{encoding}.zip", stand_ins)
        data = path.read_bytes()
        for stand_in, code in zip(stand_ins, coded):
            assert data.count(stand_in.encode()) == 2
            data = data.replace(stand_in.encode(), code)
        path.write_bytes(data)
        files, _ = zip_files(path)
        assert {file.name for file in files} == set(names)
        with files[0].open() as stream:
            assert stream.read() == PICTURE


def test_encrypted_members_are_refused_one_by_one(tmp_path):
    path = zipped(tmp_path / "x.zip", ["1.png", "2.png"])
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\1\2")
    data[at + 8] |= 1
    path.write_bytes(data)
    files, refused = zip_files(path)
    assert [file.name for file in files] == ["1.png"]
    assert [(file.name, file.reason) for file in refused] == [
        ("2.png", "it is encrypted; make the zip without a password")
    ]


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compression_methods_are_refused(tmp_path, method):
    files, refused = zip_files(zipped(tmp_path / "x.zip", ["1.png"], method))
    assert files == []
    assert [file.reason for file in refused] == [f"compression method {method} is not read; make the zip with deflate"]


def test_a_bomb_is_refused_by_its_ratio_and_not_unpacked(tmp_path):
    path = zipped(tmp_path / "x.zip", {"bomb.bmp": bytes(30 * 2**20), "small.bmp": bytes(900_000), "1.png": PICTURE})
    tracemalloc.start()
    files, refused = zip_files(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * 2**20
    assert [file.name for file in files] == ["1.png", "small.bmp"]
    assert [(file.name, file.reason) for file in refused] == [
        ("bomb.bmp", "it expands more than 200:1, as a zip bomb does")
    ]


def patched(path: Path, offset_in_entry: int, value: int, *, entry: int = -1) -> Path:
    """Write a uint32 into a directory entry (the last, or by number)."""
    data = bytearray(path.read_bytes())
    places = [at for at in range(len(data)) if data.startswith(b"PK\1\2", at)]
    struct.pack_into("<L", data, places[entry] + offset_in_entry, value)
    path.write_bytes(data)
    return path


def test_a_size_that_the_content_cannot_have_is_refused(tmp_path):
    path = patched(zipped(tmp_path / "x.zip", ["1.png", "2.png"], zipfile.ZIP_STORED), 24, 10_000)
    files, refused = zip_files(path)
    assert [file.name for file in files] == ["1.png"]
    assert "too small for the size its header announces" in refused[0].reason


@pytest.mark.parametrize("announced", [100, len(PICTURE) + 9])
def test_a_size_that_lies_is_refused_while_reading(tmp_path, announced):
    files, _ = zip_files(patched(zipped(tmp_path / "x.zip", ["1.png", "2.png"]), 24, announced))
    with files[1].open() as stream, pytest.raises(Refused, match=r"checksum|cut short"):
        stream.read()
    with files[0].open() as stream:
        assert stream.read() == PICTURE


def test_damage_is_found_by_the_checksum(tmp_path):
    path = zipped(tmp_path / "x.zip", ["1.png", "2.png"], zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    data[data.index(PICTURE) + len(PICTURE) - 3] ^= 1
    path.write_bytes(data)
    files, _ = zip_files(path)
    with files[0].open() as stream, pytest.raises(Refused, match="does not fit its checksum"):
        decode(stream)
    with files[1].open() as stream:
        decode(stream)


def test_overlapping_members(tmp_path):
    path = zipped(tmp_path / "x.zip", {"1.png": PICTURE, "2.png": PICTURE, "3.png": PICTURE})
    good = path.read_bytes()
    zip_files(path)
    with pytest.raises(DataError, match=r"its member 1.png reaches into what follows"):  # the same bytes twice
        zip_files(patched(path, 42, 0, entry=1))
    path.write_bytes(good)
    with pytest.raises(DataError, match=r"its member 1.png reaches into what follows"):  # quoting the next header
        zip_files(patched(path, 20, 400, entry=0))
    path.write_bytes(good)
    with pytest.raises(DataError, match=r"its member 3.png reaches into what follows"):  # outside of the file
        zip_files(patched(path, 42, 10**6))


def test_caps_of_the_whole(tmp_path, monkeypatch):
    path = zipped(tmp_path / "x.zip", [f"{number}.png" for number in range(5)])
    monkeypatch.setattr(archives, "MAX_TOTAL_BYTES", 5 * len(PICTURE) - 1)
    with pytest.raises(DataError, match="GiB uncompressed; at most"):
        zip_files(path)
    monkeypatch.undo()
    monkeypatch.setattr(archives, "MAX_MEMBERS", 4)
    with pytest.raises(DataError, match="more than the 4 files allowed"):
        zip_files(path)
    monkeypatch.setattr(archives, "MAX_MEMBERS", 5)
    assert len(zip_files(path)[0]) == 5
    monkeypatch.setattr(archives, "MAX_DIRECTORY_BYTES", 100)
    with pytest.raises(DataError, match=r"a directory of 2.. bytes, far too large"):
        zip_files(path)


def test_a_directory_of_many_entries_is_refused_before_it_is_parsed(tmp_path, monkeypatch):
    path = tmp_path / "x.zip"
    entry = b"PK\1\2" + bytes(42)
    directory = entry * 300_000
    path.write_bytes(directory + b"PK\5\6" + struct.pack("<4H2LH", 0, 0, 9, 9, len(directory), 0, 0))
    monkeypatch.setattr(zipfile, "ZipFile", None)
    with pytest.raises(DataError, match="more than the 250,000 files allowed"):
        zip_files(path)


def test_zip64_directories_are_bounded_too(tmp_path, monkeypatch):
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 2)  # makes the standard library write zip64
    path = zipped(tmp_path / "x.zip", [f"{number}.png" for number in range(5)])
    assert b"PK\6\7" in path.read_bytes()
    assert len(zip_files(path)[0]) == 5
    monkeypatch.setattr(archives, "MAX_MEMBERS", 4)
    with pytest.raises(DataError, match="more than the 4 files allowed"):
        zip_files(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no zip archive, or is cut short"),
        (b"PK\3\4" + bytes(100), "no zip archive, or is cut short"),
        (b"<html>", "no zip archive"),
        (b"PK\5\6" + struct.pack("<4H2LH", 0, 0, 1, 1, 46, 0, 0), "cannot be read as a zip archive"),
    ],
)
def test_what_is_no_zip(tmp_path, content, words):
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(DataError, match=words):
        zip_files(tmp_path / "x.zip")


def test_missing_zip_and_zip_that_is_a_folder(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        zip_files(tmp_path / "none.zip")
    with pytest.raises(DataError, match="cannot be read"):
        zip_files(tmp_path)


def test_truncated_zips(tmp_path):
    data = zipped(tmp_path / "x.zip", ["1.png", "2.png"]).read_bytes()
    for cut in range(0, len(data), 5):
        (tmp_path / "x.zip").write_bytes(data[:cut])
        with pytest.raises(DataError):
            zip_files(tmp_path / "x.zip")


def test_streams_are_read_in_pieces_and_closed(tmp_path):
    path = zipped(tmp_path / "x.zip", {"1.png": PICTURE, "readme.txt": b"x"})
    files, _ = zip_files(path)
    with files[0].open() as stream:
        assert stream.read(4) == PICTURE[:4]
        assert io.BufferedReader(stream).read() == PICTURE[4:]
    assert stream.closed
    del files, stream
    gc.collect()  # an archive that were not closed would be a ResourceWarning here, which is an error
    Archive(path).close()


# --- wording -------------------------------------------------------------------------------------------------------


@settings(max_examples=100)
@given(st.text(max_size=60), st.integers(2, 20))
def test_any_text_is_made_printable_and_wrapped(text, width):
    safe = printable(text)
    assert not any(char in safe for char in "\n\r\x1b\x07\u202e\u2028\ud800")
    safe.encode("utf-8")
    lines = wrap(safe, width)
    assert all(columns(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == safe.replace(" ", "")


def test_printable_leaves_people_s_names_alone():
    for name in ("Übung 图片 (1).png", "naïve — café.jpg", "👩‍💻.png", "Screenshot 3.04\u202fPM.png", "日本語"):
        assert printable(name) == name
    assert columns("图片 a") == 6
    assert some(["a", "b"]) == "a, b"
    assert some(["a", "b", "c", "d"]) == "a, b, c and 1 other"
    assert some(["a", "b", "c", "d"], 2) == "a, b and 2 others"
