"""The average of the generator, and the batch-norm statistics that are its own."""

import pytest
import safetensors.torch
import torch
from torch import nn

from ganatomy import rng
from ganatomy.models import dcgan, mlp
from ganatomy.models.generate import generate
from ganatomy.training import ema


def small_dcgan() -> dcgan.Generator:
    torch.manual_seed(0)
    network = dcgan.Generator(5, (1, 8, 8))
    dcgan.init_normal(network)
    return network


def test_update_is_the_formula_and_leaves_buffers_alone():
    average, current = small_dcgan(), small_dcgan()
    dcgan.init_normal(current)
    current(torch.randn(16, 5))
    expected = [0.75 * a + 0.25 * b for a, b in zip(average.parameters(), current.parameters())]
    buffers = [buffer.clone() for buffer in average.buffers()]
    ema.update(average, current, 0.75)
    for ours, theirs in zip(average.parameters(), expected):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=3e-7)
    assert all(torch.equal(a, b) for a, b in zip(average.buffers(), buffers))


def test_average_of_a_constant_is_the_constant():
    average, current = small_dcgan(), small_dcgan()
    for _ in range(50):
        ema.update(average, current, 0.9)
    assert all(torch.equal(a, b) for a, b in zip(average.parameters(), current.parameters()))


def test_repeated_updates_follow_the_closed_form():
    """After k steps towards a fixed target: w = target + beta^k (start - target)."""
    average, target = nn.Linear(3, 2).double(), nn.Linear(3, 2).double()
    start = average.weight.detach().clone()
    for _ in range(20):
        ema.update(average, target, 0.9)
    expected = target.weight + 0.9**20 * (start - target.weight)
    torch.testing.assert_close(average.weight, expected, rtol=0, atol=1e-14)


def test_statistics_are_the_mean_over_batches_of_its_own_activations():
    """The first layer's, worked out by hand: batches of 256 of the 2,048 latents, variance unbiased per batch."""
    network = small_dcgan()
    finished = ema.with_statistics(network, 5, seed=7)
    z = rng.latents(7, "batch_norm", 2048, 5)
    with torch.no_grad():
        batches = [network.main[0](part[:, :, None, None]) for part in z.split(256)]
    mean = torch.stack([batch.mean(dim=(0, 2, 3)) for batch in batches]).mean(dim=0)
    variance = torch.stack([batch.var(dim=(0, 2, 3), correction=1) for batch in batches]).mean(dim=0)
    torch.testing.assert_close(finished.main[1].running_mean, mean, rtol=0, atol=1e-6)
    torch.testing.assert_close(finished.main[1].running_var, variance, rtol=1e-5, atol=0)
    assert finished.main[1].momentum == 0.1
    assert not finished.training


def test_statistics_are_a_pure_function_and_leave_the_original_alone():
    network = small_dcgan()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    first, second = (ema.with_statistics(network, 5, seed=7).state_dict() for _ in range(2))
    other = ema.with_statistics(network, 5, seed=8).state_dict()
    assert network.training
    assert all(torch.equal(value, network.state_dict()[key]) for key, value in before.items())
    assert all(torch.equal(value, second[key]) for key, value in first.items())
    assert not torch.equal(first["main.1.running_mean"], other["main.1.running_mean"])


@pytest.mark.parametrize("channels", [1, 3])
def test_it_pictures_as_the_snapshot_does(channels, tmp_path):
    """Weights in another order in memory would be read by other kernels: the order is that of a file read again.

    With one channel, several orders count as contiguous, and strides tell them apart.
    """
    torch.manual_seed(0)
    network = dcgan.Generator(5, (channels, 28, 28)).to(memory_format=torch.channels_last)
    usable = ema.with_statistics(network, 5, seed=3)
    safetensors.torch.save_file(usable.state_dict(), tmp_path / "snapshot.safetensors")
    read = dcgan.Generator(5, (channels, 28, 28)).eval()
    read.load_state_dict(safetensors.torch.load_file(tmp_path / "snapshot.safetensors"))
    for ours, theirs in zip(usable.parameters(), read.parameters(), strict=True):
        assert ours.stride() == theirs.stride()
    z = rng.latents(5, "fixed", 64, 5)
    assert torch.equal(generate(usable, z), generate(read, z))


def test_a_network_without_batch_norm_is_just_copied():
    network = mlp.Generator(5, (1, 8, 8))
    finished = ema.with_statistics(network, 5, seed=0)
    assert not finished.training
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), finished.parameters()))
