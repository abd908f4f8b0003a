"""The same step as step.py with every derivative written out: no autograd, fewer and larger products.

It computes in `config.precision`; weights, gradients, optimizers and the average are float32. tests/training/
test_fast_step.py holds it against the reference in float64, to 1e-6.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..errors import DivergedError
from ..losses import adversarial
from ..models import registry
from ..models.weights import Weights
from . import schedule
from .finite import Guard, check_finite
from .flat_optimizer import update_of
from .state import TrainState, running_statistics

DTYPES = {"float32": torch.float32, "tf32": torch.float32, "bfloat16": torch.bfloat16}


class FastStep:
    """The step of one state. Made once its weights are in place: it moves the parameters into vectors of its own.

    With `is_guarded` nothing is read from the device during a step: numbers that are not finite stop all movement
    there, and `settle` finds out.
    """

    def __init__(self, state: TrainState, is_guarded: bool = False):
        dtype = DTYPES[state.config.precision]
        if next(state.G.parameters()).dtype == torch.float64:  # tests compare in float64
            dtype = torch.float64
        self._state = state
        self._G = registry.explicit_generator(state.G, state.config, dtype)
        self._D = registry.explicit_discriminator(state.D, state.config, dtype)
        self._average = Weights(state.G_ema, next(state.G_ema.parameters()).dtype)
        self._weights = {"G": self._G.weights, "D": self._D.weights}
        self._statistics = running_statistics(state.G) + running_statistics(state.D)
        self._guard = Guard(state.device) if is_guarded else None
        self._sizes: list[int] = []  # of the steps since the last `settle`
        is_stopped = self._guard.is_stopped if self._guard else None
        self._updates = {
            "G": update_of(state.optimizer_G, self._G.weights, is_stopped),
            "D": update_of(state.optimizer_D, self._D.weights, is_stopped),
        }

    def __call__(self, real_img: Tensor, z: Tensor, num_images: int | None = None) -> None:
        """Take one step on real images [n, C, H, W] in [-1, 1] and latents [n, z_dim]; advances the state.

        `num_images` counts the step's images over all processes; alone it is n.
        """
        num = num_images or len(real_img)
        logits, norms = self.compute(real_img, z, num, 1.0 - self.beta_after(num))
        self.log(logits, norms, num)

    def beta_after(self, num: int) -> float:
        """Return the weight that the average keeps in a step of `num` images from here."""
        state = self._state
        return schedule.ema_beta(num, state.cur_nimg + num, state.config.ema_halflife_nimg)

    @torch.no_grad()
    def compute(self, real_img: Tensor, z: Tensor, num: int, ema_weight: float | Tensor) -> tuple[Tensor, Tensor]:
        """Do all that a step does on the device; return its logits [3, N] and the gradient norms [2] of G and D."""
        gen_img, made = self._G.forward(z)
        (real_logits, gen_logits), norm_D = self._d_step(real_img, gen_img, num)
        gen_logits_for_G, norm_G = self._g_step(gen_img, made, real_logits, num)
        if self._guard:
            self._guard.end_step()
            ema_weight = ema_weight * (1.0 - self._guard.is_stopped)
        self._average.values.lerp_(self._G.weights.values, ema_weight)
        return torch.stack([real_logits, gen_logits, gen_logits_for_G]), torch.stack([norm_G, norm_D])

    def log(self, logits: Tensor, norms: Tensor, num: int) -> None:
        """Do what a step does on the host: count its images and note its numbers."""
        self._state.cur_nimg += num
        self._state.tick.add(logits, norms)
        if self._guard:
            self._sizes.append(num)

    def settle(self) -> None:
        """Raise a `DivergedError` if a step since the last call was not finite; its image count is put right."""
        if self._guard and (num_stopped := self._guard.num_stopped()):
            self._state.cur_nimg -= sum(self._sizes[-num_stopped:])
            raise DivergedError(
                f"G or D diverged after {self._state.cur_nimg:,} images: a loss or gradient is not finite. "
                "No optimizer was stepped with it."
            )
        self._sizes.clear()

    def _d_step(self, real_img: Tensor, gen_img: Tensor, num: int) -> tuple[tuple[Tensor, Tensor], Tensor]:
        real_logits, gen_logits, seen = self._D.forward_both(real_img, gen_img)
        real_slopes, gen_slopes = adversarial.d_slopes(real_logits, gen_logits)
        self._D.backward_both(real_slopes.div_(num), gen_slopes.div_(num), seen)
        real, gen = self._reduce("D", (real_logits, gen_logits), num)
        norm = self._update("D", real.sum() + gen.sum(), lambda: adversarial.d_loss(real, gen).mean())
        return (real, gen), norm

    def _g_step(self, gen_img: Tensor, made: object, real_logits: Tensor, num: int) -> tuple[Tensor, Tensor]:
        gen_logits, seen = self._D.forward(gen_img)
        first, own = self._state.group.part(num)
        slopes = adversarial.g_slopes(real_logits[first : first + own], gen_logits).div_(num)
        self._G.backward(self._D.backward_img(slopes, seen), made)
        (gen,) = self._reduce("G", (gen_logits,), num)
        norm = self._update("G", gen.sum(), lambda: adversarial.g_loss(real_logits, gen).mean())
        return gen, norm

    def _reduce(self, name: str, logits: tuple[Tensor, ...], num: int) -> tuple[Tensor, ...]:
        group = self._state.group
        return group.reduce([self._weights[name].gradients], logits, self._statistics, num)

    def _update(self, name: str, watched: Tensor, loss: Callable[[], Tensor]) -> Tensor:
        """Step the optimizer if the sum of logits and the gradient are finite; return the gradient's norm."""
        weights = self._weights[name]
        norm = torch.dot(weights.gradients, weights.gradients).sqrt_()
        if self._guard:
            self._guard.watch(watched + norm)
        else:
            check_finite(name, self._state.cur_nimg, watched, norm, loss)
        self._updates[name]()
        weights.refresh()
        return norm
