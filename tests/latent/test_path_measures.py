import dataclasses
import json

import numpy as np
import pytest
import torch
from PIL import Image
from planted import SHAPE, Brightness, NoClasses, Planted, real_images
from torch import nn

from ganatomy import rng
from ganatomy.errors import ConfigError
from ganatomy.latent import codes, path_measures, paths
from ganatomy.latent.lens import Lens, Subject
from ganatomy.latent.path_measures import PathsConfig, measure_paths
from ganatomy.models.generate import generate
from ganatomy.progress import Progress

CONFIG = PathsConfig(num_pairs=40, num_steps=8, num_class_latents=3000, num_class_paths=3, seed=5)
SCALE = 0.2


class Quadrants(nn.Module):
    """Each of 4 latent numbers is the level of a quadrant: what `Brightness` sees is z / 5, but for the rounding."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(SCALE), requires_grad=False)
        self.eval()

    def forward(self, z):
        return (self.scale * z).view(-1, 1, 2, 2).repeat_interleave(6, 2).repeat_interleave(6, 3)


def subject(G=None, features=None, z_dim=4, real=True):
    G = G or Quadrants()
    known = None
    if features is not None and real:
        known = real_images(Lens(G, features).see(rng.latents(9, "real", 400, z_dim)).known_features)
    return Subject("planted", 7, z_dim, Lens(G, features, known))


def run(folder, given, config=CONFIG):
    *steps, record = measure_paths(given, config, folder)
    assert all(isinstance(step, Progress) for step in steps)
    assert {step.total for step in steps} == {path_measures.cost(config, given)}
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert steps[-1].done == steps[-1].total
    assert record == json.loads((folder / "paths.json").read_text(encoding="utf-8"))
    return record


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("paths")
    return folder, run(folder, subject(features=Brightness()))


def ways(num_steps):
    """Both paths of every pair in latent space, divided as the generator and network do: float64 [kind, P, T, 4]."""
    z = rng.latents(5, "paths", 80, 4)
    t = torch.linspace(0, 1, num_steps + 1, dtype=torch.float64)
    return {kind: SCALE * way(z[::2], z[1::2], t).double().numpy() for kind, way in paths.BETWEEN.items()}


def test_a_linear_generator_has_straight_paths_and_spherical_ones_as_long_as_in_latent_space(done):
    _, record = done
    for kind, way in ways(8).items():
        rows = record["kinds"][kind]
        straight = np.linalg.norm(way[:, -1] - way[:, 0], axis=1).mean()
        steps = np.linalg.norm(np.diff(way, axis=1), axis=2)
        assert rows["straight"]["mean"] == pytest.approx(straight, rel=0.01)
        assert rows["length"]["mean"] == pytest.approx(steps.sum(axis=1).mean(), rel=0.01)
        # with the rounding to 256 levels, which a share of one step out of 8 feels, it is the same to float32
        steps = np.linalg.norm(np.diff(np.round((way + 1) * 127.5) / 127.5, axis=1), axis=2)
        assert rows["length"]["mean"] == pytest.approx(steps.sum(axis=1).mean(), rel=1e-4)
        assert rows["largest_step"]["mean"] == pytest.approx((steps.max(axis=1) / steps.sum(axis=1)).mean(), rel=1e-4)
        assert rows["length"]["lo"] < rows["length"]["mean"] < rows["length"]["hi"]
        assert rows["length"]["num"] == 40
    assert record["kinds"]["linear"]["detour"]["mean"] == pytest.approx(1, abs=0.01)
    assert record["kinds"]["spherical"]["detour"]["lo"] > 1.05
    assert record["difference"]["shorter"] == "linear"
    assert record["difference"]["length_ratio"]["hi"] < 0.95


def test_the_interval_is_the_bootstrap_over_pairs(done):
    """Against the normal approximation of the mean: 1.96 standard errors, within a fifth."""
    lengths = np.linalg.norm(np.diff(ways(8)["spherical"], axis=1), axis=2).sum(axis=1)
    row = done[1]["kinds"]["spherical"]["length"]
    half = 1.96 * lengths.std(ddof=1) / 40**0.5
    assert (row["hi"] - row["lo"]) / 2 == pytest.approx(half, rel=0.2)


def test_more_steps_of_a_spherical_path_converge(done):
    for kind in ("linear", "spherical"):
        rows = done[1]["kinds"][kind]["by_num_steps"]
        assert [row["num_steps"] for row in rows] == [1, 2, 4, 8, 16]
        means = {row["num_steps"]: row["mean"] for row in rows}
        assert means[1] == pytest.approx(done[1]["kinds"][kind]["straight"]["mean"])
        assert means[8] == pytest.approx(done[1]["kinds"][kind]["length"]["mean"])
        assert rows[0]["change"] is None
        assert rows[3]["change"] == pytest.approx(means[8] / means[4] - 1)
    changes = [row["change"] for row in done[1]["kinds"]["spherical"]["by_num_steps"][1:]]
    assert changes[0] > 4 * changes[1] > 8 * changes[2]  # the chord of an arc is short by the square of the step
    assert all(abs(row["change"]) < 0.01 for row in done[1]["kinds"]["linear"]["by_num_steps"][1:])


def test_every_row_has_a_unit_and_a_meaning(done):
    _, record = done
    rows = {name for table in (*record["kinds"].values(), record["difference"]) for name in table}
    assert set(record["measures"]) == rows - {"by_num_steps", "shorter"} == set(path_measures.MEASURES)
    assert all(set(entry) == {"unit", "doc"} for entry in record["measures"].values())
    assert set(record["difference"]) == rows - {"by_num_steps", "straight", "detour"} - {
        f"{name}_{where}" for name in ("confidence", "precision") for where in ("ends", "change")
    }


def test_straight_lines_leave_the_shell(done):
    """The smallest norm on a segment, in closed form; the record looks at 17 points of it."""
    z = rng.latents(5, "paths", 80, 4).double().numpy()
    a, b = z[::2], z[1::2]
    t = np.clip(-((b - a) * a).sum(1) / ((b - a) ** 2).sum(1), 0, 1)[:, None]
    mean, sd = codes.chi(4)
    closest = (np.linalg.norm(a + t * (b - a), axis=1) - mean) / sd
    rows = {kind: done[1]["kinds"][kind]["smallest_norm"]["mean"] for kind in paths.BETWEEN}
    assert rows["linear"] == pytest.approx(closest.mean(), abs=0.02)
    ends = np.minimum(np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1))
    assert rows["spherical"] == pytest.approx(((ends - mean) / sd).mean(), abs=1e-5)
    assert done[1]["chi"] == {"mean": mean, "sd": sd}


def test_what_is_seen_at_the_ends_and_in_the_middle(done):
    given = subject(features=Brightness())
    for kind, way in ways(16).items():
        z = torch.from_numpy(way / SCALE).float()
        seen = {where: given.lens.see(z[:, at]) for where, at in (("a", 0), ("middle", 8), ("b", 16))}
        row = done[1]["kinds"][kind]
        confidence = {where: s.known_probabilities.max(axis=1).mean() for where, s in seen.items()}
        assert row["confidence_middle"]["mean"] == pytest.approx(confidence["middle"], abs=1e-4)
        assert row["confidence_ends"]["mean"] == pytest.approx((confidence["a"] + confidence["b"]) / 2, abs=1e-4)
        change = confidence["middle"] - (confidence["a"] + confidence["b"]) / 2
        assert row["confidence_change"]["mean"] == pytest.approx(change, abs=1e-4)
        assert row["precision_middle"]["mean"] == pytest.approx(seen["middle"].is_precise.mean(), abs=1e-6)
        ends = (seen["a"].is_precise.mean() + seen["b"].is_precise.mean()) / 2
        assert row["precision_ends"]["mean"] == pytest.approx(ends, abs=1e-6)
        classes = given.lens.see(z[:, ::2].flatten(0, 1)).classes.reshape(40, 9)
        third = [bool({*row} - {row[0], row[-1]}) for row in classes]
        assert row["third_class"]["mean"] == pytest.approx(np.mean(third))
        assert row["switches"]["mean"] == pytest.approx(np.mean([(row[1:] != row[:-1]).sum() for row in classes]))
    linear, spherical = (done[1]["kinds"][kind]["confidence_middle"]["mean"] for kind in ("linear", "spherical"))
    assert done[1]["difference"]["confidence_middle"]["mean"] == pytest.approx(linear - spherical)


def test_paths_between_classes(done):
    _, record = done
    found = record["classes"]
    given = subject(features=Brightness())
    z = rng.latents(5, "path-classes", 3000, 4)
    probabilities = given.lens.see(z).known_probabilities
    assert found["names"] == ["Dark", "Trouser", "Bright"]
    assert found["num_found"] == [int((probabilities.argmax(1) == k).sum()) for k in range(3)]
    assert min(found["num_found"]) >= 3
    lengths = np.array(found["lengths"])
    np.testing.assert_array_equal(lengths, lengths.T)
    dark, bright = (np.argsort(-probabilities[:, k], kind="stable")[:3] for k in (0, 2))
    way = paths.spherical(z[dark], z[bright], torch.linspace(0, 1, 9)).double().numpy() * SCALE
    wanted = np.linalg.norm(np.diff(way, axis=1), axis=2).sum(axis=1).mean()
    assert lengths[0, 2] == pytest.approx(wanted, rel=0.02)
    assert lengths[0, 2] > max(lengths[0, 0], lengths[2, 2])
    assert np.array(found["num_measured"]).tolist() == [[3, 3, 3]] * 3
    assert found["third_class"]["num"] == 9
    assert found["third_class"]["mean"] >= 3 / 9  # from dark to bright there is no way but through the middle


def test_pictures_hold_exactly_the_generators_pixels(done):
    folder, record = done
    height, width = SHAPE[1:]
    G = Quadrants()

    def cell(file, row, column):
        pixels = np.asarray(Image.open(folder / file))
        top, left = row * (height + 2), column * (width + 2)
        return pixels[top : top + height, left : left + width]

    z = rng.latents(5, "paths", 80, 4)
    at = torch.linspace(0, 1, 10, dtype=torch.float64)
    size = np.asarray(Image.open(folder / record["figures"]["linear_spherical"])).shape
    assert size == (8 * height + 7 * 2, 10 * width + 9 * 2)
    for row in range(8):
        way = paths.linear if row % 2 == 0 else paths.spherical
        pair = 2 * (row // 2)
        wanted = generate(G, way(z[pair : pair + 1], z[pair + 1 : pair + 2], at)[0])
        for column in (0, 4, 9):
            np.testing.assert_array_equal(cell("path-linear-spherical.png", row, column), wanted[column, 0].numpy())
    first = cell(record["figures"]["classes"], 1, 0)
    np.testing.assert_array_equal(first, cell("path-classes.png", 0, 9))
    for row in range(3):
        diagonal = cell(record["figures"]["class_table"], row, row)
        np.testing.assert_array_equal(cell("path-classes.png", row, 0), diagonal)
    np.testing.assert_array_equal(cell("path-class-table.png", 0, 2), cell("path-class-table.png", 2, 0))
    assert (cell("path-classes.png", 2, 9) == cell("path-classes.png", 0, 0)).all()
    assert cell("path-classes.png", 0, 0).mean() < first.mean() < cell("path-classes.png", 2, 0).mean()


def test_twice_gives_identical_files_and_another_seed_does_not(done, tmp_path):
    folder, record = done
    run(tmp_path / "again", subject(features=Brightness()))
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["path-class-table.png", "path-classes.png", "path-linear-spherical.png", "paths.json"]
    for name in names:
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    other = run(tmp_path / "other", subject(features=Brightness()), dataclasses.replace(CONFIG, seed=6))
    assert other["kinds"] != record["kinds"]


def test_without_a_network_classes_or_real_images(tmp_path):
    planted = Planted()
    bare = run(tmp_path / "bare", subject(planted, None, 6))
    assert bare["features"] is None
    assert set(bare["kinds"]["linear"]) == {"smallest_norm"} == set(bare["difference"])
    assert bare["classes"] is None
    assert set(bare["measures"]) == {"smallest_norm"}
    assert bare["message"].startswith("norms and pictures only")
    assert (tmp_path / "bare" / "path-linear-spherical.png").exists()
    no_classes = run(tmp_path / "no-classes", subject(planted, NoClasses(), 6, real=False))
    assert {"length", "detour"} < set(no_classes["kinds"]["linear"])
    assert not any(word in name for name in no_classes["kinds"]["linear"] for word in ("class", "confid", "precis"))
    assert "no classes and no confidence: no-classes knows no classes" in no_classes["message"]
    assert "no precision" in no_classes["message"]
    assert set(no_classes["figures"]) == {"linear_spherical"}


class OneClass(Quadrants):
    """A generator that draws one dark image whatever the latent is."""

    def forward(self, z):
        return 0 * super().forward(z) - 0.5


def test_a_generator_that_draws_one_image_has_no_lengths_to_compare(tmp_path):
    record = run(tmp_path, subject(OneClass(), Brightness(), real=False))
    rows = record["kinds"]["spherical"]
    assert rows["length"] == {"mean": 0, "lo": 0, "hi": 0, "num": 40}
    assert rows["detour"]["mean"] is rows["largest_step"]["mean"] is None
    assert rows["largest_step"]["num"] == 0
    assert rows["by_num_steps"][2]["change"] is None
    assert record["difference"]["shorter"] is None
    assert record["classes"]["lengths"] == [[0.0, None, None], [None] * 3, [None] * 3]
    assert record["classes"]["num_measured"] == [[3, 0, 0], [0] * 3, [0] * 3]
    assert record["classes"]["third_class"] == {"mean": None, "num": 0}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"num_pairs": 3}, "num_pairs is 3; it must be at least 4"),
        ({"num_steps": 7}, "num_steps is 7; it must be even"),
        ({"num_steps": 0}, "num_steps is 0; it must be at least 2"),
        ({"num_class_paths": 1}, "num_class_paths is 1; it must be at least 2"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_settings_that_are_not_allowed(tmp_path, settings, words):
    with pytest.raises(ConfigError, match=words):
        next(iter(measure_paths(subject(), PathsConfig(**settings), tmp_path / "x")))
    assert not (tmp_path / "x").exists()
