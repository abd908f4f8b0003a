"""What measuring leaves in a run folder: the record, the closest pairs, and the files of a second feature network."""

import dataclasses
import functools
import json

import numpy as np
import pytest
import safetensors.torch
import torch

import ganatomy as ga
from ganatomy import api, files, images, presets
from ganatomy.config import resolve
from ganatomy.datasets.store import Dataset
from ganatomy.laboratory import stages
from ganatomy.metrics import evaluate
from ganatomy.metrics.network import FeatureNetwork
from ganatomy.models import registry
from ganatomy.training.run import Run, create_run, open_run


class Rows(FeatureNetwork):
    """Mean brightness of the 28 rows of a picture."""

    name, num_features, class_names, img_shape = "rows", 28, (), (1, 28, 28)
    sha256, test_accuracy = "8" * 64, None

    def compute(self, img):
        return img.mean(dim=(1, 3)), img.new_empty(len(img), 0)


@pytest.fixture
def run(tiny_dataset: Dataset, tmp_path, monkeypatch) -> Run:
    """An untrained generator under the made-up data, measured on 60 images."""
    config = dataclasses.replace(presets.preset("gan"), z_dim=4, total_nimg=480, **tiny_dataset.settings())
    run = create_run(tmp_path / "gan-s0", resolve(config), "test")
    torch.manual_seed(0)
    weights = registry.build_generator(run.config).state_dict()
    files.make_folder(run.folder / "snapshots")
    files.write_bytes(run.folder / "snapshots" / "G_ema-000000480.safetensors", safetensors.torch.save(weights))
    monkeypatch.setattr(evaluate, "measure", functools.partial(evaluate.measure, num_gen=60))
    monkeypatch.setattr(api, "_of_run", lambda run, data_dir: tiny_dataset)
    return open_run(run.folder)


def read(run: Run, name: str) -> dict:
    return json.loads((run.folder / name).read_text(encoding="utf-8"))


def test_the_record_and_the_pictures(run, tiny_dataset, capsys):
    record = ga.measure(run, num_sets=1)
    found = read(run, "measure.json")["memorisation"]
    assert found == record["memorisation"]
    sizes = [(found[kind]["num_gen"], found[kind]["num_test"], found[kind]["num_train"]) for kind in found]
    assert sizes == [(60, 32, 96), (60, 32, 96)]
    for kind, name in (("pixels", "nearest.png"), ("features", "nearest-features.png")):
        sheet = images.read_png(run.folder / name)
        assert sheet.shape == (2 * 28 + 2, 8 * 28 + 7 * 2)
        for column, pair in enumerate(found[kind]["pairs"]):
            np.testing.assert_array_equal(
                sheet[30:, 30 * column :][:, :28], tiny_dataset.train.images[pair["train"], 0]
            )
    printed = capsys.readouterr().out
    assert "copies, in pixels: " in printed
    assert "of 60 images are nearer to a training image than 99% of 32 test images" in printed


def test_another_network_leaves_the_record_of_the_own_one_alone(run):
    own = ga.measure(run, num_sets=1)
    assert own["features"]["name"] == "random-v1"
    before = {path.name: path.read_bytes() for path in run.folder.iterdir() if path.is_file()}
    other = ga.measure(run, num_sets=1, features=Rows())
    assert next(iter(other["scores"])) == "fd60_test[rows]"
    assert read(run, "measure-rows.json")["scores"] == other["scores"]
    assert (run.folder / "nearest-features-rows.png").exists()
    assert other["memorisation"]["pixels"] == own["memorisation"]["pixels"]
    assert other["memorisation"]["features"] != own["memorisation"]["features"]
    lines = list(files.read_jsonl(run.folder / "metrics.jsonl"))
    assert [line["features"]["name"] for line in lines] == ["random-v1", "rows"]
    del before["metrics.jsonl"]
    assert {name: (run.folder / name).read_bytes() for name in before} == before
    # The data's own network by its name is the usual measurement.
    again = ga.measure(run, num_sets=1, features="random-v1")
    assert again["scores"] == own["scores"]
    assert not (run.folder / "measure-random-v1.json").exists()


def test_names_on_the_command_line(run, ganatomy_here):
    done = ganatomy_here("measure", run.folder, "--num-sets", 1, "--features", "mnist-v1")
    assert done.returncode == 0, done.stderr
    assert "fd60_test[mnist-v1] = " in done.stdout
    assert "the feature network mnist-v1 knows other classes than made-up has" in done.stdout
    assert read(run, "measure-mnist-v1.json")["features"]["name"] == "mnist-v1"
    assert not (run.folder / "measure.json").exists()
    before = sorted(run.folder.iterdir())
    wrong = ganatomy_here("measure", run.folder, "--features", "inception")
    assert wrong.returncode == 2
    assert "unknown feature network 'inception'; allowed: random-v1, fashion-v1" in wrong.stderr
    assert sorted(run.folder.iterdir()) == before


def test_without_memory_there_is_neither_key_nor_picture(run, tiny_dataset):
    *_, record = stages.measure_run(run, tiny_dataset, seed=0, num_sets=1, memory=None)
    assert record["memorisation"] is None
    assert "copies" not in stages.measure_lines(record)
    assert not list(run.folder.glob("nearest*"))
