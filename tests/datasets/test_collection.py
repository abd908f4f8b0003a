import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganatomy.datasets import survey
from ganatomy.datasets.collection import check_kind, content_sha256, read_path, survey_path
from ganatomy.datasets.findings import CONVERSIONS, Findings
from ganatomy.datasets.fitting import Fitting, fit_pixels, to_channels
from ganatomy.datasets.store import Dataset, ImageStore
from ganatomy.errors import ConfigError, DataError
from ganatomy.progress import Progress
from pictures import CLASSES, NUM_BROKEN, NUM_FILES, drawn, encode, png

SMALL = Fitting((32, 24))


def read(path: Path, fitting: Fitting | None = None) -> tuple[Dataset, Findings]:
    *progress, result = read_path(path, fitting or Fitting())
    assert all(isinstance(record, Progress) for record in progress)
    assert isinstance(result, tuple)
    return result


def write(root: Path, pictures: dict[str, np.ndarray]) -> Path:
    for name, pixels in pictures.items():
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(png(pixels))
    return root


def many(num: int, size: tuple[int, int] = (12, 16), channels: int = 1, form: str = "{}.png") -> dict[str, np.ndarray]:
    return {form.format(number): drawn(size, number, channels=channels) for number in range(num)}


def packed(folder: Path, path: Path, *, reverse: bool = False, wrap: str = "") -> Path:
    """Zip a folder, its files in order or reversed, perhaps inside a folder of the zip."""
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*"), reverse=reverse):
            if file.is_file():
                archive.write(file, wrap + file.relative_to(folder).as_posix())
    return path


def test_two_hundred_files_of_every_kind(mixed):
    folder, broken = mixed
    dataset, findings = read(folder, SMALL)
    assert dataset.name == "mixed set"
    assert {file.name for file in findings.refused} == broken
    assert all(file.reason for file in findings.refused)
    assert (findings.num_files, findings.num_images) == (NUM_FILES, NUM_FILES - NUM_BROKEN)
    assert len(dataset.train) + len(dataset.test) == NUM_FILES - NUM_BROKEN
    assert dataset.img_shape == findings.img_shape == (3, 32, 24)
    assert dataset.class_names == ("big dogs", "cats", "中文 类")
    assert set(dataset.class_names) == set(CLASSES)
    assert sum(entry["num"] for entry in findings.modes) == findings.num_images
    assert sum(entry["num"] for entry in findings.sizes) == findings.num_images
    ids = {entry["id"] for entry in findings.conversions}
    assert ids == {
        "alpha_on_white", "sixteen_bit", "palette", "bilevel", "cmyk", "exif_turned", "first_frame", "fit_crop",
        "enlarged", "to_rgb",
    }  # fmt: skip
    assert ids <= set(CONVERSIONS)
    assert all(1 <= len(entry["examples"]) <= 3 for entry in findings.conversions)


def test_findings_are_plain_json_without_a_place(mixed):
    folder, _ = mixed
    _, findings = read(folder, SMALL)
    text = json.dumps(findings.to_dict(), ensure_ascii=False, allow_nan=False)
    assert str(folder.parent) not in text
    record = json.loads(text)
    assert set(record) == {
        "kind", "source", "num_files", "num_images", "classes", "sizes", "num_other_sizes", "modes", "conversions",
        "refused", "near_duplicates", "decisions", "img_shape", "num_train", "num_test",
    }  # fmt: skip
    assert record["source"] == "mixed set"
    assert [decision["id"] for decision in record["decisions"]] == ["size", "fit", "channels", "split"]
    assert all(decision["reason"] for decision in record["decisions"])
    assert record["refused"][0].keys() == {"file", "reason"}
    lines = findings.short_lines()
    assert len(lines) <= 8
    assert "176 pictures in 3 classes" in lines[0]
    assert any("24 files are not read, such as big dogs/bomb.png" in line for line in lines)


def test_zip_and_folder_are_the_same_data_set(mixed, tmp_path):
    folder, _ = mixed
    hashes = {read(folder, SMALL)[0].sha256}
    hashes.add(read(packed(folder, tmp_path / "a.zip"), SMALL)[0].sha256)
    hashes.add(read(packed(folder, tmp_path / "b.zip", reverse=True, wrap="any/where/"), SMALL)[0].sha256)
    assert len(hashes) == 1


