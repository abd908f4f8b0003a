"""The DCGAN family (Radford et al. 2016, https://arxiv.org/abs/1511.06434) for any image size.

Shapes: N images, Z latent numbers, C x H x W the image, h x w the smallest map. One solver decides the layers
of both networks from H x W: a side longer than 4 is halved by a stride-2 layer, k4 when it is even (n -> n/2),
k3 when it is odd (n -> (n+1)/2); a side of at most 4 is kept by k3 s1. 28x28 gives 28 -> 14 -> 7 -> 4, which is
exactly the source report's network; the generator walks the same stairs upwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn

from ..errors import ConfigError

NUM_BASE_CHANNELS = 64
MAX_CHANNELS = 512
LARGEST_BASE_PX = 4
SIZE_RANGE_PX = (8, 1024)
SLOPE = 0.2
"""Of the discriminator's LeakyReLU below zero."""

Pair = tuple[int, int]


@dataclass(frozen=True)
class Stair:
    """One stride-2 layer between a large map and a small one; pairs are (height, width)."""

    large: Pair
    small: Pair
    kernel: Pair
    stride: Pair
    num_channels: int
    """Channels of the small map."""


def solve_axis(size: int) -> tuple[int, int, int]:
    """Return (smaller size, kernel, stride) of one side with padding 1."""
    if size <= LARGEST_BASE_PX:
        return size, 3, 1
    return (size // 2, 4, 2) if size % 2 == 0 else ((size + 1) // 2, 3, 2)


def solve_stairs(height: int, width: int) -> list[Stair]:
    """Return the layers from the image down to the base map, first the one that touches the image.

    Raises `ConfigError` for sides outside 8 to 1,024 pixels.
    """
    low, high = SIZE_RANGE_PX
    for side, size in (("height", height), ("width", width)):
        if not low <= size <= high:
            raise ConfigError(f"image {side} is {size} px; dcgan takes {low} to {high} px. Resize the images first.")
    stairs: list[Stair] = []
    now: Pair = (height, width)
    channels = NUM_BASE_CHANNELS
    while max(now) > LARGEST_BASE_PX:
        (small_h, kernel_h, stride_h), (small_w, kernel_w, stride_w) = solve_axis(now[0]), solve_axis(now[1])
        stairs.append(Stair(now, (small_h, small_w), (kernel_h, kernel_w), (stride_h, stride_w), channels))
        now = (small_h, small_w)
        channels = min(2 * channels, MAX_CHANNELS)
    return stairs


class Generator(nn.Module):
    """z [N, Z] -> image [N, C, H, W], float32 in [-1, 1]; seen as [N, Z, 1, 1] by `main`."""

    def __init__(self, z_dim: int, img_shape: tuple[int, int, int]):
        super().__init__()
        channels, height, width = img_shape
        stairs = solve_stairs(height, width)[::-1]
        base = stairs[0]
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(z_dim, base.num_channels, base.small, stride=1, padding=0),
            nn.BatchNorm2d(base.num_channels),
            nn.ReLU(inplace=True),
        ]
        for stair, above in pairwise(stairs):
            layers += [
                nn.ConvTranspose2d(stair.num_channels, above.num_channels, stair.kernel, stair.stride, padding=1),
                nn.BatchNorm2d(above.num_channels),
                nn.ReLU(inplace=True),
            ]
        last = stairs[-1]
        layers += [nn.ConvTranspose2d(last.num_channels, channels, last.kernel, last.stride, padding=1), nn.Tanh()]
        self.main = nn.Sequential(*layers)
        self.img_size = height, width

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """Map latents [N, Z] to images [N, C, H, W]; labels `c` are not used by this network."""
        return self.main(z[:, :, None, None])


class Discriminator(nn.Module):
    """Image [N, C, H, W] -> logits [N]; the sigmoid is in the loss."""

    def __init__(self, img_shape: tuple[int, int, int]):
        super().__init__()
        channels, height, width = img_shape
        stairs = solve_stairs(height, width)
        layers: list[nn.Module] = []
        num_in = channels
        for number, stair in enumerate(stairs):
            layers.append(nn.Conv2d(num_in, stair.num_channels, stair.kernel, stair.stride, padding=1))
            if number > 0:  # no batch norm on the layer that touches the image
                layers.append(nn.BatchNorm2d(stair.num_channels))
            layers.append(nn.LeakyReLU(SLOPE, inplace=True))
            num_in = stair.num_channels
        layers.append(nn.Conv2d(num_in, 1, stairs[-1].small, stride=1, padding=0))
        self.main = nn.Sequential(*layers)

    def forward(self, img: Tensor, c: Tensor | None = None) -> Tensor:
        """Map images [N, C, H, W] in [-1, 1] to logits [N]; labels `c` are not used by this network."""
        return self.main(img).flatten()


def init_normal(module: nn.Module) -> None:
    """Draw convolution weights from N(0, 0.02) and batch-norm scales from N(1, 0.02), shifts 0 (section 4)."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(layer.weight, 0.0, 0.02)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, 0.02)
            nn.init.zeros_(layer.bias)
