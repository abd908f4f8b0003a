import dataclasses
import json

import numpy as np
import pytest
import safetensors.numpy
from planted import BRIGHT, IGNORED, Z_DIM, Brightness, Judge, NoClasses, Planted, real_images, subject_of

from ganatomy import rng
from ganatomy.errors import ConfigError
from ganatomy.latent import edits, lens, measures
from ganatomy.latent.dissection import DissectConfig, check, dissect
from ganatomy.models.generate import generate
from ganatomy.progress import Progress

G = Planted()
NETWORK = Brightness()
CONFIG = DissectConfig(
    num_dims=3, pick="top", num_codes=4, num_latents=90, num_latents_all=60, num_prior_img=40, num_scale_img=30,
    num_jacobians=4, num_path_pairs=4, num_direction_latents=64, num_inversion_evals=5,
    atlas_values=(), seed=3,
)
SMALL = DissectConfig(
    dims=(BRIGHT,), num_latents=5, num_latents_all=4, num_prior_img=20, num_scale_img=20, num_jacobians=2,
    num_path_pairs=4, num_direction_latents=64, num_inversion_evals=5,
    atlas_values=(),
)  # fmt: skip


def real():
    return real_images(lens.Lens(G, NETWORK).see(rng.latents(9, "real", 500, Z_DIM)).known_features)


def run(folder, config=CONFIG, features=NETWORK):
    known = real() if features else None
    *steps, record = dissect(subject_of(G, features, known, Judge()), config, folder)
    assert all(isinstance(step, Progress) for step in steps)
    assert steps[-1].done == steps[-1].total
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    return record


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dissect")
    return folder, run(folder), safetensors.numpy.load((folder / "atlas.safetensors").read_bytes())


def rows(record, table, **where):
    return [row for row in record[table] if all(row[key] == value for key, value in where.items())]


def test_ignored_numbers_do_nothing_and_the_bright_one_is_found(done):
    _, record, arrays = done
    for dim in IGNORED:
        for row in rows(record, "atlas", dim=dim, measure="visible_share"):
            assert row["mean"] == row["lo"] == row["hi"] == row["control"]["mean"] == 0
        assert (arrays["all/edit/class"][:, dim] == arrays["all/base/class"]).all()
    bright = [rows(record, "atlas", dim=BRIGHT, value=v, measure="bright_share")[0]["mean"] for v in (0.1, 5.0, 20.0)]
    assert bright[0] < 0.05 < 0.95 < bright[2]
    assert bright == sorted(bright)
    assert rows(record, "atlas", dim=BRIGHT, value=0.1, measure="visible_share")[0]["mean"] > 0
    top = rows(record, "atlas", dim=BRIGHT, value=20.0, measure="top_class_share")[0]
    assert (top["top_class"], top["mean"]) == (2, 1.0)
    assert BRIGHT in record["dims"]
    assert set(record["dims"]) == set(range(Z_DIM)) - set(IGNORED) - {min_effect(arrays)}


def min_effect(arrays):
    effect = arrays["all/edit/feature_distance"].mean(axis=(0, 2))
    live = [d for d in range(Z_DIM) if d not in IGNORED]
    return min(live, key=lambda d: effect[d])


def test_every_row_is_there_with_count_interval_and_control(done):
    _, record, _ = done
    names = list(measures.MEASURES)
    assert len(record["edits"]) == 3 * 3 * len(names)
    assert len(record["atlas"]) == Z_DIM * 3 * len(names)
    for table, num in (("edits", 90), ("atlas", 60)):
        for row in record[table]:
            undefined = row["mean"] is None
            assert undefined == (row["num_latents"] == 0)
            assert row["num_latents"] <= num
            for part in (row, row["control"]):
                if part["mean"] is not None and row["measure"] not in ("class_entropy", "top_class_share"):
                    assert part["lo"] <= part["mean"] * (1 + 1e-5) + 1e-9
                    assert part["mean"] <= part["hi"] * (1 + 1e-5) + 1e-9
    assert set(record["base"]) == {n for n, measure in measures.MEASURES.items() if measure.kind != "pair"}


