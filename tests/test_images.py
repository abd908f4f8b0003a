"""Pixel ranges, grids and files: no pixel is ever changed on the way."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from ganatomy import images


def pictures(num: int, channels: int = 1, height: int = 5, width: int = 7) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(1).integers(0, 256, (num, channels, height, width), dtype=np.uint8))


def test_every_level_survives_the_round_trip():
    levels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    as_float = images.to_float(levels)
    assert as_float.dtype == torch.float32
    assert (as_float.min(), as_float.max()) == (-1.0, 1.0)
    assert torch.equal(images.to_u8(as_float), levels)


def test_scaling_is_linear():
    levels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    expected = torch.arange(256, dtype=torch.float64).reshape(1, 1, 16, 16) / 127.5 - 1
    torch.testing.assert_close(images.to_float(levels).double(), expected, rtol=0, atol=1e-7)


def test_rounding_and_clipping():
    given = torch.tensor([-7.0, -1.0, -1 + 0.49 / 127.5, -1 + 0.51 / 127.5, 0.9999, 1.0, 3.0])
    assert images.to_u8(given).tolist() == [0, 0, 0, 1, 255, 255, 255]


def test_scaling_leaves_its_argument_alone():
    levels, floats = pictures(2), torch.full((1, 1, 2, 2), 0.5)
    kept, kept_floats = levels.clone(), floats.clone()
    images.to_float(levels)
    images.to_u8(floats)
    assert torch.equal(levels, kept)
    assert torch.equal(floats, kept_floats)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("gap", [0, 2])
@pytest.mark.parametrize(("num", "columns"), [(6, 3), (5, 3), (1, 1)])
def test_grid_copies_every_pixel_to_its_place(num, columns, gap, channels):
    given = pictures(num, channels)
    sheet = images.grid(given, columns, gap_px=gap, background=9)
    rows = -(-num // columns)
    size = (rows * 5 + (rows - 1) * gap, columns * 7 + (columns - 1) * gap)
    assert sheet.shape == (size if channels == 1 else (*size, 3))
    used = np.zeros(size, bool)
    for i in range(num):
        top, left = (i // columns) * (5 + gap), (i % columns) * (7 + gap)
        cell = sheet[top : top + 5, left : left + 7].reshape(5, 7, channels)
        assert np.array_equal(cell, given[i].permute(1, 2, 0).numpy())
        used[top : top + 5, left : left + 7] = True
    assert (sheet[~used] == 9).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_png_is_exact_and_carries_nothing_else(channels):
    pixels = images.grid(pictures(4, channels), 2)
    data = images.png_bytes(pixels)
    picture = Image.open(io.BytesIO(data))
    assert np.array_equal(np.asarray(picture), pixels)
    assert picture.info == {}
    assert data == images.png_bytes(pixels)
