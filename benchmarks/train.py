"""Training speed beside the yardstick: how many images a second `ganatomy train` and a tutorial's loop see.

    python -m benchmarks.train --data-dir DIR [--presets gan dcgan] [--batches 64] [--num-pairs 5] [--json]

`reference_loop.py` is the tutorial's loop, unchanged. Ours is the whole command with its default logging, average,
pictures, snapshots, checkpoints and health looks. Both are processes of their own and run in alternating pairs, so that
both meet the same machine; the ratio is the median over the pairs. The first steps of either do not count. The share of
the ceiling is the step's arithmetic (counted by torch's FlopCounterMode) at our rate, over the rate of large matrix
products measured in the same run.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from ganatomy import config as configuration
from ganatomy import device, files, presets
from ganatomy.training.state import TrainState
from ganatomy.training.step import train_step

YARDSTICK = Path(__file__).parent / "reference_loop.py"
NUM_STEPS = {"gan": (3000, 12_000), "gan-adam": (3000, 12_000), "dcgan": (200, 900)}
"""Steps of one measurement at batch 64, of the tutorial's loop (whose speed is steady) and of our whole run."""
WARMUP_STEPS = 10


def main() -> None:
    """Measure what was asked for and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True, help="folder that holds fashion-mnist/")
    parser.add_argument("--presets", nargs="+", default=["gan", "dcgan"], choices=sorted(NUM_STEPS))
    parser.add_argument("--batches", type=int, nargs="+", default=[64])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--num-pairs", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    args = parser.parse_args()
    name, _ = device.choose_device(args.device)
    ceilings = {
        str(dtype).removeprefix("torch."): matrix_rate(name, dtype) for dtype in (torch.float32, torch.bfloat16)
    }
    rows = []
    for preset in args.presets:
        for batch_size in args.batches:
            rows.append(measure(preset, batch_size, str(name), args.data_dir, args.num_pairs, ceilings))
            print(line(rows[-1]), file=sys.stderr, flush=True)
    if args.json:
        print(json.dumps({"environment": device.environment(), "gflop_per_sec": ceilings, "rows": rows}, indent=1))
    else:
        print(table(rows, ceilings))


def measure(
    preset: str, batch_size: int, device_name: str, data_dir: Path, num_pairs: int, ceilings: dict[str, float]
) -> dict[str, Any]:
    """Return the rates of both loops over alternating pairs, their ratio, and the share of the ceilings."""
    pairs = []
    for _ in range(num_pairs):
        theirs = reference_rate(preset, batch_size, device_name, data_dir)
        ours, memory = our_rate(preset, batch_size, device_name, data_dir)
        pairs.append((theirs, ours, memory))
    flop = flop_per_image(preset, batch_size)
    rate = statistics.median(ours for _, ours, _ in pairs)
    return {
        "preset": preset,
        "batch_size": batch_size,
        "device": device_name,
        "reference_img_per_sec": statistics.median(theirs for theirs, _, _ in pairs),
        "img_per_sec": rate,
        "ratio": statistics.median(ours / theirs for theirs, ours, _ in pairs),
        "ratios": [ours / theirs for theirs, ours, _ in pairs],
        "gflop_per_image": flop / 1e9,
        "share_of_ceiling": {name: rate * flop / 1e9 / ceiling for name, ceiling in ceilings.items()},
        "peak_mem_gb": max(memory for _, _, memory in pairs),
    }


def num_steps(preset: str, which: int, batch_size: int) -> int:
    """Return the steps of one measurement: about the same images at every batch size."""
    return max(50, NUM_STEPS[preset][which] * 64 // batch_size)


def reference_rate(preset: str, batch_size: int, device_name: str, data_dir: Path) -> float:
    """Return the images per second that the tutorial's loop prints of itself."""
    words = ["dcgan" if preset == "dcgan" else "gan", "--data", str(data_dir / "fashion-mnist")]
    steps = ["--num-steps", str(num_steps(preset, 0, batch_size)), "--warmup", str(WARMUP_STEPS)]
    sizes = ["--batch-size", str(batch_size), *steps]
    told = _run([str(YARDSTICK), *words, *sizes, "--device", device_name])
    found = re.search(r"(\d+) img/s", told)
    assert found, told
    return float(found[1])


