"""Effects of moving along directions against closed forms, and the names that follow from them."""

import dataclasses

import numpy as np
import pytest
from planted import BRIGHT, IGNORED, Planted
from planted import Z_DIM as PLANTED_DIM
from planted_directions import Shifting, subject

from ganatomy import rng
from ganatomy.latent.effects import Effects, measure_effects, name_effects, normalise, off_diagonal
from ganatomy.latent.traits import trait_reader

Z_DIM = 4


def effects_of(read, vectors, sd, num=600, seed=0, z_dim=Z_DIM):
    *steps, effects = measure_effects(read, rng.latents(seed, "test", num, z_dim), vectors, np.asarray(sd), seed, 250)
    assert steps == [2 * num] * len(vectors)
    return effects


def test_a_linear_trait_changes_by_its_coefficient():
    """a.(z + v) - a.(z - v) = 2 a.v whatever z is: the interval has no width."""
    a = np.array([[1.0, 2.0, 0.0, 0.0], [0.0, 0.0, 0.5, -3.0]])
    vectors = np.array([[0.6, 0.8, 0, 0], [0, 0, 0, 1.0], [1, 0, 0, 0]])
    effects = effects_of(lambda z: a @ z.double().numpy().T, vectors, [2.0, 0.5])
    np.testing.assert_allclose(effects.change, a @ vectors.T / [[2.0], [0.5]], atol=1e-6)
    np.testing.assert_allclose(effects.hi - effects.lo, 0, atol=1e-6)


def test_the_interval_is_that_of_the_mean():
    """z0^2 along number 0 changes by 2 z0: mean 0, and 95 % of the means of 600 lie within 1.96 * 2 / sqrt(600)."""
    effects = effects_of(lambda z: z[:, :1].double().numpy().T ** 2, np.eye(Z_DIM)[:1], [1.0])
    assert effects.lo[0, 0] < 0 < effects.hi[0, 0]
    assert effects.hi[0, 0] - effects.lo[0, 0] == pytest.approx(2 * 1.96 * 2 / 600**0.5, rel=0.12)
    assert not effects.is_sure.any()
    assert name_effects(effects, ["square"], threshold=1e-9) == [None]


def test_undefined_ends_are_left_out():
    def read(z):
        values = z[:, 0].double().numpy().copy()
        values[z[:, 1].numpy() > 0] = np.nan
        return np.stack([values, np.full(len(z), np.nan)])

    effects = effects_of(read, np.eye(Z_DIM)[:1], [1.0, 1.0])
    assert effects.change[0, 0] == pytest.approx(1, abs=1e-6)
    assert np.isnan(effects.change[1, 0])
    np.testing.assert_allclose(effects.defined[:, 0], [(rng.latents(0, "test", 600, 4)[:, 1] <= 0).double().mean(), 0])


def plain(change, half=0.01):
    change = np.array(change, float)
    return Effects(change, change - half, change + half, np.ones(change.shape))


def test_a_name_needs_a_sure_effect_of_some_size():
    effects = plain([[0.5, 0.1, -0.9, 0.19], [0.4, 0.05, 0.3, 0.0]])
    assert name_effects(effects, ["a", "b"]) == ["a", None, "a", None]
    assert name_effects(effects, ["a", "b"], threshold=0.1) == ["a", "a", "a", "a"]
    unsure = Effects(
        effects.change, np.array([[-0.1] * 4, [0.3] * 4]), np.array([[1.0] * 4, [0.5] * 4]), effects.defined
    )
    assert name_effects(unsure, ["a", "b"]) == ["b", None, "b", None]
    rare = dataclasses.replace(effects, defined=np.array([[0.49] * 4, [0.5] * 4]))
    assert name_effects(rare, ["a", "b"]) == ["b", None, "b", None]
    assert name_effects(plain(np.empty((0, 2))), []) == [None, None]


def test_normalised_effects_and_what_lies_off_the_diagonal():
    effects = plain([[0.5, 0.2, 9.0, 0.1], [-0.1, -0.4, 9.0, 0.2], [0.3, 0.0, 9.0, 0.005]])
    own = [0, 1, None, 2]
    table = normalise(effects, own)
    np.testing.assert_allclose(table[:, :2], [[1, 0.5], [0.2, 1], [0.6, 0]])
    assert np.isnan(table[:, 2:]).all()  # no own trait; an own trait that is not surely moved
    assert off_diagonal(table, own, [0, 1]) == pytest.approx((0.35, 0.5))
    assert off_diagonal(table, own, [0, 1, 2]) == pytest.approx(((0.2 + 0.6 + 0.5 + 0) / 4, 0.6))
    assert off_diagonal(table, own, [2]) is None
    assert off_diagonal(table, own, []) is None


def names_of_numbers(G, z_dim):
    """Name every single latent number of a generator by what it moves: directions that are basis vectors."""
    reader = trait_reader(subject(G, z_dim))
    sd = np.nanstd(reader.read(rng.latents(0, "prior", 500, z_dim)), axis=1)
    effects = effects_of(reader.read, np.eye(z_dim), sd, num=300, z_dim=z_dim)
    return name_effects(effects, [trait.name for trait in reader.traits]), effects


def test_single_numbers_of_a_shifting_generator_are_named():
    names, effects = names_of_numbers(Shifting(), Shifting.z_dim)
    assert names[Shifting.shift] == "position_x"
    # a brighter square has more contrast in the same measure, and nothing else
    assert names[Shifting.bright] in ("brightness", "contrast")
    ignored = [dim for dim in range(Shifting.z_dim) if dim not in (Shifting.shift, Shifting.bright)]
    assert [names[dim] for dim in ignored] == [None] * len(ignored)
    moved = effects.change[:-1]
    assert (moved[:, ignored] == 0).all()
    assert np.isnan(effects.change[-1]).all()  # position_y is the same in all images


def test_single_numbers_of_the_planted_generator_are_named():
    names, effects = names_of_numbers(Planted(), PLANTED_DIM)
    assert names[BRIGHT] == "brightness"
    assert effects.change[0, BRIGHT] > 0.7
    assert [names[dim] for dim in IGNORED] == [None] * len(IGNORED)
