"""Data without classes from training to claims: distances are measured, and what needs classes says why it is not."""

import dataclasses
import json

import pytest
import torch

from ganatomy import presets, rng
from ganatomy.config import resolve
from ganatomy.datasets.store import Dataset, ImageStore
from ganatomy.laboratory import stages
from ganatomy.laboratory.claims import decide_claims
from ganatomy.laboratory.evidence import by_recipe
from ganatomy.latent.dissection import DissectConfig
from ganatomy.progress import Progress
from ganatomy.training.run import create_run, open_run
from ganatomy.training.session import run_training


def unlabelled() -> Dataset:
    img = torch.from_numpy(rng.generator(0, "test_unlabelled").integers(0, 256, (160, 3, 8, 9))).to(torch.uint8)
    return Dataset("photos", ImageStore(img[:120]), ImageStore(img[120:]), "ab" * 32, ())


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A tiny run of the gan preset with its measurement and its latent experiment."""
    folder = tmp_path_factory.mktemp("unlabelled") / "gan-s0"
    data = unlabelled()
    channels, height, width = data.img_shape
    config = dataclasses.replace(
        presets.preset("gan"), z_dim=4, batch_size=16, total_nimg=480, data=data.name, data_sha256=data.sha256,
        num_train=len(data.train), img_channels=channels, img_height=height, img_width=width, tick_nimg=16,
    )  # fmt: skip
    run = create_run(folder, resolve(config), "test")
    for _ in run_training(run, data, say=lambda message: None):
        pass
    run = open_run(folder)
    small = DissectConfig(num_dims=2, num_codes=2, num_latents=6, num_latents_all=5, num_prior_img=20)
    *_, record = stages.measure_run(run, data, seed=0, num_sets=1)
    *steps, dissected = stages.dissect_run(run, data, small)
    assert all(isinstance(step, Progress) for step in steps)
    return run, record, dissected


def test_distances_are_measured_and_classes_are_not(measured):
    run, record, _ = measured
    assert record["features"]["name"] == "random-v1"
    score = record["scores"]["fd10k_test[random-v1]"]
    assert score["value"] > 0
    assert (score["num_real"], score["num_floor"]) == (40, 20)
    assert record["classes"] is None
    assert record["confidence"] is None
    assert "photos has no classes" in record["message"]
    lines = stages.measure_lines(record)
    assert "fd10k_test[random-v1] = " in lines
    assert "median confidence" not in lines
    assert lines.endswith(record["message"])
    assert json.loads((run.folder / "measure.json").read_text(encoding="utf-8"))["classes"] is None


def test_the_latent_experiment_leaves_classes_out(measured):
    _, _, record = measured
    assert record["class_names"] is None
    assert "confidence" in record["unavailable"]
    assert {row["measure"] for row in record["edits"]} >= {"visible_share", "feature_distance", "diversity_features"}
    assert len(record["priors"]["frechet"]) == 7


def test_claims_about_classes_are_undecided_with_the_reason(measured):
    run, _, _ = measured
    rows = {row["id"]: row for row in decide_claims(by_recipe([run.folder]))}
    for claim in ("C6", "C7", "C8"):
        assert rows[claim]["verdict"] == "undecided"
        assert "random-v1 knows no classes" in rows[claim]["reason"]
    for claim in ("C1", "C3", "C4", "C5", "C9", "C10", "C11"):
        assert rows[claim]["value"] is not None, rows[claim]
        assert rows[claim]["reason"] is None
