"""Faults planted into a training, and the record of a run with or without one. Used by `benchmarks.health`.

A fault changes one thing from 40 % of the run on (faults of the data: from its start). None of this is known to the
health rules: they see what every run writes, stats.jsonl and panel.jsonl.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ganatomy import config as configuration
from ganatomy import files, presets
from ganatomy.config import TrainConfig
from ganatomy.datasets.store import Dataset, ImageStore
from ganatomy.datasets.stream import ImageStream
from ganatomy.errors import DivergedError, Interrupted
from ganatomy.metrics import evaluate
from ganatomy.metrics.features import features_for
from ganatomy.metrics.panel import Panel
from ganatomy.training import loop
from ganatomy.training.run import Run, create_run, open_run
from ganatomy.training.runlog import PANEL
from ganatomy.training.state import TrainState

ACTIVE_FROM = 0.4
"""Share of the run at which a fault begins, unless it lies in the data."""
NIMG = {"dcgan": 16_000, "gan": 60_000, "gan-adam": 60_000}
"""Training images per recorded run."""
NAMED_WITHIN = 0.2
"""Share of a run within which a fault has to be named after it began."""
NUM_TICKS, NUM_LOOKS = 100, 10
DATA_FAULT_RUN = 4
"""A fault of the data begins with the run, so its run is planned longer and only its first part recorded."""
STATS = (
    "cur_nimg", "Loss/G/adv", "Loss/D/adv", "Scores/real", "Scores/fake", "Accuracy/real", "Accuracy/fake",
    "Grad/G/norm", "Grad/D/norm",
)  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """One planted fault."""

    says: str
    """What was done, for the table."""
    accept: tuple[str, ...]
    """Verdicts that name it."""
    begin: Callable[[TrainState], None] = lambda state: None
    """Changes the state when the fault begins."""
    stream: Callable[[Tensor], Tensor] | None = None
    """Changes the batches of real images once it has begun."""
    data: Callable[[Dataset], Dataset] | None = None
    """Changes the data from the start."""


def _rate(G: float = 1.0, D: float = 1.0) -> Callable[[TrainState], None]:
    def begin(state: TrainState) -> None:
        for optimizer, factor in ((state.optimizer_G, G), (state.optimizer_D, D)):
            for group in optimizer.param_groups:
                group["lr"] *= factor

    return begin


def _forward(output: float = 1.0, latent: Callable[[Tensor], Tensor] | None = None) -> Callable[[TrainState], None]:
    """Change what G and G_ema take or give."""

    def begin(state: TrainState) -> None:
        for network in (state.G, state.G_ema):
            if latent is not None:
                network.register_forward_pre_hook(lambda _, args: (latent(args[0]), *args[1:]))
            if output != 1.0:
                network.register_forward_hook(lambda _, __, img: img * output)

    return begin


def _flip_labels(share: float) -> Callable[[TrainState], None]:
    """Show D the wrong label of that share of the images: with this loss, a change of the logit's sign."""

    def begin(state: TrainState) -> None:
        def flip(network: nn.Module, _: Any, logits: Tensor) -> Tensor:
            if not next(network.parameters()).requires_grad or not network.training or not torch.is_grad_enabled():
                return logits  # G's step, or the panel
            count = round(share * len(logits))
            order = torch.randperm(len(logits), generator=torch.Generator().manual_seed(state.cur_nimg))
            signs = torch.ones(len(logits))
            signs[order[:count]] = -1.0
            return logits * signs

        state.D.register_forward_hook(flip)

    return begin


def _negate_gradients(name: str) -> Callable[[TrainState], None]:
    def begin(state: TrainState) -> None:
        optimizer: torch.optim.Optimizer = getattr(state, f"optimizer_{name}")

        def negate(*_: Any) -> None:
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    parameter.grad.neg_()

        optimizer.register_step_pre_hook(negate)

    return begin


