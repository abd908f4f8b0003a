"""Runs that are stopped, killed, damaged or starved end as the undisturbed run, byte for byte, or say why not.

Training processes are real ones (forked from a server that has PyTorch loaded, so that thirty kills take seconds);
the data is a small made-up set. The command line with its signals is tested on real data in `test_crash_cli.py`.
"""

import dataclasses
import multiprocessing
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from comparing import assert_same, record

from ganatomy import files, presets
from ganatomy.config import TrainConfig, resolve
from ganatomy.datasets.store import Dataset, ImageStore
from ganatomy.datasets.stream import ImageStream
from ganatomy.errors import CheckpointError, DataError, DivergedError, Interrupted, RunError, StorageError
from ganatomy.losses import adversarial
from ganatomy.training import checkpoint
from ganatomy.training.run import create_run, open_run
from ganatomy.training.session import run_training
from ganatomy.training.state import TrainState
from ganatomy.training.step import train_step

if sys.platform == "win32":
    pytest.skip("needs POSIX signals and limits", allow_module_level=True)

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["ganatomy.training.session", "pytest", "torch._dynamo"])
PRESETS = ("gan", "dcgan")


def dataset(sha256: str = "ab" * 32) -> Dataset:
    img = torch.from_numpy(np.random.default_rng(5).integers(0, 256, (70, 1, 8, 12), dtype=np.uint8))
    return Dataset("made-up", ImageStore(img), ImageStore(img[:8]), sha256, ())


def config(preset: str, **changes: object) -> TrainConfig:
    """A run of 21 steps (the last one short) over several epochs, every interval at odds with the others."""
    data = {"data": "made-up", "data_sha256": "ab" * 32, "num_train": 70, "img_height": 8, "img_width": 12}
    size = {"z_dim": 5, "batch_size": 16, "total_nimg": 330, "seed": 3}
    intervals = {"tick_nimg": 40, "sample_nimg": 150, "snapshot_nimg": 200, "checkpoint_nimg": 48}
    return resolve(dataclasses.replace(presets.preset(preset), **(data | size | intervals | changes)))


def start(folder: Path, preset: str, **changes: object) -> Path:
    create_run(folder, config(preset, **changes), "test")
    return folder


def go_on(folder: Path, should_stop=lambda: False) -> list[str]:
    """Train a run folder from where it stands; return what was said."""
    said: list[str] = []
    for _ in run_training(open_run(folder), dataset(), say=said.append, should_stop=should_stop):
        pass
    return said


