"""The shapes of what is written about data sets (see `checked`): a run's data.json, the record of an imported set."""

from __future__ import annotations

from ..checked import ANY, BOOL, COUNT, FILE, POSITIVE, TEXT, Kind, each, maybe, record

_NUMBERED = {"num": COUNT}
FINDINGS = record(
    {
        "kind?": TEXT, "source?": TEXT, "num_files?": COUNT, "num_images?": COUNT,
        "classes?": each(record({"name": TEXT, "num_train?": COUNT, "num_test?": COUNT})),
        "sizes?": each(record({"height": POSITIVE, "width": POSITIVE, **_NUMBERED})),
        "num_other_sizes?": COUNT,
        "modes?": each(record({"format?": maybe(TEXT), "mode?": maybe(TEXT), **_NUMBERED})),
        "conversions?": each(record({"id": TEXT, "examples?": each(TEXT), **_NUMBERED})),
        "refused?": each(record({"file": TEXT, "reason?": TEXT})),
        "near_duplicates?": maybe(
            record(
                {
                    "num_exact?": COUNT, **_NUMBERED,
                    "pairs?": each(record({"first": TEXT, "second": TEXT, "exact?": BOOL})),
                }
            )
        ),
        "decisions?": each(record({"id": TEXT, "value?": ANY, "reason?": TEXT})),
        "img_shape?": maybe(each(POSITIVE, 3)), "num_train?": COUNT, "num_test?": COUNT,
    }
)  # fmt: skip
"""What `findings.Findings.to_dict` returns."""

DATA = Kind(
    record(
        {
            "name?": TEXT, "sha256?": TEXT, "kind?": TEXT, "fallback?": maybe(TEXT), "class_names?": maybe(each(TEXT)),
            "num_train?": COUNT, "num_test?": COUNT, "img_shape?": each(POSITIVE, 3), "findings?": maybe(FINDINGS),
        }
    ),
    "delete it: then less is known of the data",
)  # fmt: skip
IMPORTED = Kind(record({"name": TEXT, "file": FILE, "sha256": TEXT}), "remove that folder and import the set again")
