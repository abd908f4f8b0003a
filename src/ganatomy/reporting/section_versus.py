"""Which group is better: the verdict, every pair with its statistics, every training, settings, losses and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import figures_versus, left_out, section_compare
from .blocks import Block, BoardRow, Cell, Figure, Headline, Para, Section, Table
from .figures import Axis
from .figures_versus import DotRow
from .provenance import compared_before, stale
from .records import RunRecord, finite
from .versus import VersusDesk
from .words import count, num, percent, signed

MOST_SHOWN_RUNS = 4
"""Runs up to which every run of a comparison has its own sections too."""
MOST_LISTED = 5
"""Pairs named in the verdict's sentence."""
MOST_GROUPS = 4
"""Groups up to which the page opens with a board of them, and whose losses and pictures are shown."""


def headline(desk: VersusDesk) -> Headline:
    """Return the answer on top: the verdict in a sentence, and the groups' main score side by side."""
    runs = tuple((group["name"], desk.group_colour(group["name"])) for group in desk.compare["groups"])
    rows = board(desk) if len(runs) <= MOST_GROUPS else ()
    late = tuple(text for run in desk.records.runs if (text := stale(desk, run, "measure")))
    notes = (*compared_before(desk), *late, *left_out.warnings(desk, desk.records.runs))
    return Headline(answer(desk), runs, rows, (), "", notes)


def page_title(desk: VersusDesk) -> str:
    """Return the title of a comparison's page."""
    names = desk.words.listing(list(desk.members), MOST_GROUPS)
    return desk.words("versus.page", groups=names, data=desk.all_data)


def score_word(desk: VersusDesk, name: str) -> str:
    """Return what a score is called in a sentence."""
    return desk.words(f"scores.kind.{desk.compare['scores'][name]['kind']}")


def is_log(desk: VersusDesk) -> bool:
    """Return whether all pairs are compared by factors of the main score."""
    return all(pair["scores"][desk.compare["main"]]["scale"] == "log" for pair in desk.compare["pairs"])


def answer(desk: VersusDesk) -> str:
    """Return the verdict in a sentence: of the only pair, or how many of several are decided and which."""
    words, pairs = desk.words, desk.compare["pairs"]
    if len(pairs) == 1:
        return pair_sentence(desk, pairs[0])
    about = {"pairs": len(pairs), "data": desk.all_data, "score": score_word(desk, desk.compare["main"])}
    decided = [pair for pair in pairs if pair["winner"]]
    together = words("join.sentences") + words("versus.together") if is_corrected(desk) else ""
    if not decided:
        return words("versus.answer.none", **about) + together
    told = [words("versus.pair.better", best=pair["winner"], worst=_loser(pair)) for pair in decided]
    text = words("versus.answer.many", decided=len(decided), list=words.listing(told, MOST_LISTED), **about) + together
    still = [words("versus.pair", a=pair["a"], b=pair["b"]) for pair in pairs if not pair["winner"]]
    if not still:
        return text
    return text + words("join.sentences") + words("versus.undecided", list=words.listing(still, MOST_LISTED))


def is_corrected(desk: VersusDesk) -> bool:
    """Return whether the verdicts on several pairs are corrected; those of older versions are not."""
    return len(desk.compare["pairs"]) > 1 and desk.compare.get("correction") == "holm"


def _loser(pair: dict[str, Any]) -> str:
    return str(pair["b"] if pair["winner"] == pair["a"] else pair["a"])


def pair_sentence(desk: VersusDesk, pair: dict[str, Any]) -> str:
    """Return the verdict on a pair as a sentence."""
    words, main = desk.words, desk.compare["main"]
    score = pair["scores"][main]
    names = {"a": pair["a"], "b": pair["b"]}
    about = {"data": desk.all_data, "score": score_word(desk, main)}
    reason, sizes = (pair["reason"] or {}).get("id"), (score["num_a"], score["num_b"])
    if reason in ("few", "flat"):
        return words(f"versus.answer.{reason}", n=sizes[0], m=sizes[1], **names, **about)
    turned = sizes if pair["winner"] != pair["b"] else sizes[::-1]
    key = "versus.sizes.same" if sizes[0] == sizes[1] else "versus.sizes"
    about["sizes"] = words(key, n=turned[0], m=turned[1])
    p = p_text(score["welch"]["p"])
    about["p"] = words("versus.p.small") if p.startswith("<") else words("versus.p", p=p)
    told, log = score["ratio"] or score["difference"], score["ratio"] is not None
    if not pair["winner"]:
        key = "versus.answer.chance" if log else "versus.answer.chance.plain"
        return words(key, ratio=factor(told["value"]), lo=factor(told["lo"]), hi=factor(told["hi"]), **names, **about)
    best = pair["winner"]
    sides = {"best": best, "worst": _loser(pair), **about}
    if not log:
        ends = sorted(abs(told[key]) for key in ("lo", "hi"))
        return words("versus.answer.plain", value=num(abs(told["value"])), lo=num(ends[0]), hi=num(ends[1]), **sides)
    # Shares by which the better one is lower: 1 - better / worse, so that B / A is turned where A is better.
    shares = {key: 1 - (told[key] if best == pair["b"] else 1 / told[key]) for key in ("value", "lo", "hi")}
    lo, hi = sorted((shares["lo"], shares["hi"]))
    return words("versus.answer.better", share=percent(shares["value"]), lo=percent(lo), hi=percent(hi), **sides)


