"""The shapes of the records that speak of several runs or of a whole lab (see `checked`)."""

from __future__ import annotations

from ..checked import (
    ANY,
    COUNT,
    FILE,
    NUM,
    POSITIVE,
    REAL,
    SHARE,
    SIZE,
    TEXT,
    Kind,
    Shape,
    each,
    keyed,
    maybe,
    one_of,
    record,
)  # fmt: skip
from ..latent.shapes import EDIT_ROW
from ..metrics.shapes import HEALTH_SHAPE, MEASURED
from ..training.shapes import ENVIRONMENT_SHAPE

TIMING = Kind(record({"measure?": SIZE, "dissect?": SIZE}), "delete it: then these times are not known")
PLAN = Kind(
    record({"budget": TEXT, "seed": COUNT, "data": TEXT}),
    "start the lab again with another --out",
)

_FOUND: dict[str, Shape] = {
    "statistic?": TEXT, "value?": maybe(NUM), "lo?": maybe(NUM), "hi?": maybe(NUM), "threshold?": maybe(NUM),
    "side?": TEXT, "verdict?": TEXT, "reason?": maybe(TEXT),
}  # fmt: skip
_WORTH = record({"frechet?": maybe(NUM), "kernel?": maybe(NUM), "precision?": maybe(NUM), "recall?": maybe(NUM)})
CLAIM = record(
    {
        "id": TEXT, "run?": maybe(TEXT), "scope?": TEXT, "trainings?": each(TEXT), "num_trainings?": COUNT,
        "note?": maybe(TEXT), **_FOUND,
        "control?": maybe(record({"value?": maybe(NUM), "lo?": maybe(NUM), "hi?": maybe(NUM), "median?": maybe(NUM)})),
        "parts?": each(record(_FOUND)), "worth?": maybe(record({"small": _WORTH, "normal": _WORTH})),
        "kernel?": maybe(record({**_FOUND, "num_same_order?": COUNT, "num_pairs?": COUNT})),
    }
)  # fmt: skip
LAB_RUN = record(
    {
        "preset?": TEXT, "seed?": COUNT, "total_nimg?": maybe(COUNT), "seconds?": maybe(SIZE),
        "seconds_all?": maybe(SIZE), "img_per_sec?": maybe(SIZE), "loss?": each(keyed(maybe(NUM))),
        "health?": maybe(HEALTH_SHAPE), **MEASURED,
    }
)  # fmt: skip
LAB = Kind(
    record(
        {
            "budget?": TEXT, "seed?": COUNT, "version?": TEXT, "command?": TEXT, "lang?": TEXT,
            "data?": maybe(
                record(
                    {
                        "name?": TEXT, "sha256?": TEXT, "num_train?": COUNT, "num_test?": COUNT, "kind?": TEXT,
                        "fallback?": maybe(TEXT),
                    }
                )
            ),
            "environment?": maybe(ENVIRONMENT_SHAPE), "networks?": keyed(keyed(COUNT)),
            "runs?": maybe(keyed(LAB_RUN, FILE)), "edits?": maybe(each(EDIT_ROW)), "claims?": maybe(each(CLAIM)),
            "seconds?": maybe(SIZE),
            "figures?": each(record({"id": TEXT, "file?": maybe(TEXT), "caption?": maybe(TEXT)})),
        }
    ),
    "start the lab again with the same options: it writes it anew",
)  # fmt: skip

_VALUE = record({"value": REAL, "lo": maybe(REAL), "hi": maybe(REAL)})
_TEST = record({"p": SHARE, "t?": REAL, "df?": REAL, "num_splits?": COUNT, "smallest?": SHARE})
_WORDS = record({"id": TEXT, "text": TEXT})
_PAIR_SCORE = record(
    {
        "scale": one_of("log", "plain"), "better?": one_of("lower", "higher"), "num_a": POSITIVE, "num_b": POSITIVE,
        "mean_a": REAL, "mean_b": REAL, "difference": _VALUE, "ratio": maybe(_VALUE), "welch": maybe(_TEST),
        "permutation": maybe(_TEST), "hedges_g": maybe(REAL), "verdict": one_of("A better", "B better", "not decided"),
        "reason": maybe(_WORDS), "notes": each(_WORDS),
    }
)  # fmt: skip
_RUN_SCORE = record({"value": REAL, "spread?": maybe(SIZE), "spread_by?": maybe(TEXT), "num_sets?": maybe(POSITIVE)})
_TOTAL = record({"mean": REAL, "sd": maybe(REAL), "lo": REAL, "hi": REAL})
_RUN = record(
    {
        "name": TEXT, "folder": TEXT, "seed": COUNT, "nimg?": maybe(COUNT),
        "scores": keyed(_RUN_SCORE),
    }
)  # fmt: skip
COMPARE = Kind(
    record(
        {
            "version?": TEXT, "command?": TEXT,
            "data?": record({"name?": TEXT, "sha256?": TEXT, "img_shape?": each(POSITIVE, 3)}),
            "main": TEXT,
            "scores": keyed(record({"kind": TEXT, "better": TEXT, "floor?": maybe(REAL)})),
            "groups": each(
                record({"name": TEXT, "num": POSITIVE, "runs": each(_RUN, least=1), "scores": keyed(_TOTAL),
                        "config": keyed(ANY)}),
                least=1,
            ),
            "pairs": each(
                record({"a": TEXT, "b": TEXT, "verdict": TEXT, "winner": maybe(TEXT), "reason": maybe(_WORDS),
                        "scores": keyed(_PAIR_SCORE)}),
                least=1,
            ),
            "differences": each(record({"field": TEXT, "values": keyed(ANY)})),
            "left_out?": each(record({"run": TEXT, "state": TEXT})),
        }
    ),
    "compare",
)  # fmt: skip
