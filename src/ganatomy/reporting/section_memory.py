"""Whether a generator copies its training images: a sentence from the numbers, the table, and the closest pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import files
from ..metrics.memorisation import is_copying
from . import pictures
from .blocks import Block, Cell, Figure, Heading, Para, Table
from .desk import Desk
from .records import RunRecord, finite
from .words import count, num, percent

KINDS = ("pixels", "features")
FILES = {"pixels": "nearest.png", "features": "nearest-features.png"}
SIZES = ("num_gen", "num_test", "num_train")


def blocks(desk: Desk, runs: Sequence[RunRecord]) -> list[Block]:
    """Return what is known of the runs' memorisation, empty where none was measured for it."""
    measured = [run for run in runs if run.memorisation]
    if not measured:
        return []
    found: list[Block] = [Heading(desk.words("memory.title"), "memory"), Para(desk.words("memory.lead"))]
    found += [Para(verdict_text(desk, run)) for run in measured]
    found += [_table(desk, measured)]
    unlike = [desk.label(run) for run in measured if _protocol(run) != _protocol(measured[0])]
    if unlike:
        found.append(Para(desk.words("memory.unlike", runs=desk.words.listing(unlike)), "note"))
    found += [figure for run in measured if (figure := pairs_figure(desk, run))]
    others = [run for run in measured if not all(_belongs(run, run.folder / name) for name in FILES.values())]
    return found + [Para(desk.words("nearest.other", run=desk.label(run)), "note") for run in others]


def verdict_text(desk: Desk, run: RunRecord) -> str:
    """Say whether a run copies: too many images near training images in pixels and features, in one, or in neither.

    Where too few images were looked at, or test images are copies themselves, it says that nothing can be told.
    """
    words, found = desk.words, run.memorisation
    judged = {kind: is_copying(found[kind]) for kind in KINDS}
    high = [kind for kind, copies in judged.items() if copies]
    open_kinds = [kind for kind, copies in judged.items() if copies is None]
    shares = {kind: percent(found[kind]["too_close"]) for kind in KINDS}
    about = {"run": desk.label(run), "n": count(found["pixels"]["num_gen"]), **shares}
    if len(open_kinds) == len(KINDS):
        return words("memory.run.untold", **about, why=_untold(desk, found["pixels"]))
    told = found[next(kind for kind in KINDS if kind not in open_kinds)]
    text = words(
        ("memory.run.none", "memory.run.one", "memory.run.both")[len(high)],
        expected=percent(told["expected"]),
        limit=percent(told["limit"]),
        where=words.listing([words(f"memory.in.{kind}") for kind in high]),
        **about,
    )
    more = [words("memory.untold", where=words(f"memory.in.{k}"), why=_untold(desk, found[k])) for k in open_kinds]
    return words("join.sentences").join([text, *more])


def _untold(desk: Desk, found: dict[str, Any]) -> str:
    """Say why the shares of one kind tell nothing of copies."""
    if found.get("untold") == "same_copies":
        return desk.words("unscored.same_copies")
    about = {name: count(found[name]) for name in ("num_test", "num_gen")}
    reach = found["reach"] if finite(found.get("reach")) else 1.0
    return desk.words("unscored.few_copies", limit=percent(min(1.0, reach)), **about)


def pairs_figure(desk: Desk, run: RunRecord) -> Figure | None:
    """Return the closest pairs of a run as pictures; None where their files are not there."""
    words, found = desk.words, run.memorisation
    paths: dict[str, Path] = {kind: run.folder / FILES[kind] for kind in KINDS}
    if not all(path.is_file() and _belongs(run, path) for path in paths.values()):
        return None
    title = words("fig.nearest", run=desk.label(run))
    rows = (words("nearest.gen"), words("nearest.train"))
    reading = [
        words("nearest.how", **{kind: count(found[kind]["num_train"]) for kind in KINDS}),
        words("memory.exact") if found["pixels"]["pairs"][0]["distance"] == 0 else _closest(desk, run),
    ]
    where = {kind: words(f"memory.in.{kind}") for kind in KINDS}
    shown = tuple(
        pictures.picture(paths[kind], f"{title} ({where[kind]})", rows=rows, title=where[kind]) for kind in KINDS
    )
    return desk.add(Figure(desk.number(), title, tuple(reading), pictures=shown))


def _belongs(run: RunRecord, path: Path) -> bool:
    """Whether a picture is of the measurement; records of earlier versions do not name theirs."""
    known = (run.measure.get("pictures") or {}).get(path.name)
    return known is None or not path.exists() or files.sha256_file(path) == known


def _closest(desk: Desk, run: RunRecord) -> str:
    pixels = run.memorisation["pixels"]
    named = {"levels": pixels["pairs"][0]["distance"], "median": pixels["median_gen"], "normal": pixels["median_test"]}
    shown = {name: num(_levels(run, value)) for name, value in named.items()}
    return desk.words("memory.closest", **shown)


def _levels(run: RunRecord, distance: float) -> float:
    """Return a Euclidean distance between images as root mean square over pixels and channels, in levels."""
    return distance / math.sqrt(math.prod(run.config.img_shape))


def _table(desk: Desk, runs: Sequence[RunRecord]) -> Table:
    """Return the numbers of all runs that were measured like the first, beside those of images that are no copies."""
    words = desk.words
    first = runs[0]
    like = [run for run in runs if _protocol(run) == _protocol(first)]
    rows: list[tuple[Cell, ...]] = []
    for kind in KINDS:
        real = first.memorisation[kind]
        protocol = words("memory.protocol", **{name: count(real[name]) for name in SIZES})
        what = {
            "too_close": protocol,
            "closer": words("memory.what.closer"),
            "median": words(f"memory.what.median.{kind}"),
        }
        expected = {
            "too_close": percent(real["expected"]),
            "closer": percent(0.5),
            "median": _median(first, kind, "median_test"),
        }
        for name in ("too_close", "closer", "median"):
            values = [
                _median(run, kind, "median_gen") if name == "median" else percent(run.memorisation[kind][name])
                for run in like
            ]
            cells = [Cell(text, numeric=True) for text in (*values, expected[name])]
            rows.append((Cell(words(f"memory.{name}", where=words(f"memory.in.{kind}")), what[name]), *cells))
    head = (words("memory.head"), *(desk.label(run) for run in like), words("memory.real"))
    return Table(words("memory.table"), head, tuple(rows), words("memory.note"), kind="scores")


def _protocol(run: RunRecord) -> list[Any]:
    """Return what must be equal for one column of test images to serve several runs."""
    sizes = [run.memorisation[kind][name] for kind in KINDS for name in (*SIZES, "median_test")]
    return [run.data.sha256, run.features, *sizes]


def _median(run: RunRecord, kind: str, name: str) -> str:
    value = run.memorisation[kind][name]
    return num(_levels(run, value) if kind == "pixels" else value)
