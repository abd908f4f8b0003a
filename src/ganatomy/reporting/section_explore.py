"""The explorer as a section: generators that run in the page, moved by the reader."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib import resources

from markupsafe import Markup

from ..latent.edits import CHANGE_ANCHORS
from ..models import mlp
from . import parts
from .blocks import Block, Explore, Para, Section
from .desk import Desk
from .escapes import script_json
from .explorer import BUDGET_BYTES, Explorer, Packing, explorer, pack
from .records import RunRecord
from .words import num

LIMIT = 20.0
"""How far a number may be set from 0; further where the experiment went further."""
PAGE_BYTES, TEXT_BYTES = 10_000_000, 500_000
"""What the whole page may weigh, and what is kept free of that for its text, style and script."""
DIRECTION_LIMIT = 5.0
"""How far a latent may be moved along a direction, in sigma."""

_SPOKEN = (
    "explore.latent",
    "explore.own",
    "explore.zero",
    "explore.none",
    "explore.remove",
    "explore.number",
    "explore.above",
    "explore.below",
    "explore.averages",
    "explore.ignored",
    "explore.live",
)
"""Sentences that the script fills in itself."""


@dataclass(frozen=True)
class Script:
    """The page's script and the source expression that allows it in the page's policy."""

    text: Markup
    source: str
    """`sha256-...`, see Content Security Policy Level 3, section 2.3.1."""


def script() -> Script:
    """Return the explorer's script for an inline element: its bytes must stay as they are for the hash to hold."""
    text = resources.files("ganatomy.reporting").joinpath("templates", "explorer.js").read_text(encoding="utf-8")
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return Script(Markup(text), "sha256-" + base64.b64encode(digest).decode("ascii"))


def is_among(sections: Iterable[Section]) -> bool:
    """Whether any section holds the explorer; pages without it have no script at all."""
    return any(isinstance(block, Explore) for section in sections for block in section.blocks)


def _json(desk: Desk, packing: Packing) -> Markup:
    """Return the page's JSON."""
    values = dict.fromkeys(value for each in packing.kept for value in each.averages["values"])
    words = {key.removeprefix("explore."): desk.words.table[key] for key in _SPOKEN}
    record = {
        "runs": [each.plan() for each in packing.kept],
        "words": {**words, "join": desk.words.table["join.sentences"]},
        "anchors": CHANGE_ANCHORS,
        "slope": mlp.SLOPE,
        "is_half": packing.is_half,
        "quick": list(values),
        "limit": max([LIMIT, *map(abs, values)]),
        "direction_limit": DIRECTION_LIMIT,
    }
    text = json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return script_json(text)


def _megabytes(num_bytes: int) -> str:
    return num(num_bytes / 1e6, 2)


def _spoken(desk: Desk, run: RunRecord, found: Explorer) -> Explorer:
    """Return an explorer whose directions are called as in the rest of the report."""
    labels = parts.labels(desk, run)
    named = tuple(row | {"label": labels.get(row["name"], row["label"])} for row in found.directions)
    return replace(found, directions=named)


def section(desk: Desk) -> Section | None:
    """Return the explorer of all runs that have one, None where none has.

    It is made last: generators get the room that pictures and charts leave in the page. One that would break the budget
    is named with its size and the room that is left.
    """
    words = desk.words
    room = max(0, min(BUDGET_BYTES, PAGE_BYTES - TEXT_BYTES - desk.num_bytes))
    known = [(run, each) for run in desk.records.runs if (each := explorer(run))]
    packing = pack([_spoken(desk, run, each) for run, each in known], room)
    if not (packing.kept or packing.left):
        return None
    labels = {run.name: desk.label(run) for run in desk.records.runs}
    blocks: list[Block] = []
    if packing.kept:
        runs = tuple((each.run, labels[each.run]) for each in packing.kept)
        blobs = tuple(each.blob(is_half=packing.is_half) for each in packing.kept)
        blocks += [
            Para(words("explore.lead", n=max(len(each.z) for each in packing.kept)), "lead"),
            Explore(runs, _json(desk, packing), blobs, words("explore.markdown")),
            Para(words("explore.note"), "note"),
        ]
        blocks += [Para(words("explore.half"), "note")] if packing.is_half else []
    budget, free = _megabytes(room), _megabytes(room - packing.num_bytes)
    for each in packing.left:
        size = _megabytes(each.num_bytes(is_half=True))
        blocks.append(Para(words("explore.left", run=labels[each.run], size=size, free=free, budget=budget), "note"))
    return Section("explore", words("explore.title"), tuple(blocks))