def test_pictures_of_one_size_are_kept_bit_for_bit(tmp_path):
    pictures = many(30)
    dataset, findings = read(write(tmp_path / "my.set", pictures))
    assert dataset.name == "my.set"
    assert dataset.img_shape == (1, 12, 16)
    found = torch.cat([dataset.train.images, dataset.test.images])[:, 0].numpy()
    assert {pixels.tobytes() for pixels in found} == {pixels.tobytes() for pixels in pictures.values()}
    assert findings.conversions == ()
    assert {decision.id: decision.value for decision in findings.decisions} == {
        "size": "12x16", "fit": "none", "channels": 1, "split": "drawn",
    }  # fmt: skip


def test_reading_again_with_what_was_decided_gives_the_same_set(tmp_path):
    for channels in (1, 3):
        folder = write(tmp_path / str(channels), many(20, channels=channels))
        first, _ = read(folder)
        again, _ = read(folder, Fitting((12, 16), "pad", channels))
        assert again.sha256 == first.sha256
        assert torch.equal(again.train.images, first.train.images)


def test_each_picture_is_fitted(tmp_path):
    pictures = {
        "0.png": drawn((50, 20), 0),
        "1.png": drawn((20, 50), 1),
        "2.png": drawn((32, 24), 2),
        "3.png": drawn((9, 9), 3),
    }
    for fit in ("crop", "pad", "stretch"):
        dataset, findings = read(write(tmp_path / fit, pictures), Fitting((32, 24), fit, 1))
        wanted = {to_channels(fit_pixels(pixels, (32, 24), fit), 1).tobytes() for pixels in pictures.values()}
        found = torch.cat([dataset.train.images, dataset.test.images])[:, 0].numpy()
        assert {pixels.tobytes() for pixels in found} == wanted
        tallies = {entry["id"]: entry["num"] for entry in findings.conversions}
        assert tallies == {f"fit_{fit}": 3, "enlarged": {"crop": 3, "pad": 1, "stretch": 3}[fit], "to_grey": 4}


def test_labels_are_those_of_the_folders(tmp_path):
    pictures = {f"{name}/{number}.png": np.full((8, 8), 10 * index + number, np.uint8)
                for index, name in enumerate(("c10", "c2", "c1")) for number in range(10)}  # fmt: skip
    dataset, findings = read(write(tmp_path, pictures))
    assert dataset.class_names == ("c1", "c2", "c10")
    for store in (dataset.train, dataset.test):
        levels = store.images[:, 0, 0, 0] // 10  # 0: c10, 1: c2, 2: c1
        assert torch.equal(store.labels, 2 - levels.to(torch.int64))
    assert [entry["num_test"] for entry in findings.classes] == [1, 1, 1]


def test_the_training_images_are_mixed(tmp_path):
    """The last ones are held out by those who choose a feature network, so they must come from every class."""
    dataset, _ = read(write(tmp_path, many(40, form="a/{}.png") | many(40, form="b/{}.png")))
    assert len(set(dataset.train.labels[-dataset.num_held_out :].tolist())) == 2


def test_the_split_is_one_in_ten_of_every_class_and_always_the_same(tmp_path):
    folder = write(tmp_path / "x", many(100, form="a/{}.png") | many(40, form="b/{}.png") | many(9, form="c/{}.png"))
    dataset, _ = read(folder)
    assert torch.bincount(dataset.test.labels).tolist() == [
        9,
        4,
        1,
    ]  # 14 of 149; 9.4, 3.8 and 0.8 would be their shares
    shutil.copytree(folder, tmp_path / "copy")
    again, _ = read(tmp_path / "copy")
    assert torch.equal(again.test.images, dataset.test.images)
    assert again.sha256 == dataset.sha256


def test_given_splits_are_kept(tmp_path):
    pictures = many(6, form="train/a/{}.png") | {f"val/b/{n}.png": np.full((12, 16), n, np.uint8) for n in range(3)}
    dataset, findings = read(write(tmp_path, pictures))
    assert (len(dataset.train), len(dataset.test)) == (6, 3)
    assert sorted(dataset.test.images[:, 0, 0, 0].tolist()) == [0, 1, 2]
    assert set(dataset.train.labels.tolist()) == {0}
    assert set(dataset.test.labels.tolist()) == {1}
    assert findings.classes == (
        {"name": "a", "num_train": 6, "num_test": 0},
        {"name": "b", "num_train": 0, "num_test": 3},
    )
    split = findings.decisions[3]
    assert (split.value, split.reason) == ("folders", "the folders for train and test say which: 6 + 3 pictures")


