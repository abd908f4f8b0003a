"""The measures of the latent experiment: a table of named functions on uint8 images (SOURCE-REPORT.md, section 4).

Three kinds of measure, by what they look at:

- `per_latent`: one edited image alone; the function takes (seen) and returns [N].
- `pair`: an edited image and its base; the function takes (seen, base) and returns [N].
- `set`: all images of an edit together; the function takes (seen, resamples) and returns [R], one value per row of
  bootstrap weights, the first of which is the estimate.

A value that is not defined (the sharpness of a constant image) is NaN here and is left out, with a count, of every
mean. Colour images: a pixel has changed when any of its channels has; is bright when all are; contrast, sharpness and
noise are read from the mean of the channels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from .. import rng
from .intervals import Array, bootstrap_weights

VISIBLE_LEVELS = 16
BRIGHT_LEVEL = 253
NUM_PAIRS = 1000

Kind = Literal["per_latent", "pair", "set"]


@dataclass
class Seen:
    """Images with what the feature network sees in them; derived pictures are made once.

    Attributes:
        img_u8: uint8 [N, C, H, W].
        features: float32 [N, F], or None without a network for these data.
        probabilities: float32 [N, K] class probabilities, or None without a network that knows classes.
        is_precise: float32 [N], 1 where an image lies in the neighbourhood of a real one, or None without real images.
        logits: float32 [N], the discriminator's, or None without it.
    """

    img_u8: Tensor
    features: np.ndarray | None = None
    probabilities: np.ndarray | None = None
    is_precise: np.ndarray | None = None
    logits: np.ndarray | None = None

    def part(self, start: int, stop: int) -> Seen:
        """Return images `start` to `stop`."""
        return Seen(
            self.img_u8[start:stop],
            None if self.features is None else self.features[start:stop],
            None if self.probabilities is None else self.probabilities[start:stop],
            None if self.is_precise is None else self.is_precise[start:stop],
            None if self.logits is None else self.logits[start:stop],
        )

    @cached_property
    def grey(self) -> Tensor:
        """Mean of the channels: float32 [N, H, W], 0 to 255."""
        if self.img_u8.shape[1] == 1:
            return self.img_u8[:, 0].to(torch.float32)
        return self.img_u8.to(torch.float32).mean(dim=1)

    def measures(self) -> list[Measure]:
        """Return the measures that can be taken of these images."""
        return [measure for measure in MEASURES.values() if measure.needs <= self.has]

    @property
    def has(self) -> set[str]:
        """What is known of these images beside their pixels, in the words of `Measure.needs`."""
        known = {
            "features": self.features, "classes": self.probabilities, "real": self.is_precise, "logits": self.logits
        }  # fmt: skip
        return {name for name, array in known.items() if array is not None}

    @cached_property
    def classes(self) -> np.ndarray:
        """Most probable class: int64 [N]."""
        classes: np.ndarray = self.known_probabilities.argmax(axis=1)
        return classes

    @property
    def known_probabilities(self) -> np.ndarray:
        """The class probabilities, where a network has read the images: float32 [N, K]."""
        assert self.probabilities is not None, "a measure that needs classes was asked for without a network for them"
        return self.probabilities

    @property
    def known_features(self) -> np.ndarray:
        """The features, where a network has read the images: float32 [N, F]."""
        assert self.features is not None, "a measure that needs features was asked for without a network"
        return self.features


@dataclass
class Resamples:
    """Bootstrap weights of N latents and the random pairs of the diversity measures, shared by all edits.

    Attributes:
        weights: float64 [R, N]; row 0 is all ones.
        pairs: int64 [2, 1000], two different latents each.
    """

    weights: Array
    pairs: np.ndarray
    pair_weights: np.ndarray = field(init=False)
    """float32 [R, 1000], each row summing to 1; NaN where a resample holds no pair."""

    def __post_init__(self) -> None:
        weights = self.weights[:, self.pairs[0]] * self.weights[:, self.pairs[1]]
        total = weights.sum(axis=1, keepdims=True)
        # float32: this table is read for every edit, and 1e-7 of a mean is far below its interval
        self.pair_weights = (weights / np.where(total > 0, total, np.nan)).astype(np.float32)


def resamples(seed: int, num: int) -> Resamples:
    """Return the resamples of `num` latents (at least 2): a pure function of (seed, num)."""
    draw = rng.generator(seed, "diversity_pairs", num)
    first = draw.integers(num, size=NUM_PAIRS)
    second = (first + draw.integers(1, num, size=NUM_PAIRS)) % num
    return Resamples(bootstrap_weights(seed, "latents", num), np.stack([first, second]))


@dataclass(frozen=True)
class Measure:
    """One named measure: its function (arguments by kind, see the module), unit, kind and meaning."""

    name: str
    function: Callable[..., np.ndarray]
    kind: Kind
    unit: str
    doc: str
    needs: frozenset[str] = frozenset()
    """Of `features`, `classes`, `real` (neighbourhoods of real images) and `logits` (of the discriminator)."""


def visible_share(seen: Seen, base: Seen) -> np.ndarray:
    """Return the share of pixels that differ from the base by more than 16 levels in any channel: [N], 0 to 1."""
    change = torch.maximum(seen.img_u8, base.img_u8) - torch.minimum(seen.img_u8, base.img_u8)
    return (change.amax(dim=1) > VISIBLE_LEVELS).to(torch.float32).mean(dim=(1, 2)).numpy()


def contrast(seen: Seen) -> np.ndarray:
    """Return the standard deviation over an image's pixels: [N], levels."""
    return seen.grey.flatten(1).std(dim=1, correction=0).numpy()


