"""Real images in the latent space: how near a generator comes to them, and what edits do to them.

Test images ask what a generator can show that it has not seen. Training images beside them ask whether it shows better
what it has seen: one that memorises has lower errors there (Webster, Rabin, Simon and Jurie 2019, arXiv:1901.03396,
compare the medians of both). Errors are root mean squares over pixels of uint8 images, in levels (0 to 255).
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
import torch
from torch import Tensor

from .. import bounds, files, rng
from ..datasets.store import Dataset
from ..errors import ConfigError
from ..metrics.memorisation import closer_share
from ..metrics.neighbours import find_nearest
from ..progress import Progress
from . import codes
from .intervals import NUM_RESAMPLES, percentile_interval
from .inversion_figures import write_inversion_figures
from .lens import Subject, Work
from .measures import Seen
from .own_images import MAX_OWN
from .projection import SHELL_WEIGHT, Inverted, Search, invert, root_mean_square

RECORD_NAME = "inversion.json"
ARRAYS_NAME = "inversion.safetensors"
AGREE_LEVELS = 1.0
"""Two starts agree in error when their errors differ by less."""
METHOD = (
    f"BFGS in z on the mean squared pixel error in [-1, 1] plus {SHELL_WEIGHT} (|z| - sqrt(z_dim))^2, from the "
    "random latents whose images are nearest; the worse starts are dropped on the way; errors: root mean square over "
    "pixels, levels"
)
INTERVAL = "95 % percentile bootstrap over images, 1,000 resamples"


@dataclass(frozen=True, kw_only=True)
class InversionConfig:
    """Which images to invert, how much to search, which edits to show."""

    num_images: int = 64
    """Test images, and as many training images; fewer where there are fewer."""
    search: Search = field(default_factory=Search)
    """How much to search for each."""
    dims: tuple[int, ...] | None = None
    """Latent numbers edited in the figure; None: 3 at random by the seed."""
    values: tuple[float, ...] = (0.1, 5.0, 20.0)
    """Values they are set to, one at a time."""
    images: Tensor | None = None
    """People's own pictures, uint8 [N, C, H, W] (see `own_images.read_own`), or None."""
    seed: int = 0
    """Seed of the choice of images, of the random latents and of the resamples."""


def check(config: InversionConfig, z_dim: int, img_shape: tuple[int, ...] | None = None) -> InversionConfig:
    """Return the configuration if it is allowed for this z_dim and image shape (C, H, W); else a `ConfigError`."""
    if config.num_images < 2:
        raise ConfigError(f"num_images is {config.num_images}; at least 2 images are needed for an interval.")
    bounds.check("seed", config.seed)
    config.search.check()
    if config.dims is not None:
        codes.check_dims(config.dims, z_dim)
    codes.check_values(config.values)
    own = config.images
    if own is not None and not (own.dtype == torch.uint8 and own.ndim == 4 and 1 <= len(own) <= MAX_OWN):
        given = f"{str(own.dtype).removeprefix('torch.')} {list(own.shape)}"
        raise ConfigError(f"images is {given}; give 1 to {MAX_OWN:,} pictures as uint8 [N, C, H, W], or None.")
    if own is not None and img_shape is not None and tuple(own.shape[1:]) != tuple(img_shape):
        theirs, ours = (" x ".join(map(str, shape)) for shape in (own.shape[1:], img_shape))
        raise ConfigError(
            f"the own pictures are {theirs} (channels x height x width), this generator makes {ours}; bring them to "
            "that shape first, they are not resized here."
        )
    return config


def cost(config: InversionConfig, subject: Subject) -> int:
    """Return the images through the generator that `measure_inversion` reports as its total."""
    chosen, _ = choose_images(subject.dataset, config)
    num = sum(len(index) for index in chosen.values()) + (0 if config.images is None else len(config.images))
    return config.search.cost(num) if num else 1


def choose_images(dataset: Dataset | None, config: InversionConfig) -> tuple[dict[str, np.ndarray], str]:
    """Return which images of `test` and `train` to invert, ascending int64, or none and in words why there are none.

    Training images are not taken from the held-out tail, which no feature network has seen.
    """
    if dataset is None:
        return {}, "there is no data set, so no test or training image was inverted."
    usable = {"test": len(dataset.test), "train": len(dataset.train) - dataset.num_held_out}
    if min(usable.values()) < 2:
        return {}, f"{dataset.name} has too few images (at least 2 of each split are needed), so none was inverted."
    chosen = {}
    for number, (split, num) in enumerate(usable.items()):
        order = rng.generator(config.seed, "inversion", number).permutation(num)[: config.num_images]
        chosen[split] = np.sort(order).astype(np.int64)
    test = dataset.test.images[torch.from_numpy(chosen["test"])]
    if (test == test[:1]).all():
        return {}, f"the chosen test images of {dataset.name} are all the same, so none was inverted."
    return chosen, ""


