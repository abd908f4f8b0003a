import dataclasses
import math

import numpy as np
import pytest
import scipy.optimize
import torch
from planted import SHAPE, Z_DIM, Planted
from torch import nn

from ganatomy import images, rng
from ganatomy.errors import ConfigError, DivergedError
from ganatomy.latent import codes, projection
from ganatomy.latent.projection import Inverted, Search, invert
from ganatomy.models.generate import generate
from ganatomy.models.mlp import Generator
from ganatomy.progress import Progress

QUICK = Search(num_pool=64, num_starts=4, num_kept=2, num_evals=80)
G = Planted()


class Linear(nn.Module):
    """z -> image, linear with orthogonal patterns, so that every image of it has one z only."""

    def __init__(self):
        super().__init__()
        draw = np.random.default_rng(4)
        basis = np.linalg.qr(draw.standard_normal((math.prod(SHAPE), Z_DIM)))[0].T
        self.weight = nn.Parameter(torch.from_numpy(basis.astype(np.float32)), requires_grad=False)
        self.eval()

    def forward(self, z):
        return (z @ self.weight).view(-1, *SHAPE)


class Broken(Planted):
    def forward(self, z):
        return super().forward(z) * torch.nan


def on_shell(num, seed=0):
    z = rng.latents(seed, "test", num, Z_DIM)
    return z / z.norm(dim=1, keepdim=True) * math.sqrt(Z_DIM)


def run(G, target, search=QUICK, seed=0):
    *steps, found = invert(G, Z_DIM, target, search, seed)
    assert isinstance(found, Inverted)
    return found, steps


def noise_images(num, seed=3):
    draw = np.random.default_rng(seed)
    return torch.from_numpy(draw.integers(0, 256, (num, *SHAPE), dtype=np.uint8))


def plain_error(first, second):
    """Root mean square over pixels, one by one."""
    total = sum((int(a) - int(b)) ** 2 for a, b in zip(first.flatten().tolist(), second.flatten().tolist()))
    return math.sqrt(total / first.numel())


def test_the_gradient_agrees_with_finite_differences():
    double = Planted().double()
    target = images.to_float(noise_images(3)).double()
    z = 1.3 * rng.latents(0, "test", 3, Z_DIM).double()
    value, gradient, error = projection.objective(double, z, target)
    plain = (double(z) - target).square().mean(dim=(1, 2, 3))
    pull = 0.001 * (z.norm(dim=1) - Z_DIM**0.5) ** 2
    torch.testing.assert_close(error, plain)
    torch.testing.assert_close(value, plain + pull)
    h = 1e-6
    for d in range(Z_DIM):
        step = torch.zeros(Z_DIM, dtype=torch.float64)
        step[d] = h
        ends = [projection.objective(double, z + sign * step, target)[0] for sign in (1, -1)]
        torch.testing.assert_close(gradient[:, d], (ends[0] - ends[1]) / (2 * h), rtol=1e-6, atol=1e-8)


def test_the_objective_does_not_depend_on_the_chunk(monkeypatch):
    target, z = images.to_float(noise_images(5)), rng.latents(0, "test", 5, Z_DIM)
    whole = projection.objective(G, z, target)
    monkeypatch.setattr(projection, "CHUNK_PX", 2 * SHAPE[1] * SHAPE[2])
    for one, other in zip(whole, projection.objective(G, z, target)):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)


