"""Is B better than A? Two groups of scores, each score of one independent training.

The unit is the training: sample sets of one network say nothing about training again. Welch's t test decides at 5 %,
two-sided (Welch 1947), on logarithms where every score is above 0 and the score is a distance, since trainings differ
by factors; on the scores as they are for shares and where one is 0 or below. Beside it stands the permutation test
over all ways to split the same scores into two such groups (Fisher 1935; Phipson & Smyth 2010 for the sampled one),
which assumes no normal distribution but cannot give a p below one over the number of splits.

Verdicts on several pairs hold together: `decide_together` corrects them (Holm). Groups of different sizes, the smaller
of 2 or 3, are tested more strictly: there Welch's approximation decides up to 11 % of equal groups whose spreads
differ (`python -m benchmarks.decisions`).

A group whose scores are all equal has no spread to test against. Where only one group has none, Welch's test rests on
the other alone, and a note says so; where neither has, its t is 0/0 or x/0, and nothing is decided.
"""

from __future__ import annotations

import functools
import itertools
import math
import statistics
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .. import rng
from ..errors import ConfigError

Array = npt.NDArray[np.float64]
Better = Literal["lower", "higher"]

LEVEL = 0.05
"""Share of false decisions that is accepted per test."""
GUARDED = 4
"""Groups of different sizes are tested with the degrees of freedom of the smaller one where it has fewer than these."""
MAX_SPLITS = 20_000
"""Splits that are tried one by one; of more, as many are drawn."""
TIE = 1e-9
"""Differences of means that are equal but for rounding, relative to the largest deviation from the common mean."""
EQUAL = 1e-12
"""Relative range below which scores count as all equal."""
NUM_NODES = 200
MAX_EXPONENT = 700.0
"""Logarithms are cut here before `exp`, which overflows at 709.8: an interval that long says nothing anyway."""


@functools.cache
def _nodes() -> tuple[Array, Array]:
    """Return the Gauss-Legendre nodes and weights on [0, 1]."""
    x, w = np.polynomial.legendre.leggauss(NUM_NODES)
    return (x + 1) / 2, w / 2


def student_sf(t: float, df: float) -> float:
    """Return P(T > t) of Student's t distribution with `df` >= 1 degrees of freedom, not necessarily whole.

    With T = sqrt(df) tan(theta) the density becomes c cos^(df - 1)(theta), c = Gamma((df + 1) / 2) /
    (sqrt(pi) Gamma(df / 2)), so P(T > t) = c times the integral of it from atan(t / sqrt(df)) to pi / 2. Gauss-Legendre
    quadrature with 200 nodes in u, theta = pi / 2 - u^4, which removes the root at pi / 2; absolute error below 1e-9.

    Raises:
        ConfigError: df below 1 or a value that is not finite.
    """
    if not (math.isfinite(t) and math.isfinite(df) and df >= 1):
        raise ConfigError(f"t is {t} and df is {df}; both must be finite and df at least 1.")
    if t < 0:
        return 1.0 - student_sf(-t, df)
    return _tail(math.atan2(math.sqrt(df), t), df)


def _tail(phi: float, df: float) -> float:
    """Return P(T > sqrt(df) / tan(phi)), phi in [0, pi / 2]: c times the integral of sin^(df - 1) from 0 to phi."""
    x, w = _nodes()
    # The largest sine, at the end, is taken out of the power: it would underflow for many degrees of freedom. Where
    # the rest is below e^-46 (log cos falls faster than -theta^2 / 2) no node is spent.
    top = math.sin(phi)
    if top == 0.0:
        return 0.0
    reach = math.sqrt(92 / (df - 1) + (math.pi / 2 - phi) ** 2) if df > 1 else math.pi
    start, end = max(0.0, math.pi / 2 - reach) ** 0.25, phi**0.25
    u = start + (end - start) * x
    inside = float(np.sum(w * (np.sin(u**4) / top) ** (df - 1) * 4 * u**3) * (end - start))
    log_c = math.lgamma((df + 1) / 2) - math.lgamma(df / 2) - 0.5 * math.log(math.pi)
    return math.exp(log_c + (df - 1) * math.log(top)) * inside


