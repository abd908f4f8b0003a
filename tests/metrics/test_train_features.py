"""The script of the shipped feature networks: its recipes are those of the cards, and it writes what loads."""

import dataclasses
import importlib.util
import sys
from pathlib import Path

import pytest
from planted_classes import striped_data

from ganatomy import files
from ganatomy.metrics import features
from ganatomy.metrics.feature_learning import FeatureRecipe, complete

SCRIPT = Path(__file__).parents[2] / "scripts" / "train_features.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("train_features", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.mark.parametrize("name", ["fashion-v1", "fashion-v1b", "mnist-v1"])
def test_the_recipes_are_those_of_the_shipped_cards(script, name):
    card = features.read_card(name)
    assert dataclasses.asdict(script.RECIPES[name]) == complete(card["recipe"])
    assert script.NETWORKS.get(name, "residual") == card.get("network", "residual")


def test_a_whole_training_writes_a_network_that_loads(script, tmp_path, monkeypatch, capsys):
    data = striped_data(name="mnist")
    monkeypatch.setattr(script.catalog, "load", lambda name, data_dir: data)
    recipe = FeatureRecipe(data="mnist", num_epochs=4, batch_size=20)
    monkeypatch.setitem(script.RECIPES, "mnist-v1", recipe)
    work, out = tmp_path / "work", tmp_path / "out"
    argv = ["train_features.py", "mnist-v1", "--out", str(out), "--work", str(work), "--threads", "1"]
    monkeypatch.setattr(sys, "argv", argv)
    script.main()
    card = files.read_json(out / "mnist-v1.json")
    assert set(features.read_card("mnist-v1")) <= set(card)
    assert (card["test"]["accuracy"], card["licence"]) == (1.0, "Apache-2.0")
    assert card["command"] == "python scripts/train_features.py mnist-v1 --seed 0 --threads 1"
    assert card["data"]["trained_on"] == "train, first 100"
    assert len(card["epochs"]) == 4
    assert '"accuracy": 1.0' in capsys.readouterr().out
    assert {path.name for path in work.iterdir()} <= {".lock"}
    network = features.read_network("mnist-v1", out)
    _, probabilities = network.extract(data.test.images)
    assert (probabilities.argmax(1) == data.test.labels.numpy()).all()
