import os

import pytest
from small_runs import PRESETS, go_on, no_wait, record, start

from ganatomy.training.run import open_run


@pytest.fixture
def no_waiting(monkeypatch):
    """A killed process loses nothing it has written, flushed to the disk or not; so the tests need not wait for it."""
    monkeypatch.setattr(os, "fsync", no_wait)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory) -> dict[str, dict[str, object]]:
    """The undisturbed run of each preset, and a check that it is one worth comparing with."""
    records = {}
    for preset in PRESETS:
        folder = start(tmp_path_factory.mktemp("undisturbed") / preset, preset)
        go_on(folder)
        records[preset] = record(folder)
        names = "\n".join(records[preset])
        assert names.count("state.safetensors") == 2
        assert names.count("samples/") == 4
        assert names.count("snapshots/") == 2
        assert len(records[preset]["stats.jsonl"]) == 9
        assert open_run(folder).status["state"] == "finished"
    return records
