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

import contextlib
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict, Unpack

from . import bounds, console, files
from .border import verb
from .config import DataOptions, Overrides
from .errors import ConfigError
from .shared import DATA_OPTIONS
from .shared import as_json as _as_json
from .shared import check_lang as _check_lang
from .shared import command as _command
from .shared import keep_apart as _keep_apart
from .shared import of_run as _of_run
from .shared import open_data as _open
from .shared import use_machine as _use_machine

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from .metrics.network import FeatureNetwork
    from .training.replicates import RunGroup
    from .training.run import Run

    NameOrNetwork: TypeAlias = str | FeatureNetwork
else:
    NameOrNetwork = str  # the command line, made from the types at run time, knows names only

PathOrRun = str | PathLike[str]
"""A run: what `train` returned, or the path of its folder."""
Lang = Literal["en", "zh"]


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
    num_scale_img: int
    """Images per scale of the whole latent (default 2000)."""
    num_jacobians: int
    """Latents at which the Jacobian is taken (default 256)."""
    num_path_pairs: int
    """Pairs of latents joined by paths (default 64)."""
    num_direction_latents: int
    """Latents that directions are found on (default 8192)."""
    num_inverted: int
    """Test images, and as many training images, that are inverted (default 64)."""
    num_inversion_evals: int
    """Evaluations for each start of an inversion (default 250)."""
    atlas_values: tuple[float, ...]
    """Values that all numbers are measured at, beside values (default -20,-5,-2,0.1,2,5,20)."""
    edits: tuple[str, ...]
    """Further edits to show and measure: 3=5 (set), 3,17+=2sigma (move), 0-9*=0 (scale), joined by ; or a preset:
    source, sigmas, joint."""


@verb
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
    from .reporting import place

    planning.check_budget(budget)
    _check_lang(lang)
    bounds.check("seed", seed)
    dataset = _open(data, options)
    folder = Path(out or Path("runs") / f"lab-{files.plain_name(dataset.name)}-{budget}-s{seed}")
    _keep_apart(folder, dataset)
    plan = planning.make_plan(budget=budget, seed=seed, dims=dims, dataset=dataset, say=console.say)
    planning.check_folder(folder)
    place.check(files.make_folder(folder))
    with files.one_writer(folder), console.stoppable(f"Start it again with `{_command()}`: it continues.") as stop:
        plan = planning.claim_folder(folder, plan, console.say)
        planning.announce(plan, dataset, folder, console.say)
        stages.run_lab(plan, dataset, folder, show=console.show, say=console.say, should_stop=stop)
        record = stages.lab_record(plan, dataset, folder, command=_command(), lang=lang)
        files.write_json(folder / "lab.json", record)
        _write_page([folder], lang, options, record)
    return folder


@verb
def train(
    preset: str | None = None,
    /,
    *,
    data: str | None = None,
    seed: int | None = None,
    seeds: int | None = None,
    executor: Literal["auto", "sequential", "processes"] | None = None,
    total_nimg: int | None = None,
    budget: str | None = None,
    out: Path | None = None,
    resume: Path | None = None,
    init_from: Path | None = None,
    **settings: Unpack[TrainOptions],
) -> Run | RunGroup:
    """Train a GAN from a preset, or --seeds K of them, or continue exactly with --resume. Returns the run or group.

    Args:
        preset: gan, gan-adam or dcgan.
        data: A name (fashion-mnist, mnist, atelier, an imported set) or the path of a folder, .zip, .npz or .npy;
            unset: fashion-mnist where it is on disk or can be fetched, else atelier.
        seed: Seed of everything random; unset: 0.
        seeds: How many trainings, with the seeds that follow each other from seed; unset: one run, not a group.
        executor: How several are trained: sequential (one after the other), processes (side by side), or auto.
        total_nimg: Training length in images shown; unset: the preset's epochs.
        budget: Time for everything, as 90s, 10min or 1h30min; decides the training length after a calibration.
        out: Folder of the new run or group; unset: runs/<preset>-s<seed>-<time>-<random>.
        resume: Folder of a run or group to continue; it keeps its configuration.
        init_from: Folder of a run whose weights to start from, with fresh optimizers and counters.
    """
    began = console.began()
    from .train_verb import Words
    from .train_verb import train as start

    given: dict[str, Any] = {"seed": seed, "total_nimg": total_nimg, **settings}
    asked = {key: value for key, value in given.items() if value is not None and key not in DATA_OPTIONS}
    options: Any = {key: value for key, value in given.items() if value is not None and key in DATA_OPTIONS}
    return start(
        Words(
            began=began, preset=preset, data=data, out=out, resume=resume, init_from=init_from, seeds=seeds,
            executor=executor, budget=budget, asked=asked, options=options,
        )
    )  # fmt: skip


