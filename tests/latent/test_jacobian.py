import json

import numpy as np
import pytest
import safetensors.numpy
import torch
from planted import BRIGHT, IGNORED, SHAPE, Z_DIM, Planted, subject_of
from torch import nn

from ganatomy import rng
from ganatomy.errors import ConfigError
from ganatomy.latent import jacobian as j
from ganatomy.models import dcgan, mlp
from ganatomy.progress import Progress


def networks():
    torch.manual_seed(0)
    conv = dcgan.Generator(7, (1, 28, 28))
    for layer in conv.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
    return {"mlp": mlp.Generator(7, (3, 6, 5)).double().eval(), "dcgan": conv.double().eval()}


@pytest.mark.parametrize("name", ["mlp", "dcgan"])
def test_it_equals_central_differences(name):
    """Tolerance: float64 with a step of 1e-6 leaves about 1e-9; a kink of ReLU inside the step would show as more."""
    G, z = networks()[name], rng.latents(0, "t", 5, 7).double()
    exact, stepped = j.jacobian(G, z), j.jacobian_by_steps(G, z, 1e-6)
    assert exact.shape == stepped.shape == (5, 7, *G(z).shape[1:])
    torch.testing.assert_close(exact, stepped, rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(j.jacobian(G.float(), z.float()).double(), exact, rtol=1e-4, atol=1e-5)


def test_of_the_planted_generator_it_is_known():
    """d tanh(w . z) / dz_d = (1 - tanh^2) w_d."""
    G, z = Planted(), rng.latents(1, "t", 300, Z_DIM)
    *steps, found = j.look(G, z)
    assert sum(steps) == 300
    wanted = (127.5 * (1 - G(z)[:, None] ** 2) * G.weight[None]).double()  # [N, D, C, H, W]
    np.testing.assert_allclose(found.strength, wanted.flatten(2).square().mean(2).sqrt(), rtol=1e-4, atol=1e-9)
    np.testing.assert_allclose(found.heat, wanted.square().mean(dim=(0, 2)).sqrt(), rtol=1e-4, atol=1e-9)
    singular = torch.linalg.svdvals(wanted.flatten(2) / np.prod(SHAPE) ** 0.5)
    np.testing.assert_allclose(found.singular, singular, rtol=1e-3, atol=2e-3)
    assert (found.strength[:, list(IGNORED)] == 0).all()
    assert (found.strength.argmax(axis=1) == BRIGHT).mean() > 0.9


def test_participation_counts_directions():
    assert j.participation(np.array([[3.0, 3.0, 3.0, 0.0], [5, 0, 0, 0], [0, 0, 0, 0]])).tolist() == [3, 1, 0]
    assert j.participation(np.array([2.0, 1.0])) == pytest.approx(25 / 17)
    # Squares 81, 9, 9, 1: 81 % in the first, 90 % in the first two.
    assert j.num_for_energy(np.array([[9.0, 3, 3, 1], [1, 1, 1, 1], [0, 0, 0, 0]])).tolist() == [2, 4, 0]


def test_the_record_says_it_in_numbers_with_intervals(tmp_path):
    config = j.JacobianConfig(num_latents=40, seed=2)
    *steps, record = j.measure_jacobian(subject_of(Planted()), config, tmp_path)
    assert all(isinstance(step, Progress) for step in steps)
    assert steps[-1].done == steps[-1].total == j.cost(config, subject_of(Planted())) == 40 * Z_DIM
    arrays = safetensors.numpy.load((tmp_path / "jacobian.safetensors").read_bytes())
    assert [row["dim"] for row in record["strength"]] == list(range(Z_DIM))
    for row, column in zip(record["strength"], arrays["strength"].T):
        assert row["mean"] == pytest.approx(column.mean(), rel=1e-5)
        se = column.std(ddof=1) / 40**0.5
        assert row["hi"] - row["lo"] == pytest.approx(2 * 1.96 * se, rel=0.25, abs=1e-9)
    dimension = j.participation(arrays["singular"])
    assert record["effective_dimension"]["mean"] == pytest.approx(dimension.mean(), rel=1e-5)
    assert 1 < record["effective_dimension"]["lo"] < record["effective_dimension"]["hi"] <= Z_DIM - len(IGNORED)
    assert record["num_90"]["mean"] == pytest.approx(j.num_for_energy(arrays["singular"]).mean(), rel=1e-5)
    assert json.loads((tmp_path / "jacobian.json").read_text(encoding="utf-8")) == record
    with pytest.raises(ConfigError, match="at least 2"):
        next(j.measure_jacobian(subject_of(Planted()), j.JacobianConfig(num_latents=1), tmp_path))
