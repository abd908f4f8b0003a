import gzip
import hashlib
import struct
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ganatomy.datasets.sources import read_idx, read_idx_hashed
from ganatomy.errors import DataError


def idx(values: np.ndarray) -> bytes:
    return struct.pack(f">4B{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.tobytes()


@pytest.fixture
def good() -> bytes:
    return idx(np.arange(5 * 3 * 2, dtype=np.uint8).reshape(5, 3, 2))


def test_content_hash_does_not_depend_on_compression(tmp_path, good):
    hashes = set()
    for name, data in {"plain": good, "fast": gzip.compress(good, 1), "best": gzip.compress(good, 9, mtime=5)}.items():
        path = tmp_path / name  # what counts is the content, not the name's ending
        path.write_bytes(data)
        array, found = read_idx_hashed(path)
        np.testing.assert_array_equal(array, np.arange(30).reshape(5, 3, 2))
        hashes.add(found)
    assert hashes == {hashlib.sha256(good).hexdigest()}


def test_two_gzip_members_are_one_content(tmp_path, good):
    path = tmp_path / "f"
    path.write_bytes(gzip.compress(good[:20]) + gzip.compress(good[20:]))
    assert read_idx(path).shape == (5, 3, 2)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: b"", "not an IDX file: it holds only 0 bytes"),
        (lambda data: data[:2], "holds only 2 bytes"),
        (lambda data: b"\1" + data[1:], "magic number is 0x01000803"),
        (lambda data: data[:2] + b"\x0d" + data[3:], "magic number is 0x00000d03"),
        (lambda data: data[:3] + b"\0" + data[4:], "magic number is 0x00000800"),
        (lambda data: data[:3] + b"\5" + data[4:], "magic number is 0x00000805"),
        (lambda data: data[:9], "header of 3 dimensions is not complete"),
        (lambda data: data[:-1], "cut short"),
        (lambda data: data + b"\0", "goes on after the 5 x 3 x 2 values"),
        (lambda data: data[:4] + struct.pack(">3I", 0, 3, 2) + data[16:], "holds nothing"),
        (lambda data: data[:4] + struct.pack(">3I", 5, 3, 3) + data[16:], "cut short"),
        # 2**32 - 1 cubed: overflows any fixed-width product
        (lambda data: data[:4] + b"\xff" * 12 + data[16:], "at most 2,147,483,648 are allowed"),
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_damage_is_told_in_words(tmp_path, good, change, words, pack):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(pack(change(good)))
    with pytest.raises(DataError, match=words) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)
    assert "download it again" in str(caught.value)


def flip_checksum(data: bytes) -> bytes:
    return data[:-8] + bytes([data[-8] ^ 1]) + data[-7:]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data[:5], "cut short: its gzip data ends too early"),
        (lambda data: data[:-12], "cut short: its gzip data ends too early"),
        (lambda data: data[:-1], "cut short: its gzip data ends too early"),
        (flip_checksum, "cannot be unpacked as gzip"),
        (lambda data: data[:12] + bytes([255 ^ data[12]]) + data[13:], "download it again"),
        (lambda data: data + b"junk", "cannot be unpacked as gzip"),
    ],
)
def test_damaged_gzip(tmp_path, good, change, words):
    path = tmp_path / "f.gz"
    path.write_bytes(change(gzip.compress(good)))
    with pytest.raises(DataError, match=words):
        read_idx(path)


def test_a_bomb_is_stopped_by_the_header(tmp_path):
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    data = packer.compress(idx(np.zeros((4, 2, 2), np.uint8)))
    zeros = bytes(1 << 20)
    data += b"".join(packer.compress(zeros) for _ in range(64)) + packer.flush()
    path = tmp_path / "bomb.gz"
    path.write_bytes(data)
    with pytest.raises(DataError, match="goes on after the 4 x 2 x 2 values"):
        read_idx(path)


def test_claims_larger_than_the_file_can_hold_are_refused_before_allocation(tmp_path, monkeypatch):
    header = struct.pack(">4B2I", 0, 0, 8, 2, 2**15, 2**15)  # 1 GiB, under the cap
    monkeypatch.setattr("builtins.bytearray", None)
    for name, data in {"plain": header + b"abc", "packed": gzip.compress(header + b"abc")}.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(DataError, match="too small for the 32768 x 32768 values"):
            read_idx(tmp_path / name)


def test_caller_may_lower_the_cap(tmp_path, good):
    (tmp_path / "f").write_bytes(good)
    assert read_idx(tmp_path / "f", max_bytes=30).size == 30
    with pytest.raises(DataError, match="= 30 values; at most 29 are allowed"):
        read_idx(tmp_path / "f", max_bytes=29)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        read_idx(tmp_path / "none")
    with pytest.raises(DataError, match="cannot be read"):
        read_idx(tmp_path)


QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@QUICK
@given(shape=st.lists(st.integers(1, 5), min_size=1, max_size=4), seed=st.integers(0, 99), packed=st.booleans())
def test_round_trip(tmp_path, shape, seed, packed):
    values = np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)
    data = idx(values)
    (tmp_path / "f").write_bytes(gzip.compress(data) if packed else data)
    found = read_idx(tmp_path / "f")
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, values)


@QUICK
@given(
    edits=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=4),
    cut=st.integers(0, 200),
    tail=st.binary(max_size=8),
    packed=st.sampled_from(["plain", "inside", "outside"]),
)
def test_any_mutation_is_read_or_refused_in_words(tmp_path, edits, cut, tail, packed):
    original = idx(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))
    data = bytearray(gzip.compress(original, mtime=0) if packed == "outside" else original)
    for position, value in edits:
        data[position % len(data)] = value
    data = data[: max(0, len(data) - cut % 7)] + tail
    (tmp_path / "f").write_bytes(gzip.compress(data, mtime=0) if packed == "inside" else data)
    answer: int | str
    try:
        answer = read_idx(tmp_path / "f").size
    except DataError as error:
        answer = str(error)
    assert answer in (24, 24 + len(tail) - cut % 7) or str(tmp_path / "f") in str(answer)


@QUICK
@given(data=st.binary(max_size=64))
def test_random_bytes(tmp_path, data):
    (tmp_path / "f").write_bytes(data)
    with pytest.raises(DataError):  # 64 random bytes that are an IDX file would have to start with 00 00 08
        read_idx(tmp_path / "f")
