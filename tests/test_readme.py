"""The README's commands and its Python example run, made small; its tree and its verbs are the real ones."""

import functools
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ganatomy as ga
from ganatomy import cli, presets
from pictures import make_folder

REPOSITORY = Path(__file__).resolve().parents[1]
READMES = {name: (REPOSITORY / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh.md")}
README = READMES["README.md"]

SMALL_DISSECTION = {
    "num_latents": 8, "num_latents_all": 4, "num_prior_img": 20, "num_scale_img": 20, "num_jacobians": 2,
    "num_path_pairs": 4, "num_direction_latents": 512, "num_inverted": 2, "num_inversion_evals": 5,
}  # fmt: skip
SMALLER = {
    "train": ["--total-nimg", "320", "--num-threads", "1", "--sample-nimg", "320", "--snapshot-nimg", "320"],
    "measure": ["--num-sets", "1"],
    "compare": ["--num-sets", "1"],
    "dissect": [
        word for name, num in SMALL_DISSECTION.items() for word in (f"--{name.replace('_', '-')}", str(num))
    ],
    "walk": ["--num-frames", "2"],
    "lab": ["--budget", "smoke"],
    "features": ["--num-epochs", "2"],
}
"""Options per verb that make its work small; they take the place of those given."""


def small(words: list[str]) -> list[str]:
    """Return a command with its verb's small options in place of the same ones given."""
    options = [] if "--resume" in words else SMALLER.get(words[0], [])
    kept, skip = [], False
    for word in words:
        if not skip and word not in options[::2]:
            kept.append(word)
        skip = word in options[::2]
    return kept + options


def blocks(language: str, readme: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)


def commands(readme: str = README) -> list[list[str]]:
    """Every `ganatomy` command, and `make lab` as the command it stands for."""
    found = []
    for line in "".join(blocks("sh", readme)).splitlines():
        words = shlex.split(line)
        if words[:2] == ["make", "lab"]:
            more = [word.removeprefix("ARGS=") for word in words[2:]]
            found.append(["lab", *shlex.split(" ".join(more))])
        elif words[0] == "ganatomy":
            found.append(words[1:])
        else:
            assert words == ["make", "test"], f"no test knows how to run {line!r}"
    return found


@pytest.mark.parametrize("name", READMES)
def test_every_verb_has_an_example_and_a_row(name):
    verbs = {verb.__name__ for verb in cli.VERBS} | set(cli.GROUPS)
    assert {words[0] for words in commands(READMES[name])} == verbs
    assert set(re.findall(r"^\| `(\w+)` \|", READMES[name], re.MULTILINE)) == verbs


def test_both_readmes_show_the_same_commands():
    """All commands of the Chinese page stand in the English one, apart from the report's language."""
    english, chinese = ({tuple(words) for words in commands(READMES[name])} for name in READMES)
    assert {words for words in chinese if words[0] != "lab"} == {words for words in english if words[0] != "lab"}
    assert blocks("python", READMES["README.zh.md"]) == blocks("python")


@pytest.mark.parametrize("name", READMES)
def test_every_picture_exists(name):
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", READMES[name])
    assert len(pictures) >= 2
    assert all((REPOSITORY / picture).exists() for picture in pictures)


def test_every_place_of_the_tree_exists():
    tree = next(block for block in blocks("") if block.startswith("src/ganatomy/"))
    found = 0
    for line in tree.splitlines()[1:]:
        folder = line.split()[0] if line.split()[0].endswith("/") else ""
        for name in re.findall(r"\w+\.py", line):
            assert (REPOSITORY / "src" / "ganatomy" / folder / name).exists(), (folder, name)
            found += 1
    assert found > 25
    for link in re.findall(r"\]\(([\w./-]+\.md)\)", README):
        assert (REPOSITORY / link).exists(), link


@pytest.mark.skipif(sys.platform == "win32", reason="make")
def test_make_lab_is_the_command(tmp_path):
    """`make lab` runs the lab with ARGS; the environment is taken as installed."""
    done = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "--assume-old=.venv", "lab", "ARGS=--budget smoke"],
        cwd=REPOSITORY, capture_output=True, encoding="utf-8", check=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == ".venv/bin/ganatomy lab --budget smoke"


def test_commands_run(ganatomy_here, some_data, smoke_lab, tmp_path, monkeypatch):
    """Through the real command line, in one process to save the seconds of loading torch, with few samples.

    The lab is one that another test has finished, so its commands continue it.
    """
    from ganatomy.metrics import evaluate

    monkeypatch.setattr(evaluate, "measure", functools.partial(evaluate.measure, num_gen=200))
    monkeypatch.delenv("GANATOMY_DATA", raising=False)
    name = some_data[1]
    shutil.copytree(smoke_lab[0], tmp_path / "runs" / f"lab-{name}-smoke-s0")
    make_folder(tmp_path / "pictures")
    here = {"GANATOMY_DATA": some_data[3]} if len(some_data) > 2 else {"GANATOMY_OFFLINE": "1"}
    here["GANATOMY_HOME"] = str(tmp_path / "home")
    made = [small([name if word == "fashion-mnist" else word for word in words]) for words in commands()]
    for words in dict.fromkeys(map(tuple, made)):
        done = ganatomy_here(*words, cwd=tmp_path, env=here)
        assert done.returncode == 0, (words, done.stderr)
    run = tmp_path / "runs" / "my-dcgan"
    assert (tmp_path / "samples.png").exists()
    assert (tmp_path / "walk.gif").exists()
    for name in ("measure.json", "dissect/dissect.json", "walk-film.webp", "report.html", "report.md"):
        assert (run / name).exists(), name
    (lab,) = (tmp_path / "runs").glob("lab-*")
    assert (lab / "report.html").exists()


def test_python_example_runs(data_dir, tmp_path, monkeypatch):
    """As written, twice in one process, with a short training and few samples put in its place."""
    from ganatomy.latent import dissection
    from ganatomy.metrics import evaluate

    (code,) = blocks("python")
    short = presets.dcgan()
    monkeypatch.setitem(
        presets.PRESETS,
        "dcgan",
        lambda: type(short)(**{**short.to_dict(), "total_nimg": 256, "sample_nimg": 256, "snapshot_nimg": 256}),
    )
    monkeypatch.setattr(evaluate, "measure", functools.partial(evaluate.measure, num_gen=100))
    small = functools.partial(dissection.DissectConfig, **SMALL_DISSECTION)
    monkeypatch.setattr(dissection, "DissectConfig", small)
    monkeypatch.setenv("GANATOMY_DATA", str(data_dir))
    monkeypatch.chdir(tmp_path)
    runs = []
    for _ in range(2):
        names: dict[str, object] = {}
        exec(compile(code, "README.md", "exec"), names)
        assert names["ga"] is ga
        runs.append(Path(names["run"]))
        for name in ("measure.json", "dissect/dissect.json", "walk-loop.webp", "report.html"):
            assert (runs[-1] / name).exists(), name
    assert runs[0] != runs[1]
    first, second = (json.loads((run / "measure.json").read_text(encoding="utf-8"))["scores"] for run in runs)
    assert first == second