def our_rate(preset: str, batch_size: int, device_name: str, data_dir: Path) -> tuple[float, float]:
    """Return images per second of `ganatomy train` from its warm-up to its last file, and its peak memory in GB."""
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work) / "run"
        words = ["-m", "ganatomy", "train", preset, "--data", "fashion-mnist", "--data-dir", str(data_dir)]
        sizes = ["--batch-size", str(batch_size), "--total-nimg", str(num_steps(preset, 1, batch_size) * batch_size)]
        _run([*words, *sizes, "--device", device_name, "--out", str(folder)])
        lines = list(files.read_jsonl(folder / "stats.jsonl"))
        # The last line is written before the last pictures, snapshot and checkpoint: they count too.
        after = (folder / "status.json").stat().st_mtime - (folder / "stats.jsonl").stat().st_mtime
    first = next(line for line in lines if line["cur_nimg"] >= WARMUP_STEPS * batch_size)
    last = lines[-1]
    seconds = last["Timing/total_sec"] - first["Timing/total_sec"] + after
    return (last["cur_nimg"] - first["cur_nimg"]) / seconds, last["Resources/peak_mem_gb"]


def flop_per_image(preset: str, batch_size: int) -> float:
    """Return the floating-point operations of one training step per real image."""
    config = configuration.resolve(
        dataclasses.replace(presets.preset(preset), batch_size=batch_size, num_train=60_000, total_nimg=batch_size)
    )
    state = TrainState(config, torch.device("cpu"))
    img = torch.zeros(batch_size, *config.img_shape)
    with FlopCounterMode(display=False) as counter:
        train_step(state, img, torch.zeros(batch_size, config.z_dim))
    return counter.get_total_flops() / batch_size


def matrix_rate(device_name: torch.device, dtype: torch.dtype, size: int = 2048, seconds: float = 2.0) -> float:
    """Return the rate of square matrix products in 10^9 operations per second, the best of two seconds."""
    a, b = (torch.randn(size, size, device=device_name, dtype=dtype) for _ in range(2))
    best, begin = float("inf"), time.perf_counter()
    while time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        (a @ b)[0, 0].item()
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best / 1e9


def line(row: dict[str, Any]) -> str:
    """Return one measurement for people."""
    return (
        f"{row['preset']} batch {row['batch_size']} {row['device']}: {row['reference_img_per_sec']:,.0f} img/s by the "
        f"yardstick, {row['img_per_sec']:,.0f} ours, ratio {row['ratio']:.2f}"
    )


def table(rows: list[dict[str, Any]], ceilings: dict[str, float]) -> str:
    """Return the measurements as a Markdown table."""
    shares = " | ".join(f"share of {name} ({rate:,.0f} GFLOP/s)" for name, rate in ceilings.items())
    told = [
        f"| preset | batch | device | yardstick img/s | ours img/s | ratio (pairs) | {shares} | peak GB |",
        "|---|---|---|---|---|---|" + "---|" * (len(ceilings) + 1),
    ]
    for row in rows:
        pairs = f"{min(row['ratios']):.2f} to {max(row['ratios']):.2f}, n = {len(row['ratios'])}"
        parts = " | ".join(f"{row['share_of_ceiling'][name]:.0%}" for name in ceilings)
        told.append(
            f"| {row['preset']} | {row['batch_size']} | {row['device']} | {row['reference_img_per_sec']:,.0f} "
            f"| {row['img_per_sec']:,.0f} | {row['ratio']:.2f} ({pairs}) | {parts} | {row['peak_mem_gb']:.2f} |"
        )
    return "\n".join(told)


def _run(words: list[str]) -> str:
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} failed:\n{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
