"""Numbers that cannot be meant are refused with the limit before any work, and missing memory is words."""

import dataclasses
import errno
import re
import typing

import numpy as np
import pytest
import torch
from torch import nn

from ganatomy import bounds, device, presets
from ganatomy.config import TrainConfig, check, from_dict, resolve
from ganatomy.errors import ConfigError, MemoryShortError, memory_in_words
from ganatomy.latent import dissection, edits, walks
from ganatomy.latent.dissection import DissectConfig
from ganatomy.latent.walks import WalkConfig
from ganatomy.models import registry
from ganatomy.training import loop, memory
from ganatomy.training.run import create_run, open_run
from ganatomy.training.session import run_training

HUGE = (10**80, 10**5000)
"""More than a float can hold, and more digits than Python writes."""


def numeric(kind: type) -> list[str]:
    """The fields of a configuration that are numbers."""
    hints = typing.get_type_hints(kind)
    return [
        field.name
        for field in dataclasses.fields(kind)
        if {int, float} & {hints[field.name], *typing.get_args(hints[field.name])}
    ]


@pytest.mark.parametrize("name", numeric(TrainConfig))
@pytest.mark.parametrize(
    "value", [*HUGE, 10**31, 1e308, float("inf"), float("nan"), -(10**80), "7", None, [7]], ids=bounds.shown
)
def test_every_number_of_a_training_is_bounded(name, value):
    optional = type(None) in typing.get_args(typing.get_type_hints(TrainConfig)[name])
    if value is None and optional:
        check(dataclasses.replace(presets.gan(), **{name: value}))
        return
    with pytest.raises(ConfigError, match=rf"^{name} is ") as caught:
        check(dataclasses.replace(presets.gan(), **{name: value}))
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("name", [name for name in numeric(DissectConfig) if not name.endswith(("values", "dims"))])
@pytest.mark.parametrize("value", [*HUGE, 10**12, -(10**80), 0.5, "7"], ids=bounds.shown)
def test_every_number_of_an_experiment_is_bounded(name, value):
    if name == "seed" and value == 10**12:
        return
    with pytest.raises(ConfigError, match=rf"^{name} is "):
        dissection.check(DissectConfig(**{name: value}), 100)


@pytest.mark.parametrize("name", numeric(WalkConfig))
@pytest.mark.parametrize("value", HUGE, ids=bounds.shown)
def test_every_number_of_a_walk_is_bounded(name, value):
    with pytest.raises(ConfigError, match=rf"^{name} is a number of about \d+ digits; it must be .* at most"):
        walks.check(WalkConfig(**{name: value}), has_latents=False)


@pytest.mark.parametrize(
    "values", [(1e39,), (1e38,), (-1e7,), (10**80,), (float("inf"),), tuple(map(float, range(101)))]
)
def test_values_to_set_stay_in_float32(values):
    for config in (DissectConfig(values=values), DissectConfig(atlas_values=values)):
        with pytest.raises(ConfigError, match=r"at most|not a finite number"):
            dissection.check(config, 100)


@pytest.mark.parametrize("text", ["3=1e39", "3+=1e7", "3*=1e6;3*=1e6", "3=1e6sigma;3*=100", "3+=1e6;3*=1e4", "3=inf"])
def test_edits_stay_in_float32_together(text):
    with pytest.raises(ConfigError, match=r"at most|finite|must together stay below 1e\+09"):
        edits.parse_edit(text, 100)


def test_edits_that_stay_are_allowed():
    for text in ("3=1000000", "3*=1000;3=1e6", "0-99*=0", "3,17+=2sigma"):
        edits.parse_edit(text, 100)


@pytest.mark.parametrize("name", bounds.BOUNDS)
def test_the_ends_of_every_range(name):
    bound = bounds.BOUNDS[name]
    high = int(bound.high) if bound.is_whole else bound.high
    bounds.check(name, high)
    bounds.check(name, np.int64(high) if bound.is_whole else np.float64(high))
    with pytest.raises(ConfigError, match=rf"^{name} is .* at most [\d,.e+]+, for {re.escape(bound.why)}\.$"):
        bounds.check(name, high + 1 if bound.is_whole else 2 * high)
    with pytest.raises(ConfigError, match=f"^{name} is "):
        bounds.check(name, bound.low if bound.is_open else bound.low - 1)


@pytest.fixture(scope="module")
def run(tmp_path_factory, tiny_dataset):
    """A run of two steps."""
    config = dataclasses.replace(
        presets.gan(), batch_size=8, total_nimg=16, num_train=len(tiny_dataset.train), data_sha256=tiny_dataset.sha256
    )
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    create_run(folder, resolve(config), "test")
    list(run_training(open_run(folder), tiny_dataset, say=lambda message: None))
    return folder


