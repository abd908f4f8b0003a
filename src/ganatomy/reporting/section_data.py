"""The data: a banner where they stand in for others, what they are, and how people's own pictures were read."""

from __future__ import annotations

import re
from typing import Any

from . import pictures, reasons
from .blocks import Banner, Block, Cell, Figure, Heading, Para, Section, Table
from .data_record import DataRecord, Findings
from .desk import Desk
from .words import count

WANTED = "fashion-mnist"
"""The default set, for which another may stand in."""
WANTED_FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
MAX_REFUSED, MAX_CLASSES, MAX_SIZES, MAX_NAMES, MAX_EXAMPLES = 20, 30, 6, 12, 2


def banner(desk: Desk) -> Banner | None:
    """Return what must be said first where a drawn set stands in for the default one, else None."""
    data = next((data for _, data in desk.records.datasets if data.fallback), None)
    if data is None:
        return None
    words, wanted = desk.words, desk.words.name("data", WANTED)
    how = words("banner.how", wanted=wanted, files=words.listing(list(WANTED_FILES)))
    return Banner(
        title=words("banner.title", wanted=wanted),
        texts=(words("banner.text", wanted=wanted, data=desk.data_name(data)), how),
        quote=words("banner.reason", reason=data.fallback),
    )


def section(desk: Desk) -> Section | None:
    """Return what the data are, None where there is no run."""
    datasets = desk.records.datasets
    blocks: list[Block] = []
    for run, data in datasets:
        if len(datasets) > 1:
            blocks.append(Heading(desk.data_name(data), f"data-{run.key}"))
        blocks.append(Para(lead(desk, data), "lead"))
        figure = real_figure(desk, data, "fig-data" if len(datasets) == 1 else f"fig-data-{run.key}")
        blocks += [figure] if figure else []
        if data.findings:
            blocks += [table for table in tables(desk, data.findings) if table]
    return Section("data", desk.words("data.title"), tuple(blocks)) if blocks else None


def lead(desk: Desk, data: DataRecord) -> str:
    """Say in a few sentences what a data set is."""
    words = desk.words
    channels, height, width = data.img_shape
    values = {
        "data": desk.data_name(data),
        "train": count(data.num_train or 0),
        "size": words("data.sides" if height == width else "data.sides.long", height=height, width=width),
        "pixels": words("pixels.grey" if channels == 1 else "pixels.rgb"),
    }
    if data.num_test is None:
        texts = [words("data.size.train", **values)]
    else:
        texts = [words("data.size", test=count(data.num_test), **values)]
    if data.kind == "drawn":
        texts.append(words("data.drawn"))
    elif data.findings:
        texts.append(words("data.own"))
    names = [desk.class_name(data, name) for name in data.class_names or ()]
    if len(names) > 1:
        texts.append(words("data.classes", n=len(names), names=words.listing(names, MAX_NAMES)))
    elif names:
        texts.append(words("data.class.one", names=names[0]))
    elif data.class_names is not None:
        texts.append(words("data.unlabelled"))
    return words("join.sentences").join(texts)


def real_figure(desk: Desk, data: DataRecord, key: str) -> Figure | None:
    """Return a grid of real training images, None where the run has none."""
    if data.picture is None:
        return None
    title = desk.words("fig.real", data=desk.data_name(data))
    reading = desk.words("real.how", n=count(data.num_train or 0))
    return desk.add(Figure(None, title, (reading,), pictures=(pictures.picture(data.picture, title),), key=key))


def tables(desk: Desk, found: Findings) -> list[Table | None]:
    """Return what was found in own files, what was decided, the classes, and the files that were refused."""
    return [found_table(desk, found), decided_table(desk, found), class_table(desk, found), refused_table(desk, found)]


