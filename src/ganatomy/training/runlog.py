"""What a run writes while it trains: lines of stats.jsonl and pictures of the fixed latents."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from .. import device, files, images, rng
from ..config import NUM_FIXED_LATENTS, TrainConfig
from ..errors import RunError
from ..models.generate import generate
from . import belongings, shapes
from .belongings import Cut
from .state import TrainState

STATS = "stats.jsonl"
PANEL = "panel.jsonl"
"""What a hook sees of the panel (see metrics.panel); cut back like the stats."""


class StatsLog:
    """Appends a line to stats.jsonl per tick; times continue over resumes."""

    def __init__(self, folder: Path):
        self.path = folder / STATS
        lines = list(shapes.STATS.lines(self.path))
        self.total_sec = _seconds(self.path, lines[-1]) if lines else 0.0
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


def _seconds(path: Path, line: dict[str, Any]) -> float:
    seconds = line.get("Timing/total_sec")
    if not isinstance(seconds, int | float):
        raise RunError(f"the last line of {path} lacks its time; restore it from a copy, or delete that line.")
    return float(seconds)


def save_samples(folder: Path, state: TrainState) -> None:
    """Picture the 64 fixed latents through G_ema as `samples/fixed-<images>.png`, 8 x 8, pixel-exact."""
    z = rng.latents(state.config.seed, "fixed", NUM_FIXED_LATENTS, state.config.z_dim)
    sheet = images.grid(generate(state.usable_generator(), z), num_columns=8)
    belongings.put(folder, "samples", state.cur_nimg, images.png_bytes(sheet))


def plan_cut(folder: Path, config: TrainConfig, cur_nimg: int) -> Cut:
    """Return how a run folder is cut back to image `cur_nimg`, which its newest checkpoint holds.

    What an interrupted run wrote after that image goes, and the snapshot that its interruption added; what remains is
    what the undisturbed run has on disk at that image, and everything that people put there. Nothing is changed yet.

    Raises:
        RunError: a log or the manifest is damaged, or people's files stand where the run will write.
    """
    cut = belongings.plan_cut(folder, config, cur_nimg)
    logs = belongings.cut_lines(folder / STATS, cur_nimg) | belongings.cut_lines(folder / PANEL, cur_nimg)
    return Cut(cut.deleted, logs | cut.rewritten)
