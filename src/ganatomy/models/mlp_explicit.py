"""The fully connected networks' passes with derivatives written out: the networks of mlp.py without autograd.

A step of these networks is dispatch more than arithmetic, so every line below is one operation. Real and generated
images pass the discriminator as one batch, since no layer mixes images. The smallest products (the first layer of G,
the last of D) are faster, and better, in the parameters' own dtype.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from . import mlp
from .weights import Room, Weights, store

_aten = torch.ops.aten


class Made(NamedTuple):
    """What a pass of the generator leaves for its derivative."""

    z: Tensor
    hidden: Tensor
    flat: Tensor


class Generator:
    """z [N, Z] -> image [N, C, H, W]."""

    def __init__(self, network: mlp.Generator, dtype: torch.dtype):
        self.weights = Weights(network, dtype)
        self._dtype, self._room = dtype, Room()
        self._shape = network.img_shape
        self._fc1, self._fc2 = network.fc1, network.fc2
        self._weight2 = self.weights.copy(network.fc2.weight)

    def forward(self, z: Tensor) -> tuple[Tensor, Made]:
        """Return images of latents z, and what `backward` needs."""
        z = z.to(self.weights.values.dtype)
        hidden = F.leaky_relu_(torch.addmm(self._fc1.bias, z, self._fc1.weight.T), mlp.SLOPE).to(self._dtype)
        # tanh(x) = 2 sigmoid(2x) - 1, and PyTorch's sigmoid is several times faster.
        x = torch.mm(hidden, self._weight2.T).to(z.dtype).add_(self._fc2.bias)
        flat = x.mul_(2.0).sigmoid_().mul_(2.0).sub_(1.0).to(self._dtype)
        return flat.view(-1, *self._shape), Made(z, hidden, flat)

    def backward(self, grad: Tensor, made: Made) -> None:
        """Store the gradients of all parameters from the image's."""
        fc1, fc2 = self._fc1, self._fc2
        grad = _aten.tanh_backward(grad.flatten(1), made.flat)
        store(fc2.weight.grad, self._room.product(grad.T, made.hidden), True)
        store(fc2.bias.grad, grad.sum(0), True)
        grad = _aten.leaky_relu_backward(grad @ self._weight2, made.hidden, mlp.SLOPE, True).to(made.z.dtype)
        torch.mm(grad.T, made.z, out=fc1.weight.grad)
        torch.sum(grad, 0, out=fc1.bias.grad)


class Seen(NamedTuple):
    """What a pass of the discriminator leaves for its derivative."""

    flat: Tensor
    hidden: Tensor
    exact: Tensor
    """`hidden` in the parameters' dtype."""


class Discriminator:
    """Image [N, C, H, W] -> logits [N]."""

    def __init__(self, network: mlp.Discriminator, dtype: torch.dtype):
        self.weights = Weights(network, dtype)
        self._dtype, self._room = dtype, Room()
        self._fc1, self._fc2 = network.fc1, network.fc2
        self._weight1, self._bias1 = (self.weights.copy(p) for p in (network.fc1.weight, network.fc1.bias))
        self._shape: tuple[int, ...] = ()
        self._both = torch.empty(0)

    def forward(self, img: Tensor) -> tuple[Tensor, Seen]:
        """Return the logits of one pass, and what `backward` needs."""
        self._shape = tuple(img.shape[1:])
        return self._forward(img.flatten(1).to(self._dtype))

    def forward_both(self, real_img: Tensor, gen_img: Tensor) -> tuple[Tensor, Tensor, Seen]:
        """Return the logits of real and of generated images."""
        num = len(real_img)
        if len(self._both) != 2 * num:
            self._both = real_img.new_empty((2 * num, math.prod(real_img.shape[1:])), dtype=self._dtype)
        self._both[:num] = real_img.flatten(1)
        self._both[num:] = gen_img.flatten(1)
        logits, seen = self._forward(self._both)
        return logits[:num], logits[num:], seen

    def backward_both(self, real_slopes: Tensor, gen_slopes: Tensor, seen: Seen) -> None:
        """Store the gradients of all parameters from those of the logits."""
        slopes, fc1, fc2 = torch.cat([real_slopes, gen_slopes]), self._fc1, self._fc2
        torch.mm(slopes[None], seen.exact, out=fc2.weight.grad)
        torch.sum(slopes, 0, keepdim=True, out=fc2.bias.grad)
        grad = self._to_hidden(slopes, seen)
        store(fc1.weight.grad, self._room.product(grad.T, seen.flat), True)
        store(fc1.bias.grad, grad.sum(0), True)

    def backward_img(self, slopes: Tensor, seen: Seen) -> Tensor:
        """Return the gradient of the images from that of the logits; the parameters' gradients stay as they are."""
        return (self._to_hidden(slopes, seen) @ self._weight1).view(-1, *self._shape)

    def _forward(self, flat: Tensor) -> tuple[Tensor, Seen]:
        # In bfloat16 a product and an addition are faster than torch.addmm, which lays out the bias first.
        hidden = F.leaky_relu_(torch.mm(flat, self._weight1.T).add_(self._bias1), mlp.SLOPE)
        exact = hidden.to(self.weights.values.dtype)
        logits = torch.mv(exact, self._fc2.weight[0]).add_(self._fc2.bias)
        return logits, Seen(flat, hidden, exact)

    def _to_hidden(self, slopes: Tensor, seen: Seen) -> Tensor:
        grad = torch.mul(slopes[:, None], self._fc2.weight)
        return _aten.leaky_relu_backward(grad, seen.exact, mlp.SLOPE, True).to(self._dtype)
