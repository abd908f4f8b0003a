import io
import logging
import struct
import warnings

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageFile, ImageOps

from ganatomy.datasets import decode as decoding
from ganatomy.datasets.decode import NOTES, Refused, decode
from pictures import KINDS, bomb_png, broken_files, chunk, drawn, encode, png


@pytest.fixture
def pixels() -> np.ndarray:
    return drawn((24, 17), 3)


def test_rgb_and_grey_come_back_bit_for_bit(pixels):
    for file_format in ("PNG", "BMP", "TIFF", "PPM"):
        found = decode(encode(Image.fromarray(pixels), file_format))
        np.testing.assert_array_equal(found.pixels, pixels)
        assert (found.format, found.mode, found.notes) == (file_format, "RGB", ())
        grey = decode(encode(Image.fromarray(pixels[:, :, 0]), file_format))
        np.testing.assert_array_equal(grey.pixels, pixels[:, :, 0])
        assert grey.pixels.flags.c_contiguous
        assert grey.pixels.dtype == np.uint8


def test_a_stream_is_read_like_bytes(pixels):
    np.testing.assert_array_equal(decode(io.BytesIO(png(pixels))).pixels, pixels)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_read_with_its_notes(kind, pixels):
    expected = {
        "rgba": {"alpha_on_white"}, "grey alpha": {"alpha_on_white"}, "palette": {"palette"},
        "palette clear": {"palette", "alpha_on_white"}, "bilevel": {"bilevel"}, "bilevel fax": {"bilevel"},
        "sixteen": {"sixteen_bit"}, "sixteen tiff": {"sixteen_bit"}, "cmyk": {"cmyk"}, "turned 6": {"exif_turned"},
        "turned 3": {"exif_turned"}, "moving gif": {"palette", "first_frame"}, "moving webp": {"first_frame"},
    }  # fmt: skip
    found = decode(KINDS[kind][1](pixels))
    assert set(found.notes) == expected.get(kind, set())
    assert set(found.notes) <= set(NOTES)
    assert found.pixels.shape[:2] == ((17, 24) if kind == "turned 6" else (24, 17))
    assert found.pixels.ndim == (2 if kind.startswith(("grey", "bilevel", "sixteen", "pgm")) else 3)


def test_transparent_pixels_are_composited_on_white():
    rgba = np.zeros((3, 1, 4), np.uint8)
    rgba[:, 0] = [(10, 20, 30, 255), (10, 20, 30, 0), (10, 20, 30, 128)]
    found = decode(png(rgba)).pixels[:, 0]
    np.testing.assert_array_equal(found[:2], [(10, 20, 30), (255, 255, 255)])
    exact = (np.array([10, 20, 30]) * 128 + 255 * 127) / 255
    assert np.abs(found[2] - exact).max() <= 0.5
    grey = decode(png(rgba[:, :, [0, 3]])).pixels
    assert grey.shape == (3, 1)
    assert grey[:2, 0].tolist() == [10, 255]


def test_alpha_that_hides_nothing_is_not_noted(pixels):
    found = decode(encode(Image.fromarray(pixels).convert("RGBA"), "PNG"))
    assert (found.mode, found.notes) == ("RGBA", ())
    np.testing.assert_array_equal(found.pixels, pixels)


def test_a_transparent_colour_without_alpha_channel_is_white(pixels):
    pixels = pixels.copy()
    pixels[4:6] = (1, 2, 3)
    found = decode(encode(Image.fromarray(pixels), "PNG", transparency=(1, 2, 3)))
    assert found.pixels[4:6].min() == 255
    np.testing.assert_array_equal(found.pixels[6:], pixels[6:])
    sixteen = Image.fromarray(np.array([[0, 500, 65535]], np.uint16))
    data = encode(sixteen, "PNG")
    at = data.index(b"IDAT") - 4
    found = decode(data[:at] + chunk(b"tRNS", struct.pack(">H", 500)) + data[at:])
    assert found.pixels.tolist() == [[0, 255, 255]]
    assert set(found.notes) == {"alpha_on_white", "sixteen_bit"}


@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "PPM"])
def test_sixteen_bits_are_divided_by_257_and_rounded(file_format):
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    found = decode(encode(Image.fromarray(values), file_format))
    np.testing.assert_array_equal(found.pixels, np.rint(values / 257).astype(np.uint8))
    assert found.notes == ("sixteen_bit",)


