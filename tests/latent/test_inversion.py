import dataclasses
import io
import json
import zipfile

import numpy as np
import pytest
import safetensors.numpy
import torch
from PIL import Image
from planted import SHAPE, Z_DIM, Brightness, NoClasses, Planted

from ganatomy import images, rng
from ganatomy.datasets.store import Dataset, ImageStore
from ganatomy.errors import ConfigError, DataError
from ganatomy.latent import codes, edits
from ganatomy.latent.inversion import InversionConfig, choose_images, cost, measure_inversion, resample
from ganatomy.latent.inversion_figures import BAND_PX, evenly
from ganatomy.latent.lens import Lens, Subject
from ganatomy.latent.own_images import read_own
from ganatomy.latent.projection import Search
from ganatomy.models.generate import generate
from ganatomy.progress import Progress

SEARCH = Search(num_pool=64, num_starts=3, num_kept=2, num_evals=55)
CONFIG = InversionConfig(num_images=5, search=SEARCH, dims=(0, 4), values=(0.1, 5.0))
G = Planted()


class Copying(Planted):
    """Shows one of the training images it was given, chosen softly by z: it can show nothing else sharply."""

    def __init__(self, img_u8):
        super().__init__()
        self.flat = images.to_float(img_u8).flatten(1)
        self.keys = rng.latents(5, "keys", len(img_u8), Z_DIM)

    def forward(self, z):
        return ((3 * z @ self.keys.T).softmax(dim=1) @ self.flat).view(-1, *SHAPE)


def made_up(num_train=40, num_test=12, seed=0):
    draw = np.random.default_rng(seed)
    train, test = (
        ImageStore(torch.from_numpy(draw.integers(0, 256, (num, *SHAPE), dtype=np.uint8)))
        for num in (num_train, num_test)
    )
    return Dataset("made-up", train, test, "ab" * 32, ())


DATA = made_up()


def subject(generator=G, features=None, dataset=DATA):
    return Subject("run", 1000, Z_DIM, Lens(generator, features), dataset)


def measure(folder, config=CONFIG, **given):
    *steps, record = measure_inversion(subject(**given), config, folder)
    assert all(isinstance(step, Progress) for step in steps)
    assert (steps[-1].done, steps[-1].total) == (cost(config, subject(**given)),) * 2
    assert record == json.loads((folder / "inversion.json").read_text(encoding="utf-8"))
    return record


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """One measurement with everything: (record, arrays, folder, own images)."""
    folder = tmp_path_factory.mktemp("inversion")
    own = made_up(seed=9).test.images[:3]
    record = measure(folder, dataclasses.replace(CONFIG, images=own), features=Brightness())
    return record, safetensors.numpy.load_file(folder / "inversion.safetensors"), folder, own


def plain_errors(first, second):
    difference = first.numpy().astype(float) - second.numpy().astype(float)
    return np.sqrt((difference**2).reshape(len(difference), -1).mean(axis=1))


def test_the_record_says_what_was_done(measured):
    record, arrays, _, _ = measured
    assert (record["run"], record["nimg"], record["z_dim"]) == ("run", 1000, Z_DIM)
    assert record["search"] == dataclasses.asdict(SEARCH)
    assert (record["dims"], record["values"], record["seed"]) == ([0, 4], [0.1, 5.0], 0)
    assert record["message"] is None
    assert "bootstrap" in record["interval"]
    assert [record[name]["num"] for name in ("test", "train", "own")] == [5, 5, 3]
    assert record["own"]["errors"] == arrays["own/error"].tolist()
    assert "own/index" not in arrays


def test_errors_and_yardsticks_are_those_recomputed(measured):
    record, arrays, _, own = measured
    targets = {"test": DATA.test.images[arrays["test/index"]], "train": DATA.train.images[arrays["train/index"]]}
    targets["own"] = own
    for name, target in targets.items():
        error = plain_errors(generate(G, torch.from_numpy(arrays[f"{name}/z"])), target)
        np.testing.assert_allclose(arrays[f"{name}/error"], error, rtol=1e-12)
        row = record[name]["error"]
        assert row["median"] == pytest.approx(np.median(error), rel=1e-12)
        assert row["mean"] == pytest.approx(error.mean(), rel=1e-12)
        assert row["lo"] <= row["median"] <= row["hi"]
        assert min(error) <= row["lo"] < row["hi"] <= max(error)
        sigmas = codes.norm_sigmas(torch.from_numpy(arrays[f"{name}/z"]))
        assert record[name]["norm_sigmas"]["q50"] == pytest.approx(np.median(sigmas))
        assert record[name]["norm_sigmas"]["largest"] == pytest.approx(np.abs(sigmas).max())
    for name in ("test", "own"):
        all_errors = np.stack([plain_errors(DATA.train.images, image.expand(40, *SHAPE)) for image in targets[name]])
        np.testing.assert_array_equal(arrays[f"{name}/nearest"], all_errors.argmin(axis=1))
        np.testing.assert_allclose(arrays[f"{name}/nearest_error"], all_errors.min(axis=1), rtol=1e-12)
        below = (arrays[f"{name}/error"] < all_errors.min(axis=1)).mean()
        assert record[name]["below_nearest"]["value"] == pytest.approx(below)
    assert "nearest_error" not in record["train"]


