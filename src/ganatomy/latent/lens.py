"""What the latent experiment looks through: a generator, the networks that judge its images, and the real ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .. import images
from ..datasets.store import Dataset
from ..metrics.network import FeatureNetwork
from ..models.generate import CHUNK, generate
from ..progress import Progress
from .measures import Seen
from .real import RealImages


@dataclass(frozen=True)
class Lens:
    """A generator in eval mode, the feature network (or None) that looks at its images, what that saw in real ones."""

    G: nn.Module
    features: FeatureNetwork | None
    real: RealImages | None = None
    D: nn.Module | None = None
    """The discriminator it was trained against, in eval mode, or None where it is not known."""

    def generate(self, z: Tensor) -> Tensor:
        """Return the images of latents [N, z_dim] as uint8 [N, C, H, W]."""
        return generate(self.G, z)

    def see(self, z: Tensor) -> Seen:
        """Return the images of latents [N, z_dim] with their features and, if the network knows any, classes."""
        img_u8 = self.generate(z)
        logits = self.judge(img_u8)
        if self.features is None:
            return Seen(img_u8, logits=logits)
        features, probabilities = self.features.extract(img_u8, chunk=CHUNK)
        is_precise = self.real.hold(features) if self.real and self.real.has_balls else None
        return Seen(img_u8, features, probabilities if self.features.class_names else None, is_precise, logits)

    def judge(self, img_u8: Tensor) -> np.ndarray | None:
        """Return D's logits of uint8 images [N, C, H, W]: float32 [N], or None without D.

        D sees the stored images, as everyone else here does: what uint8 rounds away is lost to it too.
        """
        if self.D is None:
            return None
        device = next(self.D.parameters()).device
        with torch.inference_mode():
            parts = [self.D(images.to_float(part.to(device))).float().cpu() for part in img_u8.split(CHUNK)]
        return torch.cat(parts).numpy()


@dataclass(frozen=True)
class Subject:
    """One trained generator on the table: what every part of the latent experiment is given."""

    run: str
    """Name of the run, for the records."""
    nimg: int
    """Images the generator was trained on, for the records."""
    z_dim: int
    """Numbers in one latent."""
    lens: Lens
    dataset: Dataset | None = None
    """The data it was trained on; parts that need real images are left out without."""
    snapshot_sha256: str | None = None
    """SHA-256 of the generator's file, for the records; None where it is in no file."""
    num_real: int | None = None
    """How many test images were to serve for precision, recall and kernel distance, for the records."""

    def header(self) -> dict[str, Any]:
        """Return what every record begins with."""
        features = self.lens.features
        return {
            "run": self.run,
            "nimg": self.nimg,
            "snapshot_sha256": self.snapshot_sha256,
            "z_dim": self.z_dim,
            "features": features.name if features else None,
        }


Work = Iterator[Progress | dict[str, Any]]
"""Progress in images generated (or what takes as long), then the record that was written."""
PartWork = Callable[[Subject, Any, Path], Work]
"""A part of the experiment: (subject, its configuration, folder) -> work; writes <part>.json and its pictures."""
