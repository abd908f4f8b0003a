"""From latents to pictures: one function, used by samples, metrics, dissection and the command line."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .. import images
from ..errors import DivergedError

CHUNK = 256


def generate(G: nn.Module, z: Tensor, chunk: int = CHUNK) -> Tensor:
    """Return G's images for latents [N, Z] as uint8 [N, C, H, W] on the CPU.

    G must be in eval mode. Latents pass in chunks of one fixed size (the last is padded with zeros), so a
    latent gives the same bytes whatever stands beside it and however many are asked for. Images that are not
    finite raise a `DivergedError`.
    """
    if G.training:
        raise AssertionError("generate() needs a generator in eval mode")
    device = next(G.parameters()).device
    parts = []
    with torch.inference_mode():
        for part in z.split(chunk):
            padded = torch.zeros(chunk, z.shape[1])
            padded[: len(part)] = part
            img = G(padded.to(device))
            if not torch.isfinite(img).all():  # uint8 would turn NaN into some grey and hide it
                raise DivergedError("the generator gives images that are NaN or infinite; use an earlier snapshot.")
            parts.append(images.to_u8(img)[: len(part)].cpu())
    return torch.cat(parts)