@verb
def sample(run: PathOrRun, /, *, num: int = 64, seed: int = 0, latents: Path | None = None, out: Path) -> np.ndarray:
    """Write images of a run's generator; the same seed or latents give the same files. Returns uint8 [N, C, H, W].

    Args:
        run: Folder of the run.
        num: How many images to draw (not used with latents).
        seed: Seed of the latents.
        latents: File of latents, .npy or .npz: float [N, z_dim].
        out: Where to: FILE.npy or FILE.npz (uint8 NCHW), FILE.png (one grid), or a folder for single PNG files.
    """
    import torch

    from . import device, output, rng
    from .latent import codes
    from .models.generate import generate
    from .training.run import open_run

    opened, path = open_run(run), Path(out)
    bounds.check("num", num)
    bounds.check("seed", seed)
    z_dim, shape = opened.config.z_dim, opened.config.img_shape
    given = codes.read_latents(Path(latents), z_dim) if latents else None
    num, stream = num if given is None else len(given), rng.LatentStream(seed, "sample", z_dim)
    needed = output.check_samples(path, num, shape)
    G, snapshot = opened.opened()
    files.make_folder(path.parent)
    _use_machine(opened.config)
    is_short = num <= output.block_nimg(shape)
    is_mapped = not is_short and output.ending(path, output.SAMPLE_ENDINGS) in (".npy", ".npz")
    kept: dict[int, Tensor] = {}

    def pictures(start: int, stop: int) -> Tensor:
        """Return pictures by number; those that are returned at the end stay in memory."""
        if start in kept:
            return kept[start]
        made = generate(G, stream.z(start, stop - start) if given is None else given[start:stop])
        if is_short or not (is_mapped or console.is_command()):
            kept[start] = made
        return made

    work = output.write_samples(path, pictures, num, shape)
    with console.ended_by_sigterm(), contextlib.closing(work):
        if is_short:
            *_, written = work
        else:
            free = output.free_disk_bytes(path)
            room = "" if free is None else f"; {device.told_bytes(free)} are free there"
            console.say(f"{num:,} images take about {device.told_bytes(needed)} on the disk{room}.")
            written = console.show(work, f"sample {opened.name}") or ""
    console.say(f"{num:,} images of {opened.name} at {snapshot.nimg:,} training images: {written}")
    if is_mapped:
        return output.mapped(path)
    return torch.cat([torch.empty(0, *shape, dtype=torch.uint8), *(kept[start] for start in sorted(kept))]).numpy()


@verb
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
    """Measure a run or a group: distances to real images, precision and recall with their floors; classes; copies.

    Args:
        run: Folder of the run or group.
        json: Print the record as JSON on standard output.
        seed: Seed of the samples.
        num_sets: Independent sets of 10,000 samples; the spread is over them.
        k: Precision, recall, density and coverage look at neighbourhoods up to the k-th nearest image.
        features: Another feature network, such as random-v1; its record is measure-<name>.json.
        data_dir: Folder that holds the run's data set as <name>/<files>.
    """
    from .laboratory import keeping, spread, stages
    from .training.replicates import is_group, open_group
    from .training.run import open_run

    group = open_group(run) if is_group(run) else None
    runs = spread.measurable(group, console.say) if group else [open_run(run)]
    _ = [opened.snapshot_nimg for opened in runs]
    for name, value in (("num_sets", num_sets), ("seed", seed), ("k", k)):
        bounds.check(name, value)
    dataset = _of_run(runs[0], data_dir)
    _use_machine(*(opened.config for opened in runs))
    records: list[dict[str, Any]] = []
    sizes = stages.usual_sizes(num_sets, k)
    with contextlib.ExitStack() as held:
        can_write = [held.enter_context(keeping.measuring(opened)) for opened in runs]
        can_group = group is None or held.enter_context(keeping.writing(group.folder, "measure"))
        for opened, can in zip(runs, can_write):
            work = stages.measured(opened, dataset, seed=seed, sizes=sizes, features=features)
            found: Any = console.show(work, f"measure {opened.name}")
            records.append(found.record)
            if not json:
                print(stages.measure_lines(found.record))
            elif group is None:
                print(_as_json(found.record))
            keeping.keep_or_say(opened, found, can, console.say)
        if group is None:
            for line in keeping.older_records(runs[0]) if can_write[0] and not found.suffix else ():
                console.say(line)
            return records[0]
        record = spread.group_record(group, records)
        print(_as_json(record) if json else spread.group_lines(record))
        spread.keep(group, record, found.suffix if can_group else None, console.say)
    return record


