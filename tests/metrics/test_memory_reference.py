"""Memorisation as `measure` records it: copies are found in pixels and in features, real images are looked at once, and
the pictures hold the pairs that the record names."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from ganatomy import images, rng
from ganatomy.datasets.store import Dataset, ImageStore
from ganatomy.metrics import evaluate, memory_reference
from ganatomy.metrics.features import FeatureNetwork
from ganatomy.metrics.memorisation import compare, memorisation
from ganatomy.metrics.memory_reference import MemoryReference, spread
from ganatomy.progress import Progress

Z_DIM = 4


class Means(FeatureNetwork):
    """Sixteen features: mean brightness of the 2x2 blocks of an 8x8 picture; counts what it has seen."""

    name, num_features, class_names, img_shape = "means", 16, (), (1, 8, 8)
    sha256, test_accuracy = "5" * 64, None

    def __init__(self):
        self.num_seen = 0

    def compute(self, img):
        self.num_seen += len(img)
        return torch.nn.functional.avg_pool2d(img, 2).flatten(1), img.new_empty(len(img), 0)


class Painter(torch.nn.Module):
    """A smooth picture from four numbers, or, with `copied`, the training picture that the first number points at."""

    def __init__(self, copied: torch.Tensor | None = None):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(0.4))
        self.copied = copied

    def forward(self, z):
        if self.copied is not None:
            return images.to_float(self.copied[(z[:, 0].abs() * 1000).long() % len(self.copied)])
        coarse = (z.reshape(-1, 1, 2, 2) * self.scale).clamp(-1, 1)
        return torch.nn.functional.interpolate(coarse, 8, mode="bilinear", align_corners=True)


def pictures(num: int, purpose: str) -> torch.Tensor:
    with torch.inference_mode():
        return images.to_u8(Painter()(rng.latents(1, purpose, num, Z_DIM)))


@pytest.fixture
def dataset(request):
    """A data set of its own for every test, for what is known of it is kept by its hash."""
    train, test = pictures(600, "test_memory_train"), pictures(200, "test_memory_test")
    return Dataset("smooth", ImageStore(train), ImageStore(test), request.node.nodeid, ())


def measured(G, dataset, network=None, **sizes):
    work = evaluate.measure(
        G.eval(), Z_DIM, dataset, network or Means(), seed=5, **{"num_gen": 1500, "memory": 300, **sizes}
    )
    return list(work)[-1]["memorisation"]


def test_fresh_pictures_are_no_copies(dataset):
    found = measured(Painter(), dataset)
    for kind in ("pixels", "features"):
        record = found[kind]
        sizes = {name: record[name] for name in ("num_gen", "num_test", "num_train", "capped")}
        assert sizes == {"num_gen": 300, "num_test": 200, "num_train": 600, "capped": False}
        assert record["closer"] == pytest.approx(0.5, abs=0.08)
        assert record["too_close"] <= record["limit"]
        assert record["expected"] == pytest.approx(3 / 201)  # below the third of 200
    json.dumps(found, allow_nan=False)


def test_copies_are_found_in_pixels_and_in_features(dataset):
    found = measured(Painter(copied=dataset.train.images), dataset)
    for kind in ("pixels", "features"):
        assert found[kind]["too_close"] == 1
        assert found[kind]["closer"] > 0.98
        assert found[kind]["pairs"][0]["distance"] == 0


def test_the_numbers_are_those_of_the_images(dataset):
    """Against `memorisation` on the images themselves, the first of set 0."""
    found = measured(Painter(), dataset, memory=70, num_sets=2)
    with torch.inference_mode():
        gen = images.to_u8(Painter()(rng.latents(5, "measure-0", 70, Z_DIM)))
    test, train = dataset.test.images[spread(200, 70)], dataset.train.images
    pixels = memorisation(*(img.flatten(1).numpy() for img in (gen, test, train)))
    features = memorisation(*(Means().extract(img)[0] for img in (gen, test, train)))
    assert {name: value for name, value in found["pixels"].items() if name != "capped"} == pixels
    assert {name: value for name, value in found["features"].items() if name != "capped"} == features


def test_training_images_are_capped_evenly_and_pairs_keep_their_numbers(dataset, monkeypatch):
    monkeypatch.setattr(memory_reference, "MAX_TRAIN_PIXELS", 60)
    monkeypatch.setattr(memory_reference, "MAX_TRAIN_FEATURES", 40)
    found = measured(Painter(copied=dataset.train.images[::10]), dataset)
    sizes = {kind: (record["num_train"], record["capped"]) for kind, record in found.items()}
    assert sizes == {"pixels": (60, True), "features": (40, True)}
    assert found["pixels"]["too_close"] == 1
    assert all(pair["train"] % 10 == 0 for pair in found["pixels"]["pairs"])
    assert all(pair["train"] % 15 == 0 for pair in found["features"]["pairs"])
    np.testing.assert_array_equal(spread(10, 4), [0, 2, 5, 7])
    np.testing.assert_array_equal(spread(3, 9), [0, 1, 2])


def test_real_images_are_looked_at_once(dataset):
    first, second = Means(), Means()
    kept = MemoryReference(dataset, first, 50)
    again = MemoryReference(dataset, second, 50)
    assert (first.num_seen, second.num_seen) == (500 + 50, 0)
    np.testing.assert_array_equal(kept.features.rows, again.features.rows)
    np.testing.assert_array_equal(kept.pixels.normal, again.pixels.normal)
    np.testing.assert_array_equal(kept.features.normal, again.features.normal)
    other = Means()
    other.sha256 = "6" * 64
    MemoryReference(dataset, other, 50)
    MemoryReference(dataclasses.replace(dataset, sha256="another"), other, 50)
    assert other.num_seen == 2 * 550


def test_without_memory_nothing_is_looked_for(dataset):
    assert measured(Painter(), dataset, memory=None) is None
    assert measured(Painter(), dataset, num_gen=40)["pixels"]["num_gen"] == 40


def test_the_sheet_holds_the_pairs(dataset):
    *progress, record = evaluate.measure(
        Painter().eval(), Z_DIM, dataset, Means(), seed=5, num_gen=1500, memory=300
    )  # fmt: skip
    assert all(isinstance(step, Progress) for step in progress)
    pairs = record["memorisation"]["pixels"]["pairs"]
    sheet = evaluate.pair_sheet(Painter().eval(), Z_DIM, dataset, 5, pairs)
    assert sheet.shape == (2 * 8 + 2, 8 * 8 + 7 * 2)
    for column, pair in enumerate(pairs):
        above, below = sheet[:8, 10 * column :][:, :8], sheet[10:, 10 * column :][:, :8]
        np.testing.assert_array_equal(below, dataset.train.images[pair["train"], 0])
        apart = np.sqrt(((above.astype(np.float64) - below) ** 2).sum())
        assert apart == pytest.approx(pair["distance"], rel=1e-12)


@pytest.mark.parametrize(("num_gen", "num_test"), [(1000, 1000), (200, 50)])
def test_expected_share_and_limit_by_drawing(num_gen, num_test):
    """Equal distributions, 2,000 draws: the mean is the expected one, the limit is passed in 1 of 1,000 or fewer."""
    draw = rng.generator(0, "test_expected")
    found = [compare(np.zeros(num_gen, int), draw.random(num_gen), draw.random(num_test)) for _ in range(2000)]
    shares = np.array([each["too_close"] for each in found])
    assert shares.mean() == pytest.approx(found[0]["expected"], abs=4 * shares.std() / np.sqrt(2000))
    assert (shares > found[0]["limit"]).sum() <= 8  # 2 are expected at most; more than 8 come in 1 of 4,000
    assert (shares > found[0]["limit"] - 2 / num_gen).sum() > 0  # the limit is no larger than it must be
