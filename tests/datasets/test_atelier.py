"""The drawn data set: a pure function with known truth, the same bytes everywhere, factors that do what they say."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest
import torch

from ganatomy.datasets import atelier
from ganatomy.datasets.canvas import Canvas, cut, union
from ganatomy.errors import ConfigError

FIRST_512 = "f208eb8879df7e9cc5520949f9a711806b8fe6237b05c4ec058bff3b8f152646"
"""SHA-256 of the first 512 training pictures of seed 0. Another drawing needs another `atelier.DRAWING`."""
DIGEST = "import hashlib; from ganatomy.datasets import atelier; d = atelier.draw(512); "
DIGEST += "print(hashlib.sha256(d.images.numpy().tobytes()).hexdigest())"


def middle(kind: str, **changed: float) -> np.ndarray:
    """Draw one picture with all factors at 0.5 but the changed ones: int [28, 28]."""
    factors = np.full((1, len(atelier.FACTORS)), 0.5, np.float32)
    for name, value in changed.items():
        factors[0, atelier.FACTORS.index(name)] = value
    return atelier.render(np.array([atelier.CLASS_NAMES.index(kind)]), factors)[0].astype(int)


def test_the_same_bytes_in_every_process():
    found = [
        subprocess.run([sys.executable, "-c", DIGEST], capture_output=True, encoding="utf-8", check=True).stdout.strip()
        for _ in range(2)
    ]
    assert found == [FIRST_512, FIRST_512]
    assert hashlib.sha256(atelier.draw(512).images.numpy().tobytes()).hexdigest() == FIRST_512


def test_a_picture_depends_on_seed_split_and_number_alone():
    whole = atelier.draw(4200)
    part = atelier.draw(300, start=3900)  # over the border of a block
    for a, b in zip(whole, part):
        assert torch.equal(a[3900:4200], b)
    assert not torch.equal(whole.images[:64], atelier.draw(64, seed=1).images)
    assert not torch.equal(whole.images[:64], atelier.draw(64, split="test").images)
    alone = atelier.render(whole.labels[7:8].numpy(), whole.factors[7:8].numpy())
    assert np.array_equal(alone[0], whole.images[7, 0].numpy())


def test_the_truth_is_even_and_independent():
    labels, factors = atelier.draw_truth(0, "train", 0, 40_960)
    assert np.bincount(labels, minlength=10).min() > 4096 - 5 * 61  # five standard deviations
    assert factors.min() >= 0
    assert factors.max() < 1
    assert np.abs(factors.mean(axis=0) - 0.5).max() < 5 * 0.2887 / 202
    together = np.corrcoef(np.column_stack([labels, factors]).T)
    assert np.abs(together - np.eye(len(together))).max() < 5 / 202


def test_factors_change_exactly_the_kinds_they_apply_to():
    for k, kind in enumerate(atelier.CLASS_NAMES):
        for j, name in enumerate(atelier.FACTORS):
            change = np.abs(middle(kind, **{name: 0.0}) - middle(kind, **{name: 1.0}))
            if atelier.APPLIES[k, j]:
                assert change.max() > 60, (kind, name)
            else:
                assert change.max() == 0, (kind, name)


def test_factors_do_what_they_say():
    assert middle("Sneaker", brightness=1.0).sum() > middle("Sneaker", brightness=0.0).sum()
    wide, narrow = ((middle("T-shirt", width=value) > 60).any(axis=0).sum() for value in (1.0, 0.0))
    assert wide >= narrow + 3
    long, short = ((middle("Trousers", length=value) > 60).any(axis=1).sum() for value in (1.0, 0.0))
    assert long >= short + 4
    rows = middle("Boot", texture=1.0, tilt=0.5)[:, 17]
    plain = middle("Boot", texture=0.0, tilt=0.5)[:, 17]
    assert np.abs(np.diff(rows[10:18])).sum() > np.abs(np.diff(plain[10:18])).sum() + 100
    left, right = (middle("Skirt", tilt=value) for value in (0.0, 1.0))
    assert np.abs(left - right[:, ::-1]).max() <= 1  # tilted one way and the other: mirror images


@pytest.mark.parametrize("size", [(28, 28), (64, 64), (48, 32), (9, 13)])
def test_any_size_shows_the_same_things(size):
    images = atelier.draw(40, size=size).images
    assert images.shape == (40, 1, *size)
    assert (images.flatten(1).max(dim=1).values > 80).all()
    side = min(size)
    top, left = (size[0] - side) // 2, (size[1] - side) // 2
    middle_part = images[:, 0, top : top + side, left : left + side].double()
    share = middle_part.mean(dim=(1, 2))
    small = atelier.draw(40).images[:, 0].double().mean(dim=(1, 2))
    assert torch.corrcoef(torch.stack([share, small]))[0, 1] > 0.99


def test_edges_are_smooth():
    """An edge that moves by a quarter of a pixel changes the pixels on it by a quarter of the shade."""

    def box(right: float) -> np.ndarray:
        canvas = Canvas(1, (8, 8), np.zeros(1, np.float32))
        canvas.paint(canvas.polygon((-0.5, -0.5), (right, -0.5), (right, 0.5), (-0.5, 0.5)), 1.0)
        return canvas.value[0]

    assert np.array_equal(box(0.5), np.pad(np.ones((4, 4), np.float32), 2))
    assert np.allclose(box(0.5 + 0.25 / 4)[3], [0, 0, 1, 1, 1, 1, 0.25, 0], atol=1e-6)


def test_shapes_join_and_cut():
    canvas = Canvas(1, (32, 32), np.zeros(1, np.float32))
    disc, hole = canvas.circle((0.0, 0.0), 0.5), canvas.circle((0.0, 0.0), 0.25)
    assert disc[0, 16, 16] == pytest.approx(0.7071 - 8, abs=1e-3)  # in pixels, from the middle of a pixel
    canvas.paint(cut(union(disc, canvas.circle((0.75, 0.0), 0.1)), hole), 0.5)
    picture = canvas.value[0]
    assert picture[16, 16] == 0
    assert picture[16, 16 + 6] == pytest.approx(0.5)
    assert picture[16, 16 + 12] == pytest.approx(0.5)
    assert picture[16, 16 + 9] == 0


def test_the_tilt_turns_about_the_middle():
    canvas = Canvas(1, (33, 33), np.array([0.1], np.float32))
    canvas.paint(canvas.circle((0.0, -0.8), 0.1), 1.0)
    rows, columns = np.mgrid[:33, :33] - 16
    weight = canvas.value[0] / canvas.value[0].sum()
    angle = 2 * np.arctan(0.1)
    assert (columns * weight).sum() == pytest.approx(0.8 * 16.5 * np.sin(angle), abs=0.02)
    assert (rows * weight).sum() == pytest.approx(-0.8 * 16.5 * np.cos(angle), abs=0.02)


def test_the_set_has_its_truth_and_a_name_of_its_content():
    small = atelier.load(num_train=50, num_test=20)
    assert (len(small.train), len(small.test), small.img_shape) == (50, 20, (1, 28, 28))
    assert small.train.factors.shape == (50, 9)
    assert small.class_names == atelier.CLASS_NAMES
    hashes = {small.sha256, atelier.load(num_train=50, num_test=21).sha256}
    hashes |= {atelier.load((8, 9), 50, 20).sha256, atelier.load(num_train=50, num_test=20, seed=1).sha256}
    assert len(hashes) == 4
    with pytest.raises(ConfigError, match="at least 1"):
        atelier.load((0, 28))
