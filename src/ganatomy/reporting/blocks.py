"""The pieces a report is made of, without any layout: both the HTML and the Markdown template walk through them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

MEDIA_PX = 560
"""Room for a picture beside its text on wide screens."""
PHONE_PX = 300
"""Room for a picture on a phone."""


@dataclass(frozen=True)
class Chart:
    """One plot in three drawings of the same numbers; colours of the first two follow the page's theme."""

    narrow: Markup
    """Inline SVG for columns below 600 px: 320 units wide, text 12 units."""
    wide: Markup
    """Inline SVG for columns of 600 px and more: 600 units wide."""
    file: str
    """The wide drawing as a file of its own, with light colours and its legend inside."""


@dataclass(frozen=True)
class Picture:
    """A pixel-exact PNG, enlarged by whole factors (halves where the screen is too narrow)."""

    path: Path
    """Where the PNG lies on disk."""
    uri: str
    """The same bytes as a data URI."""
    width: int
    """Width in image pixels."""
    height: int
    """Height in image pixels."""
    scale: int
    """Enlargement on wide screens."""
    alt: str
    """What the picture shows, in words."""
    rows: tuple[str, ...] = ()
    """Labels beside the picture, one per row of equal height."""
    title: str = ""
    """Short title above it, where several pictures share a figure."""
    columns: tuple[str, ...] = ()
    """Labels above the picture, one per column of equal width."""

    @property
    def is_large(self) -> bool:
        """Whether it is wider than the place beside a figure's text even without enlargement."""
        return self.width > MEDIA_PX

    @property
    def is_dense(self) -> bool:
        """Whether it has more pixels than a phone's column, so that it must be made smaller there, smoothly."""
        return self.width > PHONE_PX

    @property
    def print_scale(self) -> float:
        """Enlargement on paper, where a picture takes half the width (a large one all) and has to fit on a page."""
        return round(min(self.scale, (640 if self.is_large else 320) / self.width, 860 / self.height), 3)


@dataclass(frozen=True)
class LegendItem:
    """One entry of a legend: a colour name of the palette, how it is drawn, and its text."""

    colour: str
    mark: str
    text: str


@dataclass(frozen=True)
class Figure:
    """A figure: media, a title and the paragraphs that read it from its numbers."""

    number: int | None
    """Its number; None for the picture of the data, which stands outside the count."""
    title: str
    reading: tuple[str, ...]
    chart: Chart | None = None
    pictures: tuple[Picture, ...] = ()
    legend: tuple[LegendItem, ...] = ()
    key: str = ""
    """Its anchor where it has no number."""

    @property
    def id(self) -> str:
        """The anchor in the page and the id in lab.json: `fig-1`."""
        return self.key or f"fig-{self.number}"

    @property
    def is_full(self) -> bool:
        """Whether its pictures need the whole column, with the text below."""
        return any(picture.is_large for picture in self.pictures)

    @property
    def caption(self) -> str:
        """Title and reading in one line, for lab.json."""
        return " ".join((self.title, *self.reading))


@dataclass(frozen=True)
class Cell:
    """One cell of a table: text, a muted second line, and whether it is a number (aligned right)."""

    text: str
    sub: str = ""
    numeric: bool = False


@dataclass(frozen=True)
class Table:
    """A table that becomes a list of cards on narrow screens."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    kind: str = "settings"
    """What it lists, for its style: `settings`, `layers`, `measures`, `priors`, `scores`, `beside`; of the data:
    `pairs`, `decided`, `classes`, `files`."""
    row_kinds: tuple[str, ...] = ()
    """Style of every row, where rows differ: `group` begins a group, `repeat` continues, `control repeat` ends it."""


@dataclass(frozen=True)
class Para:
    """A paragraph; `kind` is `text`, `lead` or `note`. Words between backticks are commands and names of files."""

    text: str
    kind: str = "text"


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    text: str
    id: str


@dataclass(frozen=True)
class Facts:
    """A list of names and values; `code` values are set in a fixed-width face."""

    rows: tuple[tuple[str, str, bool], ...]


@dataclass(frozen=True)
class Scale:
    """A claim's value on a line: interval, value, threshold and control (None without one) in percent of its length."""

    lo: float
    hi: float
    value: float
    threshold: float
    control: float | None


@dataclass(frozen=True)
class Part:
    """One of several conditions of a claim."""

    text: str
    value: str
    interval: str
    verdict: str
    word: str


@dataclass(frozen=True)
class Result:
    """What one run says about one claim."""

    run: str
    value: str
    interval: str
    control: str
    """The control's value in words, empty where the claim has none."""
    reason: str
    """Why nothing could be decided, empty where it could."""
    threshold: str
    verdict: str
    """`holds`, `fails` or `undecided`."""
    word: str
    """The verdict in the report's language."""
    scope: str
    """Whether it speaks of this run or of the recipe."""
    scale: Scale | None
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True)
class Claim:
    """One claim of the source with the rule that decides it and what each run says."""

    id: str
    says: str
    rule: str
    results: tuple[Result, ...]


@dataclass(frozen=True)
class Claims:
    """The table of claims with the words of its columns."""

    rows: tuple[Claim, ...]


@dataclass(frozen=True)
class BoardRow:
    """One line of the scoreboard: what, a note, and one value per run; `is_key` rows are set large."""

    label: str
    note: str
    values: tuple[str, ...]
    is_key: bool = False


@dataclass(frozen=True)
class Tally:
    """One run's verdicts at a glance: (claim id, verdict, word)."""

    run: str
    marks: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class Headline:
    """The answer on top: one sentence, the runs' key numbers side by side, the claims at a glance."""

    answer: str
    runs: tuple[tuple[str, str], ...]
    """Name and palette colour of each run."""
    rows: tuple[BoardRow, ...]
    tally: tuple[Tally, ...]
    tally_text: str
    notes: tuple[str, ...] = ()
    """What could not be measured, and why."""


@dataclass(frozen=True)
class Banner:
    """What readers must know before anything else: the report is on another data set than they may think."""

    title: str
    texts: tuple[str, ...]
    quote: str
    """The program's own reason."""


@dataclass(frozen=True)
class Explore:
    """The explorer: generators that run in the page."""

    runs: tuple[tuple[str, str], ...]
    """Name and label of each run, in the order of `blobs`."""
    data: Markup
    """JSON of everything but the weights, safe inside a script element."""
    blobs: tuple[str, ...]
    """Weights of each run as base64."""
    twin: str
    """What the Markdown twin says instead."""


Block = Figure | Table | Para | Heading | Facts | Claims | Explore


@dataclass(frozen=True)
class Section:
    """A section of the report."""

    id: str
    title: str
    blocks: tuple[Block, ...]

    @property
    def opening(self) -> tuple[Block, ...]:
        """The first paragraphs with the figure or table they lead to; in print they stay on one page."""
        first = next((i for i, block in enumerate(self.blocks) if not isinstance(block, Para)), len(self.blocks))
        together = first < len(self.blocks) and isinstance(self.blocks[first], Figure | Table)
        return self.blocks[: first + 1 if together else first]
