"""Three ways to find directions in latent space: from the weights, from the first activations, from what is seen.

- `closed_form`: the first layer's weight alone (SeFa, Shen & Zhou 2021, arXiv:2007.06600, eq. 4 to 6).
- `principal`: the first activations of many latents (GANSpace, Harkonen et al. 2020, arXiv:2004.02546, as for BigGAN).
- `regress`: a number read from the images, regressed on the latents. For z ~ N(0, I) the coefficients of a linear
  regression estimate E[z f(z)] = E[grad f(z)], the mean gradient (Stein 1981, Annals of Statistics 9, lemma 1).

Every direction is a unit vector, so that a step of 1 along it is one standard deviation of z.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from .. import rng
from .intervals import Array

LEAST_SIZE = 1e-6
"""Directions of a smaller size, as a share of the largest, are rounding and are left out."""
EXTRA, NUM_ITERATIONS = 10, 8
"""Columns and power iterations beyond the components asked for, of the randomised PCA."""


@dataclass(frozen=True, eq=False)
class Subspace:
    """Directions found together, by falling importance."""

    vectors: Array
    """float64 [K, z_dim], unit length; the component of largest magnitude is positive."""
    share: Array
    """float64 [K]: share of the squared weights (closed form) or of the activations' variance (PCA), 0 to 1."""
    sizes: Array
    """float64 [K], above 0: singular value (closed form) or standard deviation of the coordinate (PCA)."""
    coordinates: Array | None = None
    """float64 [N, K]: of the latents (PCA), with the sign of the vectors."""


def first_layer(G: nn.Module, z_dim: int) -> nn.Linear | nn.ConvTranspose2d | None:
    """Return G's first linear or transposed-convolution layer, as defined; None if it does not take z_dim numbers."""
    for module in G.modules():
        if isinstance(module, nn.Linear):
            return module if module.in_features == z_dim else None
        if isinstance(module, nn.ConvTranspose2d):
            return module if module.in_channels == z_dim and module.groups == 1 else None
    return None


def fix_signs(vectors: Array) -> Array:
    """Return vectors [K, z_dim], each with the sign that makes its component of largest magnitude positive."""
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=1)[:, None], axis=1)
    fixed: Array = vectors * np.where(largest < 0, -1.0, 1.0)
    return fixed


def closed_form(layer: nn.Linear | nn.ConvTranspose2d, num: int) -> Subspace:
    """Return the unit directions n that change a first layer's output A n the most, one after the other.

    The left singular vectors of A^T [z_dim, outputs], which are the eigenvectors of A^T A (arXiv:2007.06600, eq. 4
    to 6). A transposed convolution of a 1x1 map has one output per channel and place of the kernel. Batch norm behind
    the layer is not in it: it rescales the outputs, so another weighting of them would give other directions.

    Args:
        layer: from `first_layer`.
        num: directions, at most; there are no more than the weight's rank.
    """
    weight = layer.weight.detach().cpu().double()
    matrix = weight.T if isinstance(layer, nn.Linear) else weight.flatten(1)  # [z_dim, outputs]
    vectors, values, _ = torch.linalg.svd(matrix, full_matrices=False)
    num = min(num, _rank(values))
    share = values[:num].square() / values.square().sum()
    return Subspace(fix_signs(vectors.T[:num].numpy()), share.numpy(), values[:num].numpy())


def _rank(values: Tensor) -> int:
    """Return how many of falling singular values [K] are more than rounding."""
    return int((values > LEAST_SIZE * values.max()).sum())


@contextmanager
def first_activations(G: nn.Module, layer: nn.Module | None) -> Iterator[list[Tensor]]:
    """Collect what comes out of the first nonlinearity while G runs inside the block: a list of float32 [N, A].

    The nonlinearity is the first module of `torch.nn.modules.activation` that stands between `layer` and the next
    layer with weights of its kind; where there is none, the layer's own output is taken. A module that G uses again
    further on counts the first time only. Without a layer the list stays empty.
    """
    parts: list[Tensor] = []
    if layer is None:
        yield parts
        return
    is_fresh = False

    def start(module: nn.Module, given: object) -> None:
        nonlocal is_fresh
        is_fresh = True

    def keep(module: nn.Module, given: object, out: Tensor) -> None:
        nonlocal is_fresh
        if is_fresh:
            parts.append(out.detach().flatten(1).float().to("cpu", copy=True))  # a later layer may write into it
            is_fresh = False

    hooks = [G.register_forward_pre_hook(start), _nonlinearity(G, layer).register_forward_hook(keep)]
    try:
        yield parts
    finally:
        for hook in hooks:
            hook.remove()


def _nonlinearity(G: nn.Module, layer: nn.Module) -> nn.Module:
    """Return the nonlinearity behind a layer, or the layer itself where none stands before the next one."""
    modules = list(G.modules())
    for module in modules[modules.index(layer) + 1 :]:
        if isinstance(module, nn.Linear | nn.ConvTranspose2d | nn.Conv2d):
            break
        if type(module).__module__ == nn.modules.activation.__name__:
            return module
    return layer


