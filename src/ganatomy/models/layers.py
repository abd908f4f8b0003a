"""Layers of the fast step: each forward form with its derivatives written out, in any floating dtype.

Activations are [N, C, H, W] in channels-last memory, so that rows of C numbers lie together. What autograd would
compute is computed with fewer and larger products:

- weight gradients of strided convolutions are one matrix product over unfolded patches (`patches`), which oneDNN runs
  at twice the rate of its own form;
- layers with few image channels see blocks of 2 x 2 pixels as channels (`ImageConv`): a 4 x 4 kernel of stride 2
  becomes a 2 x 2 kernel of stride 1, with four times the channels;
- a bias in front of a batch norm is left out: the norm takes it away again, and its true gradient is zero.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .weights import Room, Weights, store

_aten = torch.ops.aten


def patches(
    x: Tensor, kernel: tuple[int, ...], stride: tuple[int, ...], padding: int, size: tuple[int, ...], room: Room
) -> Tensor:
    """Return what each output position of a convolution sees of x [N, C, H, W]: [N * h * w, kh * kw * C], in `room`.

    `size` is the output's (h, w). In channels-last memory a patch is kh runs of kw * C numbers, so this is a fast copy.
    """
    rows = (F.pad(x, (padding,) * 4) if padding else x).permute(0, 2, 3, 1).contiguous()
    n, height, width, channels = rows.shape
    (kh, kw), (sh, sw), (h, w) = kernel, stride, size
    line = width * channels
    shape, steps = (n, h, w, kh, kw * channels), (height * line, sh * line, sw * channels, line, 1)
    seen = room.take(shape, rows).copy_(rows.as_strided(shape, steps))
    return seen.view(n * h * w, kh * kw * channels)


class Rooms:
    """The rooms of one network's layers."""

    def __init__(self) -> None:
        self.patches, self.product = Room(), Room()


def rows_of(x: Tensor) -> Tensor:
    """Return the channels of every position of x [N, C, H, W]: [N * H * W, C], a view in channels-last memory."""
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])


class Conv:
    """A convolution without its bias."""

    def __init__(self, layer: nn.Conv2d, weights: Weights, rooms: Rooms):
        self.weight, self._copy = layer.weight, weights.copy(layer.weight)
        self._rooms = rooms
        self._kernel, self._stride = layer.kernel_size, layer.stride
        self._padding = tuple(int(pad) for pad in layer.padding)

    def forward(self, x: Tensor) -> Tensor:
        """Map [N, in, H, W] to [N, out, h, w]."""
        return F.conv2d(x, self._copy, None, self._stride, self._padding)

    def grad_input(self, grad: Tensor, x: Tensor) -> Tensor:
        """Return the gradient of x from that of the output."""
        return _input_gradient(grad, x, self._copy, self._stride, self._padding)

    def grad_weight(self, grad: Tensor, x: Tensor, is_first: bool) -> None:
        """Store the weight's gradient from x and the output's gradient."""
        seen = patches(x, self._kernel, self._stride, self._padding[0], tuple(grad.shape[2:]), self._rooms.patches)
        store(self.weight.grad, _as_kernel(self._rooms.product.product(rows_of(grad).T, seen), self.weight), is_first)


class TransposedConv:
    """A transposed convolution without its bias: forward is a convolution's input gradient, and the other way round."""

    def __init__(self, layer: nn.ConvTranspose2d, weights: Weights, rooms: Rooms):
        self.weight, self._copy = layer.weight, weights.copy(layer.weight)
        self._rooms = rooms
        self._kernel, self._stride = layer.kernel_size, layer.stride
        self._padding = tuple(int(pad) for pad in layer.padding)

    def forward(self, x: Tensor) -> Tensor:
        """Map [N, in, h, w] to [N, out, H, W]."""
        return F.conv_transpose2d(x, self._copy, None, self._stride, self._padding)

    def grad_input(self, grad: Tensor) -> Tensor:
        """Return the gradient of x from that of the output."""
        return F.conv2d(grad, self._copy, None, self._stride, self._padding)

    def grad_weight(self, grad: Tensor, x: Tensor, is_first: bool) -> None:
        """Store the weight's gradient from x and the output's gradient."""
        seen = patches(grad, self._kernel, self._stride, self._padding[0], tuple(x.shape[2:]), self._rooms.patches)
        store(self.weight.grad, _as_kernel(self._rooms.product.product(rows_of(x).T, seen), self.weight), is_first)


