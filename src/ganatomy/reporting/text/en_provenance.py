"""English sentences on which snapshot the numbers are of, and on what changed since a lab or a comparison."""

TEXT = {
    "stale.measure.older": "The scores of {run} were measured at {nimg} images; its newest snapshot is of {newest}. "
    "`ganatomy measure` measures that one.",
    "stale.measure.other": "The scores of {run} were measured on another snapshot of {nimg} images than the one that "
    "lies in its folder now. `ganatomy measure` measures this one.",
    "stale.dissect.older": "The latent numbers of {run} were dissected at {nimg} images; its newest snapshot is of "
    "{newest}. `ganatomy dissect` looks at that one.",
    "stale.dissect.other": "The latent numbers of {run} were dissected on another snapshot of {nimg} images than the "
    "one that lies in its folder now. `ganatomy dissect` looks at this one.",
    "stale.health": "{run} was judged at {nimg} images; its training stands at {newest}. `ganatomy doctor` judges it "
    "anew.",
    "changed.measure": "{run} was measured again after the lab (seed {seed}): this page shows the new numbers of the "
    "run's folder, lab.json and the claims keep those of the lab. Started again with its options, the lab measures as "
    "it did and writes both anew.",
    "changed.dissect": "{run} was dissected again after the lab: this page shows what lies in the run's folder, "
    "lab.json and the claims keep what the lab found. Started again with its options, the lab dissects as it did and "
    "writes both anew.",
    "changed.compared": "{run} was measured again after this comparison: its verdicts rest on the earlier scores. "
    "`ganatomy compare` decides anew.",
    "nearest.other": "The pictures of the closest pairs of {run} are of another measurement and left out; `ganatomy "
    "measure` makes them again.",
}
