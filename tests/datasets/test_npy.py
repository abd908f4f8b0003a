import io

import numpy as np
import pytest

from ganatomy.datasets.collection import read_path
from ganatomy.datasets.fitting import Fitting
from ganatomy.datasets.npy import read_npy
from ganatomy.errors import DataError
from pictures import NPY_HEADER, npy_bytes


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "cut short"),
        (b"\x93NUMPY", "cut short"),
        (b"PK\3\4" + bytes(40), "not an array in NumPy's format"),
        (npy_bytes(NPY_HEADER, bytes(6), b"\3\0"), "version 3.0"),
        (npy_bytes(NPY_HEADER, bytes(5)), "is damaged: its header announces 2 x 3 values of uint8, 76 bytes"),
        (npy_bytes(NPY_HEADER, bytes(7)), "is damaged: its header announces 2 x 3"),
        (npy_bytes(NPY_HEADER)[:30], "cut short"),
        (npy_bytes(NPY_HEADER.replace("3", "-3"), bytes(6)), "negative size"),
        (npy_bytes(NPY_HEADER.replace("2, 3", "2**3,"), bytes(6)), "damaged header"),
        (npy_bytes(NPY_HEADER.replace("(2, 3)", "[2, 3]"), bytes(6)), "damaged header"),
        (npy_bytes(NPY_HEADER.replace("False", "exit()"), bytes(6)), "damaged header"),
        (npy_bytes(NPY_HEADER.replace("|u1", "|O"), bytes(6)), "Python objects"),
        (npy_bytes(NPY_HEADER.replace("'|u1'", "[('a', '|O')]"), bytes(6)), "Python objects"),
        (npy_bytes(NPY_HEADER.replace("|u1", "U0"), b""), "holds values of"),
        (npy_bytes(NPY_HEADER.replace("|u1", "<f16"), b""), "holds values of"),
        (
            npy_bytes(NPY_HEADER.replace("2, 3", "4294967296, 4294967296, 4294967296"), b""),
            "at most 8.0 GiB are allowed",
        ),
        (npy_bytes("(" * 9000 + ")" * 9000, version=b"\2\0"), "header of 18,000 bytes"),
        (npy_bytes("(" * 4000 + ")" * 4000), "damaged header"),
        (npy_bytes("{" + "1:" * 4000), "damaged header"),
        (npy_bytes("\0" * 100), "damaged header"),
        (npy_bytes("'\\ud800" * 100), "damaged header"),
        (npy_bytes(NPY_HEADER.replace("2, 3", "9" * 4500), b""), "damaged header"),
    ],
)
def test_hostile_headers(tmp_path, data, words, recwarn):
    with pytest.raises(DataError, match=words) as caught:
        read_npy(io.BytesIO(data), len(data), "x.npz: images")
    assert str(caught.value).startswith("x.npz: images ")
    (tmp_path / "x.npy").write_bytes(data)
    with pytest.raises(DataError):
        list(read_path(tmp_path / "x.npy", Fitting()))
    assert not recwarn.list


def test_headers_of_python_2_and_version_2_are_read(recwarn):
    for data in (
        npy_bytes(NPY_HEADER.replace("(2, 3)", "(2L, 3L)"), bytes(range(6))),
        npy_bytes(NPY_HEADER, bytes(range(6)), b"\2\0"),
    ):
        assert read_npy(io.BytesIO(data), len(data), "x").tolist() == [[0, 1, 2], [3, 4, 5]]
    fortran = npy_bytes(NPY_HEADER.replace("False", "True"), bytes(range(6)))
    assert read_npy(io.BytesIO(fortran), len(fortran), "x").tolist() == [[0, 2, 4], [1, 3, 5]]
    assert not recwarn.list


def test_every_kind_of_array_comes_back():
    for array in (
        np.arange(6.0).reshape(2, 3), np.array([True, False]), np.array(["a", "ü图"]), np.array(7), np.zeros((0, 3)),
        np.arange(6, dtype=">i4"), np.float16([1.5]),
    ):  # fmt: skip
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        found = read_npy(io.BytesIO(buffer.getvalue()), len(buffer.getvalue()), "x")
        np.testing.assert_array_equal(found, array)
        assert found.dtype == array.dtype.newbyteorder("=")
        assert found.shape == array.shape


def test_a_stream_that_goes_on_is_refused():
    data = npy_bytes(NPY_HEADER, bytes(6))
    with pytest.raises(DataError, match="goes on after the values its header announces"):
        read_npy(io.BytesIO(data + b"x"), len(data), "x")


def test_bools_that_are_neither_are_made_true():
    data = npy_bytes(NPY_HEADER.replace("|u1", "|b1"), bytes([0, 1, 2, 255, 0, 7]))
    assert read_npy(io.BytesIO(data), len(data), "x").view(np.uint8).tolist() == [[0, 1, 1], [1, 0, 1]]
