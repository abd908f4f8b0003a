"""Records and arrays that are not what their writers write: told in words, never followed."""

import dataclasses
import json
import os
import struct

import numpy as np
import pytest
import safetensors.numpy
import torch
from PIL import Image

from ganatomy import config, images, presets
from ganatomy.arrays import read_arrays
from ganatomy.checked import (
    COUNT,
    FILE,
    NUM,
    SHARE,
    TEXT,
    Kind,
    Mismatch,
    each,
    index,
    keyed,
    length,
    maybe,
    needing,
    not_all_zero,
    one_of,
    read_text,
    record,
)  # fmt: skip
from ganatomy.datasets.shapes import IMPORTED
from ganatomy.errors import DataError, RunError
from ganatomy.laboratory.shapes import COMPARE, LAB
from ganatomy.latent import codes
from ganatomy.latent.shapes import ATLAS_ARRAYS, DISSECT
from ganatomy.metrics.shapes import HEALTH, MEASURE, PANEL
from ganatomy.models import registry
from ganatomy.training.shapes import GROUP, STATS, STATUS

FAR = "9" * 400


def fault(shape, value, **sizes):
    with pytest.raises(Mismatch) as caught:
        shape(value, sizes)
    return caught.value.words()


@pytest.mark.parametrize(
    ("shape", "good", "bad"),
    [
        (NUM, (0, -1.5, 3e38), (None, True, "1", [], {}, 1e300, int(FAR))),
        (COUNT, (0, 2**53), (-1, 0.5, True, None, 2**60)),
        (SHARE, (0, 1, 0.5), (-0.1, 1.1, "0")),
        (TEXT, ("", "a"), (None, 1, "a\0b")),
        (FILE, ("a.png",), ("", "..", "../a", "/etc/passwd", "a\\b", None)),
        (maybe(COUNT), (None, 1), ("", -1)),
        (one_of("a", "b"), ("a",), ("c", None, [], {})),
        (each(COUNT, least=1), ([1],), ([], None, {}, [None], "1")),
        (keyed(NUM), ({}, {"a": 1}), ([], {"a": None})),
        (record({"a": NUM, "b?": TEXT}), ({"a": 1}, {"a": 1, "b": "", "c": []}), ({}, {"a": 1, "b": None}, [])),
        (record({"a": NUM}, others=NUM), ({"a": 1, "b": 2},), ({"a": 1, "b": "2"},)),
        (not_all_zero(each(COUNT)), ([0, 1],), ([0, 0], [], None)),
        (needing(record({}), "a", "b"), ({}, {"a": None}, {"a": 1, "b": 2}), ({"a": 1}, {"a": 1, "b": None})),
    ],
)
def test_shapes_accept_what_is_written_and_nothing_else(shape, good, bad):
    for value in good:
        shape(value, {})
    for value in bad:
        assert "expected" in fault(shape, value)


def test_lengths_of_one_name_agree():
    shape = record({"z_dim": length("z"), "dims": each(index("z")), "table": each(each(NUM, "z"))})
    shape({"z_dim": 2, "dims": [0, 1], "table": [[1, 2], [3, 4]]}, {})
    assert "key 'table.1' is a list of 1" in fault(shape, {"z_dim": 2, "dims": [], "table": [[1, 2], [3]]})
    assert "key 'dims.0' is 2, expected a whole number from 0 to 1" in fault(shape, {"z_dim": 2, "dims": [2]})
    assert "key 'z_dim' is 2, expected 3" in fault(shape, {"z_dim": 2, "dims": [], "table": []}, z=3)


def test_the_words_name_file_key_and_remedy(tmp_path):
    path = tmp_path / "measure.json"
    path.write_text('{"schema": 1, "scores": {"fd": {"value": "low"}}}', encoding="utf-8")
    words = r"measure\.json: key 'scores\.fd\.value' is \"low\", expected a number\. Restore .*ganatomy measure`"
    with pytest.raises(RunError, match=words):
        MEASURE.read(path)
    assert Kind(record({}), "lab").read_if_there(tmp_path / "nothing.json") is None


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (STATUS, '{"schema": 1}'),
        (STATUS, '{"schema": 1, "state": "finished", "cur_nimg": 1, "x": ' + "[" * 100_000 + "]" * 100_000 + "}"),
        (STATUS, '{"schema": 1, "state": "finished", "cur_nimg": ' + "9" * 5000 + "}"),
        (STATUS, '{"schema": 1, "state": [], "cur_nimg": 1}'),
        (STATUS, "[]"),
        (HEALTH, '{"schema": 1, "verdicts": [{"id": "unheard", "state": "fired", "nimg": 1, "readings": []}]}'),
        (GROUP, '{"schema": 1, "seeds": []}'),
        (MEASURE, '{"schema": 1, "scores": []}'),
        (MEASURE, '{"schema": 1, "classes": {"names": ["a"], "counts": [1, 2]}}'),
        (MEASURE, '{"schema": 1, "scores": {"fd": {"value": NaN}}}'),
        (DISSECT, '{"schema": 1, "z_dim": 3, "dims": [3], "values": [1]}'),
        (LAB, '{"schema": 1, "runs": {"../../elsewhere": {}}}'),
        (COMPARE, '{"schema": 1, "main": "fd"}'),
        (IMPORTED, '{"schema": 1, "name": "a", "file": "../a", "sha256": "0"}'),
    ],
)  # fmt: skip
def test_damaged_records_are_refused(kind, text, tmp_path):
    path = tmp_path / "record.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RunError, match=r"record\.json"):
        kind.read(path)