def test_sixteen_bit_byte_orders_and_inverted_tiff():
    values = np.arange(0, 65536, 257, dtype=np.uint16).reshape(16, 16)
    for order in ("<u2", ">u2"):
        found = decode(encode(Image.fromarray(values.astype(order)), "TIFF"))
        np.testing.assert_array_equal(found.pixels, np.arange(256).reshape(16, 16))
    inverted = decode(encode(Image.fromarray(values), "TIFF", tiffinfo={262: 0}))
    np.testing.assert_array_equal(inverted.pixels, 255 - np.arange(256).reshape(16, 16))


def test_sixteen_bit_colour_is_noted():
    ppm = b"P6 2 1 65535\n" + struct.pack(">6H", 0, 257, 65535, 65535, 0, 514)
    found = decode(ppm)
    assert found.notes == ("sixteen_bit",)
    assert found.pixels.tolist() == [[[0, 1, 255], [255, 0, 2]]]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("options", [("PNG", {}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"})])
def test_exif_orientation(orientation, options, pixels):
    file_format, more = options
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(Image.fromarray(pixels), file_format, exif=exif, **more)
    found = decode(data)
    upright = {
        1: pixels, 2: pixels[:, ::-1], 3: pixels[::-1, ::-1], 4: pixels[::-1], 5: pixels.swapaxes(0, 1),
        6: np.rot90(pixels, -1), 7: pixels[::-1, ::-1].swapaxes(0, 1), 8: np.rot90(pixels, 1),
    }[orientation]  # fmt: skip
    np.testing.assert_array_equal(found.pixels, upright)
    np.testing.assert_array_equal(np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data)))), upright)
    assert found.notes == (("exif_turned",) if orientation > 1 else ())


def test_damaged_exif_does_not_cost_the_picture(pixels):
    data = encode(Image.fromarray(pixels), "PNG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\x01\x12\0\x03" * 3)
    np.testing.assert_array_equal(decode(data).pixels, pixels)


def test_only_the_first_frame_is_read(pixels):
    frames = [Image.fromarray(pixels), Image.fromarray(pixels[::-1])]
    for file_format, more in (("WEBP", {"lossless": True}), ("PNG", {}), ("TIFF", {})):
        data = encode(frames[0], file_format, save_all=True, append_images=frames[1:], **more)
        found = decode(data)
        np.testing.assert_array_equal(found.pixels, pixels)
        assert found.notes == ("first_frame",)
    data = encode(frames[0].quantize(8), "GIF", save_all=True, append_images=[frames[1].quantize(8)])
    assert "first_frame" in decode(data[: len(data) - 40]).notes  # damage behind the first frame costs nothing


@pytest.mark.parametrize("mode", ["YCbCr", "LAB", "PA", "CMYK"])
def test_rarer_modes_are_close_to_the_original(mode, pixels):
    if mode == "LAB":
        profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        img = ImageCms.profileToProfile(Image.fromarray(pixels), *profiles, outputMode="LAB")
    elif mode == "PA":
        img = Image.fromarray(pixels).quantize(256).convert("PA")
    else:
        img = Image.fromarray(pixels).convert(mode)
    found = decode(encode(img, "JPEG" if mode == "YCbCr" else "TIFF"))
    assert found.mode == ("RGB" if mode == "YCbCr" else mode)
    assert np.abs(found.pixels.astype(int) - pixels).mean() < 12


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_premultiplied_tiff_is_divided_before_it_is_put_on_white(mode):
    values = np.full((2, 2, len(mode)), 64, np.uint8)  # premultiplied: a value of 128 at alpha 128
    values[:, :, -1] = 128
    data = bytearray(encode(Image.fromarray(values), "TIFF"))
    at = data.index(struct.pack("<HHI", 338, 3, 1)) + 8
    assert data[at] == 2
    data[at] = 1
    found = decode(bytes(data))
    assert found.mode == {"LA": "La", "RGBA": "RGBA"}[mode]
    assert np.abs(found.pixels.astype(int) - round((128 * 128 + 255 * 127) / 255)).max() <= 2


@pytest.mark.parametrize("name", [name for name in broken_files() if not name.endswith((".txt", ".csv"))])
def test_broken_files_are_refused(name):
    with pytest.raises(Refused):
        decode(broken_files()[name])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("empty.png", "the file is empty"),
        ("cut.png", "cut short"),
        ("cut.jpg", "cut short"),
        ("web page.jpg", "web page"),
        ("bomb.png", "900,000,000 pixels are more than the 64 M pixels allowed"),
        ("long side.png", "1 x 40,000 px: a side is longer than the 32,768 px allowed"),
        ("float.tiff", "float TIFF: its range is not known"),
        ("really a pdf.png", "it is a PDF, no picture in an allowed format; allowed: PNG, JPEG"),
        ("only magic.png", "begins like PNG"),
        ("noise.png", "no picture in an allowed format"),
        ("photo.heic", "HEIC"),
    ],
)
def test_the_reason_is_told_in_words(name, words):
    with pytest.raises(Refused, match=words):
        decode(broken_files()[name])