def student_cdf(t: float, df: float) -> float:
    """Return P(T <= t) of Student's t distribution with `df` >= 1 degrees of freedom."""
    return student_sf(-t, df)


def student_quantile(p: float, df: float) -> float:
    """Return the t with P(T <= t) = p, 0 < p < 1, `df` >= 1, by bisection over the angle."""
    if not 0 < p < 1:
        raise ConfigError(f"p is {p}; it must be above 0 and below 1.")
    if p < 0.5:
        return -student_quantile(1 - p, df)
    low, high = 0.0, math.pi / 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if _tail(middle, df) < 1 - p else (low, middle)
    return math.sqrt(df) * math.cos(high) / math.sin(high)


def wilson(num_hits: int, num: int, level: float = LEVEL) -> tuple[float, float]:
    """Return the interval of a share at confidence 1 - level (Wilson 1927): (lo, hi) in [0, 1].

    It stays sensible near 0 and 1. A count outside 0 to num, or no trial, is a `ConfigError`.
    """
    if not 0 <= num_hits <= num or num < 1:
        raise ConfigError(f"{num_hits} of {num} is not a share; at least one trial is needed.")
    z = statistics.NormalDist().inv_cdf(1 - level / 2)
    share, extra = num_hits / num, z * z / num
    centre = (share + extra / 2) / (1 + extra)
    half = z / (1 + extra) * math.sqrt(share * (1 - share) / num + extra / (4 * num))
    return max(0.0, centre - half), min(1.0, centre + half)


def welch(a: Array, b: Array, *, is_guarded: bool = False) -> dict[str, float]:
    """Return Welch's t test of mean(b) - mean(a) for groups [n_a] and [n_b] of at least 2, not both without spread.

    `t`, `df` (Satterthwaite's), two-sided `p`, and the 95 % interval `lo` to `hi` of the difference. Guarded, df is
    that of the smaller group, n - 1: then no mixture of spreads decides more often than the level says (Mickey & Brown
    1966).
    """
    parts = [float(np.var(x, ddof=1)) / len(x) for x in (a, b)]
    total = sum(parts)
    # Written with shares of the total, so that tiny variances do not underflow when squared.
    df = 1 / sum((part / total) ** 2 / (len(x) - 1) for part, x in zip(parts, (a, b)))
    if is_guarded:
        df = float(min(len(a), len(b)) - 1)
    error, difference = math.sqrt(total), float(np.mean(b) - np.mean(a))
    t = difference / error
    half = student_quantile(1 - LEVEL / 2, df) * error
    return {
        "t": t, "df": df, "p": min(1.0, 2 * student_sf(abs(t), df)), "lo": difference - half, "hi": difference + half,
    }  # fmt: skip


def permutation(a: Array, b: Array, *, seed: int = 0) -> dict[str, Any]:
    """Return the permutation test of the difference of means, two-sided, for groups [n_a] and [n_b].

    `p` is the share of splits whose absolute difference is at least the one found (ties count). Up to 20,000 splits
    are all tried; of more, 20,000 are drawn by `seed` and p = (hits + 1) / (20,000 + 1), the found split being one.
    `smallest` is the smallest p that groups of these sizes can have, `is_exact` whether all splits were tried.
    """
    x = np.concatenate([a, b])
    x = x - x.mean()
    n_a, n_b = len(a), len(b)
    num_all = math.comb(n_a + n_b, n_a)
    is_exact = num_all <= MAX_SPLITS
    if is_exact:
        rows = np.array(list(itertools.combinations(range(n_a + n_b), n_a)))
    else:
        draw = rng.generator(seed, "comparison-splits")
        rows = np.argsort(draw.random((MAX_SPLITS, n_a + n_b)), axis=1)[:, :n_a]
    sums = x[rows].sum(axis=1)
    differences = np.abs((x.sum() - sums) / n_b - sums / n_a)
    found = abs(float(x[n_a:].mean() - x[:n_a].mean()))
    hits = int(np.sum(differences >= found - TIE * float(np.abs(x).max())))
    # With equal sizes every split has a mirror image with the same absolute difference.
    smallest = (2 if n_a == n_b else 1) / num_all
    p = hits / num_all if is_exact else (hits + 1) / (MAX_SPLITS + 1)
    return {
        "p": p, "num_splits": len(rows), "is_exact": is_exact,
        "smallest": smallest if is_exact else max(smallest, 1 / (MAX_SPLITS + 1)),
    }  # fmt: skip


