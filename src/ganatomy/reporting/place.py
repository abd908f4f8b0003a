"""The folder that a page goes into: what lies there already must be ours, or is left alone."""

from __future__ import annotations

import re
from pathlib import Path

from .. import files
from ..errors import OutputError, RunError

PART = "report"
"""What the lock of a page is called, see `files.one_writer`."""
HTML, MD, FIGURES = "report.html", "report.md", "figures"
HTML_MARK = b'<meta name="generator" content="ganatomy'
MD_MARK = "<!-- ganatomy -->"
"""Ends a Markdown page of ours."""
COMPARED = "compare.json"
_FIGURE = re.compile(r"fig-\d+\.svg|(strip|pairs|heat|directions|inversion)-.+\.png|\..+\.\d+\.tmp")
"""Names of the files in figures/."""
_HEAD, _TAIL = 65_536, 4096


def check(folder: Path) -> None:
    """Refuse, before any work, to write a page over files of somebody else's, or through a link.

    Raises:
        OutputError: report.html, report.md, compare.json or figures/ is a link or was not written by ganatomy.
    """
    for name, is_right in ((HTML, Path.is_file), (MD, Path.is_file), (COMPARED, Path.is_file), (FIGURES, Path.is_dir)):
        path = folder / name
        if path.is_symlink() or (path.exists() and not is_right(path)):
            what = "a link" if path.is_symlink() else "a folder or device" if is_right is Path.is_file else "no folder"
            raise OutputError(
                f"{path} is {what}, and ganatomy writes only files of its own inside {folder}. Move it away, or choose "
                "another folder with --out."
            )
    has_page = _has_mark(folder / HTML)
    foreign = [folder / HTML] if (folder / HTML).exists() and not has_page else []
    if (folder / MD).exists() and not has_page and MD_MARK.encode() not in _bytes(folder / MD)[-_TAIL:]:
        foreign.append(folder / MD)
    if (folder / COMPARED).exists() and not _is_comparison(folder / COMPARED):
        foreign.append(folder / COMPARED)
    if not has_page and any(not _FIGURE.fullmatch(path.name) for path in _inside(folder / FIGURES)):
        foreign.append(folder / FIGURES)
    if foreign:
        what = " and ".join(map(str, foreign))
        raise OutputError(
            f"{what} {'was' if len(foreign) == 1 else 'were'} not written by ganatomy and would be overwritten. Choose "
            "another folder with --out, or move them away."
        )


def _inside(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _has_mark(path: Path) -> bool:
    return path.is_file() and HTML_MARK in _bytes(path)[:_HEAD]


def _is_comparison(path: Path) -> bool:
    try:
        return {"groups", "pairs"} <= set(files.read_json(path))
    except RunError:
        return False


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise OutputError(f"{path} cannot be read: {files.why(error)}. Choose another folder with --out.") from error
