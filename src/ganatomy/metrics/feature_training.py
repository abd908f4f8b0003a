"""Train a feature network on a data set's classes, for the package (`scripts/train_features.py`) or for one's own data.

The network learns the classes of the first training images; the last of them, `Dataset.num_held_out`, choose the
epoch and later serve as held-out real images for the floor of every score; the test images are looked at once, at the
end. The weights are stored in half precision and every accuracy is that of the stored weights, computed in float32.
A training that stops continues at the last finished epoch and ends with the same bytes.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn

from .. import bounds, device, files, rng
from ..datasets.store import Dataset
from ..errors import CheckpointError, DataError, Interrupted, RunError
from ..progress import Progress
from ..training import checkpoint
from . import evaluate
from .classifier import Classifier, ClassNetwork, check_shape
from .feature_learning import Examples, FeatureRecipe, FeatureState, complete, score, train_epoch
from .features import (
    OWN,
    build_network,
    cannot_train,
    features_for,
    find_own,
    make_network,
    moments_bytes,
    moments_file,
    own_folder,
)
from .knowledge import of_card
from .splits import Split

OWN_NIMG = 300_000
"""Training images of 28x28 shown to an own network, about, and fewer of larger ones; 3 to 60 epochs."""
JOB, EPOCHS = "training.json", "epochs.jsonl"


@dataclass(frozen=True, kw_only=True)
class Job:
    """One network to be trained."""

    recipe: FeatureRecipe
    seed: int = 0
    """Seed of weights, order and augmentation."""
    num_threads: int | None = None
    """CPU threads; None: those of the training that is continued, else as this machine has cores."""
    name: str | None = None
    """The network's name; None: `own-` and the first digits of its weights' SHA-256."""
    factors: tuple[Tensor, Tensor] | None = None
    """float32 [N, F] in [0, 1] of all training images and a mask [num_classes, F] of those that apply to a class."""
    network: str = Classifier.kind
    """What is built, see `features.NETWORKS`."""
    about: dict[str, Any] | None = None
    """What else the card says, such as the command."""


@dataclass(frozen=True)
class Trained:
    """A finished network: its three files."""

    card: dict[str, Any]
    weights: bytes
    moments: bytes

    def write(self, folder: Path) -> None:
        """Write the moments, the weights and, last, the card that makes them a network."""
        name = self.card["name"]
        files.make_folder(folder)
        files.write_bytes(folder / moments_file(name), self.moments)
        files.write_bytes(folder / f"{name}.safetensors", self.weights)
        files.write_json(folder / f"{name}.json", self.card)


def train_features(
    dataset: Dataset,
    *,
    seed: int = 0,
    num_epochs: int | None = None,
    num_threads: int | None = None,
    flip: bool = False,
    folder: Path | None = None,
    say: Callable[[str], None] = lambda message: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[Progress | dict[str, Any]]:
    """Train an own network on a data set with classes; `features_for` finds it from then on.

    Started again it continues, or returns the card of the same training that is finished; another training takes the
    place of the one before when it is finished.

    Args:
        dataset: at least 2 classes and 20 labelled training images.
        seed: seed of everything random.
        num_epochs: passes over the training part; None: so that about 300,000 images of 28x28 are seen (fewer of larger
            ones), 3 to 60.
        num_threads: CPU threads; None: decided by the machine and kept.
        flip: mirror half of the images left to right, for data where that changes nothing that matters.
        folder: where the files and checkpoints go; None: the data set's folder in the user's cache.
        say: receives what was decided and how each epoch ended, in words.
        should_stop: asked after every step; when true `Interrupted` is raised, and finished epochs are kept.

    Yields:
        `Progress` in images, then the network's card.

    Raises:
        DataError: data that no network can be trained on.
        ConfigError: a seed, a number of epochs or of threads that is not allowed.
        RunError: the folder is in use, or holds an unfinished training with other settings.
        DivergedError: a loss is not finite.
        StorageError: a file cannot be written.
    """
    recipe = own_recipe(dataset, num_epochs, flip)
    command = f"ganatomy features train {dataset.name}"
    job = Job(recipe=recipe, seed=seed, num_threads=num_threads, about={"command": command})
    _check(dataset, job)
    folder = files.make_folder(folder or own_folder(dataset))
    with files.one_writer(folder):
        card = find_own(dataset, folder)
        if card and _is_same(card, job):
            say(f"{card['name']} in {folder} was trained with these settings; nothing is left to do.")
            _judge(card, dataset, folder, say)
            yield card
            return
        for step in train_network(dataset, job, folder, say=say, should_stop=should_stop):
            if isinstance(step, Progress):
                yield step
                continue
            step.write(folder)
            if card and card["name"] != step.card["name"]:
                files.remove_files(folder / f"{card['name']}{end}" for end in (".json", ".safetensors"))
                files.remove_files([folder / moments_file(card["name"])])
            clear(folder)
            _judge(step.card, dataset, folder, say)
            yield files.read_json(folder / f"{step.card['name']}.json")


def _judge(card: dict[str, Any], dataset: Dataset, folder: Path, say: Callable[[str], None]) -> None:
    """Say what a finished network is not used for: it knows too little, or a shipped one stays in use."""
    known = of_card(card, dataset)
    used = features_for(dataset).name if folder == own_folder(dataset) else card["name"]
    if not known.is_enough:
        say(
            f"warning: {card['name']} gets {known.accuracy:.1%} of {known.num:,} held-out images right; chance gets "
            f"{known.chance:.1%}, and at least {known.least:.1%}, beyond luck, is wanted of a network that judges. So "
            f"it is not used unless it is asked for by name (--features {card['name']}); "
            f"{used} looks at these data. More images for each class, or more epochs, may help."
        )
    elif used != card["name"]:
        say(f"{used} is the shipped network for exactly these data and stays in use.")


def own_recipe(dataset: Dataset, num_epochs: int | None = None, flip: bool = False) -> FeatureRecipe:
    """Return the recipe of an own network: epochs by the number of images, smaller batches where there are few."""
    num = max(1, len(dataset.train) - dataset.num_held_out)
    if num_epochs is None:
        _, height, width = dataset.img_shape
        share = min(1.0, 784 / (height * width))
        num_epochs = min(60, max(3, round(OWN_NIMG * share / num)))
    batch_size = min(125, max(16, num // 16))
    return FeatureRecipe(data=dataset.name, num_epochs=num_epochs, flip=flip, batch_size=batch_size)


def train_network(
    dataset: Dataset, job: Job, folder: Path, *, say: Callable[[str], None], should_stop: Callable[[], bool]
) -> Iterator[Progress | Trained]:
    """Train one network with its checkpoints in `folder`, which the caller holds; yield progress, then the result.

    The result is not written; `clear` removes what a finished training left in the folder.
    """
    _check(dataset, job)
    files.make_folder(folder)
    num_threads, reason = _claim(folder, dataset, job)
    say(f"CPU threads: {num_threads} ({reason}).")
    device.use_threads(num_threads)
    num_factors = job.factors[0].shape[1] if job.factors else 0
    with rng.torch_seeded(job.seed, "features_init"):
        net = make_network(job.network, len(dataset.class_names), dataset.img_shape, num_factors)
    state = FeatureState(net, job.recipe)
    try:
        if checkpoint.load_newest(folder, state, say):
            say(f"continuing after epoch {len(state.epochs)} of {job.recipe.num_epochs}.")
    except CheckpointError as error:
        raise CheckpointError(f"{error} A feature network: remove {folder} and start again.") from error
    yield from _learn(dataset, job, state, folder, say, should_stop)
    state.net.load_state_dict(state.best)
    seconds = sum({line["epoch"]: line["seconds"] for line in files.read_jsonl(folder / EPOCHS)}.values())
    yield _finished(dataset, job, state, num_threads, seconds)


def clear(folder: Path) -> None:
    """Remove the checkpoints and the notes of a training from its folder."""
    checkpoint.clear(folder)
    files.remove_files([folder / EPOCHS, folder / JOB])


def _check(dataset: Dataset, job: Job) -> None:
    """Refuse what cannot be trained, before any work."""
    bounds.check("seed", job.seed)
    reason = cannot_train(dataset)
    if reason:
        raise DataError(f"no feature network can be trained: {reason}.")
    check_shape(dataset.img_shape)
    for store, words in ((dataset.train, "training"), (dataset.test, "test")):
        if store.labels is not None and not 0 <= int(store.labels.min()) <= int(store.labels.max()) < len(
            dataset.class_names
        ):
            raise DataError(f"{dataset.name} has {words} labels outside its {len(dataset.class_names)} classes.")
    train = _split(dataset, job)[0]
    if len(train.labels.unique()) < 2:
        raise DataError(
            f"the first {len(train):,} training images of {dataset.name}, which the network would learn from, are all "
            "of one class. Shuffle the training images."
        )
    if len(dataset.test) < 2:
        raise DataError(f"{dataset.name} has {len(dataset.test)} test images; at least 2 are needed.")
    if job.factors and (
        job.factors[0].shape != (len(dataset.train), job.factors[1].shape[1])
        or len(job.factors[1]) != len(dataset.class_names)
    ):
        raise DataError(
            f"factors are {list(job.factors[0].shape)} and their mask {list(job.factors[1].shape)}; needed: one row "
            f"per training image ({len(dataset.train):,}) and one per class ({len(dataset.class_names)})."
        )


def _split(dataset: Dataset, job: Job) -> tuple[Examples, Examples]:
    """Return the images that are learnt from and the held-out ones."""
    assert dataset.train.labels is not None, "cannot_train refuses data without labels"
    factors, mask = (job.factors[0], job.factors[1].float()) if job.factors else (None, None)
    everything = Examples(dataset.train.images, dataset.train.labels, factors, mask)
    first = len(everything) - dataset.num_held_out
    return everything.part(slice(0, first)), everything.part(slice(first, None))


def _claim(folder: Path, dataset: Dataset, job: Job) -> tuple[int, str]:
    """Note in the folder what is trained, or check that it is the same training; return the CPU threads and why."""
    path = folder / JOB
    wanted: dict[str, Any] = {
        "data_sha256": dataset.sha256,
        "seed": job.seed,
        "network": job.network,
        **asdict(job.recipe),
    }
    if not path.exists():
        num_threads, reason = device.choose_threads(job.num_threads)
        files.write_json(path, wanted | {"num_threads": num_threads})
        return num_threads, reason
    found = complete({"network": Classifier.kind} | files.read_json(path))
    if job.num_threads is not None:
        wanted["num_threads"] = job.num_threads
    changed = [f"{key}: {found.get(key)} -> {value}" for key, value in wanted.items() if found.get(key) != value]
    if changed:
        raise RunError(
            f"{folder} holds an unfinished training with other settings ({'; '.join(changed)}). Give the same ones to "
            "continue it, or remove the folder."
        )
    return int(found["num_threads"]), "as this training was begun"


def _is_same(card: dict[str, Any], job: Job) -> bool:
    return (
        complete(card["recipe"]) == asdict(job.recipe)
        and card["seed"] == job.seed
        and job.num_threads in (None, card["num_threads"])
    )


def _learn(
    dataset: Dataset, job: Job, state: FeatureState, folder: Path, say: Callable[[str], None],
    should_stop: Callable[[], bool],
) -> Iterator[Progress]:  # fmt: skip
    """Train the epochs that are left, with a checkpoint after each."""
    train, held_out = _split(dataset, job)
    num_epochs = job.recipe.num_epochs
    while len(state.epochs) < num_epochs:
        start = time.perf_counter()
        steps = train_epoch(state, train, job.recipe, job.seed)
        while True:
            try:
                next(steps)
            except StopIteration as ended:
                loss: float = ended.value
                break
            yield Progress(state.cur_nimg, num_epochs * len(train))
            if should_stop():
                raise Interrupted(
                    f"stopped in epoch {len(state.epochs) + 1} of {num_epochs}; the epochs before it are kept in "
                    f"{folder}."
                )
        record = state.finish_epoch(loss, score(state.net, held_out))
        seconds = time.perf_counter() - start
        files.append_jsonl(folder / EPOCHS, {"epoch": record["epoch"], "seconds": seconds})
        checkpoint.save(folder, state)
        say(
            f"epoch {record['epoch']} of {num_epochs}: loss {record['loss']:.4f}, {record['accuracy']:.2%} of "
            f"{len(held_out):,} held-out images right, {seconds:.0f} s"
        )


def _finished(dataset: Dataset, job: Job, state: FeatureState, num_threads: int, seconds: float) -> Trained:
    """Return the network's files; `state.net` holds the best weights and is rounded to half precision."""
    net, (_, held_out) = state.net, _split(dataset, job)
    weights = save(to_half(net))
    test = dataset.test
    tested = score(net, Examples(test.images, test.labels)) if test.labels is not None else None
    sha256 = files.sha256(weights)
    card = {
        "name": job.name or f"{OWN}{sha256[:8]}",
        "sha256": sha256,
        **(job.about or {}),
        **describe(net, dataset),
        "validation": score(net, held_out),
        "test": tested,
        "recipe": asdict(job.recipe),
        "seed": job.seed,
        "num_threads": num_threads,
        "chosen_epoch": state.chosen_epoch,
        "epochs": state.epochs,
        "seconds": round(seconds, 1),
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
    }
    card["held_out"] = of_card(card, dataset).to_dict()
    network = build_network(card, weights)
    splits: tuple[Split, ...] = ("test", "held_out")
    moments = moments_bytes({split: evaluate.compute_moments(dataset, network, split) for split in splits})
    return Trained(card | {"moments_sha256": files.sha256(moments)}, weights, moments)


