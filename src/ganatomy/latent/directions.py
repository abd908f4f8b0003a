"""Directions in latent space: found from weights, activations and images, named by what they move, set side by side.

Writes `directions.json` and one picture per kind of direction. Everything is a pure function of generator, feature
network and configuration: twice the same gives identical files.

Attributes and class probabilities are entangled by what they are: a bag is wider than a boot. Only the factors of
`atelier` are drawn independently, so only between them is entanglement the generator's own doing.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from .. import bounds, files, images, rng
from ..datasets import atelier
from ..errors import ConfigError
from ..models.generate import CHUNK
from ..progress import Progress
from . import finding
from .codes import check_num_codes
from .edits import GAP_PX, Generate
from .effects import NAME_THRESHOLD, Effects, measure_effects, name_effects, normalise, off_diagonal
from .factors import NUM_DRAWINGS, NUM_HELD_OUT, factor_reader
from .intervals import Array
from .lens import Subject, Work
from .traits import Trait, TraitReader, trait_reader

RECORD_NAME = "directions.json"
DIGITS = 6
"""Decimals of a direction's components; it is used as it is written."""
BLOCK = 4 * CHUNK
LATENT_GAP_PX = 10
"""White between the latents of a picture."""
FILES = {"svd": "svd", "pca": "pca", "attribute": "attributes", "class": "classes", "factor": "factors"}
"""Kind of direction -> how its picture is called; the kinds in their order."""

Kind = Literal["svd", "pca", "attribute", "class", "factor"]


@dataclass(frozen=True, kw_only=True)
class DirectionsConfig:
    """Which directions to find and how much to measure."""

    num_svd: int = 5
    """Closed-form directions, at most z_dim; 0 for none."""
    num_pca: int = 5
    """Directions of principal components, at most z_dim; 0 for none."""
    num_latents: int = 8192
    """Latents the directions are found on."""
    num_test: int = 512
    """Other latents that their effects are measured on."""
    steps: tuple[float, ...] = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
    """Steps in the pictures, in sigma."""
    num_codes: int = 2
    """Latents in the pictures, side by side."""
    threshold: float = NAME_THRESHOLD
    """Least effect that names a direction, in standard deviations of the trait per sigma."""
    seed: int = 0
    """Seed of latents and resamples."""


def check_directions(config: DirectionsConfig, z_dim: int) -> DirectionsConfig:
    """Return the configuration if every value is allowed for this z_dim; else a `ConfigError` in words."""
    for name in ("num_svd", "num_pca"):
        if not 0 <= getattr(config, name) <= z_dim:
            raise ConfigError(
                f"{name} is {getattr(config, name)}; this generator has {z_dim} latent numbers: choose 0 to {z_dim}."
            )
    least = finding.least_num(z_dim)
    if config.num_latents < least:
        raise ConfigError(
            f"num_latents is {config.num_latents}; directions among {z_dim} latent numbers need at least {least}."
        )
    if config.num_test < 2:
        raise ConfigError(f"num_test is {config.num_test}; it must be at least 2.")
    if not config.steps or not all(map(math.isfinite, config.steps)) or len(set(config.steps)) < len(config.steps):
        raise ConfigError(f"steps is {config.steps}; give finite numbers, each once, for example -2, -1, 0, 1, 2.")
    check_num_codes(config.num_codes)
    if not (math.isfinite(config.threshold) and config.threshold > 0):
        raise ConfigError(f"threshold is {config.threshold}; it must be above 0, for example {NAME_THRESHOLD}.")
    bounds.check("seed", config.seed)
    return config


def cost(config: DirectionsConfig, subject: Subject) -> int:
    """Return how many images the part makes, the `total` of its Progress.

    A trait that turns out to have no direction counts as if it had one; the pictures count nothing.
    """
    layer = finding.first_layer(subject.lens.G, subject.z_dim)
    num = len(trait_reader(subject).traits) + (config.num_svd + config.num_pca if layer else 0)
    return config.num_latents + 2 * config.num_test * num


