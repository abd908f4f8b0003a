"""Bad input through the real command line: an answer in words, the right exit code, no traceback.

Every message must hold what was given, what is allowed and what to do; the cases say which words those are.
"""

import dataclasses
import gzip
import json
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ganatomy import presets
from ganatomy.config import resolve
from ganatomy.datasets.catalog import FILES
from ganatomy.training.run import create_run, open_run
from ganatomy.training.session import run_training


def refused(done: subprocess.CompletedProcess[str], *words: object, code: int = 2) -> str:
    """Check code and words (line breaks and the boxes of option errors do not count); return the message."""
    message = re.sub(r"[\s│╭╮╰╯─]+", " ", done.stderr)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert done.stdout == ""
    for word in words:
        assert str(word) in message, (word, message)
    return message


@pytest.fixture(scope="module")
def tiny_run(tmp_path_factory, tiny_dataset) -> Path:
    """A finished run of two steps on the made-up set: a real run folder, made in this process."""
    config = resolve(
        dataclasses.replace(
            presets.gan(), batch_size=8, total_nimg=16, num_train=len(tiny_dataset.train),
            data="fashion-mnist", data_sha256=tiny_dataset.sha256,
        )
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    create_run(folder, config, "test")
    list(run_training(open_run(folder), tiny_dataset, say=lambda message: None))
    assert open_run(folder).is_finished
    return folder


@pytest.fixture(scope="module")
def trained_run(tmp_path_factory, ganatomy, some_data) -> Path:
    """A finished run of ten steps, by the command line."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    done = ganatomy(
        "train",
        "gan",
        *some_data,
        "--num-threads",
        1,
        "--total-nimg",
        640,
        "--checkpoint-nimg",
        64,
        "--out",
        folder,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["trian", "gan"], ["unknown verb 'trian'", "allowed: lab, train, sample", "Did you mean 'train'?"]),
        (["train", "dcgn"], ["unknown preset 'dcgn'", "allowed: gan, gan-adam, dcgan", "Did you mean 'dcgan'?"]),
        (["train"], ["give a preset (gan, gan-adam, dcgan), or --resume RUN"]),
        (["train", "gan", "--batch-siz", "3"], ["--batch-siz", "Perhaps you meant: --batch-size INT", "--help"]),
        (["lab", "--bugdet", "smoke"], ["--bugdet", "Perhaps you meant: --budget", "--help"]),
        (["lab", "--budget", "smok"], ["unknown budget 'smok'", "allowed: smoke, quick, full", "mean 'smoke'?"]),
        (["lab", "--lang", "fr"], ["'fr'", "--lang", "('en', 'zh')"]),
        (["lab", "--data", "fashon-mnist"], ["unknown data set 'fashon-mnist'", "Did you mean 'fashion-mnist'?"]),
        (["train", "gan", "--optimizer", "adm"], ["'adm'", "('sgd', 'adam')"]),
        (["train", "gan", "--device", "gpu"], ["unknown device 'gpu'", "allowed: auto, cpu, cuda, mps"]),
        (["train", "gan", "--lr-g", "nan"], ["lr_g is nan; it must be greater than 0"]),
        (["train", "gan", "--total-nimg", "0"], ["total_nimg is 0; it must be greater than 0"]),
        (["train", "gan", "--seed", "-1"], ["seed is -1; it must be 0 or more"]),
        (["train", "gan", "--lr-d", "fast"], ["--lr-d", "'fast'", "--help"]),
        (["train", "gan", "--seeds", "0"], ["seeds is 0", "number of trainings", "at least 1"]),
        (["train", "gan", "--executor", "processes"], ["--executor says how several trainings", "give --seeds K too"]),
        (["train", "gan", "--seeds", "2", "--executor", "threads"], ["'threads'", "--executor", "'processes'"]),
        (["train", "gan", "--seeds", "2", "--seed", "-1"], ["seed is -1; it must be 0 or more"]),
        (["train", "gan", "--budget", "10 minutes"], ["budget '10 minutes' is not a time", "as in 90s, 10min, 0.5h"]),
        (["train", "gan", "--budget", "0s"], ["budget '0s' is 0 seconds", "more than 0"]),
        (["train", "gan", "--budget", "1min", "--total-nimg", "9"], ["--budget decides", "leave out --total-nimg"]),
        (["train", "gan", "--budget", "1min", "--num-epochs", "2"], ["leave out --num-epochs"]),
        (["train", "gan", "--budget", "1min", "--seeds", "2"], ["--budget fits one training", "give --total-nimg"]),
        (["train", "--resume", "x", "--budget", "1min"], ["--resume continues a run", "Leave out --budget"]),
        (["train", "--resume", "x", "--seeds", "2"], ["Leave out --seeds"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) and value[0] in ("train", "lab", "trian") else "",
)
def test_words_and_numbers_on_the_command_line(ganatomy_here, tmp_path, words, expected, request):
    more = []
    if "--device" in words:
        more = request.getfixturevalue("some_data")
    refused(ganatomy_here(*words, *more, cwd=tmp_path), *expected)
    assert list(tmp_path.iterdir()) == []  # before any work


def idx(values: np.ndarray) -> bytes:
    return struct.pack(f">4B{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.astype(np.uint8).tobytes()


def write_data(root: Path, damaged: bytes | None, name: str = FILES[0]) -> Path:
    """Four small files that look like Fashion-MNIST's, one of them replaced."""
    folder = root / "fashion-mnist"
    folder.mkdir(parents=True)
    draw = np.random.default_rng(0)
    for file in FILES:
        values = draw.integers(0, 256, (500, 28, 28)) if "images" in file else draw.integers(0, 10, 500)
        (folder / f"{file}.gz").write_bytes(gzip.compress(idx(values)))
    if damaged is not None:
        (folder / f"{name}.gz").write_bytes(damaged)
    return folder / f"{name}.gz"


def damaged_files() -> dict[str, tuple[bytes, str, str]]:
    """Case -> (content, file it replaces, words)."""
    images = idx(np.random.default_rng(0).integers(0, 256, (500, 28, 28)))
    packed = gzip.compress(images)
    flipped = bytearray(packed)
    flipped[len(flipped) // 2] ^= 0xFF
    wrong_magic = b"\x00\x00\x0d\x03" + images[4:]
    too_few = gzip.compress(idx(np.zeros(499, np.uint8)))
    return {
        "truncated gzip": (packed[: len(packed) // 2], FILES[0], "is cut short: its gzip data ends too early"),
        "corrupt gzip": (bytes(flipped), FILES[0], "is damaged: it cannot be unpacked as gzip"),
        "wrong magic": (gzip.compress(wrong_magic), FILES[0], "magic"),
        "too short for its dimensions": (gzip.compress(images[:-1]), FILES[0], "of the 500 x 28 x 28 values announced"),
        "labels that don't fit": (too_few, FILES[1], "holds 500 images"),
        "another file": (packed, FILES[0], "the SHA-256 of its uncompressed content is"),
    }


@pytest.mark.parametrize("case", damaged_files())
def test_damaged_data(ganatomy_here, tmp_path, case):
    content, name, words = damaged_files()[case]
    path = write_data(tmp_path / "data", content, name)
    out = tmp_path / "out"
    done = ganatomy_here("train", "gan", "--data-dir", tmp_path / "data", "--out", out)
    message = refused(done, path, words)
    assert "copy or download" in message.lower()
    assert not out.exists()


@pytest.mark.parametrize("way", ["--data-dir", "GANATOMY_DATA"])
def test_a_damaged_set_is_never_passed_over(ganatomy_here, tmp_path, way):
    """Wherever it is found first, it is an error, also where other places might hold a good one."""
    path = write_data(tmp_path, b"\x1f\x8b broken")
    words, env = (["--data-dir", tmp_path], {}) if way == "--data-dir" else ([], {"GANATOMY_DATA": str(tmp_path)})
    refused(
        ganatomy_here("lab", "--budget", "smoke", "--out", tmp_path / "out", *words, env=env), path, "Delete it, then"
    )


@pytest.mark.parametrize("where", ["missing", "empty"])
def test_a_data_folder_without_data(ganatomy_here, tmp_path, where):
    if where == "empty":
        (tmp_path / "data").mkdir()
    refused(
        ganatomy_here("train", "gan", "--data-dir", tmp_path / "data"), "--data-dir", tmp_path / "data", "fashion-mnist"
    )


@pytest.mark.parametrize("dims", ["3,100", "-1"])
def test_latent_numbers_that_do_not_exist(ganatomy_here, tiny_run, dims):
    bad = dims.rsplit(",", 1)[-1]
    done = ganatomy_here("dissect", tiny_run, f"--dims={dims}")
    refused(done, f"latent number {bad} does not exist", "100 numbers, 0 to 99")


def test_latent_numbers_that_do_not_exist_in_a_lab(ganatomy_here, some_data, tmp_path):
    done = ganatomy_here("lab", "--budget", "smoke", "--dims", "3,100", *some_data, "--out", tmp_path / "out")
    refused(done, "latent number 100 does not exist", "0 to 99")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--values", "0.1,nan"], ["the edit value nan is not a finite number", "such as 0.1,5,20"]),
        (["--values=-inf"], ["the edit value -inf is not a finite number"]),
        (["--dims", "3,x"], ["--dims", "'3,x' is not a list such as 3,17,42"]),
        (["--num-dims", "101"], ["num_dims is 101", "choose 1 to 100"]),
        (["--pick", "best"], ["'best'", "random", "top"]),
        (["--edits", "3=5", "0-100*=0"], ["latent number 100 does not exist", "0 to 99"]),
        (["--edits", "3=nan"], ["the edit '3=nan' has the value nan", "must be finite"]),
        (["--edits", "three"], ["the edit 'three' is not understood", "3=5 (set)"]),
        (["--atlas-values", "2,inf"], ["the edit value inf is not a finite number"]),
        (["--num-jacobians", "1"], ["num_jacobians is 1", "at least 2"]),
    ],
)
def test_values_that_cannot_be_edited(ganatomy_here, tiny_run, words, expected):
    refused(ganatomy_here("dissect", tiny_run, *words), *expected)
    assert not (tiny_run / "dissect").exists()


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((2, 20, 30), ["20x30", "this generator makes 28x28", "no picture is resized"]),
        ((2, 28, 28, 3), ["2 of 2 pictures are coloured", "grey images"]),
    ],
)
def test_pictures_to_invert_that_do_not_fit(ganatomy_here, tiny_run, tmp_path, shape, words):
    np.save(tmp_path / "mine.npy", np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))
    refused(ganatomy_here("dissect", tiny_run, "--images", tmp_path / "mine.npy"), tmp_path / "mine.npy", *words)
    assert not (tiny_run / "dissect").exists()


