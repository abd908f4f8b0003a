"""A run folder owns only what it wrote: people's files stay, links are not followed, foreign checkpoints not taken."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
import torch
from small_runs import assert_same, config, dataset, go_on, record, start, stopped

from ganatomy import files
from ganatomy.errors import Interrupted, MidRunError, OutputError, RunError, StorageError
from ganatomy.training import belongings, checkpoint, warm_start
from ganatomy.training.run import create_run, open_run

if sys.platform == "win32":
    pytest.skip("needs POSIX links", allow_module_level=True)

pytestmark = pytest.mark.usefixtures("no_waiting")
SAMPLE, SNAPSHOT = "samples/fixed-000000160.png", "snapshots/G_ema-000000176.safetensors"
"""What a run stopped after 176 images holds; the snapshot was added by the stop. The next picture is at 304."""


@pytest.fixture(scope="module")
def half(tmp_path_factory) -> Path:
    """A run stopped after 176 of 330 images, to be copied."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        return stopped(tmp_path_factory.mktemp("half") / "run")


@pytest.fixture
def run(half, tmp_path) -> Path:
    return Path(shutil.copytree(half, tmp_path / "run"))


def state_of(folder: Path) -> dict[str, bytes | str]:
    """Everything under a folder with its bytes; links by where they lead. Our empty lock may come."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = os.readlink(path)
        elif path.name != ".lock":
            found[name] = path.read_bytes() if path.is_file() else b"a folder"
    return found


def refused(folder: Path, words: str, kind: type[Exception] = RunError) -> None:
    """The run is refused in words with exit code 2, and nothing around it changes."""
    before = state_of(folder.parent)
    with pytest.raises(kind, match=words) as caught:
        go_on(folder)
    assert caught.value.exit_code == 2
    assert state_of(folder.parent) == before


PEOPLE = {
    "samples/notes.txt": b"mine",
    "samples/favourite.png": b"mine",
    "samples/fixed-999999999.png": b"mine",
    "samples/fixed-000000301.png": b"never at the end of a step",
    "samples/fixed-000000256.png": b"a step, but no picture is planned there",
    "samples/fixed-mine.png": b"mine",
    "samples/fixed-1.png": b"mine",
    "samples/.ipynb_checkpoints/x.png": b"mine",
    "samples/holiday-000000640.png": b"mine",
    "snapshots/best.safetensors": b"mine",
    "snapshots/G_ema-999999999.safetensors": b"mine",
    "snapshots/birds/1.txt": b"mine",
    "checkpoints/checkpoint-000000144-backup/state.safetensors": b"mine",
    "checkpoints/checkpoint-000000999/notes.txt": b"mine",
    "checkpoints/checkpoint-000000176/notes.txt": b"mine",
    "checkpoints/readme.txt": b"mine",
    ".draft.tmp": b"mine",
}


def test_peoples_files_stay_and_change_nothing(run, undisturbed):
    for name, data in PEOPLE.items():
        (run / name).parent.mkdir(exist_ok=True)
        (run / name).write_bytes(data)
    (run / "checkpoints" / "checkpoint-000000160").symlink_to(run.parent)
    assert max(open_run(run).snapshots()) == 176
    go_on(run)
    for name, data in PEOPLE.items():
        assert (run / name).read_bytes() == data
        (run / name).unlink()
    (run / "checkpoints" / "checkpoint-000000160").unlink()
    assert_same(run, undisturbed["gan"])


def test_an_edited_picture_stays(run, undisturbed):
    """Below the checkpoint an edited file is kept; the snapshot of the stop, edited, is no longer the run's."""
    for name in (SAMPLE, SNAPSHOT):
        (run / name).write_bytes(b"edited")
    go_on(run)
    assert (run / SAMPLE).read_bytes() == (run / SNAPSHOT).read_bytes() == b"edited"
    found = record(run)
    del found[SNAPSHOT]
    different = {name for name in found if found[name] != undisturbed["gan"][name]}
    assert different <= {SAMPLE, "panel.jsonl", "health.json"}


@pytest.mark.parametrize("part", ["samples/fixed-000000304.png", "snapshots/G_ema-000000330.safetensors"])
@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_stands_where_the_run_will_write_is_refused(run, part, kind):
    path = run / part
    if kind == "file":
        path.write_bytes(b"mine")
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(run / SAMPLE)
    refused(run, f"{path.name} is in the way: this run did not write it")