@pytest.fixture(autouse=True, scope="module")
def _no_waiting_for_the_disk():
    """A killed process loses nothing it has written, flushed to the disk or not; so the tests need not wait for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", no_wait)
        yield


def no_wait(descriptor: int) -> None:
    pass


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> dict[str, dict[str, object]]:
    """The undisturbed run of each preset, and a check that it is one worth comparing with."""
    records = {}
    for preset in PRESETS:
        folder = start(tmp_path_factory.mktemp("undisturbed") / preset, preset)
        go_on(folder)
        records[preset] = record(folder)
        names = "\n".join(records[preset])
        assert names.count("state.safetensors") == 2
        assert names.count("samples/") == 4
        assert names.count("snapshots/") == 2
        assert len(records[preset]["stats.jsonl"]) == 9
        assert open_run(folder).status["state"] == "finished"
    return records


def test_the_same_run_twice_is_the_same(tmp_path, undisturbed):
    go_on(start(tmp_path / "again", "dcgan"))
    assert_same(tmp_path / "again", undisturbed["dcgan"])
    assert go_on(tmp_path / "again")[-1].endswith("continuing at 330 of 330 images.")  # finished: nothing happens
    assert_same(tmp_path / "again", undisturbed["dcgan"])


def test_a_different_seed_is_a_different_run(tmp_path, undisturbed):
    """The comparison above can fail."""
    go_on(start(tmp_path / "other", "gan", seed=4))
    with pytest.raises(AssertionError):
        assert_same(tmp_path / "other", undisturbed["gan"])


@pytest.mark.parametrize("preset", PRESETS)
def test_stopped_after_any_step_and_resumed(tmp_path, undisturbed, preset):
    """Stop after step 1, 4, 9 and 16 in one run, each time in a new TrainState."""
    folder = start(tmp_path / preset, preset)
    for num_steps in (1, 3, 5, 7):
        left = iter(range(num_steps))
        with pytest.raises(Interrupted, match="saved"):
            go_on(folder, should_stop=lambda left=left: next(left, None) is None)
        assert open_run(folder).status["state"] == "interrupted"
    assert "continuing at 256 of 330" in go_on(folder)[-1]
    assert_same(folder, undisturbed[preset])


@pytest.mark.parametrize("stop_at", range(0, 330, 16))
def test_stopped_anywhere(tmp_path, undisturbed, stop_at):
    folder = start(tmp_path / "run", "gan")
    left = iter(range(stop_at // 16))
    with pytest.raises(Interrupted):
        go_on(folder, should_stop=lambda: next(left, None) is None)
    assert (folder / "snapshots" / f"G_ema-{stop_at:09d}.safetensors").exists() == (stop_at > 0)
    go_on(folder)
    assert_same(folder, undisturbed["gan"])


WRITES = ("fsync", "replace", "mkdir", "unlink", "rmdir")


def train_in_process(folder: Path, kill_at_write: int | None = None, limit_bytes: int | None = None) -> None:
    """Train in a process of its own; exit code as the command line's.

    Die by SIGKILL just before the given call that changes the file system, or live under a limit on file sizes (what
    the kernel then returns to a write is an error like that of a full disk).
    """
    os.fsync = no_wait
    if limit_bytes is not None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))
    if kill_at_write is not None:
        left = iter(range(kill_at_write))
        for name in WRITES:
            setattr(os, name, counted(getattr(os, name), left))
    try:
        go_on(folder)
    except (StorageError, CheckpointError, DivergedError) as error:
        sys.exit(error.exit_code)


def counted(function, left):
    def call(*arguments, **options):
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)

    return call


def process(*arguments, **options):
    child = PROCESSES.Process(target=train_in_process, args=arguments, kwargs=options)
    child.start()
    return child


def kill_randomly(folder: Path, num_kills: int, seconds: float, seed: int) -> int:
    """Kill a run at random moments until it was killed so often; it starts anew when it was faster. Return kills."""
    draw = np.random.default_rng(seed)
    kills = 0
    while kills < num_kills:
        child = process(folder)
        child.join(timeout=draw.uniform(0, seconds))
        child.kill()
        child.join()
        assert child.exitcode in (0, -signal.SIGKILL)
        kills += child.exitcode != 0
        if child.exitcode == 0:
            for name in ("checkpoints", "samples", "snapshots"):
                shutil.rmtree(folder / name)
    return kills


def seconds_of_a_run(folder: Path) -> float:
    first = PROCESSES.Process(target=no_wait, args=(0,))
    first.start()  # the server of processes starts with the first one; that is not a run's time
    first.join()
    begin = time.perf_counter()
    child = process(folder)
    child.join()
    assert child.exitcode == 0
    return time.perf_counter() - begin


@pytest.mark.parametrize("preset", PRESETS)
def test_killed_at_random_moments(tmp_path, undisturbed, preset):
    seconds = seconds_of_a_run(start(tmp_path / "timed", preset))
    assert_same(tmp_path / "timed", undisturbed[preset])  # another process, the same bytes
    folder = start(tmp_path / preset, preset)
    assert kill_randomly(folder, 6, 0.6 * seconds, seed=1) == 6
    go_on(folder)
    assert_same(folder, undisturbed[preset])


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_killed_thirty_times(tmp_path, undisturbed, preset):
    seconds = seconds_of_a_run(start(tmp_path / "timed", preset))
    folder = start(tmp_path / preset, preset)
    assert kill_randomly(folder, 30, 0.6 * seconds, seed=2) == 30
    go_on(folder)
    assert_same(folder, undisturbed[preset])


def killed_before_write(folder: Path, number: int, undisturbed: dict[str, object]) -> bool:
    """Kill a new run before its n-th write, resume, compare; return whether it lived long enough to be killed."""
    start(folder, "gan", keep_checkpoints=2)
    child = process(folder, kill_at_write=number)
    child.join()
    if child.exitcode == 0:
        return False
    assert child.exitcode == -signal.SIGKILL
    for path in checkpoint.checkpoints(folder)[-1:]:
        checkpoint.verify(path)  # the newest that stands under its final name is whole
    go_on(folder)
    assert_same(folder, undisturbed)
    return True


@pytest.mark.parametrize("number", [0, 3, 9, 15, 37, 39, 41, 43, 78, 112, 117])
def test_killed_inside_a_save(tmp_path, undisturbed, number):
    assert killed_before_write(tmp_path / "run", number, undisturbed["gan"])


@pytest.mark.slow
def test_killed_before_every_single_write(tmp_path, undisturbed):
    number = 0
    while killed_before_write(tmp_path / f"run-{number}", number, undisturbed["gan"]):
        number += 1
    assert number > 100


def test_killed_before_the_first_checkpoint_starts_again_from_0(tmp_path, undisturbed):
    folder = start(tmp_path / "run", "gan", checkpoint_nimg=48)
    child = process(folder, kill_at_write=12)
    child.join()
    assert (folder / "samples").exists()
    assert not checkpoint.checkpoints(folder)
    with open(folder / "stats.jsonl", "a", encoding="utf-8") as handle:
        handle.write('{"cur_nimg": 48, "ep')  # a line torn by the kill
    assert not any("continuing" in line for line in go_on(folder))
    assert_same(folder, undisturbed["gan"])


def flip_a_bit(path: Path) -> None:
    data = bytearray((path / "state.safetensors").read_bytes())
    data[len(data) // 2] ^= 4
    (path / "state.safetensors").write_bytes(data)


def cut_short(path: Path) -> None:
    data = (path / "state.safetensors").read_bytes()
    (path / "state.safetensors").write_bytes(data[: len(data) // 2])


DAMAGES = {
    "bit": flip_a_bit,
    "cut": cut_short,
    "no manifest": lambda path: (path / "manifest.json").unlink(),
    "empty manifest": lambda path: (path / "manifest.json").write_bytes(b""),
    "odd manifest": lambda path: (path / "manifest.json").write_text('{"files": []}', encoding="utf-8"),
    "no state": lambda path: (path / "state.safetensors").unlink(),
    "counters": lambda path: (path / "counters.json").write_text('{"cur_nimg": 16}', encoding="utf-8"),
}


def stopped(folder: Path, preset: str = "gan", num_steps: int = 11) -> Path:
    """A run with several checkpoints, stopped after a number of steps."""
    start(folder, preset)
    left = iter(range(num_steps))
    with pytest.raises(Interrupted):
        go_on(folder, should_stop=lambda: next(left, None) is None)
    return folder


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_newest_checkpoint_falls_back_loudly(tmp_path, undisturbed, damage):
    folder = stopped(tmp_path / "run")
    newest = checkpoint.checkpoints(folder)[-1]
    assert newest.name == "checkpoint-000000176"
    DAMAGES[damage](newest)
    said = go_on(folder)
    assert any(str(newest) in line and "is damaged" in line and "the one before" in line for line in said)
    assert any("continuing at 144 of 330" in line for line in said)
    assert_same(folder, undisturbed["gan"])


def test_all_checkpoints_damaged_is_an_error_with_exit_code_1(tmp_path):
    folder = stopped(tmp_path / "run")
    for path, damage in zip(checkpoint.checkpoints(folder), (cut_short, flip_a_bit, cut_short)):
        damage(path)
    before = record(folder)
    with pytest.raises(CheckpointError, match=r"all 3 checkpoints .* are damaged\. Restore one") as caught:
        go_on(folder)
    assert caught.value.exit_code == 1
    assert record(folder) == before  # nothing was thrown away


@pytest.mark.parametrize("preset", PRESETS)
def test_disk_full_while_saving_keeps_the_last_checkpoint(tmp_path, undisturbed, preset):
    """The kernel refuses every file larger than half a checkpoint."""
    folder = stopped(tmp_path / "run", preset)
    newest = checkpoint.checkpoints(folder)[-1]
    size = (newest / "state.safetensors").stat().st_size
    child = process(folder, limit_bytes=size // 2)
    child.join()
    assert child.exitcode == 1
    assert checkpoint.newest_good(folder) == newest
    status = open_run(folder).status
    assert status["state"] == "failed"
    assert "File too large" in status["message"]
    assert str(newest) in status["message"]
    assert not list((folder / "checkpoints").glob(".*"))
    go_on(folder)
    assert_same(folder, undisturbed[preset])


def test_disk_full_for_every_file(tmp_path, undisturbed):
    folder = stopped(tmp_path / "run")
    newest = checkpoint.checkpoints(folder)[-1]
    child = process(folder, limit_bytes=0)
    child.join()
    assert child.exitcode == 1
    assert checkpoint.newest_good(folder) == newest
    go_on(folder)
    assert_same(folder, undisturbed["gan"])


@pytest.mark.parametrize("name", ["append_jsonl", "write_bytes"])
def test_disk_full_anywhere_in_the_loop(tmp_path, monkeypatch, undisturbed, name):
    folder = stopped(tmp_path / "run")
    real = getattr(files, name)

    def full(path: Path, *arguments: object) -> None:
        if path.name not in ("status.json", "stats.jsonl") or name == "append_jsonl":
            raise StorageError(f"could not write {path}: No space left on device.")
        real(path, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(files, name, full)
        with pytest.raises(StorageError, match="No space left on device") as caught:
            go_on(folder)
    assert caught.value.exit_code == 1
    assert open_run(folder).status["state"] == "failed"
    go_on(folder)
    assert_same(folder, undisturbed["gan"])


def test_an_error_of_the_system_is_told_in_words(tmp_path, monkeypatch):
    folder = start(tmp_path / "run", "gan")

    real = Path.mkdir

    def full(self: Path, *arguments: bool, **options: bool) -> None:
        if self.name == "samples":
            raise OSError(28, "No space left on device", str(self))
        real(self, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", full)
        with pytest.raises(StorageError, match="No space left on device"):
            go_on(folder)
    assert open_run(folder).status["state"] == "failed"


def test_a_second_writer_is_refused(tmp_path):
    folder = start(tmp_path / "run", "gan", total_nimg=10_000_000)
    child = process(folder)
    try:
        while not (folder / "samples").exists():
            assert child.is_alive()
            time.sleep(0.02)
        with pytest.raises(RunError, match="being written by another process"):
            go_on(folder)
    finally:
        child.kill()
        child.join()
    left = iter(range(2))
    with pytest.raises(Interrupted):  # the lock died with its process
        go_on(folder, should_stop=lambda: next(left, None) is None)


def test_a_new_run_never_overwrites_one(tmp_path):
    folder = start(tmp_path / "run", "gan")
    with pytest.raises(RunError, match=r"already holds a run\. Continue it with"):
        start(folder, "dcgan")


def test_other_data_is_refused(tmp_path):
    folder = stopped(tmp_path / "run")
    with pytest.raises(DataError, match=r"was trained on made-up with hash abab.*the same data"):
        next(run_training(open_run(folder), dataset("cd" * 32), say=print))


def test_poisoned_data_stops_before_the_step(tmp_path, monkeypatch):
    folder = start(tmp_path / "run", "dcgan")
    real = ImageStream.real_img

    def poisoned(self: ImageStream, start_nimg: int, num: int) -> torch.Tensor:
        img = real(self, start_nimg, num)
        return img.fill_(float("nan")) if start_nimg >= 208 else img

    monkeypatch.setattr(ImageStream, "real_img", poisoned)
    with pytest.raises(DivergedError, match=r"D diverged after 208 images: its loss is nan") as caught:
        go_on(folder)
    newest = checkpoint.checkpoints(folder)[-1]
    assert newest.name == "checkpoint-000000192"
    assert f"The last good checkpoint is {newest}." in str(caught.value)
    assert caught.value.exit_code == 1
    assert open_run(folder).status["state"] == "diverged"
    checkpoint.verify(newest)


def test_poisoned_from_the_start_says_that_there_is_no_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr(adversarial, "d_loss", lambda real, gen: real * float("inf"))
    with pytest.raises(DivergedError, match="There is no checkpoint yet"):
        go_on(start(tmp_path / "run", "gan"))


@pytest.mark.parametrize(("network", "loss"), [("D", "d_loss"), ("G", "g_loss")])
def test_a_poisoned_loss_leaves_the_network_alone(monkeypatch, network, loss):
    torch.set_num_threads(1)
    state = TrainState(config("dcgan"), torch.device("cpu"))
    stream = ImageStream(dataset().train, 0, "cpu")
    train_step(state, stream.real_img(0, 16), torch.ones(16, 5))
    before = {name: value for name, value in state.tensors().items() if is_weight(name, network)}
    monkeypatch.setattr(adversarial, loss, lambda real, gen: (real + gen) * float("nan"))
    with pytest.raises(DivergedError, match=f"{network} diverged after 16 images.*step was not taken"):
        train_step(state, stream.real_img(16, 16), torch.ones(16, 5))
    after = state.tensors()
    assert before
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert state.cur_nimg == 16


def is_weight(name: str, network: str) -> bool:
    """Weights and optimizer state, which a step moves; batch-norm statistics move with every forward pass."""
    return (
        name.startswith((f"{network}.", f"optimizer_{network}."))
        and "running" not in name
        and "num_batches" not in name
    )
