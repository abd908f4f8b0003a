import numpy as np
import pytest
from PIL import Image

from ganatomy.datasets import duplicates
from ganatomy.datasets.decode import decode
from ganatomy.datasets.duplicates import Twin, find_twins, fingerprint
from pictures import drawn, encode


def twins(pictures: list[np.ndarray]) -> list[Twin]:
    return find_twins([fingerprint(pixels) for pixels in pictures])


@pytest.fixture(scope="module")
def photos() -> list[np.ndarray]:
    return [drawn((96, 128), seed) for seed in range(60)]


def test_pictures_that_differ_have_no_twins(photos):
    assert twins(photos) == []
    assert twins([]) == []


def test_equal_pixels_point_to_the_first(photos):
    assert twins([*photos, photos[3], photos[7], photos[3].copy()]) == [
        Twin(3, 60, True), Twin(7, 61, True), Twin(3, 62, True)
    ]  # fmt: skip


def test_equal_bytes_of_another_shape_are_no_exact_twins():
    pixels = drawn((24, 36), 1, channels=1)
    assert not any(twin.exact for twin in twins([pixels, pixels.reshape(36, 24), pixels.reshape(24, 12, 3)]))


@pytest.mark.parametrize("change", ["jpeg", "smaller", "larger", "brighter", "grey", "noise"])
def test_the_same_picture_saved_otherwise_is_nearly_equal(photos, change):
    original = photos[5]
    img = Image.fromarray(original)
    changed = {
        "jpeg": lambda: decode(encode(img, "JPEG", quality=70)).pixels,
        "smaller": lambda: np.asarray(img.resize((96, 72), Image.Resampling.LANCZOS)),
        "larger": lambda: np.asarray(img.resize((300, 225), Image.Resampling.BICUBIC)),
        "brighter": lambda: np.clip(original.astype(int) + 1, 0, 255).astype(np.uint8),
        "grey": lambda: np.asarray(img.convert("L")),
        "noise": lambda: np.clip(original + np.random.default_rng(0).normal(0, 4, original.shape), 0, 255).astype("u1"),
    }[change]()
    assert twins([*photos, changed]) == [Twin(5, 60, False)]


def test_a_shifted_or_mirrored_picture_is_another(photos):
    assert twins([photos[5], np.roll(photos[5], 20, axis=1), photos[5][:, ::-1], 255 - photos[5]]) == []


def test_pictures_without_contrast_have_exact_twins_only():
    flat = [np.full((30, 30), level, np.uint8) for level in (0, 1, 2, 255, 254)]
    assert twins([*flat, flat[1]]) == [Twin(1, 5, True)]
    assert twins([flat[1], np.full((40, 40), 1, np.uint8)]) == []
    faint = [np.full((32, 32), 100, np.uint8) for _ in range(3)]
    for number, pixels in enumerate(faint):
        pixels[4 * number : 4 * number + 4, 4:8] = 104  # far less than the tolerance, at different places
    assert twins(faint) == []


def test_many_flat_pictures_cost_no_more_than_others(monkeypatch):
    draw = np.random.default_rng(0)
    flat = [np.full((16, 16), 120, np.uint8) for _ in range(1000)]
    for pixels in flat:  # no two are equal, and nearly all share one hash
        pixels[draw.integers(0, 16, 4), draw.integers(0, 16, 4)] += draw.integers(1, 3, 4).astype(np.uint8)
    compared = []
    nearest = duplicates._nearest

    def spy(thumbs: np.ndarray, candidates: list[int], index: int) -> int | None:
        compared.append(len(candidates))
        return nearest(thumbs, candidates, index)

    monkeypatch.setattr(duplicates, "_nearest", spy)
    twins(flat)
    assert len(compared) > 900  # else they would not share a hash, and this would show nothing
    assert max(compared) <= 4 * duplicates.BUCKET


def test_frames_of_a_film_are_found_in_a_row():
    base = drawn((64, 64), 9).astype(float)
    film = [np.clip(base + 0.7 * number, 0, 255).astype(np.uint8) for number in range(30)]
    found = twins(film)
    assert [twin.second for twin in found] == list(range(1, 30))
    assert all(twin.second - twin.first <= 16 for twin in found)