@pytest.mark.parametrize(
    ("kind", "lines"),
    [
        (STATS, ["[]", '{"cur_nimg": 2}']),
        (STATS, ['{"cur_nimg": "2"}']),
        (STATS, ['{"cur_nimg": 2, "Loss/G/adv": []}']),
        (PANEL, ['{"cur_nimg": 2, "class_counts": [1, 2]}', '{"cur_nimg": 3, "class_counts": [1]}']),
        (PANEL, ['{"cur_nimg": 2, "class_counts": [0, 0]}']),
        (PANEL, ['{"cur_nimg": 2, "overfit": 0.1}']),
    ],
)
def test_damaged_lines_are_refused(kind, lines, tmp_path):
    path = tmp_path / "lines.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    with pytest.raises(RunError, match=r"lines\.jsonl"):
        list(kind.lines(path))


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda p: p.symlink_to("/dev/zero"), lambda p: p.symlink_to(p)])
def test_what_is_no_file_is_refused_at_once(make, tmp_path):
    for name, read in (
        ("config.json", config.read), ("measure.json", MEASURE.read), ("stats.jsonl", lambda p: list(STATS.lines(p))),
        ("command.txt", read_text), ("a.png", images.read_png),
        ("atlas.safetensors", lambda p: read_arrays(p, ATLAS_ARRAYS, "dissect")),
    ):  # fmt: skip
        make(tmp_path / name)
        with pytest.raises(RunError, match=name):
            read(tmp_path / name)
    for name in ("z.npy", "z.npz"):
        make(tmp_path / name)
        with pytest.raises(DataError, match="cannot be read"):
            codes.read_latents(tmp_path / name, 4)


def test_a_file_of_many_gigabytes_takes_no_memory(tmp_path):
    path = tmp_path / "stats.jsonl"
    path.touch()
    os.truncate(path, 2**36)
    with pytest.raises(RunError, match="larger than"):
        list(STATS.lines(path))
    os.rename(path, tmp_path / "atlas.safetensors")
    with pytest.raises(RunError, match="larger than"):
        read_arrays(tmp_path / "atlas.safetensors", ATLAS_ARRAYS, "dissect")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("z_dim", 100.5), ("z_dim", None), ("z_dim", True), ("img_height", "28"), ("data", 3), ("data", "a\0b"),
        ("lr_g", "fast"), ("lr_g", []), ("model", {}), ("model", "vae"), ("total_nimg", 1.5), ("init_from", 1),
        ("seed", [0]),
    ],
)  # fmt: skip
def test_every_field_of_a_configuration_has_its_type(field, value, tmp_path):
    known = presets.preset("gan").to_dict()
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"schema": 1, **known, field: value}), encoding="utf-8")
    with pytest.raises(RunError, match=field):
        config.read(path)
    path.write_text(json.dumps({"schema": 1, **known, "num_epochs": 3}), encoding="utf-8")  # whole, yet a number
    assert config.read(path).num_epochs == 3
    del known["model"]
    path.write_text(json.dumps({"schema": 1, **known}), encoding="utf-8")
    with pytest.raises(RunError, match=r"lacks model.*Restore"):
        config.read(path)


@pytest.fixture
def small():
    return dataclasses.replace(presets.preset("gan"), z_dim=3, img_height=4, img_width=4)


def test_a_snapshot_is_compared_before_it_is_loaded(small, tmp_path):
    path = tmp_path / "G.safetensors"
    state = {name: value.numpy() for name, value in registry.build_generator(small).state_dict().items()}
    safetensors.numpy.save_file(state, path)
    z = torch.zeros(1, 3)
    assert torch.equal(registry.read_generator(path, small)(z), registry.build_generator(small)(z))
    with pytest.raises(RunError, match=r"another network: fc1\.weight is float32 128 x 3, expected .* x 1000000000"):
        registry.read_generator(path, dataclasses.replace(small, z_dim=10**9))  # 512 GB, of which none is asked for
    for name, values, words in (
        ("fc1.bias", np.full(128, np.nan, np.float32), "not finite"),
        ("fc1.bias", state["fc1.bias"].astype(np.float64), "is float64 128"),
        ("fc1.bias", state["fc1.bias"][:-1].copy(), "is float32 127"),
    ):
        safetensors.numpy.save_file({**state, name: values}, path)
        with pytest.raises(RunError, match=words):
            registry.read_generator(path, small)
    safetensors.numpy.save_file({"fc1.bias": state["fc1.bias"]}, path)
    with pytest.raises(RunError, match=r"lacks fc1\.weight"):
        registry.read_generator(path, small)
    path.write_bytes(struct.pack("<Q", 2**40) + b"{}")
    with pytest.raises(RunError, match="cannot be read"):
        registry.read_generator(path, small)


def test_pictures_are_read_in_the_size_that_is_expected(tmp_path):
    path = tmp_path / "fixed-000000001.png"
    images.save_png(path, np.zeros((4, 6), np.uint8))
    assert images.read_png(path, (4, 6)).shape == (4, 6)
    with pytest.raises(RunError, match="6 x 4 pixels, expected are 4 x 4"):
        images.read_png(path, (4, 4))
    whole = path.read_bytes()
    path.write_bytes(whole[:44])
    with pytest.raises(RunError, match="cannot be read as an image"):
        images.read_png(path)
    path.write_bytes(whole[:16] + struct.pack(">II", 60_000, 60_000) + whole[24:])  # a bomb by its header
    with pytest.raises(RunError, match="cannot be read as an image"):
        images.read_png(path)
    Image.new("I;16", (4, 4)).save(path)
    with pytest.raises(RunError, match="not grey or RGB"):
        images.read_png(path)


def test_headers_of_latents_made_to_break_the_parser_are_refused(tmp_path):
    text = b"{'descr': (      "
    (tmp_path / "z.npy").write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text)
    with pytest.raises(DataError, match="damaged header"):
        codes.read_latents(tmp_path / "z.npy", 4)