def principal(activations: Tensor, z: Tensor, num: int, seed: int) -> Subspace:
    """Return the directions in z of the principal components of activations.

    PCA gives coordinates x = V^T (y - mean); the directions are the columns of U = argmin sum |U x - (z - mean)|^2
    (arXiv:2004.02546), scaled to unit length. By randomised PCA (Halko et al. 2011, arXiv:0909.4061), whose draw hangs
    on the seed and moves the result by less than rounding where components differ in size.

    Args:
        activations: float32 [N, A].
        z: float32 [N, z_dim], their latents.
        num: components, at most; there are no more than the activations' rank.
        seed: of the draw.
    """
    columns = min(num + EXTRA, *activations.shape)
    with rng.torch_seeded(seed, "directions-pca"):
        left, values, _ = torch.pca_lowrank(activations, q=columns, niter=NUM_ITERATIONS)
    num = min(num, _rank(values))
    total = activations.var(dim=0).double().sum()
    variance = values[:num].double().square() / (len(z) - 1)
    coordinates = left[:, :num].double() * values[:num].double()
    centred = z.double() - z.double().mean(dim=0)
    fitted = torch.linalg.lstsq(coordinates, centred).solution  # [num, z_dim]
    unit = (fitted / fitted.norm(dim=1, keepdim=True)).numpy()
    vectors = fix_signs(unit)
    signs = np.sign((vectors * unit).sum(axis=1))
    return Subspace(vectors, (variance / total).numpy(), variance.sqrt().numpy(), coordinates.numpy() * signs)


@dataclass(frozen=True, eq=False)
class Fit:
    """A linear regression of a number on the latents."""

    vector: Array
    """float64 [z_dim], the coefficients at unit length: along it the number rises."""
    slope: float
    """Length of the coefficients: rise of the linear fit per sigma along the vector, in the number's unit."""
    r2: float
    """Share of variance that a fit to one half of the latents explains in the other half; below 0: worse than none."""
    reliability: float
    """Cosine between the directions of the two halves, -1 to 1."""
    error_deg: float
    """The true direction lies within this angle in 95 % of all draws, degrees, 0 to 90."""
    num: int
    """Latents with a defined number."""


def least_num(z_dim: int) -> int:
    """Return how many latents a regression needs at least: twice as many as coefficients in either half."""
    return 4 * (z_dim + 1)


def regress(z: Tensor, values: Array) -> Fit | None:
    """Return the least-squares fit of a number to the latents.

    Args:
        z: float32 [N, z_dim].
        values: float64 [N]; latents where it is NaN are left out. If whether it is defined hangs on z (as with factors
            that only some classes have), the direction is that of the fit, but no mean gradient over the prior.

    Returns:
        The fit, or None where fewer than `least_num` values are defined or all are equal.
    """
    defined = np.isfinite(values)
    x, y = z.double()[torch.from_numpy(defined)], torch.from_numpy(values[defined])
    if len(y) < least_num(z.shape[1]) or float(y.amax() - y.amin()) == 0.0:
        return None
    slope = _slope(x, y)
    halves = [(x[start::2], y[start::2]) for start in (0, 1)]
    slopes = [_slope(*half) for half in halves]
    error = total = 0.0
    for (from_x, from_y), (to_x, to_y), coefficients in zip(halves, halves[::-1], slopes):
        predicted = from_y.mean() + (to_x - from_x.mean(dim=0)) @ coefficients
        error += float((to_y - predicted).square().sum())
        total += float((to_y - to_y.mean()).square().sum())
    unit = slope / slope.norm()
    reliability = float(slopes[0] @ slopes[1] / (slopes[0].norm() * slopes[1].norm()))
    r2 = 1 - error / total
    return Fit(unit.numpy(), float(slope.norm()), r2, reliability, _error_angle(x, y, slope), len(y))


def _slope(x: Tensor, y: Tensor) -> Tensor:
    """Return the coefficients of y [N] on x [N, z_dim] with an intercept: float64 [z_dim]."""
    centred = x - x.mean(dim=0)
    return torch.linalg.solve(centred.T @ centred, centred.T @ (y - y.mean()))


def _error_angle(x: Tensor, y: Tensor, slope: Tensor) -> float:
    """Return the angle in degrees that the true direction exceeds in 5 % of all draws.

    The coefficients' covariance holds for residuals of unequal size (HC3, MacKinnon & White 1985). Its part across the
    direction gives a weighted sum of chi squares for the squared error, taken for one chi square of the same mean and
    variance (Satterthwaite 1946), with its 95 % point by Wilson & Hilferty 1931. The fitted slope is the hypotenuse:
    the true one is shorter. 90 degrees: the draw does not even tell the half space.
    """
    centred = x - x.mean(dim=0)
    residual = y - y.mean() - centred @ slope
    inverse = torch.linalg.inv(centred.T @ centred)
    leverage = (centred @ inverse * centred).sum(dim=1) + 1 / len(y)
    scores = centred * (residual / (1 - leverage))[:, None]
    covariance = inverse @ (scores.T @ scores) @ inverse
    unit = slope / slope.norm()
    across = torch.eye(len(unit), dtype=torch.float64) - torch.outer(unit, unit)
    covariance = across @ covariance @ across
    mean, square = float(covariance.trace()), float(covariance.square().sum())
    if square == 0.0:
        return 0.0
    spread = 2 * square / (9 * mean**2)  # 2 / (9 degrees of freedom)
    point = mean * (1 - spread + 1.6448536 * math.sqrt(spread)) ** 3
    return math.degrees(math.asin(min(1.0, math.sqrt(point) / float(slope.norm()))))
