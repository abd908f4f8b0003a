"""Ways to damage one file of a folder. Each returns in words what was done, or None where it does not fit the file."""

from __future__ import annotations

import json
import os
import random
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

DEPTH, DIGITS, LONG = 100_000, 5_000, 8_000_000
RAW = {
    "nested 100,000 deep": "[" * DEPTH + "]" * DEPTH,
    "objects nested 100,000 deep": '{"a":' * DEPTH + "1" + "}" * DEPTH,
    "a number of 5,000 digits": "9" * DIGITS,
    "NaN": "NaN",
    "Infinity": "-Infinity",
    "1e400": "1e400",
    "a string of 8 MB": '"' + "x" * LONG + '"',
    "a lone surrogate": '"\\ud800"',
    "an escape sequence": '"\\u001b[2J\\u0000"',
}
"""JSON that stands for a value and is no plain one."""
PLAIN: tuple[Any, ...] = (
    None,
    [],
    {},
    "",
    "text",
    True,
    False,
    0,
    -1,
    0.5,
    -1.5,
    10**18,
    2**63,
    1e308,
    [None],
    [[]],
    {"a": 1},
)
RECORDS, LINES, TENSORS, PICTURES = (".json",), (".jsonl",), (".safetensors",), (".png", ".webp")
Damage = Callable[[Path, random.Random, Path], "str | None"]


def truncated(path: Path, draw: random.Random, outside: Path) -> str:
    """Cut the file somewhere."""
    data = path.read_bytes()
    size = draw.randrange(len(data)) if data else 0
    path.write_bytes(data[:size])
    return f"cut to {size} of {len(data)} bytes"


def emptied(path: Path, draw: random.Random, outside: Path) -> str:
    """Leave nothing in it."""
    path.write_bytes(b"")
    return "emptied"


def missing(path: Path, draw: random.Random, outside: Path) -> str:
    """Delete it."""
    path.unlink()
    return "deleted"


def random_bytes(path: Path, draw: random.Random, outside: Path) -> str:
    """Replace its content."""
    path.write_bytes(draw.randbytes(draw.choice((1, 8, 300, 70_000))))
    return "random bytes"


def bit_flips(path: Path, draw: random.Random, outside: Path) -> str | None:
    """Flip a few bits."""
    data = bytearray(path.read_bytes())
    if not data:
        return None
    num = draw.choice((1, 1, 3, 20))
    for _ in range(num):
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    path.write_bytes(data)
    return f"{num} bits flipped"


def torn_line(path: Path, draw: random.Random, outside: Path) -> str | None:
    """Let the last line end in its middle, as a crash does, and perhaps go on."""
    if path.suffix not in LINES:
        return None
    data = path.read_bytes()
    last = data.rstrip(b"\n").rfind(b"\n") + 1
    cut = draw.randrange(last, max(last + 1, len(data) - 1))
    tail = draw.choice((b"", b"", b"\n", b'\n{"cur_nimg": 640}\n', b"\x00\x00\x00"))
    path.write_bytes(data[:cut] + tail)
    return f"last line torn, then {tail!r}"


