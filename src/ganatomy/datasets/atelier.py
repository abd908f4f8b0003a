"""`atelier`: ten kinds of garments and shoes drawn from known factors, for work without data or network.

Each picture is a pure function of (seed, split, number): a kind drawn evenly from ten and nine factors drawn evenly
from [0, 1], independent of each other. Since the true distribution is known, it also tests metrics and latent
analysis. The pictures are this project's own; nothing is copied from any data set.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from .. import files, rng
from ..errors import ConfigError
from . import kept
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
BLOCK_BYTES = 1 << 26
"""Pixels of the pictures that one core draws at a time."""
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
    images, done = np.empty((num, 1, *size), np.uint8), 0
    for block in _blocks(labels, factors, size):
        images[done : done + len(block)] = block
        done += len(block)
    return Drawn(torch.from_numpy(images), torch.from_numpy(labels), torch.from_numpy(factors))


def _blocks(labels: np.ndarray, factors: np.ndarray, size: tuple[int, int]) -> Iterator[np.ndarray]:
    """Yield the pictures in order, uint8 [n, 1, H, W]; the next few are drawn meanwhile, by all cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    step = max(GROUP, min(rng.BLOCK_NIMG, BLOCK_BYTES // (size[0] * size[1])))
    with ThreadPoolExecutor(min(cores, 16)) as pool:
        waiting: deque[Future[np.ndarray]] = deque()
        for start in range(0, len(labels), step):
            rows = slice(start, start + step)
            waiting.append(pool.submit(render, labels[rows], factors[rows], size))
            if len(waiting) > cores:
                yield waiting.popleft().result()[:, None]
        while waiting:
            yield waiting.popleft().result()[:, None]


def load(
    size: tuple[int, int] = (28, 28), num_train: int = NUM_TRAIN, num_test: int = NUM_TEST, seed: int = 0
) -> Dataset:
    """Return the data set with its truth, drawn in memory. A size or count below 1 is a `ConfigError`.

    Its hash is that of the description it is a function of, not of the pixels.
    """
    recipe = _recipe(size, num_train, num_test, seed)
    train = ImageStore(*draw(num_train, seed=seed, size=size))
    test = ImageStore(*draw(num_test, seed=seed, split="test", size=size))
    return Dataset(NAME, train, test, files.sha256(recipe.encode()), CLASS_NAMES)


def load_kept(size: tuple[int, int], say: Callable[[str], None]) -> Dataset:
    """Return what `load` does, from the user's cache where it was drawn before, else drawn into it.

    `say` is told where it is kept, or why it cannot be.
    """
    recipe = _recipe(size, NUM_TRAIN, NUM_TEST, 0)
    made_by = kept.recipe({"drawn": recipe})
    found = kept.find(made_by)
    if found is None:
        truth = {"train": draw_truth(0, "train", 0, NUM_TRAIN), "test": draw_truth(0, "test", 0, NUM_TEST)}
        plan = kept.Plan(
            name=NAME,
            class_names=CLASS_NAMES,
            shapes={split: (len(labels), 1, *size) for split, (labels, _) in truth.items()},
            arrays={
                f"{split}/{name}": array
                for split, arrays in truth.items()
                for name, array in zip(("labels", "factors"), arrays)
            },
            chunks={split: _blocks(*arrays, size) for split, arrays in truth.items()},
            about={},
        )
        try:
            found = kept.keep(made_by, plan)
        except kept.NotKeptError as error:
            say(f"the drawn pictures are not kept for next time: {error}.")
            return load(size, NUM_TRAIN, NUM_TEST)
        say(kept.told(made_by))
    return found.dataset(files.sha256(recipe.encode()))


def _recipe(size: tuple[int, int], num_train: int, num_test: int, seed: int) -> str:
    """Return the description that the set is a function of."""
    if min(*size, num_train, num_test) < 1:
        raise ConfigError(
            f"atelier of {num_train} + {num_test} pictures of {size[0]}x{size[1]}; all must be at least 1."
        )
    return f"atelier {DRAWING}, seed {seed}, {size[0]}x{size[1]}, {num_train} + {num_test}"
