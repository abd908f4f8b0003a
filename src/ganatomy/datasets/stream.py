"""Training images by image number: the data stays uint8 on the device, batches are slices of a fixed order."""

from __future__ import annotations

import torch
from torch import Tensor

from ..images import to_float
from ..rng import OrderStream
from .store import ImageStore


class ImageStream:
    """The training images in the order of `rng.OrderStream(seed)`: a fresh permutation in every epoch."""

    def __init__(self, store: ImageStore, seed: int, device: torch.device | str):
        self.device = torch.device(device)
        self.order = OrderStream(seed, len(store))
        self._images = store.images.to(self.device)

    def real_img(self, start_nimg: int, num: int) -> Tensor:
        """Return images number `start_nimg` to `start_nimg + num`: [num, C, H, W], float32 in [-1, 1], on the device.

        A pure function of its arguments: where a batch starts, or whether a run was resumed there, changes nothing.
        """
        indices = self.order.indices(start_nimg, num).to(self.device)
        return to_float(self._images[indices])