def test_channels_follow_the_pictures(tmp_path):
    pictures = many(5)
    pictures["tinted.png"] = np.dstack([pictures["0.png"]] * 3)
    pictures["tinted.png"][0, 0] = (100, 108, 100)
    dataset, findings = read(write(tmp_path, pictures))
    assert dataset.img_shape == (1, 12, 16)
    assert findings.decisions[2].reason == "no picture has colour"
    pictures["red.png"] = np.dstack([pictures["0.png"]] * 3)
    pictures["red.png"][0, 0] = (109, 100, 100)
    dataset, findings = read(write(tmp_path, pictures))
    assert dataset.img_shape == (3, 12, 16)
    assert findings.decisions[2].reason == "1 of 7 pictures have colour, the first is red.png"
    assert {entry["id"]: entry["num"] for entry in findings.conversions} == {"to_rgb": 5}
    dataset, findings = read(tmp_path, Fitting(channels=1))
    assert dataset.img_shape == (1, 12, 16)
    assert {entry["id"]: entry["num"] for entry in findings.conversions} == {"to_grey": 2}


def test_mixed_sizes_list_them_and_suggest_an_option_that_works(tmp_path):
    pictures = many(6, (48, 32)) | many(3, (30, 30), form="b{}.png") | many(1, (20, 60), form="c{}.png")
    folder = write(tmp_path / "x", pictures)
    with pytest.raises(
        DataError, match=r"10 pictures of .* have 3 sizes, height x width: 48x32 \(6\), 30x30 \(3\), 20x60 \(1\)"
    ) as caught:
        read(folder)
    assert "give --size 48x32 --fit crop, for instance" in str(caught.value)
    assert read(folder, Fitting((48, 32)))[0].img_shape == (1, 48, 32)


@pytest.mark.parametrize("size", [(7, 28), (28, 1025)])
def test_sizes_that_no_network_takes(tmp_path, size):
    with pytest.raises(
        DataError, match=rf"are {size[0]}x{size[1]} \(height x width\); sides of 8 to 1024 px .* Give --size"
    ):
        read(write(tmp_path, many(5, size)))


def test_too_few_pictures_name_the_first_five_reasons(tmp_path):
    write(tmp_path, many(3))
    for number in range(7):
        (tmp_path / f"z{number}.png").write_bytes(b"<html>")
    with pytest.raises(
        DataError, match=r"3 of 10 files can be used, 1 to train on and 2 to test on; at least 2 of each"
    ) as caught:
        read(tmp_path)
    text = str(caught.value)
    assert "Not read, 5 of 7:" in text
    assert "z4.png: it is a web page (HTML)" in text
    assert "z5.png" not in text


def test_four_pictures_are_enough(tmp_path):
    dataset, _ = read(write(tmp_path, many(4)))
    assert (len(dataset.train), len(dataset.test)) == (2, 2)


def test_a_given_split_that_is_too_small(tmp_path):
    with pytest.raises(DataError, match="9 to train on and 1 to test on"):
        read(write(tmp_path, many(9, form="train/{}.png") | many(1, form="test/{}.png")))


def test_an_empty_folder(tmp_path):
    with pytest.raises(DataError, match="holds no files"):
        read(tmp_path)


def test_memory_is_capped_before_and_while_reading(tmp_path, monkeypatch):
    folder = write(tmp_path, many(40, (40, 40)))
    read(folder)
    monkeypatch.setattr(survey, "MAX_KEPT_BYTES", 30 * 40 * 40)
    with pytest.raises(DataError, match="give a smaller --size, for instance --size 64x64"):
        read(folder)
    records = []
    with pytest.raises(DataError, match="give a smaller --size"):
        records.extend(read_path(folder, Fitting((64, 64))))
    assert records == []  # told before anything was decoded
    read(folder, Fitting((32, 32)))


