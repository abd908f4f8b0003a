"""Real images in the latent space: how near a generator comes to them, whether it has learnt or memorised them."""

from __future__ import annotations

import re
from typing import Any

from ..latent.edits import GAP_PX
from ..latent.inversion_figures import BAND_PX
from . import parts
from .blocks import Block, Figure, LegendItem, Para
from .desk import Desk
from .figures import Axis
from .figures_parts import Range, range_chart
from .parts import Cut, Row, side, span
from .records import RunRecord, finite
from .words import count, num, percent, signed

COLUMNS_OF_PAIRS = 6
"""Images side by side in the figure of pairs; more stand below."""
ROW_NAMES = {
    "image": "image",
    "inversion": "inversion",
    "difference": "difference",
    "nearest training image": "nearest",
}

_EDITED = re.compile(r"^number (\d+) set to (\S+)$")


def blocks(desk: Desk, run: RunRecord) -> list[Block]:
    """Return what the report says of real images in a run's latent space, nothing where none were looked for."""
    record = parts.part(run, run.inversion)
    if not any(_error(record, name) for name in ("test", "own")):
        return []
    found: list[Block] = list(answer(desk, record))
    made = [error_figure(desk, run, record), *(_pictures(desk, run, record, key) for key in ("pairs", "edits", "own"))]
    found += [block for block in made if block]
    if not _error(record, "test"):
        found.append(Para(desk.words("inv.no_data"), "note"))
    return found


def _side(record: dict[str, Any], name: str) -> dict[str, Any]:
    found = record.get(name)
    return found if isinstance(found, dict) else {}


def _error(record: dict[str, Any], name: str, key: str = "error") -> Row:
    found = _side(record, name).get(key)
    return found if isinstance(found, dict) and finite(found.get("median")) else {}


def _with(desk: Desk, row: Row) -> str:
    """Write a median with its interval."""
    text = num(row["median"])
    interval = span(desk, row, num)
    return desk.words("inv.with", value=text, span=interval) if interval else text


def answer(desk: Desk, record: dict[str, Any]) -> list[Para]:
    """Say how near the generator comes and whether it memorised; then how sure and how far out the latents are."""
    if not _error(record, "test"):
        return []
    nearness = (_nearness(desk, record), _generalisation(desk, record))
    latents = (_starts(desk, record), _far(desk, record), _classes(desk, record))
    return parts.paragraphs(desk, nearness, latents)


def _nearness(desk: Desk, record: dict[str, Any]) -> str:
    words, test = desk.words, _side(record, "test")
    error, pool, nearest = (_error(record, "test", key) for key in ("error", "pool_error", "nearest_error"))
    text = words("inv.error", n=count(test.get("num") or 0), error=_with(desk, error))
    items = [words("inv.nearest", error=_with(desk, nearest))] if nearest else []
    if pool:
        num_pool = count((record.get("search") or {}).get("num_pool") or 0)
        items.append(words("inv.pool", n=num_pool, error=_with(desk, pool)))
    if items:
        text += words("join.sentences") + words("inv.beside", items=words.listing(items))
    below = test.get("below_nearest") or {}
    if finite(below.get("value")):
        text += words("join.sentences") + words("inv.below", share=percent(below["value"]))
    return text


def _generalisation(desk: Desk, record: dict[str, Any]) -> str:
    """Say whether training images are shown better than test images."""
    difference = (record.get("generalisation") or {}).get("difference") or {}
    train = _error(record, "train")
    if not finite(difference.get("value")) or not train:
        return ""
    kind = {1: "seen", -1: "unseen", 0: "open"}[side(difference)]
    known = {"value": signed(difference["value"], 2), "span": span(desk, difference, lambda x: signed(x, 2))}
    return desk.words(f"inv.general.{kind}", train=num(train["median"]), **known)


def _starts(desk: Desk, record: dict[str, Any]) -> str:
    """Say whether two starts end alike, in error and in place."""
    starts = _side(record, "test").get("starts") or {}
    agree, apart = starts.get("agree") or {}, starts.get("second_z_distance") or {}
    if not finite(agree.get("value")) or not finite(apart.get("median")):
        return ""
    known = {"share": percent(agree["value"]), "levels": f"{starts.get('agree_levels') or 1.0:g}"}
    kind = "apart" if apart["median"] >= 0.5 else "near" if apart["median"] >= 0.1 else "same"
    return desk.words("inv.starts", **known) + desk.words(f"inv.starts.{kind}", distance=num(apart["median"], 2))


def _far(desk: Desk, record: dict[str, Any]) -> str:
    """Say how far out the latents lie that were found."""
    norm = _side(record, "test").get("norm_sigmas") or {}
    if not all(finite(norm.get(key)) for key in ("q5", "q50", "q95")):
        return ""
    ends = {key: signed(norm[key], 2) for key in ("q5", "q50", "q95")}
    kind = "in" if max(abs(norm["q5"]), abs(norm["q95"])) <= 2 else "out"
    return desk.words(f"inv.far.{kind}", **ends)


def _classes(desk: Desk, record: dict[str, Any]) -> str:
    """Say how often the classifier sees the same class in the image and in what was found."""
    agreement = _side(record, "test").get("class_agreement") or {}
    found, nearest = agreement.get("inversion") or {}, agreement.get("nearest") or {}
    if not finite(found.get("value")):
        return ""
    text = desk.words("inv.classes", share=percent(found["value"]), span=span(desk, found, percent))
    if finite(nearest.get("value")):
        text += desk.words("inv.classes.nearest", share=percent(nearest["value"]))
    return text + desk.words("inv.stop")


