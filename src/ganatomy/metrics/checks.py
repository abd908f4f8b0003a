"""What every distance between two sets of features asks of them."""

from __future__ import annotations

import numpy as np

from ..errors import GanatomyError


def check_rows(features: np.ndarray, min_rows: int, name: str = "features") -> np.ndarray:
    """Return features [N, F] as float64; too few rows or values that are not finite are a `GanatomyError`."""
    rows = np.ascontiguousarray(features, np.float64)
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise GanatomyError(f"{name} are of shape {list(rows.shape)}; [N, F] with F of at least 1 is needed.")
    if len(rows) < min_rows:
        raise GanatomyError(f"there are {len(rows)} {name}; at least {min_rows} are needed. Use more images.")
    if not np.isfinite(rows).all():
        bad = int((~np.isfinite(rows)).any(axis=1).sum())
        raise GanatomyError(
            f"{bad} of {len(rows)} rows of {name} hold NaN or infinity, so nothing can be measured; check the "
            "generator and the feature network."
        )
    return rows


def check_pair(gen: np.ndarray, real: np.ndarray, min_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return generated and real features as float64, checked; another width is a `GanatomyError`."""
    x = check_rows(gen, min_rows, "generated features")
    y = check_rows(real, min_rows, "real features")
    if x.shape[1] != y.shape[1]:
        raise GanatomyError(
            f"generated features have {x.shape[1]} numbers, real ones {y.shape[1]}; measure both with the same network."
        )
    return x, y
