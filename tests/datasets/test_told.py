"""Odd sets get words: wrong ranges, dark pictures, empty classes, long metadata; and where `inspect` writes."""

import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import ganatomy as ga
from ganatomy.datasets import decode
from ganatomy.datasets.collection import read_path
from ganatomy.datasets.decode import Refused
from ganatomy.datasets.fitting import Fitting
from ganatomy.datasets.inspection import inspect
from ganatomy.errors import ConfigError, DataError
from pictures import chunk, drawn, encode, png

LEVELS = np.random.default_rng(0).integers(0, 256, (40, 16, 16)).astype(np.float32)


def filled(folder: Path, names: dict[str, int], size: tuple[int, int] = (16, 16)) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    seed = 0
    for name, num in names.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(num):
            seed += 1
            (folder / name / f"{number}.png").write_bytes(png(drawn(size, seed)))
    return folder


def look(path: Path):
    *_, found = inspect(path, Fitting())
    return found


def decided(path: Path) -> dict[str, str]:
    return {decision.id: decision.reason for decision in look(path).findings.decisions}


@pytest.mark.parametrize(
    ("images", "advice"),
    [
        ((LEVELS / 255 - 0.1307) / 0.3081, "images * sd + mean"),
        ((LEVELS - LEVELS.mean()) / LEVELS.std(), "images * sd + mean"),
        (LEVELS, "np.uint8(np.rint(images.clip(0, 255)))"),
        (LEVELS * 257, "np.rint(images / 257.0)"),
        (LEVELS / 255 * 1.01, "np.clip(images, 0, 1)"),
        (LEVELS / 127.5 * 1.01 - 1.02, "np.clip(images, -1, 1)"),
        (np.where(LEVELS > 250, np.nan, LEVELS / 255), "no finite numbers"),
        (np.where(LEVELS > 250, np.inf, LEVELS / 255), "no finite numbers"),
        ((LEVELS * 257).astype(np.uint16), "np.rint(images / 257.0)"),
        ((LEVELS - 128).astype(np.int16), "np.ptp(images)"),
        (LEVELS.astype(np.int32) * 100_000, "np.ptp(images)"),
    ],
)
def test_the_advice_for_numbers_out_of_range_leads_to_pictures(tmp_path, images, advice):
    np.savez(tmp_path / "x.npz", images=images)
    with pytest.raises(DataError) as found:
        look(tmp_path / "x.npz")
    assert advice in str(found.value)
    better = {
        "np.uint8(np.rint(images.clip(0, 255)))": lambda: np.uint8(np.rint(images.clip(0, 255))),
        "np.rint(images / 257.0)": lambda: np.uint8(np.rint(images / 257.0)),
        "np.clip(images, 0, 1)": lambda: np.clip(images, 0, 1),
        "np.clip(images, -1, 1)": lambda: np.clip(images, -1, 1),
        "images * sd + mean": lambda: (images - images.min()) / np.ptp(images),
        "np.ptp(images)": lambda: (images - float(images.min())) / np.ptp(images),
        "no finite numbers": lambda: images[np.isfinite(images).all(axis=tuple(range(1, images.ndim)))],
    }[advice]()
    if len(better):
        np.savez(tmp_path / "better.npz", images=better)
        *_, (dataset, _) = read_path(tmp_path / "better.npz", Fitting())
        assert int(dataset.train.images.max()) - int(dataset.train.images.min()) > 200


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.uint8(LEVELS // 80), "below 0 or above 3 of 255, so the pictures are nearly black"),
        (np.uint8(LEVELS > 100), "below 0 or above 1 of 255, so the pictures are nearly black"),
        (np.uint8(250 + LEVELS // 80), "nearly white"),
        (np.uint8(120 + LEVELS // 20), "nearly without contrast"),
    ],
)
def test_dark_and_flat_sets_are_told(tmp_path, images, words):
    np.savez(tmp_path / "x.npz", images=images)
    assert words in decided(tmp_path / "x.npz")["range"]
    (tmp_path / "set").mkdir()
    for number, pixels in enumerate(images):
        (tmp_path / "set" / f"{number}.png").write_bytes(png(pixels))
    assert words in decided(tmp_path / "set")["range"]


def test_other_sets_are_not_called_dark(tmp_path):
    np.savez(tmp_path / "x.npz", images=np.uint8(LEVELS // 8))
    assert "range" not in decided(tmp_path / "x.npz")


def with_chunks(*chunks: bytes) -> bytes:
    plain = png(drawn((16, 16), 1))
    return plain[:33] + b"".join(chunks) + plain[33:]


def texts(num: int, size: int) -> bytes:
    info = PngInfo()
    for number in range(num):
        info.add_text(f"key{number}", "x" * size, zip=True)
    return encode(Image.fromarray(drawn((16, 16), 1)), "PNG", pnginfo=info)


@pytest.mark.parametrize(
    "data",
    [
        texts(1, 3_000_000), texts(70, 1_000_000),
        encode(Image.fromarray(drawn((16, 16), 1)), "PNG", icc_profile=bytes(2_000_000)),
        with_chunks(chunk(b"zTXt", b"key\0\0" + b"no zlib data")),
        with_chunks(chunk(b"iCCP", b"p\0\0" + b"x" * 50), chunk(b"iTXt", b"\xff" * 9)),
    ],
    ids=["a long text", "many texts", "a large profile", "a damaged text", "a damaged profile"],
)  # fmt: skip
def test_a_picture_with_odd_metadata_is_read(data):
    np.testing.assert_array_equal(decode.decode(data).pixels, drawn((16, 16), 1))


def test_damaged_pixels_are_still_damage():
    data = texts(1, 3_000_000)
    at = data.index(b"IDAT") + 8
    with pytest.raises(Refused, match=r"damaged|cut short"):
        decode.decode(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
    with pytest.raises(Refused):
        decode.decode(data[: data.index(b"IDAT")])


def test_empty_class_folders_are_told(tmp_path):
    folder = filled(tmp_path / "one", {"a": 6, "b": 0})
    found = look(folder).findings
    assert [(file.name, file.reason) for file in found.refused] == [("b/", "an empty folder, which makes no class")]
    assert found.classes == ()
    assert decided(folder)["classes"] == "there are none: only one folder holds pictures, b/ is empty"
    (folder / "b" / ".DS_Store").write_bytes(b"")
    assert look(folder).findings == found
    three = filled(tmp_path / "three", {"a": 6, "b": 6, "c": 0})
    assert [row["name"] for row in look(three).findings.classes] == ["a", "b"]
    assert [file.name for file in look(three).findings.refused] == ["c/"]


def test_empty_folders_of_a_zip_are_told(tmp_path):
    folder = filled(tmp_path / "set", {"a": 4, "b": 4})
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name in ("a/", "b/", "c/", ".git/", "d/", "d/e/"):
            archive.writestr(name, b"")
        for file in folder.rglob("*.png"):
            archive.write(file, file.relative_to(folder).as_posix())
    assert [file.name for file in look(tmp_path / "x.zip").findings.refused] == ["c/", "d/e/"]


def test_classes_without_a_readable_picture_are_told(tmp_path):
    folder = filled(tmp_path / "set", {"a": 8, "b": 8, "c": 0})
    (folder / "c" / "0.png").write_bytes(b"no picture")
    assert decided(folder)["classes"] == "no picture of c can be read"


def test_words_about_the_draw_are_about_its_outcome(tmp_path):
    folder = filled(tmp_path / "four", {"1": 4, "2": 4, "10": 4, "100": 4})
    found = decided(folder)
    assert "of every class alike" not in found["split"]
    without = [row["name"] for row in look(folder).findings.classes if row["num_test"] == 0]
    assert found["classes"] == f"2 of 4 classes have no picture to test on: {', '.join(without)}"
    assert "of every class alike" in decided(filled(tmp_path / "more", {"1": 40, "2": 40}))["split"]
    given = filled(tmp_path / "given", {"train/a": 4, "train/b": 4, "test/a": 4, "test/c": 4})
    assert decided(given)["classes"] == (
        "1 of 3 classes have no picture to test on: b; 1 of 3 classes have no picture to train on: c"
    )


def test_inspect_returns_another_status_where_nothing_can_be_trained_on(tmp_path, ganatomy_here):
    good = filled(tmp_path / "good", {".": 12})
    done = ganatomy_here("data", "inspect", good, "--out", tmp_path / "s.png")
    assert done.returncode == 0, done.stderr
    (good / "wide.png").write_bytes(png(drawn((16, 99), 1)))
    done = ganatomy_here("data", "inspect", good, "--out", tmp_path / "s.png")
    assert done.returncode == 2
    assert "Problem: the 13 pictures" in done.stdout
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "a.txt").write_text("x")
    assert ganatomy_here("data", "inspect", tmp_path / "empty", "--out", tmp_path / "s.png").returncode == 2
    record = ga.data_inspect(good, out=tmp_path / "s.png")
    assert "have 2 sizes" in record["problem"]
    assert json.loads(json.dumps(record))["num_images"] == 13


def test_inspect_inside_the_data_writes_beside_them(tmp_path, ganatomy_here):
    data = filled(tmp_path / "data", {"train/a": 6, "train/b": 6, "test/a": 6, "test/b": 6})
    before = sorted(data.rglob("*"))
    for cwd, word in ((data, "."), (data / "train", ".."), (data / "train" / "a", tmp_path / "data")):
        done = ganatomy_here("data", "inspect", word, cwd=cwd)
        assert done.returncode == 0, done.stderr
        assert "written beside them" in done.stderr
        assert sorted(data.rglob("*")) == before
        (tmp_path / "inspect-data.png").unlink()
    with pytest.raises(ConfigError, match=r"lies inside .* would become one of the pictures"):
        ga.data_inspect(data, out=data / "train" / "x.png")
    with pytest.raises(ConfigError, match="lies inside"):
        ga.data_inspect(data, out=tmp_path / "data" / ".." / "data" / "x.png")


def test_the_picture_of_an_inspection_is_never_data(tmp_path, ganatomy_here):
    """Looking at a part of the data from inside the whole puts the picture into the whole."""
    data = filled(tmp_path / "data", {"train/a": 6, "train/b": 6, "test/a": 6, "test/b": 6})
    assert ganatomy_here("data", "inspect", "train", cwd=data).returncode == 0
    assert (data / "inspect-train.png").exists()
    found = look(data).findings
    assert (found.num_train, found.num_test) == (12, 12)
    assert [file.name for file in found.refused] == ["inspect-train.png"]
    assert "that `ganatomy data inspect` made" in found.refused[0].reason
    (data / "train" / "a" / "inspect-mine.png").write_bytes(png(drawn((16, 16), 99)))
    assert look(data).findings.num_train == 13


@pytest.mark.parametrize(
    "words",
    [
        ("train", "gan", "--total-nimg", 64),
        ("train", "gan", "--total-nimg", 64, "--seeds", 2),
        ("train", "gan", "--total-nimg", 64, "--out", "a/run"),
        ("lab", "--budget", "smoke"),
    ],
)
def test_a_run_inside_the_data_is_refused(tmp_path, ganatomy_here, words):
    data = filled(tmp_path / "data", {"a": 6, "b": 6})
    before = sorted(data.rglob("*"))
    done = ganatomy_here(*words, "--data", ".", cwd=data)
    assert done.returncode == 2
    assert "lies inside the data" in done.stderr
    assert "give --out FOLDER outside" in done.stderr
    assert sorted(data.rglob("*")) == before


@pytest.mark.skipif(os.name == "nt", reason="needs symbolic links")
def test_a_run_inside_the_data_through_a_link_is_refused(tmp_path, ganatomy_here):
    data = filled(tmp_path / "data", {"a": 6, "b": 6})
    (tmp_path / "link").symlink_to(data)
    done = ganatomy_here("train", "gan", "--total-nimg", 64, "--data", data, "--out", tmp_path / "link" / "run")
    assert done.returncode == 2
    assert not (data / "run").exists()
