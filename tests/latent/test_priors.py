import numpy as np
import pytest
import scipy.stats
import torch
from planted import Z_DIM, Brightness, Planted, real_images

from ganatomy import rng
from ganatomy.latent import priors
from ganatomy.latent.lens import Lens
from ganatomy.metrics.frechet import frechet
from ganatomy.metrics.moments import moments_of
from ganatomy.metrics.prdc import prdc


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
    lens = Lens(G, features)
    if real:
        lens = Lens(G, features, real_images(lens.see(rng.latents(9, "real", 3000, Z_DIM)).known_features))
    *steps, result = priors.measure_priors(lens, Z_DIM, 0, num_img)
    assert sum(steps) == priors.num_images(num_img, True, lens.real is not None)
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
    # The kernel distance agrees: no other noise is better beyond its error, and the doubled is far worse.
    kernel = {row["prior"]: row["kernel"] for row in record["frechet"]}
    assert all(row["kernel_difference"] >= -4 * row["kernel_difference_se"] for row in record["frechet"])
    assert differences["normal"]["kernel_difference"] == differences["normal"]["kernel_difference_se"] == 0
    double = differences["normal x 2"]
    assert double["kernel_difference"] == pytest.approx(kernel["normal x 2"] - kernel["normal"])
    assert double["kernel_difference"] > 5 * double["kernel_difference_se"] > 0
    assert {name: array.shape for name, array in arrays.items()} == {
        "priors/pair_distance/small": (1000,),
        "priors/pair_distance/normal": (1000,),
    }


def test_small_noise_is_worth_less_in_distance_and_recall_but_not_in_precision():
    record, _ = measured()
    worth = record["small_noise"]
    assert (worth["scale"], worth["num_img"], worth["num_real_near"], worth["k"]) == (0.1, 2000, 3000, 5)
    small, normal = worth["rows"]
    assert (small["prior"], normal["prior"]) == ("normal x 0.1", "normal")
    assert small["value"] > 10 * normal["value"]
    assert small["difference"] > 5 * small["difference_se"]
    assert small["kernel"] > 10 * abs(normal["kernel"])
    assert small["recall"] < 0.1 < 0.5 < normal["recall"]
    assert small["precision"] > 0.95
    z = rng.latents(0, "priors", 2000, Z_DIM)
    lens = Lens(Planted(), Brightness())
    test = lens.see(rng.latents(9, "real", 3000, Z_DIM)).known_features
    wanted = prdc(lens.see(0.1 * z).known_features, test)
    assert (small["precision"], small["recall"]) == (wanted.precision, wanted.recall)


def test_few_real_images_have_no_kernel_distance():
    lens = Lens(Planted(), Brightness())
    few = real_images(lens.see(rng.latents(9, "real", 19, Z_DIM)).known_features)
    *_, (record, _) = priors.measure_priors(Lens(Planted(), Brightness(), few), Z_DIM, 0, 20)
    assert "kernel" not in record["frechet"][0]
    assert record["frechet"][0]["value"] > 0


def test_the_score_is_the_plain_frechet_distance():
    features = np.random.default_rng(0).standard_normal((60, 3))
    real = moments_of(np.random.default_rng(1).standard_normal((80, 3)))
    value, leave_outs = priors.leave_out_scores(features, real)
    assert value == frechet(moments_of(features), real)
    kept = [row for i, row in enumerate(features) if i % 10 != 4]
    assert leave_outs[4] == pytest.approx(frechet(moments_of(np.array(kept)), real), rel=1e-12)


def test_without_network_or_real_images_the_record_says_so():
    *_, (record, arrays) = priors.measure_priors(Lens(Planted(), None), Z_DIM, 0, 100)
    assert "no feature network" in record["message"]
    assert not arrays
    record, arrays = measured(real=False)
    assert "no real images" in record["message"]
    assert "frechet" not in record
    assert len(arrays) == 2
