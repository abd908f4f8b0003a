"""Reasons that other rooms give as English sentences, said in the report's language where the sentence is known."""

from __future__ import annotations

import re

from .words import Words

CLAIMS = (
    (r"the feature network (?P<network>\S+) knows no classes", "reason.no_classes"),
    (r"there is no feature network for the data of ", "reason.no_network"),
    (r".* have no class called (?P<name>.+?)\.?$", "reason.no_class"),
    (r"\S+ has no latent experiment", "reason.no_latent"),
    (r"(?P<value>\S+) is not among the values ", "reason.no_value"),
    (r"the unedited images of .* are all of one class", "reason.one_class"),
    (r".* logged (?P<num>\d+) lines; at least (?P<least>\d+) ", "reason.few_lines"),
    (r"the diversity of .* was not measured in feature space", "reason.no_diversity"),
    (r"no Frechet distances of other noise", "reason.no_priors"),
    (r"the trainings have no Frechet distance of the same protocol", "reason.no_score"),
    (r"nothing tells the noise of the scores", "reason.no_spread"),
)
"""How the laboratory says that a claim cannot be decided (`laboratory.claims`, `.number_claims`, `.curve_claims`)."""

_SPLIT = r": (?P<train>[\d,]+) \+ (?P<test>[\d,]+) pictures$"
DECISIONS = (
    (r"asked for with --size$", "why.size_asked"),
    (r"every picture has this size$", "why.size_common"),
    (r"every picture has the size to train on$", "why.fit_none"),
    (r"scaled to cover the size", "why.fit_crop"),
    (r"scaled to fit in", "why.fit_pad"),
    (r"scaled to the size, whatever the aspect", "why.fit_stretch"),
    (r"asked for with --channels$", "why.channels_asked"),
    (r"no picture has colour$", "why.no_colour"),
    (r"(?P<n>[\d,]+) of (?P<total>[\d,]+) pictures have colour, the first is (?P<name>.+)$", "why.colour"),
    (r"the (?:folders|arrays) for train and test say which" + _SPLIT, "why.split_given"),
    (r"no folders say; a fixed draw sets aside 1 in (?P<share>\d+)" + _SPLIT, "why.split_drawn"),
    (
        r"no folders say; a fixed draw sets aside 1 in (?P<share>\d+), of every class alike" + _SPLIT,
        "why.split_by_class",
    ),
    (
        r"(?P<n>[\d,]+) of (?P<total>[\d,]+) classes have no picture to test on: (?P<names>[^;]+)$",
        "why.classes_untested",
    ),
    (r"no picture of (?P<names>[^;]+) can be read$", "why.classes_unread"),
    (
        r"no value is below (?P<least>\d+) or above (?P<most>\d+) of 255, so the pictures are nearly ",
        "why.range",
    ),
    (r"pictures that repeat each other stay on one side", "why.twins_together"),
    (r"(?P<n>[\d,]+) pictures to test on repeat others to train on", "why.twins_apart"),
)
"""Why the reader of own pictures chose as it did (`datasets.choices`)."""


def told(words: Words, reason: str, patterns: tuple[tuple[str, str], ...]) -> str:
    """Return a reason in the report's language; a sentence that is not known is quoted as it is."""
    for pattern, key in patterns:
        found = re.match(pattern, reason)
        if found:
            return words(key, **found.groupdict())
    return words("reason.quoted", reason=reason) if reason else ""
