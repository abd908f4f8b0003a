"""Edits of latent numbers, their control, and the figures that show them.

`edit(d, v)` sets number d of every latent to v and keeps the rest (the source report's figures 6 to 8). Its control
redraws number d from N(0, 1) on the same latents: what that changes is what any change of the number does without
leaving the training distribution. Any other edit is an `Edit`: numbers set, moved or scaled, singly or in groups.
Figures are pixel-exact: images are copied into grids, never resized.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from .. import bounds, images, rng
from ..errors import ConfigError
from .codes import check_dims, check_value, value_name

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


Op = Literal["=", "+=", "*="]
_CHANGE = re.compile(r"([0-9,\- ]+)([+*]?=)(.+)")
LARGEST_DRAWN, MAX_REACH = 100.0, 1e9
"""No latent number drawn or read is far beyond the first; none may be moved beyond the second."""
EXAMPLES = "3=5 (set), 3,17+=2sigma (move), 0-9*=0 (scale), or several joined by ;"


@dataclass(frozen=True)
class Change:
    """One change of some latent numbers: set (`=`), move (`+=`) or scale (`*=`) them."""

    dims: tuple[int, ...]
    op: Op
    value: float
    in_sigma: bool = False
    """Whether the value counts standard deviations of each number (from its mean, where it is set)."""


@dataclass(frozen=True)
class Edit:
    """Changes made one after the other, with the words they were given in."""

    text: str
    changes: tuple[Change, ...]

    @property
    def dims(self) -> tuple[int, ...]:
        """All numbers it changes, in ascending order."""
        return tuple(sorted({dim for change in self.changes for dim in change.dims}))

    def apply(self, z: Tensor, spread: tuple[Tensor, Tensor]) -> Tensor:
        """Return the edited copy of latents z [N, z_dim]; `spread` is (mean, standard deviation) of all numbers."""
        edited = z.clone()
        for change in self.changes:
            at = list(change.dims)
            mean, sd = (part[at] for part in spread)
            if change.op == "=":
                edited[:, at] = mean + change.value * sd if change.in_sigma else torch.full_like(mean, change.value)
            elif change.op == "+=":
                edited[:, at] += change.value * sd if change.in_sigma else change.value
            else:
                edited[:, at] *= change.value
        return edited


def spread_of(z: Tensor | None, z_dim: int) -> tuple[Tensor, Tensor]:
    """Return (mean, standard deviation) of every number: of N(0, 1), or of people's own latents z [N >= 2, z_dim]."""
    if z is None or len(z) < 2:
        return torch.zeros(z_dim), torch.ones(z_dim)
    return z.mean(dim=0), z.std(dim=0)


def parse_edit(text: str, z_dim: int) -> Edit:
    """Read an edit such as `3=5`, `3,17+=2sigma`, `0-9*=0` or `3=5;17=-2`; anything else is a `ConfigError`."""
    changes = []
    for part in text.split(";"):
        found = _CHANGE.fullmatch(part.strip())
        if not found:
            raise ConfigError(f"the edit {text!r} is not understood; write {EXAMPLES}.")
        words, op, given = (found[i].strip() for i in (1, 2, 3))
        in_sigma = given.endswith("sigma")
        try:
            value = float(given.removesuffix("sigma"))
        except ValueError:
            raise ConfigError(f"the edit {text!r} ends in {given!r}, which is no number; write {EXAMPLES}.") from None
        if not math.isfinite(value):
            raise ConfigError(f"the edit {text!r} has the value {value}; it must be finite.")
        check_value(value, f"the edit {text!r} has a value that")
        if in_sigma and op == "*=":
            raise ConfigError(f"the edit {text!r} scales by sigmas; a scale is a plain factor: write {EXAMPLES}.")
        dims = check_dims(_read_dims(words, text, z_dim), z_dim)
        changes.append(Change(dims, op, value, in_sigma))  # type: ignore[arg-type]  # the pattern allows Op only
    edit = Edit(text, tuple(changes))
    _check_reach(edit)
    return edit


