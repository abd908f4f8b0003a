"""Fixtures for all tests: real data where there is some, a small made-up set, and the real command line."""

import os

# Small tensors are fastest on one thread, and the tests start processes beside each other. Read when torch loads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import contextlib
import io
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import filelock
import hypothesis
import numpy as np
import pytest
import torch

from ganatomy.datasets.store import Dataset, ImageStore

# How long an example takes says more of what else the machine does than of the code.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

WORKER = os.environ.get("PYTEST_XDIST_WORKER")
"""The name of this test process, where several share the tests; they inherit what the first one set here."""
if WORKER is None:
    # What tests leave in the user cache must not meet the user's own.
    os.environ["GANATOMY_HOME"] = tempfile.mkdtemp(prefix="ganatomy-tests-")

REPOSITORY = Path(__file__).resolve().parents[1]
CommandLine = Callable[..., subprocess.CompletedProcess[str]]


def pytest_sessionfinish() -> None:
    """Remove the cache of this session."""
    if WORKER is None:
        shutil.rmtree(os.environ["GANATOMY_HOME"], ignore_errors=True)


def find_data_dir() -> Path | None:
    """Return the folder that holds fashion-mnist/: GANATOMY_DATA, or shared/data beside the repository."""
    folder = Path(os.environ.get("GANATOMY_DATA") or REPOSITORY.parent / "shared" / "data").resolve()
    return folder if (folder / "fashion-mnist").is_dir() else None


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder that holds fashion-mnist/; else skip."""
    folder = find_data_dir()
    if folder is None:
        pytest.skip("Fashion-MNIST is not on this machine (set GANATOMY_DATA)")
    return folder


@pytest.fixture(scope="session")
def some_data() -> list[str]:
    """Words of the command line that name a whole data set: Fashion-MNIST where it is here, else the drawn one."""
    folder = find_data_dir()
    return ["--data", "atelier"] if folder is None else ["--data", "fashion-mnist", "--data-dir", str(folder)]


@pytest.fixture(scope="session")
def tiny_dataset() -> Dataset:
    """A made-up set of 96 + 32 grey 28x28 images in three classes; nothing is known about it but its shape."""
    draw = np.random.default_rng(11)
    stores = []
    for num in (96, 32):
        img = torch.from_numpy(draw.integers(0, 256, (num, 1, 28, 28), dtype=np.uint8))
        stores.append(ImageStore(img, torch.arange(num) % 3))
    return Dataset("made-up", stores[0], stores[1], "cd" * 32, ("a", "b", "c"))


@pytest.fixture(scope="session")
def ganatomy() -> CommandLine:
    """Run `python -m ganatomy ...` in a process of its own: ganatomy("train", "gan", cwd=..., env={...})."""

    def run(*words: object, env: dict[str, str] | None = None, **options: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ganatomy", *map(str, words)],
            env={**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "PYTHONUTF8": "1", **(env or {})},
            capture_output=True, encoding="utf-8", timeout=300, **options,
        )  # fmt: skip

    return run


@pytest.fixture
def ganatomy_here(monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The same command line in this process, without the seconds it takes to load torch."""
    from ganatomy import cli

    def run(*words: object, env: dict[str, str] | None = None, cwd: Path | None = None) -> subprocess.CompletedProcess:
        for name, value in {"COLUMNS": "100", "NO_COLOR": "1", **(env or {})}.items():
            monkeypatch.setenv(name, value)
        if cwd is not None:
            monkeypatch.chdir(cwd)
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as ended:
            cli.main([str(word) for word in words])
        return subprocess.CompletedProcess(words, int(ended.value.code or 0), out.getvalue(), err.getvalue())

    return run


@pytest.fixture(scope="session")
def smoke_lab(
    some_data: list[str], ganatomy: CommandLine, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """One finished smoke lab for all tests that only read it or copy it: (folder, what was printed)."""
    base = tmp_path_factory.getbasetemp()
    shared = base if WORKER is None else base.parent  # of all test processes
    out, printed = shared / "smoke-lab", shared / "smoke-lab.txt"
    with filelock.FileLock(shared / "smoke-lab.lock"):
        if not printed.exists():
            done = ganatomy("lab", "--budget", "smoke", *some_data, "--out", out)
            assert done.returncode == 0, done.stderr
            printed.write_text(done.stdout + done.stderr, encoding="utf-8")
    return out, printed.read_text(encoding="utf-8")
