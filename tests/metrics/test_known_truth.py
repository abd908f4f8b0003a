"""On pictures whose true distribution is known, each kind of damage moves the measures that should move, in order,
and leaves the others in place. A small form of `python -m benchmarks.measuring`."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from ganatomy.datasets import atelier
from ganatomy.metrics.features import load_features
from ganatomy.metrics.frechet import frechet
from ganatomy.metrics.kernel import kernel_distance
from ganatomy.metrics.memorisation import memorisation
from ganatomy.metrics.moments import moments_of
from ganatomy.metrics.prdc import prdc

NUM = 1000


def features(img_u8: torch.Tensor) -> np.ndarray:
    return load_features("atelier-v1").extract(img_u8)[0]


@pytest.fixture(scope="module")
def real() -> np.ndarray:
    return features(atelier.draw(NUM, split="test").images)


@pytest.fixture(scope="module")
def fresh() -> torch.Tensor:
    return atelier.draw(3 * NUM, seed=1).images


def scores(img_u8: torch.Tensor, real: np.ndarray) -> dict[str, float]:
    found = features(img_u8)
    distances = {"fd": frechet(moments_of(found), moments_of(real)), "kd": kernel_distance(found, real).value}
    return prdc(found, real)._asdict() | distances


def falls(rows: list[dict[str, float]], name: str) -> bool:
    return all(after[name] < before[name] for before, after in pairwise(rows))


def test_missing_classes_cost_recall_and_distance_not_precision(fresh, real):
    labels = atelier.draw_truth(1, "train", 0, len(fresh))[0]
    rows = [scores(fresh[torch.from_numpy(labels >= missing)][:NUM], real) for missing in (0, 2, 4, 6)]
    assert falls(rows, "recall")
    assert falls(rows, "coverage")
    assert falls(rows[::-1], "fd")
    assert falls(rows[::-1], "kd")
    assert all(row["precision"] > rows[0]["precision"] - 0.02 for row in rows)
    assert all(abs(row["density"] - rows[0]["density"]) < 0.15 for row in rows)


def test_noise_costs_precision_density_and_distance(fresh, real):
    draw = torch.Generator().manual_seed(3)
    noise = torch.randn(fresh[:NUM].shape, generator=draw)
    rows = [
        scores((fresh[:NUM] + levels * noise).round().clamp(0, 255).to(torch.uint8), real) for levels in (0, 8, 16, 32)
    ]
    assert falls(rows, "density")
    assert falls(rows, "coverage")
    assert falls(rows[::-1], "fd")
    assert falls(rows[::-1], "kd")
    assert rows[-1]["precision"] < 0.6 < rows[0]["precision"]


def test_copies_move_only_the_nearness_to_the_training_set(fresh, real):
    train = atelier.draw(4 * NUM).images
    pixels = [images.flatten(1).numpy() for images in (atelier.draw(NUM, split="test").images, train)]
    plain = scores(fresh[:NUM], real)
    found = []
    for share in (0.0, 0.25, 1.0):
        num = round(share * NUM)
        mixed = torch.cat([train[:num], fresh[num:NUM]])
        row = scores(mixed, real)
        for name, allowed in {"precision": 0.03, "recall": 0.03, "density": 0.1, "coverage": 0.04}.items():
            assert abs(row[name] - plain[name]) < allowed, (share, name)
        assert row["fd"] < 1.5 * plain["fd"]
        found.append(memorisation(mixed.flatten(1).numpy(), *pixels)["too_close"])
    assert found[0] < 0.05
    assert found[1] == pytest.approx(0.25, abs=0.05)
    assert found[2] == 1.0
