"""Generators for the page: the dissected snapshot of a run as a short list of layers that a browser computes.

Every layer is one of two linear maps followed by one activation, on maps with the channels last:

- `linear`: y[o] = b[o] + sum_i x[i] w[i, o]; weights [in, out].
- `transposed`: y[s p + k - padding, o] += x[p, i] w[k, i, o] for every place p and tap k; weights
  [kh, kw, in, out] (a transposed convolution, Dumoulin & Visin 2016, https://arxiv.org/abs/1603.07285, section 4).

The last axis of the weights is the output, so a browser's inner loop walks both arrays in order and skips inputs that
a ReLU has set to 0. Batch norm with its running statistics (Ioffe & Szegedy 2015, algorithm 2) is folded into the
weights before it, in float64, and then rounded to float32; to float16 where the page would grow too large.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import read_arrays
from ..config import TrainConfig
from ..errors import RunError
from ..latent.codes import chi
from ..latent.shapes import ATLAS_ARRAYS
from ..models import dcgan, mlp, registry
from ..training import snapshots
from .latents import LatentRecord
from .records import RunRecord, finite

BUDGET_BYTES = 6_000_000
"""Of base64 in the page, all generators together; the rest of a report stays below 4 MB."""
NUM_LATENTS = 16
SHARE_MEASURES = ("visible_share", "class_flip")
"""What is known of every number from the atlas, on average over its latents."""
BATCH_NORM_EPS = 1e-5
"""torch.nn.BatchNorm2d's default, which the DCGAN uses."""

Tensors = dict[str, np.ndarray]


@dataclass(frozen=True)
class Layer:
    """One layer of a generator; maps are [height, width, channels].

    Attributes:
        kind: `linear` or `transposed`.
        activation: `relu`, `leaky` (slope 0.2 below zero) or `tanh`.
        shape_in: height, width, channels; a linear layer reads it as one row.
        shape_out: the same of what it gives.
        weight: float32 [in, out] (linear) or [kh, kw, in, out] (transposed).
        bias: float32 [out].
        kernel, stride, padding: of a transposed layer, (height, width) each; 1 and 0 of a linear one.
    """

    kind: str
    activation: str
    shape_in: tuple[int, int, int]
    shape_out: tuple[int, int, int]
    weight: np.ndarray
    bias: np.ndarray
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)

    def plan(self) -> dict[str, Any]:
        """Return all but the numbers, for the page's JSON."""
        return {
            "kind": self.kind,
            "activation": self.activation,
            "in": list(self.shape_in),
            "out": list(self.shape_out),
            "kernel": list(self.kernel),
            "stride": list(self.stride),
            "padding": list(self.padding),
            "weights": self.weight.size,
            "biases": self.bias.size,
        }


@dataclass(frozen=True)
class Explorer:
    """What the page needs of one run: its generator and what the latent experiment says of its numbers."""

    run: str
    layers: tuple[Layer, ...]
    z: np.ndarray
    """float32 [16 or fewer, z_dim], the latents to choose from."""
    dims: tuple[int, ...]
    """The chosen numbers of the latent experiment."""
    ranked: tuple[int, ...]
    """All numbers, the one with the largest effect first; empty without an atlas."""
    averages: dict[str, Any]
    """`{n, values, visible_share, class_flip}`; the shares are lists [value][number], absent where not measured."""
    directions: tuple[dict[str, Any], ...]
    """`{name, label, vector}` of directions.json, empty where the run has none."""

    def blob(self, *, is_half: bool) -> str:
        """Return weights, then biases, layer after layer: little-endian float32 or float16 as base64."""
        parts = [part.ravel() for layer in self.layers for part in (layer.weight, layer.bias)]
        return base64.b64encode(np.concatenate(parts).astype("<f2" if is_half else "<f4").tobytes()).decode("ascii")

    def num_bytes(self, *, is_half: bool) -> int:
        """Return the length of `blob`, without making it."""
        size = sum(layer.weight.size + layer.bias.size for layer in self.layers)
        return math.ceil((2 if is_half else 4) * size / 3) * 4

    def plan(self) -> dict[str, Any]:
        """Return the record for the page's JSON."""
        return {
            "name": self.run,
            "layers": [layer.plan() for layer in self.layers],
            "z": [[float(str(value)) for value in row] for row in self.z],
            "dims": list(self.dims),
            "ranked": list(self.ranked),
            "averages": self.averages,
            "directions": list(self.directions),
            "chi": dict(zip(("mean", "sd"), chi(self.z.shape[1]))),
        }