def _keys(value: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        found.append((value, key))
        if isinstance(inner, dict | list):
            _keys(inner, found)
    return found


def _change(text: str, draw: random.Random, value: Any) -> tuple[str, str]:
    """Return JSON with the value at one key replaced (by raw JSON where it is in RAW), and the key."""
    record = json.loads(text)
    shallow = [(record, key) for key in (record if isinstance(record, dict) else range(len(record)))]
    holder, key = draw.choice(draw.choice((shallow, _keys(record, []))))
    raw = isinstance(value, str) and value in RAW
    holder[key] = "@@raw@@" if raw else value
    text = json.dumps(record, ensure_ascii=False)
    return (text.replace('"@@raw@@"', RAW[value]) if raw else text), str(key)


def other_value(path: Path, draw: random.Random, outside: Path) -> str | None:
    """Put another type, or an impossible number, at some key of a record or of one line."""
    value = draw.choice((*PLAIN, *RAW))
    return _edit(path, draw, lambda text: _change(text, draw, value), f"= {value!r}")


def missing_key(path: Path, draw: random.Random, outside: Path) -> str | None:
    """Leave out a key."""

    def without(text: str) -> tuple[str, str]:
        record = json.loads(text)
        holder, key = draw.choice([pair for pair in _keys(record, []) if isinstance(pair[0], dict)])
        del holder[key]
        return json.dumps(record), str(key)

    return _edit(path, draw, without, "left out")


def other_root(path: Path, draw: random.Random, outside: Path) -> str | None:
    """Put something else than an object where a record, or one line, stands."""
    value = draw.choice((*(json.dumps(value) for value in PLAIN), *RAW.values()))
    return _edit(path, draw, lambda text: (value, "all"), f"= {value[:30]!r}")


def _edit(path: Path, draw: random.Random, change: Callable[[str], tuple[str, str]], what: str) -> str | None:
    if path.suffix not in (*RECORDS, *LINES):
        return None
    lines = path.read_text(encoding="utf-8").splitlines() if path.suffix in LINES else [path.read_text("utf-8")]
    number = draw.randrange(len(lines))
    lines[number], key = change(lines[number])
    path.write_bytes(("\n".join(lines) + "\n").encode("utf-8", "surrogatepass"))
    where = f"line {number + 1}, " if path.suffix in LINES else ""
    return f"{where}{key} {what}"


def wrong_schema(path: Path, draw: random.Random, outside: Path) -> str | None:
    """Another schema number, or none that is a number."""
    if path.suffix not in RECORDS:
        return None
    value = draw.choice((0, -1, 2, 99, 10**30, 1.5, True, None, "1", [1]))
    record = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**record, "schema": value}), encoding="utf-8")
    return f"schema {value!r}"


def encoding(path: Path, draw: random.Random, outside: Path) -> str | None:
    """Write a text in another encoding."""
    if path.suffix not in (*RECORDS, *LINES, ".txt", ".md"):
        return None
    name = draw.choice(("utf-16", "utf-8-sig", "utf-32", "latin-1"))
    text = path.read_text(encoding="utf-8") + ("é" if path.suffix == ".txt" else "")
    path.write_bytes(text.replace("gan", "gän", 1).encode(name, "replace") if name == "latin-1" else text.encode(name))
    return f"written as {name}"


def folder_instead(path: Path, draw: random.Random, outside: Path) -> str:
    """A folder of that name."""
    path.unlink()
    path.mkdir()
    (path / "a file.txt").write_bytes(b"mine")
    return "a folder in its place"


def link_outside(path: Path, draw: random.Random, outside: Path) -> str:
    """A link to a file of somebody that holds the same."""
    target = outside / f"kept {path.name}"
    shutil.move(path, target)
    path.symlink_to(target)
    return "a link to the same file elsewhere"


def link_to_foreign(path: Path, draw: random.Random, outside: Path) -> str:
    """A link to a file of somebody that holds something else."""
    path.unlink()
    path.symlink_to(outside / "thesis" / "chapter 1.tex")
    return "a link to somebody's text"


def folder_link(path: Path, draw: random.Random, outside: Path) -> str | None:
    """A folder inside a run becomes a link to the same folder elsewhere."""
    if path.parent.parent.name in ("work", "runs", "group"):
        return None  # the run itself as a link is somebody's right
    target = outside / f"kept {path.parent.name}"
    shutil.move(path.parent, target)
    path.parent.symlink_to(target)
    return "its folder is a link to elsewhere"


def dangling(path: Path, draw: random.Random, outside: Path) -> str:
    """A link to nothing."""
    path.unlink()
    path.symlink_to(outside / "not there")
    return "a link to nothing"


