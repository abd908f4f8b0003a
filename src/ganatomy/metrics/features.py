"""Which feature network looks at which data, and how trained ones are read from disk.

The shipped networks are this project's own, trained by `scripts/train_features.py`; `features train` makes one for
any data set with classes and keeps it in the user's cache. Each has a card beside its weights with the data, the
recipe and its accuracy. They are no Inception-v3, so no score made with them is an FID. Data without a trained
network are seen by `random-v1`.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from .. import files
from ..datasets import catalog
from ..datasets.store import Dataset
from ..errors import ConfigError, DataError, unknown
from .classifier import Classifier, ClassNetwork
from .knowledge import of_card
from .left_out import warning
from .moments import Moments
from .network import FeatureNetwork, check_network
from .plain_classifier import PlainClassifier
from .random_features import random_network
from .shapes import CARD

WEIGHTS = Path(__file__).parent / "weights"
NETWORK_OF_DATA = {"fashion-mnist": "fashion-v1", "mnist": "mnist-v1", "atelier": "atelier-v1"}
"""Data set -> the shipped feature network trained on it."""
SECOND_OF_DATA = {"fashion-mnist": "fashion-v1b"}
"""Data set -> a second network, of another kind, recipe and seed: to see whether a ranking hangs on the first."""
NETWORKS: dict[str, type[ClassNetwork]] = {net.kind: net for net in (Classifier, PlainClassifier)}
"""A card's `network` (cards of before the second kind have none and are residual) -> what is built."""
MIN_CLASSES, MIN_TRAIN = 2, 20
"""Least classes and labelled training images that a network can be trained on."""
OWN = "own-"
"""How the names of networks begin that `features train` made on this machine."""


class TrainedNetwork(FeatureNetwork):
    """A network trained on the classes of a data set, read from its card and verified weights."""

    def __init__(self, card: dict[str, Any], net: ClassNetwork, known: dict[str, Moments]):
        self.card, self._known = card, known
        self.name, self.sha256 = str(card["name"]), str(card["sha256"])
        self.num_features = int(card["num_features"])
        self.class_names = tuple(card["class_names"])
        channels, height, width = card["img_shape"]
        self.img_shape = (channels, height, width)
        self.test_accuracy = float(card["test"]["accuracy"]) if card["test"] else None
        self._net = net

    def compute(self, img: Tensor) -> tuple[Tensor, Tensor]:
        """float32 [N, C, H, W] in [-1, 1] -> (features [N, F], probabilities [N, K])."""
        features = self._net.features(img)
        return features, self._net.logits(features).softmax(dim=1)

    def predict_factors(self, features: np.ndarray) -> np.ndarray | None:
        """Return the data's factors as read from features [N, F]: float32 [N, factors] in [0, 1]; None without any."""
        if self._net.factors is None:
            return None
        with torch.inference_mode():
            return self._net.predict_factors(torch.from_numpy(features)).numpy()

    def known_moments(self, data_sha256: str, split: str) -> Moments | None:
        """Return the moments of `test` or `held_out` if the data are the ones the network was made for."""
        return self._known.get(split) if data_sha256 == self.card["data"]["sha256"] else None


def read_card(name: str, folder: Path = WEIGHTS) -> dict[str, Any]:
    """Return the card of a network in a folder; a damaged or missing card is a `GanatomyError`."""
    card = CARD.read(folder / f"{name}.json")
    kind = NETWORKS.get(card.get("network", Classifier.kind))
    if card.get("name") != name or kind is None or card.get("num_features") != kind.num_features:
        raise DataError(_damaged(folder / f"{name}.json", "it is not the card of this network"))
    return card


def read_network(name: str, folder: Path = WEIGHTS, *, fold: bool = True) -> TrainedNetwork:
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
) -> TrainedNetwork:
    """Return the network of a card from its weights (safetensors, any float type), ready to extract features."""
    channels, height, width = card["img_shape"]
    kind, num_factors = card.get("network", Classifier.kind), card.get("num_factors", 0)
    net = make_network(kind, len(card["class_names"]), (channels, height, width), num_factors)
    net.load_state_dict({key: value.float() for key, value in load(weights).items()})
    net = net.eval().requires_grad_(False)
    if fold:
        net.fold()
    return TrainedNetwork(card, net.to(memory_format=torch.channels_last), known or {})  # type: ignore[call-overload]


