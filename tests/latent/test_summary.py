"""The answers read from the atlas, against plain loops over latents, numbers and values."""

import numpy as np
import pytest
import scipy.stats
from planted import BRIGHT, IGNORED, Z_DIM, Brightness, Judge, Planted
from planted_directions import Shifting

from ganatomy import rng
from ganatomy.latent import codes, summary
from ganatomy.latent.atlas import measure_numbers
from ganatomy.latent.edits import redraw, set_number
from ganatomy.latent.lens import Lens

VALUES = (-5.0, 0.1, 5.0)
N = 40
LENS = Lens(Planted(), Brightness(), D=Judge())
Z = rng.latents(5, "t", N, Z_DIM)


@pytest.fixture(scope="module")
def found():
    *_, numbers = measure_numbers(LENS, Z, range(Z_DIM), VALUES, 3)
    return numbers


def test_effect_curves_equal_a_brute_force_loop(found):
    """Every measure of single images, one number and one value at a time, in float64; tolerance 1e-5 of float32."""
    curves = summary.curves(found)
    base = LENS.see(Z)
    for measure in found.measures():
        if measure.kind == "set":
            continue

        def mean(z, measure=measure):
            seen = LENS.see(z)
            given = (seen, base) if measure.kind == "pair" else (seen,)
            return np.nanmean(measure.function(*given).astype(np.float64))

        curve = curves[measure.name]
        for row in curve["values"]:
            by_number = [mean(set_number(Z, dim, row["value"])) for dim in range(Z_DIM)]
            assert row["mean"] == pytest.approx(np.mean(by_number), rel=1e-5, abs=1e-7)
            assert (row["lo"], row["hi"]) == pytest.approx(np.quantile(by_number, [0.1, 0.9]), rel=1e-5, abs=1e-7)
        controls = [mean(redraw(Z, dim, 3)) for dim in range(Z_DIM)]
        assert curve["control"]["mean"] == pytest.approx(np.mean(controls), rel=1e-5, abs=1e-7)
        assert (curve["base"] is None) == (measure.kind == "pair")
    assert curves["logit"]["base"] == pytest.approx(float(Judge()(Planted()(Z)).mean()), abs=1e-3)
    assert curves["diversity_px"]["values"][1]["mean"] > 0


def test_ignored_numbers_come_last_and_the_planted_one_first(found):
    numbers = summary.ranking(found, 3)["numbers"]
    assert [row["rank"] for row in numbers] == list(range(1, Z_DIM + 1))
    assert numbers[0]["dim"] == BRIGHT
    assert (numbers[0]["rank_lo"], numbers[0]["rank_hi"]) == (1, 1)
    assert {row["dim"] for row in numbers[-len(IGNORED) :]} == set(IGNORED)
    for row in numbers:
        assert row["is_idle"] == (row["dim"] in IGNORED)
        effect = np.mean([found.edit["feature_distance"][k, row["dim"]].mean() for k in range(len(VALUES))])
        assert row["effect"] == pytest.approx(effect, rel=1e-5, abs=1e-9)
        assert row["lo"] <= row["effect"] <= row["hi"]
        assert row["rank_lo"] <= row["rank"] <= row["rank_hi"]


def test_heat_maps_equal_a_plain_loop(found):
    base = LENS.see(Z).grey
    for k, value in enumerate(VALUES):
        change = (LENS.see(set_number(Z, BRIGHT, value)).grey - base).abs().mean(dim=0)
        np.testing.assert_allclose(found.heat[k, BRIGHT], change, rtol=1e-5)
    np.testing.assert_allclose(found.heat[-1, 1], (LENS.see(redraw(Z, 1, 3)).grey - base).abs().mean(0), rtol=1e-5)
    assert (found.heat[:, list(IGNORED)] == 0).all()


