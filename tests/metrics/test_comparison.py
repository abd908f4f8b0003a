"""Two groups of scores: the t distribution, Welch, permutations and effect sizes against SciPy; what is not decided."""

import itertools
import json
import math

import numpy as np
import pytest
from benchmarks import decisions
from scipy import stats

from ganatomy import rng
from ganatomy.errors import ConfigError
from ganatomy.metrics import comparison
from ganatomy.metrics.comparison import (
    compare_scores,
    hedges_g,
    holm,
    permutation,
    student_cdf,
    student_quantile,
    student_sf,
    welch,
    wilson,
)

FREEDOM = (1.0, 1.0001, 1.1, 1.37, 1.5, 2.0, 2.9, 3.0, 4.2, 7.5, 18.0, 46.0, 200.0, 1999.5, 1e5)


@pytest.mark.parametrize("df", FREEDOM)
def test_student_distribution(df):
    """Against scipy.stats to 1e-9: t from the middle to far tails; tails also in relation to their size."""
    for t in (0.0, 1e-6, 0.03, 0.5, 1.0, 1.96, 2.5, 4.0, 12.7, 63.7, 1e4):
        assert student_cdf(t, df) == pytest.approx(stats.t.cdf(t, df), abs=1e-9)
        assert student_cdf(-t, df) == pytest.approx(stats.t.cdf(-t, df), abs=1e-9)
        tail = stats.t.sf(t, df)
        if tail > 1e-250:
            assert student_sf(t, df) == pytest.approx(tail, rel=1e-7)
    for p in (0.5, 0.6, 0.9, 0.975, 0.995, 0.0249):
        assert student_quantile(p, df) == pytest.approx(stats.t.ppf(p, df), rel=1e-9, abs=1e-9)


def test_student_refuses_what_has_no_answer():
    for t, df in ((math.nan, 3), (1.0, 0.5), (1.0, math.inf)):
        with pytest.raises(ConfigError, match="finite and df at least 1"):
            student_sf(t, df)
    with pytest.raises(ConfigError, match="above 0 and below 1"):
        student_quantile(1.0, 3)


@pytest.mark.parametrize(("n_a", "n_b"), [(2, 2), (2, 5), (3, 3), (3, 4), (8, 8), (20, 24)])
def test_welch_is_scipys(n_a, n_b):
    draw = np.random.default_rng(n_a * 100 + n_b)
    a, b = draw.normal(1.0, 0.2, n_a), draw.normal(1.2, 0.05, n_b)
    mine, theirs = welch(a, b), stats.ttest_ind(b, a, equal_var=False)
    interval = theirs.confidence_interval(0.95)
    assert mine["t"] == pytest.approx(theirs.statistic, rel=1e-9)
    assert mine["df"] == pytest.approx(theirs.df, rel=1e-9)
    assert mine["p"] == pytest.approx(theirs.pvalue, abs=1e-9)
    assert (mine["lo"], mine["hi"]) == pytest.approx((interval.low, interval.high), rel=1e-8)


def difference(a, b, axis=-1):
    return np.mean(b, axis=axis) - np.mean(a, axis=axis)


@pytest.mark.parametrize(("n_a", "n_b"), [(2, 2), (3, 3), (3, 4), (2, 6), (5, 5)])
def test_exact_permutation_is_scipys(n_a, n_b):
    draw = np.random.default_rng(n_a * 10 + n_b)
    a, b = draw.normal(0, 1, n_a), draw.normal(1, 1, n_b)
    mine = permutation(a, b)
    # SciPy doubles the smaller of two tails; |difference| counts both ends, which is the same for equal sizes only.
    if n_a == n_b:
        theirs = stats.permutation_test((a, b), difference, n_resamples=np.inf, vectorized=True)
        assert mine["p"] == pytest.approx(theirs.pvalue, abs=1e-12)
    x, found = np.concatenate([a, b]), abs(difference(a, b))
    splits = list(itertools.combinations(range(n_a + n_b), n_a))
    hits = sum(abs(difference(x[list(s)], np.delete(x, s))) >= found - 1e-12 for s in splits)
    assert mine["p"] == hits / len(splits)
    assert mine["num_splits"] == len(splits)
    assert mine["is_exact"]
    assert mine["p"] >= mine["smallest"]


