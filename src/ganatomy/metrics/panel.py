"""The panel: 256 fixed latents of a run, looked at several times during training beside as many real images.

Its numbers are what the health rules read: cheap (half a second on two cores), always the same latents and the same
real images, so that only the networks change between two lines.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .. import files, images, rng
from ..datasets.store import Dataset
from ..models.generate import generate
from ..training import belongings
from ..training.runlog import PANEL
from ..training.state import TrainState
from . import modes
from .health import MOVEMENT_NIMG
from .jackknife import NUM_GROUPS
from .kernel import KernelTo
from .neighbours import squared_blocks
from .network import FeatureNetwork

NUM_LATENTS = 256
NUM_REAL = 1000
"""Real test images that the panel's kernel distance is taken to."""


class Panel:
    """The panel of one run; `__call__` is a hook of the training loop that adds a line to panel.jsonl."""

    def __init__(self, folder: Path, dataset: Dataset, network: FeatureNetwork):
        self._folder, self._network = folder, network
        self._train, self._test = _spread_out(dataset.train.images), _spread_out(dataset.test.images)
        self._real_contrast = _contrast(self._test)
        reference = network.extract(dataset.test.images[:NUM_REAL])[0]
        enough = len(reference) >= 2 * NUM_GROUPS
        self._kernel = KernelTo(reference, NUM_GROUPS if enough else 1) if len(reference) > 1 else None
        features, probabilities = network.extract(self._test)
        self._real_diversity = mean_distance(features)
        self._real_entropy = modes.class_entropy(modes.class_counts(probabilities)) if network.class_names else None

    def __call__(self, state: TrainState) -> None:
        """Look at the state's G_ema and D and write what is seen; changes nothing in the state."""
        files.append_jsonl(self._folder / PANEL, {"cur_nimg": state.cur_nimg, **self.look(state)})

    def look(self, state: TrainState) -> dict[str, Any]:
        """Return the panel's numbers, defined in docs/logged-values.md."""
        z = rng.latents(state.config.seed, "panel", NUM_LATENTS, state.config.z_dim)
        pictures = generate(state.usable_generator(), z)
        seen = {"contrast": _contrast(pictures) / self._real_contrast if self._real_contrast else None}
        seen |= self._in_features(pictures) | self._by_discriminator(state, pictures)
        return seen | {"movement": self._movement(state.cur_nimg)}

    def _movement(self, cur_nimg: int) -> float | None:
        moved = movement(self._folder, cur_nimg)
        return None if moved is None or not self._real_contrast else moved / self._real_contrast

    def _in_features(self, pictures: Tensor) -> dict[str, Any]:
        features, probabilities = self._network.extract(pictures)
        seen: dict[str, Any] = {"diversity": mean_distance(features) / self._real_diversity}
        if self._kernel is not None:
            seen["kd"] = self._kernel.distances(features)[0]
        if self._network.class_names:
            counts = modes.class_counts(probabilities)
            seen["class_counts"] = counts.tolist()
            seen["class_entropy"] = modes.class_entropy(counts) / self._real_entropy if self._real_entropy else None
        return seen

    def _by_discriminator(self, state: TrainState, pictures: Tensor) -> dict[str, Any]:
        """Return D's mean logits; its batch norm sees every set as one batch, as in training."""
        D = copy.deepcopy(state.D).train()
        train, test, gen = (_mean_logit(D, img, state.device) for img in (self._train, self._test, pictures))
        apart = train - gen
        return {"d_train": train, "d_test": test, "d_gen": gen, "overfit": (train - test) / apart if apart else None}


def movement(folder: Path, cur_nimg: int) -> float | None:
    """Return the root mean square change, in grey levels, of the pictured fixed latents since an earlier picture.

    That is the newest one from at least 1,500 images before, so that pictures taken in quick succession do not look
    like a standstill. None where there is none, and where there is no picture at `cur_nimg`.
    """
    pictures = belongings.written(folder, "samples")
    earlier = [nimg for nimg in pictures if nimg <= cur_nimg - MOVEMENT_NIMG]
    if not earlier or cur_nimg not in pictures:
        return None
    now = images.read_png(pictures[cur_nimg]).astype(np.float64)
    before = images.read_png(pictures[max(earlier)], now.shape[:2]).astype(np.float64)
    return float(np.sqrt(np.mean((now - before) ** 2)))


def mean_distance(features: np.ndarray) -> float:
    """Return the mean Euclidean distance over all pairs of rows [N, F]."""
    rows = features.astype(np.float64)
    total = sum(float(np.sqrt(block).sum()) for _, block in squared_blocks(rows, rows))
    return total / (len(rows) * (len(rows) - 1))


def _spread_out(pictures: Tensor) -> Tensor:
    """Return up to 256 images from all over a split, uint8 [N, C, H, W]."""
    return pictures[torch.linspace(0, len(pictures) - 1, min(NUM_LATENTS, len(pictures))).long()]


def _contrast(pictures: Tensor) -> float:
    """Return the mean over images of the standard deviation of their pixels, in levels."""
    return float(pictures.flatten(1).double().std(dim=1, correction=0).mean())


@torch.no_grad()
def _mean_logit(D: nn.Module, pictures: Tensor, device: torch.device) -> float:
    logits: Tensor = D(images.to_float(pictures.to(device)))
    return float(logits.mean())
