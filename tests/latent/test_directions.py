"""The part as a whole, on generators whose directions are known.

The drawings behind a rotation are the hard case: what moves what is found from images alone, and must be the rotation.
"""

import dataclasses
import json

import numpy as np
import pytest
import torch
from planted import BRIGHT, SHAPE, Brightness, NoClasses, Planted
from planted import Z_DIM as PLANTED_DIM
from planted_directions import OfLayers, RotatedAtelier, Shifting, subject
from torch import nn

from ganatomy import images, rng
from ganatomy.datasets import atelier
from ganatomy.errors import ConfigError
from ganatomy.latent.directions import DirectionsConfig, check_directions, cost, measure_directions
from ganatomy.metrics.features import load_features
from ganatomy.models import dcgan
from ganatomy.models.generate import generate
from ganatomy.progress import Progress

SMALL = DirectionsConfig(num_svd=2, num_pca=3, num_latents=700, num_test=90, steps=(-2, 0, 2), seed=3)
ONE_IMAGE = dataclasses.replace(SMALL, num_pca=0)


def run(given, config, folder):
    *steps, record = measure_directions(given, config, folder)
    assert all(isinstance(step, Progress) for step in steps)
    done = [step.done for step in steps]
    assert done == sorted(set(done))
    assert {step.total for step in steps} == {done[-1]} == {cost(config, given)}
    assert record == json.loads((folder / "directions.json").read_text())
    return record


def of_kind(record, kind):
    return [row for row in record["directions"] if row["kind"] == kind]


def table(record, name):
    return np.array(record["entanglement"][name], float)  # None becomes NaN


def layered():
    """A generator with a first layer, a nonlinearity and a picture of 12x12."""
    draw = np.random.default_rng(2)
    G = OfLayers(nn.Linear(PLANTED_DIM, 30), nn.ReLU(inplace=True), nn.Linear(30, 144), shape=SHAPE)
    with torch.no_grad():
        for value in G.parameters():
            value.copy_(torch.from_numpy(0.4 * draw.standard_normal(tuple(value.shape))))
        G.main[2].weight += torch.tensor([0.3, -0.3] * 15)  # so that some images are dark and some bright
    return G


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("directions")
    return folder, run(subject(layered(), PLANTED_DIM, Brightness()), SMALL, folder)


def test_the_record_says_what_was_found(done):
    _, record = done
    assert record["features"] == "brightness"
    assert record["num_latents"] == 700
    assert [row["name"] for row in record["directions"][:5]] == ["svd-0", "svd-1", "pca-0", "pca-1", "pca-2"]
    traits = [row["name"] for row in record["attributes"]]
    assert [row["name"] for row in record["directions"][5:]] == traits
    assert record["entanglement"]["attributes"] == traits
    assert {"class:Dark", "class:Bright"} <= set(traits)
    for row in record["directions"]:
        assert np.linalg.norm(row["vector"]) == pytest.approx(1, abs=1e-5)
        assert all(value == round(value, 6) for value in row["vector"])
    for row in (*of_kind(record, "svd"), *of_kind(record, "pca")):
        assert 0 < row["share"] < 1
        assert (row["r2"] is None) == (row["kind"] == "svd")
        assert max(row["vector"], key=abs) > 0
    for row in of_kind(record, "attribute"):
        assert row["share"] is None
        assert row["reliability"] <= 1
        assert row["r2"] < 1
        assert 0 < row["error_deg"] <= 90


def test_the_tables_agree_with_the_vectors_and_with_each_other(done):
    _, record = done
    vectors = np.array([row["vector"] for row in record["directions"]])
    np.testing.assert_allclose(record["cosines"]["matrix"], vectors @ vectors.T, atol=1e-12)
    assert record["cosines"]["chance"] == pytest.approx(PLANTED_DIM**-0.5)
    change, lo, hi, normalised = (table(record, name) for name in ("change", "lo", "hi", "normalised"))
    assert change.shape == (len(record["attributes"]), len(vectors))
    assert ((lo <= change) & (change <= hi)).all()
    assert np.isnan(normalised[:, :5]).all()
    own = np.arange(len(change))
    assert (normalised[own, 5 + own][np.isfinite(normalised[own, 5 + own])] == 1).all()
    num = len(of_kind(record, "attribute"))
    block = normalised[:num, 5 : 5 + num]
    others = block[~np.eye(num, dtype=bool)]
    ends = record["entanglement"]["offdiagonal"]["attribute"]
    assert ends["mean"] == pytest.approx(np.nanmean(others))
    assert ends["max"] == pytest.approx(np.nanmax(others))