def test_constant_images_are_left_out_with_their_count(done):
    _, record, arrays = done
    values = arrays["all/edit/sharpness"][2, BRIGHT]
    row = rows(record, "atlas", dim=BRIGHT, value=20.0, measure="sharpness")[0]
    assert np.isnan(values).any()
    assert row["num_latents"] == np.isfinite(values).sum() < 60


def test_rows_equal_the_measures_taken_by_hand(done):
    _, record, arrays = done
    z = rng.latents(3, "dissect", 90, Z_DIM)
    np.testing.assert_array_equal(arrays["chosen/z"], z)
    np.testing.assert_array_equal(arrays["all/z"], z[:60])
    for dim in record["dims"]:
        edited = measures.Seen(generate(G, edits.set_number(z, dim, 5.0)))
        control = measures.Seen(generate(G, edits.redraw(z, dim, 3)))
        base = measures.Seen(generate(G, z))
        row = rows(record, "edits", dim=dim, value=5.0, measure="visible_share")[0]
        assert row["mean"] == pytest.approx(measures.visible_share(edited, base).mean(), rel=1e-5)
        assert row["control"]["mean"] == pytest.approx(measures.visible_share(control, base).mean(), rel=1e-5)
        column = record["dims"].index(dim)
        np.testing.assert_array_equal(arrays["chosen/edit/contrast"][1, column], measures.contrast(edited))
    # The atlas is measured on a prefix of the same latents and controls, so its arrays agree with the chosen ones.
    np.testing.assert_array_equal(
        arrays["chosen/control/contrast"][:, :60], arrays["all/control/contrast"][list(record["dims"])]
    )


def test_precision_of_edits_base_and_controls_is_there_and_falls_far_from_the_training_noise(done):
    _, record, arrays = done
    for group, shape in (("all", (3, Z_DIM, 60)), ("chosen", (3, 3, 90))):
        assert arrays[f"{group}/edit/precision"].shape == shape
        assert arrays[f"{group}/control/precision"].shape == shape[1:]
        assert arrays[f"{group}/base/precision"].shape == shape[2:]
    seen = lens.Lens(G, NETWORK).see(edits.set_number(rng.latents(3, "dissect", 60, Z_DIM), BRIGHT, 5.0))
    np.testing.assert_array_equal(arrays["all/edit/precision"][1, BRIGHT], real().hold(seen.known_features))
    near, _, far = (rows(record, "atlas", dim=BRIGHT, value=v, measure="precision")[0] for v in (0.1, 5.0, 20.0))
    assert near["mean"] > 0.5 > far["mean"]
    assert near["control"]["mean"] > 0.5
    assert record["base_all"]["precision"]["mean"] == pytest.approx(arrays["all/base/precision"].mean(), rel=1e-5)
    assert record["measures"]["precision"]["unit"] == "share of images"


def test_without_neighbourhoods_precision_is_named_as_unavailable(tmp_path):
    few = dataclasses.replace(real(), radii=np.empty(0))
    *_, record = dissect(subject_of(G, NETWORK, few, Judge()), SMALL, tmp_path)
    assert record["unavailable"] == ["precision"]
    assert not [row for row in record["edits"] if row["measure"] == "precision"]
    assert set(record["priors"]["small_noise"]["rows"][0]) & {"value", "precision", "recall"} == {"value"}


def test_twice_gives_identical_files_and_another_seed_does_not(done, tmp_path):
    folder, record, _ = done
    run(tmp_path / "again")
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert first == {path.name: path.read_bytes() for path in (tmp_path / "again").iterdir()}
    assert {"dissect.json", "atlas.safetensors", "base.png", "combined.png"} <= set(first)
    assert set(record["figures"]["values"].values()) | set(record["figures"]["differences"].values()) <= set(first)
    other = run(tmp_path / "other", dataclasses.replace(SMALL, dims=(1,), seed=4))
    assert other["dims"] == [1]
    assert other["pick"] == "given"
    assert (tmp_path / "other" / "base.png").read_bytes() != first["base.png"]


