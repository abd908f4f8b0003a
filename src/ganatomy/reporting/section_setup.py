"""The headline, what was trained, the networks layer by layer, and how to do it again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..config import TrainConfig
from . import left_out
from .blocks import Block, BoardRow, Cell, Facts, Heading, Headline, Para, Section, Table
from .desk import Desk
from .provenance import changed, stale
from .records import RunRecord, finite
from .scoring import ENOUGH_NUM, covered_share, missing_notes, network_name, shares_of
from .section_claims import counted, grouped, tally
from .section_health import verdicts_of, word_of
from .words import Words, count, duration, num, percent


def answer(desk: Desk) -> str:
    """Return the report's first sentence: what was trained and how far its images are from the real ones."""
    words, runs = desk.words, desk.records.runs
    scored = [(run, run.score[1]) for run in runs if run.score]
    names = words.listing([desk.label(run) for run in runs])
    if not scored:
        is_measured = any(run.is_measured for run in runs)
        return words("answer.unscored" if is_measured else "answer.unmeasured", runs=names, data=desk.all_data)
    scored.sort(key=lambda pair: pair[1]["value"])
    best, record = scored[0]
    if len(scored) == 1:
        return words("answer.one", run=desk.label(best), data=desk.all_data, value=num(record["value"]))
    worst, other = scored[-1]
    ratio = other["value"] / record["value"] if record["value"] > 0 else 1.0
    key = "answer.far" if ratio >= 2 else "answer.better" if ratio >= 1.1 else "answer.level"
    return words(
        key, best=desk.label(best), worst=desk.label(worst), data=desk.all_data, ratio=num(ratio, 2),
        value=num(record["value"]), other=num(other["value"]),
    )  # fmt: skip


def score_row(desk: Desk) -> BoardRow | None:
    """Return the Fréchet distances with their floor."""
    words, runs = desk.words, desk.records.runs
    first = next((run.score for run in runs if run.score), None)
    if first is None:
        return None
    values = tuple(num(run.score[1]["value"]) if run.score else "–" for run in runs)
    floor = first[1].get("floor")
    note = words("board.score.note", name=first[0])
    if finite(floor):
        note += words("join.sentences") + words("board.score.floor", floor=num(floor))
    num_real = first[1].get("num_real")
    if finite(num_real) and num_real < ENOUGH_NUM:
        note += words("join.sentences") + words("few.short", n=count(num_real))
    return BoardRow(words("board.score"), note, values, is_key=True)


def board(desk: Desk) -> tuple[BoardRow, ...]:
    """Return the key numbers of all runs, line by line; lines nobody measured are left out."""
    words, runs = desk.words, desk.records.runs
    rows = [score_row(desk)]
    if any(run.classes for run in runs):
        limits = [covered_share(len(shares_of(run))) for run in runs]
        covered = [sum(share >= limit for share in shares_of(run)) for run, limit in zip(runs, limits)]
        values = tuple(
            f"{n}\N{THIN SPACE}/\N{THIN SPACE}{len(shares_of(run))}" if run.classes else "–"
            for n, run in zip(covered, runs)
        )
        rows.append(
            BoardRow(
                words("board.classes"), words("board.classes.note", limit=percent(min(limits))), values, is_key=True
            )
        )
    if any(run.confidence for run in runs):
        values = tuple(num(run.confidence["median"], 2) if run.confidence else "–" for run in runs)
        rows.append(BoardRow(words("board.confidence"), words("board.confidence.note"), values, is_key=True))
    if any(verdicts_of(run) for run in runs):
        states = tuple(word_of(desk, run) for run in runs)
        rows.append(BoardRow(words("health.board"), words("health.board.note"), states))
    images = tuple(count(run.total_nimg) for run in runs)
    rows.append(BoardRow(words("board.images"), words("board.images.note"), images))
    if any(run.seconds for run in runs):
        times = tuple(duration(run.seconds, words) if run.seconds else "–" for run in runs)
        rows.append(BoardRow(words("board.time"), words("board.time.note"), times))
    return tuple(row for row in rows if row)