def test_the_smallest_permutation_p():
    """Groups that are wholly apart reach it: 0.1 for 3 against 3, and half of that per split for unequal sizes."""
    for n_a, n_b, smallest in ((2, 2, 2 / 6), (3, 3, 0.1), (3, 4, 1 / 35), (4, 4, 2 / 70)):
        found = permutation(np.arange(n_a) * 1.0, 100.0 + np.arange(n_b))
        assert found["p"] == found["smallest"] == smallest


def test_ties_count_although_rounding_breaks_them():
    """0.1 + 0.2 is not 0.3: of the 20 splits, those equal in exact arithmetic (in tenths) must all be counted."""
    tenths = [1, 2, 3, 1, 2, 3]
    x = [t / 10 for t in tenths]
    order = [0, 1, 4, 2, 3, 5]  # sums 5 and 7 in tenths
    a, b = order[:3], order[3:]
    splits = itertools.combinations(range(6), 3)
    exact = sum(abs(sum(tenths) - 2 * sum(tenths[i] for i in s)) >= 2 for s in splits) / 20
    for shift in (0.0, 1e6, -1e6):  # a constant added to all must not change what ties
        assert permutation(np.array([x[i] + shift for i in a]), np.array([x[i] + shift for i in b]))["p"] == exact
    same = np.full(3, 0.3)
    assert permutation(same, same)["p"] == 1.0


def test_many_splits_are_sampled_and_the_record_says_so():
    draw = np.random.default_rng(5)
    a, b = draw.normal(0, 1, 12), draw.normal(0.8, 1, 12)
    found = permutation(a, b)
    assert not found["is_exact"]
    assert found["num_splits"] == comparison.MAX_SPLITS
    assert found == permutation(a, b)  # the seed is fixed
    t = stats.ttest_ind(a, b).pvalue
    assert found["p"] == pytest.approx(t, abs=0.02)  # 4 standard errors of 20,000 draws are under 0.01; the rest: shape
    far = permutation(a, b + 100)
    assert far["p"] == far["smallest"] == 1 / (comparison.MAX_SPLITS + 1)
    record = compare_scores(np.exp(a), np.exp(b), better="lower", is_distance=True)
    assert "sampled" in {note["id"] for note in record["notes"]}


def test_hedges_g_against_the_approximation_and_the_definition():
    a, b = np.array([1.0, 2.0, 3.0]), np.array([2.0, 3.0, 4.0])
    assert hedges_g(a, b) == pytest.approx(1 - 3 / (4 * 4 - 1), rel=0.01)  # d = 1, J about 1 - 3 / (4 m - 1), m = 4
    assert hedges_g(a, b) == pytest.approx(math.gamma(2) / (math.sqrt(2) * math.gamma(1.5)), rel=1e-12)
    assert hedges_g(b, a) == -hedges_g(a, b)


def test_wilson_against_scipy():
    for hits, num in ((0, 10), (3, 10), (10, 10), (50, 1000), (1000, 1000)):
        theirs = stats.binomtest(hits, num).proportion_ci(0.95, method="wilson")
        assert wilson(hits, num) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
    with pytest.raises(ConfigError, match="not a share"):
        wilson(3, 2)


