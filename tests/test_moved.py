"""A run made with a device that this machine lacks: looked at and continued with the CPU, which is said."""

import dataclasses

import pytest
import torch

import ganatomy as ga
from ganatomy import device, files, shared
from ganatomy.config import TrainConfig, resolve
from ganatomy.errors import Interrupted
from ganatomy.laboratory import plan as planning
from ganatomy.laboratory import stages
from ganatomy.presets import preset
from ganatomy.training import engine
from ganatomy.training.run import Run, create_run, open_run
from ganatomy.training.session import run_training

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has what the runs were made with")


def config(dataset, **changes: object) -> TrainConfig:
    small = {"batch_size": 8, "total_nimg": 64, "z_dim": 5, "num_threads": 1, "engine": "fast"}
    data = {"data": "made-up", "data_sha256": dataset.sha256, "num_train": len(dataset.train)}
    return resolve(dataclasses.replace(preset("gan"), **(small | data | changes)))


def moved(folder, dataset, **recorded: object) -> Run:
    """A run stopped half way, as if it had been trained elsewhere with what its config.json says."""
    run = create_run(folder, config(dataset), "test")
    left = iter(range(4))
    with pytest.raises(Interrupted):
        list(run_training(run, dataset, say=lambda message: None, should_stop=lambda: next(left, None) is None))
    record = files.read_json(folder / "config.json")
    files.write_json(folder / "config.json", {**record, **recorded})
    return open_run(folder)


@pytest.mark.parametrize(
    "recorded",
    [
        {"device": "cuda", "precision": "bfloat16", "num_threads": 16},
        {"device": "cuda", "precision": "tf32"},
        {"device": "mps", "engine": "reference", "precision": "float32"},
        {"device": "tpu"},
    ],
    ids=lambda recorded: " ".join(map(str, recorded.values())),
)
def test_a_training_goes_on_with_the_cpu(tmp_path, tiny_dataset, recorded):
    run = moved(tmp_path / "run", tiny_dataset, **recorded)
    said: list[str] = []
    list(run_training(run, tiny_dataset, say=said.append))
    assert run.is_finished
    told = [line for line in said if f"made with {recorded['device']}" in line]
    assert len(told) == 1
    assert "goes on with the CPU in float32" in told[0]
    assert f"CPU threads: {device.choose_threads(None)[0]} (" in told[0]
    assert run.config.device == recorded["device"]  # what it was begun with


def test_what_is_computed_here(tiny_dataset):
    before = config(tiny_dataset, device="cuda", precision="bfloat16", num_threads=9)
    after = engine.as_possible_here(before, num_threads=3)
    assert dataclasses.replace(before, device="cpu", precision="float32", num_threads=3) == after
    here = config(tiny_dataset, precision="bfloat16", num_threads=9)
    assert engine.as_possible_here(here) is here


def test_resume_may_name_the_cpu_only_where_the_device_is_missing(ganatomy_here, tmp_path, tiny_dataset, monkeypatch):
    monkeypatch.setattr(shared, "of_run", lambda run, data_dir: tiny_dataset)
    run = moved(tmp_path / "run", tiny_dataset, device="cuda")
    done = ganatomy_here("train", "--resume", run.folder, "--device", "cuda")
    assert done.returncode == 2
    done = ganatomy_here("train", "--resume", run.folder, "--device", "cpu", "--batch-size", 4)
    assert done.returncode == 2
    assert "batch_size: 8 -> 4" in done.stderr
    assert "device" not in done.stderr
    done = ganatomy_here("train", "--resume", run.folder, "--device", "cpu", "--num-threads", 1)
    assert done.returncode == 0, done.stderr
    assert "CPU threads: 1 (asked for)" in done.stderr
    assert run.is_finished


def test_verbs_that_look_use_the_cpu_and_say_so_once(ganatomy_here, tmp_path, tiny_dataset, capsys):
    run = moved(tmp_path / "run", tiny_dataset, device="cuda", precision="tf32")
    done = ganatomy_here("sample", run.folder, "--num", 1, "--out", tmp_path / "x.npy")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("made with cuda, which PyTorch does not find here: the CPU is used.") == 1
    assert ganatomy_here("walk", run.folder, "--num-frames", 2, "--columns", 1).returncode == 0
    assert ganatomy_here("doctor", run.folder).returncode == 0
    assert ganatomy_here("report", run.folder).returncode == 0
    capsys.readouterr()
    shared.use_machine(run.config, run.config)
    assert capsys.readouterr().err.count("made with cuda") == 1
    subject = stages.subject_of(run, tiny_dataset, 20)
    assert next(subject.lens.G.parameters()).device.type == "cpu"
    assert ga.sample(run, num=2, out=tmp_path / "y.npy").shape == (2, 1, 28, 28)


def test_a_lab_goes_on_elsewhere_with_what_was_decided(tmp_path, tiny_dataset, monkeypatch):
    monkeypatch.setattr(device, "matrix_rate", lambda on, dtype: 1.0)
    monkeypatch.setattr(planning, "_seconds_of", lambda work: 1.0)
    made = planning.make_plan(budget="smoke", seed=3, dims=None, dataset=tiny_dataset, say=lambda message: None)
    there = dataclasses.replace(made, device="cuda", num_threads=12, precision="tf32", nimg={"gan": 99, "dcgan": 98})
    assert planning.claim_folder(tmp_path, there) == there
    said: list[str] = []
    assert planning.claim_folder(tmp_path, made, said.append) == there
    assert len(said) == 1
    assert "device cuda, num_threads 12" in said[0]
    assert planning.expected_seconds(there, tiny_dataset, tmp_path)  # computed with the CPU
    record = files.read_json(tmp_path / "plan.json")
    for damage in ({"nimg": 3}, {"nimg": {"gan": 1}}, {"num_threads": "x"}, {"device": "tpu"}, {"engine": "slow"}):
        files.write_json(tmp_path / "plan.json", record | damage)
        with pytest.raises(ga.GanatomyError, match="is not a plan of this version"):
            planning.claim_folder(tmp_path, made)


@pytest.mark.parametrize("text", [None, "{", '{"schema": 1}', '{"schema": 1, "cpu": 3, "packages": []}'])
def test_an_odd_record_of_the_environment_stops_nothing(tmp_path, tiny_dataset, text):
    run = moved(tmp_path / "run", tiny_dataset)
    (run.folder / "environment.json").unlink()
    if text is not None:
        (run.folder / "environment.json").write_text(text, encoding="utf-8")
    said: list[str] = []
    list(run_training(run, tiny_dataset, say=said.append))
    assert run.is_finished
    assert any("numbers may differ" in line for line in said)
