"""People's own pictures as a data set: a folder, a .zip, an .npz or an .npy, read in one pass."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import cast

from .. import paths
from ..errors import DataError
from ..progress import Progress
from . import arrays, kept
from .assembly import assemble, content_sha256, keep
from .findings import Findings
from .fitting import Fitting
from .members import folder_files, zip_files
from .store import Dataset
from .survey import Kind, Survey, survey_files

__all__ = ["Findings", "check_kind", "content_sha256", "read_kept", "read_path", "survey_path"]

Say = Callable[[str], None]


def read_path(path: Path, fitting: Fitting) -> Iterator[Progress | tuple[Dataset, Findings]]:
    """Read a folder, .zip, .npz or .npy; yield progress records, last the data set with what was found and decided.

    A file that cannot be read as a picture is named in the findings and left out. Raises `DataError` where nothing can
    be made of the whole (missing, hostile or unclear, too few pictures, several sizes and none asked for, more than
    8 GiB of pixels), `ConfigError` for a fitting that is not allowed.
    """
    survey = yield from _surveyed(path, fitting)
    yield assemble(survey)


def read_kept(path: Path, fitting: Fitting, say: Say) -> Iterator[Progress | tuple[Dataset, Findings]]:
    """Do what `read_path` does, from the converted set in the user's cache where there is one, else make one there.

    `say` is told where it is kept, or why it cannot be.
    """
    seen = kept.fingerprint(path)
    asked = {"size": fitting.size, "fit": fitting.fit, "channels": fitting.channels}
    made_by = None if seen is None else kept.recipe({"own": seen, "kind": check_kind(path), **asked})
    found = None if made_by is None else kept.find(made_by)
    if found is not None:
        yield found.dataset(found.about["sha256"]), Findings.from_dict(found.about["findings"])
        return
    survey = yield from _surveyed(path, fitting)
    if made_by is None or kept.fingerprint(path) != seen:  # what may have changed meanwhile is read again next time
        yield assemble(survey)
        return
    try:
        result = keep(survey, made_by)
    except kept.NotKeptError as error:
        say(f"the converted pictures are not kept for next time: {error}.")
        result = assemble(survey)
    else:
        say(kept.told(made_by))
    yield result


def _surveyed(path: Path, fitting: Fitting) -> Generator[Progress, None, Survey]:
    """Pass progress on and return the survey, once nothing else holds its pixels any more."""
    survey: Survey | None = None
    for record in survey_path(path, fitting):
        if isinstance(record, Progress):
            yield record
        else:
            survey = record
    assert survey is not None
    return survey


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
    if paths.is_dir(path):
        return "folder"
    ending = path.suffix.lower().removeprefix(".")
    if not paths.exists(path):
        raise DataError(f"{path} does not exist; give a folder, .zip, .npz or .npy.")
    if ending not in ("zip", "npz", "npy") or not paths.is_file(path):
        raise DataError(f"{path} is not read as pictures; give a folder, .zip, .npz or .npy.")
    return cast(Kind, ending)
