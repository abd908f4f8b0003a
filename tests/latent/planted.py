"""A generator whose latent numbers are known to do, and a feature network that sees brightness."""

import numpy as np
import torch
from torch import Tensor, nn

from ganatomy.latent.lens import Lens, Subject
from ganatomy.latent.real import RealImages
from ganatomy.metrics.features import FeatureNetwork
from ganatomy.metrics.moments import moments_of
from ganatomy.metrics.neighbours import squared_radii
from ganatomy.metrics.prdc import K

Z_DIM = 6
SHAPE = (1, 12, 12)
BRIGHT = 4
IGNORED = (0, 2)


def subject_of(G, features=None, real=None, D=None, z_dim=Z_DIM, dataset=None):
    """Return a generator on the table, of a run called `planted` at 7 images."""
    return Subject("planted", 7, z_dim, Lens(G, features, real, D), dataset)


def real_images(features: np.ndarray) -> RealImages:
    """Return what a network saw in images that are taken for real."""
    return RealImages(moments_of(features), features, squared_radii(features, K))


class Planted(nn.Module):
    """Numbers 1, 3, 5 add small fixed patterns, number 4 adds brightness everywhere, numbers 0 and 2 do nothing."""

    def __init__(self):
        super().__init__()
        draw = np.random.default_rng(0)
        weight = 0.05 * draw.standard_normal((Z_DIM, *SHAPE))
        weight[list(IGNORED)] = 0.0
        weight[BRIGHT] = 0.2
        self.weight = nn.Parameter(torch.from_numpy(weight.astype(np.float32)), requires_grad=False)
        self.eval()

    def forward(self, z: Tensor) -> Tensor:
        return torch.tanh(torch.einsum("nz,zchw->nchw", z, self.weight))


class Judge(nn.Module):
    """A discriminator that likes bright images: logit = mean level in [-1, 1]."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1), requires_grad=False)
        self.eval()

    def forward(self, img: Tensor) -> Tensor:
        return self.scale * img.mean(dim=(1, 2, 3))


class NoClasses(FeatureNetwork):
    """The features of `Brightness`, but no classes."""

    name = "no-classes"
    num_features = 4
    class_names = ()
    img_shape = SHAPE
    sha256 = "1" * 64
    test_accuracy = None

    def compute(self, img: Tensor) -> tuple[Tensor, Tensor]:
        return nn.functional.adaptive_avg_pool2d(img, 2).flatten(1), img.new_empty(len(img), 0)


class Brightness(FeatureNetwork):
    """Features: mean level of each quadrant in [-1, 1]; classes: dark, middle (called Trouser), bright."""

    name = "brightness"
    num_features = 4
    class_names = ("Dark", "Trouser", "Bright")
    img_shape = SHAPE
    sha256 = "0" * 64
    test_accuracy = 1.0

    def compute(self, img: Tensor) -> tuple[Tensor, Tensor]:
        features = nn.functional.adaptive_avg_pool2d(img, 2).flatten(1)
        mean = img.mean(dim=(1, 2, 3))[:, None]
        return features, (-10 * (mean - torch.tensor([-0.5, 0.0, 0.5])).abs()).softmax(dim=1)
