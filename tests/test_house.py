"""The rules of the house: who may import whom, what no module may do, and what the command line prints."""

import ast
import dataclasses
import inspect
import os
import statistics
import subprocess
import sys
import time
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import ganatomy as package
from ganatomy import api, cli, data_verbs, judge_verbs, presets, rng, walk_verb
from ganatomy.config import Overrides, TrainConfig, resolve
from ganatomy.datasets.stream import ImageStream
from ganatomy.training.state import TrainState
from ganatomy.training.step import train_step

SOURCE = Path(package.__file__).parent
REPOSITORY = Path(__file__).resolve().parents[1]
GOLDEN = Path(__file__).parent / "golden"

ROWS = (
    ("errors", "progress"),
    ("bounds",),
    ("rng", "files", "device", "paths"),
    ("images", "checked", "arrays"),
    ("output",),
    ("film",),
    ("config",),
    ("presets",),
    ("datasets",),
    ("models",),
    ("losses",),
    ("training",),
    ("metrics",),
    ("latent",),
    ("laboratory",),
    ("reporting",),
    ("console",),
    ("border", "shared"),
    ("train_verb",),
    ("api", "data_verbs", "judge_verbs", "walk_verb"),
    ("cli",),
    ("__init__", "__main__"),
)
"""A module may import rows above its own, and its own package."""
LEVEL = {room: level for level, row in enumerate(ROWS) for room in row}
INSTANT = (
    "errors", "progress", "bounds", "config", "presets", "paths", "console", "border", "shared", "api", "data_verbs",
    "judge_verbs", "walk_verb", "cli",
)  # fmt: skip
"""Modules that must not load torch, so that --help is instant (api does inside its functions)."""
VERBS = ("lab", "train", "sample", "measure", "dissect", "walk", "compare", "doctor", "report")
JUDGING = ("compare", "doctor")
"""Those of VERBS that live in `judge_verbs`."""
WALKING = ("walk",)
"""Those of VERBS that live in `walk_verb`; the others in `api`."""
GROUPED = ("data_list", "data_get", "data_inspect", "data_import", "features_train")
"""Verbs of two words on the command line."""
VERB_FILES = ("api.py", "data_verbs.py", "judge_verbs.py", "walk_verb.py")
"""Files whose verbs may have any number of parameters."""
HELP = ("", *VERBS, "data", "features", *(name.replace("_", " ") for name in GROUPED))

FILES = sorted(SOURCE.rglob("*.py"))
PARSED = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
SCRIPTS = sorted((REPOSITORY / "scripts").glob("*.py"))