def test_pictures_to_invert_that_are_not_there(ganatomy_here, tiny_run, tmp_path):
    refused(ganatomy_here("dissect", tiny_run, "--images", tmp_path / "none"), tmp_path / "none")
    (tmp_path / "empty").mkdir()
    refused(ganatomy_here("dissect", tiny_run, "--images", tmp_path / "empty"), tmp_path / "empty", "picture")
    assert not (tiny_run / "dissect").exists()


def test_latents_that_are_not_finite(ganatomy_here, tiny_run, tmp_path):
    z = np.zeros((3, 100), np.float32)
    z[1, 7] = np.nan
    np.save(tmp_path / "z.npy", z)
    done = ganatomy_here("sample", tiny_run, "--latents", tmp_path / "z.npy", "--out", tmp_path / "x.npy")
    refused(done, tmp_path / "z.npy", "latent 1 has values that are not finite", "every number must be finite")
    np.save(tmp_path / "z.npy", np.zeros((3, 99), np.float32))
    done = ganatomy_here("sample", tiny_run, "--latents", tmp_path / "z.npy", "--out", tmp_path / "x.npy")
    refused(done, "has shape [3, 99]; this generator needs [N, 100]")
    assert not (tmp_path / "x.npy").exists()
    done = ganatomy_here("dissect", tiny_run, "--latents", tmp_path / "z.npy")
    refused(done, "has shape [3, 99]; this generator needs [N, 100]")
    assert not (tiny_run / "dissect").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--kind", "lop"], ["unknown kind 'lop'", "allowed: linear, spherical, loop", "Did you mean 'loop'?"]),
        (["--num-frames", "1"], ["num_frames is 1; a film needs at least 2"]),
        (["--out", "x.mp4"], ["--out x.mp4 ends in .mp4", "allowed: .webp, .gif, or a folder's name"]),
        (["--kind", "film"], ["samples holds 0 pictures", "needs at least 2", "--sample-nimg", "give kind loop"]),
        (["--latents", "one.npy"], ["a path needs at least 2 latents, but got 1; give more"]),
        (["--latents", "other.npy"], ["has shape [3, 99]; this generator needs [N, 100]"]),
        (["--class-from", "Bag"], ["class_from and class_to are for the kind classes", "leave them out"]),
    ],
)
def test_walks_that_cannot_be_made(ganatomy_here, tiny_run, tmp_path, words, expected):
    folder = shutil.copytree(tiny_run, tmp_path / "run")
    shutil.rmtree(folder / "samples")
    np.save(tmp_path / "one.npy", np.zeros((1, 100), np.float32))
    np.save(tmp_path / "other.npy", np.zeros((3, 99), np.float32))
    before = sorted(tmp_path.rglob("*"))
    refused(ganatomy_here("walk", folder, *words, cwd=tmp_path), *expected)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_walk_between_classes_that_are_not_there(ganatomy_here, trained_run, some_data):
    done = ganatomy_here("walk", trained_run, "--kind", "classes", "--class-from", "Trouzers", *some_data[2:])
    refused(done, "unknown class 'Trouzers'", "allowed: ", "Did you mean 'Trouser")
    assert not (trained_run / "walk-classes.webp").exists()


