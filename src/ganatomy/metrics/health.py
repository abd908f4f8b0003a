"""Whether a run is healthy: rules over stats.jsonl and panel.jsonl, each with a number, a threshold and a date.

A verdict has one or more signals. A signal is a number that can be followed over the run; it fires where it crosses its
threshold. Thresholds lie beyond what 20 healthy runs ever showed, and were tested on others: `python -m
benchmarks.health` made `health_thresholds.json`, docs/health.md tells how well they work. The first images of a run are
not judged: every run begins with a discriminator that is too strong.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

GRACE_NIMG, CLASSES_GRACE_NIMG, SWINGS_GRACE_NIMG = 5_000, 8_000, 11_000
"""Images before the first judgement of losses and pictures, of their variety, and of how their classes swing."""
WINDOW_SHARE, WINDOW_NIMG = 0.05, 960
"""Signals of the losses are means over this share of the run, at least so many images (15 steps of 64)."""
LEARNT_SHARE = 0.65
"""Images count as no longer noise once the panel's kernel distance is below this share of its first value."""
MAX_CLASSES = 25
"""Classes up to which 256 images of a healthy generator show all of them."""
MIN_GAP = 0.7
"""Least gap, in logits, between seen and unseen real images; 256 of each differ by less by chance."""
MOVEMENT_NIMG = 1_500
"""Images between two pictures that are compared, at least (see `panel.movement`)."""
RECORD_NAME = "health.json"
THRESHOLDS = Path(__file__).parent / "health_thresholds.json"

Lines = Sequence[dict[str, Any]]
Track = tuple[np.ndarray, np.ndarray]
"""Image counts [n] and the signal's values [n] there, oldest first."""


@dataclass(frozen=True)
class Record:
    """What the rules look at."""

    stats: Lines
    """Lines of stats.jsonl, or a part of them from the start."""
    panel: Lines
    """Lines of panel.jsonl."""
    total_nimg: int
    is_fresh: bool = True
    """Whether the run began with untrained networks."""
    diverged_nimg: int | None = None
    """Where a loss or gradient stopped being finite."""


@dataclass(frozen=True)
class Signal:
    """One number to follow, and on which side of its threshold it fires."""

    id: str
    verdict: str
    track: Callable[[Record], Track]
    side: Literal["<", ">"]
    says: str
    """What the number is, in words."""
    grace_nimg: int = GRACE_NIMG
    """Images before the first judgement."""
    is_amount: bool = False
    """Whether it is an amount above 0, whose scatter is that of its logarithm."""
    only_where: Callable[[Record], np.ndarray] | None = None
    """Whether each value of the track may fire, bool [n]; None: all."""
    room: float = 1.0
    """How many times further than any healthy run it must go at least; recipes differ most in how fast they learn."""


def of_stats(key: str, record: Record) -> Track:
    """Return the running mean of a training scalar over the window."""
    nimg, values = _series(record.stats, key)
    return nimg, _running_mean(nimg, values, _window(record))


def d_accuracy(record: Record) -> Track:
    """Return the running mean of the share of images, half real and half generated, that D tells right."""
    nimg, on_real = of_stats("Accuracy/real", record)
    return nimg, (on_real + of_stats("Accuracy/fake", record)[1]) / 2


def of_panel(key: str, record: Record) -> Track:
    """Return a number of the panel as it stands."""
    return _series(record.panel, key)


def variety(key: str, record: Record) -> Track:
    """Return a number of the panel from where the images are no longer noise: untrained networks vary little too.

    That is where the kernel distance has once come below 65 % of its first value.
    """
    nimg, values = of_panel(key, record)
    learnt = nimg >= _learnt_nimg(record)
    return nimg[learnt], values[learnt]


def _learnt_nimg(record: Record) -> float:
    """Return from where the images are no longer noise; infinity where they still are."""
    nimg, kd = _series(record.panel, "kd")
    if not record.is_fresh:
        return 0.0
    return min(nimg[kd < LEARNT_SHARE * kd[0]], default=np.inf) if len(kd) else np.inf


def against_own_past(key: str, record: Record) -> Track:
    """Return the running mean of a training scalar divided by its mean over the run before the window."""
    nimg, values = _series(record.stats, key)
    window = _window(record)
    num_before = np.searchsorted(nimg, nimg - window, side="right")
    before = np.concatenate([[np.nan], np.cumsum(values) / np.arange(1, len(values) + 1)])[num_before]
    return nimg, _running_mean(nimg, values, window) / np.where(before > 0, before, np.nan)


