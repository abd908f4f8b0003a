"""The source's claims: what was said, the rule that decides it, the number found, the verdict and its scope."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .blocks import Block, Claim, Claims, Para, Part, Result, Scale, Section, Tally
from .desk import Desk
from .latents import worth_items
from .reasons import CLAIMS, told
from .records import finite
from .words import num, percent

VERDICTS = ("holds", "fails", "undecided")
NOTES = (
    (r"precision was not measured", "claims.alone.unmeasured"),
    (r"the precision of the unedited images of .* is (?P<base>[\d.]+) and cannot fall", "claims.alone.low"),
)
"""How the laboratory says why confidence decides C6 alone (`laboratory.number_claims`)."""
SHARE_CLAIMS = ("C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8")
"""Claims whose statistic is a share of the latent numbers (C2: of numbers drawn)."""


def order(claim: str) -> tuple[int, str]:
    """Sort C2 before C10."""
    digits = re.sub(r"\D", "", claim)
    return (int(digits) if digits else 10**6, claim)


def verdict_of(row: Mapping[str, Any]) -> str:
    """Return a row's verdict; anything unknown is undecided."""
    found = str(row.get("verdict"))
    return found if found in VERDICTS else "undecided"


def shown(claim: str, value: Any) -> str:
    """Write a claim's number, a share in percent; a dash where there is none."""
    if not finite(value):
        return "–"
    if claim in SHARE_CLAIMS:
        return percent(value)
    text = num(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def scale(row: Mapping[str, Any]) -> Scale | None:
    """Place interval, value and threshold on a line, in percent of its length with a margin of 6 at both ends."""
    value, threshold = row.get("value"), row.get("threshold")
    if not finite(value) or not finite(threshold):
        return None
    lo = row["lo"] if finite(row.get("lo")) else value
    hi = row["hi"] if finite(row.get("hi")) else value
    control = control_of(row)
    if row.get("id") in SHARE_CLAIMS:
        left, right = 0.0, 1.0
    else:
        left, right = min(lo, value, threshold), max(hi, value, threshold)
    span = (right - left) or 1.0

    def place(x: float) -> float:
        return round(6 + 88 * min(1.0, max(0.0, (x - left) / span)), 2)

    return Scale(place(lo), place(hi), place(value), place(threshold), None if control is None else place(control))


def control_of(row: Mapping[str, Any]) -> float | None:
    """Return what the same test finds when numbers are redrawn instead of set."""
    found = row.get("control")
    value = found.get("value") if isinstance(found, dict) else None
    return value if finite(value) else None


def run_label(desk: Desk, name: Any) -> str:
    """Return the short names of the runs or recipes a claim is about (`gan, dcgan` names two)."""
    known = {run.config.preset: desk.label(run) for run in reversed(desk.records.runs)}
    known |= {run.name: desk.label(run) for run in desk.records.runs}
    return desk.words.listing([known.get(part, part) for part in str(name or "–").split(", ")])


def scope_word(desk: Desk, row: Mapping[str, Any]) -> str:
    """Return whether a verdict speaks of this training, of these trainings or of the recipe.

    Records of older versions say `in this run` and `in these runs`.
    """
    scope = str(row.get("scope") or "in this training")
    return desk.words("scope.recipe" if "recipe" in scope else "scope.runs" if "these" in scope else "scope.run")


def interval_of(desk: Desk, row: Mapping[str, Any]) -> str:
    """Write a row's interval, empty where it has none or is exact."""
    if not finite(row.get("lo")) or not finite(row.get("hi")) or row["lo"] == row["hi"]:
        return ""
    claim = str(row.get("id"))
    return desk.words("claim.interval", lo=shown(claim, row["lo"]), hi=shown(claim, row["hi"]))


def parts_of(desk: Desk, row: Mapping[str, Any]) -> tuple[Part, ...]:
    """Return the conditions of a claim that has several; of C10 what the other distance says."""
    claim = str(row.get("id"))
    named = [(desk.words.name("part", str(part.get("statistic") or "")), part) for part in row.get("parts") or []]
    kernel = row.get("kernel")
    if isinstance(kernel, dict):
        agreed = {"same": kernel.get("num_same_order", "–"), "pairs": kernel.get("num_pairs", "–")}
        named.append((desk.words("claim.kernel", **agreed), kernel))
    found = []
    for text, part in named:
        verdict = verdict_of(part)
        interval = interval_of(desk, {**part, "id": claim})
        found.append(Part(text, shown(claim, part.get("value")), interval, verdict, desk.words(f"verdict.{verdict}")))
    return tuple(found)


def asides(desk: Desk, row: Mapping[str, Any]) -> list[str]:
    """Return sentences about a row that its line has no room for: what C6 had to do without, what C9 costs or gains."""
    words, run = desk.words, run_label(desk, row.get("run"))
    if row.get("id") == "C6" and finite(row.get("value")) and not row.get("parts"):
        reason = told(words, str(row.get("note") or ""), NOTES) or words("claims.alone.unmeasured")
        return [words("claims.alone", run=run, reason=reason)]
    worth = row.get("worth")
    if row.get("id") == "C9" and isinstance(worth, dict):
        items = worth_items(words, worth["small"], worth["normal"])
        return [words("claims.worth", run=run, items=items)] if items else []
    return []


def result(desk: Desk, row: Mapping[str, Any]) -> Result:
    """Return one run's answer to a claim."""
    claim, verdict, control = str(row["id"]), verdict_of(row), control_of(row)
    reason = told(desk.words, str(row.get("reason") or ""), CLAIMS)
    return Result(
        run=run_label(desk, row.get("run")),
        value=shown(claim, row.get("value")),
        interval=interval_of(desk, row),
        control="" if control is None else desk.words("claim.control", value=shown(claim, control)),
        reason=desk.words("claim.undecidable", reason=reason) if reason else "",
        threshold=shown(claim, row.get("threshold")),
        verdict=verdict,
        word=desk.words(f"verdict.{verdict}"),
        scope=scope_word(desk, row),
        scale=scale(row),
        parts=parts_of(desk, row),
    )


def grouped(desk: Desk) -> list[Claim]:
    """Return all claims in order, each with the results of its runs."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in desk.records.lab.get("claims") or []:
        rows.setdefault(str(row["id"]), []).append(row)
    table = desk.words.table
    return [
        Claim(
            id=claim,
            says=table.get(f"claim.{claim}.says", str(rows[claim][0].get("statistic") or "")),
            rule=table.get(f"claim.{claim}.rule", ""),
            results=tuple(result(desk, row) for row in rows[claim]),
        )
        for claim in sorted(rows, key=order)
    ]


def counted(desk: Desk) -> dict[str, int]:
    """Return how many verdicts there are of each kind."""
    found = [verdict_of(row) for row in desk.records.lab.get("claims") or []]
    return {verdict: found.count(verdict) for verdict in VERDICTS}


def tally(desk: Desk) -> tuple[Tally, ...]:
    """Return the verdicts by run, for the headline."""
    by_run: dict[str, list[tuple[str, str, str]]] = {}
    for row in sorted(desk.records.lab.get("claims") or [], key=lambda row: order(str(row["id"]))):
        verdict = verdict_of(row)
        mark = (str(row["id"]), verdict, desk.words(f"verdict.{verdict}"))
        by_run.setdefault(run_label(desk, row.get("run")), []).append(mark)
    return tuple(Tally(run, tuple(marks)) for run, marks in by_run.items())


def section(desk: Desk) -> Section | None:
    """Return the claims, None where none were decided."""
    claims = grouped(desk)
    if not claims:
        return None
    words, total = desk.words, counted(desk)
    key = "claims.lead.open" if total["undecided"] else "claims.lead.decided"
    lead = words(key, claims=len(claims), verdicts=sum(total.values()), **total)
    scopes = {scope_word(desk, row) for row in desk.records.lab["claims"]}
    kind = "recipe" if scopes == {words("scope.recipe")} else "run"
    blocks: list[Block] = [Para(lead, "lead"), Claims(tuple(claims))]
    rows = sorted(desk.records.lab["claims"], key=lambda row: order(str(row["id"])))
    blocks += [Para(text, "note") for row in rows for text in asides(desk, row)]
    blocks += [Para(words("claims.marks"), "note"), Para(words(f"claims.scope.{kind}"), "note")]
    if any(data.name != "fashion-mnist" or data.kind == "own" for _, data in desk.records.datasets):
        blocks.append(Para(words("claims.other", data=desk.all_data), "note"))
    return Section("claims", words("claims.title"), tuple(blocks))
