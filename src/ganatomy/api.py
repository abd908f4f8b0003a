"""The verbs: one typed function each, shared by Python and the command line.

    import ganatomy as ga
    run = ga.train("dcgan", data="fashion-mnist", seed=0)
    ga.measure(run)
    ga.dissect(run, num_dims=5, values=(0.1, 5, 20))
    ga.report([run], lang="zh")

Heavy modules are imported inside the functions, so that `--help` is instant. Every function raises a
`GanatomyError` in words before it starts working on bad input.
"""

from __future__ import annotations

import dataclasses
import json as json_format
import shlex
import sys
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict, Unpack

from . import config as configuration
from . import console, files, presets
from .config import DataOptions, Overrides, TrainConfig
from .errors import ConfigError, unknown

if TYPE_CHECKING:
    import numpy as np

    from .datasets.store import Dataset
    from .metrics.network import FeatureNetwork
    from .training.run import Run

    NameOrNetwork: TypeAlias = str | FeatureNetwork
else:
    NameOrNetwork = str  # the command line, made from the types at run time, knows names only

PathOrRun = str | PathLike[str]
"""A run: what `train` returned, or the path of its folder."""
Lang = Literal["en", "zh"]
DATA_OPTIONS = ("data_dir", "size", "fit", "channels")


class PageOptions(TypedDict, total=False):
    """Words at the top of a report."""

    title: str
    """Title of the report, for handing in."""
    author: str
    """Author's name under the title."""


class LabOptions(DataOptions, PageOptions, total=False):
    """Data and page of a lab."""


class TrainOptions(DataOptions, Overrides, total=False):
    """Data and settings of a training."""


class DissectOptions(TypedDict, total=False):
    """How much the latent experiment does."""

    pick: Literal["random", "top"]
    """How numbers are chosen where dims is unset: random (by the seed) or top (largest effect)."""
    num_codes: int
    """Latents in the pictures (default 8)."""
    num_latents: int
    """Latents measured per chosen number and value (default 1000)."""
    num_latents_all: int
    """Latents measured per number and value over all numbers (default 256)."""
    num_prior_img: int
    """Images per noise distribution (default 10,000)."""


def lab(
    *,
    data: str | None = None,
    budget: str = "quick",
    lang: Lang = "en",
    seed: int = 0,
    dims: tuple[int, ...] | None = None,
    out: Path | None = None,
    **options: Unpack[LabOptions],
) -> Path:
    """Make the whole report: train gan and dcgan, measure both, dissect their latents, decide the claims.

    Started again with the same options it continues where it was stopped. Returns the lab's folder.

    Args:
        data: A name (fashion-mnist, mnist, atelier, an imported set) or the path of a folder, .zip, .npz or .npy;
            unset: fashion-mnist where it is on disk or can be fetched, else atelier.
        budget: smoke (under a minute), quick (minutes) or full (hours).
        lang: Language of the report: en or zh.
        seed: Seed of everything random.
        dims: Latent numbers to edit, with commas between; unset: five drawn by the seed.
        out: Folder of the lab; unset: runs/lab-<data>-<budget>-s<seed>.
    """
    from .laboratory import plan as planning
    from .laboratory import stages

    planning.check_budget(budget)
    _check_lang(lang)
    dataset = _open(data, options)
    plan = planning.make_plan(budget=budget, seed=seed, dims=dims, dataset=dataset, say=console.say)
    folder = files.make_folder(Path(out or Path("runs") / f"lab-{files.plain_name(dataset.name)}-{budget}-s{seed}"))
    with files.one_writer(folder), console.stoppable(f"Start it again with `{_command()}`: it continues.") as stop:
        planning.claim_folder(folder, plan)
        planning.announce(plan, dataset, folder, console.say)
        stages.run_lab(plan, dataset, folder, show=console.show, say=console.say, should_stop=stop)
        record = stages.lab_record(plan, dataset, folder, command=_command(), lang=lang)
        files.write_json(folder / "lab.json", record)
        _write_page([folder], lang, options, record)
    return folder


