"""What a lab does at each budget, with fixed image counts so that numbers repeat, and what it should take."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, get_args

import torch

from .. import config as configuration
from .. import device, files, presets
from ..checked import is_there
from ..config import EngineName, PrecisionName, TrainConfig
from ..datasets.store import Dataset
from ..errors import RunError, unknown
from ..latent import codes, dissection
from ..latent.dissection import DissectConfig
from ..latent.lens import Lens, Subject
from ..latent.real import NUM_REAL
from ..metrics.features import features_for, features_reason
from ..metrics.prdc import K
from ..models.generate import generate
from ..progress import clock
from ..training import engine, memory, session
from ..training.run import Run, check_empty
from ..training.shapes import STATUS
from ..training.state import TrainState
from .keeping import is_dissected, is_measured
from .shapes import PLAN

PRESETS = ("gan", "dcgan")
FAST_NUM_THREADS = 6
SLOW_QUICK_DCGAN_NIMG = 60_000
"""Images of the quick lab's dcgan on few cores without wide vector units, where three epochs would take a quarter of
an hour; decided by the hardware, not by a clock, so that numbers repeat."""
SECONDS_BESIDE = 10
"""Seconds for claims and page, which do not depend on the budget."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Sizes of one lab."""

    nimg: dict[str, int]
    """Training images per preset, as fixed counts so that numbers repeat."""
    num_pictures: int
    """Pictures of the fixed latents over a training."""
    num_sets: int
    """Independent sets of 10,000 samples behind each score."""
    near: tuple[int, int]
    """Sample sets, and images of each, behind kernel distance, precision, recall, density and coverage."""
    memory: int
    """Generated images whose nearest training images are looked for."""
    num_latents: int
    """Latents per chosen number and value in the latent experiment."""
    num_latents_all: int
    """Latents per number and value over all numbers."""
    num_prior: int
    """Images per prior in the comparison of noise distributions."""
    num_scale: int
    """Images per scale of the whole latent."""
    num_jacobians: int
    """Latents at which the Jacobian is taken."""
    num_path_pairs: int
    """Pairs of latents joined by paths."""
    num_direction_latents: int
    """Latents that directions are found on."""
    num_inverted: int
    """Test images, and as many training images, that are inverted."""
    num_inversion_evals: int
    """Evaluations for each start of an inversion."""


