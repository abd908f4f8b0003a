"""Several processes of one training: the same images and latents as one, equal parameters, a killed one restarted."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from small_runs import record
from torch import nn

from ganatomy.errors import ConfigError, GanatomyError, RunError
from ganatomy.training import distributed
from ganatomy.training.distributed import ALONE, Group, checksum
from ganatomy.training.run import open_run

SETTINGS = ("--batch-size", "16", "--z-dim", "5", "--seed", "3", "--tick-nimg", "160", "--checkpoint-nimg", "320")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("data") / "pictures.npz"
    img = np.random.default_rng(5).integers(0, 256, (70, 1, 8, 12), dtype=np.uint8)
    np.savez(path, images=img)
    return path


def words(preset: str, data: Path, folder: Path, total_nimg: int, *more: str) -> list[str]:
    what = ["--data", str(data), "--total-nimg", str(total_nimg), "--out", str(folder)]
    return ["train", preset, *what, *SETTINGS, *more]


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "NO_COLOR": "1"}


def torchrun(arguments: list[str], *options: str) -> subprocess.Popen:
    launcher = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone", *options]
    return subprocess.Popen(
        [sys.executable, *launcher, "-m", "ganatomy", *arguments], env=environment(), text=True, encoding="utf-8",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def finish(process: subprocess.Popen) -> str:
    printed, _ = process.communicate(timeout=240)
    assert process.returncode == 0, printed
    return printed


def newest(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(max((folder / "checkpoints").iterdir()) / "state.safetensors")


def test_two_processes_see_what_one_sees(tmp_path, data):
    """Without batch norm the split changes nothing but rounding: losses and weights agree to 1e-4 after 21 steps."""
    more = ("--engine", "fast", "--precision", "float32")
    together = torchrun(words("gan", data, tmp_path / "two", 330, *more))
    alone = subprocess.run(
        [sys.executable, "-m", "ganatomy", *words("gan", data, tmp_path / "one", 330, *more)], env=environment(),
        capture_output=True, check=True,
    )  # fmt: skip
    assert alone.returncode == 0
    printed = finish(together)
    assert "2 processes share every step of 16 images (8 + 8)" in printed
    assert printed.count("run folder:") == 1  # one of them speaks
    one, two = newest(tmp_path / "one"), newest(tmp_path / "two")
    assert one.keys() == two.keys()
    for name in one:
        torch.testing.assert_close(two[name], one[name], rtol=1e-4, atol=1e-5)
    for mine, theirs in zip(open_run(tmp_path / "one").stats(), open_run(tmp_path / "two").stats(), strict=True):
        for key, value in mine.items():
            if not key.startswith(("Timing/", "Resources/")):
                assert theirs[key] == pytest.approx(value, rel=1e-4, abs=1e-6), key
    config = open_run(tmp_path / "two").config
    assert (config.num_processes, config.num_threads) == (2, 1)


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_one_process_killed_and_all_restarted(tmp_path, data):
    """The job goes on from the last checkpoint and ends with the bytes of the undisturbed one; batch norm and all."""
    total = 3200
    finish(torchrun(words("dcgan", data, tmp_path / "whole", total)))
    arguments = words("dcgan", data, tmp_path / "killed", total)
    job = torchrun(arguments, "--max-restarts", "2")
    deadline = time.monotonic() + 120
    while not any((tmp_path / "killed" / "checkpoints").glob("checkpoint-*")):
        assert job.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(worker(job.pid, "1"), signal.SIGKILL)
    assert "started again after a process failed (restart 1)" in finish(job)
    whole, killed = record(tmp_path / "whole"), record(tmp_path / "killed")
    for each in (whole, killed):
        del each["command.txt"]
    assert whole.keys() == killed.keys()
    assert [name for name in whole if whole[name] != killed[name]] == []


def worker(launcher: int, rank: str) -> int:
    """Return the process of a rank below torchrun's."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[1])
            if parent == launcher and f"RANK={rank}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                return int(folder.name)
        except (OSError, IndexError):
            continue
    raise AssertionError("no such process")


def in_two_processes(work, *arguments) -> list[object]:
    """Run work(group, *arguments) in two forked processes of a gloo group; return what they gave."""
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    port = str(29500 + os.getpid() % 1000)

    def one(rank: int) -> None:
        os.environ |= {"WORLD_SIZE": "2", "RANK": str(rank), "LOCAL_RANK": str(rank)}
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        torch.set_num_threads(1)
        results.put((rank, work(distributed.join(torch.device("cpu")), *arguments)))
        distributed.leave()

    processes = [context.Process(target=one, args=(rank,)) for rank in range(2)]
    for process in processes:
        process.start()
    found = dict(results.get(timeout=60) for _ in processes)
    for process in processes:
        process.join(timeout=60)
    return [found[rank] for rank in range(2)]


