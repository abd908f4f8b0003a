"""How long measuring takes: the seconds of each stage for one set of 10,000 images against 10,000 test images.

    python -m benchmarks.battery --data-dir DIR

Prints a table as markdown for docs/performance.md: medians of 3, with an empty cache ("first": the features of real
images are computed too) and with the cache of a first measurement ("again", as in a new process). No generator is
needed: the last training images with noise of 8 levels stand in for generated ones, so generating is not counted.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganatomy import console, device, rng
from ganatomy.datasets import opening
from ganatomy.datasets.store import Dataset
from ganatomy.metrics import evaluate, modes, splits
from ganatomy.metrics.bias import bias_curve
from ganatomy.metrics.features import features_for
from ganatomy.metrics.frechet import frechet
from ganatomy.metrics.jackknife import jackknife_se, leave_out_scores
from ganatomy.metrics.kernel import kernel_distance
from ganatomy.metrics.memorisation import memory_record
from ganatomy.metrics.memory_reference import MemoryReference
from ganatomy.metrics.moments import moments_of
from ganatomy.metrics.network import FeatureNetwork
from ganatomy.metrics.prdc import prdc
from ganatomy.metrics.reference import Reference

NOISE_LEVELS = 8.0


def stand_ins(dataset: Dataset, num: int) -> Tensor:
    """Return the last training images with noise, so that none is a copy: uint8 [num, C, H, W]."""
    img = dataset.train.images[-num:]
    noise = rng.generator(0, "battery-noise").normal(0.0, NOISE_LEVELS, tuple(img.shape)).astype(np.float32)
    return (img + torch.from_numpy(noise)).round().clamp(0, 255).to(torch.uint8)


def measure_once(dataset: Dataset, network: FeatureNetwork, img: Tensor, memory: int) -> dict[str, float]:
    """Return the seconds of every stage, in the order of `evaluate.measure`; what processes keep is forgotten first."""
    evaluate._real_moments.clear()
    splits._features.clear()
    seconds: dict[str, float] = {}

    def timed(stage: str, work: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        result = work()
        seconds[stage] = time.perf_counter() - start
        return result

    rows, probabilities = timed("features of the images", lambda: network.extract(img))
    test = timed("moments of real images", lambda: evaluate.real_moments(dataset, network, "test"))
    timed("Fréchet distance, its floor", lambda: (frechet(moments_of(rows), test), evaluate.floor(dataset, network)))
    timed("its jackknife", lambda: jackknife_se(leave_out_scores(rows, test)[1]))
    real = timed("features of real images, floors", lambda: Reference(dataset, network, len(img)))
    timed("kernel distance", lambda: kernel_distance(rows, real.features))
    timed("precision, recall, density, coverage", lambda: prdc(rows, real.features, real_radii=real.radii))
    timed("classes, confidence", lambda: classes(probabilities))
    timed("bias curve", lambda: bias_curve(rows, test))
    known = timed("memorisation of real images", lambda: MemoryReference(dataset, network, memory))
    timed("memorisation", lambda: memory_record(img[:memory], rows[:memory], known))
    return seconds


def classes(probabilities: np.ndarray) -> None:
    """Compute what is recorded of the classes."""
    if probabilities.shape[1]:
        counts = modes.class_counts(probabilities)
        modes.class_entropy(counts)
        modes.clarity(probabilities)
        modes.confidence_summary(probabilities)


def medians(runs: list[dict[str, float]]) -> dict[str, float]:
    """Return the median seconds of every stage and of the whole."""
    found = {stage: statistics.median(run[stage] for run in runs) for stage in runs[0]}
    return found | {"**in all**": statistics.median(sum(run.values()) for run in runs)}


def main() -> None:
    """Print the table and a line on the hardware."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="fashion-mnist")
    parser.add_argument("--data-dir", type=Path, default=None)
    parser.add_argument("--num", type=int, default=evaluate.NUM_GEN, help="images of the set")
    parser.add_argument("--memory", type=int, default=evaluate.NUM_MEMORY, help="images behind memorisation")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    num_threads, _ = device.choose_threads(None)
    device.use_threads(num_threads)
    given: Any = {"data_dir": args.data_dir} if args.data_dir else {}
    dataset = opening.open_data(args.data, given, opening.Caller(console.say, console.show))
    network, img = features_for(dataset), stand_ins(dataset, args.num)
    network.extract(img[:250])  # the first call is slower
    first, again = [], []
    for _ in range(args.repeats):
        with tempfile.TemporaryDirectory() as folder:
            os.environ["GANATOMY_HOME"] = folder
            first.append(measure_once(dataset, network, img, args.memory))
            again.append(measure_once(dataset, network, img, args.memory))
    cold, warm = medians(first), medians(again)
    print("| stage | first (s) | again (s) |\n|---|---|---|")
    for stage in cold:
        print(f"| {stage} | {cold[stage]:.2f} | {warm[stage]:.2f} |")
    print(
        f"\n{args.num:,} images against {len(dataset.test):,} test images of {dataset.name} in {network.name}; "
        f"memorisation of {args.memory:,} against {len(dataset.train):,} training images; medians of {args.repeats}.\n"
        f"{device.cpu_name()}, {torch.backends.cpu.get_cpu_capability()}, {num_threads} threads, Python "
        f"{platform.python_version()}, torch {torch.__version__}, NumPy {np.__version__}."
    )


if __name__ == "__main__":
    main()
