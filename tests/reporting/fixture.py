"""A lab folder as the pipeline writes it, fabricated: smooth curves, drawn garments, no network is trained.

`python tests/reporting/fixture.py FOLDER` writes one to look at.
"""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ganatomy import config as configuration
from ganatomy import files, presets

NAMES = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
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
}
PAIR_MEASURES = ("visible_share", "class_flip", "feature_distance")
SCORE = "fd10k_test[fashion-v1]"
ENVIRONMENT = {
    "ganatomy": "0.1.0",
    "python": "3.11.9",
    "system": "Linux x86_64",
    "cpu": "Example CPU 2.4 GHz",
    "num_cores": 2,
    "packages": {"torch": "2.13.0+cpu", "numpy": "2.4.6", "pillow": "13.0.0"},
    "cpu_capability": "AVX2",
}


def garment(kind: int, noise: float, draw: np.random.Generator) -> np.ndarray:
    """Return a 28 x 28 uint8 silhouette of one of ten kinds, with noise."""
    y, x = np.mgrid[0:28, 0:28]
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
    image = shapes[kind] * level * (1 - 0.25 * (y % 5 == 0)) + noise * draw.normal(0, 60, (28, 28))
    return np.clip(image, 0, 255).astype(np.uint8)


def sheet(rows: int, columns: int, noise: float, seed: int, gap: int = 0, kind: int | None = None) -> np.ndarray:
    """Return a grid of garments, uint8 [H, W]."""
    draw = np.random.default_rng(seed)
    kinds = draw.integers(0, 10, rows * columns)
    out = np.full((rows * (28 + gap) - gap, columns * (28 + gap) - gap), 255, np.uint8)
    for i in range(rows * columns):
        top, left = (i // columns) * (28 + gap), (i % columns) * (28 + gap)
        out[top : top + 28, left : left + 28] = garment(int(kinds[i]) if kind is None else kind, noise, draw)
    return out


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


def measured(name: str, *, convolutional: bool, scores: bool) -> dict[str, Any]:
    """Return measure.json's record."""
    share = np.array(
        [6, 11, 9, 12, 8, 11, 7, 12, 12, 12.0] if convolutional else [9, 21, 0.3, 3, 4, 0.1, 54, 2, 5, 1.6]
    )
    counts = [round(value) for value in share / share.sum() * 10000]
    values = [2.31, 2.36, 2.27] if convolutional else [16.2, 16.5, 16.4]
    if not scores:
        return {"run": name, "nimg": 180000, "features": None, "seed": 0, "scores": {}, "classes": None}
    return {
        "run": name,
        "nimg": 300000 if convolutional else 180000,
        "features": {"name": "fashion-v1", "sha256": "ab" * 32, "test_accuracy": 0.9341},
        "seed": 0,
        "scores": {
            SCORE: {
                "value": sum(values) / 3,
                "floor": 0.0412,
                "num_gen": 10000,
                "num_real": 10000,
                "num_floor": 10000,
                "split": "test",
                "num_sets": 3,
                "spread": 0.045,
                "values": values,
            }
        },
        "classes": {
            "names": NAMES,
            "counts": counts,
            "missing": [] if convolutional else ["Sandal"],
            "share_min": 0.002,
        },
        "confidence": {"median": 0.97 if convolutional else 0.83, "mean": 0.9, "lo10": 0.55},
    }


def latent_rows(dims: list[int], values: list[float], num: int, seed: int) -> list[dict[str, Any]]:
    """Return one row per (number, value, measure)."""
    draw = np.random.default_rng(seed)
    rows = []
    for dim in dims:
        reach = draw.lognormal(0, 0.5)
        for value in values:
            for measure, levels in MEASURES.items():
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


def write_dissect(run: Path, z_dim: int, dims: tuple[int, ...], values: tuple[float, ...], seed: int) -> None:
    """Write a run's dissect/ folder."""
    folder = run / "dissect"
    names = {value: f"{value:g}" for value in values}
    save(folder / "base.png", sheet(1, 8, 0.2, seed, gap=2))
    save(folder / "combined.png", sheet(len(dims) * len(values), 8, 0.4, seed + 1, gap=2))
    figures: dict[str, Any] = {"base": "base.png", "combined": "combined.png", "values": {}, "differences": {}}
    for rank, value in enumerate(values):
        for group, stem in (("values", "value"), ("differences", "difference")):
            name = f"{stem}-{names[value]}.png"
            kind = 1 if group == "values" and rank == 2 else None
            save(folder / name, sheet(len(dims), 8, 0.2 + 0.4 * rank, seed + 2 + rank, gap=2, kind=kind))
            figures[group][names[value]] = name
    record = {
        "run": run.name,
        "nimg": 180000,
        "seed": 0,
        "z_dim": z_dim,
        "features": "fashion-v1",
        "pick": "given",
        "dims": list(dims),
        "values": list(values),
        "num_codes": 8,
        "num_latents": 1000,
        "num_latents_all": 256,
        "figures": figures,
        "base": {
            name: {"mean": v[0], "lo": v[0] * 0.98, "hi": v[0] * 1.02, "num_latents": 1000}
            for name, v in MEASURES.items()
            if name not in PAIR_MEASURES
        },
        "class_names": NAMES,
        "priors": {
            "num_img": 5000,
            "diversity": {"scale": 0.1, "num_pairs": 1000, "ratio": 0.213},
            "frechet": [
                {"prior": name, "value": 16.4 + gap, "se": 0.12, "difference": gap, "difference_se": 0.05}
                for name, gap in (("normal", 0.0), ("normal x 0.5", 5.1), ("normal x 1.3", -0.31), ("laplace", 0.4))
            ],
        },
        "edits": latent_rows(list(dims), list(values), 1000, seed),
        "atlas": latent_rows(list(range(z_dim)), list(values), 256, seed + 1),
    }
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
) -> Path:
    """Write one run folder and return it."""
    convolutional = preset == "dcgan"
    base = dataclasses.replace(
        presets.preset(preset), z_dim=z_dim, data="fashion-mnist", data_sha256="c5" * 32, num_train=60000, num_threads=2
    )
    config = configuration.resolve(base)
    total = config.total_nimg or 0
    files.make_folder(folder)
    files.write_json(folder / "config.json", config.to_dict())
    files.write_json(folder / "environment.json", ENVIRONMENT)
    files.write_text(folder / "command.txt", f"ganatomy train {preset} --data fashion-mnist --seed 0\n")
    files.write_json(
        folder / "status.json", {"state": "finished", "cur_nimg": total, "total_nimg": total, "message": ""}
    )
    lines = "".join(json.dumps(line) + "\n" for line in stats(total, convolutional=convolutional))
    files.write_text(folder / "stats.jsonl", lines)
    for i in range(11):
        noise = (1 - i / 10) ** 2 * 2 + (0.1 if convolutional else 0.5)
        save(folder / "samples" / f"fixed-{total * i // 10:012d}.png", sheet(8, 8, noise, 5))
    files.write_json(folder / "measure.json", measured(folder.name, convolutional=convolutional, scores=scores))
    files.write_json(folder / "timing.json", {"measure": 21.0, "dissect": 48.5})
    if dissect:
        write_dissect(folder, z_dim, dims, values, 40 + convolutional)
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