@dataclass(frozen=True, eq=False)
class Direction:
    """One direction as found."""

    name: str
    kind: Kind
    index: int
    """Place among those of its kind, from 0."""
    vector: Array
    """float64 [z_dim], unit length but for the rounding to 6 decimals."""
    own: int | None
    """Index of the trait it was found for."""
    facts: dict[str, Any]
    """What is known of it, for the record."""


@dataclass(frozen=True, eq=False)
class Prior:
    """What was seen in the latents that directions are found on."""

    z: Tensor
    """float32 [N, z_dim]."""
    values: Array
    """float64 [A, N], traits."""
    activations: Tensor | None
    """float32 [N, outputs], after the first nonlinearity; None where there is no first layer or it is not in use."""


def measure_directions(subject: Subject, config: DirectionsConfig, folder: Path) -> Work:
    """Find directions, measure what they move, draw them.

    Args:
        subject: the generator and what looks at its images. Without a feature network that knows classes there are no
            class directions; factor directions exist for `atelier` only.
        config: checked first, before any work.
        folder: where `directions.json` and the PNG files go; made if missing.

    Yields:
        `Progress` in images, then the record that was written.
    """
    check_directions(config, subject.z_dim)
    files.make_folder(folder)
    reader, total = trait_reader(subject), cost(config, subject)
    prior = yield from _see_prior(subject, config, reader, total)
    found = _from_layer(subject, config, prior)
    missing: dict[str, str] = {}
    of_traits, kept, summaries = _from_traits(reader.traits, prior, missing)
    directions = found + of_traits

    z_test = rng.latents(config.seed, "directions-test", config.num_test, subject.z_dim)
    effects = yield from _measure(reader, kept, z_test, directions, summaries, config, total)

    record: dict[str, Any] = {**subject.header(), **asdict(config), "steps": list(config.steps)}
    record["interval"] = "95 % percentile bootstrap over latents, 1,000 resamples"
    record["attributes"] = summaries
    record |= _tables(directions, summaries, effects, config.threshold)
    if any(trait.kind == "factor" for trait in reader.traits):
        record["readers"] = _readers(subject, prior.values, reader.traits)
    z_figure = rng.latents(config.seed, "directions-figure", config.num_codes, subject.z_dim)
    record["figures"] = _write_pictures(subject.lens.generate, z_figure, directions, config.steps, folder)
    record["left_out"] = missing
    record["message"] = _message(subject, prior, config)
    files.write_json(folder / RECORD_NAME, record)
    yield files.read_json(folder / RECORD_NAME)


def _measure(
    reader: TraitReader,
    kept: Sequence[int],
    z: Tensor,
    directions: Sequence[Direction],
    summaries: Sequence[dict[str, Any]],
    config: DirectionsConfig,
    total: int,
) -> Generator[Progress, None, Effects]:
    """Yield progress up to the end; return what every direction does to the traits that have one."""
    vectors = np.array([direction.vector for direction in directions]).reshape(-1, z.shape[1])
    sd = np.array([summary["sd"] for summary in summaries])
    done = config.num_latents
    for step in measure_effects(lambda part: reader.read(part)[kept], z, vectors, sd, config.seed, BLOCK):
        if isinstance(step, Effects):
            if done < total:  # some traits have no direction
                yield Progress(total, total)
            return step
        done += step
        yield Progress(done, total)
    raise AssertionError("measure_effects always ends with its Effects")


def _see_prior(
    subject: Subject, config: DirectionsConfig, reader: TraitReader, total: int
) -> Generator[Progress, None, Prior]:
    """Generate the latents that directions are found on, block by block."""
    z = rng.latents(config.seed, "directions", config.num_latents, subject.z_dim)
    G, values, activations = subject.lens.G, [], None
    layer = finding.first_layer(G, subject.z_dim) if config.num_pca else None
    done = 0
    with finding.first_activations(G, layer) as parts:
        for block in z.split(BLOCK):  # generate() pads the last chunk only, so activations stay in order
            values.append(reader.read(block))
            done += len(block)
            yield Progress(done, total)
    if parts:
        activations = torch.cat(parts)[: len(z)]
    return Prior(z, np.concatenate(values, axis=1), activations)


