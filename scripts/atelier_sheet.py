"""Draw the sheet of the atelier data set for the README: ten classes with ten draws each, every factor swept.

python scripts/atelier_sheet.py docs/images/atelier.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib
import numpy as np
import torch

from ganatomy import images
from ganatomy.datasets import atelier

NUM_COLUMNS = 10
SHOWN_ON = {
    "width": "Sweater", "length": "Coat", "sleeve": "Sweater", "neckline": "Coat", "flare": "Dress",
    "heel": "High heel", "brightness": "Boot", "texture": "T-shirt", "tilt": "Sneaker",
}  # fmt: skip
"""The class on which each factor is swept."""


def draws() -> np.ndarray:
    """Return ten test pictures of every class as one grid."""
    drawn = atelier.draw(2000, split="test")
    rows = [torch.nonzero(drawn.labels == kind).flatten()[:NUM_COLUMNS] for kind in range(len(atelier.CLASS_NAMES))]
    return images.grid(drawn.images[torch.cat(rows)], NUM_COLUMNS, gap_px=1, background=70)


def sweeps() -> np.ndarray:
    """Return one row per factor, from 0 to 1, all other factors at 0.5."""
    labels = np.repeat([atelier.CLASS_NAMES.index(SHOWN_ON[name]) for name in atelier.FACTORS], NUM_COLUMNS)
    factors = np.full((len(labels), len(atelier.FACTORS)), 0.5, np.float32)
    factors[:, atelier.FACTORS.index("texture")] = 0.2
    for row in range(len(atelier.FACTORS)):
        factors[row * NUM_COLUMNS : (row + 1) * NUM_COLUMNS, row] = np.linspace(0, 1, NUM_COLUMNS)
    pictures = torch.from_numpy(atelier.render(labels, factors)).unsqueeze(1)
    return images.grid(pictures, NUM_COLUMNS, gap_px=1, background=70)


def main() -> None:
    """Write the figure as PNG."""
    matplotlib.use("Agg")
    from matplotlib import pyplot

    parser = argparse.ArgumentParser(description="Draw the sheet of the atelier data set.")
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    panels = (
        (draws(), atelier.CLASS_NAMES, "ten draws of each class"),
        (sweeps(), atelier.FACTORS, "each factor swept"),
    )
    figure, axes = pyplot.subplots(1, 2, figsize=(13, 6.2), dpi=150)
    for axis, (pixels, names, title) in zip(axes, panels):
        step = pixels.shape[0] / len(names)
        axis.imshow(pixels, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axis.set_xticks([])
        axis.set_yticks([(row + 0.5) * step for row in range(len(names))], names, fontsize=11)
        axis.tick_params(length=0)
        axis.set_title(title, fontsize=12, loc="left")
        axis.spines[:].set_visible(False)
        axis.set_anchor("N")
    figure.tight_layout()
    figure.savefig(out, metadata={"Software": None})


if __name__ == "__main__":
    main()
