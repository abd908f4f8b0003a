"""The small residual network whose last layer but one is the feature space, for images of any size.

Basic blocks as in He et al. 2016, "Deep Residual Learning" (arXiv:1512.03385, fig. 2), with the channel counts
chosen for 28x28 grey images: maps of 14x14 after the stem, 7x7 in the second half, 4x4 at the end. Larger images
pass more layers of stride 2, until the map is at most 7x7.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ..errors import DataError

NUM_FEATURES = 128
MAX_MAP = 7
"""Sides of the last map but one are halved until they are no longer than this."""
MIN_SIDE, MAX_SIDE = 8, 1024


class ConvNorm(nn.Module):
    """A convolution without bias, then batch norm; after `fold` a single convolution with bias."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int | tuple[int, int] = 3,
        stride: int = 1,
        padding: int = 1,
        groups: int = 1,
    ):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride, padding, groups=groups, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """[N, in, H, W] -> [N, out, H / stride, W / stride], float32."""
        y: Tensor = self.norm(self.conv(x))
        return y

    def fold(self) -> None:
        """Multiply the batch norm's evaluation-time scale and shift into the convolution."""
        if isinstance(self.norm, nn.BatchNorm2d):
            self.conv = fuse_conv_bn_eval(self.conv, self.norm)
            self.norm = nn.Identity()


class ResidualBlock(nn.Module):
    """relu(x + norm(conv(relu(norm(conv(x)))))), two 3x3 convolutions at constant width."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv0 = ConvNorm(channels, channels)
        self.conv1 = ConvNorm(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> the same shape."""
        return F.relu(x + self.conv1(F.relu(self.conv0(x))))


def check_shape(img_shape: tuple[int, int, int]) -> None:
    """Refuse images that no network of this module takes: C must be 1 or 3, both sides 8 to 1024 (`DataError`)."""
    channels, height, width = img_shape
    if channels not in (1, 3) or not MIN_SIDE <= min(height, width) <= max(height, width) <= MAX_SIDE:
        raise DataError(
            f"images are {channels} x {height} x {width} (channels, height, width); feature networks take 1 or 3 "
            f"channels and sides of {MIN_SIDE} to {MAX_SIDE} pixels."
        )


def _half(side: int) -> int:
    """Return the side of a map after a 3x3 convolution of stride 2 with padding 1."""
    return -(-side // 2)


class Trunk(nn.Module):
    """Image (C, H, W) in [-1, 1] -> 128 features.

    The stem is one 6x6 convolution of stride 2: the same as rearranging 2x2 pixels into 4 channels and a 3x3
    convolution, so no pixel is dropped and everything after it runs on maps of half the size. At the end every
    channel has its own weights for all positions (as in MobileFaceNets, Chen et al. 2018, arXiv:1804.07573,
    sec. 3.1) in place of an average, for in centred pictures it matters where something is.
    """

    def __init__(self, img_shape: tuple[int, int, int] = (1, 28, 28)):
        super().__init__()
        check_shape(img_shape)
        channels, *sides = img_shape
        self.img_shape = img_shape
        self.stem = ConvNorm(channels, 32, kernel=6, stride=2, padding=2)
        self.block0 = ResidualBlock(32)
        self.down = ConvNorm(32, 64, stride=2)
        self.block1 = ResidualBlock(64)
        self.expand = ConvNorm(64, NUM_FEATURES, stride=2)
        height, width = (_half(_half(side // 2)) for side in sides)
        shrink = []
        while max(height, width) > MAX_MAP:
            shrink.append(ConvNorm(NUM_FEATURES, NUM_FEATURES, stride=2))
            height, width = _half(height), _half(width)
        # Small images have no such layers, and no module for them: theirs are the modules of the first networks.
        self.shrink: Iterable[nn.Module] = nn.ModuleList(shrink) if shrink else ()
        self.gather = ConvNorm(NUM_FEATURES, NUM_FEATURES, kernel=(height, width), padding=0, groups=NUM_FEATURES)

    def features(self, img: Tensor) -> Tensor:
        """float32 [N, C, H, W] in [-1, 1] -> float32 [N, 128], >= 0: the last ReLU, one number per channel."""
        # A single-channel input leaves the memory layout open, so it is said here: 1.2 to 1.6 times faster on a CPU.
        x = F.relu(self.stem(img)).contiguous(memory_format=torch.channels_last)
        x = self.block0(x)
        x = self.block1(F.relu(self.down(x)))
        x = F.relu(self.expand(x))
        for layer in self.shrink:
            x = F.relu(layer(x))
        return F.relu(self.gather(x)).flatten(1)

    def fold(self) -> None:
        """Fold every batch norm into its convolution (evaluation only; saves time, changes nothing else)."""
        for module in self.modules():
            if isinstance(module, ConvNorm):
                module.fold()


class ClassNetwork(nn.Module):
    """What every network learnt from classes has, whatever it is made of."""

    kind: ClassVar[str]
    """The card's `network`."""
    num_features: ClassVar[int]
    architecture: ClassVar[str]
    feature_layer: ClassVar[str]
    """Both are words for the card."""
    img_shape: tuple[int, int, int]
    logits: nn.Linear
    """From the features to the logits of the K classes."""
    factors: nn.Linear | None
    """From the features to the logits of the data's factors, where those are known."""

    def features(self, img: Tensor) -> Tensor:
        """float32 [N, C, H, W] in [-1, 1] -> features, float32 [N, F]."""
        raise NotImplementedError

    def fold(self) -> None:
        """Prepare for evaluation only, changing nothing but the time; here there is nothing to do."""

    def forward(self, img: Tensor) -> Tensor:
        """float32 [N, C, H, W] in [-1, 1] -> class logits, float32 [N, K]."""
        logits: Tensor = self.logits(self.features(img))
        return logits

    def predict_factors(self, features: Tensor) -> Tensor:
        """Features, float32 [N, F] -> factors, float32 [N, num_factors] in [0, 1]."""
        assert self.factors is not None, "this network was made without factors"
        estimate: Tensor = self.factors(features).sigmoid()
        return estimate


class Classifier(Trunk, ClassNetwork):
    """The trunk with class logits and, where the data's true factors are known, an estimate of each of them.

    Args:
        num_classes: K, number of logits.
        img_shape: (C, H, W) of the images, C = 1 or 3, sides of 8 to 1024.
        num_factors: F, number of factors in [0, 1] to estimate; 0 for none.

    Raises:
        DataError: images of another shape.
    """

    kind, num_features = "residual", NUM_FEATURES
    architecture = "residual convolutional classifier, see ganatomy/metrics/classifier.py"
    feature_layer = "after the last ReLU, one number per channel"

    def __init__(self, num_classes: int, img_shape: tuple[int, int, int] = (1, 28, 28), num_factors: int = 0):
        super().__init__(img_shape)
        self.logits = nn.Linear(NUM_FEATURES, num_classes)
        self.factors = nn.Linear(NUM_FEATURES, num_factors) if num_factors else None