def _rounded(vectors: Array) -> Array:
    """Return vectors as they are written; adding 0 turns -0 into 0."""
    rounded: Array = vectors.round(DIGITS) + 0.0
    return rounded


def _from_layer(subject: Subject, config: DirectionsConfig, prior: Prior) -> list[Direction]:
    """Return the closed-form directions and those of principal components, as far as the generator allows."""
    found: list[tuple[Kind, str, finding.Subspace]] = []
    layer = finding.first_layer(subject.lens.G, subject.z_dim)
    if layer is not None and config.num_svd:
        found.append(("svd", "singular_value", finding.closed_form(layer, config.num_svd)))
    if prior.activations is not None:
        space = finding.principal(prior.activations, prior.z, config.num_pca, config.seed)
        found.append(("pca", "sd", space))
    directions = []
    for kind, size, space in found:
        for i, vector in enumerate(_rounded(space.vectors)):
            facts: dict[str, Any] = {"share": float(space.share[i]), size: float(space.sizes[i])}
            if space.coordinates is not None:
                # The coordinate regressed on z has the direction of z regressed on it, for z has no correlations.
                facts |= _fit_facts(finding.regress(prior.z, space.coordinates[:, i]))
            directions.append(Direction(f"{kind}-{i}", kind, i, vector, None, facts))
    return directions


def _fit_facts(fit: finding.Fit | None) -> dict[str, Any]:
    """Return what the record says of a regression."""
    return {"r2": fit.r2, "reliability": fit.reliability, "error_deg": fit.error_deg} if fit else {}


def _from_traits(
    traits: Sequence[Trait], prior: Prior, missing: dict[str, str]
) -> tuple[list[Direction], list[int], list[dict[str, Any]]]:
    """Return (directions, rows of the traits that have one, what is known of those traits); fill `missing`."""
    directions: list[Direction] = []
    kept: list[int] = []
    summaries: list[dict[str, Any]] = []
    share = _class_shares(traits, prior.values)
    places = dict.fromkeys(FILES, 0)
    for row, trait in enumerate(traits):
        values = prior.values[row]
        fit = finding.regress(prior.z, values)
        if share.get(trait.name) in (0.0, 1.0):
            missing[trait.name] = f"{'no' if share[trait.name] == 0.0 else 'every'} image has this class"
        elif fit is None:
            missing[trait.name] = "defined in too few images, or the same in all of them"
        else:
            facts = {**_fit_facts(fit), "slope": fit.slope, "num": fit.num}
            vector = _rounded(fit.vector)
            directions.append(Direction(trait.name, trait.kind, places[trait.kind], vector, len(kept), facts))
            places[trait.kind] += 1
            kept.append(row)
            summary: dict[str, Any] = {"name": trait.name, "kind": trait.kind, "unit": trait.unit}
            summary |= {"mean": float(np.nanmean(values)), "sd": float(np.nanstd(values)), "num": fit.num}
            summaries.append(summary)
    return directions, kept, summaries


def _class_shares(traits: Sequence[Trait], values: Array) -> dict[str, float]:
    """Return the share of images whose most probable class it is, by the trait's name."""
    rows = [row for row, trait in enumerate(traits) if trait.kind == "class"]
    if not rows:
        return {}
    counts = np.bincount(values[rows].argmax(axis=0), minlength=len(rows))
    return {traits[row].name: float(count / values.shape[1]) for row, count in zip(rows, counts)}