def test_size_is_checked_before_pixels_are_decoded(monkeypatch):
    monkeypatch.setattr(ImageFile.ImageFile, "load", None)  # a call would be a TypeError and another reason
    with pytest.raises(Refused, match=r"8,001 x 8,000 px are more than the 64 M pixels allowed"):
        decode(bomb_png(8001, 8000))
    with pytest.raises(Refused, match=r"10,000 x 10,000 px are|100,000,000 pixels are"):
        decode(bomb_png(10_000, 10_000))  # here Pillow warns


def test_files_larger_than_the_cap_are_not_read_to_their_end(monkeypatch, pixels):
    monkeypatch.setattr(decoding, "MAX_FILE_BYTES", 1 << 20)

    class Endless(io.RawIOBase):
        given = 0

        def read(self, size: int = -1) -> bytes:
            assert 0 < size <= 1 << 20
            self.given += size
            return bytes(size)

    stream = Endless()
    with pytest.raises(Refused, match="larger than the 1 MB allowed"):
        decode(stream)
    assert stream.given <= 3 << 20


def test_formats_outside_the_list_are_not_tried(pixels):
    for file_format in ("TGA", "PCX", "ICO", "JPEG2000"):
        with pytest.raises(Refused, match="no picture in an allowed format"):
            decode(encode(Image.fromarray(pixels), file_format))


def test_thirty_two_bit_tiff_and_float_ppm_are_refused():
    with pytest.raises(Refused, match="32-bit or signed"):
        decode(encode(Image.fromarray(np.arange(100, dtype=np.int32).reshape(10, 10)), "TIFF"))
    with pytest.raises(Refused, match="float PPM"):
        decode(b"Pf\n1 1\n-1.0\n" + struct.pack("<f", 0.5))


def test_nothing_reaches_the_terminal_and_nothing_global_changes(capfd, pixels, monkeypatch):
    tiff = bytearray(KINDS["tiff lzw"][1](pixels))
    for position in range(40, len(tiff) // 2, 7):  # libtiff prints about this from C
        tiff[position] ^= 0x55
    samples = bytearray(encode(Image.fromarray(pixels), "TIFF"))
    at = samples.index(struct.pack("<HH", 277, 3)) + 8
    samples[at : at + 2] = b"\xff\xff"  # Pillow logs an error about this
    before = (list(warnings.filters), Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # pytest's own would hide a log line
    outcomes = []
    for data in [bytes(tiff), bytes(samples), bomb_png(10_000, 10_000), *broken_files().values()]:
        try:
            outcomes.append(decode(data).format)
        except Refused:
            outcomes.append("refused")
    assert outcomes.count("refused") >= len(broken_files())
    assert (list(warnings.filters), Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES) == before
    assert logging.getLogger("PIL").handlers == []
    assert capfd.readouterr() == ("", "")


def test_libtiff_does_print_where_it_is_not_silenced(capfd, pixels):
    """The test above can fail."""
    tiff = bytearray(KINDS["tiff lzw"][1](pixels))
    for position in range(40, len(tiff) // 2, 7):
        tiff[position] ^= 0x55
    with pytest.raises(OSError, match="decod"):
        Image.open(io.BytesIO(bytes(tiff))).load()
    assert capfd.readouterr().err != ""


def test_any_error_of_a_decoder_is_a_refusal(monkeypatch, pixels):
    data = png(pixels)
    for error in (
        KeyError("x"),
        ZeroDivisionError(),
        AssertionError(),
        RecursionError(),
        MemoryError(),
        OverflowError(),
    ):

        def fail(self, error=error):
            raise error

        monkeypatch.setattr(ImageFile.ImageFile, "load", fail)
        with pytest.raises(Refused):
            decode(data)
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: (_ for _ in ()).throw(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        decode(data)


def test_reasons_hold_nothing_that_steers_a_terminal(monkeypatch, pixels):
    def fail(self):
        raise OSError("bad \x1b[31m colour\nand line")

    monkeypatch.setattr(ImageFile.ImageFile, "load", fail)
    with pytest.raises(Refused) as caught:
        decode(png(pixels))
    assert str(caught.value).isprintable()
    assert "colour and line" in str(caught.value)
