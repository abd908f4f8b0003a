import math

import numpy as np
import pytest
import torch

from ganatomy import rng
from ganatomy.errors import ConfigError
from ganatomy.latent import paths

T = torch.linspace(0, 1, 9, dtype=torch.float64)


def ends(num=20, z_dim=100):
    z = rng.latents(0, "t", 2 * num, z_dim)
    return z[:num], z[num:]


def angles(x, y):
    """Angle between rows in degrees, by the arc cosine."""
    cosine = torch.nn.functional.cosine_similarity(x.double(), y.double(), dim=-1)
    return torch.rad2deg(torch.acos(cosine.clamp(-1, 1)))


@pytest.mark.parametrize("kind", paths.BETWEEN)
def test_ends_are_exact(kind):
    a, b = ends()
    points = paths.BETWEEN[kind](a, b, T)
    assert points.shape == (20, 9, 100)
    assert points.dtype == torch.float32
    assert torch.equal(points[:, 0], a)
    assert torch.equal(points[:, -1], b)
    assert torch.equal(paths.BETWEEN[kind](a, a, T), a[:, None].expand(-1, 9, -1)) or kind == "spherical"
    torch.testing.assert_close(paths.BETWEEN[kind](a, a, T), a[:, None].expand(-1, 9, -1))


def test_the_middle_of_a_line_is_the_mean():
    a, b = ends()
    torch.testing.assert_close(paths.linear(a, b, T)[:, 4], (a + b) / 2)
    torch.testing.assert_close(paths.linear(a, b, T)[:, 2], 0.75 * a + 0.25 * b)


def test_spherical_is_shoemakes_formula_where_the_norms_are_equal():
    a, b = ends()
    a, b = (5 * x.double() / x.double().norm(dim=1, keepdim=True) for x in (a, b))
    omega = torch.acos((a * b).sum(1) / 25)[:, None, None]
    wanted = (
        torch.sin((1 - T)[:, None] * omega) * a[:, None] + torch.sin(T[:, None] * omega) * b[:, None]
    ) / torch.sin(omega)
    torch.testing.assert_close(paths.spherical(a, b, T), wanted.float(), atol=2e-6, rtol=0)


def test_spherical_keeps_the_norm_and_turns_evenly():
    a, b = ends()
    points = paths.spherical(a, b, T)
    wanted = a.norm(dim=1)[:, None] * (1 - T) + b.norm(dim=1)[:, None] * T
    torch.testing.assert_close(points.norm(dim=2).double(), wanted, atol=1e-5, rtol=0)
    whole = angles(a, b)
    for k in range(9):
        torch.testing.assert_close(angles(points[:, k], a), float(T[k]) * whole, atol=0.02, rtol=0)


def test_a_line_has_the_direction_of_the_spherical_path_at_the_angle_it_has_reached():
    """In the plane of a and b, the line at t has turned by atan2(t |b| sin w, (1 - t) |a| + t |b| cos w)."""
    a, b = ends(num=1)
    omega = math.radians(float(angles(a, b)))
    size = float(b.norm() / a.norm())
    on_line = paths.linear(a, b, T)[0]
    turned = [math.atan2(t * size * math.sin(omega), (1 - t) + t * size * math.cos(omega)) for t in T.tolist()]
    on_circle = paths.spherical(a, b, torch.tensor(turned) / omega)[0]
    assert angles(on_line, on_circle).max() < 0.05
    b = b * a.norm() / b.norm()
    assert angles(paths.linear(a, b, T)[0, 4], paths.spherical(a, b, T)[0, 4]) < 0.05
    assert angles(paths.linear(a, b, T)[0, 1], paths.spherical(a, b, T)[0, 1]) > 0.5