class ImageConv:
    """The layer between an image of 1 or 3 channels and its half-sized map: stride 2, padding 1, kernel 3 or 4.

    The same weights serve a discriminator (image -> map) and a generator (map -> image).
    """

    def __init__(self, layer: nn.Conv2d | nn.ConvTranspose2d, weights: Weights, rooms: Rooms):
        assert layer.stride == (2, 2) and tuple(layer.padding) == (1, 1) and max(layer.kernel_size) <= 4
        self.weight, self._copy = layer.weight, weights.copy(layer.weight)
        self._rooms = rooms
        self._kernel = layer.kernel_size

    def blocks(self, img: Tensor) -> Tensor:
        """Return image [N, C, H, W] as blocks of 2 x 2 pixels, the first one half outside: [N, 4C, h + 1, w + 1]."""
        height, width = img.shape[2:]
        padded = F.pad(img, (1, 1 + width % 2, 1, 1 + height % 2))
        return F.pixel_unshuffle(padded, 2).contiguous(memory_format=torch.channels_last)

    def image(self, blocks: Tensor, height: int, width: int) -> Tensor:
        """Return blocks as an image again."""
        return F.pixel_shuffle(blocks, 2)[:, :, 1 : height + 1, 1 : width + 1]

    def kernel(self) -> Tensor:
        """Return the weight as a kernel over blocks: [out, 4C, 2, 2]."""
        (kh, kw), copy = self._kernel, self._copy
        return F.pixel_unshuffle(F.pad(copy, (0, 4 - kw, 0, 4 - kh)), 2).contiguous(memory_format=torch.channels_last)

    def to_map(self, blocks: Tensor, bias: Tensor | None = None) -> Tensor:
        """Map blocks to the half-sized map [N, out, h, w]."""
        return F.conv2d(blocks, self.kernel(), bias)

    def to_blocks(self, maps: Tensor) -> Tensor:
        """Map [N, out, h, w] to blocks: the transposed convolution, and the input gradient of `to_map`."""
        n, _, height, width = maps.shape
        kernel = self.kernel()
        like = torch.empty(
            (n, kernel.shape[1], height + 1, width + 1),
            dtype=maps.dtype, device=maps.device, memory_format=torch.channels_last,
        )  # fmt: skip
        return _input_gradient(maps, like, kernel, (1, 1), (0, 0))

    def grad_weight(self, maps: Tensor, blocks: Tensor, is_first: bool) -> None:
        """Store the weight's gradient from the map (or its gradient) and the blocks' gradient (or the blocks)."""
        (kh, kw), num_maps = self._kernel, maps.shape[1]
        seen = patches(blocks, (2, 2), (1, 1), 0, tuple(maps.shape[2:]), self._rooms.patches)
        over_blocks = self._rooms.product.product(rows_of(maps).T, seen).view(num_maps, 2, 2, -1).permute(0, 3, 1, 2)
        store(self.weight.grad, F.pixel_shuffle(over_blocks, 2)[:, :, :kh, :kw], is_first)


class Normed(NamedTuple):
    """What the derivative of `NormAct` needs of one pass."""

    before: Tensor
    after: Tensor
    mean: Tensor
    inverse_std: Tensor


class NormAct:
    """Batch norm in training mode, then LeakyReLU (slope 0 is ReLU); `bias` is that of the layer before, left out."""

    def __init__(self, norm: nn.BatchNorm2d, bias: Tensor, slope: float):
        self._norm, self._bias, self._slope = norm, bias.detach(), slope
        assert norm.running_mean is not None and norm.running_var is not None and norm.momentum is not None
        self._running = norm.running_mean, norm.running_var
        self._momentum = norm.momentum

    def forward(self, y: Tensor) -> Normed:
        """Normalise y [N, C, H, W] over N, H and W, and keep the running statistics as if the bias were there."""
        norm = self._norm
        x, mean, inverse_std = torch.native_batch_norm(
            y, norm.weight, norm.bias, *self._running, True, self._momentum, norm.eps
        )
        self._running[0].add_(self._bias, alpha=self._momentum)
        if norm.num_batches_tracked is not None:
            norm.num_batches_tracked += 1
        return Normed(y, F.leaky_relu_(x, self._slope), mean, inverse_std)

    def backward(self, grad: Tensor, seen: Normed, is_first: bool | None) -> Tensor:
        """Return the gradient of y; the norm's own are stored, unless `is_first` is None."""
        norm, wanted = self._norm, is_first is not None
        grad = _aten.leaky_relu_backward(grad, seen.after, self._slope, True)
        grad, weight, shift = _aten.native_batch_norm_backward(
            grad, seen.before, norm.weight, *self._running, seen.mean, seen.inverse_std, True, norm.eps,
            [True, wanted, wanted],
        )  # fmt: skip
        if is_first is not None:
            store(norm.weight.grad, weight, is_first)
            store(norm.bias.grad, shift, is_first)
        return grad


def _input_gradient(grad: Tensor, x: Tensor, weight: Tensor, stride: tuple[int, ...], padding: object) -> Tensor:
    mask = [True, False, False]
    return _aten.convolution_backward(grad, x, weight, None, stride, padding, (1, 1), False, (0, 0), 1, mask)[0]


def _as_kernel(product: Tensor, weight: Tensor) -> Tensor:
    """Return a gradient [out, kh * kw * in] in the shape of the weight [out, in, kh, kw]."""
    out, num_in, kh, kw = weight.shape
    return product.view(out, kh, kw, num_in).permute(0, 3, 1, 2)
