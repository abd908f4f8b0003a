"""Any edits measured as the atlas measures single numbers: each beside its control, on the same latents.

Two sets of edits are made for every generator from its ranking: the strongest numbers switched off, and the weakest.
What the control (the same numbers redrawn) changes tells how much of the picture hangs on them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from .atlas import mean_intervals, pairs, per_latent, plain, set_values
from .edits import Edit, redraw_all
from .intervals import num_defined
from .lens import Lens
from .measures import MEASURES, Resamples, Seen, resamples, top_class


def measure_edits(
    lens: Lens, z: Tensor, edits: Sequence[Edit], spread: tuple[Tensor, Tensor], seed: int
) -> Iterator[int | list[dict[str, Any]]]:
    """Measure edits of latents z [N, z_dim], N >= 2.

    Yields:
        How many images were made since the last record; then one row per (edit, measure): `{edit, dims, measure,
        num_latents, mean, lo, hi, control}` as in `atlas.edit_rows`, the control being all its numbers redrawn.
    """
    draws, base = resamples(seed, len(z)), lens.see(z)
    yield len(z)
    rows = []
    for edit in edits:
        tables = []
        for latents in (edit.apply(z, spread), redraw_all(z, edit.dims, seed)):
            tables.append(_table(lens.see(latents), base, draws))
            yield len(z)
        for name, row in tables[0].items():
            known = {"edit": edit.text, "dims": list(edit.dims), "measure": name}
            rows.append(known | row | {"control": tables[1][name]})
    yield rows


def num_images(num_latents: int, num_edits: int) -> int:
    """Return how many images `measure_edits` will make."""
    return num_latents * (2 * num_edits + 1)


def _table(seen: Seen, base: Seen, draws: Resamples) -> dict[str, dict[str, Any]]:
    """Return measure -> {num_latents, mean, lo, hi} of edited images, with the class of `top_class_share`."""
    rows = {name: row for name, row in (per_latent(seen) | pairs([seen], base)).items() if name in MEASURES}
    table = {
        name: {"num_latents": int(num_defined(row))} | plain(mean_intervals(row, draws)) for name, row in rows.items()
    }
    table |= {
        name: {"num_latents": len(seen.img_u8)} | plain(triple) for name, triple in set_values(seen, draws).items()
    }
    if "top_class_share" in table:
        table["top_class_share"]["top_class"] = top_class(seen)
    return table


def group_edits(effects: np.ndarray) -> list[str]:
    """Return edits that switch off (set to 0) the strongest tenth, strongest half, weakest half and weakest 90 %.

    Args:
        effects: [z_dim], the size of each number's effect.
    """
    order = [int(dim) for dim in np.argsort(-effects, kind="stable")]
    tenth, half = max(1, len(order) // 10), len(order) // 2
    groups = (order[:tenth], order[:half], order[half:], order[tenth:])
    return [f"{','.join(map(str, sorted(group)))}=0" for group in groups if group]