def _tables(
    directions: Sequence[Direction], summaries: Sequence[dict[str, Any]], effects: Effects, threshold: float
) -> dict[str, Any]:
    """Return the record's `directions`, `entanglement` and `cosines`."""
    traits = [summary["name"] for summary in summaries]
    names = [direction.name for direction in directions]
    own = [direction.own for direction in directions]
    unknown = dict.fromkeys(("share", "r2", "reliability", "error_deg"))
    rows = [
        {
            "name": d.name,
            "kind": d.kind,
            "index": d.index,
            **unknown,
            **d.facts,
            "names": moved,
            "vector": d.vector.tolist(),
        }
        for d, moved in zip(directions, name_effects(effects, traits, threshold))
    ]
    normalised = normalise(effects, own)
    apart = {}
    for kind in FILES:
        chosen = [row for row, summary in enumerate(summaries) if summary["kind"] == kind]
        ends = off_diagonal(normalised, own, chosen)
        if ends is not None:
            apart[kind] = dict(zip(("mean", "max"), ends))
    vectors = np.array([direction.vector for direction in directions])
    return {
        "directions": rows,
        "entanglement": {
            "attributes": traits, "directions": names, "change": _plain(effects.change), "lo": _plain(effects.lo),
            "hi": _plain(effects.hi), "defined": _plain(effects.defined), "normalised": _plain(normalised),
            "offdiagonal": apart,
        },
        "cosines": {
            "directions": names, "matrix": _plain(vectors @ vectors.T) if rows else [],
            "chance": vectors.shape[1] ** -0.5 if rows else None,
        },
    }  # fmt: skip


def _plain(table: Array) -> list[list[float | None]]:
    """Return a table for JSON, None where it is not defined."""
    return [[float(value) if math.isfinite(value) else None for value in row] for row in table]


def _readers(subject: Subject, values: Array, traits: Sequence[Trait]) -> dict[str, Any]:
    """Return how well the factors of the classes that were seen are read, on drawings the readers did not see."""
    seen = [label for label, share in enumerate(_class_shares(traits, values).values()) if share > 0]
    features = subject.lens.features
    assert features is not None, "factors are read only where a network knows the classes"
    _, height, width = features.img_shape
    r2 = {atelier.CLASS_NAMES[label]: factor_reader(label, height, width).r2 for label in seen}
    by_name = {
        name: {factor: float(value) for factor, value in zip(atelier.FACTORS, row) if math.isfinite(value)}
        for name, row in r2.items()
    }
    return {"num_drawings": NUM_DRAWINGS, "num_held_out": NUM_HELD_OUT, "r2": by_name}


def _write_pictures(
    generate: Generate, z: Tensor, directions: Sequence[Direction], steps: Sequence[float], folder: Path
) -> dict[str, str]:
    """Write one picture per kind: a row per direction, in order; for each latent a column per step.

    Returns:
        Kind -> file name inside `folder`.
    """
    figures = {}
    offsets = torch.tensor(steps)[:, None]
    for kind in FILES:
        vectors = [torch.from_numpy(d.vector.astype(np.float32)) for d in directions if d.kind == kind]
        if not vectors:
            continue
        sheets: list[np.ndarray] = []
        for latent in z:
            img_u8 = generate(torch.cat([latent + offsets * vector for vector in vectors]))
            sheet = images.grid(img_u8, len(steps), gap_px=GAP_PX)
            gap = np.full((len(sheet), LATENT_GAP_PX, *sheet.shape[2:]), 255, np.uint8)
            sheets += [gap, sheet] if sheets else [sheet]
        figures[kind] = f"directions-{FILES[kind]}.png"
        images.save_png(folder / figures[kind], np.concatenate(sheets, axis=1))
    return figures


def _message(subject: Subject, prior: Prior, config: DirectionsConfig) -> str | None:
    """Return what this generator cannot have and why, in sentences, or None."""
    parts = []
    features = subject.lens.features
    if finding.first_layer(subject.lens.G, subject.z_dim) is None:
        parts.append(f"The generator has no first layer that takes the {subject.z_dim} latent numbers: no svd, no pca.")
    elif prior.activations is None and config.num_pca:
        parts.append("The generator does not call its first layer as a module: no pca.")
    if features is None or not features.class_names:
        parts.append("No feature network that knows classes: no class directions.")
    return " ".join(parts) or None