def loop(path: Path, draw: random.Random, outside: Path) -> str:
    """A link to itself."""
    path.unlink()
    path.symlink_to(path.name)
    return "a link to itself"


def fifo(path: Path, draw: random.Random, outside: Path) -> str:
    """A pipe that nobody writes to."""
    path.unlink()
    os.mkfifo(path)
    return "a pipe"


def device(path: Path, draw: random.Random, outside: Path) -> str:
    """A link to a device."""
    path.unlink()
    target = draw.choice(("/dev/zero", "/dev/null", "/dev/full", "/dev/random", "/proc/self/mem"))
    path.symlink_to(target)
    return f"a link to {target}"


def unreadable(path: Path, draw: random.Random, outside: Path) -> str:
    """No permission to read it, or to enter its folder."""
    target = draw.choice((path, path, path.parent))
    target.chmod(0)
    return f"mode 000 of {'the file' if target == path else 'its folder'}"


def lying_header(path: Path, draw: random.Random, outside: Path) -> str | None:
    """A safetensors file whose header says what is not so."""
    if path.suffix not in TENSORS:
        return None
    data = path.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    header, body = json.loads(data[8 : 8 + size]), data[8 + size :]
    names = [name for name in header if name != "__metadata__"]
    name, what = (
        draw.choice(names),
        draw.choice(("length", "shape", "type", "offsets", "gone", "renamed", "numbers", "deep")),
    )
    if what == "length":
        path.write_bytes(struct.pack("<Q", draw.choice((0, 2**20, 2**40, 2**63, 2**64 - 1))) + data[8:])
        return "header length lies"
    if what == "shape":
        header[name]["shape"] = draw.choice(
            ([2**40], [2**32, 2**32], [0], [-1], [], [1.5], header[name]["shape"] + [1])
        )
    elif what == "type":
        header[name]["dtype"] = draw.choice(("F64", "I64", "BF16", "U8", "F999", None))
    elif what == "offsets":
        header[name]["data_offsets"] = draw.choice(([0, 2**50], [-1, 4], [4, 0], [0], "all"))
    elif what == "gone":
        del header[name]
    elif what == "renamed":
        header["G.something.else"] = header.pop(name)
    elif what == "numbers":
        body = (
            struct.pack("<f", draw.choice((float("nan"), float("inf"), 3e38))) * (len(body) // 4)
            + body[len(body) // 4 * 4 :]
        )
    text = json.dumps(header) if what != "deep" else RAW["objects nested 100,000 deep"]
    path.write_bytes(struct.pack("<Q", len(text)) + text.encode("utf-8") + body)
    return f"header lies: {what} of {name}"


def bomb(path: Path, draw: random.Random, outside: Path) -> str | None:
    """A picture that announces, or is, far more than it weighs."""
    if path.suffix not in PICTURES:
        return None
    side = draw.choice((12_000, 60_000, 2**31 - 1))
    rows = b"" if side > 12_000 else b"\0" * (side // 8 + 1) * side
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">2I5B", side, side, 1, 0, 0, 0, 0)) + _chunk(b"IDAT", zlib.compress(rows, 9))
        + _chunk(b"IEND", b"")
    )  # fmt: skip
    return f"a PNG of {side} x {side}"


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def far_larger(path: Path, draw: random.Random, outside: Path) -> str:
    """A hole of many gigabytes after its content."""
    with open(path, "r+b") as handle:
        handle.truncate(2**36)
    return "grown to 64 GB of nothing"


ANY: tuple[Damage, ...] = (
    truncated, emptied, missing, random_bytes, bit_flips, folder_instead, link_outside, link_to_foreign, folder_link,
    dangling, loop, fifo, device, unreadable, far_larger,
)  # fmt: skip
BY_KIND: tuple[Damage, ...] = (
    torn_line, other_value, other_value, other_value, missing_key, other_root, wrong_schema, encoding, lying_header,
    bomb,
)  # fmt: skip
"""Those that fit some files only; what hits records most is tried more often."""