def regress(record: Record) -> Track:
    """Return by how much the panel's kernel distance lies above its best so far, as a share of the first one."""
    nimg, kd = _series(record.panel, "kd")
    if len(kd) == 0 or not record.is_fresh or kd[0] <= 0:
        return nimg[:0], kd[:0]
    return nimg, (kd - np.minimum.accumulate(kd)) / kd[0]


def class_swings(record: Record) -> Track:
    """Return the mean over the last three steps of the share of the panel that changed its class balance.

    A step is the total variation distance between the class histograms of two successive looks.
    """
    lines = [line for line in record.panel if line.get("class_counts")]
    if len(lines) < 4:
        return np.empty(0), np.empty(0)
    shares = np.array([np.array(line["class_counts"]) / sum(line["class_counts"]) for line in lines])
    steps = np.abs(np.diff(shares, axis=0)).sum(axis=1) / 2
    nimg = np.array([line["cur_nimg"] for line in lines], np.float64)
    return nimg[3:], (steps[:-2] + steps[1:-1] + steps[2:]) / 3


def absent_classes(record: Record) -> Track:
    """Return the share of classes that no image of the panel shows, mean of three looks, once they are no noise.

    Empty for more than 25 classes, which 256 images need not all show.
    """
    begun = _learnt_nimg(record)
    lines = [line for line in record.panel if line["cur_nimg"] >= begun]
    lines = [line for line in lines if 0 < len(line.get("class_counts") or ()) <= MAX_CLASSES]
    if len(lines) < 3:
        return np.empty(0), np.empty(0)
    shares = np.array([np.mean(np.array(line["class_counts"]) == 0) for line in lines])
    nimg = np.array([line["cur_nimg"] for line in lines], np.float64)
    return nimg[2:], (shares[:-2] + shares[1:-1] + shares[2:]) / 3


def restlessness(record: Record) -> Track:
    """Return the change of the fixed pictures since an earlier one, where that one was not of the first images too."""
    looks = np.array([line["cur_nimg"] for line in record.panel], np.float64)
    nimg, values = _series(record.panel, "movement")
    before = [looks[looks <= at - MOVEMENT_NIMG].max(initial=0.0) for at in nimg]
    settled = np.array(before) >= GRACE_NIMG
    return nimg[settled], values[settled]


def gap_is_no_chance(record: Record) -> np.ndarray:
    """Return where D's logits on seen and unseen real images are further apart than 256 of each differ by chance.

    The logits scatter by 2 to 3, so the difference of two such means has a standard error of about 0.23.
    """
    lines = [line for line in record.panel if line.get("overfit") is not None]
    return np.array([line["d_train"] - line["d_test"] >= MIN_GAP for line in lines], bool)


@dataclass(frozen=True)
class Reading:
    """One signal as it stands at the end of a record."""

    signal: str
    says: str
    side: str
    threshold: float
    nimg: int | None
    """Image count of the last value; None where there is none after the grace period."""
    value: float | None
    fired_nimg: int | None
    """Where it crossed its threshold first, or None."""
    fired_value: float | None
    is_active: bool
    """Whether the last value is beyond the threshold."""


@dataclass(frozen=True)
class Verdict:
    """What the rules say about one fault."""

    id: str
    state: Literal["fired", "passed", "clear", "unknown"]
    """`fired` and still so, fired and `passed`, `clear` (never), `unknown` (nothing to judge)."""
    nimg: int | None
    """Where it fired first."""
    readings: tuple[Reading, ...]
    """Its signals; the one that tells the story first."""


SIGNALS = (
    Signal("d_loss_low", "d_strong", partial(of_stats, "Loss/D/adv"), "<", "D's loss", is_amount=True),
    Signal("d_accuracy", "d_weak", d_accuracy, "<", "share of images that D tells right"),
    Signal(
        "g_gradient", "g_vanishing", partial(against_own_past, "Grad/G/norm"), "<", "G's gradient / its past mean",
        is_amount=True, room=2.0,
    ),
    Signal(
        "class_swings", "oscillation", class_swings, ">", "change of the class balance between two looks",
        SWINGS_GRACE_NIMG,
    ),
    Signal(
        "restless", "oscillation", restlessness, ">", "change of the fixed pictures / real contrast",
        CLASSES_GRACE_NIMG, is_amount=True,
    ),
    Signal("g_loss", "divergence", partial(of_stats, "Loss/G/adv"), ">", "G's loss", is_amount=True),
    Signal("regress", "divergence", regress, ">", "kernel distance above the best so far / the first"),
    Signal(
        "diversity", "collapse", partial(variety, "diversity"), "<", "feature diversity / that of real images",
        CLASSES_GRACE_NIMG,
    ),
    Signal(
        "class_entropy", "collapse", partial(variety, "class_entropy"), "<", "class entropy / that of real images",
        CLASSES_GRACE_NIMG,
    ),
    Signal("absent", "collapse", absent_classes, ">", "share of classes that no image shows", SWINGS_GRACE_NIMG),
    Signal(
        "movement", "stalled", partial(of_panel, "movement"), "<", "change of the fixed pictures / real contrast",
        is_amount=True, room=5.0,
    ),
    Signal(
        "overfit", "memorising", partial(of_panel, "overfit"), ">", "D's gap between seen and unseen real images",
        only_where=gap_is_no_chance, room=2.0,
    ),
)  # fmt: skip