def multiply_adds(net: nn.Module, input_shape: tuple[int, int, int]) -> int:
    """Count the multiplications of one image's forward pass in convolutions and linear layers."""
    counts: list[int] = []

    def count(module: nn.Module, _: Any, output: Tensor) -> None:
        if isinstance(module, nn.Conv2d | nn.Linear):
            counts.append(module.weight[0].numel() * output[0].numel())

    handles = [module.register_forward_hook(count) for module in net.modules()]
    with torch.inference_mode():
        net.eval()(torch.zeros(1, *input_shape))
    for handle in handles:
        handle.remove()
    return sum(counts)


def to_half(net: nn.Module) -> dict[str, Tensor]:
    """Round the network's weights to half precision in place and return what the file holds."""
    kept = {key: value.half() for key, value in net.state_dict().items() if not key.endswith("num_batches_tracked")}
    net.load_state_dict({key: value.float() for key, value in kept.items()}, strict=False)
    return {key: value.contiguous() for key, value in kept.items()}


def describe(net: ClassNetwork, data: Dataset) -> dict[str, Any]:
    """Return the part of the card that the network and its data decide."""
    factors = {"num_factors": net.factors.out_features} if net.factors is not None else {}
    return {
        "intended_use": "A frozen feature space and class probabilities for comparing generated with real images of "
        "this data set (Frechet distance, class histogram, confidence). Scores are not FID and compare only with "
        "scores of the same sha256; not a classifier for products.",
        "data": {
            "name": data.name,
            "sha256": data.sha256,
            "trained_on": f"train, first {len(data.train) - data.num_held_out}",
            "chosen_on": f"train, last {data.num_held_out}",
            "tested_on": f"test, all {len(data.test)}",
        },
        "class_names": list(data.class_names),
        "img_shape": list(data.img_shape),
        "network": net.kind,
        "architecture": net.architecture,
        "num_features": net.num_features,
        **factors,
        "feature_layer": net.feature_layer,
        "parameters": sum(parameter.numel() for parameter in net.parameters()),
        "multiply_adds": multiply_adds(net, data.img_shape),
        "stored": "float16",
    }