def measure_inversion(subject: Subject, config: InversionConfig, folder: Path) -> Work:
    """Invert test, training and own images; write `inversion.json`, `inversion.safetensors` and figures.

    The arrays are, for each of `test`, `train`, `own`: `index` (int64 [N], numbers in the split), `z` (float32
    [N, z_dim]), `error`, `pool_error` (float64 [N], levels), `sift_error` [N, num_starts], `kept_error` [N, num_kept];
    for test and own images also `nearest` (int64 [N], the nearest training image) and `nearest_error`.

    Yields:
        `Progress` in images, `cost` in all, then the record. Without usable data it says why in `message`, and holds
        own images alone or nothing.

    Raises:
        ConfigError: a value that is not allowed, before any work.
    """
    lens, dataset = subject.lens, subject.dataset
    img_shape = tuple(lens.generate(rng.latents(config.seed, "inversion_pool", 1, subject.z_dim)).shape[1:])
    check(config, subject.z_dim, img_shape)
    files.make_folder(folder)
    chosen, message = choose_images(dataset, config)
    targets = {split: _pick(dataset, split, index) for split, index in chosen.items()}
    if config.images is not None:
        targets["own"] = config.images
    found = yield from _invert_all(subject, config, targets)
    sides = {name: Side(name, targets[name], inverted, subject, config.seed) for name, inverted in found.items()}
    record: dict[str, Any] = subject.header() | _settings(config, subject.z_dim) | {"message": message or None}
    record |= {name: side.record(chosen.get(name)) for name, side in sides.items()}
    if "train" in sides:
        record["generalisation"] = _generalisation(sides["train"].found.error, sides["test"].found.error, config.seed)
    arrays = {key: array for name, side in sides.items() for key, array in side.arrays(chosen.get(name)).items()}
    if arrays:
        files.write_bytes(folder / ARRAYS_NAME, safetensors.numpy.save(arrays))
    shown = {name: (side.target, side.found, side.nearest_img) for name, side in sides.items() if name != "train"}
    record["figures"] = write_inversion_figures(lens.generate, shown, record["dims"], config.values, folder)
    files.write_json(folder / RECORD_NAME, record)
    yield files.read_json(folder / RECORD_NAME)


def _pick(dataset: Dataset | None, split: str, index: np.ndarray) -> Tensor:
    assert dataset is not None, "images were chosen without a data set"
    return (dataset.test if split == "test" else dataset.train).images[torch.from_numpy(index)]


def _settings(config: InversionConfig, z_dim: int) -> dict[str, Any]:
    dims = config.dims if config.dims is not None else codes.choose_dims(min(3, z_dim), "random", z_dim, config.seed)
    settings: dict[str, Any] = {"num_images": config.num_images, "search": asdict(config.search)}
    settings |= {"dims": list(dims), "values": list(config.values), "seed": config.seed}
    return settings | {"method": METHOD, "interval": INTERVAL}


def _invert_all(
    subject: Subject, config: InversionConfig, targets: dict[str, Tensor]
) -> Generator[Progress, None, dict[str, Inverted]]:
    """Yield progress; return what was found for each set of images, all searched together."""
    if not targets:
        yield Progress(1, 1)
        return {}
    for step in invert(subject.lens.G, subject.z_dim, torch.cat(list(targets.values())), config.search, config.seed):
        if isinstance(step, Inverted):
            stops = np.cumsum([len(target) for target in targets.values()])
            return {n: step.part(int(stop) - len(targets[n]), int(stop)) for n, stop in zip(targets, stops)}
        yield step
    raise AssertionError("invert always ends with its Inverted")


