"""The losses against closed forms, PyTorch's own, and finite differences."""

import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from ganatomy.losses import adversarial

LOGITS = torch.linspace(-30, 30, 241, dtype=torch.float64)


def test_undecided_discriminator():
    zero = torch.zeros(3, dtype=torch.float64)
    for loss, expected in (
        (adversarial.d_loss(zero, zero), 2 * math.log(2)),
        (adversarial.d_loss_real(zero), math.log(2)),
        (adversarial.d_loss_gen(zero), math.log(2)),
        (adversarial.g_loss(zero, zero), math.log(2)),
    ):
        torch.testing.assert_close(loss, torch.full((3,), expected, dtype=torch.float64), rtol=0, atol=1e-15)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-7), (torch.float32, 4e-6)])
def test_against_binary_cross_entropy(dtype, tolerance):
    real, gen = LOGITS.to(dtype), LOGITS.flip(0).to(dtype) / 2
    ones, zeros = torch.ones_like(real), torch.zeros_like(real)
    pairs = (
        (adversarial.d_loss_real(real), bce(real, ones, reduction="none")),
        (adversarial.d_loss_gen(gen), bce(gen, zeros, reduction="none")),
        (adversarial.d_loss(real, gen), bce(real, ones, reduction="none") + bce(gen, zeros, reduction="none")),
        (adversarial.g_loss(real, gen), bce(gen, ones, reduction="none")),
    )
    for ours, theirs in pairs:
        assert ours.shape == (241,)
        torch.testing.assert_close(ours, theirs, rtol=0, atol=tolerance)


def test_large_logits_stay_finite_and_linear():
    """-log sigmoid(-a) -> a: no overflow where exp(a) is infinite."""
    large = torch.tensor([1e4, 3e38])
    torch.testing.assert_close(adversarial.d_loss_gen(large), large)
    torch.testing.assert_close(adversarial.g_loss(large, -large), large)
    assert (adversarial.g_loss(large, large) == 0).all()


@pytest.mark.parametrize("loss", [adversarial.d_loss, adversarial.g_loss])
def test_gradients_by_finite_differences(loss):
    real = torch.linspace(-4, 4, 9, dtype=torch.float64, requires_grad=True)
    gen = torch.linspace(3, -5, 9, dtype=torch.float64, requires_grad=True)
    loss(real, gen).sum().backward()
    step = 1e-6
    for given, other_first in ((real, False), (gen, True)):
        high, low = (given.detach() + step, given.detach() - step)
        fixed = (real if other_first else gen).detach()
        if other_first:
            slope = (loss(fixed, high) - loss(fixed, low)) / (2 * step)
        else:
            slope = (loss(high, fixed) - loss(low, fixed)) / (2 * step)
        gradient = torch.zeros_like(slope) if given.grad is None else given.grad
        torch.testing.assert_close(gradient, slope, rtol=0, atol=1e-8)


def test_generator_gradient_does_not_vanish_where_the_saturating_one_does():
    """d/da -log sigmoid(a) = sigmoid(a) - 1: about -1 where D is sure (Goodfellow et al. 2014, section 3)."""
    logits = torch.tensor([-10.0, 0.0, 10.0], dtype=torch.float64, requires_grad=True)
    adversarial.g_loss(logits.detach(), logits).sum().backward()
    torch.testing.assert_close(logits.grad, torch.sigmoid(logits.detach()) - 1, rtol=0, atol=1e-15)
