"""Train a shipped feature network and write its weights, moments and card into the package.

    python scripts/train_features.py fashion-v1
    python scripts/train_features.py fashion-v1b --seed 1
    python scripts/train_features.py mnist-v1
    python scripts/train_features.py atelier-v1

The recipes are here, the training is `ganatomy.metrics.feature_training`. Stopped and started again it continues at
the last finished epoch, which is kept in `--work`.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch

from ganatomy import device, files
from ganatomy.datasets import atelier, catalog
from ganatomy.metrics import feature_training
from ganatomy.metrics.classifier import Classifier
from ganatomy.metrics.feature_learning import FeatureRecipe
from ganatomy.metrics.features import WEIGHTS
from ganatomy.metrics.plain_classifier import PlainClassifier
from ganatomy.progress import Progress

FASHION_HISTORY = (
    "a network with average pooling, shifts of 2, 14 epochs, batches of 200, rate 0.2 and decay 5e-4 reached 0.9289 "
    "on the held-out and 0.9258 on the test images"
)
RECIPES = {
    "fashion-v1": FeatureRecipe(data="fashion-mnist", num_epochs=16, flip=True, history=FASHION_HISTORY),
    # The second network differs in all it can: kind, optimizer, rate, batches, images never mirrored, seed.
    "fashion-v1b": FeatureRecipe(
        data="fashion-mnist", num_epochs=14, batch_size=100, optimizer="adamw", max_lr=4e-3, rise=0.3, weight_decay=0.05
    ),
    "mnist-v1": FeatureRecipe(data="mnist", num_epochs=3),
    # Nothing is shifted, since where the drawn things are says how large they are.
    "atelier-v1": FeatureRecipe(data="atelier", num_epochs=10, shift_px=0),
}
NETWORKS = {"fashion-v1b": PlainClassifier.kind}
"""Kinds of networks that are not residual."""


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Train a shipped feature network.")
    parser.add_argument("name", choices=sorted(RECIPES))
    parser.add_argument("--data-dir", type=Path, help="folder of the data sets (default: the package's own)")
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="where the files go (default: the package)")
    parser.add_argument("--work", type=Path, help="where checkpoints go (default: runs/features-<name>)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, help="CPU threads; another number rounds sums differently")
    return parser.parse_args()


def main() -> None:
    """Train the named network, then write its weights, the moments of its real images and its card."""
    args = arguments()
    num_threads, _ = device.choose_threads(args.threads)
    command = f"python scripts/train_features.py {args.name} --seed {args.seed} --threads {num_threads}"
    recipe = RECIPES[args.name]
    data = atelier.load() if recipe.data == atelier.NAME else catalog.load(recipe.data, args.data_dir)
    factors = None if data.train.factors is None else (data.train.factors, torch.from_numpy(atelier.APPLIES))
    about = {"licence": "Apache-2.0", "command": command} | ({"factors": atelier.FACTORS} if factors else {})
    job = feature_training.Job(
        name=args.name, recipe=recipe, seed=args.seed, num_threads=num_threads, factors=factors,
        network=NETWORKS.get(args.name, Classifier.kind), about=about,
    )  # fmt: skip
    work = files.make_folder(args.work or Path("runs") / f"features-{args.name}")

    def say(message: str) -> None:
        print(message, file=sys.stderr, flush=True)

    with files.one_writer(work):
        for step in feature_training.train_network(data, job, work, say=say, should_stop=lambda: False):
            if not isinstance(step, Progress):
                step.write(args.out)
                result = {"validation": step.card["validation"], "test": step.card["test"], "bytes": len(step.weights)}
        feature_training.clear(work)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
