"""People's own pictures as a data set: a folder, a .zip, an .npz or an .npy, read in one pass."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

from ..errors import DataError
from ..progress import Progress
from . import arrays
from .assembly import assemble, content_sha256
from .findings import Findings
from .fitting import Fitting
from .members import folder_files, zip_files
from .store import Dataset
from .survey import Kind, Survey, survey_files

__all__ = ["Findings", "check_kind", "content_sha256", "read_path", "survey_path"]


def read_path(path: Path, fitting: Fitting) -> Iterator[Progress | tuple[Dataset, Findings]]:
    """Read a folder, .zip, .npz or .npy; yield progress records, last the data set with what was found and decided.

    A file that cannot be read as a picture is named in the findings and left out. Raises `DataError` where nothing can
    be made of the whole (missing, hostile or unclear, too few pictures, several sizes and none asked for, more than
    8 GiB of pixels), `ConfigError` for a fitting that is not allowed.
    """
    for record in survey_path(path, fitting):
        yield record if isinstance(record, Progress) else assemble(record)


def survey_path(path: Path, fitting: Fitting, *, for_sheet: bool = False) -> Iterator[Progress | Survey]:
    """Look through a folder, .zip, .npz or .npy once; yield progress records, last the survey."""
    path = Path(path)
    kind = check_kind(path)
    survey = Survey(kind, path, fitting, for_sheet=for_sheet)
    if kind in ("folder", "zip"):
        files, refused = folder_files(path) if kind == "folder" else zip_files(path)
        yield from survey_files(survey, files, refused)
    else:
        yield from arrays.survey_arrays(survey)


def check_kind(path: Path) -> Kind:
    """Return what a path holds by its name: folder, zip, npz or npy; anything else is a `DataError`."""
    path = Path(path)
    if path.is_dir():
        return "folder"
    ending = path.suffix.lower().removeprefix(".")
    if not path.exists():
        raise DataError(f"{path} does not exist; give a folder, .zip, .npz or .npy.")
    if ending not in ("zip", "npz", "npy") or not path.is_file():
        raise DataError(f"{path} is not read as pictures; give a folder, .zip, .npz or .npy.")
    return cast(Kind, ending)
