"""The configuration of a training run: one frozen dataclass, saved whole as `config.json`."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypedDict, get_args, get_origin, get_type_hints

from . import bounds, files
from .checked import MAX_NUMBER, shown
from .errors import ConfigError, RunError, unknown

ModelName = Literal["mlp", "dcgan"]
OptimizerName = Literal["sgd", "adam"]
InitName = Literal["default", "normal"]
FitName = Literal["crop", "pad", "stretch"]
EngineName = Literal["reference", "fast"]
PrecisionName = Literal["float32", "tf32", "bfloat16"]

NUM_FIXED_LATENTS = 64
"""Latents pictured over time in every run."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that decides a training run. Presets return one; `resolve` fills in what the data decides."""

    preset: str
    """Name of the preset this configuration started from."""
    model: ModelName
    """Network family: `mlp` (fully connected) or `dcgan` (convolutions)."""
    optimizer: OptimizerName
    """Optimizer of both networks."""
    lr_g: float
    """Learning rate of the generator."""
    lr_d: float
    """Learning rate of the discriminator."""
    adam_beta1: float = 0.5
    """Adam's first-moment decay (not used by sgd)."""
    adam_beta2: float = 0.999
    """Adam's second-moment decay (not used by sgd)."""
    init: InitName = "default"
    """Weight initialisation: PyTorch's, or `normal`: convolutions N(0, 0.02), batch-norm scales N(1, 0.02)."""
    z_dim: int = 100
    """Number of latent numbers."""
    batch_size: int = 64
    """Images per optimizer step, over all devices."""
    num_epochs: float
    """Training length in passes over the training set; used while `total_nimg` is None."""
    total_nimg: int | None = None
    """Training length in images shown to D; fixed when the run starts."""
    ema_halflife_nimg: int = 20_000
    """Half-life of G_ema's average in images; early on, 5 % of the images seen."""
    seed: int = 0
    """Seed of everything random in the run."""
    init_from: str | None = None
    """Run whose weights this one started from (a warm start), or None."""

    tick_nimg: int | None = None
    """Images between two lines of stats.jsonl; None: a 200th of the run."""
    sample_nimg: int | None = None
    """Images between two pictures of the fixed latents; None: a 10th of the run."""
    snapshot_nimg: int | None = None
    """Images between two snapshots of G_ema; None: a 5th of the run."""
    checkpoint_nimg: int | None = None
    """Images between two checkpoints; None: a 20th of the run, at least 10 steps."""
    keep_checkpoints: int = 2
    """Newest checkpoints kept; at least 2, so that a damaged one has a predecessor."""

    data: str = ""
    """Name of the data set."""
    data_path: str = ""
    """Absolute path of own pictures; empty for sets known by name."""
    data_fit: FitName = "crop"
    """How own pictures were brought to one size."""
    data_sha256: str = ""
    """SHA-256 over the data set's content hashes."""
    num_train: int = 0
    """Training images."""
    img_channels: int = 1
    """1 (grey) or 3 (RGB)."""
    img_height: int = 28
    """Image height in pixels."""
    img_width: int = 28
    """Image width in pixels."""

    device: str = "cpu"
    """Device chosen at the start."""
    num_threads: int = 1
    """CPU threads chosen at the start; part of exact resume."""
    engine: EngineName = "reference"
    """How a step is computed: `reference` (autograd, plain float32) or `fast` (derivatives written out)."""
    precision: PrecisionName = "float32"
    """Arithmetic of the fast step; weights, averages and optimizers are float32 always."""
    num_processes: int = 1
    """Processes that share every step; batch norm uses each one's own batch_size / num_processes images."""
    budget_sec: float | None = None
    """Time the run was given at its start, which decided `total_nimg`; None: no budget."""

    @property
    def img_shape(self) -> tuple[int, int, int]:
        """Image shape (C, H, W)."""
        return self.img_channels, self.img_height, self.img_width

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as plain JSON values."""
        return dataclasses.asdict(self)


class ShapeOptions(TypedDict, total=False):
    """How own pictures are brought to one shape."""

    size: str
    """Height x width of own or drawn pictures, as in 48x32; unset: their own size."""
    fit: FitName
    """How own pictures get that size: crop (fill and cut), pad (fit and fill up) or stretch."""
    channels: Literal[1, 3]
    """1 (grey) or 3 (colour); unset: by the pictures."""


class DataOptions(ShapeOptions, total=False):
    """Where the data lies, and the shape of own pictures."""

    data_dir: Path
    """Folder that holds <name>/<files>; unset: GANATOMY_DATA, the user cache, then a download."""


class Overrides(TypedDict, total=False):
    """Settings of a preset that `train` takes one by one; the names are `TrainConfig`'s."""

    device: str
    """auto, cpu, cuda or mps; auto is CUDA where present, else the CPU, never mps."""
    num_threads: int
    """CPU threads; unset: the cores this process may use."""
    engine: Literal["auto", "reference", "fast"]
    """How a step is computed: reference (autograd, plain float32) or fast (the same step with derivatives written
    out); auto is fast where the network has one."""
    precision: Literal["auto", "float32", "tf32", "bfloat16"]
    """Arithmetic of the fast step; auto is bfloat16 where a measurement finds it faster, else float32."""
    batch_size: int
    """Images per optimizer step."""
    num_epochs: float
    """Training length in passes over the training set."""
    optimizer: OptimizerName
    """Optimizer of both networks."""
    lr_g: float
    """Learning rate of the generator."""
    lr_d: float
    """Learning rate of the discriminator."""
    adam_beta1: float
    """Adam's first-moment decay."""
    adam_beta2: float
    """Adam's second-moment decay."""
    init: InitName
    """Weight initialisation: PyTorch's (default) or N(0, 0.02) (normal)."""
    z_dim: int
    """Number of latent numbers."""
    ema_halflife_nimg: int
    """Half-life of the generator's average, in images."""
    tick_nimg: int
    """Images between two lines of stats.jsonl."""
    sample_nimg: int
    """Images between two pictures of the fixed latents."""
    snapshot_nimg: int
    """Images between two snapshots of G_ema."""
    checkpoint_nimg: int
    """Images between two checkpoints."""
    keep_checkpoints: int
    """Newest checkpoints kept, at least 2."""


