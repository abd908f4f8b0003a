import io
import zipfile

import numpy as np
import pytest

from ganatomy.errors import ConfigError, DataError
from ganatomy.latent import codes


def test_dims_and_values_are_read_and_checked():
    assert codes.check_dims(codes.parse_dims("3,17, 42"), 100) == (3, 17, 42)
    assert codes.check_values(codes.parse_values("0.1,5,20")) == (0.1, 5.0, 20.0)
    assert [codes.value_name(v) for v in (0.1, 5.0, 20.0, -1.5)] == ["0.1", "5", "20", "-1.5"]


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        (lambda: codes.parse_dims("3,x"), "3,17,42"),
        (lambda: codes.parse_values("a"), "0.1,5,20"),
        (lambda: codes.check_dims((3, 100), 100), r"100 does not exist.*0 to 99"),
        (lambda: codes.check_dims((-1,), 100), r"-1 does not exist"),
        (lambda: codes.check_dims((3, 5, 3), 100), "names 3 more than once"),
        (lambda: codes.check_dims((), 100), "empty"),
        (lambda: codes.check_values((1.0, float("nan"))), "nan is not a finite"),
        (lambda: codes.check_values((1.0, float("inf"))), "inf is not a finite"),
        (lambda: codes.check_values((5.0, 5.0)), "twice"),
        (lambda: codes.check_values(()), "empty"),
        (lambda: codes.check_num_codes(0), "num_codes is 0"),
        (lambda: codes.check_pick("topp", 5, 100), "Did you mean 'top'"),
        (lambda: codes.choose_dims(101, "random", 100, 0), "choose 1 to 100"),
        (lambda: codes.choose_dims(0, "random", 100, 0), "choose 1 to 100"),
        (lambda: codes.choose_dims(2, "top", 100, 0), "atlas"),
    ],
)
def test_what_is_not_allowed_is_said_in_words(refused, words):
    with pytest.raises(ConfigError, match=words):
        refused()


def test_random_pick_depends_on_the_seed_alone():
    first = codes.choose_dims(5, "random", 100, seed=3)
    assert first == codes.choose_dims(5, "random", 100, seed=3)
    assert first != codes.choose_dims(5, "random", 100, seed=4)
    assert list(first) == sorted(set(first))
    assert len(first) == 5
    assert codes.choose_dims(100, "random", 100, seed=3) == tuple(range(100))


def test_top_pick_takes_the_largest_effects():
    effects = np.array([0.1, 0.9, 0.2, 0.9, 0.5])
    assert codes.choose_dims(2, "top", 5, 0, effects) == (1, 3)
    assert codes.choose_dims(1, "top", 5, 0, effects) == (1,)


@pytest.mark.parametrize("dtype", ["float32", "float64", ">f8", "int16"])
def test_latents_are_read_from_npy_and_npz(tmp_path, dtype):
    z = (10 * np.random.default_rng(0).standard_normal((7, 4))).astype(dtype)
    np.save(tmp_path / "z.npy", z)
    np.save(tmp_path / "fortran.npy", np.asfortranarray(z))
    np.savez(tmp_path / "one.npz", anything=z)
    np.savez_compressed(tmp_path / "many.npz", z=z, other=np.zeros(3))
    for name in ("z.npy", "fortran.npy", "one.npz", "many.npz"):
        read = codes.read_latents(tmp_path / name, 4)
        np.testing.assert_array_equal(read.numpy(), z.astype(np.float32))


def npy_bytes(array, **keywords):
    buffer = io.BytesIO()
    np.save(buffer, array, **keywords)
    return buffer.getvalue()


def test_wrong_files_of_latents_are_refused_in_words(tmp_path):
    def refused(name, data, error, words):
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(error, match=words):
            codes.read_latents(path, 4)

    good = npy_bytes(np.zeros((5, 4), np.float32))
    refused("z.txt", good, ConfigError, r"\.npy or \.npz")
    refused("short.npy", good[:-4], DataError, "its header announces 5 x 4 values")
    refused("long.npy", good + b"1234", DataError, "its header announces 5 x 4 values")
    refused("garbage.npy", b"not an array at all", DataError, "is not an array")
    refused("empty.npy", b"", DataError, "cannot be read")
    refused("garbage.npz", b"not a zip", DataError, "is no zip archive")
    refused("wide.npy", npy_bytes(np.zeros((5, 3), np.float32)), ConfigError, r"shape \[5, 3\].*\[N, 4\]")
    refused("flat.npy", npy_bytes(np.zeros(4, np.float32)), ConfigError, r"\[N, 4\]")
    refused("none.npy", npy_bytes(np.zeros((0, 4), np.float32)), ConfigError, "has 0 latents")
    refused("complex.npy", npy_bytes(np.zeros((5, 4), complex)), DataError, "values of complex128")
    refused("text.npy", npy_bytes(np.full((5, 4), "a")), ConfigError, "real numbers")
    refused("pickled.npy", npy_bytes(np.full((5, 4), None), allow_pickle=True), DataError, "Python objects")
    bad = np.zeros((5, 4))
    bad[3, 1] = np.inf
    refused("inf.npy", npy_bytes(bad), ConfigError, "latent 3 has values that are not finite")
    buffer = io.BytesIO()
    np.savez(buffer, a=np.zeros((5, 4)), b=np.zeros((5, 4)))
    refused("two.npz", buffer.getvalue(), ConfigError, "holds 2 arrays")
    buffer = io.BytesIO()
    np.savez_compressed(buffer, z=np.random.default_rng(0).standard_normal((500, 4)))
    damaged = bytearray(buffer.getvalue())
    damaged[2000:2100] = bytes(100)
    refused("damaged.npz", bytes(damaged), DataError, "cannot be read")
    with pytest.raises(DataError, match="does not exist"):
        codes.read_latents(tmp_path / "missing.npy", 4)


def test_a_header_that_promises_terabytes_allocates_nothing(tmp_path):
    header = npy_bytes(np.zeros((5, 4), np.float32))[:128]
    (tmp_path / "huge.npy").write_bytes(header.replace(b"(5, 4), ", b"(999999, 4), ")[:128])
    with pytest.raises(DataError, match="16,000,112 bytes"):
        codes.read_latents(tmp_path / "huge.npy", 4)
    (tmp_path / "more.npy").write_bytes(header.replace(b"(5, 4), ", b"(9999999999, 4), ")[:128])
    with pytest.raises(DataError, match="9,999,999,999 x 4 values"):
        codes.read_latents(tmp_path / "more.npy", 4)
    with zipfile.ZipFile(tmp_path / "huge.npz", "w") as archive:
        archive.writestr("z.npy", header.replace(b"(5, 4), ", b"(999999, 4), ")[:128])
    with pytest.raises(DataError, match="16,000,112 bytes"):
        codes.read_latents(tmp_path / "huge.npz", 4)


def test_values_too_large_for_float32_are_refused_without_a_warning(tmp_path):
    np.save(tmp_path / "z.npy", np.full((2, 4), 1e300))
    with pytest.raises(ConfigError, match="not finite"):
        codes.read_latents(tmp_path / "z.npy", 4)
