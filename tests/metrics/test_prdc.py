"""Precision, recall, density and coverage against the prdc package, and on sets built to move one of them."""

import numpy as np
import pytest

from ganatomy import rng
from ganatomy.errors import GanatomyError
from ganatomy.metrics import neighbours
from ganatomy.metrics.neighbours import nearest, squared_radii
from ganatomy.metrics.prdc import prdc


def rows(num: int, num_features: int = 8, index: int = 0) -> np.ndarray:
    return rng.generator(4, "test-prdc", index).normal(0.0, 1.0, (num, num_features))


@pytest.mark.parametrize(("n", "m", "k"), [(200, 200, 5), (150, 300, 3), (7, 40, 5)])
def test_equals_the_prdc_package(n, m, k):
    from prdc import compute_prdc

    gen, real = rows(n) * 0.9 + 0.2, rows(m, index=1)
    theirs = compute_prdc(real_features=real, fake_features=gen, nearest_k=k)
    ours = prdc(gen, real, k)._asdict()
    assert ours == pytest.approx(theirs, rel=1e-6)


def test_the_published_value_for_equal_normals():
    """The package shows 10,000 rows from N(0, I_64) against as many; with 2,000 the values are about the same."""
    found = prdc(rows(2000, 64), rows(2000, 64, 1))
    assert found.density == pytest.approx(1.0, abs=0.15)
    assert found.coverage == pytest.approx(0.97, abs=0.02)


def test_a_collapsed_set_is_precise_and_recalls_nothing():
    real = rows(500)
    collapsed = real[:1] + 1e-3 * rows(500, index=2)
    found = prdc(collapsed, real)
    assert found.precision == 1.0
    assert found.recall < 0.05
    assert found.coverage < 0.05
    swapped = prdc(real, collapsed)
    assert swapped.precision < 0.05
    assert swapped.recall == 1.0


def test_a_far_away_set_has_nothing():
    assert prdc(rows(100) + 100.0, rows(100, index=1)) == (0.0, 0.0, 0.0, 0.0)


def test_a_set_against_itself():
    """Every row is inside its own ball, and of its k nearest the k-th lies on the edge, outside."""
    real = rows(300)
    found = prdc(real, real)
    assert (found.precision, found.recall, found.coverage) == (1.0, 1.0, 1.0)
    assert found.density == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("scale", [0.0, 1.0, 37.3])
@pytest.mark.parametrize("share", [0.5, 1.0])
def test_more_than_k_equal_rows_against_themselves(scale, share):
    """Blank frames: the k-th nearest lies at the same place. By strict `<` alone nothing would be inside."""
    same = np.tile(scale * rng.generator(4, "test-blank").normal(0, 1, 64), (60, 1))
    num = round(60 * share)
    real = np.concatenate([same[:num], rows(60 - num, 64)])
    found = prdc(real.copy(), real)
    assert (found.precision, found.recall, found.coverage) == (1.0, 1.0, 1.0)
    # Of the others' five nearest some are zeros, all at one distance: the edge, outside.
    assert found.density == pytest.approx(1.0 if scale or share == 1 else 0.6, abs=1e-12)
    shaken = real * (1 + 3e-7 * rows(60, 64, 5))  # what float32 makes of equal images in other batches
    assert prdc(shaken, real)[:2] == pytest.approx((1.0, 1.0))


def test_rows_beside_a_heap_of_equal_ones_are_outside():
    heap = np.ones((20, 4))
    assert prdc(heap + 0.01, heap) == (0.0, 0.0, 0.0, 0.0)
    mixed = np.concatenate([heap[:5], heap[:5] + 3.0])
    found = prdc(mixed, heap)
    assert (found.precision, found.coverage) == (0.5, 1.0)
    assert found.density == pytest.approx(0.5)


def test_exactly_k_equal_rows_make_no_tie():
    """k equal rows have k - 1 others at their place: the k-th nearest is elsewhere, and the definition holds."""
    from prdc import compute_prdc

    real = np.concatenate([np.zeros((5, 8)), rows(60) + 1.0])
    gen = np.concatenate([np.zeros((2, 8)), rows(60, index=3) + 1.0])
    theirs = compute_prdc(real_features=real, fake_features=gen, nearest_k=5)
    assert prdc(gen, real)._asdict() == pytest.approx(theirs, rel=1e-6)


def test_blocks_change_nothing(monkeypatch):
    gen, real = rows(90), rows(70, index=1)
    whole = prdc(gen, real)
    monkeypatch.setattr(neighbours, "BLOCK_VALUES", 600)
    assert prdc(gen, real) == whole
    assert prdc(gen, real, real_radii=squared_radii(real, 5)) == whole


def test_nearest_and_radii_against_a_loop():
    a, b = rows(40), rows(55, index=1)
    index, distance = nearest(a, b)
    table = np.linalg.norm(a[:, None] - b[None], axis=2)
    assert np.array_equal(index, table.argmin(axis=1))
    assert distance == pytest.approx(table.min(axis=1), rel=1e-9)
    own = np.sort(np.linalg.norm(a[:, None] - a[None], axis=2), axis=1)
    assert np.sqrt(squared_radii(a, 5)) == pytest.approx(own[:, 5], rel=1e-9)


def test_too_few_rows_are_refused_with_the_minimum():
    with pytest.raises(GanatomyError, match="5 generated features; at least 6 are needed"):
        prdc(rows(5), rows(50))
