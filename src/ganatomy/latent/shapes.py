"""The shapes of the latent experiment's records and arrays (see `checked` and `arrays`)."""

from __future__ import annotations

from ..arrays import Shapes
from ..checked import (
    ANY,
    BOOL,
    COUNT,
    FILE,
    NUM,
    POSITIVE,
    SHARE,
    TEXT,
    Kind,
    Shape,
    each,
    either,
    index,
    keyed,
    length,
    maybe,
    one_of,
    record,
)  # fmt: skip

_SPREAD = {"mean?": maybe(NUM), "lo?": maybe(NUM), "hi?": maybe(NUM)}
SPREAD = record({**_SPREAD, "num_latents?": COUNT, "num?": COUNT})
"""Mean and interval, each null where it is not defined."""
_KNOWN = record({"mean": NUM, "lo": NUM, "hi": NUM})
_HEAD: dict[str, Shape] = {
    "z_dim?": length("z_dim"), "run?": TEXT, "nimg?": COUNT, "features?": maybe(TEXT), "seed?": COUNT,
    "message?": maybe(TEXT), "interval?": TEXT,
}  # fmt: skip
_ROW: dict[str, Shape] = {
    "measure": TEXT, "num_latents?": COUNT, "control?": maybe(SPREAD), "top_class?": maybe(COUNT), **_SPREAD
}  # fmt: skip
EDIT_ROW = record({"dim": index("z_dim"), "value": NUM, **_ROW})
_GROUP_ROW = record({"edit": TEXT, "dims?": each(COUNT), **_ROW})
_BASE = keyed(record({**_SPREAD, "num_latents?": COUNT, "top_class?": maybe(COUNT)}))
_RANKED = record(
    {
        "dim": index("z_dim"), "effect": maybe(NUM), "lo": maybe(NUM), "hi": maybe(NUM), "rank?": POSITIVE,
        "rank_lo?": POSITIVE, "rank_hi?": POSITIVE, "control?": maybe(NUM), "is_idle?": BOOL,
    }
)  # fmt: skip
_CURVE = record(
    {
        "base?": maybe(NUM), "control?": maybe(either(NUM, SPREAD)),
        "values": each(record({"value": NUM, **_SPREAD})),
    }
)  # fmt: skip
_TABLE = each(each(maybe(NUM), "z_dim"), "attributes")
_ATTRIBUTES = record(
    {
        "names?": each(TEXT, "attributes"), "change?": _TABLE, "lo?": _TABLE, "hi?": _TABLE,
        "moves?": each(maybe(TEXT), "z_dim"), "unit?": TEXT, "threshold?": NUM, "message?": TEXT,
    }
)  # fmt: skip
_SHARES = each(SHARE, "classes")
_MOVED = record(
    {
        "dim": index("z_dim"), "value": NUM, "flipped?": maybe(SHARE), "becomes": maybe(index("classes")),
        "share?": maybe(SHARE), "leaves?": maybe(index("classes")), "source_share?": maybe(SHARE),
    }
)  # fmt: skip
_MOVES = record(
    {
        "base": _SHARES, "shares": keyed(_SHARES), "matrices": keyed(each(each(maybe(NUM), "classes"), "classes")),
        "numbers?": each(_MOVED),
    }
)  # fmt: skip
_OUTSIDE = record({"value": maybe(NUM), "sigmas?": maybe(NUM), "beyond?": maybe(NUM), "norm_sigmas": maybe(NUM)})
_PRIOR = record(
    {
        "prior": TEXT, "value?": maybe(NUM), "se?": maybe(NUM), "difference?": maybe(NUM), "difference_se?": maybe(NUM),
        "kernel?": maybe(NUM), "kernel_se?": maybe(NUM), "kernel_difference?": maybe(NUM),
        "kernel_difference_se?": maybe(NUM), "precision?": maybe(NUM), "recall?": maybe(NUM),
    }
)  # fmt: skip
_PRIORS = record(
    {
        "seed?": COUNT, "num_img?": COUNT, "num_real?": COUNT, "message?": TEXT,
        "diversity?": maybe(
            record({"ratio?": maybe(NUM), "small?": NUM, "normal?": NUM, "num_pairs?": COUNT, "scale?": NUM})
        ),
        "frechet?": maybe(each(_PRIOR)), "other?": maybe(each(_PRIOR)),
        "small_noise?": maybe(record({"num_img?": COUNT, "rows?": each(_PRIOR), "scale?": NUM, "k?": POSITIVE})),
    }
)  # fmt: skip
_SCALE = record(
    {
        "scale": NUM, "norm_sigmas?": maybe(NUM), "sharpness?": maybe(SPREAD), "bright_share?": maybe(SPREAD),
        "diversity?": maybe(SPREAD), "confidence?": maybe(SPREAD), "class_entropy?": maybe(NUM),
        "class_shares?": maybe(_SHARES), "frechet?": maybe(NUM), "frechet_se?": maybe(NUM), "precision?": maybe(NUM),
        "recall?": maybe(NUM),
    }
)  # fmt: skip
_FILES = keyed(FILE)

