"""What a measurement cannot say is said: scores left out, pictures all alike, networks that guess, copies untold."""

import dataclasses

import numpy as np
import pytest
import torch
from planted_classes import SHAPE, striped_data
from scipy import stats

from ganatomy import files, rng
from ganatomy.datasets.store import ImageStore
from ganatomy.laboratory.stages import file_suffix, measure_lines
from ganatomy.metrics import evaluate, features, left_out
from ganatomy.metrics import feature_training as training
from ganatomy.metrics.knowledge import Knowledge, knowledge, luck
from ganatomy.metrics.memorisation import chance_limit, close_rank, compare, is_copying


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GANATOMY_HOME", str(tmp_path / "home"))
    torch.set_num_threads(1)


class Stripes(torch.nn.Module):
    """A generator of one grey level for each latent; `is_one`: always the same picture."""

    def __init__(self, is_one=False):
        super().__init__()
        self.level = torch.nn.Parameter(torch.tensor(0.5))
        self.is_one = is_one

    def forward(self, z):
        level = torch.zeros(len(z)) if self.is_one else torch.tanh(z[:, 0])
        ramp = torch.linspace(-0.5, 0.5, SHAPE[2])
        return self.level * level[:, None, None, None] + ramp.expand(len(z), *SHAPE)


def measured(data, network=None, is_one=False, **sizes):
    given = {"seed": 0, "num_gen": 60, **sizes}
    *_, record = evaluate.measure(Stripes(is_one).eval(), 1, data, network or features.features_for(data), **given)
    return {"run": "r", "nimg": 1, **record}


def few(num_train, num_test, sha256="77" * 32):
    data = striped_data(sha256=sha256)
    cut = [ImageStore(s.images[:n], s.labels[:n]) for s, n in ((data.train, num_train), (data.test, num_test))]
    return dataclasses.replace(data, train=cut[0], test=cut[1])


def reasons(record):
    return {(entry["score"], entry["part"]): entry["id"] for entry in record["left_out"]}


def test_a_sound_measurement_leaves_nothing_out():
    record = measured(striped_data(), memory=50)
    assert record["left_out"] == record["warnings"] == []
    assert "left out" not in measure_lines(record)


def test_too_few_images_are_named_score_by_score():
    record = measured(few(30, 5), memory=50)
    assert "precision60_test[random-v1]" not in record["scores"]
    found = reasons(record)
    for kind in ("precision", "recall", "density", "coverage"):
        assert found[f"{kind}60_test[random-v1]", "score"] == "few_neighbours"
    assert found["copies, in pixels", "score"] == "few_copies"
    assert found["kd60_test[random-v1]", "error"] == "few_error"
    lines = measure_lines(record)
    assert lines.count("more than 5 generated and more than 5 test images are needed; there are 60 and 5") == 1
    assert "precision60_test[random-v1], recall60_test[random-v1]" in lines
    assert "too few to tell" in lines


@pytest.mark.parametrize("num_gen", [10, 19])
def test_small_sets_have_no_error_and_no_line(num_gen):
    record = measured(striped_data(), num_gen=num_gen)
    name = f"fd{num_gen}_test[random-v1]"
    assert record["scores"][name]["spread"] is None
    assert record["bias"] is None
    assert reasons(record)[name, "error"] == "few_error"
    assert reasons(record)["bias", "score"] == "few_line"


def test_a_floor_of_few_held_out_images_is_named():
    record = measured(few(30, 60, "78" * 32))  # 5 held out, 6 are needed
    assert record["scores"]["precision60_test[random-v1]"]["floor"] is None
    assert reasons(record)["precision60_test[random-v1]", "floor"] == "few_floor"
    assert "floor of precision60_test[random-v1]" in measure_lines(record)


def test_every_entry_has_its_words_and_unknown_ones_are_refused():
    for each in (*left_out.REASONS, *left_out.WARNINGS):
        assert not each.startswith("_")
    with pytest.raises(KeyError):
        left_out.left_out("fd", "nothing")


