"""Configurations: presets as the source states them, refusals in words, and JSON that gives the same object back."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganatomy import presets
from ganatomy.config import TrainConfig, check, differences, from_dict, resolve
from ganatomy.errors import ConfigError

positive = st.integers(1, 10**6)
rates = st.floats(min_value=1e-12, max_value=1e3)
betas = st.floats(0, 1, exclude_max=True)
text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=10)  # no path holds a NUL

configs = st.builds(
    TrainConfig,
    preset=text,
    model=st.sampled_from(["mlp", "dcgan"]),
    optimizer=st.sampled_from(["sgd", "adam"]),
    lr_g=rates,
    lr_d=rates,
    adam_beta1=betas,
    adam_beta2=betas,
    init=st.sampled_from(["default", "normal"]),
    z_dim=st.integers(1, 65_536),
    batch_size=positive,
    num_epochs=rates,
    total_nimg=st.none() | positive,
    ema_halflife_nimg=positive,
    seed=st.integers(0, 2**63 - 1),
    init_from=st.none() | text,
    tick_nimg=st.none() | positive,
    sample_nimg=st.none() | positive,
    snapshot_nimg=st.none() | positive,
    checkpoint_nimg=st.none() | positive,
    keep_checkpoints=st.integers(2, 100),
    data=text,
    data_sha256=text,
    num_train=positive,
    img_channels=st.sampled_from([1, 3]),
    img_height=st.integers(1, 1024),
    img_width=st.integers(1, 1024),
    device=text,
    num_threads=st.integers(1, 1024),
)


@given(config=configs)
def test_json_gives_the_same_configuration_back(config):
    read = json.loads(json.dumps(config.to_dict()))
    assert from_dict(read) == config
    assert from_dict({"schema": 1, **read}) == config
    assert differences(config, from_dict(read)) == []


@given(config=configs)
def test_resolving_twice_is_resolving_once(config):
    resolved = resolve(config)
    assert resolve(resolved) == resolved
    assert resolved.total_nimg
    for name in ("tick_nimg", "sample_nimg", "snapshot_nimg", "checkpoint_nimg"):
        assert getattr(resolved, name) >= 1
        if getattr(config, name):
            assert getattr(resolved, name) == getattr(config, name)


def test_resolved_lengths():
    config = resolve(dataclasses.replace(presets.gan(), num_train=60_000))
    assert config.total_nimg == 180_000
    assert (config.tick_nimg, config.checkpoint_nimg) == (900, 9000)
    assert (config.sample_nimg, config.snapshot_nimg) == (18_000, 36_000)
    short = resolve(dataclasses.replace(presets.gan(), num_train=60_000, total_nimg=640))
    assert (short.total_nimg, short.tick_nimg) == (640, 64)  # never more often than once a step
    assert short.num_epochs == 640 / 60_000


def test_presets_are_as_stated():
    common = {"z_dim": 100, "batch_size": 64}
    adam = {"optimizer": "adam", "lr_g": 2e-4, "lr_d": 2e-4, "adam_beta1": 0.5, "adam_beta2": 0.999}
    expected = {
        "gan": {"model": "mlp", "optimizer": "sgd", "lr_g": 0.03, "lr_d": 0.03, "num_epochs": 3, "init": "default"},
        "gan-adam": {"model": "mlp", "num_epochs": 10, "init": "default", **adam},
        "dcgan": {"model": "dcgan", "num_epochs": 5, "init": "normal", **adam},
    }
    assert set(presets.PRESETS) == set(expected)
    for name, values in expected.items():
        config = presets.preset(name)
        assert {key: getattr(config, key) for key in common | values} == common | values
        assert config.preset == name


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"batch_size": 0}, "batch_size is 0; it must be greater than 0"),
        ({"lr_g": float("nan")}, "lr_g is nan; it must be greater than 0"),
        ({"lr_d": float("inf")}, "lr_d is inf"),
        ({"total_nimg": -5}, "total_nimg is -5"),
        ({"adam_beta1": 1.0}, "adam_beta1 is 1.0; it must be at least 0 and below 1"),
        ({"adam_beta2": -0.1}, "adam_beta2 is -0.1"),
        ({"keep_checkpoints": 1}, "keep_checkpoints is 1; at least 2"),
        ({"seed": -1}, "seed is -1; it must be 0 or more"),
        ({"optimizer": "adm"}, "unknown optimizer 'adm'; allowed: sgd, adam. Did you mean 'adam'?"),
        ({"model": "dcgna"}, "unknown model 'dcgna'; allowed: mlp, dcgan. Did you mean 'dcgan'?"),
        ({"init": "norm"}, "Did you mean 'normal'?"),
    ],
)
def test_values_out_of_range_are_refused(changes, words):
    with pytest.raises(ConfigError) as caught:
        check(dataclasses.replace(presets.gan(), **changes))
    assert words in str(caught.value)


def test_an_unknown_preset_gets_the_nearest():
    with pytest.raises(ConfigError) as caught:
        presets.preset("gan-adma")
    assert str(caught.value) == "unknown preset 'gan-adma'; allowed: gan, gan-adam, dcgan. Did you mean 'gan-adam'?"


def test_settings_of_a_later_version_are_refused():
    with pytest.raises(ConfigError, match="settings this version does not know: colour, warp"):
        from_dict(presets.gan().to_dict() | {"warp": 1, "colour": 2})


def test_differences_name_old_and_new():
    changed = dataclasses.replace(presets.gan(), lr_g=0.1, seed=4)
    assert differences(presets.gan(), changed) == ["lr_g: 0.03 -> 0.1", "seed: 0 -> 4"]
