"""A private view of the file system for attacks as root, so that an unprivileged user can reach the interpreter."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

MARK = "GANATOMY_ATTACK_SECLUDED"


def seclude() -> None:
    """Start this program again in a mount namespace of its own, where we are root and the system has `unshare`.

    In it the interpreter's folder stays visible even where it lies in root's own home, which nobody else may enter.
    """
    if os.geteuid() != 0 or MARK in os.environ or shutil.which("unshare") is None:
        return
    os.environ[MARK] = "1"
    words = ["unshare", "--mount", "--propagation", "private", sys.executable, "-m", "benchmarks.attack", *sys.argv[1:]]
    os.execvp(words[0], words)


def open_interpreter() -> None:
    """Inside the private view: hide a closed home behind an empty folder that holds the interpreter only."""
    if MARK not in os.environ or os.geteuid() != 0:
        return
    prefix = Path(sys.base_prefix).resolve()
    closed = [folder for folder in reversed(prefix.parents) if not folder.stat().st_mode & 0o001]
    if not closed:
        return
    beside = Path("/mnt")
    for words in (
        ("mount", "--bind", str(prefix), str(beside)),
        ("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(closed[0])),
    ):
        subprocess.run(words, check=True)
    prefix.mkdir(parents=True)
    subprocess.run(("mount", "--bind", str(beside), str(prefix)), check=True)
    subprocess.run(("umount", str(beside)), check=True)