def test_one_picture_only_is_told_for_both_sides():
    data = striped_data(sha256="55" * 32)
    assert [each["id"] for each in measured(data, is_one=True)["warnings"]] == ["same_gen"]
    white = ImageStore(torch.full((60, *SHAPE), 255, dtype=torch.uint8))
    blank = dataclasses.replace(data, train=white, test=white, class_names=(), sha256="56" * 32)
    record = measured(blank, is_one=True, memory=50)
    assert {"same_gen", "same_real"} <= {each["id"] for each in record["warnings"]}
    assert "a single picture, whatever the scores say" in measure_lines(record)
    assert reasons(record)["copies, in pixels", "score"] == "same_copies"
    assert "cannot tell" in measure_lines(record)


def test_equal_test_images_among_others_are_told():
    data = striped_data(sha256="57" * 32)
    images = data.test.images.clone()
    images[:20] = 0
    record = measured(dataclasses.replace(data, test=ImageStore(images, data.test.labels)))
    (warning,) = record["warnings"]
    assert (warning["id"], warning["numbers"]) == ("ties", {"num": 20, "total": 60, "k": 5})


# Copies


@pytest.mark.parametrize(("num_gen", "num_test"), [(1000, 1000), (1000, 100), (300, 30), (30, 3), (7, 2), (50, 199)])
def test_the_limit_is_the_quantile_of_the_beta_binomial(num_gen, num_test):
    k = close_rank(num_test)
    theirs = stats.betabinom(num_gen, k, num_test + 1 - k).ppf(1 - 0.001) / num_gen
    assert chance_limit(num_gen, num_test) == pytest.approx(theirs)
    assert chance_limit(num_gen, num_test) <= 1


@pytest.mark.parametrize("num_test", [2, 3, 5, 9])
def test_few_test_images_cannot_tell_and_no_limit_is_above_100_percent(num_test):
    draw = rng.generator(0, "test-few")
    found = compare(np.zeros(1000, int), np.zeros(1000), draw.random(num_test))  # a copier of everything
    assert (found["limit"], found["untold"], is_copying(found)) == (None, "few_copies", None)
    assert 0.5 < found["reach"] <= 1


def test_a_copier_exceeds_the_limit_where_there_is_one():
    draw = rng.generator(0, "test-copier")
    for num_test in (12, 50, 1000):
        copies = compare(np.zeros(400, int), np.zeros(400), draw.random(num_test))
        assert copies["too_close"] == 1 > copies["limit"]
        assert is_copying(copies) is True
        assert is_copying(compare(np.zeros(400, int), 2 + draw.random(400), draw.random(num_test))) is False


def test_old_records_with_a_limit_above_100_percent_tell_nothing():
    assert is_copying({"too_close": 1.0, "limit": 1.047}) is None
    assert is_copying({"too_close": 0.9, "limit": 0.84}) is True


def test_the_threshold_is_passed_by_what_is_nearer_than_99_percent():
    normal = np.arange(1.0, 1001)
    assert close_rank(1000) == 11
    found = compare(np.zeros(4, int), np.array([10.5, 10.99, 11.0, 12.0]), normal)
    assert found["too_close"] == 0.5


# Networks


def plant(data, accuracy, tmp_path, num_epochs=1):
    """Train a network shortly, and write into its card what it got right of the held-out images."""
    *_, card = training.train_features(data, num_epochs=num_epochs, num_threads=1)
    path = features.own_folder(data) / f"{card['name']}.json"
    card["validation"]["accuracy"] = accuracy
    files.write_json(path, {key: value for key, value in card.items() if key != "schema"})
    features._load_own.cache_clear()
    return card["name"]


def test_a_network_that_guesses_is_passed_over_but_answers_by_name(tmp_path):
    data = striped_data(sha256="5a" * 32)
    name = plant(data, 0.5, tmp_path)
    chosen = features.features_for(data)
    assert chosen.name == "random-v1"
    assert features.trained_for(data) is None
    assert f"the feature network {name} was passed over" in features.features_reason(data)
    record = measured(data)
    assert next(iter(record["scores"])) == "fd60_test[random-v1]"
    assert [each["id"] for each in record["warnings"]] == ["weak_passed"]
    assert "knows too little" in record["message"]
    asked = features.features_named(name, data)
    by_name = measured(data, asked)
    assert [each["id"] for each in by_name["warnings"]] == ["weak_network"]
    assert "its scores say little" in measure_lines(by_name)
    assert file_suffix(data, name) == f"-{name}"
    assert file_suffix(data, None) == ""
    plant(data, 1.0, tmp_path)
    assert features.features_for(data).name == name
    assert measured(data)["warnings"] == []


