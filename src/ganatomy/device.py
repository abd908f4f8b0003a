"""What this machine has, which device and threads were chosen, and why. A CPU is a first-class choice."""

from __future__ import annotations

import ctypes
import importlib.metadata
import math
import os
import platform
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from . import bounds
from .errors import ConfigError, unknown

DEVICES = ("auto", "cpu", "cuda", "mps")
MAX_THREADS = 16
CGROUPS, OWN_CGROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
"""Where Linux tells the limits of control groups, and to which of them this process belongs."""
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
"""Settings of glibc's mallopt (malloc.h)."""
PILOT_SIZE = 256
PATIENCE_SEC = 0.5
"""How long one matrix product may take for its rate to be measured at full size."""
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
    if name == "cuda" and not is_here(name):
        raise ConfigError(
            "--device cuda was asked for, but PyTorch finds no CUDA device here; use --device cpu or auto."
        )
    if name == "mps" and not is_here(name):
        raise ConfigError("--device mps was asked for, but PyTorch finds no Apple GPU here; use --device cpu or auto.")
    return torch.device(name), "asked for"


def is_here(name: str) -> bool:
    """Return whether this machine has a device: `cpu` always, `cuda` and `mps` where PyTorch finds one."""
    if name == "cuda":
        return torch.cuda.is_available()
    return name == "cpu" or (name == "mps" and torch.backends.mps.is_available())


