"""What a lab does at each budget, with fixed image counts so that numbers repeat, and what it should take."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from .. import config as configuration
from .. import device, files, presets
from ..config import TrainConfig
from ..datasets.store import Dataset
from ..datasets.stream import ImageStream
from ..errors import RunError, unknown
from ..latent import codes
from ..metrics.features import features_for
from ..models.generate import generate
from ..progress import clock
from ..training.state import TrainState
from ..training.step import train_step

PRESETS = ("gan", "dcgan")


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Sizes of one lab."""

    nimg: dict[str, int]
    """Training images per preset."""
    num_sets: int
    """Independent sets of 10,000 samples behind each score."""
    num_latents: int
    """Latents per chosen number and value in the latent experiment."""
    num_latents_all: int
    """Latents per number and value over all numbers."""
    num_prior: int
    """Images per prior in the comparison of noise distributions."""


BUDGETS = {
    "smoke": Budget(nimg={"gan": 12_800, "dcgan": 3_200}, num_sets=2, num_latents=64, num_latents_all=8, num_prior=500),
    "quick": Budget(
        nimg={"gan": 180_000, "dcgan": 180_000}, num_sets=3, num_latents=1000, num_latents_all=256, num_prior=5000
    ),
    "full": Budget(
        nimg={"gan": 3_000_000, "dcgan": 1_500_000}, num_sets=5, num_latents=1000, num_latents_all=256, num_prior=10_000
    ),
}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One lab, decided: everything that its numbers depend on."""

    budget: str
    seed: int
    data: str
    data_sha256: str
    dims: tuple[int, ...] | None
    """Latent numbers to edit; None: five drawn by the seed."""
    device: str
    num_threads: int

    @property
    def sizes(self) -> Budget:
        """The budget's sizes."""
        return BUDGETS[self.budget]

    def run_name(self, preset: str) -> str:
        """Return the folder name of one training."""
        return f"{preset}-s{self.seed}"

    def train_config(self, preset: str, dataset: Dataset) -> TrainConfig:
        """Return the full configuration of one training."""
        channels, height, width = dataset.img_shape
        config = dataclasses.replace(
            presets.preset(preset), seed=self.seed, total_nimg=self.sizes.nimg[preset],
            data=dataset.name, data_sha256=dataset.sha256, num_train=len(dataset.train),
            img_channels=channels, img_height=height, img_width=width,
            device=self.device, num_threads=self.num_threads,
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
    return Plan(
        budget=budget, seed=seed, data=dataset.name, data_sha256=dataset.sha256,
        dims=tuple(dims) if dims is not None else None, device=str(device_name), num_threads=num_threads,
    )  # fmt: skip


def announce(plan: Plan, dataset: Dataset, folder: Path, say: Callable[[str], None]) -> None:
    """Say what will be done and how long it should take, before it starts."""
    sizes = plan.sizes
    left = remaining_nimg(plan, folder)
    say(f"lab {plan.budget} on {plan.data}, seed {plan.seed}: {folder}")
    say(
        f"plan: train {' and '.join(f'{name} on {num:,} images' for name, num in sizes.nimg.items())}; "
        f"{sizes.num_sets} x 10,000 samples each; all latent numbers on {sizes.num_latents_all} latents, "
        f"the chosen ones on {sizes.num_latents:,}; claims; report."
    )
    device.use_threads(plan.num_threads)
    stages = expected_seconds(plan, dataset, left)
    parts = ", ".join(f"{name} {clock(seconds)}" for name, seconds in stages.items())
    say(f"expected: about {clock(sum(stages.values()))} ({parts}), by a short calibration on this machine.")


def check_budget(name: str) -> None:
    """Raise a `ConfigError` for a budget that does not exist."""
    if name not in BUDGETS:
        raise unknown("budget", name, BUDGETS)


def claim_folder(folder: Path, plan: Plan) -> bool:
    """Write the plan into a lab folder, or check it against the one there; return whether a lab continues.

    A folder that holds another lab is refused with the list of differences: two configurations never mix.
    """
    path = folder / "plan.json"
    wanted = dataclasses.asdict(plan) | {"dims": list(plan.dims) if plan.dims is not None else None}
    if not path.exists():
        if (folder / "config.json").exists() or (folder / "lab.json").exists():
            raise RunError(f"{folder} holds something else (a run, or a lab without its plan); choose another --out.")
        files.write_json(path, wanted)
        return False
    found = files.read_json(path)
    changed = [f"{key}: {found.get(key)} -> {value}" for key, value in wanted.items() if found.get(key) != value]
    if changed:
        raise RunError(
            f"{folder} holds a lab of another configuration ({'; '.join(changed)}). "
            "Give the same options to continue it, or choose another --out."
        )
    return True


def remaining_nimg(plan: Plan, folder: Path) -> dict[str, int]:
    """Return how many training images each preset still has to see."""
    left = {}
    for preset in PRESETS:
        status = folder / "runs" / plan.run_name(preset) / "status.json"
        seen = files.read_json(status)["cur_nimg"] if status.exists() else 0
        left[preset] = max(0, plan.sizes.nimg[preset] - seen)
    return left


def expected_seconds(plan: Plan, dataset: Dataset, left_nimg: dict[str, int]) -> dict[str, float]:
    """Return the seconds each stage should take, from a calibration of about two seconds on this machine."""
    features = features_for(dataset.name)
    seconds = {}
    for preset in PRESETS:
        config = plan.train_config(preset, dataset)
        state = TrainState(config, torch.device(config.device))
        stream = ImageStream(dataset.train, config.seed, state.device)
        num = config.batch_size
        real_img, z = stream.real_img(0, num), torch.zeros(num, config.z_dim, device=state.device)
        step = _seconds_of(partial(train_step, state, real_img, z)) / num
        G = state.G_ema.eval()
        some_z = torch.zeros(256, config.z_dim)
        picture = _seconds_of(partial(generate, G, some_z)) / 256
        if features is not None:
            pictures = generate(G, some_z)
            picture += _seconds_of(partial(features.extract, pictures)) / 256
        seconds[f"train {preset}"] = step * left_nimg[preset]
        seconds[f"measure and dissect {preset}"] = picture * _num_pictures(plan, config.z_dim)
    return seconds


def _num_pictures(plan: Plan, z_dim: int) -> int:
    """Return about how many images are generated and looked at after one training."""
    sizes = plan.sizes
    num_dims = len(plan.dims) if plan.dims is not None else 5
    edits = 4 * (z_dim * sizes.num_latents_all + num_dims * sizes.num_latents)  # three values and a control
    return sizes.num_sets * 10_000 + int(1.3 * edits) + 8 * sizes.num_prior


def _seconds_of(work: Callable[[], Any]) -> float:
    """Return the median seconds of a few calls after one warm-up call."""
    work()
    times: list[float] = []
    while len(times) < 3 or (sum(times) < 0.3 and len(times) < 50):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2]
