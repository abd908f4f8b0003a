"""What is decided about people's pictures, with reasons: size, fit, channels, split; and what stands against it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

import numpy as np

from .. import rng
from . import draw
from .draw import MIN_PER_SPLIT, TEST_SHARE
from .duplicates import Twin, find_twins
from .fitting import MAX_SIDE_PX, MIN_SIDE_PX, is_trainable, size_words
from .layout import EMPTY_FOLDER, Split, natural_key
from .store import num_held_out
from .survey import MAX_KEPT_BYTES, Survey, size_list
from .wording import some

LARGE_PX = 128
"""Longest side of a size that is suggested as it was found."""
SUGGESTED_PX = 64
"""Longest side to which larger sizes are brought in a suggestion."""
MIN_RANGE = 26
"""Levels that all pictures together must use at least: a tenth of 256."""
SPLIT_PURPOSE = "split-of-own-pictures"


@dataclass(frozen=True)
class Decision:
    """One thing that was decided about the pictures."""

    id: str
    """size, fit, channels or split; where there is something to tell, range, classes and twins."""
    value: str | int
    reason: str
    """Why, in plain English."""


@dataclass(frozen=True)
class Choices:
    """Everything decided about a survey's pictures."""

    size: tuple[int, int] | None
    """(height, width) to train on; None where people must ask for one."""
    suggestion: tuple[int, int]
    """(height, width) to train on, or to ask for."""
    channels: Literal[1, 3]
    train: list[int]
    """Indices of pictures, in the fixed order of training sets: mixed, never sorted by class."""
    test: list[int]
    decisions: tuple[Decision, ...]
    problem: str | None
    """What would stop a training, in words; None where nothing does."""
    twins: tuple[Twin, ...] = ()
    """Pictures that repeat an earlier one."""


def choose(survey: Survey) -> Choices:
    """Decide everything about a survey."""
    fitting = survey.fitting
    common = survey.common_size
    size = fitting.size or (common if common is not None and is_trainable(common) else None)
    suggestion = fitting.size or suggest_size(survey.sizes)
    channels, channels_why = _channels(survey)
    twins = find_twins([picture.fingerprint for picture in survey.pictures])
    family = draw.families(len(survey.pictures), twins)
    train, test, split = _split(survey, family)
    train = draw.parted(train, num_held_out(len(train)), family)
    across = draw.num_across(train, test, family)
    decisions = (
        _size(survey, suggestion), _fit(survey), Decision("channels", channels, channels_why), split,
        *_range(survey), *_classes(survey, train, test), *_twins(split, len(twins), across),
    )  # fmt: skip
    problem = _problem(survey, train, test) or _size_problem(survey, suggestion)
    if problem is None and size is not None and len(survey.pictures) * size[0] * size[1] * channels > MAX_KEPT_BYTES:
        problem = f"the pictures would take more than {MAX_KEPT_BYTES >> 30} GiB of memory; give a smaller --size."
    return Choices(size, suggestion, channels, train, test, decisions, problem, tuple(twins))


def suggest_size(sizes: Counter[tuple[int, int]]) -> tuple[int, int]:
    """Return the (height, width) to suggest: the commonest size if it covers half of the pictures, else the median.

    The commonest stays as it is up to 128 px; everything else is brought to at most 64 px and multiples of 4.
    """
    if not sizes:
        return SUGGESTED_PX, SUGGESTED_PX
    ordered = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))
    commonest, num = ordered[0]
    is_common = 2 * num >= sum(sizes.values())
    if is_common and is_trainable(commonest) and max(commonest) <= LARGE_PX:
        return commonest
    weights = list(sizes.values())
    sides = commonest if is_common else tuple(float(np.median(np.repeat(axis, weights))) for axis in zip(*sizes))
    scale = min(1.0, SUGGESTED_PX / max(sides))
    height, width = (max(MIN_SIDE_PX, 4 * round(side * scale / 4)) for side in sides)
    return height, width


def _size(survey: Survey, suggestion: tuple[int, int]) -> Decision:
    common = survey.common_size
    if survey.fitting.size is not None:
        return Decision("size", size_words(survey.fitting.size), "asked for with --size")
    if common is not None and is_trainable(common):
        return Decision("size", size_words(common), "every picture has this size")
    words = size_words(suggestion)
    return Decision("size", f"--size {words} needed", f"sizes found: {size_list(survey.sizes) or 'none'}")


def _fit(survey: Survey) -> Decision:
    common, fit = survey.common_size, survey.fitting.fit
    if common is not None and is_trainable(common) and survey.fitting.size in (None, common):
        return Decision("fit", "none", "every picture has the size to train on")
    reasons = {
        "crop": "scaled to cover the size, what juts out is cut off evenly",
        "pad": "scaled to fit in, the rest filled with the median colour of the picture's rim",
        "stretch": "scaled to the size, whatever the aspect",
    }
    return Decision("fit", fit, reasons[fit])


def _channels(survey: Survey) -> tuple[Literal[1, 3], str]:
    if survey.fitting.channels is not None:
        return survey.fitting.channels, "asked for with --channels"
    colourful = [picture.name for picture in survey.pictures if picture.has_colour]
    if not colourful:
        return 1, "no picture has colour"
    return 3, f"{len(colourful):,} of {len(survey.pictures):,} pictures have colour, the first is {colourful[0]}"


