"""The verb `walk`: films of a generator's images and of its training. Heavy modules are imported inside it."""

from __future__ import annotations

import contextlib
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from . import bounds, console, files
from .border import verb
from .shared import of_run, use_machine

if TYPE_CHECKING:
    from torch import Tensor, nn

    from .latent.walks import WalkConfig
    from .training.run import Run

WIDTH_PX = 500
"""About how wide a film is where no scale is given."""
FPS = {"film": 2.0}
OTHER_FPS = 12.5
HELD_MS = {"loop": (0, 0), "film": (0, 2000)}
OTHER_HELD_MS = (1000, 1000)
"""How much longer the first and the last frame are shown: a loop has no end to look at."""


@verb
def walk(
    run: str | PathLike[str],
    /,
    *,
    kind: str = "loop",
    num_frames: int | None = None,
    fps: float | None = None,
    seed: int = 0,
    latents: Path | None = None,
    columns: int | None = None,
    scale: int | None = None,
    class_from: str | None = None,
    class_to: str | None = None,
    data_dir: Path | None = None,
    out: Path | None = None,
) -> Path:
    """Make a film: latents that move through a run's images, or its training seen through fixed latents.

    The same options give the same file. Returns its path.

    Args:
        run: Folder of the run.
        kind: What moves: loop (round through four latents each), linear or spherical (from one latent to another),
            classes (from one class to another), or film (the samples of the training).
        num_frames: How many pictures; unset: 64, of a training all there are.
        fps: Pictures per second, 0.1 to 50; unset: 12.5, of a training 2.
        seed: Seed of the latents.
        latents: File of latents, .npy or .npz: float [N, z_dim]; one way through all of them in their order.
        columns: Walks side by side, and as many rows; unset: 4, of a training all 8.
        scale: Every pixel becomes a square of scale x scale; unset: as fits a picture about 500 wide.
        class_from: Class to start from, for classes; unset: each to the next.
        class_to: Class to end at, for classes.
        data_dir: Folder that holds the run's data set as <name>/<files>, for classes.
        out: FILE.webp (exact), FILE.gif, or a folder for single PNG files; unset: walk-<kind>.webp in the run's folder.
    """
    from .latent import walks
    from .training.run import open_run

    opened = open_run(run)
    config = walks.WalkConfig(
        kind=kind, num_frames=num_frames, columns=columns, seed=seed, class_from=class_from, class_to=class_to
    )
    walks.check(config, has_latents=latents is not None)
    path = Path(out) if out is not None else opened.folder / f"walk-{kind}.webp"
    _check_output(path, fps, scale)
    return _film(opened, config, path, fps=fps, scale=scale, latents=latents, data_dir=data_dir, is_own=out is None)


def _film(
    opened: Run, config: WalkConfig, path: Path, *, fps: float | None, scale: int | None, latents: Path | None,
    data_dir: Path | None, is_own: bool,
) -> Path:  # fmt: skip
    """Make the film and write it; `is_own` says that it goes into the run's folder, which is locked then."""
    from . import film, images
    from .latent import walks

    kind, work = config.kind, None
    if kind == "film":
        frames, told = walks.training_film(opened, config)
        scale = _fitted(path, scale, len(frames), frames[0].shape)
    else:
        _fit(opened, config, path, scale, walks.fewest_walks(config, latents is not None))
        G, snapshot = opened.opened()
        z, told = _latents(opened, G, config, latents, data_dir)
        told = f"{opened.name} at {snapshot.nimg:,} training images (snapshot {snapshot.sha256[:12]}){told}"
        num_columns, scale = _fit(opened, config, path, scale, len(z))
        files.make_folder(path.parent if film.ending(path) else path)
        work = walks.walk_frames(G, z, num_columns)
    with files.one_writer(opened.folder, "walk") if is_own else contextlib.nullcontext():
        if work is not None:
            frames = console.show(work, f"walk {opened.name}") or []
        durations = _durations(kind, len(frames), fps, film.ending(path))
        film.save_animation(path, [images.enlarge(pixels, scale) for pixels in frames], durations)
    size = f"{scale * frames[0].shape[1]} x {scale * frames[0].shape[0]} px (--scale {scale})"
    console.say(f"{path}: {film.told_film(path, len(frames), size)}; {told}")
    return path


def _check_output(path: Path, fps: float | None, scale: int | None) -> None:
    from . import film

    film.check_animation(path)
    for name, value in (("fps", fps), ("scale", scale)):
        if value is not None:
            bounds.check(name, value)


def _fitted(path: Path, scale: int | None, num_frames: int, shape: tuple[int, ...]) -> int:
    """Return the scale asked for, else the one that makes a frame [H, W] about 500 px wide.

    A film that cannot be held in memory or in a file is a `GanatomyError`.
    """
    from . import film

    chosen = max(1, round(WIDTH_PX / shape[1])) if scale is None else scale
    film.check_animation(path, num_frames, chosen * shape[0], chosen * shape[1])
    return chosen


def _fit(opened: Run, config: WalkConfig, path: Path, scale: int | None, num_walks: int) -> tuple[int, int]:
    """Return (walks side by side, scale) of a film of so many walks, if it can be held."""
    from .latent import walks

    num_columns = walks.columns_of(config, num_walks)
    shape = walks.frame_shape(num_walks, num_columns, opened.config.img_shape)
    return num_columns, _fitted(path, scale, config.num_frames or walks.NUM_FRAMES, shape)


def _latents(
    opened: Run, G: nn.Module, config: WalkConfig, latents: Path | None, data_dir: Path | None
) -> tuple[Tensor, str]:
    """Return the latents of all walks, [walks, num_frames, z_dim], and what more is to be said of them."""
    from .latent import codes, walks
    from .latent.lens import Lens
    from .metrics.features import features_for

    use_machine(opened.config)
    z_dim = opened.config.z_dim
    if config.kind == "classes":
        network = features_for(of_run(opened, data_dir))
        ends = walks.check_classes(config, network.class_names, network.name)
        z, told = walks.class_walks(config, Lens(G, network), z_dim, ends)
        return z, f": {told}"
    given = None if latents is None else codes.read_latents(Path(latents), z_dim)
    return walks.walk_latents(config, z_dim, given), ""


def _durations(kind: str, num_frames: int, fps: float | None, suffix: str) -> list[int]:
    """Return how long each frame is shown, in ms; GIF counts in steps of 10 ms."""
    unit = 10 if suffix == ".gif" else 1
    usual = unit * round(1000 / (FPS.get(kind, OTHER_FPS) if fps is None else fps) / unit)
    first, last = HELD_MS.get(kind, OTHER_HELD_MS)
    return [usual + first, *[usual] * (num_frames - 2), usual + last]
