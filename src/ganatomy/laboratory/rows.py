"""One row of the table of claims: made undecided, then decided by an estimate or left open with a reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .evidence import Evidence
from .hierarchy import Estimate, Side, decide


def scope(num_trainings: int) -> str:
    """Return what a verdict speaks of: the one training that was measured, or the recipe that several came from."""
    return "for this recipe" if num_trainings > 1 else "in this training"


def new_row(
    claim_id: str, recipe: str, trainings: Sequence[Evidence], statistic: str, side: Side, threshold: float
) -> dict[str, Any]:
    """Return an undecided row without a value; with one training `run` is its name, with more the recipe's."""
    return {
        "id": claim_id,
        "run": trainings[0].name if len(trainings) == 1 else recipe,
        "statistic": statistic,
        "value": None,
        "lo": None,
        "hi": None,
        "threshold": threshold,
        "side": side,
        "verdict": "undecided",
        "reason": None,
        "num_trainings": len(trainings),
        "trainings": [training.name for training in trainings],
        "scope": scope(len(trainings)),
    }


def decided(row: dict[str, Any], estimate: Estimate, **more: Any) -> dict[str, Any]:
    """Return the row with value, interval and the verdict that follows from them."""
    numbers = {"value": estimate.value, "lo": estimate.lo, "hi": estimate.hi}
    return row | numbers | {"verdict": decide(estimate, row["side"], row["threshold"])} | more


def combined(row: dict[str, Any], parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the row with its conditions, all of which must hold, showing the one that decides.

    That is the first that fails, else the first that is undecided, else the first.
    """
    verdicts = [part["verdict"] for part in parts]
    verdict = next((each for each in ("fails", "undecided") if each in verdicts), "holds")
    return row | parts[verdicts.index(verdict)] | {"parts": list(parts)}


def cannot(row: dict[str, Any], reason: str, **more: Any) -> dict[str, Any]:
    """Return the row undecided, with the reason in words."""
    return row | {"reason": reason} | more
