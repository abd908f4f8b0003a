"""Generators whose directions are known: drawings behind a rotation, a picture that shifts, networks of any layers."""

import numpy as np
import torch
from torch import Tensor, nn

from ganatomy import images
from ganatomy.datasets import atelier
from ganatomy.latent.lens import Lens, Subject

NUM_FACTORS = len(atelier.FACTORS)


def rows_of_rotation(num, z_dim, seed):
    """Return the first rows of a random orthogonal matrix: float64 [num, z_dim]."""
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((z_dim, z_dim)))[0][:num]


class RotatedAtelier(nn.Module):
    """Drawings with factors Phi(R z): factor number i hangs on row i of R alone.

    Of two labels, row 9 of R decides: the first where it is positive.
    """

    def __init__(self, *labels, z_dim=20, seed=0):
        super().__init__()
        self.labels = labels
        self.rotation = rows_of_rotation(NUM_FACTORS + 1, z_dim, seed)
        self.weight = nn.Parameter(torch.from_numpy(self.rotation), requires_grad=False)
        self.eval()

    def forward(self, z: Tensor) -> Tensor:
        turned = z.double() @ self.weight.T
        factors = torch.special.ndtr(turned[:, :NUM_FACTORS]).float().numpy()
        labels = np.where(turned[:, NUM_FACTORS].numpy() > 0, self.labels[0], self.labels[-1])
        return images.to_float(torch.from_numpy(atelier.render(labels, factors))[:, None])


class Shifting(nn.Module):
    """A soft square of 12x12 pixels that number 1 shifts to the right and number 4 brightens; 0, 2, 3 do nothing."""

    z_dim, shift, bright = 5, 1, 4

    def __init__(self):
        super().__init__()
        self.place = nn.Parameter(torch.arange(12.0) - 5.5, requires_grad=False)
        self.eval()

    def forward(self, z: Tensor) -> Tensor:
        across = torch.exp(-(self.place - 0.7 * z[:, self.shift, None]).square() / 4)
        down = torch.exp(-self.place.square() / 4)
        level = 0.5 + 0.1 * z[:, self.bright, None, None]
        return (2 * level * down[:, None] * across[:, None, :] - 1)[:, None]


class OfLayers(nn.Module):
    """A generator made of given layers, seen by them as [N, z_dim] or, with `as_map`, as [N, z_dim, 1, 1]."""

    def __init__(self, *layers, shape=(1, 8, 8), as_map=False):
        super().__init__()
        self.main, self.shape, self.as_map = nn.Sequential(*layers), shape, as_map
        self.eval()

    def forward(self, z: Tensor) -> Tensor:
        return torch.tanh(self.main(z[:, :, None, None] if self.as_map else z)).reshape(len(z), *self.shape)


def subject(G, z_dim, features=None, dataset=None):
    return Subject("planted", 7, z_dim, Lens(G, features), dataset)