def test_moves_count_what_becomes_what(found):
    moves = summary.moves(found, 3)
    before = LENS.see(Z).classes
    after = [LENS.see(set_number(Z, dim, 5.0)).classes for dim in range(Z_DIM)]
    table = np.zeros((3, 3))
    for classes in after:
        np.add.at(table, (before, classes), 1)
    wanted = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    np.testing.assert_allclose(moves["matrices"]["5"], wanted, rtol=1e-5)
    np.testing.assert_allclose(moves["shares"]["5"], table.sum(axis=0) / table.sum(), rtol=1e-5)
    bright = next(row for row in moves["numbers"] if (row["dim"], row["value"]) == (BRIGHT, 5.0))
    flipped = after[BRIGHT] != before
    assert bright["flipped"] == pytest.approx(flipped.mean(), rel=1e-5)
    assert (bright["becomes"], bright["share"]) == (2, 1.0)  # at 5 all that changes becomes Bright
    assert bright["source_share"] == pytest.approx(np.bincount(before[flipped]).max() / flipped.sum(), rel=1e-5)
    idle = next(row for row in moves["numbers"] if row["dim"] == IGNORED[0])
    assert (idle["flipped"], idle["becomes"]) == (0, None)


@pytest.mark.parametrize("z_dim", [1, 2, 100, 3000])
def test_the_norm_of_the_prior_is_the_chi_distribution(z_dim):
    wanted = scipy.stats.chi(z_dim)
    # The variance is a difference of two numbers near z_dim.
    assert codes.chi(z_dim) == pytest.approx((wanted.mean(), wanted.std()), rel=1e-9 * z_dim)


def test_how_far_out_an_edit_is():
    z = rng.latents(0, "t", 500, 100)
    base, small, large = summary.outside(z, (0.1, 20.0))
    assert abs(base["norm_sigmas"]) < 0.2
    assert small["norm_sigmas"] < base["norm_sigmas"]
    assert large["sigmas"] == 20
    # |edit|^2 = |z|^2 - z_d^2 + 400: about sqrt(499) against sqrt(99.5), in units of 0.706.
    assert large["norm_sigmas"] == pytest.approx((499**0.5 - 99.5**0.5) / 0.706, rel=0.01)
    assert small["beyond"] == pytest.approx(2 * scipy.stats.norm.sf(0.1), rel=1e-2)
    assert large["beyond"] == pytest.approx(2 * scipy.stats.norm.sf(20), rel=1e-2)


class Lit(Shifting):
    """A soft square on a grey ground: number 1 shifts it, number 4 makes all brighter, 0, 2 and 3 do nothing."""

    def forward(self, z):
        still = z.clone()
        still[:, self.bright] = 0
        return 0.7 * super().forward(still) + 0.1 + 0.1 * z[:, self.bright, None, None, None]


@pytest.fixture(scope="module")
def shifting():
    *_, numbers = measure_numbers(Lens(Lit(), None), rng.latents(2, "t", 60, 5), range(5), (-2.0, 0.1, 2.0), 1)
    return numbers


def test_numbers_are_named_by_what_they_move(shifting):
    named = summary.attributes(shifting, 1)
    assert named["moves"] == [None, "position_x", None, None, "brightness"]
    order = [row["dim"] for row in summary.ranking(shifting, 1)["numbers"]]
    assert set(order[:2]) == {1, 4}
    row = named["names"].index("brightness")
    # Between -2 and 2 brightness is linear in the number, and nothing else moves it: about its own sd per sigma.
    assert named["change"][row][4] == pytest.approx(1, abs=0.2)
    assert named["lo"][row][4] <= named["change"][row][4] <= named["hi"][row][4]
    assert named["change"][row][0] == 0


def test_changes_equal_a_plain_loop(shifting):
    named = summary.attributes(shifting, 1)
    for name, of_attribute in zip(named["names"], named["change"]):
        low, high = (shifting.edit[name][k, 1].astype(np.float64) for k in (0, 2))
        sd = np.nanstd(shifting.base[name].astype(np.float64))
        if sd == 0:
            assert of_attribute == [None] * 5  # the attribute has no spread to count in
        else:
            assert of_attribute[1] == pytest.approx(np.nanmean(high - low) / 4 / sd, rel=1e-4, abs=1e-7)


def test_without_the_two_values_it_says_so(found):
    assert "were not measured" in summary.attributes(found, 1)["message"]
