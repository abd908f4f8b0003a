"""Budgets: what is a time, what a run costs, and the length that follows from it."""

import dataclasses
import json
import math
import os
import platform
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_runs import config as small_config
from small_runs import dataset

from ganatomy import files, presets
from ganatomy.config import TrainConfig, resolve
from ganatomy.errors import ConfigError, Interrupted
from ganatomy.metrics.watch import Watch
from ganatomy.training import budget, checkpoint, ema, runlog, schedule
from ganatomy.training.budget import Costs

INTERVALS = ("tick_nimg", "sample_nimg", "snapshot_nimg", "checkpoint_nimg")
COSTS = Costs(
    startup_sec=1.5, step_sec=0.05, block_sec=0.008, epoch_sec=0.001, usable_sec=0.4, stats_sec=0.0003, sample_sec=0.07,
    look_sec=0.3, first_look_sec=1.1, snapshot_sec=0.004, checkpoint_sec=0.05,
)  # fmt: skip


def open_config(**changes: object) -> TrainConfig:
    return dataclasses.replace(presets.dcgan(), num_train=60_000, budget_sec=120.0, **changes)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10min", 600), ("2min", 120), ("1h30min", 5400), ("0.5h", 1800), ("1h0min5s", 3605), ("1.5min", 90)],
)
def test_times(text, seconds):
    assert budget.parse_budget(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10",
        "10m",
        "10 min",
        "-5s",
        "0s",
        "s",
        "5min1h",
        "1h30",
        "1e3s",
        "nan",
        "infs",
        ".5h",
        "9999h",
        "10minutes",
        "١s",
    ],
)
def test_what_is_no_time(text):
    with pytest.raises(ConfigError, match=r"budget .*(as in 90s, 10min, 0.5h or 1h30min|at most 8784h)"):
        budget.parse_budget(text)


def simulated_sec(config: TrainConfig, costs: Costs) -> float:
    """The loop of training/loop.py, with costs in place of work."""
    total, seconds = config.total_nimg, costs.startup_sec + costs.first_look_sec
    cur, last = 0, -1
    while True:
        done = cur >= total
        due = {name: done or schedule.is_due(getattr(config, name), last, cur) for name in INTERVALS}
        seconds += costs.stats_sec * (due["tick_nimg"] and cur > 0)
        seconds += (costs.sample_sec + costs.look_sec) * due["sample_nimg"]
        seconds += costs.snapshot_sec * (due["snapshot_nimg"] and cur > 0)
        seconds += costs.usable_sec * (due["sample_nimg"] or (due["snapshot_nimg"] and cur > 0))
        seconds += costs.checkpoint_sec * (due["checkpoint_nimg"] and cur > 0)
        if done:
            break
        last, cur = cur, min(total, cur + config.batch_size)
        seconds += costs.step_sec
    return seconds + math.ceil(total / 4096) * costs.block_sec + math.ceil(total / config.num_train) * costs.epoch_sec


@given(
    num_steps=st.integers(1, 400),
    batch_size=st.integers(1, 70),
    intervals=st.lists(st.one_of(st.none(), st.integers(1, 3000)), min_size=4, max_size=4),
)
def test_the_prediction_is_the_loop_counted_through(num_steps, batch_size, intervals):
    open_one = open_config(batch_size=batch_size, **dict(zip(INTERVALS, intervals)))
    config = budget.with_steps(open_one, num_steps)
    assert config.total_nimg == num_steps * batch_size
    assert budget.predict_sec(config, COSTS) == pytest.approx(simulated_sec(config, COSTS), rel=1e-9)


@given(available=st.floats(15, 5000), step=st.floats(1e-4, 1.0))
def test_the_longest_run_that_fits(available, step):
    """A pure function of the costs: it fits, and a run that is longer by a thousandth and ten steps does not."""
    costs = dataclasses.replace(COSTS, step_sec=step)
    config = budget.choose_config(open_config(), costs, available)
    if config is None:
        assert budget.predict_sec(budget.with_steps(open_config(), budget.MIN_STEPS), costs) > available
        return
    assert config == budget.choose_config(open_config(), costs, available)
    assert config == resolve(config)
    assert budget.predict_sec(config, costs) <= available
    num_steps = config.total_nimg // config.batch_size
    tasks = 2 * (COSTS.usable_sec + COSTS.sample_sec + COSTS.look_sec + COSTS.checkpoint_sec)
    longer = budget.with_steps(open_config(), num_steps + 10 + math.ceil(tasks / step))
    assert budget.predict_sec(longer, costs) > available


