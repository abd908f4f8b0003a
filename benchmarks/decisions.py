"""How often `compare` decides although there is nothing to decide: groups split at random from one setting's trainings.

    python -m benchmarks.decisions --records runs/health --out docs/decisions.md

Reads `dcgan-healthy-s<seed>.json` (made by benchmarks.health) of seeds 0 to 19 and 100 to 103: `fd`, the Frechet
distance of one training. Draws 1,000 splits of 3 against 3 of them (fixed seed), compares each as `ganatomy compare`
does, and writes the share decided at 5 % with its Wilson interval, for Welch's test and for the permutation test; other
sizes below.

    python -m benchmarks.decisions --drawn --out docs/decisions-drawn.md

Needs no records: draws trainings from one normal distribution (logarithms of distances). Several equal groups at once,
compared in pairs: how often any pair is decided, alone and with the correction. And groups of different sizes whose
spreads differ.
"""

from __future__ import annotations

import argparse
import itertools
import math
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy import stats

from ganatomy import files, rng
from ganatomy.metrics.comparison import GUARDED, LEVEL, compare_scores, holm, welch, wilson

SEEDS = (*range(20), *range(100, 104))
NUM_SPLITS = 1000
SIZES = (3, 2, 4, 5)
"""Trainings on a side; the first is the one asked for."""
NUM_REPEATS = 2000
SD = 0.1
"""Standard deviation of the logarithms of drawn distances."""
GROUPS = ((2, 3), (3, 3), (6, 3), (6, 5), (10, 3))
"""Equal groups that are drawn together: how many, and of how many trainings."""
UNEQUAL = ((2, 3), (2, 5), (3, 5), (3, 10), (4, 8))
RATIOS = (0.2, 0.33, 1.0)


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


def any_decided(num_groups: int, size: int, num_repeats: int = NUM_REPEATS) -> tuple[int, int]:
    """Return in how many draws of equal groups any pair is decided: each pair alone, and all of them together.

    Welch's p by SciPy, all draws at once; ours is the same to 1e-9 by its tests.
    """
    draw = rng.generator(0, f"decisions-groups-{num_groups}-{size}")
    logs = SD * draw.standard_normal((num_groups, num_repeats, size))
    pairs = list(itertools.combinations(logs, 2))
    p = np.stack([stats.ttest_ind(a, b, axis=1, equal_var=False).pvalue for a, b in pairs], axis=1)
    together = sum(min(holm(row)) < LEVEL for row in p.tolist())
    return int((p.min(axis=1) < LEVEL).sum()), together


def decided_unequal(sizes: tuple[int, int], ratio: float, num_repeats: int = NUM_REPEATS) -> tuple[int, int]:
    """Return how many draws of two groups with equal means, the second's spread `ratio` times the first's, are decided.

    By Welch's test as it is, and by what `compare` does.
    """
    draw = rng.generator(0, f"decisions-sizes-{sizes}-{ratio}")
    plain = guarded = 0
    for _ in range(num_repeats):
        a, b = SD * draw.standard_normal(sizes[0]), SD * ratio * draw.standard_normal(sizes[1])
        plain += welch(a, b)["p"] < LEVEL
        found = compare_scores(np.exp(a).tolist(), np.exp(b).tolist(), better="lower", is_distance=True)
        guarded += found["verdict"] != "not decided"
    return plain, guarded


def drawn_page(command: str, num_repeats: int = NUM_REPEATS) -> str:
    """Return what drawn trainings say as Markdown."""

    def told(counts: tuple[int, int]) -> str:
        return " | ".join(share(num, num_repeats) for num in counts)

    groups = [
        f"| {num} | {size} | {num * (num - 1) // 2} | {told(any_decided(num, size, num_repeats))} |"
        for num, size in GROUPS
    ]
    sizes = [
        f"| {n} against {m} | {ratio:g} | {told(decided_unequal((n, m), ratio, num_repeats))} |"
        for n, m in UNEQUAL
        for ratio in RATIOS
    ]
    return "\n".join(
        [
            "# False decisions of `compare`, by drawing",
            "",
            f"Command: `{command}`. Python {platform.python_version()}, numpy {np.__version__}. {num_repeats:,} draws "
            "a row, with 95 % Wilson intervals. No two groups differ in their means, so every decision is a false one.",
            "",
            "## Several groups: any pair decided",
            "",
            "| groups | trainings of each | pairs | each pair alone | together (Holm) |",
            "|---|---|---|---|---|",
            *groups,
            "",
            "## Two groups of different sizes and spreads",
            "",
            "The spread is that of the second group over that of the first. `compare` counts the degrees of freedom of "
            f"the smaller group where the sizes differ and the smaller has fewer than {GUARDED} trainings.",
            "",
            "| trainings | spread | Welch's test | `compare` |",
            "|---|---|---|---|",
            *sizes,
            "",
        ]
    )


def main() -> None:
    """Read the records or draw, print the page and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=Path, default=Path("runs/health"))
    parser.add_argument("--out", type=Path, default=None, help="Markdown file to write")
    parser.add_argument("--drawn", action="store_true", help="draw trainings instead of reading records")
    args = parser.parse_args()
    if args.drawn:
        given = f" --out {args.out}" if args.out else ""
        _write(drawn_page(f"python -m benchmarks.decisions --drawn{given}"), args.out)
        return
    found = read_distances(args.records)
    if len(found) < 2 * max(SIZES):
        parser.error(f"{args.records} holds {len(found)} of the {len(SEEDS)} records; {2 * max(SIZES)} are needed.")
    out = f" --out {args.out}" if args.out else ""
    _write(page(found, f"python -m benchmarks.decisions --records {args.records}{out}"), args.out)


def _write(text: str, out: Path | None) -> None:
    print(text)
    if out:
        files.write_text(out, text)
        print(f"written: {out}", file=sys.stderr)


if __name__ == "__main__":
    main()
