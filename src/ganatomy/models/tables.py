"""The layers of a network as a table: shapes, parameters and the convolution arithmetic behind each size."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn


def arithmetic(layer: nn.Module, size_in: tuple[int, ...]) -> str:
    """Return how a layer's output size follows from its input: `(4-1)*2 - 2*1 + 3 = 7`; else an empty string."""
    if isinstance(layer, nn.Linear):
        return f"{layer.in_features}*{layer.out_features} + {layer.out_features}"
    if not isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        return ""
    sums = []
    for axis in range(2):
        n, k, s, p = size_in[axis - 2], layer.kernel_size[axis], layer.stride[axis], int(layer.padding[axis])
        if isinstance(layer, nn.ConvTranspose2d):
            sums.append(f"({n}-1)*{s} - 2*{p} + {k} = {(n - 1) * s - 2 * p + k}")
        else:
            sums.append(f"({n} + 2*{p} - {k})/{s} + 1 = {(n + 2 * p - k) // s + 1}")
    return sums[0] if sums[0] == sums[1] else f"H: {sums[0]}; W: {sums[1]}"


def layer_table(network: nn.Module, input_shape: tuple[int, ...]) -> list[dict[str, Any]]:
    """Return one row per layer: name, layer (as printed), output shape, parameters, arithmetic.

    `input_shape` is without the batch: (z_dim,) or (C, H, W). Convolutions show how their size follows from
    kernel, stride and padding, linear layers how their parameters are counted.
    """
    rows: list[dict[str, Any]] = []
    hooks = []

    def watch(name: str, layer: nn.Module) -> None:
        def record(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            rows.append(
                {
                    "name": name,
                    "layer": str(module),
                    "output": list(output.shape[1:]),
                    "parameters": sum(math.prod(p.shape) for p in module.parameters()),
                    "arithmetic": arithmetic(module, tuple(inputs[0].shape)),
                }
            )

        hooks.append(layer.register_forward_hook(record))

    for name, layer in network.named_modules():
        if not any(layer.children()):
            watch(name, layer)
    was_training = network.training
    network.eval()
    try:
        with torch.no_grad():
            network(torch.zeros(1, *input_shape, device=next(network.parameters()).device))
    finally:
        network.train(was_training)
        for hook in hooks:
            hook.remove()
    return rows
