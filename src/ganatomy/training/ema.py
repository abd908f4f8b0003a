"""G_ema: the moving average of the generator's weights, and the batch-norm statistics that belong to it."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from .. import rng

NUM_STATISTICS_LATENTS = 2048
_CHUNK = 256


@torch.no_grad()
def update(G_ema: nn.Module, G: nn.Module, beta: float) -> None:
    """Move every weight of G_ema towards G's: w_ema = beta * w_ema + (1 - beta) * w. Buffers are left alone."""
    for average, current in zip(G_ema.parameters(), G.parameters()):
        average.lerp_(current, 1.0 - beta)


def with_statistics(G_ema: nn.Module, z_dim: int, seed: int) -> nn.Module:
    """Return a copy of G_ema in eval mode whose batch-norm statistics come from its own activations.

    Averaged weights produce other activations than the raw ones, so the raw statistics do not fit them. The
    copy's are the mean over 2,048 fixed latents in batches of 256: a pure function of the weights and the seed.
    """
    # In plain memory order, as a snapshot is read again: the same bytes then give the same pictures.
    network = copy.deepcopy(G_ema)
    for parameter in network.parameters():
        # Not .contiguous(): with one channel it takes several orders for plain and keeps them, and other kernels run.
        parameter.data = parameter.data.clone(memory_format=torch.contiguous_format)
    norms = [layer for layer in network.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]
    if norms:
        momenta = [norm.momentum for norm in norms]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # cumulative average over the batches below
            norm.train()
        z = rng.latents(seed, "batch_norm", NUM_STATISTICS_LATENTS, z_dim).to(_device(network))
        with torch.no_grad():
            for part in z.split(_CHUNK):
                network(part)
        for norm, momentum in zip(norms, momenta):
            norm.momentum = momentum
    return network.eval()


def _device(network: nn.Module) -> torch.device:
    first: Tensor = next(network.parameters())
    return first.device
