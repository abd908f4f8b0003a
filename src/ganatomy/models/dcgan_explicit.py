"""The DCGAN's passes with derivatives written out: the networks of dcgan.py, their parameters, without autograd.

`forward` returns what people want and what `backward` needs; `backward` stores gradients in `parameter.grad`. Images
are [N, C, H, W] in the arithmetic of the step, logits and their slopes [N] are of the parameters' dtype. Biases in
front of a batch norm keep a gradient of zero (see layers.py).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from . import dcgan
from .layers import Conv, ImageConv, NormAct, Normed, Rooms, TransposedConv, rows_of
from .weights import Weights, store


def _of_kind(network: nn.Sequential, kind: type[nn.Module]) -> list[Any]:
    return [layer for layer in network if isinstance(layer, kind)]


class Made(NamedTuple):
    """What a pass of the generator leaves for its derivative."""

    z: Tensor
    normed: list[Normed]
    img: Tensor


class Generator:
    """z [N, Z] -> image [N, C, H, W]."""

    def __init__(self, network: dcgan.Generator, dtype: torch.dtype):
        self.weights = Weights(network, dtype)
        self._dtype, rooms = dtype, Rooms()
        convs, norms = _of_kind(network.main, nn.ConvTranspose2d), _of_kind(network.main, nn.BatchNorm2d)
        self._first, self._last = convs[0], convs[-1]
        self._copies = [self.weights.copy(parameter) for parameter in (self._first.weight, self._last.bias)]
        self._norms = [NormAct(norm, conv.bias, slope=0.0) for conv, norm in zip(convs, norms)]
        self._convs = [TransposedConv(conv, self.weights, rooms) for conv in convs[1:-1]]
        self._to_img = ImageConv(self._last, self.weights, rooms)
        self._size = network.img_size

    def forward(self, z: Tensor) -> tuple[Tensor, Made]:
        """Return images of latents z, and what `backward` needs."""
        z = z.to(self._dtype)
        weight, bias = self._copies
        channels, height, width = weight.shape[1:]
        y = (z @ weight.permute(0, 2, 3, 1).reshape(len(weight), -1)).view(-1, height, width, channels)
        normed = [self._norms[0].forward(y.permute(0, 3, 1, 2))]
        for conv, norm in zip(self._convs, self._norms[1:]):
            normed.append(norm.forward(conv.forward(normed[-1].after)))
        img = self._to_img.image(self._to_img.to_blocks(normed[-1].after), *self._size)
        img = torch.tanh((img + bias[:, None, None]).contiguous())
        return img, Made(z, normed, img)

    def backward(self, grad: Tensor, made: Made) -> None:
        """Store the gradients of all parameters from the image's."""
        z, normed, img = made
        grad = torch.ops.aten.tanh_backward(grad, img)
        store(self._last.bias.grad, grad.sum((0, 2, 3), dtype=self.weights.values.dtype), True)
        blocks = self._to_img.blocks(grad)
        self._to_img.grad_weight(normed[-1].after, blocks, True)
        grad = self._to_img.to_map(blocks)
        for number in reversed(range(len(self._convs))):
            grad = self._norms[number + 1].backward(grad, normed[number + 1], True)
            self._convs[number].grad_weight(grad, normed[number].after, True)
            grad = self._convs[number].grad_input(grad)
        grad = self._norms[0].backward(grad, normed[0], True)
        product = z.T @ grad.permute(0, 2, 3, 1).reshape(len(z), -1)
        shape = (len(product), *grad.shape[2:], grad.shape[1])
        store(self._first.weight.grad, product.view(shape).permute(0, 3, 1, 2), True)


class Seen(NamedTuple):
    """What a pass of the discriminator leaves for its derivative."""

    size: tuple[int, ...]
    """Height and width of the image."""
    blocks: Tensor
    first: Tensor
    normed: list[Normed]


