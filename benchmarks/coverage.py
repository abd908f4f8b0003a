"""How often the claims' 95 % intervals hold the truth: planted trainings, measured and decided by the lab's own code.

    python -m benchmarks.coverage --out docs/coverage.md

A training's latent number d has the statistic mu_d = shift + sd u + e_d: u ~ N(0, 1) is the training's own, e_d ~ N(0,
1) its numbers'. A number passes where mu_d is above 0, so `shift` says how large the shares are and `sd` how far
trainings differ: sd 0.1 moves a share of 50 % by 4 points (one standard deviation), 0.4 by 15. What is measured is mu_d
plus noise over 256 latents, half of whose variance all numbers have in common, as they see the same latents; its
standard error is 0.044 of the spread of the numbers unless said otherwise.

One training: the truth is the share of its own numbers that pass. Several: the recipe's share, Phi(shift / sqrt(1 +
sd^2)). Every row has its Wilson interval; 2,000 repeats tell 95 % from 93.9 and 96.0.
"""

from __future__ import annotations

import argparse
import math
import platform
import statistics
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ganatomy import files, rng
from ganatomy.laboratory.hierarchy import Estimate, share_of_numbers
from ganatomy.metrics.comparison import wilson

NUM_DIMS, NUM_LATENTS, NUM_REPEATS = 100, 256, 2000
SD_TRAININGS = (0.0, 0.1, 0.4)
NUM_TRAININGS = (2, 3, 5)
SHIFTS = (0.0, 1.0, 2.0)
"""Shares of 50, 84 and 98 % where trainings do not differ."""
ERRORS = (0.02, 0.044, 0.1, 0.2)
"""Standard errors of a number's statistic, in standard deviations over the numbers."""
NORMAL = statistics.NormalDist()
COMMON = 0.5
"""Share of the noise's variance that all numbers have in common."""


@dataclass(frozen=True)
class Cell:
    """One setting: how trainings are planted, and how many there are."""

    num_trainings: int
    shift: float = 0.0
    sd: float = 0.0
    error: float = 0.044
    is_beta: bool = False
    """Whether the trainings' shares are beta-distributed with this mean (as `shift`) and standard deviation."""

    def recipe(self) -> float:
        """Return the share of numbers that pass over all trainings of the recipe."""
        return self.shift if self.is_beta else NORMAL.cdf(self.shift / math.sqrt(1 + self.sd**2))

    def centre(self, draw: np.random.Generator) -> float:
        """Return the mean of a training's numbers."""
        if not self.is_beta:
            return self.shift + self.sd * float(draw.standard_normal())
        size = self.shift * (1 - self.shift) / self.sd**2 - 1
        return NORMAL.inv_cdf(min(1 - 1e-9, max(1e-9, float(draw.beta(self.shift * size, (1 - self.shift) * size)))))


def passed(measured: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return 1.0 for every number whose weighted mean [R, D] of measured values [N, D] is above 0."""
    return (weights @ measured > 0).astype(np.float64)


def repeat(cell: Cell, index: int) -> tuple[Estimate, float]:
    """Plant and measure trainings once; return the estimate and what is true of it."""
    draw = rng.generator(0, f"coverage-{cell}", index)
    trainings, truths = [], []
    scale = cell.error * math.sqrt(NUM_LATENTS)
    for _ in range(cell.num_trainings):
        numbers = cell.centre(draw) + draw.standard_normal(NUM_DIMS)
        own = draw.standard_normal((NUM_LATENTS, NUM_DIMS))
        shared = draw.standard_normal((NUM_LATENTS, 1))
        noise = scale * (math.sqrt(1 - COMMON) * own + math.sqrt(COMMON) * shared)
        trainings.append(partial(passed, numbers + noise))
        truths.append(float((numbers > 0).mean()))
    found = share_of_numbers(trainings, [NUM_LATENTS] * cell.num_trainings, index, "coverage")
    return found, truths[0] if cell.num_trainings == 1 else cell.recipe()


def coverage(cell: Cell, num_repeats: int = NUM_REPEATS) -> tuple[int, float]:
    """Return in how many repeats the interval holds the truth, and the intervals' mean width."""
    found = [repeat(cell, index) for index in range(num_repeats)]
    hits = sum(each.lo - 1e-9 <= truth <= each.hi + 1e-9 for each, truth in found)
    return hits, float(np.mean([each.hi - each.lo for each, _ in found]))


def row(cell: Cell, first: str, num_repeats: int) -> str:
    """Return a line of a table."""
    hits, width = coverage(cell, num_repeats)
    low, high = wilson(hits, num_repeats)
    line = f"| {first} | {hits / num_repeats:.1%} | {low:.1%} to {high:.1%} | {width:.3f} |"
    print(line, file=sys.stderr, flush=True)
    return line


def page(num_repeats: int, command: str) -> str:
    """Return the result as Markdown."""
    head = ["covers | its 95 % interval | mean width |", "---|---|---|"]
    one = [
        row(Cell(1, shift, error=error), f"{Cell(1, shift).recipe():.0%} | {error:g}", num_repeats)
        for shift in SHIFTS
        for error in ERRORS
    ]
    several = [
        row(Cell(num, shift, sd), f"{Cell(num, shift, sd).recipe():.0%} | {sd:g} | {num}", num_repeats)
        for shift in SHIFTS
        for sd in SD_TRAININGS
        for num in NUM_TRAININGS
    ]
    ends = [
        row(Cell(num, 0.5, sd, is_beta=True), f"50% | {sd:g} | {num}", num_repeats)
        for sd in SD_TRAININGS[1:]
        for num in NUM_TRAININGS
    ]
    versions = f"Python {platform.python_version()}, numpy {np.__version__}"
    return "\n".join(
        [
            "# Do the claims' intervals cover?",
            "",
            f"Command: `{command}`. {versions}. {num_repeats:,} repeats a row, {NUM_DIMS} latent numbers, "
            f"{NUM_LATENTS} latents, intervals of 95 %. How trainings are planted stands in `benchmarks/coverage.py`.",
            "",
            "## One training: the share of its own numbers",
            "",
            "| share | error of a number | " + head[0],
            "|---|---|" + head[1],
            *one,
            "",
            "## Several trainings: the recipe's share",
            "",
            "| share | sd between trainings | trainings | " + head[0],
            "|---|---|---|" + head[1],
            *several,
            "",
            "Two trainings cover more than 95 % where they hardly differ: shares move in whole steps, so they are "
            "often alike, and Wilson's interval, which then stands in for t, is wider than it must be. Near 100 % with "
            "trainings that differ much, shares are skewed and three or five cover less.",
            "",
            "## Several trainings whose shares themselves have this standard deviation (beta)",
            "",
            "At 0.4 nearly all trainings land at either end, near 0 or near 1.",
            "",
            "| share | sd of the shares | trainings | " + head[0],
            "|---|---|---|" + head[1],
            *ends,
            "",
        ]
    )


def main() -> None:
    """Simulate, print the page and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num-repeats", type=int, default=NUM_REPEATS)
    parser.add_argument("--out", type=Path, default=None, help="Markdown file to write")
    args = parser.parse_args()
    given = f" --num-repeats {args.num_repeats}" if args.num_repeats != NUM_REPEATS else ""
    out = f" --out {args.out}" if args.out else ""
    text = page(args.num_repeats, f"python -m benchmarks.coverage{given}{out}")
    print(text)
    if args.out:
        files.write_text(args.out, text)
        print(f"written: {args.out}", file=sys.stderr)


if __name__ == "__main__":
    main()
