"""Groups of trainings: chosen, made, trained in this process and in workers, broken off and continued."""

import dataclasses
import functools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from small_runs import config, dataset, go_on, record, start

import ganatomy
from ganatomy import files, progress
from ganatomy.errors import ConfigError, GroupError, Interrupted, OutputError, RunError, StorageError
from ganatomy.metrics import evaluate
from ganatomy.metrics.watch import Firing, Watch
from ganatomy.training import replicates, session, workers
from ganatomy.training.replicates import Executor
from ganatomy.training.run import Run, open_run

SEQUENTIAL = Executor(executor="sequential", reason="asked for", num_workers=1, num_threads=1)
posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
HERE = str(Path(ganatomy.__file__).resolve().parents[1])


def chosen(asked: str = "auto", device: str = "cpu", **changes: object) -> Executor:
    given = {"num_seeds": 8, "num_cores": 4, "alone": 4} | changes
    return replicates.choose_executor(asked, device, **given)


def test_the_choice_of_executor():
    """Processes on the cores of a CPU; a GPU, one core or one training leave no choice."""
    assert chosen().executor == "processes"
    assert "side by side" in chosen().reason
    side_by_side = chosen("processes")
    assert (side_by_side.num_workers, side_by_side.num_threads, side_by_side.reason) == (4, 1, "asked for")
    assert chosen("processes", num_seeds=3).num_workers == 3
    assert chosen("processes", given=2, alone=2).num_workers == 2
    assert chosen("processes", given=9, alone=9).num_workers == 1
    alone = chosen("sequential")
    assert (alone.num_workers, alone.num_threads) == (1, 4)
    for changes, why in (
        ({"device": "cuda"}, "cuda trains one run at a time"),
        ({"num_cores": 1}, "one core"),
        ({"num_seeds": 1}, "one training"),
    ):
        executor = chosen(**changes)
        assert executor.executor == "sequential"
        assert why in executor.reason
    with pytest.raises(ConfigError, match=r"device is cuda.*--executor sequential, or --device cpu"):
        chosen("processes", device="cuda")
    with pytest.raises(ConfigError, match=r"unknown executor 'process'.*Did you mean 'processes'"):
        chosen("process")


def make(folder: Path, seeds: range = range(3), preset: str = "gan") -> replicates.RunGroup:
    return replicates.create_group(folder, config(preset), seeds, SEQUENTIAL, "test", {"name": "made-up"})


def plant(run: Run, **changes: object) -> None:
    """Give one run of a group other settings."""
    files.write_json(run.folder / "config.json", {**run.config.to_dict(), **changes})


def train(group: replicates.RunGroup, should_stop: Callable[[], bool] = lambda: False) -> tuple[list, list[str]]:
    """Train a group in this process; return the progress records and what was said."""
    said: list[str] = []

    def train_one(run: Run):
        watch = Watch(run, dataset(), said.append)
        return session.run_training(run, dataset(), say=said.append, should_stop=should_stop, watch=watch)

    work = workers.Work(train_one=train_one, say=said.append, should_stop=should_stop, health_of=Firing())
    return list(workers.train_group(group, work)), said


def without(found: dict[str, object], *names: str) -> dict[str, object]:
    return {name: value for name, value in found.items() if name not in names}


def test_a_run_of_a_group_is_the_run_of_its_seed(tmp_path, no_waiting):
    group = make(tmp_path / "group", range(3, 6))
    shown, _ = train(group)
    assert [line.done for line in shown] == sorted(line.done for line in shown)
    assert (shown[-1].done, shown[-1].total) == (990, 990)
    assert isinstance(shown[-1], progress.Progress)
    for seed in range(3, 6):
        alone = start(tmp_path / "alone" / f"s{seed}", "gan", seed=seed)
        go_on(alone)
        found = without(record(group.folder / f"s{seed}"), "data.json")
        assert found == record(alone)
    assert group.is_finished
    assert [(row["name"], row["state"], row["cur_nimg"]) for row in group.record["runs"]] == [
        (f"s{seed}", "finished", 330) for seed in range(3, 6)
    ]


def test_a_training_that_diverges_does_not_stop_the_others(tmp_path, no_waiting):
    group = make(tmp_path / "group")
    plant(group.runs[1], lr_g=1e30, lr_d=1e30)
    with pytest.raises(
        GroupError, match=r"(?s)1 of 3 trainings did not.*s1: diverged: .*smaller learning rates"
    ) as got:
        train(group)
    assert got.value.exit_code == 1
    assert [row["state"] for row in group.record["runs"]] == ["finished", "diverged", "finished"]
    assert group.left() == []  # it would only diverge again
    assert [path.name for path in replicates.expand([group.folder])] == ["s0", "s1", "s2"]