def test_effects_are_those_of_other_latents(done):
    """The change of brightness along its own direction, from images made here."""
    _, record = done
    row = next(row for row in record["directions"] if row["name"] == "brightness")
    z, step = rng.latents(3, "directions-test", 90, PLANTED_DIM), torch.tensor(row["vector"])
    ends = [generate(layered(), z + sign * step).double().mean(dim=(1, 2, 3)).numpy() for sign in (1, -1)]
    column = record["entanglement"]["directions"].index("brightness")
    expected = (ends[0] - ends[1]).mean() / 2 / record["attributes"][0]["sd"]
    assert table(record, "change")[0, column] == pytest.approx(expected, rel=1e-4)
    assert expected > 0.3


def test_pictures_show_each_latent_moved_by_the_steps(done):
    folder, record = done
    assert set(record["figures"]) == {"svd", "pca", "attribute", "class"}
    sheet = images.read_png(folder / "directions-pca.png")
    assert sheet.shape == (3 * 14 - 2, 2 * (3 * 14 - 2) + 10)
    z = rng.latents(3, "directions-figure", 2, PLANTED_DIM)
    vector = torch.tensor(of_kind(record, "pca")[1]["vector"])
    expected = generate(layered(), torch.stack([z[1] - 2 * vector, z[1]]))[:, 0].numpy()
    left = 3 * 14 - 2 + 10
    np.testing.assert_array_equal(sheet[14:26, left : left + 12], expected[0])
    np.testing.assert_array_equal(sheet[14:26, left + 14 : left + 26], expected[1])
    assert (sheet[12:14] == 255).all()
    assert (sheet[:, left - 10 : left] == 255).all()


def test_twice_the_same_gives_identical_files(done, tmp_path):
    folder, _ = done
    run(subject(layered(), PLANTED_DIM, Brightness()), SMALL, tmp_path)
    names = sorted(path.name for path in folder.iterdir())
    assert len(names) == 5
    assert names == sorted(path.name for path in tmp_path.iterdir())
    for name in names:
        assert (folder / name).read_bytes() == (tmp_path / name).read_bytes()


@pytest.mark.parametrize("features", [None, NoClasses()])
def test_without_classes_there_are_no_class_directions(features, tmp_path):
    record = run(subject(Planted(), PLANTED_DIM, features), SMALL, tmp_path)
    assert set(record["figures"]) == {"attribute"}
    assert "no svd, no pca" in record["message"]
    assert "no class directions" in record["message"]
    assert "readers" not in record
    bright = next(row for row in record["directions"] if row["name"] == "brightness")
    assert bright["names"] == "brightness"
    assert bright["vector"][BRIGHT] > 0.99
    assert bright["reliability"] > 0.99


def test_a_shifting_generator(tmp_path):
    """Direction for position_x is number 1; what never changes has no direction, and the bar still ends full."""
    record = run(subject(Shifting(), Shifting.z_dim), SMALL, tmp_path)
    place = next(row for row in record["directions"] if row["name"] == "position_x")
    assert place["vector"][Shifting.shift] > 0.999
    assert place["names"] == "position_x"
    assert list(record["left_out"]) == ["position_y"]


def test_a_network_of_the_registry_in_colour(tmp_path):
    """DCGAN: a transposed convolution first, batch norm before the nonlinearity, three channels."""
    with rng.torch_seeded(0, "test"):
        G = dcgan.Generator(8, (3, 12, 12)).apply(dcgan.init_normal)
    record = run(subject(G.eval(), 8), SMALL, tmp_path)
    assert [row["name"] for row in record["directions"][:5]] == ["svd-0", "svd-1", "pca-0", "pca-1", "pca-2"]
    assert images.read_png(tmp_path / "directions-svd.png").shape == (2 * 14 - 2, 2 * (3 * 14 - 2) + 10, 3)
    for row in of_kind(record, "pca"):
        assert row["reliability"] > 0.9
        assert row["r2"] > 0.5


def test_a_class_that_no_image_has_is_left_out(tmp_path):
    record = run(subject(Shifting(), Shifting.z_dim, Brightness()), SMALL, tmp_path)
    assert record["left_out"]["class:Bright"] == "no image has this class"
    assert of_kind(record, "class") == []
    assert "class" not in record["figures"]


