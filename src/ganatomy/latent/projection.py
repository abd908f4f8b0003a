"""Inversion: for a given image, the latent z whose image G(z) comes closest to it in pixels.

Minimised over z is the mean squared pixel error in [-1, 1], with a pull to the shell on which latents lie:

    mean((G(z) - x)^2) + 0.001 (|z| - sqrt(z_dim))^2

(the error as in Creswell and Bharath 2018, arXiv:1611.05644; (|z| - sqrt(z_dim))^2 is nearly -log p(|z|) for
z ~ N(0, I), less a constant). Without the pull z leaves the prior, and an edit of such a z says little about the
generator.

Chosen by measurement: a DCGAN of 5 epochs on Fashion-MNIST (z_dim 100), 64 test images, median error in levels (the
nearest of 60,000 training images: 32.4; the best of 2,048 random latents: 41.6):

    Adam, cosine steps from 0.1        1 start   100 evaluations  21.9     400 evaluations  15.3
    BFGS                               1 start   100 evaluations  14.9     400 evaluations  12.2
    Levenberg-Marquardt, forward mode  1 start   10 Jacobians     13.3     25 Jacobians     12.6
    BFGS with the pull                 1 start   250 evaluations  13.1

A Jacobian costs as much as about 100 evaluations (a forward and a backward pass), so BFGS is several times cheaper
than either. The median |z| after 250 BFGS evaluations: 10.2 with the pull, above 13 without, 10.0 for random latents;
the pull costs 0.3 levels. A Gaussian pull (0.001 |z|^2) draws z far inside the shell (3.4) and costs 6 levels.
Which start will be best shows early: of 8 starts the best 2 after 30 evaluations, and after 60, hold 12.2 after 300,
as all 8 do (2 starts alone: 12.8), so the others are dropped after 50.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor, nn

from .. import images, rng
from ..errors import ConfigError
from ..models.generate import CHUNK, generate
from ..progress import Progress

SHELL_WEIGHT = 0.001
"""Weight of the pull to the shell |z| = sqrt(z_dim)."""
SIFT_EVALS = 50
"""Evaluations after which starts that fall behind are dropped."""
SUFFICIENT = 1e-4
"""Share of the decrease that the slope promises which a step must give (Armijo; Nocedal and Wright 2006, eq. 3.4)."""
SHRINK = 0.4
"""A step that does not give it is shortened to this share."""
SHORTEST = 1e-4
"""A step shortened below this share begins anew along the gradient, by 0.1."""
CURVATURE = 1e-10
"""An update is left out where s.y is not above this share of |s| |y|: it would not keep H positive definite."""
CHUNK_PX, MAX_ROWS = 2**18, 64
"""Pixels and images that pass through the generator together, at most (one image passes whatever its size)."""
MATRIX_VALUES = 2**22
"""Values of the inverse Hessians held at once, at most, unless one image's starts need more (float32: 16 MB)."""


@dataclass(frozen=True)
class Search:
    """How much to search for one image's latent."""

    num_pool: int = 2048
    """Random latents whose images are compared with it."""
    num_starts: int = 8
    """The nearest of these, from which searches start."""
    num_kept: int = 2
    """Starts that are searched to the end; the others stop after 50 evaluations."""
    num_evals: int = 250
    """Evaluations (a forward and a backward pass of one image) of each start that is kept."""

    def check(self) -> Search:
        """Return the search if its numbers are allowed; else a `ConfigError`."""
        allowed = {
            "num_pool": (1, 2**20), "num_starts": (1, self.num_pool), "num_kept": (1, self.num_starts),
            "num_evals": (1, 100_000),
        }  # fmt: skip
        for name, (low, high) in allowed.items():
            if not low <= getattr(self, name) <= high:
                raise ConfigError(f"{name} is {getattr(self, name)}; allowed here: {low:,} to {high:,}.")
        return self

    @property
    def num_sift(self) -> int:
        """Evaluations of every start before some are dropped."""
        return min(SIFT_EVALS, self.num_evals) if self.num_kept < self.num_starts else self.num_evals

    def cost(self, num_images: int) -> int:
        """Return the images that `invert` passes through the generator for `num_images` targets."""
        later = self.num_kept * (self.num_evals - self.num_sift + 1)
        return self.num_pool + num_images * (self.num_starts * self.num_sift + later)


@dataclass(frozen=True, eq=False)
class Inverted:
    """What was found for N images; errors are root mean squares over pixels in levels (0 to 255)."""

    z: Tensor
    """float32 [N, z_dim], on the CPU: of the kept starts the one with the least error."""
    error: np.ndarray
    """float64 [N], of z's uint8 image."""
    pool_error: np.ndarray
    """float64 [N], of the best random latent's uint8 image."""
    sift_error: np.ndarray
    """float64 [N, num_starts], of every start's float image after `num_sift` evaluations."""
    kept_z: Tensor
    """float32 [N, num_kept, z_dim], by ascending error; the first is z."""
    kept_error: np.ndarray
    """float64 [N, num_kept], of their uint8 images, ascending."""

    def part(self, start: int, stop: int) -> Inverted:
        """Return what was found for images `start` to `stop`."""
        return Inverted(**{field.name: getattr(self, field.name)[start:stop] for field in fields(self)})


