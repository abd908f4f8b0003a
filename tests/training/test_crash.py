"""Runs that are stopped or killed at any moment end as the undisturbed run, byte for byte.

The command line with its signals is tested on real data in `test_crash_cli.py`.
"""

import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from small_runs import PRESETS, assert_same, go_on, process, record, start

from ganatomy.errors import Interrupted
from ganatomy.training import checkpoint
from ganatomy.training.run import open_run

if sys.platform == "win32":
    pytest.skip("needs POSIX signals and limits", allow_module_level=True)

pytestmark = pytest.mark.usefixtures("no_waiting")


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


@pytest.mark.slow
def test_two_threads_resume_exactly_too(tmp_path):
    """The number of threads is part of the configuration, so that resuming uses the same."""
    whole, parts = (start(tmp_path / name, "dcgan", num_threads=2, total_nimg=128) for name in ("whole", "parts"))
    go_on(whole)
    left = iter(range(3))
    with pytest.raises(Interrupted):
        go_on(parts, should_stop=lambda: next(left, None) is None)
    torch.set_num_threads(1)
    go_on(parts)
    assert torch.get_num_threads() == 2
    assert_same(parts, record(whole))


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
    first = start(folder.with_name("first"), "gan")
    process(first, kill_at_write=0).join()  # the server of processes starts with the first one
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
