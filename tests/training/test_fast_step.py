"""The fast step against the reference: equal in float64, close in float32, a like step in bfloat16."""

import dataclasses
import itertools

import pytest
import torch
from torch import nn

from ganatomy import presets, rng
from ganatomy.config import resolve
from ganatomy.datasets.stream import ImageStream
from ganatomy.errors import DivergedError
from ganatomy.losses import adversarial
from ganatomy.models.weights import Weights
from ganatomy.training.engine import build_step, image_stream
from ganatomy.training.fast_step import FastStep
from ganatomy.training.graph_step import GraphStep
from ganatomy.training.state import TrainState

BATCH = 16
SHAPES = [
    ("gan", (1, 28, 28)), ("gan-adam", (3, 8, 9)), ("dcgan", (1, 28, 28)), ("dcgan", (3, 9, 13)), ("dcgan", (1, 8, 20)),
]  # fmt: skip
"""Grey and colour, even and odd sides, kernels of 3 and 4, sides that stay while the other is halved."""


def new_state(name: str, shape: tuple[int, int, int], engine: str, dtype=torch.float64, **changes) -> TrainState:
    channels, height, width = shape
    config = dataclasses.replace(
        presets.preset(name), num_train=96, total_nimg=1600, engine=engine, img_channels=channels, img_height=height,
        img_width=width, **({"batch_size": BATCH} | changes),
    )  # fmt: skip
    state = TrainState(resolve(config), torch.device("cpu"))
    for network in (state.G, state.D, state.G_ema):
        network.to(dtype)
    return state


def pictures(shape: tuple[int, int, int]) -> torch.Tensor:
    """96 smooth images with noise, [-1, 1]: neither network is right at once."""
    draw = torch.Generator().manual_seed(5)
    coarse = torch.rand(96, shape[0], 4, 4, generator=draw, dtype=torch.float64)
    smooth = nn.functional.interpolate(coarse, size=shape[1:], mode="bilinear")
    return (2 * smooth - 1 + 0.1 * torch.randn(96, *shape, generator=draw, dtype=torch.float64)).clamp(-1, 1)


def batches(shape: tuple[int, int, int], num_steps: int, dtype: torch.dtype, num: int = BATCH):
    img, latents = pictures(shape).to(dtype), rng.LatentStream(0, "test", 100)
    for step in range(num_steps):
        start = 16 * step % (112 - num)
        yield img[start : start + num], latents.z(num * step, num).to(dtype)


def freeze_biases(network: nn.Module) -> None:
    """Hold the biases in front of a batch norm: their true gradient is zero, autograd gives rounding noise."""
    layers = list(network.main)
    for layer, following in itertools.pairwise(layers):
        if isinstance(following, nn.BatchNorm2d):
            layer.bias.register_hook(torch.zeros_like)


