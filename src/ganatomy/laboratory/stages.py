"""The lab's stages in order: train, measure, dissect, decide. Each writes its record into the run folder when whole.

A stage whose record is on disk is not done again, so a lab that was stopped anywhere, even by kill -9, continues
where it was and ends with the numbers of an undisturbed one.
"""

from __future__ import annotations

import importlib.metadata
import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from .. import device, files, images
from ..datasets.store import Dataset
from ..errors import Interrupted, RunError
from ..latent import dissected
from ..latent.dissection import DissectConfig, dissect
from ..latent.lens import Lens, Subject
from ..latent.real import NUM_REAL, RealImages
from ..latent.shapes import DISSECT
from ..metrics import evaluate, left_out
from ..metrics.features import features_for, features_named
from ..metrics.health import RECORD_NAME
from ..metrics.network import FeatureNetwork
from ..metrics.prdc import K
from ..metrics.reference import Reference
from ..metrics.shapes import HEALTH, MEASURE
from ..metrics.watch import Watch
from ..models import registry
from ..progress import Progress
from ..training import engine, session, snapshots
from ..training.run import Run, create_run, open_run
from . import keeping
from .claims import decide_claims
from .evidence import load_evidence
from .keeping import Measured
from .plan import PRESETS, Plan, dissect_config, has_measured, num_real_of
from .shapes import TIMING

WAIT_SEC = 0.5
Show = Callable[[Iterator[Any], str], Any]
"""Draws progress records under a label and returns the result that comes last."""


def measure_run(
    run: Run,
    dataset: Dataset,
    *,
    seed: int,
    num_sets: int,
    near: tuple[int, int] | None = None,
    memory: int | None = evaluate.NUM_MEMORY,
    features: str | FeatureNetwork | None = None,
    k: int = K,
) -> Iterator[Progress | dict[str, Any]]:
    """Measure a run's newest snapshot as `measured` does, and keep what it found; yields the record last.

    The caller holds the run's lock for measuring.
    """
    sizes: evaluate.Sizes = {"num_sets": num_sets, "near": near, "memory": memory, "k": k}
    for step in measured(run, dataset, seed=seed, features=features, sizes=sizes):
        if isinstance(step, Measured):
            step.keep(run)
            yield step.record
        else:
            yield step


def measured(
    run: Run, dataset: Dataset, *, seed: int, sizes: evaluate.Sizes, features: str | FeatureNetwork | None = None
) -> Iterator[Progress | Measured]:
    """Measure a run's newest snapshot; yields what can be kept last.

    The closest pairs of the memorisation become nearest.png and nearest-features.png. `features` is the name of another
    network than the data's own, or a network; its files are measure-<network>.json and nearest-features-<network>.png.
    """
    z_dim = run.config.z_dim
    network = features_for(dataset) if features is None else features_named(features, dataset)
    suffix = file_suffix(dataset, network)
    G, snapshot = run.opened(engine.as_possible_here(run.config).device)
    for record in evaluate.measure(G, z_dim, dataset, network, seed=seed, **sizes):
        if isinstance(record, Progress):
            yield record
            continue
        pictures = {}
        for kind, found in (record["memorisation"] or {}).items():
            if kind == "features" or not suffix:
                name = {"pixels": "nearest.png", "features": f"nearest-features{suffix}.png"}[kind]
                pictures[name] = images.png_bytes(evaluate.pair_sheet(G, z_dim, dataset, seed, found["pairs"]))
        result = {"run": run.name, **snapshot.words, **record, "sizes": noted(sizes)}
        result["pictures"] = {name: files.sha256(png) for name, png in pictures.items()}
        yield Measured(result, suffix, pictures)


def usual_sizes(num_sets: int, k: int = K) -> evaluate.Sizes:
    """Return how much `measure` looks at unless it is a lab's."""
    return {"num_sets": num_sets, "near": None, "memory": evaluate.NUM_MEMORY, "k": k}


def noted(sizes: evaluate.Sizes) -> dict[str, Any]:
    """Return how much a measurement looks at as its record has it."""
    near = sizes.get("near")
    return {**sizes, "near": None if near is None else list(near)}


def file_suffix(dataset: Dataset, features: str | FeatureNetwork | None) -> str:
    """Return what the files of a measurement bear in their names: the network's, where it is not the data's own."""
    own = features_for(dataset)
    network = own if features is None else features_named(features, dataset)
    return "" if (network.name, network.sha256) == (own.name, own.sha256) else f"-{network.name}"