def constant(seen: Seen) -> np.ndarray:
    """Return which images have the same level everywhere: bool [N]."""
    flat = seen.grey.flatten(1)
    return (flat.amax(dim=1) == flat.amin(dim=1)).numpy()


def sharpness(seen: Seen) -> np.ndarray:
    """Return the mean gradient magnitude (forward differences, where both exist) over the contrast: [N], 1 / px.

    NaN for a constant image, which has no contrast.
    """
    grey = seen.grey
    across = grey[:, :-1, 1:] - grey[:, :-1, :-1]
    down = grey[:, 1:, :-1] - grey[:, :-1, :-1]
    magnitude = across.square_().add_(down.square_()).sqrt_().mean(dim=(1, 2)).numpy()
    flat = constant(seen)
    return np.where(flat, np.nan, magnitude / np.where(flat, 1.0, contrast(seen)))


def noise_share(seen: Seen) -> np.ndarray:
    """Return the share of power (without the mean) above half the Nyquist frequency, 0.25 cycles / px: [N], 0 to 1.

    The frequency is radial, sqrt(fx^2 + fy^2). NaN for a constant image, which has no power.
    """
    height, width = seen.grey.shape[1:]
    centred = seen.grey - seen.grey.mean(dim=(1, 2), keepdim=True)
    power = torch.view_as_real(torch.fft.rfft2(centred)).square_().sum(dim=-1)
    down, across = torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)[None, :]
    # rfft2 gives half the plane: columns strictly between 0 and Nyquist stand for two frequencies, +fx and -fx.
    twice = torch.full((1, width // 2 + 1), 2.0)
    twice[:, 0] = 1.0
    if width % 2 == 0:
        twice[:, -1] = 1.0
    folded = twice.expand(height, -1).clone()
    folded[0, 0] = 0.0
    high = folded * (down.square() + across.square() > 0.25**2)
    flat_power = power.flatten(1)
    above, total = (flat_power @ folded_.flatten() for folded_ in (high, folded))
    flat = constant(seen)
    return np.where(flat, np.nan, above.numpy() / np.where(flat, 1.0, total.numpy()))


def bright_share(seen: Seen) -> np.ndarray:
    """Return the share of pixels at 253 or more in every channel: [N], 0 to 1."""
    return (seen.img_u8.amin(dim=1) >= BRIGHT_LEVEL).to(torch.float32).mean(dim=(1, 2)).numpy()


def confidence(seen: Seen) -> np.ndarray:
    """Return the feature network's probability of its most probable class: [N], 1 / K to 1."""
    largest: np.ndarray = seen.known_probabilities.max(axis=1)
    return largest


def class_flip(seen: Seen, base: Seen) -> np.ndarray:
    """Return 1 where the most probable class differs from the base's, else 0: [N]."""
    flips: np.ndarray = seen.classes != base.classes
    return flips.astype(np.float32)


def feature_distance(seen: Seen, base: Seen) -> np.ndarray:
    """Return the Euclidean distance to the base in feature space: [N]."""
    distance: np.ndarray = np.linalg.norm(seen.known_features - base.known_features, axis=1)
    return distance


def precision(seen: Seen) -> np.ndarray:
    """Return 1 where the image lies in feature space in the ball of at least one real test image, else 0: [N].

    A ball reaches to its image's 5th nearest other test image (see `RealImages.hold`); the mean is the precision.
    """
    assert seen.is_precise is not None, "precision was asked for without real images"
    return seen.is_precise


def class_counts(seen: Seen, weights: Array) -> Array:
    """Return how many images fall into each class under every row of weights: [R, K]."""
    return _product(weights, np.eye(seen.known_probabilities.shape[1])[seen.classes])


def _product(table: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return table @ x by torch: beside the networks, NumPy's own threads would wait for torch's on the same cores."""
    return torch.matmul(torch.from_numpy(table), torch.from_numpy(x)).numpy()


def entropy(counts: Array) -> Array:
    """Return the entropy in nats of counts [..., K] over the last axis (the plug-in estimate)."""
    share = counts / counts.sum(axis=-1, keepdims=True)
    nats: Array = np.sum(share * np.log(1.0 / np.where(share > 0, share, 1.0)), axis=-1)
    return nats


def class_entropy(seen: Seen, draws: Resamples) -> Array:
    """Return the entropy of the classes over the set of latents: [R], nats, 0 to ln K."""
    return entropy(class_counts(seen, draws.weights))


def top_class_share(seen: Seen, draws: Resamples) -> Array:
    """Return the share of images in the most frequent class: [R], 1 / K to 1."""
    share: Array = class_counts(seen, draws.weights).max(axis=1) / len(seen.classes)
    return share


def top_class(seen: Seen) -> int:
    """Return the index of the most frequent class (the smaller index in a tie)."""
    return int(np.bincount(seen.classes).argmax())


def pair_mean(distance: np.ndarray, draws: Resamples) -> Array:
    """Return the mean of the pairs' distances [1000] under every row of weights: [R]; NaN where no pair was drawn."""
    return _product(draws.pair_weights, distance.astype(np.float32)).astype(np.float64)


def diversity_px(seen: Seen, draws: Resamples) -> Array:
    """Return the mean distance over 1,000 random pairs of images: [R], levels (root mean square over pixels)."""
    pixels = seen.img_u8.flatten(1).to(torch.float64)
    # |a - b|^2 = |a|^2 + |b|^2 - 2 ab, exact: these are integers far below 2^53.
    products = (pixels @ pixels.T).numpy()
    squares, (first, second) = products.diagonal(), draws.pairs
    change = squares[first] + squares[second] - 2 * products[first, second]
    return pair_mean(np.sqrt(change / pixels.shape[1]), draws)


def pair_distance(features: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Return the Euclidean distance of every pair [2, P] of rows of features [N, F]: float32 [P]."""
    distance: np.ndarray = np.linalg.norm(features[pairs[0]] - features[pairs[1]], axis=1)
    return distance


def diversity_features(seen: Seen, draws: Resamples) -> Array:
    """Return the mean Euclidean distance in feature space over 1,000 random pairs of images: [R]."""
    return pair_mean(pair_distance(seen.known_features, draws.pairs), draws)


def logit(seen: Seen) -> np.ndarray:
    """Return the logit of the discriminator that the generator was trained against: [N], positive for `real`."""
    assert seen.logits is not None, "a logit was asked for without a discriminator"
    return seen.logits


FEATURES, CLASSES = frozenset({"features"}), frozenset({"features", "classes"})

_ALL = (
    Measure(
        "visible_share", visible_share, "pair", "share of pixels", "share of pixels changed by more than 16 levels"
    ),
    Measure("contrast", contrast, "per_latent", "levels", "standard deviation of the pixels"),
    Measure("sharpness", sharpness, "per_latent", "1 / px", "mean gradient magnitude / contrast"),
    Measure("noise_share", noise_share, "per_latent", "share of power", "power above half the Nyquist frequency"),
    Measure("bright_share", bright_share, "per_latent", "share of pixels", "share of pixels at 253 or more"),
    Measure("diversity_px", diversity_px, "set", "levels", "mean distance over 1,000 random pairs, pixels"),
    Measure("diversity_features", diversity_features, "set", "features", "the same in feature space", FEATURES),
    Measure(
        "confidence", confidence, "per_latent", "probability", "probability of the most probable class", CLASSES
    ),
    Measure("class_flip", class_flip, "pair", "share of images", "share of images whose class changed", CLASSES),
    Measure("class_entropy", class_entropy, "set", "nats", "entropy of the classes over the latents", CLASSES),
    Measure("top_class_share", top_class_share, "set", "share of images", "share of the most frequent class", CLASSES),
    Measure(
        "feature_distance", feature_distance, "pair", "features", "distance to the base in feature space", FEATURES
    ),
    Measure(
        "precision", precision, "per_latent", "share of images", "share of images in the ball (k = 5) of a test image",
        FEATURES | {"real"},
    ),
    Measure("logit", logit, "per_latent", "logits", "logit of the discriminator", frozenset({"logits"})),
)  # fmt: skip

MEASURES: dict[str, Measure] = {measure.name: measure for measure in _ALL}
"""All measures by name; later work adds rows."""
