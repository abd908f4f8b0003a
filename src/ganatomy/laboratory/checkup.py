"""What `doctor` says: what this machine has and would use, and what is wrong with a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .. import device
from ..datasets import catalog
from ..metrics import health
from ..metrics.watch import line_of
from ..training.run import Run
from ..training.runlog import PANEL

OVERALL = {
    "unhealthy": "not healthy", "passed": "healthy now, after trouble", "healthy": "no rule fired",
    "unknown": "too short to judge",
}  # fmt: skip


def machine_lines() -> list[str]:
    """Return what this machine has, what would be chosen here and why, and where the data sets are."""
    found = device.environment()
    name, reason = device.choose_device("auto")
    threads, threads_reason = device.choose_threads(None)
    packages = ", ".join(f"{package} {version}" for package, version in found["packages"].items())
    lines = [
        f"ganatomy {found['ganatomy']}, Python {found['python']}, {found['system']}",
        f"packages: {packages}",
        f"processor: {found['cpu']}, {found['num_cores']} cores, {found['cpu_capability']} instructions",
        f"device: {name} ({reason})",
        f"CPU threads: {threads} ({threads_reason})",
    ]
    return lines + [f"data: {entry.name}, {catalog.where(entry)}" for entry in catalog.CATALOG.values()]


def run_lines(run: Run, verdicts: Sequence[health.Verdict], explain: Callable[[str], str]) -> list[str]:
    """Return how far a run is and its verdicts, those that hold now first, each with what `explain` says of it."""
    config = run.config
    status = run.status if (run.folder / "status.json").exists() else {"state": "not started", "cur_nimg": 0}
    lines = [
        f"{run.name}: {status['state']} at {status['cur_nimg']:,} of {config.total_nimg or 0:,} images, on "
        f"{config.device} with {config.num_threads} threads"
    ]
    lines += [f"  {status['message']}"] if status.get("message") else []
    lines.append(f"health: {OVERALL[health.overall(verdicts)]}")
    for state in ("fired", "passed", "clear", "unknown"):
        for verdict in verdicts:
            if verdict.state == state:
                lines.append(f"  {line_of(verdict)}")
                lines += [f"    {explain(verdict.id)}"] if state == "fired" else []
    if not (run.folder / PANEL).exists():
        lines.append("  This run was not watched (no panel.jsonl), so only its losses were judged.")
    return lines
