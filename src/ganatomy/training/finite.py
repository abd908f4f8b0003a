"""A loss or gradient that is not finite stops a run before the optimizer moves."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor

from ..errors import DivergedError


def check_finite(name: str, cur_nimg: int, watched: Tensor, norm: Tensor, loss: Callable[[], Tensor]) -> None:
    """Raise a `DivergedError` unless `watched` (a loss, or a sum of logits) and the gradient's norm are finite.

    A sum of finite logits has a finite loss. `loss` is asked for the message only.
    """
    if not math.isfinite((watched + norm).item()):
        raise DivergedError(
            f"{name} diverged after {cur_nimg:,} images: its loss is {loss().item():g}, "
            f"its gradient norm {norm.item():g}. Its optimizer was not stepped."
        )
