"""What every metric needs of a feature network: features (for distances) and, if it knows classes, probabilities.

Features are always computed on the CPU in float32, so that a score does not depend on the training device.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import torch
from torch import Tensor

from .. import images
from ..errors import DataError, GanatomyError
from .moments import Moments

CHUNK_PX = 2**20
"""Most pixels looked at together, so that large images need no more memory than small ones."""


class FeatureNetwork(ABC):
    """A frozen network that looks at images; subclass it and give the attributes to use another one."""

    name: str
    """Goes into the name of every score, as in `fd10k_test[fashion-v1]`."""
    num_features: int
    """Length of a feature vector."""
    class_names: tuple[str, ...]
    """Names of the K classes in the order of the probabilities; empty for a network that knows no classes."""
    img_shape: tuple[int, int, int]
    """(C, H, W) of the images it takes; nothing is resized."""
    sha256: str
    """Identity of the weights: scores compare only where it is equal."""
    test_accuracy: float | None
    """Share of real test images that it classifies correctly; None without classes or labels."""

    @abstractmethod
    def compute(self, img: Tensor) -> tuple[Tensor, Tensor]:
        """float32 [N, C, H, W] in [-1, 1] -> (features [N, F], probabilities [N, K]), both float32, each row alone."""

    def known_moments(self, data_sha256: str, split: str) -> Moments | None:
        """Return the feature moments of a split of real images where they came with the network, else None."""
        return None

    def extract(self, img_u8: Tensor, chunk: int = 250) -> tuple[np.ndarray, np.ndarray]:
        """Return features [N, F] and class probabilities [N, K] of uint8 images [N, C, H, W], both float32.

        A row depends on its own image only; another `chunk` changes it by less than 1e-5. Images of another
        type or shape, and features that are not finite, are a `GanatomyError`.
        """
        if img_u8.dtype != torch.uint8 or img_u8.ndim != 4 or tuple(img_u8.shape[1:]) != self.img_shape:
            channels, height, width = self.img_shape
            raise DataError(
                f"the feature network {self.name} takes uint8 images [N, {channels}, {height}, {width}], but got "
                f"{str(img_u8.dtype).removeprefix('torch.')} {list(img_u8.shape)}. Use a data set of that shape; "
                "images are never resized for a metric."
            )
        features = np.empty((len(img_u8), self.num_features), np.float32)
        probabilities = np.empty((len(img_u8), len(self.class_names)), np.float32)
        chunk = limit_chunk(chunk, img_u8)
        with torch.inference_mode():
            for start in range(0, len(img_u8), chunk):
                rows = slice(start, start + chunk)
                row_features, row_probabilities = self.compute(images.to_float(img_u8[rows].cpu()))
                features[rows], probabilities[rows] = row_features.numpy(), row_probabilities.numpy()
        if not (np.isfinite(features).all() and np.isfinite(probabilities).all()):
            raise GanatomyError(
                f"the feature network {self.name} gave NaN or infinite features, so nothing can be measured with it; "
                "no value was left out. Check its weights."
            )
        return features, probabilities


def limit_chunk(chunk: int, img_u8: Tensor) -> int:
    """Return how many images [N, C, H, W] to look at together: `chunk`, fewer of large images, at least 1."""
    return max(1, min(chunk, CHUNK_PX // (img_u8.shape[2] * img_u8.shape[3])))
