"""What lies between two latents: the length of straight and of spherical paths, and what one passes on the way.

Each path is looked at in 2 x num_steps steps. What is reported is measured on every second of its points, `num_steps`
steps, and `by_num_steps` says how much more a finer or less a coarser look finds: only where doubling the steps changes
little has the length converged. Images are rounded to 256 levels, which adds to every step, so many more steps measure
the rounding: on Fashion-MNIST it adds 0.2 % (dcgan, 5 epochs) and 1.5 % (gan, 3 epochs) in 32 steps, 11 % and 40 % in
256. Writes `paths.json` and three pictures.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import bounds, files, images, rng
from ..errors import ConfigError
from ..progress import Progress
from . import codes, intervals, paths
from .edits import GAP_PX
from .intervals import Array
from .lens import Lens, Subject, Work
from .measures import Seen

RECORD_NAME = "paths.json"
NUM_PICTURED = 4
NUM_COLUMNS = 10
BLOCK_PAIRS = 32
"""Paths looked at between two progress records."""
BLOCK_NIMG = 1000

MEASURES: dict[str, tuple[str, str]] = {
    "smallest_norm": ("standard deviations", "least norm on the way, from the mean norm of the training's latents"),
    "length": ("features", "length of the way"),
    "straight": ("features", "distance of the ends"),
    "detour": ("ratio", "mean length / mean distance of the ends"),
    "length_ratio": ("ratio", "mean length, linear / spherical"),
    "largest_step": ("share of the length", "longest of num_steps steps; even_step if all were equal"),
    "confidence_ends": ("probability", "probability of the most probable class, mean of both ends"),
    "confidence_middle": ("probability", "the same in the middle"),
    "confidence_change": ("probability", "middle minus ends, pair by pair"),
    "precision_ends": ("share of images", "share of images in the ball (k = 5) of a test image, mean of both ends"),
    "precision_middle": ("share of images", "the same in the middle"),
    "precision_change": ("share of images", "middle minus ends, pair by pair"),
    "third_class": ("share of paths", "paths that pass a class which neither end has"),
    "switches": ("changes", "changes of the most probable class along a path"),
}
"""(unit, meaning) of everything that is measured of pairs."""

Steps = Generator[Progress, None, dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class PathsConfig:
    """How many paths to follow, and how closely."""

    num_pairs: int = 64
    """Pairs of latents; each is joined by a straight and by a spherical path."""
    num_steps: int = 16
    """Steps of a path, an even number; all is also measured with twice as many."""
    num_class_latents: int = 2000
    """Latents among which the surest of each class are looked for."""
    num_class_paths: int = 4
    """Paths per pair of classes."""
    seed: int = 0
    """Seed of latents and resamples."""


def check(config: PathsConfig) -> PathsConfig:
    """Return the configuration if every value is allowed; else a `ConfigError` in words."""
    for name, least in (
        ("num_pairs", NUM_PICTURED),
        ("num_steps", 2),
        ("num_class_latents", 1),
        ("num_class_paths", 2),
    ):
        if getattr(config, name) < least:
            raise ConfigError(f"{name} is {getattr(config, name)}; it must be at least {least}.")
    if config.num_steps % 2:
        raise ConfigError(
            f"num_steps is {config.num_steps}; it must be even, so that a path has a middle: give 8 or 16."
        )
    bounds.check("seed", config.seed)
    return config


def cost(config: PathsConfig, subject: Subject) -> int:
    """Return the images that `measure_paths` looks at: the `total` of its progress."""
    total = len(paths.BETWEEN) * (config.num_pairs * (2 * config.num_steps + 1) + NUM_PICTURED * NUM_COLUMNS)
    num_classes = len(_class_names(subject.lens))
    if num_classes:
        total += config.num_class_latents + num_classes * NUM_COLUMNS + num_classes**2
        total += num_classes * (num_classes + 1) // 2 * _class_paths_nimg(config)
    return total


def measure_paths(subject: Subject, config: PathsConfig, folder: Path) -> Work:
    """Follow straight and spherical paths between latents, and paths between classes; write `paths.json`.

    Args:
        subject: the generator and what looks at it. Without a feature network there are norms and pictures only,
            without one that knows classes no classes, without real images no precision; `message` says so.
        config: how many paths and steps; checked first, before any work.
        folder: where the files go; made if missing.

    Yields:
        `Progress` in images, then the record. Rows are `{mean, lo, hi, num}` with the interval of the record's
        `interval`; `num` pairs have a value. Its keys, after header and settings:

        - `chi`: `{mean, sd}` of |z| in training, by which `smallest_norm` is counted.
        - `measures`: unit and meaning of the rows' names, those of `MEASURES` that could be taken.
        - `kinds`: for `linear` and `spherical` one row per name, and `by_num_steps`: the mean length seen in 1, 2,
          4 ... steps as `{num_steps, mean, change}`, change being relative to half the steps (None for the first).
        - `even_step`: 1 / num_steps, which `largest_step` would be on an even path.
        - `difference`: rows of what the way can change, linear minus spherical, pair by pair; with `length_ratio`, and
          `shorter`, the kind that is, None where the interval of the difference of lengths holds 0.
        - `classes`: see `_classes`; None without classes.
        - `figures`: file names by what they show.
    """
    check(config)
    files.make_folder(folder)
    lens, count = subject.lens, _Count(cost(config, subject))
    record: dict[str, Any] = {**subject.header(), **asdict(config)}
    record["interval"] = f"95 % percentile bootstrap over pairs, {intervals.NUM_RESAMPLES:,} resamples"
    mean, sd = codes.chi(subject.z_dim)
    record |= {"chi": {"mean": mean, "sd": sd}, "even_step": 1 / config.num_steps}
    z = rng.latents(config.seed, "paths", 2 * config.num_pairs, subject.z_dim)
    found: dict[str, dict[str, Array]] = {}
    for kind in paths.BETWEEN:
        found[kind] = yield from _follow(subject, z, kind, config, count)
    weights = intervals.bootstrap_weights(config.seed, "paths", config.num_pairs)
    record["kinds"] = {kind: _rows(values, weights) for kind, values in found.items()}
    record["difference"] = _difference(found["linear"], found["spherical"], weights)
    taken = record["kinds"]["linear"].keys() | record["difference"].keys()
    record["measures"] = {
        name: {"unit": MEASURES[name][0], "doc": MEASURES[name][1]} for name in MEASURES if name in taken
    }
    ways = torch.stack([way(z[::2], z[1::2], _at(NUM_COLUMNS - 1))[:NUM_PICTURED] for way in paths.BETWEEN.values()])
    _picture(lens, ways.transpose(0, 1), NUM_COLUMNS, folder / "path-linear-spherical.png")
    yield count.add(len(paths.BETWEEN) * NUM_PICTURED * NUM_COLUMNS)
    record |= {"classes": None, "message": _message(lens)}
    figures = {"linear_spherical": "path-linear-spherical.png"}
    if _class_names(lens):
        record["classes"] = yield from _classes(subject, config, folder, count)
        figures |= record["classes"].pop("figures")
    record["figures"] = figures
    files.write_json(folder / RECORD_NAME, record)
    yield files.read_json(folder / RECORD_NAME)


class _Count:
    """Images looked at so far, over all parts of the work."""

    def __init__(self, total: int):
        self.done, self.total = 0, total

    def add(self, num: int) -> Progress:
        self.done += num
        return Progress(self.done, self.total)


def _at(num_steps: int) -> Tensor:
    return torch.linspace(0, 1, num_steps + 1, dtype=torch.float64)


def _class_names(lens: Lens) -> list[str]:
    return list(lens.features.class_names) if lens.features else []


def _class_paths_nimg(config: PathsConfig) -> int:
    return config.num_class_paths * (config.num_steps + 1)


def _message(lens: Lens) -> str | None:
    if lens.features is None:
        return "norms and pictures only: there is no feature network for these data."
    missing = [] if _class_names(lens) else [f"no classes and no confidence: {lens.features.name} knows no classes."]
    if lens.real is None or not lens.real.has_balls:
        missing.append("no precision: there are too few real images or none.")
    return " ".join(missing) or None


def _picture(lens: Lens, z: Tensor, num_columns: int, path: Path) -> None:
    """Picture latents [..., z_dim] in order, row by row."""
    images.save_png(path, images.grid(lens.generate(z.flatten(0, -2)), num_columns, gap_px=GAP_PX))


def _follow(
    subject: Subject, z: Tensor, kind: str, config: PathsConfig, count: _Count
) -> Generator[Progress, None, dict[str, Array]]:
    """Yield progress; return what was measured of each pair's path, by name: float64 [num_pairs] each."""
    parts = []
    for pair in z.view(-1, 2, subject.z_dim).split(BLOCK_PAIRS):
        points = paths.BETWEEN[kind](pair[:, 0], pair[:, 1], _at(2 * config.num_steps))
        parts.append(_measured(subject.lens.see(points.flatten(0, 1)), points))
        yield count.add(points.shape[0] * points.shape[1])
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _measured(seen: Seen, points: Tensor) -> dict[str, Array]:
    """Return what is measured of paths [P, T, z_dim] whose P T images were seen: float64 [P] by name."""
    num, num_points, z_dim = points.shape
    mean, sd = codes.chi(z_dim)
    values = {"smallest_norm": (points.double().norm(dim=2).amin(dim=1).numpy() - mean) / sd}
    if seen.features is not None:
        features = seen.features.reshape(num, num_points, -1)
        steps = {stride: paths.step_lengths(features[:, ::stride]) for stride in _strides(num_points - 1)}
        values |= {f"length/{rows.shape[1]}": rows.sum(axis=1) for rows in steps.values()}
        values["length"] = length = steps[2].sum(axis=1)
        values["straight"] = paths.step_lengths(features[:, [0, -1]])[:, 0]
        values["largest_step"] = np.where(length > 0, steps[2].max(axis=1) / np.where(length > 0, length, 1), np.nan)
    for name, table in (("confidence", _confidence(seen)), ("precision", seen.is_precise)):
        if table is not None:
            rows = table.reshape(num, num_points).astype(np.float64)
            values[f"{name}_ends"] = (rows[:, 0] + rows[:, -1]) / 2
            values[f"{name}_middle"] = rows[:, num_points // 2]
            values[f"{name}_change"] = values[f"{name}_middle"] - values[f"{name}_ends"]
    if seen.probabilities is not None:
        classes = seen.classes.reshape(num, num_points)[:, ::2]
        neither = (classes != classes[:, :1]) & (classes != classes[:, -1:])
        values["third_class"] = neither.any(axis=1).astype(np.float64)
        values["switches"] = (np.diff(classes, axis=1) != 0).sum(axis=1).astype(np.float64)
    return values


def _confidence(seen: Seen) -> np.ndarray | None:
    return None if seen.probabilities is None else seen.probabilities.max(axis=1)


def _strides(num_steps: int) -> list[int]:
    """Return the powers of two that divide a number of steps: 1, 2, 4 ..."""
    return [2**k for k in range(num_steps.bit_length()) if num_steps % 2**k == 0]


def _row(samples: Array, num: int) -> dict[str, Any]:
    """Return `{mean, lo, hi, num}` of resamples [R], the first of which is the estimate; None where undefined."""
    lo, hi = intervals.percentile_interval(samples)
    defined = [float(value) if np.isfinite(value) else None for value in (samples[0], lo, hi)]
    return dict(zip(("mean", "lo", "hi"), defined)) | {"num": num}


def _mean_row(values: Array, weights: Array) -> dict[str, Any]:
    return _row(intervals.weighted_means(values, weights), int(intervals.num_defined(values)))


def _ratio_row(above: Array, below: Array, weights: Array) -> dict[str, Any]:
    """Return the row of the ratio of two means; undefined where the lower one is 0."""
    top, bottom = (intervals.weighted_means(values, weights) for values in (above, below))
    return _row(np.where(bottom > 0, top / np.where(bottom > 0, bottom, 1), np.nan), len(above))


def _rows(values: dict[str, Array], weights: Array) -> dict[str, Any]:
    """Return the record of one kind of path."""
    rows: dict[str, Any] = {name: _mean_row(x, weights) for name, x in values.items() if "/" not in name}
    if "length" in values:
        rows["detour"] = _ratio_row(values["length"], values["straight"], weights)
        means = {int(name.split("/")[1]): float(x.mean()) for name, x in values.items() if "/" in name}
        rows["by_num_steps"] = [
            {"num_steps": num, "mean": mean, "change": mean / means[num // 2] - 1 if means.get(num // 2) else None}
            for num, mean in sorted(means.items())
        ]
    return rows


def _difference(straight: dict[str, Array], round_: dict[str, Array], weights: Array) -> dict[str, Any]:
    """Return linear minus spherical, pair by pair: what lies on the same two ends differs by the way alone."""
    rows: dict[str, Any] = {
        name: _mean_row(straight[name] - round_[name], weights)
        for name in straight
        if "/" not in name and name != "straight" and not name.endswith(("_ends", "_change"))
    }
    if "length" in straight:
        rows["length_ratio"] = _ratio_row(straight["length"], round_["length"], weights)
        lo, hi = rows["length"]["lo"], rows["length"]["hi"]
        rows["shorter"] = "linear" if hi < 0 else "spherical" if lo > 0 else None
    return rows


def _classes(subject: Subject, config: PathsConfig, folder: Path, count: _Count) -> Steps:
    """Measure spherical paths between classes and picture them.

    Returns `{names, kind, num_latents, num_paths, num_found, lengths, num_measured, third_class, figures}`: `num_found`
    counts the latents drawn of each class; `lengths` is the K x K table of mean lengths from the surest latents of the
    row's class to those of the column's (on the diagonal to one another), symmetric and None where a class has too few
    latents; `num_measured` how many paths each mean is of (`num_paths` at most); `third_class` the share of all paths
    between different classes that pass another class. In `path-classes.png` each class that was found goes to the next
    one found; `path-class-table.png` shows the image halfway from the surest latent of the row's class to that of the
    column's (the diagonal: that latent itself), for the classes found, in order.
    """
    lens, names = subject.lens, _class_names(subject.lens)
    z = rng.latents(config.seed, "path-classes", config.num_class_latents, subject.z_dim)
    probabilities = []
    for part in z.split(BLOCK_NIMG):
        probabilities.append(lens.see(part).known_probabilities)
        yield count.add(len(part))
    table = np.concatenate(probabilities)
    chosen = paths.most_confident(table, config.num_class_paths)
    lengths, num_measured = np.full((2, len(names), len(names)), np.nan)
    third = []
    for start in range(len(names)):
        for end in range(start, len(names)):
            points = paths.class_path(z, chosen, start, end, _at(config.num_steps))
            num_measured[start, end] = num_measured[end, start] = len(points)
            if len(points):
                seen = lens.see(points.flatten(0, 1))
                steps = paths.step_lengths(seen.known_features.reshape(len(points), config.num_steps + 1, -1))
                lengths[start, end] = lengths[end, start] = steps.sum(axis=1).mean()
                passed = seen.classes.reshape(len(points), -1)
                third += [bool(np.isin(row, (start, end), invert=True).any()) for row in passed if start != end]
            yield count.add(_class_paths_nimg(config))
    figures = _picture_classes(lens, [z[rows[0]] for rows in chosen if len(rows)], folder)
    yield count.add(len(names) * NUM_COLUMNS + len(names) ** 2)
    return {
        "names": names, "kind": "spherical", "num_latents": len(z), "num_paths": config.num_class_paths,
        "num_found": np.bincount(table.argmax(axis=1), minlength=len(names)).tolist(),
        "lengths": [[float(x) if np.isfinite(x) else None for x in row] for row in lengths],
        "num_measured": num_measured.astype(int).tolist(),
        "third_class": {"mean": float(np.mean(third)) if third else None, "num": len(third)}, "figures": figures,
    }  # fmt: skip


def _picture_classes(lens: Lens, surest: list[Tensor], folder: Path) -> dict[str, str]:
    """Picture the ways between the surest latents [z_dim] of each class found; return the figures by name."""
    first = torch.stack(surest)
    _picture(
        lens, paths.spherical(first, first.roll(-1, dims=0), _at(NUM_COLUMNS - 1)), NUM_COLUMNS,
        folder / "path-classes.png",
    )  # fmt: skip
    row, column = torch.cartesian_prod(torch.arange(len(first)), torch.arange(len(first))).unbind(1)
    halfway = paths.spherical(first[row], first[column], torch.tensor([0.5]))
    halfway[row == column, 0] = first
    _picture(lens, halfway, len(first), folder / "path-class-table.png")
    return {"classes": "path-classes.png", "class_table": "path-class-table.png"}