def test_a_clear_difference_of_distances():
    a, b = [17.3, 20.4, 16.9], [8.4, 8.4, 7.8]
    found = compare_scores(a, b, better="lower", is_distance=True)
    theirs = stats.ttest_ind(np.log(b), np.log(a), equal_var=False)
    interval = theirs.confidence_interval(0.95)
    assert found["scale"] == "log"
    assert found["verdict"] == "B better"
    assert found["welch"]["p"] == pytest.approx(theirs.pvalue, abs=1e-9)
    assert found["ratio"]["value"] == pytest.approx(stats.gmean(b) / stats.gmean(a), rel=1e-12)
    assert found["ratio"]["lo"] == pytest.approx(math.exp(interval.low), rel=1e-8)
    assert found["ratio"]["hi"] == pytest.approx(math.exp(interval.high), rel=1e-8)
    assert found["permutation"]["p"] == 0.1
    (note,) = found["notes"]
    assert note["id"] == "smallest"
    assert "3 against 3" in note["text"]
    assert "0.1" in note["text"]
    turned = compare_scores(b, a, better="lower", is_distance=True)
    assert turned["verdict"] == "A better"
    assert turned["ratio"]["value"] == pytest.approx(1 / found["ratio"]["value"])
    assert compare_scores(a, b, better="higher", is_distance=True)["verdict"] == "A better"


def test_shares_and_values_below_zero_stay_as_they_are():
    for a, b, is_distance in (
        ([0.5, 0.52, 0.51], [0.7, 0.72, 0.69], False),
        ([-0.01, 0.2, 0.1], [0.5, 0.6, 0.7], True),
    ):
        found = compare_scores(a, b, better="higher", is_distance=is_distance)
        assert found["scale"] == "plain"
        assert found["ratio"] is None
        assert found["difference"]["value"] == pytest.approx(np.mean(b) - np.mean(a))
        assert found["mean_b"] == pytest.approx(np.mean(b))
        assert found["verdict"] == "B better"
    assert compare_scores([0.0, 1.0], [2.0, 3.0], better="lower", is_distance=True)["scale"] == "plain"


@pytest.mark.parametrize(("a", "b"), [([1.0], [2.0]), ([1.0], [2.0, 2.1, 2.2]), ([1.0, 1.1], [9.0])])
def test_one_training_decides_nothing(a, b):
    found = compare_scores(a, b, better="lower", is_distance=True)
    assert found["verdict"] == "not decided"
    assert found["reason"]["id"] == "few"
    assert "at least 2 on each side" in found["reason"]["text"]
    assert found["welch"] is found["permutation"] is found["hedges_g"] is None
    assert found["ratio"]["value"] > 1
    assert found["ratio"]["lo"] is None


def test_groups_without_spread():
    """Equal scores on both sides: nothing can be tested, whether they agree or not. On one side: a test with a note."""
    for b in ([2.0, 2.0], [3.0, 3.0, 3.0 * (1 + 1e-15)]):
        found = compare_scores([2.0, 2.0], b, better="lower", is_distance=True)
        assert found["verdict"] == "not decided"
        assert found["reason"]["id"] == "flat"
        assert found["welch"] is found["hedges_g"] is None
    a, b = [0.0, 0.0, 0.0], [0.3, 0.31, 0.29]
    found = compare_scores(a, b, better="higher", is_distance=False)
    assert found["verdict"] == "B better"
    assert found["welch"]["df"] == pytest.approx(2)
    assert found["welch"]["p"] == pytest.approx(stats.ttest_1samp(b, 0.0).pvalue, abs=1e-9)
    assert "flat_a" in {note["id"] for note in found["notes"]}
    assert {note["id"] for note in compare_scores(b, a, better="higher", is_distance=False)["notes"]} >= {"flat_b"}


def test_spreads_far_below_the_scores_and_far_apart_stay_finite():
    """Variances that would underflow squared, ratios that would overflow: plain JSON numbers all the same."""
    cases = (
        ([1e-100, 2e-100], [3e-100, 4e-100], False),
        ([1e-300, 1e300], [1e-300, 1.0], True),
        ([1e5, 1e5 * (1 + 1e-9)], [1e5 * (1 + 1e-6), 1e5 * (1 + 2e-6)], True),
    )
    for a, b, is_distance in cases:
        found = compare_scores(a, b, better="lower", is_distance=is_distance)
        json.dumps(found, allow_nan=False)
        assert 0 <= found["welch"]["p"] <= 1
        assert 1 <= found["welch"]["df"] <= 2


