import json
import pickle
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from ganatomy import images, output
from ganatomy.datasets import arrays, npy
from ganatomy.datasets.collection import read_path
from ganatomy.datasets.findings import CONVERSIONS, Findings
from ganatomy.datasets.fitting import Fitting
from ganatomy.datasets.store import Dataset
from ganatomy.errors import DataError
from ganatomy.progress import Progress
from pictures import NPY_HEADER, drawn, npy_bytes

NUM = 40


def read(path: Path, fitting: Fitting | None = None) -> tuple[Dataset, Findings]:
    *progress, result = read_path(path, fitting or Fitting())
    assert all(isinstance(record, Progress) for record in progress)
    assert isinstance(result, tuple)
    return result


def back(dataset: Dataset) -> set[bytes]:
    """Return every picture of both splits as bytes, whatever the order."""
    both = torch.cat([dataset.train.images, dataset.test.images])
    return {picture.numpy().tobytes() for picture in both}


@pytest.fixture(scope="module")
def grey() -> np.ndarray:
    """uint8 [40, 12, 16], the extremes included."""
    pixels = np.stack([drawn((12, 16), number, channels=1) for number in range(NUM)])
    pixels[0, 0, :2] = 0, 255
    return pixels


@pytest.fixture(scope="module")
def colour() -> np.ndarray:
    """uint8 [40, 12, 16, 3]."""
    return np.stack([drawn((12, 16), number) for number in range(NUM)])


def save(path: Path, **named: np.ndarray) -> Path:
    np.savez_compressed(path, **named)
    return path


@pytest.mark.parametrize(
    ("names", "labels", "wanted"),
    [
        (["1", "0"], [0, 1], ["1", "0"]),
        (["cat", "0"], [0, 1], ["cat", "0"]),
        (["1", "01", "1.0"], [0, 1, 2], ["1", "01", "1.0"]),
        (["1", "01", "1.0"], ["01", "1", "1.0"], ["01", "1", "1.0"]),
        (["cat", "dog"], ["dog", "cat"], ["dog", "cat"]),
        (["cat", "dog"], ["1", "0"], ["dog", "cat"]),
        (None, ["1", "01", "1.0"], ["1", "01", "1.0"]),
    ],
)
def test_classes_named_by_numbers_stay_apart(tmp_path, grey, names, labels, wanted):
    """Whole numbers are places in the list of names, words are names; neither is taken for the other."""
    given = np.array((labels * NUM)[:NUM])
    more = {} if names is None else {"class_names": np.array(names)}
    dataset, _ = read(save(tmp_path / "set.npz", images=grey, labels=given, **more))
    assert sorted(dataset.class_names) == sorted(names or wanted)
    if names is not None:
        assert list(dataset.class_names) == names
    found = {}
    for store in (dataset.train, dataset.test):
        for picture, label in zip(store.images, store.labels):
            found[picture.numpy().tobytes()] = dataset.class_names[int(label)]
    assert [found[picture.tobytes()] for picture in grey] == (wanted * NUM)[:NUM]


def test_what_sample_writes_can_be_read(tmp_path, grey, colour):
    for pixels in (torch.from_numpy(grey)[:, None], torch.from_numpy(colour).permute(0, 3, 1, 2)):
        for name in ("generated.npz", "generated.npy"):
            shape = tuple(pixels.shape[1:])
            _ = list(output.write_samples(tmp_path / name, lambda a, b, all_=pixels: all_[a:b], len(pixels), shape))
            dataset, findings = read(tmp_path / name)
            assert dataset.name == "generated"
            assert dataset.img_shape == tuple(pixels.shape[1:])
            assert back(dataset) == {picture.numpy().tobytes() for picture in pixels}
            assert (len(dataset.train), len(dataset.test)) == (36, 4)
            assert dataset.train.labels is None
            assert dataset.class_names == ()
            assert findings.modes == ({"format": name[-3:].upper(), "mode": "uint8 NCHW", "num": NUM},)
            assert findings.conversions == ()


@pytest.mark.parametrize("key", ["images", "x_train", "train_images", "arr_0", "whatever"])
def test_the_names_people_use(tmp_path, grey, key):
    assert back(read(save(tmp_path / "x.npz", **{key: grey}))[0]) == {picture.tobytes() for picture in grey}


