"""What this machine has, which device and threads were chosen, and why. A CPU is a first-class choice."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from pathlib import Path
from typing import Any

import torch

from .errors import ConfigError, unknown

DEVICES = ("auto", "cpu", "cuda", "mps")
PACKAGES = ("torch", "numpy", "pillow", "safetensors", "matplotlib")


def choose_device(name: str) -> tuple[torch.device, str]:
    """Return (device, reason) for `auto`, `cpu`, `cuda` or `mps`. `auto` is CUDA where present, else the CPU.

    `auto` never picks mps, whose gradients have been silently wrong for large tensors; ask for it by name.
    """
    if name not in DEVICES:
        raise unknown("device", name, DEVICES)
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda"), f"CUDA is available ({torch.cuda.get_device_name()})"
        return torch.device("cpu"), "no CUDA device was found"
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "--device cuda was asked for, but PyTorch finds no CUDA device here; use --device cpu or auto."
        )
    if name == "mps" and not torch.backends.mps.is_available():
        raise ConfigError("--device mps was asked for, but PyTorch finds no Apple GPU here; use --device cpu or auto.")
    return torch.device(name), "asked for"


def choose_threads(asked: int | None) -> tuple[int, str]:
    """Return (CPU threads, reason): what was asked for, else the cores this process may use, at most 16."""
    if asked is not None:
        if asked < 1:
            raise ConfigError(f"num_threads is {asked}; it must be at least 1.")
        return asked, "asked for"
    cores = num_cores()
    return min(cores, 16), f"this process may use {cores} core{'s' if cores > 1 else ''}"


def num_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def use_threads(num_threads: int) -> None:
    """Make PyTorch's CPU operations use this many threads (the number is part of exact resume)."""
    torch.set_num_threads(num_threads)


def peak_memory_gb() -> float:
    """Return the largest resident memory of this process so far in GB (0 where the system does not tell)."""
    if sys.platform == "win32":
        return 0.0
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak) / (1e9 if sys.platform == "darwin" else 1e6)


def cpu_name() -> str:
    """Return the processor's model name as the system gives it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def environment() -> dict[str, Any]:
    """Return versions and hardware for `environment.json`; no host, user or path names."""
    record: dict[str, Any] = {
        "ganatomy": importlib.metadata.version("ganatomy"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": cpu_name(),
        "num_cores": os.cpu_count() or 1,
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
    }
    if torch.cuda.is_available():
        record["cuda"] = {"device": torch.cuda.get_device_name(), "version": torch.version.cuda}
    return record
