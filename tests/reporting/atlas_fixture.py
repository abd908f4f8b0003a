"""What the atlas adds to a fabricated dissect folder: planted numbers that the page's sentences can be held against."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from scipy.stats import chi

from ganatomy import files

MORE_VALUES = (-20.0, -5.0, -2.0, 2.0, 5.0, 20.0)
NUM_IDLE = 3
SCALES = (0.0, 0.5, 1.0, 2.0, 3.0)
SET_MEASURES = {"logit": (-1.5, -1.4, -2.5, -4.0)}
FURTHER = ("3=5", "0-2*=0")


def atlas_values(values: Sequence[float]) -> list[float]:
    """Return the values that all numbers are measured at."""
    return sorted({*values, *MORE_VALUES})


def order(z_dim: int) -> list[int]:
    """Return all numbers, strongest first: even ones, then odd ones."""
    return [*range(0, z_dim, 2), *range(1, z_dim, 2)]


def effects(z_dim: int) -> np.ndarray:
    """Return the effects in that order: 10 / rank, the last ones idle."""
    found = 10 / np.arange(1, z_dim + 1)
    found[max(1, z_dim - NUM_IDLE) :] = 0.0
    return found


def curves(values: Sequence[float], measures: dict[str, tuple[float, ...]], pairs: Sequence[str]) -> dict[str, Any]:
    """Return effect curves: the levels of the fixture by the size of the value, 20 % around them."""
    found = {}
    for name, levels in measures.items():
        points = []
        for value in values:
            mean = levels[1 if abs(value) < 1 else 2 if abs(value) < 10 else 3]
            ends = sorted((0.8 * mean, 1.2 * mean))
            points.append({"value": value, "mean": mean, "lo": ends[0], "hi": ends[1]})
        control = {"mean": levels[1], "lo": 0.8 * levels[1], "hi": 1.2 * levels[1]}
        found[name] = {"base": None if name in pairs else levels[0], "control": control, "values": points}
    return found


def ranking(z_dim: int, measure: str) -> dict[str, Any]:
    """Return the ranking; the interval of rank k reaches from k - 1 to k + 2, the first is certain."""
    rows = []
    for k, (dim, effect) in enumerate(zip(order(z_dim), effects(z_dim)), 1):
        row: dict[str, Any] = {"dim": dim, "effect": effect, "lo": 0.9 * effect, "hi": 1.1 * effect, "rank": k}
        row |= {"rank_lo": max(1, k - 1), "rank_hi": min(z_dim, k + 2)} if k > 1 else {"rank_lo": 1, "rank_hi": 1}
        rows.append(row | {"control": effect / 4, "is_idle": bool(effect == 0)})
    return {"measure": measure, "numbers": rows}


def moves(z_dim: int, values: Sequence[float], num_classes: int) -> dict[str, Any]:
    """Return class moves: at v the share |v| / 25 of every class becomes class 1; even numbers lead there, odd to 2."""
    base = np.arange(1, num_classes + 1) / np.arange(1, num_classes + 1).sum()
    shares, matrices, numbers = {}, {}, []
    for value in values:
        moved = min(1.0, abs(value) / 25)
        matrix = (1 - moved) * np.eye(num_classes)
        matrix[:, 1] += moved
        matrices[f"{value:g}"] = matrix.tolist()
        shares[f"{value:g}"] = (base @ matrix).tolist()
        for dim in range(z_dim):
            becomes = 1 + dim % 2
            row = {"dim": dim, "value": value, "flipped": moved, "becomes": becomes, "share": 0.9, "leaves": 0}
            numbers.append(row | {"source_share": 0.2})
    return {"base": base.tolist(), "shares": shares, "matrices": matrices, "numbers": numbers}


def outside(z_dim: int, values: Sequence[float]) -> list[dict[str, Any]]:
    """Return how far out every value lies, by the norm of the mean square."""
    mean, sd = chi.mean(z_dim), chi.std(z_dim)
    rows: list[dict[str, Any]] = [{"value": None, "sigmas": None, "beyond": None, "norm_sigmas": 0.02}]
    for value in values:
        far = (math.sqrt(z_dim - 1 + value**2) - mean) / sd
        beyond = math.erfc(abs(value) / math.sqrt(2))
        rows.append({"value": value, "sigmas": abs(value), "beyond": beyond, "norm_sigmas": far})
    return rows


def edit_rows(edits: dict[str, list[int]], measures: dict[str, tuple[float, ...]]) -> list[dict[str, Any]]:
    """Return rows of edits of several numbers; what is redrawn changes twice as much as what is switched off."""
    rows = []
    for k, (text, dims) in enumerate(edits.items(), 1):
        for name, levels in measures.items():
            mean = levels[2] * k / len(edits)
            row: dict[str, Any] = {"edit": text, "dims": dims, "measure": name, "num_latents": 1000, "mean": mean}
            row |= {"lo": 0.9 * mean, "hi": 1.1 * mean}
            rows.append(row | {"control": {"mean": 2 * mean, "lo": 1.8 * mean, "hi": 2.2 * mean, "num_latents": 1000}})
    return rows


def groups(z_dim: int) -> dict[str, list[int]]:
    """Return the four groups switched off, by the words of their edit."""
    ranked, tenth, half = order(z_dim), max(1, z_dim // 10), z_dim // 2
    parts = [ranked[:tenth], ranked[:half], ranked[half:], ranked[tenth:]]
    return {f"{','.join(map(str, sorted(part)))}=0": sorted(part) for part in parts}


def scales(*, has_classes: bool) -> dict[str, Any]:
    """Return the whole latent scaled: precision falls with the scale, recall rises, the distance is lowest at 2."""
    rows = []
    for scale in SCALES:
        row: dict[str, Any] = {"scale": scale, "norm_sigmas": 14 * (scale - 1), "frechet": 12 + 4 * (scale - 2) ** 2}
        row |= {"frechet_se": 0.1, "precision": 0.9 - 0.2 * scale, "recall": 0.2 * scale}
        row["diversity"] = {"mean": 5 * scale, "lo": 4.9 * scale, "hi": 5.1 * scale}
        if has_classes:
            row |= {"confidence": {"mean": 0.9 - 0.1 * scale, "lo": 0.5, "hi": 0.95}, "class_entropy": scale}
        rows.append(row)
    return {"num_img": 2000, "k": 5, "rows": rows}


def other_noises(first: float) -> list[dict[str, Any]]:
    """Return rows of further noises; the sphere is the best of them, as good as `first`."""
    names = {"uniform x 0.5": 6.0, "fixed norm": 0.0, "one-hot x 2": 9.0}
    return [
        {"prior": name, "value": first + gap, "se": 0.1, "difference": gap, "difference_se": 0.05, "kernel": 0.3}
        | {"kernel_se": 0.01, "kernel_difference": gap / 50, "kernel_difference_se": 0.001}
        for name, gap in names.items()
    ]


def jacobian(z_dim: int) -> dict[str, Any]:
    """Return jacobian.json: strength in the order of the effects reversed, a spectrum that halves."""
    strength = [{"dim": d, "mean": k, "lo": 0.9 * k, "hi": 1.1 * k} for k, d in enumerate(order(z_dim), 1)]
    mean = [40 / 2**k for k in range(z_dim)]
    spectrum = {"mean": mean, "lo": [0.5 * x for x in mean], "hi": [1.5 * x for x in mean]}
    ways = {"mean": 1.67, "lo": 1.51, "hi": 1.83}
    return {"num_latents": 256, "strength": sorted(strength, key=lambda row: row["dim"]), "spectrum": spectrum,
            "effective_dimension": ways, "num_90": {"mean": 2.25, "lo": 2.0, "hi": 2.5}}  # fmt: skip


def attributes(z_dim: int) -> dict[str, Any]:
    """Number 0 moves brightness, number 1 the place (to the left), no other moves anything."""
    names = ["brightness", "position_x"][:z_dim]
    change = [[0.5, *[0.0] * (z_dim - 1)], [0.0, -0.25, *[0.0] * (z_dim - 2)]][: 2 if z_dim > 1 else 1]
    moves = [*names[:z_dim], *[None] * (z_dim - 2)]
    return {"threshold": 0.1, "names": names, "change": change, "lo": change, "hi": change, "moves": moves}


def heat(num_values: int, z_dim: int, height: int, width: int) -> np.ndarray:
    """Return heat maps: number d changes row d of the picture only (modulo its height), by 10 levels per value."""
    found = np.zeros((num_values + 1, z_dim, height, width), np.float32)
    for dim in range(z_dim):
        found[:, dim, dim % height] = 10.0 * np.arange(1, num_values + 2)[:, None]
    return found


def add_atlas(
    folder: Path, record: dict[str, Any], measures: dict[str, tuple[float, ...]], pairs: Sequence[str],
    shape: tuple[int, int, int],
) -> None:  # fmt: skip
    """Add what the atlas knows to a record of dissect.json, and write jacobian.json and the heat maps beside it."""
    z_dim, names = record["z_dim"], record["class_names"] or []
    values = atlas_values(record["values"])
    effect = "feature_distance" if "feature_distance" in measures else "visible_share"
    further = {FURTHER[0]: [3], FURTHER[1]: [0, 1, 2]}
    record |= {
        "atlas_values": values, "curves": curves(values, measures | SET_MEASURES, pairs),
        "ranking": ranking(z_dim, effect), "outside": outside(z_dim, values), "scales": scales(has_classes=bool(names)),
        "attributes": attributes(z_dim),
        "groups": edit_rows(groups(z_dim), measures), "further": edit_rows(further, measures),
    }  # fmt: skip
    for kind in ("groups", "edits"):
        record["figures"][kind] = {"rows": f"{kind}.png", "difference": f"{kind}-difference.png"}
    if names:
        record["moves"] = moves(z_dim, values, len(names))
    record["priors"]["other"] = other_noises(16.4)
    files.write_json(folder / "jacobian.json", jacobian(z_dim))
    arrays = {"all/heat": heat(len(values), z_dim, *shape[1:])}
    files.write_bytes(folder / "atlas.safetensors", safetensors.numpy.save(arrays))
