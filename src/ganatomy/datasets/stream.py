"""Training images by image number: the data stays uint8 on the device, batches are slices of a fixed order."""

from __future__ import annotations

import torch
from torch import Tensor

from ..images import to_float
from ..rng import OrderStream
from .store import ImageStore

MAX_TABLE_BYTES = 2**28
"""Sets up to this size are converted once, at the start; larger ones batch by batch."""
_CHUNK = 4096


class ImageStream:
    """The training images in the order of `rng.OrderStream(seed)`: a fresh permutation in every epoch.

    `dtype` is the arithmetic they are wanted in: what `to_float` gives, rounded to it.
    """

    def __init__(self, store: ImageStore, seed: int, device: torch.device | str, dtype: torch.dtype = torch.float32):
        self.device = torch.device(device)
        self.order = OrderStream(seed, len(store), self.device)
        self._images, self._dtype = store.images.to(self.device), dtype
        if self._images.numel() * dtype.itemsize <= MAX_TABLE_BYTES:
            self._images = torch.cat([to_float(part).to(dtype) for part in self._images.split(_CHUNK)])

    def real_img(self, start_nimg: int, num: int) -> Tensor:
        """Return images number `start_nimg` to `start_nimg + num`: [num, C, H, W], in [-1, 1], on the device.

        A pure function of its arguments: where a batch starts, or whether a run was resumed there, changes nothing.
        """
        indices = self.order.indices(start_nimg, num)
        img = self._images.index_select(0, indices)
        return img if img.dtype == self._dtype else to_float(img).to(self._dtype)