def hedges_g(a: Array, b: Array) -> float | None:
    """Return the difference mean(b) - mean(a) in pooled standard deviations, with Hedges' correction for few values.

    Hedges 1981, eq. 6: J = Gamma(m / 2) / (sqrt(m / 2) Gamma((m - 1) / 2)), m = n_a + n_b - 2. None without spread.
    """
    m = len(a) + len(b) - 2
    pooled = (np.var(a, ddof=1) * (len(a) - 1) + np.var(b, ddof=1) * (len(b) - 1)) / m
    if pooled <= 0:
        return None
    correction = math.exp(math.lgamma(m / 2) - math.lgamma((m - 1) / 2)) / math.sqrt(m / 2)
    return float(correction * (np.mean(b) - np.mean(a)) / math.sqrt(pooled))


def compare_scores(a: Sequence[float], b: Sequence[float], *, better: Better, is_distance: bool) -> dict[str, Any]:
    """Compare two groups of scores of independent trainings, [n_a] and [n_b], of the same protocol.

    Args:
        a: scores of the first group, one per training, finite, at least one.
        b: scores of the second group.
        better: whether `lower` or `higher` scores are better.
        is_distance: whether the score is a distance, to be compared by factors.

    Returns:
        a record of plain JSON values: `scale` (log or plain), `better`, `num_a`, `num_b`, `mean_a`, `mean_b`
        (geometric means on the log scale), `difference` {value, lo, hi} of B - A on the scale, `ratio` {value, lo, hi}
        of B to A (None on the plain scale), `welch` {t, df, p}, `permutation`, `hedges_g`, `verdict` (`A better`,
        `B better`, `not decided`), `reason` {id, text} where nothing was decided, and `notes` [{id, text}]. What too
        few trainings or no spread forbid is None.

    Raises:
        ConfigError: an empty group or a score that is not finite.
    """
    raw = [np.asarray(x, dtype=np.float64) for x in (a, b)]
    if not all(len(x) and np.isfinite(x).all() for x in raw):
        raise ConfigError(f"the scores to compare are {list(a)} and {list(b)}; each side needs finite numbers.")
    is_log = is_distance and all(bool((x > 0).all()) for x in raw)
    x_a, x_b = (np.log(x) if is_log else x for x in raw)
    few = min(len(x_a), len(x_b)) < 2
    flat = [bool(np.ptp(x) <= EQUAL * np.abs(x).max()) for x in raw]
    is_guarded = len(x_a) != len(x_b) and min(len(x_a), len(x_b)) < GUARDED
    tested = None if few or all(flat) else welch(x_a, x_b, is_guarded=is_guarded)
    value = float(np.mean(x_b) - np.mean(x_a))
    ends = (tested["lo"], tested["hi"]) if tested else (None, None)
    shuffled = None if few else permutation(x_a, x_b)
    verdict, reason = _decide(value, tested, better, (len(x_a), len(x_b)))
    return {
        "scale": "log" if is_log else "plain",
        "better": better,
        "num_a": len(x_a),
        "num_b": len(x_b),
        "mean_a": _back(float(np.mean(x_a)), is_log),
        "mean_b": _back(float(np.mean(x_b)), is_log),
        "difference": {"value": value, "lo": ends[0], "hi": ends[1]},
        "ratio": _ratio(value, ends) if is_log else None,
        "welch": {key: tested[key] for key in ("t", "df", "p")} if tested else None,
        "permutation": shuffled,
        "hedges_g": None if few or all(flat) else hedges_g(x_a, x_b),
        "verdict": verdict,
        "reason": reason,
        "notes": [] if few else _notes(flat, shuffled, (len(x_a), len(x_b)), is_guarded),
    }


def _back(value: float, is_log: bool) -> float:
    return math.exp(max(-MAX_EXPONENT, min(MAX_EXPONENT, value))) if is_log else value


