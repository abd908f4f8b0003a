import numpy as np
import pytest
import torch
from PIL import Image
from planted import BRIGHT, SHAPE, Z_DIM, Planted

from ganatomy import rng
from ganatomy.latent import edits
from ganatomy.models.generate import generate

G = Planted()


def make(z):
    return generate(G, z)


def test_an_edit_sets_one_number_and_keeps_the_rest():
    z = rng.latents(0, "t", 5, Z_DIM)
    before = z.clone()
    edited = edits.set_number(z, 3, 20.0)
    assert torch.equal(z, before)
    assert (edited[:, 3] == 20).all()
    kept = [d for d in range(Z_DIM) if d != 3]
    assert torch.equal(edited[:, kept], z[:, kept])


def test_the_control_redraws_the_same_number_and_is_a_prefix():
    z = rng.latents(0, "t", 500, Z_DIM)
    control = edits.redraw(z, 2, seed=7)
    kept = [d for d in range(Z_DIM) if d != 2]
    assert torch.equal(control[:, kept], z[:, kept])
    assert torch.equal(control[:, 2], rng.latents(7, "control-2", 500, 1)[:, 0])
    assert abs(float(torch.corrcoef(torch.stack([control[:, 2], z[:, 2]]))[0, 1])) < 4 / 500**0.5
    assert torch.equal(edits.redraw(z[:10], 2, seed=7), control[:10])


def test_change_colours_are_neutral_in_the_middle_red_up_and_blue_down():
    colours = edits.change_colours().astype(int)
    assert colours.shape == (511, 3)
    assert colours[255].min() == colours[255].max() >= 230
    assert (colours[280:, 0] > colours[280:, 2]).all()
    assert (colours[:230, 2] > colours[:230, 0]).all()
    luminance = colours @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance[:256]) > -0.5).all()
    assert (np.diff(luminance[255:]) < 0.5).all()


def test_difference_map_colours_the_signed_change():
    base = torch.tensor([[[[10, 200, 50]]]], dtype=torch.uint8)
    edited = torch.tensor([[[[110, 0, 50]]]], dtype=torch.uint8)
    picture = edits.difference_map(edited, base)
    colours = edits.change_colours()
    assert picture.shape == (1, 3, 1, 3)
    np.testing.assert_array_equal(picture[0, :, 0].T.numpy(), colours[[255 + 100, 255 - 200, 255]])


def test_figures_have_the_right_pixels(tmp_path):
    z, dims, values = rng.latents(1, "t", 3, Z_DIM), (0, BRIGHT), (0.1, 5.0, -20.0)
    figures = edits.write_figures(make, z, dims, values, tmp_path)
    assert figures["values"] == {"0.1": "value-0.1.png", "5": "value-5.png", "-20": "value--20.png"}
    height, width = SHAPE[1:]
    gap = edits.GAP_PX

    def cell(file, row, column):
        pixels = np.asarray(Image.open(tmp_path / file))
        top, left = row * (height + gap), column * (width + gap)
        return pixels[top : top + height, left : left + width]

    base = np.asarray(Image.open(tmp_path / "base.png"))
    assert base.shape == (height, 3 * width + 2 * gap)
    assert (base[:, width : width + gap] == 255).all()
    for column in range(3):
        np.testing.assert_array_equal(cell("base.png", 0, column), make(z)[column, 0].numpy())
        for k, (value, name) in enumerate(zip(values, figures["values"].values())):
            for row, dim in enumerate(dims):
                wanted = make(edits.set_number(z, dim, value))[column, 0].numpy()
                np.testing.assert_array_equal(cell(name, row, column), wanted)
                np.testing.assert_array_equal(cell("combined.png", 2 * k + row, column), wanted)
    combined = np.asarray(Image.open(tmp_path / "combined.png"))
    assert combined.shape == (6 * height + 5 * gap, 3 * width + 2 * gap)
    # The ignored number 0 changes nothing: its row of the difference map is neutral.
    neutral = edits.change_colours()[255]
    assert (cell("difference-5.png", 0, 1) == neutral).all()
    brighter = cell("difference-5.png", 1, 1).astype(int)
    assert (brighter[..., 0] > brighter[..., 2]).mean() > 0.9


@pytest.mark.parametrize("channels", [1, 3])
def test_colour_images_are_laid_out_too(channels):
    sheet = torch.randint(0, 256, (2, 4, channels, 5, 6), dtype=torch.uint8)
    pixels = edits.sheet_pixels(sheet)
    assert pixels.shape == ((12, 30) if channels == 1 else (12, 30, 3))
    np.testing.assert_array_equal(pixels[7:12, 8:14].reshape(5, 6, channels), sheet[1, 1].permute(1, 2, 0).numpy())
