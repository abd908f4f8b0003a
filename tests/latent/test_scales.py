import numpy as np
import pytest
import torch
from planted import Z_DIM, Brightness, Planted, real_images

from ganatomy import rng
from ganatomy.latent import measures, priors, scales
from ganatomy.latent.lens import Lens
from ganatomy.metrics.frechet import frechet
from ganatomy.metrics.moments import moments_of
from ganatomy.metrics.prdc import prdc

PLAIN = Lens(Planted(), Brightness())
TEST = PLAIN.see(rng.latents(9, "real", 800, Z_DIM)).known_features
LENS = Lens(Planted(), Brightness(), real_images(TEST))


@pytest.fixture(scope="module")
def record():
    *steps, found = scales.measure_scales(LENS, Z_DIM, 1, 200)
    assert sum(steps) == scales.num_images(200)
    return found


def test_every_row_equals_the_metrics_of_its_scaled_latents(record):
    assert [row["scale"] for row in record["rows"]] == list(scales.SCALES)
    z = rng.latents(1, "scales", 200, Z_DIM)
    for row in record["rows"][1::3]:
        seen = PLAIN.see(row["scale"] * z)
        near = prdc(seen.known_features, TEST)
        assert (row["precision"], row["recall"]) == pytest.approx((near.precision, near.recall), rel=1e-5)
        wanted = frechet(moments_of(seen.known_features), moments_of(TEST))
        assert row["frechet"] == pytest.approx(wanted, rel=1e-5)
        pairs = np.linalg.norm(seen.known_features[::2] - seen.known_features[1::2], axis=1)
        assert row["diversity"]["mean"] == pytest.approx(pairs.mean(), rel=1e-5)
        assert row["confidence"]["mean"] == pytest.approx(measures.confidence(seen).mean(), rel=1e-5)
        assert row["sharpness"]["lo"] < row["sharpness"]["mean"] < row["sharpness"]["hi"]


def test_the_training_scale_is_nearest_and_variety_grows_with_the_scale(record):
    rows = {row["scale"]: row for row in record["rows"]}
    assert min(rows, key=lambda scale: rows[scale]["frechet"]) == 1.0
    diversity = [row["diversity"]["mean"] for row in record["rows"]]
    assert diversity[0] == 0
    assert diversity == sorted(diversity)
    assert rows[0.0]["class_entropy"] == 0
    assert rows[0.0]["norm_sigmas"] == pytest.approx(-(6**0.5) / 0.697, rel=0.05)
    assert rows[0.25]["recall"] < rows[1.0]["recall"]


def test_without_a_network_there_are_the_pixels():
    *_, record = scales.measure_scales(Lens(Planted(), None), Z_DIM, 1, 20)
    assert set(record["rows"][3]) == {"scale", "norm_sigmas", "sharpness", "bright_share"}


def test_noises_of_the_same_norm_have_it():
    z = rng.latents(0, "t", 50, 16)
    for noise in (priors.to_fixed_norm, priors.to_one_hot):
        torch.testing.assert_close(noise(z).norm(dim=1), torch.full((50,), 4.0))
    torch.testing.assert_close(torch.nn.functional.cosine_similarity(priors.to_fixed_norm(z), z), torch.ones(50))
    hot = priors.to_one_hot(z)
    assert ((hot != 0).sum(dim=1) == 1).all()
    at = z.abs().argmax(dim=1)
    assert torch.equal(hot[torch.arange(50), at].sign(), z[torch.arange(50), at].sign())


def test_other_noises_stand_beside_those_of_the_claim():
    *_, (record, _) = priors.measure_priors(LENS, Z_DIM, 0, 60)
    assert [row["prior"] for row in record["other"]] == list(priors.OTHER_NOISES)
    assert not set(priors.OTHER_NOISES) & set(priors.PRIORS)
    z = rng.latents(0, "priors", 60, Z_DIM)
    for name in ("uniform x 0.5", "one-hot x 2"):
        row = next(row for row in record["other"] if row["prior"] == name)
        mapped = 0.5 * priors.to_uniform(z) if name.startswith("uni") else 2 * priors.to_one_hot(z)
        wanted = frechet(moments_of(PLAIN.see(mapped).known_features), moments_of(TEST))
        assert row["value"] == pytest.approx(wanted, rel=1e-6)
