"""What a measurement with memorisation leaves in a run folder, fabricated: records, closest pairs, a second network."""

from __future__ import annotations

from typing import Any

import numpy as np


def memorisation(*, copies: bool, num_train: int, num_test: int) -> dict[str, Any]:
    """Return the key `memorisation` of measure.json: of a generator that copies in features only, or not at all."""
    num_test = min(1000, num_test)
    kinds = {
        "pixels": (0.008, 0.41, 1310.0, 1190.0, 60_000),
        "features": (0.043 if copies else 0.012, 0.52, 3.9, 4.0, 10_000),
    }
    return {
        kind: {
            "num_gen": 1000,
            "num_test": num_test,
            "num_train": min(num_train, most),
            "capped": num_train > most,
            "median_gen": median_gen,
            "median_test": median_test,
            "closer": closer,
            "too_close": too_close,
            "expected": 0.01098,
            "limit": 0.02495,
            "pairs": [{"gen": 31 * i, "train": 77 * i, "distance": median_test * (0.4 + i / 20)} for i in range(8)],
        }
        for kind, (too_close, closer, median_gen, median_test, most) in kinds.items()
    }  # fmt: skip


def with_near_scores(record: dict[str, Any], network: str) -> dict[str, Any]:
    """Return a measurement as another network would give it: its Fréchet distance times three, and precision."""
    (score,) = record["scores"].values()
    values = [3 * value for value in score["values"]]
    about = {name: score[name] for name in ("num_gen", "num_real", "num_floor", "split", "num_sets")}
    scores = {
        f"fd10k_test[{network}]": score | {"value": float(np.mean(values)), "values": values},
        f"precision10k_test[{network}]": {**about, "value": 0.61, "floor": 0.9, "spread": 0.004, "k": 5},
    }
    return {**record, "features": {"name": network, "sha256": "0b" * 32, "test_accuracy": 0.92}, "scores": scores}
