"""Recorded runs behind the health rules: record them, set the thresholds, test them on others.

`record` trains healthy runs and runs with planted faults (about a minute each on one core) and keeps what the rules
need of each in a small JSON file; `pack` and `unpack` turn the folder of these into benchmarks/recorded/health.jsonl.gz
and back. `thresholds` sets the thresholds from the healthy dcgan runs of seeds 0 to 19 and writes
src/ganatomy/metrics/health_thresholds.json. `report` prints the tables of docs/health.md: false alarms on the healthy
runs of seeds 100 to 119, and what the rules say of every planted fault.

    python -m benchmarks.health record --kinds healthy --seeds 0 1 2 --data-dir DIR
    python -m benchmarks.health record --kinds faults --seeds 100 101 --data-dir DIR
    python -m benchmarks.health thresholds
    python -m benchmarks.health report
"""

from __future__ import annotations

import argparse
import functools
import gzip
import json
import math
import statistics
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.faults import FAULTS, NAMED_WITHIN, Beginning, Fault, record_beginning, record_run
from ganatomy import console, files
from ganatomy.datasets import opening
from ganatomy.datasets.store import Dataset
from ganatomy.metrics import health
from ganatomy.metrics.comparison import wilson
from ganatomy.metrics.watch import NAMES

PACKED = Path(__file__).parent / "recorded" / "health.jsonl.gz"
MADE_FROM, TESTED_ON = range(20), range(100, 120)
FAULTS_TESTED_ON = (100, 101)
MARGIN_SDS = 3.0
"""A threshold lies so many standard deviations over runs beyond the most extreme of the runs it is made from."""


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["record", "pack", "unpack", "thresholds", "report"])
    parser.add_argument("--kinds", nargs="+", default=["healthy"], help="healthy, faults, or names of faults")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--preset", default="dcgan")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--runs", type=Path, default=Path("runs/health"), help="folder of the records")
    args = parser.parse_args()
    if args.what == "record":
        kinds = list(FAULTS) if args.kinds == ["faults"] else args.kinds
        record([(args.preset, kind, seed) for seed in args.seeds for kind in kinds], args.runs, args.data_dir)
    elif args.what == "pack":
        pack(args.runs)
    elif args.what == "unpack":
        for run in recorded():
            files.make_folder(args.runs)
            files.write_json(args.runs / f"{run['preset']}-{run['kind']}-s{run['seed']}.json", run)
    elif args.what == "thresholds":
        files.write_json(health.THRESHOLDS, thresholds(recorded()))
    else:
        print("\n\n".join(part(recorded()) for part in (threshold_table, false_alarms, fault_table, mlp_lines)))


def record(jobs: Iterable[tuple[str, str, int]], folder: Path, data_dir: Path | None) -> None:
    """Train and record the runs that are missing, on one thread each."""
    torch.set_num_threads(1)
    given: Any = {"data_dir": data_dir} if data_dir else {}
    dataset = opening.open_data("fashion-mnist", given, opening.Caller(console.say, console.show))
    files.make_folder(folder)
    for preset, kind, seed in jobs:
        path = folder / f"{preset}-{kind}-s{seed}.json"
        if path.exists():
            continue
        with tempfile.TemporaryDirectory(dir=folder) as work:
            fault = FAULTS.get(kind)
            begun = None
            if fault is not None and fault.data is None:
                begun = beginning(preset, seed, dataset)
            run = record_run(preset, seed, fault, dataset, Path(work) / "run", begun)
        files.write_json(path, {"kind": kind, **run})
        console.say(f"recorded: {path}")


@functools.lru_cache(maxsize=1)
def beginning(preset: str, seed: int, dataset: Dataset) -> Beginning:
    """Return the healthy run that faults begin in, trained once per preset and seed."""
    return record_beginning(preset, seed, dataset, Path(tempfile.mkdtemp()) / "run")


def pack(folder: Path) -> None:
    """Write all records of a folder into the packed file; the same records give the same bytes."""
    lines = [json.dumps(files.read_json(path), separators=(",", ":")) for path in sorted(folder.glob("*.json"))]
    PACKED.parent.mkdir(exist_ok=True)
    files.write_bytes(PACKED, gzip.compress("\n".join(lines).encode(), mtime=0))


def recorded() -> list[dict[str, Any]]:
    """Return all packed records."""
    return [json.loads(line) for line in gzip.decompress(PACKED.read_bytes()).decode().splitlines()]


def as_record(run: dict[str, Any]) -> health.Record:
    """Return a recorded run as the rules see it."""
    return health.Record(run["stats"], run["panel"], run["total_nimg"], True, run["diverged_nimg"])


def healthy(runs: list[dict[str, Any]], seeds: Iterable[int], preset: str = "dcgan") -> list[dict[str, Any]]:
    """Return the healthy runs of some seeds."""
    wanted = set(seeds)
    return [run for run in runs if run["kind"] == "healthy" and run["preset"] == preset and run["seed"] in wanted]


def most_extreme(run: dict[str, Any], signal: health.Signal) -> float:
    """Return the value of a signal that came nearest to firing, after the images that are not judged."""
    nimg, values = signal.track(as_record(run))
    judged = values[(nimg >= signal.grace_nimg) & np.isfinite(values)]
    return float(judged.min() if signal.side == "<" else judged.max())


