"""From a survey of pictures to a data set, known by the hash of its content: in memory, or kept in the user's cache."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..errors import DataError
from . import kept
from .choices import Choices, choose
from .findings import Findings, class_names, find
from .fitting import to_channels
from .store import Dataset, ImageStore
from .survey import Survey

HASH_BYTES = 1 << 24
CHUNK_BYTES = 1 << 22


@dataclass(frozen=True)
class _Part:
    """The pictures of one split in their order, brought to the shape of the set chunk by chunk, as often as asked."""

    survey: Survey
    choices: Choices
    indices: list[int]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """[N, C, H, W]."""
        assert self.choices.size is not None
        return len(self.indices), self.choices.channels, *self.choices.size

    def row(self, index: int) -> np.ndarray:
        """Return a picture as uint8 [C, H, W]."""
        assert self.choices.size is not None
        pixels = self.survey.pictures[index].pixels
        assert pixels is not None
        return to_channels(pixels, self.choices.channels).reshape(*self.choices.size, -1).transpose(2, 0, 1)

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield uint8 [n, C, H, W]."""
        step = max(1, CHUNK_BYTES // int(np.prod(self.shape[1:])))
        for start in range(0, len(self.indices), step):
            yield np.stack([self.row(index) for index in self.indices[start : start + step]])

    def labels(self, names: tuple[str, ...]) -> np.ndarray | None:
        """Return int64 [N], None without classes."""
        if not names:
            return None
        label = {name: number for number, name in enumerate(names)}
        return np.array([label[self.survey.pictures[index].class_name or ""] for index in self.indices], np.int64)


@dataclass(frozen=True)
class _Decided:
    """A survey of which a set can be made."""

    parts: dict[str, _Part]
    names: tuple[str, ...]
    findings: Findings


def _decide(survey: Survey) -> _Decided:
    """Decide everything; a `DataError` says what stands against a set: too few pictures, several sizes, memory."""
    choices = choose(survey)
    if choices.problem is not None:
        raise DataError(choices.problem)
    parts = {"train": _Part(survey, choices, choices.train), "test": _Part(survey, choices, choices.test)}
    return _Decided(parts, class_names(survey), find(survey, choices))


def assemble(survey: Survey) -> tuple[Dataset, Findings]:
    """Return the data set of a survey that kept its pixels, in memory, and the findings.

    Raises `DataError` with what stands against it: too few pictures, several sizes, sides or memory out of range.
    The pixels pass from the survey into the data set.
    """
    decided = _decide(survey)
    try:
        images = {split: np.empty(part.shape, np.uint8) for split, part in decided.parts.items()}
    except MemoryError as error:
        raise DataError(f"the pictures of {survey.path} do not fit into memory; give a smaller --size.") from error
    target = {index: (split, row) for split, part in decided.parts.items() for row, index in enumerate(part.indices)}
    for index, picture in enumerate(survey.pictures):  # as they were read, so that their memory is free block by block
        split, row = target[index]
        images[split][row] = decided.parts[split].row(index)
        picture.held = None
    train, test = (
        ImageStore(torch.from_numpy(images[split]), _tensor(part.labels(decided.names)))
        for split, part in decided.parts.items()
    )
    sha256 = content_sha256(train, test, decided.names)
    return Dataset(survey.name, train, test, sha256, decided.names), decided.findings


def _tensor(array: np.ndarray | None) -> torch.Tensor | None:
    return None if array is None else torch.from_numpy(array)


def keep(survey: Survey, made_by: Mapping[str, Any]) -> tuple[Dataset, Findings]:
    """Return what `assemble` does, its images mapped from the cache, where they are written without a second copy.

    Raises `kept.NotKeptError` where that cannot be; the survey is as it was then.
    """
    decided = _decide(survey)
    labels = {split: part.labels(decided.names) for split, part in decided.parts.items()}
    sha256 = _sha256([(part.shape, part, labels[split]) for split, part in decided.parts.items()], decided.names)
    plan = kept.Plan(
        name=survey.name,
        class_names=decided.names,
        shapes={split: part.shape for split, part in decided.parts.items()},
        arrays={f"{split}/labels": array for split, array in labels.items() if array is not None},
        chunks=decided.parts,
        about={"sha256": sha256, "findings": decided.findings.to_dict()},
    )
    found = kept.keep(made_by, plan)
    for picture in survey.pictures:
        picture.held = None
    return found.dataset(sha256), decided.findings


def content_sha256(train: ImageStore, test: ImageStore, class_names: tuple[str, ...]) -> str:
    """Return the SHA-256 over both splits' image shapes and bytes, labels, and the class names: 64 hex digits.

    It does not depend on how the pictures were stored, nor on file names; on their order it does.
    """
    stores = (train, test)
    parts = [
        (
            tuple(store.images.shape),
            store.images.contiguous().numpy().reshape(-1)[None],
            None if store.labels is None else store.labels.numpy(),
        )
        for store in stores
    ]
    return _sha256(parts, class_names)


def _sha256(
    parts: Iterable[tuple[tuple[int, ...], Iterable[np.ndarray], np.ndarray | None]], class_names: tuple[str, ...]
) -> str:
    """Hash splits, each with the shape of its images, chunks of them in order, and labels."""
    digest = hashlib.sha256(b"ganatomy pictures 1\n")
    for shape, chunks, labels in parts:
        digest.update(f"{list(shape)}\n".encode())
        for chunk in chunks:
            pixels = np.ascontiguousarray(chunk).reshape(-1)
            for start in range(0, len(pixels), HASH_BYTES):
                digest.update(pixels[start : start + HASH_BYTES].data)
        digest.update(b"\nlabels\n" + (b"none" if labels is None else labels.astype("<i8").tobytes()))
    digest.update(json.dumps(class_names, ensure_ascii=True).encode())
    return digest.hexdigest()
