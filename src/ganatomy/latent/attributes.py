"""What people say about a picture, as numbers read from its pixels: brightness, width, height, position, contrast.

They name what a latent number or a direction does. Each is smooth in the pixels and needs no network, so it holds for
any data. The shape ones take bright pixels for the object and dark ones for the ground, as in Fashion-MNIST.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .measures import Seen, contrast, sharpness


@dataclass(frozen=True)
class Attribute:
    """One attribute of an image: its function (seen -> [N], NaN where it is not defined), unit and meaning."""

    name: str
    function: Callable[[Seen], np.ndarray]
    unit: str
    doc: str


def brightness(seen: Seen) -> np.ndarray:
    """Return the mean level: [N], 0 to 255."""
    return seen.grey.mean(dim=(1, 2)).numpy()


def position_x(seen: Seen) -> np.ndarray:
    """Return how far the centre of brightness lies to the right of the middle: [N], px; NaN for a black image."""
    return _moments(seen, axis=2)[0]


def position_y(seen: Seen) -> np.ndarray:
    """Return how far the centre of brightness lies below the middle: [N], px; NaN for a black image."""
    return _moments(seen, axis=1)[0]


def width(seen: Seen) -> np.ndarray:
    """Return the spread of brightness from left to right, its standard deviation: [N], px; NaN for a black image."""
    return _moments(seen, axis=2)[1]


def height(seen: Seen) -> np.ndarray:
    """Return the spread of brightness from top to bottom, its standard deviation: [N], px; NaN for a black image."""
    return _moments(seen, axis=1)[1]


def _moments(seen: Seen, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (mean, standard deviation) of the place of brightness along rows (1) or columns (2): float64 [N] each."""
    mass = seen.grey.to(torch.float64).sum(dim=3 - axis)  # [N, H] or [N, W]
    total = mass.sum(dim=1)
    total = torch.where(total > 0, total, torch.nan)
    place: Tensor = torch.arange(mass.shape[1], dtype=torch.float64) - (mass.shape[1] - 1) / 2
    mean = mass @ place / total
    spread = (mass @ place.square() / total - mean.square()).clamp(min=0).sqrt()
    return mean.numpy(), spread.numpy()


_ALL = (
    Attribute("brightness", brightness, "levels", "mean level of the pixels"),
    Attribute("contrast", contrast, "levels", "standard deviation of the pixels"),
    Attribute("sharpness", sharpness, "1 / px", "mean gradient magnitude / contrast"),
    Attribute("width", width, "px", "spread of brightness from left to right"),
    Attribute("height", height, "px", "spread of brightness from top to bottom"),
    Attribute("position_x", position_x, "px", "centre of brightness, to the right"),
    Attribute("position_y", position_y, "px", "centre of brightness, downwards"),
)

ATTRIBUTES: dict[str, Attribute] = {attribute.name: attribute for attribute in _ALL}
"""All attributes by name."""
