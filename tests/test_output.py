"""Pictures into files: the bytes of NumPy and of one grid, block by block, whole or not at all, never mixed."""

import io
import os
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from ganatomy import images, output
from ganatomy.errors import ConfigError, OutputError, StorageError


def drawn(num: int, channels: int = 1, height: int = 5, width: int = 7) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(1).integers(0, 256, (num, channels, height, width), dtype=np.uint8))


def write(path, img_u8: torch.Tensor, asked: list | None = None) -> str:
    def pictures(start: int, stop: int) -> torch.Tensor:
        if asked is not None:
            asked.append((start, stop))
        return img_u8[start:stop]

    *_, written = output.write_samples(path, pictures, len(img_u8), tuple(img_u8.shape[1:]))
    return written


@pytest.mark.parametrize("channels", [1, 3])
def test_saved_images_come_back(tmp_path, channels):
    given = drawn(5, channels)
    for name in ("a.npy", "a.npz", "a.png", "folder"):
        assert str(tmp_path / name) in write(tmp_path / name, given)
    assert np.array_equal(np.load(tmp_path / "a.npy", allow_pickle=False), given.numpy())
    with np.load(tmp_path / "a.npz", allow_pickle=False) as archive:
        assert np.array_equal(archive["images"], given.numpy())
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), images.grid(given, 2, gap_px=2))
    singles = sorted((tmp_path / "folder").iterdir())
    assert [path.name for path in singles] == [f"{i:06d}.png" for i in range(5)]
    for path, picture in zip(singles, given):
        assert np.array_equal(np.asarray(Image.open(path)).reshape(5, 7, channels), picture.permute(1, 2, 0).numpy())


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_the_bytes_are_those_of_numpy_and_of_one_grid(tmp_path, monkeypatch, memory_format):
    """Written in five blocks, and read again from the file without loading it."""
    monkeypatch.setattr(output, "BLOCK_BYTES", 1)
    given = drawn(1100, 3).contiguous(memory_format=memory_format)
    asked: list[tuple[int, int]] = []
    saved, zipped = io.BytesIO(), io.BytesIO()
    np.save(saved, given.numpy())
    np.savez(zipped, images=given.numpy())
    write(tmp_path / "a.npy", given, asked)
    write(tmp_path / "a.NPZ", given)
    write(tmp_path / "a.Png", given)
    assert asked == [(0, 256), (256, 512), (512, 768), (768, 1024), (1024, 1100)]
    assert (tmp_path / "a.npy").read_bytes() == saved.getvalue()
    assert (tmp_path / "a.NPZ").read_bytes() == zipped.getvalue()
    assert (tmp_path / "a.Png").read_bytes() == images.png_bytes(images.grid(given, 33, gap_px=2))
    for name in ("a.npy", "a.NPZ"):
        again = output.mapped(tmp_path / name)
        assert isinstance(again, np.memmap)
        assert np.array_equal(again, given.numpy())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.NPZ", "a.Png", "a.npy"]


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_what_stops_in_the_middle_leaves_nothing(tmp_path, monkeypatch, name, error):
    monkeypatch.setattr(output, "BLOCK_BYTES", 1)

    def pictures(start: int, stop: int) -> torch.Tensor:
        if start:
            raise error
        return drawn(stop)

    (tmp_path / name).write_bytes(b"before")
    with pytest.raises(error):
        list(output.write_samples(tmp_path / name, pictures, 300, (1, 5, 7)))
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [(name, b"before")]


def test_a_killed_process_leaves_nothing_for_long(tmp_path):
    gone = 2**22 + 1  # beyond the largest number of a process
    stale, running = tmp_path / f".a.npy.{gone}.tmp", tmp_path / f".a.npy.{os.getppid()}.tmp"
    for path in (stale, running, tmp_path / ".a.npy.mine.tmp", tmp_path / f".b.npy.{gone}.tmp"):
        path.write_bytes(b"")
    write(tmp_path / "a.npy", drawn(2))
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == sorted([running.name, ".a.npy.mine.tmp", f".b.npy.{gone}.tmp", "a.npy"])


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path, monkeypatch):
    def full(handle, *args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array_header_1_0", full)
    with pytest.raises(StorageError, match=r"could not write .*No space left"):
        write(tmp_path / "a.npy", drawn(2))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("v1.0", ""), ("2024.01.05", ""), ("my.run", ""), ("a.b c", ""), ("plain", ""), (".hidden", ""),
        ("g.PNG", ".png"), ("x.Npy", ".npy"), ("v1.0.npz", ".npz"),
    ],
)  # fmt: skip
def test_dots_and_capitals_in_names(tmp_path, name, kind):
    assert output.ending(tmp_path / name, output.SAMPLE_ENDINGS) == kind
    written = write(tmp_path / name, drawn(1))
    assert (tmp_path / name).is_dir() == (kind == "")
    assert name in written