DISSECT = Kind(
    record(
        {
            **_HEAD, "class_names?": maybe(each(TEXT, "classes")), "dims": each(index("z_dim"), least=1),
            "num_dims?": POSITIVE, "pick?": TEXT, "values": each(NUM, least=1), "atlas_values?": each(NUM),
            "num_codes?": POSITIVE, "num_latents?": COUNT, "num_latents_all?": COUNT, "edit_words?": each(TEXT),
            "unavailable?": each(TEXT), "measures?": keyed(ANY),
            "figures?": maybe(
                record(
                    {
                        "base?": FILE, "combined?": FILE, "values?": _FILES, "differences?": _FILES, "groups?": _FILES,
                        "edits?": _FILES,
                    },
                )
            ),
            "base?": maybe(_BASE), "base_all?": maybe(_BASE), "edits?": maybe(each(EDIT_ROW)),
            "atlas?": maybe(each(EDIT_ROW)), "further?": maybe(each(_GROUP_ROW)), "groups?": maybe(each(_GROUP_ROW)),
            "ranking?": maybe(record({"measure?": TEXT, "interval?": TEXT, "numbers?": maybe(each(_RANKED))})),
            "curves?": maybe(keyed(_CURVE)), "attributes?": maybe(_ATTRIBUTES), "moves?": maybe(_MOVES),
            "outside?": maybe(each(_OUTSIDE)), "priors?": maybe(_PRIORS),
            "scales?": maybe(record({"rows?": maybe(each(_SCALE)), "num_img?": COUNT, "num_pairs?": COUNT})),
            "has_given_latents?": BOOL,
        }
    ),
    "dissect",
)  # fmt: skip
JACOBIAN = Kind(
    record(
        {
            **_HEAD, "num_latents?": COUNT, "unit?": TEXT,
            "strength?": each(record({"dim": index("z_dim"), "mean": NUM, "lo": NUM, "hi": NUM})),
            "spectrum?": record(
                {"mean": each(NUM, "spectrum"), "lo": each(NUM, "spectrum"), "hi": each(NUM, "spectrum")}
            ),
            "effective_dimension?": _KNOWN, "num_90?": _KNOWN,
        }
    ),
    "dissect",
)  # fmt: skip

_DIRECTION = record(
    {
        "name": TEXT, "kind?": TEXT, "index?": maybe(COUNT), "label?": TEXT, "names?": maybe(TEXT),
        "vector?": ANY, "share?": maybe(NUM), "r2?": maybe(NUM), "reliability?": maybe(NUM),
        "error_deg?": maybe(NUM),
    }
)  # fmt: skip
_EFFECTS = each(each(maybe(NUM), "moved by"), "traits")
DIRECTIONS = Kind(
    record(
        {
            **_HEAD, "num_svd?": COUNT, "num_pca?": COUNT, "num_latents?": COUNT, "num_test?": COUNT,
            "steps?": each(NUM), "num_codes?": POSITIVE, "threshold?": maybe(NUM),
            "attributes?": each(
                record({"name": TEXT, "kind?": TEXT, "mean?": maybe(NUM), "sd?": maybe(NUM), "num?": COUNT})
            ),
            "directions?": each(_DIRECTION),
            "entanglement?": maybe(
                record(
                    {
                        "attributes": each(TEXT, "traits"), "directions": each(TEXT, "moved by"),
                        "change": _EFFECTS, "lo": _EFFECTS, "hi": _EFFECTS, "defined?": _EFFECTS,
                        "normalised?": _EFFECTS,
                        "offdiagonal?": maybe(keyed(record({"mean?": maybe(NUM), "max?": maybe(NUM)}))),
                    }
                )
            ),
            "cosines?": maybe(
                record(
                    {
                        "directions": each(TEXT, "directions"),
                        "matrix": each(each(maybe(NUM), "directions"), "directions"), "chance?": maybe(NUM),
                    }
                )
            ),
            "readers?": ANY, "figures?": maybe(_FILES), "left_out?": maybe(keyed(TEXT)),
        }
    ),
    "dissect",
)  # fmt: skip