def error_figure(desk: Desk, run: RunRecord, record: dict[str, Any]) -> Figure | None:
    """Return the errors of what was found and of what it is set against, a line each."""
    words = desk.words
    rows = [
        _range(desk, record, name, key, colour) for name, key, colour in (
            ("test", "error", "accent"), ("train", "error", "run1"), ("own", "error", "run2"),
            ("test", "nearest_error", "run0"), ("test", "pool_error", "muted"),
        )
    ]  # fmt: skip
    known = [row for row in rows if row]
    if len(known) < 2:
        return None
    title = words("fig.inversion", run=desk.label(run))
    legend = (LegendItem("accent", "band", words("inv.interval")), LegendItem("accent", "line", words("inv.spread")))
    number = desk.number()
    chart = range_chart(f"fig{number}", known, Axis(words("axis.error"), "", title), legend)
    return desk.add(Figure(number, title, _reading(desk, record), chart=chart, legend=legend))


def _range(desk: Desk, record: dict[str, Any], name: str, key: str, colour: str) -> Range | None:
    row = _error(record, name, key)
    if not row:
        return None
    interval = (row["lo"], row["hi"]) if finite(row.get("lo")) and finite(row.get("hi")) else None
    spread = (row["q10"], row["q90"]) if finite(row.get("q10")) and finite(row.get("q90")) else None
    label = desk.words(f"inv.row.{name}.{key}", median=num(row["median"]))
    return Range(label, row["median"], interval, spread, colour)


def _reading(desk: Desk, record: dict[str, Any]) -> tuple[str, ...]:
    words = desk.words
    search = record.get("search") or {}
    how = words("inv.how", starts=search.get("num_starts", "–"), evals=count(search.get("num_evals") or 0))
    closer = (record.get("generalisation") or {}).get("closer") or {}
    distance = _side(record, "test").get("feature_distance") or {}
    found, nearest = distance.get("inversion") or {}, distance.get("nearest") or {}
    texts = [how]
    if finite(closer.get("value")):
        texts.append(words("inv.closer", share=percent(closer["value"]), span=span(desk, closer, percent)))
    if finite(found.get("median")) and finite(nearest.get("median")):
        kind = _order(found, nearest)
        known = {"found": _with(desk, found), "nearest": _with(desk, nearest)}
        texts.append(words(f"inv.features.{kind}", **known))
    return tuple(texts)


def _order(first: Row, second: Row) -> str:
    """Return `nearer` or `farther` where two intervals do not meet, else `open`."""
    if not all(finite(row.get(key)) for row in (first, second) for key in ("lo", "hi")):
        return "open"
    return "nearer" if first["hi"] < second["lo"] else "farther" if first["lo"] > second["hi"] else "open"


def row_name(desk: Desk, raw: str) -> str:
    """Return a row's label in the report's language; an edit is written as z[21] = 5."""
    match = _EDITED.match(raw)
    if match:
        return f"z[{match[1]}] = {match[2]}".replace("-", "\N{MINUS SIGN}")
    return desk.words(f"inv.label.{ROW_NAMES[raw]}") if raw in ROW_NAMES else raw


def _tops(rows: list[str], height: int) -> list[int]:
    """Return where the rows of a figure of `latent.inversion_figures` begin: its bands lie farther apart."""
    tops: list[int] = []
    for i, row in enumerate(rows):
        gap = 0 if not i else GAP_PX if _band(row) == _band(rows[i - 1]) else BAND_PX
        tops.append(tops[-1] + height + gap if tops else 0)
    return tops


def _band(row: str) -> str:
    """Return what stands together with a row: the image and its inversion, or the edits of one number."""
    match = _EDITED.match(row)
    return match[1] if match else "image" if row == "inversion" else row


def _pictures(desk: Desk, run: RunRecord, record: dict[str, Any], key: str) -> Figure | None:
    """Return one of the three figures; the error of every image stands above it."""
    entry = (record.get("figures") or {}).get(key) or {}
    path = parts.source(run, entry.get("file"))
    errors = [float(error) for error in entry.get("errors") or [] if finite(error)]
    if path is None or not errors:
        return None
    words = desk.words
    per = COLUMNS_OF_PAIRS if key == "pairs" else len(errors)
    marks = [f"{error:.0f}" if error >= 10 else f"{error:.1f}" for error in errors]
    cuts = [Cut(len(marks[i : i + per]), tuple(marks[i : i + per])) for i in range(0, len(marks), per)]
    title = words(f"fig.inversion.{key}", run=desk.label(run))
    rows = [row_name(desk, str(raw)) for raw in entry.get("rows") or []]
    tops = _tops([str(raw) for raw in entry.get("rows") or []], run.config.img_height)
    shown = parts.cut(desk, run, path, cuts, GAP_PX, title, rows, tops)
    ends = {"low": num(min(errors)), "high": num(max(errors)), "n": len(errors)}
    reading = [words(f"inv.picture.{key}", **ends)]
    if key == "own" and _error(record, "own"):
        own = _side(record, "own")
        reading.append(words("inv.own", n=count(own.get("num") or 0), error=_with(desk, _error(record, "own"))))
    return parts.figure(desk, title, reading, shown)
