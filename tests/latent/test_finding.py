"""Directions against numpy on linear generators, against closed forms, and against draws that are repeated."""

import math

import numpy as np
import pytest
import torch
from planted_directions import OfLayers, rows_of_rotation
from torch import nn

from ganatomy import rng
from ganatomy.latent import finding
from ganatomy.models import dcgan, mlp
from ganatomy.models.generate import generate

Z_DIM = 6


def filled(layer, seed=0):
    """Return the layer with weights whose columns differ in size, so that the order of the directions is clear."""
    draw = np.random.default_rng(seed)
    with torch.no_grad():
        for value in layer.parameters():
            value.copy_(torch.from_numpy(draw.standard_normal(tuple(value.shape))))
    return layer


def linear(outputs=64):
    return filled(nn.Linear(Z_DIM, outputs))


def abs_cosine(a, b):
    return np.abs((a * b).sum(axis=1)) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def test_the_first_layer_is_found_in_every_family():
    assert finding.first_layer(mlp.Generator(10, (1, 8, 8)), 10).in_features == 10
    G = dcgan.Generator(10, (1, 28, 28))
    assert finding.first_layer(G, 10) is G.main[0]
    assert finding.first_layer(G, 11) is None
    assert finding.first_layer(nn.Sequential(nn.Conv2d(1, 1, 1)), 10) is None


@pytest.mark.parametrize("layer", [linear(), filled(nn.ConvTranspose2d(Z_DIM, 5, 3))])
def test_closed_form_against_numpy(layer):
    """Each direction is a unit eigenvector of A^T A, by how far it moves the layer's output."""
    space = finding.closed_form(layer, 4)
    eye = torch.eye(Z_DIM)
    with torch.inference_mode():
        step = layer(eye if isinstance(layer, nn.Linear) else eye[:, :, None, None]) - layer(
            torch.zeros(1, Z_DIM) if isinstance(layer, nn.Linear) else torch.zeros(1, Z_DIM, 1, 1)
        )
    A = step.flatten(1).double().numpy().T  # [outputs, z_dim], by running the layer instead of reading its weight
    values, vectors = np.linalg.eigh(A.T @ A)
    np.testing.assert_allclose(space.sizes, np.sqrt(values[::-1][:4]), rtol=1e-5)
    np.testing.assert_allclose(space.share, values[::-1][:4] / values.sum(), rtol=1e-5)
    np.testing.assert_allclose(abs_cosine(space.vectors, vectors.T[::-1][:4]), 1, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(A @ space.vectors.T, axis=0), space.sizes, rtol=1e-5)


def test_signs_make_the_largest_component_positive():
    fixed = finding.fix_signs(np.array([[0.1, -0.9, 0.2], [0.8, -0.1, 0.0]]))
    np.testing.assert_array_equal(fixed, [[-0.1, 0.9, -0.2], [0.8, -0.1, 0.0]])
    space = finding.closed_form(linear(), Z_DIM)
    assert (np.take_along_axis(space.vectors, np.abs(space.vectors).argmax(1)[:, None], 1) > 0).all()


def test_principal_against_numpy():
    """A linear generator: the components of A z, and least squares of z on them, by numpy's SVD and lstsq."""
    layer, z = linear(outputs=40), rng.latents(0, "test", 3000, Z_DIM)
    with torch.inference_mode():
        activations = layer(z)
    space = finding.principal(activations, z, 4, seed=0)
    y = activations.double().numpy()
    y -= y.mean(axis=0)
    left, values, _ = np.linalg.svd(y, full_matrices=False)
    x = left[:, :4] * values[:4]
    U = np.linalg.lstsq(x, z.double().numpy() - z.double().numpy().mean(axis=0), rcond=None)[0]
    np.testing.assert_allclose(space.share, values[:4] ** 2 / (values**2).sum(), rtol=1e-4)
    np.testing.assert_allclose(space.sizes, values[:4] / math.sqrt(2999), rtol=1e-4)
    np.testing.assert_allclose(abs_cosine(space.vectors, U), 1, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(space.vectors, axis=1), 1, atol=1e-12)


def test_principal_of_a_rotation_finds_its_rows():
    """Coordinates of sizes 5 to 1 behind a rotation: the components are the rotation's rows, in that order."""
    rows, sizes = rows_of_rotation(5, Z_DIM, seed=3), np.arange(5.0, 0, -1)
    z = rng.latents(1, "test", 20_000, Z_DIM)
    activations = z @ torch.from_numpy((sizes[:, None] * rows).T).float()
    space = finding.principal(activations, z, 3, seed=0)
    assert (abs_cosine(space.vectors, rows[:3]) > 0.998).all()
    np.testing.assert_allclose(space.share, (sizes**2 / (sizes**2).sum())[:3], rtol=0.05)


def test_another_draw_of_the_randomised_pca_changes_nothing_that_counts():
    z = rng.latents(0, "test", 2000, Z_DIM)
    spaces = [finding.principal(torch.tanh(z @ torch.ones(Z_DIM, 300).triu()), z, 3, seed) for seed in (0, 1)]
    np.testing.assert_allclose(spaces[0].vectors, spaces[1].vectors, atol=1e-4)


def test_weights_and_activations_of_low_rank_have_no_more_directions():
    layer = linear()
    with torch.no_grad():
        layer.weight[:, 2:] = 0.0
    space = finding.closed_form(layer, 5)
    assert space.vectors.shape == (2, Z_DIM)
    np.testing.assert_allclose(space.vectors[:, 2:], 0, atol=1e-12)
    z = rng.latents(0, "test", 200, Z_DIM)
    with torch.inference_mode():
        activations = layer(z)
    assert finding.principal(activations, z, 5, seed=0).vectors.shape == (2, Z_DIM)
    assert finding.principal(torch.ones(200, 30), z, 5, seed=0).vectors.shape == (0, Z_DIM)
    with torch.no_grad():
        layer.weight.zero_()
    assert finding.closed_form(layer, 5).vectors.shape == (0, Z_DIM)


