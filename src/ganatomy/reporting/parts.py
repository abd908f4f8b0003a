"""What the sections on directions, paths and real images share: their records, names for people, intervals, cuts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..latent.edits import GAP_PX
from ..training import snapshots
from . import pictures
from .blocks import MEDIA_PX, Figure, Para, Picture
from .desk import Desk
from .records import RunRecord, finite

Row = Mapping[str, Any]
MOST_CLASSES = 10
"""Classes in a table or chart, at most."""
WIDE_PX, TALL_PX = 640, 1200
"""What sheets of many small images may be enlarged to."""

_NUMBERED = re.compile(r"^(svd|pca)-(\d+)$")
_KEPT = re.compile(r"^(class|factor):(.+)$")


def part(run: RunRecord, record: dict[str, Any]) -> dict[str, Any]:
    """Return a part's record, empty unless it looked at the snapshot that dissect.json is of."""
    whole = run.dissect or {}
    return record if record and whole.get("nimg") is not None and snapshots.are_of_one(record, whole) else {}


def trait_name(desk: Desk, run: RunRecord, name: str) -> str:
    """Return what people call a trait: an attribute, a class (for its probability), or a factor."""
    match = _KEPT.match(name)
    if match and match[1] == "class":
        return desk.class_name(run.data, match[2])
    if match:
        return desk.words("trait.factor", name=desk.words.name("factor", match[2]))
    return desk.words.name("trait", name)


def short_name(desk: Desk, run: RunRecord, name: str) -> str:
    """Return a trait's name where there is little room."""
    return desk.words.table.get(f"trait.short.{name}", trait_name(desk, run, name))


def direction_name(desk: Desk, run: RunRecord, name: str) -> str:
    """Return what people call a direction: SVD 1 and PC 1 count from 1, others are called by their trait."""
    match = _NUMBERED.match(name)
    if match:
        return desk.words(f"direction.{match[1]}", n=int(match[2]) + 1)
    return trait_name(desk, run, name)


def labels(desk: Desk, run: RunRecord) -> dict[str, str]:
    """Return labels of all directions for the explorer; what a numbered one moves most stands behind its name."""
    found = {}
    for row in run.directions.get("directions") or []:
        if not isinstance(row, dict) or not isinstance(row.get("name"), str):
            continue
        name = row["name"]
        known = _NUMBERED.match(name) or _KEPT.match(name) or f"trait.{name}" in desk.words.table
        if known and "label" not in row:
            moved = row.get("names") if _NUMBERED.match(name) else None
            found[name] = label = direction_name(desk, run, name)
            if moved:
                found[name] = desk.words("direction.moves", name=label, trait=trait_name(desk, run, moved))
    return found


def span(desk: Desk, row: Row, write: Callable[[float], str]) -> str:
    """Write a row's interval as `1.2 to 3.4`, empty where it has none."""
    if not finite(row.get("lo")) or not finite(row.get("hi")):
        return ""
    return desk.words("parts.span", lo=write(row["lo"]), hi=write(row["hi"]))


def side(row: Row) -> int:
    """Return 1 or -1 where an interval lies above or below 0, 0 where it holds 0 or is not known."""
    if not finite(row.get("lo")) or not finite(row.get("hi")):
        return 0
    return 1 if row["lo"] > 0 else -1 if row["hi"] < 0 else 0


def paragraphs(desk: Desk, *texts: Sequence[str]) -> list[Para]:
    """Return a paragraph per group of sentences, the first as the answer; empty sentences and groups are left out."""
    joined = [desk.words("join.sentences").join(filter(None, group)) for group in texts]
    return [Para(text, "text" if i else "lead") for i, text in enumerate(filter(None, joined))]


def floats(table: Sequence[Sequence[float | None]] | None) -> np.ndarray:
    """Return a table of JSON as float64 [rows, columns], NaN where it is not defined."""
    rows = [[value if finite(value) else np.nan for value in row] for row in table or []]
    return np.array(rows, np.float64).reshape(len(rows), len(rows[0]) if rows else 0)


def source(run: RunRecord, file: object) -> Path | None:
    """Return where a PNG of the dissect folder lies, None where it does not."""
    path = run.dissect_folder / Path(file).name if isinstance(file, str) else None
    return path if path and path.exists() else None


@dataclass(frozen=True)
class Cut:
    """Columns of a sheet that are shown together: how many, their labels (or none), and a title."""

    num: int
    columns: tuple[str, ...] = ()
    title: str = ""


def cut(
    desk: Desk, run: RunRecord, path: Path, cuts: Sequence[Cut], gap_px: int, alt: str, rows: Sequence[str],
    tops: Sequence[int] = (),
) -> tuple[Picture, ...]:  # fmt: skip
    """Cut a sheet between columns; the parts stand below each other on the page, so that their images are large.

    Args:
        desk: the report, whose folder takes the parts.
        run: whose images they are; gives the width of one.
        path: the sheet; images of one part lie `GAP_PX` apart.
        cuts: the parts, from left to right.
        gap_px: between parts.
        alt: what the sheet shows.
        rows: labels of its rows.
        tops: where its rows begin; they are then laid `GAP_PX` apart, so that every label stands beside its row.

    Returns:
        A picture per part; the whole sheet where it has another width than the parts make.
    """
    widths = [each.num * run.config.img_width + (each.num - 1) * GAP_PX for each in cuts]
    sheet = pictures.pixels(path)
    if sum(widths) + gap_px * (len(widths) - 1) != sheet.shape[1]:
        return (pictures.picture(path, alt, rows=rows),)
    if tops and tops[-1] + run.config.img_height == sheet.shape[0]:
        sheet = _evened(sheet, tops, run.config.img_height)
    found, start = [], 0
    for i, (each, width) in enumerate(zip(cuts, widths)):
        target = path
        if len(cuts) > 1 or tops:
            target = desk.folder / f"{path.stem}-{run.key}-{i + 1}.png"
            pictures.write(sheet[:, start : start + width], target)
        text = f"{alt}: {each.title}" if each.title else alt
        image = pictures.picture(target, text, rows=rows, title=each.title, columns=each.columns)
        found.append(_enlarged(image))
        start += width + gap_px
    return tuple(found)


def _evened(sheet: np.ndarray, tops: Sequence[int], height: int) -> np.ndarray:
    """Return a sheet, uint8 [H, W] or [H, W, 3], with its rows of images `GAP_PX` apart."""
    step = height + GAP_PX
    out = np.full((len(tops) * step - GAP_PX, *sheet.shape[1:]), 255, np.uint8)
    for i, top in enumerate(tops):
        out[i * step : i * step + height] = sheet[top : top + height]
    return out


def _enlarged(image: Picture) -> Picture:
    """Return a picture that would be shown at scale 1 at a larger one; where text has no room, it stands alone."""
    if image.scale > 1:
        return image
    scale = max(image.scale, min(WIDE_PX // image.width, TALL_PX // image.height))
    return replace(image, scale=scale, is_wide=image.width * scale > MEDIA_PX)


def figure(desk: Desk, title: str, reading: Sequence[str], shown: Sequence[Picture]) -> Figure:
    """Return a numbered figure of pictures; empty texts are left out."""
    return desk.add(Figure(desk.number(), title, tuple(filter(None, reading)), pictures=tuple(shown)))