def test_layouts_hold_the_same_pictures(tmp_path, grey, colour):
    nchw = colour.transpose(0, 3, 1, 2)
    wanted = {np.ascontiguousarray(picture).tobytes() for picture in nchw}
    hashes = {read(save(tmp_path / "x.npz", images=array))[0].sha256 for array in (colour, nchw)}
    assert len(hashes) == 1
    assert back(read(save(tmp_path / "x.npz", images=np.asfortranarray(colour)))[0]) == wanted
    hashes = {
        read(save(tmp_path / "x.npz", images=array))[0].sha256 for array in (grey, grey[:, None], grey[:, :, :, None])
    }
    assert len(hashes) == 1


def test_alpha_is_put_on_white(tmp_path, colour):
    alpha = np.full((*colour.shape[:3], 1), 255, np.uint8)
    alpha[0, :6] = 0
    dataset, findings = read(save(tmp_path / "x.npz", images=np.concatenate([colour, alpha], axis=3)))
    colour = colour.copy()
    colour[0, :6] = 255
    assert back(dataset) == {np.ascontiguousarray(picture).tobytes() for picture in colour.transpose(0, 3, 1, 2)}
    assert findings.conversions == ({"id": "alpha_on_white", "num": 1, "examples": ["images[0]"]},)


@pytest.mark.parametrize(
    ("convert", "note"),
    [
        (lambda u8: u8.astype(np.int64), "from_integers"),
        (lambda u8: u8.astype(">u2"), "from_integers"),
        (lambda u8: u8 / 255, "from_unit_floats"),
        (lambda u8: (u8 / np.float32(255)).astype(np.float32), "from_unit_floats"),
        (lambda u8: (u8 / 255).astype(">f8"), "from_unit_floats"),
        (lambda u8: u8 / 127.5 - 1, "from_signed_floats"),
        (lambda u8: images.to_float(torch.from_numpy(u8)).numpy(), "from_signed_floats"),
    ],
)
def test_number_types_and_ranges(tmp_path, grey, convert, note):
    dataset, findings = read(save(tmp_path / "x.npz", images=convert(grey)))
    assert back(dataset) == {picture.tobytes() for picture in grey}
    assert [(entry["id"], entry["num"]) for entry in findings.conversions] == [(note, NUM)]
    assert note in CONVERSIONS


def test_bools_are_black_and_white(tmp_path, grey):
    dataset, findings = read(save(tmp_path / "x.npz", images=grey > 127))
    assert back(dataset) == {picture.tobytes() for picture in np.where(grey > 127, 255, 0).astype(np.uint8)}
    assert [entry["id"] for entry in findings.conversions] == ["from_bool"]


def test_a_range_holds_for_both_splits(tmp_path, grey):
    """Test images that happen to lie in [0, 1] are not read by another scale than the training images."""
    signed = grey / 127.5 - 1
    bright = np.abs(signed[:8])
    dataset, _ = read(save(tmp_path / "x.npz", x_train=signed, x_test=bright))
    found = dataset.test.images.numpy()[:, 0]
    wanted = np.rint((bright + 1) * 127.5).astype(np.uint8)
    assert {picture.tobytes() for picture in found} == {picture.tobytes() for picture in wanted}


def test_labels_and_given_splits(tmp_path, grey):
    labels = np.arange(NUM) % 3 + 5
    path = save(
        tmp_path / "x.npz",
        x_train=grey[:30],
        y_train=labels[:30, None],
        x_test=grey[30:],
        y_test=labels[30:].astype("u1"),
    )
    dataset, findings = read(path)
    assert dataset.class_names == ("5", "6", "7")
    assert (len(dataset.train), len(dataset.test)) == (30, 10)
    wanted = {picture.tobytes(): int(label) - 5 for picture, label in zip(grey, labels)}
    for store in (dataset.train, dataset.test):
        found = [wanted[picture.numpy().tobytes()] for picture in store.images]
        assert found == store.labels.tolist()
    assert dataset.train.labels.tolist() != sorted(dataset.train.labels.tolist())
    assert {decision.id: decision.value for decision in findings.decisions}["split"] == "arrays"


def test_numbers_of_classes_sort_as_numbers(tmp_path, grey):
    dataset, _ = read(save(tmp_path / "x.npz", images=grey, labels=np.arange(NUM) % 12))
    assert dataset.class_names == tuple(str(number) for number in range(12))


