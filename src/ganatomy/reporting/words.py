"""The report's language: sentences by key, and numbers as text."""

from __future__ import annotations

import math
import re
from types import MappingProxyType
from typing import Literal, get_args

from ..errors import unknown
from .text import en, zh

Lang = Literal["en", "zh"]
LANGS: tuple[str, ...] = get_args(Lang)

CATALOGUES = MappingProxyType({"en": en.TEXT, "zh": zh.TEXT})


_TIGHT = re.compile(r"(?<=[，。；：、？！（）“”]) +| +(?=[，。；：、？！（）“”])")
"""Spaces beside full-width punctuation, which come from names put into Chinese sentences."""


class Words:
    """All human text of one language: `words("page.figure", n=3)` fills in a sentence."""

    def __init__(self, lang: str):
        if lang not in LANGS:
            raise unknown("language", lang, LANGS)
        self.lang = lang
        self.table = CATALOGUES[lang]

    def __call__(self, key: str, **values: object) -> str:
        """Return the sentence of a key with its placeholders filled in."""
        text = self.table[key].format(**values)
        return _TIGHT.sub("", text) if self.lang == "zh" else text

    def name(self, kind: str, raw: str) -> str:
        """Return the name of a thing such as a measure or a class; one the catalogue does not know stays as it is."""
        slug = re.sub(r"[^a-z0-9]+", "_", raw.lower()).strip("_")
        return self.table.get(f"{kind}.{slug}", raw.replace("_", " "))

    def listing(self, items: list[str], most: int | None = None) -> str:
        """Join names: `a, b and c` or `a、b、c`; of more than `most` the first ones and how many are left."""
        if most is not None and len(items) > most + 1:
            return self("list.more", items=self.table["list.comma"].join(items[:most]), n=len(items) - most)
        if len(items) < 2:
            return "".join(items)
        return self.table["list.comma"].join(items[:-1]) + self.table["list.and"] + items[-1]


def num(value: float, digits: int = 3) -> str:
    """Write a number with `digits` significant digits, thousands separated: 1,234; 0.0412; 7.08; −0.31."""
    if value == 0:
        return "0"
    order = math.floor(math.log10(abs(value)))
    text = f"{value:.{digits - 1}e}" if order < -5 else f"{value:,.{max(0, digits - 1 - order)}f}"
    return text.replace("-", "\N{MINUS SIGN}")


def signed(value: float, digits: int = 3) -> str:
    """Write a number with its sign: +0.031, −0.2."""
    return f"+{num(value, digits)}" if value > 0 else num(value, digits)


def percent(share: float) -> str:
    """Write a share as percent with one decimal where it has one: 61.7 %, 0.3 %, 2 %, 100 %."""
    text = f"{100 * share:.1f}".removesuffix(".0").replace("-", "\N{MINUS SIGN}")
    return f"{text}\N{NARROW NO-BREAK SPACE}%"


def count(value: float) -> str:
    """Write a whole number with thousands separated."""
    return f"{round(value):,}"


def duration(seconds: float, words: Words) -> str:
    """Write a time: 42 s, 5 min 1 s, 2 h 3 min."""
    whole = round(seconds)
    if whole < 60:
        return words("time.s", s=num(seconds, 2) if seconds < 10 else whole)
    if whole < 3600:
        return words("time.min", m=whole // 60, s=whole % 60)
    return words("time.h", h=whole // 3600, m=whole % 3600 // 60)
