"""The training scalars between two lines of stats.jsonl: raw values per step, worked out many steps at a time."""

from __future__ import annotations

import torch
from torch import Tensor

from ..losses import adversarial

SCALARS = (
    "Loss/G/adv", "Loss/D/adv", "Loss/D/real", "Loss/D/fake", "Scores/real", "Scores/fake",
    "Accuracy/real", "Accuracy/fake", "Grad/G/norm", "Grad/D/norm",
)  # fmt: skip
"""Training scalars, averaged over the images of a tick; defined in docs/logged-values.md."""
NUM_ROWS = 64
"""Steps kept raw before their scalars are worked out."""


class TickLog:
    """Logits and gradient norms of the last steps, and sums of the scalars of those before them, on the device.

    A step costs two copies instead of thirty small operations. Steps are worked out 64 at a time, or at the end of a
    tick, and a checkpoint holds the rows that are still raw: so where a run was interrupted changes no digit.
    """

    def __init__(self, device: torch.device, batch_size: int):
        self._dtype = torch.float32 if device.type == "mps" else torch.float64
        self.sums = torch.zeros(len(SCALARS), dtype=self._dtype, device=device)
        self.logits = torch.zeros(NUM_ROWS, 3, batch_size, device=device)
        self.norms = torch.zeros(NUM_ROWS, 2, device=device)
        self.num_rows = 0
        self.num_images = 0

    def add(self, logits: Tensor, norms: Tensor) -> None:
        """Add a step: logits [3, N] of real images and of generated ones for D and for G; norms [2] of G and D."""
        num = logits.shape[1]
        is_whole = num == self.logits.shape[2]
        if not is_whole:  # the last step of a run; its row stands alone
            self._work_out(self.logits.shape[2])
        row = self.num_rows
        self.logits[row, :, :num] = logits
        self.norms[row] = norms
        self.num_rows += 1
        self.num_images += num
        if self.num_rows == NUM_ROWS or not is_whole:
            self._work_out(num)

    def take(self) -> dict[str, float]:
        """Return the means by name and start again from zero; the one read from the device per tick."""
        self._work_out(self.logits.shape[2])
        means = (self.sums / self.num_images).tolist()
        self.sums.zero_()
        self.num_images = 0
        return dict(zip(SCALARS, means))

    def tensors(self) -> dict[str, Tensor]:
        """Return what a checkpoint keeps."""
        return {"sums": self.sums, "logits": self.logits[: self.num_rows], "norms": self.norms[: self.num_rows]}

    def load(self, tensors: dict[str, Tensor], num_images: int) -> None:
        """Continue from what `tensors` returned."""
        self.num_rows = len(tensors["norms"])
        self.num_images = num_images
        self.sums.copy_(tensors["sums"])
        self.logits[: self.num_rows].copy_(tensors["logits"])
        self.norms[: self.num_rows].copy_(tensors["norms"])

    def _work_out(self, num: int) -> None:
        """Turn the raw rows, of `num` images each, into scalars and add them to the sums, one step after the other."""
        if self.num_rows == 0:
            return
        rows = self.logits[: self.num_rows, :, :num].to(self._dtype)
        norms = self.norms[: self.num_rows].to(self._dtype)
        for step in scalars(rows, norms):
            self.sums.add_(step, alpha=num)
        self.num_rows = 0


def scalars(logits: Tensor, norms: Tensor) -> Tensor:
    """Return the SCALARS of steps from logits [S, 3, N] and norms of G and D [S, 2]: [S, 10]."""
    real, gen, gen_for_g = logits.unbind(1)
    columns = (
        adversarial.g_loss(real, gen_for_g), adversarial.d_loss(real, gen), adversarial.d_loss_real(real),
        adversarial.d_loss_gen(gen), real.sigmoid(), gen.sigmoid(), (real > 0).to(real.dtype), (gen < 0).to(real.dtype),
    )  # fmt: skip
    return torch.cat([torch.stack(columns, 1).mean(2), norms], dim=1)