def p_text(p: float) -> str:
    """Write a p value: two digits, and below 0.0001 just that."""
    return "< 0.0001" if p < 0.0001 else num(p, 2)


def factor(value: float) -> str:
    """Write a factor or difference; what is very large, without all its digits."""
    return num(value) if abs(value) < 1e5 else f"{value:.1e}"


def board(desk: VersusDesk) -> tuple[BoardRow, ...]:
    """Return the groups' mean of the main score, its range and their trainings."""
    words, main, groups = desk.words, desk.compare["main"], desk.compare["groups"]
    kind = "log" if is_log(desk) else "plain"
    about = words("board.score.note", name=main)
    has_means = any(group["num"] > 1 for group in groups)
    about = words("list.semi").join([words(f"versus.board.mean.{kind}"), about]) if has_means else about
    floor = desk.compare["scores"][main].get("floor")
    about += words("join.sentences") + words("board.score.floor", floor=num(floor)) if finite(floor) else ""
    means = group_means(desk)
    rows = [BoardRow(score_word(desk, main), about, tuple(means.values()), is_key=True)]
    if has_means:
        scores = [group["scores"][main] if group["num"] > 1 else None for group in groups]
        ranges = tuple(words("versus.range", lo=num(s["lo"]), hi=num(s["hi"])) if s else "–" for s in scores)
        rows.append(BoardRow(words("versus.board.range"), "", ranges))
    seeds = dict.fromkeys(seeds_of(group) for group in groups)
    note = words("page.seed", seed=next(iter(seeds))) if len(seeds) == 1 else ""
    rows.append(BoardRow(words("versus.board.num"), note, tuple(str(group["num"]) for group in groups)))
    return tuple(rows)


def seeds_of(group: dict[str, Any]) -> str:
    """Return a group's seeds, with commas between."""
    return ", ".join(str(run["seed"]) for run in group["runs"])


def group_means(desk: VersusDesk) -> dict[str, str]:
    """Return every group's mean of the main score in words."""
    found = mean_values(desk)
    return {name: num(found[name]) for name in desk.members}


def section(desk: VersusDesk) -> Section:
    """Return the comparison."""
    words, record = desk.words, desk.compare
    lead = words("versus.lead", log=words("versus.lead.log") if is_log(desk) else "")
    found: list[Block | None] = [Para(lead, "lead"), pairs_table(desk), dots_figure(desk), groups_table(desk)]
    found += [other_scores_table(desk), config_table(desk), *pictures_of(desk)]
    if record.get("left_out"):
        listed = [f"{row['run']} ({row['state']})" for row in record["left_out"]]
        found.append(Para(words("versus.left_out", list=words("list.semi").join(listed)), "note"))
    for row in record.get("scores_left_out") or []:
        about = {"score": left_out.score_word(desk, row), "runs": words.listing(list(row["runs"]), MOST_LISTED)}
        found.append(Para(words("versus.scores.left_out", **about), "note"))
    if record.get("command"):
        found.append(Para(words("versus.made", command=record["command"]), "note"))
    return Section("versus", words("versus.title"), tuple(block for block in found if block))


def _verdict(desk: VersusDesk, pair: dict[str, Any], score: dict[str, Any]) -> Cell:
    """Return a verdict with its reason below."""
    winner = {"A better": pair["a"], "B better": pair["b"]}.get(score["verdict"])
    if winner:
        return Cell(desk.words("versus.winner", name=winner))
    reason = (score["reason"] or {}).get("id")
    return Cell(desk.words("versus.open"), desk.words(f"versus.reason.{reason}") if reason else "")


def _effect(desk: VersusDesk, score: dict[str, Any]) -> Cell:
    """Return the ratio or difference with its interval below."""
    told = score["ratio"] or score["difference"]
    write = factor if score["ratio"] else signed
    interval = "" if told["lo"] is None else desk.words("versus.interval", lo=write(told["lo"]), hi=write(told["hi"]))
    return Cell(write(told["value"]), interval, numeric=True)


