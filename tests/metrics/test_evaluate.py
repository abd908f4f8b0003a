"""`measure` on a tiny generator and a three-feature network whose answers can be worked out beside it (1e-9)."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from ganatomy import images, rng
from ganatomy.datasets.store import Dataset, ImageStore
from ganatomy.errors import ConfigError, DataError
from ganatomy.metrics import evaluate
from ganatomy.metrics.features import FeatureNetwork
from ganatomy.metrics.frechet import frechet_distance
from ganatomy.metrics.kernel import kernel_distance
from ganatomy.metrics.prdc import prdc
from ganatomy.models.generate import generate

Z_DIM = 3


class Thirds(FeatureNetwork):
    """Features: mean brightness of the left, middle and right third; classes: which of them is brightest."""

    name, num_features, class_names, img_shape = "thirds", 3, ("left", "middle", "right"), (1, 6, 6)
    sha256, test_accuracy = "3" * 64, 0.9

    def __init__(self):
        self.num_seen = 0

    def compute(self, img):
        self.num_seen += len(img)
        features = img.reshape(len(img), 6, 3, 2).mean(dim=(1, 3))
        return features, (4 * features).softmax(dim=1)


class Stripes(torch.nn.Module):
    """Latent number i is the brightness of third i; `only` fixes all pictures instead (collapse)."""

    def __init__(self, only=None):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(0.3))
        self.only = only

    def forward(self, z):
        z = torch.tensor(self.only).expand(len(z), 3) if self.only is not None else z
        return (z * self.scale).clamp(-1, 1).repeat_interleave(2, dim=1)[:, None, None, :].expand(-1, 1, 6, 6)


def store(num, seed):
    z = rng.latents(seed, "test_real", num, Z_DIM)
    with torch.inference_mode():
        return ImageStore(images.to_u8(Stripes()(z)), torch.zeros(num, dtype=torch.int64))


@pytest.fixture
def dataset(request):
    """A data set of its own for every test, for moments are kept by its hash."""
    return Dataset("stripes", store(900, 1), store(800, 2), request.node.nodeid, ("left", "middle", "right"))


def run(G, dataset, features, **options):
    *progress, result = evaluate.measure(
        G.eval(), Z_DIM, dataset, features, **{"seed": 5, "num_sets": 1, "num_gen": 1500, **options}
    )
    return progress, result


def rows(img_u8):
    return Thirds().extract(img_u8)[0].astype(np.float64)


def distance(first, second):
    return frechet_distance(first.mean(0), np.cov(first.T), second.mean(0), np.cov(second.T))


def test_the_record_and_its_numbers(dataset):
    progress, result = run(Stripes(), dataset, Thirds(), num_sets=3)
    assert [record.done for record in progress] == [1000, 1500, 2500, 3000, 4000, 4500]
    assert {(record.total, record.unit) for record in progress} == {(4500, "images")}
    assert result["features"] == {"name": "thirds", "sha256": "3" * 64, "test_accuracy": 0.9}
    assert (result["seed"], result["message"]) == (5, None)
    name, *near = result["scores"]
    assert near == [f"{kind}1500_test[thirds]" for kind in ("kd", "precision", "recall", "density", "coverage")]
    score = result["scores"][name]
    assert name == "fd1500_test[thirds]"
    assert evaluate.score_name(Thirds()) == "fd10k_test[thirds]"

    expected, tops = [], []
    for index in range(3):
        with torch.inference_mode():
            gen = images.to_u8(Stripes()(rng.latents(5, f"measure-{index}", 1500, Z_DIM)))
        expected.append(distance(rows(gen), rows(dataset.test.images)))
        tops.append(np.bincount(rows(gen).argmax(1), minlength=3).tolist())
    assert score["values"] == pytest.approx(expected, rel=1e-9)
    assert len(set(score["values"])) == 3
    assert score["value"] == pytest.approx(np.mean(expected), rel=1e-9)
    assert score["spread"] == pytest.approx(np.std(expected, ddof=1), rel=1e-9)
    held_out = dataset.train.images[-150:]
    assert score["floor"] == pytest.approx(distance(rows(held_out), rows(dataset.test.images)), rel=1e-9)
    assert score["num_gen"] == 1500
    assert (score["num_real"], score["num_floor"], score["num_sets"], score["split"]) == (800, 150, 3, "test")
    sets = []
    for index in range(3):
        with torch.inference_mode():
            sets.append(rows(images.to_u8(Stripes()(rng.latents(5, f"measure-{index}", 1500, Z_DIM)))))
    real = rows(dataset.test.images)
    kernel, precision, *_ = (result["scores"][name] for name in near)
    assert kernel["values"] == pytest.approx([kernel_distance(gen, real).value for gen in sets], rel=1e-9)
    assert kernel["floor"] == pytest.approx(kernel_distance(rows(held_out), real).value, rel=1e-9)
    assert precision["values"] == pytest.approx([prdc(gen, real).precision for gen in sets])
    assert precision["floor"] == pytest.approx(prdc(rows(held_out), real).precision)
    assert (precision["k"], precision["num_gen"], precision["num_real"], precision["num_sets"]) == (5, 1500, 800, 3)
    assert result["bias"]["values"][-1] == score["values"][0]
    # Classes and confidence come from the first set alone.
    assert result["classes"]["counts"] == tops[0]
    assert sum(result["classes"]["counts"]) == 1500
    assert 1 <= result["classes"]["clarity"] <= 3
    assert result["classes"]["missing"] == []
    assert 1 / 3 <= result["confidence"]["lo10"] <= result["confidence"]["median"] <= 1


def test_the_same_seed_gives_the_same_record_and_more_sets_begin_with_it(dataset):
    _, once = run(Stripes(), dataset, Thirds())
    assert run(Stripes(), dataset, Thirds())[1] == once
    _, more = run(Stripes(), dataset, Thirds(), num_sets=2)
    score, more_score = (record["scores"]["fd1500_test[thirds]"] for record in (once, more))
    assert score["spread_by"] == "jackknife"
    assert score["spread"] > 0
    assert more_score["values"][0] == score["values"][0]
    assert more["classes"] == once["classes"]
    assert run(Stripes(), dataset, Thirds(), seed=6)[1]["scores"] != once["scores"]


def test_a_collapsed_generator_scores_badly_and_misses_classes(dataset):
    _, good = run(Stripes(), dataset, Thirds())
    _, collapsed = run(Stripes(only=(0.0, 2.0, 0.0)), dataset, Thirds())
    value = collapsed["scores"]["fd1500_test[thirds]"]["value"]
    assert value > 10 * good["scores"]["fd1500_test[thirds]"]["value"]
    assert collapsed["classes"]["missing"] == ["left", "right"]
    assert collapsed["classes"]["counts"] == [0, 1500, 0]
    assert collapsed["classes"]["entropy"] == 0
    assert good["classes"]["entropy"] == pytest.approx(np.log(3), abs=0.01)


def test_real_moments_are_computed_once_per_process(dataset):
    features = Thirds()
    run(Stripes(), dataset, features)
    assert features.num_seen == 1500 + 150 + 800
    run(Stripes(), dataset, features)
    assert features.num_seen == 2 * 1500 + 150 + 800


@pytest.mark.parametrize(("num_train", "num"), [(60_012, 10_000), (59_999, 9_999), (12, 2), (5, 0)])
def test_the_floor_uses_the_last_sixth_of_the_training_images_and_at_most_ten_thousand(num_train, num):
    train = ImageStore((torch.arange(num_train) % 251).to(torch.uint8)[:, None, None, None])
    data = Dataset("stripes", train, store(50, 4), "held out", ("left", "middle", "right"))
    assert data.num_held_out == num
    assert torch.equal(evaluate.real_images(data, "held_out"), train.images[num_train - num :])
    assert torch.equal(evaluate.real_images(data, "test"), data.test.images)


def test_without_a_feature_network_the_record_says_so(dataset):
    progress, result = run(Stripes(), dataset, None)
    assert progress == []
    assert result["features"] is None
    assert result["scores"] == {}
    assert result["classes"] is None
    assert "no feature network is known for the data set stripes" in result["message"]


class Blind(Thirds):
    """The same features, but no classes."""

    name, class_names, test_accuracy, sha256 = "blind", (), None, "4" * 64

    def compute(self, img):
        return super().compute(img)[0], img.new_empty(len(img), 0)


@pytest.mark.parametrize(
    ("class_names", "words"),
    [
        ((), "no other can be trained: stripes has no classes; put its images into one folder per class."),
        (("left", "middle", "right"), "`ganatomy features train DATA` trains one on stripes, then measure again."),
    ],
)
def test_without_classes_there_are_distances_and_a_reason(dataset, class_names, words):
    data = dataclasses.replace(dataset, class_names=class_names)
    _, result = run(Stripes(), data, Blind(), num_sets=2)
    _, seeing = run(Stripes(), dataset, Thirds(), num_sets=2)
    assert set(result) == set(seeing)
    assert result["features"] == {"name": "blind", "sha256": "4" * 64, "test_accuracy": None}
    assert result["scores"]["fd1500_test[blind]"] == seeing["scores"]["fd1500_test[thirds]"]
    assert result["classes"] is None
    assert result["confidence"] is None
    assert "the feature network blind knows no classes" in result["message"]
    assert result["message"].endswith(words)
    json.dumps(result, allow_nan=False)


@pytest.mark.parametrize("options", [{"num_sets": 0}, {"num_gen": 1}])
def test_impossible_numbers_are_refused(dataset, options):
    with pytest.raises(ConfigError, match="at least 1 set of at least 2 images"):
        run(Stripes(), dataset, Thirds(), **options)


def test_a_data_set_of_one_test_image_is_refused(dataset):
    tiny = Dataset("stripes", dataset.train, store(1, 2), "tiny", dataset.class_names)
    with pytest.raises(DataError, match="stripes has 1 test image to compare with"):
        run(Stripes(), tiny, Thirds())


def test_another_k_stands_in_the_names_and_is_the_independent_packages(dataset):
    from prdc import compute_prdc

    _, result = run(Stripes(), dataset, Thirds(), num_gen=300, near=(1, 300), k=3)
    _, usual = run(Stripes(), dataset, Thirds(), num_gen=300, near=(1, 300))
    assert "precision300_k3_test[thirds]" in result["scores"]
    assert "precision300_test[thirds]" in usual["scores"]
    assert "kd300_test[thirds]" in result["scores"]
    gen = rows(generate(Stripes().eval(), rng.latents(5, "measure-0", 300, Z_DIM)))
    wanted = compute_prdc(rows(dataset.test.images[:300]), gen, nearest_k=3)
    held_out = rows(dataset.train.images[-dataset.num_held_out :][:300])
    floor = compute_prdc(rows(dataset.test.images[:300]), held_out, nearest_k=3)
    for name in ("precision", "recall", "density", "coverage"):
        score = result["scores"][f"{name}300_k3_test[thirds]"]
        assert score["k"] == 3
        assert score["value"] == pytest.approx(wanted[name], rel=1e-6)
        assert score["floor"] == pytest.approx(floor[name], rel=1e-6)
    with pytest.raises(ConfigError, match="k is 0"):
        run(Stripes(), dataset, Thirds(), k=0)
