"""What cannot be measured is refused in words that say what was given, what is allowed and what to do; what can only be
measured in part is measured in part."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from ganatomy.datasets.store import Dataset, ImageStore
from ganatomy.errors import ConfigError, DataError, DivergedError, GanatomyError
from ganatomy.laboratory import stages
from ganatomy.metrics import evaluate
from ganatomy.metrics import features as F
from ganatomy.metrics.features import features_named
from ganatomy.metrics.frechet import frechet
from ganatomy.metrics.kernel import kernel_distance
from ganatomy.metrics.memorisation import memorisation
from ganatomy.metrics.moments import moments_of
from ganatomy.metrics.network import FeatureNetwork
from ganatomy.metrics.prdc import prdc
from ganatomy.metrics.random_features import random_network


class Plain(FeatureNetwork):
    """Two features; one class, or none."""

    name, num_features, class_names, img_shape = "plain", 2, ("a",), (1, 28, 28)
    sha256, test_accuracy = "7" * 64, 0.5

    def compute(self, img):
        features = torch.stack([img.mean(dim=(1, 2, 3)), img.std(dim=(1, 2, 3))], dim=1)
        return features, torch.ones(len(img), len(self.class_names))


class Painter(torch.nn.Module):
    """Noise around the brightness that the first latent number says; `value` fills all pixels instead."""

    def __init__(self, value=None):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(0.3))
        self.value = value

    def forward(self, z):
        if self.value is not None:
            return torch.full((len(z), 1, 28, 28), self.value)
        return (z[:, :1, None, None] * self.scale + torch.linspace(-0.3, 0.3, 28)).expand(-1, 1, 28, 28).clamp(-1, 1)


def measure(dataset, network=None, G=None, **sizes):
    work = evaluate.measure(
        (G or Painter()).eval(), 2, dataset, network or Plain(), seed=0, **{"num_gen": 60, "memory": 30, **sizes}
    )
    return list(work)[-1]


@pytest.fixture
def dataset(tiny_dataset, request):
    """The made-up set under a hash of its own, for what is known of real images is kept by it."""
    return dataclasses.replace(tiny_dataset, sha256=request.node.nodeid)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_generator_whose_images_are_not_finite(dataset, value):
    with pytest.raises(DivergedError, match="images that are NaN or infinite; use an earlier snapshot"):
        measure(dataset, G=Painter(value))


def test_a_generator_that_always_gives_one_image_is_measured(dataset):
    record = measure(dataset, G=Painter(0.25))
    json.dumps(record, allow_nan=False)
    assert all(score["value"] >= 0 for score in record["scores"].values())
    assert {pair["train"] for pair in record["memorisation"]["pixels"]["pairs"]} == {
        record["memorisation"]["pixels"]["pairs"][0]["train"]
    }


@pytest.mark.parametrize(("num_gen", "num_sets"), [(1, 1), (0, 1), (-3, 1), (50, 0)])
def test_too_few_images_say_the_least_number(dataset, num_gen, num_sets):
    with pytest.raises(ConfigError, match=rf"{num_sets} sets of {num_gen} images .* at least 1 set of at least 2"):
        measure(dataset, num_gen=num_gen, num_sets=num_sets)


@pytest.mark.parametrize(
    ("score", "given", "least"),
    [
        (lambda rows: prdc(rows[:5], rows), 5, 6),
        (lambda rows: prdc(rows, rows[:3]), 3, 6),
        (lambda rows: kernel_distance(rows[:1], rows), 1, 2),
        (lambda rows: frechet(moments_of(rows[:1]), moments_of(rows)), 1, 2),
        (lambda rows: memorisation(rows[:0], rows, rows), 0, 1),
        (lambda rows: memorisation(rows, rows[:0], rows), 0, 1),
    ],
)
def test_scores_of_too_few_rows_say_the_least_number(score, given, least):
    rows = np.random.default_rng(0).normal(size=(30, 4))
    with pytest.raises(GanatomyError, match=rf"{given} .*at least {least} "):
        score(rows)


def test_the_smallest_measurement_is_a_whole_record(dataset):
    """Two images, two real ones on each side: distances without neighbourhoods or jackknife, nothing else lost."""
    tiny = Dataset(
        "tiny", ImageStore(dataset.train.images[:12]), ImageStore(dataset.test.images[:2]), dataset.sha256, ()
    )
    record = measure(tiny, num_gen=2)
    assert [name.split("2_")[0] for name in record["scores"]] == ["fd", "kd"]
    assert record["memorisation"]["pixels"]["num_test"] == 2
    assert record["bias"] is None
    json.dumps(record, allow_nan=False)
    assert "fd2_test[plain]" in stages.measure_lines({"run": "r", "nimg": 1, **record})


@pytest.mark.parametrize(("num_train", "num_test"), [(2, 2), (11, 2), (11, 20), (12, 6)])
def test_sets_with_next_to_nothing_are_measured_as_far_as_they_can_be(dataset, num_train, num_test):
    few = dataclasses.replace(
        dataset, sha256=f"{dataset.sha256} {num_train} {num_test}", train=ImageStore(dataset.train.images[:num_train]),
        test=ImageStore(dataset.test.images[:num_test]), class_names=(),
    )  # fmt: skip
    record = measure(few)
    json.dumps(record, allow_nan=False)
    floors = {name: score["floor"] for name, score in record["scores"].items()}
    without = {row["score"] for row in record["left_out"] if row["part"] == "floor"}
    assert {name for name, floor in floors.items() if floor is None} == without
    assert ("fd60_test[plain]" in without) == (num_train < 12)
    gone = {row["score"] for row in record["left_out"] if row["part"] == "score"}
    assert ("precision60_test[plain]" in gone) == (num_test <= 5)
    assert all(np.isfinite(score["value"]) for score in record["scores"].values())


def test_a_single_test_image_is_refused_with_the_right_number(dataset):
    one = dataclasses.replace(dataset, test=ImageStore(dataset.test.images[:1]), class_names=())
    with pytest.raises(DataError, match="has 1 test image to compare with; at least 2 are needed"):
        measure(one)


def test_scores_without_a_floor_are_printed(dataset):
    """Five held-out images are too few for the neighbourhoods of the floor, 32 test images are enough for the score."""
    few = dataclasses.replace(dataset, train=ImageStore(dataset.train.images[:30]))
    record = measure(few)
    assert record["scores"]["precision60_test[plain]"]["floor"] is None
    assert "real against real: unknown" in stages.measure_lines({"run": "r", "nimg": 1, **record})


def test_one_class_is_measured(dataset):
    one = ImageStore(dataset.test.images, torch.zeros(len(dataset.test), dtype=torch.int64))
    record = measure(dataclasses.replace(dataset, test=one, class_names=("a",)))
    classes = record["classes"]
    assert classes["counts"] == [60]
    assert (classes["missing"], classes["entropy"], classes["kl"], classes["clarity"]) == ([], 0, 0, 1)
    assert record["confidence"]["median"] == 1


def test_without_labels_there_is_no_divergence_and_the_rest_stays(dataset):
    unlabelled = dataclasses.replace(dataset, test=ImageStore(dataset.test.images), class_names=())
    record = measure(unlabelled)
    assert record["classes"]["kl"] is None
    assert record["classes"]["counts"] == [60]
    named = dataclasses.replace(unlabelled, class_names=("a",))
    assert measure(named)["classes"]["kl"] is None


def test_classes_of_another_data_set_are_not_counted(dataset):
    record = measure(dataset)  # whose classes are a, b and c
    assert record["classes"] is None
    assert record["confidence"] is None
    assert "plain knows other classes than made-up has" in record["message"]
    assert record["scores"]["fd60_test[plain]"]["value"] > 0


def wrong(given):
    class Wrong(Plain):
        name = "wrong"

        def compute(self, img):
            return given(*super().compute(img))

    return Wrong()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (lambda f, p: (f[:, :1], p), r"\[7, 1\] and \[7, 1\] for 7 images"),  # NumPy would stretch it
        (lambda f, p: (f[:1], p), r"\[1, 2\] and \[7, 1\] for 7 images"),
        (lambda f, p: (torch.cat([f, f], dim=1), p), r"\[7, 4\] and \[7, 1\]"),
        (lambda f, p: (f, p[:, :0]), r"\[7, 2\] and \[7, 0\]"),
        (lambda f, p: (f[:, :, None, None], p), r"\[7, 2, 1, 1\]"),
        (lambda f, p: f, r"gave \[7, 2\] for 7 images"),
        (lambda f, p: (f.numpy(), None), "ndarray and NoneType"),
    ],
)
def test_a_network_that_gives_something_else_than_it_says(given, words):
    img = torch.zeros(7, 1, 28, 28, dtype=torch.uint8)
    with pytest.raises(GanatomyError, match=rf"wrong gave.*{words}" if "gave" not in words else words) as found:
        wrong(given).extract(img)
    assert "features [7, 2] (num_features is 2) and probabilities [7, 1] (1 class names)" in str(found.value)


def test_a_network_in_double_precision_is_welcome():
    img = torch.arange(7, dtype=torch.uint8)[:, None, None, None].expand(7, 1, 28, 28)
    features = wrong(lambda f, p: (f.double(), p.double())).extract(img)[0]
    np.testing.assert_array_equal(features, Plain().extract(img)[0])


def test_a_network_whose_features_are_not_finite(dataset):
    with pytest.raises(GanatomyError, match=r"wrong gave NaN or infinite features.*Check its weights"):
        measure(dataset, wrong(lambda f, p: (f / 0, p)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "a/b"}, r"name is 'a/b'; .*use letters, digits"),
        ({"name": ""}, "name is ''"),
        ({"num_features": 0}, "num_features 0 .* at least 1 feature is needed"),
        ({"sha256": ""}, "a text that says which weights these are"),
        ({"img_shape": (3, 28, 28)}, r"takes images of 3 x 28 x 28 .*made-up are 1 x 28 x 28, .*random-v1 takes any"),
        ({"name": "fashion-v1"}, "another feature network is called fashion-v1; give yours a name of its own"),
        ({"name": "random-v1"}, "another feature network is called random-v1"),
    ],
)
def test_networks_of_ones_own_say_what_they_are(dataset, change, words):
    network = Plain()
    assert features_named(network, dataset) is network
    for name, value in change.items():
        setattr(network, name, value)
    with pytest.raises(ConfigError, match=words):
        features_named(network, dataset)


def test_what_is_no_network_is_refused(dataset):
    with pytest.raises(ConfigError, match=r"features is the class Plain; .*Plain\(\)"):
        features_named(Plain, dataset)
    with pytest.raises(ConfigError, match="features is of the type Linear; give the name"):
        features_named(torch.nn.Linear(1, 1), dataset)

    class Bare(FeatureNetwork):
        name = "bare"

        def compute(self, img):
            return img, img

    with pytest.raises(ConfigError, match="Bare lacks the attributes num_features, class_names, img_shape, sha256"):
        features_named(Bare(), dataset)


def test_networks_by_name(dataset, tmp_path, monkeypatch):
    monkeypatch.setenv("GANATOMY_HOME", str(tmp_path))
    assert features_named("random-v1", dataset) is random_network((1, 28, 28))
    assert features_named("mnist-v1", dataset) is F.load_features("mnist-v1")
    with pytest.raises(ConfigError, match=r"unknown feature network 'mnist'; allowed: random-v1, .*mean 'mnist-v1'"):
        features_named("mnist", dataset)
    colour = ImageStore(torch.zeros(4, 3, 8, 9, dtype=torch.uint8))
    photos = dataclasses.replace(dataset, name="photos", train=colour, test=colour)
    assert features_named("random-v1", photos).img_shape == (3, 8, 9)
    with pytest.raises(ConfigError, match=r"mnist-v1 takes images of 1 x 28 x 28 .*photos are 3 x 8 x 9"):
        features_named("mnist-v1", photos)


def test_a_file_of_a_named_network_with_another_hash(dataset, tmp_path, monkeypatch):
    monkeypatch.setenv("GANATOMY_HOME", str(tmp_path))
    folder = tmp_path / "features" / "0123456789abcdef"
    folder.mkdir(parents=True)
    card = json.loads((F.WEIGHTS / "fashion-v1.json").read_text(encoding="utf-8")) | {"name": "own-01234567"}
    (folder / "own-01234567.json").write_text(json.dumps(card), encoding="utf-8")
    (folder / "own-01234567.safetensors").write_bytes(b"other weights")
    with pytest.raises(DataError, match=r"own-01234567\.safetensors is damaged: its SHA-256 is .*the card says"):
        features_named("own-01234567", dataset)


def test_a_network_without_classes_where_the_own_one_has_some(dataset):
    """Data with the hash of those that a shipped network was made for."""
    known = dataclasses.replace(dataset, name="mnist", sha256=F.read_card("mnist-v1")["data"]["sha256"])
    network = Plain()
    network.class_names, network.sha256 = (), "of this test"
    message = measure(known, network, memory=None)["message"]
    assert message.endswith("plain knows no classes; mnist-v1, the network of mnist, knows them: measure with it.")