@pytest.mark.parametrize(
    "words",
    [
        "sample RUN --num 1000000000 --out s.npy", "sample RUN --num 1000000 --out s.png",
        "sample RUN --seed BIG --out s", "sample RUN --num 4000000 --out s",
        "train gan --seeds 1000000000 --out many", "train gan --seed BIG",
        "train gan --seeds 3 --seed 9223372036854775806", "train gan --batch-size 1000000000",
        "train gan --z-dim 1000000000", "train gan --lr-g 1e308", "train gan --num-epochs 1e300",
        "train gan --total-nimg BIG", "train gan --tick-nimg BIG", "train gan --num-threads 1000000",
        "train gan --keep-checkpoints BIG", "train gan --ema-halflife-nimg BIG", "train gan --size 100000x8",
        "lab --seed BIG", "measure RUN --num-sets 1000000", "measure RUN --k BIG", "measure RUN --seed BIG",
        "dissect RUN --num-codes 1000000000000", "dissect RUN --values 1e39", "dissect RUN --num-latents BIG",
        "dissect RUN --atlas-values 1e39", "dissect RUN --edits 3=1e39", "dissect RUN --dims BIG",
        "dissect RUN --num-dims BIG", "dissect RUN --num-inverted 1000000000", "walk RUN --fps 1e9",
        "walk RUN --scale 1000000000", "walk RUN --columns BIG", "walk RUN --num-frames BIG",
        "walk RUN --seed BIG", "compare RUN RUN --num-sets BIG", "compare RUN RUN --seed BIG",
        "features train atelier --num-epochs 1000000000", "features train atelier --seed BIG",
        "features train atelier --num-threads BIG",
    ],
)  # fmt: skip
def test_every_verb_refuses_with_the_limit_before_any_work(ganatomy_here, run, tmp_path, words):
    before = sorted(run.rglob("*"))
    given = [{"RUN": str(run), "BIG": str(10**80)}.get(word, word) for word in words.split()]
    done = ganatomy_here(*given, cwd=tmp_path)
    message = re.sub(r"[\s│╭╮╰╯─]+", " ", done.stderr)
    assert done.returncode == 2, message
    assert re.search(r"at most|sides 8 to 1024|0 to 99|choose 1 to 100", message), message
    assert "Traceback" not in message
    assert len(message) < 400
    assert list(tmp_path.iterdir()) == []
    assert sorted(run.rglob("*")) == before


def test_the_last_of_several_seeds_counts():
    bounds.check_seeds(bounds.MAX_SEED - 4, 5)
    with pytest.raises(ConfigError, match="the last seed must be at most 9,223,372,036,854,775,807"):
        bounds.check_seeds(bounds.MAX_SEED - 4, 6)


def test_what_resolve_makes_can_be_read_again():
    """Also of the longest training on the smallest set: what is written is within its bounds."""
    config = resolve(dataclasses.replace(presets.gan(), num_train=1, total_nimg=10**12))
    assert from_dict(config.to_dict()) == config
    with pytest.raises(ConfigError, match=r"total_nimg is 100000000000000000; .* at most 1,000,000,000,000"):
        resolve(dataclasses.replace(presets.gan(), num_train=10**11, num_epochs=10**6))


def test_what_is_free_is_the_least_of_all_limits(monkeypatch, tmp_path):
    monkeypatch.setattr(device, "_free_of_machine", lambda: 900)
    monkeypatch.setattr(device, "_free_of_limits", lambda: [None, 700])
    monkeypatch.setattr(device, "_free_of_groups", lambda: [800])
    assert device.free_memory_bytes() == 700
    monkeypatch.setattr(device, "_free_of_groups", lambda: [-5])
    assert device.free_memory_bytes() == 0


def test_a_control_group_leaves_its_limit_less_what_is_used(monkeypatch):
    files = {
        "/proc/self/cgroup": "0::/a/b\n", "/sys/fs/cgroup/memory.max": "max\n", "/sys/fs/cgroup/memory.current": "5\n",
        "/sys/fs/cgroup/a/memory.max": "1000\n", "/sys/fs/cgroup/a/memory.current": "600\n",
        "/sys/fs/cgroup/a/memory.stat": "anon 300\ninactive_file 250\n",
    }  # fmt: skip
    monkeypatch.setattr(device, "_read", lambda path: files.get(str(path), ""))
    assert list(device._free_of_groups()) == [650]