def test_class_names(tmp_path, grey):
    names = np.array(["shoe", "帽子", "none of these"])
    dataset, findings = read(save(tmp_path / "x.npz", images=grey, labels=np.arange(NUM) % 2, class_names=names))
    assert dataset.class_names == ("shoe", "帽子", "none of these")
    assert [entry["num_train"] + entry["num_test"] for entry in findings.classes] == [20, 20, 0]
    wanted = {picture.tobytes(): number % 2 for number, picture in enumerate(grey)}
    assert [wanted[picture.numpy().tobytes()] for picture in dataset.train.images] == dataset.train.labels.tolist()
    words = np.array(["b", "a"])[np.arange(NUM) % 2]
    assert read(save(tmp_path / "x.npz", images=grey, labels=words))[0].class_names == ("a", "b")


def test_splits_without_given_test_are_stratified(tmp_path, grey):
    dataset, _ = read(save(tmp_path / "x.npz", images=grey, labels=np.arange(NUM) % 2))
    assert torch.bincount(dataset.test.labels).tolist() == [2, 2]


def test_validation_serves_as_test_and_the_rest_is_named(tmp_path, grey):
    path = save(tmp_path / "x.npz", train_images=grey[:30], val_images=grey[30:], extra=np.zeros(3))
    dataset, findings = read(path)
    assert len(dataset.test) == 10
    assert [(file.name, file.reason) for file in findings.refused] == [("extra", "array not used")]


def test_fitting_applies(tmp_path, colour):
    dataset, findings = read(save(tmp_path / "x.npz", images=colour), Fitting((24, 8), "pad", 1))
    assert dataset.img_shape == (1, 24, 8)
    assert {entry["id"] for entry in findings.conversions} == {"fit_pad", "to_grey"}
    json.dumps(findings.to_dict())


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((NUM, 3, 16, 3), "not clear where the channels are"),
        ((NUM, 1, 16, 1), "not clear where the channels are"),
        ((NUM, 784), "Reshape it"),
        ((NUM, 16, 16, 2), "Reshape it"),
        ((NUM, 2, 16, 16), "Reshape it"),
        ((16, 16, 3), "Reshape it"),
        ((NUM,), "Reshape it"),
        ((), "Reshape it"),
        ((2, 2, 16, 16, 3), "Reshape it"),
        ((0, 16, 16), "holds no pictures"),
    ],
)
def test_other_shapes_are_refused(tmp_path, shape, words):
    path = save(tmp_path / "x.npz", images=np.zeros(shape, np.uint8))
    with pytest.raises(DataError, match=words) as caught:
        read(path)
    assert str(list(shape)) in str(caught.value)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (lambda x: x.astype(np.float32), r"floats from 0 to 255; allowed are \[0, 1\], \[-1, 1\]"),
        (lambda x: x / 255 - 1.01, "floats from"),
        (lambda x: np.where(x == 0, np.nan, x / 255), "floats from nan"),
        (lambda x: np.where(x == 0, np.inf, x / 255), "to inf"),
        (lambda x: x.astype(np.int16) - 1, "whole numbers from -1 to 254; allowed are 0 to 255"),
        (lambda x: x.astype(np.uint64) * 2, "whole numbers from 0 to 510"),
        (lambda x: x.astype(np.complex64), "complex64"),
        (lambda x: x.astype("U3"), "holds no pictures: it is <U3"),
        (lambda x: x.astype("S3"), "allowed: bool, whole numbers"),
        (lambda x: x.astype("M8[s]"), "allowed: bool, whole numbers"),
        (lambda x: np.zeros(x.shape, [("r", "u1")]), "allowed: bool, whole numbers"),
    ],
)
def test_other_values_are_refused(tmp_path, grey, values, words):
    with pytest.raises(DataError, match=words):
        read(save(tmp_path / "x.npz", images=values(grey)))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"labels": np.zeros(NUM - 1, int)}, "39 labels for 40 pictures"),
        ({"labels": np.zeros((NUM, 3), int)}, "one whole number or word per picture"),
        ({"labels": np.zeros(NUM)}, "one whole number or word per picture"),
        ({"labels": np.zeros(NUM, int), "y_train": np.zeros(NUM, int)}, "which are the labels"),
        ({"x_train": np.zeros((4, 12, 16), np.uint8)}, "which are the pictures"),
        ({"labels": np.arange(NUM), "class_names": np.array(["a"])}, "labels are 0 to 0"),
        ({"labels": np.zeros(NUM, int), "class_names": np.array(["a", "a"])}, "names two classes alike"),
        ({"labels": np.zeros(NUM, int), "class_names": np.array([1])}, "a list of texts"),
        ({"test_images": np.zeros((4, 12, 16), np.uint8), "labels": np.zeros(NUM, int)}, "labels only for images"),
        ({"test_images": np.zeros((4, 9, 9), np.uint8)}, "have 2 sizes"),
    ],
)
def test_what_does_not_fit_together(tmp_path, grey, more, words):
    with pytest.raises(DataError, match=words):
        read(save(tmp_path / "x.npz", images=grey, **more))