def _check_reach(edit: Edit) -> None:
    """Refuse changes that are small one by one but leave float32 together, as many scales of one number do."""
    reach: dict[int, float] = {}
    for change in edit.changes:
        size = abs(change.value) * (LARGEST_DRAWN if change.in_sigma else 1.0)
        for dim in change.dims:
            before = reach.get(dim, LARGEST_DRAWN)
            reach[dim] = {"=": size, "+=": before + size, "*=": before * size}[change.op]
            if reach[dim] > MAX_REACH:
                raise ConfigError(
                    f"the edit {edit.text!r} moves the latent number {dim} as far as {reach[dim]:.2g}; its changes "
                    f"must together stay below {MAX_REACH:.2g}, for images of larger numbers leave float32."
                )


def _read_dims(words: str, text: str, z_dim: int) -> list[int]:
    """Return the numbers of `3,17` and `0-9` (both ends count)."""
    dims: list[int] = []
    for part in words.split(","):
        ends = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", part)
        if not ends or (ends[2] and int(ends[2]) < int(ends[1])):
            raise ConfigError(f"the edit {text!r} names the numbers {words!r}; write 3,17 or 0-9.")
        last = int(ends[2] or ends[1])
        if last >= z_dim:  # before a range as long as the user likes is made
            check_dims((last,), z_dim)
        dims += range(int(ends[1]), last + 1)
    return dims


def parse_edits(texts: Sequence[str], z_dim: int, dims: Sequence[int]) -> tuple[Edit, ...]:
    """Read edits; the name of a preset in `GRIDS` stands for its edits of the chosen numbers `dims`."""
    texts = [texts] if isinstance(texts, str) else texts  # one edit from Python, not its letters
    words = [word for text in texts for word in (GRIDS[text](dims) if text in GRIDS else [text])]
    bounds.check("number of edits", max(1, len(words)), called="the number of edits")
    return tuple(parse_edit(word, z_dim) for word in words)


GRIDS: dict[str, Callable[[Sequence[int]], list[str]]] = {
    "source": lambda dims: [f"{dim}={value}" for value in ("0.1", "5", "20") for dim in dims],
    "sigmas": lambda dims: [f"{dim}={value}sigma" for dim in dims for value in (-3, -2, -1, 0, 1, 2, 3)],
    "joint": lambda dims: [f"{','.join(map(str, dims))}={value}" for value in ("-5", "-2", "0", "2", "5")],
}
"""Grids by name, made for the chosen numbers: the source report's 15 rows; each from -3 to 3 sigma; all together."""


def redraw_all(z: Tensor, dims: Sequence[int], seed: int) -> Tensor:
    """Return the control of an edit of several numbers: each redrawn as `redraw` does."""
    for dim in dims:
        z = redraw(z, dim, seed)
    return z


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


def write_grid(
    generate: Generate, z: Tensor, edits: Sequence[Edit], spread: tuple[Tensor, Tensor], folder: Path, name: str
) -> dict[str, str]:
    """Write `<name>.png`, the unedited images above one row per edit, and `<name>-difference.png`.

    Args:
        generate: latents to uint8 images.
        z: [N, z_dim], the latents pictured; one column each.
        edits: at least one; one row each.
        spread: see `Edit.apply`.
        folder: where the PNG files go.
        name: begins the files' names.

    Returns:
        `{rows, difference}`, file names inside `folder`.
    """
    sheet = generate(torch.cat([z, *(edit.apply(z, spread) for edit in edits)]))
    sheet = sheet.view(len(edits) + 1, len(z), *sheet.shape[1:])
    found = {"rows": f"{name}.png", "difference": f"{name}-difference.png"}
    images.save_png(folder / found["rows"], sheet_pixels(sheet))
    images.save_png(folder / found["difference"], sheet_pixels(difference_map(sheet[1:], sheet[0])))
    return found
