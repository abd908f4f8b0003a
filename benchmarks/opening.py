"""Seconds and memory of opening a data set the first and the second time, each in a process of its own.

    python -m benchmarks.opening atelier --size 128x128
    python -m benchmarks.opening --jpegs 20000

The cache is an empty one of its own. Peak memory is that of the process beyond what it has with everything imported,
after every page of the set was touched, as a share of the set's bytes. `--jpegs N` first writes N colour JPEGs of 64x64
in ten classes.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ganatomy.datasets import opening
from ganatomy.progress import Progress


def last(records: Iterator[Any], label: str) -> Any:
    """Return what comes last, drawing nothing."""
    result = None
    for record in records:
        result = None if isinstance(record, Progress) else record
    return result


def peak_mb() -> float:
    """Return the peak memory of this process so far, in MB (on Linux)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def open_once(data: str, size: str | None) -> None:
    """Open a set and print what it took."""
    before, start = peak_mb(), time.perf_counter()
    options: Any = {} if size is None else {"size": size}
    dataset = opening.open_data(data, options, opening.Caller(lambda message: None, last))
    seconds = time.perf_counter() - start
    stores = (dataset.train.images, dataset.test.images)
    for images in stores:
        images.view(-1)[::4096].sum()
    set_mb = sum(images.numel() for images in stores) / 2**20
    share = (peak_mb() - before) / set_mb
    print(f"{seconds:.1f} s; set {set_mb:.0f} MB; peak {peak_mb():.0f} MB, {before:.0f} before; {share:.2f} of the set")


def write_jpegs(folder: Path, num: int) -> None:
    """Write smooth colour pictures in ten classes."""
    draw = np.random.default_rng(0)
    for number in range(num):
        place = folder / f"c{number % 10}"
        place.mkdir(exist_ok=True)
        coarse = Image.fromarray(draw.integers(0, 256, (8, 8, 3), dtype=np.uint8))
        coarse.resize((64, 64), Image.Resampling.BICUBIC).save(place / f"{number:05d}.jpg", quality=90)


def main() -> None:
    """Open a set twice."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?")
    parser.add_argument("--size")
    parser.add_argument("--jpegs", type=int)
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.once:
        open_once(given.data, given.size)
        return
    with tempfile.TemporaryDirectory() as place:
        data = given.data
        if given.jpegs:
            data = str(Path(place) / "jpegs")
            Path(data).mkdir()
            write_jpegs(Path(data), given.jpegs)
            time.sleep(3)  # a source that just changed is not kept
        words = [sys.executable, "-m", "benchmarks.opening", data, "--once"]
        words += ["--size", given.size] if given.size else []
        for _ in range(2):
            subprocess.run(words, env={**os.environ, "GANATOMY_HOME": str(Path(place) / "cache")}, check=True)


if __name__ == "__main__":
    main()
