"""The shapes of what is written about data sets (see `checked`): a run's data.json, the record of an imported set."""

from __future__ import annotations

from ..checked import COUNT, FILE, POSITIVE, TEXT, Kind, each, maybe, record

FINDINGS = record({"conversions?": maybe(each(record({"examples?": maybe(each(TEXT))})))})
"""What `findings.Findings.to_dict` returns; whoever reads it (`reporting.data_record`) takes every part as it is."""

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
