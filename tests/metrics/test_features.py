"""The shipped feature networks: identity, size, accuracy on the real test images, and independence of batching.

Tolerances: another chunk size or a folded batch norm changes features and probabilities by less than 1e-5
(features are of order 1); accuracies are those of the card to 5 images in 10,000, for other processors.
"""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from ganatomy import files, rng
from ganatomy.datasets import catalog
from ganatomy.datasets.store import Dataset, ImageStore
from ganatomy.errors import DataError, GanatomyError
from ganatomy.metrics import evaluate
from ganatomy.metrics import features as F
from ganatomy.metrics.classifier import ConvNorm
from ganatomy.metrics.feature_learning import complete
from ganatomy.metrics.random_features import random_network

NAMES = ["fashion-v1", "mnist-v1"]
SECOND = "fashion-v1b"
DATA = Path(os.environ.get("GANATOMY_DATA", Path(__file__).parents[3] / "shared" / "data"))


def pictures(num, seed=0):
    """Smooth random pictures over the whole range of grey values."""
    coarse = rng.generator(seed, "test_pictures").integers(0, 256, (num, 1, 7, 7)).astype(np.float32)
    return torch.nn.functional.interpolate(torch.from_numpy(coarse), 28, mode="bilinear").round().to(torch.uint8)


def real_dataset(name):
    if not (DATA / name).is_dir():
        pytest.skip(f"{name} is not on this machine")
    return catalog.load(name, DATA, allow_download=False)


@pytest.mark.parametrize("name", [*NAMES, SECOND])
def test_card_and_file_belong_together(name):
    path = F.WEIGHTS / f"{name}.safetensors"
    card = files.read_json(F.WEIGHTS / f"{name}.json")
    assert card["name"] == name
    assert card["sha256"] == files.sha256_file(path)
    assert path.stat().st_size <= 500_000
    assert card["multiply_adds"] <= 15_000_000
    assert 64 <= card["num_features"] <= 256
    assert card["data"]["sha256"] == catalog.set_sha256(catalog.CATALOG[card["data"]["name"]])
    assert card["class_names"] == list(catalog.CATALOG[card["data"]["name"]].class_names)
    assert max(record["accuracy"] for record in card["epochs"]) == card["epochs"][card["chosen_epoch"] - 1]["accuracy"]
    with safe_open(path, "np") as handle:
        assert len(handle.metadata() or {}) <= 1
        stored = {key: handle.get_slice(key) for key in handle.keys()}  # noqa: SIM118
    assert {value.get_dtype() for value in stored.values()} == {"F16"}
    net = F.make_network(card.get("network", "residual"), len(card["class_names"]), (1, 28, 28))
    assert net.num_features == card["num_features"]
    assert card["parameters"] == sum(parameter.numel() for parameter in net.parameters())
    for key, value in stored.items():
        assert tuple(value.get_shape()) == net.state_dict()[key].shape


def test_multiply_adds_counted_by_hand():
    """Output positions x kernel x input channels x output channels, layer by layer."""
    stem = 14 * 14 * 36 * 1 * 32
    block0 = 2 * 14 * 14 * 9 * 32 * 32
    down = 7 * 7 * 9 * 32 * 64
    block1 = 2 * 7 * 7 * 9 * 64 * 64
    expand = 4 * 4 * 9 * 64 * 128
    gather = 4 * 4 * 128
    expected = stem + block0 + down + block1 + expand + gather + 128 * 10
    assert {F.read_card(name)["multiply_adds"] for name in NAMES} == {expected}
    large = 28 * 28 * 25 * 32 + 14 * 14 * 9 * (32 * 48 + 48 * 48)
    small = 7 * 7 * 9 * (48 * 96 + 96 * 96) + 4 * 4 * 96 * 32 + 4 * 4 * 32 * 96
    assert F.read_card(SECOND)["multiply_adds"] == large + small + 96 * 10


def test_the_second_network_is_of_another_kind_recipe_and_seed():
    first, second = F.read_card("fashion-v1"), F.read_card(SECOND)
    assert F.SECOND_OF_DATA == {"fashion-mnist": SECOND}
    assert first["data"] == second["data"]
    for key in ("sha256", "architecture", "feature_layer", "num_features", "seed"):
        assert first[key] != second[key], key
    assert (first.get("network"), second["network"]) == (None, "plain")
    for key in ("optimizer", "flip", "num_epochs", "batch_size", "max_lr", "weight_decay"):
        assert complete(first["recipe"])[key] != second["recipe"][key], key
    assert F.load_features(SECOND) is F.load_features(SECOND)
    # It is asked for by name; scores on Fashion-MNIST are the first one's.
    assert SECOND not in F.NETWORK_OF_DATA.values()


