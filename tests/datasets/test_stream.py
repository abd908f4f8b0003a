import pytest
import torch

from ganatomy.datasets.store import Dataset, ImageStore
from ganatomy.datasets.stream import ImageStream
from ganatomy.errors import DataError


def numbered(num: int) -> ImageStore:
    """Images whose every pixel is the image's own number."""
    return ImageStore(torch.arange(num, dtype=torch.uint8).view(num, 1, 1, 1).expand(num, 1, 2, 3).contiguous())


def numbers(img: torch.Tensor) -> list[int]:
    assert (img == img[:, :1, :1, :1]).all()
    return ((img[:, 0, 0, 0] + 1) * 127.5).round().to(torch.int64).tolist()


def test_every_epoch_is_another_permutation():
    stream = ImageStream(numbered(50), seed=3, device="cpu")
    epochs = [numbers(stream.real_img(50 * epoch, 50)) for epoch in range(4)]
    assert all(sorted(epoch) == list(range(50)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4


@pytest.mark.parametrize("batch", [1, 7, 50, 64])
def test_batches_are_slices_of_one_order_across_epochs(batch):
    whole = ImageStream(numbered(50), seed=3, device="cpu").real_img(0, 200)
    stream = ImageStream(numbered(50), seed=3, device="cpu")
    parts = [stream.real_img(start, min(batch, 200 - start)) for start in range(0, 200, batch)]
    assert torch.equal(torch.cat(parts), whole)


@pytest.mark.parametrize("start", [0, 1, 49, 50, 99, 137])
def test_a_new_stream_goes_on_anywhere(start):
    whole = ImageStream(numbered(50), seed=3, device="cpu").real_img(0, 250)
    stream = ImageStream(numbered(50), seed=3, device="cpu")
    assert torch.equal(stream.real_img(start, 64), whole[start : start + 64])
    assert torch.equal(stream.real_img(0, 10), whole[:10])  # going back changes nothing either


def test_seeds_give_different_orders():
    first, second = (ImageStream(numbered(50), seed, "cpu").real_img(0, 50) for seed in (0, 1))
    assert numbers(first) != numbers(second)


def test_range_and_type():
    img = ImageStream(ImageStore(torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1)), 0, "cpu").real_img(0, 2)
    assert img.dtype == torch.float32
    assert sorted(img.flatten().tolist()) == [-1.0, 1.0]
    assert ImageStream(numbered(5), 0, "cpu").real_img(3, 0).shape == (0, 1, 2, 3)


def test_the_stored_images_never_change():
    store = numbered(20)
    before = store.images.clone()
    ImageStream(store, 0, "cpu").real_img(0, 20).zero_()
    assert torch.equal(store.images, before)


def test_store_knows_its_size_and_shape():
    data = Dataset("numbers", numbered(20), numbered(4), "00", ())
    assert (len(data.train), len(data.test), data.img_shape) == (20, 4, (1, 2, 3))


@pytest.mark.parametrize(
    ("img", "labels", "words"),
    [
        (torch.zeros(2, 1, 4, 4), None, "allowed: uint8"),
        (torch.zeros(2, 4, 4, dtype=torch.uint8), None, "allowed: uint8"),
        (torch.zeros(2, 2, 4, 4, dtype=torch.uint8), None, "C = 1 or 3"),
        (torch.zeros(0, 1, 4, 4, dtype=torch.uint8), None, "allowed: uint8"),
        (torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.zeros(2), "allowed: int64"),
        (torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.zeros(3, dtype=torch.int64), "2 images but 3 labels"),
    ],
)
def test_stores_that_do_not_fit_are_refused(img, labels, words):
    with pytest.raises(DataError, match=words):
        ImageStore(img, labels)
