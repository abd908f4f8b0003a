"""What a run writes while it trains: lines of stats.jsonl and pictures of the fixed latents."""

from __future__ import annotations

import re
import time
from pathlib import Path

from .. import device, files, images, rng
from ..config import NUM_FIXED_LATENTS, TrainConfig
from ..models.generate import generate
from . import schedule, shapes
from .state import TrainState

STATS = "stats.jsonl"
PANEL = "panel.jsonl"
"""What a hook sees of the panel (see metrics.panel); cut back like the stats."""
_NUMBER = re.compile(r"-(\d+)\.(?:png|safetensors)$")


class StatsLog:
    """Appends a line to stats.jsonl per tick; times continue over resumes."""

    def __init__(self, folder: Path):
        self.path = folder / STATS
        lines = list(shapes.STATS.lines(self.path))
        self.total_sec: float = lines[-1].get("Timing/total_sec", 0.0) if lines else 0.0
        self._clock = time.perf_counter()

    def write(self, state: TrainState) -> None:
        """Write the means since the last line; nothing where no image was seen since."""
        num_images = state.tick.num_images
        if num_images == 0:
            return
        now = time.perf_counter()
        elapsed, self._clock = now - self._clock, now
        self.total_sec += elapsed
        line = {
            "cur_nimg": state.cur_nimg,
            "epoch": state.cur_nimg / state.config.num_train,
            **state.tick.take(),
            "Timing/img_per_sec": num_images / elapsed,
            "Timing/total_sec": self.total_sec,
            "Resources/peak_mem_gb": device.peak_memory_gb(),
        }
        files.append_jsonl(self.path, line)


def save_samples(folder: Path, state: TrainState) -> None:
    """Picture the 64 fixed latents through G_ema as `samples/fixed-<images>.png`, 8 x 8, pixel-exact."""
    (folder / "samples").mkdir(exist_ok=True)
    z = rng.latents(state.config.seed, "fixed", NUM_FIXED_LATENTS, state.config.z_dim)
    sheet = images.grid(generate(state.usable_generator(), z), num_columns=8)
    images.save_png(folder / "samples" / f"fixed-{state.cur_nimg:09d}.png", sheet)


def cut_back(folder: Path, config: TrainConfig, cur_nimg: int) -> None:
    """Remove what an interrupted run wrote after image `cur_nimg`, and the snapshot its interruption added.

    What remains is what the undisturbed run has on disk at that image.
    """
    files.remove_files(folder.glob(".*.tmp"))  # what a kill in mid-write leaves
    for path in (folder / STATS, folder / PANEL):
        if path.exists():
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            # A run that starts again from 0 does the maintenance of image 0 again.
            reached = cur_nimg or -1
            kept = [line for line, record in zip(lines, shapes.LINE.lines(path)) if record["cur_nimg"] <= reached]
            files.write_text(path, "".join(f"{line}\n" for line in kept))
    for part, interval in (("samples", config.sample_nimg), ("snapshots", config.snapshot_nimg)):
        for file in (folder / part).glob("*"):
            match = _NUMBER.search(file.name)
            number = int(match[1]) if match else cur_nimg + 1
            if number > cur_nimg or not schedule.is_planned(interval or 1, number, config):
                file.unlink()
