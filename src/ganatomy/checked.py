"""Records read by their shape: what lies on disk is compared with what its writer writes before anyone works with it.

A shape is a function that accepts a value or raises `Mismatch`; shapes are put together here and stand as data beside
those who write the records. Keys that a shape does not name are let through, since formats only grow. A key whose name
ends in `?` may be missing, as in records of older versions.

    MEASURE = Kind(record({"nimg": COUNT, "scores": keyed(record({"value": NUM, "spread?": maybe(NUM)}))}), "measure")
    MEASURE.read(folder / "measure.json")

Lists can name their length: every list of a record with the same name must then be equally long.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import files
from .errors import RunError

Sizes = dict[str, int]
"""Lengths by their names, as far as they are known."""
Shape = Callable[[Any, Sizes], None]
"""Accepts a value from JSON, or raises `Mismatch`."""

MAX_NUMBER = 1e39
"""Measured numbers are float32 or means of them; nothing written here lies further out."""
MAX_COUNT = 2**53
MAX_SIDE = 2**20
"""Longest side of a picture, a latent or a layer that a record may speak of."""


class Mismatch(Exception):
    """A value that its shape does not accept; `path` grows on the way out."""

    def __init__(self, found: object, expected: str):
        super().__init__(expected)
        self.found, self.expected = found, expected
        self.path: list[str] = []

    def within(self, key: str) -> Mismatch:
        """Return itself as a fault of the value under a key."""
        self.path.append(key)
        return self

    def words(self) -> str:
        """Return what is wrong, as `key 'scores.fd.value' is null, expected a number`."""
        where = f"key '{'.'.join(reversed(self.path))}'" if self.path else "the record"
        return f"{where} is {shown(self.found)}, expected {self.expected}"


def number(low: float = -MAX_NUMBER, high: float = MAX_NUMBER, words: str = "a number") -> Shape:
    """Return the shape of a finite number in [low, high]."""

    def check(value: Any, sizes: Sizes) -> None:
        # bool is an int in Python; comparing is exact for whole numbers of any length
        if type(value) not in (float, int) or not low <= value <= high:
            raise Mismatch(value, words)

    return check


def whole(low: int = 0, high: int = MAX_COUNT, words: str = "") -> Shape:
    """Return the shape of a whole number in [low, high]."""
    words = words or f"a whole number from {low} to {high}"

    def check(value: Any, sizes: Sizes) -> None:
        if type(value) is not int or not low <= value <= high:
            raise Mismatch(value, words)

    return check


def one_of(*allowed: str) -> Shape:
    """Return the shape of one of a few words."""

    def check(value: Any, sizes: Sizes) -> None:
        if value not in allowed:
            raise Mismatch(value, f"one of {', '.join(allowed)}")

    return check


def _text(value: Any, sizes: Sizes) -> None:
    if type(value) is not str or "\0" in value:
        raise Mismatch(value, "text")


def _file(value: Any, sizes: Sizes) -> None:
    if type(value) is not str or value in ("", ".", "..") or any(mark in value for mark in "/\\\0"):
        raise Mismatch(value, "the name of a file in this folder")


def _anything(value: Any, sizes: Sizes) -> None:
    return


def _bool(value: Any, sizes: Sizes) -> None:
    if type(value) is not bool:
        raise Mismatch(value, "true or false")


NUM, SIZE = number(), number(0, words="a number of 0 or more")
SHARE = number(0, 1, "a number from 0 to 1")
REAL = number(-1.8e308, 1.8e308)
COUNT, POSITIVE = whole(), whole(1)
TEXT: Shape = _text
FILE: Shape = _file
BOOL: Shape = _bool
ANY: Shape = _anything


def length(size: str) -> Shape:
    """Return the shape of a number that says how long lists named `size` are, or fits what is known of them."""

    def check(value: Any, sizes: Sizes) -> None:
        POSITIVE(value, sizes)
        if value != sizes.setdefault(size, value):
            raise Mismatch(value, str(sizes[size]))

    return check


def index(size: str) -> Shape:
    """Return the shape of a place in a list named `size`, from 0."""

    def check(value: Any, sizes: Sizes) -> None:
        most = sizes.get(size, MAX_SIDE) - 1
        if type(value) is not int or not 0 <= value <= most:
            raise Mismatch(value, f"a whole number from 0 to {most}")

    return check


def not_all_zero(shape: Shape) -> Shape:
    """Return the shape of a list in which something is counted, so that shares can be taken."""

    def check(value: Any, sizes: Sizes) -> None:
        shape(value, sizes)
        if not any(value):
            raise Mismatch("a list of zeros", "a list in which something is counted")

    return check


def maybe(shape: Shape) -> Shape:
    """Return the shape that also accepts null."""

    def check(value: Any, sizes: Sizes) -> None:
        if value is not None:
            shape(value, sizes)

    return check


def either(*shapes: Shape) -> Shape:
    """Return the shape that accepts what one of `shapes` accepts; the last one says what is wrong."""

    def check(value: Any, sizes: Sizes) -> None:
        for shape in shapes[:-1]:
            known = dict(sizes)
            try:
                shape(value, known)
            except Mismatch:
                continue
            sizes |= known
            return
        shapes[-1](value, sizes)

    return check


def each(shape: Shape, size: str | int = "", least: int = 0) -> Shape:
    """Return the shape of a list of at least `least` of `shape`, as long as all lists that name their length `size`."""

    def check(value: Any, sizes: Sizes) -> None:
        if type(value) is not list:
            raise Mismatch(value, "a list")
        num = len(value)
        known = (sizes.setdefault(size, num) if size else num) if isinstance(size, str) else size
        if num != known or num < least:
            raise Mismatch(f"a list of {num}", f"a list of {known if num != known else f'at least {least}'}")
        at = 0
        try:
            for item in value:
                shape(item, sizes)
                at += 1
        except Mismatch as error:
            error.path.append(str(at))
            raise

    return check


def keyed(shape: Shape, names: Shape = _text) -> Shape:
    """Return the shape of an object with any keys of the shape `names`, each value of `shape`."""

    def check(value: Any, sizes: Sizes) -> None:
        if type(value) is not dict:
            raise Mismatch(value, "an object")
        for key, item in value.items():
            try:
                names(key, sizes)
                shape(item, sizes)
            except Mismatch as error:
                error.path.append(key)
                raise

    return check


def record(keys: Mapping[str, Shape], others: Shape = _anything) -> Shape:
    """Return the shape of an object with these keys; those ending in `?` may be missing, `others` may be there too."""
    plan = [(name.removesuffix("?"), name.endswith("?"), shape) for name, shape in keys.items()]
    planned = {name for name, _, _ in plan}

    def check(value: Any, sizes: Sizes) -> None:
        if type(value) is not dict:
            raise Mismatch(value, "an object")
        for name, may_lack, shape in plan:
            try:
                if name in value:
                    shape(value[name], sizes)
                elif not may_lack:
                    raise Mismatch("missing", "it to be there")
            except Mismatch as error:
                error.path.append(name)
                raise
        if others is _anything:
            return
        for name in value.keys() - planned:
            try:
                others(value[name], sizes)
            except Mismatch as error:
                error.path.append(name)
                raise

    return check


def holding(shape: Shape, key: str, word: str) -> Shape:
    """Return the shape of a list of records, one of which has `word` under `key`, since others are told against it."""

    def check(value: Any, sizes: Sizes) -> None:
        shape(value, sizes)
        if not any(row.get(key) == word for row in value):
            raise Mismatch(f"a list of {len(value)}", f"one with an entry whose '{key}' is '{word}'")

    return check


def needing(shape: Shape, key: str, *others: str) -> Shape:
    """Return the shape of an object in which `others` are there wherever `key` is not null."""

    def check(value: Any, sizes: Sizes) -> None:
        shape(value, sizes)
        for name in others:
            if value.get(key) is not None and value.get(name) is None:
                raise Mismatch(value.get(name, "missing"), f"it to be there, since '{key}' is").within(name)

    return check


def local(shape: Shape) -> Shape:
    """Return a shape whose names of lengths hold inside this one value only."""
    return lambda value, sizes: shape(value, dict(sizes))


@dataclass(frozen=True)
class Kind:
    """One kind of record: its shape, and what to do where it is damaged."""

    shape: Shape
    again: str
    """A verb that writes it again, as `measure`; or a sentence."""

    @property
    def _remedy(self) -> str:
        again = self.again if " " in self.again else f"make it again with `ganatomy {self.again}`"
        return f"Restore it from a copy, or {again}."

    def _checked(self, path: Path, found: dict[str, Any], sizes: Sizes, place: str = "") -> dict[str, Any]:
        try:
            self.shape(found, sizes)
        except Mismatch as error:
            raise RunError(f"{path}{place}: {error.words()}. {self._remedy}") from error
        return found

    def read(self, path: Path, **sizes: int) -> dict[str, Any]:
        """Return the record of a file; `sizes` are lengths known already. What is damaged is a `RunError`."""
        return self._checked(path, files.read_json(path), sizes)

    def read_if_there(self, path: Path, **sizes: int) -> dict[str, Any] | None:
        """Return the record of a file, None where there is no such name."""
        return self.read(path, **sizes) if is_there(path) else None

    def lines(self, path: Path) -> Iterator[dict[str, Any]]:
        """Yield the records of a file of JSON lines, none where there is no such name."""
        sizes: Sizes = {}
        for number_, found in enumerate(files.read_jsonl(path), 1):
            yield self._checked(path, found, sizes, f", record {number_}")


def read_text(path: Path, limit: int = 2**20) -> str:
    """Return the text of a small UTF-8 file of ours; what is none is a `RunError`."""
    try:
        return files.read_bytes(path, limit).decode("utf-8")
    except UnicodeDecodeError as error:
        raise RunError(f"{path} is no text in UTF-8. Restore it from a copy, or delete it to leave it out.") from error


def is_there(path: Path) -> bool:
    """Return whether a name is taken, be it by a link that leads nowhere."""
    return path.exists() or path.is_symlink()


def shown(value: object) -> str:
    """Return a value from JSON in few letters; words of ours as they are."""
    if isinstance(value, str) and (value == "missing" or value.startswith("a list of ")):
        return value
    if isinstance(value, int) and abs(value) > MAX_COUNT:
        return "a number of very many digits" if abs(value) > MAX_NUMBER else str(value)
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
