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


def test_run_names_differ():
    names = {files.new_run_name("gan", 3) for _ in range(20)}
    assert len(names) > 15  # four random hex digits
    assert all(name.startswith("gan-s3-") for name in names)


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
