"""CPU threads by one rule: what was asked for, OMP_NUM_THREADS, the cores and the container's quota; devices here."""

import os

import pytest
import torch

from ganatomy import device


@pytest.fixture
def cores(monkeypatch):
    """A machine of 8 cores without a quota or a wish; returns a function that sets them."""

    def be(affinity: int = 8, quota: int | None = None, omp: str | None = None) -> None:
        monkeypatch.setattr(device, "_affinity", lambda: affinity)
        monkeypatch.setattr(device, "quota_cores", lambda: quota)
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        if omp is not None:
            monkeypatch.setenv("OMP_NUM_THREADS", omp)

    be()
    return be


@pytest.mark.parametrize(
    ("machine", "threads", "reason"),
    [
        ({}, 8, "this process may use 8 cores"),
        ({"affinity": 1}, 1, "this process may use 1 core"),
        ({"affinity": 64}, 16, "this process may use 64 cores"),
        ({"quota": 2}, 2, "this process may use 2 cores by its container's quota"),
        ({"quota": 20}, 8, "this process may use 8 cores"),
        ({"omp": "1"}, 1, "OMP_NUM_THREADS is 1"),
        ({"omp": "3", "quota": 2}, 3, "OMP_NUM_THREADS is 3"),
        ({"omp": "4,2"}, 4, "OMP_NUM_THREADS is 4"),
        ({"omp": " 2 "}, 2, "OMP_NUM_THREADS is 2"),
        ({"omp": "0"}, 8, "this process may use 8 cores"),
        ({"omp": "junk"}, 8, "this process may use 8 cores"),
        ({"omp": "-3"}, 8, "this process may use 8 cores"),
        ({"omp": "9" * 80}, 8, "this process may use 8 cores"),
    ],
)
def test_one_rule_for_threads(cores, machine, threads, reason):
    cores(**machine)
    assert device.choose_threads(None) == (threads, reason)
    assert device.choose_threads(5) == (5, "asked for")


def test_processes_share_the_cores_unless_the_environment_says_how_many(cores):
    assert device.choose_threads(None, 2) == (4, "this process may use 8 cores, shared by 2 processes")
    cores(omp="1")
    assert device.choose_threads(None, 2) == (1, "OMP_NUM_THREADS is 1, as torchrun sets it where it is unset")
    cores(omp="3")
    assert device.choose_threads(None, 2) == (3, "OMP_NUM_THREADS is 3")


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("files", "own", "cores"),
    [
        ({}, "", None),
        ({"cpu.max": "max 100000\n"}, "0::/\n", None),
        ({"cpu.max": "150000 100000\n"}, "0::/\n", 2),
        ({"cpu.max": "50000 100000\n"}, "0::/\n", 1),
        ({"a/cpu.max": "300000 100000\n", "a/b/cpu.max": "max 100000\n"}, "0::/a/b\n", 3),
        ({"a/cpu.max": "300000 100000\n", "a/b/cpu.max": "100000 100000\n"}, "0::/a/b\n", 1),
        ({"c/cpu.max": "100000 100000\n"}, "0::/a\n", None),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, "1:cpu:/\n", None),
        ({"cpu/cpu.cfs_quota_us": "400000\n", "cpu/cpu.cfs_period_us": "100000\n"}, "1:cpu:/\n", 4),
        (
            {"cpu,cpuacct/x/cpu.cfs_quota_us": "200000\n", "cpu,cpuacct/x/cpu.cfs_period_us": "100000\n"},
            "3:memory:/y\n2:cpu,cpuacct:/x\n",
            2,
        ),
        ({"cpu/cpu.cfs_quota_us": "200000\n", "cpu/cpu.cfs_period_us": "0\n"}, "1:cpu:/\n", None),
        ({"cpu.max": "junk\n"}, "junk\n\n:::\n0::/../..\n", None),
    ],
)
def test_quotas_of_containers(tmp_path, files, own, cores):
    for name, text in files.items():
        write(tmp_path / "cgroup" / name, text)
    write(tmp_path / "own", own)
    assert device.quota_cores(tmp_path / "cgroup", tmp_path / "own") == cores


def test_no_control_groups_no_quota(tmp_path):
    assert device.quota_cores(tmp_path / "none", tmp_path / "none") is None
    (tmp_path / "folder").mkdir()
    assert device.quota_cores(tmp_path, tmp_path / "folder") is None


def test_devices_that_are_here(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device.is_here("cpu")
    assert not device.is_here("cuda")
    assert not device.is_here("tpu")  # as some other version may have written
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device.is_here("cuda")


def test_cores_are_never_more_than_the_machine_has():
    assert 1 <= device.num_cores() <= (os.cpu_count() or 1)