def test_starts_are_compared(measured):
    record, arrays, _, _ = measured
    gap = arrays["test/kept_error"][:, 1] - arrays["test/kept_error"][:, 0]
    starts = record["test"]["starts"]
    assert starts["second_error_gap"]["median"] == pytest.approx(np.median(gap))
    assert starts["agree"]["value"] == (gap < 1).mean()
    spread = arrays["test/sift_error"].max(axis=1) - arrays["test/sift_error"].min(axis=1)
    assert starts["sift_spread"]["median"] == pytest.approx(np.median(spread))
    assert starts["second_z_distance"]["median"] >= 0


def test_the_network_judges_images_and_inversions(measured):
    record, arrays, _, _ = measured
    target = DATA.test.images[arrays["test/index"]]
    made = generate(G, torch.from_numpy(arrays["test/z"]))
    look = [Brightness().extract(img_u8) for img_u8 in (made, target)]
    distance = np.linalg.norm(look[0][0] - look[1][0], axis=1)
    assert record["test"]["feature_distance"]["inversion"]["median"] == pytest.approx(np.median(distance), rel=1e-5)
    same = look[0][1].argmax(axis=1) == look[1][1].argmax(axis=1)
    assert record["test"]["class_agreement"]["inversion"]["value"] == same.mean()
    assert set(record["test"]["class_agreement"]) == {"inversion", "nearest"}
    assert set(record["train"]["class_agreement"]) == {"inversion"}


def test_without_network_or_classes_those_entries_are_left_out(tmp_path):
    bare = measure(tmp_path / "bare")
    assert "feature_distance" not in bare["test"]
    assert bare["features"] is None
    plain = measure(tmp_path / "plain", features=NoClasses())
    assert "feature_distance" in plain["test"]
    assert "class_agreement" not in plain["test"]


def test_one_kept_start_has_nothing_to_agree_with(tmp_path):
    search = dataclasses.replace(SEARCH, num_kept=1)
    assert measure(tmp_path, dataclasses.replace(CONFIG, search=search))["test"]["starts"] is None


def test_a_generator_that_copies_is_found_out(tmp_path):
    data = made_up(num_train=24, num_test=40, seed=2)
    config = dataclasses.replace(CONFIG, num_images=20, search=Search(num_pool=256, num_starts=4, num_kept=2))
    copying = measure(tmp_path / "copies", config, generator=Copying(data.train.images), dataset=data)
    found = copying["generalisation"]
    assert found["difference"]["lo"] > 10
    assert found["closer"]["value"] > 0.95
    assert found["difference"]["value"] == pytest.approx(
        copying["test"]["error"]["median"] - copying["train"]["error"]["median"]
    )
    honest = measure(tmp_path / "honest", config, dataset=data)["generalisation"]
    assert honest["difference"]["lo"] < 0 < honest["difference"]["hi"]
    assert honest["closer"]["lo"] < 0.5 < honest["closer"]["hi"]


def test_intervals_of_means_agree_with_the_normal_ones():
    """For the mean of 400 values the bootstrap's 95 % is 1.96 standard errors to either side, within 10 %."""
    x = np.random.default_rng(0).standard_normal(400)
    lo, hi = np.quantile(x[resample(0, "test", 400)].mean(axis=1), [0.025, 0.975])
    assert (hi - lo) == pytest.approx(2 * 1.96 * x.std() / 20, rel=0.1)


def test_images_are_chosen_by_the_seed_and_never_from_the_held_out_tail():
    config = dataclasses.replace(CONFIG, num_images=1000)
    chosen, message = choose_images(DATA, config)
    assert message == ""
    np.testing.assert_array_equal(chosen["test"], np.arange(12))
    np.testing.assert_array_equal(chosen["train"], np.arange(40 - DATA.num_held_out))
    one, other = (choose_images(DATA, dataclasses.replace(CONFIG, seed=seed))[0] for seed in (0, 1))
    assert len(one["test"]) == len(set(one["test"])) == 5
    assert not np.array_equal(one["train"], other["train"])


