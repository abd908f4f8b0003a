"""Small made-up runs for tests: started, continued, killed in processes of their own, and compared whole.

The processes are forked from a server that has PyTorch loaded, so that thirty kills take seconds.
"""

import dataclasses
import json
import multiprocessing
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from ganatomy import presets
from ganatomy.config import TrainConfig, resolve
from ganatomy.datasets.store import Dataset, ImageStore
from ganatomy.errors import CheckpointError, DivergedError, Interrupted, StorageError
from ganatomy.metrics.watch import Watch
from ganatomy.training.run import create_run, open_run
from ganatomy.training.session import run_training

PRESETS = ("gan", "dcgan", "gan-fast", "dcgan-fast")
"""Presets with the reference step, and with the fast one in bfloat16."""


def dataset(sha256: str = "ab" * 32) -> Dataset:
    img = torch.from_numpy(np.random.default_rng(5).integers(0, 256, (70, 1, 8, 12), dtype=np.uint8))
    return Dataset("made-up", ImageStore(img), ImageStore(img[:8]), sha256, ())


def config(preset: str, **changes: object) -> TrainConfig:
    """A run of 21 steps (the last one short) over several epochs, every interval at odds with the others."""
    data = {"data": "made-up", "data_sha256": "ab" * 32, "num_train": 70, "img_height": 8, "img_width": 12}
    size = {"z_dim": 5, "batch_size": 16, "total_nimg": 330, "seed": 3}
    intervals = {"tick_nimg": 40, "sample_nimg": 150, "snapshot_nimg": 200, "checkpoint_nimg": 48}
    name, is_fast = preset.removesuffix("-fast"), preset.endswith("-fast")
    engine = {"engine": "fast", "precision": "bfloat16"} if is_fast else {}
    return resolve(dataclasses.replace(presets.preset(name), **(data | size | intervals | engine | changes)))


def start(folder: Path, preset: str, **changes: object) -> Path:
    create_run(folder, config(preset, **changes), "test")
    return folder


def go_on(folder: Path, should_stop=lambda: False) -> list[str]:
    """Train a run folder from where it stands; return what was said."""
    said: list[str] = []
    run = open_run(folder)
    watch = Watch(run, dataset(), said.append)
    for _ in run_training(run, dataset(), say=said.append, should_stop=should_stop, watch=watch):
        pass
    return said


def record(folder: Path) -> dict[str, object]:
    """Everything a run folder holds, without times and memory."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.name == "stats.jsonl":
            lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
            found[name] = [
                {key: value for key, value in line.items() if not key.startswith(("Timing/", "Resources/"))}
                for line in lines
            ]
        elif path.is_file() and path.name != ".lock":
            found[name] = path.read_bytes()
    return found


def assert_same(folder: Path, undisturbed: dict[str, object]) -> None:
    found = record(folder)
    assert sorted(found) == sorted(undisturbed)
    different = [name for name in found if found[name] != undisturbed[name]]
    assert not different, f"other bytes in {', '.join(different)}"


def stopped(folder: Path, preset: str = "gan", num_steps: int = 11) -> Path:
    """A run with several checkpoints, stopped after a number of steps."""
    start(folder, preset)
    left = iter(range(num_steps))
    with pytest.raises(Interrupted):
        go_on(folder, should_stop=lambda: next(left, None) is None)
    return folder


def no_wait(descriptor: int) -> None:
    pass


def process(*arguments, **options):
    """Start `train_in_process` in a new process."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["ganatomy.metrics.watch", "ganatomy.training.session", "pytest", "torch._dynamo"])
    child = processes.Process(target=train_in_process, args=arguments, kwargs=options)
    child.start()
    return child


WRITES = ("fsync", "replace", "mkdir", "unlink", "rmdir")


def train_in_process(folder: Path, kill_at_write: int | None = None, limit_bytes: int | None = None) -> None:
    """Train in a process of its own; exit code as the command line's.

    Die by SIGKILL just before the given call that changes the file system, or live under a limit on file sizes (what
    the kernel then returns to a write is an error like that of a full disk).
    """
    os.fsync = no_wait
    if limit_bytes is not None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))
    if kill_at_write is not None:
        left = iter(range(kill_at_write))
        for name in WRITES:
            setattr(os, name, counted(getattr(os, name), left))
    try:
        go_on(folder)
    except (StorageError, CheckpointError, DivergedError) as error:
        sys.exit(error.exit_code)


def counted(function, left):
    def call(*arguments, **options):
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)

    return call