VERDICTS = tuple(dict.fromkeys(signal.verdict for signal in SIGNALS))
"""All verdicts, in the order in which they are told."""


def judge(record: Record) -> list[Verdict]:
    """Return what the rules say about a run so far, one verdict per fault."""
    readings = {signal.id: _read(signal, record) for signal in SIGNALS}
    return [
        _verdict(name, [readings[signal.id] for signal in SIGNALS if signal.verdict == name], record)
        for name in VERDICTS
    ]


def overall(verdicts: Sequence[Verdict]) -> str:
    """Return `unhealthy` where a verdict holds now, `passed` where one did, `healthy`, or `unknown` (too early)."""
    states = {verdict.state for verdict in verdicts}
    if "fired" in states:
        return "unhealthy"
    if "passed" in states:
        return "passed"
    return "healthy" if "clear" in states else "unknown"


@cache
def thresholds() -> dict[str, float]:
    """Return the threshold of every signal, from health_thresholds.json."""
    table = json.loads(THRESHOLDS.read_text(encoding="utf-8"))["signals"]
    return {name: float(entry["threshold"]) for name, entry in table.items()}


def crossings(signal: Signal, record: Record) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return image counts, values and whether each is beyond the threshold: all [n], for the images that are judged."""
    threshold = thresholds()[signal.id]
    nimg, values = signal.track(record)
    beyond = values < threshold if signal.side == "<" else values > threshold
    if signal.only_where is not None:
        beyond = beyond & signal.only_where(record)
    judged = (nimg >= signal.grace_nimg) & np.isfinite(values)
    return nimg[judged], values[judged], beyond[judged]


def _read(signal: Signal, record: Record) -> Reading:
    nimg, values, beyond = crossings(signal, record)
    first = int(beyond.argmax()) if beyond.any() else None
    return Reading(
        signal=signal.id,
        says=signal.says,
        side=signal.side,
        threshold=thresholds()[signal.id],
        nimg=int(nimg[-1]) if len(nimg) else None,
        value=float(values[-1]) if len(values) else None,
        fired_nimg=int(nimg[first]) if first is not None else None,
        fired_value=float(values[first]) if first is not None else None,
        is_active=bool(len(beyond) and beyond[-1]),
    )


def _verdict(name: str, readings: list[Reading], record: Record) -> Verdict:
    """Join the signals of one verdict; losses that are not finite are divergence, whatever the signals say."""
    fired = [reading.fired_nimg for reading in readings if reading.fired_nimg is not None]
    ordered = sorted(readings, key=lambda r: (not r.is_active, r.fired_nimg is None, r.fired_nimg or 0))
    stopped = record.diverged_nimg if name == "divergence" else None
    if stopped is not None:
        return Verdict(name, "fired", min([*fired, stopped]), tuple(ordered))
    if not fired:
        known = any(reading.value is not None for reading in readings)
        return Verdict(name, "clear" if known else "unknown", None, tuple(ordered))
    active = any(reading.is_active for reading in readings)
    return Verdict(name, "fired" if active else "passed", min(fired), tuple(ordered))


def _window(record: Record) -> float:
    return max(WINDOW_SHARE * record.total_nimg, WINDOW_NIMG)


def _series(lines: Lines, key: str) -> Track:
    found = [(line["cur_nimg"], line[key]) for line in lines if line.get(key) is not None]
    nimg, values = zip(*found) if found else ((), ())
    return np.array(nimg, np.float64), np.array(values, np.float64)


def _running_mean(nimg: np.ndarray, values: np.ndarray, window: float) -> np.ndarray:
    """Return the mean of the values in (nimg - window, nimg] at every point."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    first = np.searchsorted(nimg, nimg - window, side="right")
    last = np.arange(1, len(values) + 1)
    return (sums[last] - sums[first]) / (last - first)