def measure_lines(record: dict[str, Any]) -> str:
    """Return a measurement in a few plain lines."""
    lines = [f"{record['run']} at {record['nimg']:,} images"]
    for name, score in record["scores"].items():
        noise = {"sample sets": f"sd over {score['num_sets']} sets", "jackknife": "jackknife error of one set"}
        floor = "unknown" if score["floor"] is None else f"{score['floor']:.4g}"
        spread = "" if score["spread"] is None else f"+- {score['spread']:.3g}, {noise[score['spread_by']]}; "
        lines.append(
            f"  {name} = {score['value']:.4g} ({spread}{score['num_gen']:,} generated against {score['num_real']:,} "
            f"{score['split']} images; floor, real against real: {floor})"
        )
    if record["classes"]:
        missing = ", ".join(record["classes"]["missing"]) or "none"
        lines.append(f"  classes under {record['classes']['share_min']:.0%} of the samples: {missing}")
        lines.append(f"  median confidence: {record['confidence']['median']:.3f}")
    for kind, found in (record.get("memorisation") or {}).items():
        limit = "too few to tell" if found.get("limit") is None else f"by chance up to {found['limit']:.1%}"
        if found.get("untold") == "same_copies":
            limit = "cannot tell"
        lines.append(
            f"  copies, in {kind}: {found['too_close']:.1%} of {found['num_gen']:,} images are nearer to a training "
            f"image than 99% of {found['num_test']:,} test images are ({found['num_train']:,} training images; "
            f"fresh real images: about {found['expected']:.1%}, {limit})"
        )
    lines += [f"  {record['message']}"] if record.get("message") else []
    return "\n".join([*lines, *left_out.lines(record)])


def dissect_run(
    run: Run,
    dataset: Dataset,
    config: DissectConfig,
    num_real: int = NUM_REAL,
    *,
    latents: Tensor | None = None,
    own: Tensor | None = None,
) -> Iterator[Progress | dict[str, Any]]:
    """Run the latent experiment on a run's newest snapshot; replaces the dissect/ folder when whole, then yields it.

    The first `num_real` test images serve for precision, recall and kernel distance, all of them for Frechet distances.
    `latents` [N, z_dim] are people's own, for the pictures; `own` uint8 [N, C, H, W] their pictures to be inverted.
    The caller holds the run's lock for dissecting.
    """
    record: dict[str, Any] = {}
    with dissected.successor(run.folder) as folder:
        for step in dissect(subject_of(run, dataset, num_real), config, folder, latents, own):
            if isinstance(step, Progress):
                yield step
            else:
                record = step
    yield record


def subject_of(run: Run, dataset: Dataset, num_real: int = NUM_REAL) -> Subject:
    """Return what the latent experiment looks at: a run's newest snapshot, its D, its data, the real images."""
    features = features_for(dataset)
    reference = Reference(dataset, features, num_real)
    real = RealImages(evaluate.real_moments(dataset, features, "test"), reference.features, reference.radii)
    device_name = engine.as_possible_here(run.config).device
    G, snapshot = run.opened(device_name)
    lens = Lens(G, features, real, run.discriminator(device_name, snapshot.nimg))
    return Subject(run.name, snapshot.nimg, run.config.z_dim, lens, dataset, snapshot.sha256, num_real)


def run_lab(
    plan: Plan,
    dataset: Dataset,
    folder: Path,
    *,
    show: Show,
    say: Callable[[str], None],
    should_stop: Callable[[], bool],
) -> None:
    """Do every stage that is not done yet for both presets. The caller holds the folder's lock."""
    say = _once(say)
    for preset in PRESETS:
        name = plan.run_name(preset)
        run_folder = folder / "runs" / name
        if (run_folder / "config.json").exists():
            run = open_run(run_folder)
        else:
            command = _train_command(plan, preset, dataset)
            config = engine.as_possible_here(plan.train_config(preset, dataset), say)
            run = create_run(run_folder, config, command, dataset.describe())
        engine.as_possible_here(run.config, say)
        if not run.is_finished:
            watch = Watch(run, dataset, say)
            training = session.run_training(run, dataset, say=say, should_stop=should_stop, watch=watch)
            show(training, f"train {name}")
        turn = Turn(run, say, should_stop)
        with turn("measure"):
            if not has_measured(plan, dataset, run):
                keeping.check_log(run.folder)
                _again(run.folder / "measure.json", say)
                sizes = plan.sizes
                work = measure_run(
                    run, dataset, seed=plan.seed, num_sets=sizes.num_sets, near=sizes.near, memory=sizes.memory
                )
                _timed(run, "measure", show, stoppable(work, should_stop))
        with turn("dissect"):
            dissected.settle(run.folder)
            num_real = num_real_of(plan)
            if not keeping.is_dissected(run.folder, dissect_config(plan), num_real):
                _again(run.folder / dissected.NAME / dissected.RECORD_NAME, say)
                work = dissect_run(run, dataset, dissect_config(plan), num_real)
                _timed(run, "dissect", show, stoppable(work, should_stop))


@dataclass(frozen=True)
class Turn:
    """Waits for its turn where somebody else measures or dissects a run of the lab: a lab is not refused for that."""

    run: Run
    say: Callable[[str], None]
    should_stop: Callable[[], bool]

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        """Hold the run's lock for a part; a request to stop while waiting raises `Interrupted`."""
        told = False

        def wait() -> None:
            nonlocal told
            if not told:
                self.say(f"waiting for another process that writes into {self.run.folder} ({part}) ...")
            told = True
            if self.should_stop():
                raise Interrupted("stopped while waiting; everything finished before it is kept.")
            time.sleep(WAIT_SEC)

        with files.one_writer(self.run.folder, part, wait):
            yield