def test_a_foreign_checkpoint_folder_is_refused_where_the_run_will_write(run):
    place = run / "checkpoints" / "checkpoint-000000192"
    place.mkdir()
    (place / "thesis.tex").write_text("mine", encoding="utf-8")
    refused(run, r"checkpoint-000000192 is in the way: it holds files .* \(thesis.tex\)")
    shutil.rmtree(place)
    place.symlink_to(run.parent)
    refused(run, "checkpoint-000000192 is in the way: it is no folder of ours")


@pytest.mark.parametrize("name", belongings.FOLDERS)
def test_linked_folders_are_refused(run, name):
    """A link out of the folder, or to a sibling inside it; a file instead of a folder."""
    (run / name).rename(run.parent / "elsewhere")
    (run.parent / "elsewhere" / "thesis.tex").write_text("mine", encoding="utf-8")
    (run / name).symlink_to("../elsewhere")
    refused(run, f"{name} is a link to another folder", OutputError)
    (run / name).unlink()
    (run / name).write_bytes(b"mine")
    refused(run, f"{name} cannot be made", OutputError)


@pytest.mark.parametrize("name", belongings.RECORDS)
def test_linked_records_are_refused(run, name):
    victim = run.parent / "victim"
    victim.write_text("precious", encoding="utf-8")
    (run / name).unlink(missing_ok=True)
    (run / name).symlink_to(victim if name != "panel.jsonl" else "nowhere")
    refused(run, f"{name} is a link", OutputError)
    (run / name).unlink()
    (run / name).mkdir()
    refused(run, f"{name} is not a file", OutputError)


def test_a_run_of_an_earlier_version_goes_on(run, undisturbed):
    """Without a manifest, names and the schedule say what is the run's; the manifest is made up for."""
    (run / belongings.MANIFEST).unlink()
    for path in (run / "checkpoints").glob("*/manifest.json"):
        old = json.loads(path.read_text(encoding="utf-8"))
        del old["training"]
        path.write_text(json.dumps(old), encoding="utf-8")
    for name in ("samples/notes.txt", "snapshots/G_ema-000000150.safetensors", "snapshots/G_ema-000000400.safetensors"):
        (run / name).write_bytes(b"mine")
    go_on(run)
    for name in ("samples/notes.txt", "snapshots/G_ema-000000150.safetensors", "snapshots/G_ema-000000400.safetensors"):
        assert (run / name).read_bytes() == b"mine"
        (run / name).unlink()
    assert_same(run, undisturbed["gan"])


def test_the_manifest_names_every_file_by_its_bytes(undisturbed):
    found = undisturbed["gan"]
    rows = [json.loads(line) for line in found[belongings.MANIFEST].splitlines()]
    assert [row["file"] for row in rows] == [
        "samples/fixed-000000000.png", "samples/fixed-000000160.png", "snapshots/G_ema-000000208.safetensors",
        "samples/fixed-000000304.png", "samples/fixed-000000330.png", "snapshots/G_ema-000000330.safetensors",
    ]  # fmt: skip
    assert all(row["sha256"] == files.sha256(found[row["file"]]) for row in rows)


@pytest.mark.parametrize(
    "line",
    [
        {"nimg": 304, "file": "../thesis.tex", "sha256": "0" * 64},
        {"nimg": 304, "file": "samples/../../thesis.tex", "sha256": "0" * 64},
        {"nimg": 10, "file": "samples/fixed-000000304.png", "sha256": "0" * 64},
        {"nimg": None, "file": "samples/fixed-000000304.png", "sha256": "0" * 64},
        {"nimg": 304, "file": ["samples"], "sha256": "0" * 64},
        {"nimg": 304, "file": "samples/fixed-000000304.png", "sha256": 5},
    ],
)
def test_a_manifest_that_no_run_writes_is_refused(run, line):
    files.append_jsonl(run / belongings.MANIFEST, line)
    refused(run, "has a line that no run writes")


@pytest.mark.parametrize("name", [belongings.MANIFEST, "stats.jsonl", "panel.jsonl"])
def test_torn_last_lines_are_mended(run, undisturbed, name):
    with open(run / name, "ab") as handle:
        handle.write(b'{"cur_nimg": 176, "ni')
    go_on(run)
    assert_same(run, undisturbed["gan"])