def test_a_card_of_a_network_unknown_here_is_refused(tmp_path):
    card = F.read_card(SECOND)
    for changes in ({"network": "transformer"}, {"network": "residual"}, {"num_features": 128}):
        (tmp_path / f"{SECOND}.json").write_text(json.dumps(card | changes), encoding="utf-8")
        with pytest.raises(DataError, match=r"fashion-v1b\.json is damaged: it is not the card of this network"):
            F.read_card(SECOND, tmp_path)


@pytest.mark.parametrize(
    ("name", "least", "confident"), [("fashion-v1", 0.93, 0.02), (SECOND, 0.925, 0.03), ("mnist-v1", 0.99, 0.02)]
)
def test_accuracy_on_the_real_test_images(name, least, confident):
    network = F.load_features(name)
    data = real_dataset(F.read_card(name)["data"]["name"])
    features, probabilities = network.extract(data.test.images)
    assert data.test.labels is not None
    right = probabilities.argmax(axis=1) == data.test.labels.numpy()
    assert right.mean() == pytest.approx(network.test_accuracy, abs=5e-4)
    assert right.mean() >= least
    assert (features.std(axis=0) > 0).all()  # no dead feature
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    # Confidences are meaningful: they say how often the network is right, within two or three points on average.
    assert probabilities.max(axis=1).mean() == pytest.approx(right.mean(), abs=confident)


def test_rows_do_not_depend_on_the_batch():
    network, img = F.load_features("fashion-v1"), pictures(37)
    features, probabilities = network.extract(img)
    assert features.shape == (37, 128)
    assert probabilities.shape == (37, 10)
    assert features.dtype == probabilities.dtype == np.float32
    assert features.min() >= 0
    for chunk in (1, 5, 36, 1000):
        other_features, other_probabilities = network.extract(img, chunk=chunk)
        np.testing.assert_allclose(other_features, features, atol=1e-5, rtol=0)
        np.testing.assert_allclose(other_probabilities, probabilities, atol=1e-5, rtol=0)
    backwards, _ = network.extract(img.flip(0))
    np.testing.assert_allclose(backwards[::-1], features, atol=1e-5, rtol=0)
    assert network.extract(img[:0])[0].shape == (0, 128)


@pytest.mark.parametrize("name", NAMES)
def test_folded_batch_norms_change_nothing(name):
    folded, plain = F.read_network(name), F.read_network(name, fold=False)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded._net.modules())
    assert sum(isinstance(module, torch.nn.BatchNorm2d) for module in plain._net.modules()) == 8
    for ours, expected in zip(folded.extract(pictures(20)), plain.extract(pictures(20))):
        np.testing.assert_allclose(ours, expected, atol=1e-5, rtol=1e-5)


def test_folding_twice_is_folding_once():
    with rng.torch_seeded(0, "test_fold"):
        block = ConvNorm(2, 3).eval()
    block.fold()
    weight = block.conv.weight.clone()
    block.fold()
    assert torch.equal(block.conv.weight, weight)


def some_data(name, sha256, img_shape=(1, 28, 28), class_names=("a", "b")):
    img = torch.zeros(30, *img_shape, dtype=torch.uint8)
    labels = torch.arange(30) % 2 if class_names else None
    return Dataset(name, ImageStore(img, labels), ImageStore(img[:4]), sha256, class_names)


def test_networks_by_data_set(tmp_path, monkeypatch):
    monkeypatch.setenv("GANATOMY_HOME", str(tmp_path))
    for name, data in (("fashion-v1", "fashion-mnist"), ("mnist-v1", "mnist")):
        sha256 = catalog.set_sha256(catalog.CATALOG[data])
        exactly = some_data(data, sha256)
        assert F.features_for(exactly) is F.load_features(name)
        assert F.features_reason(exactly) == f"{name}: this project's network for these data."
        # Only for exactly these data: another content, name or shape gets the fixed random network.
        for other in (
            some_data(data, "0" * 64), some_data("folder", sha256), some_data(data, sha256, (3, 28, 28)),
        ):  # fmt: skip
            assert F.features_for(other) is random_network(other.img_shape)
    unlabelled, one = some_data("photos", "1" * 64, (3, 32, 48), ()), some_data("photos", "1" * 64, class_names=("x",))
    assert F.features_for(unlabelled).img_shape == (3, 32, 48)
    assert "photos has no classes; put its images into one folder per class" in F.features_reason(unlabelled)
    assert "only the class x" in F.features_reason(one)
    assert "`ganatomy features train DATA` makes one" in F.features_reason(some_data("photos", "1" * 64))