@pytest.mark.parametrize("verb", ["dissect", "walk", "report", "resume"])
def test_folders_that_are_not_runs(ganatomy_here, tmp_path, verb):
    message = refused(ganatomy_here(*(["train", "--resume"] if verb == "resume" else [verb]), tmp_path), tmp_path)
    assert "is not a" in message or "neither" in message
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there(ganatomy_here, tmp_path):
    folder = tmp_path / "nowhere"
    refused(ganatomy_here("measure", folder), folder, "is not a folder", "printed by `ganatomy train`")


@pytest.mark.parametrize("verb", ["measure", "report"])
def test_a_run_of_a_newer_schema(ganatomy_here, tiny_run, tmp_path, verb):
    folder = shutil.copytree(tiny_run, tmp_path / "run")
    path = folder / "config.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(record | {"schema": 99}), encoding="utf-8")
    refused(ganatomy_here(verb, folder), path, "has schema 99", "reads up to 1", "Update ganatomy")


def test_a_run_with_a_damaged_configuration(ganatomy_here, tiny_run, tmp_path):
    folder = shutil.copytree(tiny_run, tmp_path / "run")
    (folder / "config.json").write_text("{", encoding="utf-8")
    refused(ganatomy_here("measure", folder), folder / "config.json", "cannot be read as JSON")


