"""One self-contained HTML page and its Markdown twin, made in seconds from what lies on disk."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import re
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

import jinja2

from .. import files
from ..errors import RunError
from ..latent import dissected
from ..paths import short_name
from . import (
    escapes,
    palette,
    section_claims,
    section_compare,
    section_data,
    section_dissected,
    section_explore,
    section_health,
    section_latent,
    section_parts,
    section_setup,
    section_training,
    section_versus,
)
from .blocks import Block, Section
from .desk import Desk
from .place import HTML, MD, check
from .provenance import changed, compared_before
from .records import Records, read
from .versus import VersusDesk, locate, versus_desk
from .words import Words

MOST_TRIES = 3
"""How often a page is made where dissections are replaced while it is."""


@dataclass(frozen=True)
class ReportResult:
    """What was written: the page, its Markdown twin, and the figures as lab.json lists them."""

    html: Path
    md: Path
    figures: list[dict[str, str]]
    """`{id, file, caption}` in order; files relative to the report's folder."""
    changes: tuple[str, ...] = ()
    """What the page says of runs that changed since the lab or the comparison."""


def sections(desk: Desk) -> list[Section]:
    """Put the report together; every section exists only where its files do.

    A lab tells the source's story in order: the GAN (figures 1 to 4), its latent numbers (5 to 8), the DCGAN (9 and
    10), and then what the source had not: measures, the DCGAN's own latent numbers, runs side by side.
    """
    runs = desk.records.runs
    found: list[Section | None] = [section_data.section(desk), section_setup.setup_section(desk)] if runs else []
    for run in runs:
        found.append(section_training.section(desk, run))
        if section_latent.is_split(desk, run):
            found.append(section_latent.section(desk, run))
    for run in runs:
        is_split = section_latent.is_split(desk, run)
        found.append(section_latent.measured_section(desk, run) if is_split else section_latent.section(desk, run))
        found.append(section_parts.section(desk, run))
    found.append(section_dissected.section(desk))
    explore_at = len(found)
    found += [
        section_health.section(desk),
        section_compare.section(desk),
        section_claims.section(desk),
        section_setup.networks_section(desk),
        section_setup.reproduce_section(desk),
    ]
    found.insert(explore_at, section_explore.section(desk))
    return [section for section in found if section]


def compared_sections(desk: VersusDesk) -> list[Section]:
    """Put the page of a comparison together: it leads; every run has its own sections only where there are few runs."""
    runs = desk.records.runs
    found: list[Section | None] = [section_versus.section(desk), section_data.section(desk)]
    if len(runs) <= section_versus.MOST_SHOWN_RUNS:
        found.append(section_setup.setup_section(desk))
        for run in runs:
            found += [section_training.section(desk, run), section_latent.section(desk, run)]
            found.append(section_parts.section(desk, run))
        found.append(section_dissected.section(desk))
        explore_at = len(found)
        found += [section_health.section(desk), section_compare.section(desk, is_told=True)]
        found.insert(explore_at, section_explore.section(desk))
    found += [section_setup.networks_section(desk), section_setup.reproduce_section(desk)]
    return [section for section in found if section]


def place_of(paths: list[Path], out: Path | None) -> Path:
    """Return the folder that the page of some folders is written to, which need not exist yet."""
    folders, target, _ = locate(list(paths), None if out is None else Path(out))
    return read(folders, target).folder


def render(
    paths: list[Path], *, lang: str = "en", title: str | None = None, author: str | None = None, out: Path | None = None
) -> ReportResult:
    """Write report.html, report.md and the figures' own files, and return where they are.

    Args:
        paths: one lab folder, one folder of a comparison, or one or more run folders.
        lang: `en` or `zh`.
        title: title of the report; None gives one that names the data.
        author: whose report it is; None leaves the line out.
        out: folder to write to; else beside lab.json or compare.json, into the one run folder, or beside several runs.
            Where it holds the compare.json of the same runs, the page leads with the comparison.

    Raises:
        RunError: a folder is neither a lab nor a run, or is damaged.
        ConfigError: an unknown language.
        OutputError: the folder cannot be written, or holds files of those names that are not ours.
    """
    draw = functools.partial(_render, words=Words(lang), title=title, author=author)
    folders, target, place = locate([Path(path) for path in paths], None if out is None else Path(out))
    records = read(folders, target)
    files.make_folder(records.folder)
    check(records.folder)
    for _ in range(MOST_TRIES - 1):  # a dissection that is replaced meanwhile would give half of each
        before = _dissected_at(records)
        try:
            result = draw(read(folders, target), place)
        except RunError:
            if _dissected_at(records) == before:
                raise
        else:
            if _dissected_at(records) == before:
                return result
    return draw(read(folders, target), place)


