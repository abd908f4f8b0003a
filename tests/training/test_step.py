"""The training step against one written independently, as tutorials write it: sigmoid, BCELoss, two optimizers."""

import dataclasses
import math

import pytest
import torch
from torch import nn

from ganatomy import presets, rng
from ganatomy.config import resolve
from ganatomy.datasets.stream import ImageStream
from ganatomy.errors import DivergedError
from ganatomy.training import schedule
from ganatomy.training.state import TrainState
from ganatomy.training.step import d_step, g_step, train_step
from ganatomy.training.ticklog import SCALARS, scalars

NUM_STEPS, BATCH = 5, 16


def plain_networks(name: str) -> tuple[nn.Sequential, nn.Sequential]:
    """The source's networks as plain lists of layers, D with its sigmoid."""
    if name != "dcgan":
        G = nn.Sequential(
            nn.Linear(100, 128), nn.LeakyReLU(0.2), nn.Linear(128, 784), nn.Tanh(), nn.Unflatten(1, (1, 28, 28))
        )
        D = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.LeakyReLU(0.2), nn.Linear(128, 1), nn.Sigmoid())
        return G, D
    G = nn.Sequential(
        nn.Unflatten(1, (100, 1, 1)),
        nn.ConvTranspose2d(100, 256, 4, 1, 0), nn.BatchNorm2d(256), nn.ReLU(True),
        nn.ConvTranspose2d(256, 128, 3, 2, 1), nn.BatchNorm2d(128), nn.ReLU(True),
        nn.ConvTranspose2d(128, 64, 4, 2, 1), nn.BatchNorm2d(64), nn.ReLU(True),
        nn.ConvTranspose2d(64, 1, 4, 2, 1), nn.Tanh(),
    )  # fmt: skip
    D = nn.Sequential(
        nn.Conv2d(1, 64, 4, 2, 1), nn.LeakyReLU(0.2, True),
        nn.Conv2d(64, 128, 4, 2, 1), nn.BatchNorm2d(128), nn.LeakyReLU(0.2, True),
        nn.Conv2d(128, 256, 3, 2, 1), nn.BatchNorm2d(256), nn.LeakyReLU(0.2, True),
        nn.Conv2d(256, 1, 4, 1, 0), nn.Flatten(), nn.Sigmoid(),
    )  # fmt: skip
    return G, D


def copy_weights(source: nn.Module, target: nn.Module) -> None:
    """Both list the same tensors in the same order."""
    for ours, theirs in zip(source.state_dict().values(), target.state_dict().values(), strict=True):
        theirs.copy_(ours)


class Tutorial:
    """The independent implementation."""

    def __init__(self, state: TrainState, name: str, dtype: torch.dtype):
        self.G, self.D = (network.to(dtype) for network in plain_networks(name))
        copy_weights(state.G, self.G)
        copy_weights(state.D, self.D)
        if name == "gan":
            self.optimizer_G = torch.optim.SGD(self.G.parameters(), lr=0.03)
            self.optimizer_D = torch.optim.SGD(self.D.parameters(), lr=0.03)
        else:
            self.optimizer_G = torch.optim.Adam(self.G.parameters(), lr=2e-4, betas=(0.5, 0.999), foreach=False)
            self.optimizer_D = torch.optim.Adam(self.D.parameters(), lr=2e-4, betas=(0.5, 0.999), foreach=False)
        self.losses: list[tuple[float, float]] = []

    def step(self, real: torch.Tensor, z: torch.Tensor) -> None:
        criterion = nn.BCELoss()
        ones, zeros = torch.ones(len(real), 1, dtype=z.dtype), torch.zeros(len(real), 1, dtype=z.dtype)
        self.optimizer_D.zero_grad()
        loss_real = criterion(self.D(real), ones)
        loss_real.backward()
        fake = self.G(z)
        loss_fake = criterion(self.D(fake.detach()), zeros)
        loss_fake.backward()
        self.optimizer_D.step()
        self.optimizer_G.zero_grad()
        loss_G = criterion(self.D(fake), ones)
        loss_G.backward()
        self.optimizer_G.step()
        self.losses.append((loss_real.item() + loss_fake.item(), loss_G.item()))


def new_state(name: str, dataset, dtype: torch.dtype = torch.float32) -> tuple[TrainState, ImageStream]:
    config = resolve(
        dataclasses.replace(presets.preset(name), batch_size=BATCH, num_train=len(dataset.train), total_nimg=1600)
    )
    state = TrainState(config, torch.device("cpu"))
    for network in (state.G, state.D, state.G_ema):
        network.to(dtype)
    return state, ImageStream(dataset.train, config.seed, state.device)


def largest_difference(ours: nn.Module, theirs: nn.Module) -> float:
    pairs = zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True)
    return max(float((a - b).abs().max()) for a, b in pairs)


@pytest.mark.parametrize(
    ("name", "dtype", "tolerance"),
    [
        ("gan", torch.float32, 1e-6),
        ("gan-adam", torch.float32, 1e-4),  # Adam divides by the gradient's size, and so enlarges rounding near zero
        # Float64 for batch norm: the bias before it has no gradient but rounding, which Adam turns into whole steps.
        ("dcgan", torch.float64, 1e-8),
        ("gan", torch.float64, 1e-12),
        ("gan-adam", torch.float64, 1e-8),
    ],
)
def test_five_steps_equal_the_tutorials(name, dtype, tolerance, tiny_dataset):
    state, stream = new_state(name, tiny_dataset, dtype)
    tutorial = Tutorial(state, name, dtype)
    start = [value.clone() for value in state.G.state_dict().values()]
    latents = rng.LatentStream(0, "test", 100)
    for step in range(NUM_STEPS):
        real, z = stream.real_img(step * BATCH, BATCH).to(dtype), latents.z(step * BATCH, BATCH).to(dtype)
        train_step(state, real, z)
        tutorial.step(real, z)
    assert largest_difference(state.G, tutorial.G) < tolerance
    assert largest_difference(state.D, tutorial.D) < tolerance
    moved = max(float((a - b).abs().max()) for a, b in zip(start, state.G.state_dict().values()))
    assert moved > 5 * tolerance  # the comparison would notice missing steps
    means = state.tick.take()
    expected = torch.tensor(tutorial.losses, dtype=torch.float64).mean(dim=0)
    assert means["Loss/D/adv"] == pytest.approx(float(expected[0]), abs=2e-6)
    assert means["Loss/G/adv"] == pytest.approx(float(expected[1]), abs=2e-6)


