"""Files are whole or not there; damage, newer schemas and places that can't be written are told in words."""

import hashlib
import json
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganatomy import files
from ganatomy.errors import OutputError, RunError, StorageError


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    files.write_text(path, "old\n")

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match=r"No space left on device\. Free some space") as caught:
        files.write_text(path, "new\n")
    assert caught.value.exit_code == 1
    assert path.read_text(encoding="utf-8") == "old\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


def test_text_is_utf8_with_plain_line_ends(tmp_path):
    files.write_text(tmp_path / "a", "图\n")
    assert (tmp_path / "a").read_bytes() == "图\n".encode()


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(record=st.dictionaries(st.text().filter(lambda key: key != "schema"), values, max_size=4))
def test_json_round_trip(tmp_path_factory, record):
    path = tmp_path_factory.mktemp("json") / "a.json"
    try:
        files.write_json(path, record)
    except UnicodeEncodeError:
        return  # a lone surrogate is no text
    assert files.read_json(path) == {"schema": 1, **record}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_refuses_what_is_not_finite(tmp_path, value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(tmp_path / "a.json", {"x": value})
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.append_jsonl(tmp_path / "a.jsonl", {"x": value})
    assert not (tmp_path / "a.json").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"schema": 2}', "has schema 2, this version of ganatomy reads up to 1. Update ganatomy"),
        ('{"schema": "1"}', "has no schema number"),
        ("[1]", "has no schema number"),
        ("{", "cannot be read as JSON"),
        ("\udcff", "cannot be read as JSON"),
        (None, "is missing; it is not a complete folder"),
    ],
)
def test_json_that_is_not_ours_is_refused(tmp_path, text, words):
    path = tmp_path / "a.json"
    if text is not None:
        path.write_bytes(text.encode("utf-8", errors="surrogateescape"))
    with pytest.raises(RunError, match=words) as caught:
        files.read_json(path)
    assert str(path) in str(caught.value)


def test_json_lines_leave_out_a_torn_end_but_not_a_damaged_middle(tmp_path):
    path = tmp_path / "a.jsonl"
    assert list(files.read_jsonl(path)) == []
    for number in range(3):
        files.append_jsonl(path, {"x": number})
    assert [line["x"] for line in files.read_jsonl(path)] == [0, 1, 2]
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole + '{"x": 3', encoding="utf-8")
    assert [line["x"] for line in files.read_jsonl(path)] == [0, 1, 2]
    path.write_text(whole.replace('{"x": 1}', '{"x": '), encoding="utf-8")
    with pytest.raises(RunError, match="line 2, is damaged"):
        list(files.read_jsonl(path))


def test_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"abc" * 100_000)
    expected = hashlib.sha256(b"abc" * 100_000).hexdigest()
    assert files.sha256(b"abc" * 100_000) == files.sha256_file(tmp_path / "a") == expected


def test_a_folder_is_made_with_its_parents_and_left_empty(tmp_path):
    folder = files.make_folder(tmp_path / "a" / "b")
    assert folder.is_dir()
    assert list(folder.iterdir()) == []
    assert files.make_folder(folder) == folder


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    for folder in (tmp_path / "file", tmp_path / "file" / "sub"):
        with pytest.raises(OutputError, match=r"cannot be written: .*Choose another with --out") as caught:
            files.make_folder(folder)
        assert caught.value.exit_code == 2


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_read_only(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="Permission denied"):
        files.make_folder(tmp_path)


def test_one_writer_at_a_time(tmp_path):
    code = f"""
import pathlib
from ganatomy import errors, files
try:
    with files.one_writer(pathlib.Path({str(tmp_path)!r})):
        print("held")
except errors.RunError as error:
    print(error)
"""

    def other() -> str:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
        return done.stdout

    with files.one_writer(tmp_path):
        assert "is being written by another process" in other()
    assert other() == "held\n"


def test_json_has_its_schema_first(tmp_path):
    files.write_json(tmp_path / "a.json", {"b": 1, "a": "图"})
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert list(json.loads(text)) == ["schema", "b", "a"]
    assert "图" in text
    assert text.endswith("}\n")


def test_a_torn_last_line_is_never_glued_to(tmp_path):
    path = tmp_path / "a.jsonl"
    for before, kept in [('{"x": 0}\n{"x": 1', [0]), ('{"x": 0}\n{"x": 1}', [0, 1]), ('{"x', []), ("é" * 70_000, [])]:
        path.write_bytes(before.encode("utf-8"))
        files.append_jsonl(path, {"x": 9})
        assert [line["x"] for line in files.read_jsonl(path)] == [*kept, 9]


@pytest.mark.skipif(os.name == "nt", reason="links and pipes of POSIX")
def test_links_and_pipes_are_neither_followed_nor_waited_for(tmp_path):
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    os.symlink("victim", tmp_path / "link")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / ".lock").symlink_to("victim")
    (tmp_path / "samples").symlink_to(tmp_path)
    for name in ("link", "pipe"):
        with pytest.raises(StorageError, match="could not append"):
            files.append_jsonl(tmp_path / name, {})
    with pytest.raises(RunError, match="is not a file"):
        files.read_json(tmp_path / "pipe")
    with pytest.raises(RunError, match="is not a file"):
        files.read_bytes("/dev/zero")
    with pytest.raises(OutputError, match="not a lock of ours"), files.one_writer(tmp_path):
        pass
    with pytest.raises(OutputError, match="is a link to another folder"):
        files.own_folder(tmp_path, "samples")
    files.write_bytes(tmp_path / "link", b"ours")
    assert victim.read_bytes() == b"precious"
    assert (tmp_path / "link").read_bytes() == b"ours"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
        ("9" * 5000, "cannot be read as JSON"),
        ('{"schema": 1, "x": NaN}', "NaN, which is no number"),
        ('{"schema": 1, "x": -Infinity}', "-Infinity, which is no number"),
        ('{"schema": 1, "x": 1e999}', "beyond any number"),
        ('{"schema": true}', "has no schema number"),
    ],
)
def test_json_that_no_writer_of_ours_wrote(tmp_path, text, words):
    path = tmp_path / "a.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RunError, match=words):
        files.read_json(path)


def test_a_record_has_a_largest_size(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    assert files.read_bytes(tmp_path / "a", limit=5) == b"12345"
    with pytest.raises(RunError, match="larger than 4 bytes"):
        files.read_bytes(tmp_path / "a", limit=4)


def test_names_that_are_no_utf8_and_long_ones_can_be_stored(tmp_path):
    files.write_json(tmp_path / "a.json", {"path": "bilder_\udcd6"})
    assert files.read_json(tmp_path / "a.json")["path"] == "bilder_\udcd6"
    name = "跑" * 84
    files.write_bytes(tmp_path / name, b"x")
    assert (tmp_path / name).read_bytes() == b"x"
    with pytest.raises(StorageError, match="could not write"):
        files.write_bytes(tmp_path / ("n" * 256), b"x")


def test_only_leftovers_of_dead_processes_are_cleared(tmp_path):
    kept = {".draft.tmp", f".a.json.{os.getppid()}.tmp", "b.99999999.tmp", ".folder.99999999.tmp"}
    for name in (kept - {".folder.99999999.tmp"}) | {".a.json.99999999.tmp", f".b.json.{os.getpid()}.tmp"}:
        (tmp_path / name).write_bytes(b"")
    (tmp_path / ".folder.99999999.tmp").mkdir()
    files.remove_unfinished(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == kept
