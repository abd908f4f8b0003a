"""What two run folders must have in common."""

import json
from pathlib import Path


def record(folder: Path) -> dict[str, object]:
    """Everything a run folder holds, without times and memory."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.name == "stats.jsonl":
            lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
            found[name] = [
                {key: value for key, value in line.items() if not key.startswith(("Timing/", "Resources/"))}
                for line in lines
            ]
        elif path.is_file() and path.name != ".lock":
            found[name] = path.read_bytes()
    return found


def assert_same(folder: Path, undisturbed: dict[str, object]) -> None:
    found = record(folder)
    assert sorted(found) == sorted(undisturbed)
    assert [name for name in found if found[name] != undisturbed[name]] == []
