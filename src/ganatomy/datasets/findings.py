"""What was found in people's own files and what was decided about it, as a record for files and for people."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .choices import Choices, Decision
from .decode import NOTES
from .duplicates import Twin
from .layout import RefusedFile, natural_key
from .survey import NUM_EXAMPLES, Kept, Survey, Tally
from .wording import printable

MAX_SIZES = 20
MAX_TWINS = 50

CONVERSIONS = {
    **NOTES,
    "fit_crop": "scaled to cover the size asked for, what juts out cut off",
    "fit_pad": "scaled to fit into the size asked for, the rest filled",
    "fit_stretch": "stretched to the size asked for",
    "enlarged": "smaller than the size asked for, so enlarged",
    "to_grey": "colour turned to grey",
    "to_rgb": "grey repeated in three channels",
    "from_bool": "false and true read as 0 and 255",
    "from_unit_floats": "numbers in [0, 1] times 255, rounded",
    "from_signed_floats": "numbers in [-1, 1] brought to [0, 255], rounded",
    "from_integers": "whole numbers of another type, all within [0, 255]",
}
"""What can be done to a picture: stable id -> English words."""


@dataclass(frozen=True)
class Findings:
    """What was found in a folder or file of pictures, and what was decided."""

    kind: str
    """folder, zip, npz or npy."""
    source: str
    """Name of the folder or file, without its place."""
    num_files: int
    num_images: int
    classes: tuple[dict[str, Any], ...]
    """name, num_train, num_test; empty without classes."""
    sizes: tuple[dict[str, int], ...]
    """height, width, num: the commonest sizes as found."""
    num_other_sizes: int
    modes: tuple[dict[str, Any], ...]
    """format, mode, num: the commonest first."""
    conversions: tuple[dict[str, Any], ...]
    """id (a key of `CONVERSIONS`), num, examples."""
    refused: tuple[RefusedFile, ...]
    near_duplicates: dict[str, Any]
    """num, num_exact, and pairs: the first of them, each with first, second and exact."""
    decisions: tuple[Decision, ...]
    img_shape: tuple[int, int, int] | None
    """(C, H, W) of the pictures to train on; None where a size must be asked for."""
    num_train: int
    num_test: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, without any absolute path."""
        record = {entry.name: getattr(self, entry.name) for entry in dataclasses.fields(self)}
        for name in ("classes", "sizes", "modes", "conversions"):
            record[name] = [dict(row) for row in record[name]]
        record["refused"] = [{"file": file.name, "reason": file.reason} for file in self.refused]
        record["decisions"] = [dataclasses.asdict(decision) for decision in self.decisions]
        record["img_shape"] = None if self.img_shape is None else list(self.img_shape)
        return record

    @staticmethod
    def from_dict(record: dict[str, Any]) -> Findings:
        """Return the findings that `to_dict` wrote."""
        values = dict(record)
        for name in ("classes", "sizes", "modes", "conversions"):
            values[name] = tuple(record[name])
        values["refused"] = tuple(RefusedFile(row["file"], row["reason"]) for row in record["refused"])
        values["decisions"] = tuple(Decision(**row) for row in record["decisions"])
        values["img_shape"] = None if record["img_shape"] is None else tuple(record["img_shape"])
        return Findings(**values)

    def short_lines(self) -> list[str]:
        """Return a few lines for the start of a training."""
        classes = f" in {len(self.classes):,} classes" if self.classes else ""
        lines = [f"{self.source}: {self.num_images:,} pictures{classes}, {self.num_train:,} to train on"]
        lines += [f"  {decision.id} {decision.value}: {decision.reason}" for decision in self.decisions]
        if self.refused:
            first = self.refused[0]
            lines.append(f"  {len(self.refused):,} files are not read, such as {first.name}: {first.reason}")
        twins = self.near_duplicates
        if twins["num"]:
            lines.append(f"  {twins['num']:,} pictures repeat an earlier one, {twins['num_exact']:,} of them exactly")
        if self.refused or twins["num"]:
            lines.append("  see all with `ganatomy data inspect`")
        return lines


def find(survey: Survey, choices: Choices) -> Findings:
    """Return the findings of a survey and what was decided about it."""
    ordered = sorted(survey.sizes.items(), key=lambda item: (-item[1], item[0]))
    size = choices.size
    return Findings(
        kind=survey.kind,
        source=printable(survey.path.resolve().name or survey.name),
        num_files=survey.num_files,
        num_images=len(survey.pictures),
        classes=_classes(survey, choices),
        sizes=tuple({"height": h, "width": w, "num": num} for (h, w), num in ordered[:MAX_SIZES]),
        num_other_sizes=max(0, len(ordered) - MAX_SIZES),
        modes=tuple({"format": fmt, "mode": mode, "num": num} for (fmt, mode), num in survey.modes.most_common()),
        conversions=_conversions(survey, choices),
        refused=tuple(survey.refused),
        near_duplicates=_near_duplicates(survey.pictures, choices.twins),
        decisions=choices.decisions,
        img_shape=None if size is None else (choices.channels, *size),
        num_train=len(choices.train),
        num_test=len(choices.test),
    )


def class_names(survey: Survey) -> tuple[str, ...]:
    """Return the names of labels 0 .. K-1; empty without classes."""
    if survey.class_names is not None:
        return survey.class_names
    names = {picture.class_name for picture in survey.pictures if picture.class_name is not None}
    return tuple(sorted(names, key=natural_key))


def _classes(survey: Survey, choices: Choices) -> tuple[dict[str, Any], ...]:
    train = Counter(survey.pictures[index].class_name for index in choices.train)
    test = Counter(survey.pictures[index].class_name for index in choices.test)
    return tuple({"name": name, "num_train": train[name], "num_test": test[name]} for name in class_names(survey))


def _conversions(survey: Survey, choices: Choices) -> tuple[dict[str, Any], ...]:
    tallies = {**survey.conversions, "to_grey": Tally(), "to_rgb": Tally()}
    for picture in survey.pictures:
        if picture.is_rgb != (choices.channels == 3):
            tallies["to_grey" if picture.is_rgb else "to_rgb"].add(picture.name)
    return tuple(
        {"id": note, "num": tally.num, "examples": tally.examples[:NUM_EXAMPLES]}
        for note, tally in tallies.items()
        if tally.num
    )


def _near_duplicates(pictures: list[Kept], twins: Sequence[Twin]) -> dict[str, Any]:
    pairs = [
        {"first": pictures[twin.first].name, "second": pictures[twin.second].name, "exact": twin.exact}
        for twin in twins[:MAX_TWINS]
    ]
    return {"num": len(twins), "num_exact": sum(twin.exact for twin in twins), "pairs": pairs}
