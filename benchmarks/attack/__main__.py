"""`python -m benchmarks.attack`: run a part of the attack, print its table and every failure."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from . import __doc__ as about
from . import seclude
from .outcome import Attempt, distinct, table

NUM = {"damaged": 500, "words": 500, "kills": 60, "full": 60, "stranger": 60, "inputs": 2000, "fuzz": 10_000}
"""Attempts per part."""


def attempts_of(part: str) -> Callable[..., Iterable[Attempt]]:
    """Return what makes the attempts of a part: (world, seed, numbers) -> attempts."""
    made: Callable[..., Iterable[Attempt]] = importlib.import_module(f".{part}", __package__).attempts
    return made


def main() -> int:
    """Run what was asked for; return 1 where anything failed."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=[*NUM, "all"])
    parser.add_argument("--num", type=int, help="attempts; unset: " + ", ".join(f"{k} {v}" for k, v in NUM.items()))
    parser.add_argument("--first", type=int, default=0, help="number of the first attempt")
    parser.add_argument("--only", type=int, nargs="+", help="numbers of single attempts, to repeat them")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="file for the counts and every failure")
    parser.add_argument("--root", type=Path, help="folder of the world, kept and used again; unset: a temporary one")
    parser.add_argument("--verbose", action="store_true", help="print every attempt")
    given = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    seclude.seclude()
    seclude.open_interpreter()
    from .world import make_world

    with tempfile.TemporaryDirectory(prefix="ganatomy-attack-", ignore_cleanup_errors=True) as temporary:
        os.chmod(temporary, 0o755)
        world = make_world(given.root or Path(temporary) / "world")
        names = list(NUM) if given.part == "all" else [given.part]
        report = {name: run_part(name, world, given) for name in names}
    if given.json:
        given.json.write_text(json.dumps(report, ensure_ascii=True, indent=1) + "\n", encoding="utf-8")
    return int(any(entry["failed"] for entry in report.values()))


def run_part(name: str, world: Any, given: argparse.Namespace) -> dict[str, Any]:
    """Run one part, print its result and return its record."""
    numbers = given.only or range(given.first, given.first + (given.num or NUM[name]))
    start = time.monotonic()
    done: list[Attempt] = []
    for attempt in attempts_of(name)(world, given.seed, numbers):
        done.append(attempt)
        if attempt.faults or given.verbose:
            seconds = attempt.ending.seconds if attempt.ending else 0.0
            print(
                f"{name} {attempt.number}: {attempt.told}: {attempt.result} {attempt.faults} {seconds:.1f} s",
                flush=True,
            )
    seconds = time.monotonic() - start
    print(f"\n{name}: {len(done)} attempts, seed {given.seed}, {seconds:.0f} s, {versions()}\n\n{table(done)}\n")
    for kind, num, example in distinct(done):
        print(f"{num} x {kind}\n    e.g. --only {example.number}: {example.told}; ganatomy {' '.join(example.words)!a}")
    failed = [attempt.to_dict() for attempt in done if attempt.faults]
    notes: dict[str, int] = {}
    for attempt in done:
        for note in attempt.notes:
            notes[note] = notes.get(note, 0) + 1
    return {
        "seed": given.seed, "num": len(done), "seconds": round(seconds), "versions": versions(),
        "failed": len(failed), "notes": notes, "failures": failed, "table": table(done),
    }  # fmt: skip


def versions() -> str:
    """Return what it ran on."""
    import torch

    return f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, torch {torch.__version__}"


if __name__ == "__main__":
    sys.exit(main())