def one_reduce(group: Group) -> dict[str, list[float]]:
    gradients = [torch.full((2, 3), 1.0 + group.rank), torch.full((4,), 10.0 * group.rank)]
    buffers = [torch.full((2,), float(group.rank))]
    _, num = group.part(5)
    logits = torch.arange(float(num)) + 100 * group.rank
    (found,) = group.reduce(gradients, [logits], buffers, 5)
    flags = [group.any(group.rank == 1), group.any(False)]
    return {
        "gradients": [float(tensor.flatten()[-1]) for tensor in gradients], "buffers": buffers[0].tolist(),
        "logits": found.tolist(), "flags": [float(flag) for flag in flags],
    }  # fmt: skip


def test_one_message_sums_gradients_averages_buffers_and_gathers_logits():
    wanted = {"gradients": [3.0, 10.0], "buffers": [0.5, 0.5], "logits": [0, 1, 100, 101, 102], "flags": [1.0, 0.0]}
    assert in_two_processes(one_reduce) == [wanted, wanted]


def compare(group: Group, differ: bool) -> str:
    torch.manual_seed(0)
    network = nn.Linear(3, 4)
    if differ and group.rank == 1:
        with torch.no_grad():
            network.bias[2] += 1e-6
    try:
        group.check_same({"G": nn.Linear(1, 1, bias=False).requires_grad_(False).float(), "D": network})
    except RunError as error:
        return str(error)
    return "same"


def test_parameters_that_differ_in_one_bit_are_found():
    assert in_two_processes(compare, False) == ["same", "same"]
    for text in in_two_processes(compare, True):
        assert "different parameters of D" in text
        assert "G" not in text.split("parameters of ")[1].split(";")[0]


@given(st.integers(1, 300), st.integers(1, 9))
def test_parts_cover_a_step_in_order(num_images, size):
    parts = [Group(rank, size).part(num_images) for rank in range(size)]
    covered = [image for first, num in parts for image in range(first, first + num)]
    assert covered == list(range(num_images))
    assert max(num for _, num in parts) - min(num for _, num in parts) <= 1


def test_one_process_alone_sends_nothing():
    gradient, logits = torch.ones(3), torch.arange(4.0)
    assert ALONE.reduce([gradient], [logits], [], 4)[0] is logits
    assert ALONE.part(17) == (0, 17)
    assert not ALONE.any(False)
    ALONE.check_same({"G": nn.Linear(2, 2)})


def test_a_checksum_sees_values_and_their_places():
    network = nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        network.weight.copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        before = checksum(network)
        network.weight.copy_(torch.tensor([[2.0, 1.0], [3.0, 4.0]]))
    assert checksum(network) != before


@pytest.mark.parametrize(("batch_size", "total"), [(1, 10), (16, 33)])
def test_steps_too_small_to_split_are_refused(batch_size, total):
    with pytest.raises(ConfigError, match="a step of 1 images cannot be split among 2 processes"):
        distributed.check_split(batch_size, total, Group(0, 2))


@pytest.mark.parametrize(
    ("more", "message"),
    [((), "give --out FOLDER"), (("--out", "x", "--seeds", "2"), "--seeds is for one process"),
     (("--out", "x", "--budget", "2min"), "--budget is for one process")],
)  # fmt: skip
def test_what_several_processes_cannot_do(ganatomy_here, more, message):
    done = ganatomy_here("train", "gan", *more, env={"WORLD_SIZE": "2", "RANK": "0"})
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def refuse_in_turn(group: Group, rank: int) -> str:
    """In one process the work is refused; return how each of them ends."""

    def work() -> str:
        if group.rank == rank:
            raise ConfigError("the data are not here.")
        return "done"

    try:
        return group.in_turn(work)
    except GanatomyError as error:
        return f"{type(error).__name__} {error.exit_code} {error.is_said_here}: {error}"


@pytest.mark.parametrize("rank", [0, 1])
def test_what_one_process_refuses_ends_all_and_is_said_once(rank):
    found = in_two_processes(refuse_in_turn, rank)
    assert found[rank] == "ConfigError 2 True: the data are not here."
    assert found[1 - rank] == f"ElsewhereError 2 False: process {rank} of this training could not go on."
    assert in_two_processes(refuse_in_turn, 5) == ["done", "done"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["train", "gan", "--data", "nosuch", "--out", "{out}"], "unknown data set 'nosuch'"),
        (["train", "dcgn", "--out", "{out}"], "unknown preset 'dcgn'"),
        (["train", "gan", "--data", "{data}"], "give --out FOLDER"),
        (["train", "gan", "--data", "{data}", "--out", "{data}"], "cannot be written"),
        (["train", "gan", "--data", "{data}", "--out", "{out}", "--batch-size", "1"], "cannot be split"),
    ],
)
def test_a_wrong_option_is_said_once(tmp_path, data, arguments, expected):
    process = torchrun([word.format(out=tmp_path / "run", data=data) for word in arguments])
    printed, _ = process.communicate(timeout=240)
    assert process.returncode == 1  # torchrun's own
    lines = [line for line in printed.splitlines() if line.startswith("ganatomy:")]
    assert len(lines) == 1
    assert expected in lines[0]
    assert "--resume" not in printed
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_an_option_that_does_not_exist_is_said_once(tmp_path):
    process = torchrun(["train", "gan", "--batch-siz", "3", "--out", str(tmp_path / "run")])
    printed, _ = process.communicate(timeout=240)
    assert printed.count("--batch-size INT") == 1
