"""What a budget means: fixed counts, decided by the hardware and never by a clock; one folder, one plan."""

import dataclasses

import pytest
import torch

from ganatomy.errors import ConfigError, RunError
from ganatomy.laboratory import plan as planning


@pytest.mark.parametrize(
    ("capability", "num_threads", "device", "dcgan"),
    [
        ("AVX2", 2, "cpu", 60_000),
        ("DEFAULT", 5, "cpu", 60_000),
        ("AVX512", 2, "cpu", 180_000),
        ("AVX2", 6, "cpu", 180_000),
        ("AVX2", 2, "cuda", 180_000),
    ],
)
def test_quick_trains_dcgan_as_long_as_the_hardware_allows(monkeypatch, capability, num_threads, device, dcgan):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    said = []
    nimg = planning.choose_nimg("quick", device, num_threads, said.append)
    assert nimg == {"gan": 180_000, "dcgan": dcgan}
    assert len(said) == (dcgan == 60_000)
    for budget in ("smoke", "full"):
        assert planning.choose_nimg(budget, device, num_threads, said.append) == planning.BUDGETS[budget].nimg


@pytest.fixture
def plan(tiny_dataset):
    return planning.make_plan(budget="smoke", seed=3, dims=(1, 99), dataset=tiny_dataset, say=lambda message: None)


def test_a_plan_is_a_full_configuration(plan, tiny_dataset):
    config = plan.train_config("dcgan", tiny_dataset)
    assert (config.preset, config.seed, config.total_nimg, config.data) == ("dcgan", 3, 1280, "made-up")
    assert (plan.run_name("gan"), config.sample_nimg) == ("gan-s3", 640)


def test_bad_wishes_are_refused_before_any_work(tiny_dataset):
    with pytest.raises(ConfigError, match="latent number 100 does not exist"):
        planning.make_plan(budget="smoke", seed=0, dims=(100,), dataset=tiny_dataset, say=print)
    with pytest.raises(ConfigError, match="seed is -1"):
        planning.make_plan(budget="smoke", seed=-1, dims=None, dataset=tiny_dataset, say=print)
    with pytest.raises(ConfigError, match=r"unknown budget 'fulll'.*'full'"):
        planning.make_plan(budget="fulll", seed=0, dims=None, dataset=tiny_dataset, say=print)


def test_a_folder_keeps_one_plan(plan, tmp_path):
    assert planning.claim_folder(tmp_path, plan) == plan
    assert planning.claim_folder(tmp_path, plan) == plan
    with pytest.raises(RunError, match=r"seed: 3 -> 4"):
        planning.claim_folder(tmp_path, dataclasses.replace(plan, seed=4))
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(RunError, match="holds something else"):
        planning.claim_folder(tmp_path / "run", plan)


def test_a_lab_never_shares_a_folder(tmp_path, plan):
    """A person's files are refused; our lock, and a killed start, are not."""
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("mine", encoding="utf-8")
    for refuse in (planning.check_folder, lambda folder: planning.claim_folder(folder, plan)):
        with pytest.raises(RunError, match=r"thesis is not empty but holds chapter\.tex; nothing there is touched"):
            refuse(tmp_path / "thesis")
    assert [path.name for path in (tmp_path / "thesis").iterdir()] == ["chapter.tex"]
    planning.check_folder(tmp_path / "new")
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / ".lock").write_bytes(b"")
    (tmp_path / "begun" / f".plan.json.{2**22 + 5}.tmp").write_bytes(b"{")
    planning.check_folder(tmp_path / "begun")
    assert planning.claim_folder(tmp_path / "begun", plan) == plan
