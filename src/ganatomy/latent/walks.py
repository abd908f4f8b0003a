"""Films: several latents that move together through a generator's images, and a training seen through fixed latents.

A film is a list of pictures, uint8 [H, W] or [H, W, 3], each a grid of walks; pixels are the generator's own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from .. import bounds, images, rng
from ..config import NUM_FIXED_LATENTS
from ..errors import ConfigError, RunError, unknown
from ..models.generate import CHUNK, generate
from ..progress import Progress
from ..training.run import Run
from . import paths
from .edits import GAP_PX
from .lens import Lens

KINDS = ("linear", "spherical", "loop", "classes", "film")
NUM_FRAMES = 64
NUM_COLUMNS = 4
NUM_ANCHORS = 4
"""Latents that a drawn loop goes through."""
NUM_CLASS_LATENTS = 2000
"""Latents among which the surest of each class are looked for."""

Frames = list[np.ndarray]


@dataclass(frozen=True, kw_only=True)
class WalkConfig:
    """Which walk, how many of them, in how many frames."""

    kind: str = "loop"
    """One of `KINDS`."""
    num_frames: int | None = None
    """Pictures; None: 64, of a training all there are."""
    columns: int | None = None
    """Walks side by side, and as many rows (of single walks between classes: as many as are needed); None: 4, of a
    training all 8, of latents that were given the one walk through them."""
    seed: int = 0
    """Seed of drawn latents."""
    class_from: str | None = None
    """Class where walks between classes begin; None: any."""
    class_to: str | None = None
    """Class where they end; None: any."""


def check(config: WalkConfig, has_latents: bool) -> None:
    """Refuse, with a `ConfigError` in words, values that are not allowed or do not fit their kind."""
    if config.kind not in KINDS:
        raise unknown("kind", config.kind, KINDS)
    bounds.check_all(config, ("num_frames", "columns", "seed"), ("num_frames", "columns"))
    if config.kind != "classes" and (config.class_from is not None or config.class_to is not None):
        raise ConfigError(f"class_from and class_to are for the kind classes, not for {config.kind}; leave them out.")
    if has_latents and config.kind in ("classes", "film"):
        raise ConfigError(f"the kind {config.kind} chooses its own latents; leave out latents, or give kind loop.")
    if has_latents and config.columns not in (None, 1):
        raise ConfigError(f"columns is {config.columns}, but the latents of a file make one walk; leave it out.")


def check_classes(config: WalkConfig, names: tuple[str, ...], network: str) -> tuple[int | None, int | None]:
    """Return the numbers of `class_from` and `class_to`, None where unset.

    Upper and lower case do not matter. A network without classes, a name it does not know, or one name twice is a
    `ConfigError`.
    """
    if len(names) < 2:
        raise ConfigError(
            f"the kind classes needs a feature network that knows two classes, and {network} knows {len(names)}; "
            "give kind loop, or train a network with `ganatomy features train`."
        )
    known = {name.casefold(): index for index, name in enumerate(names)}
    for given in (config.class_from, config.class_to):
        if given is not None and given.casefold() not in known:
            raise unknown("class", given, names)
    start, end = (None if x is None else known[x.casefold()] for x in (config.class_from, config.class_to))
    if start is not None and start == end:
        raise ConfigError(f"class_from and class_to are both {names[start]!r}; give two different classes.")
    return start, end


def walk_latents(config: WalkConfig, z_dim: int, given: Tensor | None = None) -> Tensor:
    """Return the latents of the kinds linear, spherical and loop.

    Args:
        config: checked.
        z_dim: numbers in one latent.
        given: float32 [N, z_dim], N >= 2: one walk through all of them in their order, for `loop` back to the first.
            None: columns x columns walks, each between two drawn latents, for `loop` through four.

    Returns:
        float32 [walks, num_frames, z_dim].

    Raises:
        ConfigError: fewer than 2 latents.
    """
    num_frames = config.num_frames or NUM_FRAMES
    num_anchors = NUM_ANCHORS if config.kind == "loop" else 2
    if given is None:
        num = (config.columns or NUM_COLUMNS) ** 2
        anchors = rng.latents(config.seed, "walk", num * num_anchors, z_dim).view(num, num_anchors, z_dim)
    else:
        anchors = given[None]
    if config.kind == "loop":
        return paths.loop(anchors, num_frames)
    return paths.chain(anchors, num_frames, paths.BETWEEN[config.kind])


def class_walks(config: WalkConfig, lens: Lens, z_dim: int, ends: tuple[int | None, int | None]) -> tuple[Tensor, str]:
    """Return spherical walks between the surest latents of classes, and in words what they are.

    Args:
        config: checked.
        lens: generator and a network that knows classes.
        z_dim: numbers in one latent.
        ends: what `check_classes` returned. Both: columns x columns walks (or as many as latents of both classes were
            drawn), surest to surest. One: a walk to, or from, every other class. None: from every class to the next.

    Returns:
        float32 [walks, num_frames, z_dim] and a line such as `T-shirt -> Trouser, Trouser -> Bag`.

    Raises:
        ConfigError: 2,000 latents gave none of a class that is needed.
    """
    assert lens.features is not None, "check_classes needs the network's classes"
    names = lens.features.class_names
    z = rng.latents(config.seed, "walk-classes", NUM_CLASS_LATENTS, z_dim)
    num = (config.columns or NUM_COLUMNS) ** 2 if None not in ends else 1
    chosen = paths.most_confident(lens.see(z).known_probabilities, num)
    found = [k for k, rows in enumerate(chosen) if len(rows)]
    for k in ends:
        if k is not None and k not in found:
            raise ConfigError(
                f"none of {NUM_CLASS_LATENTS:,} latents gives the class {names[k]!r}; found: "
                f"{', '.join(names[k] for k in found)}. Give one of these, or another seed."
            )
    if len(found) < 2:
        raise ConfigError(f"all of {NUM_CLASS_LATENTS:,} latents give one class, {names[found[0]]!r}; give kind loop.")
    pairs = _pairs(found, *ends)
    t = torch.linspace(0, 1, config.num_frames or NUM_FRAMES, dtype=torch.float64)
    walks = torch.cat([paths.class_path(z, chosen, start, end, t) for start, end in pairs])
    told = ", ".join(f"{names[start]} -> {names[end]}" for start, end in pairs)
    lacking = [name for k, name in enumerate(names) if k not in found]
    return walks, told + (f" (not drawn, so left out: {', '.join(lacking)})" if lacking else "")


def _pairs(found: list[int], start: int | None, end: int | None) -> list[tuple[int, int]]:
    if start is not None and end is not None:
        return [(start, end)]
    if start is not None:
        return [(start, k) for k in found if k != start]
    if end is not None:
        return [(k, end) for k in found if k != end]
    return list(zip(found, [*found[1:], found[0]]))


def columns_of(config: WalkConfig, num_walks: int) -> int:
    """Return how many walks stand side by side: those asked for, else about as many as rows, without gaps if possible.

    Without gaps means the smallest number from the square root to twice of it that divides the number of walks.
    """
    if config.columns is not None:
        return min(config.columns, num_walks)
    root = math.ceil(num_walks**0.5)
    return next((num for num in range(root, 2 * root + 1) if num_walks % num == 0), root)


def frame_shape(num_walks: int, num_columns: int, img_shape: tuple[int, int, int]) -> tuple[int, int]:
    """Return (height, width) in pixels that a frame of `walk_frames` will have, for images (C, H, W)."""
    _, height, width = img_shape
    return -(-num_walks // num_columns) * (height + GAP_PX) - GAP_PX, num_columns * (width + GAP_PX) - GAP_PX


def fewest_walks(config: WalkConfig, has_latents: bool) -> int:
    """Return how many walks there will be at least, before any latent is drawn: all of them where it can be told."""
    return 1 if has_latents or config.kind == "classes" else (config.columns or NUM_COLUMNS) ** 2


def walk_frames(G: nn.Module, z: Tensor, num_columns: int) -> Iterator[Progress | Frames]:
    """Picture walks.

    Args:
        G: generator in eval mode.
        z: float32 [walks, frames, z_dim].
        num_columns: walks side by side; 2 px stand between them.

    Yields:
        `Progress` in images, then the list of the frames.
    """
    num_walks, num_frames = z.shape[:2]
    frames: Frames = []
    for part in z.transpose(0, 1).split(max(1, CHUNK // num_walks)):
        img_u8 = generate(G, part.flatten(0, 1))
        frames += [images.grid(cells, num_columns, gap_px=GAP_PX) for cells in img_u8.split(num_walks)]
        yield Progress(len(frames) * num_walks, num_frames * num_walks)
    yield frames


def training_film(run: Run, config: WalkConfig) -> tuple[Frames, str]:
    """Return the pictures of a run's fixed latents over its training, and in words from where to where.

    Args:
        run: needs no snapshot and may still be in training.
        config: checked; `num_frames` of the pictures, the first, the last and those spread evenly between them, or all
            where there are fewer; `columns` of the columns and of the rows.

    Raises:
        RunError: fewer than two pictures, or one that is damaged or not of this run.
    """
    found = list(run.samples().items())
    if len(found) < 2:
        raise RunError(
            f"{run.folder / 'samples'} holds {len(found)} pictures of the training; a film needs at least 2. Let "
            "the run reach its next one (--sample-nimg says how often), or give kind loop."
        )
    if config.num_frames is not None and config.num_frames < len(found):
        found = [found[round(i)] for i in np.linspace(0, len(found) - 1, config.num_frames)]
    height, width = run.config.img_height, run.config.img_width
    num_all = math.isqrt(NUM_FIXED_LATENTS)
    whole, num = (num_all * height, num_all * width), min(config.columns or num_all, num_all)
    frames = []
    for _, path in found:
        pixels = images.read_png(path, whole)
        if pixels.ndim != (2 if run.config.img_channels == 1 else 3):
            raise RunError(f"{path} has other colours than this run's pictures. Restore it from a copy.")
        frames.append(pixels[: num * height, : num * width])
    return frames, f"training from {found[0][0]:,} to {found[-1][0]:,} images"
