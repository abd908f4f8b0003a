"""The source's networks to the letter, and the DCGAN family for other sizes."""

import dataclasses
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ganatomy import presets
from ganatomy.errors import ConfigError
from ganatomy.models import dcgan, mlp
from ganatomy.models.generate import generate
from ganatomy.models.registry import build_discriminator, build_generator, num_parameters
from ganatomy.models.tables import arithmetic, layer_table

PRINTED = {
    ("gan", "generator"): """Generator(
  (fc1): Linear(in_features=100, out_features=128, bias=True)
  (nonlin1): LeakyReLU(negative_slope=0.2)
  (fc2): Linear(in_features=128, out_features=784, bias=True)
)""",
    ("gan", "discriminator"): """Discriminator(
  (fc1): Linear(in_features=784, out_features=128, bias=True)
  (nonlin1): LeakyReLU(negative_slope=0.2)
  (fc2): Linear(in_features=128, out_features=1, bias=True)
)""",
    ("dcgan", "generator"): """Generator(
  (main): Sequential(
    (0): ConvTranspose2d(100, 256, kernel_size=(4, 4), stride=(1, 1))
    (1): BatchNorm2d(256, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
    (2): ReLU(inplace=True)
    (3): ConvTranspose2d(256, 128, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1))
    (4): BatchNorm2d(128, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
    (5): ReLU(inplace=True)
    (6): ConvTranspose2d(128, 64, kernel_size=(4, 4), stride=(2, 2), padding=(1, 1))
    (7): BatchNorm2d(64, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
    (8): ReLU(inplace=True)
    (9): ConvTranspose2d(64, 1, kernel_size=(4, 4), stride=(2, 2), padding=(1, 1))
    (10): Tanh()
  )
)""",
    ("dcgan", "discriminator"): """Discriminator(
  (main): Sequential(
    (0): Conv2d(1, 64, kernel_size=(4, 4), stride=(2, 2), padding=(1, 1))
    (1): LeakyReLU(negative_slope=0.2, inplace=True)
    (2): Conv2d(64, 128, kernel_size=(4, 4), stride=(2, 2), padding=(1, 1))
    (3): BatchNorm2d(128, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
    (4): LeakyReLU(negative_slope=0.2, inplace=True)
    (5): Conv2d(128, 256, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1))
    (6): BatchNorm2d(256, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
    (7): LeakyReLU(negative_slope=0.2, inplace=True)
    (8): Conv2d(256, 1, kernel_size=(4, 4), stride=(1, 1))
  )
)""",
}
COUNTS = {"gan": (114_064, 100_609), "gan-adam": (114_064, 100_609), "dcgan": (837_953, 432_321)}
SIZES = [(28, 28), (48, 32), (32, 32), (64, 64), (8, 8), (9, 31), (17, 8), (28, 100)]


@pytest.mark.parametrize(("preset", "part"), PRINTED)
def test_printed_form(preset, part):
    build = build_generator if part == "generator" else build_discriminator
    # PyTorch releases differ in whether batch norm prints its bias
    printed = str(build(presets.preset(preset))).replace("affine=True, track", "affine=True, bias=True, track")
    assert printed == PRINTED[preset, part]


@pytest.mark.parametrize("preset", COUNTS)
def test_parameter_counts(preset):
    config = presets.preset(preset)
    assert (num_parameters(build_generator(config)), num_parameters(build_discriminator(config))) == COUNTS[preset]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_any_size_comes_out_as_asked(height, width, channels):
    G, D = dcgan.Generator(6, (channels, height, width)), dcgan.Discriminator((channels, height, width))
    img = G(torch.zeros(2, 6))
    assert img.shape == (2, channels, height, width)
    assert D(img).shape == (2,)
    assert img.abs().max() <= 1


@given(height=st.integers(8, 1024), width=st.integers(8, 1024))
@settings(max_examples=200, deadline=None)
def test_stairs_meet_the_convolution_formulas_both_ways(height, width):
    """n_small = (n + 2p - k) / s + 1 down, n = (n_small - 1) s - 2p + k up (Dumoulin and Visin 2016), p = 1."""
    stairs = dcgan.solve_stairs(height, width)
    assert stairs[0].large == (height, width)
    assert all(1 <= side <= 4 for side in stairs[-1].small)
    assert [stair.num_channels for stair in stairs] == [min(64 * 2**i, 512) for i in range(len(stairs))]
    for number, stair in enumerate(stairs):
        for n, m, k, s in zip(stair.large, stair.small, stair.kernel, stair.stride):
            assert (n + 2 - k) // s + 1 == m
            assert (m - 1) * s - 2 + k == n
        if number:
            assert stairs[number - 1].small == stair.large


@pytest.mark.parametrize(
    ("height", "width", "words"),
    [
        (7, 28, "image height is 7 px; dcgan takes 8 to 1024 px"),
        (28, 1025, "image width is 1025 px"),
        (0, 0, "height is 0"),
    ],
)
def test_sizes_out_of_range_are_refused(height, width, words):
    with pytest.raises(ConfigError, match=words):
        dcgan.Generator(4, (1, height, width))
    with pytest.raises(ConfigError, match=words):
        dcgan.Discriminator((1, height, width))


