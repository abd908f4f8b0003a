"""The generator as layers for the page, against PyTorch; what is known of its numbers; its section."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import html
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from fixture import write_lab, write_run
from generators import add_generator, config_of, lively_generator
from pages import BROKEN, parse
from safetensors.torch import save_file

from ganatomy import config as configuration
from ganatomy import presets, rng
from ganatomy.config import TrainConfig
from ganatomy.errors import RunError
from ganatomy.models import mlp
from ganatomy.reporting import explorer, page, section_explore
from ganatomy.reporting.explorer import Explorer, Layer
from ganatomy.reporting.latents import LatentRecord
from ganatomy.reporting.records import read_run


def settings(model: str, shape: tuple[int, int, int], z_dim: int) -> TrainConfig:
    preset = presets.preset({"mlp": "gan", "dcgan": "dcgan"}[model])
    sides = {"img_channels": shape[0], "img_height": shape[1], "img_width": shape[2]}
    return configuration.resolve(dataclasses.replace(preset, z_dim=z_dim, num_train=1000, total_nimg=1000, **sides))


def forward(layers: tuple[Layer, ...], z: np.ndarray) -> np.ndarray:
    """Compute layers by their definition, output by output: float64 [H, W, C]."""
    x = z.astype(np.float64).reshape(1, 1, -1)
    for layer in layers:
        assert x.shape == layer.shape_in
        if layer.kind == "linear":
            y = (x.ravel() @ layer.weight.astype(np.float64) + layer.bias).reshape(layer.shape_out)
        else:
            y = np.tile(layer.bias.astype(np.float64), (*layer.shape_out[:2], 1))
            for p, q, k, m in np.ndindex(*layer.shape_in[:2], *layer.kernel):
                at = p * layer.stride[0] + k - layer.padding[0], q * layer.stride[1] + m - layer.padding[1]
                if all(0 <= place < size for place, size in zip(at, layer.shape_out)):
                    y[at] += x[p, q] @ layer.weight[k, m].astype(np.float64)
        x = explorer.activate(layer.activation, y)
    return x


SHAPES = [
    ("mlp", (1, 28, 28), 100),
    ("mlp", (3, 20, 36), 7),
    ("dcgan", (1, 28, 28), 100),
    ("dcgan", (3, 20, 36), 7),
    ("dcgan", (1, 9, 33), 1),
    ("dcgan", (3, 8, 8), 2),
]


@pytest.mark.parametrize(("model", "shape", "z_dim"), SHAPES)
def test_layers_give_the_image_of_the_network(model, shape, z_dim):
    """Against PyTorch in float32; the tolerance is 1e-5 of a range of 2, far below the 1/255 of a level."""
    config = settings(model, shape, z_dim)
    G = lively_generator(config)
    layers = explorer.generator_layers(config, {k: v.numpy() for k, v in G.state_dict().items()})
    assert all(part.dtype == np.float32 for layer in layers for part in (layer.weight, layer.bias))
    z = rng.latents(1, "explorer-test", 3, z_dim)
    with torch.no_grad():
        wanted = G(z).permute(0, 2, 3, 1).numpy()
    assert wanted.std() > 0.2
    for each, image in zip(z.numpy(), wanted):
        assert np.abs(forward(layers, each) - image).max() < 1e-5


def test_batch_norm_is_folded_by_its_formula():
    config = settings("dcgan", (1, 28, 28), 5)
    state = {k: v.numpy() for k, v in lively_generator(config).state_dict().items()}
    layer = explorer.generator_layers(config, state)[1]
    scale = state["main.4.weight"] / np.sqrt(state["main.4.running_var"].astype(np.float64) + 1e-5)
    assert layer.bias == pytest.approx(
        (state["main.3.bias"] - state["main.4.running_mean"]) * scale + state["main.4.bias"], rel=1e-5, abs=1e-6
    )
    assert layer.weight[2, 1, 17, 9] == pytest.approx(state["main.3.weight"][17, 9, 2, 1] * scale[9], rel=1e-6)
    assert [each.kind for each in explorer.generator_layers(config, state)] == ["linear", *["transposed"] * 3]
    assert explorer.activate("leaky", np.array([-1.0, 2.0])).tolist() == [-mlp.SLOPE, 2.0]


def tiny(name: str = "run") -> Explorer:
    config = settings("mlp", (1, 8, 8), 3)
    state = {k: v.numpy() for k, v in lively_generator(config).state_dict().items()}
    return Explorer(name, explorer.generator_layers(config, state), np.ones((2, 3), np.float32), (0,), (), {}, ())


@pytest.mark.parametrize(("is_half", "dtype"), [(False, "<f4"), (True, "<f2")])
def test_the_blob_holds_weights_then_biases_and_its_size_is_known(is_half, dtype):
    each = tiny()
    blob = each.blob(is_half=is_half)
    assert len(blob) == each.num_bytes(is_half=is_half)
    values = np.frombuffer(base64.b64decode(blob), dtype)
    parts = [part.ravel() for layer in each.layers for part in (layer.weight, layer.bias)]
    assert np.array_equal(values, np.concatenate(parts).astype(dtype))
    sizes = [size for layer in each.plan()["layers"] for size in (layer["weights"], layer["biases"])]
    assert sizes == [part.size for part in parts] == [3 * 128, 128, 128 * 64, 64]


def test_generators_share_a_budget():
    both = [tiny("a"), tiny("b")]
    full, half = both[0].num_bytes(is_half=False), both[0].num_bytes(is_half=True)
    assert explorer.pack(both, 2 * full) == explorer.Packing(tuple(both), (), is_half=False)
    assert explorer.pack(both, 2 * full - 1) == explorer.Packing(tuple(both), (), is_half=True)
    assert explorer.pack(both, 2 * half - 1) == explorer.Packing((both[0],), (both[1],), is_half=True)
    assert explorer.pack(both, half - 1).kept == ()
    assert explorer.pack(both, 2 * half - 1).num_bytes == half


def atlas(shares: list[float], flips: list[float] | None) -> LatentRecord:
    rows = [
        {"dim": d, "value": value, "measure": name, "mean": mean * (2 if value < 0 else 1)}
        for value in (0.1, -3.0)
        for name, means in (("visible_share", shares), ("class_flip", flips or []))
        for d, mean in enumerate(means)
    ]
    return LatentRecord({"dims": [1], "values": [0.1, -3.0], "z_dim": 3, "num_latents_all": 40, "atlas": rows})


def test_numbers_are_ranked_and_averaged_by_the_atlas():
    record = atlas([0.1, 0.3, 0.2], [0.5, 0.25, 0.123456])
    assert explorer.ranked(record) == (1, 2, 0)
    assert explorer.averages(record) == {
        "n": 40,
        "values": [0.1, -3.0],
        "visible_share": [[0.1, 0.3, 0.2], [0.2, 0.6, 0.4]],
        "class_flip": [[0.5, 0.25, 0.1235], [1.0, 0.5, 0.2469]],
    }
    assert explorer.ranked(atlas([0.2, 0.2, 0.2], None)) == (0, 1, 2)
    assert set(explorer.averages(atlas([0.2, 0.2, 0.2], None))) == {"n", "values", "visible_share"}
    assert explorer.ranked(atlas([], None)) == ()
    record.record["ranking"] = {"numbers": [{"dim": 2}, {"dim": 0}, {"dim": 1}]}
    assert explorer.ranked(record) == (2, 0, 1)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "gan-s0"
    write_run(folder, "gan", z_dim=7, dims=(2, 5), num_pictures=2, atlas=False)
    add_generator(folder, num_latents=20)
    return folder


@pytest.fixture
def own(run, tmp_path) -> Path:
    """A copy of the run that a test may damage."""

    return Path(shutil.copytree(run, tmp_path / "gan-s0"))


def test_an_explorer_takes_the_first_latents(own):
    found = explorer.explorer(read_run(own))
    assert found.z.shape == (16, 7)
    assert np.array_equal(found.z, rng.latents(0, "explorer-test", 20, 7).numpy()[:16])
    assert np.array_equal(np.array(found.plan()["z"], np.float32), found.z)
    assert found.dims == (2, 5)
    assert len(found.ranked) == 7
    save_file({"all/z": torch.ones(3, 7)}, own / "dissect" / "atlas.safetensors")
    assert explorer.explorer(read_run(own)).z.tolist() == np.ones((3, 7)).tolist()


def test_an_explorer_runs_the_dissected_snapshot_and_no_other(own):
    """dissect.json of the fixture is of 180,000 images."""

    def fc1(seed: int) -> np.ndarray:
        return lively_generator(config_of(own), seed).state_dict()["fc1.weight"].numpy().T

    for seed, nimg in ((5, 90_000), (6, 270_000)):
        state = dict(lively_generator(config_of(own), seed).state_dict())
        save_file(state, own / "snapshots" / f"G_ema-{nimg:09d}.safetensors")
    assert np.array_equal(explorer.explorer(read_run(own)).layers[0].weight, fc1(0))
    (own / "snapshots" / "G_ema-000180000.safetensors").unlink()
    assert explorer.explorer(read_run(own)) is None  # the newest one is not what the averages are of


@pytest.mark.parametrize("missing", ["snapshots", "dissect", "dissect/atlas.safetensors"])
def test_without_its_files_a_run_has_no_explorer_and_its_page_no_script(own, missing):

    shutil.rmtree(own / missing) if (own / missing).is_dir() else (own / missing).unlink()
    assert explorer.explorer(read_run(own)) is None
    text = page.render([own]).html.read_text(encoding="utf-8")
    assert "<script" not in text
    assert "script-src" not in text


def test_damaged_files_are_named(own):
    snapshot, latents = own / "snapshots" / "G_ema-000180000.safetensors", own / "dissect" / "atlas.safetensors"
    good = snapshot.read_bytes()
    snapshot.write_bytes(good[:100])
    with pytest.raises(RunError, match="cannot be read"):
        explorer.explorer(read_run(own))
    other = lively_generator(dataclasses.replace(config_of(own), z_dim=9)).state_dict()
    save_file(dict(other), snapshot)
    with pytest.raises(RunError, match=r"another network: fc1.weight is float32 128 x 9, expected float32 128 x 7"):
        explorer.explorer(read_run(own))
    save_file({"fc1.bias": torch.ones(128)}, snapshot)
    with pytest.raises(RunError, match=r"fc1\.weight"):
        explorer.explorer(read_run(own))
    snapshot.write_bytes(good)
    save_file({"chosen/z": torch.ones(3, 8)}, latents)
    with pytest.raises(RunError, match="no latents of 7 numbers"):
        explorer.explorer(read_run(own))


def test_directions_are_read_where_they_fit(own):
    entries = [
        {"name": "width", "label": "wider", "vector": [1.0, 0, 0, 0, 0, 0, 0]},
        {"name": "too_short", "vector": [1.0]},
        {"name": "hole", "vector": [None] * 7},
        {"name": "pc_1", "vector": [0.6, 0.8, 0, 0, 0, 0, 0]},
    ]
    text = json.dumps({"schema": 1, "directions": entries})
    (own / "dissect" / "directions.json").write_text(text, encoding="utf-8")
    found = explorer.explorer(read_run(own)).directions
    assert [(each["name"], each["label"]) for each in found] == [("width", "wider"), ("pc_1", "pc 1")]
    assert found[1]["vector"][:3] == [0.6, 0.8, 0.0]


@pytest.mark.parametrize(
    ("lang", "expected"), [("en", ["SVD 1: brightness", "Bag", "mine"]), ("zh", ["奇异方向 1：亮度", "包", "mine"])]
)
def test_directions_are_called_as_in_the_rest_of_the_report(own, tmp_path, lang, expected):
    names = [("svd-0", "brightness"), ("class:Bag", "class:Bag"), ("mine", None)]
    entries = [{"name": name, "names": moved, "vector": [1.0, 0, 0, 0, 0, 0, 0]} for name, moved in names]
    path = own / "dissect" / "directions.json"
    path.write_text(json.dumps({"schema": 1, "nimg": 180_000, "directions": entries}), encoding="utf-8")
    text = page.render([own], lang=lang, out=tmp_path).html.read_text(encoding="utf-8")
    record = json.loads(re.search(r'id="explorer-data">(.*?)</script>', text, flags=re.S)[1])
    assert [each["label"] for each in record["runs"][0]["directions"]] == expected
    path.write_text(json.dumps({"schema": 1, "nimg": 90_000, "directions": entries}), encoding="utf-8")
    assert explorer.explorer(read_run(own)).directions == ()


def test_the_policy_allows_exactly_this_script_and_hostile_labels_stay_text(own):
    evil = "</script><script>alert(1)</script><!--"
    record = {"schema": 1, "directions": [{"name": evil, "vector": [1.0, 0, 0, 0, 0, 0, 0]}]}
    (own / "dissect" / "directions.json").write_text(json.dumps(record), encoding="utf-8")
    found = page.render([own])
    text = found.html.read_text(encoding="utf-8")
    scripts = re.findall(r"<script(.*?)>(.*?)</script>", text, flags=re.S)
    assert [re.sub(r' id=".*"', "", kind) for kind, _ in scripts] == [
        ' type="application/json"', ' type="application/octet-stream;base64"', "",
    ]  # fmt: skip
    digest = base64.b64encode(hashlib.sha256(scripts[2][1].encode()).digest()).decode()
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1])
    assert policy.startswith("default-src 'none'; ")
    assert re.findall(r"script-src ([^;]*)", policy) == [f"'sha256-{digest}'"]
    assert "connect-src" not in policy
    assert json.loads(scripts[0][1])["runs"][0]["directions"][0]["label"] == evil
    assert not re.search(r"https?:|\beval\b|import\s*\(|fetch|XMLHttpRequest|</script|<!--", scripts[2][1])


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_section_stands_in_the_contents_and_the_twin_points_to_it(run, lang, tmp_path):
    found = page.render([run], lang=lang, out=tmp_path)
    read = parse(found.html)
    assert "#explore" in read.values("href")
    ids = read.values("id")
    assert len(ids) == len(set(ids))
    assert not BROKEN.search(read.text)
    targets = [v for tag, name, v in read.attributes if name in ("for", "aria-labelledby")]
    assert set(" ".join(targets).split()) <= set(ids)
    twin = found.md.read_text(encoding="utf-8")
    assert "HTML" in twin.split('<a id="explore">')[1]
    assert "<script" not in twin
    first = found.html.read_bytes()
    assert page.render([run], lang=lang, out=tmp_path).html.read_bytes() == first


def test_script_words_are_those_of_the_catalogue():
    """Every sentence that the script asks for is handed to it, and nothing else."""
    asked = set(re.findall(r'say\("(\w+)"', section_explore.script().text)) | {"above", "below", "join"}
    spoken = {key.removeprefix("explore.") for key in section_explore._SPOKEN} | {"join"}
    assert asked == spoken


def test_what_does_not_fit_is_left_out_in_words(tmp_path, monkeypatch):
    folder = write_lab(tmp_path / "lab", num_pictures=2, atlas=False)
    for name in ("gan-s0", "dcgan-s0"):
        add_generator(folder / "runs" / name)
    whole = page.render([folder], out=tmp_path / "whole").html
    assert whole.stat().st_size < 10_000_000
    assert whole.read_text(encoding="utf-8").count("octet-stream;base64") == 2
    monkeypatch.setattr(section_explore, "BUDGET_BYTES", 1_000_000)
    text = page.render([folder], out=tmp_path / "small").html.read_text(encoding="utf-8")
    assert text.count("octet-stream;base64") == 1
    assert "The generator of DCGAN is left out of the explorer: it would take 2.2 MB" in text
    assert "0.70 MB of the 1.0 MB for generators are free" in text
    assert "rounded to 16 bits" in text
    monkeypatch.setattr(section_explore, "BUDGET_BYTES", 1000)
    bare = page.render([folder], out=tmp_path / "bare").html.read_text(encoding="utf-8")
    assert "<script" not in bare
    assert bare.count("is left out of the explorer") == 2
