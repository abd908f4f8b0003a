"""What tests read of a page: its text, attributes and tags, and the traces of broken values."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

from ganatomy.reporting.page import ReportResult

VOID = {"meta", "link", "img", "br", "hr", "input"}
BROKEN = re.compile(r"\bNaN\b|\bnan\b|\binf\b|\bNone\b|\bundefined\b|\{[a-z_]+\}|\{\{|\}\}|(?<!=)\b(?:True|False)\b")


class Page(HTMLParser):
    """Collects text, attributes and ids, and checks that tags nest."""

    def __init__(self) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.stack
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.stack and self.stack[-1] not in ("style", "script"):
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.texts)

    def values(self, *names: str) -> list[str]:
        return [value for _, name, value in self.attributes if name in names]


def source(result: ReportResult) -> str:
    """Return the HTML of a report."""
    return result.html.read_text(encoding="utf-8")


def section(html: str, name: str) -> str:
    """Return the text of one section outside its plots, all white space as single blanks."""
    found = re.search(rf'<section id="{name}">.*?</section>', html, flags=re.S)
    assert found, name
    return " ".join(re.sub(r"<[^>]+>", " ", re.sub(r"<svg.*?</svg>", " ", found[0], flags=re.S)).split())


def parse(path: Path) -> Page:
    parser = Page()
    parser.feed(path.read_text(encoding="utf-8"))
    parser.close()
    assert parser.stack == []
    return parser
