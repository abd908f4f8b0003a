"""Damaged checkpoints, full disks, second writers and poisoned losses: an answer in words, the last checkpoint good."""

import sys
import time
from pathlib import Path

import pytest
import torch
from small_runs import PRESETS, assert_same, config, dataset, go_on, process, record, start, stopped

from ganatomy import files
from ganatomy.datasets.stream import ImageStream
from ganatomy.errors import CheckpointError, DataError, DivergedError, Interrupted, RunError, StorageError
from ganatomy.losses import adversarial
from ganatomy.training import checkpoint
from ganatomy.training.run import open_run
from ganatomy.training.session import run_training
from ganatomy.training.state import TrainState
from ganatomy.training.step import train_step

if sys.platform == "win32":
    pytest.skip("needs POSIX signals and limits", allow_module_level=True)

pytestmark = pytest.mark.usefixtures("no_waiting")


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
        if path.name not in ("status.json", "stats.jsonl", "panel.jsonl") or name == "append_jsonl":
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
    with pytest.raises(DivergedError, match=f"{network} diverged after 16 images.*optimizer was not stepped"):
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
