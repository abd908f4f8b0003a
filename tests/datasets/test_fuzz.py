import json
import subprocess
import sys
import time
from pathlib import Path

import fuzz
import pytest

from ganatomy.datasets.decode import Refused
from ganatomy.errors import DataError


def run(first: int, num: int, folder: Path) -> dict[str, dict[str, int]]:
    """Run cases in a child process and return {family: {outcome: number}}; any bad outcome fails the test."""
    done = subprocess.run(
        [sys.executable, "-W", "error", fuzz.__file__, str(first), str(num), str(folder)],
        capture_output=True, encoding="utf-8", timeout=120 + num, cwd=Path(fuzz.__file__).parent,
    )  # fmt: skip
    current = (folder / "current").read_text(encoding="ascii") if (folder / "current").exists() else "none"
    assert done.returncode == 0, f"case {current}: exit {done.returncode}\n{done.stderr[-4000:]}"
    assert done.stderr == ""  # nothing of a decoder reaches the terminal
    report = json.loads(done.stdout)
    assert report["bad"] == {}
    return report["counts"]


def check_counts(counts: dict[str, dict[str, int]], num: int) -> None:
    """Damage must be neither harmless nor hopeless, or nothing is shown."""
    assert sum(sum(family.values()) for family in counts.values()) == num
    assert set(counts) == set(fuzz.FAMILIES)
    for family, outcomes in counts.items():
        for kind in ("read", "refused"):
            assert outcomes.get(kind, 0) >= 0.05 * sum(outcomes.values()), (family, outcomes)


def test_damaged_files_are_read_or_refused_in_words(tmp_path):
    check_counts(run(0, 400, tmp_path), 400)


@pytest.mark.slow
def test_ten_thousand_damaged_files(tmp_path):
    check_counts(run(1_000, 10_000, tmp_path), 10_000)


def test_undamaged_files_are_all_read(tmp_path):
    for family, files in fuzz.FAMILIES.items():
        for name, content in files().items():
            (tmp_path / name).write_bytes(content)
            assert fuzz.outcome(lambda family=family, name=name: fuzz.read(family, tmp_path / name)) == "read", name


def test_cases_differ_and_repeat():
    contents = [fuzz.case(number)[2] for number in range(400)]
    assert len(set(contents)) > 390
    assert [fuzz.case(number)[2] for number in range(20)] == contents[:20]


def test_bad_outcomes_are_seen(monkeypatch):
    def fail(error: BaseException):
        def action() -> None:
            raise error

        return action

    assert fuzz.outcome(lambda: None) == "read"
    assert fuzz.outcome(fail(DataError("in words"))) == "refused"
    assert fuzz.outcome(fail(Refused("in words"))) == "refused"
    assert fuzz.outcome(fail(KeyError("x"))).startswith("escaped: KeyError")
    assert fuzz.outcome(fail(Refused(""))).startswith("no words")
    assert fuzz.outcome(fail(DataError("\x1b[31m"))).startswith("no words")
    assert fuzz.outcome(fail(Refused("decoding it needs more memory than there is"))).startswith("out of memory")
    monkeypatch.setattr(fuzz, "SECONDS", 0.01)
    assert fuzz.outcome(lambda: time.sleep(0.05)).startswith("slow")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs RLIMIT_AS")
def test_the_memory_bound_holds(tmp_path):
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import fuzz, numpy as np; fuzz.bound_memory(); "
        "np.ones(fuzz.MEMORY_BYTES // 2, np.uint8); print('half', flush=True); np.ones(2 * fuzz.MEMORY_BYTES, np.uint8)"
    )
    folder = Path(fuzz.__file__).parent
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, encoding="utf-8", timeout=120)
    assert done.stdout == "half\n"
    assert "MemoryError" in done.stderr