def invert(G: nn.Module, z_dim: int, target_u8: Tensor, search: Search, seed: int = 0) -> Iterator[Progress | Inverted]:
    """Search for the latents of images; a pure function of its arguments.

    Args:
        G: generator in eval mode, z [N, z_dim] -> [N, C, H, W] in [-1, 1]. Only z gets gradients; G is not changed.
        z_dim: numbers in one latent.
        target_u8: uint8 [N, C, H, W], N >= 1, of the shape that G makes.
        search: how much to search.
        seed: of the random latents.

    Yields:
        `Progress` in images through the generator, `search.cost(N)` in all, then the `Inverted`.

    Raises:
        ConfigError: images of another type or shape, or a search that is not allowed.
        DivergedError: the generator's images are not finite.
    """
    search.check()
    pool = rng.latents(seed, "inversion_pool", search.num_pool, z_dim)
    _check_targets(target_u8, generate(G, pool[:1], chunk=1))
    done, total = 0, search.cost(len(target_u8))
    squared = torch.empty(len(target_u8), search.num_pool, dtype=torch.float64)
    flat = target_u8.flatten(1).to(torch.float64)
    for start in range(0, search.num_pool, CHUNK):
        img = generate(G, pool[start : start + CHUNK]).flatten(1).to(torch.float64)
        # Exact: these are sums of integers far below 2^53.
        squared[:, start : start + len(img)] = flat.square().sum(1)[:, None] + img.square().sum(1) - 2 * flat @ img.T
        done += len(img)
        yield Progress(done, total)
    order = squared.argsort(dim=1, stable=True)[:, : search.num_starts]
    parts = []
    step = max(1, MATRIX_VALUES // (search.num_starts * z_dim**2))
    for rows in torch.arange(len(target_u8)).split(step):
        work = _Descent(G, pool[order[rows]], target_u8[rows])
        sift_error = work.error
        for evaluation in range(search.num_evals):
            work.advance()
            done += work.num_rows
            if evaluation + 1 == search.num_sift:
                sift_error = work.error
                work.keep(search.num_kept)
            yield Progress(done, total)
        done += len(rows) * search.num_kept
        parts.append((*_ranked(G, work.latents, target_u8[rows]), sift_error))
        yield Progress(done, total)
    kept_z, kept_error, sift_error = (torch.cat(column) for column in zip(*parts))
    best = (squared.amin(dim=1) / flat.shape[1]).sqrt().numpy()
    arrays = {"pool_error": best, "sift_error": sift_error.numpy(), "kept_error": kept_error.numpy()}
    yield Inverted(z=kept_z[:, 0], error=kept_error[:, 0].numpy(), kept_z=kept_z, **arrays)


def root_mean_square(first_u8: Tensor, second_u8: Tensor) -> Tensor:
    """Return the root mean square pixel error of uint8 [..., C, H, W] pairs: float64 [...], levels."""
    difference = first_u8.to(torch.float64) - second_u8.to(torch.float64)
    return difference.square().mean(dim=(-3, -2, -1)).sqrt()


def objective(G: nn.Module, z: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return what is minimised [N], its gradient [N, z_dim], and its first term, the mean squared error [N].

    z is [N, z_dim], target [N, C, H, W] in [-1, 1], both float and on G's device.
    """
    total, gradient, error = [], [], []
    step = max(1, min(MAX_ROWS, CHUNK_PX // (target.shape[2] * target.shape[3])))
    for part, wanted in zip(z.detach().split(step), target.split(step)):
        part.requires_grad_(True)
        mean = (G(part) - wanted).square().mean(dim=(1, 2, 3))
        value = mean + SHELL_WEIGHT * (part.norm(dim=1) - math.sqrt(z.shape[1])).square()
        gradient += torch.autograd.grad(value.sum(), part)
        total.append(value.detach())
        error.append(mean.detach())
    return torch.cat(total), torch.cat(gradient), torch.cat(error)


def _check_targets(target_u8: Tensor, made: Tensor) -> None:
    if target_u8.dtype != torch.uint8 or target_u8.ndim != 4 or target_u8.shape[1:] != made.shape[1:]:
        given = f"{str(target_u8.dtype).removeprefix('torch.')} {list(target_u8.shape)}"
        wanted = ", ".join(map(str, made.shape[1:]))
        raise ConfigError(
            f"the images to invert are {given}; this generator makes uint8 [N, {wanted}] (channels, height, width). "
            "Bring them to that shape first; they are not resized here."
        )
    if not len(target_u8):
        raise ConfigError("there are no images to invert; give at least 1.")


def _ranked(G: nn.Module, z: Tensor, target_u8: Tensor) -> tuple[Tensor, Tensor]:
    """Sort the starts of every image, z [N, K, z_dim], by the error of their uint8 images [N, K]; return both."""
    img_u8 = generate(G, z.flatten(0, 1)).view(*z.shape[:2], *target_u8.shape[1:])
    error, order = root_mean_square(img_u8, target_u8[:, None]).sort(dim=1, stable=True)
    return z.gather(1, order[:, :, None].expand_as(z)), error


class _Descent:
    """BFGS (Nocedal and Wright 2006, eq. 6.17) on many latents at once, each with a line search of its own.

    `advance` tries one point for every latent. Where it is good enough the latent moves there, its H and its direction
    are updated; elsewhere its step is shortened. No latent waits for another one.
    """

    def __init__(self, G: nn.Module, z: Tensor, target_u8: Tensor):
        device = next(G.parameters()).device
        self.G, (self.num_images, self.num_starts, d) = G, z.shape
        self.z = z.flatten(0, 1).to(device, copy=True)
        self.target = images.to_float(target_u8.to(device)).repeat_interleave(self.num_starts, dim=0)
        self.value = torch.full((len(self.z),), torch.inf, device=device)
        self.squared_error, self.gradient = torch.empty_like(self.value), torch.zeros_like(self.z)
        self.eye = torch.eye(d, device=device)
        self.H = self.eye.repeat(len(self.z), 1, 1)
        self.is_scaled = torch.zeros_like(self.value, dtype=torch.bool)
        self.direction, self.length = torch.zeros_like(self.z), torch.ones_like(self.value)
        self.slope = torch.zeros_like(self.value)

    @property
    def num_rows(self) -> int:
        """Latents that are searched from."""
        return len(self.z)

    @property
    def latents(self) -> Tensor:
        """Where they are now: [N, num_starts, z_dim], on the CPU."""
        return self.z.view(self.num_images, self.num_starts, -1).cpu()

    @property
    def error(self) -> Tensor:
        """Root mean square error of the float images: float64 [N, num_starts], levels, on the CPU."""
        return 127.5 * self.squared_error.view(self.num_images, -1).cpu().to(torch.float64).sqrt()

    def keep(self, num: int) -> None:
        """Keep the `num` starts of every image with the least value."""
        best = self.value.view(self.num_images, -1).argsort(dim=1, stable=True)[:, :num]
        rows = (best + self.num_starts * torch.arange(self.num_images, device=best.device)[:, None]).flatten()
        self.num_starts = num
        for name in ("z", "target", "value", "squared_error", "gradient", "H", "is_scaled", "direction", "length",
                     "slope"):  # fmt: skip
            setattr(self, name, getattr(self, name)[rows])

    def advance(self) -> None:
        """Evaluate one point for every latent; the first call evaluates the latents themselves."""
        is_first = bool(torch.isinf(self.value).all())
        z = self.z + self.length[:, None] * self.direction
        value, gradient, error = objective(self.G, z, self.target)
        moves = value <= self.value + SUFFICIENT * self.length * self.slope
        at = moves.nonzero()[:, 0]
        if not is_first:
            self._update(at, z[at] - self.z[at], gradient[at] - self.gradient[at])
        self.z[at], self.squared_error[at] = z[at], error[at]
        self.value[at], self.gradient[at] = value[at], gradient[at]
        self.length = torch.where(moves, 1.0, SHRINK * self.length)
        self._aim(at)
        lost = (self.slope >= 0) | (self.length < SHORTEST)
        self._restart(torch.ones_like(lost) if is_first else lost, 1.0 if is_first else 0.1)

    def _update(self, at: Tensor, s: Tensor, y: Tensor) -> None:
        """Bring H of rows `at` up to a step s with the change y of the gradient."""
        sy = (s * y).sum(dim=1)
        good = sy > CURVATURE * s.norm(dim=1) * y.norm(dim=1)
        at, s, y, sy = at[good], s[good], y[good], sy[good]
        H, new = self.H[at], ~self.is_scaled[at]
        H[new] = self.eye * (sy / y.square().sum(dim=1))[new, None, None]  # Nocedal and Wright, eq. 6.20
        Hy = torch.bmm(H, y[:, :, None])[:, :, 0]
        half = (1 + (y * Hy).sum(dim=1) / sy)[:, None] * s / 2 - Hy
        rank_one = (half / sy[:, None])[:, :, None] * s[:, None, :]
        self.H[at] = H + rank_one + rank_one.mT
        self.is_scaled[at] = True

    def _aim(self, at: Tensor) -> None:
        self.direction[at] = -torch.bmm(self.H[at], self.gradient[at][:, :, None])[:, :, 0]
        self.slope[at] = (self.direction[at] * self.gradient[at]).sum(dim=1)

    def _restart(self, rows: Tensor, length: float) -> None:
        """Forget H of these rows [N] (bool) and go `length` along their negative gradient."""
        at = rows.nonzero()[:, 0]
        norm = self.gradient[at].norm(dim=1).clamp(min=1e-12)
        self.H[at], self.is_scaled[at], self.length[at] = self.eye * (length / norm)[:, None, None], False, 1.0
        self._aim(at)
