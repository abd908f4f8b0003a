"""Generators with trained-looking weights for fabricated runs: contrast in the pictures, statistics in batch norm."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from ganatomy import config as configuration
from ganatomy import files, rng
from ganatomy.config import TrainConfig
from ganatomy.models import registry


def config_of(run: Path) -> TrainConfig:
    return configuration.from_dict(files.read_json(run / "config.json"))


def lively_generator(config: TrainConfig, seed: int = 0) -> nn.Module:
    """Return a generator in eval mode whose batch norm holds statistics and whose pictures use the whole range."""
    with rng.torch_seeded(seed, "explorer-test"):
        G = registry.build_generator(config)
        for module in G.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.weight, 1.0, 0.3)
                nn.init.normal_(module.bias, 0.0, 0.2)
        G.train()
        with torch.no_grad():  # in training mode a pass moves the running statistics
            for _ in range(60):
                G(torch.randn(32, config.z_dim))
            linear = [m for m in G.modules() if isinstance(m, nn.Linear | nn.ConvTranspose2d)][-1]
            shown = torch.atanh(G(torch.randn(64, config.z_dim)).clamp(-0.999, 0.999)).std()
            linear.weight.mul_(0.9 / shown)
    return G.eval()


def add_generator(run: Path, seed: int = 0, num_latents: int = 16) -> nn.Module:
    """Give a fabricated run the files that its explorer is made from, and return its generator."""
    config = config_of(run)
    G = lively_generator(config, seed)
    (run / "snapshots").mkdir()
    save_file({k: v.contiguous() for k, v in G.state_dict().items()}, run / "snapshots/G_ema-000180000.safetensors")
    z = rng.latents(seed, "explorer-test", num_latents, config.z_dim)
    save_file({"chosen/z": z, "all/z": z + 1}, run / "dissect" / "atlas.safetensors")
    return G
