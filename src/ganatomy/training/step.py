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
from .state import TrainState, running_statistics


def d_step(
    state: TrainState, real_img: Tensor, gen_img: Tensor, num_images: int
) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """Update D once on this process's real and generated images [n, C, H, W] of a step of `num_images` images.

    Returns the logits of all real and all generated images, [num_images] each, and the norm of the gradient.
    """
    state.optimizer_D.zero_grad(set_to_none=True)
    real_logits = state.D(real_img)
    gen_logits = state.D(gen_img.detach())
    (adversarial.d_loss(real_logits, gen_logits).sum() / num_images).backward()
    logits = _reduce(state, state.D, (real_logits.detach(), gen_logits.detach()), num_images)
    loss, norm = adversarial.d_loss(*logits).mean(), _gradient_norm(state.D)
    check_finite("D", state.cur_nimg, loss, norm, lambda: loss)
    state.optimizer_D.step()
    return (logits[0], logits[1]), norm


def g_step(state: TrainState, gen_img: Tensor, real_logits: Tensor, num_images: int) -> tuple[Tensor, Tensor]:
    """Update G once through this process's images [n, C, H, W]; D's weights stay.

    Returns the logits of all generated images [num_images] and the norm of the gradient.
    """
    state.optimizer_G.zero_grad(set_to_none=True)
    state.D.requires_grad_(False)
    gen_logits = state.D(gen_img)
    first, num = state.group.part(num_images)
    (adversarial.g_loss(real_logits[first : first + num], gen_logits).sum() / num_images).backward()
    state.D.requires_grad_(True)
    (all_logits,) = _reduce(state, state.G, (gen_logits.detach(),), num_images)
    loss, norm = adversarial.g_loss(real_logits, all_logits).mean(), _gradient_norm(state.G)
    check_finite("G", state.cur_nimg, loss, norm, lambda: loss)
    state.optimizer_G.step()
    return all_logits, norm


def train_step(state: TrainState, real_img: Tensor, z: Tensor, num_images: int | None = None) -> None:
    """Take one step on real images [n, C, H, W] in [-1, 1] and latents [n, z_dim]; advances the state.

    `num_images` counts the step's images over all processes; alone it is n.
    """
    num_images = num_images or len(real_img)
    gen_img = state.G(z)
    (real_logits, gen_logits), norm_D = d_step(state, real_img, gen_img, num_images)
    gen_logits_for_G, norm_G = g_step(state, gen_img, real_logits, num_images)
    state.cur_nimg += num_images
    ema.update(state.G_ema, state.G, schedule.ema_beta(num_images, state.cur_nimg, state.config.ema_halflife_nimg))
    state.tick.add(torch.stack([real_logits, gen_logits, gen_logits_for_G]), torch.stack([norm_G, norm_D]))


class ReferenceStep:
    """`train_step` bound to a state."""

    def __init__(self, state: TrainState):
        self._state = state

    def __call__(self, real_img: Tensor, z: Tensor, num_images: int | None = None) -> None:
        """Take one step; see `train_step`."""
        train_step(self._state, real_img, z, num_images)

    def settle(self) -> None:
        """Do nothing: a loss that is not finite is found in its own step."""


def _reduce(state: TrainState, network: nn.Module, logits: tuple[Tensor, ...], num_images: int) -> tuple[Tensor, ...]:
    gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    statistics = running_statistics(state.G) + running_statistics(state.D)
    return state.group.reduce(gradients, logits, statistics, num_images)


def _gradient_norm(network: nn.Module) -> Tensor:
    return torch.as_tensor(nn.utils.get_total_norm([p.grad for p in network.parameters() if p.grad is not None]))
