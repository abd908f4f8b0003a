"""The health rules on made-up series whose faults are known, and on the recorded runs they were tested on."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from benchmarks import health as recorded

from ganatomy import files
from ganatomy.metrics import health

NIMG = list(range(200, 20_001, 200))
GOOD = {"Loss/D/adv": 0.5, "Loss/G/adv": 3.0, "Grad/G/norm": 15.0, "Accuracy/real": 0.9, "Accuracy/fake": 0.92}
LOOK = {
    "kd": 0.1,
    "diversity": 0.75,
    "class_entropy": 0.95,
    "movement": 0.3,
    "overfit": 0.03,
    "d_train": 2.0,
    "d_test": 1.9,
}


def record(stats=lambda nimg: {}, panel=lambda nimg: {}, **more) -> health.Record:
    """A healthy run of 20,000 images but for what the two functions say of an image count."""
    lines = [{"cur_nimg": n, **GOOD, **stats(n)} for n in NIMG]
    looks = [
        {"cur_nimg": n, **LOOK, "kd": 0.6 if n == 0 else 0.1, "class_counts": [64] * 4, **panel(n)}
        for n in range(0, 20_001, 2_000)
    ]
    return health.Record(lines, looks, 20_000, **more)


def states(found: health.Record) -> dict[str, str]:
    return {verdict.id: verdict.state for verdict in health.judge(found)}


def fired(found: health.Record) -> dict[str, int | None]:
    return {verdict.id: verdict.nimg for verdict in health.judge(found) if verdict.state == "fired"}


def test_a_healthy_run_fires_nothing():
    assert set(states(record()).values()) == {"clear"}
    assert health.overall(health.judge(record())) == "healthy"


def after(nimg, **values):
    """From an image count on, other values."""
    return lambda n: values if n > nimg else {}


def swinging(n):
    return {"class_counts": [250, 2, 2, 2] if (n // 2000) % 2 else [2, 2, 2, 250]} if n > 10_000 else {}


@pytest.mark.parametrize(
    ("verdict", "found", "earliest", "latest"),
    [
        ("d_strong", record(stats=after(12_000, **{"Loss/D/adv": 0.001})), 12_200, 13_200),
        ("d_weak", record(stats=after(12_000, **{"Accuracy/real": 0.1})), 12_200, 13_200),
        ("g_vanishing", record(stats=after(12_000, **{"Grad/G/norm": 0.01})), 12_200, 13_200),
        ("divergence", record(stats=after(12_000, **{"Loss/G/adv": 20.0})), 12_200, 13_200),
        ("divergence", record(panel=after(12_000, kd=0.6)), 14_000, 14_000),
        ("divergence", record(diverged_nimg=15_000), 15_000, 15_000),
        ("collapse", record(panel=after(12_000, diversity=0.2)), 14_000, 14_000),
        ("collapse", record(panel=after(12_000, class_entropy=0.2)), 14_000, 14_000),
        ("collapse", record(panel=after(12_000, class_counts=[128, 128, 0, 0])), 14_000, 18_000),
        ("stalled", record(panel=after(12_000, movement=0.0)), 14_000, 14_000),
        ("memorising", record(panel=after(12_000, overfit=0.6, d_test=0.5)), 14_000, 14_000),
        ("oscillation", record(panel=swinging), 12_000, 16_000),
    ],
)
def test_each_fault_fires_its_own_verdict_and_no_other(verdict, found, earliest, latest):
    names = fired(found)
    assert set(names) == {verdict}
    assert earliest <= names[verdict] <= latest
    assert health.overall(health.judge(found)) == "unhealthy"


def test_a_fault_that_ends_has_passed_and_keeps_its_date():
    found = record(panel=lambda n: {"movement": 0.0} if n == 10_000 else {})
    verdict = next(verdict for verdict in health.judge(found) if verdict.id == "stalled")
    assert (verdict.state, verdict.nimg) == ("passed", 10_000)
    assert health.overall(health.judge(found)) == "passed"


def test_the_first_images_are_not_judged():
    early = {"Loss/D/adv": 0.001, "Loss/G/adv": 30.0}
    found = record(stats=lambda n: early if n <= 4_000 else {}, panel=lambda n: {"diversity": 0.1} if n < 8_000 else {})
    assert not fired(found)
    short = health.Record(found.stats[:10], found.panel[:2], 2_000)
    assert set(states(short).values()) == {"unknown"}
    assert health.overall(health.judge(short)) == "unknown"


def test_what_is_judged_in_mid_run_is_what_the_whole_record_says_of_that_time():
    """The verdicts are online: no later line changes when one fired."""
    found = record(stats=after(12_000, **{"Loss/D/adv": 0.001}), panel=after(15_000, movement=0.0))
    whole = fired(found)
    for nimg in range(6_000, 20_001, 2_000):
        part = dataclasses.replace(
            found,
            stats=[line for line in found.stats if line["cur_nimg"] <= nimg],
            panel=[line for line in found.panel if line["cur_nimg"] <= nimg],
        )
        assert fired(part) == {name: at for name, at in whole.items() if at <= nimg}


def test_a_gap_that_256_images_show_by_chance_is_no_memorising():
    assert not fired(record(panel=after(12_000, overfit=0.6, d_test=1.4)))


def test_noise_is_no_collapse():
    """The same small variety, before and after the images have come nearer to real ones."""
    still_noise = record(panel=lambda n: {"kd": 0.6, "diversity": 0.2, "class_entropy": 0.1})
    assert states(still_noise)["collapse"] == "unknown"
    assert fired(record(panel=lambda n: {"diversity": 0.2, "kd": 0.6 if n < 12_000 else 0.3})) == {"collapse": 12_000}
    assert "collapse" in fired(dataclasses.replace(still_noise, is_fresh=False))


def test_without_a_panel_only_the_losses_are_judged():
    found = dataclasses.replace(record(), panel=[])
    known = {name for name, state in states(found).items() if state == "clear"}
    assert known == {"d_strong", "d_weak", "g_vanishing", "divergence"}


def test_a_warm_start_is_not_measured_by_its_first_look():
    found = record(panel=lambda n: {"kd": 0.02 if n == 0 else 0.1}, is_fresh=False)
    assert "divergence" not in fired(found)
    assert "divergence" in fired(dataclasses.replace(found, is_fresh=True))


def test_running_means_equal_the_plain_loop():
    draw = np.random.default_rng(1)
    nimg, values = np.cumsum(draw.integers(50, 400, 60)).astype(float), draw.normal(2, 1, 60)
    found = health.Record([{"cur_nimg": n, "x": v} for n, v in zip(nimg, values)], [], 30_000)
    window = 0.05 * 30_000
    means = [values[(nimg > n - window) & (nimg <= n)].mean() for n in nimg]
    np.testing.assert_allclose(health.of_stats("x", found)[1], means, rtol=1e-12)
    ratios = health.against_own_past("x", found)[1]
    before = [values[nimg <= n - window] for n in nimg]
    wanted = [m / b.mean() if len(b) and b.mean() > 0 else np.nan for m, b in zip(means, before)]
    np.testing.assert_allclose(ratios, wanted, rtol=1e-12)


def test_the_thresholds_are_those_of_the_recorded_runs():
    made = files.read_json(health.THRESHOLDS)
    assert {key: value for key, value in made.items() if key != "schema"} == recorded.thresholds(recorded.recorded())
    assert set(health.thresholds()) == {signal.id for signal in health.SIGNALS}
    for run in recorded.healthy(recorded.recorded(), recorded.MADE_FROM):
        assert not recorded.first_fired(run)


def test_false_alarms_and_planted_faults_are_as_the_document_says():
    """On runs whose seeds the thresholds were not made from."""
    runs = recorded.recorded()
    document = (Path(__file__).parents[2] / "docs" / "health.md").read_text(encoding="utf-8")
    for part in (recorded.threshold_table, recorded.false_alarms, recorded.fault_table, recorded.mlp_lines):
        assert part(runs) in document
    assert "Named in time: 31 of 32 runs" in document