def train(
    preset: str | None = None,
    /,
    *,
    data: str | None = None,
    seed: int | None = None,
    total_nimg: int | None = None,
    out: Path | None = None,
    resume: Path | None = None,
    init_from: Path | None = None,
    **settings: Unpack[TrainOptions],
) -> Run:
    """Train one GAN from a preset, or continue one exactly where it stopped with --resume. Returns the run.

    Args:
        preset: gan, gan-adam or dcgan.
        data: A name (fashion-mnist, mnist, atelier, an imported set) or the path of a folder, .zip, .npz or .npy;
            unset: fashion-mnist where it is on disk or can be fetched, else atelier.
        seed: Seed of everything random; unset: 0.
        total_nimg: Training length in images shown; unset: the preset's epochs.
        out: Folder of the new run; unset: runs/<preset>-s<seed>-<time>-<random>.
        resume: Folder of a run to continue; it keeps its configuration.
        init_from: Folder of a run whose weights to start from, with fresh optimizers and counters.
    """
    from .metrics.watch import Watch
    from .training import session
    from .training.run import create_run, open_run

    given: dict[str, Any] = {"seed": seed, "total_nimg": total_nimg, **settings}
    asked = {key: value for key, value in given.items() if value is not None and key not in DATA_OPTIONS}
    if resume is not None:
        run = open_run(resume)
        _check_unchanged(run.config, {"preset": preset, "data": data, "init_from": init_from, "out": out}, asked)
        _check_no_fitting(settings)
        if run.is_finished:
            console.say(
                f"{run.folder} is finished; to train it further, start a new run with --init-from {run.folder}."
            )
            return run
        dataset = _of_run(run, settings.get("data_dir"))
    else:
        if preset is None:
            raise ConfigError(f"give a preset ({', '.join(presets.PRESETS)}), or --resume RUN.")
        config = presets.preset(preset)
        if init_from is not None:
            session.read_weights(Path(init_from))
            asked["init_from"] = str(Path(init_from).resolve())
        configuration.check(dataclasses.replace(config, **_without_automatic(asked)))
        dataset = _open(data, settings)
        config = session.configure(config, dataset, asked, console.say)
        folder = Path(out or Path("runs") / files.new_run_name(preset, config.seed))
        run = create_run(folder, config, _command(), dataset.describe())
    console.say(f"run folder: {run.folder}")
    with console.stoppable(f"Resume with `ganatomy train --resume {run.folder}`.") as stop:
        watch = Watch(run, dataset, console.say)
        work = session.run_training(run, dataset, say=console.say, should_stop=stop, watch=watch)
        console.show(work, f"train {run.name}")
    return run


def sample(run: PathOrRun, /, *, num: int = 64, seed: int = 0, latents: Path | None = None, out: Path) -> np.ndarray:
    """Write images of a run's generator; the same seed or latents give the same files. Returns uint8 [N, C, H, W].

    Args:
        run: Folder of the run.
        num: How many images to draw (not used with latents).
        seed: Seed of the latents.
        latents: File of latents, .npy or .npz: float [N, z_dim].
        out: Where to: FILE.npy or FILE.npz (uint8 NCHW), FILE.png (one grid), or a folder for single PNG files.
    """
    from . import images, rng
    from .latent import codes
    from .models.generate import generate
    from .training.run import open_run

    opened = open_run(run)
    if num < 1:
        raise ConfigError(f"num is {num}; it must be at least 1.")
    configuration.check(dataclasses.replace(opened.config, seed=seed))
    z_dim = opened.config.z_dim
    z = codes.read_latents(Path(latents), z_dim) if latents else rng.latents(seed, "sample", num, z_dim)
    files.make_folder(Path(out).parent)
    pictures = generate(opened.generator(), z)
    written = images.save_many(Path(out), pictures)
    console.say(f"{len(pictures):,} images of {opened.name} at {opened.snapshot_nimg:,} training images: {written}")
    return pictures.numpy()


def measure(
    run: PathOrRun,
    /,
    *,
    json: bool = False,
    seed: int = 0,
    num_sets: int = 3,
    k: int = 5,
    features: NameOrNetwork | None = None,
    data_dir: Path | None = None,
) -> dict[str, Any]:
    """Measure a run: distances to real images, precision and recall with their floors; classes; copies.

    Args:
        run: Folder of the run.
        json: Print the record as JSON on standard output.
        seed: Seed of the samples.
        num_sets: Independent sets of 10,000 samples; the spread is over them.
        k: Precision, recall, density and coverage look at neighbourhoods up to the k-th nearest image.
        features: Another feature network, such as random-v1; its record is measure-<name>.json.
        data_dir: Folder that holds the run's data set as <name>/<files>.
    """
    from .laboratory import stages
    from .training.run import open_run

    opened = open_run(run)
    _ = opened.snapshot_nimg
    if num_sets < 1 or seed < 0:
        raise ConfigError(
            f"num_sets is {num_sets} and seed is {seed}; at least 1 set and a seed of 0 or more are needed."
        )
    dataset = _of_run(opened, data_dir)
    work = stages.measure_run(opened, dataset, seed=seed, num_sets=num_sets, features=features, k=k)
    record = console.show(work, f"measure {opened.name}") or {}
    print(json_format.dumps(record, ensure_ascii=False, indent=1) if json else stages.measure_lines(record))
    return record