def test_twice_gives_the_same_files(tmp_path, measured):
    _, _, folder, own = measured
    measure(tmp_path, dataclasses.replace(CONFIG, images=own), features=Brightness())
    names = sorted(path.name for path in folder.iterdir())
    assert names == sorted(path.name for path in tmp_path.iterdir())
    assert names == [
        "inversion-edits.png", "inversion-own.png", "inversion-pairs.png", "inversion.json", "inversion.safetensors",
    ]  # fmt: skip
    for name in names:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name


def cells(folder, figure, channels=1):
    """Return the rows of a figure as uint8 [rows, columns, H, W(, 3)]; the bands are found by their white gaps."""
    pixels = np.asarray(Image.open(folder / figure["file"]))
    height, width = SHAPE[1:]
    tops, rows = [], figure["rows"]
    group = [name.split(" set to")[0] if " set to" in name else {"inversion": "image"}.get(name, name) for name in rows]
    for i in range(len(rows)):
        gap = 0 if i == 0 else edits.GAP_PX if group[i] == group[i - 1] else BAND_PX
        tops.append(0 if i == 0 else tops[-1] + height + gap)
    lefts = [(width + edits.GAP_PX) * column for column in range(len(figure["columns"]))]
    assert pixels.shape[:2] == (tops[-1] + height, lefts[-1] + width)
    return [[pixels[top : top + height, left : left + width] for left in lefts] for top in tops]


def test_figures_show_the_images_sorted_by_error(measured):
    record, arrays, folder, _ = measured
    figure = record["figures"]["pairs"]
    assert figure["rows"] == ["image", "inversion", "difference", "nearest training image"]
    assert figure["errors"] == sorted(arrays["test/error"].tolist())
    shown = cells(folder, figure)
    for column, i in enumerate(figure["columns"]):
        target = DATA.test.images[arrays["test/index"][i]]
        made = generate(G, torch.from_numpy(arrays["test/z"][i : i + 1]))
        nearest = DATA.train.images[arrays["test/nearest"][i]]
        for row, picture in ((0, target), (1, made[0]), (3, nearest)):
            for channel in range(3):
                np.testing.assert_array_equal(shown[row][column][..., channel], picture[0].numpy())
        difference = edits.difference_map(made, target[None])[0]
        np.testing.assert_array_equal(shown[2][column], difference.permute(1, 2, 0).numpy())


def test_edits_of_real_images_are_shown(measured):
    record, arrays, folder, own = measured
    names = [f"number {dim} set to {value}" for dim in (0, 4) for value in ("0.1", "5")]
    figure = record["figures"]["edits"]
    assert figure["rows"] == ["image", "inversion", *names]
    shown, z = cells(folder, figure), torch.from_numpy(arrays["test/z"])
    for column, i in enumerate(figure["columns"]):
        for row, (dim, value) in enumerate([(0, 0.1), (0, 5.0), (4, 0.1), (4, 5.0)], 2):
            wanted = generate(G, edits.set_number(z[i : i + 1], dim, value))[0, 0].numpy()
            np.testing.assert_array_equal(shown[row][column], wanted)
    figure = record["figures"]["own"]
    assert figure["rows"] == ["image", "inversion", "difference", "nearest training image", *names]
    assert figure["columns"] == [0, 1, 2]
    np.testing.assert_array_equal(cells(folder, figure)[0][1][..., 0], own[1, 0].numpy())


def test_columns_are_spread_over_the_range_of_errors():
    error = np.array([5.0, 1.0, 3.0, 2.0, 4.0])
    assert evenly(error, 3) == [1, 2, 0]
    assert evenly(error, 12) == [1, 3, 2, 4, 0]


def test_numbers_are_picked_where_none_are_given(tmp_path):
    record = measure(tmp_path, dataclasses.replace(CONFIG, dims=None))
    assert len(record["dims"]) == 3
    assert record["dims"] == sorted(set(record["dims"]))


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        (None, "no data set"),
        (made_up(num_train=12, num_test=1), "too few images"),
        (dataclasses.replace(DATA, test=ImageStore(torch.full((9, *SHAPE), 7, dtype=torch.uint8))), "all the same"),
    ],
)
def test_data_that_cannot_be_inverted_give_a_message(dataset, words, tmp_path):
    record = measure(tmp_path / "none", dataset=dataset)
    assert words in record["message"]
    assert not {"test", "train", "own", "generalisation"} & set(record)
    assert record["figures"] == {}
    own = dataclasses.replace(CONFIG, images=generate(G, rng.latents(0, "t", 2, Z_DIM)))
    record = measure(tmp_path / "own", own, dataset=dataset)
    assert words in record["message"]
    assert max(record["own"]["errors"]) < 1.5
    assert ("nearest_error" in record["own"]) == (dataset is not None)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"num_images": 0}, "num_images is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"search": Search(num_starts=0)}, "num_starts is 0"),
        ({"dims": (9,)}, "latent number 9 does not exist"),
        ({"values": ()}, "values is empty"),
        ({"images": torch.zeros(2, 1, 28, 28, dtype=torch.uint8)}, "1 x 28 x 28.*makes 1 x 12 x 12"),
        ({"images": torch.zeros(0, *SHAPE, dtype=torch.uint8)}, r"uint8 \[0, 1, 12, 12\]; give 1 to"),
        ({"images": torch.zeros(2, *SHAPE)}, "float32"),
    ],
)
def test_what_is_not_allowed_is_refused_before_any_work(change, words, tmp_path):
    folder = tmp_path / "inversion"
    with pytest.raises(ConfigError, match=words):
        next(measure_inversion(subject(), dataclasses.replace(CONFIG, **change), folder))
    assert not folder.exists()


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


