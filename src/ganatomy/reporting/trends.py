"""What a curve does, in numbers: first against last fifth, the trend of the last fifth, and whether it has settled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..laboratory.curves import SETTLED_SDS


@dataclass(frozen=True)
class Trend:
    """A loss over training, summed up."""

    first: float
    """Mean of the first fifth."""
    last: float
    """Mean of the last fifth."""
    moves: str
    """`rises`, `falls` or `stays` (within two standard errors)."""
    slope: float
    """Least-squares change per 10,000 images in the last fifth."""
    drift: float
    """What the slope adds up to over the last fifth."""
    scatter: float
    """Standard deviation around that line in the last fifth."""

    @property
    def is_settled(self) -> bool:
        """Whether the last fifth drifts by at most twice its own scatter, as claim C11 defines it."""
        return abs(self.drift) <= SETTLED_SDS * self.scatter


def trend(nimg: np.ndarray, values: np.ndarray) -> Trend | None:
    """Sum up values [n] over images seen [n]; None for fewer than 10 points."""
    if len(values) < 10:
        return None
    fifth = max(2, len(values) // 5)
    head, tail, at = values[:fifth], values[-fifth:], nimg[-fifth:]
    slope, offset = np.polyfit(at, tail, 1)
    first, last = float(head.mean()), float(tail.mean())
    error = float(np.sqrt(head.var(ddof=1) / fifth + tail.var(ddof=1) / fifth))
    moves = "stays" if abs(last - first) <= 2 * error else "rises" if last > first else "falls"
    return Trend(
        first=first,
        last=last,
        moves=moves,
        slope=float(slope) * 10_000,
        drift=float(slope * (at[-1] - at[0])),
        scatter=float((tail - slope * at - offset).std()),
    )