def test_what_is_no_score_is_refused():
    for a in ([], [math.nan, 1.0], [math.inf]):
        with pytest.raises(ConfigError, match="each side needs finite numbers"):
            compare_scores(a, [1.0, 2.0], better="lower", is_distance=True)


def test_false_decisions_keep_to_five_percent():
    """1,000 draws of 4 against 4 from one normal distribution: Welch decides in 2.5 % to 7 % (a binomial's 3.6 sd)."""
    x = rng.generator(0, "test-comparison").normal(0, 0.1, (1000, 8))
    decided = sum(welch(row[:4], row[4:])["p"] < comparison.LEVEL for row in x)
    assert 25 <= decided <= 70


def test_holm_by_hand_and_against_its_definition():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.5]) == [1.0, 1.0]
    assert holm([0.02]) == [0.02]
    assert holm([]) == []
    p = rng.generator(0, "test-holm").random(7).tolist()
    order = sorted(p)
    by_hand = [max(min(1.0, (7 - j) * order[j]) for j in range(order.index(x) + 1)) for x in p]
    assert holm(p) == pytest.approx(by_hand)


def test_verdicts_that_hold_together():
    """p of 0.03 decides alone and not among three; a clear one stays; what has no test is no part of the family."""
    clear = compare_scores([1.0, 1.01, 0.99], [2.0, 2.01, 1.99], better="lower", is_distance=True)
    close = compare_scores([1.0, 1.1, 0.9], [1.22, 1.3, 1.16], better="lower", is_distance=True)
    assert 0.02 < close["welch"]["p"] < 0.05
    assert close["verdict"] == "A better"
    few = compare_scores([1.0], [2.0], better="lower", is_distance=True)
    found = comparison.decide_together([close, clear, close, few])
    assert [each["verdict"] for each in found] == ["not decided", "A better", "not decided", "not decided"]
    assert [(each["reason"] or {}).get("id") for each in found] == ["many", None, "many", "few"]
    assert "3 are decided together" in found[0]["reason"]["text"]
    assert found[0]["p_corrected"] == pytest.approx(2 * close["welch"]["p"])
    assert (found[3]["p_corrected"], found[3]["num_tests"]) == (None, 3)
    assert found[0]["welch"] == close["welch"]
    (alone,) = comparison.decide_together([close])
    assert (alone["verdict"], alone["p_corrected"]) == ("A better", close["welch"]["p"])
    json.dumps(found, allow_nan=False)


def test_unequal_sizes_count_the_smaller_groups_freedom():
    a, b = [1.0, 1.2], [1.9, 2.0, 2.1, 2.05, 1.95]
    found = compare_scores(a, b, better="lower", is_distance=False)
    assert found["welch"]["df"] == 1
    t = stats.ttest_ind(b, a, equal_var=False).statistic
    assert found["welch"]["t"] == pytest.approx(t)
    assert found["welch"]["p"] == pytest.approx(2 * stats.t.sf(abs(t), 1), abs=1e-9)
    assert "guarded" in {note["id"] for note in found["notes"]}
    for sizes in ((2, 2), (3, 3), (4, 9)):
        x = rng.generator(0, "test-sizes").normal(1, 0.1, sum(sizes))
        found = compare_scores(x[: sizes[0]].tolist(), x[sizes[0] :].tolist(), better="lower", is_distance=False)
        theirs = stats.ttest_ind(x[: sizes[0]], x[sizes[0] :], equal_var=False)
        assert found["welch"]["p"] == pytest.approx(theirs.pvalue, abs=1e-9)
        assert "guarded" not in {note["id"] for note in found["notes"]}


def test_six_equal_groups_and_unequal_sizes_keep_to_five_percent():
    """1,000 draws of a true 5 % are at most 72 in all but 1 of 1,000 cases; without the correction it is about 280."""
    alone, together = decisions.any_decided(6, 3, 1000)
    assert together <= 72
    assert alone > 150
    plain, guarded = decisions.decided_unequal((2, 5), 0.33, 100)
    assert guarded <= 13
    assert plain > guarded
