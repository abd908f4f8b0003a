"""Paths between latents: straight or spherical, how abrupt, what one passes, how far classes lie apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..latent.edits import GAP_PX
from . import parts, pictures
from .blocks import Block, Cell, Figure, Para, Table
from .desk import Desk
from .figures import Axis
from .figures_parts import Shade, ShadePanel, shade_chart
from .parts import Cut, Row, side, span
from .records import RunRecord, finite
from .words import count, num, percent, signed

ROWS = (
    "length", "detour", "largest_step", "smallest_norm", "third_class", "switches", "confidence_middle",
    "precision_middle",
)  # fmt: skip
DECIMALS = {"smallest_norm": 2, "switches": 2, "confidence_middle": 3}
SHARES = ("largest_step", "third_class", "precision_middle")
OUTSIDE = 2.0
"""Standard deviations from the mean norm beyond which a latent is called outside the shell."""
CONVERGED = 0.05
"""Up to this growth from doubling the steps a length is called converged."""
NUM_COLUMNS = 10
"""Images per path in the pictures."""


def blocks(desk: Desk, run: RunRecord) -> list[Block]:
    """Return what the report says of a run's paths, nothing where none were followed."""
    record = parts.part(run, run.paths)
    kinds = record.get("kinds") or {}
    if not {"linear", "spherical"} <= kinds.keys():
        return []
    found: list[Block] = list(answer(desk, record))
    table = comparison_table(desk, run, record)
    made = [
        _pair_figure(desk, run, record), table, _class_figure(desk, run, record),
        _class_pictures(desk, run, record, "classes"), _class_pictures(desk, run, record, "class_table"),
    ]  # fmt: skip
    found += [block for block in made if block]
    return [*found, *(Para(text, "note") for text in _missing(desk, record))]


def shown(name: str, value: float) -> str:
    """Write a path's number: shares as percent, the norm with its sign."""
    if name in SHARES:
        return percent(value)
    return _fixed(value, DECIMALS[name]) if name in DECIMALS else num(value)


def shown_difference(name: str, value: float) -> str:
    """Write a difference of two of a path's numbers, with its sign."""
    if name not in SHARES and name not in DECIMALS:
        return signed(value)
    text = shown(name, value)
    return text if not value or text.startswith("\N{MINUS SIGN}") else f"+{text}"


def _fixed(value: float, decimals: int) -> str:
    return f"{value:.{decimals}f}".replace("-", "\N{MINUS SIGN}")


def _row(record: dict[str, Any], kind: str, name: str) -> Row:
    found = (record["kinds"].get(kind) or {}).get(name)
    return found if isinstance(found, dict) and finite(found.get("mean")) else {}


def _difference(record: dict[str, Any], name: str) -> Row:
    found = (record.get("difference") or {}).get(name)
    return found if isinstance(found, dict) and finite(found.get("mean")) else {}


def answer(desk: Desk, record: dict[str, Any]) -> list[Para]:
    """Say which way is shorter and leaves the shell; then how abrupt ways are and what they pass."""
    ways = (_shorter(desk, record), _shell(desk, record))
    return parts.paragraphs(desk, ways, (_abrupt(desk, record), _passed(desk, record)))


def _shorter(desk: Desk, record: dict[str, Any]) -> str:
    difference, ratio = _difference(record, "length"), _difference(record, "length_ratio")
    if not difference:
        return ""
    shorter = {-1: "linear", 1: "spherical", 0: "open"}[side(difference)]
    words = desk.words
    text = words(f"path.shorter.{shorter}", n=count(record.get("num_pairs") or 0))
    if ratio:
        text += words("path.ratio", ratio=num(ratio["mean"]), span=span(desk, ratio, num))
    return text + words("path.stop")


def _shell(desk: Desk, record: dict[str, Any]) -> str:
    straight, round_ = _row(record, "linear", "smallest_norm"), _row(record, "spherical", "smallest_norm")
    if not straight or not round_:
        return ""
    kind = "leaves" if straight["mean"] < -OUTSIDE else "keeps"
    known = {"linear": signed(straight["mean"], 2), "spherical": signed(round_["mean"], 2)}
    return desk.words(f"path.shell.{kind}", **known)


def _abrupt(desk: Desk, record: dict[str, Any]) -> str:
    even = record.get("even_step")
    straight, round_ = _row(record, "linear", "largest_step"), _row(record, "spherical", "largest_step")
    if not straight or not round_ or not finite(even) or even <= 0:
        return ""
    known = {"linear": num(straight["mean"] / even, 2), "spherical": num(round_["mean"] / even, 2)}
    return desk.words("path.abrupt", steps=record.get("num_steps"), **known)


def _passed(desk: Desk, record: dict[str, Any]) -> str:
    straight, round_ = _row(record, "linear", "third_class"), _row(record, "spherical", "third_class")
    if not straight or not round_:
        return ""
    return desk.words("path.third", linear=percent(straight["mean"]), spherical=percent(round_["mean"]))


