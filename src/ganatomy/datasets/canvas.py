"""Anti-aliased drawing of many pictures at once: convex polygons and circles on [B, H, W] pixels.

Shapes are distances in pixels, negative inside; joining is a minimum, cutting out a maximum, and a pixel's cover is
0.5 - distance, held in [0, 1]. Only +, -, *, /, sqrt, min and max touch a pixel, each rounded as IEEE 754 prescribes,
so a picture has the same bytes on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Array = np.ndarray
Length = Array | float
"""One per picture, [B], or the same in all of them."""
Point = tuple[Length, Length]
"""x and y of one corner: 0 is the middle, x grows to the right, y downwards, and the shorter
side of the picture reaches from -1 to 1."""


class Canvas:
    """B black pictures of H x W pixels; everything drawn is turned by the same angle about the middle."""

    def __init__(self, num: int, size: tuple[int, int], half_tangent: Array):
        """`half_tangent` [B]: tangent of half the angle of each picture, clockwise."""
        height, width = size
        self.scale = np.float32(min(height, width) / 2)
        self._x = (np.arange(width, dtype=np.float32) + np.float32(0.5)) - np.float32(width / 2)
        self._y = (np.arange(height, dtype=np.float32) + np.float32(0.5)) - np.float32(height / 2)
        square = half_tangent * half_tangent
        self._cos = (1 - square) / (1 + square)
        self._sin = 2 * half_tangent / (1 + square)
        self.value = np.zeros((num, height, width), np.float32)
        """float32 [B, H, W] in [0, 1]."""

    def _turned(self, point: Point) -> tuple[Array, Array]:
        """Return a point in pixels from the middle, after the turn."""
        x, y = point
        return (self._cos * x - self._sin * y) * self.scale, (self._sin * x + self._cos * y) * self.scale

    def polygon(self, *corners: Point) -> Array:
        """Return the distance to a convex polygon in pixels, [B, H, W]; corners clockwise as seen."""
        turned = [self._turned(corner) for corner in corners]
        distance: Array | None = None
        for (x0, y0), (x1, y1) in zip(turned, [*turned[1:], turned[0]]):
            length = np.sqrt((x1 - x0) * (x1 - x0) + (y1 - y0) * (y1 - y0))
            nx, ny = (y1 - y0) / length, (x0 - x1) / length
            across = (nx * x0 + ny * y0)[:, None]
            edge = (nx[:, None] * self._x - across)[:, None, :] + (ny[:, None] * self._y)[:, :, None]
            distance = edge if distance is None else np.maximum(distance, edge, out=distance)
        assert distance is not None
        return distance

    def circle(self, middle: Point, radius: float) -> Array:
        """Return the distance to a circle in pixels, [B, H, W]."""
        x, y = self._turned(middle)
        dx, dy = self._x - x[:, None], self._y - y[:, None]
        squares = (dx * dx)[:, None, :] + (dy * dy)[:, :, None]
        distance: Array = np.sqrt(squares, out=squares)
        distance -= np.float32(radius) * self.scale
        return distance

    def stripes(self, period: float, strength: Array) -> Array:
        """Return a factor in [1 - strength, 1] that falls and rises along the pictures' own y axis, [B, H, W]."""
        along = np.float32(1 / period) / self.scale
        across, down = self._x * (-self._sin * along)[:, None], self._y * (self._cos * along)[:, None]
        wave: Array = across[:, None, :] + down[:, :, None]
        wave -= np.floor(wave)
        wave -= np.float32(0.5)
        np.abs(wave, out=wave)
        wave *= (-2 * strength)[:, None, None]
        wave += np.float32(1)
        return wave

    def paint(self, distance: Array, shade: Length) -> None:
        """Cover what is inside `distance` (which is used up) with a shade in [0, 1]: one, [B] or [B, H, W]."""
        cover = np.subtract(np.float32(0.5), distance, out=distance)
        np.clip(cover, 0, 1, out=cover)
        cover *= (shade[:, None, None] if isinstance(shade, np.ndarray) and shade.ndim == 1 else shade) - self.value
        self.value += cover

    def to_u8(self) -> Array:
        """Return the pictures as uint8 [B, H, W]."""
        rounded: Array = (self.value * np.float32(255) + np.float32(0.5)).astype(np.uint8)
        return rounded


def union(first: Array, *others: Array) -> Array:
    """Return the distance to any of the shapes; `first` is used up."""
    for other in others:
        np.minimum(first, other, out=first)
    return first


def cut(shape: Array, hole: Array) -> Array:
    """Return the distance to a shape without a hole; both are used up."""
    rest: Array = np.maximum(shape, np.negative(hole, out=hole), out=shape)
    return rest


def both(first: Array, second: Array) -> Array:
    """Return the distance to what lies in both shapes; `first` is used up."""
    shared: Array = np.maximum(first, second, out=first)
    return shared


def mirrored(corners: Sequence[Point]) -> list[Point]:
    """Return a polygon's corners mirrored left to right, again clockwise."""
    return [(-x, y) for x, y in reversed(corners)]
