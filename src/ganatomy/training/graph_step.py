"""The fast step on CUDA as one graph: recorded once, then launched whole, since the launches cost more than the work.

The first steps run as they are, as PyTorch asks (libraries allocate their workspaces then); the next is recorded, and
from there on each step copies its images and latents into the graph's own and replays it. A step of another size (the
last one) runs as it is. Nothing is read back between two ticks.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .fast_step import FastStep
from .state import TrainState

NUM_PLAIN_STEPS = 3
"""Steps before the recording."""


class GraphStep:
    """The step of one state on a CUDA device."""

    def __init__(self, state: TrainState):
        self._state, self._step = state, FastStep(state, is_guarded=True)
        self._side = torch.cuda.Stream()
        self._num_plain = 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._inputs: tuple[Tensor, Tensor, Tensor] | None = None
        self._outputs: tuple[Tensor, Tensor] | None = None

    def __call__(self, real_img: Tensor, z: Tensor, num_images: int | None = None) -> None:
        """Take one step on real images [N, C, H, W] in [-1, 1] and latents [N, z_dim]; advances the state."""
        num = len(real_img)
        if num != self._state.config.batch_size:
            self._step(real_img, z)
            return
        if self._num_plain < NUM_PLAIN_STEPS:
            self._num_plain += 1
            self._side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self._side):
                self._step(real_img, z)
            torch.cuda.current_stream().wait_stream(self._side)
            return
        if self._graph is None:
            self._record(real_img, z)
        assert self._graph is not None and self._inputs is not None and self._outputs is not None
        for held, given in zip(self._inputs, (real_img, z)):
            held.copy_(given)
        self._inputs[2].fill_(1.0 - self._step.beta_after(num))
        self._graph.replay()
        self._step.log(*self._outputs, num)

    def settle(self) -> None:
        """Raise a `DivergedError` if a step since the last call was not finite."""
        self._step.settle()

    def _record(self, real_img: Tensor, z: Tensor) -> None:
        """Record a step; nothing is computed by that."""
        self._inputs = real_img.clone(), z.clone(), torch.zeros((), device=real_img.device)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._outputs = self._step.compute(self._inputs[0], self._inputs[1], len(real_img), self._inputs[2])