def test_coordinates_rise_along_their_vectors():
    z = rng.latents(0, "test", 2000, Z_DIM)
    with torch.inference_mode():
        space = finding.principal(linear(40)(z), z, 3, seed=0)
    for vector, coordinate in zip(space.vectors, space.coordinates.T):
        assert np.corrcoef(z.double().numpy() @ vector, coordinate)[0, 1] > 0.9


def activations_of(G, z):
    layer = finding.first_layer(G, z.shape[1])
    with finding.first_activations(G, layer) as parts:
        generate(G, z)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in G.modules())
    return torch.cat(parts)[: len(z)] if parts else None


def test_activations_are_those_behind_the_first_nonlinearity():
    z = rng.latents(0, "test", 300, Z_DIM)  # more than one chunk, the last one padded
    inner = nn.LeakyReLU(0.2)
    G = OfLayers(linear(16), nn.BatchNorm1d(16), inner, nn.Linear(16, 64), inner, nn.Linear(64, 64))
    with torch.inference_mode():
        expected = inner(G.main[1](G.main[0](z)))
    torch.testing.assert_close(activations_of(G, z), expected, atol=1e-5, rtol=1e-5)


def test_an_in_place_layer_does_not_change_what_was_kept():
    """No nonlinearity before the next layer: the first layer's own output, as it was before ReLU wrote into it."""

    class InPlace(nn.Module):
        def forward(self, x):
            return x.relu_()

    z = rng.latents(0, "test", 10, Z_DIM)
    G = OfLayers(linear(64), InPlace())
    with torch.inference_mode():
        expected = G.main[0](z)
    assert (expected < 0).any()
    torch.testing.assert_close(activations_of(G, z), expected, atol=1e-5, rtol=1e-5)


def test_a_layer_that_is_not_called_gives_no_activations():
    class Functional(OfLayers):
        def forward(self, z):
            return torch.tanh(nn.functional.linear(z, self.main[0].weight)).reshape(len(z), 1, 8, 8)

    assert activations_of(Functional(linear(64)), rng.latents(0, "test", 10, Z_DIM)) is None
    with finding.first_activations(Functional(linear(64)), None) as parts:
        assert parts == []


def test_regression_against_numpy_and_the_closed_form():
    z = rng.latents(0, "test", 4000, Z_DIM)
    beta = np.array([2.0, -1.0, 0.5, 0.0, 0.0, 3.0])
    noise = np.random.default_rng(1).standard_normal(4000)
    values = 7 + z.double().numpy() @ beta + noise
    fit = finding.regress(z, values)
    design = np.column_stack([np.ones(4000), z.double().numpy()])
    expected = np.linalg.lstsq(design, values, rcond=None)[0][1:]
    np.testing.assert_allclose(fit.vector * fit.slope, expected, atol=1e-9)
    assert fit.r2 == pytest.approx(1 - 1 / (1 + beta @ beta), abs=0.01)  # share of signal; 4 sd of it is 0.007
    assert fit.vector @ beta / np.linalg.norm(beta) > 0.999
    assert fit.reliability > 0.999
    assert fit.num == 4000


def test_regression_finds_the_mean_gradient():
    """Stein: for f(z) = exp(a z) the mean gradient is a exp(|a|^2 / 2)."""
    a = np.array([0.3, -0.4, 0.0, 0.0, 0.2, 0.0])
    z = rng.latents(5, "test", 200_000, Z_DIM)
    fit = finding.regress(z, np.exp(z.double().numpy() @ a))
    np.testing.assert_allclose(fit.vector * fit.slope, a * math.exp(a @ a / 2), atol=0.015)


def test_a_number_that_hangs_on_nothing_is_not_reliable():
    z, noise = rng.latents(0, "test", 2000, 40), np.random.default_rng(0).standard_normal(2000)
    fit = finding.regress(z, noise)
    assert fit.r2 < 0
    assert abs(fit.reliability) < 0.5
    assert fit.error_deg > 80


def test_undefined_values_are_left_out():
    z = rng.latents(0, "test", 500, Z_DIM)
    values = z[:, 2].double().numpy().copy()
    values[::3] = np.nan
    fit = finding.regress(z, values)
    assert fit.num == np.isfinite(values).sum()
    np.testing.assert_allclose(fit.vector, np.eye(Z_DIM)[2], atol=1e-9)
    assert fit.error_deg == pytest.approx(0, abs=1e-3)
    few = np.full(500, np.nan)
    few[: finding.least_num(Z_DIM) - 1] = values[1]
    assert finding.regress(z, few) is None
    assert finding.regress(z, np.full(500, 3.0)) is None


def test_the_error_angle_holds_in_95_percent_of_all_draws():
    """800 draws with residuals that grow with |z|: the share within the angle; 3 sd of it are 0.023."""
    beta, hits = np.array([1.0, 0.5, 0, 0, 0, 0]), 0
    for draw in range(800):
        z = rng.latents(draw, "angle", 400, Z_DIM)
        x = z.double().numpy()
        noise = np.random.default_rng(draw).standard_normal(400) * np.abs(x[:, 3]) * 2
        fit = finding.regress(z, x @ beta + noise)
        angle = math.degrees(math.acos(min(1.0, fit.vector @ beta / np.linalg.norm(beta))))
        hits += angle <= fit.error_deg
    assert 0.925 <= hits / 800 <= 0.975