def _ratio(value: float, ends: tuple[float | None, float | None]) -> dict[str, float | None]:
    lo, hi = (None if end is None else _back(end, True) for end in ends)
    return {"value": _back(value, True), "lo": lo, "hi": hi}


def _decide(
    value: float, tested: dict[str, float] | None, better: Better, sizes: tuple[int, int]
) -> tuple[str, dict[str, str] | None]:
    """Return the verdict and, where there is none, the reason."""
    if min(sizes) < 2:
        text = (
            f"there are {sizes[0]} and {sizes[1]} trainings; one training says nothing about training again, so at "
            "least 2 on each side are needed, better 3 or more."
        )
        return "not decided", {"id": "few", "text": text}
    if tested is None:
        text = (
            "within each group all scores are equal, so there is no spread to test against. Different seeds hardly "
            "ever give equal scores: are the trainings independent, or is the score at its end?"
        )
        return "not decided", {"id": "flat", "text": text}
    if tested["p"] >= LEVEL:
        text = f"a difference this large comes about by chance too often (Welch's p = {tested['p']:.2g})."
        return "not decided", {"id": "chance", "text": text}
    return ("B better" if (value < 0) == (better == "lower") else "A better"), None


def holm(p: Sequence[float]) -> list[float]:
    """Return the p values of tests that are decided together, corrected by Holm's method: each at least as large.

    If nothing differs in any of them, one below the level comes about at most as often as the level says, however the
    tests depend on each other (Holm 1979).
    """
    corrected, largest = [0.0] * len(p), 0.0
    for rank, i in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        largest = max(largest, min(1.0, (len(p) - rank) * p[i]))
        corrected[i] = largest
    return corrected


def decide_together(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return records of `compare_scores` with verdicts that hold together: corrected by Holm over those with a test.

    Each gets `p_corrected` (None without a test) and `num_tests`; what is decided alone but not among so many loses its
    verdict, with the reason `many`. Tests and intervals stay those of each record alone.
    """
    tested = [i for i, record in enumerate(records) if record["welch"]]
    corrected = dict(zip(tested, holm([records[i]["welch"]["p"] for i in tested])))
    found = []
    for i, record in enumerate(records):
        p = corrected.get(i)
        more: dict[str, Any] = {"p_corrected": p, "num_tests": len(tested)}
        if p is not None and p >= LEVEL and record["verdict"] != "not decided":
            text = (
                f"alone it would be decided (Welch's p = {record['welch']['p']:.2g}), but {len(tested)} are decided "
                f"together, and among so many such a difference comes about by chance too often (Holm's p = {p:.2g})."
            )
            more |= {"verdict": "not decided", "reason": {"id": "many", "text": text}}
        found.append(record | more)
    return found


def _notes(
    flat: Sequence[bool], shuffled: dict[str, Any] | None, sizes: tuple[int, int], is_guarded: bool
) -> list[dict[str, str]]:
    """Return what must be said beside the numbers."""
    notes = []
    if is_guarded:
        text = (
            f"with {sizes[0]} against {sizes[1]} trainings Welch's test would decide too often where the spreads "
            f"differ, so it counts the degrees of freedom of the smaller group, {min(sizes) - 1}. Equal numbers, or "
            f"{GUARDED} and more on a side, need no such guard."
        )
        notes.append({"id": "guarded", "text": text})
    if flat[0] != flat[1]:
        which, other = ("A", "B") if flat[0] else ("B", "A")
        text = f"the scores of {which} are all equal, so the test rests on the spread of {other} alone."
        notes.append({"id": f"flat_{which.lower()}", "text": text})
    if min(sizes) == 2:
        text = "2 trainings on a side are the least that can be tested; a statement about a recipe needs 3 or more."
        notes.append({"id": "two", "text": text})
    if shuffled and shuffled["smallest"] >= LEVEL:
        text = (
            f"with {sizes[0]} against {sizes[1]} trainings the permutation p cannot be below "
            f"{shuffled['smallest']:.2g}, however large the difference."
        )
        notes.append({"id": "smallest", "text": text})
    if shuffled and not shuffled["is_exact"]:
        text = f"the permutation p is from {shuffled['num_splits']:,} random splits, not from all."
        notes.append({"id": "sampled", "text": text})
    return notes
