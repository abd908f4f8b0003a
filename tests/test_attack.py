"""The attack of benchmarks/attack: what it must see is planted and seen; small samples of every part (slow)."""

import functools
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("the attack needs /proc, fork and limits", allow_module_level=True)

from benchmarks.attack import damaged, damages, inputs, kills, words
from benchmarks.attack.manifest import changes, manifest
from benchmarks.attack.outcome import Attempt, Ending, distinct, kind_of, place_of, table

REPOSITORY = Path(__file__).resolve().parents[1]
TRACE = """Traceback (most recent call last):
  File "/x/src/ganatomy/cli.py", line 160, in main
  File "/x/src/ganatomy/files.py", line 54, in read_json
  File "/usr/lib/python3.11/json/decoder.py", line 1, in raw_decode
RecursionError: maximum recursion depth exceeded
"""


@pytest.fixture
def some(tmp_path) -> Path:
    """A small folder with a file, a folder and a link."""
    (tmp_path / "run" / "samples").mkdir(parents=True)
    (tmp_path / "run" / "status.json").write_text('{"schema": 1, "a": {"b": [1, 2]}}', encoding="utf-8")
    (tmp_path / "run" / "samples" / "mine.png").write_bytes(b"mine")
    (tmp_path / "people").mkdir()
    (tmp_path / "people" / "notes").write_bytes(b"theirs")
    (tmp_path / "link").symlink_to("people/notes")
    return tmp_path


def test_nothing_changed_is_nothing(some):
    assert changes(manifest(some), manifest(some)) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda at: (at / "people" / "notes").unlink(), "is gone: people/notes"),
        (lambda at: (at / "people" / "new").write_bytes(b""), "was made: people/new"),
        (lambda at: (at / "people" / "notes").write_bytes(b"others"), "content: people/notes"),
        (lambda at: (at / "people" / "notes").chmod(0o600), "changed: type or mode: people/notes"),
        (lambda at: os.utime(at / "people" / "notes", ns=(1, 1)), "changed: time: people/notes"),
        (lambda at: ((at / "link").unlink(), (at / "link").symlink_to("run")), "content: link"),
        (lambda at: (at / "run" / "samples" / "mine.png").unlink(), "is gone: run/samples/mine.png"),
    ],
)
def test_every_change_outside_is_seen(some, change, told):
    before = manifest(some)
    change(some)
    found = changes(before, manifest(some), allowed=["run"], kept=["run/samples/mine.png"])
    assert any(line.endswith(told) for line in found), found


def test_what_a_verb_may_write_is_no_change(some):
    before = manifest(some)
    (some / "run" / "status.json").write_text("{}", encoding="utf-8")
    (some / "run" / "new.json").write_text("{}", encoding="utf-8")
    assert changes(before, manifest(some), allowed=["run"], kept=["run/samples/mine.png"]) == []
    assert changes(before, manifest(some), allowed=["run/new.json"]) == [
        line for line in changes(before, manifest(some), allowed=["run/new.json"]) if "status.json" in line
    ]
    assert changes(before, manifest(some)) != []


@pytest.mark.parametrize(
    ("ending", "fault"),
    [
        (Ending(0, "", ""), None),
        (Ending(2, "", "ganatomy: seed is -1; it must be 0 or more."), None),
        (Ending(1, "", "ganatomy: could not write x."), None),
        (Ending(2, "", ""), "no words"),
        (Ending(1, "", "Killed"), "no words"),
        (Ending(1, "", "", TRACE), "traceback"),
        (Ending(1, "", TRACE), "traceback"),
        (Ending(-9, "", ""), "exit code"),
        (Ending(120, "", "ganatomy: x"), "exit code"),
        (Ending(143, "", "ganatomy: stopped."), "exit code"),
        (Ending(None, "", "", "Current thread 0x1 (most recent call first):\n"), "hung"),
        (Ending(2, "", "ganatomy: no file \x1b[31m."), "control character"),
    ],
)
def test_endings_are_judged(ending, fault):
    attempt = Attempt("words", 0, "train", "", [], ending=ending)
    attempt.judge()
    assert [text.partition(":")[0] for text in attempt.faults] == ([fault] if fault else [])


def test_a_signalled_end_is_allowed_where_it_was_signalled():
    attempt = Attempt("kills", 0, "train", "", [], ending=Ending(143, "", "ganatomy: stopped."))
    attempt.judge(signalled=True)
    assert attempt.faults == []


def test_faults_are_the_same_by_exception_and_place():
    assert place_of(TRACE) == "ganatomy/files.py:54 read_json"
    stack = 'Current thread 0x1 (most recent call first):\n  File "/s/ganatomy/a.py", line 1 in f\n'
    assert place_of(stack + '  File "/s/ganatomy/cli.py", line 2 in main\n') == "ganatomy/a.py:1 f"
    made = [Attempt("damaged", n, "doctor", "", [], ending=Ending(1, "", "", TRACE)) for n in range(3)]
    for attempt in made:
        attempt.judge()
    assert [(num, example.number) for _, num, example in distinct(made)] == [(3, 0)]
    assert kind_of(made[0].faults[0]) == "traceback: RecursionError [ganatomy/files.py:54 read_json]"
    assert "| doctor | 3 | 3 |" in table(made)