def claim_row(claim: str, run: str, found: tuple[Any, ...], **more: Any) -> dict[str, Any]:
    """Return one row of lab.json's claims."""
    keys = ("statistic", "value", "lo", "hi", "threshold", "verdict")
    common = {"id": claim, "run": run, "reason": None, "num_trainings": 1, "trainings": [run], "scope": "in this run"}
    return common | dict(zip(keys, found)) | more


def claims(names: list[str]) -> list[dict[str, Any]]:
    """Return the claims of a lab."""
    rows = []
    for name in names:
        for claim, found in CLAIM_VALUES.items():
            control = {"control": {"value": 0.4, "lo": 0.3, "hi": 0.5}} if claim not in ("C2", "C9", "C10") else {}
            rows.append(claim_row(claim, name, found, **control))
    part = ("G's loss, mean of last - first fifth", -0.8, -0.9, -0.7, 0.0, "holds")
    keys = ("statistic", "value", "lo", "hi", "threshold", "verdict")
    parts = [dict(zip(keys, part)), dict(zip(keys, ("something new", 0.021, -0.01, 0.05, 0.0, "undecided")))]
    rows.append(claim_row("C11", names[0], ("something new", 0.021, -0.01, 0.05, 0.0, "undecided"), parts=parts))
    rows.append(claim_row("C12", names[-1], part, parts=parts[:1]))
    rows.append(claim_row("C13", "gan, dcgan", ("ratio of distances", 7.08, 6.9, 7.2, 2.0, "holds")))
    return rows


def write_lab(folder: Path, *, scores: bool = True, dissect: bool = True, **latent: Any) -> Path:
    """Write a whole lab folder and return it."""
    names = {"gan-s0": "gan", "dcgan-s0": "dcgan"}
    runs: dict[str, Any] = {}
    for name, preset in names.items():
        run = write_run(folder / "runs" / name, preset, scores=scores, dissect=dissect, **latent)
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
        }  # fmt: skip
    lab = {
        "budget": "quick",
        "seed": 0,
        "lang": "en",
        "version": "0.1.0",
        "command": "ganatomy lab --data fashion-mnist --budget quick",
        "seconds": 502.7,
        "data": {"name": "fashion-mnist", "sha256": "c5" * 32, "num_train": 60000, "num_test": 10000},
        "environment": ENVIRONMENT,
        "networks": {
            "gan": {"generator_parameters": 114064, "discriminator_parameters": 100609},
            "dcgan": {"generator_parameters": 837953, "discriminator_parameters": 432321},
        },
        "runs": runs,
        "edits": [],
        "claims": claims(list(names)) if scores and dissect else [],
        "figures": [],
    }
    files.write_json(folder / "lab.json", lab)
    return folder


if __name__ == "__main__":
    print(write_lab(Path(sys.argv[1])))
