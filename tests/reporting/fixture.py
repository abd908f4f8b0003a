"""A lab folder as the pipeline writes it, fabricated: smooth curves, drawn garments, no network is trained.

`python tests/reporting/fixture.py FOLDER [VARIANT]` writes one to look at; the variants are in `variants.py`.
"""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
from atlas_fixture import add_atlas
from memory import memorisation, with_near_scores
from PIL import Image
from variants import CLASS_MEASURES, FASHION, VARIANTS, Variant

from ganatomy import config as configuration
from ganatomy import files, presets

MEASURES = {
    "visible_share": (0.0, 0.02, 0.16, 0.31),
    "contrast": (88.0, 88.1, 92.0, 71.0),
    "sharpness": (0.31, 0.312, 0.27, 0.22),
    "noise_share": (0.021, 0.021, 0.031, 0.046),
    "bright_share": (0.04, 0.04, 0.07, 0.12),
    "diversity_px": (96.0, 95.0, 80.0, 44.0),
    "diversity_features": (11.0, 10.8, 8.9, 4.1),
    "confidence": (0.91, 0.91, 0.84, 0.72),
    "class_flip": (0.0, 0.02, 0.28, 0.66),
    "class_entropy": (2.11, 2.1, 1.72, 0.83),
    "top_class_share": (0.19, 0.19, 0.31, 0.68),
    "feature_distance": (0.0, 0.9, 5.2, 11.3),
    "precision": (0.62, 0.62, 0.41, 0.08),
}
PAIR_MEASURES = ("visible_share", "class_flip", "feature_distance")
ENVIRONMENT = {
    "ganatomy": "0.1.0",
    "python": "3.11.9",
    "system": "Linux x86_64",
    "cpu": "Example CPU 2.4 GHz",
    "num_cores": 2,
    "packages": {"torch": "2.13.0+cpu", "numpy": "2.4.6", "pillow": "13.0.0"},
    "cpu_capability": "AVX2",
}