def test_unknown_networks_are_refused():
    with pytest.raises(GanatomyError, match=r"unknown feature network 'fashion-v2'.*Did you mean 'fashion-v1'"):
        F.load_features("fashion-v2")


@pytest.mark.parametrize(
    "img",
    [
        torch.zeros(2, 1, 28, 28),
        torch.zeros(2, 3, 28, 28, dtype=torch.uint8),
        torch.zeros(2, 1, 32, 32, dtype=torch.uint8),
        torch.zeros(28, 28, dtype=torch.uint8),
    ],
)
def test_other_images_are_refused_in_words(img):
    with pytest.raises(DataError, match=r"fashion-v1 takes uint8 images \[N, 1, 28, 28\], but got .* never resized"):
        F.load_features("fashion-v1").extract(img)


def damage(folder, what):
    weights, card = folder / "fashion-v1.safetensors", folder / "fashion-v1.json"
    if what == "one bit":
        data = bytearray(weights.read_bytes())
        data[-100] ^= 1
        weights.write_bytes(data)
    elif what == "truncated":
        weights.write_bytes(weights.read_bytes()[:1000])
    elif what == "moments":
        (folder / F.moments_file("fashion-v1")).write_bytes(b"other numbers")
    elif what == "missing":
        weights.unlink()
    elif what == "no card":
        card.unlink()
    elif what == "card of another":
        shutil.copy(F.WEIGHTS / "mnist-v1.json", card)
    else:  # a card that vouches for a file which is no network
        weights.write_bytes(b"not a network")
        card.write_text(json.dumps({**files.read_json(card), "sha256": files.sha256_file(weights)}), encoding="utf-8")


@pytest.mark.parametrize(
    "what", ["one bit", "truncated", "missing", "no card", "card of another", "no network", "moments"]
)
def test_a_damaged_package_file_is_told_in_words(tmp_path, what):
    for suffix in ("safetensors", "json", "moments.safetensors"):
        shutil.copy(F.WEIGHTS / f"fashion-v1.{suffix}", tmp_path)
    assert F.read_network("fashion-v1", tmp_path).name == "fashion-v1"
    damage(tmp_path, what)
    with pytest.raises(GanatomyError, match=r"fashion-v1\.(moments\.)?(safetensors|json).*(again|is missing)"):
        F.read_network("fashion-v1", tmp_path)


class Broken(F.FeatureNetwork):
    """A network whose third image has a NaN feature."""

    name, num_features, class_names, img_shape = "broken", 2, ("a", "b"), (1, 4, 4)
    sha256, test_accuracy = "0" * 64, 0.5

    def compute(self, img):
        features = img.mean(dim=(2, 3)).repeat(1, 2)
        features[2:3, 1] = float("nan")
        return features, torch.full((len(img), 2), 0.5)


def test_large_images_are_looked_at_few_at_a_time():
    seen = []

    class Large(Broken):
        img_shape = (1, 600, 700)

        def compute(self, img):
            seen.append(len(img))
            return torch.zeros(len(img), 2), torch.zeros(len(img), 2)

    Large().extract(torch.zeros(5, 1, 600, 700, dtype=torch.uint8))
    assert seen == [2, 2, 1]


def test_features_that_are_not_finite_are_refused():
    img = torch.zeros(5, 1, 4, 4, dtype=torch.uint8)
    assert Broken().extract(img[:2])[0].shape == (2, 2)
    with pytest.raises(GanatomyError, match="broken gave NaN or infinite features"):
        Broken().extract(img)


@pytest.mark.parametrize(("name", "split"), [("fashion-v1", "test"), ("fashion-v1", "held_out"), (SECOND, "test")])
def test_the_shipped_moments_are_those_of_the_real_images(name, split):
    """To 1e-5 of the largest entry, for other processors; other data get none."""
    dataset, network = real_dataset("fashion-mnist"), F.load_features(name)
    shipped, computed = network.known_moments(dataset.sha256, split), evaluate.compute_moments(dataset, network, split)
    assert shipped is not None
    assert shipped.num == computed.num == 10_000
    np.testing.assert_allclose(shipped.mean, computed.mean, atol=1e-5 * computed.mean.max())
    np.testing.assert_allclose(shipped.covariance, computed.covariance, atol=1e-5 * computed.covariance.max())
    assert network.known_moments("0" * 64, split) is None