@verb
def dissect(
    run: PathOrRun,
    /,
    *,
    dims: tuple[int, ...] | None = None,
    num_dims: int = 5,
    values: tuple[float, ...] = (0.1, 5.0, 20.0),
    seed: int = 0,
    latents: Path | None = None,
    images: Path | None = None,
    data_dir: Path | None = None,
    **options: Unpack[DissectOptions],
) -> dict[str, Any]:
    """Show and measure what latent numbers do: edits beside controls, directions, paths, inversion of real images.

    Args:
        run: Folder of the run.
        dims: Latent numbers to edit, with commas between; unset: num_dims of them.
        num_dims: How many numbers to choose where dims is unset.
        values: Values to set them to, with commas between.
        seed: Seed of latents, choice and controls.
        latents: File of latents to picture, .npy or .npz: float [N, z_dim]; they also decide what a sigma is.
        images: Your own pictures to be inverted too: a folder, .zip, .npz, .npy or one picture, of the run's size.
        data_dir: Folder that holds the run's data set as <name>/<files>.
    """
    from .laboratory import stages
    from .latent import codes, dissected, dissection, own_images
    from .training.run import open_run

    opened = open_run(run)
    _ = opened.snapshot_nimg
    z_dim = opened.config.z_dim
    given = dissection.DissectConfig(
        dims=tuple(dims) if dims is not None else None, num_dims=num_dims, values=tuple(map(float, values)), seed=seed,
        **options,
    )  # fmt: skip
    config = dissection.check(given, z_dim)
    dissection.check_memory(config, z_dim, opened.config.img_shape)
    z = codes.read_latents(Path(latents), z_dim) if latents else None
    own, left_out = own_images.read_own(Path(images), opened.config.img_shape) if images else (None, ())
    for line in left_out:
        console.say(f"left out: {line}")
    dissected.check(opened.folder)
    _use_machine(opened.config)
    with files.one_writer(opened.folder, "dissect"):
        work = stages.dissect_run(opened, _of_run(opened, data_dir), config, latents=z, own=own)
        record = console.show(work, f"dissect {opened.name}") or {}
    console.say(f"pictures and measures: {opened.folder / 'dissect'}")
    return record


@verb
def report(
    paths: Sequence[PathOrRun], /, *, lang: Lang = "en", out: Path | None = None, **page: Unpack[PageOptions]
) -> Path:
    """Write the page of a lab, or of any runs, again: report.html and report.md, in seconds. Returns the HTML file.

    Args:
        paths: Folder of a lab or of a comparison, or folders of runs or groups.
        lang: Language: en or zh.
        out: Folder to write into; unset: the lab's, the group's or the first run's.
    """
    from .laboratory.keeping import tidy
    from .training.replicates import expand, is_group

    _check_lang(lang)
    if isinstance(paths, str | PathLike):
        paths = [paths]
    if not paths:
        raise ConfigError("give the folder of a lab, or the folders of one or more runs.")
    if out is None and len(paths) == 1 and is_group(paths[0]):
        out = Path(paths[0])
    folders = expand(paths)
    for run_folder in (inside for folder in folders for inside in (folder, *folder.glob("runs/*"))):
        tidy(run_folder)
    return _write_page(folders, lang, page, None, out)


def _write_page(
    folders: list[Path], lang: Lang, page: PageOptions, record: dict[str, Any] | None, out: Path | None = None
) -> Path:
    """Render the page; a lab's record is completed with the list of its figures."""
    from .reporting.page import place_of, render
    from .reporting.place import PART

    with files.one_writer(files.make_folder(place_of(folders, out)), PART):
        result = render(folders, lang=lang, title=page.get("title"), author=page.get("author"), out=out)
    if record is not None:
        files.write_json(folders[0] / "lab.json", {**record, "figures": result.figures})
    for line in result.changes:
        console.say(line)
    console.say(f"report: {result.html}")
    return result.html
