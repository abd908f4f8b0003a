"""Odd surroundings through the command line: names that are no text, long names, pipes, terminals, variables, -OO."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ganatomy as ga
from ganatomy import border, console, files
from ganatomy.config import resolve
from ganatomy.errors import AccessError, ConfigError, OutputError, StorageError
from ganatomy.presets import preset
from ganatomy.training.run import create_run, open_run
from ganatomy.training.session import run_training

BAD = "x\udcff"
"""A name that is no UTF-8, as Python holds it."""
ON_POSIX = pytest.mark.skipif(os.name == "nt", reason="names are text on Windows, and pipes lie elsewhere")


def small_run(folder: Path, dataset, data: str = "fashion-mnist") -> Path:
    """A finished run of two steps."""
    config = resolve(
        preset("gan").__class__(
            **{
                **preset("gan").to_dict(),
                "batch_size": 8,
                "total_nimg": 16,
                "z_dim": 5,
                "num_train": len(dataset.train),
            },
        )
    )
    create_run(folder, type(config)(**{**config.to_dict(), "data": data, "data_sha256": dataset.sha256}), "test")
    list(run_training(open_run(folder), dataset, say=lambda message: None))
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory, tiny_dataset) -> Path:
    return small_run(tmp_path_factory.mktemp("runs") / "tiny", tiny_dataset)


def refused(done, *words: object) -> None:
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    for word in words:
        assert str(word) in done.stderr, (word, done.stderr)


@ON_POSIX
@pytest.mark.parametrize(
    ("words", "option"),
    [
        (["data", "inspect", BAD], "path"),
        (["data", "inspect", "{run}", "--out", f"{BAD}.png"], "--out"),
        (["data", "import", BAD], "path"),
        (["data", "import", "{run}", "--name", BAD], "--name"),
        (["features", "train", BAD], "data"),
        (["train", "gan", "--data", BAD], "--data"),
        (["train", "gan", "--out", BAD], "--out"),
        (["train", "gan", "--data-dir", BAD], "--data-dir"),
        (["train", "--resume", BAD], "--resume"),
        (["train", "gan", "--init-from", BAD], "--init-from"),
        (["lab", "--budget", "smoke", "--out", BAD], "--out"),
        (["lab", "--budget", "smoke", "--title", BAD], "--title"),
        (["lab", "--budget", "smoke", "--author", BAD], "--author"),
        (["report", BAD], "paths"),
        (["report", "{run}", "--title", BAD], "--title"),
        (["report", "{run}", "--out", BAD], "--out"),
        (["sample", BAD, "--out", "x.png"], "run"),
        (["sample", "{run}", "--out", f"{BAD}.png"], "--out"),
        (["sample", "{run}", "--latents", BAD, "--out", "x.png"], "--latents"),
        (["measure", BAD], "run"),
        (["walk", "{run}", "--out", f"{BAD}.gif"], "--out"),
        (["compare", "{run}", BAD], "paths"),
        (["dissect", "{run}", "--images", BAD], "--images"),
        (["doctor", BAD], "runs"),
    ],
    ids=lambda value: " ".join(value).encode("ascii", "replace").decode() if isinstance(value, list) else "",
)
def test_words_that_are_no_text_are_refused_before_any_work(ganatomy_here, run, tmp_path, words, option):
    done = ganatomy_here(*(word.format(run=run) for word in words), cwd=tmp_path)
    refused(done, f"ganatomy: {option} ", "x\\xff", "is no UTF-8 text", "Rename")
    assert list(tmp_path.iterdir()) == []


@ON_POSIX
def test_python_verbs_look_at_their_words_too(run, tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match=r"--out .* is no UTF-8 text"):
        ga.sample(run, out=tmp_path / f"{BAD}.npy")
    with pytest.raises(ConfigError, match=r"paths .* is no UTF-8 text"):
        ga.report([str(run), BAD])
    with pytest.raises(ConfigError, match="holds a NUL"):
        ga.sample(run, out="a\0b.npy")
    with pytest.raises(ConfigError, match="no home folder for '~nobody_at_all'"):
        ga.sample(run, out="~nobody_at_all/x.npy")
    monkeypatch.setenv("HOME", str(tmp_path))
    ga.sample(run, num=1, out="~/x.npy")
    assert (tmp_path / "x.npy").exists()
    assert ga.sample(open_run(run), num=1, out=tmp_path / "y.npy").shape == (1, 1, 28, 28)  # a run, not its path


@ON_POSIX
def test_a_folder_one_stands_in_may_have_any_name(ganatomy_here, tmp_path, tiny_dataset):
    """Its name comes into config.json with an escape, and the run goes on from there."""
    here = tmp_path / BAD
    try:
        here.mkdir()
    except OSError:
        pytest.skip("this file system holds UTF-8 names only")
    np.save(here / "set.npy", tiny_dataset.train.images.numpy()[:, 0])
    words = ["--num-threads", 1, "--batch-size", 8, "--precision", "float32"]
    done = ganatomy_here("train", "gan", "--data", "set.npy", "--total-nimg", 16, "--out", "run", *words, cwd=here)
    assert done.returncode == 0, done.stderr
    assert open_run(here / "run").config.data_path == str((here / "set.npy").resolve())
    (here / "run" / "status.json").unlink()
    done = ganatomy_here("train", "--resume", "run", "--data", "set.npy", cwd=here)
    assert done.returncode == 0, done.stderr
    done = ganatomy_here("report", "run", cwd=here)
    assert done.returncode == 0, done.stderr
    (here / "run" / "report.html").read_text(encoding="utf-8")


def test_names_near_the_limit(ganatomy_here, run, tmp_path, tiny_dataset):
    long = small_run(tmp_path / ("跑" * 82), tiny_dataset)
    done = ganatomy_here("report", long, "--out", tmp_path / "page")
    assert done.returncode == 0, done.stderr
    name = f"{'n' * 251}.npy"
    done = ganatomy_here("sample", run, "--num", 1, "--out", tmp_path / name)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / name).exists()
    done = ganatomy_here("sample", run, "--num", 1, "--out", tmp_path / f"{'图' * 84}.npy")
    refused_or_failed(done, "File name too long")


def refused_or_failed(done, *words: str) -> None:
    assert done.returncode in (1, 2), done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert all(word in done.stderr for word in words), done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["data", "inspect", "{name}"],
        ["data", "import", "{name}"],
        ["doctor", "{name}"],
        ["report", "{name}"],
        ["train", "gan", "--data", "{name}"],
        ["train", "--resume", "{name}"],
        ["train", "gan", "--init-from", "{name}"],
        ["sample", "{run}", "--num", "1", "--out", "x.npy", "--latents", "{name}"],
        ["compare", "{name}", "{run}"],
        ["measure", "{name}"],
        ["features", "train", "{name}"],
        ["train", "gan", "--data-dir", "{name}"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("name", ["a" * 300, "a/" * 2500, "图" * 86])
def test_names_that_are_too_long_to_be_there(ganatomy_here, run, tmp_path, words, name):
    refused(ganatomy_here(*(word.format(name=name, run=run) for word in words), cwd=tmp_path), "ganatomy: ")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def oddities(tmp_path) -> list[Path]:
    """A pipe without a writer, a socket, devices."""
    os.mkfifo(tmp_path / "pipe.npy")
    os.mkfifo(tmp_path / "pipe")
    listening = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    os.chdir(tmp_path)  # a socket's path may have 108 bytes
    listening.bind("socket.npy")
    os.chdir(here)
    listening.close()
    (tmp_path / "zero.npy").symlink_to("/dev/zero")
    return [tmp_path / name for name in ("pipe.npy", "pipe", "socket.npy", "zero.npy")] + [Path("/dev/zero")]


@ON_POSIX
@pytest.mark.parametrize(
    "words",
    [
        ["data", "inspect", "{odd}"],
        ["data", "import", "{odd}"],
        ["features", "train", "{odd}"],
        ["train", "gan", "--data", "{odd}"],
        ["train", "gan", "--data-dir", "{odd}"],
        ["doctor", "{odd}"],
        ["train", "--resume", "{odd}"],
        ["report", "{odd}"],
        ["dissect", "{run}", "--images", "{odd}"],
        ["train", "gan", "--data", "atelier", "--out", "{odd}"],
        ["report", "{run}", "--out", "{odd}"],
        ["sample", "{run}", "--num", "1", "--out", "y.npy", "--latents", "{odd}"],
    ],
    ids=" ".join,
)
def test_pipes_sockets_and_devices(ganatomy_here, run, oddities, tmp_path, words):
    before = sorted(tmp_path.iterdir())
    for odd in oddities:
        refused(ganatomy_here(*(word.format(odd=odd, run=run) for word in words), cwd=tmp_path), "ganatomy: ")
    assert sorted(tmp_path.iterdir()) == before


@ON_POSIX
@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["data", "list"], ["trian"], ["train", "--x", "1"]])
@pytest.mark.parametrize("columns", ["1", "0", "junk", "-5", "100000"])
def test_terminals_of_any_width(ganatomy_here, words, columns):
    done = ganatomy_here(*words, env={"COLUMNS": columns})
    assert done.returncode == (0 if words in (["--help"], ["train", "--help"], ["data", "list"]) else 2)
    assert done.stdout + done.stderr


@pytest.mark.parametrize(
    ("env", "word"),
    [
        ({"WORLD_SIZE": "junk", "RANK": "0"}, "WORLD_SIZE is 'junk'"),
        ({"WORLD_SIZE": "0", "RANK": "0"}, "'0'"),
        ({"WORLD_SIZE": "-2", "RANK": "0"}, "WORLD_SIZE is '-2'"),
        ({"WORLD_SIZE": "2", "RANK": "x"}, "RANK is 'x'"),
        ({"WORLD_SIZE": "2", "RANK": "0"}, "MASTER_PORT is unset"),
        ({"WORLD_SIZE": "9" * 80, "RANK": "0"}, "WORLD_SIZE"),
        ({"WORLD_SIZE": "2", "RANK": "0", "MASTER_PORT": "29500"}, "MASTER_ADDR is unset"),
        ({"WORLD_SIZE": "2", "RANK": "0", "MASTER_PORT": "x", "MASTER_ADDR": "localhost"}, "MASTER_PORT is 'x'"),
        ({"WORLD_SIZE": "2", "RANK": "0", "LOCAL_WORLD_SIZE": "x"}, "LOCAL_WORLD_SIZE is 'x'"),
        ({"WORLD_SIZE": "1", "RANK": "0", "TORCHELASTIC_RESTART_COUNT": "x"}, "TORCHELASTIC_RESTART_COUNT is 'x'"),
        ({"GANATOMY_WORKER_OF": "abc"}, "GANATOMY_WORKER_OF is 'abc'"),
    ],
)
def test_junk_in_the_variables_of_whoever_starts_processes(ganatomy_here, tmp_path, env, word):
    done = ganatomy_here("train", "gan", "--data", "atelier", "--out", tmp_path / "run", env=env)
    refused(done, word, "nset")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "env",
    [
        {"TORCHELASTIC_RESTART_COUNT": "x"},
        {"RANK": "1"},
        {"RANK": "junk"},
        {"LOCAL_RANK": "x"},
        {"WORLD_SIZE": "junk"},
        {"LOCAL_WORLD_SIZE": "x"},
        {"WORLD_SIZE": "junk", "RANK": "junk"},
    ],
)
def test_junk_that_concerns_nobody(ganatomy_here, run, env, tmp_path):
    """Variables of torchrun count only for `train`, and only where both WORLD_SIZE and RANK are set."""
    done = ganatomy_here("sample", run, "--num", 1, "--out", tmp_path / "x.npy", env=env)
    assert done.returncode == 0
    assert "1 images of" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="homes are found otherwise")
@pytest.mark.parametrize(
    ("env", "words", "expected"),
    [
        ({"GANATOMY_HOME": "~nobody_at_all/x"}, ["data", "list"], "GANATOMY_HOME ~nobody_at_all/x: there is no home"),
        ({"GANATOMY_DATA": "~nobody_at_all/x"}, ["data", "list"], "GANATOMY_DATA ~nobody_at_all/x: there is no home"),
        ({}, ["train", "gan", "--data", "~nobody_at_all/x"], "--data ~nobody_at_all/x: there is no home"),
        ({}, ["train", "gan", "--data-dir", "~nobody_at_all"], "--data-dir ~nobody_at_all: there is no home"),
        ({}, ["data", "inspect", "~nobody_at_all"], "path ~nobody_at_all: there is no home"),
        ({}, ["train", "gan", "--out", "~nobody_at_all/x"], "--out ~nobody_at_all/x: there is no home"),
        ({"GANATOMY_DATA": "/" + "a" * 300}, ["train", "gan"], "which is not a folder; correct or unset it"),
    ],
)
def test_homes_and_folders_that_do_not_exist(ganatomy_here, tmp_path, env, words, expected):
    refused(ganatomy_here(*words, env=env, cwd=tmp_path), expected)
    assert list(tmp_path.iterdir()) == []


def test_a_user_without_a_home(ganatomy_here, monkeypatch):
    """As in a container that runs under a user id without an entry in passwd."""

    def none():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", none)
    for name in ("GANATOMY_HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    refused(ganatomy_here("data", "list"), "this user has no home folder for a cache; set GANATOMY_HOME")


@pytest.mark.skipif(sys.platform == "win32", reason="the cache lies elsewhere")
def test_a_home_that_points_nowhere(ganatomy_here, monkeypatch):
    monkeypatch.delenv("GANATOMY_HOME")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    done = ganatomy_here("data", "list", env={"HOME": "/nowhere/at/all"})
    assert done.returncode == 0, done.stderr


def test_what_the_system_refuses_is_told_in_words():
    """Before the work it is the user's input, in its middle a failure."""
    console.begin()
    told = border.told(PermissionError(13, "Permission denied", "a/b"))
    assert isinstance(told, AccessError)
    assert str(told).startswith("a/b may not be looked at: Permission denied. Ask its owner")
    told = border.told(OSError(36, "File name too long", "a/b"))
    assert isinstance(told, OutputError)
    assert (told.exit_code, str(told)) == (2, "a/b cannot be used: File name too long. Give another file or folder.")
    assert "Too many open files" in str(border.told(OSError(24, "Too many open files")))
    console.show(iter([files, "result"]), "work")
    told = border.told(OSError(5, "Input/output error", "a/b"))
    assert isinstance(told, StorageError)
    assert (told.exit_code, "a/b" in str(told)) == (1, True)


def test_titles_are_put_together_again_where_a_locale_took_them_apart(run, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsencode", lambda word: word.encode("ascii", "surrogateescape"))
    apart = "中文".encode().decode("ascii", "surrogateescape")
    page = ga.report([run], title=apart, out=tmp_path / "page")
    assert "<title>中文" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("words", [["train", "--help"], ["data", "list"]], ids=" ".join)
def test_without_docstrings(words):
    """`python -OO` drops them; parsing does not need them, and the help says what is missing."""
    done = subprocess.run(
        [sys.executable, "-OO", "-m", "ganatomy", *words],
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    if words[0] == "train":
        assert "Python runs with -OO" in done.stdout
        assert "--batch-size INT" in done.stdout
