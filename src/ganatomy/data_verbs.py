"""The verbs with two words, `data ...` and `features ...`: looking at data sets and preparing them.

In Python they are `data_list`, `data_get`, `data_inspect`, `data_import` and `features_train`. As in `api`, heavy
modules are imported inside the functions.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any, Unpack

from . import bounds, console, files, paths
from .border import verb
from .config import DataOptions, ShapeOptions
from .errors import ConfigError, DataError, unknown


@verb
def data_list() -> list[dict[str, Any]]:
    """List the data sets known by name: where each lies, or that it would be downloaded or is drawn."""
    from .datasets import atelier, catalog, imported

    rows = [
        {"name": entry.name, "kind": "catalogue", "where": catalog.where(entry)} for entry in catalog.CATALOG.values()
    ]
    rows.append({"name": atelier.NAME, "kind": "drawn", "where": "drawn by the program; needs no file"})
    rows += [{"name": name, "kind": "imported", "where": str(imported.root() / name)} for name in imported.names()]
    width = max(len(row["name"]) for row in rows)
    print("\n".join(f"{row['name']:<{width}}  {row['kind']:<9}  {row['where']}" for row in rows))
    return rows


@verb
def data_get(name: str, /) -> Path:
    """Download a data set of the catalogue into the user cache, or verify the one that is there. Returns its folder.

    Args:
        name: fashion-mnist or mnist.
    """
    from .datasets import catalog

    if name not in catalog.CATALOG:
        raise unknown("data set to download", name, catalog.CATALOG)
    dataset = catalog.load(name, on_progress=console.download_lines())
    folder = catalog.find(catalog.CATALOG[name], None)
    assert folder is not None
    console.say(f"{name}: {len(dataset.train):,} + {len(dataset.test):,} images, verified: {folder}")
    return folder


@verb
def data_inspect(
    path: str | PathLike[str], /, *, out: Path | None = None, **shape: Unpack[ShapeOptions]
) -> dict[str, Any]:
    """Look at own pictures before any training: what was found, will be done, is refused, and why. Status 2: unusable.

    Args:
        path: Folder, .zip, .npz or .npy.
        out: PNG file for the picture of what will be trained on; unset: inspect-<name>.png.
    """
    from . import images
    from .datasets import inspection, layout, opening

    source = _existing(path)
    picture = _place_of_picture(out, source)
    fitting = opening.fitting_of(shape)
    found = console.show(inspection.inspect(source, fitting), f"read {source.name}")
    assert found is not None
    print("\n".join(found.lines()))
    sheet = found.picture()
    if sheet is not None:
        files.make_folder(picture.parent)
        images.save_png(picture, sheet, mark=layout.INSPECTION_MARK)
        console.say(f"picture: {picture}")
    return Inspected({**found.findings.to_dict(), "problem": found.problem})


class Inspected(dict[str, Any]):
    """What an inspection found, as in `data.json` of a run, and `problem`: what would stop a training, or None."""

    @property
    def exit_code(self) -> int:
        """What the command line returns: 2 where nothing can be trained on as it is."""
        return 2 if self["problem"] else 0


def _place_of_picture(out: Path | None, source: Path) -> Path:
    """Return where the picture of an inspection goes: never into the data, of which it would become a part."""
    root = source.resolve()
    picture = Path(out) if out is not None else Path(f"inspect-{files.plain_name(root.stem)}.png")
    if picture.suffix.lower() != ".png":
        raise ConfigError(f"--out {picture} does not end in .png; give a file such as inspect.png.")
    if not source.is_dir() or not picture.resolve().is_relative_to(root):
        return picture
    if out is not None:
        raise ConfigError(
            f"--out {picture} lies inside {source}, where it would become one of the pictures; give a place outside."
        )
    beside = root.parent / picture.name
    console.say(f"the current folder belongs to the data, so the picture is written beside them: {beside}")
    return beside


@verb
def data_import(path: str | PathLike[str], /, *, name: str | None = None) -> dict[str, Any]:
    """Copy a folder or file of own pictures into the user cache, with its hash; then `--data NAME` finds it anywhere.

    Args:
        path: Folder, .zip, .npz or .npy.
        name: Name to give it; unset: the folder's or file's.
    """
    from .datasets import imported

    source = _existing(path)
    record: dict[str, Any] = console.show(imported.adding(source, name), f"import {source.name}") or {}
    if record["num_left_out"]:
        first = "; ".join(f"{file['file']}: {file['reason']}" for file in record["left_out"][:3])
        console.say(f"warning: {record['num_left_out']:,} entries were left out of the copy ({first}).")
    if record["problem"]:
        console.say(f"warning: as it is, no training is possible: {record['problem']}")
    console.say(
        f"imported as {record['name']} (SHA-256 {record['sha256'][:12]}...): use it with --data {record['name']}."
    )
    return record


@verb
def features_train(
    data: str,
    /,
    *,
    seed: int = 0,
    num_epochs: int | None = None,
    num_threads: int | None = None,
    **options: Unpack[DataOptions],
) -> dict[str, Any]:
    """Train a feature network on a labelled data set; scores on that data use it from then on. Returns its card.

    Stopped and started again it continues.

    Args:
        data: A name (fashion-mnist, mnist, atelier, an imported set) or the path of a folder, .zip, .npz or .npy.
        seed: Seed of everything random.
        num_epochs: Passes over the training set; unset: about 300,000 images of 28x28, fewer of larger ones; 3 to 60.
        num_threads: CPU threads; unset: the cores this process may use.
    """
    from .datasets import opening
    from .metrics import feature_training

    bounds.check("seed", seed)
    if num_epochs is not None:
        bounds.check("num_feature_epochs", num_epochs, called="num_epochs")
    if num_threads is not None:
        bounds.check("num_threads", num_threads)
    caller = opening.Caller(console.say, console.show, console.download_lines())
    dataset = opening.open_data(data, options, caller)
    with console.stoppable("Start it again: it continues.") as stop:
        work = feature_training.train_features(
            dataset, seed=seed, num_epochs=num_epochs, num_threads=num_threads, say=console.say, should_stop=stop
        )
        card: dict[str, Any] = console.show(work, f"train features of {dataset.name}") or {}
    test = f", {card['test']['accuracy']:.2%} of the test images" if card["test"] else ""
    console.say(f"{card['name']} knows {card['validation']['accuracy']:.2%} of the held-out images{test}.")
    return card


def _existing(path: str | PathLike[str]) -> Path:
    source = Path(path)
    if not paths.exists(source):
        raise DataError(f"{source} does not exist; give a folder, .zip, .npz or .npy file.")
    return source
