"""The optimizers of the fast step: torch's own update functions, called once on a whole network's vector.

`torch.optim` objects stay the owners of the state, so that checkpoints look the same whatever step made them: their
per-parameter moments become views of two vectors.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.optim.adam import adam

from ..models.weights import Weights


def update_of(
    optimizer: torch.optim.Optimizer, weights: Weights, is_stopped: Tensor | None = None
) -> Callable[[], None]:
    """Return the optimizer's step over a network's vector of parameters; reads `weights.gradients`.

    Where the number `is_stopped` is not 0, the step changes nothing; it is looked at on the device.
    """
    if isinstance(optimizer, torch.optim.Adam):
        return _adam(optimizer, weights, is_stopped)
    assert isinstance(optimizer, torch.optim.SGD)
    return _sgd(weights, optimizer.param_groups[0]["lr"], is_stopped)


def _sgd(weights: Weights, lr: float, is_stopped: Tensor | None) -> Callable[[], None]:
    """Return -lr * gradient as a step: all that torch's SGD does without momentum and weight decay."""

    def update() -> None:
        gradients = weights.gradients
        if is_stopped is not None:
            gradients = gradients.masked_fill(is_stopped > 0, 0.0)
        weights.values.add_(gradients, alpha=-lr)

    return update


def _adam(optimizer: torch.optim.Adam, weights: Weights, is_stopped: Tensor | None) -> Callable[[], None]:
    step = torch.zeros((), dtype=torch.float32, device=weights.values.device)
    moments = []
    for name in ("exp_avg", "exp_avg_sq"):
        vector = torch.zeros_like(weights.values)
        for parameter, part in weights.parts(vector):
            slots = optimizer.state[parameter]
            if name in slots:
                part.copy_(slots[name])
            slots[name] = part
        moments.append(vector)
    for parameter, _ in weights.parts(weights.values):
        step.copy_(optimizer.state[parameter].get("step", step))  # the same for all parameters
        optimizer.state[parameter]["step"] = step
    (beta1, beta2), group = optimizer.param_groups[0]["betas"], optimizer.param_groups[0]

    def update() -> None:
        adam(
            [weights.values], [weights.gradients], [moments[0]], [moments[1]], [], [step],
            fused=True, amsgrad=False, beta1=beta1, beta2=beta2, lr=group["lr"], weight_decay=0.0, eps=group["eps"],
            maximize=False, capturable=step.is_cuda, found_inf=is_stopped,
        )  # fmt: skip

    return update
