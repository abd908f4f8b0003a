"""How large the numbers that people give may be, in one table, each with its reason.

A number beyond its bound cannot be meant: it would fill memory or disk, or run for years. Every verb looks it up here
by the setting's name before it starts. What only memory decides is in `device.check_memory`.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable
from dataclasses import dataclass
from typing import SupportsFloat, SupportsInt, TypeGuard

from .errors import ConfigError

MAX_SEED = 2**63 - 1


@dataclass(frozen=True)
class Bound:
    """The range of one setting, both ends allowed."""

    low: float
    high: float
    why: str
    """Why not more, as the end of a sentence."""
    is_whole: bool = True
    is_open: bool = False
    """Whether `low` itself is not allowed."""
    needs: str = ""
    """Why not less, in words of its own."""

    def told_low(self) -> str:
        """Return in words how small the number may be."""
        if self.low == 0 and not self.is_open:
            return "0 or more"
        return f"greater than {self.low:g}" if self.is_open else f"at least {self.low:,g}"


def _counter(high: int, why: str, low: int = 1, needs: str = "") -> Bound:
    return Bound(low, high, why, needs=needs)


def _positive(high: float, why: str, *, is_whole: bool = True) -> Bound:
    return Bound(0, high, why, is_whole, is_open=True)


_PICTURES = "every one has a place in a picture"
_MEASURED = "more would take days and change no digit that is printed"
_INTERVAL = "no training is longer"

# fmt: off
BOUNDS: dict[str, Bound] = {
    # of a training
    "lr_g": _positive(1e30, "float32, in which weights move, holds little more", is_whole=False),
    "lr_d": _positive(1e30, "float32, in which weights move, holds little more", is_whole=False),
    "z_dim": _positive(65_536, "every latent number is also looked at one by one"),
    "batch_size": _positive(1_048_576, "a step holds its images in memory"),
    "num_epochs": _positive(10**12, "it would not end", is_whole=False),
    "total_nimg": _positive(10**12, "it would not end"),
    "ema_halflife_nimg": _positive(10**12, _INTERVAL),
    "tick_nimg": _positive(10**12, _INTERVAL),
    "sample_nimg": _positive(10**12, _INTERVAL),
    "snapshot_nimg": _positive(10**12, _INTERVAL),
    "checkpoint_nimg": _positive(10**12, _INTERVAL),
    "num_threads": _positive(1024, "the system gives no more to one process"),
    "num_processes": _positive(65_536, "no step is shared by more"),
    "keep_checkpoints": _counter(1_000_000, "no run writes more", 2, "at least 2 are kept, so that one may be damaged"),
    "budget_sec": _positive(366 * 24 * 3600, "that is a year", is_whole=False),
    "seed": Bound(0, MAX_SEED, "seeds are numbers of 63 bits"),
    "seeds": _counter(
        1000, "each is a training with a folder of its own",
        needs="it is the number of trainings and must be at least 1",
    ),
    "num_train": Bound(0, 10**12, "no set is larger"),
    "img_height": _positive(1024, "networks are built up to that size"),
    "img_width": _positive(1024, "networks are built up to that size"),
    # of a measurement
    "num_sets": _counter(1000, "each is 10,000 images", needs="at least 1 set is needed"),
    "k": _counter(
        1000, "a neighbourhood is a small part of the images",
        needs="neighbourhoods reach to the nearest image (1) or further, usually 5 or 3",
    ),
    "num_feature_epochs": _counter(10_000, "a network that has not learned its classes by then never does"),
    # of the latent experiment
    "num_dims": _counter(65_536, "generators have no more latent numbers"),
    "num_codes": _counter(256, _PICTURES, needs="a figure needs at least 1 latent"),
    "num_latents": _counter(100_000, _MEASURED, low=2),
    "num_latents_all": _counter(100_000, _MEASURED, low=2),
    "num_prior_img": _counter(1_000_000, _MEASURED),
    "num_scale_img": _counter(1_000_000, _MEASURED),
    "num_jacobians": _counter(100_000, _MEASURED, low=2),
    "num_path_pairs": _counter(10_000, _MEASURED),
    "num_direction_latents": _counter(1_000_000, _MEASURED),
    "num_inverted": _counter(10_000, _MEASURED, low=2),
    "num_inversion_evals": _counter(100_000, _MEASURED),
    "edit value": Bound(
        -1e6, 1e6, "latent numbers are of N(0, 1), and images of larger ones leave float32", is_whole=False
    ),
    "number of values": _counter(100, _PICTURES),
    "number of edits": _counter(1000, _PICTURES),
    # of samples and films
    "num": _counter(100_000_000, "more are not written by one command"),
    "number of single pictures": _counter(1_000_000, "a folder of more files is of no use; give a .npy file"),
    "num_frames": _counter(10**9, "a film is held in memory", 2, "a film needs at least 2"),
    "columns": _counter(1_000_000, "a film is held in memory"),
    "fps": Bound(
        0.1, 50, "players show no more", is_whole=False, needs="give 0.1 to 50 pictures per second"
    ),
    "scale": _counter(1000, "a film's frames are at most 65,535 pixels wide"),
}
# fmt: on
"""The bound of every number by the name of its setting."""


def check(name: str, value: object, *, called: str | None = None, low: int | None = None) -> None:
    """Refuse, with a `ConfigError` that names the limit and its reason, a value outside the bound of a setting.

    Args:
        name: key of `BOUNDS`.
        value: what was given; of another type it is refused too.
        called: what the setting is called to people, where that is not its name.
        low: another least value, where it depends on something else.
    """
    bound, called = BOUNDS[name], called or name
    if bound.is_whole:
        if not _is_whole(value):
            raise ConfigError(f"{called} is {shown(value)}; it must be a whole number.")
        number: float = int(value)
    else:
        if not _is_number(value):
            raise ConfigError(f"{called} is {shown(value)}; it must be a number.")
        number = int(value) if _is_whole(value) else float(value)
    least = bound.low if low is None else low
    if not (number > least if bound.is_open else number >= least):  # NaN is refused here
        told = f"at least {low}" if low is not None else bound.told_low()
        needs = bound.needs or f"it must be {told} and at most {_plain(bound.high)}"
        raise ConfigError(f"{called} is {shown(value)}; {needs}.")
    if number > bound.high:
        raise ConfigError(
            f"{called} is {shown(value)}; it must be {bound.told_low()} and at most {_plain(bound.high)}, for "
            f"{bound.why}."
        )


def check_all(record: object, names: Iterable[str], undecided: Iterable[str] = ()) -> None:
    """Check the attributes of an object by their names; those that may be `undecided` may be None."""
    for name in names:
        if getattr(record, name) is not None or name not in undecided:
            check(name, getattr(record, name))


def check_seeds(first: int, num: int) -> None:
    """Check a number of trainings whose seeds follow each other from `first`; none may pass the largest seed."""
    check("seeds", num)
    check("seed", first)
    if first + num - 1 > MAX_SEED:
        raise ConfigError(f"seed is {first} and seeds is {num}; the last seed must be at most {_plain(MAX_SEED)}.")


def _is_whole(value: object) -> TypeGuard[SupportsInt]:
    return type(value) is not bool and isinstance(value, numbers.Integral)


def _is_number(value: object) -> TypeGuard[SupportsFloat]:
    return type(value) is not bool and isinstance(value, numbers.Real)


def shown(value: object) -> str:
    """Return a value for a message: short, however many digits it has."""
    if _is_whole(value):
        whole = int(value)
        return str(whole) if abs(whole) < 10**20 else f"a number of about {_num_digits(whole)} digits"
    if _is_number(value):
        return f"{float(value):g}"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _num_digits(whole: int) -> int:
    return int(abs(whole).bit_length() * math.log10(2)) + 1  # str() refuses integers of many thousand digits


def _plain(value: float) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if value.is_integer() and value < 1e15 else f"{value:g}"
