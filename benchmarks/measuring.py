"""What each measure sees: known damage to pictures of `atelier`, whose true distribution is known.

    python -m benchmarks.measuring

Prints the tables of docs/measuring.md as markdown. Every row is one set of 5,000 fresh pictures (seed 1), damaged, and
measured against the first 5,000 test pictures in the features of atelier-v1; copies are taken from the 60,000 training
pictures. The first row is undamaged: the floor.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ganatomy import device, rng
from ganatomy.datasets import atelier
from ganatomy.metrics import modes
from ganatomy.metrics.features import load_features
from ganatomy.metrics.frechet import frechet
from ganatomy.metrics.kernel import kernel_distance
from ganatomy.metrics.memorisation import memorisation
from ganatomy.metrics.moments import Moments, moments_of
from ganatomy.metrics.prdc import prdc

NUM = 5000
NUM_MEMORY = 1000
"""Pictures whose nearest training pictures are looked for, in pixels."""
COLUMNS = ("set", "fd", "kd", "precision", "recall", "density", "coverage", "class KL", "confidence", "too close")


def blurred(img_u8: Tensor, sigma: float) -> Tensor:
    """Return pictures blurred by a Gaussian of that many pixels."""
    reach = max(1, int(4 * sigma + 0.5))
    x = torch.arange(-reach, reach + 1, dtype=torch.float32)
    line = torch.exp(-0.5 * (x / sigma) ** 2)
    line /= line.sum()
    padded = F.pad(img_u8.float(), (reach,) * 4)
    smooth = F.conv2d(F.conv2d(padded, line.view(1, 1, 1, -1)), line.view(1, 1, -1, 1))
    return smooth.round().clamp(0, 255).to(torch.uint8)


def noisy(img_u8: Tensor, levels: float) -> Tensor:
    """Return pictures with independent normal noise of that many levels."""
    noise = rng.generator(1, "measuring-noise").normal(0.0, levels, tuple(img_u8.shape))
    return (img_u8 + torch.from_numpy(noise)).round().clamp(0, 255).to(torch.uint8)


def without_classes(num: int) -> Tensor:
    """Return fresh pictures of all but the first `num` classes."""
    drawn = atelier.draw(3 * NUM * 10 // (10 - num) // 2 + 1000, seed=1)
    return drawn.images[drawn.labels >= num][:NUM]


def copied(fresh: Tensor, train: Tensor, share: float) -> Tensor:
    """Return pictures of which a share, evenly spread, is replaced by training pictures."""
    is_copy = torch.from_numpy(np.diff(np.floor(share * np.arange(len(fresh) + 1))) > 0)
    return torch.where(is_copy[:, None, None, None], train[: len(fresh)], fresh)


def conditions(fresh: Tensor, train: Tensor) -> Iterator[tuple[str, Callable[[], Tensor]]]:
    """Yield every kind of damage in words, with what makes it."""
    yield "undamaged", lambda: fresh
    for num in (1, 2, 4, 6, 8):
        yield f"{num} of 10 classes missing", lambda num=num: without_classes(num)
    for sigma in (0.5, 0.8, 1.2, 2.0):
        yield f"blurred by {sigma} px", lambda sigma=sigma: blurred(fresh, sigma)
    for levels in (4, 8, 16, 32):
        yield f"noise of {levels} levels", lambda levels=levels: noisy(fresh, levels)
    for share in (0.1, 0.5, 1.0):
        yield f"{share:.0%} copies of training pictures", lambda share=share: copied(fresh, train, share)


def row(name: str, img_u8: Tensor, real: dict[str, np.ndarray], moments: Moments, labels: np.ndarray) -> list[str]:
    """Return one row of the table."""
    features, probabilities = load_features("atelier-v1").extract(img_u8)
    near = prdc(features, real["test"])
    pixels = img_u8[:NUM_MEMORY].flatten(1).numpy()
    memory = memorisation(pixels, real["test_pixels"], real["train_pixels"])
    kl = modes.kl_divergence(modes.class_counts(probabilities), np.bincount(labels, minlength=10))
    numbers = (
        frechet(moments_of(features), moments), kernel_distance(features, real["test"]).value, *near, kl,
        modes.confidence_summary(probabilities)["median"], memory["too_close"],
    )  # fmt: skip
    return [name, *(f"{number:.3g}" for number in numbers)]


def bootstrap(features: np.ndarray, moments: Moments) -> list[tuple[int, float, float, float]]:
    """Return (n, distance of n rows, mean distance of 20 resamples with replacement, mean of disjoint sets of n)."""
    rows = []
    for num in (500, 1000, 2500):
        draw = rng.generator(1, "measuring-bootstrap", num)
        resampled = [frechet(moments_of(features[:num][draw.integers(num, size=num)]), moments) for _ in range(20)]
        disjoint = [frechet(moments_of(part), moments) for part in np.split(features, len(features) // num)]
        rows.append(
            (num, frechet(moments_of(features[:num]), moments), float(np.mean(resampled)), float(np.mean(disjoint)))
        )
    return rows


def main() -> None:
    """Print both tables."""
    start = time.perf_counter()
    network = load_features("atelier-v1")
    train, test = atelier.draw(60_000).images, atelier.draw(NUM, split="test")
    fresh = atelier.draw(NUM, seed=1).images
    features = network.extract(test.images)[0]
    real = {
        "test": features,
        "test_pixels": test.images[:NUM_MEMORY].flatten(1).numpy(),
        "train_pixels": train.flatten(1).numpy(),
    }
    moments = moments_of(features)
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for name, make in conditions(fresh, train):
        print(f"| {' | '.join(row(name, make(), real, moments, test.labels.numpy()))} |", flush=True)
    print("\n| n | one set of n | 20 resamples of it with replacement | disjoint sets of n |\n|---|---|---|---|")
    for num, once, resampled, disjoint in bootstrap(network.extract(fresh)[0], moments):
        print(f"| {num} | {once:.3g} | {resampled:.3g} | {disjoint:.3g} |")
    print(
        f"\n{time.perf_counter() - start:.0f} s; {device.cpu_name()}, {device.choose_threads(None)[0]} threads, Python "
        f"{platform.python_version()}, torch {torch.__version__}, NumPy {np.__version__}"
    )


if __name__ == "__main__":
    main()