def comparison_table(desk: Desk, run: RunRecord, record: dict[str, Any]) -> Table | None:
    """Return every number for both ways and their difference, with intervals."""
    words = desk.words
    rows = []
    decided: list[str] = []
    undecided: list[str] = []
    for name in ROWS:
        straight, round_ = _row(record, "linear", name), _row(record, "spherical", name)
        if not straight or not round_:
            continue
        label, difference = words(f"path.row.{name}"), _difference(record, name)
        rows.append((Cell(label), _cell(desk, name, straight), _cell(desk, name, round_), _cell(desk, name, difference,
                     is_difference=True)))  # fmt: skip
        if difference:
            (decided if side(difference) else undecided).append(words(f"path.name.{name}"))
    if not rows:
        return None
    head = tuple(words(f"path.head.{name}") for name in ("column", "linear", "spherical", "difference"))
    if not undecided:
        note = words("path.note.all")
    elif not decided:
        note = words("path.note.none", names=words.listing(undecided))
    else:
        note = words("path.note.some", decided=words.listing(decided), names=words.listing(undecided))
    note = words("path.note", n=count(record.get("num_pairs") or 0)) + words("join.sentences") + note
    note += _converged(desk, record)
    return Table(words("path.table", run=desk.label(run)), head, tuple(rows), note, kind="beside")


def _cell(desk: Desk, name: str, row: Row, *, is_difference: bool = False) -> Cell:
    if not row:
        return Cell("–", numeric=True)
    write = shown_difference if is_difference else shown
    return Cell(write(name, row["mean"]), span(desk, row, lambda value: write(name, value)), numeric=True)


def _converged(desk: Desk, record: dict[str, Any]) -> str:
    """Say how much longer paths are seen in twice as many steps."""
    found = []
    for kind in ("linear", "spherical"):
        rows = (record["kinds"][kind] or {}).get("by_num_steps") or []
        finer = [row["change"] for row in rows if row.get("num_steps") == 2 * record.get("num_steps", 0)]
        found += [float(change) for change in finer if finite(change)]
    if len(found) < 2:
        return ""
    kind = "converged" if max(found) <= CONVERGED else "open"
    known = {"steps": record["num_steps"], "linear": percent(found[0]), "spherical": percent(found[1])}
    return desk.words("join.sentences") + desk.words(f"path.steps.{kind}", **known)


def _file(record: dict[str, Any], key: str) -> Any:
    return (record.get("figures") or {}).get(key)