def found_table(desk: Desk, found: Findings) -> Table:
    """Return what was found; parts that the reader did not count are left out."""
    words = desk.words
    lines: list[tuple[str, str]] = []
    if found.source:
        lines.append(("found.source", known(desk, "source", found.source)))
    numbers = (("found.files", found.number("num_files")), ("found.images", found.number("num_images")))
    lines += [(key, count(number)) for key, number in numbers if number is not None]
    if "refused" in found.raw:
        lines.append(("found.refused", count(len(found.refused)) if found.refused else words("found.none")))
    sizes = [counted(desk, f"{h}×{w}", n) for h, w, n in found.sizes[:MAX_SIZES]]
    more = max(0, len(found.sizes) - MAX_SIZES) + found.num_other_sizes
    sizes += [words("found.more_sizes", n=count(more))] if more else []
    modes = [counted(desk, name, n) for name, n in found.modes[:MAX_SIZES]]
    notes = [conversion(desk, *each) for each in found.conversions]
    semi = words("list.semi")
    for key, items in (("found.sizes", sizes), ("found.modes", modes), ("found.conversions", notes)):
        lines += [(key, semi.join(items))] if items else []
    if found.duplicates:
        num, exact = found.duplicates
        text = words("duplicates.some", n=count(num), exact=count(exact)) if num else words("found.none")
        lines.append(("found.duplicates", text))
    rows = tuple((Cell(words(key)), Cell(text)) for key, text in lines)
    return Table(words("found.table"), (words("found.item"), words("found.value")), rows, kind="pairs")


def known(desk: Desk, kind: str, word: str) -> str:
    """Return one of the reader's words in the report's language; one that is not known stays as it is."""
    return desk.words.table.get(f"{kind}.{word}", word)


def counted(desk: Desk, what: str, num: int) -> str:
    """Write a thing with how often it was found."""
    return desk.words("found.counted", what=what, n=count(num))


def conversion(desk: Desk, note: str, num: int, examples: list[str]) -> str:
    """Say what was done to how many pictures, with the names of the first ones."""
    text = counted(desk, known(desk, "conversion", note), num)
    if not examples:
        return text
    names = desk.words("found.example", names=desk.words("list.comma").join(examples[:MAX_EXAMPLES]))
    return desk.words("list.aside", text=text, aside=names)


def decided_table(desk: Desk, found: Findings) -> Table | None:
    """Return size, fit, channels and split with the reasons."""
    words = desk.words
    rows = tuple(
        (
            Cell(known(desk, "decision", decision.id)),
            Cell(chosen(desk, decision.id, decision.value)),
            Cell(reasons.told(words, decision.reason, reasons.DECISIONS) or "–"),
        )
        for decision in found.decisions
    )
    head = (words("decided.what"), words("decided.value"), words("decided.why"))
    return Table(words("decided.table"), head, rows, kind="decided") if rows else None


def chosen(desk: Desk, what: str, value: Any) -> str:
    """Write what was chosen; sizes as height×width, words in the report's language where they are known."""
    in_words = desk.words.table.get(f"decided.{what}.{value}")
    if in_words:
        return in_words
    if isinstance(value, list | tuple):
        value = "x".join(map(str, value))
    text = "–" if value is None else str(value)
    return re.sub(r"(?<=\d)x(?=\d)", "\N{MULTIPLICATION SIGN}", text)


def class_table(desk: Desk, found: Findings) -> Table | None:
    """Return how many images every class has; a long list is cut and what is left out is added up."""
    classes = found.classes
    if not classes:
        return None
    words, rest = desk.words, classes[MAX_CLASSES:]
    rows = tuple(
        (Cell(name), Cell(count(train), numeric=True), Cell(count(test), numeric=True))
        for name, train, test in classes[:MAX_CLASSES]
    )
    note = ""
    if rest:
        train, test = sum(row[1] for row in rest), sum(row[2] for row in rest)
        note = words("classes.more", n=count(len(rest)), train=count(train), test=count(test))
    head = (words("classes.name"), words("classes.train"), words("classes.test"))
    return Table(words("classes.table"), head, rows, note, kind="classes")


def refused_table(desk: Desk, found: Findings) -> Table | None:
    """Return the files that are not read, with the reader's own reasons."""
    refused = found.refused
    if not refused:
        return None
    words, left = desk.words, len(refused) - MAX_REFUSED
    rows = tuple((Cell(name), Cell(reason or "–")) for name, reason in refused[:MAX_REFUSED])
    note = words("refused.more", n=count(left)) if left > 0 else ""
    return Table(words("refused.table"), (words("refused.file"), words("refused.reason")), rows, note, kind="files")