def _p(test: dict[str, Any] | None) -> Cell:
    return _p_cell(test["p"] if test else None)


def _p_cell(p: float | None) -> Cell:
    return Cell("–" if p is None else p_text(p), numeric=True)


def pairs_table(desk: VersusDesk) -> Table:
    """Return the statistics of every pair on the main score."""
    words, main, pairs = desk.words, desk.compare["main"], desk.compare["pairs"]
    rows, corrected = [], is_corrected(desk)
    for pair in pairs:
        score = pair["scores"][main]
        g = score["hedges_g"]
        holm = [_p_cell(score.get("p_corrected"))] if corrected else []
        rows.append(
            (
                Cell(words("versus.against", a=pair["a"], b=pair["b"])),
                Cell(f"{score['num_a']}, {score['num_b']}", numeric=True),
                _effect(desk, score), _p(score["welch"]), *holm, _p(score["permutation"]),
                Cell("–" if g is None else signed(g, 2), numeric=True),
                _verdict(desk, pair, score),
            )
        )  # fmt: skip
    effect = "versus.head.ratio" if is_log(desk) else "versus.head.difference"
    heads = ("versus.head.pair", "versus.head.num", effect, "versus.head.welch",
             *(["versus.head.holm"] if corrected else []), "versus.head.permutation", "versus.head.g",
             "versus.head.verdict")  # fmt: skip
    better = words(f"versus.{desk.compare['scores'][main]['better']}")
    caption = words("versus.pairs", name=main, better=better)
    return Table(caption, tuple(words(key) for key in heads), tuple(rows), pairs_note(desk), kind="versus")


def pairs_note(desk: VersusDesk) -> str:
    """Return what must be known to read the pairs, every sentence once."""
    words, main, pairs = desk.words, desk.compare["main"], desk.compare["pairs"]
    told = [words("versus.note.read")]
    for pair in pairs:
        score = pair["scores"][main]
        shuffled = score["permutation"] or {}
        about = {
            "pair": words("versus.pair", a=pair["a"], b=pair["b"]), "a": pair["a"], "b": pair["b"],
            "n": score["num_a"], "m": score["num_b"], "smallest": num(shuffled.get("smallest", 0), 2),
            "splits": count(shuffled.get("num_splits", 0)),
        }  # fmt: skip
        found = [note["id"] for note in score["notes"]]
        found += [reason for reason in ("few", "flat") if (score["reason"] or {}).get("id") == reason]
        told += [words(f"versus.note.{name}", **about) for name in found]
    if is_corrected(desk):
        told.append(words("versus.note.holm", pairs=len(pairs)))
    elif len(pairs) > 1:
        told.append(words("versus.note.pairs", pairs=len(pairs), wrong=num(0.05 * len(pairs), 2)))
    return words("join.sentences").join(dict.fromkeys(told))


def dots_figure(desk: VersusDesk) -> Figure:
    """Return all trainings of every group on one axis."""
    words, main, groups = desk.words, desk.compare["main"], desk.compare["groups"]
    kind, score = "log" if is_log(desk) else "plain", score_word(desk, main)
    has_means = any(group["num"] > 1 for group in groups)
    how = words("versus.dots.how", mean=words(f"versus.mean.{kind}")) if has_means else words("versus.dots.how.one")
    reading = [how]
    rows, means = [], mean_values(desk)
    for group in groups:
        values = tuple(float(run["scores"][main]["value"]) for run in group["runs"])
        spread = group["runs"][0]["scores"][main].get("spread") if len(values) == 1 else None
        rows.append(DotRow(group["name"], values, means[group["name"]], spread, desk.group_colour(group["name"])))
        key = "versus.dots.many" if len(values) > 1 else "versus.dots.one" if spread else "versus.dots.alone"
        about = {"lo": num(min(values)), "hi": num(max(values)), "n": len(values), "spread": num(spread or 0, 2)}
        reading.append(words(key, group=group["name"], **about))
    floor = desk.compare["scores"][main].get("floor")
    if finite(floor):
        reading.append(words("versus.dots.floor", floor=num(floor)))
    number, title = desk.number(), words("versus.fig.dots", score=score)
    axis = words("versus.axis.log", score=score) if figures_versus.is_logarithmic(rows) else score
    drawn = figures_versus.dots_chart(f"fig{number}", rows, Axis(axis, "", title))
    return desk.add(Figure(number, title, (words("join.sentences").join(reading),), chart=drawn))


