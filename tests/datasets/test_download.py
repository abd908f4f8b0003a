import gzip
import http.server
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import filelock
import pytest

from ganatomy.datasets import catalog, download
from ganatomy.errors import DataError, StorageError

IMAGES = "train-images-idx3-ubyte.gz"


@dataclass
class Mirror:
    """A web server on this machine with its faults, and what it was asked."""

    files: dict[str, bytes]
    ranges: bool = True
    wrong_range: bool = False
    cut_at: int | None = None
    claim_length: bool = True
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    url: str = ""


def handler(mirror: Mirror) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name, asked = self.path.lstrip("/"), self.headers.get("Range")
            mirror.asked.append((name, asked))
            data = mirror.files.get(name)
            if data is None:
                self.send_error(404)
                return
            start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and mirror.ranges else 0
            if start >= len(data):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            if start:
                first = start + 1 if mirror.wrong_range else start
                self.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
            if mirror.claim_length:
                self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            self.wfile.write(data[start : mirror.cut_at])

        def log_message(self, *arguments: object) -> None:
            pass

    return Handler


@contextmanager
def serve(mirror: Mirror) -> Iterator[Mirror]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(mirror))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    mirror.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield mirror
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def packed(tiny) -> dict[str, bytes]:
    return {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in tiny.contents.items()}


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def known(monkeypatch, tiny, *mirrors: str) -> None:
    monkeypatch.setitem(catalog.CATALOG, "tiny", replace(tiny.entry, mirrors=mirrors))


def folder_of(tmp_path):
    return tmp_path / "cache" / "tiny"


def test_download_into_the_cache_once(tiny, tmp_path, monkeypatch):
    records = []
    with serve(Mirror(packed(tiny))) as mirror:
        known(monkeypatch, tiny, mirror.url)
        data = catalog.load("tiny", on_progress=records.append)
        assert len(data.train) == 20
        assert [name for name, _ in mirror.asked] == [f"{name}.gz" for name in catalog.FILES]
        catalog.load("tiny", on_progress=records.append)
        assert len(mirror.asked) == 4
    assert {path.name for path in folder_of(tmp_path).glob("*ubyte*")} == set(mirror.files)
    done = [record for record in records if record.num_bytes == record.total_bytes]
    assert [record.file for record in done] == list(mirror.files)
    assert all(record.file in record.message for record in records)


def test_a_partial_file_is_resumed(tiny, tmp_path, monkeypatch):
    files = packed(tiny)
    folder_of(tmp_path).mkdir(parents=True)
    (folder_of(tmp_path) / f"{IMAGES}.part").write_bytes(files[IMAGES][:100])
    with serve(Mirror(files)) as mirror:
        known(monkeypatch, tiny, mirror.url)
        catalog.load("tiny")
    assert mirror.asked[0] == (IMAGES, "bytes=100-")
    assert (folder_of(tmp_path) / IMAGES).read_bytes() == files[IMAGES]
    assert not list(folder_of(tmp_path).glob("*.part"))


@pytest.mark.parametrize("claim_length", [True, False])
def test_a_broken_transfer_goes_on_at_the_next_mirror(tiny, tmp_path, monkeypatch, claim_length):
    files = packed(tiny)
    with serve(Mirror(files, cut_at=150)) as first, serve(Mirror(files, claim_length=claim_length)) as second:
        known(monkeypatch, tiny, first.url, second.url)
        assert len(catalog.load("tiny").train) == 20
    assert second.asked[0] == (IMAGES, "bytes=150-")


def test_a_whole_part_is_only_verified(tiny, tmp_path, monkeypatch):
    files = packed(tiny)
    folder_of(tmp_path).mkdir(parents=True)
    (folder_of(tmp_path) / f"{IMAGES}.part").write_bytes(files[IMAGES])
    with serve(Mirror(files)) as mirror:
        known(monkeypatch, tiny, mirror.url)
        catalog.load("tiny")
    assert [name for name, _ in mirror.asked].count(IMAGES) == 1


@pytest.mark.parametrize("length", [100, 10_000])
def test_a_part_of_another_file_is_thrown_away(tiny, tmp_path, monkeypatch, length):
    files = packed(tiny)
    folder_of(tmp_path).mkdir(parents=True)
    (folder_of(tmp_path) / f"{IMAGES}.part").write_bytes(b"x" * length)
    with serve(Mirror(files)) as mirror:
        known(monkeypatch, tiny, mirror.url)
        catalog.load("tiny")
    assert mirror.asked[:2] == [(IMAGES, f"bytes={length}-"), (IMAGES, None)]
    assert (folder_of(tmp_path) / IMAGES).read_bytes() == files[IMAGES]


def test_a_server_that_ignores_ranges_starts_again(tiny, tmp_path, monkeypatch):
    files = packed(tiny)
    folder_of(tmp_path).mkdir(parents=True)
    (folder_of(tmp_path) / f"{IMAGES}.part").write_bytes(files[IMAGES][:100])
    with serve(Mirror(files, ranges=False)) as mirror:
        known(monkeypatch, tiny, mirror.url)
        catalog.load("tiny")
    assert (folder_of(tmp_path) / IMAGES).read_bytes() == files[IMAGES]
    assert [name for name, _ in mirror.asked].count(IMAGES) == 1


