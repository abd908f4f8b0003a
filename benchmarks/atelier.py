"""How fast `atelier` is drawn, and how well its feature network knows pictures that nobody trained on.

    python -m benchmarks.atelier

Prints JSON: seconds for 60,000 + 10,000 pictures (median of 5) and, on 10,000 pictures of another seed, the share of
right classes and the error of each factor over the classes it applies to, beside that of always saying 0.5.
"""

from __future__ import annotations

import json
import statistics
import time

import numpy as np

from ganatomy import device
from ganatomy.datasets import atelier
from ganatomy.metrics.features import load_features

NUM_REPEATS = 5
FRESH_SEED = 1


def seconds() -> list[float]:
    """Return the seconds of drawing the whole set, per repeat."""
    times = []
    for _ in range(NUM_REPEATS):
        start = time.perf_counter()
        atelier.load()
        times.append(time.perf_counter() - start)
    return times


def main() -> None:
    """Print the record."""
    times = seconds()
    network = load_features("atelier-v1")
    fresh = atelier.draw(10_000, seed=FRESH_SEED, split="test")
    features, probabilities = network.extract(fresh.images)
    labels, truth = fresh.labels.numpy(), fresh.factors.numpy()
    estimate = network.predict_factors(features)
    assert estimate is not None
    applies = atelier.APPLIES[labels]
    errors = {
        name: {
            "rmse": round(float(np.sqrt(np.mean((estimate - truth)[applies[:, i], i] ** 2))), 4),
            "rmse_of_0.5": round(float(np.sqrt(np.mean((0.5 - truth)[applies[:, i], i] ** 2))), 4),
        }
        for i, name in enumerate(atelier.FACTORS)
    }
    record = {
        "num_pictures": atelier.NUM_TRAIN + atelier.NUM_TEST,
        "draw_seconds_median": round(statistics.median(times), 2),
        "draw_seconds": [round(each, 2) for each in times],
        "fresh_seed": FRESH_SEED,
        "fresh_accuracy": float((probabilities.argmax(axis=1) == labels).mean()),
        "factors": errors,
        "environment": device.environment(),
    }
    print(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