def _dissected_at(records: Records) -> list[tuple[int, int] | None]:
    """Return which dissections lie in the run folders now."""
    found: list[tuple[int, int] | None] = []
    for run in records.runs:
        path = dissected.folder_of(run.folder) / dissected.RECORD_NAME
        try:
            found.append((path.stat().st_ino, path.stat().st_mtime_ns))
        except OSError:
            found.append(None)
    return found


def _render(
    records: Records, place: Path | None, *, words: Words, title: str | None, author: str | None
) -> ReportResult:
    versus = versus_desk(records, words, place) if place else None
    desk = versus or Desk(records, words)
    told = compared_sections(versus) if versus else sections(desk)
    heading = title or (section_versus.page_title(versus) if versus else words("page.title", data=desk.all_data))
    context = {
        "lang": {"en": "en", "zh": "zh-CN"}[words.lang],
        "t": words,
        "title": heading,
        "meta": _meta(desk.records, words, author),
        "banner": section_data.banner(desk),
        "headline": section_versus.headline(versus) if versus else section_setup.headline(desk),
        "sections": told,
        "version": str(records.lab.get("version") or _version(records)),
        "theme": palette.css(),
        "script": section_explore.script() if section_explore.is_among(told) else None,
    }
    written = _figure_files(desk)
    html, md = records.folder / HTML, records.folder / MD
    files.write_text(html, _templates(is_html=True).get_template("report.html.j2").render(context))
    links = {name: [escapes.Raw(urllib.parse.quote(path)) for path in paths] for name, paths in written.items()}
    markdown = _templates(is_html=False).get_template("report.md.j2").render(context, links=links)
    files.write_text(md, re.sub(r"\n{3,}", "\n\n", markdown).strip() + "\n")
    listed = sorted(desk.figures, key=lambda figure: (figure.number is None, figure.number or 0))
    entries = [{"id": f.id, "file": written[f.id][0], "caption": f.caption} for f in listed]
    return ReportResult(html, md, entries, compared_before(versus) if versus else changed(desk))


def _meta(records: Records, words: Words, author: str | None) -> list[str]:
    parts = [words("page.author", name=author)] if author else []
    if records.lab.get("budget"):
        parts.append(words("page.budget", name=records.lab["budget"]))
    seeds = sorted({run.config.seed for run in records.runs})
    parts += [words("page.seed", seed=", ".join(map(str, seeds)))] if seeds else []
    return parts


def _version(records: Records) -> str:
    known = [run.environment["ganatomy"] for run in records.runs if run.environment.get("ganatomy")]
    return str(known[0] if known else importlib.metadata.version("ganatomy"))


def _figure_files(desk: Desk) -> dict[str, list[str]]:
    """Write every chart as an SVG file; return the files of every figure relative to the report."""
    written: dict[str, list[str]] = {}
    for figure in desk.figures:
        if figure.chart:
            path = desk.folder / f"{short_name(figure.id)}.svg"
            path.parent.mkdir(parents=True, exist_ok=True)
            files.write_text(path, figure.chart.file)
            written[figure.id] = [_relative(path, desk.records.folder)]
        else:
            written[figure.id] = [_relative(picture.path, desk.records.folder) for picture in figure.pictures]
    return written


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()


def _kind(block: Block) -> str:
    return type(block).__name__.lower()


@functools.cache
def _templates(is_html: bool) -> jinja2.Environment:
    """Return the templates' environment. HTML escapes everything printed; so does Markdown, but for links we made."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ganatomy.reporting", "templates"),
        autoescape=is_html,
        finalize=None if is_html else escapes.text_markdown,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["kind"] = _kind
    environment.filters["rich"] = escapes.rich_html if is_html else escapes.rich_markdown
    environment.filters["anchor"] = escapes.checked_anchor
    environment.filters["code"] = escapes.code_markdown
    return environment