def test_a_damaged_snapshot(ganatomy_here, tiny_run, tmp_path):
    folder = shutil.copytree(tiny_run, tmp_path / "run")
    for path in (folder / "snapshots").iterdir():
        path.write_bytes(path.read_bytes()[:1000])
    done = ganatomy_here("sample", folder, "--out", tmp_path / "x.npy")
    refused(done, folder / "snapshots", "not fully covered", "Make it again with", "or restore it from a copy")


@pytest.mark.parametrize("verb", ["train", "lab", "sample", "walk"])
def test_an_output_that_cannot_be_written(ganatomy_here, tiny_run, tmp_path, verb, request):
    (tmp_path / "file").write_text("", encoding="utf-8")
    out = tmp_path / "file" / "sub" / ("x.gif" if verb == "walk" else "x.npy")
    words = [verb, tiny_run]
    if verb in ("train", "lab"):
        data = request.getfixturevalue("some_data")
        words = ["train", "gan", *data] if verb == "train" else ["lab", "--budget", "smoke", *data]
    given = out if verb in ("train", "lab") else out.parent
    why = "cannot be used: Not a directory" if verb in ("train", "lab") else "cannot be written"
    refused(ganatomy_here(*words, "--out", out), given, why, "Choose another with --out")


def test_an_output_of_an_unknown_kind(ganatomy_here, tiny_run, tmp_path):
    done = ganatomy_here("sample", tiny_run, "--num", 1, "--out", tmp_path / "x.jpg")
    refused(done, "x.jpg ends in .jpg", "allowed: .npy, .npz, .png, or a folder")


def test_a_folder_that_holds_another_run(ganatomy_here, trained_run, some_data):
    done = ganatomy_here("train", "gan", *some_data, "--total-nimg", 640, "--out", trained_run)
    refused(done, trained_run, "already holds a run", f"train --resume {trained_run}", "choose another --out")


@pytest.mark.parametrize("more", [(), ("--seeds", 2), ("--budget", "1min")])
def test_a_folder_that_holds_anything(ganatomy_here, some_data, tmp_path, more):
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "holiday.png").write_bytes(b"mine")
    length = () if "--budget" in more else ("--total-nimg", 640)
    done = ganatomy_here("train", "gan", *some_data, *length, *more, "--out", ".", cwd=tmp_path)
    refused(done, ". is not empty but holds samples", "--out run")
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["samples", "samples/holiday.png"]


