"""The panel: its numbers where they are known, and what a watched training says and writes."""

import dataclasses

import numpy as np
import pytest
import torch

from ganatomy import config as configuration
from ganatomy import files, images
from ganatomy.datasets.store import Dataset, ImageStore
from ganatomy.errors import RunError
from ganatomy.metrics import health
from ganatomy.metrics.panel import Panel, mean_distance, movement
from ganatomy.metrics.random_features import random_network
from ganatomy.metrics.watch import Watch, judge_run, line_of
from ganatomy.presets import preset
from ganatomy.training.run import create_run, open_run
from ganatomy.training.session import run_training
from ganatomy.training.state import TrainState

SHA256 = "cd" * 32


def dataset() -> Dataset:
    img = torch.from_numpy(np.random.default_rng(5).integers(0, 256, (300, 1, 8, 12), dtype=np.uint8))
    return Dataset("made-up", ImageStore(img[:240]), ImageStore(img[240:]), SHA256, ())


def start(folder, **changes):
    data = {"data": "made-up", "data_sha256": SHA256, "num_train": 240, "img_height": 8, "img_width": 12}
    size = {"z_dim": 4, "batch_size": 32, "total_nimg": 960, "tick_nimg": 64, "sample_nimg": 320}
    config = configuration.resolve(dataclasses.replace(preset("dcgan"), **(data | size | changes)))
    return create_run(folder, config, "test")


def train(run, said=None):
    say = (said if said is not None else []).append
    return list(run_training(run, dataset(), say=say, watch=Watch(run, dataset(), say)))


def test_mean_distance_is_that_of_all_pairs():
    from scipy.spatial.distance import pdist

    rows = np.random.default_rng(0).normal(3, 2, (70, 9))
    assert mean_distance(rows) == pytest.approx(pdist(rows).mean(), rel=1e-9)
    assert mean_distance(np.ones((5, 3))) == 0.0


def test_movement_is_the_root_mean_square_change_of_the_last_two_pictures(tmp_path):
    (tmp_path / "samples").mkdir()
    assert movement(tmp_path, 0) is None
    before, now = np.zeros((4, 6), np.uint8), np.full((4, 6), 3, np.uint8)
    now[0] = 7
    images.save_png(tmp_path / "samples" / "fixed-000000000.png", before)
    assert movement(tmp_path, 0) is None
    images.save_png(tmp_path / "samples" / "fixed-000001600.png", now)
    assert movement(tmp_path, 1600) == pytest.approx(np.sqrt((3 * 9 + 49) / 4))
    assert movement(tmp_path, 3200) is None
    images.save_png(tmp_path / "samples" / "fixed-000001700.png", now)
    assert movement(tmp_path, 1700) == pytest.approx(np.sqrt((3 * 9 + 49) / 4))  # against the first, not 100 before
    (tmp_path / "samples" / "fixed-000001600.png").write_bytes(b"no picture")
    with pytest.raises(RunError, match=r"fixed-000001600\.png cannot be read"):
        movement(tmp_path, 1600)


def test_looking_changes_nothing_in_the_state(tmp_path):
    run = start(tmp_path / "run")
    state = TrainState(run.config, torch.device("cpu"))
    before = state.tensors()
    panel = Panel(run.folder, dataset(), random_network((1, 8, 12)))
    first, again = panel.look(state), panel.look(state)
    assert first == again
    after = state.tensors()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert state.D.training
    assert state.G.training


def test_the_panel_by_hand(tmp_path):
    """D's side: mean logits of D as it trains; overfit is the share of the way from seen real to generated images."""
    run = start(tmp_path / "run")
    state = TrainState(run.config, torch.device("cpu"))
    seen = Panel(run.folder, dataset(), random_network((1, 8, 12))).look(state)
    with torch.no_grad():
        train_logits = state.D(images.to_float(dataset().train.images))
    assert set(seen) == {"contrast", "diversity", "kd", "d_train", "d_test", "d_gen", "overfit", "movement"}
    assert seen["d_train"] == pytest.approx(float(train_logits.mean()), rel=1e-4)
    assert seen["overfit"] == pytest.approx((seen["d_train"] - seen["d_test"]) / (seen["d_train"] - seen["d_gen"]))


def test_a_watched_run_writes_a_look_per_picture_and_its_health(tmp_path):
    run = start(tmp_path / "run")
    steps = train(run)
    looks = list(files.read_jsonl(run.folder / "panel.jsonl"))
    assert [line["cur_nimg"] for line in looks] == [0, 320, 640, 960]
    assert {line["movement"] for line in looks} == {None}  # too short to compare pictures
    written = files.read_json(run.folder / health.RECORD_NAME)
    assert written["overall"] == "unknown"  # too short to judge
    assert {verdict["id"] for verdict in written["verdicts"]} == set(health.VERDICTS)
    assert {step.note for step in steps} == {""}
    verdicts = judge_run(run)
    assert [verdict.state for verdict in verdicts] == ["unknown"] * len(verdicts)
    assert files.read_json(run.folder / health.RECORD_NAME) == written


def test_a_fault_is_said_once_also_over_a_resume(tmp_path, monkeypatch):
    monkeypatch.setattr(health, "SIGNALS", [dataclasses.replace(s, grace_nimg=300) for s in health.SIGNALS])
    monkeypatch.setattr("ganatomy.metrics.panel.MOVEMENT_NIMG", 300)
    run = start(tmp_path / "run", lr_g=1e-9, lr_d=1e-9)
    said: list[str] = []
    steps = train(run, said)
    told = [line for line in said if line.startswith("health: stalled since 320 images")]
    assert len(told) == 1
    assert "ganatomy doctor" in told[0]
    assert "stalled" in steps[-1].note
    lines = (run.folder / "panel.jsonl").read_text()
    # Resumed from its checkpoint at 640 images: the same lines, and nothing is said again.
    for path in sorted((run.folder / "checkpoints").glob("*"))[-1:]:
        if path.is_dir():
            for file in path.iterdir():
                file.unlink()
            path.rmdir()
        else:
            path.unlink()
    again: list[str] = []
    train(open_run(run.folder), again)
    assert (run.folder / "panel.jsonl").read_text() == lines
    assert any("continuing at" in line for line in again)
    assert not [line for line in again if line.startswith("health: stalled")]


def test_a_verdict_in_a_line():
    found = {verdict.id: verdict for verdict in health.judge(health.Record([], [], 1000, diverged_nimg=700))}
    assert line_of(found["divergence"]) == "divergence at 700 images (a loss or gradient was not finite)"
    assert line_of(found["stalled"]) == "stalled: nothing to judge yet"
