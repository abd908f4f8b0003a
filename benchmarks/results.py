"""The quick lab over several seeds: scores with spread over trainings, claims for the recipes. Writes docs/results.md.

    python -m benchmarks.results --seeds 0 1 2 --budget quick --data-dir DIR

The labs train gan and dcgan; gan-adam is trained beside them on as many images as gan. Every training is measured on
five sample sets in the features of two networks. What is finished is not repeated; what was interrupted continues.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
from pathlib import Path
from typing import Any

import ganatomy
from ganatomy import console, files
from ganatomy.datasets import opening
from ganatomy.datasets.store import Dataset
from ganatomy.laboratory.claims import decide_claims
from ganatomy.laboratory.evidence import load_evidence
from ganatomy.metrics import evaluate
from ganatomy.metrics.comparison import compare_scores
from ganatomy.metrics.features import load_features
from ganatomy.reporting.words import Words
from ganatomy.training.run import Run, open_run

RECIPES = ("gan", "dcgan")
"""What a lab trains."""
NETWORKS = ("fashion-v1", "fashion-v1b")
NUM_SETS, NUM_NEAR = 5, 5000
"""Sample sets per training; images of each behind kernel distance and neighbourhoods."""


def main() -> None:
    """Run the labs that are missing and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--budget", default="quick")
    parser.add_argument("--data", default="fashion-mnist")
    parser.add_argument("--data-dir", type=Path, default=None)
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the labs")
    parser.add_argument("--out", type=Path, default=Path("docs/results.md"))
    args = parser.parse_args()
    labs = {}
    for seed in args.seeds:
        folder = args.runs / f"lab-{args.data}-{args.budget}-s{seed}"
        if not (folder / "lab.json").exists():
            ganatomy.lab(data=args.data, data_dir=args.data_dir, budget=args.budget, seed=seed, out=folder)
        labs[seed] = folder
    dataset = opening.open_data(args.data, _data_dir(args.data_dir), opening.Caller(console.say, console.show))
    measured = measure_all(trainings(labs, args.runs, args.data, args.data_dir), dataset, args.runs / "results")
    files.write_text(args.out, page(labs, args.budget, measured))
    print(f"written: {args.out}", file=sys.stderr)


def _data_dir(data_dir: Path | None) -> Any:
    return {"data_dir": data_dir} if data_dir else {}


def trainings(labs: dict[int, Path], runs: Path, data: str, data_dir: Path | None) -> dict[str, list[Run]]:
    """Return the trainings of every recipe, one per lab; gan-adam is trained where it is missing."""
    found = {recipe: [open_run(lab / "runs" / f"{recipe}-s{seed}") for seed, lab in labs.items()] for recipe in RECIPES}
    total_nimg = found["gan"][0].config.total_nimg
    adam = []
    for seed in labs:
        folder = runs / f"gan-adam-s{seed}"
        if not (folder / "config.json").exists():
            ganatomy.train("gan-adam", data=data, data_dir=data_dir, seed=seed, total_nimg=total_nimg, out=folder)
        elif not open_run(folder).is_finished:
            ganatomy.train(resume=folder, data_dir=data_dir)
        adam.append(open_run(folder))
    return {"gan": found["gan"], "gan-adam": adam, "dcgan": found["dcgan"]}


def measure_all(recipes: dict[str, list[Run]], dataset: Dataset, folder: Path) -> dict[tuple[str, str], list[Any]]:
    """Return the scores of every training by (recipe, network), from the folder where they were measured before."""
    files.make_folder(folder)
    found: dict[tuple[str, str], list[Any]] = {}
    for recipe, runs in recipes.items():
        for network in NETWORKS:
            found[recipe, network] = [_measure(run, dataset, network, folder) for run in runs]
    return found


def _measure(run: Run, dataset: Dataset, network: str, folder: Path) -> dict[str, Any]:
    path = folder / f"{run.name}-{network}.json"
    if not path.exists():
        work = evaluate.measure(
            run.generator(), run.config.z_dim, dataset, load_features(network), seed=run.config.seed,
            num_sets=NUM_SETS, near=(NUM_SETS, NUM_NEAR), memory=None,
        )  # fmt: skip
        record = console.show(work, f"measure {run.name} with {network}")
        assert isinstance(record, dict)
        files.write_json(path, {"run": run.name, "nimg": run.snapshot_nimg, **record})
    scores: dict[str, Any] = files.read_json(path)["scores"]
    return scores


