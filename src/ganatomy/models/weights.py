"""All parameters of a network in one vector, beside their gradients and a copy in the arithmetic of the fast step.

One vector makes the norm, the average and the sum over processes one operation each. Four-dimensional weights lie in
channels-last order, so that a convolution reads them as they are and a matrix product sees rows [out, height * width *
in].
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

_ALIGNED = 16
"""Every parameter starts at a multiple of so many numbers (64 bytes in float32)."""


class Weights:
    """The parameters of `network`, moved into one vector; the network goes on working with them.

    `values` holds the parameters, `gradients` what `parameter.grad` shows (both of the parameters' dtype), `copies` the
    values rounded to `dtype`. Gaps between parameters are zero. Vectors of networks of the same shape line up, as the
    average's with the generator's.
    """

    def __init__(self, network: nn.Module, dtype: torch.dtype):
        parameters = list(network.parameters())
        first = parameters[0]
        self._spans, size = [], 0
        for parameter in parameters:
            self._spans.append((parameter, size))
            size += -(-parameter.numel() // _ALIGNED) * _ALIGNED
        self.values = torch.zeros(size, dtype=first.dtype, device=first.device)
        self.gradients = torch.zeros_like(self.values)
        self.copies = self.values if dtype == first.dtype else torch.zeros_like(self.values, dtype=dtype)
        for parameter, start in self._spans:
            shown = _shown(self.values, parameter, start)
            shown.copy_(parameter.detach())
            parameter.data = shown
            if parameter.requires_grad:
                parameter.grad = _shown(self.gradients, parameter, start)
        self.refresh()

    def refresh(self) -> None:
        """Round the values to the copies again, after the parameters changed."""
        if self.copies is not self.values:
            self.copies.copy_(self.values)

    def parts(self, vector: Tensor) -> list[tuple[nn.Parameter, Tensor]]:
        """Return every parameter with its part of a vector, in its shape."""
        return [(parameter, _shown(vector, parameter, start)) for parameter, start in self._spans]

    def copy(self, parameter: Tensor) -> Tensor:
        """Return a parameter in the arithmetic of the step: a view that `refresh` keeps up to date."""
        start = next(start for other, start in self._spans if other is parameter)
        return _shown(self.copies, parameter, start)


def _shown(vector: Tensor, parameter: Tensor, start: int) -> Tensor:
    """Return the part of a vector that belongs to a parameter, in its shape."""
    part = vector[start : start + parameter.numel()]
    if parameter.dim() != 4:
        return part.view(parameter.shape)
    out, num_in, height, width = parameter.shape
    return part.view(out, height, width, num_in).permute(0, 3, 1, 2)


def store(into: Tensor | None, value: Tensor, is_first: bool) -> None:
    """Write a gradient, or add it to that of an earlier pass."""
    assert into is not None, "a parameter's gradient was taken away"
    if is_first:
        into.copy_(value)
    else:
        into.add_(value)


class Room:
    """Memory that large intermediates take turns in: touched once, where new memory faults in page by page."""

    def __init__(self) -> None:
        self._memory = torch.empty(0)

    def take(self, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Return memory of this shape, of `like`'s dtype and device; the next call may hand it out again."""
        num = math.prod(shape)
        if self._memory.numel() < num or self._memory.dtype != like.dtype or self._memory.device != like.device:
            self._memory = like.new_empty(num)
        return self._memory[:num].view(shape)

    def product(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the matrix product a @ b in this room."""
        return torch.mm(a, b, out=self.take((a.shape[0], b.shape[1]), a))
