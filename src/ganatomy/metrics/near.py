"""Kernel distance, precision, recall, density and coverage of one or several sample sets, as records of scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .jackknife import NUM_GROUPS
from .kernel import kernel_distance
from .left_out import left_out
from .prdc import K, Prdc, prdc
from .reference import Reference


def count_name(num: int) -> str:
    """Return a number of images as it stands in the names of scores: 10k, 1k, 200."""
    return f"{num // 1000}k" if num % 1000 == 0 else str(num)


Scores = dict[str, dict[str, Any]]


def near_scores(sets: Sequence[np.ndarray], real: Reference, network: str) -> tuple[Scores, list[dict[str, Any]]]:
    """Return the scores of feature sets [N, F] against the reference, by name, as in `measure.json`; what was left out.

    Each set stands alone; values are means over the sets. The floor is the same score of held-out real images. Scores
    that the number of images does not allow (neighbourhoods need more than k) are left out, and so are floors and
    errors; the second list names them with the reason. Another k than 5 stands in the names:
    `precision10k_k3_test[...]`.
    """
    if not sets:
        return {}, []
    num = len(sets[0])
    about = {
        "num_gen": num, "num_real": real.num, "num_floor": real.num_floor, "split": "test", "num_sets": len(sets),
    }  # fmt: skip

    def name(score: str, k: int = K) -> str:
        return f"{score}{count_name(num)}{'' if k == K else f'_k{k}'}_test[{network}]"

    kernels = [kernel_distance(rows, real.features) for rows in sets]
    values = [each.value for each in kernels]
    noise = (_sd(values), "sample sets") if len(sets) > 1 else (kernels[0].se, "jackknife")
    scores = {name("kd"): _score(values, real.kernel_floor, noise, about)}
    missing = []
    if real.kernel_floor is None:
        missing.append(left_out(name("kd"), "few_floor", "floor", least=1, num_floor=real.num_floor))
    if noise[0] is None:
        missing.append(left_out(name("kd"), "few_error", "error", least=2 * NUM_GROUPS, num_gen=num, num_real=real.num))
    near = [name(field, real.k) for field in Prdc._fields]
    if min(num, real.num) <= real.k:
        missing += [left_out(each, "few_neighbours", k=real.k, num_gen=num, num_real=real.num) for each in near]
    else:
        if real.prdc_floor is None:
            missing += [left_out(each, "few_floor", "floor", least=real.k, num_floor=real.num_floor) for each in near]
        found = [prdc(rows, real.features, real.k, real.radii) for rows in sets]
        for i, field in enumerate(Prdc._fields):
            values = [each[i] for each in found]
            floor = real.prdc_floor[i] if real.prdc_floor else None
            scores[name(field, real.k)] = _score(values, floor, (_sd(values), "sample sets"), about) | {"k": real.k}
    return scores, missing


def _score(
    values: list[float], floor: float | None, noise: tuple[float | None, str], about: dict[str, Any]
) -> dict[str, Any]:
    spread, spread_by = noise
    record = {"value": float(np.mean(values)), "floor": floor, **about, "values": values}
    return record | {"spread": spread, "spread_by": spread_by if spread is not None else None}


def _sd(values: list[float]) -> float | None:
    """Return the sample standard deviation, None of a single value."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else None
