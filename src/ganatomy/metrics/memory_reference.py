"""How near real test images come to the training images, in pixels and in features: what is normal, kept in the cache.

The last training images, on which no feature network was trained, count as training images here: generators see them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..datasets.store import Dataset
from .neighbours import find_nearest
from .network import FeatureNetwork
from .reference import kept

VERSION = 1
"""Part of every cache name: another meaning of what is stored makes a new one."""
MAX_TRAIN_PIXELS, MAX_TRAIN_FEATURES = 60_000, 10_000
"""Most training images that are compared with; features cost far more than pixels."""
TRAIN_FEATURES_PER_IMAGE = 10
"""Training images whose features are taken for each image that is compared: fewer for small measurements."""


@dataclass(frozen=True)
class Training:
    """Training images as rows, and how far test images are from them."""

    rows: np.ndarray
    """[M, F]: uint8 pixels or float32 features."""
    index: np.ndarray
    """int64 [M]: their numbers in the training split."""
    normal: np.ndarray
    """float64 [num_test]: distances of test images to the nearest row."""
    num_all: int
    """All training images."""


class MemoryReference:
    """Training images for the memorisation of `num` generated images, beside at most as many test images.

    Test and training images are spread evenly over their splits, so that sorted ones are represented too.
    """

    def __init__(self, dataset: Dataset, network: FeatureNetwork, num: int):
        self._dataset, self._network = dataset, network
        train, test = dataset.train.images, dataset.test.images
        self._test_index = spread(len(test), num)
        pixels = spread(len(train), MAX_TRAIN_PIXELS)
        features = spread(len(train), min(MAX_TRAIN_FEATURES, TRAIN_FEATURES_PER_IMAGE * num))
        self._pixel_rows = train.flatten(1).numpy()
        if len(pixels) < len(train):
            self._pixel_rows = self._pixel_rows[pixels]
        key = f"memory-{VERSION}|{dataset.sha256}|{list(train.shape)}|{list(test.shape)}|{num}"
        normal = kept(key, ("normal",), self._compute_pixels)["normal"]
        self.pixels = Training(self._pixel_rows, pixels, normal, len(train))
        arrays = kept(f"{key}|{network.sha256}", ("rows", "normal"), lambda: self._compute_features(features))
        self.features = Training(arrays["rows"], features, arrays["normal"], len(train))

    def _compute_pixels(self) -> dict[str, np.ndarray]:
        test = self._dataset.test.images[self._test_index].flatten(1).numpy()
        return {"normal": find_nearest(test, self._pixel_rows)[1]}

    def _compute_features(self, index: np.ndarray) -> dict[str, np.ndarray]:
        rows = self._network.extract(self._dataset.train.images[index])[0]
        test = self._network.extract(self._dataset.test.images[self._test_index])[0]
        return {"rows": rows, "normal": find_nearest(test, rows)[1]}


def spread(total: int, num: int) -> np.ndarray:
    """Return `num` numbers spread evenly over 0 .. total - 1, all of them where there are no more: int64."""
    num = min(num, total)
    return np.arange(num, dtype=np.int64) * total // num
