"""What is read from the atlas and computed from it, against closed forms and independent implementations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import scipy.stats
from atlas_fixture import effects, jacobian, moves, ranking, scales
from PIL import Image

from ganatomy.reporting import heat
from ganatomy.reporting.atlas_record import AtlasRecord, spearman
from ganatomy.reporting.section_beyond import chance, edits_of, short_edit

THIN = "\N{NARROW NO-BREAK SPACE}"


def atlas(record=None, jac=None, folder=Path("nowhere")):
    return AtlasRecord({"z_dim": 20, "values": [0.1, 5.0, 20.0]} | (record or {}), jac or {}, folder)


@pytest.mark.parametrize("num", [3, 10, 57])
def test_rank_correlation_is_scipys_with_ties(num):
    draw = np.random.default_rng(num)
    x, y = draw.integers(0, 6, num).astype(float), draw.normal(size=num).round(1)
    assert spearman(x, y) == pytest.approx(scipy.stats.spearmanr(x, y).statistic, abs=1e-12)


def test_rank_correlation_of_lines_and_of_constants():
    x = np.arange(5.0)
    assert spearman(x, np.exp(x)) == pytest.approx(1)
    assert spearman(x, -x) == pytest.approx(-1)
    assert spearman(x, np.ones(5)) is None
    assert spearman(x[:1], x[:1]) is None


def test_the_strongest_tenth_and_the_idle_numbers_are_counted():
    found = atlas({"ranking": ranking(20, "visible_share")})
    assert (found.num_tenth, found.num_idle) == (2, 3)
    assert found.tenth_share == pytest.approx((10 + 5) / effects(20).sum())
    silent = atlas({"ranking": {"numbers": [row | {"effect": 0.0} for row in ranking(20, "visible_share")["numbers"]]}})
    assert silent.tenth_share is None


def test_a_curve_leaves_out_what_is_undefined():
    points = [{"value": v, "mean": v**2, "lo": 0.0, "hi": 9.0} for v in (3.0, -1.0, 2.0)]
    points[2]["mean"] = None
    record = {"curves": {"a": {"base": None, "control": {"mean": 1.5}, "values": points}, "b": {"values": points[1:]}}}
    found = atlas(record).curves
    assert list(found) == ["a"]
    assert found["a"].values.tolist() == [-1.0, 3.0]
    assert (found["a"].at(3.0), found["a"].at(2.0), found["a"].at(None)) == (9.0, None, None)
    assert (found["a"].control, found["a"].base) == (1.5, None)


def test_moves_and_where_they_lead():
    found = atlas({"moves": moves(5, [5.0, 20.0], 4)})
    far = found.moves(20.0)
    assert far.after.tolist() == pytest.approx((0.2 * far.before + 0.8 * np.array([0, 1, 0, 0])).tolist())
    assert far.top == 1
    assert found.becomes(20.0) == {1: 3, 2: 2}
    assert found.moves(7.0) is None
    assert found.becomes(7.0) == {}


def test_where_the_trainings_scale_stands():
    record = {"scales": scales(has_classes=True)}
    assert atlas(record).scaled("precision")[1].tolist() == pytest.approx([0.9, 0.8, 0.7, 0.5, 0.3])
    assert atlas(record).scaled("diversity")[1].tolist() == [0.0, 2.5, 5.0, 10.0, 15.0]
    assert atlas(record).rank_of_training(2.0) == "other"
    assert atlas(record).rank_of_training(1.0) == "training"
    for row in record["scales"]["rows"]:
        row["frechet_se"] = 1.5  # the distances are 4 apart; two errors of the difference are 4.24
    assert atlas(record).rank_of_training(2.0) == "close"


def test_what_is_missing_is_empty(tmp_path):
    found = atlas(folder=tmp_path)
    assert (found.curves, found.ranking, found.strength, found.scales) == ({}, [], {}, [])
    assert found.spectrum.shape == (3, 0)
    assert found.heat().size == 0
    assert found.interval("num_90") is None
    assert atlas(jac=jacobian(20)).interval("num_90") == {"mean": 2.25, "lo": 2.0, "hi": 2.5}


def test_heat_maps_are_read_where_they_fit_the_record(tmp_path):
    maps = np.random.default_rng(0).random((3, 20, 4, 5)).astype(np.float32)
    (tmp_path / "atlas.safetensors").write_bytes(safetensors.numpy.save({"all/heat": maps}))
    np.testing.assert_array_equal(atlas({"atlas_values": [1.0, 2.0]}, folder=tmp_path).heat(), maps)
    assert atlas({"atlas_values": [1.0]}, folder=tmp_path).heat().size == 0
    (tmp_path / "atlas.safetensors").write_bytes(safetensors.numpy.save({"chosen/z": maps}))
    assert atlas({"atlas_values": [1.0, 2.0]}, folder=tmp_path).heat().size == 0


def test_a_sheet_of_heat_maps_is_exact_in_place_and_colour(tmp_path):
    maps = np.zeros((2, 3, 4, 5), np.float32)
    maps[1, 2, 3, 4] = 64.0
    maps[0, 1, 0, 0] = 16.0
    top = heat.write(maps, tmp_path / "made" / "heat.png")
    table = heat.colour_table()
    pixels = np.asarray(Image.open(tmp_path / "made" / "heat.png"))
    assert top == 64.0
    assert pixels.shape == (2 * 6 - 2, 3 * 7 - 2, 3)
    assert pixels[9, 18].tolist() == table[255].tolist()
    assert pixels[0, 7].tolist() == table[round(255 * 0.5)].tolist()  # the square root of a quarter
    assert pixels[0, 0].tolist() == table[0].tolist()
    assert pixels[4].tolist() == [[255] * 3] * 19
    assert heat.sheet(np.zeros((1, 1, 2, 2), np.float32))[1] == 0.0


def test_heat_colours_grow_lighter_step_by_step():
    light = heat.colour_table().astype(float) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(light) > -0.5).all()
    assert light[0] < 5
    assert light[-1] > 240


def test_concentration_and_likeness_of_maps():
    flat, point = np.ones((10, 10)), np.zeros((10, 10))
    point[3, 3] = 2.0
    assert heat.concentration(flat) == pytest.approx(0.1)
    assert heat.concentration(point) == 1.0
    assert heat.concentration(0 * flat) is None
    ramp = np.arange(100.0).reshape(10, 10)
    assert heat.likeness(np.stack([ramp, 3 * ramp + 1])) == pytest.approx(1)
    assert heat.likeness(np.stack([ramp, -ramp])) == pytest.approx(-1)
    assert heat.likeness(np.stack([ramp, flat])) is None
    assert heat.nearest([-20, -2, 0.1, 5], 2.0) == 2


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.9203, f"92{THIN}%"),
        (0.0455, f"4.5{THIN}%"),
        (5.733e-7, "5.7 × 10⁻⁷"),
        (5.5e-89, "5.5 × 10⁻⁸⁹"),
        (9.97e-5, "1.0 × 10⁻⁴"),
        (0.0, "< 10⁻³⁰⁰"),
        (None, "–"),
    ],
)
def test_probabilities_are_written_as_people_write_them(value, text):
    assert chance(value) == text


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("3=5", "3=5"),
        ("19,21,29,46,71=-5", "19,21,29,4…=-5"),
        ("0,1,2,3,4,5,6,7+=2sigma", "0,1,2…+=2sigma"),
        ("3=5;17,18,19,20*=0.5", "3=5;17,18…*=0.5"),
        ("?", "?"),
    ],
)
def test_a_long_edit_keeps_what_is_done(text, short):
    found = short_edit(text, 16 if ";" in text else 14)
    assert found == short


def test_edits_keep_their_order_and_may_repeat():
    rows = [
        {"edit": text, "dims": [0] * n, "measure": m} for text, n in (("a=0", 1), ("a=0", 1), ("b=0", 2)) for m in "xy"
    ]
    assert edits_of(rows) == [("a=0", 1), ("a=0", 1), ("b=0", 2)]
    assert edits_of([]) == []