def thresholds(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the thresholds with what they were made from. Amounts are taken as logarithms."""
    made_from = healthy(runs, MADE_FROM)
    table = {}
    for signal in health.SIGNALS:
        found = [most_extreme(run, signal) for run in made_from]
        into, back = (math.log, math.exp) if signal.is_amount else (float, float)
        scaled = [into(value) for value in found]
        extreme = min(found) if signal.side == "<" else max(found)
        room = math.log(signal.room) if signal.is_amount else (signal.room - 1) * abs(extreme)
        margin = max(MARGIN_SDS * statistics.stdev(scaled), room)
        limit = min(scaled) - margin if signal.side == "<" else max(scaled) + margin
        table[signal.id] = {"threshold": float(f"{back(limit):.3g}"), "most_extreme": extreme, "num_runs": len(found)}
    return {
        "preset": "dcgan",
        "seeds": sorted(run["seed"] for run in made_from),
        "margin_sds": MARGIN_SDS,
        "signals": table,
    }


def named(run: dict[str, Any], fault: Fault) -> tuple[str, float] | None:
    """Return the acceptable verdict that fired first after the fault began, and after which share of the run."""
    fired = [
        ((nimg - run["begin_nimg"]) / run["total_nimg"], verdict)
        for verdict, nimg in first_fired(run, run["begin_nimg"]).items()
        if verdict in fault.accept
    ]
    return (min(fired)[1], min(fired)[0]) if fired else None


def first_fired(run: dict[str, Any], after_nimg: int = 0) -> dict[str, int]:
    """Return where every verdict fired first after an image count."""
    found: dict[str, int] = {}
    if run["diverged_nimg"] is not None:
        found["divergence"] = run["diverged_nimg"]
    for signal in health.SIGNALS:
        nimg, _, beyond = health.crossings(signal, as_record(run))
        fired = nimg[beyond & (nimg > after_nimg)]
        if len(fired):
            found[signal.verdict] = min(int(fired[0]), found.get(signal.verdict, int(fired[0])))
    return found


def threshold_table(runs: list[dict[str, Any]]) -> str:
    """Return the rules with their thresholds and the most extreme healthy run as a Markdown table."""
    del runs
    table = files.read_json(health.THRESHOLDS)["signals"]
    rows = ["| verdict | number | fires | most extreme of 20 healthy runs | judged from |", "|---|---|---|---|---|"]
    for signal in health.SIGNALS:
        side = "below" if signal.side == "<" else "above"
        entry = table[signal.id]
        rows.append(
            f"| {NAMES[signal.verdict]} | {signal.says} | {side} {entry['threshold']:g} "
            f"| {entry['most_extreme']:.3g} | {signal.grace_nimg:,} images |"
        )
    return "\n".join(rows)


def false_alarms(runs: list[dict[str, Any]]) -> str:
    """Return which healthy runs of the test seeds any rule fired on, with the Wilson interval of their share."""
    tested = healthy(runs, TESTED_ON)
    alarms = {run["seed"]: first_fired(run) for run in tested if first_fired(run)}
    low, high = wilson(len(alarms), len(tested))
    told = "; ".join(f"seed {seed}: {_told(found)}" for seed, found in alarms.items()) or "none"
    return (
        f"False alarms: {len(alarms)} of {len(tested)} healthy dcgan runs (95 % Wilson interval {low:.1%} to "
        f"{high:.1%}): {told}."
    )


def fault_table(runs: list[dict[str, Any]]) -> str:
    """Return what the rules say of every planted fault, one column per seed, as a Markdown table."""
    head = " | ".join(f"seed {seed}" for seed in FAULTS_TESTED_ON)
    rows = [f"| fault | accepted | {head} |", "|---|---|" + "---|" * len(FAULTS_TESTED_ON)]
    num_named = num_runs = 0
    for kind, fault in FAULTS.items():
        cells = []
        for seed in FAULTS_TESTED_ON:
            run = next(run for run in runs if run["kind"] == kind and run["seed"] == seed)
            found = named(run, fault)
            in_time = found is not None and found[1] <= NAMED_WITHIN
            num_named, num_runs = num_named + in_time, num_runs + 1
            first = f"{NAMES[found[0]]} after {found[1]:.0%}" if found else f"**none** ({_told(first_fired(run))})"
            cells.append(first if in_time or not found else f"**late**: {first}")
        accepted = ", ".join(NAMES[name] for name in fault.accept)
        rows.append(f"| {fault.says} | {accepted} | {' | '.join(cells)} |")
    low, high = wilson(num_named, num_runs)
    total = f"Named in time: {num_named} of {num_runs} runs (95 % Wilson interval {low:.1%} to {high:.1%})."
    return "\n".join([*rows, "", total])


def mlp_lines(runs: list[dict[str, Any]]) -> str:
    """Return what the rules say of the recorded runs of the MLP GAN."""
    found = [run for run in runs if run["preset"] == "gan"]
    told = "; ".join(f"seed {run['seed']}: {_told(first_fired(run))}" for run in found)
    return f"The MLP GAN, {len(found)} runs of {found[0]['total_nimg']:,} images: {told}."


def _told(found: dict[str, int]) -> str:
    return ", ".join(f"{NAMES[name]} at {nimg:,}" for name, nimg in found.items()) or "nothing fired"


if __name__ == "__main__":
    main()
