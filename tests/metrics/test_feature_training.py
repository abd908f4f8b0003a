"""Training of feature networks on tiny made-up data: learning, exact continuation, own networks, refusals."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from planted_classes import SHAPE, striped_data, stripes

from ganatomy import files, rng
from ganatomy.datasets.store import ImageStore
from ganatomy.errors import CheckpointError, ConfigError, DataError, DivergedError, Interrupted, RunError
from ganatomy.metrics import evaluate, features
from ganatomy.metrics import feature_learning as learning
from ganatomy.metrics import feature_training as training
from ganatomy.metrics.classifier import Classifier
from ganatomy.metrics.feature_learning import Examples, FeatureRecipe, FeatureState
from ganatomy.progress import Progress
from ganatomy.training import checkpoint


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GANATOMY_HOME", str(tmp_path / "home"))
    torch.set_num_threads(1)


def train(data, **options):
    *steps, card = training.train_features(data, **{"num_epochs": 4, "num_threads": 1, **options})
    return steps, card


def after(num_calls):
    left = iter(range(num_calls))
    return lambda: next(left, None) is None


def recipe(**changes):
    return FeatureRecipe(**{"data": "striped", "num_epochs": 3, "batch_size": 20, **changes})


def test_a_planted_two_class_set_is_learnt(tmp_path):
    data, said = striped_data(), []
    steps, card = train(data, say=said.append)
    assert card["test"]["accuracy"] > 0.95
    assert card["validation"]["accuracy"] > 0.95
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert steps[-1] == Progress(400, 400)
    assert len([line for line in said if line.startswith("epoch ")]) == 4
    assert "of 20 held-out images right" in said[-1]
    network = features.features_for(data)
    assert (network.name, network.sha256) == (card["name"], card["sha256"])
    _, probabilities = network.extract(data.test.images)
    right = (probabilities.argmax(axis=1) == data.test.labels.numpy()).mean()
    assert right == pytest.approx(network.test_accuracy, abs=1e-3)
    assert network.img_shape == SHAPE


def test_the_card_says_what_was_done():
    data = striped_data()
    _, card = train(data, seed=5)
    folder = features.own_folder(data)
    weights = folder / f"{card['name']}.safetensors"
    assert folder.name == "ab" * 8
    assert card["name"] == f"own-{card['sha256'][:8]}"
    assert card["sha256"] == files.sha256_file(weights)
    assert card["data"] == {
        "name": "striped",
        "sha256": "ab" * 32,
        "trained_on": "train, first 100",
        "chosen_on": "train, last 20",
        "tested_on": "test, all 60",
    }
    assert (card["seed"], card["num_threads"], card["stored"]) == (5, 1, "float16")
    assert card["recipe"]["flip"] is False
    assert card["seconds"] > 0
    assert {"python", "torch", "numpy"} == set(card["versions"])
    assert [record["epoch"] for record in card["epochs"]] == [1, 2, 3, 4]
    best = max(record["accuracy"] for record in card["epochs"])
    assert card["epochs"][card["chosen_epoch"] - 1]["accuracy"] == best
    left = {path.name for path in folder.iterdir()} - {".lock"}
    assert left == {weights.name, f"{card['name']}.json", features.moments_file(card["name"])}
    network = features.features_for(data)
    for split in ("test", "held_out"):
        known, computed = network.known_moments(data.sha256, split), evaluate.compute_moments(data, network, split)
        np.testing.assert_allclose(known.mean, computed.mean, atol=1e-5)
        assert known.num == computed.num == {"test": 60, "held_out": 20}[split]


def test_the_same_card_comes_in_the_fields_of_the_shipped_ones():
    _, card = train(striped_data())
    shipped = files.read_json(features.WEIGHTS / "mnist-v1.json")
    assert set(shipped) - set(card) == {"licence"}
    # The card's `network` and the recipe's `optimizer` are younger; without them: residual, learnt by SGD.
    assert set(card["recipe"]) - set(shipped["recipe"]) == {"optimizer"}
    assert card["network"] == "residual"


def test_the_learning_rate_is_that_of_the_one_cycle_schedule():
    """Every rate of torch's schedule, exactly; and schedules too short for torch's are finite."""
    for num_steps, rise in ((30, 0.2), (400, 0.2), (77, 0.35)):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.1)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, 0.1, total_steps=num_steps, pct_start=rise, cycle_momentum=False
        )
        for step in range(num_steps):
            assert learning.learning_rate(recipe(rise=rise), step, num_steps) == optimizer.param_groups[0]["lr"]
            optimizer.step()
            schedule.step()
    for num_steps in range(1, 8):
        rates = [learning.learning_rate(recipe(), step, num_steps) for step in range(num_steps)]
        assert all(0 < rate <= 0.1 for rate in rates)
        assert max(rates) > 0.09


def test_augmentation_shifts_every_channel_alike_and_mirrors_only_where_asked():
    img_u8 = torch.zeros(200, 3, 9, 12, dtype=torch.uint8)
    img_u8[:, :, 4, 3] = 255
    for flip in (False, True):
        img = learning.augment(img_u8, recipe(flip=flip), rng.generator(0, "test_augment"))
        assert torch.equal(img, learning.augment(img_u8, recipe(flip=flip), rng.generator(0, "test_augment")))
        assert img.dtype == torch.float32
        assert set(img.unique().tolist()) == {-1.0, 1.0}
        assert torch.equal(img[:, 0], img[:, 1])
        assert torch.equal(img[:, 0], img[:, 2])
        places = torch.nonzero(img[:, 0] == 1)
        assert len(places) == 200
        assert set(places[:, 1].tolist()) == {3, 4, 5}
        assert set(places[:, 2].tolist()) == {2, 3, 4} | ({7, 8, 9} if flip else set())


def test_the_factor_loss_counts_the_factors_that_apply():
    """Class 0 has factor a, class 1 both: (0.5^2 + 0.1^2 + 0.3^2) / 3; without any that applies it is 0."""
    mask = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    labels = torch.tensor([0, 1])
    factors = torch.tensor([[0.5, 0.9], [0.2, 0.4]])
    estimate = torch.tensor([[1.0, 0.0], [0.1, 0.7]], requires_grad=True)
    loss = learning.factor_loss(estimate, factors, mask[labels])
    assert loss.item() == pytest.approx((0.25 + 0.01 + 0.09) / 3, rel=1e-6)
    loss.backward()
    assert estimate.grad[0, 1] == 0
    assert (estimate.grad[mask[labels] == 1] != 0).all()
    assert learning.factor_loss(estimate, factors, torch.zeros(2, 2)).item() == 0

    with rng.torch_seeded(0, "test_factors"):
        net = Classifier(2, SHAPE, num_factors=2).eval()
    img = torch.rand(2, *SHAPE)
    wanted = Examples(img, labels, factors, mask)
    seen = net.features(img)
    expected = torch.nn.functional.cross_entropy(net.logits(seen), labels)
    expected = expected + learning.factor_loss(net.predict_factors(seen), factors, mask[labels])
    assert learning.batch_loss(net, img, wanted, 0.0).item() == pytest.approx(expected.item(), rel=1e-6)


def job_with_factors(data, **changes):
    """The level of the stripes, said to apply to columns only; a second factor applies to nothing."""
    level = torch.cat([stripes(len(data.train), 1)[2], torch.zeros(len(data.train), 1)], dim=1)
    mask = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    return training.Job(
        name="own-striped", recipe=recipe(num_epochs=15), num_threads=1, factors=(level, mask), **changes
    )


def test_factors_are_learnt_where_they_apply(tmp_path):
    data = striped_data(num_train=240)
    job = job_with_factors(data)
    *_, done = training.train_network(data, job, tmp_path, say=lambda message: None, should_stop=lambda: False)
    assert done.card["num_factors"] == 2
    assert "factor_rmse" not in done.card["test"]
    done.write(tmp_path)
    network = features.read_network("own-striped", tmp_path)
    img, labels, level = stripes(200, 3)
    estimate = network.predict_factors(network.extract(img)[0])
    assert np.corrcoef(estimate[labels == 1, 0], level[labels == 1, 0])[0, 1] > 0.9
    held_out = slice(200, 240)
    estimate = network.predict_factors(network.extract(data.train.images[held_out])[0])
    error = (estimate - job.factors[0][held_out].numpy())[data.train.labels[held_out] == 1, 0]
    assert done.card["validation"]["factor_rmse"] == pytest.approx(np.sqrt(np.mean(error**2)), abs=1e-3)
    assert features.load_features("mnist-v1").predict_factors(np.zeros((1, 128), np.float32)) is None


def test_factors_of_another_shape_are_refused(tmp_path):
    data = striped_data()
    job = dataclasses.replace(job_with_factors(data), factors=(torch.zeros(3, 2), torch.zeros(2, 2)))
    with pytest.raises(DataError, match=r"factors are \[3, 2\] and their mask \[2, 2\]; needed: one row per training"):
        next(training.train_network(data, job, tmp_path, say=print, should_stop=lambda: False))


def contents(folder):
    """Everything in a folder but times."""
    found = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix == ".safetensors"}
    (card,) = folder.glob("own-*.json")
    return found, {key: value for key, value in files.read_json(card).items() if key != "seconds"}


def test_a_stopped_training_ends_with_the_same_bytes(tmp_path):
    data, undisturbed, stopped = striped_data(), tmp_path / "undisturbed", tmp_path / "stopped"
    train(data, folder=undisturbed)
    said = []
    for num_steps in (1, 7, 10, 3):  # of 6 in an epoch: in the 1st epoch, the 2nd, the 3rd, again the 3rd
        with pytest.raises(Interrupted, match=r"stopped in epoch \d of 4; the epochs before it are kept"):
            train(data, folder=stopped, say=said.append, should_stop=after(num_steps))
    train(data, folder=stopped, say=said.append)
    assert [line for line in said if "continuing" in line][:2] == [
        "continuing after epoch 1 of 4.",
        "continuing after epoch 2 of 4.",
    ]
    assert contents(stopped) == contents(undisturbed)


def test_a_state_read_back_is_the_state_that_was_written_and_goes_on_the_same_way(monkeypatch):
    data, shown = striped_data(), []
    examples, real = Examples(data.train.images, data.train.labels), learning.augment
    monkeypatch.setattr(learning, "augment", lambda img, *rest: shown.append(img) or real(img, *rest))

    def new():
        with rng.torch_seeded(0, "features_init"):
            return FeatureState(Classifier(2, SHAPE), recipe())

    def epoch(state, accuracy):
        shown.clear()
        steps = learning.train_epoch(state, examples, recipe(), 0)
        for _ in steps:
            pass
        state.finish_epoch(0.5, {"accuracy": accuracy})
        return torch.cat(shown)

    def values(state):
        return {name: value.tolist() for name, value in state.tensors().items()}

    first, second = new(), new()
    order = epoch(first, accuracy=0.9)
    second.load(first.tensors(), first.counters())
    assert values(second) == values(first)
    assert second.counters() == first.counters() == {"cur_nimg": 120, "epochs": first.epochs}
    assert {name.split(".")[0] for name in values(first)} == {"net", "best", "optimizer"}
    again = [epoch(state, accuracy=0.8) for state in (first, second)]
    assert values(second) == values(first)
    assert first.chosen_epoch == 1
    assert values(first)["best.logits.weight"] != values(first)["net.logits.weight"]
    # Every epoch shows every image once, in an order of its own.
    assert torch.equal(again[0], again[1])
    assert not torch.equal(again[0], order)
    for part in (order, again[0]):
        assert sorted(part.flatten(1).tolist()) == sorted(data.train.images.flatten(1).tolist())


def test_a_damaged_checkpoint_falls_back_and_all_damaged_say_what_to_do(tmp_path):
    data, said = striped_data(), []
    train(data, folder=tmp_path / "undisturbed")
    folder = tmp_path / "damaged"
    with pytest.raises(Interrupted):
        train(data, folder=folder, should_stop=after(20))
    paths = checkpoint.checkpoints(folder)
    assert [path.name for path in paths] == ["checkpoint-000000200", "checkpoint-000000300"]
    (paths[1] / "state.safetensors").write_bytes(b"")
    with pytest.raises(Interrupted):
        train(data, folder=folder, say=said.append, should_stop=after(3))
    assert any("is damaged" in line for line in said)
    assert "continuing after epoch 2 of 4." in said
    for path in paths:
        (path / "state.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"all 2 checkpoints .* remove .* and start again"):
        train(data, folder=folder)


def test_a_poisoned_loss_stops_before_the_step(tmp_path, monkeypatch):
    data, folder = striped_data(), tmp_path / "run"
    real, seen = learning.batch_loss, []

    def poisoned(net, *arguments):
        seen.append({key: value.clone() for key, value in net.named_parameters()})
        loss = real(net, *arguments)
        return loss * math.nan if len(seen) > 8 else loss

    monkeypatch.setattr(learning, "batch_loss", poisoned)
    with pytest.raises(DivergedError, match=r"diverged after 1\d\d images: its loss is nan.*step was not taken"):
        train(data, folder=folder)
    assert len(seen) == 9
    assert [path.name for path in checkpoint.checkpoints(folder)] == ["checkpoint-000000100"]


def test_an_own_network_is_found_for_its_data_and_only_for_them():
    data, other = striped_data(), striped_data(sha256="cd" * 32)
    assert features.features_for(data).name == "random-v1"
    assert "`ganatomy features train DATA` makes one" in features.features_reason(data)
    _, card = train(data)
    assert features.features_for(data).name == card["name"]
    assert features.features_reason(data) == f"{card['name']}: trained on these data by `ganatomy features train`."
    assert features.features_for(other).name == "random-v1"
    half_hash = dataclasses.replace(data, sha256="ab" * 31 + "cd")  # the same folder in the cache
    assert features.own_folder(half_hash) == features.own_folder(data)
    assert features.features_for(half_hash).name == "random-v1"


class Stripes(torch.nn.Module):
    """A generator of rows where the latent number is positive, else of columns."""

    def __init__(self):
        super().__init__()
        self.level = torch.nn.Parameter(torch.tensor(0.8))

    def forward(self, z):
        rows, columns = (torch.full((len(z), *SHAPE), -0.8) for _ in range(2))
        rows[:, :, ::2], columns[:, :, :, ::2] = self.level, self.level
        return torch.where((z[:, 0] > 0)[:, None, None, None], rows, columns)


def test_a_generator_is_measured_with_the_own_network():
    data = striped_data(sha256="98" * 32)
    _, card = train(data)
    *_, record = evaluate.measure(Stripes().eval(), 1, data, features.features_for(data), seed=0, num_gen=200)
    score = record["scores"][f"fd200_test[{card['name']}]"]
    assert score["value"] > score["floor"] > 0
    assert (score["num_real"], score["num_floor"]) == (60, 20)
    assert record["classes"]["names"] == ["rows", "columns"]
    z = rng.latents(0, "measure-0", 200, 1)
    assert record["classes"]["counts"][0] == (z > 0).sum()
    assert record["message"] is None


def test_a_finished_training_is_not_repeated_and_another_takes_its_place():
    data, said = striped_data(), []
    _, card = train(data)
    steps, again = train(data, say=said.append)
    assert steps == []
    assert again == card
    assert "nothing is left to do" in said[0]
    _, other = train(data, seed=1)
    assert other["name"] != card["name"]
    assert features.features_for(data).name == other["name"]
    assert {path.name.split(".")[0] for path in features.own_folder(data).glob("own-*")} == {other["name"]}


def test_an_unfinished_training_keeps_its_settings_and_its_folder(tmp_path):
    data = striped_data()
    with pytest.raises(Interrupted):
        train(data, folder=tmp_path, should_stop=after(2))
    with pytest.raises(RunError, match=r"other settings \(seed: 0 -> 3; num_epochs: 4 -> 9\)"):
        train(data, folder=tmp_path, seed=3, num_epochs=9)
    with pytest.raises(RunError, match=r"num_threads: 1 -> 2"):
        train(data, folder=tmp_path, num_threads=2)
    with files.one_writer(tmp_path), pytest.raises(RunError, match="being written by another process"):
        train(data, folder=tmp_path)
    assert train(data, folder=tmp_path, num_threads=None)[1]["num_threads"] == 1


def test_a_damaged_own_network_is_told_in_words():
    data = striped_data(sha256="ef" * 32)
    _, card = train(data)
    weights = features.own_folder(data) / f"{card['name']}.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    features._load_own.cache_clear()  # what a process has read it keeps
    with pytest.raises(DataError, match=r"own-.*is damaged: its SHA-256.*`ganatomy features train` makes it again"):
        features.features_for(data)


@pytest.mark.parametrize(
    ("num_images", "num_epochs", "batch_size"), [(60_000, 6, 125), (400_000, 3, 125), (30, 60, 16), (600, 60, 31)]
)
def test_epochs_are_chosen_by_the_number_of_images(num_images, num_epochs, batch_size):
    img = torch.zeros(1, dtype=torch.uint8).expand(num_images, 1, 8, 8)
    data = dataclasses.replace(striped_data(), train=ImageStore(img))
    found = training.own_recipe(data)
    assert (found.num_epochs, found.batch_size, found.flip) == (num_epochs, batch_size, False)
    assert training.own_recipe(data, 7, True).num_epochs == 7


def test_no_batch_holds_a_single_image():
    """Batch norm of a 1x1 map needs two values; 41 images in steps of 20 would leave one over."""
    data = striped_data(num_train=49)
    assert len(data.train) - data.num_held_out == 41
    job = training.Job(recipe=recipe(num_epochs=1), num_threads=1)
    *steps, done = training.train_network(
        data, job, features.own_folder(data), say=lambda message: None, should_stop=lambda: False
    )
    assert [step.done for step in steps] == [21, 41]
    assert done.card["epochs"][0]["loss"] > 0


def bad_data(what):
    data = striped_data(num_train=36)
    img, labels = data.train.images, data.train.labels
    return {
        "no classes": dataclasses.replace(data, class_names=(), train=ImageStore(img)),
        "one class": dataclasses.replace(data, class_names=("all",), train=ImageStore(img, labels * 0)),
        "few": dataclasses.replace(data, train=ImageStore(img[:19], labels[:19])),
        "sorted": dataclasses.replace(data, train=ImageStore(img, (torch.arange(36) >= 30).long())),
        "labels": dataclasses.replace(data, train=ImageStore(img, labels + 1)),
        "test": dataclasses.replace(data, test=ImageStore(img[:1], labels[:1])),
        "small": dataclasses.replace(
            data, train=ImageStore(img[:, :, :7], labels), test=ImageStore(img[:, :, :7], labels)
        ),
    }[what]


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("no classes", "striped has no classes; put its images into one folder per class"),
        ("one class", "only the class all; at least 2"),
        ("few", "19 training images; at least 20"),
        ("sorted", r"the first 30 training images.*all of one class. Shuffle"),
        ("labels", "training labels outside its 2 classes"),
        ("test", "1 test images; at least 2"),
        ("small", "sides of 8 to 1024"),
    ],
)
def test_data_that_teach_nothing_are_refused_before_any_work(what, words, tmp_path):
    with pytest.raises(DataError, match=words):
        train(bad_data(what), folder=tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(("options", "words"), [({"seed": -1}, "seed is -1"), ({"num_epochs": 0}, "num_epochs is 0")])
def test_impossible_settings_are_refused(options, words, tmp_path):
    with pytest.raises(ConfigError, match=words):
        train(striped_data(), folder=tmp_path / "new", **options)


def test_test_images_without_labels_are_measured_against_all_the_same():
    data = striped_data(sha256="12" * 32)
    data = dataclasses.replace(data, test=ImageStore(data.test.images))
    _, card = train(data, num_epochs=1)
    assert card["test"] is None
    assert features.features_for(data).test_accuracy is None


def test_multiply_adds_of_a_known_network():
    """3x3 convolution 1 -> 2 on 4x4 positions and a 32 -> 5 layer: 16*9*2 + 32*5."""
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3, padding=1), torch.nn.Flatten(), torch.nn.Linear(32, 5))
    assert training.multiply_adds(net, (1, 4, 4)) == 16 * 9 * 2 + 32 * 5


def test_half_precision_rounds_the_network_that_is_scored():
    with rng.torch_seeded(0, "test_half"):
        net = Classifier(3)
    before = net.logits.weight.clone()
    kept = training.to_half(net)
    assert not any(key.endswith("num_batches_tracked") for key in kept)
    assert torch.equal(net.logits.weight, before.half().float())
    assert torch.equal(kept["logits.weight"].float(), net.logits.weight)
