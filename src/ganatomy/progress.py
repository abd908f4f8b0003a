"""The record that long work yields (bars and cancellation are its caller's business), and durations in words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """Where a piece of work stands."""

    done: int
    total: int
    unit: str = "images"
    note: str = ""
    """A word on how it goes, for the progress line."""


def clock(seconds: float) -> str:
    """Return a duration for people: 42 s, 3 min 05 s, 2 h 10 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