def test_a_server_that_answers_with_another_range_is_not_believed(tiny, tmp_path, monkeypatch):
    files = packed(tiny)
    folder_of(tmp_path).mkdir(parents=True)
    (folder_of(tmp_path) / f"{IMAGES}.part").write_bytes(files[IMAGES][:100])
    with serve(Mirror(files, wrong_range=True)) as first, serve(Mirror(files)) as second:
        known(monkeypatch, tiny, first.url, second.url)
        catalog.load("tiny")
    assert second.asked[0] == (IMAGES, "bytes=100-")


def test_wrong_content_goes_to_the_next_mirror(tiny, tmp_path, monkeypatch):
    files = packed(tiny)
    other = bytearray(tiny.contents["train-images-idx3-ubyte"])
    other[50] ^= 1
    with serve(Mirror({**files, IMAGES: gzip.compress(bytes(other))})) as first, serve(Mirror(files)) as second:
        known(monkeypatch, tiny, first.url, second.url)
        catalog.load("tiny")
    assert second.asked == [(IMAGES, None)]


def test_all_mirrors_failing_lists_every_cause_and_the_way_by_hand(tiny, tmp_path, monkeypatch):
    refusing = f"http://127.0.0.1:{closed_port()}"
    with serve(Mirror({})) as empty, serve(Mirror({IMAGES: b"<html>blocked</html>"})) as portal:
        known(monkeypatch, tiny, refusing, empty.url, portal.url)
        with pytest.raises(DataError) as caught:
            catalog.load("tiny")
    words = str(caught.value)
    assert f"{refusing}/{IMAGES}: no connection" in words
    assert f"{empty.url}/{IMAGES}: the server answered 404" in words
    assert f"{portal.url}/{IMAGES}: wrong content: the file is not an IDX file" in words
    assert ".part" not in words
    assert all(f"{name}.gz" in words for name in catalog.FILES)
    assert f"into {folder_of(tmp_path)} (or into DIR/tiny and pass --data-dir DIR)" in words


def test_an_interrupted_download_of_the_set_is_completed(tiny, tmp_path, monkeypatch):
    files = packed(tiny)
    folder = tiny.write(tmp_path / "cache")
    (folder / IMAGES).unlink()
    with serve(Mirror(files)) as mirror:
        known(monkeypatch, tiny, mirror.url)
        catalog.load("tiny")
    assert mirror.asked == [(IMAGES, None)]


def test_a_silent_server_costs_the_connection_limit_only(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "CONNECT_TIMEOUT_SEC", 0.2)
    monkeypatch.setattr(download, "STALL_TIMEOUT_SEC", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent, serve(Mirror(packed(tiny))) as mirror:
        known(monkeypatch, tiny, f"http://127.0.0.1:{silent.getsockname()[1]}", mirror.url)
        start = time.perf_counter()
        catalog.load("tiny")
        assert 0.8 <= time.perf_counter() - start < 4  # four files, 0.2 s each
        for thread in threading.enumerate():  # let the abandoned attempts end before the socket goes
            if thread.daemon and "connect" in thread.name:
                thread.join(timeout=2)


def test_oversized_answers_are_cut_off(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(catalog, "MAX_FILE_BYTES", 2000)
    with serve(Mirror({IMAGES: bytes(5000)}, claim_length=False)) as mirror:
        known(monkeypatch, tiny, mirror.url)
        with pytest.raises(DataError, match="sends more than the 2,000 bytes"):
            catalog.load("tiny")
    assert not list(folder_of(tmp_path).glob("*ubyte*"))


def test_a_full_disk_is_a_storage_error(tiny, tmp_path, monkeypatch):
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(download.os, "fsync", full)
    with serve(Mirror(packed(tiny))) as mirror:
        known(monkeypatch, tiny, mirror.url)
        with pytest.raises(StorageError, match="No space left on device"):
            catalog.load("tiny")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs a POSIX system")
def test_a_cache_that_cannot_be_written(tiny, tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("GANATOMY_HOME", str(tmp_path / "file"))
    with pytest.raises(DataError, match=r"cache folder .* cannot be written: .* Set GANATOMY_HOME"):
        catalog.load("tiny")


def test_a_second_process_waits_and_then_finds_the_files(tiny, tmp_path, monkeypatch):
    folder = folder_of(tmp_path)
    folder.mkdir(parents=True)
    lock = filelock.FileLock(folder / ".lock", thread_local=False)
    lock.acquire()
    records = []

    def other_process(record: download.Received) -> None:
        """The holder of the lock finishes once the second one is seen to wait."""
        records.append(record)
        for name, data in packed(tiny).items():
            (folder / name).write_bytes(data)
        lock.release()

    known(monkeypatch, tiny, f"http://127.0.0.1:{closed_port()}")
    assert len(catalog.load("tiny", on_progress=other_process).train) == 20
    assert [record.message for record in records] == ["another process is downloading tiny; waiting for it"]