class Side:
    """One set of images, what was found for them, and the numbers that follow."""

    def __init__(self, name: str, target: Tensor, found: Inverted, subject: Subject, seed: int):
        self.name, self.target, self.found, self.seed = name, target, found, seed
        self._lens = subject.lens
        self.nearest: np.ndarray | None = None
        """int64 [N], the nearest training image of each; None for training images and without data."""
        self.nearest_img: Tensor | None = None
        if name != "train" and subject.dataset is not None:
            train = subject.dataset.train.images
            self.nearest = find_nearest(target.flatten(1).numpy(), train.flatten(1).numpy())[0]
            self.nearest_img = train[torch.from_numpy(self.nearest)]

    @property
    def nearest_error(self) -> np.ndarray | None:
        """Error of the nearest training image: float64 [N], levels."""
        return None if self.nearest_img is None else root_mean_square(self.nearest_img, self.target).numpy()

    def arrays(self, index: np.ndarray | None) -> dict[str, np.ndarray]:
        """Return what goes into the file of arrays."""
        found = {"z": self.found.z.numpy(), "error": self.found.error, "pool_error": self.found.pool_error}
        found |= {"sift_error": self.found.sift_error, "kept_error": self.found.kept_error}
        found |= {} if index is None else {"index": index}
        if self.nearest is not None and self.nearest_error is not None:
            found |= {"nearest": self.nearest, "nearest_error": self.nearest_error}
        return {f"{self.name}/{key}": np.ascontiguousarray(array) for key, array in found.items()}

    def record(self, index: np.ndarray | None) -> dict[str, Any]:
        """Return the part of the record on these images."""
        sigmas, nearest_error = codes.norm_sigmas(self.found.z), self.nearest_error
        record: dict[str, Any] = {"num": len(self.target), "error": self._median("error", self.found.error)}
        record["pool_error"] = self._median("pool_error", self.found.pool_error)
        if nearest_error is not None:
            record["nearest_error"] = self._median("nearest_error", nearest_error)
            record["below_nearest"] = self._mean("below_nearest", self.found.error < nearest_error)
        record["norm_sigmas"] = _quantiles(sigmas) | {"largest": float(np.abs(sigmas).max())}
        record["starts"] = self._starts()
        record |= self._seen()
        if index is None:
            record["errors"] = [float(error) for error in self.found.error]
        return record

    def _starts(self) -> dict[str, Any] | None:
        """Return how far the starts of one image agree; None where only one was kept."""
        errors, z = self.found.kept_error, self.found.kept_z
        if errors.shape[1] < 2:
            return None
        gap = errors[:, 1] - errors[:, 0]
        apart = (z[:, 1] - z[:, 0]).norm(dim=1).numpy() / np.sqrt(2 * z.shape[2])
        return {
            "sift_spread": self._median("sift_spread", np.ptp(self.found.sift_error, axis=1)),
            "second_error_gap": self._median("second_error_gap", gap),
            "agree_levels": AGREE_LEVELS,
            "agree": self._mean("agree", gap < AGREE_LEVELS),
            "second_z_distance": self._median("second_z_distance", apart),
        }

    def _seen(self) -> dict[str, Any]:
        """Return class agreement and feature distance of the images and their inversions, where a network knows."""
        if self._lens.features is None:
            return {}
        pictures = {"inversion": self._lens.generate(self.found.z)}
        pictures |= {} if self.nearest_img is None else {"nearest": self.nearest_img}
        target = self._look(self.target)
        others = {name: self._look(picture) for name, picture in pictures.items()}
        record: dict[str, Any] = {"feature_distance": {}}
        for name, seen in others.items():
            distance = np.linalg.norm(seen.known_features - target.known_features, axis=1)
            record["feature_distance"][name] = self._median(f"feature_distance_{name}", distance)
        if target.probabilities is not None:
            same = {name: seen.classes == target.classes for name, seen in others.items()}
            record["class_agreement"] = {name: self._mean(f"class_{name}", agree) for name, agree in same.items()}
        return record

    def _look(self, img_u8: Tensor) -> Seen:
        assert self._lens.features is not None, "only called with a feature network"
        features, probabilities = self._lens.features.extract(img_u8)
        return Seen(img_u8, features, probabilities if self._lens.features.class_names else None)

    def _median(self, what: str, x: np.ndarray) -> dict[str, float]:
        lo, hi = _interval(np.median(x[self._draws(what, len(x))], axis=1))
        return {"median": float(np.median(x)), "lo": lo, "hi": hi, "mean": float(x.mean())} | _quantiles(x, (10, 90))

    def _mean(self, what: str, x: np.ndarray) -> dict[str, float]:
        lo, hi = _interval(x[self._draws(what, len(x))].mean(axis=1))
        return {"value": float(x.mean()), "lo": lo, "hi": hi}

    def _draws(self, what: str, num: int) -> np.ndarray:
        return resample(self.seed, f"{self.name}-{what}", num)


def resample(seed: int, what: str, num: int) -> np.ndarray:
    """Return the rows of 1,000 bootstrap samples: int64 [1000, num]."""
    return rng.generator(seed, f"bootstrap-inversion-{what}").integers(num, size=(NUM_RESAMPLES, num))


def _interval(samples: np.ndarray) -> tuple[float, float]:
    lo, hi = percentile_interval(samples.astype(np.float64))
    return float(lo), float(hi)


def _quantiles(x: np.ndarray, percents: tuple[int, ...] = (5, 50, 95)) -> dict[str, float]:
    return {f"q{percent}": float(np.percentile(x, percent)) for percent in percents}


def _generalisation(train: np.ndarray, test: np.ndarray, seed: int) -> dict[str, Any]:
    """Compare the errors of training and of test images; both are resampled, each for itself.

    `difference` is the median for test images less that for training images (positive: what was seen is shown
    better), `closer` the chance that a training image's error is below a test image's (0.5: no difference).
    """
    draws = [x[resample(seed, f"difference-{name}", len(x))] for name, x in (("train", train), ("test", test))]
    medians = [np.median(draw, axis=1) for draw in draws]
    lo, hi = _interval(medians[1] - medians[0])
    chance = np.array([closer_share(*pair) for pair in zip(*draws)])
    return {
        "num_train": len(train), "num_test": len(test),
        "difference": {"value": float(np.median(test) - np.median(train)), "lo": lo, "hi": hi},
        "closer": {"value": closer_share(train, test), **dict(zip(("lo", "hi"), _interval(chance)))},
    }  # fmt: skip
