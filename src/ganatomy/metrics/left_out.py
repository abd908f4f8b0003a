"""What a measurement left out, with the reason: no score goes missing without a word.

`left_out` of measure.json holds one entry for everything that could not be measured: `score`, the name it would have
had, and `part`, what of it (score, floor, error); `id` and `numbers`, for other languages; `reason`, in English.
`warnings` holds what has to be known to read what was measured, as `id`, `numbers` and `text`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

REASONS = {
    "few_neighbours": "a neighbourhood reaches to the image that is number {k} in nearness, so more than {k} generated "
    "and more than {k} test images are needed; there are {num_gen:,} and {num_real:,}",
    "few_floor": "more than {least:,} held-out real images are needed for it; there are {num_floor:,}",
    "few_error": "at least {least:,} images of either kind are needed for an error; there are {num_gen:,} generated "
    "and {num_real:,} test images",
    "few_line": "the line through distances at several numbers of images needs at least {least:,} generated images; "
    "there are {num_gen:,}",
    "no_labels": "the test images have no labels",
    "new_class": "a generated image is of a class that no test image has, so the divergence has no bound",
    "few_copies": "with {num_test:,} test and {num_gen:,} generated images a share of copies up to {limit:.0%} could "
    "be chance, so too few to tell",
    "same_copies": "one test image in 100 or more has its exact copy among the training images, so a generated image "
    "cannot be nearer than that",
    "not_shared": "not every training has it",
}
"""Why something was left out; the report has each in both languages as `left_out.<id>`."""
WARNINGS = {
    "same_gen": "all {num:,} generated images look the same to the feature network: a single picture, whatever the "
    "scores say",
    "same_real": "all {num:,} test images look the same to the feature network: the scores only tell whether generated "
    "images are that one picture",
    "ties": "{num:,} of {total:,} test images each equal more than {k} others, so their neighbourhoods hold nothing "
    "but that picture",
    "weak_network": "the feature network {network} knows little of these data: {accuracy:.1%} of {num:,} held-out "
    "images right, and at least {least_share:.1%} are wanted; its scores say little",
    "weak_old": "the feature network {network} gets {accuracy:.1%} of the test images right, fewer than three times "
    "what chance would; its scores say little, so measure again",
    "weak_passed": "the feature network {network} was passed over, for it knows little of these data: {accuracy:.1%} "
    "of {num:,} held-out images right, and at least {least_share:.1%} are wanted; {instead} looks instead",
}
"""What has to be known beside the scores; the report has each in both languages as `score_warning.<id>`."""


def left_out(score: str, reason_id: str, part: str = "score", **numbers: Any) -> dict[str, Any]:
    """Return the entry of `left_out` for a score, its `floor` or its `error`, for a reason in `REASONS`."""
    reason = REASONS[reason_id].format(**numbers)
    return {"score": score, "part": part, "id": reason_id, "reason": reason, "numbers": numbers}


def warning(warning_id: str, **numbers: Any) -> dict[str, Any]:
    """Return the entry of `warnings` for an id in `WARNINGS`."""
    return {"id": warning_id, "text": WARNINGS[warning_id].format(**numbers), "numbers": numbers}


def grouped(entries: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Return the entries of `left_out` by their reason, in their order, so that each reason is said once."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for entry in entries:
        found.setdefault(str(entry.get("reason")), []).append(entry)
    return found


def _named(entry: Mapping[str, Any]) -> str:
    part, score = entry.get("part", "score"), str(entry.get("score"))
    return score if part == "score" else f"{part} of {score}"


def lines(record: Mapping[str, Any]) -> list[str]:
    """Return what a measurement left out and what it warns of as plain lines, each reason once."""
    told = [
        f"  left out: {', '.join(map(_named, entries))} ({reason})"
        for reason, entries in grouped(record.get("left_out") or []).items()
    ]
    return told + [f"  note: {entry.get('text')}" for entry in warnings_of(record)]


def warnings_of(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what a measurement warns of; records of older versions, which say nothing, are looked at for a network
    that guesses.
    """
    given = record.get("warnings")
    if isinstance(given, list):
        return [entry for entry in given if isinstance(entry, Mapping)]
    network, classes = record.get("features"), record.get("classes")
    if not isinstance(network, Mapping) or not isinstance(classes, Mapping):
        return []
    accuracy, num = network.get("test_accuracy"), len(classes.get("counts") or ())
    if not isinstance(accuracy, int | float) or num < 2 or accuracy >= min(3 / num, (1 + 1 / num) / 2):
        return []
    return [warning("weak_old", network=network.get("name"), accuracy=float(accuracy))]
