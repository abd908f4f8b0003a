"""The feature networks' trunk: unchanged for 28x28, and for any other size a map of at most 7x7 before the features."""

import pytest
import torch
from torch import nn

from ganatomy import rng
from ganatomy.errors import DataError
from ganatomy.metrics.classifier import Classifier, ConvNorm, Trunk

SHAPES_28 = {
    "stem": [32, 1, 6, 6],
    "block0.conv0": [32, 32, 3, 3],
    "block0.conv1": [32, 32, 3, 3],
    "down": [64, 32, 3, 3],
    "block1.conv0": [64, 64, 3, 3],
    "block1.conv1": [64, 64, 3, 3],
    "expand": [128, 64, 3, 3],
    "gather": [128, 1, 4, 4],
}


def test_a_28x28_network_has_the_modules_and_keys_of_the_shipped_ones():
    net = Classifier(10)
    convolutions = {name: list(m.conv.weight.shape) for name, m in net.named_modules() if isinstance(m, ConvNorm)}
    assert convolutions == SHAPES_28
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    expected = [key for name in SHAPES_28 for key in (f"{name}.conv.weight", *(f"{name}.norm.{key}" for key in norm))]
    assert list(net.state_dict()) == [*expected, "logits.weight", "logits.bias"]
    parts = {name for name, _ in net.named_modules()}
    blocks = {"", "block0", "block1", "logits"}
    assert parts == blocks | {f"{name}{end}" for name in SHAPES_28 for end in ("", ".conv", ".norm")}


@pytest.mark.parametrize(
    ("img_shape", "num_shrink", "kernel"),
    [
        ((1, 8, 8), 0, (1, 1)),
        ((1, 9, 13), 0, (1, 2)),
        ((1, 28, 28), 0, (4, 4)),
        ((3, 32, 32), 0, (4, 4)),
        ((3, 48, 32), 0, (6, 4)),
        ((3, 56, 57), 0, (7, 7)),
        ((3, 64, 64), 1, (4, 4)),
        ((3, 100, 37), 1, (7, 3)),
        ((1, 8, 1024), 5, (1, 4)),
    ],
)
def test_any_size_ends_in_128_features(img_shape, num_shrink, kernel):
    with rng.torch_seeded(0, "test_shapes"):
        net = Classifier(5, img_shape, num_factors=3).eval()
        img = torch.rand(2, *img_shape) * 2 - 1
    assert len([name for name, m in net.named_modules() if name.startswith("shrink.") and name.count(".") == 1]) == (
        num_shrink
    )
    assert net.gather.conv.kernel_size == kernel
    assert net.gather.conv.groups == 128
    with torch.inference_mode():
        features = net.features(img)
        assert features.shape == (2, 128)
        assert net(img).shape == (2, 5)
        torch.testing.assert_close(net(img), net.logits(features))
        net.fold()
        torch.testing.assert_close(net.features(img), features, atol=1e-5, rtol=1e-5)


def test_every_pixel_reaches_the_features():
    """The gradient of the features is not 0 anywhere, the last row and column of odd sizes included."""
    for img_shape in ((1, 9, 13), (3, 31, 29)):
        with rng.torch_seeded(1, "test_pixels"):
            net = Trunk(img_shape).eval()
            img = torch.rand(8, *img_shape).requires_grad_()
        net.features(img).sum().backward()
        assert (img.grad.abs().amax(dim=(0, 1)) > 0).all()


def test_factors_are_shares_and_only_there_where_asked_for():
    assert not any(key.startswith("factors") for key in Classifier(4).state_dict())
    net = Classifier(4, num_factors=2)
    assert isinstance(net.factors, nn.Linear)
    with torch.no_grad():
        net.factors.weight.zero_()
        net.factors.bias.copy_(torch.tensor([0.0, 200.0]))
    assert net.predict_factors(torch.randn(3, 128)).tolist() == [[0.5, 1.0]] * 3


@pytest.mark.parametrize("img_shape", [(2, 28, 28), (1, 7, 28), (1, 28, 1025), (3, 0, 8)])
def test_other_images_are_refused_in_words(img_shape):
    with pytest.raises(DataError, match="1 or 3 channels and sides of 8 to 1024 pixels"):
        Classifier(2, img_shape)