def test_stopped_in_the_middle_and_continued(tmp_path, no_waiting):
    whole = make(tmp_path / "whole" / "g")
    train(whole)
    group = make(tmp_path / "parts" / "g")
    left = iter(range(40))
    with pytest.raises(Interrupted, match="s0 finished at 330, s1 interrupted at 272, s2 not begun"):
        train(group, should_stop=lambda: next(left, None) is None)
    assert [row["state"] for row in group.record["runs"]] == ["finished", "interrupted", "new"]
    assert [path.name for path in replicates.expand([group.folder])] == ["s0", "s1"]
    train(group)
    for seed in range(3):
        assert record(group.folder / f"s{seed}") == record(whole.folder / f"s{seed}")


def test_folders_that_hold_something_else(tmp_path):
    group = make(tmp_path / "group")
    with pytest.raises(RunError, match=r"already holds a group of runs.*--resume"):
        make(tmp_path / "group")
    with pytest.raises(RunError, match=r"It is a group of runs: give one of the runs inside it"):
        open_run(group.folder)
    start(tmp_path / "other" / "s1", "gan")
    with pytest.raises(RunError, match=r"s1 already holds a run"):
        make(tmp_path / "other")
    assert sorted(path.name for path in (tmp_path / "other").iterdir()) == ["s1"]
    files.write_json(group.folder / files.GROUP_RECORD, {"seeds": []})
    with pytest.raises(RunError, match=r"'seeds' is a list of 0, expected a list of at least 1"):
        replicates.open_group(group.folder)


@posix
def test_a_group_never_shares_a_folder(tmp_path):
    for name in ("notes.txt", "s7", "samples", "s1/notes.txt"):
        folder = tmp_path / name.replace("/", "-")
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("mine", encoding="utf-8")
        with pytest.raises(RunError, match="is not empty but holds"):
            make(folder)
        assert [path for path in folder.rglob("*") if path.is_file()] == [folder / name]
    (tmp_path / "linked").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "linked" / "s1").symlink_to(tmp_path / "outside")
    with pytest.raises(OutputError, match="s1 is not a folder but stands where a training will go"):
        make(tmp_path / "linked")
    (tmp_path / "empty" / "s0").mkdir(parents=True)
    assert len(make(tmp_path / "empty").runs) == 3


@posix
def test_a_linked_worker_log_is_refused_before_any_worker_starts(tmp_path):
    group = replicates.create_group(
        tmp_path / "group", config("gan"), range(2), dataclasses.replace(SEQUENTIAL, executor="processes"), "test", {}
    )
    victim = tmp_path / "victim"
    victim.write_text("precious", encoding="utf-8")
    (group.folder / "s1" / workers.LOG_NAME).symlink_to(victim)
    with pytest.raises(OutputError, match=r"worker\.log is a link"):
        train(group)
    assert victim.read_text(encoding="utf-8") == "precious"
    assert not (group.folder / "s0" / workers.LOG_NAME).exists()
    with pytest.raises(StorageError, match="could not append"):
        files.open_log(group.folder / "s1" / workers.LOG_NAME)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("data") / "pictures.npz"
    np.savez(path, images=np.random.default_rng(5).integers(0, 256, (400, 8, 12), dtype=np.uint8))
    return path


LONG = (
    "--total-nimg",
    "40000",
    "--batch-size",
    "16",
    "--tick-nimg",
    "640",
    "--checkpoint-nimg",
    "4000",
    "--z-dim",
    "5",
)
SHORT = ("--total-nimg", "640", "--z-dim", "5", "--num-threads", "1")


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "ganatomy", "train", *map(str, words)]


ENV = {**os.environ, "PYTHONPATH": HERE, "PYTHONUTF8": "1"}


@pytest.fixture(scope="module")
def side_by_side(tmp_path_factory, pictures) -> Path:
    """A finished group of three, trained by workers through the command line."""
    where = tmp_path_factory.mktemp("whole")
    words = ("gan", "--data", pictures, "--seeds", 3, "--executor", "processes", *LONG, "--out", "g")
    done = subprocess.run(command(*words), cwd=where, env=ENV, capture_output=True, encoding="utf-8", timeout=200)
    assert done.returncode == 0, done.stderr
    assert "executor: processes (asked for)" in done.stderr
    assert "all 3 trainings are finished" in done.stderr
    return where / "g"


