"""What all sections share: the records, the language, the numbering of figures, names and colours of the runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from .blocks import Figure
from .data_record import DataRecord
from .place import FIGURES
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
        return self.records.folder / FIGURES

    def number(self, source: int | None = None) -> int:
        """Return the next figure number; in a lab, `source` is the figure's number in the source report."""
        if source is not None and self.is_lab:
            return source
        self._next = max(self._next + 1, SOURCE_FIGURES + 1 if self.is_lab else 1)
        return self._next

    def add(self, figure: Figure) -> Figure:
        """Keep a figure for its files and for the list in lab.json, and return it."""
        self.figures.append(figure)
        return figure

    @property
    def num_bytes(self) -> int:
        """What the pictures and charts of all figures so far weigh in the page."""
        charts = [figure.chart for figure in self.figures if figure.chart]
        drawn = sum(len(chart.narrow.encode()) + len(chart.wide.encode()) for chart in charts)
        return drawn + sum(len(picture.uri) for figure in self.figures for picture in figure.pictures)

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

    def data_name(self, data: DataRecord) -> str:
        """Return a data set's name as people write it; own sets keep theirs."""
        return data.name if data.kind == "own" else self.words.name("data", data.name)

    @property
    def all_data(self) -> str:
        """The names of all data sets of the report."""
        names = [self.data_name(data) for _, data in self.records.datasets]
        given = (self.records.lab.get("data") or {}).get("name")
        return self.words.listing(list(dict.fromkeys(names))) or str(given or "–")

    def class_name(self, data: DataRecord, raw: object) -> str:
        """Return a class's name in the report's language; own sets' classes keep theirs."""
        if data.kind == "own":
            return str(raw)
        return self.words.name("class.atelier" if data.kind == "drawn" else "class", str(raw))

    def class_names(self, run: RunRecord) -> list[str]:
        """Return the class names of a run's measurement in the report's language."""
        record = run.classes or {}
        return [self.class_name(run.data, name) for name in record.get("names") or []]

    def levels(self, run: RunRecord) -> str:
        """Return the unit of changes of a pixel: grey levels, or levels per channel in colour."""
        return self.words("unit.rgb" if run.data.is_colour else "unit.grey")