def test_parallel_antiparallel_and_zero_latents():
    a, _ = ends(num=3, z_dim=6)
    torch.testing.assert_close(paths.spherical(a, 3 * a, T), paths.linear(a, 3 * a, T))
    torch.testing.assert_close(paths.spherical(a, a * (1 + 1e-7), T), a[:, None].expand(-1, 9, -1))
    points = paths.spherical(a, -a, T)
    assert torch.equal(points[:, -1], -a)
    torch.testing.assert_close(points.norm(dim=2), a.norm(dim=1)[:, None].expand(-1, 9))
    assert (angles(points[:, 4], a) - 90).abs().max() < 0.01
    smallest = a.abs().argmin(dim=1)
    assert (points[torch.arange(3), 4, smallest] > 0.9 * a.norm(dim=1)).all()
    assert torch.equal(points, paths.spherical(a, -a, T))
    zero = torch.zeros_like(a)
    torch.testing.assert_close(paths.spherical(zero, a, T), paths.linear(zero, a, T))
    torch.testing.assert_close(paths.spherical(a, zero, T), paths.linear(a, zero, T))
    assert torch.equal(paths.spherical(zero, zero, T), torch.zeros(3, 9, 6))


def test_a_nearly_antiparallel_pair_keeps_its_own_plane():
    a = torch.tensor([[1.0, 0.0, 0.0]])
    b = torch.tensor([[-1.0, 0.0, 1e-3]])
    middle = paths.spherical(a, b, torch.tensor([0.5]))[0, 0]
    torch.testing.assert_close(middle, torch.tensor([0.0005, 0.0, 1.0]), atol=1e-4, rtol=0)


def test_chains_and_loops_meet_their_latents():
    anchors = rng.latents(0, "t", 12, 8).view(3, 4, 8)
    chain = paths.chain(anchors, 10)
    assert chain.shape == (3, 10, 8)
    assert torch.equal(chain[:, [0, 3, 6, 9]], anchors)
    loop = paths.loop(anchors, 20)
    assert torch.equal(loop[:, ::5], anchors)
    # closed: the step from the last point to the first is one of the steps of its segment
    torch.testing.assert_close(
        loop[:, 16:], paths.spherical(anchors[:, 3], anchors[:, 0], torch.tensor([0.2, 0.4, 0.6, 0.8]))
    )
    odd = paths.loop(anchors, 7, paths.linear)
    torch.testing.assert_close(odd[:, 1], anchors[:, 0] + 4 / 7 * (anchors[:, 1] - anchors[:, 0]))
    torch.testing.assert_close(odd[:, 2], anchors[:, 1] + 1 / 7 * (anchors[:, 2] - anchors[:, 1]))


@pytest.mark.parametrize("make", [paths.chain, paths.loop])
def test_too_few_latents_or_points_are_refused(make):
    with pytest.raises(ConfigError, match="at least 2 latents, but got 1"):
        make(torch.zeros(1, 1, 4), 10)
    with pytest.raises(ConfigError, match="at least 2 points, but 1 was asked for"):
        make(torch.zeros(1, 3, 4), 1)


def test_the_surest_latents_of_each_class():
    probabilities = np.array([[0.6, 0.4, 0.0], [0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [0.9, 0.0, 0.1], [0.7, 0.3, 0.0]])
    chosen = paths.most_confident(probabilities, 3)
    assert [list(rows) for rows in chosen] == [[1, 3, 4], [2], []]
    z = torch.arange(10.0).view(5, 2) + 1
    t = torch.tensor([0.0, 1.0])
    assert torch.equal(paths.class_path(z, chosen, 0, 1, t), torch.stack([z[1], z[2]])[None])
    assert torch.equal(paths.class_path(z, chosen, 0, 0, t)[:, 1], z[[3, 4, 1]])
    assert torch.equal(paths.class_path(z, [rows[:2] for rows in chosen], 0, 0, t), torch.stack([z[1], z[3]])[None])
    assert paths.class_path(z, chosen, 1, 1, t).shape == (0, 2, 2)
    assert paths.class_path(z, chosen, 2, 2, t).shape == (0, 2, 2)
    assert paths.class_path(z, chosen, 0, 2, t).shape == (0, 2, 2)


def test_steps_of_a_known_polyline():
    features = np.array([[[0.0, 0.0], [3.0, 4.0], [3.0, 4.0], [3.0, 5.0]]], np.float32)
    np.testing.assert_allclose(paths.step_lengths(features), [[5.0, 0.0, 1.0]])