@pytest.mark.parametrize("more", [("--total-nimg", 64), ("--total-nimg", 64, "--seeds", 2), ("--budget", "1min")])
def test_weights_of_another_network(ganatomy_here, trained_run, some_data, tmp_path, more):
    words = ["train", "gan", *some_data, "--z-dim", 50, "--precision", "float32", *more]
    done = ganatomy_here(*words, "--init-from", trained_run, "--out", tmp_path / "new")
    refused(done, f"the weights of {trained_run} do not fit the new run (z_dim: 100 -> 50", "leave out --init-from")
    assert not list(tmp_path.iterdir())


def test_a_changed_configuration_is_refused_with_every_difference(ganatomy_here, trained_run, some_data):
    more = ["--seed", 5, "--batch-size", 32, *some_data[2:]]
    done = ganatomy_here("train", "--resume", trained_run, *more)
    refused(done, "its settings cannot change", "seed: 0 -> 5", "batch_size: 64 -> 32", "--init-from")


PROCESSES = {
    "preset": (["train", "dcgn"], "unknown preset 'dcgn'"),
    "option": (["lab", "--bugdet", "smoke"], "Perhaps you meant: --budget"),
    "budget": (["lab", "--budget", "smok"], "unknown budget 'smok'"),
    "data": (["train", "gan", "--data-dir", "{tmp}/data"], "copy or download"),
    "number": (["dissect", "{run}", "--dims", "3,100"], "latent number 100 does not exist"),
    "value": (["dissect", "{run}", "--values", "0.1,nan"], "the edit value nan is not a finite number"),
    "folder": (["measure", "{tmp}"], "is not a run"),
    "kind": (["walk", "{run}", "--kind", "lop"], "unknown kind 'lop'"),
    "schema": (["report", "{tmp}/newer"], "has schema 99"),
    "output": (["sample", "{run}", "--out", "{tmp}/file/sub/x.npy"], "cannot be written"),
}
"""One command per line of the list, for a process of its own; the other cases run in this one."""


@pytest.mark.parametrize("case", PROCESSES)
def test_exit_codes_of_real_processes(ganatomy, tiny_run, tmp_path, case):
    write_data(tmp_path / "data", gzip.compress(bytes(1000))[:-10])
    (tmp_path / "file").write_text("", encoding="utf-8")
    newer = shutil.copytree(tiny_run, tmp_path / "newer") / "config.json"
    newer.write_text(json.dumps({"schema": 99}), encoding="utf-8")
    words, expected = PROCESSES[case]
    refused(ganatomy(*(word.format(tmp=tmp_path, run=tiny_run) for word in words), cwd=tmp_path), expected)


def unfinished(run: Path, folder: Path) -> Path:
    """A copy of a finished run as a stopped process leaves it: at its newest checkpoint, which is not the end."""
    shutil.copytree(run, folder)
    newest = max((folder / "checkpoints").iterdir())
    shutil.rmtree(newest)
    (folder / "status.json").unlink()
    return folder


def test_a_damaged_checkpoint_falls_back_loudly(ganatomy, trained_run, some_data, tmp_path):
    folder = unfinished(trained_run, tmp_path / "run")
    left = max((folder / "checkpoints").iterdir())
    whole = shutil.copytree(left, folder / "checkpoints" / "checkpoint-000000639")
    (whole / "state.safetensors").write_bytes((left / "state.safetensors").read_bytes()[:-100])
    done = ganatomy("train", "--resume", folder, *some_data[2:])
    assert done.returncode == 0, done.stderr
    assert f"checkpoint {whole} is damaged" in done.stderr
    assert open_run(folder).is_finished


def test_damaged_checkpoints_fail_in_mid_run(ganatomy, trained_run, some_data, tmp_path):
    folder = unfinished(trained_run, tmp_path / "run")
    for path in (folder / "checkpoints").glob("*/state.safetensors"):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    done = ganatomy("train", "--resume", folder, *some_data[2:])
    refused(done, folder / "checkpoints", "are damaged", "Restore one from a copy", "start a new run", code=1)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file sizes")
def test_disk_full_in_mid_run(ganatomy, trained_run, some_data, tmp_path):
    """A limit on file sizes stands for a full disk: the first checkpoint (about 1.3 MB) does not fit."""
    import resource

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    out = tmp_path / "run"
    done = ganatomy(
        "train", "gan", *some_data, "--total-nimg", 640, "--checkpoint-nimg", 128, "--out", out,
        "--num-threads", 1, preexec_fn=limit,
    )  # fmt: skip
    refused(done, "could not save a checkpoint", "Free some space, then resume the run", code=1)
    assert open_run(out).status["state"] == "failed"
    done = ganatomy("train", "--resume", out, *some_data[2:])
    assert done.returncode == 0, done.stderr
    assert open_run(out).is_finished
