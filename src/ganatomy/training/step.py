"""One training step in plain float32: the readable reference that faster steps are tested against.

One z serves both updates: G runs once, D learns on the detached images, then G learns through the updated D.
D sees real and generated images in separate passes; joining them would change its batch norm.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ..errors import DivergedError
from ..losses import adversarial
from . import ema, schedule
from .state import TrainState


def d_step(state: TrainState, real_img: Tensor, gen_img: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """Update D once on real and generated images [N, C, H, W]; return (batch-mean scalars, real logits [N])."""
    state.optimizer_D.zero_grad(set_to_none=True)
    real_logits = state.D(real_img)
    gen_logits = state.D(gen_img.detach())
    loss = adversarial.d_loss(real_logits, gen_logits).mean()
    loss.backward()
    norm = _finite_gradient_norm(state.D, loss, "D", state.cur_nimg)
    state.optimizer_D.step()
    real_logits, gen_logits = real_logits.detach(), gen_logits.detach()
    scalars = {
        "Loss/D/adv": loss,
        "Loss/D/real": adversarial.d_loss_real(real_logits).mean(),
        "Loss/D/fake": adversarial.d_loss_gen(gen_logits).mean(),
        "Scores/real": real_logits.sigmoid().mean(),
        "Scores/fake": gen_logits.sigmoid().mean(),
        "Accuracy/real": (real_logits > 0).float().mean(),
        "Accuracy/fake": (gen_logits < 0).float().mean(),
        "Grad/D/norm": norm,
    }
    return scalars, real_logits


def g_step(state: TrainState, gen_img: Tensor, real_logits: Tensor) -> dict[str, Tensor]:
    """Update G once through the images [N, C, H, W] it made; return batch-mean scalars. D's weights stay."""
    state.optimizer_G.zero_grad(set_to_none=True)
    state.D.requires_grad_(False)
    loss = adversarial.g_loss(real_logits, state.D(gen_img)).mean()
    loss.backward()
    state.D.requires_grad_(True)
    norm = _finite_gradient_norm(state.G, loss, "G", state.cur_nimg)
    state.optimizer_G.step()
    return {"Loss/G/adv": loss, "Grad/G/norm": norm}


def train_step(state: TrainState, real_img: Tensor, z: Tensor) -> None:
    """Take one step on real images [N, C, H, W] in [-1, 1] and latents [N, z_dim]; advances the state."""
    gen_img = state.G(z)
    scalars, real_logits = d_step(state, real_img, gen_img)
    scalars |= g_step(state, gen_img, real_logits)
    state.cur_nimg += len(real_img)
    ema.update(state.G_ema, state.G, schedule.ema_beta(len(real_img), state.cur_nimg, state.config.ema_halflife_nimg))
    state.tick.add(scalars, len(real_img))


def _finite_gradient_norm(network: nn.Module, loss: Tensor, name: str, cur_nimg: int) -> Tensor:
    """Return the norm of all gradients; a non-finite loss or gradient raises before the optimizer moves."""
    norm = nn.utils.get_total_norm([p.grad for p in network.parameters() if p.grad is not None])
    if not math.isfinite(loss.item() + norm.item()):
        raise DivergedError(
            f"{name} diverged after {cur_nimg:,} images: its loss is {loss.item():g}, "
            f"its gradient norm {norm.item():g}. Its optimizer was not stepped."
        )
    return torch.as_tensor(norm)
