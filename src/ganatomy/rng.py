"""All randomness of the project: a pure function of (seed, purpose, index), nothing else.

Latents and data order come from NumPy's Philox generators keyed by a hash of (seed, purpose, block), drawn
on the CPU in blocks of 4,096 images. Batches, resumed runs and several processes slice the same blocks, so
image number i always meets the same latent and the same training image, on every device. This is the only
module that seeds anything.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

BLOCK_NIMG = 4096


def generator(seed: int, purpose: str, index: int = 0) -> np.random.Generator:
    """Return the generator of one (seed, purpose, index); equal arguments give equal streams."""
    digest = hashlib.sha256(f"ganatomy|{seed}|{purpose}|{index}".encode()).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))


class LatentStream:
    """Latents z ~ N(0, I) by image number, with the block in use kept in memory.

    The cache only saves time: `z(start, num)` is a pure function of its arguments.
    """

    def __init__(self, seed: int, purpose: str, z_dim: int, device: torch.device | str = "cpu"):
        self.seed, self.purpose, self.z_dim, self.device = seed, purpose, z_dim, device
        self._block_index = -1
        self._block = torch.empty(0, z_dim)

    def _load(self, index: int) -> Tensor:
        if index != self._block_index:
            draw = generator(self.seed, self.purpose, index)
            block = torch.from_numpy(draw.standard_normal((BLOCK_NIMG, self.z_dim), dtype=np.float32))
            self._block = block.to(self.device)
            self._block_index = index
        return self._block

    def z(self, start: int, num: int) -> Tensor:
        """Return the latents of images `start` to `start + num`: [num, z_dim], float32, on the stream's device."""
        parts = []
        stop = start + num
        while start < stop:
            index, offset = divmod(start, BLOCK_NIMG)
            take = min(stop - start, BLOCK_NIMG - offset)
            parts.append(self._load(index)[offset : offset + take])
            start += take
        if len(parts) == 1:
            return parts[0]
        return torch.cat(parts) if parts else torch.empty(0, self.z_dim, device=self.device)


def latents(seed: int, purpose: str, num: int, z_dim: int) -> Tensor:
    """Return the first `num` latents of (seed, purpose): [num, z_dim], float32; a prefix of any larger draw."""
    return LatentStream(seed, purpose, z_dim).z(0, num)


class OrderStream:
    """The order in which training images are shown: a fresh permutation of all images in every epoch.

    Image number i is position i mod N of epoch i div N; each epoch's permutation has its own generator.
    """

    def __init__(self, seed: int, num_images: int, device: torch.device | str = "cpu"):
        self.seed, self.num_images, self.device = seed, num_images, device
        self._epoch = -1
        self._order = torch.empty(0, dtype=torch.int64)

    def indices(self, start: int, num: int) -> Tensor:
        """Return the data-set indices of images `start` to `start + num`: [num], int64, on the stream's device."""
        parts = []
        stop = start + num
        while start < stop:
            epoch, offset = divmod(start, self.num_images)
            if epoch != self._epoch:
                draw = generator(self.seed, "data_order", epoch).permutation(self.num_images)
                self._epoch, self._order = epoch, torch.from_numpy(draw.astype(np.int64)).to(self.device)
            take = min(stop - start, self.num_images - offset)
            parts.append(self._order[offset : offset + take])
            start += take
        if len(parts) == 1:
            return parts[0]
        return torch.cat(parts) if parts else torch.empty(0, dtype=torch.int64, device=self.device)


@contextlib.contextmanager
def torch_seeded(seed: int, purpose: str) -> Iterator[None]:
    """Seed PyTorch's CPU generator inside the block (for weight initialisation) and restore it afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(generator(seed, purpose).integers(2**63)))
        yield
