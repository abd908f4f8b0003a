"""Comparisons of fabricated runs: groups of trainings with the scores they are given; no network is trained.

`python tests/reporting/versus_fixture.py FOLDER` writes one to look at, with pages in both languages.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fixture import write_run

from ganatomy import files
from ganatomy.training.run import open_run

NETWORK = "fashion-v1"


def scores(fd: float, precision: float, kd: float = 0.3) -> dict[str, Any]:
    """Return the scores of a measurement: two distances and a share."""
    about = {"num_gen": 10000, "num_real": 10000, "num_floor": 10000, "split": "test", "num_sets": 3}
    noise = {"spread_by": "sample sets"}
    return {
        f"fd10k_test[{NETWORK}]": {"value": fd, "floor": 0.0412, "spread": 0.02 * abs(fd), **about, **noise},
        f"kd10k_test[{NETWORK}]": {"value": kd, "floor": -0.0004, "spread": 0.01, **about, **noise},
        f"precision10k_test[{NETWORK}]": {"value": precision, "floor": 0.74, "spread": 0.004, **about, **noise},
    }


def write_training(template: Path, folder: Path, seed: int, found: dict[str, Any], **settings: Any) -> Path:
    """Copy a fabricated run to a folder of another seed, with scores and settings of its own."""
    shutil.copytree(template, folder)
    config = dataclasses.replace(open_run(template).config, seed=seed, **settings)
    files.write_json(folder / "config.json", config.to_dict())
    record = json.loads((folder / "measure.json").read_text(encoding="utf-8"))
    files.write_json(folder / "measure.json", {**record, "run": folder.name, "scores": found})
    return folder


def write_group(
    root: Path, template: Path, fds: Sequence[float], *, first_seed: int = 0, share: float = 0.6, **settings: Any
) -> Path:
    """Write replicates s0, s1, ... with these distances into a folder, and return the folder."""
    for i, fd in enumerate(fds):
        seed = first_seed + i
        found = scores(fd, share + 0.01 * ((7 * seed) % 5), 0.03 * fd)
        write_training(template, root / f"s{seed}", seed, found, **settings)
    return root


def write_templates(folder: Path) -> dict[str, Path]:
    """Write one fabricated run of each preset to copy from."""
    return {
        preset: write_run(folder / f"template-{preset}", preset, dissect=False, num_pictures=4)
        for preset in ("gan", "dcgan")
    }


if __name__ == "__main__":
    import ganatomy

    place = Path(sys.argv[1])
    made = write_templates(place)
    gan = write_group(place / "gan", made["gan"], (17.3, 20.4, 16.9))
    dcgan = write_group(place / "dcgan", made["dcgan"], (8.42, 8.36, 7.8), share=0.71)
    slow = write_group(place / "slow", made["dcgan"], (8.9, 7.9, 8.3), lr_g=1e-4)
    for name, paths in (
        ("two", [gan, dcgan]), ("three", [gan, dcgan, slow]), ("single", [gan / "s0", dcgan / "s0"]),
        ("few", [gan / "s0", dcgan / "s0", dcgan / "s1"]), ("close", [dcgan, slow]),
    ):  # fmt: skip
        for lang in ("en", "zh"):
            ganatomy.compare(paths, lang=lang, out=place / f"{name}-{lang}")
