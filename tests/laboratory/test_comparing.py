"""Runs found, grouped and compared: what is one group, what is refused and in which words, what the record holds."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from ganatomy import files, presets
from ganatomy.config import resolve
from ganatomy.errors import RunError
from ganatomy.laboratory import comparing, groups, keeping
from ganatomy.metrics import comparison
from ganatomy.training.run import create_run, write_status

FD, KD, PRECISION = "fd10k_test[net]", "kd10k_test[net]", "precision10k_test[net]"


def measured(fd: float, **more: float) -> dict[str, Any]:
    """Return a measurement with a Frechet distance and other scores by kind."""
    values = {FD: fd, **{f"{kind}10k_test[net]": value for kind, value in more.items()}}
    return {
        "nimg": 1000,
        "features": {"name": "net", "sha256": "ab" * 32},
        "scores": {
            name: {"value": value, "floor": 0.05, "spread": 0.1, "num_sets": 3} for name, value in values.items()
        },
    }


def write(
    folder: Path, record: dict[str, Any] | None = None, *, preset: str = "gan", state: str = "finished", **settings: Any
) -> Path:
    """Write a run folder as a training leaves it, without its networks."""
    given = {"num_train": 1000, "total_nimg": 1000, "data": "fashion-mnist", "data_sha256": "c5" * 32, **settings}
    config = resolve(dataclasses.replace(presets.preset(preset), **given))
    run = create_run(folder, config, "test")
    write_status(run, state, 1000 if state == "finished" else 640)
    if record is not None:
        files.write_json(folder / "measure.json", record)
    return folder


@pytest.fixture
def six(tmp_path: Path) -> Path:
    """Three trainings of gan and three of dcgan in one folder."""
    values = {"gan": (17.3, 20.4, 16.9), "dcgan": (8.42, 8.36, 7.8)}
    for preset, fds in values.items():
        for seed, fd in enumerate(fds):
            record = measured(fd, kd=fd / 30, precision=0.5 + 0.001 * seed + (preset == "dcgan") * 0.2)
            write(tmp_path / "runs" / f"{preset}-s{seed}", record, preset=preset, seed=seed)
    return tmp_path / "runs"


def test_a_folder_of_runs_is_grouped_by_configuration(six):
    found = groups.find_groups([six])
    assert [(group.name, [run.config.seed for run in group.runs]) for group in found.groups] == [
        ("dcgan", [0, 1, 2]),
        ("gan", [0, 1, 2]),
    ]
    by_hand = groups.find_groups([six / name for name in ("gan-s2", "dcgan-s1", "gan-s0")])
    assert [(group.name, len(group.runs)) for group in by_hand.groups] == [("gan", 2), ("dcgan", 1)]
    assert [run.config.seed for run in by_hand.groups[0].runs] == [0, 2]


def test_labs_stand_for_the_runs_inside(tmp_path):
    for seed in (0, 1):
        for preset in ("gan", "dcgan"):
            write(tmp_path / f"lab{seed}" / "runs" / f"{preset}-s{seed}", preset=preset, seed=seed)
        files.write_json(tmp_path / f"lab{seed}" / "lab.json", {})
    found = groups.find_groups([tmp_path / "lab0", tmp_path / "lab1"])
    assert {group.name: len(group.runs) for group in found.groups} == {"gan": 2, "dcgan": 2}


def test_machine_and_intervals_make_no_group_of_their_own(tmp_path):
    write(tmp_path / "a", seed=0)
    same = {
        "device": "cuda", "num_threads": 7, "tick_nimg": 64, "sample_nimg": 500, "snapshot_nimg": 500,
        "checkpoint_nimg": 700, "keep_checkpoints": 5,
        "data_path": "/elsewhere/data", "data": "mine", "data_fit": "pad", "budget_sec": 600.0,
    }  # fmt: skip
    write(tmp_path / "b", seed=1, **same)
    assert set(same) | {"seed"} == groups.NOT_THE_RECIPE
    for name, value in (("batch_size", 32), ("total_nimg", 2000), ("ema_halflife_nimg", 5), ("init_from", "/some/run")):
        write(tmp_path / name, seed=2, **{name: value})
    found = groups.find_groups([tmp_path])
    assert sorted(len(group.runs) for group in found.groups) == [1, 1, 1, 1, 2]


def test_groups_are_named_by_preset_else_by_what_differs():
    gan, dcgan = presets.gan(), presets.dcgan()
    slow, large = dataclasses.replace(dcgan, lr_g=1e-4), dataclasses.replace(dcgan, batch_size=128)
    assert groups.group_names([gan, dcgan]) == ["gan", "dcgan"]
    assert groups.group_names([gan, dcgan, slow]) == ["gan", "dcgan lr_g=0.0002", "dcgan lr_g=0.0001"]
    names = groups.group_names([dcgan, slow, large])
    assert names[2] == "dcgan lr_g=0.0002 batch_size=128"
    longer = [dataclasses.replace(gan, total_nimg=n, num_epochs=n / 1000) for n in (1000, 2000)]
    assert groups.group_names(longer) == ["gan total_nimg=1000", "gan total_nimg=2000"]
    many = [
        dataclasses.replace(dcgan, lr_g=a, lr_d=b, batch_size=c, z_dim=d)
        for a, b, c, d in ((1, 1, 1, 1), (2, 2, 2, 2), (1, 1, 1, 2))
    ]
    assert len(set(groups.group_names(many))) == 3
    started = dataclasses.replace(gan, init_from="/home/somebody/runs/first")
    assert groups.group_names([gan, started]) == ["gan init_from=unset", "gan init_from=first"]


def refused(paths: list[Path], *words: object) -> None:
    with pytest.raises(RunError) as error:
        groups.find_groups(paths)
    for word in words:
        assert str(word) in str(error.value), (word, str(error.value))


def test_what_is_refused_in_words(tmp_path, six):
    refused([six / "gan-s0"], "1 finished run was found", "two or more")
    refused([tmp_path / "nowhere"], "is not a folder")
    (tmp_path / "empty").mkdir()
    refused([tmp_path / "empty", six], tmp_path / "empty", "neither a run nor a folder of runs")
    refused([six, six / "gan-s1"], six / "gan-s1", "given twice")
    refused([six / "gan-s1", six / ".." / "runs" / "gan-s1", six], "given twice")
    refused([six / f"gan-s{seed}" for seed in range(3)], "all 3 runs have the same configuration", "ganatomy report")
    other = write(tmp_path / "other", preset="dcgan", data="mnist", data_sha256="d6" * 32)
    refused([six, other], "different data", "fashion-mnist (SHA-256 c5c5c5c5c5c5..., 1x28x28)", "mnist (SHA-256 d6d6")
    small = write(tmp_path / "small", preset="dcgan", img_height=32)
    refused([six, small], "different image shapes", "1x28x28", "1x32x28")
    twin = write(tmp_path / "twin", seed=1)
    refused([six, twin], "same configuration and the same seed 1", "one training twice", "--seed")


def test_runs_that_are_not_finished(tmp_path, six):
    """Named by itself it is refused, with the way on; inside a folder it is left out and told."""
    write(six / "gan-s3", seed=3, state="diverged")
    refused([six / "gan-s3", six / "dcgan-s0"], "not finished (diverged at 640 of 1,000 images)", "--resume")
    found = groups.find_groups([six])
    assert len(found.runs) == 6
    assert found.left_out == ({"run": "gan-s3", "state": "diverged at 640 of 1,000 images"},)
    refused([six / "..", six], "neither a run")
    lone = tmp_path / "lone"
    for seed in (0, 1):
        write(lone / f"s{seed}", seed=seed, state="running" if seed else "finished")
    refused([lone], "1 finished run", "Left out: s1 (running at 640 of 1,000 images)")


def compared(paths: list[Path], out: Path) -> dict[str, Any]:
    return comparing.compare_groups(groups.find_groups(paths), out=out, command="ganatomy compare x")


def test_the_record(six, tmp_path):
    """Every number against SciPy or the files; plain JSON; verdicts follow Welch on the first Frechet distance."""
    record = compared([six / f"{p}-s{s}" for p in ("gan", "dcgan") for s in range(3)], tmp_path / "out")
    json.dumps(record, allow_nan=False)
    assert record["main"] == FD
    assert list(record["scores"]) == [FD, KD, PRECISION]
    assert record["scores"][PRECISION] == {"kind": "precision", "better": "higher", "floor": 0.05}
    first, second = record["groups"]
    assert [run["folder"] for run in first["runs"]] == [f"../runs/gan-s{seed}" for seed in range(3)]
    assert [run["scores"][FD]["value"] for run in second["runs"]] == [8.42, 8.36, 7.8]
    assert first["scores"][FD]["mean"] == pytest.approx(18.2)
    differing = {row["field"]: row["values"] for row in record["differences"]}
    assert differing["lr_g"] == {"gan": 0.03, "dcgan": 0.0002}
    assert "seed" not in differing
    assert "total_nimg" not in differing
    (pair,) = record["pairs"]
    assert (pair["a"], pair["b"], pair["verdict"], pair["winner"]) == ("gan", "dcgan", "B better", "dcgan")
    assert pair["scores"][FD]["ratio"]["value"] == pytest.approx(
        stats.gmean([8.42, 8.36, 7.8]) / stats.gmean([17.3, 20.4, 16.9])
    )
    assert pair["scores"][PRECISION]["scale"] == "plain"
    assert pair["scores"][PRECISION]["verdict"] == "B better"
    assert pair["scores"][PRECISION]["difference"]["value"] == pytest.approx(0.2)


def test_three_groups_make_three_pairs_and_lines(six, tmp_path):
    write(tmp_path / "one", measured(3.0, kd=0.1, precision=0.6), preset="gan-adam")
    record = compared([six, tmp_path / "one"], tmp_path)
    assert [(pair["a"], pair["b"], pair["winner"]) for pair in record["pairs"]] == [
        ("dcgan", "gan", "dcgan"), ("dcgan", "gan-adam", None), ("gan", "gan-adam", None),
    ]  # fmt: skip
    assert record["pairs"][1]["reason"]["id"] == "few"
    lines = comparing.verdict_lines(record).splitlines()
    assert lines[0] == f"{FD}, lower is better; geometric means over the trainings"
    assert lines[2].split()[:4] == ["dcgan", "gan", "3,", "3"]
    assert lines[2].endswith("dcgan is better")
    assert sum("not decided" in line for line in lines) == 2
    assert sum("at least 2 on each side are needed" in line for line in lines) == 2
    assert sum("cannot be below 0.1" in line for line in lines) == 1


def test_scores_must_share_their_protocol(six, tmp_path):
    """What all runs have is compared; without a shared distance, or with another network, the commands are named."""
    other = write(tmp_path / "a", measured(3.0), preset="gan-adam")
    assert list(compared([six, other], tmp_path)["scores"]) == [FD]
    record = measured(3.0)
    record["scores"] = {"fd5k_test[net]": record["scores"][FD], "unknown_thing": {"value": 1.0}}
    files.write_json(other / "measure.json", record)
    with pytest.raises(
        RunError, match=r"(?s)share no Frechet distance.*a: fd5k_test\[net\].*ganatomy measure .*gan-s0"
    ):
        compared([six, other], tmp_path)
    files.write_json(other / "measure.json", {**measured(3.0), "features": {"name": "net", "sha256": "ee" * 32}})
    with pytest.raises(RunError, match="one feature network"):
        compared([six, other], tmp_path)


def test_a_measurement_of_an_older_snapshot_does_not_count(six):
    run = groups.find_groups([six]).runs[0]
    assert keeping.is_measured(run)
    (run.folder / "snapshots").mkdir()
    for nimg, expected in ((1000, True), (2000, False)):
        (run.folder / "snapshots" / f"G_ema-{nimg:012d}.safetensors").write_bytes(b"")
        assert keeping.is_measured(run) is expected
    (run.folder / "measure.json").unlink()
    assert not keeping.is_measured(run)


def test_verdicts_of_several_pairs_hold_together_and_what_is_not_compared_is_named(six, tmp_path):
    """A third group that one pair alone would tell apart from gan; a score that one run lacks; a network that warns."""
    for seed, fd in enumerate((24.5, 21.4, 24.0)):
        record = measured(fd, kd=fd / 30, precision=0.5)
        if seed == 0:
            record["warnings"] = [{"id": "same_gen", "text": "all the same", "numbers": {"num": 9}}]
            del record["scores"][KD]
        write(tmp_path / "third" / f"s{seed}", record, preset="gan-adam", seed=seed)
    record = compared([six, tmp_path / "third"], tmp_path)
    json.dumps(record, allow_nan=False)
    assert record["correction"] == "holm"
    scores = [pair["scores"][FD] for pair in record["pairs"]]
    alone = [score["welch"]["p"] for score in scores]
    assert [score["p_corrected"] for score in scores] == pytest.approx(comparison.holm(alone))
    assert scores[0]["num_tests"] == 3
    others = [pair["scores"][PRECISION] for pair in record["pairs"]]
    assert {score["num_tests"] for score in others if score["p_corrected"] is not None} <= {2, 3}
    assert record["scores_left_out"] == [{"score": KD, "runs": ["s0"]}]
    assert [(row["run"], row["id"]) for row in record["warnings"]] == [("s0", "same_gen")]
    lines = comparing.verdict_lines(record)
    assert "Holm p" in lines.splitlines()[1]
    assert "the verdicts on the 3 pairs hold together (Holm's correction)" in lines
    assert f"Left out: {KD} (not measured of s0)" in lines
    assert "Note: s0: all the same" in lines
    pair = compared([six], tmp_path)
    assert "Holm" not in comparing.verdict_lines(pair)
    assert pair["pairs"][0]["scores"][FD]["p_corrected"] == pair["pairs"][0]["scores"][FD]["welch"]["p"]


def test_a_difference_that_many_pairs_explain_is_not_decided(tmp_path):
    groups_of = {"gan": (1.0, 1.1, 0.9), "gan-adam": (1.22, 1.3, 1.16), "dcgan": (1.05, 1.15, 0.95)}
    for preset, fds in groups_of.items():
        for seed, fd in enumerate(fds):
            write(tmp_path / "runs" / f"{preset}-s{seed}", measured(fd), preset=preset, seed=seed)
    pairs = compared([tmp_path / "runs"], tmp_path)["pairs"]
    found = {(pair["a"], pair["b"]): pair for pair in pairs}
    told = next(pair for names, pair in found.items() if set(names) == {"gan", "gan-adam"})
    assert 0.02 < told["scores"][FD]["welch"]["p"] < 0.05
    assert (told["winner"], told["reason"]["id"]) == (None, "many")
