"""What the later stages of a training need of the number of pictures, so that it is said before the first step.

Nothing here stops a training: what cannot be measured of a small set is left out and named.
"""

from __future__ import annotations

from .store import num_held_out

MIN_COMPARED = 2
"""Real images without which no distance is defined."""
NEIGHBOURS = 5
"""Neighbourhoods reach to the image with this number in nearness; `metrics.prdc.K`."""


def shortfalls(num_train: int, num_test: int) -> list[str]:
    """Return in words what measuring will leave out for want of pictures, empty where nothing."""
    held_out = num_held_out(num_train)
    found = []
    if num_test <= NEIGHBOURS:
        found.append(
            f"precision, recall, density and coverage need more than {NEIGHBOURS} pictures to test on, and there are "
            f"{num_test}"
        )
    if held_out < MIN_COMPARED:
        found.append(
            "no score gets a floor, what real pictures would score: a sixth of the training pictures serves for it, at "
            f"least {MIN_COMPARED} are needed, and it is {held_out}"
        )
    elif held_out <= NEIGHBOURS < num_test:
        found.append(
            "precision, recall, density and coverage get no floor, what real pictures would score: a sixth of the "
            f"training pictures serves for it, more than {NEIGHBOURS} are needed, and it is {held_out}"
        )
    return found


def told(num_train: int, num_test: int) -> str | None:
    """Return the shortfalls in a sentence or two, None where there are none."""
    found = shortfalls(num_train, num_test)
    if not found:
        return None
    least = (NEIGHBOURS + 1) * 6
    return (
        f"so few pictures cannot be measured in full: {'; '.join(found)}. With {least} to train on and "
        f"{NEIGHBOURS + 1} to test on nothing is left out, and far more make the scores trustworthy."
    )


def proportion(num_train: int, batch_size: int) -> str | None:
    """Say where one step shows every training picture several times, None elsewhere."""
    if batch_size <= num_train:
        return None
    times = batch_size / num_train
    return (
        f"every step shows {batch_size:,} pictures, and there are {num_train:,} to train on: each of them "
        f"{times:.3g} times at once. Give more pictures, or a --batch-size of at most {num_train:,}."
    )
