"""C6 with precision, C9 with what small noise is worth, C10 by both distances; older records are decided too."""

import json

import numpy as np
import pytest
from planted_evidence import D, N, one, priors_record, rows_of, training

from ganatomy.latent.priors import PRIORS


def precise(evidence, base=0.8, edit=0.2, num_kept=0):
    """Add precision: mean `base` for the unedited, `edit` for edits except for the last `num_kept` numbers."""

    def share(mean):
        return (np.arange(N) < round(mean * N)).astype(np.float32)

    edits = np.broadcast_to(share(edit), (3, D, N)).copy()
    edits[:, D - num_kept :] = share(base)
    evidence.arrays["all/base/precision"] = share(base)
    evidence.arrays["all/edit/precision"] = edits
    evidence.arrays["all/control/precision"] = np.broadcast_to(share(base), (D, N)).copy()
    return evidence


def test_c6_holds_when_confidence_and_precision_fall():
    row = one("C6", precise(training()))
    assert (row["verdict"], row["value"]) == ("holds", 1)
    assert "note" not in row
    assert [part["statistic"] for part in row["parts"]] == [
        "share of numbers d with mean confidence - base <= -0.1 for edit(d, 20)",
        "share of numbers d with precision - base <= -0.1 for edit(d, 20)",
    ]
    assert row["statistic"] == row["parts"][0]["statistic"]
    assert row["parts"][1]["median"] == pytest.approx((round(0.2 * N) - round(0.8 * N)) / N)
    assert row["parts"][1]["control"]["value"] == 0


@pytest.mark.parametrize(
    ("num_kept", "confident", "verdict", "shown"),
    [
        (16, False, "fails", "precision"),
        (9, False, "holds", "confidence"),
        (10, False, "fails", "precision"),
        (0, True, "fails", "confidence"),
        (9, True, "fails", "confidence"),
    ],
)
def test_c6_shows_the_part_that_decides(num_kept, confident, verdict, shown):
    changed = {"edit__confidence": np.full((3, D, N), 0.88)} if confident else {}
    row = one("C6", precise(training(**changed), num_kept=num_kept))
    assert row["verdict"] == verdict
    assert shown in row["statistic"]
    decisive = next(part for part in row["parts"] if part["statistic"] == row["statistic"])
    assert (row["value"], row["lo"], row["hi"]) == (decisive["value"], decisive["lo"], decisive["hi"])
    assert row["control"] == decisive["control"]


def test_c6_without_precision_is_decided_by_confidence_and_says_so():
    plain = one("C6", training())
    assert (plain["verdict"], plain["reason"]) == ("holds", None)
    assert plain["note"] == "precision was not measured for gan-s0, so confidence alone decides."
    assert "parts" not in plain
    with_precision = one("C6", precise(training()))
    first = with_precision["parts"][0]
    assert {key: plain[key] for key in first} == first
    mixed = rows_of({"gan": [precise(training("gan-s0")), training("gan-s1", 1)]})["C6"]
    assert "not measured for gan-s1" in mixed["note"]


def test_c6_where_there_is_no_precision_to_lose():
    """A share below 0.1 cannot fall by 0.1: that refutes nothing."""
    row = one("C6", precise(training(), base=0.06, edit=0.0))
    assert row["verdict"] == "holds"
    assert row["note"].startswith("the precision of the unedited images of gan-s0 is 0.06")
    assert row["note"].endswith("so confidence alone decides.")


def with_worth(recall=0.4):
    rows = [{"prior": "normal x 0.1", "value": 30.0, "kernel": 0.5, "precision": 0.9, "recall": 0.01}]
    rows.append({"prior": "normal", "value": 2.0, "kernel": 0.1, "precision": 0.7, "recall": recall})
    return priors_record() | {"small_noise": {"scale": 0.1, "rows": rows}}


def test_c9_says_what_small_noise_is_worth_beside_its_verdict():
    plain, row = one("C9", training()), one("C9", training(priors=with_worth()))
    assert "worth" not in plain
    assert {key: row[key] for key in plain} == plain
    assert row["worth"]["small"] == {"frechet": 30.0, "kernel": 0.5, "precision": 0.9, "recall": 0.01}
    both = [training("gan-s0", priors=with_worth(0.4)), training("gan-s1", 1, priors=with_worth(0.2))]
    assert rows_of({"gan": both})["C9"]["worth"]["normal"]["recall"] == pytest.approx(0.3)
    assert "worth" not in rows_of({"gan": [both[0], training("gan-s1", 1)]})["C9"]
    del both[1].record["priors"]["small_noise"]["rows"][0]["recall"]
    assert "recall" not in rows_of({"gan": both})["C9"]["worth"]["small"]


def with_kernel(kernel, differences=0.5):
    record = priors_record(differences)
    others = iter(kernel)
    for row in record["frechet"]:
        gap = 0.0 if row["prior"] == "normal" else next(others)
        row |= {"kernel": 0.2 + gap, "kernel_se": 0.01, "kernel_difference": gap}
        row["kernel_difference_se"] = 0.0 if row["prior"] == "normal" else 0.001
    return record


def test_c10_is_decided_by_frechet_and_says_whether_the_kernel_distance_agrees():
    gaps = [0.6, 0.5, 0.4, 0.3, 0.2, 0.1]
    plain = one("C10", training(priors=priors_record(gaps)))
    assert "kernel" not in plain
    same = one("C10", training(priors=with_kernel([gap / 10 for gap in gaps], gaps)))
    assert {key: same[key] for key in plain} == plain
    assert (same["kernel"]["verdict"], same["kernel"]["nearest"]) == ("holds", list(PRIORS)[-1])
    assert (same["kernel"]["num_pairs"], same["kernel"]["num_same_order"]) == (21, 21)
    assert same["kernel"]["is_same_order"] is True
    assert same["kernel"]["value"] == pytest.approx(0.01)
    # The kernel distance prefers the first of the others: below the six that Frechet puts before it.
    other = one("C10", training(priors=with_kernel([-0.05, 0.05, 0.04, 0.03, 0.02, 0.01], gaps)))
    assert (other["verdict"], other["kernel"]["verdict"], other["kernel"]["nearest"]) == (
        "holds",
        "fails",
        "normal x 0.5",
    )
    assert (other["kernel"]["num_same_order"], other["kernel"]["is_same_order"]) == (21 - 6, False)
    json.dumps(other, allow_nan=False)


def test_c10_of_trainings_of_which_one_lacks_the_kernel_distance():
    both = [training("gan-s0", priors=with_kernel([0.1] * 6)), training("gan-s1", 1)]
    row = rows_of({"gan": both})["C10"]
    assert row["verdict"] == "holds"
    assert "kernel" not in row