def test_all_intervals_are_shares_of_the_length_but_those_asked_for():
    config = budget.choose_config(open_config(snapshot_nimg=640), COSTS, 100.0)
    assert config.total_nimg % config.batch_size == 0
    assert config.snapshot_nimg == 640
    assert config.sample_nimg == math.ceil(config.total_nimg / 10)
    assert config.budget_sec == 120.0
    assert config.num_epochs == config.total_nimg / 60_000


class Clock:
    """Seconds that pass when someone looks."""

    def __init__(self, *readings: float):
        self._readings = list(readings)

    def __call__(self) -> float:
        return self._readings.pop(0)


class Measured:
    """Stands for the calibration."""

    def __init__(self, *arguments: object):
        pass

    def measure(self, seconds: float) -> Costs:
        assert seconds == pytest.approx(3.6)
        return COSTS


def decided(tmp_path, monkeypatch, elapsed: float, budget_sec: float = 120.0) -> budget.Decision:
    monkeypatch.setattr(budget, "_Calibration", Measured)
    config = dataclasses.replace(open_config(), budget_sec=budget_sec)
    decision = budget.decide(config, None, tmp_path, watch_of=None, elapsed=Clock(elapsed))
    assert list(tmp_path.iterdir()) == []
    return decision


def test_time_that_is_gone_makes_the_run_shorter(tmp_path, monkeypatch):
    early, late = decided(tmp_path, monkeypatch, 5.0), decided(tmp_path, monkeypatch, 35.0)
    assert early.config.total_nimg - late.config.total_nimg == pytest.approx(30 / COSTS.step_sec * 64, rel=0.02)
    for decision, gone in ((early, 5.0), (late, 35.0)):
        assert 0.97 * 120 < gone + decision.expected_sec <= 0.98 * 120


def test_a_budget_that_holds_nothing_says_what_would(tmp_path, monkeypatch):
    with pytest.raises(
        ConfigError, match=r"a budget of 120 s is too small: 115.0 s have gone.*least budget here is about (\d+)s"
    ) as got:
        decided(tmp_path, monkeypatch, 115.0)
    least = int(str(got.value).rpartition("about ")[2].rstrip("s."))
    config = open_config()
    shortest = budget.predict_sec(budget.with_steps(config, budget.MIN_STEPS), COSTS)
    assert least == pytest.approx((115 + shortest) / 0.98, abs=2)
    assert budget.choose_config(config, COSTS, least * 0.98 - 115) is not None


def test_a_small_budget_makes_a_complete_run(ganatomy_here, tmp_path, monkeypatch):
    """A real calibration on made-up pictures; the run is the one of that length, and nothing else is left behind."""
    monkeypatch.setattr(budget, "LEAST_SEC", 0.2)
    np.savez(tmp_path / "p.npz", images=np.random.default_rng(5).integers(0, 256, (400, 8, 12), dtype=np.uint8))
    words = ["train", "gan", "--data", tmp_path / "p.npz", "--z-dim", 5, "--num-threads", 1]
    done = ganatomy_here(*words, "--budget", "5s", "--out", tmp_path / "runs" / "a")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["a"]
    config = json.loads((tmp_path / "runs" / "a" / "config.json").read_text(encoding="utf-8"))
    total = config["total_nimg"]
    assert config["budget_sec"] == 5
    assert f"budget: {total:,} images" in done.stderr
    assert "it should end at" in done.stderr
    assert "budget: 5 s were given; all took" in done.stderr
    folder = tmp_path / "runs" / "a"
    assert json.loads((folder / "status.json").read_text(encoding="utf-8"))["state"] == "finished"
    assert 10 <= len(list((folder / "samples").iterdir())) <= 12
    assert (folder / "checkpoints" / f"checkpoint-{total:09d}").is_dir()
    done = ganatomy_here(*words, "--total-nimg", total, "--out", tmp_path / "runs" / "b")
    assert done.returncode == 0, done.stderr
    name = f"snapshots/G_ema-{total:09d}.safetensors"
    assert (folder / name).read_bytes() == (tmp_path / "runs" / "b" / name).read_bytes()