def test_the_update_is_bfgs():
    """Against equation 6.17 written out, and the secant equation H y = s that it must satisfy."""
    work = projection._Descent(G, on_shell(2)[:, None].contiguous(), noise_images(2))
    work.advance()
    draw = torch.from_numpy(np.random.default_rng(1).standard_normal((4, 2, Z_DIM))).float()
    root = torch.from_numpy(np.random.default_rng(2).standard_normal((2, Z_DIM, Z_DIM))).float()
    H = root @ root.mT + torch.eye(Z_DIM)
    work.H, work.is_scaled = H.clone(), torch.tensor([True, True])
    s = draw[0]
    y = s + 0.3 * draw[1]
    y[1] = -s[1]  # no curvature: this row keeps its H
    work._update(torch.arange(2), s, y)
    rho, eye = 1 / (s[0] @ y[0]), torch.eye(Z_DIM)
    left = eye - rho * torch.outer(s[0], y[0])
    torch.testing.assert_close(work.H[0], left @ H[0] @ left.T + rho * torch.outer(s[0], s[0]), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(work.H[0] @ y[0], s[0], rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(work.H[1], H[1])


def test_minima_are_as_deep_as_those_of_scipy():
    target_u8 = noise_images(6, seed=8)
    target = images.to_float(target_u8)
    start = on_shell(6)
    work = projection._Descent(G, start[:, None].contiguous(), target_u8)
    for _ in range(120):
        work.advance()
    double = Planted().double()

    def value(z, row):
        got = projection.objective(double, torch.from_numpy(z)[None], target[row : row + 1].double())
        return float(got[0]), got[1][0].numpy()

    for row in range(6):
        best = scipy.optimize.minimize(value, start[row].double().numpy(), args=(row,), jac=True, method="BFGS")
        ours = value(work.latents[row, 0].double().numpy(), row)[0]
        assert ours < best.fun + 1e-6
        assert ours < value(start[row].double().numpy(), row)[0] - 1e-4


def test_a_linear_generator_is_inverted_to_its_latents():
    """The images are rounded to 1 / 127.5, so each number of z is known to about 1 / 127.5 * 0.29; 0.02 is 9 sigma."""
    linear, z = Linear(), on_shell(8)
    found, _ = run(linear, generate(linear, z))
    assert float((found.z - z).abs().max()) < 0.02
    assert found.error.max() < 0.5


def test_images_of_the_generator_come_back():
    found, _ = run(G, generate(G, on_shell(8)))
    assert found.error.max() < 0.5
    # off the shell (here up to 3.4 sigma) the pull asks a level of error at most
    found, _ = run(G, generate(G, rng.latents(1, "test", 8, Z_DIM)))
    assert found.error.max() < 1.5
    assert (found.error < found.pool_error).all()


def test_images_it_cannot_make_do_not():
    """The planted generator spans 4 directions of 144 pixels; noise keeps most of its error."""
    found, _ = run(G, noise_images(4))
    assert found.error.min() > 50


def test_a_trained_networks_kind_is_inverted_through_its_own_modules():
    torch.manual_seed(0)
    mlp = Generator(Z_DIM, (1, 9, 7)).eval()
    weights = {name: value.clone() for name, value in mlp.state_dict().items()}
    target = generate(mlp, on_shell(3))
    found = run(mlp, target)[0]
    assert found.error.max() < 1
    assert all(torch.equal(value, weights[name]) for name, value in mlp.state_dict().items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in mlp.parameters())


def test_errors_are_those_of_the_stored_images():
    target = torch.cat([noise_images(2), generate(G, on_shell(2))])
    found, _ = run(G, target)
    made = generate(G, found.z)
    np.testing.assert_allclose(found.error, [plain_error(a, b) for a, b in zip(made, target)], rtol=1e-12)
    pool = generate(G, rng.latents(0, "inversion_pool", QUICK.num_pool, Z_DIM))
    least = [min(plain_error(a, b) for a in pool) for b in target]
    np.testing.assert_allclose(found.pool_error, least, rtol=1e-12)
    kept = torch.stack([generate(G, z) for z in found.kept_z])
    wanted = [[plain_error(a, b) for a in row] for row, b in zip(kept, target)]
    np.testing.assert_allclose(found.kept_error, wanted, rtol=1e-12)
    assert (np.diff(found.kept_error, axis=1) >= 0).all()
    assert torch.equal(found.z, found.kept_z[:, 0])
    np.testing.assert_array_equal(found.error, found.kept_error[:, 0])
    assert found.sift_error.shape == (4, QUICK.num_starts)


def test_more_starts_are_never_worse():
    """While all are kept: the starts of the smaller search are among those of the larger one (rounding: 0.01)."""
    target, errors = noise_images(5), []
    for num in (1, 2, 4, 8):
        search = Search(num_pool=64, num_starts=num, num_kept=num, num_evals=40)
        errors.append(run(G, target, search)[0].error)
    assert (np.diff(errors, axis=0) <= 0.01).all()


def test_the_starts_that_are_dropped_are_the_worse_ones(monkeypatch):
    monkeypatch.setattr(projection, "SIFT_EVALS", 3)
    work = projection._Descent(G, rng.latents(0, "test", 12, Z_DIM).view(3, 4, Z_DIM), noise_images(3))
    for _ in range(3):
        work.advance()
    value, z = work.value.view(3, 4).clone(), work.latents.clone()
    work.keep(2)
    assert torch.equal(work.value.view(3, 2), value.sort(dim=1).values[:, :2])
    assert torch.equal(work.latents, torch.stack([z[i][value[i].argsort()[:2]] for i in range(3)]))
    work.advance()
    assert (work.value.view(3, 2) <= value.sort(dim=1).values[:, :2]).all()


def test_twice_is_the_same_and_another_seed_is_not():
    target = noise_images(3)
    first, second, other = (run(G, target, seed=seed)[0] for seed in (0, 0, 1))
    for field in dataclasses.fields(Inverted):
        np.testing.assert_array_equal(np.asarray(getattr(first, field.name)), np.asarray(getattr(second, field.name)))
    assert not torch.equal(first.z, other.z)


def test_images_are_found_alike_in_parts(monkeypatch):
    target = generate(Linear(), on_shell(5))
    whole, _ = run(Linear(), target)
    monkeypatch.setattr(projection, "MATRIX_VALUES", 2 * QUICK.num_starts * Z_DIM**2)
    parts, steps = run(Linear(), target)
    np.testing.assert_allclose(parts.z, whole.z, atol=5e-3)
    np.testing.assert_array_equal(parts.pool_error, whole.pool_error)
    assert steps[-1].done == steps[-1].total == QUICK.cost(5)


@pytest.mark.parametrize(
    "search",
    [
        QUICK,
        Search(num_pool=300, num_starts=3, num_kept=3, num_evals=7),
        Search(num_pool=5, num_starts=5, num_kept=2, num_evals=10),
        Search(num_pool=1, num_starts=1, num_kept=1, num_evals=1),
    ],
)
def test_progress_rises_to_the_cost(search):
    found, steps = run(G, noise_images(3), search)
    assert all(isinstance(step, Progress) and step.total == search.cost(3) for step in steps)
    done = [step.done for step in steps]
    assert done == sorted(done)
    assert done[-1] == search.cost(3)
    assert found.kept_error.shape == (3, search.num_kept)
    assert torch.isfinite(found.z).all()


def test_one_evaluation_gives_the_random_latent_back():
    found, _ = run(G, noise_images(4), Search(num_pool=50, num_starts=1, num_kept=1, num_evals=1))
    np.testing.assert_allclose(found.error, found.pool_error, rtol=1e-12)


def test_the_pull_keeps_latents_on_the_shell(monkeypatch):
    target = noise_images(6)
    near = np.abs(codes.norm_sigmas(run(G, target)[0].z))
    monkeypatch.setattr(projection, "SHELL_WEIGHT", 0.0)
    far = np.abs(codes.norm_sigmas(run(G, target)[0].z))
    assert near.mean() < far.mean()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("num_pool", 0, "num_pool is 0"),
        ("num_starts", 65, "1 to 64"),
        ("num_kept", 5, "num_kept is 5; allowed here: 1 to 4"),
        ("num_evals", 0, "num_evals is 0"),
    ],
)
def test_searches_that_are_not_allowed(name, value, words):
    with pytest.raises(ConfigError, match=words):
        next(invert(G, Z_DIM, noise_images(1), dataclasses.replace(QUICK, **{name: value})))


def test_images_of_another_kind_are_refused_before_any_work():
    for target, words in (
        (torch.zeros(2, 1, 28, 28, dtype=torch.uint8), r"uint8 \[2, 1, 28, 28\].*uint8 \[N, 1, 12, 12\]"),
        (torch.zeros(2, *SHAPE), r"float32 \[2, 1, 12, 12\]"),
        (torch.zeros(SHAPE, dtype=torch.uint8), r"uint8 \[1, 12, 12\]"),
        (torch.zeros(0, *SHAPE, dtype=torch.uint8), "at least 1"),
    ):
        with pytest.raises(ConfigError, match=words):
            next(invert(G, Z_DIM, target, QUICK))


def test_a_generator_that_gives_nan_is_told():
    with pytest.raises(DivergedError):
        next(invert(Broken(), Z_DIM, noise_images(1), QUICK))