def test_training_a_network_on_noise_ends_with_a_warning_and_the_card_says_why():
    data, said = striped_data(sha256="5b" * 32), []
    noise = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (180, *SHAPE), dtype=np.uint8))
    labels = torch.arange(180) % 10
    data = dataclasses.replace(
        data, class_names=tuple(f"c{i}" for i in range(10)), train=ImageStore(noise[:120], labels[:120]),
        test=ImageStore(noise[120:], labels[120:]),
    )  # fmt: skip
    *_, card = training.train_features(data, num_epochs=1, num_threads=1, say=said.append)
    assert card["held_out"]["is_enough"] is False
    assert card["held_out"]["num"] == 20
    assert card["held_out"]["accuracy"] == card["validation"]["accuracy"] < 0.3
    assert said[-1].startswith(f"warning: {card['name']} gets ")
    assert "random-v1 looks at these data" in said[-1]
    again: list[str] = []
    training_again = training.train_features(data, num_epochs=1, num_threads=1, say=again.append)
    assert list(training_again)[-1]["name"] == card["name"]
    assert again[-1] == said[-1]


@pytest.mark.parametrize(
    ("accuracy", "counts", "enough"),
    [
        (0.29, [100] * 10, False),  # just below three times chance
        (0.30, [100] * 10, True),
        (0.7, [100, 100], False),  # two classes: three times chance is more than all; half of the rest is wanted
        (0.75, [100, 100], True),
        (0.9, [900, 100], False),  # always naming the frequent class gets that too
        (0.96, [900, 100], True),
        (0.375, [1] * 8, False),  # 3 of 8 can be luck
        (0.75, [1] * 8, True),
        (1.0, [50, 0], False),  # one class only shows nothing
        (1.0, [2, 1], False),
    ],
)
def test_what_is_enough(accuracy, counts, enough):
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    assert knowledge(accuracy, labels, len(labels), len(counts)).is_enough is enough


def test_few_held_out_images_of_even_classes_have_an_even_chance_but_more_luck():
    """60 training images of 10 classes, 8 held out of which 3 are of one class by chance."""
    labels = torch.cat([torch.arange(52) % 10, torch.tensor([7, 7, 7, 1, 2, 3, 4, 5])])
    found = knowledge(0.5, labels, 8, 10)
    assert found.chance == pytest.approx(0.15, abs=0.02)
    assert found.chance_held_out == 3 / 8
    assert not found.is_enough  # always naming that class gets 3 of 8
    assert knowledge(1.0, labels, 8, 10).is_enough


def test_luck_against_scipy():
    for right, num, chance in ((0, 8, 0.1), (3, 8, 0.1), (8, 8, 0.5), (60, 200, 0.25)):
        assert luck(right, num, chance) == pytest.approx(stats.binom.sf(right - 1, num, chance), rel=1e-9)
    assert luck(3, 3, 1.0) == 1.0
    assert Knowledge(0.5, 100, 0.1, 0.1).least == pytest.approx(0.3)
    assert Knowledge(0.5, 100, 0.5, 0.5).least == pytest.approx(0.75)


def test_shipped_networks_stay():
    for name in ("fashion-v1", "mnist-v1", "atelier-v1"):
        card = features.read_card(name)
        assert card["validation"]["accuracy"] > 3 / len(card["class_names"])


def test_records_of_older_versions_with_a_guessing_network_are_warned_of():
    record = {"features": {"name": "own-1", "test_accuracy": 0.0}, "classes": {"counts": [1] * 10}}
    assert [each["id"] for each in left_out.warnings_of(record)] == ["weak_old"]
    record["features"]["test_accuracy"] = 0.93
    assert left_out.warnings_of(record) == []
    assert left_out.warnings_of({}) == []