@pytest.mark.parametrize("name", ["stats.jsonl", "panel.jsonl"])
def test_a_log_without_image_counts_is_refused(run, name):
    files.append_jsonl(run / name, {"cur_nimg": "many"})
    refused(run, "a line without its image count")


def test_checkpoints_of_another_training_are_not_taken_over(run, tmp_path):
    other = start(tmp_path / "other", "gan", seed=4)
    shutil.copytree(run / "checkpoints", other / "checkpoints")
    refused(other, "are of another training than")
    newest = other / "checkpoints" / "checkpoint-000000176"
    shutil.rmtree(other / "checkpoints")
    left = iter(range(9))
    with pytest.raises(Interrupted):
        go_on(other, should_stop=lambda: next(left, None) is None)
    shutil.copytree(run / "checkpoints" / newest.name, newest)  # newer than its own
    before = state_of(newest)
    said = go_on(other)
    assert any(str(newest) in line and "of another training" in line for line in said)
    assert any("continuing at 144" in line for line in said)
    assert state_of(newest) == before


def test_a_checkpoint_under_another_number_is_not_trusted(run):
    """A copy of an older one under a higher number holds another image count."""
    copy = run / "checkpoints" / "checkpoint-000000320"
    shutil.copytree(run / "checkpoints" / "checkpoint-000000144", copy)
    said = go_on(run)
    assert any(str(copy) in line and "after 144 images, not 320" in line for line in said)
    assert any("continuing at 176" in line for line in said)


HOLDINGS = {
    "a person's project": {"samples/holiday.png": "x", "data.json": '{"my": "data"}', "README": "x"},
    "a single note": {"notes.txt": "x"},
    "a name of ours with other content": {"environment.json": '{"schema": 1, "mine": 1}'},
    "data of somebody": {"data.json": '{"schema": 1, "sha256": "x"}'},
    "a lock that is not empty": {".lock": "precious"},
    "what another run left": {"checkpoints/checkpoint-000000064/state.safetensors": "x"},
    "a run's pictures": {"samples/fixed-000000000.png": "x"},
    "a temporary file of somebody": {".draft.tmp": "x"},
}


@pytest.mark.parametrize("holding", HOLDINGS)
def test_a_new_run_never_shares_a_folder(tmp_path, holding):
    folder = tmp_path / "here"
    for name, text in HOLDINGS[holding].items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    before = state_of(tmp_path)
    with pytest.raises(RunError, match=r"is not empty but holds .*for example --out .*here/run") as caught:
        create_run(folder, config("gan"), "test", {"sha256": "x"})
    assert caught.value.exit_code == 2
    assert state_of(tmp_path) == before


def test_an_empty_folder_and_what_a_killed_start_left_are_free(tmp_path, monkeypatch):
    (tmp_path / "run").mkdir()
    data = {"sha256": "ab"}
    real = files.write_bytes
    for name in ("environment.json", "command.txt", "data.json", "config.json"):

        def killed(path: Path, content: bytes, name: str = name) -> None:
            if path.name == name:
                path.with_name(f".{name}.{2**22 + 5}.tmp").write_bytes(content[:3])  # no process has that number
                raise KeyboardInterrupt
            real(path, content)

        with monkeypatch.context() as patch:
            patch.setattr(files, "write_bytes", killed)
            with pytest.raises(KeyboardInterrupt):
                create_run(tmp_path / "run", config("gan"), "test", data)
    create_run(tmp_path / "run", config("gan"), "test", data)
    left = sorted(path.name for path in (tmp_path / "run").iterdir())
    assert left == ["command.txt", "config.json", "data.json", "environment.json"]


def test_a_folder_removed_in_mid_run(run):
    def gone() -> bool:
        shutil.rmtree(run)
        return False

    with pytest.raises(StorageError, match="is gone: it was removed or renamed") as caught:
        go_on(run, should_stop=gone)
    assert caught.value.exit_code == 1
    assert not run.exists()


@pytest.mark.parametrize("names", [("stats.jsonl", "panel.jsonl"), ("samples", "checkpoints"), (belongings.MANIFEST,)])
def test_files_removed_in_mid_run_are_made_again(run, names, undisturbed):
    left = iter(range(9))  # the run is at 304 images then, where it was looked at

    def remove() -> bool:
        if next(left, None) == 8:
            for name in names:
                shutil.rmtree(run / name) if (run / name).is_dir() else (run / name).unlink()
        return False

    said = go_on(run, should_stop=remove)
    assert open_run(run).status["state"] == "finished"
    found, whole = record(run), undisturbed["gan"]
    last = "checkpoints/checkpoint-000000330/state.safetensors"
    assert found[last] == whole[last]
    if "panel.jsonl" in names:
        assert any("panel.jsonl was removed or cut short" in line for line in said)
        assert found["panel.jsonl"] == b"".join(whole["panel.jsonl"].splitlines(keepends=True)[-1:])


