"""The latent experiment as one piece of work: figures, chosen numbers, the atlas of all numbers, other noise, and more.

Writes `dissect.json`, the PNG figures and `atlas.safetensors` (per-latent arrays) into one folder, and beside them
one record for each further part, such as `jacobian.json`. Everything is a pure function of the subject and the
configuration: twice the same gives identical files. `dissect.json` comes last, so a folder that has it is whole.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from torch import Tensor

from .. import bounds, device, files, rng
from ..metrics.jackknife import NUM_GROUPS
from ..progress import Progress
from . import codes, directions, edited, finding, inversion, jacobian, path_measures, priors, scales, summary
from .atlas import Numbers, base_rows, edit_rows, measure_numbers
from .directions import DirectionsConfig
from .dissected import RECORD_NAME
from .edits import Edit, parse_edit, parse_edits, spread_of, write_figures, write_grid
from .inversion import InversionConfig
from .jacobian import JacobianConfig
from .lens import PartWork, Subject
from .measures import MEASURES
from .path_measures import PathsConfig
from .projection import Search

ARRAYS_NAME = "atlas.safetensors"
INTERVAL = "95 % percentile bootstrap over latents, 1,000 resamples"
ATLAS_VALUES = (-20.0, -5.0, -2.0, 0.1, 2.0, 5.0, 20.0)


@dataclass(frozen=True, kw_only=True)
class DissectConfig:
    """What to edit and how much to measure."""

    dims: tuple[int, ...] | None = None
    """The chosen latent numbers; None: `num_dims` of them by `pick`."""
    num_dims: int = 5
    """How many numbers to choose."""
    pick: codes.Pick = "random"
    """`random` (by the seed) or `top` (largest mean effect over the values, see `Numbers.effects`)."""
    values: tuple[float, ...] = (0.1, 5.0, 20.0)
    """Values the chosen numbers are set to in the grids, one at a time."""
    atlas_values: tuple[float, ...] = ATLAS_VALUES
    """Values that all numbers are measured at, beside those of the grids."""
    edits: tuple[str, ...] = ()
    """Further edits to show and measure, see `edits.parse_edits`."""
    num_codes: int = 8
    """Latents in the figures."""
    num_latents: int = 1000
    """Latents measured for the chosen numbers."""
    num_latents_all: int = 256
    """Latents measured for all numbers."""
    num_prior_img: int = 10_000
    """Images per latent distribution in the comparison of priors."""
    num_scale_img: int = 2000
    """Images per scale of the whole latent."""
    num_jacobians: int = 256
    """Latents at which the Jacobian is taken."""
    num_path_pairs: int = 64
    """Pairs of latents joined by paths; fewer than 64 also mean fewer paths between classes."""
    num_direction_latents: int = 8192
    """Latents that directions are found on; their effects are measured on a sixteenth as many others."""
    num_inverted: int = 64
    """Test images, and as many training images, that are inverted."""
    num_inversion_evals: int = 250
    """Evaluations of the generator and its gradient for each start of an inversion."""
    seed: int = 0
    """Seed of latents, controls, picks and resamples."""

    @property
    def measured_values(self) -> tuple[float, ...]:
        """All values that numbers are measured at, in ascending order."""
        return tuple(sorted({float(value) for value in (*self.values, *self.atlas_values)}))


def check(config: DissectConfig, z_dim: int) -> DissectConfig:
    """Return the configuration if every value is allowed for this z_dim; else a `ConfigError` in words."""
    if config.dims is not None:
        codes.check_dims(config.dims, z_dim)
    else:
        codes.check_pick(config.pick, config.num_dims, z_dim)
    codes.check_values(config.values)
    if config.atlas_values:
        codes.check_values(config.atlas_values)
    parse_edits(config.edits, z_dim, config.dims or range(min(config.num_dims, z_dim)))
    codes.check_num_codes(config.num_codes)
    least = {
        "num_latents": None, "num_latents_all": None, "num_prior_img": 2 * NUM_GROUPS, "num_scale_img": scales.MIN_IMG,
        "num_jacobians": None, "num_path_pairs": path_measures.NUM_PICTURED, "num_inverted": None,
        "num_inversion_evals": None, "num_direction_latents": finding.least_num(z_dim), "seed": None,
    }  # fmt: skip
    for name, low in least.items():
        bounds.check(name, getattr(config, name), low=low)
    return config


def check_memory(config: DissectConfig, z_dim: int, img_shape: tuple[int, int, int]) -> None:
    """Refuse an experiment whose tables and images, held at once, do not fit the memory that is free here.

    The tables hold a float32 for every measure, value, number and latent, and a map of every value and number; the
    images of all values of a chosen number are looked at together.
    """
    pixels, sets = math.prod(img_shape[1:]), len(config.measured_values) + 1
    num_dims = config.num_dims if config.dims is None else len(config.dims)
    tables = 4 * len(MEASURES) * sets * (z_dim * config.num_latents_all + num_dims * config.num_latents)
    maps = 4 * sets * z_dim * pixels
    seen = sets * max(config.num_latents, config.num_latents_all) * (math.prod(img_shape) + 4 * pixels)
    figures = len(config.values) * num_dims * config.num_codes * (math.prod(img_shape) + 8 * pixels)
    advice = "Give fewer values, a smaller num_latents or num_latents_all, or use a machine with more memory."
    device.check_memory(tables + maps + max(seen, figures), "this experiment", advice)


@dataclass
class _Table:
    """Everything on the table while the atlas is made: counted progress, and what goes into the record."""

    subject: Subject
    config: DissectConfig
    z: Tensor
    pictured: Tensor
    spread: tuple[Tensor, Tensor]
    total: int
    done: int = 0
    record: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    def add(self, num: int, note: str) -> Progress:
        """Count images."""
        self.done += num
        return Progress(self.done, self.total, note=note)


def dissect(
    subject: Subject,
    config: DissectConfig,
    folder: Path,
    latents: Tensor | None = None,
    own: Tensor | None = None,
) -> Iterator[Progress | dict[str, Any]]:
    """Run the latent experiment on one generator and write its folder.

    Args:
        subject: the generator and what is known of it. What its networks and data cannot give is left out, and the
            records say so.
        config: what to edit and measure; checked first, before any work.
        folder: where the files go; made if missing.
        latents: [N, z_dim], people's own latents for the pictures (then `num_codes` is N); None: drawn by the seed.
        own: uint8 [N, C, H, W], people's own pictures to be inverted too (see `own_images`), or None.

    Yields:
        `Progress` in images, then the record that was written as `dissect.json`.
    """
    check(config, subject.z_dim)
    files.make_folder(folder)
    (folder / RECORD_NAME).unlink(missing_ok=True)  # from here to the end the folder is not whole
    table = _lay_table(subject, config, latents, own)
    dims = yield from _atlas(table, folder)
    yield from _noises(table)
    for part in _parts(config, subject.z_dim, dims, own):
        before = table.done
        for step in part.measure(subject, part.config, folder):
            if isinstance(step, Progress):
                yield table.add(before + step.done - table.done, part.name)
    record = subject.header() | _settings(config, dims) | {"interval": INTERVAL, **table.record}
    record["num_codes"] = len(table.pictured)
    record |= {"has_given_latents": latents is not None, "num_own": 0 if own is None else len(own)}
    record["num_real"] = subject.num_real
    files.write_bytes(folder / ARRAYS_NAME, safetensors.numpy.save(table.arrays))
    files.write_json(folder / RECORD_NAME, record)
    yield files.read_json(folder / RECORD_NAME)


def cost(config: DissectConfig, subject: Subject, own: Tensor | None = None) -> int:
    """Return the images that `dissect` counts for a subject, whose real images need not have been looked at yet."""
    z_dim, lens = subject.z_dim, subject.lens
    has_real = lens.real is not None or subject.dataset is not None
    sets, num_dims = len(config.measured_values) + 1, config.num_dims if config.dims is None else len(config.dims)
    num_edits = len(parse_edits(config.edits, z_dim, range(num_dims))) + len(edited.group_edits(np.zeros(z_dim)))
    return (
        sets * (z_dim * config.num_latents_all + num_dims * config.num_latents)
        + edited.num_images(config.num_latents, num_edits)
        + priors.num_images(config.num_prior_img, lens.features is not None, has_real)
        + scales.num_images(config.num_scale_img)
        + sum(part.cost(part.config, subject) for part in _parts(config, z_dim, own=own))
    )


def _lay_table(subject: Subject, config: DissectConfig, latents: Tensor | None, own: Tensor | None) -> _Table:
    num = max(config.num_latents, config.num_latents_all, config.num_codes)
    z = rng.latents(config.seed, "dissect", num, subject.z_dim)
    pictured = z[: config.num_codes] if latents is None else latents
    spread = spread_of(latents, subject.z_dim)
    return _Table(subject, config, z, pictured, spread, cost(config, subject, own))


def _settings(config: DissectConfig, dims: tuple[int, ...]) -> dict[str, Any]:
    known = asdict(config) | {"dims": list(dims), "values": list(config.values)}
    known |= {"pick": "given" if config.dims else config.pick, "atlas_values": list(config.measured_values)}
    return known | {"edit_words": list(config.edits)}


def _atlas(table: _Table, folder: Path) -> Generator[Progress, None, tuple[int, ...]]:
    """Measure all numbers, then the chosen ones and the further edits; return the chosen numbers."""
    subject, config, record = table.subject, table.config, table.record
    z_dim, lens = subject.z_dim, subject.lens
    everything = yield from _numbers(table, table.z[: config.num_latents_all], tuple(range(z_dim)), "all numbers")
    dims = config.dims or codes.choose_dims(config.num_dims, config.pick, z_dim, config.seed, everything.effects())
    few = table.z[: config.num_latents]
    chosen = yield from _numbers(table, few, dims, "chosen numbers")
    asked = parse_edits(config.edits, z_dim, dims)
    groups = tuple(parse_edit(text, z_dim) for text in edited.group_edits(everything.effects()))
    rows = yield from _edits(table, few, (*asked, *groups))

    class_names = list(lens.features.class_names) if lens.features else []
    measures = everything.measures()
    record |= {"class_names": class_names or None}
    record["unavailable"] = [name for name in MEASURES if name not in {measure.name for measure in measures}]
    record["measures"] = {m.name: {"unit": m.unit, "kind": m.kind, "doc": m.doc} for m in measures}
    record["figures"] = write_figures(lens.generate, table.pictured, dims, config.values, folder)
    if asked:
        record["figures"] |= {"edits": write_grid(lens.generate, table.pictured, asked, table.spread, folder, "edits")}
    group_names = write_grid(lens.generate, table.pictured, groups, table.spread, folder, "groups")
    record["figures"] |= {"groups": group_names}
    record |= {"base": base_rows(chosen, config.seed), "edits": edit_rows(chosen, config.seed)}
    record |= {"base_all": base_rows(everything, config.seed), "atlas": edit_rows(everything, config.seed)}
    record["further"] = [row for row in rows if row["edit"] in {edit.text for edit in asked}]
    record["groups"] = [row for row in rows if row["edit"] in {edit.text for edit in groups}]
    record |= {"ranking": summary.ranking(everything, config.seed), "curves": summary.curves(everything)}
    record["attributes"] = summary.attributes(everything, config.seed)
    if class_names:
        record["moves"] = summary.moves(everything, len(class_names))
    record["outside"] = summary.outside(everything.z, config.measured_values)
    table.arrays |= everything.arrays("all") | chosen.arrays("chosen") | {"all/heat": everything.heat}
    return dims


def _numbers(table: _Table, z: Tensor, dims: tuple[int, ...], note: str) -> Generator[Progress, None, Numbers]:
    """Yield progress; return the `Numbers`."""
    values = table.config.measured_values
    for step in measure_numbers(table.subject.lens, z, dims, values, table.config.seed):
        if isinstance(step, Numbers):
            return step
        yield table.add((len(values) + 1) * len(z), note)
    raise AssertionError("measure_numbers always ends with its Numbers")


def _edits(table: _Table, z: Tensor, edits: tuple[Edit, ...]) -> Generator[Progress, None, list[dict[str, Any]]]:
    """Yield progress; return the rows of further edits and groups."""
    for step in edited.measure_edits(table.subject.lens, z, edits, table.spread, table.config.seed):
        if isinstance(step, list):
            return step
        yield table.add(step, "groups of numbers")
    raise AssertionError("measure_edits always ends with its rows")


def _noises(table: _Table) -> Iterator[Progress]:
    """Compare other noises and scales of the latent."""
    subject, config = table.subject, table.config
    for step in priors.measure_priors(subject.lens, subject.z_dim, config.seed, config.num_prior_img):
        if isinstance(step, tuple):
            table.record["priors"] = step[0]
            table.arrays |= step[1]
        else:
            yield table.add(step, "other noise")
    for found in scales.measure_scales(subject.lens, subject.z_dim, config.seed, config.num_scale_img):
        if isinstance(found, dict):
            table.record["scales"] = found
        else:
            yield table.add(found, "scales")


@dataclass(frozen=True)
class _Part:
    """A further part of the experiment: its name for people, its work, its images, its configuration."""

    name: str
    measure: PartWork
    cost: Callable[[Any, Subject], int]
    config: Any


def _parts(
    config: DissectConfig, z_dim: int, dims: tuple[int, ...] | None = None, own: Tensor | None = None
) -> list[_Part]:
    """Return the parts that write records of their own, each with its share of the configuration."""
    seed, num = config.seed, config.num_path_pairs
    few = {"num_class_latents": min(2000, 32 * num), "num_class_paths": min(4, max(2, num // 8))}
    num_found, num_ways = config.num_direction_latents, min(5, z_dim)
    search = Search(num_evals=config.num_inversion_evals)
    real = InversionConfig(num_images=config.num_inverted, search=search, dims=dims, images=own, seed=seed)
    return [
        _Part(
            "Jacobian", jacobian.measure_jacobian, jacobian.cost,
            JacobianConfig(num_latents=config.num_jacobians, seed=seed),
        ),
        _Part(
            "directions", directions.measure_directions, directions.cost,
            DirectionsConfig(
                num_latents=num_found, num_test=max(2, num_found // 16), num_svd=num_ways, num_pca=num_ways, seed=seed
            ),
        ),
        _Part("paths", path_measures.measure_paths, path_measures.cost, PathsConfig(num_pairs=num, seed=seed, **few)),
        _Part("inversion", inversion.measure_inversion, inversion.cost, real),
    ]  # fmt: skip
