"""Names that others chose, made safe to print, and how wide they stand in a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

JOINERS = "\u200c\u200d"
"""Invisible characters that written languages and emoji need; every other invisible one is escaped."""


def printable(text: str) -> str:
    """Return a text without characters that steer a terminal, reorder a line or cannot be encoded; they are escaped.

    A file's name may hold colour codes, line ends, right-to-left marks, or bytes that are not UTF-8.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if _harmless(char) else char.encode("unicode_escape").decode("ascii") for char in text)


def _harmless(char: str) -> bool:
    return unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp") or char in JOINERS


def columns(text: str) -> int:
    """Return the number of terminal columns a text takes: 2 for each wide character, as in Chinese, else 1."""
    if text.isascii():
        return len(text)
    return sum(_char_columns(char) for char in text)


def _char_columns(char: str) -> int:
    if unicodedata.combining(char) or char in JOINERS:
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def wrap(text: str, width: int) -> list[str]:
    """Break a text into lines of at most `width` columns (at least 2), at spaces where there are any."""
    lines, line = [], ""
    for word in text.split(" "):
        candidate = f"{line} {word}" if line else word
        if columns(candidate) <= width:
            line = candidate
            continue
        if line:
            lines.append(line)
        *whole, line = _cut(word, width)
        lines.extend(whole)
    return [*lines, line]


def _cut(word: str, width: int) -> list[str]:
    """Break one word that has no spaces, a long path for instance, wherever the line is full."""
    pieces, piece, used = [], "", 0
    for char in word:
        wide = _char_columns(char)
        if used + wide > width:
            pieces.append(piece)
            piece, used = "", 0
        piece += char
        used += wide
    return [*pieces, piece]


def some(names: Sequence[str], most: int = 3) -> str:
    """Return the first names in words: `a, b, c and 5 others`."""
    shown = ", ".join(names[:most])
    left = len(names) - most
    return f"{shown} and {left:,} other{'s' if left > 1 else ''}" if left > 0 else shown
