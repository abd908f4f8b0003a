"""Downloads that survive bad networks: several mirrors, resumed by Range, verified by content, renamed when whole.

Only the standard library's urllib is used. A partly received file stays beside its target as `<name>.part`; the
next mirror, or the next run, goes on where it ends. What counts is the content: a file is taken only after the
caller's check of it passes, so a part joined from two mirrors, or a changed file, can do no harm.
"""

from __future__ import annotations

import http.client
import os
import queue
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import DataError, StorageError
from .sources import AGAIN

CONNECT_TIMEOUT_SEC = 5.0
"""A connection attempt (name look-up, connection and first answer together) gives up after this."""
STALL_TIMEOUT_SEC = 20.0
"""A transfer gives up after this long without a byte."""
CHUNK_BYTES = 1 << 18


@dataclass(frozen=True)
class Received:
    """How far a download is; the caller draws it."""

    file: str
    """Name of the file in work."""
    num_bytes: int
    """Bytes of it on disk."""
    total_bytes: int | None
    """Its size, where the server tells."""
    message: str
    """One plain line for people."""


class AttemptError(Exception):
    """One mirror did not deliver; the text is the cause. Never leaves this module."""


def fetch(urls: Sequence[str], target: Path, verify: Callable[[Path], None], max_bytes: int) -> Iterator[Received]:
    """Download `target` from the first of `urls` that delivers content `verify` accepts; yield progress.

    `verify` raises `DataError` for a wrong file. Raises `DataError` with every attempt and its cause when all mirrors
    failed, `StorageError` when the file cannot be written.
    """
    part = target.with_name(target.name + ".part")
    causes: list[str] = []
    for url in urls:
        while True:
            resumed = part.exists()
            try:
                yield from _receive(url, part, max_bytes)
                verify(part)
            except AttemptError as error:
                causes.append(f"{url}: {error}")
                break
            except DataError as error:
                part.unlink(missing_ok=True)
                causes.append(f"{url}: {_cause(error, part)}")
                if not resumed:
                    break
            else:
                _rename(part, target)
                return
    raise DataError(f"{target.name} could not be downloaded:\n" + "\n".join(f"  {cause}" for cause in causes))


def _receive(url: str, part: Path, max_bytes: int) -> Iterator[Received]:
    """Receive one file into `part`, going on where it ends."""
    offset = part.stat().st_size if part.exists() else 0
    response = _open(url, offset)
    if response is None:  # nothing after `offset`: the part is whole, or of another file, as `verify` will tell
        return
    with response:
        if response.status == 206:
            start = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
            if not start or int(start[1]) != offset:
                raise AttemptError("the server answered with another range than the one asked for")
        else:
            offset = 0
        length = response.headers.get("Content-Length", "")
        total = offset + int(length) if length.isdecimal() else None
        received = offset
        try:
            with open(part, "ab" if offset else "wb") as handle:
                while chunk := _read_chunk(response):
                    received += len(chunk)
                    if received > max_bytes:
                        raise DataError(f"it sends more than the {max_bytes:,} bytes this file can have")
                    handle.write(chunk)
                    yield Received(part.stem, received, total, f"downloading {part.stem} from {url}")
                handle.flush()
                os.fsync(handle.fileno())
        except OSError as error:
            raise StorageError(f"could not write {part}: {error.strerror}. Free some space.") from error
    if total is not None and received < total:
        raise AttemptError(f"the connection ended after {received:,} of {total:,} bytes")


def _cause(error: DataError, part: Path) -> str:
    """Tell what is wrong with a received file without naming its temporary path or advice that does not fit it."""
    return "wrong content: " + str(error).replace(str(part), "the file").removesuffix(AGAIN).strip()


def _read_chunk(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read(CHUNK_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise AttemptError(f"the transfer broke off ({error})") from error


def _open(url: str, offset: int) -> http.client.HTTPResponse | None:
    """Connect within `CONNECT_TIMEOUT_SEC`; None where the server has nothing from `offset` on (HTTP 416).

    A thread makes the attempt, since neither the name look-up nor a host with many addresses obeys urllib's timeout.
    """
    headers = {"User-Agent": "ganatomy", "Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    request = urllib.request.Request(url, headers=headers)
    answers: queue.SimpleQueue[http.client.HTTPResponse | Exception] = queue.SimpleQueue()

    def connect() -> None:
        try:
            answers.put(urllib.request.urlopen(request, timeout=STALL_TIMEOUT_SEC))
        except (OSError, http.client.HTTPException, ValueError) as error:
            answers.put(error)

    threading.Thread(target=connect, daemon=True).start()
    try:
        answer = answers.get(timeout=CONNECT_TIMEOUT_SEC)
    except queue.Empty:
        raise AttemptError(f"no answer within {CONNECT_TIMEOUT_SEC:g} s") from None
    if isinstance(answer, urllib.error.HTTPError):
        answer.close()
        if answer.code == 416 and offset:
            return None
        raise AttemptError(f"the server answered {answer.code} {answer.reason}")
    if isinstance(answer, Exception):
        raise AttemptError(f"no connection ({getattr(answer, 'reason', answer)})") from answer
    return answer


def _rename(part: Path, target: Path) -> None:
    try:
        os.replace(part, target)
    except OSError as error:
        raise StorageError(f"could not rename {part} to {target}: {error.strerror}.") from error
