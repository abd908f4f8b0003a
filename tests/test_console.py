"""Messages that nobody reads: dropped, noted, and never the end of the work."""

import io
import os
import shlex
import subprocess
import sys

import pytest

from ganatomy import cli, console
from ganatomy.errors import ConfigError
from ganatomy.progress import Progress


class Broken(io.StringIO):
    """A stream whose every write fails in one way."""

    def __init__(self, error: Exception):
        super().__init__()
        self.error = error

    def write(self, text: str) -> int:
        raise self.error


FAILURES = [
    OSError(28, "No space left on device"), BrokenPipeError(32, "Broken pipe"),
    ValueError("I/O operation on closed file."), RuntimeError("reentrant call inside <_io.BufferedWriter>"),
]  # fmt: skip


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: type(error).__name__)
def test_work_goes_on_though_nobody_listens(monkeypatch, error):
    monkeypatch.setattr(sys, "stderr", Broken(error))
    console.say("a word")
    assert console.show(iter([Progress(1, 2), Progress(2, 2), "the result"]), "work") == "the result"


def test_work_goes_on_without_a_standard_error(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    console.say("a word")
    assert console.show(iter([Progress(1, 2), "the result"]), "work") == "the result"


def test_a_message_within_a_message_is_dropped():
    class Reentrant(io.StringIO):
        def write(self, text: str) -> int:
            raise RuntimeError("reentrant call")

    listener = console.Listener(Reentrant())
    assert listener.write("word") == 4
    assert listener.lost == "reentrant call"


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: type(error).__name__)
def test_results_that_were_lost_are_known(error):
    listener = console.Listener(Broken(error))
    listener.write("a result")
    listener.close_for_good()
    assert listener.lost


def test_results_to_nowhere_are_known():
    listener = console.Listener(None)
    listener.flush()
    assert not listener.lost  # nothing was to be written
    listener.write("a result")
    listener.close_for_good()
    assert listener.lost == "it is closed"
    assert not listener.isatty()


@pytest.mark.parametrize("where", ["closed", "full", "gone"])
@pytest.mark.parametrize("words", [("data", "list"), ("--help",), ("train", "--help")])
def test_results_that_cannot_be_written_are_exit_code_1(monkeypatch, where, words):
    error = {"full": FAILURES[0], "gone": FAILURES[1]}.get(where)
    err = io.StringIO()
    monkeypatch.setattr(sys, "stdout", Broken(error) if error else None)
    monkeypatch.setattr(sys, "stderr", err)
    with pytest.raises(SystemExit) as ended:
        cli.main(list(words))
    assert ended.value.code == 1
    assert "ganatomy: what was to stand on standard output could not be written: " in err.getvalue()
    assert "Traceback" not in err.getvalue()


@pytest.mark.parametrize("error", FAILURES[:3], ids=lambda error: type(error).__name__)
def test_a_refusal_that_nobody_hears_keeps_its_exit_code(monkeypatch, error):
    monkeypatch.setattr(sys, "stderr", Broken(error))
    with pytest.raises(SystemExit) as ended:
        cli.main(["trian"])
    assert ended.value.code == 2


def test_streams_are_as_they_were_afterwards():
    before = sys.stdout, sys.stderr
    with console.listeners():
        assert isinstance(sys.stdout, console.Listener)
    assert (sys.stdout, sys.stderr) == before


@pytest.mark.skipif(os.name == "nt", reason="numbers of streams")
@pytest.mark.parametrize("closed", ["1>&-", "0<&- 1>&- 2>&-"])
def test_no_file_gets_the_number_of_a_closed_stream(tmp_path, closed):
    """A file opened where a stream was closed would get what is written there."""
    code = (
        "import os, sys; from ganatomy import console\n"
        "with console.listeners():\n"
        "    handle = open('file', 'wb'); assert handle.fileno() > 2; os.write(2, b'from C'); print('words')\n"
        "    print('words', file=sys.stderr); handle.write(b'data'); handle.close()\n"
    )
    command = f"{shlex.quote(sys.executable)} -c {shlex.quote(code)} {closed}"
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "file").read_bytes() == b"data"


@pytest.mark.parametrize("given", ["abc", "-1", "1.5", "９" * 20, "99999999999"])
def test_a_junk_parent_is_refused(monkeypatch, given):
    monkeypatch.setenv(console.WORKER_OF, given)
    with pytest.raises(ConfigError, match=r"GANATOMY_WORKER_OF is .*Unset it"):
        console.worker_of()


def test_a_worker_knows_its_parent(monkeypatch):
    for given, found in (("", 0), ("123", 123)):
        monkeypatch.setenv(console.WORKER_OF, given)
        assert console.worker_of() == found


@pytest.mark.parametrize(
    ("env", "quiet", "speaks"),
    [
        ({}, False, True),
        ({"RANK": "1"}, False, True),
        ({"WORLD_SIZE": "2", "RANK": "0"}, False, True),
        ({"WORLD_SIZE": "2", "RANK": "1"}, True, False),
        ({"WORLD_SIZE": "2", "RANK": "x"}, False, True),
        ({"WORLD_SIZE": "2"}, False, True),
        ({"WORLD_SIZE": "4", "RANK": "2", "LOCAL_RANK": "0"}, True, True),
    ],
)
def test_who_speaks(monkeypatch, env, quiet, speaks):
    for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert (console.is_quiet(), console.speaks_for_machine()) == (quiet, speaks)


def test_work_begins_with_the_first_record():
    console.begin()
    assert not console.is_at_work()
    console.show(iter([Progress(1, 1)]), "work")
    assert console.is_at_work()
    console.begin()
    assert not console.is_at_work()
