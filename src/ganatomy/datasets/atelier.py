"""`atelier`: ten kinds of garments and shoes drawn from known factors, for work without data or network.

Each picture is a pure function of (seed, split, number): a kind drawn evenly from ten and nine factors drawn evenly
from [0, 1], independent of each other. Since the true distribution is known, it also tests metrics and latent
analysis. The pictures are this project's own; nothing is copied from any data set.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from .. import files, rng
from ..errors import ConfigError
from .canvas import Canvas
from .garments import GARMENTS
from .store import Dataset, ImageStore

NAME = "atelier"
DRAWING = 1
"""Version of the drawing code; a change of any picture makes a new one, and with it another content hash."""
CLASS_NAMES = tuple(GARMENTS)
FACTORS = ("width", "length", "sleeve", "neckline", "flare", "heel", "brightness", "texture", "tilt")
APPLIES = np.array([[factor in used for factor in FACTORS] for _, used in GARMENTS.values()])
"""bool [10, 9]: whether a factor changes a kind; the others are drawn too, but change nothing."""
NUM_TRAIN, NUM_TEST = 60_000, 10_000
MAX_HALF_TANGENT = 0.1
"""The tilt reaches 2 atan(0.1), about 11 degrees, to either side."""
GROUP = 64
"""Pictures of one kind drawn at once; their arrays of 28x28 stay in the processor's cache."""

Split = Literal["train", "test"]


class Drawn(NamedTuple):
    """Pictures with the truth about them."""

    images: Tensor
    """uint8 [N, 1, H, W]."""
    labels: Tensor
    """int64 [N], index into `CLASS_NAMES`."""
    factors: Tensor
    """float32 [N, 9] in [0, 1], in the order of `FACTORS`."""


def draw_truth(seed: int, split: Split, start: int, num: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (labels int64 [num], factors float32 [num, 9]) of pictures number `start` to `start + num`."""
    labels, factors = [], []
    stop = start + num
    while start < stop:
        block, offset = divmod(start, rng.BLOCK_NIMG)
        take = min(stop - start, rng.BLOCK_NIMG - offset)
        draw = rng.generator(seed, f"atelier-{split}", block)
        labels.append(draw.integers(len(CLASS_NAMES), size=rng.BLOCK_NIMG)[offset : offset + take])
        factors.append(draw.random((rng.BLOCK_NIMG, len(FACTORS)), dtype=np.float32)[offset : offset + take])
        start += take
    return np.concatenate(labels), np.concatenate(factors)


def render(labels: np.ndarray, factors: np.ndarray, size: tuple[int, int] = (28, 28)) -> np.ndarray:
    """Draw pictures: labels int [N], factors float [N, 9] in [0, 1] -> uint8 [N, H, W], each row alone."""
    images = np.empty((len(labels), *size), np.uint8)
    factors = np.ascontiguousarray(factors, np.float32)
    for kind, (drawer, _) in enumerate(GARMENTS.values()):
        rows = np.flatnonzero(labels == kind)
        for part in np.split(rows, range(GROUP, len(rows), GROUP)):
            by_name = dict(zip(FACTORS, factors[part].T))
            canvas = Canvas(len(part), size, (2 * by_name["tilt"] - 1) * np.float32(MAX_HALF_TANGENT))
            drawer(canvas, by_name)
            images[part] = canvas.to_u8()
    return images


def draw(num: int, *, seed: int = 0, split: Split = "train", start: int = 0, size: tuple[int, int] = (28, 28)) -> Drawn:
    """Return pictures number `start` to `start + num` of a seed and split, of any size (height, width)."""
    labels, factors = draw_truth(seed, split, start, num)
    images = np.empty((num, *size), np.uint8)

    def part(first: int) -> None:
        rows = slice(first, first + rng.BLOCK_NIMG)
        images[rows] = render(labels[rows], factors[rows], size)

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with ThreadPoolExecutor(min(cores, 16)) as pool:
        list(pool.map(part, range(0, num, rng.BLOCK_NIMG)))
    return Drawn(torch.from_numpy(images).unsqueeze(1), torch.from_numpy(labels), torch.from_numpy(factors))


def load(
    size: tuple[int, int] = (28, 28), num_train: int = NUM_TRAIN, num_test: int = NUM_TEST, seed: int = 0
) -> Dataset:
    """Return the data set with its truth. A size or count below 1 is a `ConfigError`.

    Its hash is that of the description it is a function of, not of the pixels.
    """
    if min(*size, num_train, num_test) < 1:
        raise ConfigError(
            f"atelier of {num_train} + {num_test} pictures of {size[0]}x{size[1]}; all must be at least 1."
        )
    train = ImageStore(*draw(num_train, seed=seed, size=size))
    test = ImageStore(*draw(num_test, seed=seed, split="test", size=size))
    recipe = f"atelier {DRAWING}, seed {seed}, {size[0]}x{size[1]}, {num_train} + {num_test}"
    return Dataset(NAME, train, test, files.sha256(recipe.encode()), CLASS_NAMES)
