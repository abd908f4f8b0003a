"""The latent experiment as one piece of work: figures, chosen numbers, the atlas of all numbers, other noise.

Writes `dissect.json`, the PNG figures and `atlas.safetensors` (per-latent arrays) into one folder. Everything is a
pure function of generator, feature network and configuration: twice the same gives identical files.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from torch import Tensor, nn

from .. import files, rng
from ..errors import ConfigError
from ..metrics.jackknife import NUM_GROUPS
from ..metrics.network import FeatureNetwork
from ..progress import Progress
from . import codes, priors
from .atlas import Numbers, base_rows, edit_rows, measure_numbers
from .edits import write_figures
from .lens import Lens
from .measures import MEASURES, available
from .real import RealImages

RECORD_NAME = "dissect.json"
ARRAYS_NAME = "atlas.safetensors"


@dataclass(frozen=True, kw_only=True)
class DissectConfig:
    """What to edit and how much to measure."""

    dims: tuple[int, ...] | None = None
    """The chosen latent numbers; None: `num_dims` of them by `pick`."""
    num_dims: int = 5
    """How many numbers to choose."""
    pick: codes.Pick = "random"
    """`random` (by the seed) or `top` (largest mean visible share over the values)."""
    values: tuple[float, ...] = (0.1, 5.0, 20.0)
    """Values the numbers are set to, one at a time."""
    num_codes: int = 8
    """Latents in the figures."""
    num_latents: int = 1000
    """Latents measured for the chosen numbers."""
    num_latents_all: int = 256
    """Latents measured for all numbers."""
    num_prior_img: int = 10_000
    """Images per latent distribution in the comparison of priors."""
    seed: int = 0
    """Seed of latents, controls, picks and resamples."""


def check(config: DissectConfig, z_dim: int) -> DissectConfig:
    """Return the configuration if every value is allowed for this z_dim; else a `ConfigError` in words."""
    if config.dims is not None:
        codes.check_dims(config.dims, z_dim)
    else:
        codes.check_pick(config.pick, config.num_dims, z_dim)
    codes.check_values(config.values)
    codes.check_num_codes(config.num_codes)
    for name, least in (("num_latents", 2), ("num_latents_all", 2), ("num_prior_img", 2 * NUM_GROUPS)):
        if getattr(config, name) < least:
            raise ConfigError(f"{name} is {getattr(config, name)}; it must be at least {least}.")
    if config.seed < 0:
        raise ConfigError(f"seed is {config.seed}; it must be 0 or more.")
    return config


def dissect(
    G: nn.Module,
    z_dim: int,
    config: DissectConfig,
    folder: Path,
    *,
    run: str,
    nimg: int,
    features: FeatureNetwork | None = None,
    real: RealImages | None = None,
) -> Iterator[Progress | dict[str, Any]]:
    """Run the latent experiment on one generator and write its folder.

    Args:
        G: generator in eval mode, z [N, z_dim] -> [N, C, H, W] in [-1, 1].
        z_dim: numbers in one latent.
        config: what to edit and measure; checked first, before any work.
        folder: where the files go; made if missing.
        run: name of the run, for the record.
        nimg: images the generator was trained on, for the record.
        features: network for feature measures and, if it knows classes, class measures; what it cannot give is left
            out, and the record says so under `unavailable`. None: no such measures.
        real: what that network sees in the test images, for precision and for the priors' distances, or None.

    Yields:
        `Progress` in images, then the record that was written as `dissect.json`.
    """
    check(config, z_dim)
    files.make_folder(folder)
    lens = Lens(G, features, real)
    z = rng.latents(config.seed, "dissect", max(config.num_latents, config.num_latents_all, config.num_codes), z_dim)
    count = _Count(config, z_dim, priors.num_images(config.num_prior_img, features, real))

    everything = yield from _numbers(lens, z[: config.num_latents_all], tuple(range(z_dim)), config, count)
    dims = config.dims or codes.choose_dims(config.num_dims, config.pick, z_dim, config.seed, everything.effects())
    chosen = yield from _numbers(lens, z[: config.num_latents], dims, config, count)
    prior_record, prior_arrays = yield from _priors(lens, z_dim, config, count)
    figures = write_figures(lens.generate, z[: config.num_codes], dims, config.values, folder)

    record: dict[str, Any] = {"run": run, "nimg": nimg, "z_dim": z_dim, **asdict(config)}
    record |= {"dims": list(dims), "values": list(config.values), "pick": "given" if config.dims else config.pick}
    class_names = list(features.class_names) if features else []
    has_balls = features is not None and real is not None and real.has_balls
    measures = {m.name: m for m in available(features is not None, bool(class_names), has_balls)}
    record |= {"features": features.name if features else None, "class_names": class_names or None}
    record["unavailable"] = [name for name in MEASURES if name not in measures]
    record["measures"] = {m.name: {"unit": m.unit, "kind": m.kind, "doc": m.doc} for m in measures.values()}
    record |= {"interval": "95 % percentile bootstrap over latents, 1,000 resamples", "figures": figures}
    record |= {"base": base_rows(chosen, config.seed), "edits": edit_rows(chosen, config.seed)}
    record |= {"base_all": base_rows(everything, config.seed), "atlas": edit_rows(everything, config.seed)}
    record["priors"] = prior_record

    arrays = everything.arrays("all") | chosen.arrays("chosen") | prior_arrays
    files.write_bytes(folder / ARRAYS_NAME, safetensors.numpy.save(arrays))
    files.write_json(folder / RECORD_NAME, record)
    yield files.read_json(folder / RECORD_NAME)


class _Count:
    """Images made so far, over all parts of the experiment."""

    def __init__(self, config: DissectConfig, z_dim: int, num_priors: int):
        self.sets = len(config.values) + 1
        num_dims = config.num_dims if config.dims is None else len(config.dims)
        self.total = self.sets * (z_dim * config.num_latents_all + num_dims * config.num_latents) + num_priors
        self.done = 0

    def add(self, num: int) -> Progress:
        self.done += num
        return Progress(self.done, self.total)


def _numbers(
    lens: Lens, z: Tensor, dims: tuple[int, ...], config: DissectConfig, count: _Count
) -> Generator[Progress, None, Numbers]:
    """Yield progress; return the `Numbers`."""
    for step in measure_numbers(lens, z, dims, config.values, config.seed):
        if isinstance(step, Numbers):
            return step
        yield count.add(count.sets * len(z))
    raise AssertionError("measure_numbers always ends with its Numbers")


def _priors(
    lens: Lens, z_dim: int, config: DissectConfig, count: _Count
) -> Generator[Progress, None, tuple[dict[str, Any], dict[str, np.ndarray]]]:
    """Yield progress; return (record, arrays)."""
    for step in priors.measure_priors(lens, z_dim, config.seed, config.num_prior_img):
        if isinstance(step, tuple):
            return step
        yield count.add(step)
    raise AssertionError("measure_priors always ends with its record")