def _split(survey: Survey, family: list[int]) -> tuple[list[int], list[int], Decision]:
    """Return the indices to train and to test on, both in the order of one fixed permutation, and the decision."""
    order = rng.generator(0, SPLIT_PURPOSE).permutation(len(survey.pictures)).tolist()
    given: list[Split | None] = [picture.split for picture in survey.pictures]
    if any(given):
        train = [index for index in order if given[index] == "train"]
        test = [index for index in order if given[index] == "test"]
        what = "folders" if survey.kind in ("folder", "zip") else "arrays"
        reason = f"the {what} for train and test say which: {len(train):,} + {len(test):,} pictures"
        return train, test, Decision("split", what, reason)
    test_set = set(draw.held_out([picture.class_name for picture in survey.pictures], family, order))
    train, test = [i for i in order if i not in test_set], [i for i in order if i in test_set]
    names = {picture.class_name for picture in survey.pictures} - {None}
    is_alike = names and not names - {survey.pictures[index].class_name for index in test}
    by_class = ", of every class alike" if is_alike else ""
    reason = (
        f"no folders say; a fixed draw sets aside 1 in {TEST_SHARE}{by_class}: {len(train):,} + {len(test):,} pictures"
    )
    return train, test, Decision("split", "drawn", reason)


def _range(survey: Survey) -> list[Decision]:
    """Say that all pictures together use few of the 256 levels, as after a wrong scaling; nothing where they do not."""
    least, most = survey.least, survey.most
    if not survey.pictures or most - least >= MIN_RANGE:
        return []
    look = "nearly black" if most < 128 else "nearly white" if least >= 128 else "nearly without contrast"
    reason = (
        f"no value is below {least} or above {most} of 255, so the pictures are {look}; were they scaled by mistake? "
        "Whole numbers are taken as levels of 255"
    )
    return [Decision("range", f"{least} to {most}", reason)]


def _classes(survey: Survey, train: list[int], test: list[int]) -> list[Decision]:
    """Say which classes are on one side only, whatever the rule was; nothing where all are on both."""
    names = {picture.class_name for picture in survey.pictures if picture.class_name is not None}
    unread = sorted(survey.listed_classes - names, key=natural_key)
    texts = [f"no picture of {some(unread)} can be read"] if unread else []
    empty = [file.name for file in survey.refused if file.reason == EMPTY_FOLDER]
    if empty and not names:
        texts.append(
            f"there are none: only one folder holds pictures, {some(empty)} {'is' if len(empty) == 1 else 'are'} empty"
        )
    for indices, what in ((test, "test on"), (train, "train on")):
        without = sorted(names - {survey.pictures[index].class_name for index in indices}, key=natural_key)
        if without:
            texts.append(f"{len(without):,} of {len(names):,} classes have no picture to {what}: {some(without)}")
    return [Decision("classes", "unlike", "; ".join(texts))] if texts else []


def _twins(split: Decision, num: int, num_across: int) -> list[Decision]:
    """Say on which side pictures are that repeat each other; nothing where there are none."""
    if not num:
        return []
    if num_across:
        reason = (
            f"{num_across:,} pictures to test on repeat others to train on, exactly or nearly, so copies of training "
            "pictures cannot be told from new ones, and scores look better than they are"
        )
        return [Decision("twins", "apart", reason)]
    if split.value != "drawn":
        return []
    return [Decision("twins", "together", "pictures that repeat each other stay on one side of the draw")]


def _problem(survey: Survey, train: list[int], test: list[int]) -> str | None:
    if min(len(train), len(test)) >= MIN_PER_SPLIT:
        return None
    if not survey.num_files:
        return f"{survey.path} holds no files. Give a folder or file with pictures."
    found = f"{len(survey.pictures):,} of {survey.num_files:,} files"
    if survey.kind not in ("folder", "zip"):
        found = f"{len(survey.pictures):,} pictures"
    first = "".join(f"\n  {file.name}: {file.reason}" for file in survey.refused[:5])
    return (
        f"{survey.path}: {found} can be used, {len(train):,} to train on and {len(test):,} to test on; at least "
        f"{MIN_PER_SPLIT} of each are needed. Add pictures."
        + (f" Not read, {min(5, len(survey.refused))} of {len(survey.refused):,}:{first}" if first else "")
    )


def _size_problem(survey: Survey, suggestion: tuple[int, int]) -> str | None:
    if survey.fitting.size is not None:
        return None
    option = f"--size {size_words(suggestion)} --fit {survey.fitting.fit}"
    common = survey.common_size
    if common is None:
        return (
            f"the {len(survey.pictures):,} pictures of {survey.path} have {len(survey.sizes):,} sizes, height x width: "
            f"{size_list(survey.sizes)}. A network needs one; give {option}, for instance."
        )
    if not is_trainable(common):
        return (
            f"the pictures of {survey.path} are {size_words(common)} (height x width); sides of {MIN_SIDE_PX} to "
            f"{MAX_SIDE_PX} px are allowed. Give {option}, for instance."
        )
    return None
