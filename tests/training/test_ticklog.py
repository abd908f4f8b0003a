"""Raw values per step, and the scalars of a tick that come of them."""

import pytest
import torch

from ganatomy.training.ticklog import NUM_ROWS, SCALARS, TickLog

CPU = torch.device("cpu")


def values(step: int, num: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(step)
    return 3 * torch.randn(3, num, generator=draw), torch.rand(2, generator=draw)


def one_by_one(steps: list[int], sizes: list[int]) -> dict[str, float]:
    """The means worked out in the plain way."""
    total, seen = torch.zeros(len(SCALARS), dtype=torch.float64), 0
    for step, num in zip(steps, sizes, strict=True):
        logits, norms = values(step, num)
        real, gen, gen_for_g = (row.double() for row in logits)
        per_image = [
            -gen_for_g.sigmoid().log(), -real.sigmoid().log() - (1 - gen.sigmoid()).log(), -real.sigmoid().log(),
            -(1 - gen.sigmoid()).log(), real.sigmoid(), gen.sigmoid(), (real > 0).double(), (gen < 0).double(),
        ]  # fmt: skip
        total += num * torch.tensor([float(each.mean()) for each in per_image] + [float(norm) for norm in norms])
        seen += num
    return dict(zip(SCALARS, (total / seen).tolist(), strict=True))


@pytest.mark.parametrize("num_steps", [1, 5, NUM_ROWS, NUM_ROWS + 3, 2 * NUM_ROWS + 1])
def test_means_are_weighted_by_images(num_steps):
    log, sizes = TickLog(CPU, 6), [6] * (num_steps - 1) + [4]
    for step, num in enumerate(sizes):
        log.add(*values(step, num))
    assert log.num_images == sum(sizes)
    assert log.take() == pytest.approx(one_by_one(list(range(num_steps)), sizes), rel=1e-6)
    assert log.num_images == 0
    log.add(*values(7))
    assert log.take() == pytest.approx(one_by_one([7], [6]), rel=1e-6)


def test_where_a_run_is_interrupted_changes_no_digit():
    """Saved and loaded after every step, or never: the same bytes."""
    whole, parts = TickLog(CPU, 6), TickLog(CPU, 6)
    for step in range(NUM_ROWS + 20):
        whole.add(*values(step))
        parts.add(*values(step))
        saved = {name: value.clone() for name, value in parts.tensors().items()}
        num_images = parts.num_images
        parts = TickLog(CPU, 6)
        parts.load(saved, num_images)
    assert parts.num_rows == whole.num_rows == 20
    assert parts.take() == whole.take()