def generator_layers(config: TrainConfig, tensors: Tensors) -> tuple[Layer, ...]:
    """Return the layers of a generator of the families `mlp` and `dcgan` for evaluation.

    Args:
        config: the run's configuration; names the family, z_dim and the image's shape.
        tensors: the state of the generator by torch's names, any float type.

    Raises:
        KeyError: a tensor is missing.
        ValueError: a tensor has another shape than the configuration says.
    """
    image = (config.img_height, config.img_width, config.img_channels)
    make = {"mlp": _mlp_layers, "dcgan": _dcgan_layers}[config.model]
    return make(config.z_dim, image, tensors)


def _mlp_layers(z_dim: int, image: tuple[int, int, int], tensors: Tensors) -> tuple[Layer, ...]:
    height, width, channels = image
    # The network's outputs are in the order channel, row, column; the page's images have the channels last.
    last = np.arange(math.prod(image)).reshape(channels, height, width).transpose(1, 2, 0).ravel()
    first_w, first_b = tensors["fc1.weight"], tensors["fc1.bias"]
    hidden = (1, 1, len(first_b))
    return (
        _linear("leaky", (1, 1, z_dim), hidden, first_w.T, first_b),
        _linear("tanh", hidden, image, tensors["fc2.weight"][last].T, tensors["fc2.bias"][last]),
    )


def _linear(
    activation: str, shape_in: tuple[int, int, int], shape_out: tuple[int, int, int], weight: np.ndarray,
    bias: np.ndarray,
) -> Layer:  # fmt: skip
    _check(weight, (math.prod(shape_in), math.prod(shape_out)))
    return Layer("linear", activation, shape_in, shape_out, _float32(weight), _float32(bias))


def _dcgan_layers(z_dim: int, image: tuple[int, int, int], tensors: Tensors) -> tuple[Layer, ...]:
    stairs = dcgan.solve_stairs(image[0], image[1])[::-1]
    base = stairs[0]
    weight, bias = _folded(tensors, 0, is_last=False)  # [z_dim, channels, h, w]
    _check(weight, (z_dim, base.num_channels, *base.small))
    # On a 1 x 1 map a transposed convolution is a linear map whose outputs are the taps.
    flat = weight.transpose(0, 2, 3, 1).reshape(z_dim, -1)
    shape = (*base.small, base.num_channels)
    layers = [_linear("relu", (1, 1, z_dim), shape, flat, np.tile(bias, math.prod(base.small)))]
    channels_out = [above.num_channels for _, above in pairwise(stairs)] + [image[2]]
    for number, (stair, num_out) in enumerate(zip(stairs, channels_out), 1):
        is_last = number == len(stairs)
        weight, bias = _folded(tensors, 3 * number, is_last)  # [in, out, kh, kw]
        _check(weight, (shape[2], num_out, *stair.kernel))
        shape_out = (*stair.large, num_out)
        taps = _float32(weight.transpose(2, 3, 0, 1))
        layers.append(
            Layer("transposed", "tanh" if is_last else "relu", shape, shape_out, taps, _float32(bias),
                  stair.kernel, stair.stride, (1, 1))
        )  # fmt: skip
        shape = shape_out
    return tuple(layers)


