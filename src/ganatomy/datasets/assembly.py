"""From a survey of pictures to a data set in memory, known by the hash of its content."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import torch

from ..errors import DataError
from .choices import Choices, choose
from .findings import Findings, class_names, find
from .fitting import to_channels
from .store import Dataset, ImageStore
from .survey import Survey

HASH_BYTES = 1 << 24


def assemble(survey: Survey) -> tuple[Dataset, Findings]:
    """Return the data set of a survey that kept its pixels, and the findings.

    Raises `DataError` with what stands against it: too few pictures, several sizes, sides or memory out of range.
    The pixels pass from the survey into the data set.
    """
    choices = choose(survey)
    if choices.problem is not None:
        raise DataError(choices.problem)
    findings = find(survey, choices)
    names = class_names(survey)
    try:
        train, test = (_store(survey, choices, indices, names) for indices in (choices.train, choices.test))
    except MemoryError as error:
        raise DataError(f"the pictures of {survey.path} do not fit into memory; give a smaller --size.") from error
    return Dataset(survey.name, train, test, content_sha256(train, test, names), names), findings


def _store(survey: Survey, choices: Choices, indices: list[int], names: tuple[str, ...]) -> ImageStore:
    assert choices.size is not None
    images = np.empty((len(indices), choices.channels, *choices.size), np.uint8)
    for row, index in enumerate(indices):
        pixels = survey.pictures[index].pixels
        assert pixels is not None
        survey.pictures[index].pixels = None  # so that the set is never twice in memory
        images[row] = to_channels(pixels, choices.channels).reshape(*choices.size, -1).transpose(2, 0, 1)
    if not names:
        return ImageStore(torch.from_numpy(images))
    label = {name: number for number, name in enumerate(names)}
    labels = torch.tensor([label[survey.pictures[index].class_name or ""] for index in indices], dtype=torch.int64)
    return ImageStore(torch.from_numpy(images), labels)


def content_sha256(train: ImageStore, test: ImageStore, class_names: tuple[str, ...]) -> str:
    """Return the SHA-256 over both splits' image shapes and bytes, labels, and the class names: 64 hex digits.

    It does not depend on how the pictures were stored, nor on file names; on their order it does.
    """
    digest = hashlib.sha256(b"ganatomy pictures 1\n")
    for store in (train, test):
        digest.update(f"{list(store.images.shape)}\n".encode())
        pixels = store.images.contiguous().numpy().reshape(-1)
        for start in range(0, len(pixels), HASH_BYTES):
            digest.update(pixels[start : start + HASH_BYTES].data)
        labels = b"none" if store.labels is None else store.labels.numpy().astype("<i8").tobytes()
        digest.update(b"\nlabels\n" + labels)
    digest.update(json.dumps(class_names, ensure_ascii=True).encode())
    return digest.hexdigest()