def headline(desk: Desk) -> Headline:
    """Return the answer on top of the report."""
    words, total = desk.words, counted(desk)
    runs = tuple((desk.label(run), desk.colour(run)) for run in desk.records.runs)
    text = ""
    if sum(total.values()):
        text = words("tally", claims=len(grouped(desk)), **total)
    late = tuple(text for run in desk.records.runs if (text := stale(desk, run, "measure")))
    notes = (*changed(desk), *late, *missing_notes(desk), *left_out.warnings(desk, desk.records.runs))
    return Headline(answer(desk), runs, board(desk), tally(desk), text, notes)


def optimizer(config: TrainConfig, words: Words) -> str:
    """Describe the optimizers of a run."""
    g, d = f"{config.lr_g:g}", f"{config.lr_d:g}"
    rates = g if g == d else words("setup.rates", g=g, d=d)
    if config.optimizer == "sgd":
        return words("setup.sgd", lr=rates)
    return words("setup.adam", lr=rates, beta1=config.adam_beta1, beta2=config.adam_beta2)


def setup_section(desk: Desk) -> Section:
    """Return the settings of all runs side by side."""
    words, runs = desk.words, desk.records.runs
    configs = [run.config for run in runs]
    lines: list[tuple[str, list[str]]] = [
        ("setup.model", [words(f"setup.model.{config.model}") for config in configs]),
        ("setup.optimizer", [optimizer(config, words) for config in configs]),
        ("setup.batch", [str(config.batch_size) for config in configs]),
        ("setup.images", [words("setup.images.value", n=count(run.total_nimg), epochs=epochs(run)) for run in runs]),
        ("setup.z", [words("setup.z.value", n=config.z_dim) for config in configs]),
        ("setup.init", [words(f"setup.init.{config.init}") for config in configs]),
        ("setup.ema", [words("setup.ema.value", n=count(config.ema_halflife_nimg)) for config in configs]),
        ("setup.step", [words(f"setup.step.{config.engine}", precision=config.precision) for config in configs]),
        ("setup.seed", [str(config.seed) for config in configs]),
    ]
    rows = tuple((Cell(words(key)), *(Cell(value) for value in values)) for key, values in lines)
    head = (words("setup.column"), *(desk.label(run) for run in runs))
    blocks: list[Block] = [
        Para(words("setup.lead"), "lead"),
        Table(words("setup.table"), head, rows, kind="settings"),
    ]
    if any(config.preset == "gan" for config in configs):
        blocks.append(Para(words("setup.assumption"), "note"))
    return Section("setup", words("setup.title"), tuple(blocks))


def epochs(run: RunRecord) -> str:
    """Return how often a run saw its training set."""
    return num(run.total_nimg / run.config.num_train, 2) if run.config.num_train else "–"


def layer_rows(rows: Sequence[dict[str, Any]]) -> tuple[tuple[Cell, ...], ...]:
    """Turn a layer table into cells: name and layer, output shape, parameters, arithmetic."""
    return tuple(
        (
            Cell(str(row["name"]), str(row["layer"])),
            Cell("\N{MULTIPLICATION SIGN}".join(str(size) for size in row["output"])),
            Cell(count(row["parameters"]) if row["parameters"] else "–", numeric=True),
            arithmetic_cell(str(row["arithmetic"])),
        )
        for row in rows
    )


def arithmetic_cell(text: str) -> Cell:
    """Return a layer's arithmetic; where height and width differ, one line for each."""
    height, _, width = pretty(text).partition("; ")
    return Cell(height or "–", width)


def pretty(arithmetic: str) -> str:
    """Set a formula with real multiplication and minus signs."""
    spaced = arithmetic.replace("*", "\N{MULTIPLICATION SIGN}").replace(" - ", " \N{MINUS SIGN} ")
    return spaced.replace("-1)", "\N{MINUS SIGN}1)")