def _folded(tensors: Tensors, at: int, is_last: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return weight [in, out, kh, kw] and bias [out] of `main.<at>` with the batch norm after it, float64."""
    weight, bias = (tensors[f"main.{at}.{name}"].astype(np.float64) for name in ("weight", "bias"))
    if is_last:
        return weight, bias
    names = ("weight", "bias", "running_mean", "running_var")
    gain, shift, mean, var = (tensors[f"main.{at + 1}.{name}"].astype(np.float64) for name in names)
    scale = gain / np.sqrt(var + BATCH_NORM_EPS)
    return weight * scale[None, :, None, None], (bias - mean) * scale + shift


def _float32(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, dtype=np.float32)


def _check(weight: np.ndarray, shape: tuple[int, ...]) -> None:
    if weight.shape != shape:
        raise ValueError(f"a weight has shape {list(weight.shape)}, the configuration says {list(shape)}")


def activate(kind: str, y: np.ndarray) -> np.ndarray:
    """Apply an activation by its name to any array."""
    if kind == "tanh":
        return np.tanh(y)
    return np.where(y > 0, y, 0.0 if kind == "relu" else mlp.SLOPE * y)


def snapshot(run: RunRecord) -> Path | None:
    """Return the averaged generator that was dissected; None where it is not kept, or is another one by its SHA-256."""
    found, record = snapshots.snapshot_files(run.folder), run.dissect or {}
    nimg = record.get("nimg", max(found, default=None))
    if not isinstance(nimg, int) or nimg not in found:
        return None
    return found[nimg] if snapshots.is_of({"nimg": nimg} | record, snapshots.hashed(nimg, found[nimg])) else None


def explorer(run: RunRecord) -> Explorer | None:
    """Return a run's explorer; None where it was not dissected, or keeps no snapshot or latents.

    Raises:
        RunError: the snapshot, the latents or the directions are damaged or of another network than config.json says.
    """
    path, latents = snapshot(run), run.dissect_folder / "atlas.safetensors"
    if run.dissect is None or not run.dissect.get("dims") or path is None or not latents.exists():
        return None
    kept = read_arrays(latents, ATLAS_ARRAYS, "dissect", only=("chosen/z", "all/z"))
    z = kept.get("chosen/z", kept.get("all/z"))
    if z is None or z.ndim != 2 or z.shape[1] != run.config.z_dim or not np.isfinite(z).all():
        raise RunError(f"{latents} holds no latents of {run.config.z_dim} numbers. Dissect the run again.")
    try:
        layers = generator_layers(run.config, registry.read_tensors(path, run.config))
    except (KeyError, ValueError) as error:
        raise RunError(f"{path} is not the generator that config.json describes: {error}.") from error
    record = LatentRecord(run.dissect)
    return Explorer(
        run=run.name, layers=layers, z=z[:NUM_LATENTS].astype(np.float32), dims=tuple(record.dims),
        ranked=ranked(record), averages=averages(record), directions=directions(run),
    )  # fmt: skip


def ranked(record: LatentRecord) -> tuple[int, ...]:
    """Return all numbers in the order of the record's ranking, strongest first.

    Records of earlier versions have none: there by the share of pixels that the largest value visibly changes, ties by
    number.
    """
    known = (record.record.get("ranking") or {}).get("numbers")
    if known:
        return tuple(int(row["dim"]) for row in known)
    if not record.values:
        return ()
    effect = record.atlas(max(record.values, key=abs), "visible_share")
    return tuple(int(dim) for dim in np.argsort(-effect, kind="stable"))


def averages(record: LatentRecord) -> dict[str, Any]:
    """Return the atlas's means by value and number, rounded to 4 decimals (see `Explorer.averages`)."""
    found: dict[str, Any] = {"n": int(record.record.get("num_latents_all", 0)), "values": record.values}
    for measure in SHARE_MEASURES:
        table = [record.atlas(value, measure) for value in record.values]
        if table and all(len(row) for row in table):
            found[measure] = [[round(float(mean), 4) for mean in row] for row in table]
    return found


def directions(run: RunRecord) -> tuple[dict[str, Any], ...]:
    """Return `{name, label, vector}` of every direction in dissect/directions.json that fits the run's latents.

    A direction is a unit vector [z_dim] to which the page adds multiples, in sigma; entries without one are left out,
    and all of them where they were found in another snapshot than the one dissected.
    """
    found: list[dict[str, Any]] = []
    if run.directions.get("nimg") is not None and not snapshots.are_of_one(run.directions, run.dissect or {}):
        return ()
    for entry in run.directions.get("directions") or []:
        vector = entry.get("vector") if isinstance(entry, dict) else None
        if not isinstance(vector, list) or len(vector) != run.config.z_dim or not all(map(finite, vector)):
            continue
        name = str(entry.get("name", len(found)))
        label = entry["label"] if isinstance(entry.get("label"), str) else name.replace("_", " ")
        found.append({"name": name, "label": label, "vector": [round(float(x), 6) for x in vector]})
    return tuple(found)


@dataclass(frozen=True)
class Packing:
    """Which explorers fit a page together, which are left out, and whether the weights are float16 for it."""

    kept: tuple[Explorer, ...]
    left: tuple[Explorer, ...]
    is_half: bool

    @property
    def num_bytes(self) -> int:
        """Bytes of base64 of those kept."""
        return sum(each.num_bytes(is_half=self.is_half) for each in self.kept)


def pack(found: Sequence[Explorer], budget: int) -> Packing:
    """Fit explorers into a page of `budget` bytes of base64: float32 if all fit so, else float16, in order."""
    if sum(each.num_bytes(is_half=False) for each in found) <= budget:
        return Packing(tuple(found), (), is_half=False)
    kept: list[Explorer] = []
    left: list[Explorer] = []
    for each in found:
        fits = sum(one.num_bytes(is_half=True) for one in (*kept, each)) <= budget
        (kept if fits else left).append(each)
    return Packing(tuple(kept), tuple(left), is_half=True)