def choose_threads(asked: int | None, num_sharing: int = 1) -> tuple[int, str]:
    """Return (CPU threads, reason), the one rule of all verbs.

    It is what was asked for, else what OMP_NUM_THREADS says, else this process's share of the cores, at most 16.
    """
    if asked is not None:
        bounds.check("num_threads", asked)
        return asked, "asked for"
    wished = wished_threads()
    if wished is not None:
        of_torchrun = ", as torchrun sets it where it is unset" if wished == 1 and num_sharing > 1 else ""
        return wished, f"OMP_NUM_THREADS is {wished}{of_torchrun}"
    cores, quota = num_cores(), quota_cores()
    limited = " by its container's quota" if quota is not None and quota == cores < _affinity() else ""
    among = f", shared by {num_sharing} processes" if num_sharing > 1 else ""
    told = f"this process may use {cores} core{'s' if cores > 1 else ''}{limited}{among}"
    return max(1, min(cores // num_sharing, MAX_THREADS)), told


def wished_threads() -> int | None:
    """Return the number in OMP_NUM_THREADS, None where it is unset or no number, as OpenMP itself reads it.

    Of a list such as `4,2`, one number for each level of nesting, the first counts.
    """
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(first) if first.isdecimal() and len(first) < 6 and int(first) > 0 else None


def num_cores() -> int:
    """Return how many cores this process may use: those it is bound to, or fewer by the quota of its container."""
    quota = quota_cores()
    return _affinity() if quota is None else min(_affinity(), quota)


def _affinity() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def quota_cores(root: Path = CGROUPS, own: Path = OWN_CGROUPS) -> int | None:
    """Return the whole cores that the control groups of this process allow (at least 1), None where they set no limit.

    Version 2 writes `cpu.max` ("max 100000", or a quota and a period in microseconds), version 1
    `cpu.cfs_quota_us` (-1 without a limit) and `cpu.cfs_period_us`; the tightest group on the way to the root counts.
    See "Control Group v2" and "CFS Bandwidth Control" in the Linux kernel's documentation.
    """
    found = [
        quota / period
        for group in _own_groups(root, own)
        for quota, period in (
            _two_numbers(group / "cpu.max"),
            (_number(group / "cpu.cfs_quota_us"), _number(group / "cpu.cfs_period_us")),
        )
        if quota is not None and period is not None and quota > 0 and period > 0
    ]
    return max(1, math.ceil(min(found))) if found else None


def _own_groups(root: Path, own: Path) -> list[Path]:
    """Return the folders of this process's control groups up to the root, of version 2 and of version 1's cpu part."""
    places = [root, root / "cpu", root / "cpu,cpuacct"]
    for line in _text(own).splitlines():
        _, _, rest = line.partition(":")
        parts, _, path = rest.partition(":")
        if parts and "cpu" not in parts.split(","):
            continue
        names = [name for name in path.split("/") if name not in ("", "..")]
        tops = (root / parts, root / "cpu") if parts else (root,)
        places += [top.joinpath(*names[:depth]) for top in tops for depth in range(1, len(names) + 1)]
    return list(dict.fromkeys(places))


def _two_numbers(path: Path) -> tuple[int | None, int | None]:
    quota, _, period = _text(path).strip().partition(" ")
    return int(quota) if quota.isdecimal() else None, int(period) if period.isdecimal() else None


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdecimal() else None


def _text(path: Path) -> str:
    """Return the start of a small file of the system, empty where there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as handle:
            return handle.read(65_536)
    except OSError:
        return ""


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
    """Return the rate of square matrix products in 10^9 operations per second, the best of a few.

    A processor that must imitate the arithmetic shows it on a small product; then no larger one is made, which would
    take it seconds.
    """
    small = min(size, PILOT_SIZE)
    seconds = _product_sec(device, dtype, small, repeats)
    if seconds * (size / small) ** 3 <= PATIENCE_SEC:
        small, seconds = size, _product_sec(device, dtype, size, repeats)
    return 2 * small**3 / seconds / 1e9


def _product_sec(device: torch.device, dtype: torch.dtype, size: int, repeats: int) -> float:
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    best = math.inf
    for _ in range(repeats + 1):
        start = time.perf_counter()
        (a @ b)[0, 0].item()
        best = min(best, time.perf_counter() - start)
    return best


def peak_memory_gb() -> float:
    """Return the largest resident memory of this process so far in GB (0 where the system does not tell)."""
    if sys.platform == "win32":
        return 0.0
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak) / (1e9 if sys.platform == "darwin" else 1e6)


def free_memory_bytes(device: torch.device | str = "cpu") -> int | None:
    """Return the bytes of memory that this process can still take on a device, or None where the system does not tell.

    On a CPU it is the least of what the machine has free, of what its control groups (containers) leave, and of the
    limits on this process (`ulimit -v`).
    """
    if torch.device(device).type == "cuda" and torch.cuda.is_available():
        return int(torch.cuda.mem_get_info(torch.device(device))[0])
    found = [left for left in (_free_of_machine(), *_free_of_groups(), *_free_of_limits()) if left is not None]
    return max(0, min(found)) if found else None


def _free_of_machine() -> int | None:
    table = _read("/proc/meminfo")
    if match := re.search(r"^MemAvailable:\s*(\d+) kB", table, re.M):
        return 1024 * int(match[1])
    names = getattr(os, "sysconf_names", {})
    if "SC_PHYS_PAGES" in names and "SC_PAGE_SIZE" in names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def _free_of_groups() -> Iterator[int]:
    """Yield what each control group around this process leaves (cgroup v2, else v1); cached files can be given back."""
    root = Path("/sys/fs/cgroup")
    lines = [line.split(":", 2) for line in _read("/proc/self/cgroup").splitlines() if line.count(":") >= 2]
    for _, controllers, inside in lines:
        if controllers not in ("", "memory") and "memory" not in controllers.split(","):
            continue
        top = root / "memory" if controllers else root
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes") if controllers else ("memory.max", "memory.current")
        parts = Path(inside).parts[1:]
        for depth in range(len(parts) + 1):
            folder = top.joinpath(*parts[:depth])
            limit, used = (_read(folder / name).strip() for name in names)
            if limit.isdigit() and used.isdigit() and int(limit) < 2**60:
                cached = re.search(r"^(?:total_)?inactive_file (\d+)", _read(folder / "memory.stat"), re.M)
                yield int(limit) - int(used) + (int(cached[1]) if cached else 0)


def _free_of_limits() -> Iterator[int]:
    """Yield what the limits on this process's address space and data leave."""
    if sys.platform == "win32":
        return
    import resource  # not on Windows

    sizes = _read("/proc/self/statm").split()
    for limit, column in ((resource.RLIMIT_AS, 0), (resource.RLIMIT_DATA, 5)):
        most = resource.getrlimit(limit)[0]
        if most != resource.RLIM_INFINITY and len(sizes) > column:
            yield most - int(sizes[column]) * resource.getpagesize()


def _read(path: str | Path) -> str:
    """Return what a small file of the system says, nothing where it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def check_memory(needed: int, what: str, advice: str) -> None:
    """Refuse work that needs more bytes than are free here; `what` begins the sentence, `advice` ends the message."""
    free = free_memory_bytes()
    if free is not None and needed > free:
        raise ConfigError(
            f"{what} needs {told_bytes(needed)} of memory or more, and {told_bytes(free)} are free here. {advice}"
        )


def told_bytes(num: float) -> str:
    """Return a number of bytes as people read it: 1.2 GB."""
    for unit, size in (("TB", 1e12), ("GB", 1e9)):
        if num >= size:
            return f"{num / size:,.1f} {unit}"
    return f"{num / 1e6:.1f} MB"


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
