"""How often `compare` decides although there is nothing to decide: groups split at random from one setting's trainings.

    python -m benchmarks.decisions --records runs/health --out docs/decisions.md

Reads `dcgan-healthy-s<seed>.json` (made by benchmarks.health) of seeds 0 to 19 and 100 to 103: `fd`, the Frechet
distance of one training. Draws 1,000 splits of 3 against 3 of them (fixed seed), compares each as `ganatomy compare`
does, and writes the share decided at 5 % with its Wilson interval, for Welch's test and for the permutation test; other
sizes below.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ganatomy import files, rng
from ganatomy.metrics.comparison import LEVEL, compare_scores, wilson

SEEDS = (*range(20), *range(100, 104))
NUM_SPLITS = 1000
SIZES = (3, 2, 4, 5)
"""Trainings on a side; the first is the one asked for."""


def read_distances(folder: Path) -> dict[int, float]:
    """Return the distance of every training that was recorded, by seed."""
    paths = {seed: folder / f"dcgan-healthy-s{seed}.json" for seed in SEEDS}
    return {seed: float(files.read_json(path)["fd"]) for seed, path in paths.items() if path.exists()}


def decisions(values: Sequence[float], size: int, num_splits: int = NUM_SPLITS) -> tuple[int, int, float]:
    """Return how many of random splits are decided: by Welch, by the permutation test; and its smallest possible p.

    Each split draws two groups of `size` trainings that share none.
    """
    draw = rng.generator(0, f"decisions-{size}")
    by_welch = by_permutation = 0
    smallest = math.nan
    for _ in range(num_splits):
        chosen = np.asarray(values)[draw.permutation(len(values))[: 2 * size]]
        found = compare_scores(chosen[:size].tolist(), chosen[size:].tolist(), better="lower", is_distance=True)
        by_welch += found["verdict"] != "not decided"
        by_permutation += found["permutation"]["p"] <= LEVEL
        smallest = found["permutation"]["smallest"]
    return by_welch, by_permutation, smallest


def share(num: int, num_splits: int = NUM_SPLITS) -> str:
    """Return a share with its Wilson interval."""
    low, high = wilson(num, num_splits)
    return f"{num / num_splits:.1%} ({low:.1%} to {high:.1%})"


def page(found: dict[int, float], command: str) -> str:
    """Return the result as Markdown."""
    values = list(found.values())
    log = np.log(values)
    rows = ["| trainings | Welch's test | permutation test | its smallest p |", "|---|---|---|---|"]
    for size in SIZES:
        by_welch, by_permutation, smallest = decisions(values, size)
        rows.append(f"| {size} against {size} | {share(by_welch)} | {share(by_permutation)} | {smallest:.3g} |")
    missing = [seed for seed in SEEDS if seed not in found]
    absent = f" Not recorded, so left out: seeds {', '.join(map(str, missing))}." if missing else ""
    return "\n".join(
        [
            "# False decisions of `compare`",
            "",
            f"Command: `{command}`.",
            "",
            f"{len(found)} of {len(SEEDS)} trainings of one setting (dcgan-healthy), which differ in their seeds only."
            f"{absent} Their Frechet distances have the geometric mean {math.exp(log.mean()):.3f}, the extremes "
            f"{min(values):.3f} and {max(values):.3f}, and logarithms with a standard deviation of "
            f"{log.std(ddof=1):.3f}. Every group is drawn from the same trainings, so every decision is a false one.",
            "",
            f"Share of {NUM_SPLITS:,} random splits decided at {LEVEL:.0%}, two-sided, with its 95 % Wilson interval:",
            "",
            *rows,
            "",
            f"Splits of the same {len(found)} trainings share trainings, so they are not independent: the intervals "
            "hold for the share among all splits of these trainings, and are too narrow for trainings not yet made. "
            "The permutation test decides where p <= 0.05; with 2 or 3 on a side it never can.",
            "",
        ]
    )


def main() -> None:
    """Read the records, print the page and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=Path, default=Path("runs/health"))
    parser.add_argument("--out", type=Path, default=None, help="Markdown file to write")
    args = parser.parse_args()
    found = read_distances(args.records)
    if len(found) < 2 * max(SIZES):
        parser.error(f"{args.records} holds {len(found)} of the {len(SEEDS)} records; {2 * max(SIZES)} are needed.")
    out = f" --out {args.out}" if args.out else ""
    text = page(found, f"python -m benchmarks.decisions --records {args.records}{out}")
    print(text)
    if args.out:
        files.write_text(args.out, text)
        print(f"written: {args.out}", file=sys.stderr)


if __name__ == "__main__":
    main()
