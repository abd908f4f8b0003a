"""What `doctor` says of this machine and of runs: what is wrong first, with what to try."""

import dataclasses

import pytest

import ganatomy as ga
from ganatomy import config as configuration
from ganatomy import files, presets
from ganatomy.errors import RunError
from ganatomy.metrics import health
from ganatomy.training.run import create_run, write_status


def made_up_run(folder, accuracy=0.9, state="finished", message="", **config):
    """A run of 20,000 images whose losses are on disk and nothing else."""
    settled = configuration.resolve(
        dataclasses.replace(presets.preset("dcgan"), num_train=20_000, total_nimg=20_000, **config)
    )
    run = create_run(folder, settled, "test")
    losses = {"Loss/D/adv": 0.5, "Loss/G/adv": 3.0, "Grad/G/norm": 9.0}
    for nimg in range(200, 20_001, 200):
        now = accuracy if nimg > 12_000 else 0.9
        files.append_jsonl(
            folder / "stats.jsonl", {"cur_nimg": nimg, **losses, "Accuracy/real": now, "Accuracy/fake": now}
        )
    write_status(run, state, 20_000, message)
    return folder


def test_without_a_run_it_says_what_this_machine_has(capsys):
    assert ga.doctor() == {}
    told = capsys.readouterr().out
    for word in ("ganatomy 0.", "torch ", "CPU threads: ", "device: ", "data: fashion-mnist, ", "data: mnist, "):
        assert word in told


def test_what_is_wrong_comes_first_with_what_to_try(tmp_path, capsys):
    folder = made_up_run(tmp_path / "weak", accuracy=0.5)
    states = ga.doctor(folder)
    assert states["weak"]["d_weak"] == "fired"
    assert states["weak"]["collapse"] == "unknown"
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("weak: finished at 20,000 of 20,000 images, on cpu with ")
    assert lines[1] == "health: not healthy"
    assert lines[2].startswith("  D too weak since 12,")
    assert f"threshold {health.thresholds()['d_accuracy']:.3g}" in lines[2]
    assert "What to try: a larger --lr-d" in lines[3]
    assert lines[-1] == "  This run was not watched (no panel.jsonl), so only its losses were judged."
    assert files.read_json(folder / "health.json")["overall"] == "unhealthy"


def test_several_runs_and_a_diverged_one(tmp_path, capsys):
    good, bad = made_up_run(tmp_path / "good"), made_up_run(tmp_path / "bad", state="diverged", message="G diverged.")
    states = ga.doctor([good, bad])
    assert list(states) == ["good", "bad"]
    assert "fired" not in states["good"].values()
    assert states["bad"]["divergence"] == "fired"
    told = capsys.readouterr().out
    assert "health: no rule fired" in told
    assert "G diverged." in told
    assert "divergence at 20,000 images (a loss or gradient was not finite)" in told


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(RunError, match="is not a run"):
        ga.doctor(tmp_path)
