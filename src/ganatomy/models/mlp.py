"""The course's fully connected GAN.

Shapes: N images, Z latent numbers, C x H x W the image; P = C*H*W pixels.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

NUM_HIDDEN = 128
SLOPE = 0.2
"""Of LeakyReLU below zero."""


class Generator(nn.Module):
    """z [N, Z] -> image [N, C, H, W], float32 in [-1, 1]."""

    def __init__(self, z_dim: int, img_shape: tuple[int, int, int]):
        super().__init__()
        self.img_shape = img_shape
        self.fc1 = nn.Linear(z_dim, NUM_HIDDEN)
        self.nonlin1 = nn.LeakyReLU(SLOPE)
        self.fc2 = nn.Linear(NUM_HIDDEN, math.prod(img_shape))

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """Map latents [N, Z] to images [N, C, H, W]; labels `c` are not used by this network."""
        x = self.nonlin1(self.fc1(z))  # [N, 128]
        return torch.tanh(self.fc2(x)).unflatten(1, self.img_shape)  # [N, P] -> [N, C, H, W]


class Discriminator(nn.Module):
    """Image [N, C, H, W] -> logits [N]; the sigmoid is in the loss."""

    def __init__(self, img_shape: tuple[int, int, int]):
        super().__init__()
        self.fc1 = nn.Linear(math.prod(img_shape), NUM_HIDDEN)
        self.nonlin1 = nn.LeakyReLU(SLOPE)
        self.fc2 = nn.Linear(NUM_HIDDEN, 1)

    def forward(self, img: Tensor, c: Tensor | None = None) -> Tensor:
        """Map images [N, C, H, W] in [-1, 1] to logits [N]; labels `c` are not used by this network."""
        x = self.nonlin1(self.fc1(img.flatten(1)))  # [N, 128]
        return self.fc2(x).squeeze(1)