def test_scalars_are_what_the_documentation_says(tiny_dataset):
    """Every logged value of one step worked out by hand from the networks before it (G's from D after its update)."""
    state, stream = new_state("gan", tiny_dataset)
    real, z = stream.real_img(0, BATCH), rng.latents(0, "test", BATCH, 100)
    with torch.no_grad():
        gen = state.G(z)
        p_real, p_gen = state.D(real).double().sigmoid(), state.D(gen).double().sigmoid()
    expected = {
        "Loss/D/real": -p_real.log().mean(), "Loss/D/fake": -(1 - p_gen).log().mean(),
        "Loss/D/adv": -p_real.log().mean() - (1 - p_gen).log().mean(),
        "Scores/real": p_real.mean(), "Scores/fake": p_gen.mean(),
        "Accuracy/real": (p_real > 0.5).double().mean(), "Accuracy/fake": (p_gen < 0.5).double().mean(),
    }  # fmt: skip
    gen_img = state.G(z)
    (real_logits, gen_logits), found_D = d_step(state, real, gen_img, BATCH)
    norm_D = math.sqrt(sum(float(p.grad.double().square().sum()) for p in state.D.parameters()))
    with torch.no_grad():
        expected["Loss/G/adv"] = -state.D(gen).double().sigmoid().log().mean()
    logits_for_G, found_G = g_step(state, gen_img, real_logits, BATCH)
    norm_G = math.sqrt(sum(float(p.grad.double().square().sum()) for p in state.G.parameters()))
    expected |= {"Grad/D/norm": torch.tensor(norm_D), "Grad/G/norm": torch.tensor(norm_G)}
    logits = torch.stack([real_logits, gen_logits, logits_for_G])[None].double()
    found = dict(zip(SCALARS, scalars(logits, torch.stack([found_G, found_D])[None].double())[0].tolist(), strict=True))
    assert set(expected) == set(SCALARS)
    for name, value in expected.items():
        assert found[name] == pytest.approx(float(value), rel=1e-5, abs=1e-6), name


def test_each_step_moves_its_own_network_only(tiny_dataset):
    state, stream = new_state("dcgan", tiny_dataset)

    def weights(network: nn.Module) -> list[torch.Tensor]:
        return [parameter.detach().clone() for parameter in network.parameters()]

    G, D = weights(state.G), weights(state.D)
    gen_img = state.G(rng.latents(0, "test", BATCH, 100))
    (real_logits, _), _ = d_step(state, stream.real_img(0, BATCH), gen_img, BATCH)
    assert all(torch.equal(a, b) for a, b in zip(G, weights(state.G)))
    assert not any(torch.equal(a, b) for a, b in zip(D, weights(state.D)))
    D = weights(state.D)
    g_step(state, gen_img, real_logits, BATCH)
    assert all(torch.equal(a, b) for a, b in zip(D, weights(state.D)))
    assert not all(torch.equal(a, b) for a, b in zip(G, weights(state.G)))
    assert all(parameter.requires_grad for parameter in state.D.parameters())


def test_generator_runs_once_a_step(tiny_dataset):
    """One z serves both updates: G's batch norm counts one batch, D's three (real, generated, generated for G)."""
    state, stream = new_state("dcgan", tiny_dataset)
    train_step(state, stream.real_img(0, BATCH), rng.latents(0, "test", BATCH, 100))
    counts = {
        name: {int(value) for key, value in network.state_dict().items() if key.endswith("num_batches_tracked")}
        for name, network in (("G", state.G), ("D", state.D))
    }
    assert counts == {"G": {1}, "D": {3}}


def test_average_follows_the_step(tiny_dataset):
    state, stream = new_state("gan", tiny_dataset)
    expected = [parameter.detach().clone() for parameter in state.G.parameters()]
    for step in range(3):
        train_step(state, stream.real_img(state.cur_nimg, BATCH), rng.latents(0, "test", BATCH, 100))
        beta = schedule.ema_beta(BATCH, (step + 1) * BATCH, state.config.ema_halflife_nimg)
        expected = [beta * a + (1 - beta) * p.detach() for a, p in zip(expected, state.G.parameters())]
    for ours, theirs in zip(state.G_ema.parameters(), expected):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)


@pytest.mark.parametrize("network", ["G", "D"])
def test_nothing_moves_when_a_value_is_not_finite(network, tiny_dataset):
    state, stream = new_state("gan", tiny_dataset)
    with torch.no_grad():
        getattr(state, network).fc2.bias[0] = float("nan")
    before = state.tensors()
    with pytest.raises(
        DivergedError, match=r"D diverged after 0 images: its loss is nan.*Its optimizer was not stepped"
    ):
        train_step(state, stream.real_img(0, BATCH), rng.latents(0, "test", BATCH, 100))
    after = state.tensors()
    assert all(torch.equal(a, after[name]) or a.isnan().any() for name, a in before.items())
    assert state.cur_nimg == 0
