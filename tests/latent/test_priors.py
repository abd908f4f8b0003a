import numpy as np
import pytest
import scipy.stats
import torch
from planted import Z_DIM, Brightness, Planted

from ganatomy import rng
from ganatomy.latent import priors
from ganatomy.latent.atlas import Lens
from ganatomy.metrics.frechet import frechet
from ganatomy.metrics.moments import moments_of


@pytest.mark.parametrize(
    ("mapped", "wanted"),
    [
        (priors.to_uniform, scipy.stats.uniform(-(3**0.5), 2 * 3**0.5)),
        (priors.to_laplace, scipy.stats.laplace(scale=0.5**0.5)),
    ],
)
def test_mapped_distributions_are_right_and_keep_the_order(mapped, wanted):
    z = rng.latents(0, "t", 4000, 5)
    x = mapped(z)
    assert x.dtype == torch.float32
    assert abs(float(x.var()) - 1) < 0.05
    assert scipy.stats.kstest(x.flatten().numpy(), wanted.cdf).pvalue > 0.001
    points = torch.tensor([-8.0, -3, -1, 0, 0.5, 2])
    exact = wanted.ppf(scipy.stats.norm.cdf(points.double().numpy()))
    np.testing.assert_allclose(mapped(points), exact, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(mapped(-points), -mapped(points))


def test_jackknife_error_of_a_mean_is_the_standard_error_of_group_means():
    groups = np.random.default_rng(0).standard_normal(10)
    leave_outs = (groups.sum() - groups) / 9
    assert priors.jackknife_se(leave_outs) == pytest.approx(groups.std(ddof=1) / 10**0.5)


def test_jackknife_error_of_the_frechet_distance_matches_independent_sets():
    draw = np.random.default_rng(0)
    real = moments_of(draw.standard_normal((5000, 3)))
    values, errors = [], []
    for _ in range(60):
        value, leave_outs = priors.leave_out_scores(draw.standard_normal((1000, 3)) + 0.5, real)
        values.append(value)
        errors.append(priors.jackknife_se(leave_outs))
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.3)


def measured(num_img=200, real=True, features=None):
    features = features or Brightness()
    G = Planted()
    moments = None
    if real:
        lens = Lens(G, features)
        moments = moments_of(lens.see(rng.latents(9, "real", 3000, Z_DIM)).known_features)
    *steps, result = priors.measure_priors(Lens(G, features), moments, Z_DIM, 0, num_img)
    assert sum(steps) == priors.num_images(num_img, features, moments)
    return result


def test_the_training_noise_scores_best_on_its_own_images_and_small_noise_is_less_diverse():
    record, arrays = measured(num_img=1500)
    values = {row["prior"]: row["value"] for row in record["frechet"]}
    assert list(values) == list(priors.PRIORS)
    assert min(values, key=values.get) == "normal"
    differences = {row["prior"]: row for row in record["frechet"]}
    assert differences["normal"]["difference"] == differences["normal"]["difference_se"] == 0
    assert differences["normal x 2"]["difference"] > 5 * differences["normal x 2"]["difference_se"] > 0
    # tanh is nearly linear for small arguments: a tenth of the noise gives about a tenth of the distances.
    assert 0.08 < record["diversity"]["ratio"] < 0.16
    assert record["num_img"] == 1500
    assert {name: array.shape for name, array in arrays.items()} == {
        "priors/pair_distance/small": (1000,),
        "priors/pair_distance/normal": (1000,),
    }


def test_the_score_is_the_plain_frechet_distance():
    features = np.random.default_rng(0).standard_normal((60, 3))
    real = moments_of(np.random.default_rng(1).standard_normal((80, 3)))
    value, leave_outs = priors.leave_out_scores(features, real)
    assert value == frechet(moments_of(features), real)
    kept = [row for i, row in enumerate(features) if i % 10 != 4]
    assert leave_outs[4] == pytest.approx(frechet(moments_of(np.array(kept)), real), rel=1e-12)


def test_without_network_or_real_images_the_record_says_so():
    *_, (record, arrays) = priors.measure_priors(Lens(Planted(), None), None, Z_DIM, 0, 100)
    assert "no feature network" in record["message"]
    assert not arrays
    record, arrays = measured(real=False)
    assert "no real images" in record["message"]
    assert "frechet" not in record
    assert len(arrays) == 2