def mean_values(desk: VersusDesk) -> dict[str, float]:
    """Return every group's mean of the main score as a number."""
    main = desk.compare["main"]
    return {
        str(pair[side]): float(pair["scores"][main][f"mean_{side}"])
        for pair in desk.compare["pairs"]
        for side in ("a", "b")
    }


def groups_table(desk: VersusDesk) -> Table:
    """Return every training's main score, group by group."""
    words, main, means = desk.words, desk.compare["main"], group_means(desk)
    rows = []
    for group in desk.compare["groups"]:
        each = [_with_spread(run["scores"][main]) for run in group["runs"]]
        sd = group["scores"][main]["sd"]
        rows.append(
            (
                Cell(group["name"]),
                Cell(seeds_of(group)),
                Cell(means[group["name"]], numeric=True),
                Cell("–" if sd is None else num(sd, 2), numeric=True),
                Cell(words("list.semi").join(each)),
            )
        )
    mean = "mean.log" if is_log(desk) else "mean.plain"
    heads = tuple(words(f"versus.groups.{key}") for key in ("head", "seed", mean, "sd", "each"))
    return Table(words("versus.groups"), heads, tuple(rows), words("versus.groups.note", name=main), kind="versus")


def _with_spread(score: dict[str, Any]) -> str:
    spread = score.get("spread")
    return num(score["value"]) + (f" ± {num(spread, 2)}" if finite(spread) and spread > 0 else "")


def other_scores_table(desk: VersusDesk) -> Table | None:
    """Return the statistics of every pair on the other scores, None where there are none."""
    words, main, pairs = desk.words, desk.compare["main"], desk.compare["pairs"]
    names = [name for name in desk.compare["scores"] if name != main]
    is_one = len(pairs) == 1
    rows = [
        (
            Cell(score_word(desk, name), name if is_one else words("versus.against", a=pair["a"], b=pair["b"])),
            Cell(num(score["mean_a"]), numeric=True), Cell(num(score["mean_b"]), numeric=True),
            _effect(desk, score), _p(score["welch"]), _verdict(desk, pair, score),
        )
        for name in names
        for pair in pairs
        for score in [pair["scores"][name]]
    ]  # fmt: skip
    if not rows:
        return None
    a, b = (pairs[0]["a"], pairs[0]["b"]) if is_one else ("A", "B")
    told = [words(f"versus.head.{key}") for key in ("effect", "welch", "verdict")]
    heads = (words("scores.head"), a, b, *told)
    return Table(words("versus.scores"), heads, tuple(rows), scores_note(desk), kind="versus")


def scores_note(desk: VersusDesk) -> str:
    """Return what must be known to read the other scores."""
    words, has_correction = desk.words, desk.compare.get("correction") == "holm"
    return words("versus.scores.note.holm" if has_correction else "versus.scores.note")


def config_table(desk: VersusDesk) -> Table:
    """Return the settings that differ between groups, and in the note those that do not."""
    words, groups = desk.words, desk.compare["groups"]
    differing = desk.compare["differences"]
    rows = tuple(
        (Cell(f"`{row['field']}`"), *(Cell(_setting(desk, row["values"].get(group["name"]))) for group in groups))
        for row in differing
    )
    fields = {row["field"] for row in differing}
    same = [
        f"{name} {_setting(desk, value)}"
        for name, value in groups[0]["config"].items()
        if name not in fields and name != "data_sha256"
    ]
    note = words("versus.config.note", list=words("list.comma").join(same))
    head = (words("versus.config.head"), *(group["name"] for group in groups))
    return Table(words("versus.config"), head, rows, note, kind="settings")


def _setting(desk: VersusDesk, value: Any) -> str:
    if value is None or value == "":
        return desk.words("versus.unset")
    if isinstance(value, int) and not isinstance(value, bool):
        return count(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def pictures_of(desk: VersusDesk) -> list[Figure | None]:
    """Return the losses of one run per group on the same axes, and final grids of the same latents beside each other.

    The runs are those of the first seed that most groups have, so that as many as possible share their latents.
    """
    shown = representatives(list(desk.members.values())[:MOST_GROUPS])
    found: list[Figure | None] = [section_compare.losses_figure(desk, shown)]
    return found + [section_compare.paired_figure(desk, shown[0], other) for other in shown[1:]]


def representatives(groups: Sequence[Sequence[RunRecord]]) -> list[RunRecord]:
    """Return one run of every group: of the seed that most groups have, the smallest of several; else its first."""
    seeds = [run.config.seed for runs in groups for run in runs]
    common = min(seeds, key=lambda seed: (-seeds.count(seed), seed))
    return [next((run for run in runs if run.config.seed == common), runs[0]) for runs in groups]
