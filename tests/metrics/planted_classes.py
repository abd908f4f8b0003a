"""A made-up data set that a network can learn: rows or columns of stripes in noise; their level is a factor."""

import torch

from ganatomy import rng
from ganatomy.datasets.store import Dataset, ImageStore

SHAPE = (1, 10, 8)


def stripes(num: int, seed: int, img_shape: tuple[int, int, int] = SHAPE) -> tuple[torch.Tensor, ...]:
    """Return images, labels (0: rows, 1: columns) and the level of the stripes in [0, 1]."""
    draw = rng.generator(seed, "test_stripes")
    labels = torch.from_numpy(draw.integers(0, 2, num))
    level = torch.from_numpy(draw.random(num)).float()
    img = torch.from_numpy(draw.integers(0, 60, (num, *img_shape))).float()
    light = (100 + 90 * level)[:, None, None]
    rows, columns = labels == 0, labels == 1
    img[rows, :, ::2] += light[rows, None]
    img[columns, :, :, ::2] += light[columns, None]
    return img.to(torch.uint8), labels, level[:, None]


def striped_data(num_train: int = 120, num_test: int = 60, sha256: str = "ab" * 32, name: str = "striped") -> Dataset:
    img, labels, _ = stripes(num_train, 1)
    test_img, test_labels, _ = stripes(num_test, 2)
    return Dataset(name, ImageStore(img, labels), ImageStore(test_img, test_labels), sha256, ("rows", "columns"))
