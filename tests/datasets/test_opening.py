"""What the word after --data means: names, the drawn set, imported sets, paths, and what stands in for nothing."""

import dataclasses
import os

import numpy as np
import pytest
import torch
from PIL import Image

from ganatomy import presets
from ganatomy.config import resolve
from ganatomy.datasets import catalog, imported, opening
from ganatomy.errors import ConfigError, DataError
from ganatomy.progress import Progress


def consume(records, label):
    """Draw nothing; return what comes last."""
    result = None
    for record in records:
        if not isinstance(record, Progress):
            result = record
    return result


class Listener:
    """A caller that keeps what is said."""

    def __init__(self):
        self.lines: list[str] = []
        self.caller = opening.Caller(self.lines.append, consume)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@pytest.fixture
def listener(monkeypatch, tmp_path) -> Listener:
    """No data anywhere, no network, an empty cache."""
    monkeypatch.delenv("GANATOMY_DATA", raising=False)
    monkeypatch.setenv("GANATOMY_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("GANATOMY_OFFLINE", "1")
    monkeypatch.setattr("ganatomy.datasets.atelier.NUM_TRAIN", 300)
    return Listener()


@pytest.fixture
def pictures(tmp_path):
    """A folder with two classes of 15 colour pictures of 12 x 10."""
    draw = np.random.default_rng(5)
    for kind in ("cats", "dogs"):
        (tmp_path / "pets" / kind).mkdir(parents=True)
        for i in range(15):
            pixels = draw.integers(0, 256, (12, 10, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pets" / kind / f"{i}.png")
    return tmp_path / "pets"


def run_config(dataset):
    return resolve(dataclasses.replace(presets.gan(), **dataset.settings()))


def test_without_anything_the_drawn_set_stands_in_loudly(listener):
    dataset = opening.open_data(None, {}, listener.caller)
    assert dataset.name == "atelier"
    assert dataset.origin.kind == "drawn"
    assert dataset.describe()["fallback"] == dataset.origin.fallback
    assert "fashion-mnist is not on this machine" in dataset.origin.fallback
    assert "GANATOMY_OFFLINE" in dataset.origin.fallback
    assert listener.text.startswith("*** The default data set fashion-mnist cannot be had")
    assert dataset.sha256 == opening.open_data("atelier", {}, listener.caller).sha256


def test_a_download_that_fails_brings_the_drawn_set_too(listener, monkeypatch):
    monkeypatch.delenv("GANATOMY_OFFLINE")
    refusing = dataclasses.replace(catalog.CATALOG["fashion-mnist"], mirrors=("http://127.0.0.1:9",))
    monkeypatch.setitem(catalog.CATALOG, "fashion-mnist", refusing)
    assert "could not be downloaded" in opening.open_data(None, {}, listener.caller).origin.fallback


def test_a_set_that_was_named_is_never_replaced(listener, tmp_path):
    with pytest.raises(DataError, match="fashion-mnist is not on this machine"):
        opening.open_data("fashion-mnist", {}, listener.caller)
    with pytest.raises(DataError, match="does not hold fashion-mnist"):
        opening.open_data(None, {"data_dir": tmp_path}, listener.caller)
    damaged = tmp_path / "cache" / "fashion-mnist"
    damaged.mkdir(parents=True)
    for file in catalog.FILES:
        (damaged / file).write_bytes(b"not what it says")
    with pytest.raises(DataError, match="magic number"):
        opening.open_data(None, {}, listener.caller)


def test_the_drawn_set_in_another_size_and_again_for_its_run(listener):
    dataset = opening.open_data("atelier", {"size": "20x12"}, listener.caller)
    assert dataset.img_shape == (1, 20, 12)
    again = opening.of_run(run_config(dataset), None, listener.caller)
    assert torch.equal(again.train.images, dataset.train.images)
    with pytest.raises(ConfigError, match="drawn in grey"):
        opening.open_data("atelier", {"channels": 3}, listener.caller)


def test_a_path_and_again_for_its_run(listener, pictures, monkeypatch):
    monkeypatch.chdir(pictures.parent)
    dataset = opening.open_data("pets/", {}, listener.caller)
    assert (dataset.name, dataset.img_shape, dataset.class_names) == ("pets", (3, 12, 10), ("cats", "dogs"))
    assert dataset.origin.path == str(pictures.resolve())
    config = run_config(dataset)
    monkeypatch.chdir("/" if os.name != "nt" else "C:\\")
    again = opening.of_run(config, None, listener.caller)
    assert again.sha256 == dataset.sha256
    moved = pictures.rename(pictures.parent / "moved")
    with pytest.raises(DataError, match="is gone; put it back"):
        opening.of_run(config, None, listener.caller)
    (pictures.parent / "new").mkdir()
    moved.rename(pictures.parent / "new" / "pets")
    assert opening.of_run(config, pictures.parent / "new", listener.caller).sha256 == dataset.sha256
    Image.new("RGB", (10, 12)).save(pictures.parent / "new" / "pets" / "cats" / "more.png")
    with pytest.raises(DataError, match="use the same data"):
        opening.of_run(config, pictures.parent / "new", listener.caller)


def test_size_fit_and_channels_reach_the_pictures_and_the_run(listener, pictures):
    options = {"size": "8x16", "fit": "pad", "channels": 1}
    dataset = opening.open_data(str(pictures), options, listener.caller)
    assert dataset.img_shape == (1, 8, 16)
    config = run_config(dataset)
    assert (config.data_fit, config.img_channels, config.img_height, config.img_width) == ("pad", 1, 8, 16)
    assert opening.of_run(config, None, listener.caller).sha256 == dataset.sha256
    assert dataset.words() == ["--data", str(pictures), "--size", "8x16", "--fit", "pad", "--channels", "1"]


def test_names_and_paths_that_are_not_there(listener, tmp_path):
    with pytest.raises(ConfigError, match=r"unknown data set 'fashion'.*'fashion-mnist'.*path of a folder"):
        opening.open_data("fashion", {}, listener.caller)
    with pytest.raises(DataError, match="no such file or folder"):
        opening.open_data(str(tmp_path / "nothing"), {}, listener.caller)
    with pytest.raises(DataError, match="no such file or folder"):
        opening.open_data("nothing.zip", {}, listener.caller)
    with pytest.raises(ConfigError, match="mnist is used as it is"):
        opening.open_data("mnist", {"size": "32x32"}, listener.caller)
    with pytest.raises(ConfigError, match="48x32"):
        opening.open_data("atelier", {"size": "huge"}, listener.caller)


def test_an_imported_set_is_found_by_name_and_verified(listener, pictures, tmp_path):
    record = imported.add(pictures, None)
    assert imported.names() == ["pets"] == [record["name"]]
    assert imported.add(pictures, "pets") == record  # again: nothing to do
    dataset = opening.open_data("pets", {}, listener.caller)
    assert dataset.sha256 == opening.open_data(str(pictures), {}, listener.caller).sha256
    assert dataset.origin.path == ""
    assert opening.of_run(run_config(dataset), None, listener.caller).sha256 == dataset.sha256
    with pytest.raises(ConfigError, match="cannot be named 'atelier'"):
        imported.add(pictures, "atelier")
    with pytest.raises(ConfigError, match=r"cannot be named '\.\./out'"):
        imported.add(pictures, "../out")
    Image.new("RGB", (10, 12)).save(pictures / "cats" / "more.png")
    with pytest.raises(ConfigError, match="already imported with other content"):
        imported.add(pictures, "pets")
    (imported.root() / "pets" / "pets" / "cats" / "0.png").unlink()
    with pytest.raises(DataError, match="not what was imported any more"):
        opening.open_data("pets", {}, listener.caller)


def test_a_link_is_not_imported(listener, pictures, tmp_path):
    secret = tmp_path / "secret.png"
    Image.new("RGB", (10, 12)).save(secret)
    (pictures / "cats" / "link.png").symlink_to(secret)
    imported.add(pictures, None)
    assert not (imported.root() / "pets" / "pets" / "cats" / "link.png").exists()
    assert imported.path_of("pets").is_dir()
