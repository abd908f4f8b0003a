"""A record belongs to the snapshot it was taken of: other ones, other seeds and other sizes are not taken over."""

import contextlib
import dataclasses
import functools
import json
import os
import tempfile
from pathlib import Path

import pytest
import safetensors.torch
import torch

import ganatomy as ga
from ganatomy import api, files, presets
from ganatomy.config import resolve
from ganatomy.datasets.store import Dataset
from ganatomy.errors import OutputError, RunError
from ganatomy.laboratory import keeping
from ganatomy.laboratory.evidence import load_evidence
from ganatomy.latent.dissection import DissectConfig
from ganatomy.metrics import evaluate
from ganatomy.models import registry
from ganatomy.training.run import Run, create_run, open_run


def write_snapshot(folder: Path, nimg: int, seed: int) -> str:
    """Write an untrained generator as a snapshot; return its file's hash."""
    weights = registry.build_generator(Run(folder).config).state_dict()
    draw = torch.Generator().manual_seed(seed)
    data = safetensors.torch.save({k: torch.randn(v.shape, generator=draw) * 0.1 for k, v in weights.items()})
    files.make_folder(folder / "snapshots")
    files.write_bytes(folder / "snapshots" / f"G_ema-{nimg:09d}.safetensors", data)
    return files.sha256(data)


@pytest.fixture
def run(tiny_dataset: Dataset, tmp_path, monkeypatch) -> Run:
    """An untrained generator under the made-up data, measured on 60 images."""
    config = dataclasses.replace(presets.preset("gan"), z_dim=4, total_nimg=960, **tiny_dataset.settings())
    run = create_run(tmp_path / "gan-s0", resolve(config), "test")
    write_snapshot(run.folder, 480, 0)
    monkeypatch.setattr(evaluate, "measure", functools.partial(evaluate.measure, num_gen=60))
    monkeypatch.setattr(api, "_of_run", lambda run, data_dir: tiny_dataset)
    return open_run(run.folder)


def read(run: Run, name: str = "measure.json") -> dict:
    return json.loads((run.folder / name).read_text(encoding="utf-8"))


def test_a_measurement_names_its_snapshot_and_its_pictures(run):
    ga.measure(run, num_sets=1, seed=3)
    record = read(run)
    path = run.folder / "snapshots" / "G_ema-000000480.safetensors"
    assert (record["nimg"], record["snapshot_sha256"]) == (480, files.sha256_file(path))
    assert record["sizes"] == {"num_sets": 1, "near": None, "memory": 1000, "k": 5}
    assert record["pictures"] == {
        name: files.sha256_file(run.folder / name) for name in ("nearest.png", "nearest-features.png")
    }
    line = json.loads((run.folder / "metrics.jsonl").read_text(encoding="utf-8"))
    assert line["snapshot_sha256"] == record["snapshot_sha256"]


def test_it_is_used_for_that_snapshot_seed_and_size_only(run):
    assert not keeping.is_measured(run)
    ga.measure(run, num_sets=1, seed=3)
    sizes = read(run)["sizes"]
    assert keeping.is_measured(run)
    assert keeping.is_measured(run, {"seed": 3, "sizes": sizes})
    assert not keeping.is_measured(run, {"seed": 0, "sizes": sizes})
    assert not keeping.is_measured(run, {"seed": 3, "sizes": sizes | {"num_sets": 2}})
    write_snapshot(run.folder, 480, 1)  # trained again to the same image count
    assert not keeping.is_measured(run)
    assert load_evidence(run.folder).scores == {}
    record = read(run)
    del record["snapshot_sha256"]  # an earlier version's: judged by its image count
    files.write_json(run.folder / "measure.json", {k: v for k, v in record.items() if k != "schema"})
    assert keeping.is_measured(run)
    assert load_evidence(run.folder).scores == record["scores"]
    write_snapshot(run.folder, 960, 1)  # trained on
    assert not keeping.is_measured(run)
    assert load_evidence(run.folder).scores == {}


def test_a_dissection_is_used_for_that_snapshot_and_configuration_only(run):
    config = DissectConfig(num_latents=8, seed=2)
    known = {
        **run.snapshot.words, "seed": 2, "num_latents": 8, "num_real": 90, "has_given_latents": False, "num_own": 0,
        "pick": "random", "values": [0.1, 5.0, 20.0], "dims": [0], "edits": [],
    }  # fmt: skip
    wrong = [
        {"seed": 3}, {"num_latents": 9}, {"num_real": 10}, {"has_given_latents": True}, {"num_own": 1},
        {"pick": "given"}, {"values": [0.1, 5.0]}, {"nimg": 479}, {"snapshot_sha256": "0" * 64},
    ]  # fmt: skip
    (run.folder / "dissect").mkdir()
    assert not keeping.is_dissected(run.folder, config, 90)
    for change in ({}, *wrong):
        files.write_json(run.folder / "dissect" / "dissect.json", known | change)
        assert keeping.is_dissected(run.folder, config, 90) is (not change), change
    del known["snapshot_sha256"]
    files.write_json(run.folder / "dissect" / "dissect.json", known)
    assert keeping.is_dissected(run.folder, config, 90)
    os.replace(run.folder / "dissect", run.folder / ".dissect.old")  # in the moment of being replaced
    assert keeping.is_dissected(run.folder, config, 90)


