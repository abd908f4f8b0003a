"""The folder dissect/: whatever a kill leaves, readers find a whole dissection, and people's files stay."""

from pathlib import Path

import pytest

from ganatomy.errors import OutputError
from ganatomy.latent import dissected


def make(folder: Path, mark: str, *more: str) -> None:
    """Put a finished dissection into a folder; a mark tells it from others."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("base.png", "jacobian.json", *more, "dissect.json"):
        (folder / name).write_text(mark, encoding="utf-8")


def held(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.iterdir())}


WHOLE = {"base.png": "new", "dissect.json": "new", "jacobian.json": "new"}


def test_a_new_one_takes_the_place_and_peoples_files_move_along(tmp_path):
    make(tmp_path / "dissect", "old", "value-7.png", "my note.txt", "value.csv")
    (tmp_path / "outside.png").write_text("precious", encoding="utf-8")
    (tmp_path / "dissect" / "combined.png").symlink_to(tmp_path / "outside.png")
    (tmp_path / "dissect" / "mine").mkdir()
    with dissected.successor(tmp_path) as new:
        make(new, "new")
        assert (dissected.folder_of(tmp_path) / "dissect.json").read_text(encoding="utf-8") == "old"
    assert (tmp_path / "dissect" / "mine").is_dir()
    assert (tmp_path / "dissect" / "combined.png").is_symlink()
    (tmp_path / "dissect" / "mine").rmdir()
    (tmp_path / "dissect" / "combined.png").unlink()
    assert held(tmp_path / "dissect") == WHOLE | {"my note.txt": "old", "value.csv": "old"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dissect", "outside.png"]
    assert (tmp_path / "outside.png").read_text(encoding="utf-8") == "precious"


def test_an_error_in_mid_work_keeps_the_old_one(tmp_path):
    make(tmp_path / "dissect", "old")
    before = held(tmp_path / "dissect")

    def work() -> None:
        with dissected.successor(tmp_path) as new:
            (new / "base.png").write_text("half", encoding="utf-8")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert held(tmp_path / "dissect") == before
    assert [path.name for path in tmp_path.iterdir()] == ["dissect"]


@pytest.mark.parametrize(
    ("left", "seen", "ends"),
    [
        ({"dissect": "old", ".dissect.new": "half"}, "old", "old"),
        ({"dissect": "old", ".dissect.new": "new"}, "old", "new"),
        ({".dissect.old": "old", ".dissect.new": "new"}, "old", "new"),
        ({"dissect": "new", ".dissect.old": "old"}, "new", "new"),
        ({"dissect": "new", ".dissect.old": "half"}, "new", "new"),
        ({".dissect.old": "old"}, "old", "old"),
        ({".dissect.old": "old", ".dissect.new": "half"}, "old", "old"),
        ({"dissect": "half", ".dissect.old": "old"}, "old", "old"),
    ],
)
def test_what_a_kill_leaves_is_read_and_ended(tmp_path, left, seen, ends):
    for name, mark in left.items():
        make(tmp_path / name, mark)
        (tmp_path / name / f"note of {name}.txt").write_text("mine", encoding="utf-8")
        if mark == "half":
            (tmp_path / name / "dissect.json").unlink()
    assert (dissected.folder_of(tmp_path) / "dissect.json").read_text(encoding="utf-8") == seen
    dissected.settle(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["dissect"]
    found = held(tmp_path / "dissect")
    assert found["dissect.json"] == found["base.png"] == ends
    for name in set(left) - {".dissect.new"}:
        assert found[f"note of {name}.txt"] == "mine"


def test_a_kill_between_the_two_renames_is_completed(tmp_path, monkeypatch):
    make(tmp_path / "dissect", "old", "note.txt")
    rename, calls = dissected.os.replace, []

    def killed(source: Path, target: Path) -> None:
        calls.append(source)
        if len(calls) == 2:
            raise KeyboardInterrupt
        rename(source, target)

    monkeypatch.setattr(dissected.os, "replace", killed)

    def work() -> None:
        with dissected.successor(tmp_path) as new:
            make(new, "new")

    with pytest.raises(KeyboardInterrupt):
        work()
    monkeypatch.undo()
    assert not (tmp_path / "dissect").exists()
    assert (dissected.folder_of(tmp_path) / "dissect.json").read_text(encoding="utf-8") == "old"
    dissected.settle(tmp_path)
    assert held(tmp_path / "dissect") == WHOLE | {"note.txt": "old"}


@pytest.mark.parametrize("name", ["dissect", ".dissect.new", ".dissect.old"])
def test_links_are_refused_before_any_work(tmp_path, name):
    outside = tmp_path / "outside"
    make(outside, "precious")
    before = held(outside)
    run = tmp_path / "run"
    run.mkdir()
    (run / name).symlink_to(outside)
    with pytest.raises(OutputError, match="is a link to another folder"), dissected.successor(run):
        pytest.fail("the work began")
    assert held(outside) == before
    assert (run / name).is_symlink()


def test_a_file_called_dissect_is_refused(tmp_path):
    (tmp_path / "dissect").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match="move that file away"), dissected.successor(tmp_path):
        pytest.fail("the work began")
    assert (tmp_path / "dissect").read_text(encoding="utf-8") == "mine"
