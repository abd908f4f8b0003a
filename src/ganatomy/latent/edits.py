"""Edits of one latent number, their control, and the figures that show them.

`edit(d, v)` sets number d of every latent to v and keeps the rest (the source report's figures 6 to 8). Its control
redraws number d from N(0, 1) on the same latents: what that changes is what any change of the number does without
leaving the training distribution. Figures are pixel-exact: images are copied into grids, never resized.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .. import images, rng
from .codes import value_name

GAP_PX = 2

# ColorBrewer RdBu (safe for colour-blind readers) with a neutral light grey in the middle: blue darker, red brighter.
CHANGE_ANCHORS = (
    (-255, "053061"),
    (-160, "2166ac"),
    (-64, "92c5de"),
    (0, "f0f0f0"),
    (64, "f4a582"),
    (160, "b2182b"),
    (255, "67001f"),
)

Generate = Callable[[Tensor], Tensor]
"""Latents [N, z_dim] float32 -> images uint8 [N, C, H, W]."""


def set_number(z: Tensor, dim: int, value: float) -> Tensor:
    """Return a copy of z [N, z_dim] with number `dim` of every latent set to `value`."""
    edited = z.clone()
    edited[:, dim] = value
    return edited


def redraw(z: Tensor, dim: int, seed: int) -> Tensor:
    """Return the control: a copy of z [N, z_dim] with number `dim` redrawn from N(0, 1).

    The draw is a pure function of (seed, dim, latent's index), so a shorter list of latents gets a prefix of it.
    """
    edited = z.clone()
    edited[:, dim] = rng.latents(seed, f"control-{dim}", len(z), 1)[:, 0]
    return edited


def edit_sheet(generate: Generate, z: Tensor, dims: Sequence[int], value: float) -> Tensor:
    """Return the images of edit(d, value) for every chosen d: uint8 [len(dims), num_codes, C, H, W]."""
    img_u8 = generate(torch.cat([set_number(z, dim, value) for dim in dims]))
    return img_u8.view(len(dims), len(z), *img_u8.shape[1:])


def change_colours() -> np.ndarray:
    """Return the colour of every signed change -255 ... 255: uint8 [511, 3]; index 255 is no change."""
    at = [level for level, _ in CHANGE_ANCHORS]
    rgb = np.array([[int(code[i : i + 2], 16) for i in (0, 2, 4)] for _, code in CHANGE_ANCHORS])
    levels = np.arange(-255, 256)
    return np.stack([np.interp(levels, at, rgb[:, i]) for i in range(3)], axis=1).round().astype(np.uint8)


def difference_map(edited: Tensor, base: Tensor) -> Tensor:
    """Colour the signed change of brightness against the base, pixel by pixel.

    Args:
        edited: uint8 [..., N, C, H, W].
        base: uint8 [N, C, H, W]; colour images are compared by the mean of their channels.

    Returns:
        uint8 [..., N, 3, H, W]: light grey where nothing changed, red where brighter, blue where darker.
    """
    change = edited.to(torch.float32).mean(dim=-3) - base.to(torch.float32).mean(dim=-3)
    colours = torch.from_numpy(change_colours())
    return colours[change.round().to(torch.int64) + 255].movedim(-1, -3).contiguous()


def sheet_pixels(img_u8: Tensor) -> np.ndarray:
    """Lay out uint8 [rows, columns, C, H, W] as one picture with a 2 px gap: uint8 [H', W'] or [H', W', 3]."""
    return images.grid(img_u8.flatten(0, 1), img_u8.shape[1], gap_px=GAP_PX)


def write_figures(
    generate: Generate, z: Tensor, dims: Sequence[int], values: Sequence[float], folder: Path
) -> dict[str, object]:
    """Write the base row, one grid and one difference map per value, and the combined page.

    Args:
        generate: latents to uint8 images.
        z: [num_codes, z_dim], the latents pictured; one column each.
        dims: the chosen latent numbers; one row each.
        values: the values set; the combined page stacks them in this order.
        folder: where the PNG files go.

    Returns:
        `{base, combined, values: {value: file}, differences: {value: file}}`, file names inside `folder`.
    """
    base = generate(z)
    sheets = {value_name(value): edit_sheet(generate, z, dims, value) for value in values}
    pictures = {"base.png": base[None], "combined.png": torch.cat(list(sheets.values()))}
    for name, sheet in sheets.items():
        pictures[f"value-{name}.png"] = sheet
        pictures[f"difference-{name}.png"] = difference_map(sheet, base)
    for file, picture in pictures.items():
        images.save_png(folder / file, sheet_pixels(picture))
    return {
        "base": "base.png",
        "combined": "combined.png",
        "values": {name: f"value-{name}.png" for name in sheets},
        "differences": {name: f"difference-{name}.png" for name in sheets},
    }
