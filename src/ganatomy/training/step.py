"""One training step in plain float32: the readable reference that the fast step is tested against.

One z serves both updates: G runs once, D learns on the detached images, then G learns through the updated D.
D sees real and generated images in separate passes; joining them would change its batch norm.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..losses import adversarial
from . import ema, schedule
from .finite import check_finite
from .state import TrainState


def d_step(state: TrainState, real_img: Tensor, gen_img: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Update D once on real and generated images [N, C, H, W]; return real logits [N], generated ones [N], the norm."""
    state.optimizer_D.zero_grad(set_to_none=True)
    real_logits = state.D(real_img)
    gen_logits = state.D(gen_img.detach())
    loss = adversarial.d_loss(real_logits, gen_logits).mean()
    loss.backward()
    norm = _gradient_norm(state.D)
    check_finite("D", state.cur_nimg, loss.detach(), norm, loss.detach)
    state.optimizer_D.step()
    return real_logits.detach(), gen_logits.detach(), norm


def g_step(state: TrainState, gen_img: Tensor, real_logits: Tensor) -> tuple[Tensor, Tensor]:
    """Update G once through the images [N, C, H, W] it made; return their logits [N] and the norm. D's weights stay."""
    state.optimizer_G.zero_grad(set_to_none=True)
    state.D.requires_grad_(False)
    gen_logits = state.D(gen_img)
    loss = adversarial.g_loss(real_logits, gen_logits).mean()
    loss.backward()
    state.D.requires_grad_(True)
    norm = _gradient_norm(state.G)
    check_finite("G", state.cur_nimg, loss.detach(), norm, loss.detach)
    state.optimizer_G.step()
    return gen_logits.detach(), norm


def train_step(state: TrainState, real_img: Tensor, z: Tensor) -> None:
    """Take one step on real images [N, C, H, W] in [-1, 1] and latents [N, z_dim]; advances the state."""
    gen_img = state.G(z)
    real_logits, gen_logits, norm_D = d_step(state, real_img, gen_img)
    gen_logits_for_G, norm_G = g_step(state, gen_img, real_logits)
    state.cur_nimg += len(real_img)
    ema.update(state.G_ema, state.G, schedule.ema_beta(len(real_img), state.cur_nimg, state.config.ema_halflife_nimg))
    state.tick.add((real_logits, gen_logits, gen_logits_for_G), (norm_G, norm_D))


def _gradient_norm(network: nn.Module) -> Tensor:
    return torch.as_tensor(nn.utils.get_total_norm([p.grad for p in network.parameters() if p.grad is not None]))
