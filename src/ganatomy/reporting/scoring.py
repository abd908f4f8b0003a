"""What stands behind the scores: the feature network, how many real images, and what it could not measure."""

from __future__ import annotations

from typing import Any

from .desk import Desk
from .records import RunRecord, finite
from .words import count

FULL_RANK_NUM = 129
"""Images that the covariance of the 128 features needs to be of full rank."""
ENOUGH_NUM = 500
"""Real images below which a Fréchet distance is called rough."""
LEAST_COVERED, MOST_COVERED = 0.001, 0.02


def covered_share(num_classes: int) -> float:
    """Return the share of the samples from which on a class counts as covered: 2 % of up to ten classes, else less."""
    return min(MOST_COVERED, max(LEAST_COVERED, 0.2 / max(1, num_classes)))


def shares_of(run: RunRecord) -> list[float]:
    """Return the share of every class among a run's samples."""
    counts = [float(value) for value in (run.classes or {}).get("counts", [])]
    total = sum(counts) or 1.0
    return [value / total for value in counts]


def network_name(run: RunRecord) -> str:
    """Return the name of a run's feature network, a dash where there is none."""
    return str((run.features or {}).get("name") or "–")


def network_kind(run: RunRecord) -> str:
    """Return whose network it is: `random`, `own` (trained on these data by the user) or `shipped`."""
    name = network_name(run)
    return "random" if name.startswith("random") else "own" if name.startswith("own-") else "shipped"


def few_images(desk: Desk, record: dict[str, Any]) -> str:
    """Say that a score is rough where there are few real images, else an empty text."""
    num = record.get("num_real")
    if not finite(num) or num >= ENOUGH_NUM:
        return ""
    return desk.words("few.rank" if num < FULL_RANK_NUM else "few.some", n=count(num))


def no_classes(desk: Desk, run: RunRecord) -> str:
    """Say why a measured run has no classes and no confidence, else an empty text."""
    if not run.is_measured or run.classes:
        return ""
    words, name, data = desk.words, network_name(run), desk.data_name(run.data)
    names, message = run.data.class_names, str(run.measure.get("message") or "")
    if not run.features:
        text = words("missing.network", data=data)
    elif names == ():
        text = words("missing.unlabelled", data=data, network=name)
    elif network_kind(run) == "random" and names and len(names) > 1 and "no other can be trained" not in message:
        text = words("missing.untrained", data=data, network=name)
    elif message:
        text = words("missing.quoted", network=name, message=message)
    else:
        text = words("missing.unknown", network=name)
    if not desk.records.lab.get("claims"):
        return text
    return text + words("join.sentences") + words("missing.claims" if run.features else "missing.all_claims")


def missing_notes(desk: Desk) -> tuple[str, ...]:
    """Return every reason once why runs have no classes, in the order of the runs."""
    found = [no_classes(desk, run) for run in desk.records.runs]
    return tuple(dict.fromkeys(text for text in found if text))