def dissect(
    run: PathOrRun,
    /,
    *,
    dims: tuple[int, ...] | None = None,
    num_dims: int = 5,
    values: tuple[float, ...] = (0.1, 5.0, 20.0),
    seed: int = 0,
    data_dir: Path | None = None,
    **options: Unpack[DissectOptions],
) -> dict[str, Any]:
    """Show and measure what latent numbers do: each is set to some values, all others held, beside its control.

    Args:
        run: Folder of the run.
        dims: Latent numbers to edit, with commas between; unset: num_dims of them.
        num_dims: How many numbers to choose where dims is unset.
        values: Values to set them to, with commas between.
        seed: Seed of latents, choice and controls.
        data_dir: Folder that holds the run's data set as <name>/<files>.
    """
    from .laboratory import stages
    from .latent import dissection
    from .training.run import open_run

    opened = open_run(run)
    _ = opened.snapshot_nimg
    values = tuple(float(value) for value in values)
    given = dissection.DissectConfig(
        dims=tuple(dims) if dims is not None else None, num_dims=num_dims, values=values, seed=seed, **options
    )
    config = dissection.check(given, opened.config.z_dim)
    dataset = _of_run(opened, data_dir)
    record = console.show(stages.dissect_run(opened, dataset, config), f"dissect {opened.name}") or {}
    console.say(f"pictures and measures: {opened.folder / 'dissect'}")
    return record


def report(
    paths: Sequence[PathOrRun], /, *, lang: Lang = "en", out: Path | None = None, **page: Unpack[PageOptions]
) -> Path:
    """Write the page of a lab, or of any runs, again: report.html and report.md, in seconds. Returns the HTML file.

    Args:
        paths: Folder of a lab or of a comparison, or folders of runs.
        lang: Language: en or zh.
        out: Folder to write into; unset: the lab's or the first run's.
    """
    _check_lang(lang)
    if isinstance(paths, str | PathLike):
        paths = [paths]
    if not paths:
        raise ConfigError("give the folder of a lab, or the folders of one or more runs.")
    return _write_page([Path(path) for path in paths], lang, page, None, out)


def _write_page(
    folders: list[Path], lang: Lang, page: PageOptions, record: dict[str, Any] | None, out: Path | None = None
) -> Path:
    """Render the page; a lab's record is completed with the list of its figures."""
    from .reporting.page import render

    result = render(folders, lang=lang, title=page.get("title"), author=page.get("author"), out=out)
    if record is not None:
        files.write_json(folders[0] / "lab.json", {**record, "figures": result.figures})
    console.say(f"report: {result.html}")
    return result.html


def _check_lang(lang: str) -> None:
    if lang not in ("en", "zh"):
        raise unknown("language", lang, ("en", "zh"))


def _open(data: str | None, options: DataOptions) -> Dataset:
    from .datasets import opening

    asked: dict[str, Any] = dict(options)
    given: Any = {name: asked[name] for name in DATA_OPTIONS if asked.get(name) is not None}
    return opening.open_data(data, given, opening.Caller(console.say, console.show, console.download_lines()))


def _of_run(run: Run, data_dir: Path | None) -> Dataset:
    from .datasets import opening

    caller = opening.Caller(console.say, console.show, console.download_lines())
    return opening.of_run(run.config, Path(data_dir) if data_dir is not None else None, caller)


def _check_no_fitting(options: DataOptions) -> None:
    given = [name for name in ("size", "fit", "channels") if options.get(name) is not None]
    if given:
        raise ConfigError(f"--resume keeps the run's pictures as they are; leave out --{' and --'.join(given)}.")


def _without_automatic(asked: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is decided later, by looking at the machine."""
    return {name: value for name, value in asked.items() if name != "device" and value != "auto"}


def _check_unchanged(config: TrainConfig, words: dict[str, Any], asked: dict[str, Any]) -> None:
    """Refuse settings given beside --resume that differ from the run's own, listing every difference."""
    if words["out"] is not None or words["init_from"] is not None:
        raise ConfigError("--resume continues a run in its own folder; leave out --out and --init-from.")
    wanted = asked | {name: words[name] for name in ("preset", "data") if words[name] is not None}
    if config.data_path and wanted.get("data") and str(Path(wanted["data"]).expanduser().resolve()) == config.data_path:
        del wanted["data"]
    wanted = {name: value for name, value in wanted.items() if value != "auto"}
    changed = configuration.differences(config, dataclasses.replace(config, **wanted))
    if changed:
        raise ConfigError(
            f"--resume continues a run exactly, so its settings cannot change: {'; '.join(changed)}. "
            "Leave them out, or start a new run with --init-from."
        )


def _command() -> str:
    """Return the command as typed, with the program's bare name; a plain word where Python called."""
    if Path(sys.argv[0]).stem in ("ganatomy", "__main__"):
        return shlex.join(["ganatomy", *sys.argv[1:]])
    return "ganatomy (called from Python)"
