"""The shapes of what a training writes into its run folder (see `checked`); config.json has its own in `config`."""

from __future__ import annotations

from ..checked import COUNT, NUM, POSITIVE, SIZE, TEXT, Kind, each, keyed, maybe, needing, one_of, record

STATES = ("running", "finished", "interrupted", "diverged", "failed")

STATUS = Kind(
    record({"state": one_of(*STATES), "cur_nimg": COUNT, "total_nimg?": maybe(COUNT), "message?": TEXT}),
    "delete it and continue the run with `ganatomy train --resume`, which writes it again",
)
ENVIRONMENT_SHAPE = record(
    {
        "cpu?": TEXT, "packages?": keyed(TEXT), "ganatomy?": TEXT, "python?": TEXT, "system?": TEXT,
        "num_cores?": POSITIVE, "cpu_capability?": TEXT, "cuda?": record({"device?": TEXT, "version?": maybe(TEXT)}),
    }
)  # fmt: skip
ENVIRONMENT = Kind(
    ENVIRONMENT_SHAPE,
    'write {"schema": 1} into it: then nothing is known of the machine the run began on',
)
STATS = Kind(
    needing(
        needing(
            record({"cur_nimg": COUNT, "Timing/total_sec?": SIZE}, others=maybe(NUM)),
            "Accuracy/real", "Accuracy/fake",
        ),
        "Accuracy/fake", "Accuracy/real",
    ),
    "delete it: then its curves are lost, the run itself is not",
)
"""One line; every value but the image count is a scalar."""
GROUP = Kind(
    record(
        {
            "preset?": TEXT, "total_nimg?": maybe(COUNT), "seeds": each(COUNT, least=1), "command?": TEXT,
            "executor": one_of("sequential", "processes"), "reason": TEXT, "num_workers": POSITIVE,
            "num_threads": POSITIVE,
            "runs?": each(record({"name": TEXT, "seed": COUNT, "state": TEXT, "cur_nimg": COUNT, "message?": TEXT})),
        }
    ),
    "give its runs one by one",
)  # fmt: skip
