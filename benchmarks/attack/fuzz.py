"""Inputs with single bytes changed, thousands a minute: tests/datasets/fuzz.py in processes with bounded memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from .outcome import Attempt, Ending
from .world import World, clear

SCRIPT = Path(__file__).resolve().parents[2] / "tests" / "datasets" / "fuzz.py"
APART = 100_000
"""Cases that a seed has for itself."""
CHUNK = 500


def attempts(there: World, seed: int, numbers: Iterable[int]) -> Iterator[Attempt]:
    """Run the cases of these numbers; an attempt's verb is the family of its file."""
    waiting = list(numbers)
    while waiting:
        first, num = waiting[0], 1
        while num < min(CHUNK, len(waiting)) and waiting[num] == first + num:
            num += 1
        waiting = waiting[num:]
        yield from _chunk(there, seed * APART + first, num)


def _chunk(there: World, first: int, num: int) -> Iterator[Attempt]:
    clear(there.root / "fuzz")
    words = [sys.executable, "-W", "error", str(SCRIPT), str(first), str(num), str(there.root / "fuzz"), "--each"]
    done = subprocess.run(words, capture_output=True, encoding="utf-8", timeout=600, check=False)
    if done.returncode != 0:
        current = (there.root / "fuzz" / "current").read_text(encoding="ascii")
        attempt = Attempt("fuzz", int(current), "?", "the process ended", words)
        attempt.ending = Ending(done.returncode, done.stdout, done.stderr, done.stderr)
        attempt.faults = [f"crashed: exit {done.returncode}: {done.stderr[-300:]!r}"]
        yield attempt
        return
    for number, family, name, result in json.loads(done.stdout)["each"]:
        attempt = Attempt("fuzz", number, family, name, [str(SCRIPT), str(number), "1", "FOLDER"])
        attempt.ending = Ending(2 if result == "refused" else 0, "", "")
        if result not in ("read", "refused"):
            attempt.faults.append(result)
        yield attempt