def _pair_figure(desk: Desk, run: RunRecord, record: dict[str, Any]) -> Figure | None:
    path = parts.source(run, _file(record, "linear_spherical"))
    if path is None:
        return None
    words = desk.words
    num_rows = _num_rows(run, path)
    title = words("fig.paths", run=desk.label(run), n=num_rows // 2)
    rows = [words(f"path.label.{kind}") for kind in ("linear", "spherical")] * (num_rows // 2)
    shown_parts = parts.cut(desk, run, path, [Cut(NUM_COLUMNS)], 0, title, rows)
    reading = (words("path.pictures"), _quality(desk, record))
    return parts.figure(desk, title, reading, shown_parts)


def _num_rows(run: RunRecord, path: Path) -> int:
    """Return how many rows of images a sheet has."""
    height = pictures.pixels(path).shape[0]
    return (height + GAP_PX) // (run.config.img_height + GAP_PX)


def _quality(desk: Desk, record: dict[str, Any]) -> str:
    """Say whether the middle of the ways is worse than their ends: confidence and precision."""
    words = desk.words
    items = []
    for name, write in (("confidence", num), ("precision", percent)):
        ends = [_row(record, kind, f"{name}_ends") for kind in ("linear", "spherical")]
        middles = [_row(record, kind, f"{name}_middle") for kind in ("linear", "spherical")]
        if all(ends) and all(middles):
            known = {"ends": write(ends[0]["mean"]), "linear": write(middles[0]["mean"])}
            changes = [side(_row(record, kind, f"{name}_change")) for kind in ("linear", "spherical")]
            text = words(f"path.quality.{name}", spherical=write(middles[1]["mean"]), **known)
            if all(_row(record, kind, f"{name}_change") for kind in ("linear", "spherical")):
                text += words("path.quality." + _verdict(changes))
            items.append(text)
    return words("path.quality", items=words("list.semi").join(items)) if items else ""


def _verdict(changes: list[int]) -> str:
    """Return `lower` or `higher` where both ways are surely so, `open` where neither is decided, else `mixed`."""
    if changes[0] == changes[1]:
        return {-1: "lower", 1: "higher", 0: "open"}[changes[0]]
    return "mixed"


class _Classes:
    """The table of paths between classes, of many classes those drawn most."""

    def __init__(self, desk: Desk, run: RunRecord, record: dict[str, Any]):
        self.record = record.get("classes") or {}
        names = self.record.get("names") or []
        found = self.record.get("num_found") or [0] * len(names)
        self.lengths = parts.floats(self.record.get("lengths"))
        self.names = [desk.class_name(run.data, name) for name in names]
        self.drawn = [name for name, num_found in zip(self.names, found) if num_found]
        most = sorted(range(len(names)), key=lambda k: (-found[k], k))[: parts.MOST_CLASSES]
        self.chosen = sorted(k for k in most if self.is_square and np.isfinite(self.lengths[k]).any())

    @property
    def is_square(self) -> bool:
        return self.lengths.shape == (len(self.names), len(self.names))

    def pairs(self) -> list[tuple[float, str, str]]:
        """Return (mean length, class, class) of all pairs of different classes, the nearest first."""
        size = len(self.names) if self.is_square else 0
        found = [
            (float(self.lengths[i, k]), self.names[i], self.names[k]) for i in range(size) for k in range(i + 1, size)
            if np.isfinite(self.lengths[i, k])
        ]  # fmt: skip
        return sorted(found)


def _class_figure(desk: Desk, run: RunRecord, record: dict[str, Any]) -> Figure | None:
    """Return the mean length of paths between classes as shades with numbers."""
    words, classes = desk.words, _Classes(desk, run, record)
    pairs = classes.pairs()
    if len(classes.chosen) < 2 or not pairs:
        return None
    table = classes.lengths[np.ix_(classes.chosen, classes.chosen)]
    top = float(np.nanmax(table)) or 1.0
    cells = tuple(tuple(_shade(float(x), top, is_own=i == k) for k, x in enumerate(row)) for i, row in enumerate(table))
    names = tuple(classes.names[k] for k in classes.chosen)
    title = words("fig.class_paths", run=desk.label(run))
    columns = tuple(str(i + 1) for i in range(len(names)))
    number = desk.number()
    panel = ShadePanel(words("path.classes.panel"), names, columns, cells, is_numbered=True)
    chart = shade_chart(f"fig{number}", [panel], Axis("", "", title))
    low, high = pairs[0], pairs[-1]
    ends = {"low": num(low[0]), "high": num(high[0]), "a": low[1], "b": low[2], "c": high[1], "d": high[2]}
    reading = [
        words("path.classes.how", n=classes.record.get("num_paths"), latents=count(classes.record["num_latents"])),
        words("path.classes.ends" if len(pairs) > 1 else "path.classes.one", **ends), _within(desk, classes),
        _class_third(desk, classes),
    ]  # fmt: skip
    if len(classes.drawn) > parts.MOST_CLASSES:
        reading.append(words("path.classes.cut", n=parts.MOST_CLASSES))
    absent = [name for name in classes.names if name not in classes.drawn]
    if absent:
        reading.append(words("path.classes.absent", names=words.listing(absent, most=6)))
    return desk.add(Figure(number, title, tuple(filter(None, reading)), chart=chart))


def _shade(length: float, top: float, *, is_own: bool) -> Shade | None:
    return Shade(length / top, num(length, 2 if length < 100 else 3), is_own) if np.isfinite(length) else None


def _within(desk: Desk, classes: _Classes) -> str:
    """Set paths within a class beside paths between classes."""
    own = np.diag(classes.lengths)
    between = [length for length, _, _ in classes.pairs()]
    if not np.isfinite(own).any():
        return ""
    return desk.words("path.classes.within", own=num(float(np.nanmean(own))), between=num(float(np.mean(between))))


def _class_third(desk: Desk, classes: _Classes) -> str:
    third = classes.record.get("third_class") or {}
    if not finite(third.get("mean")):
        return ""
    return desk.words("path.classes.third", share=percent(third["mean"]), n=count(third.get("num") or 0))


def _class_pictures(desk: Desk, run: RunRecord, record: dict[str, Any], key: str) -> Figure | None:
    """Return the ways from class to class (`classes`), or the images halfway between all (`class_table`)."""
    path, classes = parts.source(run, _file(record, key)), _Classes(desk, run, record)
    names = classes.drawn
    if path is None or len(names) < 2 or _num_rows(run, path) != len(names):
        return None
    words = desk.words
    is_table = key == "class_table"
    marks = tuple(str(i + 1) for i in range(len(names))) if is_table and len(names) <= 2 * parts.MOST_CLASSES else ()
    rows = [f"{name} {i + 1}" if marks else name for i, name in enumerate(names)]
    title = words(f"fig.path_{key}", run=desk.label(run))
    shown_parts = parts.cut(desk, run, path, [Cut(len(names) if is_table else NUM_COLUMNS, marks)], 0, title, rows)
    reading = words(f"path.picture.{key}", first=names[0], second=names[1], last=names[-1], n=len(names))
    return parts.figure(desk, title, (reading,), shown_parts)


def _missing(desk: Desk, record: dict[str, Any]) -> list[str]:
    """Say what could not be measured of the paths."""
    words = desk.words
    if not _row(record, "linear", "length"):
        return [words("path.no_features")]
    found = [] if record.get("classes") else [words("path.no_classes")]
    found += [] if _row(record, "linear", "precision_middle") else [words("path.no_precision")]
    return [words("join.sentences").join(found)] if found else []