def make_network(kind: str, num_classes: int, img_shape: tuple[int, int, int], num_factors: int = 0) -> ClassNetwork:
    """Return a new network of a kind in `NETWORKS`, its weights drawn from torch's generator.

    Only the residual kind estimates factors; asking another for them is a `ConfigError`.
    """
    if kind == Classifier.kind:
        return Classifier(num_classes, img_shape, num_factors)
    if num_factors:
        raise ConfigError(f"a {kind} feature network estimates no factors; take a {Classifier.kind} one.")
    return PlainClassifier(num_classes, img_shape)


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
    """Return a file's bytes if they have the card's SHA-256; else a `DataError`."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(_damaged(path, f"it cannot be read ({error.strerror})")) from error
    if files.sha256(data) != sha256:
        raise DataError(_damaged(path, f"its SHA-256 is {files.sha256(data)}, the card says {sha256}"))
    return data


@functools.cache
def load_features(name: str) -> TrainedNetwork:
    """Return a shipped feature network by name (`fashion-v1` and the like), verified and ready; read once a process."""
    shipped = [*NETWORK_OF_DATA.values(), *SECOND_OF_DATA.values()]
    if name not in shipped:
        raise unknown("feature network", name, shipped)
    return read_network(name)


@functools.cache
def _load_own(name: str, folder: Path) -> TrainedNetwork:
    return read_network(name, folder)


def features_for(dataset: Dataset) -> FeatureNetwork:
    """Return the network that looks at a data set: the shipped one for exactly these data, else one that was trained
    on exactly these data on this machine and knows enough of them, else the fixed random one.

    A damaged file of a network that should be used is a `GanatomyError`, never a reason to take another one.
    """
    return trained_for(dataset) or random_network(dataset.img_shape)


def trained_for(dataset: Dataset) -> TrainedNetwork | None:
    """Return the network that was trained on exactly these data and knows enough of them, None where there is none."""
    if shipped := _shipped_for(dataset):
        return load_features(shipped)
    folder = own_folder(dataset)
    own = find_own(dataset, folder)
    return _load_own(str(own["name"]), folder) if own and of_card(own, dataset).is_enough else None


def passed_over(dataset: Dataset) -> dict[str, Any] | None:
    """Return the card of the network that was trained on exactly these data but knows too little of them, or None."""
    own = None if _shipped_for(dataset) else find_own(dataset, own_folder(dataset))
    return own if own and not of_card(own, dataset).is_enough else None


def _shipped_for(dataset: Dataset) -> str | None:
    shipped = NETWORK_OF_DATA.get(dataset.name)
    return shipped if shipped and _is_for(read_card(shipped), dataset) else None


def network_warnings(dataset: Dataset, network: FeatureNetwork) -> list[dict[str, Any]]:
    """Return what a measurement must say of its network: that it knows little, or that one was passed over for that."""
    card = find_own(dataset, own_folder(dataset))
    known = of_card(card, dataset) if card else None
    if card is None or known is None or known.is_enough:
        return []
    about = {"network": card["name"], "accuracy": known.accuracy, "num": known.num, "least_share": known.least}
    if network.name == card["name"]:
        return [warning("weak_network", **about)]
    is_instead = passed_over(dataset) is not None and network.name == features_for(dataset).name
    return [warning("weak_passed", instead=network.name, **about)] if is_instead else []


def features_named(given: str | FeatureNetwork, dataset: Dataset) -> FeatureNetwork:
    """Return the network of a name (`random-v1`, a shipped one, one that `features train` made) or a given one itself.

    Unknown names, names of other networks, networks for images of another shape, and what is no network are a
    `GanatomyError` before any work.
    """
    own = {path.stem: path.parent for path in sorted(catalog.cache_dir().glob(f"features/*/{OWN}*.json"))}
    random = random_network(dataset.img_shape)
    names = [random.name, *NETWORK_OF_DATA.values(), *SECOND_OF_DATA.values(), *own]

    def named(name: str) -> FeatureNetwork:
        if name == random.name:
            return random
        return _load_own(name, own[name]) if name in own else load_features(name)

    if isinstance(given, str) and given not in names:
        raise unknown("feature network", given, names)
    network = named(given) if isinstance(given, str) else check_network(given)
    if tuple(network.img_shape) != dataset.img_shape:
        ours, theirs = (" x ".join(map(str, shape)) for shape in (network.img_shape, dataset.img_shape))
        raise ConfigError(
            f"the feature network {network.name} takes images of {ours} (channels x height x width), those of "
            f"{dataset.name} are {theirs}, and nothing is resized for a metric; {random.name} takes any."
        )
    if network.name in names and network.sha256 != named(network.name).sha256:
        raise ConfigError(f"another feature network is called {network.name}; give yours a name of its own.")
    return network


def features_reason(dataset: Dataset) -> str:
    """Return in one sentence which network looks at a data set and why."""
    name = features_for(dataset).name
    if name in NETWORK_OF_DATA.values():
        return f"{name}: this project's network for these data."
    if name.startswith(OWN):
        return f"{name}: trained on these data by `ganatomy features train`."
    weak = network_warnings(dataset, features_for(dataset))
    if weak:
        return f"{name}: fixed random features; {weak[0]['text']}."
    reason = cannot_train(dataset)
    if reason:
        return f"{name}: fixed random features, since no network can be trained: {reason}."
    return (
        f"{name}: fixed random features, since no network was trained on this data set; "
        "`ganatomy features train DATA` makes one."
    )


def cannot_train(dataset: Dataset) -> str | None:
    """Return in words why no network can be trained on a data set and what would help; None where one can."""
    if dataset.train.labels is None or not dataset.class_names:
        return f"{dataset.name} has no classes; put its images into one folder per class"
    if len(dataset.class_names) < MIN_CLASSES:
        return f"{dataset.name} has only the class {dataset.class_names[0]}; at least {MIN_CLASSES} are needed"
    if len(dataset.train) < MIN_TRAIN:
        return f"{dataset.name} has {len(dataset.train)} training images; at least {MIN_TRAIN} are needed"
    return None


def own_folder(dataset: Dataset) -> Path:
    """Return the folder in the user's cache for a network trained on exactly these data."""
    return catalog.cache_dir() / "features" / dataset.sha256[:16]


def find_own(dataset: Dataset, folder: Path) -> dict[str, Any] | None:
    """Return the card of the network in a folder that was trained on exactly these data, or None."""
    cards = (read_card(path.stem, folder) for path in sorted(folder.glob(f"{OWN}*.json")))
    return next((card for card in cards if _is_for(card, dataset)), None)


def _is_for(card: dict[str, Any], dataset: Dataset) -> bool:
    return card["data"]["sha256"] == dataset.sha256 and tuple(card["img_shape"]) == dataset.img_shape


def _damaged(path: Path, what: str) -> str:
    if path.name.startswith(OWN):
        return (
            f"the feature network file {path} is damaged: {what}. Remove its folder; `ganatomy features train` makes "
            "it again."
        )
    return f"the package file {path.name} is damaged: {what}. Install ganatomy again (or restore {path})."