def test_mixed_sizes_do_not_pile_up_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(survey, "MAX_KEPT_BYTES", 3 * 40 * 40)
    folder = write(tmp_path, many(2, (40, 40)) | many(30, (40, 41), form="b{}.png"))
    with pytest.raises(DataError, match="have 2 sizes"):
        read(folder)
    *_, seen = survey_path(folder, Fitting())
    assert [picture.pixels for picture in seen.pictures] == [None] * 32


def test_duplicates_are_reported(tmp_path):
    pictures = many(20, (64, 64), channels=3)
    folder = write(tmp_path, pictures | {"copy of 3.png": pictures["3.png"]})
    (folder / "saved.jpg").write_bytes(encode(Image.fromarray(pictures["7.png"]), "JPEG", quality=80))
    _, findings = read(folder)
    assert findings.near_duplicates == {
        "num": 2, "num_exact": 1,
        "pairs": [{"first": "3.png", "second": "copy of 3.png", "exact": True},
                  {"first": "7.png", "second": "saved.jpg", "exact": False}],
    }  # fmt: skip


def test_many_sizes_and_duplicates_are_cut_off(tmp_path):
    pictures = {f"{number}.png": drawn((20, 20 + number % 30), number % 30, channels=1) for number in range(120)}
    _, findings = read(write(tmp_path, pictures), Fitting((20, 20)))
    assert len(findings.sizes) == 20
    assert findings.num_other_sizes == 10
    assert findings.near_duplicates["num"] == 90
    assert len(findings.near_duplicates["pairs"]) == 50


def test_a_file_that_vanishes_or_is_locked_is_only_refused(tmp_path, monkeypatch):
    folder = write(tmp_path, many(8))
    records = read_path(folder, Fitting())
    next(records)  # listed, not yet read
    (folder / "5.png").unlink()
    *_, (_, findings) = records
    assert [file.name for file in findings.refused] == ["5.png"]
    assert "cannot be read" in findings.refused[0].reason


def test_a_damaged_member_is_only_refused(tmp_path):
    path = packed(write(tmp_path / "x", many(8)), tmp_path / "x.zip")
    data = bytearray(path.read_bytes())
    data[data.index(b"IDAT") + 8] ^= 1
    path.write_bytes(data)
    _, findings = read(path)
    assert findings.num_images == 7
    assert [(file.name, file.reason) for file in findings.refused] == [
        ("0.png", "it is damaged: its content does not fit its checksum (CRC-32)")
    ]


def test_progress_counts_the_files(tmp_path):
    *progress, _ = read_path(write(tmp_path, many(8)), Fitting())
    assert [(record.done, record.total, record.unit) for record in progress] == [(n, 8, "files") for n in range(9)]


def test_paths_of_other_kinds(tmp_path):
    (tmp_path / "x.tar.gz").write_bytes(b"")
    (tmp_path / "x.zip").mkdir()
    assert check_kind(tmp_path / "x.zip") == "folder"
    for name, words in (("none", "does not exist"), ("x.tar.gz", "give a folder, .zip, .npz or .npy")):
        with pytest.raises(DataError, match=words):
            list(read_path(tmp_path / name, Fitting()))
    np.save(tmp_path / "x.npy", np.zeros((5, 8, 8), np.uint8))
    assert read(tmp_path / "x.npy")[0].img_shape == (1, 8, 8)
    with pytest.raises(ConfigError, match="channels is 2"):
        list(read_path(tmp_path, Fitting(channels=2)))


def test_the_hash_covers_everything_that_counts():
    images = torch.arange(2 * 3 * 8 * 8).reshape(2, 3, 8, 8).to(torch.uint8)
    labels = torch.tensor([0, 1])
    base = ImageStore(images, labels)

    def digest(train: ImageStore = base, test: ImageStore = base, names: tuple[str, ...] = ("a", "b")) -> str:
        return content_sha256(train, test, names)

    changed = images.clone()
    changed[1, 2, 7, 7] += 1
    others = [
        digest(ImageStore(changed, labels)), digest(test=ImageStore(changed, labels)),
        digest(ImageStore(images, labels.flip(0))), digest(ImageStore(images)), digest(names=("b", "a")),
        digest(ImageStore(images.reshape(2, 3, 4, 16), labels)), digest(names=("a,b",)),
        digest(ImageStore(images.flip(0), labels)),
    ]  # fmt: skip
    assert len({digest(), *others}) == len(others) + 1
    assert digest(ImageStore(images.clone(), labels.clone())) == digest()
    assert len(digest()) == 64


