import gc
import io
import stat
import struct
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import pytest

from ganatomy.datasets import archive as archives
from ganatomy.datasets.archive import Archive
from ganatomy.datasets.decode import Refused, decode
from ganatomy.datasets.members import zip_files
from ganatomy.datasets.wording import printable
from ganatomy.errors import DataError
from pictures import PICTURE, zipped


def rows(files) -> list[tuple[str, str | None, str | None]]:
    return [(file.name, file.class_name, file.split) for file in files]


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


def test_a_stream_gives_no_more_than_announced():
    stream = archives._Stream(io.BytesIO(bytes(100)), 99)
    with pytest.raises(Refused, match="holds more than its header announces"):
        stream.readall()
    assert len(archives._Stream(io.BytesIO(bytes(100)), 100).readall()) == 100


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
