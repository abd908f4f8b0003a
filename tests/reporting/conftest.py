"""One fabricated lab and its report in both languages, made once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from fixture import write_lab
from variants import VARIANTS

from ganatomy.reporting import page
from ganatomy.reporting.page import ReportResult


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lab folder that tests must not change."""
    return write_lab(tmp_path_factory.mktemp("lab"))


@pytest.fixture(scope="session")
def reports(lab: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, ReportResult]:
    """Reports by language, each in a copy of the lab."""
    found = {}
    for lang in ("en", "zh"):
        folder = tmp_path_factory.mktemp(lang) / "lab"
        shutil.copytree(lab, folder)
        found[lang] = page.render([folder], lang=lang)
    return found


@pytest.fixture(scope="session")
def render(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], ReportResult]:
    """Renders the lab of a variant of the data in a language; each lab and each page is made once."""
    labs: dict[str, Path] = {}
    made: dict[tuple[str, str], ReportResult] = {}

    def rendered(variant: str, lang: str) -> ReportResult:
        if variant not in labs:
            folder = tmp_path_factory.mktemp(variant)
            # One variant has everything; the others would draw the same figures again.
            labs[variant] = write_lab(folder, variant=VARIANTS[variant], num_pictures=4, atlas=variant == "birds")
        if (variant, lang) not in made:
            out = tmp_path_factory.mktemp(f"{variant}-{lang}")
            made[variant, lang] = page.render([labs[variant]], lang=lang, out=out)
        return made[variant, lang]

    return rendered


@pytest.fixture(params=["en", "zh"])
def report(reports: dict[str, ReportResult], request: pytest.FixtureRequest) -> ReportResult:
    """The report in one language after the other."""
    return reports[request.param]


@pytest.fixture
def html(reports: dict[str, ReportResult]) -> str:
    """The English page."""
    return reports["en"].html.read_text(encoding="utf-8")
