"""The training loop, whole and visible: maintenance first, learning last."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from .. import rng
from ..datasets.stream import ImageStream
from ..errors import DivergedError, Interrupted
from ..progress import Progress
from . import checkpoint, runlog, schedule
from .engine import build_step
from .state import TrainState

Hook = Callable[[TrainState], None]


def train(
    state: TrainState,
    stream: ImageStream,
    folder: Path,
    hooks: Sequence[tuple[int, Hook]] = (),
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[Progress]:
    """Train `state` to `config.total_nimg` images, writing into the run folder; yields a record per tick.

    `hooks` are (interval in images, function of the state), called in mid-run like the tasks below and once at
    the end. When `should_stop` turns true the state is saved and `Interrupted` raised; a non-finite loss or
    gradient raises `DivergedError` with the last good checkpoint, before the step is taken.
    """
    config = state.config
    total_nimg = config.total_nimg
    assert total_nimg and config.tick_nimg and config.sample_nimg and config.snapshot_nimg and config.checkpoint_nimg
    latents = rng.LatentStream(config.seed, "train", config.z_dim, state.device)
    train_step = build_step(state)
    log = runlog.StatsLog(folder)
    tasks: list[tuple[int, Hook]] = [
        (config.tick_nimg, log.write),
        (config.sample_nimg, lambda state: runlog.save_samples(folder, state)),
        (config.snapshot_nimg, lambda state: checkpoint.save_snapshot(folder, state)),
        *hooks,
    ]
    if not state.group.is_first:  # one process writes
        tasks = []

    # A resumed run has done the maintenance of its checkpoint's image count; a new one has done none.
    last_nimg = state.cur_nimg or -1
    while True:
        # Maintenance: whatever became due in (last_nimg, cur_nimg]. The checkpoint comes last, so that all
        # it implies is on disk before it.
        done = state.cur_nimg >= total_nimg
        for interval, task in tasks:
            if done or schedule.is_due(interval, last_nimg, state.cur_nimg):
                task(state)
        if done or (state.cur_nimg and schedule.is_due(config.checkpoint_nimg, last_nimg, state.cur_nimg)):
            save(folder, state)
        if done or schedule.is_due(config.tick_nimg, last_nimg, state.cur_nimg):
            yield Progress(state.cur_nimg, total_nimg)
        if done:
            return
        if state.group.any(should_stop()):
            train_step.settle()
            if state.group.is_first:
                checkpoint.save_snapshot(folder, state)
            saved = save(folder, state)
            raise Interrupted(f"stopped at {state.cur_nimg:,} of {total_nimg:,} images; saved {saved}.")

        # Learning: image numbers cur_nimg to cur_nimg + n decide the pictures and the latents; of several processes
        # each takes its part of them.
        num_images = min(config.batch_size, total_nimg - state.cur_nimg)
        first, num = state.group.part(num_images)
        real_img = stream.real_img(state.cur_nimg + first, num)
        z = latents.z(state.cur_nimg + first, num)
        last_nimg = state.cur_nimg
        try:
            train_step(real_img, z, num_images)
            looks = config.tick_nimg, config.sample_nimg, config.snapshot_nimg, config.checkpoint_nimg
            if state.cur_nimg >= total_nimg or any(schedule.is_due(each, last_nimg, state.cur_nimg) for each in looks):
                train_step.settle()
        except DivergedError as error:
            good = checkpoint.newest_good(folder)
            where = f"The last good checkpoint is {good}." if good else "There is no checkpoint yet."
            raise DivergedError(f"{error} {where} Try a smaller --lr-g and --lr-d, or another --seed.") from error


def save(folder: Path, state: TrainState) -> Path:
    """Write a checkpoint once all processes are found to hold the same parameters; the first one writes."""
    state.group.check_same(state.networks)
    return checkpoint.save(folder, state) if state.group.is_first else folder