@pytest.mark.parametrize(
    "name", ["stats.jsonl", "panel.jsonl", "checkpoints", "samples/fixed-000000304.png", "snapshots"]
)
def test_something_else_put_there_in_mid_run(run, name):
    """A folder in a file's place, a link in a folder's: the run fails in words, and says so in its status."""
    outside = run.parent / "outside"
    outside.mkdir()
    left = iter(range(3))

    def swap() -> bool:
        if next(left, None) == 2:
            path = run / name
            if path.is_dir():
                path.rename(run / "before")
                path.symlink_to(outside)
            else:
                path.unlink(missing_ok=True)
                path.mkdir()
        return False

    with pytest.raises((StorageError, MidRunError)) as caught:
        go_on(run, should_stop=swap)
    assert caught.value.exit_code == 1
    assert open_run(run).status["state"] == "failed"
    assert not list(outside.iterdir())


def test_what_would_be_refused_before_is_a_failure_in_mid_run(run, monkeypatch):
    def refuse(*arguments: object) -> None:
        raise RunError("stats.jsonl is damaged")

    monkeypatch.setattr(files, "append_jsonl", refuse)
    with pytest.raises(MidRunError, match=r"stats\.jsonl is damaged") as caught:
        go_on(run)
    assert caught.value.exit_code == 1
    assert open_run(run).status["state"] == "failed"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"z_dim": 7}, "z_dim: 5 -> 7"),
        ({"img_width": 16}, "image size: 8x12 -> 8x16"),
        ({"img_channels": 3}, "channels: 1 -> 3"),
        ({"model": "dcgan", "img_height": 16, "img_width": 16}, "network: mlp -> dcgan, image size: 8x12 -> 16x16"),
    ],
)
def test_weights_of_another_network_are_refused(half, changes, words):
    warm_start.check_fits(half, config("gan"))
    with pytest.raises(RunError, match=words):
        warm_start.check_fits(half, config("gan", **changes))


def test_folders_that_no_run_can_start_from(run, tmp_path):
    for path in checkpoint.checkpoints(run):
        (path / "counters.json").write_bytes(b"{}")
    with pytest.raises(RunError, match="has only damaged checkpoints to start from"):
        warm_start.check_source(run)
    with pytest.raises(RunError, match="has no checkpoint yet to start from"):
        warm_start.check_source(start(tmp_path / "new", "gan"))
    with pytest.raises(RunError, match="is not a folder"):
        warm_start.check_source(tmp_path / "nowhere")


def test_a_source_that_is_gone_is_needed_at_image_0_only(half, run, tmp_path):
    begun = start(tmp_path / "begun", "gan", init_from=str(run))
    left = iter(range(2))
    with pytest.raises(Interrupted):
        go_on(begun, should_stop=lambda: next(left, None) is None)
    waiting = start(tmp_path / "waiting", "gan", init_from=str(run))
    run.rename(tmp_path / "moved")
    refused(waiting, r"waiting has no checkpoint yet and starts from another run's weights: .*is not a folder")
    start(run, "gan", z_dim=7)  # another network in its place
    go_on_until_saved(run)
    refused(waiting, "do not fit the new run .z_dim: 7 -> 5")
    go_on(begun)
    assert open_run(begun).is_finished


def go_on_until_saved(folder: Path) -> None:
    left = iter(range(2))
    with pytest.raises(Interrupted):
        go_on(folder, should_stop=lambda: next(left, None) is None)


def test_the_identity_of_a_training_is_what_decides_its_weights(tmp_path):
    from ganatomy.training.state import TrainState

    def identity(**changes: object) -> str:
        return TrainState(config("gan", **changes), torch.device("cpu")).identity

    assert identity() == identity(device="cuda", total_nimg=999, keep_checkpoints=7, num_threads=3, sample_nimg=64)
    assert len({identity(), identity(seed=4), identity(lr_d=0.5), identity(data_sha256="cd" * 32)}) == 4
    assert dataset().sha256 == config("gan").data_sha256
