"""Everything that changes during training, and nothing else: what a checkpoint holds."""

from __future__ import annotations

import copy
import json
from typing import Any

import torch
from torch import Tensor, nn

from .. import files
from ..config import TrainConfig
from ..models import registry
from . import ema, schedule
from .distributed import ALONE, Group
from .ticklog import TickLog

DECISIVE = (
    "model", "optimizer", "lr_g", "lr_d", "adam_beta1", "adam_beta2", "init", "z_dim", "batch_size",
    "ema_halflife_nimg", "seed", "init_from", "data_sha256", "num_train", "img_channels", "img_height", "img_width",
)  # fmt: skip
"""Settings that decide what a training has learnt after so many images; not how long it goes on, nor on what."""


def identity(config: TrainConfig) -> str:
    """Return a SHA-256 that tells one training's checkpoints from another's."""
    decisive = {name: getattr(config, name) for name in DECISIVE}
    return files.sha256(json.dumps(decisive, sort_keys=True).encode())


class TrainState:
    """G, D, G_ema, both optimizers, the running sums and the image counter of one run."""

    def __init__(self, config: TrainConfig, device: torch.device, group: Group = ALONE):
        self.config = config
        self.device = device
        self.group = group
        self.G = registry.build_generator(config).to(device)
        self.D = registry.build_discriminator(config).to(device)
        self.G_ema = copy.deepcopy(self.G).requires_grad_(False)
        self.optimizer_G = _optimizer(self.G, config, config.lr_g)
        self.optimizer_D = _optimizer(self.D, config, config.lr_d)
        self.tick = TickLog(device, config.batch_size)
        self.cur_nimg = 0
        self._usable: tuple[int, nn.Module] | None = None

    @property
    def keep_checkpoints(self) -> int:
        """How many of the newest checkpoints stay on disk."""
        return self.config.keep_checkpoints

    @property
    def identity(self) -> str:
        """What tells this training's checkpoints from another's."""
        return identity(self.config)

    def is_planned(self, nimg: int) -> bool:
        """Return whether an undisturbed run saves a checkpoint at `nimg` images."""
        interval = self.config.checkpoint_nimg or 1
        return schedule.is_step_end(nimg, self.config) and schedule.is_planned(interval, nimg, self.config)

    @property
    def networks(self) -> dict[str, nn.Module]:
        """G, D and G_ema by name."""
        return {"G": self.G, "D": self.D, "G_ema": self.G_ema}

    def usable_generator(self) -> nn.Module:
        """Return G_ema in eval mode with batch-norm statistics of its own; computed once per image count."""
        if self._usable is None or self._usable[0] != self.cur_nimg:
            self._usable = self.cur_nimg, ema.with_statistics(self.G_ema, self.config.z_dim, self.config.seed)
        return self._usable[1]

    def tensors(self) -> dict[str, Tensor]:
        """Return every changing tensor by name, on the CPU."""
        named = {f"tick.{name}": value for name, value in self.tick.tensors().items()}
        for name, network in self.networks.items():
            named |= {f"{name}.{key}": value for key, value in network.state_dict().items()}
        for name, optimizer in (("optimizer_G", self.optimizer_G), ("optimizer_D", self.optimizer_D)):
            for index, slots in optimizer.state_dict()["state"].items():
                named |= {f"{name}.{index}.{key}": value for key, value in slots.items() if value is not None}
        return {name: value.detach().to("cpu", copy=True).contiguous() for name, value in named.items()}

    def counters(self) -> dict[str, Any]:
        """Return every changing number by name, as JSON values."""
        return {"cur_nimg": self.cur_nimg, "tick_num_images": self.tick.num_images}

    def load(self, tensors: dict[str, Tensor], counters: dict[str, Any]) -> None:
        """Continue from what `tensors` and `counters` returned; a missing or misshaped entry raises."""
        for name, network in self.networks.items():
            network.load_state_dict(_under(name, tensors))
        for name, optimizer in (("optimizer_G", self.optimizer_G), ("optimizer_D", self.optimizer_D)):
            slots: dict[int, dict[str, Tensor]] = {}
            for key, value in _under(name, tensors).items():
                index, slot = key.split(".", 1)
                slots.setdefault(int(index), {})[slot] = value
            optimizer.load_state_dict({**optimizer.state_dict(), "state": slots})
        self.tick.load(_under("tick", tensors), int(counters["tick_num_images"]))
        self.cur_nimg = int(counters["cur_nimg"])
        self._usable = None

    def start_from(self, tensors: dict[str, Tensor]) -> None:
        """Take over the networks' weights of another run (`--init-from`); optimizers and counters stay fresh."""
        for name, network in self.networks.items():
            network.load_state_dict(_under(name, tensors))


def running_statistics(network: nn.Module) -> list[Tensor]:
    """Return the batch-norm buffers of a network that are averages (the counters are the same in every process)."""
    return [buffer for buffer in network.buffers() if buffer.is_floating_point()]


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key[len(prefix) + 1 :]: value for key, value in tensors.items() if key.startswith(prefix + ".")}


def _optimizer(network: nn.Module, config: TrainConfig, lr: float) -> torch.optim.Optimizer:
    if config.optimizer == "sgd":
        return torch.optim.SGD(network.parameters(), lr=lr)
    return torch.optim.Adam(network.parameters(), lr=lr, betas=(config.adam_beta1, config.adam_beta2), fused=True)
