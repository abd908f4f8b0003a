"""The second network's layers: sizes, every pixel used, each image alone; its training with AdamW and continuation."""

import pytest
import torch
from planted_classes import SHAPE, striped_data

from ganatomy import rng
from ganatomy.errors import ConfigError, DataError
from ganatomy.metrics import feature_learning as learning
from ganatomy.metrics import feature_training as training
from ganatomy.metrics import features
from ganatomy.metrics.classifier import Classifier
from ganatomy.metrics.feature_learning import Examples, FeatureRecipe, FeatureState
from ganatomy.metrics.plain_classifier import PlainClassifier

RECIPE = FeatureRecipe(data="striped", num_epochs=6, batch_size=20, optimizer="adamw", max_lr=4e-3, weight_decay=0.05)


def new(seed=0, img_shape=(1, 28, 28), num_classes=10):
    with rng.torch_seeded(seed, "test_plain"):
        return PlainClassifier(num_classes, img_shape)


@pytest.mark.parametrize(
    ("img_shape", "num_layers", "num_positions"),
    [
        ((1, 8, 8), 5, 1 * 1),
        ((1, 9, 13), 5, 2 * 2),
        ((1, 28, 28), 5, 4 * 4),
        ((3, 56, 33), 5, 7 * 5),
        ((3, 64, 64), 6, 4 * 4),
        ((1, 8, 1024), 10, 1 * 4),
    ],
)
def test_any_size_ends_in_96_features(img_shape, num_layers, num_positions):
    net = new(img_shape=img_shape, num_classes=5).eval()
    img = torch.rand(2, *img_shape) * 2 - 1
    assert len(net.layers) == num_layers
    assert net.gather.in_features == 32 * num_positions
    assert net.factors is None
    with torch.inference_mode():
        found = net.features(img)
        assert found.shape == (2, 96)
        torch.testing.assert_close(net(img), net.logits(found))
        state = {key: value.clone() for key, value in net.state_dict().items()}
        net.fold()  # there is nothing to fold
        assert all(torch.equal(value, state[key]) for key, value in net.state_dict().items())
        assert torch.equal(net.features(img), found)


def test_every_pixel_reaches_the_features():
    for img_shape in ((1, 9, 13), (3, 31, 29)):
        net, img = new(1, img_shape), torch.rand(8, *img_shape).requires_grad_()
        net.features(img).sum().backward()
        assert (img.grad.abs().amax(dim=(0, 1)) > 0).all()


def test_an_image_is_seen_alone_in_training_too():
    """To 1e-5: batch norm, which would mix a batch, is nowhere."""
    net, img = new(2).train(), torch.rand(6, 1, 28, 28)
    together, alone = net.features(img), torch.cat([net.features(one[None]) for one in img])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("img_shape", [(2, 28, 28), (1, 7, 28), (1, 28, 1025)])
def test_other_images_are_refused_in_words(img_shape):
    with pytest.raises(DataError, match="1 or 3 channels and sides of 8 to 1024 pixels"):
        PlainClassifier(2, img_shape)


def test_kinds_by_name():
    assert set(features.NETWORKS) == {"residual", "plain"}
    assert isinstance(features.make_network("residual", 2, SHAPE, 3), Classifier)
    assert isinstance(features.make_network("plain", 2, SHAPE), PlainClassifier)
    with pytest.raises(ConfigError, match="a plain feature network estimates no factors"):
        features.make_network("plain", 2, SHAPE, 3)


def test_a_plain_network_learns_and_loads(tmp_path):
    data = striped_data()
    job = training.Job(recipe=RECIPE, num_threads=1, name="own-plain", network="plain")
    *_, done = training.train_network(data, job, tmp_path, say=lambda text: None, should_stop=lambda: False)
    assert done.card["test"]["accuracy"] > 0.95
    assert (done.card["network"], done.card["num_features"]) == ("plain", 96)
    assert "plain_classifier.py" in done.card["architecture"]
    assert "num_factors" not in done.card
    done.write(tmp_path / "out")
    network = features.read_network("own-plain", tmp_path / "out")
    assert network.num_features == 96
    found, probabilities = network.extract(data.test.images)
    assert found.shape == (len(data.test), 96)
    right = (probabilities.argmax(axis=1) == data.test.labels.numpy()).mean()
    assert right == pytest.approx(done.card["test"]["accuracy"], abs=1e-3)
    assert network.predict_factors(found) is None


def test_a_state_with_adamw_goes_on_as_if_nothing_had_been():
    data = striped_data()
    examples = Examples(data.train.images, data.train.labels)

    def state():
        return FeatureState(new(img_shape=SHAPE, num_classes=2), RECIPE)

    def epoch(of):
        for _ in learning.train_epoch(of, examples, RECIPE, 0):
            pass
        of.finish_epoch(0.5, {"accuracy": 0.9})

    def values(of):
        return {name: value.tolist() for name, value in of.tensors().items()}

    first, second = state(), state()
    epoch(first)
    second.load(first.tensors(), first.counters())
    assert values(second) == values(first)
    assert {name.split(".")[-1] for name in values(first) if name.startswith("optimizer.")} == {
        "step", "exp_avg", "exp_avg_sq",
    }  # fmt: skip
    epoch(first)
    epoch(second)
    assert values(second) == values(first)


def test_recipes_of_before_adamw_are_read_with_sgd():
    written = features.read_card("mnist-v1")["recipe"]
    assert "optimizer" not in written
    assert learning.complete(written) == {**written, "optimizer": "sgd"}
    assert FeatureRecipe(**written) == FeatureRecipe(data="mnist", num_epochs=3)
