"""Stopping, killing and resuming through the real command line, on real data."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_runs import assert_same, record

from ganatomy.training import checkpoint
from ganatomy.training.run import open_run


def real_data_dir() -> Path | None:
    shared = os.environ.get("GANATOMY_DATA")
    root = Path(shared) if shared else Path(__file__).resolve().parents[3] / "shared" / "data"
    return root.resolve() if (root / "fashion-mnist").is_dir() else None


DATA_DIR = real_data_dir()
pytestmark = [
    pytest.mark.skipif(DATA_DIR is None, reason="no fashion-mnist on this machine"),
    pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals and limits"),
]
RARELY = ("--sample-nimg", "1000000", "--snapshot-nimg", "1000000")
RUNS = {
    "gan": (
        "gan",
        "--total-nimg",
        "16000",
        "--tick-nimg",
        "640",
        "--checkpoint-nimg",
        "2000",
        "--num-threads",
        "1",
        *RARELY,
    ),
    "dcgan": (
        "dcgan",
        "--total-nimg",
        "600",
        "--tick-nimg",
        "64",
        "--checkpoint-nimg",
        "128",
        "--num-threads",
        "2",
        *RARELY,
    ),
}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "ganatomy", "train", *arguments, "--data-dir", str(DATA_DIR)]


def train(cwd: Path, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    cwd.mkdir(exist_ok=True)
    return subprocess.run(
        command(*arguments), cwd=cwd, capture_output=True, text=True, encoding="utf-8", check=False, **options
    )


def interrupted(cwd: Path, when: str, number: signal.Signals, *arguments: str) -> tuple[int, str]:
    """Start a command in `cwd`, signal it as soon as a path of its run exists; return (exit code, standard error)."""
    cwd.mkdir(exist_ok=True)
    with subprocess.Popen(command(*arguments), cwd=cwd, stderr=subprocess.PIPE, text=True, encoding="utf-8") as child:
        while not (cwd / "run" / when).exists():
            assert child.poll() is None, child.stderr.read()
            time.sleep(0.01)
        child.send_signal(number)
        words = child.stderr.read()
    return child.returncode, words


@pytest.mark.parametrize(
    ("preset", "number"), [("gan", signal.SIGTERM), pytest.param("dcgan", signal.SIGINT, marks=pytest.mark.slow)]
)
def test_stopped_by_a_signal_killed_and_resumed(tmp_path, preset, number):
    """One folder name in two places, since the command is part of the record."""
    assert train(tmp_path / "whole", *RUNS[preset], "--out", "run").returncode == 0
    code, words = interrupted(tmp_path / "parts", "stats.jsonl", number, *RUNS[preset], "--out", "run")
    assert code == 128 + number
    assert "Resume with `ganatomy train --resume run`" in words
    folder = tmp_path / "parts" / "run"
    assert open_run(folder).status["state"] == "interrupted"
    last = checkpoint.checkpoints(folder)[-1]
    assert str(last.relative_to(tmp_path / "parts")) in words

    following = f"checkpoints/{next_checkpoint(preset, int(last.name.rpartition('-')[2]))}"
    code, _ = interrupted(tmp_path / "parts", following, signal.SIGKILL, "--resume", "run")
    assert code == -signal.SIGKILL
    done = train(tmp_path / "parts", "--resume", "run")
    assert done.returncode == 0
    assert "continuing at" in done.stderr
    assert_same(folder, record(tmp_path / "whole" / "run"))


def next_checkpoint(preset: str, cur_nimg: int) -> str:
    """The name of the second checkpoint an undisturbed run saves after `cur_nimg`."""
    arguments = RUNS[preset]
    total, interval = (int(arguments[arguments.index(name) + 1]) for name in ("--total-nimg", "--checkpoint-nimg"))
    multiple = (cur_nimg // interval + 2) * interval
    return f"checkpoint-{min(-(-multiple // 64) * 64, total):09d}"


@pytest.fixture(scope="module")
def short_run(tmp_path_factory) -> Path:
    """A run that was stopped, to be refused or damaged in copies; its checkpoints are at 320 and 640 images."""
    root = tmp_path_factory.mktemp("short")
    arguments = ("gan", "--total-nimg", "100000000", "--checkpoint-nimg", "320", "--num-threads", "1", *RARELY)
    code, _ = interrupted(root, "checkpoints/checkpoint-000000640", signal.SIGTERM, *arguments, "--out", "run")
    assert code == 143
    return root


def test_changed_settings_are_refused_with_every_difference(short_run):
    answer = train(short_run, "--resume", "run", "--lr-g", "0.1", "--batch-size", "32")
    assert answer.returncode == 2
    assert "batch_size: 64 -> 32" in answer.stderr
    assert "lr_g: 0.03 -> 0.1" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert train(short_run, "--resume", "run", "--seed", "7").returncode == 2


@pytest.mark.slow
def test_a_second_writer_a_full_disk_and_damage(short_run):
    """In this order on one run: refused while another process writes it, then starved, then damaged."""
    folder = short_run / "run"
    with subprocess.Popen(command("--resume", "run"), cwd=short_run, stderr=subprocess.PIPE, text=True) as writer:
        while open_run(folder).status["state"] != "running":
            assert writer.poll() is None, writer.stderr.read()
            time.sleep(0.01)
        refused = train(short_run, "--resume", "run")
        writer.kill()
        writer.stderr.read()
    assert refused.returncode == 2
    assert "being written by another process" in refused.stderr

    good = checkpoint.newest_good(folder)
    size = (good / "state.safetensors").stat().st_size
    starved = train(short_run, "--resume", "run", preexec_fn=lambda: limit_file_sizes(size // 2))
    assert starved.returncode == 1
    assert "File too large" in starved.stderr
    assert f"the last good checkpoint is {good.relative_to(short_run)}" in starved.stderr
    assert "Traceback" not in starved.stderr
    checkpoint.verify(good)

    for path in checkpoint.checkpoints(folder):
        (path / "manifest.json").unlink()
    lost = train(short_run, "--resume", "run")
    assert lost.returncode == 1
    assert lost.stderr.count("is damaged") == len(checkpoint.checkpoints(folder))
    assert "checkpoints in run/checkpoints are damaged" in lost.stderr
    assert "Traceback" not in lost.stderr


def limit_file_sizes(num_bytes: int) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, num_bytes))


def test_divergence_ends_with_exit_code_1_and_words(tmp_path):
    answer = train(tmp_path, "gan", "--total-nimg", "640", "--num-threads", "1", "--lr-d", "1e30", "--out", "run")
    assert answer.returncode == 1
    assert "diverged after" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert open_run(tmp_path / "run").status["state"] == "diverged"
