"""As another user: folders that may not be entered or read, and runs that may not be written into."""

import importlib
import os
import pkgutil
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import ganatomy
from test_surroundings import small_run

NOBODY = 65534
pytestmark = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="becomes another user, which only root may"
)


@pytest.fixture(scope="module")
def place(tiny_dataset) -> Iterator[Path]:
    """A folder of root's: open/run may be read, closed/ may not be entered, listed/ not entered but listed."""
    root = Path(tempfile.mkdtemp(prefix="ganatomy-stranger-"))
    root.chmod(0o755)
    run = small_run(root / "open" / "run", tiny_dataset)
    np.save(root / "open" / "z.npy", np.zeros((1, 5), np.float32))
    shutil.copytree(run, root / "closed" / "run")
    shutil.copy(root / "open" / "z.npy", root / "closed" / "z.npy")
    shutil.copytree(run, root / "listed" / "run")
    shutil.copytree(run / "samples", root / "pictures" / "a")
    shutil.copytree(run, root / "half" / "run")
    (root / "data" / "mnist").mkdir(parents=True)
    (root / "data" / "mnist" / "train-images-idx3-ubyte").touch()
    for folder, _, names in os.walk(root):
        os.chmod(folder, 0o755)
        for name in names:
            os.chmod(os.path.join(folder, name), 0o644)
    (root / "half" / "run" / "stats.jsonl").chmod(0)
    (root / "half" / "run" / ".lock").chmod(0o600)
    for name, mode in (("closed", 0o700), ("listed", 0o744), ("data/mnist", 0o700), ("pictures/a", 0o744)):
        (root / name).chmod(mode)
    (root / "mine").mkdir()
    (root / "mine").chmod(0o777)
    (root / "home").mkdir()
    (root / "home").chmod(0o777)
    for module in pkgutil.walk_packages(ganatomy.__path__, "ganatomy."):
        importlib.import_module(module.name)  # they may not read the program's files either
    ganatomy.report([run], out=root / "page")  # what is imported late
    yield root
    shutil.rmtree(root)


@pytest.fixture
def stranger(ganatomy_here, place, monkeypatch) -> Callable[..., object]:
    """Run a command as a user without rights here, standing in a folder of their own."""
    monkeypatch.setenv("GANATOMY_HOME", str(place / "home"))

    def run(*words: object, **env: str) -> object:
        groups, before = os.getgroups(), sorted(place.rglob("*"))
        os.setgroups([])
        os.setegid(NOBODY)
        os.seteuid(NOBODY)
        try:
            done = ganatomy_here(*(str(word).format(place=place) for word in words), env=env, cwd=place / "mine")
        finally:
            os.seteuid(0)
            os.setegid(0)
            os.setgroups(groups)
        ours = [path for path in sorted(place.rglob("*")) if not path.is_relative_to(place / "mine")]
        assert [path for path in ours if not path.is_relative_to(place / "home")] == [
            path
            for path in before
            if not path.is_relative_to(place / "mine") and not path.is_relative_to(place / "home")
        ]
        assert "Traceback" not in done.stdout + done.stderr
        return done

    return run


@pytest.mark.parametrize(
    "words",
    [
        ["data", "inspect", "{place}/closed/run"],
        ["data", "inspect", "{place}/closed"],
        ["data", "import", "{place}/closed/run"],
        ["features", "train", "{place}/closed/run"],
        ["train", "gan", "--data", "{place}/closed/run"],
        ["train", "gan", "--data", "mnist", "--data-dir", "{place}/data"],
        ["train", "--resume", "{place}/closed/run"],
        ["train", "--resume", "{place}/listed/run"],
        ["train", "gan", "--init-from", "{place}/closed/run"],
        ["doctor", "{place}/closed/run"],
        ["doctor", "{place}/closed"],
        ["report", "{place}/closed/run"],
        ["report", "{place}/closed"],
        ["report", "{place}/listed"],
        ["report", "{place}/open/run"],
        ["report", "{place}/half/run", "--out", "page"],
        ["measure", "{place}/closed/run"],
        ["dissect", "{place}/closed/run"],
        ["walk", "{place}/closed/run"],
        ["walk", "{place}/open/run", "--num-frames", "2"],
        ["compare", "{place}/closed/run", "{place}/open/run"],
        ["compare", "{place}/closed", "{place}/open/run"],
        ["sample", "{place}/open/run", "--num", "1", "--out", "{place}/open/x.npy"],
        ["sample", "{place}/open/run", "--num", "1", "--out", "{place}/closed/x.npy"],
        ["sample", "{place}/open/run", "--latents", "{place}/closed/z.npy", "--out", "x.npy"],
        ["dissect", "{place}/open/run", "--images", "{place}/closed/run"],
        ["lab", "--budget", "smoke", "--data", "{place}/closed/run"],
    ],
    ids=" ".join,
)
def test_what_may_not_be_looked_at_is_refused_in_words(stranger, words):
    done = stranger(*words)
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert done.stderr.splitlines()[-1].startswith("ganatomy: ") or "ganatomy: " in done.stderr


@pytest.mark.parametrize("env", [{"GANATOMY_DATA": "{place}/data"}, {"GANATOMY_HOME": "{place}/closed/x"}])
def test_the_list_of_data_sets_says_what_may_not_be_read(stranger, place, env):
    done = stranger("data", "list", **{name: value.format(place=place) for name, value in env.items()})
    assert done.returncode in (0, 2), done.stderr
    assert "may not be looked at: Permission denied" in done.stdout + done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["sample", "{place}/open/run", "--num", "1", "--out", "mine.npy"],
        ["sample", "{place}/open/run", "--latents", "{place}/open/z.npy", "--out", "mine.png"],
        ["doctor", "{place}/open/run"],
        ["report", "{place}/open/run", "--out", "mypage"],
        ["walk", "{place}/open/run", "--num-frames", "2", "--columns", "1", "--out", "mine.gif"],
        ["data", "list"],
    ],
    ids=" ".join,
)
def test_runs_of_somebody_else_can_be_looked_at(stranger, words):
    done = stranger(*words)
    assert done.returncode == 0, (done.stdout, done.stderr)


@pytest.mark.parametrize("name", ["listed", "pictures"])
def test_a_folder_that_may_only_be_listed_names_what_cannot_be_read(stranger, place, name):
    done = stranger("data", "inspect", place / name)
    assert "it cannot be read: Permission denied" in done.stdout
    done = stranger("train", "gan", "--data", place / name)
    assert done.returncode == 2, done.stderr
    assert "Permission denied" in done.stderr
