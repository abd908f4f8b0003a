"""What a run's latents hold beyond single numbers, as one section: directions, paths, real images."""

from __future__ import annotations

from collections.abc import Callable

from . import section_directions, section_inversion, section_paths
from .blocks import Block, Heading, Section
from .desk import Desk
from .provenance import notes
from .records import RunRecord

PARTS: dict[str, Callable[[Desk, RunRecord], list[Block]]] = {
    "directions": section_directions.blocks,
    "paths": section_paths.blocks,
    "inversion": section_inversion.blocks,
}


def section(desk: Desk, run: RunRecord) -> Section | None:
    """Return the section with a heading per part that the run has, None where it has none of them."""
    words = desk.words
    found: list[Block] = [*notes(desk, run, "dissect")]
    names = []
    for key, make in PARTS.items():
        blocks = make(desk, run)
        if blocks:
            names.append(words(f"parts.{key}"))
            found += [Heading(words(f"parts.{key}.head"), f"{key}-{run.key}"), *blocks]
    if not names:
        return None
    title = words("parts.title", run=desk.label(run), parts=words.listing(names))
    return Section(f"parts-{run.key}", title, tuple(found))
