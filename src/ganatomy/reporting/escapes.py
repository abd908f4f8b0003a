"""What stands in a page and where: one way of escaping for each place, so that no name becomes markup.

Names of runs, classes and data sets, titles and authors are anything that people or file systems can write.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

from markupsafe import Markup, escape

LONGEST_ANCHOR = 100
_SAFE = re.compile(r"[A-Za-z0-9_.-]")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""Characters that no page may hold; the others below 32 are white space."""
_BLOCK_START = re.compile(r"^(\s*)(?:([-+=])|(\d{1,9})([.)])(?=\s|$))")
"""What would begin a list, a line or a heading at the start of a paragraph or of a list's item."""


class Raw(str):
    """Markdown that is already escaped."""

    __slots__ = ()


def anchor(name: str) -> str:
    """Return a name as an id that is the same in HTML, in Markdown, in a link's fragment and as part of a file's name.

    ASCII letters, digits, `_`, `.` and `-` stay; any other character is written as `~` hex `~`, so that two names never
    share an id. Long ones end in a hash instead.
    """
    whole = "".join(char if _SAFE.fullmatch(char) else f"~{ord(char):x}~" for char in name)
    if len(whole) <= LONGEST_ANCHOR:
        return whole
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{whole[: LONGEST_ANCHOR - 17]}~{digest[:16]}"


def checked_anchor(identifier: str) -> Raw:
    """Return an id for an attribute or a link's target as it is; one that is not safe there is an error of ours."""
    if not re.fullmatch(r"[A-Za-z0-9_.~-]+", identifier):
        raise AssertionError(f"the id {identifier!r} was not made by anchor()")
    return Raw(identifier)


def one_line(text: Any) -> str:
    """Return text with white space of any kind as single spaces, and without characters that no page may hold."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", re.sub(r"\s+", " ", str(text)))


def text_markdown(text: Any) -> str:
    """Escape text for a paragraph, a heading, a link's text, a picture's words or a table's cell of Markdown."""
    if isinstance(text, Raw):
        return str(text)
    plain = one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    plain = re.sub(r"([\\`*_{}\[\]|#~])", r"\\\1", plain)
    return _BLOCK_START.sub(lambda m: f"{m[1]}\\{m[2]}" if m[2] else f"{m[1]}{m[3]}\\{m[4]}", plain)


def code_markdown(text: Any) -> Raw:
    """Return text as a code span for a cell of a Markdown table, exact but for white space (a pipe ends a cell)."""
    plain = one_line(text).strip()
    if not plain or "`" in plain:  # nothing can be escaped in a span
        return Raw(f"<code>{text_markdown(plain)}</code>" if plain else "")
    return Raw("`" + plain.replace("|", r"\|") + "`")


def rich_markdown(text: Any) -> Raw:
    """Return text as Markdown, with what stands between backticks as code (a pipe there would end a table's cell)."""
    parts = re.split(r"(`[^`|]+`)", one_line(text))
    return Raw("".join(part if i % 2 else text_markdown(part) for i, part in enumerate(parts)))


def rich_html(text: Any) -> Markup:
    """Return text as HTML, with what stands between backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def script_json(text: str) -> Markup:
    """Return JSON for a script element: nothing in it ends the element, begins a comment or ends a script's line."""
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return Markup(text)
