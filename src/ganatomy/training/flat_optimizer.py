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


def update_of(optimizer: torch.optim.Optimizer, weights: Weights) -> Callable[[], None]:
    """Return the optimizer's step over a network's vector of parameters; reads `weights.gradients`."""
    if isinstance(optimizer, torch.optim.Adam):
        return _adam(optimizer, weights)
    assert isinstance(optimizer, torch.optim.SGD)
    lr = optimizer.param_groups[0]["lr"]
    return lambda: _sgd(weights.values, weights.gradients, lr)


def _sgd(values: Tensor, gradients: Tensor, lr: float) -> None:
    """Move by -lr * gradient: all that torch's SGD does without momentum and weight decay."""
    values.add_(gradients, alpha=-lr)


def _adam(optimizer: torch.optim.Adam, weights: Weights) -> Callable[[], None]:
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
            maximize=False,
        )  # fmt: skip

    return update
