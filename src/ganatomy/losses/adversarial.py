"""Adversarial losses: pure functions from logits to per-sample losses. They never call an optimizer.

Every pair has the signature d_loss(real_logits, gen_logits) and g_loss(real_logits, gen_logits), [N], [N] -> [N];
both see both logits, since relativistic losses need them. The slopes are their derivatives, for the fast step.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus


def d_loss_real(real_logits: Tensor) -> Tensor:
    """Return -log sigmoid(D(x)) per real image: [N] -> [N]."""
    return softplus(-real_logits)


def d_loss_gen(gen_logits: Tensor) -> Tensor:
    """Return -log(1 - sigmoid(D(G(z)))) per generated image: [N] -> [N]."""
    return softplus(gen_logits)


def d_loss(real_logits: Tensor, gen_logits: Tensor) -> Tensor:
    """Return D's loss per pair (Goodfellow et al. 2014, equation 1, negated): [N], [N] -> [N]."""
    return d_loss_real(real_logits) + d_loss_gen(gen_logits)


def g_loss(real_logits: Tensor, gen_logits: Tensor) -> Tensor:
    """Return G's non-saturating loss -log sigmoid(D(G(z))) (the same paper, section 3): [N], [N] -> [N]."""
    return softplus(-gen_logits)


def d_slopes(real_logits: Tensor, gen_logits: Tensor) -> tuple[Tensor, Tensor]:
    """Return the derivatives of `d_loss` by the real and by the generated logits: [N], [N] -> [N], [N]."""
    return (-real_logits).sigmoid_().neg_(), gen_logits.sigmoid()


def g_slopes(real_logits: Tensor, gen_logits: Tensor) -> Tensor:
    """Return the derivative of `g_loss` by the generated logits: [N], [N] -> [N]."""
    return (-gen_logits).sigmoid_().neg_()
