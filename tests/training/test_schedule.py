"""When things happen, and how fast the average forgets: pure functions of the images seen."""

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganatomy import presets
from ganatomy.training import schedule


@given(interval=st.integers(1, 300), batch=st.integers(1, 100), total=st.integers(1, 2000))
def test_due_once_per_interval_and_at_the_start(interval, batch, total):
    """At most once a step, at 0, and after each multiple of the interval at the first step that reaches it."""
    last, now, due = -1, 0, []
    while True:
        if schedule.is_due(interval, last, now):
            due.append(now)
        if now == total:
            break
        last, now = now, min(now + batch, total)
    expected = {min(math.ceil(multiple / batch) * batch, total) for multiple in range(0, total + 1, interval)}
    assert due == sorted(expected)


@given(interval=st.integers(1, 300), batch=st.integers(1, 100), total=st.integers(1, 2000))
def test_planned_is_due_seen_from_one_step(interval, batch, total):
    config = dataclasses.replace(presets.gan(), batch_size=batch, total_nimg=total)
    last, now = 0, min(batch, total)
    while now < total:
        assert schedule.is_planned(interval, now, config) == schedule.is_due(interval, last, now)
        last, now = now, min(now + batch, total)
    assert schedule.is_planned(interval, total, config)


@pytest.mark.parametrize("batch", [16, 100, 1000])
def test_half_the_weight_is_left_after_one_halflife(batch):
    """Once the ramp is over (5 % of the images seen exceed the half-life)."""
    kept = 1.0
    for step in range(20_000 // batch):
        kept *= schedule.ema_beta(batch, 10**7 + step * batch, 20_000)
    assert kept == pytest.approx(0.5, rel=1e-9)


def test_early_on_the_halflife_is_a_twentieth_of_the_images_seen():
    assert schedule.ema_beta(64, 10_000, 20_000) == pytest.approx(0.5 ** (64 / 500), rel=1e-12)
    assert schedule.ema_beta(64, 64, 20_000) == pytest.approx(0.5**20, rel=1e-12)
    assert schedule.ema_beta(64, 400_000, 20_000) == schedule.ema_beta(64, 10**9, 20_000)


@given(st.integers(1, 1000), st.integers(0, 10**7), st.integers(1, 10**6))
def test_the_kept_weight_is_a_share(num, seen, halflife):
    assert 0 <= schedule.ema_beta(num, seen + num, halflife) < 1