def pictures(num=3):
    return np.random.default_rng(6).integers(0, 256, (num, *SHAPE[1:]), dtype=np.uint8)


def test_own_pictures_are_read_from_everything(tmp_path):
    wanted = pictures()
    folder = tmp_path / "folder"
    folder.mkdir()
    with zipfile.ZipFile(tmp_path / "pictures.zip", "w") as archive:
        for number, pixels in zip((1, 2, 10), wanted):
            (folder / f"img{number}.png").write_bytes(png(pixels))
            archive.writestr(f"img{number}.png", png(pixels))
    (folder / "notes.txt").write_text("words", encoding="utf-8")
    np.save(tmp_path / "pictures.npy", wanted[:, None])
    np.savez(tmp_path / "pictures.npz", images=wanted)
    for name in ("folder", "pictures.zip", "pictures.npy", "pictures.npz"):
        img_u8, left_out = read_own(tmp_path / name, SHAPE)
        assert img_u8.dtype == torch.uint8
        np.testing.assert_array_equal(img_u8[:, 0].numpy(), wanted)
        assert left_out == (("notes.txt: not a picture",) if name == "folder" else ())
    img_u8, _ = read_own(folder / "img2.png", SHAPE)
    np.testing.assert_array_equal(img_u8[:, 0].numpy(), wanted[1:2])


def test_own_pictures_get_the_generators_channels(tmp_path):
    grey = pictures(1)[0]
    (tmp_path / "grey.png").write_bytes(png(grey))
    (tmp_path / "rgb.png").write_bytes(png(np.repeat(grey[:, :, None], 3, axis=2)))
    (tmp_path / "red.png").write_bytes(png(np.stack([grey, 0 * grey, 0 * grey], axis=2)))
    height, width = SHAPE[1:]
    np.testing.assert_array_equal(read_own(tmp_path / "rgb.png", SHAPE)[0][0, 0].numpy(), grey)
    colour, _ = read_own(tmp_path / "grey.png", (3, height, width))
    np.testing.assert_array_equal(colour[0].numpy(), np.stack([grey] * 3))
    red, _ = read_own(tmp_path / "red.png", (3, height, width))
    np.testing.assert_array_equal(red[0, 0].numpy(), grey)
    assert not red[0, 1:].any()
    with pytest.raises(DataError, match="1 of 1 pictures are coloured, this generator makes grey"):
        read_own(tmp_path / "red.png", SHAPE)


def test_own_pictures_of_another_size_are_refused_in_words(tmp_path):
    (tmp_path / "one.png").write_bytes(png(np.zeros((30, 20), np.uint8)))
    (tmp_path / "two.png").write_bytes(png(pictures(1)[0]))
    with pytest.raises(DataError, match=r"30x20 .*makes 12x12.*no picture is resized.*Bring them to 12x12"):
        read_own(tmp_path / "one.png", SHAPE)
    with pytest.raises(DataError, match=r"12x12 \(1 picture.*30x20|30x20 \(1.*12x12"):
        read_own(tmp_path, SHAPE)


def test_own_pictures_that_are_not_there(tmp_path, monkeypatch):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match="no picture that can be read; give a folder"):
        read_own(empty, SHAPE)
    (empty / "words.txt").write_text("x", encoding="utf-8")
    with pytest.raises(DataError, match=r"no picture that can be read \(words.txt: not a picture\)"):
        read_own(empty, SHAPE)
    with pytest.raises(DataError, match="does not exist"):
        read_own(tmp_path / "gone", SHAPE)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing more")
    with pytest.raises(DataError, match=r"broken\.png cannot be read as a picture"):
        read_own(tmp_path / "broken.png", SHAPE)
    np.save(tmp_path / "many.npy", np.zeros((4, *SHAPE), np.uint8))
    monkeypatch.setattr("ganatomy.latent.own_images.MAX_OWN", 3)
    with pytest.raises(DataError, match="holds 4 pictures; at most 3"):
        read_own(tmp_path / "many.npy", SHAPE)