def test_a_generator_of_one_image_has_no_directions_but_a_record(tmp_path):
    class Same(Planted):
        def forward(self, z):
            return super().forward(0 * z)

    record = run(subject(Same(), PLANTED_DIM), SMALL, tmp_path)
    assert record["directions"] == record["cosines"]["matrix"] == []
    assert record["figures"] == {}
    assert len(record["left_out"]) == 7
    weights_only = run(subject(OfLayers(nn.Linear(4, 144), nn.Threshold(9, 0), shape=SHAPE), 4), ONE_IMAGE, tmp_path)
    assert [row["name"] for row in weights_only["directions"]] == ["svd-0", "svd-1"]
    assert [row["names"] for row in weights_only["directions"]] == [None, None]
    assert table(weights_only, "change").shape == (0,)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"num_svd": 7}, "num_svd is 7; this generator has 6 latent numbers"),
        ({"num_pca": -1}, "num_pca is -1"),
        ({"num_latents": 27}, "need at least 28"),
        ({"num_test": 1}, "num_test is 1"),
        ({"steps": (1.0, 1.0)}, "each once"),
        ({"steps": ()}, "steps is"),
        ({"steps": (float("nan"),)}, "finite"),
        ({"num_codes": 0}, "num_codes is 0"),
        ({"threshold": 0.0}, "threshold is 0.0"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_bad_settings_are_refused_before_any_work(change, words, tmp_path):
    config = dataclasses.replace(DirectionsConfig(), **change)
    with pytest.raises(ConfigError, match=words):
        check_directions(config, PLANTED_DIM)
    with pytest.raises(ConfigError):
        next(measure_directions(subject(Planted(), PLANTED_DIM), config, tmp_path / "new"))
    assert not (tmp_path / "new").exists()


def drawn(labels, num_latents, num_test, folder, seed=0):
    """Run the part on the drawings of one or two classes behind a rotation: (record, rotation)."""
    G = RotatedAtelier(*labels, seed=seed)
    config = DirectionsConfig(num_latents=num_latents, num_test=num_test, steps=(-2, 0, 2), seed=seed)
    given = subject(G, 20, load_features("atelier-v1"), atelier.load(num_train=1, num_test=1))
    return run(given, config, folder), G.rotation


def cosines(record, rotation):
    """Return the cosine between each factor's direction and its row of the rotation, by factor."""
    found = {row["name"].removeprefix("factor:"): row["vector"] for row in of_kind(record, "factor")}
    return {name: float(vector @ rotation[atelier.FACTORS.index(name)]) for name, vector in found.items()}


def applying(*labels):
    used = atelier.APPLIES[list(labels)].any(axis=0)
    return [name for name, is_used in zip(atelier.FACTORS, used) if is_used]


def check_drawn(label, record, rotation, least_cosine, most_entangled):
    found = cosines(record, rotation)
    assert list(found) == applying(label)
    assert min(found.values()) >= least_cosine, found
    assert record["entanglement"]["offdiagonal"]["factor"]["max"] <= most_entangled
    for row in of_kind(record, "factor"):
        assert np.degrees(np.arccos(min(1, found[row["name"].removeprefix("factor:")]))) < 2 * row["error_deg"]
    others = {f"factor:{name}" for name in atelier.FACTORS if name not in found}
    assert {name for name in record["left_out"] if name.startswith("factor:")} == others
    assert record["left_out"][f"class:{atelier.CLASS_NAMES[label]}"] == "every image has this class"
    readers = record["readers"]["r2"]
    assert readers.keys() == {atelier.CLASS_NAMES[label]}
    assert list(readers[atelier.CLASS_NAMES[label]]) == applying(label)


@pytest.mark.parametrize("name", ["T-shirt", "Coat", "Boot"])
def test_factor_directions_are_the_rotations_rows(name, tmp_path):
    """Found from images alone; fewer latents than the slow test, and wider bounds."""
    label = atelier.CLASS_NAMES.index(name)
    check_drawn(label, *drawn([label], 2048, 128, tmp_path), 0.99, 0.1)


@pytest.mark.slow
@pytest.mark.parametrize("label", range(10))
def test_factor_directions_of_every_class(label, tmp_path):
    check_drawn(label, *drawn([label], 8192, 512, tmp_path, seed=1), 0.998, 0.05)


def test_two_classes_are_told_apart_and_each_is_read_by_its_own(tmp_path):
    """Row 9 decides between T-shirt and Trousers: it is the class directions; shared factors are found in both."""
    labels = [atelier.CLASS_NAMES.index(name) for name in ("T-shirt", "Trousers")]
    record, rotation = drawn(labels, 3072, 128, tmp_path)
    shirt, trousers = (np.array(row["vector"]) for row in of_kind(record, "class"))
    assert shirt @ rotation[9] > 0.98
    assert trousers @ rotation[9] < -0.98
    found = cosines(record, rotation)
    assert list(found) == applying(*labels)
    assert min(found.values()) >= 0.95, found
    counts = {row["name"]: row["num"] for row in record["attributes"]}
    defined = dict(zip(counts, table(record, "defined")))
    assert counts["factor:width"] == 3072
    assert (defined["factor:width"] == 1).all()
    assert (defined["factor:sleeve"] < 0.7).all()
    assert 1300 < counts["factor:sleeve"] < 1772  # half of them have sleeves; 5 sd are 139