def test_no_array_of_a_known_name(tmp_path, grey):
    with pytest.raises(DataError, match=r"holds a, b; the pictures must be named images, x_train, train_images"):
        read(save(tmp_path / "x.npz", a=grey, b=grey))
    with zipfile.ZipFile(tmp_path / "y.npz", "w") as archive:
        archive.writestr("readme.txt", "x")
    with pytest.raises(DataError, match="holds no arrays"):
        read(tmp_path / "y.npz")


class Bomb:
    def __reduce__(self):
        return print, ("this was run",)


def test_objects_are_never_loaded(tmp_path, capsys):
    array = np.empty(4, object)
    array[:] = Bomb()
    np.save(tmp_path / "x.npy", array, allow_pickle=True)
    np.savez(tmp_path / "x.npz", images=array)
    for name in ("x.npy", "x.npz"):
        with pytest.raises(DataError, match="Python objects, which are never loaded"):
            read(tmp_path / name)
    assert capsys.readouterr().out == ""
    pickle.loads((tmp_path / "x.npy").read_bytes()[128:])  # noqa: S301 - our own
    assert "this was run" in capsys.readouterr().out  # the trap does work


def test_text_that_is_none_is_an_error_in_words(tmp_path, grey):
    names = np.array(["a", "b"])
    names.view(np.uint32)[0] = 0x110000
    with pytest.raises(DataError, match="is damaged"):
        read(save(tmp_path / "x.npz", images=grey, labels=np.arange(NUM) % 2, class_names=names))


def test_nothing_is_allocated_for_a_size_that_the_file_does_not_have(tmp_path):
    header = npy_bytes(NPY_HEADER.replace("2, 3", "90000, 100, 100"))  # 900 MB, under the cap
    (tmp_path / "x.npy").write_bytes(header + bytes(1000))
    with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images.npy", header + bytes(1000))
    data = bytearray((tmp_path / "x.npz").read_bytes())
    struct.pack_into("<L", data, data.rindex(b"PK\1\2") + 24, len(header) + 900_000_000)
    (tmp_path / "lying.npz").write_bytes(data)
    tracemalloc.start()
    for name, words in (("x.npy", "is damaged"), ("x.npz", "is damaged"), ("lying.npz", "too small for the size")):
        with pytest.raises(DataError, match=words):
            read(tmp_path / name)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 2**20


def test_the_sum_of_all_arrays_is_capped(tmp_path, grey, monkeypatch):
    path = save(tmp_path / "x.npz", x_train=grey, x_test=grey)
    monkeypatch.setattr(arrays, "MAX_ARRAY_BYTES", 2 * grey.nbytes)  # the headers are too much
    with pytest.raises(DataError, match="GiB of pictures"):
        read(path)
    monkeypatch.setattr(arrays, "MAX_ARRAY_BYTES", 2 * grey.nbytes + 1000)
    read(path)


def test_blank_pictures_may_be_packed_a_thousand_to_one(tmp_path):
    blank = np.zeros((200, 100, 100), np.uint8)
    dataset, findings = read(save(tmp_path / "x.npz", images=blank))
    assert len(dataset.train) == 180
    assert findings.near_duplicates["num_exact"] == 199


def test_damage_in_an_npz(tmp_path, grey):
    path = tmp_path / "x.npz"
    np.savez(path, images=grey)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"images cannot be read: it is damaged: its content does not fit its checksum"):
        read(path)
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match="no zip archive, or is cut short"):
        read(path)
    with pytest.raises(DataError, match="does not exist"):
        read(tmp_path / "none.npy")
    assert npy.MAX_ARRAY_BYTES == arrays.MAX_ARRAY_BYTES