_STEPS = each(record({"num_steps": POSITIVE, "mean?": maybe(NUM), "change": maybe(NUM)}))
_PATHS_CLASSES = record(
    {
        "names": each(TEXT, "classes"), "kind?": TEXT, "num_latents": COUNT, "num_paths?": COUNT,
        "num_found?": each(COUNT, "classes"), "lengths?": each(each(maybe(NUM), "classes"), "classes"),
        "num_measured?": each(each(COUNT, "classes"), "classes"), "third_class?": maybe(SPREAD), "figures?": _FILES,
    }
)  # fmt: skip
PATHS = Kind(
    record(
        {
            **_HEAD, "num_pairs?": COUNT, "num_steps": POSITIVE, "num_class_latents?": COUNT, "num_class_paths?": COUNT,
            "chi?": record({"mean": maybe(NUM), "sd": maybe(NUM)}), "even_step?": maybe(SHARE),
            "kinds": keyed(record({"by_num_steps?": _STEPS}, others=SPREAD), one_of("linear", "spherical")),
            "difference?": maybe(record({"shorter?": maybe(one_of("linear", "spherical"))}, others=SPREAD)),
            "measures?": keyed(ANY), "classes?": maybe(_PATHS_CLASSES), "figures?": maybe(_FILES),
        }
    ),
    "dissect",
)  # fmt: skip

_MEDIAN = record(
    {"median": NUM, "lo?": maybe(NUM), "hi?": maybe(NUM), "mean?": NUM, "q10?": maybe(NUM), "q90?": maybe(NUM)}
)
_VALUE = record({"value": maybe(NUM), "lo?": maybe(NUM), "hi?": maybe(NUM)})
_INVERTED = record(
    {
        "num": COUNT, "error": _MEDIAN, "pool_error?": _MEDIAN, "nearest_error?": _MEDIAN, "below_nearest?": _VALUE,
        "norm_sigmas?": keyed(NUM),
        "starts?": maybe(
            record(
                {
                    "sift_spread?": _MEDIAN, "second_error_gap?": _MEDIAN, "agree_levels?": maybe(NUM),
                    "agree?": _VALUE, "second_z_distance?": _MEDIAN,
                }
            )
        ),
        "feature_distance?": keyed(_MEDIAN), "class_agreement?": keyed(_VALUE),
    }
)  # fmt: skip
_SHEET = record({"file": FILE, "rows?": each(TEXT), "columns?": each(COUNT), "errors?": each(maybe(NUM))})
INVERSION = Kind(
    record(
        {
            **_HEAD, "num_images?": COUNT, "search?": keyed(NUM), "dims?": each(index("z_dim")), "values?": each(NUM),
            "test?": maybe(_INVERTED), "train?": maybe(_INVERTED), "own?": maybe(_INVERTED),
            "generalisation?": maybe(record({"difference?": _VALUE, "closer?": _VALUE, "num_train?": COUNT})),
            "figures?": maybe(keyed(_SHEET)),
        }
    ),
    "dissect",
)  # fmt: skip

ATLAS_ARRAYS: Shapes = {
    "*/z": ("float32", ("num_*", "z_dim")),
    "*/dims": ("int64", ("dims_*",)),
    "*/base/class": ("int16", ("num_*",)),
    "*/control/class": ("int16", ("dims_*", "num_*")),
    "*/edit/class": ("int16", ("values", "dims_*", "num_*")),
    "*/base/*": ("float32", ("num_*",)),
    "*/control/*": ("float32", ("dims_*", "num_*")),
    "*/edit/*": ("float32", ("values", "dims_*", "num_*")),
    "all/heat": ("float32", ("sets", "z_dim", "height", "width")),
    "priors/pair_distance/*": ("float32", ("pairs",)),
}
"""`atlas.safetensors`: see `atlas.Numbers.arrays`."""