@pytest.mark.parametrize(
    ("preset", "changes"),
    [
        ("dcgan", {"img_height": 1024, "img_width": 1024}),
        ("gan", {"img_height": 1024, "img_width": 1024, "img_channels": 3}),
        ("gan", {"batch_size": 1_000_000}), ("dcgan", {"z_dim": 65_536}),
    ],
)  # fmt: skip
def test_a_training_that_cannot_fit_is_refused_in_words(monkeypatch, preset, changes):
    config = resolve(dataclasses.replace(presets.preset(preset), num_train=100, **changes))
    monkeypatch.setattr(device, "free_memory_bytes", lambda on="cpu": 2 * 10**9)
    with pytest.raises(ConfigError, match=r"needs \d[\d.]* GB of memory or more .* 2\.0 GB are free here"):
        memory.check(config)
    monkeypatch.setattr(device, "free_memory_bytes", lambda on="cpu": None)  # a system that does not tell
    memory.check(config)


def test_the_networks_are_counted_without_being_made():
    """The numbers of both networks: G, its average, gradients, and Adam's moments; the sizes of the maps by hand."""
    config = resolve(dataclasses.replace(presets.gan(), num_train=100, batch_size=10, img_height=8, img_width=8))
    num_G, num_D = 100 * 128 + 128 + 128 * 64 + 64, 64 * 128 + 128 + 128 + 1
    weights, images = memory.needed_bytes(config)
    assert weights == 4 * (3 * num_G + 2 * num_D)
    assert images == 4 * 256 * (100 + 128)
    assert memory.needed_bytes(dataclasses.replace(config, optimizer="adam"))[0] == 4 * (5 * num_G + 4 * num_D)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 9, 21), (1, 28, 28), (3, 64, 40)])
@pytest.mark.parametrize("preset", ["gan", "dcgan"])
def test_the_count_is_that_of_the_networks_themselves(preset, shape):
    channels, height, width = shape
    config = dataclasses.replace(
        presets.preset(preset), img_channels=channels, img_height=height, img_width=width, z_dim=7
    )
    networks = registry.build_generator(config), registry.build_discriminator(config)
    given = torch.zeros(1, 7), torch.zeros(1, *shape)
    counted = {"gan": memory._count_mlp, "dcgan": memory._count_dcgan}[preset](7, shape)
    for network, x, (num, maps) in zip(networks, given, counted, strict=True):
        sizes: list[int] = []
        for layer in network.modules():
            if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
                layer.register_forward_hook(lambda layer, given, made, sizes=sizes: sizes.append(made.numel()))
        network.eval()(x)
        assert (num, maps) == (registry.num_parameters(network), sizes)


def test_an_experiment_that_cannot_fit_is_refused(monkeypatch):
    config = DissectConfig(num_latents_all=100_000)
    monkeypatch.setattr(device, "free_memory_bytes", lambda on="cpu": 10**9)
    with pytest.raises(ConfigError, match=r"this experiment needs \d+\.\d GB .* Give fewer values"):
        dissection.check_memory(config, 100, (1, 28, 28))
    dissection.check_memory(DissectConfig(), 100, (1, 28, 28))


SHORT = (
    MemoryError(), MemoryError("Unable to allocate 7 TiB"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you tried"),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
)  # fmt: skip


@pytest.mark.parametrize("error", SHORT, ids=lambda error: type(error).__name__)
def test_missing_memory_is_words(error):
    with pytest.raises(MemoryShortError, match="has no more memory for this") as caught, memory_in_words():
        raise error
    assert caught.value.exit_code == 1
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("error", [RuntimeError("shape mismatch"), OSError(errno.EACCES, "no"), ValueError("x")])
def test_other_errors_are_not_masked(error):
    with pytest.raises(type(error)) as caught, memory_in_words():
        raise error
    assert caught.value is error


@pytest.mark.parametrize("error", SHORT[:3:2], ids=lambda error: type(error).__name__)
def test_a_training_without_memory_says_so_in_its_record(tmp_path, tiny_dataset, monkeypatch, error):
    config = dataclasses.replace(
        presets.gan(), batch_size=8, total_nimg=16, num_train=len(tiny_dataset.train), data_sha256=tiny_dataset.sha256
    )
    create_run(tmp_path / "run", resolve(config), "test")

    def fails(*args):
        raise error
        yield

    monkeypatch.setattr(loop, "train", fails)
    with pytest.raises(MemoryShortError):
        list(run_training(open_run(tmp_path / "run"), tiny_dataset, say=lambda message: None))
    status = open_run(tmp_path / "run").status
    assert status["state"] == "failed"
    assert "no more memory" in status["message"]
