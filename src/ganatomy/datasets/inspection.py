"""Looking at people's own pictures before any training: what was found, what will be done, what stands against it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from .. import images
from ..progress import Progress
from . import enough
from .choices import Choices, choose
from .collection import survey_path
from .findings import CONVERSIONS, Findings, class_names, find
from .fitting import Fitting, fit_pixels, size_words, to_channels
from .survey import SHEET_CLASSES, SHEET_COLUMNS, SHEET_PX, Survey, shrunk
from .wording import columns, wrap

WIDTH = 100
"""Columns of the text."""
CELL_PX = 48
"""Smaller pictures are enlarged to at least this many pixels on the contact sheet, by whole factors."""
MAX_LISTED = 20
"""Rows of classes and pairs of duplicates that are printed."""


@dataclass(frozen=True, eq=False)
class Inspection:
    """What an inspection found."""

    findings: Findings
    problem: str | None
    """What would stop a training, in words; None where nothing does."""
    sheet: np.ndarray | None
    """uint8 [H, W, 3]; see `picture`."""

    def lines(self) -> list[str]:
        """Return what was found and decided as lines of text for a terminal, of at most 100 columns."""
        found = self.findings
        lines = [
            *_wrapped(
                f"{found.source} ({found.kind}): {found.num_images:,} pictures, {found.num_files:,} file"
                f"{'s' * (found.num_files != 1)}, {len(found.refused):,} not read"
            )
        ]
        sections = (
            ("Found", _found_rows(found)),
            ("What will be done, and why", _decision_rows(found)),
            ("Conversions", _conversion_rows(found)),
            (f"Repeated pictures: {found.near_duplicates['num']:,}", _twin_rows(found)),
            (f"Not read: {len(found.refused):,}", [(file.name, file.reason) for file in found.refused]),
        )
        for title, rows in sections:
            if rows:
                lines += ["", title, *_table(rows)]
        short = enough.told(found.num_train, found.num_test)
        ready = f"{found.num_train:,} pictures to train on, {found.num_test:,} to test on"
        verdict = f"Ready, but {short} {ready[0].upper()}{ready[1:]}." if short else f"Ready: {ready}."
        verdict = self.problem or verdict
        return [*lines, "", *_wrapped(f"Problem: {verdict}" if self.problem else verdict)]

    def picture(self) -> np.ndarray | None:
        """Return pictures as they will be trained on, uint8 [H, W, 3], or None where there are none.

        With classes, a row of 12 for each of the first 10; else 60, in rows of 12. Small ones are enlarged by whole
        factors to 48 px at least, large ones shrunk to 256 px.
        """
        return self.sheet


def inspect(path: Path, fitting: Fitting) -> Iterator[Progress | Inspection]:
    """Look through a folder, .zip, .npz or .npy once; yield progress records, last the inspection.

    Pictures of several sizes, or too few, are no error here but its `problem`. Raises `DataError` where nothing can be
    looked at: a path that is missing or of another kind, an archive that is damaged or hostile, unclear folders.
    """
    for record in survey_path(path, fitting, for_sheet=True):
        if isinstance(record, Progress):
            yield record
        else:
            choices = choose(record)
            yield Inspection(find(record, choices), choices.problem, _sheet(record, choices))


def _found_rows(found: Findings) -> list[tuple[str, str]]:
    rows = []
    shown = found.classes[:MAX_LISTED]
    for entry in shown:
        rows.append((f"class {entry['name']}", f"{entry['num_train']:,} to train on, {entry['num_test']:,} to test on"))
    if len(found.classes) > len(shown):
        rows.append((f"{len(found.classes) - len(shown):,} other classes", ""))
    for size in found.sizes:
        rows.append((f"size {size_words((size['height'], size['width']))}", _pictures(size["num"])))
    if found.num_other_sizes:
        rows.append((f"{found.num_other_sizes:,} other sizes", ""))
    rows += [(f"{entry['format']}, mode {entry['mode']}", _pictures(entry["num"])) for entry in found.modes]
    return rows


def _pictures(num: int) -> str:
    return f"{num:,} picture{'s' * (num != 1)}"


def _decision_rows(found: Findings) -> list[tuple[str, str]]:
    return [(f"{decision.id} {decision.value}", decision.reason) for decision in found.decisions]


def _conversion_rows(found: Findings) -> list[tuple[str, str]]:
    return [
        (_pictures(entry["num"]), f"{CONVERSIONS[entry['id']]}: {', '.join(entry['examples'])}")
        for entry in found.conversions
    ]


def _twin_rows(found: Findings) -> list[tuple[str, str]]:
    twins = found.near_duplicates
    rows = [
        (pair["second"], f"{'equals' if pair['exact'] else 'is nearly'} {pair['first']}")
        for pair in twins["pairs"][:MAX_LISTED]
    ]
    left = twins["num"] - len(rows)
    return [*rows, (f"{left:,} others", "")] if left else rows


def _table(rows: list[tuple[str, str]]) -> list[str]:
    """Return rows of a name and its explanation; a long name stands on lines of its own."""
    wide = max((columns(name) for name, _ in rows if columns(name) <= WIDTH // 3), default=WIDTH // 3)
    lines = []
    for name, text in rows:
        texts = wrap(text, WIDTH - wide - 4)
        if columns(name) <= wide:
            lines.append(f"  {name}{' ' * (wide - columns(name))}  {texts.pop(0)}".rstrip())
        else:
            lines += [f"  {line}" for line in wrap(name, WIDTH - 2)]
        lines += [f"{' ' * (wide + 4)}{line}" for line in texts if line]
    return lines


def _wrapped(text: str) -> list[str]:
    return [line for part in text.splitlines() for line in wrap(part, WIDTH)]


def _sheet(survey: Survey, choices: Choices) -> np.ndarray | None:
    """Lay out the pictures that were kept for the contact sheet: uint8 [H, W, 3]."""
    height, width = choices.size or choices.suggestion
    shrink = min(1.0, SHEET_PX / max(height, width))
    size = max(1, round(height * shrink)), max(1, round(width * shrink))
    names: list[str | None] = [*class_names(survey)[:SHEET_CLASSES]] or [None]
    cells: list[np.ndarray] = []
    for name in names:
        kept = [picture for picture in survey.pictures if picture.pixels is not None and picture.class_name == name]
        for picture in kept:
            assert picture.pixels is not None
            fitted = fit_pixels(picture.pixels, (height, width), survey.fitting.fit)
            cells.append(to_channels(fit_pixels(shrunk(fitted, SHEET_PX), size, "stretch"), choices.channels))
        cells += [np.full_like(cells[0], 255)] * (-len(kept) % SHEET_COLUMNS) if cells else []
    if not cells:
        return None
    stacked = torch.from_numpy(np.stack(cells).reshape(len(cells), *size, -1)).permute(0, 3, 1, 2)
    factor = max(1, min(-(-CELL_PX // min(size)), SHEET_PX // max(size)))
    enlarged = stacked.repeat_interleave(factor, dim=2).repeat_interleave(factor, dim=3)
    return np.ascontiguousarray(to_channels(images.grid(enlarged, SHEET_COLUMNS, gap_px=2), 3))