def test_every_round_of_a_calibration_does_all_the_work(tmp_path, monkeypatch):
    """Nothing that a round times is found ready from the round before."""
    made: dict[str, list[int]] = {"statistics": [], "checkpoint": [], "picture": []}

    def noting(name: str, function):
        def call(*arguments):
            made[name].append(1)
            return function(*arguments)

        return call

    monkeypatch.setattr(ema, "with_statistics", noting("statistics", ema.with_statistics))
    monkeypatch.setattr(checkpoint, "_write", noting("checkpoint", checkpoint._write))
    monkeypatch.setattr(runlog, "save_samples", noting("picture", runlog.save_samples))
    config = dataclasses.replace(small_config("gan"), total_nimg=None, budget_sec=9.0, num_threads=1)
    made_of = budget._Calibration(
        config, dataset(), tmp_path, lambda run: Watch(run, dataset(), lambda message: None), lambda: False
    )
    costs = made_of.measure(0.3)
    assert all(math.isfinite(value) and value >= 0 for value in dataclasses.asdict(costs).values())
    assert 2 <= len(made["picture"]) <= budget.MOST_ROUNDS + 1
    assert len({len(found) for found in made.values()}) == 1


def test_stopped_while_calibrating(tmp_path):
    config = dataclasses.replace(small_config("gan"), total_nimg=None, budget_sec=9.0)
    with pytest.raises(Interrupted, match="while calibrating"):
        budget.decide(
            config,
            dataset(),
            tmp_path,
            watch_of=lambda run: Watch(run, dataset(), lambda message: None),
            elapsed=Clock(0.0),
            should_stop=lambda: True,
        )
    assert list(tmp_path.iterdir()) == []


def test_a_calibration_that_diverges_leaves_nothing(ganatomy_here, tmp_path):
    np.savez(tmp_path / "p.npz", images=np.random.default_rng(5).integers(0, 256, (400, 8, 12), dtype=np.uint8))
    words = ["train", "gan", "--data", tmp_path / "p.npz", "--lr-g", "1e30", "--lr-d", "1e30", "--budget", "1min"]
    done = ganatomy_here(*words, "--out", tmp_path / "runs" / "a")
    assert done.returncode == 1
    assert "while calibrating: " in done.stderr
    assert "smaller --lr-g" in done.stderr
    assert list((tmp_path / "runs").iterdir()) == []


def test_what_killed_calibrations_left_is_removed_and_nothing_else(tmp_path):
    """Only a folder with our name, our mark and a dead process of this machine; `ended` is a number no process has."""
    ended = 2**22 + 5

    def scratch(name: str, mark: dict[str, object] | None) -> Path:
        (tmp_path / name / "run").mkdir(parents=True)
        if mark is not None:
            files.write_json(tmp_path / name / "calibration.json", mark)
        return tmp_path / name

    host = platform.node()
    scratch(f".calibration-{ended}-abcd1234", {"calibration_of": host, "process": ended})
    (tmp_path / f".calibration-{ended}-empty_12").mkdir()
    kept = [
        scratch(f".calibration-{ended}-unmarked", None),
        scratch(f".calibration-{ended}-elsewher", {"calibration_of": f"{host}-2", "process": ended}),
        scratch(f".calibration-{ended}-anothers", {"calibration_of": host, "process": ended + 1}),
        scratch(f".calibration-{os.getppid()}-alive123", {"calibration_of": host, "process": os.getppid()}),
        scratch(".calibration-notes", {"calibration_of": host, "process": ended}),
    ]
    (tmp_path / f".calibration-{ended}-linked12").symlink_to(kept[0])
    with budget._scratch_folder(tmp_path) as folder:
        assert folder.name.startswith(f".calibration-{os.getpid()}-")
        assert sorted(tmp_path.iterdir()) == sorted([*kept, folder, tmp_path / f".calibration-{ended}-linked12"])
    assert not folder.exists()


def test_small_runs_have_no_budget():
    assert small_config("gan").budget_sec is None
