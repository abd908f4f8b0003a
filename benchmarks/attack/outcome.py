"""What an attempt was and how it ended; whether that is allowed; all of them in a table."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

ALLOWED_CODES = (0, 1, 2)
SIGNALLED_CODES = (130, 143)
IN_WORDS = re.compile(
    r"^ganatomy: \s*.*\w|Parsing error|Missing subcommand|Required options|^Unrecognized|╭─", re.MULTILINE
)
FAULTHANDLER = re.compile(r"(Current thread|Thread|Stack|Fatal)[^\n]*most recent call first")
EXCEPTION = re.compile(r"^[\w.]*(?:Error|Exception|Interrupt|Warning|Timeout|Exit)\b.*$", re.MULTILINE)
WARNING = re.compile(r"^\S+\.py:\d+: \w*Warning: .*$", re.MULTILINE)
OWN_FRAME = re.compile(r'File "\S*?((?:ganatomy|benchmarks)/\S+\.py)", line (\d+),? in (\S+)')
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\ud800-\udfff]")


@dataclass
class Ending:
    """How a process ended."""

    code: int | None
    """Exit code; negative: killed by that signal; None: it had to be ended by force."""
    stdout: str
    stderr: str
    trace: str = ""
    """Traceback of what escaped, or the stack where it hung."""
    seconds: float = 0.0
    peak_mb: float = 0.0
    killed_by_us: bool = False


@dataclass
class Attempt:
    """One attempt: which part and number, what was done to what, the words given, how it ended and what was wrong."""

    part: str
    number: int
    verb: str
    told: str
    """What was done, in words."""
    words: list[str]
    faults: list[str] = field(default_factory=list)
    """What must not be: `kind: detail`."""
    notes: list[str] = field(default_factory=list)
    """What is allowed but worth knowing."""
    ending: Ending | None = None

    @property
    def result(self) -> str:
        """`exit 0`, `exit 2`, ..., or `fault`."""
        if self.faults:
            return "fault"
        code = self.ending.code if self.ending else None
        return "killed" if self.ending and self.ending.killed_by_us else f"exit {code}"

    def judge(self, *, signalled: bool = False, heard: bool = True) -> None:
        """Note what is wrong with the ending; `heard` says whether standard error was there to be written to."""
        end = self.ending
        assert end is not None
        place = place_of(end.trace or end.stderr)
        if end.code is None:
            self.faults.append(f"hung: after {end.seconds:.0f} s in {place}")
        elif end.trace:
            self.faults.append(f"traceback: {last_line(end.trace)} [{place}]")
        elif "Traceback (most recent call last)" in end.stderr:
            self.faults.append(f"traceback: {last_line(end.stderr)} [{place}]")
        elif end.code not in ALLOWED_CODES + SIGNALLED_CODES * signalled:
            self.faults.append(f"exit code: {end.code}")
        elif end.code != 0 and heard and not signalled and not IN_WORDS.search(end.stderr):
            self.faults.append(f"no words: exit {end.code} with {end.stderr[-200:]!r}")
        if found := CONTROL.search(end.stderr):
            self.faults.append(f"control character: {found[0]!r} on standard error")
        self.notes += [f"warning: {match[0][:200]}" for match in WARNING.finditer(end.stderr)]

    def to_dict(self) -> dict[str, Any]:
        """Return the record of a failure, with enough to repeat it."""
        end = self.ending
        return {
            "part": self.part, "number": self.number, "verb": self.verb, "told": self.told, "words": self.words,
            "faults": self.faults, "notes": self.notes,
            **({} if end is None else {
                "code": end.code, "seconds": round(end.seconds, 2), "peak_mb": round(end.peak_mb),
                "stderr": end.stderr[-2000:], "trace": end.trace[-6000:],
            }),
        }  # fmt: skip


def place_of(text: str) -> str:
    """Return file:line of the innermost frame of this project in a traceback."""
    frames = [match for match in OWN_FRAME.findall(text) if not match[0].startswith("benchmarks/")]
    if not frames:
        return "unknown place"
    innermost = frames[0] if FAULTHANDLER.match(text) else frames[-1]
    return f"{innermost[0]}:{innermost[1]} {innermost[2]}"


def last_line(text: str) -> str:
    """Return the line of a traceback that names the exception, cut to a sensible length."""
    found = EXCEPTION.findall(text)
    return found[-1][:160] if found else "?"


def kind_of(fault: str) -> str:
    """Return what makes two faults the same: the kind, the type of the exception and the place."""
    kind, _, detail = fault.partition(": ")
    if kind == "traceback":
        return f"{kind}: {detail.partition(':')[0].partition(' [')[0]} [{detail.rpartition('[')[2]}"
    if kind == "hung":
        return f"hung in {detail.partition(' in ')[2]}"
    if kind == "touched":
        return f"{kind}: {detail.rpartition(': ')[0]}: .../{detail.rpartition('/')[2]}"
    return f"{kind}: {detail[:100]}"


def table(attempts: Sequence[Attempt]) -> str:
    """Return counts by verb and result as a Markdown table."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for attempt in attempts:
        counts[attempt.verb][attempt.result] += 1
    results = sorted({result for row in counts.values() for result in row}, key=lambda name: (name == "fault", name))
    lines = [f"| verb | {' | '.join(results)} | all |", f"|---|{'---:|' * (len(results) + 1)}"]
    for verb in sorted(counts):
        row = counts[verb]
        lines.append(f"| {verb} | {' | '.join(str(row[name]) for name in results)} | {sum(row.values())} |")
    sums = [sum(row[name] for row in counts.values()) for name in results]
    lines.append(f"| **all** | {' | '.join(map(str, sums))} | {len(attempts)} |")
    return "\n".join(lines)


def distinct(attempts: Sequence[Attempt]) -> list[tuple[str, int, Attempt]]:
    """Return the different faults, most frequent first: (kind, how many attempts, an example)."""
    found: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        for kind in {kind_of(fault) for fault in attempt.faults}:
            found[kind].append(attempt)
    return sorted(((kind, len(all_), all_[0]) for kind, all_ in found.items()), key=lambda row: (-row[1], row[0]))
