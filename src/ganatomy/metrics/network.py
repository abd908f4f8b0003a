"""What every metric needs of a feature network: features (for distances) and, if it knows classes, probabilities.

Features are always computed on the CPU in float32, so that a score does not depend on the training device.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod

import numpy as np
import torch
from torch import Tensor

from .. import images
from ..errors import ConfigError, DataError, GanatomyError
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
        type or shape, and features of another shape or that are not finite, are a `GanatomyError`.
        """
        if img_u8.dtype != torch.uint8 or img_u8.ndim != 4 or tuple(img_u8.shape[1:]) != tuple(self.img_shape):
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
                img = images.to_float(img_u8[rows].cpu())
                given = self.compute(img)
                features[rows], probabilities[rows] = self._checked(given, len(img))
        if not (np.isfinite(features).all() and np.isfinite(probabilities).all()):
            raise GanatomyError(
                f"the feature network {self.name} gave NaN or infinite features, so nothing can be measured with it; "
                "no value was left out. Check its weights."
            )
        return features, probabilities

    def _checked(self, given: object, num: int) -> tuple[np.ndarray, np.ndarray]:
        """Return what `compute` gave for `num` images as arrays; NumPy would stretch a wrong shape without a word."""
        wanted = ((num, self.num_features), (num, len(self.class_names)))
        parts = given if isinstance(given, tuple) else (given,)
        shapes = tuple(tuple(part.shape) if isinstance(part, Tensor) else type(part).__name__ for part in parts)
        if shapes != wanted:
            raise GanatomyError(
                f"the feature network {self.name} gave {' and '.join(map(_shown, shapes))} for {num} images; its "
                f"compute must return two tensors: features {list(wanted[0])} (num_features is {self.num_features}) "
                f"and probabilities {list(wanted[1])} ({len(self.class_names)} class names)."
            )
        features, probabilities = (part.detach().cpu().float().numpy() for part in parts if isinstance(part, Tensor))
        return features, probabilities


def _shown(shape: tuple[int, ...] | str) -> str:
    return shape if isinstance(shape, str) else str(list(shape))


def check_network(network: object) -> FeatureNetwork:
    """Return a feature network given from outside if it is one and says what it must say of itself.

    Its name becomes part of scores and file names. Anything else is a `ConfigError`.
    """
    if isinstance(network, type) and issubclass(network, FeatureNetwork):
        name = network.__name__
        raise ConfigError(f"features is the class {name}; give a network made from it: {name}().")
    if not isinstance(network, FeatureNetwork):
        raise ConfigError(
            f"features is of the type {type(network).__name__}; give the name of a feature network or an object of a "
            "subclass of ganatomy.metrics.network.FeatureNetwork."
        )
    missing = [name for name in FeatureNetwork.__annotations__ if not hasattr(network, name)]
    if missing:
        raise ConfigError(
            f"the feature network {type(network).__name__} lacks the attributes {', '.join(missing)}; set them in the "
            "class or in __init__."
        )
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", network.name):
        raise ConfigError(
            f"the feature network's name is {network.name!r}; it goes into names of scores and files, so use letters, "
            "digits, '.', '_' and '-'."
        )
    if network.num_features < 1 or not network.sha256:
        raise ConfigError(
            f"the feature network {network.name} has num_features {network.num_features} and sha256 "
            f"{network.sha256!r}; at least 1 feature is needed, and a text that says which weights these are: scores "
            "compare, and features of real images are kept, by it."
        )
    return network


def limit_chunk(chunk: int, img_u8: Tensor) -> int:
    """Return how many images [N, C, H, W] to look at together: `chunk`, fewer of large images, at least 1."""
    return max(1, min(chunk, CHUNK_PX // (img_u8.shape[2] * img_u8.shape[3])))