def test_measuring_beside_a_training_but_not_beside_a_measurement(run, ganatomy_here):
    with files.one_writer(run.folder), files.one_writer(run.folder, "dissect"):
        assert ganatomy_here("measure", run.folder, "--num-sets", 1).returncode == 0
    before = (run.folder / "measure.json").read_bytes()
    with files.one_writer(run.folder, "measure"):
        second = ganatomy_here("measure", run.folder, "--num-sets", 1, "--seed", 9)
    assert second.returncode == 2
    assert "is being written by another process (measure)" in second.stderr
    assert second.stdout == ""
    assert (run.folder / "measure.json").read_bytes() == before
    for verb in (["dissect", run.folder, "--dims", 1], ["walk", run.folder, "--num-frames", 2]):
        with files.one_writer(run.folder, str(verb[0])):
            refused = ganatomy_here(*verb)
        assert refused.returncode == 2, refused.stderr
        assert f"another process ({verb[0]})" in refused.stderr


def test_a_lab_waits_for_its_turn(run):
    other, waits = contextlib.ExitStack(), []

    def wait() -> None:
        waits.append(True)
        if len(waits) == 3:
            other.close()

    other.enter_context(files.one_writer(run.folder, "measure"))
    with files.one_writer(run.folder, "measure", wait):
        assert len(waits) == 3
        with pytest.raises(RunError, match="another process"), files.one_writer(run.folder, "measure"):
            pytest.fail("two writers")


@pytest.mark.parametrize("kind", ["link", "folder"])
def test_a_log_that_is_no_file_is_refused_before_any_work(run, tmp_path, kind):
    log, victim = run.folder / "metrics.jsonl", tmp_path / "victim"
    victim.write_text("precious", encoding="utf-8")
    log.symlink_to(victim) if kind == "link" else log.mkdir()
    with pytest.raises(OutputError, match="remove it"):
        ga.measure(run, num_sets=1)
    assert not (run.folder / "measure.json").exists()
    assert victim.read_text(encoding="utf-8") == "precious"


@contextlib.contextmanager
def nobody_may_write(folder: Path):
    """Make a folder unwritable; root becomes nobody meanwhile, for root may write everywhere."""
    if os.name == "nt":
        pytest.skip("folders have no such mode there")
    folder.chmod(0o555)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        folder.chmod(0o755)


@pytest.fixture
def readable(run, monkeypatch):
    """The run where everybody can read it."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        monkeypatch.setenv("GANATOMY_HOME", f"{name}/home")
        (Path(name) / "home").mkdir(mode=0o777)
        folder = Path(name) / "gan-s0"
        os.replace(run.folder, folder)
        for path in folder.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        yield open_run(folder)


def test_what_may_not_be_written_is_measured_and_said(readable, ganatomy_here):
    ga.measure(readable, num_sets=1)  # loads what lies in nobody's reach
    for path in readable.folder.glob("measure.json"):
        path.unlink()
    with nobody_may_write(readable.folder):
        plain = ganatomy_here("measure", readable.folder, "--num-sets", 1)
        as_json = ganatomy_here("measure", readable.folder, "--num-sets", 1, "--json")
        doctor = ganatomy_here("doctor", readable.folder)
        dissect = ganatomy_here("dissect", readable.folder, "--dims", 1)
        walk = ganatomy_here("walk", readable.folder, "--num-frames", 2)
    assert plain.returncode == 0, plain.stderr
    assert "fd60_test[random-v1] = " in plain.stdout
    assert "cannot be written, so this measurement of gan-s0 was not kept there" in plain.stderr
    assert json.loads(as_json.stdout)["nimg"] == 480
    assert doctor.returncode == 0, doctor.stderr
    assert "the verdicts on gan-s0 were not kept there" in doctor.stderr
    assert (dissect.returncode, walk.returncode) == (2, 2)
    assert "cannot be written" in dissect.stderr
    assert not (readable.folder / "measure.json").exists()


def test_a_full_disk_shows_the_numbers_first(run, ganatomy_here, monkeypatch):
    def full(path: Path, data: bytes) -> None:
        raise files.StorageError(f"could not write {path}: No space left on device.") from OSError(28, "No space left")

    monkeypatch.setattr(files, "write_bytes", full)
    done = ganatomy_here("measure", run.folder, "--num-sets", 1)
    assert done.returncode == 1
    assert "fd60_test[random-v1] = " in done.stdout
    assert "No space left" in done.stderr


def test_what_lies_above_is_told_to_be_older(run):
    files.write_json(run.folder.parent / "group.json", {})
    assert keeping.older_records(run) == []
    files.write_json(run.folder.parent / "measure.json", {})
    assert "`ganatomy measure " in keeping.older_records(run)[0]
