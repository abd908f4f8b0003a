"""Ways from one latent to another, and how long they are in feature space.

`linear` is the straight line; `spherical` is the great circle of the directions (Shoemake 1985, "Animating rotation
with quaternion curves", eq. for Slerp) with the norm interpolated linearly. For z ~ N(0, I) the norm hardly varies (it
is chi distributed), so the middle of a straight line between two independent latents has a norm that the generator
never met in training, about 4 standard deviations too small for z_dim 100; a spherical path keeps to the shell.

The length of a path is that of the polyline through its images' features: the idea of the perceptual path length
(Karras et al. 2019, arXiv:1812.04948, section 4.1) as a plain length, not as a mean of squared steps over epsilon^2.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ..errors import ConfigError

PARALLEL = 1e-6
"""Sine of the angle below which two directions span no plane that float32 latents could tell."""

Between = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(a [N, z_dim], b [N, z_dim], t [T]) -> [N, T, z_dim]."""


def linear(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """Return the points a + t (b - a) of straight lines.

    Args:
        a: float32 [N, z_dim], the starts.
        b: float32 [N, z_dim], the ends.
        t: float32 or float64 [T], 0 (exactly a) to 1 (exactly b).

    Returns:
        float32 [N, T, z_dim].
    """
    start, end = a.to(torch.float64)[:, None], b.to(torch.float64)[:, None]
    return torch.lerp(start, end, t.to(torch.float64)[None, :, None]).to(torch.float32)


def spherical(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """Return the points of great circles whose norm goes linearly from |a| to |b|.

    The direction at t lies at the angle t w from a's in the plane of both, w being the angle between them. Parallel
    ends (sine of w below 1e-6) give the straight line. Antiparallel ends have no plane of their own: theirs is that
    of a and of the axis on which a is smallest (the first in a tie), so that the answer is always the same. A latent
    of zeros has no direction and takes the other's, which is the straight line too.

    Arguments and result are those of `linear`; t = 0 and t = 1 give a and b exactly.
    """
    start, end, at = a.to(torch.float64), b.to(torch.float64), t.to(torch.float64)[None, :, None]
    norms = [start.norm(dim=1, keepdim=True), end.norm(dim=1, keepdim=True)]
    u, v = (torch.where(norm > 0, x / norm.clamp(min=1e-300), 0.0) for x, norm in zip((start, end), norms))
    u, v = torch.where(norms[0] > 0, u, v), torch.where(norms[1] > 0, v, u)
    angle = 2 * torch.atan2((u - v).norm(dim=1), (u + v).norm(dim=1))[:, None, None]  # exact near 0 and pi (Kahan)
    across = v - (u * v).sum(dim=1, keepdim=True) * u
    size = across.norm(dim=1, keepdim=True)
    across = torch.where(size > PARALLEL, across / size.clamp(min=PARALLEL), _perpendicular(u))
    direction = torch.cos(at * angle) * u[:, None] + torch.sin(at * angle) * across[:, None]
    points = torch.lerp(norms[0][:, None], norms[1][:, None], at) * direction
    points = torch.where(at <= 0, start[:, None], torch.where(at >= 1, end[:, None], points))
    return points.to(torch.float32)


def _perpendicular(u: Tensor) -> Tensor:
    """Return a unit vector [N, z_dim] perpendicular to each unit vector u, in its plane with its smallest axis."""
    axis = torch.zeros_like(u).scatter_(1, u.abs().argmin(dim=1, keepdim=True), 1.0)
    across = axis - (u * axis).sum(dim=1, keepdim=True) * u
    return across / across.norm(dim=1, keepdim=True).clamp(min=1e-300)


BETWEEN: dict[str, Between] = {"linear": linear, "spherical": spherical}
"""The ways from one latent to another, by name."""


def chain(anchors: Tensor, num: int, between: Between = spherical) -> Tensor:
    """Return open paths through latents: the first point is the first latent, the last one the last.

    Args:
        anchors: float32 [N, K, z_dim], K >= 2 latents of each of N paths, in the order in which they are met.
        num: points per path, at least 2; equally spaced in t over all segments, so an inner latent is met exactly
            only where (K - 1) divides num - 1.
        between: the way from each to the next.

    Returns:
        float32 [N, num, z_dim].

    Raises:
        ConfigError: fewer than 2 latents or points.
    """
    _check(anchors, num)
    return _segments(anchors, torch.linspace(0, anchors.shape[1] - 1, num, dtype=torch.float64), between)


def loop(anchors: Tensor, num: int, between: Between = spherical) -> Tensor:
    """Return closed paths through latents, the last one back to the first.

    Arguments, result and errors are those of `chain`; the point after the last is the first, so a film of them repeats
    without a jump, and all K latents are met exactly where K divides num.
    """
    _check(anchors, num)
    closed = torch.cat([anchors, anchors[:, :1]], dim=1)
    return _segments(closed, torch.arange(num, dtype=torch.float64) * anchors.shape[1] / num, between)


def _check(anchors: Tensor, num: int) -> None:
    if anchors.shape[1] < 2:
        raise ConfigError(f"a path needs at least 2 latents, but got {anchors.shape[1]}; give more.")
    if num < 2:
        raise ConfigError(f"a path needs at least 2 points, but {num} was asked for.")


def _segments(anchors: Tensor, place: Tensor, between: Between) -> Tensor:
    """Return the points at places [T] in segments (2.25 is a quarter of the way from anchor 2 to anchor 3)."""
    segment = place.floor().clamp(max=anchors.shape[1] - 2).to(torch.int64)
    parts = [between(anchors[:, k], anchors[:, k + 1], place[segment == k] - k) for k in range(anchors.shape[1] - 1)]
    return torch.cat(parts, dim=1)


def most_confident(probabilities: np.ndarray, num: int) -> list[np.ndarray]:
    """Return for each class the indices of the images that the network is surest are of it.

    Args:
        probabilities: [N, K] class probabilities.
        num: how many per class, at most.

    Returns:
        K arrays int64 of 0 to `num` indices, the surest first (ties: the smaller index); only images whose most
        probable class it is count, so a class that the generator does not draw has none.
    """
    classes, surest = probabilities.argmax(axis=1), probabilities.max(axis=1)
    order = np.argsort(-surest, kind="stable")
    return [order[classes[order] == k][:num] for k in range(probabilities.shape[1])]


def class_path(z: Tensor, chosen: list[np.ndarray], start: int, end: int, t: Tensor) -> Tensor:
    """Return spherical paths from latents of one class to latents of another, the surest to the surest and so on.

    Args:
        z: float32 [N, z_dim], the latents drawn.
        chosen: what `most_confident` took of them.
        start: class at t = 0.
        end: class at t = 1. The same class: each latent to the next one, and the last of three or more to the first.
        t: [T], 0 to 1.

    Returns:
        float32 [P, T, z_dim]; P is the smaller number of latents of the two classes (0 where one has none), within
        one class their number, for two latents 1 and for one 0.
    """
    first, last = chosen[start], chosen[end]
    if start == end:
        last = np.roll(last, -1)
        first = first if len(first) > 2 else first[:-1]  # there and back again would be one path twice
    num = min(len(first), len(last))
    return spherical(z[torch.from_numpy(first[:num])], z[torch.from_numpy(last[:num])], t)


def step_lengths(features: np.ndarray) -> np.ndarray:
    """Return the Euclidean distances between successive rows: features [N, T, F] -> float64 [N, T - 1]."""
    steps: np.ndarray = np.linalg.norm(np.diff(features.astype(np.float64), axis=1), axis=2)
    return steps