class Discriminator:
    """Image [N, C, H, W] -> logits [N]. Real and generated images pass apart, each with its own batch statistics."""

    def __init__(self, network: dcgan.Discriminator, dtype: torch.dtype):
        self.weights = Weights(network, dtype)
        self._dtype, rooms = dtype, Rooms()
        convs, norms = _of_kind(network.main, nn.Conv2d), _of_kind(network.main, nn.BatchNorm2d)
        self._first, self._last = convs[0], convs[-1]
        self._first_bias = self.weights.copy(self._first.bias)
        self._from_img = ImageConv(self._first, self.weights, rooms)
        self._convs = [Conv(conv, self.weights, rooms) for conv in convs[1:-1]]
        self._norms = [NormAct(norm, conv.bias, slope=dcgan.SLOPE) for conv, norm in zip(convs[1:], norms)]

    def forward(self, img: Tensor) -> tuple[Tensor, Seen]:
        """Return the logits of one pass, and what `backward` needs."""
        blocks = self._from_img.blocks(img.to(self._dtype))
        first = F.leaky_relu_(self._from_img.to_map(blocks, self._first_bias), dcgan.SLOPE)
        normed: list[Normed] = []
        for conv, norm in zip(self._convs, self._norms):
            normed.append(norm.forward(conv.forward(normed[-1].after if normed else first)))
        seen = Seen(tuple(img.shape[2:]), blocks, first, normed)
        logits = torch.mv(self._last_rows(seen), self._last_weight()).add_(self._last.bias.detach())
        return logits, seen

    def forward_both(self, real_img: Tensor, gen_img: Tensor) -> tuple[Tensor, Tensor, tuple[Seen, Seen]]:
        """Return the logits of real and of generated images, each from a pass of its own."""
        real_logits, real = self.forward(real_img)
        gen_logits, gen = self.forward(gen_img)
        return real_logits, gen_logits, (real, gen)

    def backward_both(self, real_slopes: Tensor, gen_slopes: Tensor, seen: tuple[Seen, Seen]) -> None:
        """Store the gradients of all parameters from those of both passes' logits."""
        for slopes, part, is_first in ((real_slopes, seen[0], True), (gen_slopes, seen[1], False)):
            store(self._last.bias.grad, slopes.sum(), is_first)
            product = slopes @ self._last_rows(part)
            store(self._last.weight.grad, product.view(self._last_shape()).permute(0, 3, 1, 2), is_first)
            grad = self._to_first(slopes, part, is_first)
            store(self._first.bias.grad, grad.sum((0, 2, 3), dtype=self.weights.values.dtype), is_first)
            self._from_img.grad_weight(grad, part.blocks, is_first)

    def backward_img(self, slopes: Tensor, seen: Seen) -> Tensor:
        """Return the gradient of the images from that of the logits; the parameters' gradients stay as they are."""
        return self._from_img.image(self._from_img.to_blocks(self._to_first(slopes, seen, None)), *seen.size)

    def _to_first(self, slopes: Tensor, seen: Seen, is_first: bool | None) -> Tensor:
        """Return the gradient of the first layer's output, storing those of the parameters passed on the way."""
        normed = seen.normed
        rows = torch.outer(slopes, self._last_weight()).to(self._dtype)
        grad = rows.view(len(slopes), *self._last_shape()[1:]).permute(0, 3, 1, 2)
        for number in reversed(range(len(self._convs))):
            x = normed[number - 1].after if number else seen.first
            grad = self._norms[number].backward(grad, normed[number], is_first)
            if is_first is not None:
                self._convs[number].grad_weight(grad, x, is_first)
            grad = self._convs[number].grad_input(grad, x)
        return torch.ops.aten.leaky_relu_backward(grad, seen.first, dcgan.SLOPE, True)

    def _last_rows(self, seen: Seen) -> Tensor:
        """Return the last map as rows [N, h * w * C] of the parameters' dtype; logits are not rounded further.

        Images of at most 8 px a side pass one layer only, which has no batch norm: its map is the last one.
        """
        after = seen.normed[-1].after if seen.normed else seen.first
        return rows_of(after).reshape(len(after), -1).to(self.weights.values.dtype)

    def _last_weight(self) -> Tensor:
        return self._last.weight.detach().permute(0, 2, 3, 1).reshape(-1)

    def _last_shape(self) -> tuple[int, ...]:
        _, channels, height, width = self._last.weight.shape
        return 1, height, width, channels
