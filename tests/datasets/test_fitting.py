import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ganatomy.datasets.fitting import Fitting, fit_pixels, has_colour, parse_size, size_words, to_channels
from ganatomy.errors import ConfigError
from pictures import drawn


@pytest.mark.parametrize(
    ("text", "size"),
    [("48x32", (48, 32)), ("48×32", (48, 32)), (" 28 ", (28, 28)), ("8X1024", (8, 1024)), ("64 x 64", (64, 64))],
)
def test_sizes_are_height_by_width(text, size):
    assert parse_size(text) == size
    assert parse_size(size_words(size)) == size


@pytest.mark.parametrize(
    "text",
    ["", "x", "48x", "x32", "48*32", "4.5x3", "-28", "7x28", "28x1025", "0", "48x32x3", "9" * 5000, "٢٨x٢٨", "1e2"],
)
def test_other_sizes_are_refused_in_words(text):
    with pytest.raises(ConfigError, match=r"give height x width in pixels, as in 48x32, .* sides 8 to 1024") as caught:
        parse_size(text)
    assert repr(text) in str(caught.value)


def test_a_fitting_is_checked():
    fitting = Fitting((48, 32), "pad", 3)
    assert fitting.check() is fitting
    assert Fitting().check() == Fitting(None, "crop", None)
    for wrong, words in (
        (Fitting((4, 28)), "size is '4x28'"),
        (Fitting(fit="croop"), "unknown fit 'croop'; allowed: crop, pad, stretch. Did you mean 'crop'"),
        (Fitting(channels=2), "channels is 2; allowed: 1"),
    ):
        with pytest.raises(ConfigError, match=words.replace("(", r"\(")):
            wrong.check()


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_a_picture_of_the_size_is_untouched(fit):
    pixels = drawn((28, 20), 1)
    assert fit_pixels(pixels, (28, 20), fit) is pixels


def halves(height: int, width: int) -> np.ndarray:
    """Left half black, right half white."""
    pixels = np.zeros((height, width), np.uint8)
    pixels[:, width // 2 :] = 255
    return pixels


def test_crop_covers_and_cuts_the_centre():
    pixels = np.zeros((40, 120), np.uint8)
    pixels[:, 40:80] = 200  # exactly the centre square
    found = fit_pixels(pixels, (20, 20), "crop")
    assert found.shape == (20, 20)
    assert np.abs(found[:, 2:-2].astype(int) - 200).max() <= 1  # beyond, Lanczos sees what was cut off
    tall = fit_pixels(pixels.T, (20, 20), "crop")
    np.testing.assert_array_equal(tall, found.T)


def test_crop_is_scale_then_cut():
    pixels = drawn((90, 60), 5)
    scaled = np.asarray(Image.fromarray(pixels).resize((40, 60), Image.Resampling.LANCZOS))
    found = fit_pixels(pixels, (40, 40), "crop")
    assert np.abs(found.astype(int) - scaled[10:50]).max() <= 1


def test_pad_keeps_everything_and_fills_with_the_rim():
    pixels = np.full((10, 40, 3), (10, 200, 90), np.uint8)
    pixels[4:6, 10:30] = 255
    pixels[0, 0] = 0  # one odd pixel of the rim changes no median
    found = fit_pixels(pixels, (40, 40), "pad")
    np.testing.assert_array_equal(found[:15], np.broadcast_to(np.uint8([10, 200, 90]), (15, 40, 3)))
    np.testing.assert_array_equal(found[25:], found[:15])
    np.testing.assert_array_equal(found[15:25], pixels)


def test_stretch_ignores_the_aspect():
    pixels = halves(10, 80)
    found = fit_pixels(pixels, (40, 40), "stretch")
    np.testing.assert_array_equal(found, np.asarray(Image.fromarray(pixels).resize((40, 40), Image.Resampling.LANCZOS)))
    assert found[:, :15].max() == 0
    assert found[:, 25:].min() == 255


@settings(max_examples=60, deadline=None)
@given(
    found=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    size=st.tuples(st.integers(8, 64), st.integers(8, 64)),
    fit=st.sampled_from(["crop", "pad", "stretch"]),
    channels=st.sampled_from([1, 3]),
)
def test_any_size_becomes_any_other(found, size, fit, channels):
    pixels = np.full((*found, 3), 77, np.uint8)
    if channels == 1:
        pixels = pixels[:, :, 0]
    fitted = fit_pixels(pixels, size, fit)
    assert fitted.shape == (*size, *pixels.shape[2:])
    assert fitted.dtype == np.uint8
    assert (fitted == 77).all()  # one colour stays one colour, filled or not


def test_channels():
    pixels = drawn((9, 11), 2)
    grey = to_channels(pixels, 1)
    np.testing.assert_array_equal(grey, np.asarray(Image.fromarray(pixels).convert("L")))
    assert np.abs(grey - pixels @ [0.299, 0.587, 0.114]).max() < 1
    assert to_channels(grey, 1) is grey
    assert to_channels(pixels, 3) is pixels
    np.testing.assert_array_equal(to_channels(grey, 3), np.stack([grey] * 3, axis=2))


def test_slight_tints_are_no_colour():
    pixels = np.full((5, 5, 3), 100, np.uint8)
    assert not has_colour(pixels)
    assert not has_colour(pixels[:, :, 0])
    pixels[4, 4] = (100, 108, 103)
    assert not has_colour(pixels)
    pixels[4, 4] = (100, 109, 103)
    assert has_colour(pixels)
    pixels[4, 4] = (0, 255, 0)
    assert has_colour(pixels)