def said_sizes(text: str) -> list[int]:
    """The sizes after the equal signs of an arithmetic string, [h, w]; each sum is worked out and must be right."""
    sizes = []
    for part in text.split("; "):
        terms, result = part.removeprefix("H: ").removeprefix("W: ").split(" = ")
        left, op, right = re.fullmatch(r"\((.+)\)([*/]\d+)(.*)", terms).groups()
        assert eval(f"({left}){op.replace('/', '//')}{right}") == int(result)
        sizes.append(int(result))
    return sizes * (2 // len(sizes))


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_tables_tell_the_real_sizes_and_counts(height, width):
    shape = (3, height, width)
    for network, given_shape in ((dcgan.Generator(6, shape), (6,)), (dcgan.Discriminator(shape), shape)):
        rows = layer_table(network, given_shape)
        assert sum(row["parameters"] for row in rows) == num_parameters(network)
        sums = [row for row in rows if "Conv" in row["layer"]]
        assert len(sums) == len([layer for layer in network.modules() if "Conv" in type(layer).__name__])
        for row in sums:
            assert said_sizes(row["arithmetic"]) == row["output"][1:]
        assert network.training


def test_arithmetic_of_the_source_network():
    rows = layer_table(build_generator(presets.dcgan()), (100,))
    assert [row["arithmetic"] for row in rows if row["arithmetic"]] == [
        "(1-1)*1 - 2*0 + 4 = 4", "(4-1)*2 - 2*1 + 3 = 7", "(7-1)*2 - 2*1 + 4 = 14", "(14-1)*2 - 2*1 + 4 = 28",
    ]  # fmt: skip
    rows = layer_table(build_discriminator(presets.dcgan()), (1, 28, 28))
    assert [row["arithmetic"] for row in rows if row["arithmetic"]] == [
        "(28 + 2*1 - 4)/2 + 1 = 14", "(14 + 2*1 - 4)/2 + 1 = 7", "(7 + 2*1 - 3)/2 + 1 = 4", "(4 + 2*0 - 4)/1 + 1 = 1",
    ]  # fmt: skip
    assert arithmetic(nn.Linear(3, 4), (1, 3)) == "3*4 + 4"
    assert arithmetic(nn.Tanh(), (1, 3)) == ""


def test_mlp_is_the_written_formula():
    """tanh(W2 leaky(W1 z + b1) + b2) and v leaky(U x + c) + d, leaky(a) = max(a, 0.2 a)."""
    G, D = mlp.Generator(5, (1, 4, 6)), mlp.Discriminator((1, 4, 6))
    z = torch.randn(3, 5)

    def leaky(a: torch.Tensor) -> torch.Tensor:
        return torch.maximum(a, 0.2 * a)

    img = torch.tanh(leaky(z @ G.fc1.weight.T + G.fc1.bias) @ G.fc2.weight.T + G.fc2.bias).reshape(3, 1, 4, 6)
    torch.testing.assert_close(G(z), img, rtol=0, atol=1e-6)
    logits = leaky(img.reshape(3, 24) @ D.fc1.weight.T + D.fc1.bias) @ D.fc2.weight[0] + D.fc2.bias
    torch.testing.assert_close(D(img), logits, rtol=0, atol=1e-6)


def test_weights_depend_on_the_seed_alone():
    for name in ("gan", "dcgan"):
        for build in (build_generator, build_discriminator):
            torch.randn(3)
            first, second = build(presets.preset(name)), build(presets.preset(name))
            other = build(dataclasses.replace(presets.preset(name), seed=1))
            for a, b in zip(first.state_dict().values(), second.state_dict().values()):
                assert torch.equal(a, b)
            assert not torch.equal(next(first.parameters()), next(other.parameters()))


def test_normal_initialisation_has_the_stated_moments():
    """Standard deviations within five standard errors of 0.02; means within five of 0 and 1."""
    seen = set()
    for network in (build_generator(presets.dcgan()), build_discriminator(presets.dcgan())):
        for layer in network.modules():
            mean = 1.0 if isinstance(layer, nn.BatchNorm2d) else 0.0
            if isinstance(layer, nn.BatchNorm2d | nn.Conv2d | nn.ConvTranspose2d):
                seen.add(type(layer))
                weight = layer.weight.detach().double()
                error = 0.02 / weight.numel() ** 0.5
                assert abs(weight.mean() - mean) < 5 * error
                assert abs((weight - mean).square().mean().sqrt() - 0.02) < 5 * error / 2**0.5
            if isinstance(layer, nn.BatchNorm2d):
                assert (layer.bias == 0).all()
    assert len(seen) == 3


@pytest.mark.parametrize("preset", ["gan", "dcgan"])
def test_a_latent_gives_the_same_bytes_whatever_stands_beside_it(preset):
    G = build_generator(presets.preset(preset)).eval()
    z = torch.randn(300, 100)
    together = generate(G, z)
    assert together.shape == (300, 1, 28, 28)
    assert together.dtype == torch.uint8
    assert torch.equal(generate(G, z[290:]), together[290:])
    assert torch.equal(generate(G, z.flip(0)), together.flip(0))


def test_generating_in_training_mode_is_our_own_mistake():
    with pytest.raises(AssertionError, match="eval mode"):
        generate(build_generator(presets.dcgan()), torch.zeros(1, 100))
