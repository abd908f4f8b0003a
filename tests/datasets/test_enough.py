"""What is said of small or odd sets before any training: by inspect, train and lab."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ganatomy import presets
from ganatomy.datasets import enough
from ganatomy.datasets.fitting import Fitting
from ganatomy.datasets.inspection import inspect
from ganatomy.datasets.store import Dataset, ImageStore
from ganatomy.metrics.prdc import K
from ganatomy.training import session
from pictures import drawn, png


def test_neighbourhoods_are_those_of_the_scores():
    assert enough.NEIGHBOURS == K


@pytest.mark.parametrize(
    ("num_train", "num_test", "words"),
    [
        (2, 2, ["precision, recall, density and coverage need more than 5", "no score gets a floor", "it is 0"]),
        (10, 2, ["no score gets a floor", "at least 2 are needed, and it is 1"]),
        (12, 5, ["more than 5 pictures to test on, and there are 5"]),
        (35, 6, ["precision, recall, density and coverage get no floor", "more than 5 are needed, and it is 5"]),
    ],
)
def test_what_measuring_will_leave_out(num_train, num_test, words):
    text = enough.told(num_train, num_test)
    assert all(each in text for each in words)
    assert "With 36 to train on and 6 to test on nothing is left out" in text


def test_nothing_is_said_of_sets_that_are_large_enough():
    assert enough.told(36, 6) is None
    assert enough.told(60_000, 10_000) is None
    assert enough.proportion(64, 64) is None


def folder(path: Path, num: int) -> Path:
    path.mkdir()
    for number in range(num):
        (path / f"{number}.png").write_bytes(png(drawn((16, 16), number)))
    return path


@pytest.mark.parametrize(("num", "start"), [(12, "Ready, but so few pictures"), (60, "Ready: 54 pictures")])
def test_inspect_says_it_last(tmp_path, num, start):
    *_, found = inspect(folder(tmp_path / "set", num), Fitting())
    text = "\n".join(found.lines())
    assert text[text.rindex("\n\n") :].strip().startswith(start)
    assert found.problem is None


def made_up(num_train: int, num_test: int) -> Dataset:
    draw = np.random.default_rng(0)
    sizes = (num_train, num_test)
    stores = [ImageStore(torch.from_numpy(draw.integers(0, 256, (n, 1, 8, 8), dtype=np.uint8))) for n in sizes]
    return Dataset("x", *stores, "0" * 64, ())


def test_training_says_it_before_the_first_step_and_once():
    said: list[str] = []
    asked = {"precision": "float32", "num_threads": 1, "total_nimg": 64}
    session.configure(presets.preset("gan"), made_up(10, 2), asked, said.append)
    text = "\n".join(said)
    assert text.count("so few pictures cannot be measured in full") == 1
    assert text.count("every step shows 64 pictures, and there are 10 to train on: each of them 6.4 times") == 1


def test_larger_sets_and_smaller_batches_are_passed_without_a_word():
    said: list[str] = []
    session.warn_of_size(made_up(64, 10), 64, said.append)
    assert said == []
    session.warn_of_size(made_up(64, 10), 65, said.append)
    assert len(said) == 1