def _again(path: Path, say: Callable[[str], None]) -> None:
    """Say that a record that is there is not the lab's."""
    if path.exists():
        say(f"{path} is of another snapshot, seed or size than this lab's, so it is made again.")


def _once(say: Callable[[str], None]) -> Callable[[str], None]:
    """Return a function that says every line once: what is true of both trainings need not be said twice."""
    said: set[str] = set()

    def say_once(message: str) -> None:
        if message not in said:
            said.add(message)
            say(message)

    return say_once


def stoppable(work: Iterator[Any], should_stop: Callable[[], bool]) -> Iterator[Any]:
    """Pass records on; a request to stop raises `Interrupted` between two of them, and the stage begins anew later."""
    for record in work:
        yield record
        if isinstance(record, Progress) and should_stop():
            raise Interrupted("stopped in mid-stage; everything finished before it is kept.")


def _timed(run: Run, stage: str, show: Show, work: Iterator[Any]) -> None:
    """Do a stage and note its seconds in timing.json, apart from the records that repeat."""
    start = time.perf_counter()
    show(work, f"{stage} {run.name}")
    path = run.folder / "timing.json"
    known = TIMING.read_if_there(path) or {}
    files.write_json(path, {**{k: v for k, v in known.items() if k != "schema"}, stage: time.perf_counter() - start})


def _train_command(plan: Plan, preset: str, dataset: Dataset) -> str:
    words = ["--seed", str(plan.seed), "--total-nimg", str(plan.nimg[preset]), "--device", plan.device]
    return shlex.join(["ganatomy", "train", preset, *dataset.words(), *words])


def lab_record(plan: Plan, dataset: Dataset, folder: Path, *, command: str, lang: str) -> dict[str, Any]:
    """Return `lab.json` from what the stages left in the run folders; `figures` are added by the report."""
    runs = {plan.run_name(preset): open_run(folder / "runs" / plan.run_name(preset)) for preset in PRESETS}
    record: dict[str, Any] = {
        "budget": plan.budget,
        "seed": plan.seed,
        "version": importlib.metadata.version("ganatomy"),
        "command": command,
        "lang": lang,
        "data": {
            "name": dataset.name,
            "sha256": dataset.sha256,
            "num_train": len(dataset.train),
            "num_test": len(dataset.test),
            "kind": dataset.origin.kind,
            "fallback": dataset.origin.fallback,
        },
        "environment": device.environment() | {"device": plan.device, "num_threads": plan.num_threads},
        "networks": {run.config.preset: network_sizes(run) for run in runs.values()},
        "runs": {name: run_record(run) for name, run in runs.items()},
        "edits": [row for name, run in runs.items() for row in edit_rows(name, run)],
    }
    record["claims"] = decide_claims(
        {run.config.preset: [load_evidence(run.folder)] for run in runs.values()}, plan.seed
    )
    record["seconds"] = sum(entry["seconds_all"] for entry in record["runs"].values())
    record["figures"] = []
    return record


def network_sizes(run: Run) -> dict[str, int]:
    """Return the parameter counts of a run's two networks."""
    return {
        "generator_parameters": registry.num_parameters(registry.build_generator(run.config)),
        "discriminator_parameters": registry.num_parameters(registry.build_discriminator(run.config)),
    }


def run_record(run: Run) -> dict[str, Any]:
    """Return a run's part of lab.json: what was trained, its losses, its scores, its classes."""
    stats, measured = run.stats(), MEASURE.read(run.folder / "measure.json")
    timing, health = TIMING.read_if_there(run.folder / "timing.json") or {}, run.folder / RECORD_NAME
    if not stats:
        raise RunError(f"{run.folder / 'stats.jsonl'} holds no line, so the training's losses are not known.")
    seconds = stats[-1].get("Timing/total_sec", 0.0)
    return {
        "preset": run.config.preset,
        "seed": run.config.seed,
        "total_nimg": run.config.total_nimg,
        "nimg": measured["nimg"],
        snapshots.HASH: measured.get(snapshots.HASH),
        "seconds": seconds,
        "seconds_all": seconds + timing.get("measure", 0.0) + timing.get("dissect", 0.0),
        "img_per_sec": run.config.total_nimg / seconds if run.config.total_nimg else None,
        "loss": [
            {
                "nimg": line["cur_nimg"],
                "G": line.get("Loss/G/adv"),
                "D": line.get("Loss/D/adv"),
                "D_real": line.get("Loss/D/real"),
                "D_fake": line.get("Loss/D/fake"),
            }
            for line in stats
        ],
        "scores": measured["scores"],
        "classes": measured["classes"],
        "confidence": measured["confidence"],
        "memorisation": measured.get("memorisation"),
        "health": HEALTH.read_if_there(health),
    }


def edit_rows(name: str, run: Run) -> list[dict[str, Any]]:
    """Return the measured edits of the chosen numbers to the values of the grids as rows of lab.json."""
    record = DISSECT.read(dissected.folder_of(run.folder) / dissected.RECORD_NAME)
    return [{"run": name, **row} for row in record["edits"] if row["value"] in record["values"]]
