"""Feature networks: frozen classifiers that turn images into features (for distances) and class probabilities.

The shipped networks are this project's own, trained by `scripts/train_features.py`; each has a card beside its
weights with the data, the recipe and its accuracy. They are no Inception-v3, so no score made with them is an FID.
Features are always computed on the CPU in float32, so that a score does not depend on the training device.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from .. import files, images
from ..errors import DataError, GanatomyError, unknown
from .classifier import NUM_FEATURES, Classifier
from .moments import Moments

WEIGHTS = Path(__file__).parent / "weights"
NUM_HELD_OUT = 10_000
"""Last images of the training split, never used to train a feature network (only to choose its epoch)."""

NETWORK_OF_DATA = {"fashion-mnist": "fashion-v1", "mnist": "mnist-v1"}
"""Data set -> the feature network trained on it."""


class FeatureNetwork(ABC):
    """What every metric needs of a feature network; subclass it and give the attributes to use another one."""

    name: str
    """Goes into the name of every score, as in `fd10k_test[fashion-v1]`."""
    num_features: int
    """Length of a feature vector."""
    class_names: tuple[str, ...]
    """Names of the K classes in the order of the probabilities."""
    img_shape: tuple[int, int, int]
    """(C, H, W) of the images it takes; nothing is resized."""
    sha256: str
    """Identity of the weights: scores compare only where it is equal."""
    test_accuracy: float
    """Share of real test images that it classifies correctly."""

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


class ShippedNetwork(FeatureNetwork):
    """A network of `scripts/train_features.py`, read from its card and verified weights."""

    def __init__(self, card: dict[str, Any], net: Classifier, known: dict[str, Moments]):
        self.card, self._known = card, known
        self.name, self.sha256 = str(card["name"]), str(card["sha256"])
        self.num_features = int(card["num_features"])
        self.class_names = tuple(card["class_names"])
        channels, height, width = card["img_shape"]
        self.img_shape = (channels, height, width)
        self.test_accuracy = float(card["test"]["accuracy"])
        self._net = net

    def compute(self, img: Tensor) -> tuple[Tensor, Tensor]:
        """float32 [N, 1, 28, 28] in [-1, 1] -> (features [N, F] >= 0, probabilities [N, K])."""
        features = self._net.features(img)
        return features, self._net.logits(features).softmax(dim=1)

    def known_moments(self, data_sha256: str, split: str) -> Moments | None:
        """Return the moments of `test` or `held_out` if the data are the ones the network was made for."""
        return self._known.get(split) if data_sha256 == self.card["data"]["sha256"] else None


def read_card(name: str, folder: Path = WEIGHTS) -> dict[str, Any]:
    """Return the card of a shipped network; an unknown name or a damaged card is a `GanatomyError`."""
    if name not in NETWORK_OF_DATA.values():
        raise unknown("feature network", name, NETWORK_OF_DATA.values())
    card = files.read_json(folder / f"{name}.json")
    if card.get("name") != name or card.get("num_features") != NUM_FEATURES:
        raise DataError(_damaged(folder / f"{name}.json", "it is not the card of this network"))
    return card


def read_network(name: str, folder: Path = WEIGHTS, *, fold: bool = True) -> ShippedNetwork:
    """Read a network from a folder holding `<name>.safetensors` and `<name>.json`.

    Weights that do not have the card's SHA-256 are refused. `fold=False` keeps batch norms as layers, for tests.
    """
    card = read_card(name, folder)
    path = folder / f"{name}.safetensors"
    weights = _verified(path, card["sha256"])
    known = read_moments(folder / moments_file(name), card["moments_sha256"])
    try:
        return build_network(card, weights, known, fold=fold)
    except (SafetensorError, RuntimeError) as error:
        raise DataError(_damaged(path, f"it does not hold this network ({error})")) from error


def build_network(
    card: dict[str, Any], weights: bytes, known: dict[str, Moments] | None = None, *, fold: bool = True
) -> ShippedNetwork:
    """Return the network of a card from its weights (safetensors, any float type), ready to extract features."""
    net = Classifier(len(card["class_names"]))
    net.load_state_dict({key: value.float() for key, value in load(weights).items()})
    net = net.eval().requires_grad_(False)
    if fold:
        net.fold()
    return ShippedNetwork(card, net.to(memory_format=torch.channels_last), known or {})  # type: ignore[call-overload]


def moments_file(name: str) -> str:
    """Return the name of the file with the feature moments of a network's own real images."""
    return f"{name}.moments.safetensors"


def read_moments(path: Path, sha256: str) -> dict[str, Moments]:
    """Return the moments per split of a file written by `moments_bytes`, verified by its SHA-256."""
    arrays = safetensors.numpy.load(_verified(path, sha256))
    splits = {key.split("/")[0] for key in arrays}
    return {s: Moments.of(int(arrays[f"{s}/num"]), arrays[f"{s}/mean"], arrays[f"{s}/covariance"]) for s in splits}


def moments_bytes(known: dict[str, Moments]) -> bytes:
    """Return the file with the moments per split; float64."""
    arrays: dict[str, np.ndarray] = {}
    for split, moments in known.items():
        arrays |= {f"{split}/num": np.array(moments.num), f"{split}/mean": moments.mean}
        arrays[f"{split}/covariance"] = moments.covariance
    return safetensors.numpy.save(arrays)


def _verified(path: Path, sha256: str) -> bytes:
    """Return a package file's bytes if they have the card's SHA-256; else a `DataError`."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(_damaged(path, f"it cannot be read ({error.strerror})")) from error
    if files.sha256(data) != sha256:
        raise DataError(_damaged(path, f"its SHA-256 is {files.sha256(data)}, the card says {sha256}"))
    return data


@functools.cache
def load_features(name: str) -> FeatureNetwork:
    """Return a shipped feature network by name (`fashion-v1`, `mnist-v1`), verified and ready; read once a process."""
    return read_network(name)


def features_for(data_name: str) -> FeatureNetwork | None:
    """Return the feature network trained on a data set, or None where the package has none for it."""
    name = NETWORK_OF_DATA.get(data_name)
    return load_features(name) if name else None


def _damaged(path: Path, what: str) -> str:
    return f"the package file {path.name} is damaged: {what}. Install ganatomy again (or restore {path})."
