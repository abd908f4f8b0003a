"""The training script of the feature networks on made-up data: augmentation, counting, and a whole small training."""

import importlib.util
import sys
from pathlib import Path

import pytest
import torch

from ganatomy import files, rng
from ganatomy.datasets.store import Dataset, ImageStore
from ganatomy.metrics import features
from ganatomy.metrics.classifier import Classifier

SCRIPT = Path(__file__).parents[2] / "scripts" / "train_features.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("train_features", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up by name
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def dot(num=200):
    """One white pixel per picture, left of the middle."""
    img_u8 = torch.zeros(num, 1, 28, 28, dtype=torch.uint8)
    img_u8[:, :, 10, 8] = 255
    return img_u8


@pytest.mark.parametrize("name", ["fashion-v1", "mnist-v1"])
def test_augmentation_shifts_and_mirrors_only_where_asked(script, name):
    recipe = script.RECIPES[name]
    img = script.augment(dot(), recipe, rng.generator(0, "test_augment"))
    assert torch.equal(img, script.augment(dot(), recipe, rng.generator(0, "test_augment")))
    assert img.dtype == torch.float32
    assert set(img.unique().tolist()) == {-1.0, 1.0}
    places = torch.nonzero(img[:, 0] == 1)
    assert len(places) == len(img)
    assert set(places[:, 1].tolist()) == {9, 10, 11}
    columns = {7, 8, 9} | ({18, 19, 20} if recipe.flip else set())
    assert set(places[:, 2].tolist()) == columns
    assert recipe.flip == (name == "fashion-v1")


def test_multiply_adds_of_a_known_network(script):
    """3x3 convolution 1 -> 2 on 4x4 positions and a 32 -> 5 layer: 16*9*2 + 32*5; weights are left alone."""
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3, padding=1), torch.nn.Flatten(), torch.nn.Linear(32, 5))
    assert script.multiply_adds(net, (1, 4, 4)) == 16 * 9 * 2 + 32 * 5


def test_half_precision_rounds_the_network_that_is_scored(script):
    with rng.torch_seeded(0, "test_half"):
        net = Classifier(3)
    before = net.logits.weight.clone()
    kept = script.to_half(net)
    assert not any(key.endswith("num_batches_tracked") for key in kept)
    assert torch.equal(net.logits.weight, before.half().float())
    assert torch.equal(kept["logits.weight"].float(), net.logits.weight)


def test_a_whole_training_writes_a_network_that_loads(script, tmp_path, monkeypatch, capsys):
    """Bright and dark pictures, 120 to train on: learnt perfectly, chosen on the held-out 40, tested on 40."""
    draw = rng.generator(0, "test_training")
    labels = torch.from_numpy(draw.integers(0, 2, 200))
    noise = torch.from_numpy(draw.integers(0, 100, (200, 1, 28, 28)))
    img_u8 = (noise + 150 * labels[:, None, None, None]).to(torch.uint8)
    data = Dataset(
        "mnist", ImageStore(img_u8[:160], labels[:160]), ImageStore(img_u8[160:], labels[160:]), "a" * 64, ("0", "1")
    )
    monkeypatch.setattr(script, "NUM_HELD_OUT", 40)
    monkeypatch.setattr(script.catalog, "load", lambda name, data_dir: data)
    monkeypatch.setitem(
        script.RECIPES, "mnist-v1", script.Recipe(data="mnist", num_epochs=5, flip=False, batch_size=20)
    )
    argv = ["train_features.py", "mnist-v1", "--out", str(tmp_path), "--threads", str(torch.get_num_threads())]
    monkeypatch.setattr(sys, "argv", argv)
    script.main()
    card = files.read_json(tmp_path / "mnist-v1.json")
    assert card["test"]["accuracy"] == 1.0
    assert card["data"]["trained_on"] == "train, first 120"
    assert len(card["epochs"]) == 5
    assert '"accuracy": 1.0' in capsys.readouterr().out
    network = features.read_network("mnist-v1", tmp_path)
    _, probabilities = network.extract(img_u8[160:])
    assert (probabilities.argmax(1) == labels[160:].numpy()).all()
