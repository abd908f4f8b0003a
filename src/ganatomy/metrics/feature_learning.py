"""How a feature network learns a data set's classes: recipe, augmentation, losses, schedule, one epoch, its state.

Everything random is a function of (seed, epoch): the order of the images and how each is shifted and mirrored. So a
training that stops between epochs continues as if it had not.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .. import bounds, images, rng
from ..errors import ConfigError, DivergedError
from .classifier import ClassNetwork
from .network import limit_chunk

SCORE_CHUNK = 500


@dataclass(frozen=True, kw_only=True)
class FeatureRecipe:
    """How one network is trained; saved whole in its card."""

    data: str
    """Name of the data set."""
    num_epochs: int
    """Passes over the training part; the learning rate falls to 0 over all of them."""
    flip: bool = False
    """Mirror images left to right half of the time (not for digits)."""
    shift_px: int = 1
    """Largest random shift in each direction."""
    batch_size: int = 125
    """Images per step, at least; the images are split into batches as equal as can be."""
    max_lr: float = 0.1
    """Highest learning rate of the one-cycle schedule (Smith and Topin 2017, arXiv:1708.07120)."""
    rise: float = 0.2
    """Share of the steps in which the learning rate rises."""
    momentum: float = 0.9
    """Nesterov momentum of SGD; of AdamW the share kept of the mean gradient (beta1)."""
    weight_decay: float = 3e-4
    """Weight decay of the optimizer (of AdamW decoupled from the gradient)."""
    label_smoothing: float = 0.0
    """None, so that the class probabilities can be read as confidences."""
    history: str = "first recipe"
    """Earlier recipes whose test accuracy was looked at before this one."""
    optimizer: Literal["sgd", "adamw"] = "sgd"
    """SGD with Nesterov momentum, or AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101); cards without it: sgd."""

    def __post_init__(self) -> None:
        if self.num_epochs > bounds.BOUNDS["num_feature_epochs"].high:
            bounds.check("num_feature_epochs", self.num_epochs, called="num_epochs")
        if self.num_epochs < 1 or self.batch_size < 2:
            raise ConfigError(
                f"num_epochs is {self.num_epochs} and batch_size {self.batch_size}; at least 1 epoch and 2 images per "
                "step are needed."
            )


def complete(record: dict[str, Any]) -> dict[str, Any]:
    """Return a written recipe with the defaults of what earlier versions did not know yet."""
    return asdict(FeatureRecipe(data="", num_epochs=1)) | record


@dataclass(frozen=True)
class Examples:
    """Images with what is to be learnt of them."""

    images: Tensor
    """uint8 [N, C, H, W]."""
    labels: Tensor
    """int64 [N]."""
    factors: Tensor | None = None
    """float32 [N, F] in [0, 1], what the images were drawn from, or None."""
    mask: Tensor | None = None
    """float32 [num_classes, F], 1 where a factor changes images of a class, else 0."""

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)

    def part(self, rows: slice | Tensor) -> Examples:
        """Return some of the examples."""
        factors = None if self.factors is None else self.factors[rows]
        return Examples(self.images[rows], self.labels[rows], factors, self.mask)


def augment(img_u8: Tensor, recipe: FeatureRecipe, draw: np.random.Generator) -> Tensor:
    """Return shifted (zero-filled) and maybe mirrored images as float32 [N, C, H, W] in [-1, 1]."""
    num, (height, width), reach = len(img_u8), img_u8.shape[2:], recipe.shift_px
    windows = F.pad(img_u8, (reach,) * 4).unfold(2, height, 1).unfold(3, width, 1)
    top, left = (torch.from_numpy(draw.integers(0, 2 * reach + 1, num)) for _ in range(2))
    img_u8 = windows[torch.arange(num), :, top, left]
    if recipe.flip:
        mirrored = torch.from_numpy(draw.random(num) < 0.5)[:, None, None, None]
        img_u8 = torch.where(mirrored, img_u8.flip(3), img_u8)
    return images.to_float(img_u8)


def factor_loss(estimate: Tensor, factors: Tensor, applies: Tensor) -> Tensor:
    """Return the mean squared error over the factors that apply: three [N, F] -> scalar; 0 where none does."""
    return ((estimate - factors).square() * applies).sum() / applies.sum().clamp(min=1)


def batch_loss(net: ClassNetwork, img: Tensor, wanted: Examples, label_smoothing: float) -> Tensor:
    """Return the cross entropy of the classes, plus the factor loss where there are factors, of images in [-1, 1]."""
    features = net.features(img)
    loss = F.cross_entropy(net.logits(features), wanted.labels, label_smoothing=label_smoothing)
    if wanted.factors is None or wanted.mask is None:
        return loss
    return loss + factor_loss(net.predict_factors(features), wanted.factors, wanted.mask[wanted.labels])


def learning_rate(recipe: FeatureRecipe, step: int, num_steps: int) -> float:
    """Return the learning rate of a step (from 0) of the one-cycle schedule, the same as torch's `OneCycleLR`.

    It rises on a cosine from a 25th of the highest rate and falls on one to a 250,000th.
    """
    first, last = recipe.max_lr / 25, recipe.max_lr / 25 / 1e4
    turn, end = recipe.rise * num_steps - 1, num_steps - 1
    if turn > 0 and step <= turn:
        share, start, goal = step / turn, first, recipe.max_lr
    else:
        turn = max(turn, 0.0)
        share, start, goal = (step - turn) / (end - turn) if end > turn else 0.0, recipe.max_lr, last
    return goal + (start - goal) / 2.0 * (math.cos(math.pi * share) + 1)


@torch.inference_mode()
def score(net: ClassNetwork, examples: Examples) -> dict[str, float]:
    """Return accuracy and mean confidence (highest class probability) in evaluation mode, rounded to 1e-4.

    With factors there is also `factor_rmse`, the root mean squared error over the factors that apply.
    """
    net.eval()
    probabilities, estimates = [], []
    for part in examples.images.split(limit_chunk(SCORE_CHUNK, examples.images)):
        features = net.features(images.to_float(part))
        probabilities.append(net.logits(features).softmax(1))
        if net.factors is not None:
            estimates.append(net.predict_factors(features))
    confidence, guess = torch.cat(probabilities).max(1)
    accuracy = (guess == examples.labels).double().mean().item()
    found = {"accuracy": round(accuracy, 4), "mean_confidence": round(confidence.double().mean().item(), 4)}
    if estimates and examples.factors is not None and examples.mask is not None:
        error = factor_loss(torch.cat(estimates), examples.factors, examples.mask[examples.labels])
        found["factor_rmse"] = round(math.sqrt(error.item()), 4)
    return found


SLOTS: dict[type[torch.optim.Optimizer], tuple[str, ...]] = {
    torch.optim.SGD: ("momentum_buffer",),
    torch.optim.AdamW: ("step", "exp_avg", "exp_avg_sq"),
}
"""What an optimizer remembers of every weight."""


def make_optimizer(net: ClassNetwork, recipe: FeatureRecipe) -> torch.optim.Optimizer:
    """Return the recipe's optimizer of all the network's weights."""
    rate, decay = recipe.max_lr, recipe.weight_decay
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(net.parameters(), rate, betas=(recipe.momentum, 0.999), weight_decay=decay)
    return torch.optim.SGD(net.parameters(), rate, momentum=recipe.momentum, weight_decay=decay, nesterov=True)


class FeatureState:
    """Everything that changes while a feature network is trained: what a checkpoint of it holds.

    The learning rate and the order of the images are functions of the number of finished epochs, so neither needs a
    state of its own.
    """

    keep_checkpoints = 2

    def __init__(self, net: ClassNetwork, recipe: FeatureRecipe):
        self.net: ClassNetwork = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = make_optimizer(net, recipe)
        self.cur_nimg = 0
        self.best: dict[str, Tensor] = {}
        """Weights of the epoch with the highest held-out accuracy so far (of several, the last)."""
        self.epochs: list[dict[str, float]] = []
        """One record per finished epoch: `epoch`, `loss` and what `score` returns for the held-out images."""

    def is_planned(self, nimg: int) -> bool:
        """Return whether a checkpoint is kept in its turn: all are, for they are saved at the ends of epochs only."""
        return True

    def step(self, loss: Tensor, rate: float, num_images: int) -> None:
        """Take one step; a loss that is not finite raises `DivergedError` and leaves the weights as they are."""
        if not math.isfinite(loss.item()):
            raise DivergedError(
                f"the feature network diverged after {self.cur_nimg:,} images: its loss is {loss.item():g}. The step "
                "was not taken; try another --seed."
            )
        self.optimizer.zero_grad()
        loss.backward()
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.cur_nimg += num_images

    def finish_epoch(self, loss: float, scores: dict[str, float]) -> dict[str, float]:
        """Note an epoch's mean loss and held-out scores, keep its weights if they are the best; return its record."""
        record: dict[str, float] = {"epoch": len(self.epochs) + 1, "loss": round(loss, 4), **scores}
        self.epochs.append(record)
        if record["accuracy"] == max(each["accuracy"] for each in self.epochs):
            self.best = {key: value.clone() for key, value in self.net.state_dict().items()}
        return record

    @property
    def chosen_epoch(self) -> int:
        """The epoch whose weights are the best so far, from 1."""
        best = max(record["accuracy"] for record in self.epochs)
        return int([record["epoch"] for record in self.epochs if record["accuracy"] == best][-1])

    def tensors(self) -> dict[str, Tensor]:
        """Return every changing tensor by name, on the CPU."""
        named = {f"net.{key}": value for key, value in self.net.state_dict().items()}
        named |= {f"best.{key}": value for key, value in self.best.items()}
        for index, slots in self.optimizer.state_dict()["state"].items():
            named |= {f"optimizer.{index}.{key}": value for key, value in slots.items() if value is not None}
        return {name: value.detach().to("cpu", copy=True).contiguous() for name, value in named.items()}

    def counters(self) -> dict[str, Any]:
        """Return every changing number by name, as JSON values."""
        return {"cur_nimg": self.cur_nimg, "epochs": self.epochs}

    def load(self, tensors: dict[str, Tensor], counters: dict[str, Any]) -> None:
        """Continue from what `tensors` and `counters` returned; a missing or misshaped entry raises."""
        own = self.net.state_dict()
        self.net.load_state_dict({key: tensors[f"net.{key}"] for key in own})
        # In the memory layout of the weights, as in an undisturbed training, for another one may round differently.
        self.best = {key: torch.empty_like(value).copy_(tensors[f"best.{key}"]) for key, value in own.items()}
        slots: dict[int, dict[str, Tensor]] = {}
        for index, weight in enumerate(self.net.parameters()):
            slots[index] = {}
            for slot in SLOTS[type(self.optimizer)]:
                kept = tensors[f"optimizer.{index}.{slot}"]
                # As above; the count of steps is a single number and has no layout.
                slots[index][slot] = torch.empty_like(weight.detach()).copy_(kept) if kept.ndim else kept.clone()
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": slots})
        self.epochs = [dict(record) for record in counters["epochs"]]
        self.cur_nimg = int(counters["cur_nimg"])


def train_epoch(
    state: FeatureState, examples: Examples, recipe: FeatureRecipe, seed: int
) -> Generator[None, None, float]:
    """Show every image once, in the order of the state's next epoch; yield after each step; return the mean loss."""
    epoch = len(state.epochs) + 1
    state.net.train()
    draw = rng.generator(seed, "features_epoch", epoch)
    order = torch.from_numpy(draw.permutation(len(examples)))
    # As equal as can be: a last batch of a single image would have no variance for the batch norms.
    batches = order.tensor_split(max(1, len(order) // recipe.batch_size))
    total = 0.0
    for number, index in enumerate(batches, (epoch - 1) * len(batches)):
        batch = examples.part(index)
        loss = batch_loss(state.net, augment(batch.images, recipe, draw), batch, recipe.label_smoothing)
        state.step(loss, learning_rate(recipe, number, recipe.num_epochs * len(batches)), len(index))
        total += loss.item()
        yield
    return total / len(batches)
