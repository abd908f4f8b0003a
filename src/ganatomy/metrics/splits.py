"""Which real images a generator is compared with."""

from __future__ import annotations

from typing import Literal

import numpy as np
from torch import Tensor

from ..datasets.store import Dataset
from .network import FeatureNetwork

Split = Literal["test", "held_out"]

_features: dict[tuple[str, str, Split], np.ndarray] = {}
"""Features of whole splits, kept for this process only: (data SHA-256, network SHA-256, split)."""


def real_images(dataset: Dataset, split: Split) -> Tensor:
    """Return uint8 [N, C, H, W]: the `test` images, or the `held_out` last ones of the training split."""
    return dataset.test.images if split == "test" else dataset.train.images[len(dataset.train) - dataset.num_held_out :]


def real_features(dataset: Dataset, network: FeatureNetwork, split: Split, num: int | None = None) -> np.ndarray:
    """Return the features of the first `num` real images of a split (None: all): float32 [num, F].

    A whole split is looked at once per process.
    """
    key = (dataset.sha256, network.sha256, split)
    if key not in _features:
        images = real_images(dataset, split)
        if num is not None and num < len(images):
            return network.extract(images[:num])[0]
        _features[key] = network.extract(images)[0]
    return _features[key][:num]
