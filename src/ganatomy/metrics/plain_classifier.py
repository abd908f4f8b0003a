"""A second feature network, built on purpose unlike the first: whoever wins must win in both.

Plain convolutions with max pooling in pairs as in Simonyan and Zisserman 2015, "Very Deep Convolutional Networks"
(arXiv:1409.1556), without residual sums; group norm of one group (Wu and He 2018, arXiv:1803.08494) in place of batch
norm, so that a training batch never enters an image's features; GELU (Hendrycks and Gimpel 2016, arXiv:1606.08415) in
place of ReLU; a fully connected feature layer without any norm.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .classifier import MAX_MAP, ClassNetwork, check_shape

NUM_FEATURES = 96
SQUEEZED = 32
"""Channels of the last map: every one of its positions has its own weights in the feature layer."""


class ConvGroup(nn.Module):
    """A convolution, maybe 2x2 max pooling, group norm of one group, GELU.

    Pooling comes before norm and GELU: the same kind of layer at a quarter of their work. An odd last row or column
    makes a pool of its own, so no pixel is dropped.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int = 3, *, pool: bool = False):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2)
        self.pool = pool
        self.norm = nn.GroupNorm(1, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """[N, in, H, W] -> [N, out, H, W], or half the sides rounded up."""
        # As in the residual network: a single-channel input leaves the memory layout open.
        x = self.conv(x).contiguous(memory_format=torch.channels_last)
        if self.pool:
            x = F.max_pool2d(x, 2, ceil_mode=True)
        return F.gelu(self.norm(x))


class PlainClassifier(ClassNetwork):
    """Image (C, H, W) in [-1, 1] -> 96 features -> class logits; it estimates no factors.

    28x28 images pass maps of 28, 14, 7 and 4 pixels a side; larger ones are pooled more often before the last step.

    Args:
        num_classes: K, number of logits.
        img_shape: (C, H, W) of the images, C = 1 or 3, sides of 8 to 1024.

    Raises:
        DataError: images of another shape.
    """

    kind, num_features = "plain", NUM_FEATURES
    architecture = "plain convolutional classifier, see ganatomy/metrics/plain_classifier.py"
    feature_layer = "after the GELU of the fully connected layer before the logits"

    def __init__(self, num_classes: int, img_shape: tuple[int, int, int] = (1, 28, 28)):
        super().__init__()
        check_shape(img_shape)
        channels, height, width = img_shape
        self.img_shape = img_shape
        layers = [
            ConvGroup(channels, 32, 5, pool=True),
            ConvGroup(32, 48),
            ConvGroup(48, 48, pool=True),
            ConvGroup(48, 96),
            ConvGroup(96, 96, pool=True),
        ]
        height, width = -(-height // 8), -(-width // 8)
        while max(height, width) > MAX_MAP:
            layers.append(ConvGroup(96, 96, pool=True))
            height, width = -(-height // 2), -(-width // 2)
        self.layers = nn.ModuleList(layers)
        self.squeeze = nn.Conv2d(96, SQUEEZED, 1)
        self.gather = nn.Linear(SQUEEZED * height * width, NUM_FEATURES)
        self.logits = nn.Linear(NUM_FEATURES, num_classes)
        self.factors = None

    def features(self, img: Tensor) -> Tensor:
        """float32 [N, C, H, W] in [-1, 1] -> float32 [N, 96], above -0.17, the least value of GELU."""
        x = img
        for layer in self.layers:
            x = layer(x)
        return F.gelu(self.gather(F.gelu(self.squeeze(x)).flatten(1)))
