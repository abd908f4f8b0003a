"""Named starting points: functions that return a full configuration. A run is a preset plus overrides."""

from __future__ import annotations

from collections.abc import Callable

from .config import TrainConfig
from .errors import unknown


def gan() -> TrainConfig:
    """Return the course's fully connected GAN: SGD 0.03 for both networks, batch 64, 3 epochs.

    The source report does not print its training settings; these are the public course notebook's.
    """
    return TrainConfig(preset="gan", model="mlp", optimizer="sgd", lr_g=0.03, lr_d=0.03, num_epochs=3)


def gan_adam() -> TrainConfig:
    """Return the same networks with the optimizer the notebook calls better: Adam 2e-4, betas 0.5/0.999."""
    return TrainConfig(preset="gan-adam", model="mlp", optimizer="adam", lr_g=2e-4, lr_d=2e-4, num_epochs=10)


def dcgan() -> TrainConfig:
    """Return the DCGAN with its usual settings (Radford et al. 2016, section 4): Adam 2e-4, N(0, 0.02) weights."""
    return TrainConfig(
        preset="dcgan", model="dcgan", optimizer="adam", lr_g=2e-4, lr_d=2e-4, init="normal", num_epochs=5
    )


PRESETS: dict[str, Callable[[], TrainConfig]] = {"gan": gan, "gan-adam": gan_adam, "dcgan": dcgan}


def preset(name: str) -> TrainConfig:
    """Return the configuration of a preset by name; an unknown name is a `ConfigError` with the nearest one."""
    if name not in PRESETS:
        raise unknown("preset", name, PRESETS)
    return PRESETS[name]()
