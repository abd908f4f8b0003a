"""Evidence of a made-up training, for the tests of the claims."""

import numpy as np

from ganatomy.laboratory.claims import decide_claims
from ganatomy.laboratory.evidence import Evidence
from ganatomy.latent.priors import PRIORS

D, N, K = 20, 64, 4
VALUES = (0.1, 5.0, 20.0)
NAMES = ["T-shirt/top", "Trouser", "Pullover", "Dress"]


def priors_record(differences=0.5, se=0.01):
    rows = [{"prior": "normal", "value": 2.0, "se": se, "difference": 0.0, "difference_se": 0.0}]
    for i, name in enumerate(name for name in PRIORS if name != "normal"):
        difference = differences[i] if isinstance(differences, list) else differences
        rows.append({"prior": name, "value": 2 + difference, "se": se, "difference": difference, "difference_se": se})
    return {"num_img": 10_000, "frechet": rows}


def training(name="gan-s0", seed=0, priors=None, scores=None, stats=(), **changed):
    """Evidence in which every claim about numbers is clearly true for its edits, and false for the controls."""
    draw = np.random.default_rng(seed)
    noise = 0.01 * draw.standard_normal((3, D, N))
    factors = {"sharpness": (1.2, 0.5, 0.5), "noise_share": (1.0, 2.0, 2.0)}
    arrays = {"all/z": draw.standard_normal((N, D)), "all/dims": np.arange(D)}
    arrays["all/edit/visible_share"] = np.full((3, D, N), 0.01) + np.abs(noise)
    arrays["all/control/visible_share"] = np.full((D, N), 0.2)
    for measure, factor in factors.items():
        base = 1 + 0.1 * draw.standard_normal(N)
        arrays[f"all/base/{measure}"] = base
        arrays[f"all/edit/{measure}"] = base * np.array(factor)[:, None, None] + noise
        arrays[f"all/control/{measure}"] = np.broadcast_to(base, (D, N)).copy()
    arrays["all/base/confidence"] = np.full(N, 0.9)
    arrays["all/edit/confidence"] = 0.5 + noise
    arrays["all/control/confidence"] = np.full((D, N), 0.9)
    arrays["all/base/class"] = np.arange(N) % K
    arrays["all/edit/class"] = np.ones((3, D, N), int)
    arrays["all/control/class"] = np.broadcast_to(np.arange(N) % K, (D, N)).copy()
    arrays["priors/pair_distance/normal"] = 1 + 0.3 * draw.random(1000)
    arrays["priors/pair_distance/small"] = 0.1 + 0.03 * draw.random(1000)
    for key, value in changed.items():
        arrays["all/" + key.replace("__", "/")] = value
    arrays = {key: array.astype(np.float32) if array.dtype == float else array for key, array in arrays.items()}
    record = {"values": list(VALUES), "class_names": NAMES, "priors": priors or priors_record()}
    return Evidence(name, record, arrays, list(stats), scores or {})


def rows_of(recipes, **keys):
    return {row["id"]: row for row in decide_claims(recipes, **keys)}


def one(claim, evidence, recipe="gan"):
    return rows_of({recipe: [evidence]})[claim]
