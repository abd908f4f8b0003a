"""The lab as a newcomer runs it: one command, one folder, numbers that repeat and survive kill -9."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

CLAIMS = {f"C{number}" for number in range(1, 14)}
TIMES = {"seconds", "seconds_all", "img_per_sec", "command", "environment"}


def start_lab(some_data: list[str], out: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "ganatomy", "lab", "--budget", "smoke", *some_data]
    command += ["--out", str(out), *more]
    return subprocess.Popen(command, text=True, encoding="utf-8", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def finish(process: subprocess.Popen[str], timeout: float = 400) -> str:
    output, _ = process.communicate(timeout=timeout)
    assert process.returncode == 0, output
    return output


def record_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "lab.json").read_text(encoding="utf-8"))


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_times(item) for key, item in value.items() if key not in TIMES}
    return [without_times(item) for item in value] if isinstance(value, list) else value


def test_plan_and_expected_time_come_first(smoke_lab: tuple[Path, str]) -> None:
    output = smoke_lab[1]
    assert output.index("plan:") < output.index("expected: about") < output.index("train gan-s0: done")


def test_lab_json_follows_its_schema(smoke_lab: tuple[Path, str], some_data: list[str]) -> None:
    record = record_of(smoke_lab[0])
    assert record["schema"] == 1
    assert record["budget"] == "smoke"
    assert record["data"]["name"] == some_data[1]
    assert (record["data"]["num_train"], record["data"]["num_test"]) == (60_000, 10_000)
    assert record["networks"] == {
        "gan": {"generator_parameters": 114_064, "discriminator_parameters": 100_609},
        "dcgan": {"generator_parameters": 837_953, "discriminator_parameters": 432_321},
    }
    for run in record["runs"].values():
        assert len(run["loss"]) >= 20
        assert [set(point) for point in run["loss"][:1]] == [{"nimg", "G", "D", "D_real", "D_fake"}]
        assert run["loss"][-1]["nimg"] == run["total_nimg"]
        network = f"{some_data[1].split('-')[0]}-v1"
        near = [f"{name}1k_test[{network}]" for name in ("kd", "precision", "recall", "density", "coverage")]
        assert set(run["scores"]) == {f"fd10k_test[{network}]", *near}
        score = run["scores"][f"fd10k_test[{network}]"]
        assert 0 < score["floor"] < score["value"]
        assert score["num_gen"] == score["num_real"] == 10_000
        assert score["spread"] > 0
        for name in near:
            assert run["scores"][name]["num_gen"] == run["scores"][name]["num_real"] == 1000
            assert run["scores"][name]["floor"] is not None
        assert sum(run["classes"]["counts"]) == 10_000


def test_thirty_chosen_edits_have_n_interval_and_control(smoke_lab: tuple[Path, str]) -> None:
    edits = record_of(smoke_lab[0])["edits"]
    chosen = {(row["run"], row["dim"], row["value"]) for row in edits}
    assert len(chosen) == 2 * 5 * 3
    for row in edits:
        assert row["num_latents"] > 0
        for part in (row, row["control"]):
            numbers = [part["mean"], part["lo"], part["hi"]]
            assert None in numbers or (all(map(math.isfinite, numbers)) and part["lo"] <= part["mean"] <= part["hi"])
    assert {row["measure"] for row in edits} >= {"visible_share", "sharpness", "noise_share", "confidence"}


def test_every_claim_has_a_number_and_a_verdict(smoke_lab: tuple[Path, str]) -> None:
    claims = record_of(smoke_lab[0])["claims"]
    assert {row["id"] for row in claims} == CLAIMS
    for row in claims:
        assert row["verdict"] in ("holds", "fails", "undecided")
        assert row["value"] is not None or row["reason"]
        assert row["verdict"] == "undecided" or row["lo"] <= row["value"] <= row["hi"]


def test_figures_exist(smoke_lab: tuple[Path, str]) -> None:
    folder, _ = smoke_lab
    figures = record_of(folder)["figures"]
    assert len(figures) >= 10
    for figure in figures:
        assert figure["caption"]
        assert (folder / figure["file"]).exists()


def test_a_finished_lab_repeats_nothing(smoke_lab: tuple[Path, str], some_data: list[str]) -> None:
    folder, _ = smoke_lab
    stats = [path.stat().st_mtime_ns for path in sorted(folder.glob("runs/*/stats.jsonl"))]
    before = without_times(record_of(folder))
    finish(start_lab(some_data, folder))
    assert stats == [path.stat().st_mtime_ns for path in sorted(folder.glob("runs/*/stats.jsonl"))]
    assert without_times(record_of(folder)) == before


def test_another_configuration_is_refused(smoke_lab: tuple[Path, str], some_data: list[str]) -> None:
    process = start_lab(some_data, smoke_lab[0], "--seed", "1")
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "seed: 0 -> 1" in output
    assert "Traceback" not in output


@pytest.mark.slow
def test_the_same_seed_gives_the_same_numbers(
    smoke_lab: tuple[Path, str], some_data: list[str], tmp_path: Path
) -> None:
    finish(start_lab(some_data, tmp_path / "again"))
    assert without_times(record_of(tmp_path / "again")) == without_times(record_of(smoke_lab[0]))


@pytest.mark.slow
def test_kill_at_three_moments_gives_the_same_numbers(
    smoke_lab: tuple[Path, str], some_data: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "killed"
    moments = (
        "runs/gan-s0/checkpoints/checkpoint-*",
        "runs/gan-s0/measure.json",
        "runs/dcgan-s0/checkpoints/checkpoint-*",
    )
    for pattern in moments:
        process = start_lab(some_data, out)
        deadline = time.monotonic() + 300
        while not list(out.glob(pattern)) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert process.poll() is None, f"the lab ended before {pattern} appeared"
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    finish(start_lab(some_data, out))
    assert without_times(record_of(out)) == without_times(record_of(smoke_lab[0]))