def largest(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    """The largest difference relative to the size of each tensor."""
    assert a.keys() == b.keys()
    filled = [name for name in a if a[name].numel()]
    return max(
        float((a[name].double() - b[name].double()).abs().max() / (1e-12 + a[name].abs().max())) for name in filled
    )


@pytest.mark.parametrize(("name", "shape"), SHAPES)
def test_fifty_steps_in_float64_equal_the_reference(name, shape):
    """To 1e-6: losses, images, weights, average, batch-norm statistics, optimizer moments, step counts."""
    states = [new_state(name, shape, engine) for engine in ("reference", "fast")]
    if name == "dcgan":
        freeze_biases(states[0].G)
        freeze_biases(states[0].D)
    steps = [build_step(state) for state in states]
    for real_img, z in batches(shape, 50, torch.float64):
        for step in steps:
            step(real_img, z)
        reference, fast = (state.tick.take() for state in states)
        assert fast == pytest.approx(reference, rel=1e-6)
    reference, fast = (state.tensors() for state in states)
    assert largest(reference, fast) < 1e-6
    assert states[0].counters() == states[1].counters()
    with torch.no_grad():
        images = [state.G_ema.eval()(z) for state in states]
    torch.testing.assert_close(images[1], images[0], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "shape", [(1, 8, 8), (3, 8, 8), (1, 8, 9), (1, 9, 8), (3, 8, 16), (1, 16, 8), (1, 15, 15), (3, 16, 9)]
)
def test_both_engines_train_the_smallest_sizes(shape):
    """At 8 px a side both networks have one stair and D no batch norm at all; three steps, to 1e-6."""
    states = [new_state("dcgan", shape, engine) for engine in ("reference", "fast")]
    freeze_biases(states[0].G)
    freeze_biases(states[0].D)
    steps = [build_step(state) for state in states]
    for real_img, z in batches(shape, 3, torch.float64):
        for step in steps:
            step(real_img, z)
    assert largest(states[0].tensors(), states[1].tensors()) < 1e-6


@pytest.mark.parametrize(("name", "shape"), SHAPES)
def test_ten_steps_in_float32_are_close_to_the_reference(name, shape):
    """Losses to 1e-3 of the reference in float64, or to 5 times what the reference itself loses in float32 by then.

    Adam turns the rounding of small gradients into whole steps, so two float32 trainings drift apart in any case.
    """
    exact = new_state(name, shape, "reference", batch_size=64)
    rounded, fast = (new_state(name, shape, engine, torch.float32, batch_size=64) for engine in ("reference", "fast"))
    if name == "dcgan":
        for network in (exact.G, exact.D, rounded.G, rounded.D):
            freeze_biases(network)
    states = exact, rounded, fast
    steps, drift = [build_step(state) for state in states], 0.0
    for real_img, z in batches(shape, 10, torch.float64, 64):
        for state, step in zip(states, steps, strict=True):
            step(real_img.to(next(state.G.parameters()).dtype), z.to(next(state.G.parameters()).dtype))
        wanted, plain, found = (state.tick.take() for state in states)
        losses = [key for key in wanted if key.startswith("Loss/")]
        drift = max(drift, *(abs(plain[key] / wanted[key] - 1) for key in losses))
        for key in losses:
            assert found[key] == pytest.approx(wanted[key], rel=max(1e-3, 5 * drift)), key


@pytest.mark.parametrize(("name", "shape"), SHAPES)
def test_one_step_in_bfloat16_has_the_gradients_of_the_reference(name, shape):
    """Each parameter's gradient points the way of the reference's: cosine at least 0.98 (bfloat16 has 8 bits)."""
    states = new_state(name, shape, "reference"), new_state(name, shape, "fast", torch.float32, precision="bfloat16")
    real_img, z = next(batches(shape, 1, torch.float64))
    build_step(states[0])(real_img, z)
    build_step(states[1])(real_img.float(), z.float())
    for network in ("D", "G"):
        ours = dict(getattr(states[1], network).named_parameters())
        for key, parameter in getattr(states[0], network).named_parameters():
            wanted, found = parameter.grad.flatten(), ours[key].grad.double().flatten()
            if wanted.norm() > 1e-9 and wanted.numel() > 3:  # not a bias in front of a batch norm
                cosine = float(wanted @ found / (wanted.norm() * found.norm()))
                assert cosine > 0.98, (network, key, cosine)


def test_weights_stay_the_networks_own_and_the_state_can_be_saved_and_loaded():
    """A state in mid-run, written and read into a new one, goes on with the same bytes."""
    data = list(batches((1, 28, 28), 6, torch.float32))
    whole, parts = (new_state("dcgan", (1, 28, 28), "fast", torch.float32, precision="bfloat16") for _ in range(2))
    step = build_step(whole)
    for real_img, z in data:
        step(real_img, z)
    for real_img, z in data:
        build_step(parts)(real_img, z)
        saved, counters = parts.tensors(), parts.counters()
        parts = new_state("dcgan", (1, 28, 28), "fast", torch.float32, precision="bfloat16")
        parts.load(saved, counters)
    wanted, found = whole.tensors(), parts.tensors()
    assert wanted.keys() == found.keys()
    assert all(torch.equal(wanted[name], found[name]) for name in wanted)


def test_a_run_goes_on_with_the_other_step():
    """Both steps leave the same kind of state: either can continue what the other began."""
    data = list(batches((1, 28, 28), 4, torch.float64))
    mixed, plain = new_state("dcgan", (1, 28, 28), "fast"), new_state("dcgan", (1, 28, 28), "reference")
    for state in (mixed, plain):
        freeze_biases(state.G)
        freeze_biases(state.D)
    step, plain_step = build_step(mixed), build_step(plain)
    for real_img, z in data[:2]:
        step(real_img, z)
        plain_step(real_img, z)
    resumed = new_state("dcgan", (1, 28, 28), "reference")
    resumed.load(mixed.tensors(), mixed.counters())
    freeze_biases(resumed.G)
    freeze_biases(resumed.D)
    step = build_step(resumed)
    for real_img, z in data[2:]:
        step(real_img, z)
        plain_step(real_img, z)
    assert largest(plain.tensors(), resumed.tensors()) < 1e-6


@pytest.mark.parametrize("network", ["D", "G"])
@pytest.mark.parametrize("name", ["gan", "gan-adam", "dcgan"])
def test_nothing_moves_when_a_value_is_not_finite(name, network, monkeypatch):
    state = new_state(name, (1, 28, 28), "fast", torch.float32)
    step = build_step(state)
    real_img, z = next(batches((1, 28, 28), 1, torch.float32))
    step(real_img, z)
    slopes = {"D": "d_slopes", "G": "g_slopes"}[network]
    plain = getattr(adversarial, slopes)
    poison = {
        "D": lambda real, gen: tuple(each * float("nan") for each in plain(real, gen)),
        "G": lambda real, gen: plain(real, gen) * float("inf"),
    }
    monkeypatch.setattr(adversarial, slopes, poison[network])
    before = {key: value.clone() for key, value in getattr(state, network).named_parameters()}
    moments = {key: value for key, value in state.tensors().items() if key.startswith(f"optimizer_{network}.")}
    with pytest.raises(DivergedError, match=f"{network} diverged after 16 images.*optimizer was not stepped"):
        step(real_img, z)
    assert all(torch.equal(value, before[key]) for key, value in getattr(state, network).named_parameters())
    assert all(torch.equal(value, moments[key]) for key, value in state.tensors().items() if key in moments)
    assert state.cur_nimg == 16


@pytest.mark.parametrize("name", ["gan", "gan-adam", "dcgan"])
def test_a_guarded_step_is_the_same_step(name):
    """What CUDA records: nothing is read from the device in mid-step."""
    states = [new_state(name, (1, 28, 28), "fast", torch.float32, precision="bfloat16") for _ in range(2)]
    steps = FastStep(states[0]), FastStep(states[1], is_guarded=True)
    for real_img, z in batches((1, 28, 28), 4, torch.float32):
        for step in steps:
            step(real_img, z)
            step.settle()
    plain, guarded = (state.tensors() for state in states)
    assert all(torch.equal(plain[name], guarded[name]) for name in plain)


@pytest.mark.parametrize("name", ["gan", "gan-adam", "dcgan"])
def test_a_guarded_step_stops_all_movement_and_tells_at_the_end_of_the_tick(name):
    state = new_state(name, (1, 28, 28), "fast", torch.float32)
    step = FastStep(state, is_guarded=True)
    data = list(batches((1, 28, 28), 5, torch.float32))
    step(*data[0])
    step(*data[1])
    step.settle()
    before = {key: value for key, value in state.tensors().items() if "running" not in key and "tick" not in key}
    step(data[2][0] * float("inf"), data[2][1])
    step(*data[3])
    step(data[4][0][:5], data[4][1][:5])  # a short one, as at the end of a run
    after = state.tensors()
    still = [key for key in before if "num_batches" not in key]
    assert all(torch.equal(before[key], after[key]) for key in still)
    assert state.cur_nimg == 4 * BATCH + 5
    with pytest.raises(DivergedError, match="diverged after 32 images"):
        step.settle()
    assert state.cur_nimg == 2 * BATCH


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.parametrize("name", ["gan", "gan-adam", "dcgan"])
def test_a_graph_on_cuda_equals_the_plain_step(name):
    """20 steps with deterministic algorithms, to 1e-5."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    device, states = torch.device("cuda"), []
    for _ in range(2):
        config = new_state(name, (1, 28, 28), "fast", torch.float32).config
        states.append(TrainState(dataclasses.replace(config, device="cuda"), device))
    steps = FastStep(states[0], is_guarded=True), GraphStep(states[1])
    for real_img, z in batches((1, 28, 28), 20, torch.float32):
        for step in steps:
            step(real_img.to(device), z.to(device))
            step.settle()
    torch.use_deterministic_algorithms(False)
    plain, recorded = (state.tensors() for state in states)
    assert largest(plain, recorded) < 1e-5


def test_slopes_are_the_derivatives_of_the_losses():
    real, gen = (torch.randn(50, dtype=torch.float64, requires_grad=True) for _ in range(2))
    wanted = torch.autograd.grad(adversarial.d_loss(real, gen).sum(), (real, gen))
    for ours, theirs in zip(adversarial.d_slopes(real.detach(), gen.detach()), wanted, strict=True):
        torch.testing.assert_close(ours, theirs)
    (wanted_g,) = torch.autograd.grad(adversarial.g_loss(real, gen).sum(), gen)
    torch.testing.assert_close(adversarial.g_slopes(real.detach(), gen.detach()), wanted_g)


def test_a_vector_of_weights_shows_what_the_network_works_with():
    network = nn.Sequential(nn.Conv2d(3, 5, (3, 4)), nn.Linear(7, 2))
    before = [parameter.detach().clone() for parameter in network.parameters()]
    weights = Weights(network, torch.bfloat16)
    assert all(torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))
    weights.values.mul_(2)
    weights.refresh()
    for old, parameter in zip(before, network.parameters(), strict=True):
        assert torch.equal(parameter, 2 * old)
        assert torch.equal(weights.copy(parameter), (2 * old).bfloat16())
    total = sum(float(parameter.detach().double().sum()) for parameter in network.parameters())
    assert float(weights.values.double().sum()) == pytest.approx(total)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_real_images_come_in_the_steps_arithmetic(precision, tiny_dataset):
    config = new_state("gan", (1, 28, 28), "fast", torch.float32, precision=precision).config
    stream = image_stream(tiny_dataset.train, config, torch.device("cpu"))
    plain = ImageStream(tiny_dataset.train, 0, "cpu")
    assert torch.equal(stream.real_img(3, 20), plain.real_img(3, 20).to(getattr(torch, precision)))
