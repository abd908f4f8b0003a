"""The shapes of what is measured of a run (see `checked`): health, panel, scores; and of the cards of networks."""

from __future__ import annotations

from ..checked import (
    ANY,
    BOOL,
    COUNT,
    NUM,
    POSITIVE,
    SHARE,
    SIZE,
    TEXT,
    Kind,
    Shape,
    each,
    keyed,
    local,
    maybe,
    needing,
    not_all_zero,
    one_of,
    record,
)  # fmt: skip
from .health import VERDICTS

_READING = record(
    {
        "signal?": TEXT, "says": TEXT, "side?": TEXT, "threshold": NUM, "nimg": maybe(COUNT), "value": maybe(NUM),
        "fired_nimg?": maybe(COUNT), "fired_value": maybe(NUM), "is_active?": BOOL,
    }
)  # fmt: skip
_VERDICT = record(
    {
        "id": one_of(*VERDICTS), "state": one_of("fired", "passed", "clear", "unknown"), "nimg": maybe(COUNT),
        "readings": each(_READING, least=1),
    }
)  # fmt: skip
HEALTH_SHAPE = record({"overall?": one_of("unhealthy", "passed", "healthy", "unknown"), "verdicts": each(_VERDICT)})
HEALTH = Kind(HEALTH_SHAPE, "doctor")

PANEL = Kind(
    needing(
        record({"cur_nimg": COUNT, "class_counts?": maybe(not_all_zero(each(COUNT, "classes")))}, others=maybe(NUM)),
        "overfit", "d_train", "d_test",
    ),
    "delete it: then only the losses are judged",
)  # fmt: skip
"""One line; every value but these is a number."""

SCORE = record(
    {
        "value?": maybe(NUM), "floor?": maybe(NUM), "num_gen?": COUNT, "num_real?": COUNT, "num_floor?": COUNT,
        "split?": TEXT, "num_sets?": POSITIVE, "values?": each(NUM), "spread?": maybe(SIZE),
        "spread_by?": maybe(one_of("sample sets", "jackknife")), "k?": POSITIVE,
    }
)  # fmt: skip
_CLASSES = record(
    {
        "names": each(TEXT, "classes"), "counts": not_all_zero(each(COUNT, "classes")), "missing?": each(TEXT),
        "share_min?": SHARE, "entropy?": NUM, "kl?": maybe(NUM), "clarity?": maybe(NUM),
    }
)  # fmt: skip
_CONFIDENCE = record({"median": SHARE, "mean?": SHARE, "lo10?": SHARE})
_PAIR = record({"gen": COUNT, "train": COUNT, "distance": SIZE})
_NEAREST = record(
    {
        "num_gen": COUNT, "num_test": COUNT, "num_train": COUNT, "capped?": BOOL, "median_gen": SIZE,
        "median_test": SIZE, "closer?": NUM, "too_close": SHARE, "expected": SHARE, "limit": maybe(NUM),
        "reach?": maybe(NUM), "untold?": maybe(TEXT), "pairs": each(_PAIR, least=1),
    }
)  # fmt: skip
MEASURED: dict[str, Shape] = {
    "scores?": maybe(keyed(SCORE)),
    "classes?": maybe(local(_CLASSES)),
    "confidence?": maybe(_CONFIDENCE),
    "memorisation?": maybe(record({"pixels?": maybe(_NEAREST), "features?": maybe(_NEAREST)})),
}
"""What measure.json and a run's entry in lab.json share."""
MEASURE = Kind(
    record(
        {
            "run?": TEXT, "nimg?": maybe(COUNT), "seed?": COUNT,
            "features?": maybe(record({"name": TEXT, "sha256?": TEXT, "test_accuracy?": maybe(SHARE)})),
            "bias?": maybe(
                record({"num": each(COUNT, "sizes"), "values": each(NUM, "sizes"), "slope?": NUM, "extrapolated?": NUM})
            ),
            "message?": maybe(TEXT), **MEASURED,
        }
    ),
    "measure",
)  # fmt: skip

CARD = Kind(
    record(
        {
            "name": TEXT, "network?": TEXT, "num_features": POSITIVE, "sha256": TEXT, "moments_sha256": TEXT,
            "class_names": each(TEXT), "img_shape": each(POSITIVE, 3), "num_factors?": COUNT,
            "test": maybe(record({"accuracy": SHARE})), "data": record({"sha256": TEXT}),
            "seed?": COUNT, "num_threads?": POSITIVE, "recipe?": keyed(ANY),
            "validation?": record({"accuracy": SHARE}), "chosen_epoch?": COUNT, "factors?": each(TEXT),
        }
    ),
    "features train DATA",
)  # fmt: skip