def page(labs: dict[int, Path], budget: str, measured: dict[tuple[str, str], list[Any]]) -> str:
    """Return the Markdown page of several labs of one budget."""
    records = {seed: files.read_json(folder / "lab.json") for seed, folder in labs.items()}
    first = next(iter(records.values()))
    environment = first["environment"]
    packages = ", ".join(f"{name} {version}" for name, version in environment["packages"].items())
    evidence = {
        recipe: [load_evidence(folder / "runs" / f"{recipe}-s{seed}") for seed, folder in labs.items()]
        for recipe in RECIPES
    }
    claims = decide_claims(evidence)
    seeds = " ".join(map(str, labs))
    name = first["data"]["name"]
    lengths = {recipe: _run(first, recipe)["total_nimg"] for recipe in RECIPES}
    shown = " and ".join(f"{recipe} on {nimg:,} images" for recipe, nimg in lengths.items())
    return "\n".join(
        [
            "# Results",
            "",
            f"The {budget} lab on {name}, seeds {seeds}: n = {len(labs)} trainings per recipe, {shown}.",
            "",
            f"Command: `python -m benchmarks.results --seeds {seeds} --budget {budget}`. "
            f"Hardware: {environment['cpu']} ({environment['cpu_capability']}), {environment['num_threads']} threads. "
            f"Versions: ganatomy {first['version']}, Python {environment['python']}, {packages}. "
            f"Data: SHA-256 {first['data']['sha256']}.",
            "",
            "## Scores",
            "",
            f"{NUM_SETS} sample sets of 10,000 images per training ({NUM_NEAR:,} for the kernel distance and the",
            "neighbourhoods), against as many test images, in the features of two networks built apart.",
            "",
            *score_table(measured),
            "",
            "## Is one recipe better?",
            "",
            "By `compare`: Welch on the logarithms, the exact permutation test beside it.",
            "",
            *decision_table(measured),
            "",
            "## Claims of the source report",
            "",
            "Intervals are 95 %, Student's t over the trainings; [coverage.md](coverage.md) shows that they cover.",
            "",
            *claim_table(claims),
            "",
            "## What the latent numbers do",
            "",
            "By `dissect`, on every training; each cell holds the trainings in the order of their seeds.",
            "",
            *dissection_table(labs),
            "",
            "## Single labs",
            "",
            *lab_table(records),
            "",
        ]
    )


def _run(record: dict[str, Any], recipe: str) -> dict[str, Any]:
    return next(run for run in record["runs"].values() if run["preset"] == recipe)


def score_table(measured: dict[tuple[str, str], list[Any]]) -> list[str]:
    """Return one row per score and recipe: mean and spread over trainings, spread over sample sets, floor."""
    rows = [
        "| score | recipe | mean of trainings | sd of trainings | each training (sd of its sample sets) | floor |",
        "|---|---|---|---|---|---|",
    ]
    for network in NETWORKS:
        of_network = {recipe: runs for (recipe, used), runs in measured.items() if used == network}
        for name in next(iter(of_network.values()))[0]:
            for recipe, runs in of_network.items():
                scores = [run[name] for run in runs]
                values = [score["value"] for score in scores]
                each = ", ".join(f"{score['value']:.4g} ({score['spread']:.2g})" for score in scores)
                spread = f"{statistics.stdev(values):.3g}" if len(values) > 1 else "one training"
                mean, floor = statistics.fmean(values), scores[0]["floor"]
                rows.append(f"| `{name}` | {recipe} | {mean:.4g} | {spread} | {each} | {floor:.4g} |")
    return rows


def decision_table(measured: dict[tuple[str, str], list[Any]]) -> list[str]:
    """Return one row per pair of recipes and network: what `compare` decides on the Frechet distance."""
    rows = [
        "| pair | network | ratio of distances | 95 % interval | Welch p | permutation p | verdict |",
        "|---|---|---|---|---|---|---|",
    ]
    recipes = list(dict.fromkeys(recipe for recipe, _ in measured))
    for (first, second), network in itertools.product(itertools.combinations(recipes, 2), NETWORKS):
        name = next(iter(measured[first, network][0]))
        a, b = ([run[name]["value"] for run in measured[recipe, network]] for recipe in (first, second))
        found = compare_scores(a, b, better="lower", is_distance=True)
        rows.append(_decision_row((first, second), network, found))
    return rows


def _decision_row(pair: tuple[str, str], network: str, found: dict[str, Any]) -> str:
    first, second = pair
    ratio = found["ratio"] or {"value": None, "lo": None, "hi": None}
    value, low, high = (_number(ratio[key]) for key in ("value", "lo", "hi"))
    tests = (found["welch"] or {}).get("p"), (found["permutation"] or {}).get("p")
    verdict = {"A better": f"{first} better", "B better": f"{second} better"}.get(found["verdict"], found["verdict"])
    cells = [f"{second} / {first}", network, value, f"{low} to {high}", *map(_number, tests), verdict]
    return f"| {' | '.join(cells)} |"


