"""The quick lab over several seeds: scores with spread over trainings, claims for the recipes. Writes docs/results.md.

    python -m benchmarks.results --seeds 0 1 2 --budget quick --data-dir DIR

Labs that are finished are not repeated; one that was interrupted continues.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path
from typing import Any

import ganatomy
from ganatomy import files
from ganatomy.laboratory.claims import decide_claims
from ganatomy.laboratory.evidence import load_evidence

RECIPES = ("gan", "dcgan")


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
    files.write_text(args.out, page(labs, args.budget))
    print(f"written: {args.out}", file=sys.stderr)


def page(labs: dict[int, Path], budget: str) -> str:
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
            *score_table(records),
            "",
            "## Claims of the source report",
            "",
            "Intervals are 95 %, hierarchical bootstrap over trainings, latent numbers and latents.",
            "",
            *claim_table(claims),
            "",
            "## Single labs",
            "",
            *lab_table(records),
            "",
        ]
    )


def _run(record: dict[str, Any], recipe: str) -> dict[str, Any]:
    return next(run for run in record["runs"].values() if run["preset"] == recipe)


def score_table(records: dict[int, dict[str, Any]]) -> list[str]:
    """Return one row per recipe and score: mean, standard deviation over trainings, spread over sample sets."""
    rows = [
        "| recipe | score | mean of trainings | sd of trainings | each training (sd of its sample sets) | floor |",
        "|---|---|---|---|---|---|",
    ]
    for recipe in RECIPES:
        runs = [_run(record, recipe) for record in records.values()]
        for name in runs[0]["scores"]:
            scores = [run["scores"][name] for run in runs]
            values = [score["value"] for score in scores]
            each = ", ".join(f"{score['value']:.3f} ({score['spread']:.3f})" for score in scores)
            spread = f"{statistics.stdev(values):.3f}" if len(values) > 1 else "one training"
            mean, floor = statistics.fmean(values), scores[0]["floor"]
            rows.append(f"| {recipe} | `{name}` | {mean:.3f} | {spread} | {each} | {floor:.4f} |")
    return rows


def claim_table(claims: list[dict[str, Any]]) -> list[str]:
    """Return one row per claim and recipe."""
    rows = [
        "| claim | recipe | statistic | value | 95 % interval | holds when | verdict |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in claims:
        value, low, high = (_number(row[key]) for key in ("value", "lo", "hi"))
        verdict = row["verdict"] + (f" ({row['reason']})" if row.get("reason") else "")
        limit = f"{row.get('side') or ''} {_number(row['threshold'])}".strip()
        claim = f"{row['id']} | {row['run']} | {row['statistic'].replace('|', chr(92) + '|')}"
        rows.append(f"| {claim} | {value} | {low} to {high} | {limit} | {verdict} |")
    return rows


def lab_table(records: dict[int, dict[str, Any]]) -> list[str]:
    """Return one row per training: time, speed, classes, confidence."""
    rows = [
        "| seed | recipe | training s | images/s | classes of 2 % or more | classes under 1 % | median confidence |",
        "|---|---|---|---|---|---|---|",
    ]
    for seed, record in records.items():
        for recipe in RECIPES:
            run = _run(record, recipe)
            counts = run["classes"]["counts"]
            drawn = sum(count >= 0.02 * sum(counts) for count in counts)
            missing = ", ".join(run["classes"]["missing"]) or "none"
            rows.append(
                f"| {seed} | {recipe} | {run['seconds']:.0f} | {run['img_per_sec']:.0f} | {drawn} of {len(counts)} "
                f"| {missing} | {run['confidence']['median']:.3f} |"
            )
    return rows


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


if __name__ == "__main__":
    main()