def test_without_a_network_classes_and_features_are_absent_and_named(tmp_path):
    record = run(tmp_path, SMALL, features=None)
    assert record["features"] is None
    assert "confidence" in record["unavailable"]
    pixels = {name for name, measure in measures.MEASURES.items() if measure.needs <= {"logits"}}
    assert {row["measure"] for row in record["edits"]} == pixels
    assert "no feature network" in record["priors"]["message"]


def test_a_network_without_classes_gives_everything_but_classes(done, tmp_path):
    """The rows that both networks allow are the same; nothing about classes is in the record or the arrays."""
    _, seeing, arrays = done
    record = run(tmp_path, features=NoClasses())
    assert (record["features"], record["class_names"]) == ("no-classes", None)
    assert record["unavailable"] == ["confidence", "class_flip", "class_entropy", "top_class_share"]
    allowed = [name for name in measures.MEASURES if name not in record["unavailable"]]
    assert list(record["measures"]) == allowed
    for table in ("edits", "atlas"):
        assert record[table] == [row for row in seeing[table] if row["measure"] in allowed]
    assert record["base"] == {name: row for name, row in seeing["base"].items() if name in allowed}
    assert record["priors"] == {**seeing["priors"], "features": "no-classes"}
    blind = safetensors.numpy.load((tmp_path / "atlas.safetensors").read_bytes())
    gone = {name for name in arrays if name.endswith(("/class", "/confidence", "/class_flip"))}
    assert set(blind) == set(arrays) - gone
    assert len(gone) == 2 * (2 + 2 + 1 + 3)  # base without pair measures; edit; control; for all and chosen numbers
    for name, array in blind.items():
        np.testing.assert_array_equal(array, arrays[name])


def test_the_record_is_plain_json_with_its_protocol(done):
    folder, record, _ = done
    assert json.loads((folder / "dissect.json").read_text(encoding="utf-8")) == record
    for key in ("schema", "run", "nimg", "seed", "z_dim", "values", "num_codes", "num_latents", "num_latents_all"):
        assert key in record
    assert record["class_names"] == ["Dark", "Trouser", "Bright"]


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (DissectConfig(dims=(6,)), "0 to 5"),
        (DissectConfig(dims=(1, 1)), "more than once"),
        (DissectConfig(values=(float("nan"),)), "not a finite"),
        (DissectConfig(num_codes=0), "num_codes is 0"),
        (DissectConfig(num_dims=7), "choose 1 to 6"),
        (DissectConfig(num_latents=1), "num_latents is 1"),
        (DissectConfig(num_latents_all=0), "num_latents_all is 0"),
        (DissectConfig(num_prior_img=10), "at least 20"),
        (DissectConfig(num_scale_img=19), "num_scale_img is 19"),
        (DissectConfig(num_jacobians=1), "num_jacobians is 1"),
        (DissectConfig(num_path_pairs=3), "num_path_pairs is 3"),
        (DissectConfig(num_inverted=1), "num_inverted is 1"),
        (DissectConfig(num_inversion_evals=0), "num_inversion_evals is 0"),
        (DissectConfig(num_direction_latents=27), "num_direction_latents is 27; it must be at least 28"),
        (DissectConfig(atlas_values=(1.0, float("inf"))), "not a finite"),
        (DissectConfig(edits=("7=1",)), "0 to 5"),
        (DissectConfig(edits=("1=x",)), "no number"),
        (DissectConfig(seed=-1), "seed is -1"),
    ],
)
def test_a_wrong_configuration_is_refused_before_any_work(config, words, tmp_path):
    with pytest.raises(ConfigError, match=words):
        check(config, Z_DIM)
    with pytest.raises(ConfigError, match=words):
        next(dissect(subject_of(G), config, tmp_path / "new"))
    assert not (tmp_path / "new").exists()