def garment(kind: int, noise: float, draw: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
    """Return a uint8 [H, W, C] silhouette of one of ten kinds, with noise; a colour picture has its own hue."""
    channels, height, width = shape
    y, x = np.mgrid[0:height, 0:width]
    y, x = 28 * (y + 0.5) / height - 0.5, 28 * (x + 0.5) / width - 0.5
    level = 90 + 130 * draw.random()
    body = (abs(x - 13.5) < 6) & (y > 3) & (y < 25)
    shapes = [
        body | ((y < 9) & (y > 3) & (abs(x - 13.5) < 11)),
        (abs(abs(x - 13.5) - 3.4) < 2.4) & (y > 2) & (y < 26),
        body | ((abs(x - 13.5) < 12) & (abs(x - 13.5) > 8) & (y > 4) & (y < 24)),
        (abs(x - 13.5) < 3 + y / 6) & (y > 1) & (y < 27),
        body | ((abs(x - 13.5) < 11) & (abs(x - 13.5) > 7) & (y > 3)),
        (abs(y - 18 - 3 * np.sin(x / 3)) < 2) & (x > 2) & (x < 26),
        body | ((y < 20) & (y > 4) & (abs(x - 13.5) < 10)),
        (y > 13) & (y < 21) & (x > 2) & (x < 26) & (y > 19 - x / 3),
        (y > 9) & (y < 24) & (x > 4) & (x < 24),
        ((y > 5) & (y < 22) & (x > 14) & (x < 22)) | ((y > 15) & (y < 22) & (x > 4) & (x < 22)),
    ]
    hue = 0.3 + 0.7 * draw.random(channels) if channels == 3 else np.ones(1)
    image = (shapes[kind] * level * (1 - 0.25 * (y % 5 < 1)))[:, :, None] * hue
    return np.clip(image + noise * draw.normal(0, 60, image.shape), 0, 255).astype(np.uint8)


def sheet(
    rows: int, columns: int, noise: float, seed: int, gap: int = 0, kind: int | None = None,
    shape: tuple[int, int, int] = (1, 28, 28),
) -> np.ndarray:  # fmt: skip
    """Return a grid of garments, uint8 [H, W] or [H, W, 3]."""
    channels, height, width = shape
    draw = np.random.default_rng(seed)
    kinds = draw.integers(0, 10, rows * columns)
    out = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, channels), 255, np.uint8)
    for i in range(rows * columns):
        top, left = (i // columns) * (height + gap), (i % columns) * (width + gap)
        image = garment(int(kinds[i]) if kind is None else kind, noise, draw, shape)
        out[top : top + height, left : left + width] = image
    return out[:, :, 0] if channels == 1 else out


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def stats(total: int, *, convolutional: bool, num: int = 200) -> list[dict[str, float]]:
    """Return stats.jsonl lines with the shapes of healthy curves."""
    draw = np.random.default_rng(int(convolutional))
    lines = []
    for i in range(num):
        t = (i + 1) / num
        noise = draw.normal(0, 0.06, 6)
        if convolutional:
            g, real, fake = 1.0 + 1.6 * math.exp(-8 * t) + noise[0], 0.42, 0.40 - 0.25 * math.exp(-9 * t)
        else:
            g, real, fake = 1.4 + 1.3 * math.exp(-4 * t) + noise[0], 0.46 - 0.3 * math.exp(-5 * t), 0.45
        real, fake = abs(real + noise[1] * 0.5), abs(fake + noise[2] * 0.5)
        lines.append(
            {
                "cur_nimg": round(total * t),
                "epoch": total * t / 60000,
                "Loss/G/adv": g,
                "Loss/D/adv": real + fake,
                "Loss/D/real": real,
                "Loss/D/fake": fake,
                "Scores/real": 0.66 + noise[3] * 0.2,
                "Scores/fake": 0.34 + noise[4] * 0.2,
                "Accuracy/real": 0.8,
                "Accuracy/fake": 0.84,
                "Grad/G/norm": 1.2,
                "Grad/D/norm": 2.1,
                "Timing/img_per_sec": 2000.0,
                "Timing/total_sec": 90 * t,
                "Resources/peak_mem_gb": 0.9,
            }
        )
    return lines


def measured(name: str, *, convolutional: bool, scores: bool, variant: Variant = FASHION) -> dict[str, Any]:
    """Return measure.json's record."""
    shares = [6, 11, 9, 12, 8, 11, 7, 12, 12, 12.0] if convolutional else [9, 21, 0.3, 3, 4, 0.1, 54, 2, 5, 1.6]
    share = np.resize(shares, len(variant.known_names) or 1)
    counts = [round(value) for value in share / share.sum() * 10000]
    values = [2.31, 2.36, 2.27] if convolutional else [16.2, 16.5, 16.4]
    if not scores:
        return {"run": name, "nimg": 180000, "features": None, "seed": 0, "scores": {}, "classes": None}
    return {
        "run": name,
        "nimg": 300000 if convolutional else 180000,
        "features": {
            "name": variant.features,
            "sha256": "ab" * 32,
            "test_accuracy": 0.9341 if variant.known_names else None,
        },
        "seed": 0,
        "scores": {
            f"fd10k_test[{variant.features}]": {
                "value": sum(values) / 3,
                "floor": 0.0412,
                "num_gen": 10000,
                "num_real": variant.num_test,
                "num_floor": min(10000, variant.num_train // 6),
                "split": "test",
                "num_sets": 3,
                "spread": 0.045,
                "values": values,
            }
        },
        "classes": {
            "names": list(variant.known_names),
            "counts": counts,
            "missing": [] if convolutional else [variant.known_names[-1]],
            "share_min": 0.002,
        }
        if variant.known_names
        else None,
        "confidence": {"median": 0.97 if convolutional else 0.83, "mean": 0.9, "lo10": 0.55}
        if variant.known_names
        else None,
        "memorisation": memorisation(copies=convolutional, num_train=variant.num_train, num_test=variant.num_test)
        if variant.memory
        else None,
        "message": variant.message,
    }


def latent_rows(
    dims: list[int], values: list[float], num: int, seed: int, measures: dict[str, tuple[float, ...]]
) -> list[dict[str, Any]]:
    """Return one row per (number, value, measure)."""
    draw = np.random.default_rng(seed)
    rows = []
    for dim in dims:
        reach = draw.lognormal(0, 0.5)
        for value in values:
            for measure, levels in measures.items():
                rank = 1 if abs(value) < 1 else 2 if abs(value) < 10 else 3
                mean = levels[0] + (levels[rank] - levels[0]) * reach
                mean = max(0.0, min(mean, 1.0 if measure.endswith(("share", "flip", "confidence")) else mean))
                control = levels[0] + (levels[1] - levels[0]) * 1.4
                half = 0.03 * abs(mean) + 1e-4
                row: dict[str, Any] = {
                    "dim": dim,
                    "value": value,
                    "measure": measure,
                    "num_latents": num,
                    "mean": mean,
                    "lo": mean - half,
                    "hi": mean + half,
                    "control": {"mean": control, "lo": control * 0.97, "hi": control * 1.03, "num_latents": num},
                }
                if measure == "top_class_share":
                    row["top_class"] = int(draw.integers(0, 10))
                    row["control"]["top_class"] = 6
                rows.append(row)
    return rows


def write_dissect(
    run: Path,
    z_dim: int,
    dims: tuple[int, ...],
    values: tuple[float, ...],
    seed: int,
    variant: Variant = FASHION,
    *,
    atlas: bool = True,
) -> None:
    """Write a run's dissect/ folder, with `atlas` as today, without as before the atlas."""
    folder, shape = run / "dissect", variant.img_shape
    measures = {name: v for name, v in MEASURES.items() if variant.known_names or name not in CLASS_MEASURES}
    names = {value: f"{value:g}" for value in values}
    save(folder / "base.png", sheet(1, 8, 0.2, seed, gap=2, shape=shape))
    save(folder / "combined.png", sheet(len(dims) * len(values), 8, 0.4, seed + 1, gap=2, shape=shape))
    figures: dict[str, Any] = {"base": "base.png", "combined": "combined.png", "values": {}, "differences": {}}
    for rank, value in enumerate(values):
        for group, stem in (("values", "value"), ("differences", "difference")):
            name = f"{stem}-{names[value]}.png"
            kind = 1 if group == "values" and rank == 2 else None
            noise = 0.2 + 0.4 * rank
            save(folder / name, sheet(len(dims), 8, noise, seed + 2 + rank, gap=2, kind=kind, shape=shape))
            figures[group][names[value]] = name
    record = {
        "run": run.name,
        "nimg": 180000,
        "seed": 0,
        "z_dim": z_dim,
        "features": variant.features,
        "pick": "given",
        "dims": list(dims),
        "values": list(values),
        "num_codes": 8,
        "num_latents": 1000,
        "num_latents_all": 256,
        "figures": figures,
        "base": {
            name: {"mean": v[0], "lo": v[0] * 0.98, "hi": v[0] * 1.02, "num_latents": 1000}
            for name, v in measures.items()
            if name not in PAIR_MEASURES
        },
        "class_names": list(variant.known_names) or None,
        "unavailable": [] if variant.known_names else list(CLASS_MEASURES),
        "priors": {
            "num_img": 5000,
            "diversity": {"scale": 0.1, "num_pairs": 1000, "ratio": 0.213},
            "frechet": [
                {"prior": name, "value": 16.4 + gap, "se": 0.12, "difference": gap, "difference_se": 0.05}
                | {"kernel": 0.31 + gap / 50, "kernel_se": 0.004, "kernel_difference": gap / 50}
                | {"kernel_difference_se": 0.001}
                for name, gap in (("normal", 0.0), ("normal x 0.5", 5.1), ("normal x 1.3", -0.31), ("laplace", 0.4))
            ],
            "small_noise": {
                "scale": 0.1,
                "num_img": 2000,
                "num_real_near": 5000,
                "k": 5,
                "rows": [
                    {"prior": "normal x 0.1", "value": 61.2, "precision": 0.71, "recall": 0.004},
                    {"prior": "normal", "value": 16.5, "precision": 0.62, "recall": 0.35},
                ],
            },
        },
        "edits": latent_rows(list(dims), list(values), 1000, seed, measures),
        "atlas": latent_rows(list(range(z_dim)), list(values), 256, seed + 1, measures),
    }
    if atlas:
        for kind, rows in (("groups", 5), ("edits", 3)):
            save(folder / f"{kind}.png", sheet(rows, 8, 0.3, seed + 8, gap=2, shape=shape))
            save(folder / f"{kind}-difference.png", sheet(rows - 1, 8, 0.6, seed + 9, gap=2, shape=shape))
        add_atlas(folder, record, measures, PAIR_MEASURES, shape)
    files.write_json(folder / "dissect.json", record)


def write_run(
    folder: Path,
    preset: str,
    *,
    scores: bool = True,
    dissect: bool = True,
    z_dim: int = 100,
    dims: tuple[int, ...] = (3, 17, 42, 66, 91),
    values: tuple[float, ...] = (0.1, 5.0, 20.0),
    variant: Variant = FASHION,
    num_pictures: int = 10,
    atlas: bool = True,
) -> Path:
    """Write one run folder and return it; after the first, `num_pictures` pictures over the training."""
    convolutional = preset == "dcgan"
    channels, height, width = variant.img_shape
    base = dataclasses.replace(
        presets.preset(preset), z_dim=z_dim, data=variant.data, data_sha256="c5" * 32, num_train=variant.num_train,
        img_channels=channels, img_height=height, img_width=width, total_nimg=300_000 if convolutional else 180_000,
        num_threads=2,
    )  # fmt: skip
    config = configuration.resolve(base)
    total = config.total_nimg or 0
    files.make_folder(folder)
    files.write_json(folder / "config.json", config.to_dict())
    files.write_json(folder / "environment.json", ENVIRONMENT)
    files.write_text(folder / "command.txt", f"ganatomy train {preset} --data {variant.data} --seed 0\n")
    if variant.kind:
        files.write_json(folder / "data.json", variant.data_json())
        save(folder / "real.png", sheet(8, 8, 0.05, 3, shape=variant.img_shape))
    files.write_json(
        folder / "status.json", {"state": "finished", "cur_nimg": total, "total_nimg": total, "message": ""}
    )
    lines = "".join(json.dumps(line) + "\n" for line in stats(total, convolutional=convolutional))
    files.write_text(folder / "stats.jsonl", lines)
    for i in range(num_pictures + 1):
        noise = (1 - i / num_pictures) ** 2 * 2 + (0.1 if convolutional else 0.5)
        save(
            folder / "samples" / f"fixed-{total * i // num_pictures:012d}.png",
            sheet(8, 8, noise, 5, shape=variant.img_shape),
        )
    record = measured(folder.name, convolutional=convolutional, scores=scores, variant=variant)
    files.write_json(folder / "measure.json", record)
    if scores and variant.second:
        files.write_json(folder / f"measure-{variant.second}.json", with_near_scores(record, variant.second))
    if record.get("memorisation"):
        for name in ("nearest", "nearest-features"):
            save(folder / f"{name}.png", sheet(2, 8, 0.1, 6, gap=2, shape=variant.img_shape))
    files.write_json(folder / "timing.json", {"measure": 21.0, "dissect": 48.5})
    if dissect:
        write_dissect(folder, z_dim, dims, values, 40 + convolutional, variant, atlas=atlas)
    return folder


CLAIM_VALUES = {
    "C1": ("share of numbers with median visible share <= 5 %", 0.97, 0.93, 1.0, 0.9, "holds"),
    "C2": ("share of abs(z) > 0.5", 0.6171, 0.6171, 0.6171, 0.5, "holds"),
    "C3": ("share of numbers with sharpness ratio > 1", 0.53, 0.44, 0.62, 0.5, "undecided"),
    "C4": ("share of numbers with sharpness ratio < 0.9", 0.31, 0.22, 0.4, 0.5, "fails"),
    "C5": ("share of numbers with noise ratio > 1.1", 0.78, 0.7, 0.86, 0.5, "holds"),
    "C6": ("share of numbers with confidence fall >= 0.1", 0.66, 0.57, 0.75, 0.5, "holds"),
    "C7": ("share of numbers with entropy ratio <= 0.5", 0.58, 0.48, 0.68, 0.5, "undecided"),
    "C8": ("share of numbers with top class Trouser", 0.12, 0.06, 0.19, 0.5, "fails"),
    "C9": ("feature diversity of 0.1 z / that of z", 0.21, 0.2, 0.22, 0.5, "holds"),
    "C10": ("margin of N(0, I) to the next best", -0.31, -0.4, -0.22, 0.0, "fails"),
}


CLAIM_DETAILS: dict[str, dict[str, Any]] = {
    "C6": {
        "parts": [
            {"statistic": f"share of numbers d with {text} <= -0.1 for edit(d, 20)", "value": value, "lo": value - 0.09,
             "hi": value + 0.09, "threshold": 0.5, "verdict": "holds"}
            for text, value in (("mean confidence - base", 0.66), ("precision - base", 0.83))
        ],
    },
    "C9": {
        "worth": {
            "small": {"frechet": 61.2, "precision": 0.71, "recall": 0.004},
            "normal": {"frechet": 16.5, "precision": 0.62, "recall": 0.35},
        }
    },
    "C10": {
        "kernel": {"value": -0.0062, "lo": -0.011, "hi": -0.002, "verdict": "fails", "num_pairs": 21,
                   "num_same_order": 19},
    },
}  # fmt: skip
"""What claims have more, in the second run; the first is one of before these were measured."""


def claim_row(claim: str, run: str, found: tuple[Any, ...], **more: Any) -> dict[str, Any]:
    """Return one row of lab.json's claims."""
    keys = ("statistic", "value", "lo", "hi", "threshold", "verdict")
    common = {"id": claim, "run": run, "reason": None, "num_trainings": 1, "trainings": [run], "scope": "in this run"}
    return common | dict(zip(keys, found)) | more


def claims(names: list[str], variant: Variant = FASHION) -> list[dict[str, Any]]:
    """Return the claims of a lab."""
    rows = []
    for name in names:
        for claim, found in CLAIM_VALUES.items():
            reason = variant.claim_reason(claim, name)
            if reason:
                row = claim_row(claim, name, (found[0], None, None, None, found[4], "undecided"), reason=reason)
                rows.append(row)
                continue
            control = {"control": {"value": 0.4, "lo": 0.3, "hi": 0.5}} if claim not in ("C2", "C9", "C10") else {}
            details = CLAIM_DETAILS.get(claim, {}) if name != names[0] else {}
            rows.append(claim_row(claim, name, found, **control, **details))
    part = ("G's loss, mean of last - first fifth", -0.8, -0.9, -0.7, 0.0, "holds")
    keys = ("statistic", "value", "lo", "hi", "threshold", "verdict")
    parts = [dict(zip(keys, part)), dict(zip(keys, ("something new", 0.021, -0.01, 0.05, 0.0, "undecided")))]
    rows.append(claim_row("C11", names[0], ("something new", 0.021, -0.01, 0.05, 0.0, "undecided"), parts=parts))
    rows.append(claim_row("C12", names[-1], part, parts=parts[:1]))
    rows.append(claim_row("C13", "gan, dcgan", ("ratio of distances", 7.08, 6.9, 7.2, 2.0, "holds")))
    return rows


def write_lab(
    folder: Path, *, scores: bool = True, dissect: bool = True, variant: Variant = FASHION, **latent: Any
) -> Path:
    """Write a whole lab folder and return it."""
    names = {"gan-s0": "gan", "dcgan-s0": "dcgan"}
    runs: dict[str, Any] = {}
    for name, preset in names.items():
        run = write_run(folder / "runs" / name, preset, scores=scores, dissect=dissect, variant=variant, **latent)
        lines = [json.loads(line) for line in (run / "stats.jsonl").read_text(encoding="utf-8").splitlines()]
        record = json.loads((run / "measure.json").read_text(encoding="utf-8"))
        runs[name] = {
            "preset": preset,
            "seed": 0,
            "total_nimg": lines[-1]["cur_nimg"],
            "seconds": 62.5 if preset == "gan" else 301.2,
            "img_per_sec": 2900.0,
            "loss": [
                {"nimg": x["cur_nimg"], "G": x["Loss/G/adv"], "D": x["Loss/D/adv"], "D_real": x["Loss/D/real"],
                 "D_fake": x["Loss/D/fake"]}
                for x in lines
            ],
            "scores": record["scores"],
            "classes": record["classes"],
            "confidence": record.get("confidence"),
            "memorisation": record.get("memorisation"),
        }  # fmt: skip
    lab = {
        "budget": "quick",
        "seed": 0,
        "lang": "en",
        "version": "0.1.0",
        "command": f"ganatomy lab --data {variant.data} --budget quick",
        "seconds": 502.7,
        "data": {
            "name": variant.data,
            "sha256": "c5" * 32,
            "num_train": variant.num_train,
            "num_test": variant.num_test,
            **({"kind": variant.kind, "fallback": variant.fallback} if variant.kind else {}),
        },
        "environment": ENVIRONMENT,
        "networks": {
            "gan": {"generator_parameters": 114064, "discriminator_parameters": 100609},
            "dcgan": {"generator_parameters": 837953, "discriminator_parameters": 432321},
        },
        "runs": runs,
        "edits": [],
        "claims": claims(list(names), variant) if scores and dissect else [],
        "figures": [],
    }
    files.write_json(folder / "lab.json", lab)
    return folder


if __name__ == "__main__":
    print(write_lab(Path(sys.argv[1]), variant=VARIANTS[sys.argv[2] if len(sys.argv) > 2 else "fashion"]))