BUDGETS = {
    "smoke": Budget(
        nimg={"gan": 6_400, "dcgan": 1_280}, num_pictures=2, num_sets=1, near=(1, 1000), memory=200,
        num_latents=16, num_latents_all=2, num_prior=20, num_scale=20, num_jacobians=2,
        num_path_pairs=4, num_direction_latents=512, num_inverted=2, num_inversion_evals=10,
    ),
    "quick": Budget(
        nimg={"gan": 180_000, "dcgan": 180_000}, num_pictures=10, num_sets=3, near=(1, 5000), memory=1000,
        num_latents=1000, num_latents_all=256, num_prior=2000, num_scale=1000,
        num_jacobians=64, num_path_pairs=64, num_direction_latents=4096, num_inverted=32, num_inversion_evals=250,
    ),
    "full": Budget(
        nimg={"gan": 3_000_000, "dcgan": 1_500_000}, num_pictures=20, num_sets=5, near=(5, 10_000), memory=1000,
        num_latents=1000, num_latents_all=256, num_prior=10_000, num_scale=2000,
        num_jacobians=256, num_path_pairs=64, num_direction_latents=8192, num_inverted=64, num_inversion_evals=250,
    ),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One lab, decided: everything that its numbers depend on."""

    budget: str
    seed: int
    data: str
    data_sha256: str
    dims: tuple[int, ...] | None
    """Latent numbers to edit; None: five drawn by the seed."""
    nimg: dict[str, int]
    """Training images per preset: the budget's, fewer for the quick lab on slow machines."""
    device: str
    num_threads: int
    engine: EngineName
    precision: PrecisionName

    @property
    def sizes(self) -> Budget:
        """The budget's sizes."""
        return BUDGETS[self.budget]

    def run_name(self, preset: str) -> str:
        """Return the folder name of one training."""
        return f"{preset}-s{self.seed}"

    def train_config(self, preset: str, dataset: Dataset) -> TrainConfig:
        """Return the full configuration of one training."""
        total_nimg = self.nimg[preset]
        config = dataclasses.replace(
            presets.preset(preset), seed=self.seed, total_nimg=total_nimg,
            sample_nimg=total_nimg // self.sizes.num_pictures,
            device=self.device, num_threads=self.num_threads, engine=self.engine, precision=self.precision,
            **dataset.settings(),
        )  # fmt: skip
        return configuration.resolve(config)


def make_plan(
    *, budget: str, seed: int, dims: tuple[int, ...] | None, dataset: Dataset, say: Callable[[str], None]
) -> Plan:
    """Return the plan of a lab; bad seeds and latent numbers are refused here, before any work."""
    check_budget(budget)
    for preset in PRESETS:
        configuration.check(dataclasses.replace(presets.preset(preset), seed=seed))
        if dims is not None:
            codes.check_dims(dims, presets.preset(preset).z_dim)
    device_name, device_reason = device.choose_device("auto")
    num_threads, threads_reason = device.choose_threads(None)
    say(f"device: {device_name} ({device_reason}); CPU threads: {num_threads} ({threads_reason}).")
    plan = Plan(
        budget=budget, seed=seed, data=dataset.name, data_sha256=dataset.sha256,
        dims=tuple(dims) if dims is not None else None, nimg=choose_nimg(budget, str(device_name), num_threads, say),
        device=str(device_name), num_threads=num_threads, **engine.choose({}, device_name, num_threads, say),
    )  # fmt: skip
    for preset in PRESETS:
        memory.check(plan.train_config(preset, dataset))
    return plan


def choose_nimg(budget: str, device_name: str, num_threads: int, say: Callable[[str], None]) -> dict[str, int]:
    """Return the training images per preset; on slow hardware a quick lab trains its dcgan less, and says so."""
    nimg = dict(BUDGETS[budget].nimg)
    capability = torch.backends.cpu.get_cpu_capability()
    fast = device_name != "cpu" or capability.startswith("AVX512") or num_threads >= FAST_NUM_THREADS
    if budget == "quick" and not fast:
        say(
            f"quick trains dcgan on {SLOW_QUICK_DCGAN_NIMG:,} images here instead of {nimg['dcgan']:,}, to end within "
            f"10 minutes on {num_threads} threads with {capability} instructions (AVX512 or {FAST_NUM_THREADS} threads "
            "would take all). Its samples stay rougher; --budget full trains it for 25 epochs."
        )
        nimg["dcgan"] = SLOW_QUICK_DCGAN_NIMG
    return nimg


def announce(plan: Plan, dataset: Dataset, folder: Path, say: Callable[[str], None]) -> None:
    """Say what will be done and how long it should take, before it starts."""
    sizes = plan.sizes
    say(f"lab {plan.budget} on {plan.data}, seed {plan.seed}: {folder}")
    say(
        f"plan: train {' and '.join(f'{name} on {num:,} images' for name, num in plan.nimg.items())}; "
        f"{sizes.num_sets} x 10,000 samples each; all latent numbers on {sizes.num_latents_all} latents, "
        f"the chosen ones on {sizes.num_latents:,}; claims; report."
    )
    session.warn_of_size(dataset, max(plan.train_config(preset, dataset).batch_size for preset in PRESETS), say)
    say(f"feature network {features_reason(dataset)}")
    device.use_threads(engine.as_possible_here(plan.train_config(PRESETS[0], dataset)).num_threads)
    stages = expected_seconds(plan, dataset, folder)
    parts = ", ".join(f"{name} {clock(seconds)}" for name, seconds in stages.items()) or "all is done but the page"
    say(f"expected: about {clock(SECONDS_BESIDE + sum(stages.values()))} ({parts}), by a short calibration here.")


def check_budget(name: str) -> None:
    """Raise a `ConfigError` for a budget that does not exist."""
    if name not in BUDGETS:
        raise unknown("budget", name, BUDGETS)


def check_folder(folder: Path) -> None:
    """Refuse a folder that holds anything but a lab, before anything is written into it."""
    if not (folder / "plan.json").exists():
        if (folder / "config.json").exists() or (folder / "lab.json").exists():
            raise RunError(f"{folder} holds something else (a run, or a lab without its plan); choose another --out.")
        check_empty(folder)


MADE_HERE = ("nimg", "device", "num_threads", "engine", "precision")
"""What a plan decides by looking at the machine; a lab that is continued elsewhere keeps what was decided."""


def claim_folder(folder: Path, plan: Plan, say: Callable[[str], None] = lambda message: None) -> Plan:
    """Write the plan into a lab folder, or check it against the one there; return the plan that holds.

    A folder that holds another lab is refused with the list of differences: two configurations never mix. What the
    first machine decided by looking at itself is kept, so that a lab may move; `say` is told what differs here.
    """
    path = folder / "plan.json"
    wanted = dataclasses.asdict(plan) | {"dims": list(plan.dims) if plan.dims is not None else None}
    if not path.exists():
        check_folder(folder)
        files.write_json(path, wanted)
        return plan
    found = PLAN.read(path)
    changed = [
        f"{key}: {found.get(key)} -> {value}"
        for key, value in wanted.items()
        if found.get(key) != value and key not in MADE_HERE
    ]
    if changed:
        raise RunError(
            f"{folder} holds a lab of another configuration ({'; '.join(changed)}). "
            "Give the same options to continue it, or choose another --out."
        )
    kept = {key: found[key] for key in MADE_HERE if key in found}
    is_whole = (
        len(kept) == len(MADE_HERE)
        and isinstance(kept["nimg"], dict)
        and kept["nimg"].keys() == plan.nimg.keys()
        and all(isinstance(number, int) for number in (*kept["nimg"].values(), kept["num_threads"]))
        and kept["device"] in device.DEVICES
    )
    if not is_whole or kept["engine"] not in get_args(EngineName) or kept["precision"] not in get_args(PrecisionName):
        raise RunError(f"{path} is not a plan of this version. Restore it from a copy, or choose another --out.")
    other = [f"{key} {kept[key]}" for key in MADE_HERE if kept[key] != getattr(plan, key)]
    if other:
        say(f"this lab goes on with what was decided at its start, where that differs from here: {', '.join(other)}.")
    return dataclasses.replace(plan, **kept)


def expected_seconds(plan: Plan, dataset: Dataset, folder: Path) -> dict[str, float]:
    """Return the seconds each stage that is left should take, from a short calibration on this machine."""
    features, sizes = features_for(dataset), plan.sizes
    seconds = {}
    for preset in PRESETS:
        run_folder = folder / "runs" / plan.run_name(preset)
        config = engine.as_possible_here(plan.train_config(preset, dataset))
        state = TrainState(config, torch.device(config.device))
        left_nimg = plan.nimg[preset] - _seen_nimg(run_folder)
        if left_nimg > 0:
            num = config.batch_size
            real_img = engine.image_stream(dataset.train, config, state.device).real_img(0, num)
            z = torch.zeros(num, config.z_dim, device=state.device)
            seconds[f"train {preset}"] = _seconds_of(partial(engine.build_step(state), real_img, z)) / num * left_nimg
        is_trained = left_nimg <= 0 and (run_folder / "config.json").exists()
        is_done = is_trained and has_measured(plan, dataset, Run(run_folder))
        if not is_done or not is_dissected(run_folder, dissect_config(plan), num_real_of(plan)):
            G, some_z = state.G_ema.eval(), torch.zeros(256, config.z_dim)
            picture = _seconds_of(partial(generate, G, some_z)) / 256
            if features is not None:
                picture += _seconds_of(partial(features.extract, generate(G, some_z))) / 256
            subject = Subject(preset, 0, config.z_dim, Lens(G, features), dataset)
            num_img = sizes.num_sets * 10_000 + dissection.cost(dissect_config(plan), subject)
            seconds[f"measure and dissect {preset}"] = picture * num_img
    return seconds


def has_measured(plan: Plan, dataset: Dataset, run: Run) -> bool:
    """Return whether a run's measure.json is what the lab would measure now."""
    sizes = plan.sizes
    looked = {"num_sets": sizes.num_sets, "near": list(sizes.near), "memory": sizes.memory, "k": K}
    return is_measured(run, {"seed": plan.seed, "sizes": looked}, features_for(dataset))


def num_real_of(plan: Plan) -> int:
    """Return how many test images serve the latent experiment of a lab for precision, recall and kernel distance."""
    return min(NUM_REAL, plan.sizes.near[1])


def _seen_nimg(run_folder: Path) -> int:
    """Return the images a run has seen by its last status, 0 where there is none."""
    status = run_folder / "status.json"
    return int(STATUS.read(status)["cur_nimg"]) if is_there(status) else 0


def dissect_config(plan: Plan) -> DissectConfig:
    """Return the latent experiment of a lab; both runs edit the same numbers on the same latents."""
    sizes = plan.sizes
    return DissectConfig(
        dims=plan.dims, num_latents=sizes.num_latents, num_latents_all=sizes.num_latents_all,
        num_prior_img=sizes.num_prior, num_scale_img=sizes.num_scale, num_jacobians=sizes.num_jacobians,
        num_path_pairs=sizes.num_path_pairs, num_direction_latents=sizes.num_direction_latents,
        num_inverted=sizes.num_inverted, num_inversion_evals=sizes.num_inversion_evals, seed=plan.seed,
    )  # fmt: skip


def _seconds_of(work: Callable[[], Any]) -> float:
    """Return the median seconds of a few calls (one of a slow one) after a warm-up call."""
    work()
    times: list[float] = []
    while not times or (sum(times) < 0.05 and len(times) < 50):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2]
