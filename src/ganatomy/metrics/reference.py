"""What the real images of a data set look like to a feature network, computed once and kept in the user's cache.

Kernel distance and neighbourhoods need the features themselves, not only their moments. They are stored per (data,
network, split, number) under a name made of both hashes, so another data set or another network never meets them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from .. import files
from ..datasets import catalog
from ..datasets.enough import MIN_COMPARED
from ..datasets.store import Dataset
from ..errors import StorageError
from .kernel import KernelDistance, kernel_distance
from .neighbours import squared_radii
from .network import FeatureNetwork
from .prdc import K, Prdc, prdc
from .splits import real_features

VERSION = 2
"""Part of every cache name: another meaning of what is stored makes a new one."""


class Reference:
    """Features of the first `num` real test images, their neighbourhoods, and the floor of both scores.

    The floor is what held-out real images, as many of them as there are, score against the test images. A
    neighbourhood reaches to the `k`-th nearest image.
    """

    def __init__(self, dataset: Dataset, network: FeatureNetwork, num: int, k: int = K):
        self.num, self.k = min(num, len(dataset.test)), k
        self.num_floor = min(num, dataset.num_held_out)
        self._dataset, self._network = dataset, network
        key = f"{VERSION}|{dataset.sha256}|{network.sha256}|{num}" + (f"|k={k}" if k != K else "")
        arrays = kept(key, ("features", "radii", "kernel_floor", "prdc_floor"), self._compute)
        self.features: np.ndarray = arrays["features"]
        """float32 [num, F]."""
        self.radii: np.ndarray = arrays["radii"]
        """float64 [num], squared radii of the neighbourhoods; empty for too few images."""
        self.kernel_floor: float | None = _known(arrays["kernel_floor"])
        floors = arrays["prdc_floor"]
        self.prdc_floor: Prdc | None = Prdc(*map(float, floors)) if np.isfinite(floors).all() else None

    def _compute(self) -> dict[str, np.ndarray]:
        test = real_features(self._dataset, self._network, "test", self.num)
        has_floor = self._dataset.num_held_out >= MIN_COMPARED  # a network need not know what to do with no image
        held_out = real_features(self._dataset, self._network, "held_out", self.num_floor) if has_floor else test[:0]
        enough = min(len(test), len(held_out)) > self.k
        floor: KernelDistance | None = kernel_distance(held_out, test) if len(held_out) > 1 else None
        radii = squared_radii(test, self.k) if len(test) > self.k else np.empty(0)
        return {
            "features": test,
            "radii": radii,
            "kernel_floor": np.array(floor.value if floor else np.nan),
            "prdc_floor": np.array(prdc(held_out, test, self.k, radii) if enough else (np.nan,) * 4),
        }


def _known(value: np.ndarray) -> float | None:
    return float(value) if np.isfinite(value) else None


def kept(key: str, names: Collection[str], compute: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return the arrays that the cache holds under a key, else compute and keep them.

    The key must say everything that the arrays depend on; arrays of other names are computed again.
    """
    path = catalog.cache_dir() / "references" / f"{files.sha256(key.encode())[:32]}.safetensors"
    arrays = _read(path)
    if arrays is None or set(arrays) != set(names):
        arrays = compute()
        _write(path, arrays)
    return arrays


def _read(path: Path) -> dict[str, np.ndarray] | None:
    """Return what the cache holds; None where there is nothing whole."""
    try:
        return safetensors.numpy.load(path.read_bytes())
    except (OSError, SafetensorError):
        return None


def _write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Keep the arrays; a cache that cannot be written costs time only."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_bytes(path, safetensors.numpy.save(arrays))
    except (OSError, StorageError):
        return
