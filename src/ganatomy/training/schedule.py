"""When things happen: pure functions of the number of images seen."""

from __future__ import annotations

from ..config import TrainConfig


def is_due(interval_nimg: int, last_nimg: int, cur_nimg: int) -> bool:
    """Return whether a multiple of the interval lies in (last_nimg, cur_nimg]; last_nimg is -1 before the start."""
    return cur_nimg // interval_nimg > last_nimg // interval_nimg


def is_planned(interval_nimg: int, cur_nimg: int, config: TrainConfig) -> bool:
    """Return whether an undisturbed run does a task of this interval at `cur_nimg`, the end of one of its steps."""
    return cur_nimg == config.total_nimg or is_due(interval_nimg, cur_nimg - config.batch_size, cur_nimg)


def is_step_end(nimg: int, config: TrainConfig) -> bool:
    """Return whether the run is ever at an image count between two steps, its beginning and its end among them."""
    total_nimg = config.total_nimg or 0
    return nimg == total_nimg or (0 <= nimg < total_nimg and nimg % config.batch_size == 0)


def ema_beta(num_images: int, cur_nimg: int, halflife_nimg: int) -> float:
    """Return the weight that G_ema keeps in a step of `num_images` images ending at `cur_nimg`.

    The half-life is the smaller of `halflife_nimg` and 5 % of the images seen, so that short runs have a
    working average too (the ramp-up of Karras et al. 2020, ADA).
    """
    return float(0.5 ** (num_images / min(halflife_nimg, 0.05 * cur_nimg)))
