"""What this machine has, which device and threads were chosen, and why. A CPU is a first-class choice."""

from __future__ import annotations

import ctypes
import importlib.metadata
import math
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

import torch

from .errors import ConfigError, unknown

DEVICES = ("auto", "cpu", "cuda", "mps")
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
"""Settings of glibc's mallopt (malloc.h)."""
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


def choose_threads(asked: int | None, num_sharing: int = 1) -> tuple[int, str]:
    """Return (CPU threads, reason): what was asked for, else this process's share of the cores, at most 16."""
    if asked is not None:
        if asked < 1:
            raise ConfigError(f"num_threads is {asked}; it must be at least 1.")
        return asked, "asked for"
    cores = num_cores()
    among = f", shared by {num_sharing} processes" if num_sharing > 1 else ""
    return max(1, min(cores // num_sharing, 16)), f"this process may use {cores} core{'s' if cores > 1 else ''}{among}"


def num_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def use_threads(num_threads: int) -> None:
    """Make PyTorch's CPU operations use this many threads (the number is part of exact resume)."""
    torch.set_num_threads(num_threads)


def keep_memory() -> str:
    """Let this process keep memory that tensors give back, where the C library can be told; return words on it.

    glibc returns large blocks to the system at once, and the next tensor faults its pages in again one by one
    (docs/performance.md has what that costs).
    """
    if not sys.platform.startswith("linux") or platform.libc_ver()[0] != "glibc":
        return ""
    library = ctypes.CDLL(None)
    for setting, value in ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, 2**31 - 1), (_M_TOP_PAD, 2**26)):
        library.mallopt(setting, value)
    return "; freed memory is kept for the next tensor (glibc)"


def matrix_rate(device: torch.device, dtype: torch.dtype, size: int = 1024, repeats: int = 5) -> float:
    """Return the rate of square matrix products in 10^9 operations per second, the best of a few."""
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    best = math.inf
    for _ in range(repeats + 1):
        start = time.perf_counter()
        (a @ b)[0, 0].item()
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best / 1e9


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
