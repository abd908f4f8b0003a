"""What all sections share: the records, the language, the numbering of figures, names and colours of the runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from .blocks import Figure
from .records import Records, RunRecord
from .words import Words

SOURCE_FIGURES = 10
"""Figures of the source report; in a lab they keep their numbers and further ones follow."""


@dataclass
class Desk:
    """The state of one report while it is put together."""

    records: Records
    words: Words
    figures: list[Figure] = field(default_factory=list)
    _next: int = 0

    @property
    def is_lab(self) -> bool:
        """Whether a lab is reported, whose first ten figures are the source's."""
        return bool(self.records.lab)

    @property
    def folder(self) -> Path:
        """Where this report's own figure files go."""
        return self.records.folder / "figures"

    def number(self, source: int | None = None) -> int:
        """Return the next figure number; in a lab, `source` is the figure's number in the source report."""
        if source is not None and self.is_lab:
            return source
        self._next = max(self._next + 1, SOURCE_FIGURES + 1 if self.is_lab else 1)
        return self._next

    def add(self, figure: Figure) -> Figure:
        """Keep a figure for the list in lab.json and return it."""
        self.figures.append(figure)
        return figure

    def label(self, run: RunRecord) -> str:
        """Return a run's short name: GAN or DCGAN where that tells it from the others, else its folder's name."""
        known = {"mlp": "GAN", "dcgan": "DCGAN"}
        same = [other for other in self.records.runs if other.config.model == run.config.model]
        return known[run.config.model] if len(same) == 1 else run.name

    def colour(self, run: RunRecord) -> str:
        """Return a run's palette colour."""
        names = [other.name for other in self.records.runs]
        return f"run{names.index(run.name) % 4}"

    def plays_source(self, run: RunRecord) -> bool:
        """Whether this run stands for the source's GAN or DCGAN: the first of its family in a lab."""
        return self.is_lab and self.records.first(run.config.model) is run

    def class_names(self, run: RunRecord) -> list[str]:
        """Return the class names of a run's measurement in the report's language."""
        record = run.classes or {}
        return [self.words.name("class", str(name)) for name in record.get("names") or []]
