"""A run that starts from another run's weights (`--init-from`): what fits, said before any folder is made."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from ..config import TrainConfig
from ..errors import RunError
from ..models import registry
from . import checkpoint
from .run import Run, open_run
from .state import TrainState, identity


def check_source(folder: Path) -> None:
    """Raise a `RunError` unless a folder is a run with a whole checkpoint."""
    _newest(open_run(folder))


def check_fits(folder: Path, config: TrainConfig) -> None:
    """Raise a `RunError` unless the networks of a run's newest whole checkpoint are those of a configuration.

    Only the head of the file is read beyond what proves it whole.
    """
    source = open_run(folder)
    path = _newest(source)
    try:
        found = checkpoint.shapes(path)
    except checkpoint.Damaged as error:
        raise RunError(f"{folder} cannot be started from: {error}.") from error
    G, D = registry.build_generator(config), registry.build_discriminator(config)
    wanted = _shapes("G", G) | _shapes("D", D) | _shapes("G_ema", G)
    if wanted == {name: shape for name, shape in found.items() if name.partition(".")[0] in ("G", "D", "G_ema")}:
        return
    changed = _differences(source.config, config) or "the tensors of its checkpoint have other names or shapes"
    raise RunError(
        f"the weights of {folder} do not fit the new run ({changed}, from there to here). Start with the same network, "
        "--z-dim and shape of the images, or leave out --init-from."
    )


def start(state: TrainState, folder: Path, name: str) -> str:
    """Give a new state the weights of another run; return that in words."""
    try:
        check_fits(folder, state.config)
    except RunError as error:
        raise RunError(f"{name} has no checkpoint yet and starts from another run's weights: {error}") from error
    path = _newest(open_run(folder))
    state.start_from(checkpoint.read(path)[0])
    return f"{name}: starting from the weights of {folder} after {checkpoint.nimg_of(path):,} images."


def _newest(source: Run) -> Path:
    good = checkpoint.newest_good(source.folder, identity(source.config))
    if good is None:
        what = "only damaged checkpoints" if checkpoint.checkpoints(source.folder) else "no checkpoint yet"
        raise RunError(f"{source.folder} has {what} to start from; choose another run for --init-from.")
    return good


def _shapes(name: str, network: nn.Module) -> dict[str, tuple[int, ...]]:
    return {f"{name}.{key}": tuple(value.shape) for key, value in network.state_dict().items()}


def _differences(there: TrainConfig, here: TrainConfig) -> str:
    """Return what decides the networks' shapes and differs, in words."""
    rows = (
        ("network", there.model, here.model),
        ("image size", f"{there.img_height}x{there.img_width}", f"{here.img_height}x{here.img_width}"),
        ("channels", there.img_channels, here.img_channels),
        ("z_dim", there.z_dim, here.z_dim),
    )
    return ", ".join(f"{name}: {before} -> {after}" for name, before, after in rows if before != after)