def networks_section(desk: Desk) -> Section | None:
    """Return both networks of every family layer by layer, built from the configurations."""
    from ..models import registry, tables  # building networks needs torch; nothing else here does

    words = desk.words
    blocks: list[Block] = [Para(words("networks.lead"), "lead")]
    seen: set[tuple[Any, ...]] = set()
    for run in desk.records.runs:
        config = run.config
        key = (config.model, config.img_shape, config.z_dim)
        if key in seen:
            continue
        seen.add(key)
        label = desk.label(run)
        blocks.append(Heading(label, f"networks-{run.key}"))
        head = (
            words("networks.layer"),
            words("networks.output"),
            words("networks.parameters"),
            words("networks.arithmetic"),
        )
        for kind, network, shape in (
            ("generator", registry.build_generator(config), (config.z_dim,)),
            ("discriminator", registry.build_discriminator(config), config.img_shape),
        ):
            total = count(registry.num_parameters(network))
            rows = layer_rows(tables.layer_table(network, shape))
            blocks.append(Table(words(f"networks.{kind}", n=total), head, rows, kind="layers"))
    return Section("networks", words("networks.title"), tuple(blocks)) if seen else None


def stage_times(desk: Desk) -> list[tuple[str, str, bool]]:
    """Return how long each stage of each run took, and all of them together."""
    words, rows = desk.words, []
    for run in desk.records.runs:
        stages = {"train": run.seconds, "measure": run.timing.get("measure"), "dissect": run.timing.get("dissect")}
        known = {stage: seconds for stage, seconds in stages.items() if finite(seconds)}
        rows += [
            (words(f"repro.time.{stage}", run=desk.label(run)), duration(seconds, words), False)
            for stage, seconds in known.items()
        ]
    total = desk.records.lab.get("seconds")
    if finite(total):
        rows.append((words("repro.total"), duration(total, words), False))
    return rows


def feature_fact(desk: Desk, run: RunRecord) -> str:
    """Return name, hash and accuracy of a run's feature network, as far as they are known."""
    record = run.features or {}
    parts = [network_name(run)]
    if record.get("sha256"):
        parts.append(f"SHA-256 {record['sha256']}")
    if finite(record.get("test_accuracy")):
        parts.append(desk.words("features.accuracy", share=percent(record["test_accuracy"])))
    return " · ".join(parts)


def reproduce_section(desk: Desk) -> Section:
    """Return versions, hardware, seeds, data, commands and times."""
    words, lab, runs = desk.words, desk.records.lab, desk.records.runs
    environment: dict[str, Any] = lab.get("environment") or (runs[0].environment if runs else {})
    data = lab.get("data") or {}
    packages = ", ".join(f"{name} {version}" for name, version in (environment.get("packages") or {}).items())
    machine = [str(environment[key]) for key in ("cpu", "system", "cpu_capability") if environment.get(key)]
    if environment.get("num_cores"):
        machine.insert(1, words("repro.cores", n=environment["num_cores"]))
    if isinstance(environment.get("cuda"), dict):
        machine.append(str(environment["cuda"].get("device", "CUDA")))
    threads = sorted({f"{run.config.device}, {words('repro.threads', n=run.config.num_threads)}" for run in runs})
    hashes = sorted({run.config.data_sha256 for run in runs if run.config.data_sha256})
    networks = dict.fromkeys(feature_fact(desk, run) for run in runs if run.features)
    rows: list[tuple[str, str, bool]] = []
    commands = [str(lab["command"])] if lab.get("command") else [run.command for run in runs if run.command]
    rows += [(words("repro.command"), command, True) for command in commands]
    rows.append((words("repro.seed"), ", ".join(sorted({str(run.config.seed) for run in runs})), False))
    rows.append((words("repro.data"), str(data.get("name") or desk.all_data), False))
    rows += [(words("repro.hash"), text, True) for text in ([str(data["sha256"])] if data.get("sha256") else hashes)]
    rows += [(words("repro.features"), text, True) for text in networks]
    rows.append((words("repro.version"), f"ganatomy {lab.get('version') or environment.get('ganatomy') or '–'}", False))
    rows.append(
        (words("repro.python"), ", ".join(filter(None, [f"Python {environment.get('python', '–')}", packages])), False)
    )
    rows.append((words("repro.machine"), " · ".join(machine) or "–", False))
    rows.append((words("repro.device"), "; ".join(threads), False))
    rows += stage_times(desk)
    blocks = (Para(words("repro.lead"), "lead"), Facts(tuple(rows)), Para(words("repro.limits"), "note"))
    return Section("reproduce", words("repro.title"), blocks)