def claim_table(claims: list[dict[str, Any]]) -> list[str]:
    """Return one row per claim and recipe."""
    words = Words("en")
    rows = [
        "| claim | the source says | recipe | statistic | value | 95 % interval | holds when | verdict |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in claims:
        value, low, high = (_number(row[key]) for key in ("value", "lo", "hi"))
        verdict = row["verdict"] + (f" ({row['reason']})" if row.get("reason") else "")
        limit = f"{row.get('side') or ''} {_number(row['threshold'])}".strip()
        says = words(f"claim.{row['id']}.says")
        claim = f"{row['id']} | {says} | {row['run']} | {row['statistic'].replace('|', chr(92) + '|')}"
        rows.append(f"| {claim} | {value} | {low} to {high} | {limit} | {verdict} |")
    return rows


def dissection_table(labs: dict[int, Path]) -> list[str]:
    """Return one row per question and recipe, with the answers of all trainings."""
    rows = ["| question | " + " | ".join(RECIPES) + " |", "|---|" + "---|" * len(RECIPES)]
    answers = {
        recipe: [_answers(folder / "runs" / f"{recipe}-s{seed}" / "dissect") for seed, folder in labs.items()]
        for recipe in RECIPES
    }
    for question in answers[RECIPES[0]][0]:
        cells = ["; ".join(found[question] for found in answers[recipe]) for recipe in RECIPES]
        rows.append(f"| {question} | " + " | ".join(cells) + " |")
    return rows


def _answers(folder: Path) -> dict[str, str]:
    """Return question -> answer of one training, intervals in brackets."""
    record, jacobian, paths, inversion = (
        files.read_json(folder / f"{name}.json") for name in ("dissect", "jacobian", "paths", "inversion")
    )
    curves, numbers, moves = record["curves"], record["ranking"]["numbers"], record["moves"]
    top = max(range(len(moves["base"])), key=lambda k: moves["shares"]["20"][k])
    best = min(record["scales"]["rows"], key=lambda row: row["frechet"])

    def at(measure: str, value: float) -> float:
        return next(row["mean"] for row in curves[measure]["values"] if row["value"] == value)

    effects = sorted((row["effect"] for row in numbers), reverse=True)
    return {
        "numbers that do nothing visible": str(sum(row["is_idle"] for row in numbers)),
        "effect of the strongest tenth of the numbers": f"{sum(effects[: len(effects) // 10]) / sum(effects):.1%}",
        "effective dimension (participation ratio)": _triple(jacobian["effective_dimension"]),
        "visibly changed pixels at 0.1": f"{at('visible_share', 0.1):.1%}",
        "at 5": f"{at('visible_share', 5.0):.1%}",
        "at 20": f"{at('visible_share', 20.0):.1%}",
        "images that change class at 20": f"{at('class_flip', 20.0):.1%}",
        "precision, unedited and at 20": f"{curves['precision']['base']:.3f}, {at('precision', 20.0):.3f}",
        "confidence, unedited and at 20": f"{curves['confidence']['base']:.3f}, {at('confidence', 20.0):.3f}",
        "sharpness at 5 / unedited": f"{at('sharpness', 5.0) / curves['sharpness']['base']:.3f}",
        "most frequent class at 20, over all numbers": f"{record['class_names'][top]} {moves['shares']['20'][top]:.1%}",
        "best scale of the whole latent (Frechet distance)": f"{best['scale']:g} ({best['frechet']:.3g})",
        "length of straight / spherical paths": _triple(paths["difference"]["length_ratio"]),
        "inversion error of test images, levels": _triple(inversion["test"]["error"], "median"),
        "of the nearest training image": _triple(inversion["test"]["nearest_error"], "median"),
        "test minus training images": _triple(inversion["generalisation"]["difference"], "value"),
    }


def _triple(row: dict[str, float], key: str = "mean") -> str:
    return f"{row[key]:.3g} [{row['lo']:.3g}, {row['hi']:.3g}]"


def lab_table(records: dict[int, dict[str, Any]]) -> list[str]:
    """Return one row per training: classes, confidence."""
    rows = [
        "| seed | recipe | classes of 2 % or more | classes under 1 % | median confidence |",
        "|---|---|---|---|---|",
    ]
    for seed, record in records.items():
        for recipe in RECIPES:
            run = _run(record, recipe)
            counts = run["classes"]["counts"]
            drawn = sum(count >= 0.02 * sum(counts) for count in counts)
            missing = ", ".join(run["classes"]["missing"]) or "none"
            rows.append(
                f"| {seed} | {recipe} | {drawn} of {len(counts)} "
                f"| {missing} | {run['confidence']['median']:.3f} |"
            )
    return rows


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


if __name__ == "__main__":
    main()
