"""Which step trains a run, and in which arithmetic: decided once, printed with the reason, written into config.json."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Protocol, TypedDict

import torch
from torch import Tensor

from .. import device
from ..config import EngineName, PrecisionName, TrainConfig
from ..datasets.store import ImageStore
from ..datasets.stream import ImageStream
from ..errors import ConfigError
from .fast_step import DTYPES, FastStep
from .graph_step import GraphStep
from .state import TrainState
from .step import ReferenceStep


class Step(Protocol):
    """One training step, bound to a state."""

    def __call__(self, real_img: Tensor, z: Tensor, num_images: int | None = None) -> None:
        """Advance the state by this process's real images [n, C, H, W] in [-1, 1] and latents [n, z_dim].

        Both lie on the state's device; `num_images` counts the step's images over all processes, alone it is n.
        """

    def settle(self) -> None:
        """Raise a `DivergedError` that no step has raised yet; called at the end of every tick."""


WORTHWHILE = 1.5
"""bfloat16 is chosen where its matrix products run at so many times the rate of float32."""


def build_step(state: TrainState) -> Step:
    """Return the step that the configuration names, bound to a state whose weights are in place."""
    is_tf32 = state.config.precision == "tf32"
    torch.backends.cuda.matmul.allow_tf32 = is_tf32
    torch.backends.cudnn.allow_tf32 = is_tf32
    if state.config.engine == "reference":
        return ReferenceStep(state)
    if state.device.type != "cuda":
        return FastStep(state)
    return GraphStep(state) if state.group.size == 1 else FastStep(state, is_guarded=True)


def as_possible_here(
    config: TrainConfig, say: Callable[[str], None] = lambda message: None, num_threads: int | None = None
) -> TrainConfig:
    """Return a run's configuration as this machine can compute it, itself where its device is here.

    Elsewhere it goes on with the CPU, in float32, which every device computes (the weights, averages and optimizers
    are float32 always), with as many threads as a new run would have here or as asked for, and `say` is told.
    """
    if device.is_here(config.device):
        return config
    threads, reason = device.choose_threads(num_threads)
    say(
        f"this run was made with {config.device} ({config.precision}), which PyTorch does not find here: it goes on "
        f"with the CPU in float32, CPU threads: {threads} ({reason}). Its bytes are not those of the run on "
        f"{config.device} any more."
    )
    return dataclasses.replace(config, device="cpu", precision="float32", num_threads=threads)


def prepare(config: TrainConfig) -> None:
    """Set this process up as the configuration says: CPU threads, and memory that stays with it."""
    device.use_threads(config.num_threads)
    if config.device == "cpu":
        device.keep_memory()


def image_stream(store: ImageStore, config: TrainConfig, on: torch.device) -> ImageStream:
    """Return the real images in the step's own arithmetic."""
    dtype = DTYPES[config.precision] if config.engine == "fast" else torch.float32
    return ImageStream(store, config.seed, on, dtype)


class Choice(TypedDict):
    """What was decided, as fields of the configuration."""

    engine: EngineName
    precision: PrecisionName


def choose(asked: dict[str, Any], on: torch.device, num_threads: int, say: Callable[[str], None]) -> Choice:
    """Return `engine` and `precision` for a new run on a device, as asked for or by what this machine does; says why.

    Raises `ConfigError` for combinations that do not exist.
    """
    engine, precision = asked.get("engine", "auto"), asked.get("precision", "auto")
    engine_reason = precision_reason = "asked for"
    if engine == "auto":
        engine, engine_reason = _engine(on)
    if engine == "reference" and precision not in ("auto", "float32"):
        raise ConfigError(f"precision {precision} needs --engine fast; the reference step is plain float32.")
    if precision == "tf32" and on.type != "cuda":
        raise ConfigError("precision tf32 exists on CUDA devices only; use float32 or bfloat16 here.")
    if precision == "auto":
        precision, precision_reason = (
            ("float32", "of the reference") if engine == "reference" else _precision(on, num_threads)
        )
    kept = device.keep_memory() if on.type == "cpu" else ""
    say(f"step: {engine} ({engine_reason}); arithmetic: {precision} ({precision_reason}){kept}.")
    return {"engine": engine, "precision": precision}


def _engine(on: torch.device) -> tuple[EngineName, str]:
    if on.type == "mps":
        return "reference", "the fast step was never tried on mps"
    return "fast", "the same arithmetic as the reference, without autograd"


def _precision(on: torch.device, num_threads: int) -> tuple[PrecisionName, str]:
    """Return the arithmetic of the fast step and why: bfloat16 where its matrix products are clearly faster."""
    if on.type == "cpu":
        device.use_threads(num_threads)
    rates = {dtype: device.matrix_rate(on, dtype) for dtype in (torch.float32, torch.bfloat16)}
    ratio = rates[torch.bfloat16] / rates[torch.float32]
    found = f"its matrix products run at {ratio:.1f} times the rate of float32, measured now"
    if ratio >= WORTHWHILE:
        return "bfloat16", found
    return "float32", f"bfloat16: {found}; it is used from {WORTHWHILE} on"