@pytest.mark.parametrize("name", ["a.jpg", "a.JPEG", "film.webp", "x.mp4", "x.pt", "x.Tar"])
def test_an_unknown_file_ending_is_refused(tmp_path, name):
    suffix = name.split(".")[1]
    with pytest.raises(ConfigError, match=rf"ends in \.{suffix}; allowed: \.npy, \.npz, \.png, or a folder"):
        output.check_samples(tmp_path / name, 1, (1, 5, 7))
    (tmp_path / name).mkdir()
    assert output.ending(tmp_path / name, output.SAMPLE_ENDINGS) == ""  # it is a folder, as one sees


@pytest.mark.parametrize("name", ["000003.png", "notes.txt", "0.png", "000000.png/", "000000.PNG", ".git/"])
def test_a_folder_that_holds_anything_else_is_refused_before_work(tmp_path, name):
    (tmp_path / name).mkdir() if name.endswith("/") else (tmp_path / name).write_bytes(b"mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(OutputError, match=r"[Gg]ive another folder"):
        output.check_samples(tmp_path, 3, (1, 5, 7))
    with pytest.raises(OutputError, match=r"[Gg]ive another folder"):
        write(tmp_path, drawn(3))
    assert sorted(tmp_path.rglob("*")) == before


def test_other_pictures_under_the_same_names_stay(tmp_path):
    """Also when they stand behind pictures that are the right ones: nothing is written before all were compared."""
    write(tmp_path / "s", drawn(4))
    other = images.png_bytes(np.zeros((5, 7), np.uint8))
    (tmp_path / "s" / "000003.png").write_bytes(other)
    (tmp_path / "s" / "000000.png").unlink()
    with pytest.raises(OutputError, match=r"000003\.png is there already and is another picture"):
        write(tmp_path / "s", drawn(4))
    assert sorted(path.name for path in (tmp_path / "s").iterdir()) == ["000001.png", "000002.png", "000003.png"]
    assert (tmp_path / "s" / "000003.png").read_bytes() == other
    (tmp_path / "s" / "000003.png").write_bytes(b"no picture at all")
    with pytest.raises(OutputError, match=r"000003\.png is there already"):
        write(tmp_path / "s", drawn(4))


def test_the_same_command_again_completes_what_was_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(output, "BLOCK_BYTES", 1)
    write(tmp_path / "whole", drawn(600))
    shutil.copytree(tmp_path / "whole", tmp_path / "part")
    for number in range(300, 600):
        (tmp_path / "part" / output.frame_name(number)).unlink()
    (tmp_path / "part" / ".000300.png.77.tmp").write_bytes(b"torn")
    kept = (tmp_path / "part" / "000299.png").stat().st_mtime_ns
    asked: list[tuple[int, int]] = []
    write(tmp_path / "part", drawn(600), asked)
    assert asked == [(0, 256), (256, 512), (256, 512), (512, 600)]
    contents = [{path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("whole", "part")]
    assert contents[0] == contents[1]
    assert (tmp_path / "part" / "000299.png").stat().st_mtime_ns == kept


@pytest.mark.parametrize(
    ("name", "num", "shape", "error", "words"),
    [
        ("a.png", 10**6, (1, 28, 28), ConfigError, "a grid of 1,000,000 pictures .* at most 67,108,864"),
        ("a.npy", 10**9, (1, 28, 28), ConfigError, "num is 1000000000; .* at most 100,000,000"),
        ("a.npy", 10**80, (1, 28, 28), ConfigError, "num is a number of about 81 digits"),
        ("a.npy", 10**8, (3, 1024, 1024), OutputError, "take about 314.6 TB, and the disk of .* free"),
        ("folder", 4 * 10**6, (1, 28, 28), ConfigError, "number of single pictures .* at most 1,000,000"),
        ("folder", 10**6, (3, 1024, 1024), OutputError, "Give fewer, or another --out"),
        ("a.npy", 0, (1, 28, 28), ConfigError, "num is 0; it must be at least 1"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_limit(tmp_path, monkeypatch, name, num, shape, error, words):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(10**12, 0, 10**11))
    with pytest.raises(error, match=words):
        output.check_samples(tmp_path / name, num, shape)
    assert list(tmp_path.iterdir()) == []