def _few(num: int) -> Callable[[Dataset], Dataset]:
    def cut(dataset: Dataset) -> Dataset:
        labels = dataset.train.labels
        store = ImageStore(dataset.train.images[:num], labels[:num] if labels is not None else None)
        return dataclasses.replace(dataset, train=store)

    return cut


def _one_class(dataset: Dataset) -> Dataset:
    labels = dataset.train.labels
    assert labels is not None
    chosen = labels == 0
    return dataclasses.replace(dataset, train=ImageStore(dataset.train.images[chosen], labels[chosen]))


def _repeat_first(img: Tensor) -> Tensor:
    return img[:1].expand_as(img)


def _noise_like(img: Tensor) -> Tensor:
    return torch.rand(img.shape, generator=torch.Generator().manual_seed(0)) * 2 - 1


def _four_latents(z: Tensor) -> Tensor:
    """Two signs, each repeated over half of the numbers: a generator of random numbers with four values."""
    return z[:, :2].sign().repeat_interleave(z.shape[1] // 2, dim=1)


FAULTS = {
    "d-rate-x50": Fault("D's learning rate x 50", ("d_strong", "d_weak", "divergence", "collapse"), _rate(D=50)),
    "g-rate-x100": Fault(
        "G's learning rate x 100", ("collapse", "divergence", "oscillation", "g_vanishing"), _rate(G=100)
    ),
    "rates-x30": Fault("both learning rates x 30", ("collapse", "divergence", "oscillation"), _rate(30, 30)),
    "d-frozen": Fault("D frozen", ("d_weak", "divergence"), _rate(D=0)),
    "g-frozen": Fault("G frozen", ("stalled", "d_strong"), _rate(G=0)),
    "g-scaled": Fault("G's output x 0.1", ("d_strong", "divergence", "g_vanishing"), _forward(output=0.1)),
    "zero-noise": Fault("latents all zero", ("collapse",), _forward(latent=torch.zeros_like)),
    "four-latents": Fault("four latents only", ("collapse",), _forward(latent=_four_latents)),
    "one-class": Fault("training images of one class only", ("collapse",), data=_one_class),
    "200-images": Fault("200 training images", ("memorising",), data=_few(200)),
    "one-image": Fault("one image as every real image", ("collapse", "d_strong", "divergence"), stream=_repeat_first),
    "noise-data": Fault("noise as real images", ("divergence", "d_strong"), stream=_noise_like),
    "label-noise": Fault("40 % of D's labels wrong", ("d_weak",), _flip_labels(0.4)),
    "tiny-rates": Fault("learning rates of 1e-7", ("stalled",), _rate(5e-4, 5e-4)),
    "g-backwards": Fault("G's gradient with the wrong sign", ("d_strong", "divergence"), _negate_gradients("G")),
    "d-backwards": Fault("D's gradient with the wrong sign", ("d_weak", "divergence"), _negate_gradients("D")),
}


class FaultyStream(ImageStream):
    """Batches that change once a fault has begun."""

    def __init__(self, dataset: Dataset, seed: int, change: Callable[[Tensor], Tensor] | None, begin_nimg: int):
        super().__init__(dataset.train, seed, "cpu")
        self._change, self._begin_nimg = change, begin_nimg

    def real_img(self, start_nimg: int, num: int) -> Tensor:
        """As in `ImageStream`, changed from `begin_nimg` on."""
        img = super().real_img(start_nimg, num)
        return self._change(img) if self._change is not None and start_nimg >= self._begin_nimg else img


@dataclass(frozen=True)
class Beginning:
    """A healthy run up to where faults begin: the same for every fault of one preset and seed, so trained once."""

    folder: Path
    tensors: dict[str, Tensor]
    counters: dict[str, Any]


def record_beginning(preset: str, seed: int, dataset: Dataset, folder: Path) -> Beginning:
    """Train a run in a folder up to where faults begin."""
    config = _config(preset, seed, NIMG[preset], dataset)
    create_run(folder, config, "benchmarks.health", dataset.describe())
    state = TrainState(config, torch.device("cpu"))
    stream = FaultyStream(dataset, seed, None, 0)
    hooks = [(NIMG[preset] // NUM_LOOKS, Panel(folder, dataset, features_for(dataset)))]
    _train(state, stream, folder, hooks, int(ACTIVE_FROM * NIMG[preset]))
    return Beginning(folder, state.tensors(), state.counters())


def record_run(
    preset: str, seed: int, fault: Fault | None, dataset: Dataset, folder: Path, beginning: Beginning | None = None
) -> dict[str, Any]:
    """Train one run in a folder and return what the health rules need of it, rounded, with its Frechet distance.

    A run with a fault ends a little after the share of the run within which the fault has to be named.
    """
    in_data = fault is not None and fault.data is not None
    data = fault.data(dataset) if fault and fault.data else dataset
    total = NIMG[preset] * (DATA_FAULT_RUN if in_data else 1)
    begin_nimg = 0 if in_data else int(ACTIVE_FROM * total)
    stop_nimg = begin_nimg + int((NAMED_WITHIN + 0.01) * total) if fault else total
    config = _config(preset, seed, total, data)
    state = TrainState(config, torch.device("cpu"))
    if beginning is None:
        create_run(folder, config, "benchmarks.health", data.describe())
    else:
        shutil.copytree(beginning.folder, folder)
        state.load(beginning.tensors, beginning.counters)
    stream = FaultyStream(data, seed, fault.stream if fault else None, begin_nimg)
    hooks: list[tuple[int, loop.Hook]] = [(NIMG[preset] // NUM_LOOKS, Panel(folder, data, features_for(dataset)))]
    if fault is not None:
        fault.begin(state)
    diverged = _train(state, stream, folder, hooks, stop_nimg)
    run = open_run(folder)
    return {
        "preset": preset,
        "seed": seed,
        "total_nimg": total,
        "begin_nimg": begin_nimg if fault else None,
        "diverged_nimg": state.cur_nimg if diverged else None,
        "fd": None if fault else _distance(run, dataset),
        "stats": [{key: _rounded(line[key]) for key in STATS} for line in run.stats()],
        "panel": [{k: _rounded(v) for k, v in line.items()} for line in files.read_jsonl(folder / PANEL)],
    }


def _config(preset: str, seed: int, total_nimg: int, data: Dataset) -> TrainConfig:
    every = NIMG[preset]
    config = dataclasses.replace(
        presets.preset(preset), seed=seed, total_nimg=total_nimg, checkpoint_nimg=total_nimg, snapshot_nimg=total_nimg,
        tick_nimg=every // NUM_TICKS, sample_nimg=every // NUM_LOOKS, num_threads=torch.get_num_threads(),
        **data.settings(),
    )  # fmt: skip
    return configuration.resolve(config)


def _train(
    state: TrainState, stream: ImageStream, folder: Path, hooks: list[tuple[int, loop.Hook]], stop_nimg: int
) -> bool:
    """Train up to an image count; return whether a loss or gradient stopped being finite."""

    def should_stop() -> bool:
        return state.cur_nimg >= stop_nimg

    try:
        for _ in loop.train(state, stream, folder, hooks, should_stop):
            pass
    except DivergedError:
        return True
    except Interrupted:
        return False
    return False


def _distance(run: Run, dataset: Dataset) -> float:
    work = evaluate.measure(
        run.generator(), run.config.z_dim, dataset, features_for(dataset), seed=0, num_sets=1, near=(1, 2)
    )
    record = list(work)[-1]
    assert isinstance(record, dict)
    return float(next(iter(record["scores"].values()))["value"])


def _rounded(value: Any) -> Any:
    return float(f"{value:.5g}") if isinstance(value, float) else value