def trained(folder: Path) -> dict[str, object]:
    return without(record(folder), "command.txt", workers.LOG_NAME)


def test_workers_train_the_runs_that_the_seeds_give_alone(side_by_side, pictures, ganatomy_here, tmp_path):
    done = ganatomy_here(
        "train", "gan", "--data", pictures, "--seed", 1, "--num-threads", 1, *LONG, "--out", tmp_path / "s1"
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert trained(tmp_path / "s1") == trained(side_by_side / "s1")
    found = files.read_json(side_by_side / "group.json")
    assert (found["preset"], found["seeds"], found["executor"], found["num_threads"]) == (
        "gan",
        [0, 1, 2],
        "processes",
        1,
    )
    assert [row["state"] for row in found["runs"]] == ["finished"] * 3
    assert "train g-s2: done" in (side_by_side / "s2" / workers.LOG_NAME).read_text(encoding="utf-8")
    done = ganatomy_here("train", "--resume", side_by_side)
    assert done.returncode == 0
    assert "every training of the group is at its end" in done.stderr


def wait_for(condition: Callable[[], bool], child: subprocess.Popen | None = None) -> None:
    until = time.monotonic() + 100
    while not condition():
        assert time.monotonic() < until
        assert child is None or child.poll() is None, child.stderr.read()
        time.sleep(0.02)


def begin(where: Path, pictures: Path) -> subprocess.Popen:
    """Start a group of three by the command line, and wait until two of its trainings are under way."""
    words = ("gan", "--data", pictures, "--seeds", 3, "--executor", "processes", *LONG, "--out", "g")
    child = subprocess.Popen(command(*words), cwd=where, env=ENV, stderr=subprocess.PIPE, encoding="utf-8")
    num_workers = min(2, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2)
    wait_for(lambda: all((where / "g" / f"s{seed}" / "stats.jsonl").exists() for seed in range(num_workers)), child)
    return child


def state(folder: Path) -> str:
    return json.loads((folder / "status.json").read_text(encoding="utf-8"))["state"]


@posix
def test_stopped_by_a_signal_and_continued(side_by_side, pictures, tmp_path):
    with begin(tmp_path, pictures) as child:
        child.send_signal(signal.SIGTERM)
        words = child.stderr.read()
    assert child.returncode == 143, words
    assert "stopped; saved: s0 interrupted at" in words
    assert "Continue with `ganatomy train --resume g`" in words
    assert state(tmp_path / "g" / "s0") == "interrupted"
    assert files.read_json(tmp_path / "g" / "group.json")["runs"][0]["state"] == "interrupted"
    done = subprocess.run(command("--resume", "g"), cwd=tmp_path, env=ENV, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    for seed in range(3):
        assert trained(tmp_path / "g" / f"s{seed}") == trained(side_by_side / f"s{seed}")


@posix
def test_workers_stop_when_who_started_them_is_killed(pictures, tmp_path):
    with begin(tmp_path, pictures) as child:
        child.kill()
    wait_for(lambda: state(tmp_path / "g" / "s0") == "interrupted")


def kill_first(group: replicates.RunGroup, work: workers.Work, started: list[subprocess.Popen]) -> None:
    for _ in workers.train_group(group, work):
        if (group.folder / "s0" / "checkpoints").exists() and started[0].returncode is None:
            started[0].kill()


@posix
def test_a_worker_that_is_killed(side_by_side, pictures, tmp_path, monkeypatch):
    """It is named with its signal, the others end; continued, its run has the bytes of the undisturbed one."""
    group = replicates.RunGroup(tmp_path / "g")
    files.make_folder(group.folder)
    for run in replicates.open_group(side_by_side).runs:
        target = files.make_folder(group.folder / run.folder.name)
        for name in ("config.json", "environment.json", "data.json", "command.txt"):
            files.write_bytes(target / name, (run.folder / name).read_bytes())
    files.write_json(group.folder / "group.json", {**files.read_json(side_by_side / "group.json"), "num_workers": 2})
    started: list[subprocess.Popen] = []

    class Recorded(subprocess.Popen):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Recorded)
    said: list[str] = []
    work = workers.Work(train_one=lambda run: iter(()), say=said.append)
    with pytest.raises(GroupError, match=r"(?s)1 of 3 .*s0: failed: its process was ended by signal 9.*worker.log"):
        kill_first(group, work, started)
    assert [state(group.folder / f"s{seed}") for seed in (1, 2)] == ["finished"] * 2
    assert [run.folder.name for run in group.left()] == ["s0"]
    list(workers.train_group(group, workers.Work(train_one=lambda run: iter(()), say=said.append)))
    assert len(started) == 4
    assert trained(group.folder / "s0") == trained(side_by_side / "s0")


def test_a_worker_that_diverges_is_told_with_its_log(pictures, ganatomy_here, tmp_path):
    words = ("--seeds", 2, "--executor", "processes", "--lr-g", "1e30", "--lr-d", "1e30", *SHORT)
    done = ganatomy_here("train", "gan", "--data", pictures, *words, "--out", tmp_path / "g")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "2 of 2 trainings did not reach their end" in done.stderr
    assert f"Its log: {tmp_path / 'g' / 's0' / 'worker.log'}" in done.stderr
    assert "diverged after" in (tmp_path / "g" / "s0" / "worker.log").read_text(encoding="utf-8")
    again = ganatomy_here("train", "--resume", tmp_path / "g")
    assert again.returncode == 1
    assert "s1: diverged" in again.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--seeds", 5], "Leave out --seeds"),
        (["--executor", "sequential"], "Leave out --executor"),
        (["--budget", "10min"], "Leave out --budget"),
        (["--lr-g", "0.5"], "lr_g: 0.03 -> 0.5"),
        (["--seed", 3], "seed: 0 -> 3"),
        (["--out", "x"], "leave out --out"),
    ],
)
def test_what_cannot_change_when_a_group_continues(ganatomy_here, tmp_path, words, expected):
    group = make(tmp_path / "g")
    done = ganatomy_here("train", "--resume", group.folder, *words)
    assert done.returncode == 2
    assert expected in done.stderr