BOUNDED = (
    "lr_g", "lr_d", "z_dim", "batch_size", "num_epochs", "total_nimg", "ema_halflife_nimg", "tick_nimg",
    "sample_nimg", "snapshot_nimg", "checkpoint_nimg", "num_threads", "num_processes", "keep_checkpoints",
    "budget_sec", "seed", "num_train", "img_height", "img_width",
)  # fmt: skip
"""Numbers with a range in `bounds`."""
UNDECIDED = ("total_nimg", "tick_nimg", "sample_nimg", "snapshot_nimg", "checkpoint_nimg", "budget_sec")
"""Those of them that may be None."""


def check(config: TrainConfig) -> TrainConfig:
    """Return the configuration if every value is allowed; else raise a `ConfigError` naming value and range."""
    bounds.check_all(config, BOUNDED, UNDECIDED)
    for name in ("adam_beta1", "adam_beta2"):
        value = getattr(config, name)
        if not isinstance(value, int | float) or not 0 <= value < 1:
            given = value if isinstance(value, float) else bounds.shown(value)
            raise ConfigError(f"{name} is {given}; it must be at least 0 and below 1.")
    if config.img_channels not in (1, 3):
        raise ConfigError(f"img_channels is {bounds.shown(config.img_channels)}; allowed: 1 (grey) or 3 (RGB).")
    for name, allowed in (
        ("model", ModelName),
        ("optimizer", OptimizerName),
        ("init", InitName),
        ("engine", EngineName),
        ("precision", PrecisionName),
    ):
        if getattr(config, name) not in get_args(allowed):
            raise unknown(name, getattr(config, name), get_args(allowed))
    return config


def resolve(config: TrainConfig) -> TrainConfig:
    """Fix what depends on the data: the total number of images and the intervals derived from it."""
    check(config)
    total = config.total_nimg or math.ceil(config.num_epochs * config.num_train)

    def every(value: int | None, share: int) -> int:
        return value or max(config.batch_size, math.ceil(total / share))

    return check(
        dataclasses.replace(
            config,
            total_nimg=total,
            num_epochs=total / config.num_train,
            tick_nimg=every(config.tick_nimg, 200),
            sample_nimg=every(config.sample_nimg, 10),
            snapshot_nimg=every(config.snapshot_nimg, 5),
            checkpoint_nimg=config.checkpoint_nimg or max(10 * config.batch_size, math.ceil(total / 20)),
        )
    )


def from_dict(record: dict[str, Any]) -> TrainConfig:
    """Build a configuration from `config.json`; unknown or missing keys and values of another type: `ConfigError`."""
    kinds = get_type_hints(TrainConfig)
    given = {key: value for key, value in record.items() if key != "schema"}
    extra = sorted(set(given) - set(kinds))
    if extra:
        raise ConfigError(f"config.json has settings this version does not know: {', '.join(extra)}.")
    needed = [entry.name for entry in dataclasses.fields(TrainConfig) if entry.default is dataclasses.MISSING]
    missing = [name for name in needed if name not in given]
    if missing:
        raise ConfigError(f"config.json lacks {', '.join(missing)}.")
    for name, value in given.items():
        _check_type(name, value, kinds[name])
    return check(TrainConfig(**given))


def read(path: Path) -> TrainConfig:
    """Return the configuration of a `config.json`; what is none of this version is a `RunError`."""
    try:
        return from_dict(files.read_json(path))
    except ConfigError as error:
        raise RunError(f"{path} is not a configuration of this version: {error} Restore it from a copy.") from error


_WORDS = {int: "a whole number", float: "a number", str: "text", type(None): "null"}


def _check_type(name: str, value: object, kind: Any) -> None:
    """Refuse a value from JSON that is not of a field's type; a float may be written as a whole number."""
    parts = get_args(kind) if isinstance(kind, UnionType) else (kind,)
    for part in parts:
        if get_origin(part) is Literal:
            fits = value in get_args(part)
        elif part is str:
            fits = type(value) is str and "\0" not in value
        else:
            fits = type(value) is part or (part is float and type(value) is int and abs(value) < MAX_NUMBER)
        if fits:
            return
    allowed = [f"one of {', '.join(get_args(part))}" if get_origin(part) is Literal else _WORDS[part] for part in parts]
    raise ConfigError(f"{name} is {shown(value)}, expected {' or '.join(allowed)}.")


def differences(old: TrainConfig, new: TrainConfig) -> list[str]:
    """Return `name: old -> new` for every field that differs."""
    before, after = old.to_dict(), new.to_dict()
    return [f"{name}: {before[name]} -> {after[name]}" for name in before if before[name] != after[name]]
