"""A loss or gradient that is not finite stops a run before the optimizer moves."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ..errors import DivergedError


class Guard:
    """The same check on a device whose answers are slow to read: noted there at every step, read once per tick.

    From the first number that is not finite on, `is_stopped` is 1, and nothing moves any more.
    """

    def __init__(self, device: torch.device):
        self.is_stopped = torch.zeros((), device=device)
        self._num_stopped = torch.zeros((), device=device)

    def watch(self, value: Tensor) -> None:
        """Note whether a number is finite."""
        self.is_stopped.add_(~value.isfinite()).clamp_(max=1.0)

    def end_step(self) -> None:
        """Count the step if it moved nothing."""
        self._num_stopped.add_(self.is_stopped)

    def num_stopped(self) -> int:
        """Return how many steps moved nothing; waits for the device."""
        return int(self._num_stopped.item())


def check_finite(name: str, cur_nimg: int, watched: Tensor, norm: Tensor, loss: Callable[[], Tensor]) -> None:
    """Raise a `DivergedError` unless `watched` (a loss, or a sum of logits) and the gradient's norm are finite.

    A sum of finite logits has a finite loss. `loss` is asked for the message only.
    """
    if not math.isfinite((watched + norm).item()):
        raise DivergedError(
            f"{name} diverged after {cur_nimg:,} images: its loss is {loss().item():g}, "
            f"its gradient norm {norm.item():g}. Its optimizer was not stepped."
        )
