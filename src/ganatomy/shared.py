"""What several verbs share: opening data, and the command as it was typed. Heavy modules are imported inside."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import console
from .config import DataOptions, TrainConfig
from .errors import ConfigError, unknown

if TYPE_CHECKING:
    from .datasets.store import Dataset
    from .training.run import Run

DATA_OPTIONS = ("data_dir", "size", "fit", "channels")


def open_data(data: str | None, options: DataOptions) -> Dataset:
    """Open the data set of a name or path, or the default one; other keys in `options` do not count."""
    from .datasets import opening

    asked: dict[str, Any] = dict(options)
    given: Any = {name: asked[name] for name in DATA_OPTIONS if asked.get(name) is not None}
    return opening.open_data(data, given, opening.Caller(console.say, console.show, console.download_lines()))


def keep_apart(folder: Path, dataset: Dataset) -> None:
    """Refuse an output folder inside the data, where the pictures of a run would become a part of them."""
    source = Path(dataset.origin.path) if dataset.origin.path else None
    if source is not None and source.is_dir() and folder.resolve().is_relative_to(source.resolve()):
        raise ConfigError(
            f"{folder} lies inside the data {source}, and its pictures would become a part of them; give --out FOLDER "
            "outside."
        )


def of_run(run: Run, data_dir: Path | None) -> Dataset:
    """Open the data set that a run was trained on."""
    from .datasets import opening

    caller = opening.Caller(console.say, console.show, console.download_lines())
    return opening.of_run(run.config, Path(data_dir) if data_dir is not None else None, caller)


def use_machine(*configs: TrainConfig) -> None:
    """Set this process's CPU threads by the one rule of all verbs, and say so; say where runs' devices are missing.

    `configs` are those of the runs that are looked at; what is missing is said once.
    """
    from . import device

    threads, reason = device.choose_threads(None)
    device.use_threads(threads)
    missing = sorted({config.device for config in configs if not device.is_here(config.device)})
    if missing:
        console.say(f"made with {', '.join(missing)}, which PyTorch does not find here: the CPU is used.")
    console.say(f"CPU threads: {threads} ({reason}).")


def command() -> str:
    """Return the command as typed, with the program's bare name; a plain word where Python called."""
    if Path(sys.argv[0]).stem in ("ganatomy", "__main__"):
        return shlex.join(["ganatomy", *sys.argv[1:]])
    return "ganatomy (called from Python)"


def as_json(record: dict[str, Any]) -> str:
    """Return a record as JSON for people and machines to read."""
    return json.dumps(record, ensure_ascii=False, indent=1)


def check_lang(lang: str) -> None:
    """Refuse a language that no report is written in."""
    if lang not in ("en", "zh"):
        raise unknown("language", lang, ("en", "zh"))