def test_the_hash_is_the_same_on_every_machine(tmp_path):
    """Runs are compared by it: a change here makes every run on own pictures another run's."""
    pictures = {f"{n}.png": np.full((8, 8), n, np.uint8) for n in range(10)}
    dataset, _ = read(write(tmp_path, pictures))
    assert dataset.sha256 == "4488ed9b1d6361728014ec4f1aa7eca907294f6a3912b01d80558f044cbd53d1"


def sides(dataset: Dataset) -> tuple[set[bytes], set[bytes]]:
    """Return the different pictures of both splits."""
    train, test = ({img.numpy().tobytes() for img in store.images} for store in (dataset.train, dataset.test))
    return train, test


def twice(num: int, forms: tuple[str, ...] = ("a{}.png", "b{}.png"), save=png) -> dict[str, np.ndarray]:
    return {form.format(number): drawn((16, 16), 1000 + number, channels=1) for form in forms for number in range(num)}


@pytest.mark.parametrize(
    "forms", [("a{}.png", "b{}.png"), ("x/{}.png", "y/{}.png"), ("x/{}.png", "x/copy/{}.png", "y/{}.png")]
)
def test_equal_pictures_are_on_one_side_of_the_draw(tmp_path, forms):
    dataset, findings = read(write(tmp_path, twice(60, forms)))
    train, test = sides(dataset)
    assert not train & test
    assert len(train) + len(test) == 60
    held = {img.numpy().tobytes() for img in dataset.train.images[-dataset.num_held_out :]}
    seen = {img.numpy().tobytes() for img in dataset.train.images[: -dataset.num_held_out]}
    assert len(held & seen) <= 1  # a sixth that no whole family fills
    decided = {decision.id: decision for decision in findings.decisions}
    assert decided["twins"].value == "together"


def test_nearly_equal_pictures_are_on_one_side_too(tmp_path):
    pictures = {f"{number}.png": drawn((48, 48), number) for number in range(40)}
    folder = write(tmp_path, pictures)
    for name, pixels in pictures.items():
        (folder / name.replace("png", "jpg")).write_bytes(encode(Image.fromarray(pixels), "JPEG", quality=92))
    dataset, findings = read(folder)
    assert findings.near_duplicates["num"] == 40
    mean = {split: store.images.float().mean(dim=(2, 3)) for split, store in
            (("train", dataset.train), ("test", dataset.test))}  # fmt: skip
    nearest = torch.cdist(mean["test"], mean["train"]).amin(dim=1)
    assert nearest.min() > 0.5  # a JPEG's mean colour is within half a level of its PNG's


def test_given_splits_that_share_pictures_are_told(tmp_path):
    pictures = twice(12, ("train/{}.png", "test/{}.png")) | {
        f"train/more {number}.png": drawn((16, 16), number, channels=1) for number in range(9)
    }
    dataset, findings = read(write(tmp_path, pictures))
    assert (len(dataset.train), len(dataset.test)) == (21, 12)
    twins = findings.decisions[-1]
    assert (twins.id, twins.value) == ("twins", "apart")
    assert twins.reason.startswith("12 pictures to test on repeat others to train on")
    assert any("copies of training pictures cannot be told" in line for line in findings.short_lines())


def test_arrays_that_share_pictures_are_told(tmp_path):
    images = np.stack([drawn((16, 16), number, channels=1) for number in range(20)])
    np.savez(tmp_path / "x.npz", x_train=images, x_test=images[:5])
    assert read(tmp_path / "x.npz")[1].decisions[-1].reason.startswith("5 pictures to test on repeat")


def test_pictures_without_twins_are_drawn_as_ever(tmp_path):
    """The hash that this set had before twins were looked at."""
    dataset, findings = read(write(tmp_path, many(60, form="a/{}.png")))
    assert "twins" not in {decision.id for decision in findings.decisions}
    assert dataset.sha256 == "0bf70bcf3bc1104143d3ce2b990d72c4b48c86fab2f3652ef655cb84663a995b"