def test_two_groups_measured_and_compared(ganatomy_here, pictures, tmp_path, monkeypatch):
    """Every verb that takes runs takes the group; runs of equal names in two groups stay apart on one page."""
    monkeypatch.setattr(evaluate, "measure", functools.partial(evaluate.measure, num_gen=60))
    for name, lr in (("slow", "0.01"), ("fast", "0.05")):
        words = ["--seeds", 2, "--executor", "sequential", "--lr-g", lr, *SHORT, "--out", tmp_path / name]
        done = ganatomy_here("train", "gan", "--data", pictures, *words)
        assert done.returncode == 0, done.stderr
    done = ganatomy_here("measure", tmp_path / "slow", "--num-sets", 1)
    assert done.returncode == 0, done.stderr
    assert "slow-s0 at 640 images" in done.stdout
    assert "mean and sd over 2 trainings" in done.stdout
    found = files.read_json(tmp_path / "slow" / "measure.json")
    values = [
        files.read_json(tmp_path / "slow" / f"s{seed}" / "measure.json")["scores"][found["main"]]["value"]
        for seed in (0, 1)
    ]
    assert found["scores"][found["main"]]["mean"] == pytest.approx(np.mean(values))
    assert found["scores"][found["main"]]["sd"] == pytest.approx(np.std(values, ddof=1))
    done = ganatomy_here("measure", tmp_path / "slow", "--num-sets", 1, "--json")
    assert json.loads(done.stdout) == {name: value for name, value in found.items() if name != "schema"}
    done = ganatomy_here("compare", tmp_path / "slow", tmp_path / "fast", "--num-sets", 1, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    pairs = files.read_json(tmp_path / "out" / "compare.json")
    assert [group["num"] for group in pairs["groups"]] == [2, 2]
    names = [run["name"] for group in pairs["groups"] for run in group["runs"]]
    assert sorted(names) == ["fast-s0", "fast-s1", "slow-s0", "slow-s1"]
    done = ganatomy_here("report", tmp_path / "slow")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "slow" / "report.html").exists()
    done = ganatomy_here("doctor", tmp_path / "slow")
    assert "slow-s1" in done.stdout


def test_measuring_a_group_that_is_not_finished(ganatomy_here, tmp_path):
    group = make(tmp_path / "g")
    done = ganatomy_here("measure", group.folder)
    assert done.returncode == 2
    assert "no training of" in done.stderr
    assert "s0 (new)" in done.stderr


def test_group_records_only_hold_plain_values(tmp_path):
    group = make(tmp_path / "g")
    assert group.executor == SEQUENTIAL
    assert set(group.record) == {
        "schema", "preset", "total_nimg", "seeds", "command", "runs", *(f.name for f in dataclasses.fields(Executor)),
    }  # fmt: skip
    assert str(tmp_path) not in (group.folder / "group.json").read_text(encoding="utf-8")
