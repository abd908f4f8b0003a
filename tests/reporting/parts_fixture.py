"""A dissected run with directions, paths and inversion: a small generator of random weights, the real writers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from fixture import write_run
from torch import Tensor, nn

from ganatomy import rng
from ganatomy.datasets.store import Dataset, ImageStore
from ganatomy.latent.directions import DirectionsConfig, measure_directions
from ganatomy.latent.inversion import InversionConfig, measure_inversion
from ganatomy.latent.lens import Lens, Subject
from ganatomy.latent.path_measures import PathsConfig, measure_paths
from ganatomy.latent.projection import Search
from ganatomy.metrics.features import FeatureNetwork

Z_DIM, NIMG = 6, 180_000
"""NIMG is what the fixture's dissect.json says."""
SEARCH = Search(num_pool=64, num_starts=3, num_kept=2, num_evals=40)


class Small(nn.Module):
    """z [N, 6] -> one hidden layer -> [N, 1, 28, 28]."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(Z_DIM, 16), nn.ReLU(), nn.Linear(16, 784), nn.Tanh())
        draw = rng.generator(0, "parts-fixture")
        for weight in self.parameters():
            scale = 0.6 if weight.ndim > 1 else 0.2
            weight.data = torch.from_numpy(scale * draw.standard_normal(tuple(weight.shape)).astype(np.float32))
            weight.requires_grad_(False)
        self.eval()

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z).view(-1, 1, 28, 28)


class Halves(FeatureNetwork):
    """Features: mean level of the quadrants; classes by the brightest of three of them."""

    name = "halves"
    num_features = 4
    class_names = ("T-shirt/top", "Trouser", "Bag")
    img_shape = (1, 28, 28)
    sha256 = "0" * 64
    test_accuracy = 1.0

    def compute(self, img: Tensor) -> tuple[Tensor, Tensor]:
        features = nn.functional.adaptive_avg_pool2d(img, 2).flatten(1)
        return features, (20 * features[:, :3]).softmax(dim=1)


class NoClasses(Halves):
    """The same without classes."""

    class_names = ()

    def compute(self, img: Tensor) -> tuple[Tensor, Tensor]:
        return super().compute(img)[0], img.new_empty(len(img), 0)


def made_up() -> Dataset:
    """Return 40 training and 12 test images of noise."""
    draw = rng.generator(1, "parts-fixture")
    stores = [ImageStore(torch.from_numpy(draw.integers(0, 256, (num, 1, 28, 28), dtype=np.uint8))) for num in (40, 12)]
    return Dataset("made-up", *stores, "ab" * 32, ())


def write_parts(
    folder: Path, *, features: FeatureNetwork | None = None, has_data: bool = True, has_own: bool = False
) -> Path:
    """Write a run folder with all three parts and return it."""
    write_run(folder, "gan", z_dim=Z_DIM, dims=(1, 3, 5), num_pictures=2, atlas=False)
    data = made_up()
    subject = Subject(folder.name, NIMG, Z_DIM, Lens(Small(), features), data if has_data else None)
    directions = DirectionsConfig(num_svd=3, num_pca=3, num_latents=400, num_test=60)
    paths = PathsConfig(num_pairs=8, num_steps=4, num_class_latents=60, num_class_paths=2)
    own = data.test.images[:3] if has_own else None
    inversion = InversionConfig(num_images=10, search=SEARCH, dims=(1, 4), values=(0.1, 5.0), images=own)
    for measure, config in (
        (measure_directions, directions), (measure_paths, paths), (measure_inversion, inversion),
    ):  # fmt: skip
        for _ in measure(subject, config, folder / "dissect"):
            pass
    return folder
