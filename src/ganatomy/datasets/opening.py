"""From the word after `--data` to a data set: a named set, the drawn one, an imported one, or one's own files.

The default set is Fashion-MNIST where it is on this machine or can be fetched; else `atelier` stands in for it, and
everything that is made says so. A set that was named is never replaced.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .. import paths
from ..config import DataOptions, ShapeOptions, TrainConfig
from ..errors import ConfigError, DataError, unknown
from . import atelier, catalog, collection, imported
from .download import Received
from .fitting import Fitting, parse_size
from .store import Dataset, Origin

DEFAULT_DATA = "fashion-mnist"
OWN_SUFFIXES = (".zip", ".npz", ".npy")

Show = Callable[[Iterator[Any], str], Any]
"""Draws progress records under a label and returns the result that comes last."""


@dataclasses.dataclass(frozen=True)
class Caller:
    """How the caller draws what happens while a set is opened."""

    say: Callable[[str], None]
    show: Show
    on_download: Callable[[Received], None] | None = None


def open_data(name: str | None, options: DataOptions, caller: Caller) -> Dataset:
    """Return the data set of a name or path, or the default one for None.

    Raises `ConfigError` for an unknown name or an option that does not apply, `DataError` for data that is missing,
    damaged or cannot be used as asked for.
    """
    if name is None:
        return _default(options, caller)
    wanted = fitting_of(options)
    if name == atelier.NAME:
        return _drawn(wanted, caller, fallback="")
    if name in catalog.CATALOG:
        _check_native(name, wanted)
        return catalog.load(name, options.get("data_dir"), on_progress=caller.on_download)
    if name in imported.names():
        return _own(imported.path_of(name), wanted, caller, name=name)
    path = paths.expand(name, "--data")
    if not (paths.exists(path) or len(path.parts) > 1 or path.suffix.lower() in OWN_SUFFIXES):
        raise ConfigError(
            f"{unknown('data set', name, names())} Or give the path of a folder, .zip, .npz or .npy file."
        )
    if not paths.exists(path):
        raise DataError(
            f"--data {name}: there is no such file or folder. Give an existing one, or a name: {', '.join(names())}."
        )
    return _own(path, wanted, caller)


def of_run(config: TrainConfig, data_dir: Path | None, caller: Caller) -> Dataset:
    """Return the data set that a run was trained on; other content than the run's is a `DataError`."""
    own = config.data_path or config.data not in (*catalog.CATALOG, atelier.NAME)
    options = DataOptions(size=f"{config.img_height}x{config.img_width}", fit=config.data_fit) if own else DataOptions()
    if own:
        options["channels"] = 1 if config.img_channels == 1 else 3
    elif config.data == atelier.NAME:
        options["size"] = f"{config.img_height}x{config.img_width}"
    if data_dir is not None:
        options["data_dir"] = data_dir
    name = config.data
    if config.data_path:
        path = Path(config.data_path)
        name = str(data_dir / path.name if data_dir is not None else path)
        if not paths.exists(name):
            raise DataError(f"the run's data {name} is gone; put it back, or give --data-dir DIR with DIR/{path.name}.")
    # What was found and decided was said when the run began.
    dataset = open_data(name, options, dataclasses.replace(caller, say=lambda message: None))
    if dataset.sha256 != config.data_sha256:
        raise DataError(
            f"the run was trained on {config.data} with hash {config.data_sha256[:12]}..., the data found has "
            f"{dataset.sha256[:12]}...; use the same data."
        )
    return dataset


def names() -> list[str]:
    """Return every name that `--data` takes here."""
    return [*catalog.CATALOG, atelier.NAME, *imported.names()]


def fitting_of(options: ShapeOptions) -> Fitting:
    """Return what was asked of own pictures; a `ConfigError` for values that are not allowed."""
    size = options.get("size")
    wanted = Fitting(
        size=parse_size(size) if size is not None else None,
        fit=options.get("fit") or "crop",
        channels=options.get("channels"),
    )
    wanted.check()
    return wanted


def _default(options: DataOptions, caller: Caller) -> Dataset:
    """Return Fashion-MNIST, or `atelier` with the reason why."""
    try:
        return open_data(DEFAULT_DATA, options, caller)
    except catalog.NotHereError as error:
        reason = " ".join(line.strip() for line in str(error).splitlines()[:2])
    caller.say(
        f"*** The default data set {DEFAULT_DATA} cannot be had: {reason}\n"
        f"*** Going on with {atelier.NAME}, ten kinds of garments drawn by this program. Name a set with --data."
    )
    return _drawn(Fitting(), caller, fallback=reason)


def _drawn(wanted: Fitting, caller: Caller, fallback: str) -> Dataset:
    if wanted.channels == 3:
        raise ConfigError(f"--channels 3: {atelier.NAME} is drawn in grey; leave it out or give 1.")
    dataset = atelier.load_kept(wanted.size or (28, 28), caller.say)
    return dataclasses.replace(dataset, origin=Origin("drawn", fallback=fallback))


def _check_native(name: str, wanted: Fitting) -> None:
    if wanted.size is not None or wanted.channels is not None:
        raise ConfigError(
            f"--size and --channels are for own pictures and {atelier.NAME}; {name} is used as it is. Leave them out."
        )


def _own(path: Path, wanted: Fitting, caller: Caller, name: str = "") -> Dataset:
    """Read a folder or file of pictures, saying what was found and decided."""
    dataset, findings = caller.show(collection.read_kept(path, wanted, caller.say), f"read {path.name}")
    for line in findings.short_lines():
        caller.say(line)
    origin = Origin("own", "" if name else str(path.resolve()), wanted.fit, findings=findings.to_dict())
    return dataclasses.replace(dataset, name=name or dataset.name, origin=origin)
