"""Images in memory: one uint8 tensor per split, with labels beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from ..errors import DataError

MAX_HELD_OUT = 10_000


def num_held_out(num_train: int) -> int:
    """Return how many of so many training images are held out: see `Dataset.num_held_out`."""
    return min(MAX_HELD_OUT, num_train // 6)


@dataclass(frozen=True)
class ImageStore:
    """Images and labels of one split, on the CPU. Raises `DataError` where they don't fit each other."""

    images: Tensor
    """uint8 [N, C, H, W] in [0, 255], C = 1 (grey) or 3 (RGB)."""
    labels: Tensor | None = None
    """int64 [N], the class of each image; None without classes."""
    factors: Tensor | None = None
    """float32 [N, F] in [0, 1], what each image was drawn from; None where that is not known."""

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
class Origin:
    """Where a data set came from, for people and for reading it again."""

    kind: Literal["catalogue", "drawn", "own"] = "catalogue"
    path: str = ""
    """Absolute path of the folder or file, for people's own pictures that were not imported."""
    fit: str = "crop"
    """How own pictures were brought to one size."""
    fallback: str = ""
    """Why this set stands in for the default one; empty where it was asked for or is the default."""
    findings: dict[str, Any] | None = None
    """What was found in own files: `collection.Findings.to_dict()`."""


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
    origin: Origin = field(default_factory=Origin)
    """Where it came from; not part of what the numbers depend on."""

    @property
    def img_shape(self) -> tuple[int, int, int]:
        """Image shape (C, H, W)."""
        _, channels, height, width = self.train.images.shape
        return channels, height, width

    @property
    def num_held_out(self) -> int:
        """How many of the last training images no feature network is trained on: a sixth, at most 10,000.

        They choose the network's epoch, and their distance to the test images is the floor of every score; so the
        training images must not be sorted by class.
        """
        return num_held_out(len(self.train))

    def describe(self) -> dict[str, Any]:
        """Return what `data.json` of a run says: JSON values, without any path."""
        return {
            "name": self.name,
            "sha256": self.sha256,
            "kind": self.origin.kind,
            "fallback": self.origin.fallback,
            "class_names": list(self.class_names),
            "num_train": len(self.train),
            "num_test": len(self.test),
            "img_shape": list(self.img_shape),
            "findings": self.origin.findings,
        }

    def settings(self) -> dict[str, Any]:
        """Return the fields of a training's configuration that the data decide."""
        channels, height, width = self.img_shape
        return {
            "data": self.name,
            "data_path": self.origin.path,
            "data_fit": self.origin.fit,
            "data_sha256": self.sha256,
            "num_train": len(self.train),
            "img_channels": channels,
            "img_height": height,
            "img_width": width,
        }

    def words(self) -> list[str]:
        """Return the words after `ganatomy train PRESET` that name this set and the shape of its pictures."""
        channels, height, width = self.img_shape
        given = ["--data", self.origin.path or self.name]
        if self.origin.kind != "catalogue":
            given += ["--size", f"{height}x{width}"]
        return given + (["--fit", self.origin.fit, "--channels", str(channels)] if self.origin.kind == "own" else [])