def place(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def room(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported_rooms(path: Path, tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield (line, room) of every import of our own modules, wherever it stands in the file."""
    package_path = ("ganatomy", *path.relative_to(SOURCE).parts[:-1])
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package_path[: len(package_path) - node.level + 1] if node.level else ()
            start = ".".join((*base, *([node.module] if node.module else [])))
            names = [f"{start}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "ganatomy":
                yield node.lineno, parts[1]


def functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    for path, tree in PARSED.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                yield place(path), node


def test_every_room_has_a_row():
    rooms = {room(path) for path in FILES}
    assert rooms == set(LEVEL)


def test_imports_point_one_way():
    wrong = [
        f"{place(path)}:{line} imports {target}"
        for path, tree in PARSED.items()
        for line, target in imported_rooms(path, tree)
        if target != room(path) and LEVEL[target] >= LEVEL[room(path)]
    ]
    assert wrong == []


def test_the_import_walk_sees_every_spelling():
    """The rule above can fail: each way to write an import is recognised."""
    code = "import ganatomy.cli\nfrom ..reporting import page\nfrom .. import api\nfrom ganatomy.metrics.modes import x"
    found = {target for _, target in imported_rooms(SOURCE / "training" / "loop.py", ast.parse(code))}
    assert found == {"cli", "reporting", "api", "metrics"}


def test_training_knows_neither_metrics_nor_reporting():
    wrong = [
        f"{place(path)}:{line} imports {target}"
        for path, tree in PARSED.items()
        for line, target in imported_rooms(path, tree)
        if room(path) == "training" and target in ("metrics", "latent", "laboratory", "reporting", "console", "api")
    ]
    assert wrong == []


def python(code: str, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:ganatomy", "-c", code, *words],
        capture_output=True, encoding="utf-8", timeout=120, cwd=REPOSITORY,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_torch_is_not_loaded_for_help():
    code = """
import contextlib, importlib, io, sys
for name in sys.argv[1:]:
    importlib.import_module("ganatomy." + name)
from ganatomy import cli
for words in (["--help"], ["lab", "--help"], ["train", "--help"], ["dissect", "--help"], ["data", "inspect", "-h"]):
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
        cli.main(words)
print(sorted({"torch", "numpy", "matplotlib", "PIL", "safetensors"} & set(sys.modules)))
"""
    assert python(code, *INSTANT) == "[]"


def test_no_module_works_connects_or_seeds_at_import(tmp_path):
    code = """
import importlib, os, pathlib, pkgutil, random, socket, subprocess, sys
import matplotlib, numpy, torch

def refuse(name):
    def call(*args, **kwargs):
        raise AssertionError(name + " was called at import")
    return call

for owner, name in (
    (socket.socket, "connect"), (socket, "create_connection"), (torch, "manual_seed"), (torch, "set_num_threads"),
    (numpy.random, "seed"), (numpy.random, "default_rng"), (random, "seed"), (subprocess, "Popen"), (os, "fork"),
    (pathlib.Path, "mkdir"), (pathlib.Path, "write_bytes"), (pathlib.Path, "write_text"), (pathlib.Path, "read_bytes"),
):
    setattr(owner, name, refuse(name))
before = torch.get_rng_state()
import ganatomy
names = [module.name for module in pkgutil.walk_packages(ganatomy.__path__, "ganatomy.")]
for name in names:
    importlib.import_module(name)
assert torch.equal(before, torch.get_rng_state())
print(len(names))
"""
    assert int(python(code)) == len(FILES) - 1  # all but the package's own __init__


SEEDING = {"manual_seed", "manual_seed_all", "seed", "default_rng", "RandomState", "SeedSequence", "Philox", "PCG64"}


def test_only_rng_seeds():
    wrong = [
        f"{path.name}:{node.lineno} {node.attr}"
        for path, tree in [*PARSED.items(), *((path, ast.parse(path.read_text(encoding="utf-8"))) for path in SCRIPTS)]
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in SEEDING
        and path.name != "rng.py"
        # config.seed and the like are numbers; seeding is a call of numpy, torch or random
        and ast.unparse(node.value).split(".")[0] in ("np", "numpy", "torch", "random")
    ]
    assert wrong == []


def test_no_pickle():
    wrong = []
    for path, tree in PARSED.items():
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.split(".")[0] in ("pickle", "cloudpickle", "dill", "joblib", "shelve") for name in names):
                wrong.append(f"{place(path)}:{node.lineno} imports {names}")
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("torch.load", "torch.save"):
                wrong.append(f"{place(path)}:{node.lineno} {ast.unparse(node.func)}")
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle" and ast.unparse(node.value) != "False":
                wrong.append(f"{place(path)}:{node.value.lineno} allow_pickle")
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("np.load", "numpy.load"):
                keywords = {keyword.arg for keyword in node.keywords}
                if "allow_pickle" not in keywords:
                    wrong.append(f"{place(path)}:{node.lineno} np.load without allow_pickle=False")
    assert wrong == []


def test_no_broad_except():
    wrong = [
        f"{place(path)}:{node.lineno}"
        for path, tree in PARSED.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in ("Exception", "BaseException"))
    ]
    assert wrong == []


def test_files_are_at_most_400_lines():
    long = {place(path): lines for path in FILES if (lines := path.read_text(encoding="utf-8").count("\n")) > 400}
    assert long == {}


def test_functions_are_short():
    """60 lines with docstring; the training loop may have 150, being meant to be read whole."""
    long = [
        f"{file}:{node.lineno} {node.name}: {lines} lines"
        for file, node in functions()
        if (lines := node.end_lineno - node.lineno + 1) > (150 if file == "training/loop.py" else 60)
    ]
    assert long == []


def test_functions_have_at_most_8_parameters():
    many = [
        f"{file}:{node.lineno} {node.name}: {number}"
        for file, node in functions()
        if (number := len([a for a in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                           if a.arg not in ("self", "cls")])) > 8
        and not (file in VERB_FILES and node.name in (*VERBS, *GROUPED))
    ]  # fmt: skip
    assert many == []


def test_public_functions_have_docstrings():
    missing = []
    for path, tree in PARSED.items():
        for owner in [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))]:
            for node in owner.body:
                if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                    if isinstance(owner, ast.ClassDef) and owner.name.startswith("_"):
                        continue
                    if not ast.get_docstring(node):
                        missing.append(f"{place(path)}:{node.lineno} {node.name}")
    assert missing == []


def test_no_package_bears_a_verbs_name():
    """`ganatomy.lab` must stay the function, whatever was imported before."""
    assert {path.stem for path in SOURCE.iterdir()}.isdisjoint(VERBS)
    for verb in (*VERBS, *GROUPED):
        assert inspect.isfunction(getattr(package, verb))


def test_all_is_sorted_and_complete():
    assert package.__all__ == sorted(package.__all__)
    assert set(package.__all__) == {"GanatomyError", *VERBS, *GROUPED}
    assert all(hasattr(package, name) for name in package.__all__)
    in_api = {*VERBS} - {*JUDGING, *WALKING}
    for module, verbs in (
        (api, in_api), (judge_verbs, JUDGING), (walk_verb, WALKING), (data_verbs, GROUPED),
    ):  # fmt: skip
        own = {name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__}
        functions = {name for name in own if inspect.isfunction(vars(module)[name])}
        assert {name for name in functions if not name.startswith("_")} == set(verbs)
    grouped = {verb.__name__ for group in cli.GROUPS.values() for verb in group.values()}
    assert grouped == set(GROUPED)


def test_overrides_agree_with_the_configuration():
    fields = typing.get_type_hints(TrainConfig)
    for name, kind in typing.get_type_hints(Overrides).items():
        assert name in fields, name
        chosen = set(typing.get_args(kind)) - {"auto"}  # a choice that is made when the run starts
        same = chosen == set(typing.get_args(fields[name])) if "auto" in typing.get_args(kind) else False
        assert same or kind == fields[name] or kind | None == fields[name], name


DECIDED_ELSEWHERE = {
    "preset", "model",  # the positional argument
    "seed", "total_nimg", "init_from",  # parameters of train itself
    "data", "data_path", "data_fit", "data_sha256", "num_train",  # the data
    "img_channels", "img_height", "img_width",
    "budget_sec", "num_processes",  # train's --budget, torchrun
}  # fmt: skip


def test_every_setting_can_be_overridden():
    fields = {field.name for field in dataclasses.fields(TrainConfig)}
    assert set(typing.get_type_hints(Overrides)) | DECIDED_ELSEWHERE == fields


@pytest.mark.parametrize("name", presets.PRESETS)
def test_every_preset_builds_and_trains_two_steps(name, tiny_dataset):
    config = resolve(
        dataclasses.replace(presets.preset(name), batch_size=8, num_train=len(tiny_dataset.train), total_nimg=16)
    )
    assert config.preset == name
    state = TrainState(config, torch.device("cpu"))
    stream = ImageStream(tiny_dataset.train, config.seed, state.device)
    before = {key: value.clone() for key, value in state.tensors().items()}
    for _ in range(2):
        train_step(state, stream.real_img(state.cur_nimg, 8), rng.latents(0, "test", 8, config.z_dim))
    after = state.tensors()
    assert state.cur_nimg == 16
    for key, value in before.items():
        if key.endswith(("weight", "bias")):
            assert not torch.equal(value, after[key]), key
    assert all(torch.isfinite(value).all() for value in after.values())


@pytest.mark.parametrize("verb", HELP)
def test_help_is_as_written_down(verb, ganatomy):
    """UPDATE_GOLDEN=1 make test ARGS="-k help_is" writes the files anew; look at the difference before committing."""
    done = ganatomy(*verb.split(), "--help", cwd=REPOSITORY)
    assert done.returncode == 0, done.stderr
    path = GOLDEN / f"help-{verb.replace(' ', '-') or 'ganatomy'}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(done.stdout, encoding="utf-8", newline="\n")
    assert done.stdout == path.read_text(encoding="utf-8")


def test_help_lists_every_verb_and_setting():
    text = (GOLDEN / "help-ganatomy.txt").read_text(encoding="utf-8")
    assert all(f"• {verb} " in text for verb in (*VERBS, *cli.GROUPS))
    text = (GOLDEN / "help-train.txt").read_text(encoding="utf-8")
    assert all(f"--{name.replace('_', '-')} " in text for name in typing.get_type_hints(Overrides))


@pytest.mark.slow
def test_help_is_instant(ganatomy):
    """Under 0.5 s (median of 5) on an idle machine."""
    ganatomy("--help")
    times = []
    for _ in range(5):
        start = time.perf_counter()
        ganatomy("--help")
        times.append(time.perf_counter() - start)
    assert statistics.median(times) < 0.5
