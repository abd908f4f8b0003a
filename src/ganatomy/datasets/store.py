"""Images in memory: one uint8 tensor per split, with labels beside it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import DataError


@dataclass(frozen=True)
class ImageStore:
    """Images and labels of one split, on the CPU. Raises `DataError` where they don't fit each other."""

    images: Tensor
    """uint8 [N, C, H, W] in [0, 255], C = 1 (grey) or 3 (RGB)."""
    labels: Tensor | None = None
    """int64 [N], the class of each image; None without classes."""

    def __post_init__(self) -> None:
        shape = tuple(self.images.shape)
        if self.images.dtype != torch.uint8 or len(shape) != 4 or shape[1] not in (1, 3) or 0 in shape:
            raise DataError(f"images are {self.images.dtype} {list(shape)}; allowed: uint8 [N, C, H, W], C = 1 or 3.")
        if self.labels is None:
            return
        if self.labels.dtype != torch.int64 or self.labels.ndim != 1:
            raise DataError(f"labels are {self.labels.dtype} {list(self.labels.shape)}; allowed: int64 [N].")
        if len(self.labels) != shape[0]:
            raise DataError(f"there are {shape[0]:,} images but {len(self.labels):,} labels; each image needs one.")

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.images)


@dataclass(frozen=True)
class Dataset:
    """A named set with its two splits."""

    name: str
    """Name in the catalogue."""
    train: ImageStore
    """Images to train on."""
    test: ImageStore
    """Images to measure against, never trained on."""
    sha256: str
    """SHA-256 over the content hashes of the files, 64 hex digits."""
    class_names: tuple[str, ...]
    """Name of each label 0 .. K-1; empty without classes."""

    @property
    def img_shape(self) -> tuple[int, int, int]:
        """Image shape (C, H, W)."""
        _, channels, height, width = self.train.images.shape
        return channels, height, width