@pytest.mark.parametrize("damage", {*damages.ANY, *damages.BY_KIND}, ids=lambda damage: damage.__name__)
def test_every_damage_damages(some, damage):
    outside = some / "people"
    (outside / "thesis").mkdir()
    (outside / "thesis" / "chapter 1.tex").write_bytes(b"x")
    endings = {damages.lying_header: "x.safetensors", damages.bomb: "x.png", damages.torn_line: "x.jsonl"}
    path = some / "run" / "samples" / endings.get(damage, "x.json")
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    content = b'{"schema": 1, "a": {"b": [1, 2], "c": "d"}}\n'
    is_tensor = path.suffix == ".safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\0\0\0\0" if is_tensor else content)
    before = manifest(some)
    assert damage(path, random.Random(1), outside)
    assert changes(before, manifest(some)) != []


def test_cases_repeat_and_reach_every_kind_of_folder():
    names = ("status.json", "stats.jsonl", "snapshots/G_ema-000000640.safetensors", "samples/fixed-000000000.png")
    known = {kind: {name: list(uses) for name in names} | {"unread": []} for kind, uses in damaged.USES.items()}
    first = list(damaged.cases(known, 0, range(300)))
    assert first == list(damaged.cases(known, 0, range(300)))
    assert first != list(damaged.cases(known, 1, range(300)))
    assert list(damaged.cases(known, 0, [150])) == [first[150]]
    assert {case[0] for _, case in first} == {"run", "stopped", "group", "lab"}
    assert {case[1] for _, case in first} == set(names)
    assert {case[3].verb for _, case in first} == {use.verb for uses in damaged.USES.values() for use in uses}
    assert {case[2] for _, case in first} == {*damages.ANY, *damages.BY_KIND}


def test_odd_words_know_every_verb_and_option():
    from ganatomy import cli

    known = words.verbs()
    assert set(known) == set(words.PLAIN_USES)
    assert set(known) >= {verb.__name__ for verb in cli.VERBS}
    golden = (REPOSITORY / "tests" / "golden" / "help-train.txt").read_text(encoding="utf-8")
    assert all(option in golden for option in known["train"] if option.startswith("--"))
    assert {"--z-dim", "--seeds", "--size", "--resume"} <= set(known["train"])
    draws = [words.odd_line("train", known["train"], random.Random(number)) for number in range(300)]
    assert draws[7] == words.odd_line("train", known["train"], random.Random(7))
    assert len({option for _, changed in draws for option in changed}) > 0.8 * len(known["train"])


def test_kills_and_inputs_reach_every_verb():
    verbs = {victim.verb.partition(" -")[0] for victim in kills.VICTIMS}
    assert verbs >= {*words.PLAIN_USES} - {"data list", "data get", "data inspect", "doctor"}
    assert set(inputs.TURNS) == set(inputs.INPUTS)


def run(part: str, num: int, folder: Path, *more: str) -> dict[str, object]:
    """Run a part in a process of its own; return its record. A fault fails the test with all that was seen."""
    path = folder / "attack.json"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.attack", part, "--num", str(num), "--json", str(path), *more],
        cwd=REPOSITORY, capture_output=True, encoding="utf-8", timeout=1500,
    )  # fmt: skip
    assert path.exists(), done.stderr[-4000:]
    report = json.loads(path.read_text(encoding="utf-8"))[part]
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert report["num"] == num
    return report


@pytest.mark.slow
@pytest.mark.parametrize(
    ("part", "num"),
    [("damaged", 60), ("words", 60), ("kills", 12), ("full", 21), ("inputs", 150), ("fuzz", 500)],
)
def test_a_small_attack(tmp_path, part, num):
    run(part, num, tmp_path, "--seed", "7")


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
def test_a_small_attack_as_a_stranger(tmp_path):
    run("stranger", 42, tmp_path, "--seed", "7")


def _raise() -> None:
    raise KeyError("planted")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "fault"),
    [
        (_raise, "traceback: KeyError"),
        (functools.partial(time.sleep, 60), "hung"),
        (functools.partial(bytearray, 2**33), "traceback: MemoryError"),
        (functools.partial(os.abort), "exit code: -6"),
    ],
)
def test_planted_faults_are_seen(tmp_path, before, fault):
    from benchmarks.attack import process

    attempt = Attempt("words", 0, "data list", "", ["data", "list"])
    setting = process.Setting(tmp_path, {"GANATOMY_HOME": str(tmp_path)}, idle_seconds=2.0, before=before)
    attempt.ending = process.run(attempt.words, setting)
    attempt.judge()
    assert len(attempt.faults) == 1
    assert attempt.faults[0].startswith(fault)


@pytest.mark.slow
def test_an_undisturbed_verb_is_no_fault(tmp_path):
    from benchmarks.attack import process

    attempt = Attempt("words", 0, "data list", "", ["data", "list"])
    attempt.ending = process.run(attempt.words, process.Setting(tmp_path, {"GANATOMY_HOME": str(tmp_path)}))
    attempt.judge()
    assert (attempt.ending.code, attempt.faults) == (0, [])
    assert "atelier" in attempt.ending.stdout
