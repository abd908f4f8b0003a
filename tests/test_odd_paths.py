"""Paths as people give them: homes that are not there, names that are no text or too long, places without a right."""

import os
import sys

import pytest

from ganatomy import paths
from ganatomy.errors import AccessError, ConfigError

GBK = os.fsdecode("中文".encode("gbk"))


@pytest.mark.skipif(os.name == "nt", reason="Windows guesses the homes of other users")
def test_a_home_that_does_not_exist():
    with pytest.raises(ConfigError, match=r"GANATOMY_HOME ~nobody_at_all/x: there is no home folder for '~nobody_at_"):
        paths.expand("~nobody_at_all/x", "GANATOMY_HOME")


def test_homes_are_put_in_unless_such_an_entry_lies_here(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert paths.expand("~/x", "--out") == tmp_path / "x"
    assert paths.expand("a/~b", "--out") == paths.Path("a/~b")
    (tmp_path / "~").mkdir()
    (tmp_path / "~" / "x").mkdir()
    assert paths.expand("~/x", "--out") == paths.Path("~/x")


def test_a_user_without_a_home(monkeypatch):
    def none():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(paths.Path, "home", none)
    assert paths.home() is None


@pytest.mark.parametrize("name", ["a" * 300, "图" * 90, "a\0b", "x/" * 3000, "\ud83d"], ids=lambda name: repr(name[:5]))
def test_names_that_cannot_be_are_not_there(tmp_path, name):
    assert not paths.exists(tmp_path / name)
    assert not paths.is_dir(tmp_path / name)
    assert not paths.is_file(tmp_path / name)


def test_what_is_there(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert (paths.exists(tmp_path), paths.is_dir(tmp_path), paths.is_file(tmp_path)) == (True, True, False)
    assert (paths.is_dir(tmp_path / "file"), paths.is_file(tmp_path / "file")) == (False, True)
    assert not paths.exists(tmp_path / "file" / "below")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipes_and_devices_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path / "pipe", os.devnull):
        assert paths.exists(place)
        assert not paths.is_file(place)
        assert not paths.is_dir(place)


def test_a_place_without_a_right(monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "stat", refuse)
    with pytest.raises(AccessError, match=r"x may not be looked at: Permission denied\. Ask its owner") as caught:
        paths.exists("x")
    assert caught.value.exit_code == 2


def test_words_that_are_text():
    assert paths.as_text("Jürgen 图") == "Jürgen 图"
    paths.refuse_odd("Jürgen 图", "--author")


@pytest.mark.skipif(sys.platform == "win32", reason="names are text on Windows")
@pytest.mark.parametrize("word", ["run_\udcff", GBK, os.fsdecode("Jürgen".encode("latin-1")), "\ud83d"])
def test_words_that_are_no_text(word):
    assert paths.as_text(word) is None
    with pytest.raises(ConfigError, match=r"is no UTF-8 text.*Rename the folder") as caught:
        paths.refuse_odd(word, "--out")
    str(caught.value).encode("utf-8")  # the message itself can be shown


@pytest.mark.skipif(sys.platform == "win32", reason="names are text on Windows")
def test_a_name_is_shown_by_its_bytes():
    assert paths.shown("run_\udcff") == "run_\\xff"


def test_a_word_with_a_nul():
    with pytest.raises(ConfigError, match="holds a NUL character"):
        paths.refuse_odd("a\0b", "--out")


def test_names_that_are_too_long_are_cut_and_stay_different():
    first, second = (paths.short_name(f"directions-{'跑' * 82}{end}") for end in "ab")
    assert first != second
    for name in (first, second):
        assert name.startswith("directions-跑")
        assert len(name.encode()) <= 200
    assert paths.short_name("loss-gan-s0") == "loss-gan-s0"
