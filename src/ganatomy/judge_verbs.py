"""The verbs that judge runs: `compare` and `doctor`. As in `api`, heavy modules are imported inside the functions."""

from __future__ import annotations

import contextlib
import datetime
import secrets
import shlex
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import bounds, console, files
from .border import verb
from .errors import ConfigError, unknown
from .reporting.words import LANGS, Lang
from .shared import use_machine

if TYPE_CHECKING:
    from .laboratory.comparing import Measured
    from .laboratory.groups import Found


@verb
def compare(
    paths: Sequence[str | PathLike[str]],
    /,
    *,
    lang: Lang = "en",
    out: Path | None = None,
    seed: int = 0,
    num_sets: int = 3,
    data_dir: Path | None = None,
    title: str | None = None,
    author: str | None = None,
) -> Path:
    """Decide which of some configurations is better, from the scores of several trainings of each. Returns the page.

    Runs that differ in their seeds only are trainings of one configuration. Runs without scores are measured first.

    Args:
        paths: Folders of runs, groups or other folders whose sub-folders are runs, labs.
        lang: Language of the page: en or zh.
        out: Folder for compare.json, report.html and report.md; unset: runs/compare-<time>.
        seed: Seed of the samples, where runs are still to be measured.
        num_sets: Independent sets of 10,000 samples, where runs are still to be measured.
        data_dir: Folder that holds the runs' data set as <name>/<files>.
        title: Title of the page, for handing in.
        author: Author's name under the title.
    """
    from .laboratory import comparing, groups
    from .reporting import place
    from .reporting.page import render

    if lang not in LANGS:
        raise unknown("language", lang, LANGS)
    bounds.check("num_sets", num_sets)
    bounds.check("seed", seed)
    given = _several(paths)
    if not given:
        raise ConfigError("give two or more folders of runs, or folders whose sub-folders are runs.")
    found = groups.find_groups(given)
    if found.left_out:
        console.say(f"not finished, so left out: {groups.told_left_out(found.left_out)}.")
    folder = _folder_for(out)
    words = ["ganatomy", "compare", *map(str, given), "--seed", str(seed), "--num-sets", str(num_sets)]
    with files.one_writer(folder, place.PART):
        place.check(folder)
        measured = _measured(found, seed=seed, num_sets=num_sets, data_dir=data_dir)
        record = comparing.compare_groups(found, out=folder, command=shlex.join(words), measured=measured)
        print(comparing.verdict_lines(record))
        files.write_json(folder / comparing.RECORD_NAME, record)
        page = render([run.folder for run in found.runs], lang=lang, title=title, author=author, out=folder)
    console.say(f"report: {page.html}")
    return page.html


@verb
def doctor(runs: Sequence[str | PathLike[str]] = (), /) -> dict[str, dict[str, str]]:
    """Say what is wrong with runs and what to try; without a run, what this machine has and would use, and why.

    Returns the state of every verdict (fired, passed, clear, unknown) by run and name.

    Args:
        runs: Folders of runs or groups; they may still be in training.
    """
    from .laboratory import checkup
    from .metrics.watch import judge_run
    from .reporting.words import Words
    from .training.replicates import expand
    from .training.run import open_run

    opened = [open_run(path) for path in expand(_several(runs))]
    if not opened:
        print("\n".join(checkup.machine_lines()))
    words = Words("en")
    states: dict[str, dict[str, str]] = {}

    def explain(name: str) -> str:
        return words("health.explained", says=words(f"verdict.{name}.says"), try_=words(f"verdict.{name}.try"))

    for run in opened:
        verdicts = judge_run(run, console.say)
        print("\n".join(checkup.run_lines(run, verdicts, explain)))
        states[run.name] = {verdict.id: verdict.state for verdict in verdicts}
    return states


def _several(paths: str | PathLike[str] | Sequence[str | PathLike[str]]) -> list[Path]:
    return [Path(path) for path in ([paths] if isinstance(paths, str | PathLike) else paths)]


def _folder_for(out: Path | None) -> Path:
    """Return the folder of a comparison, made; one that holds a run or a lab has a report of its own."""
    folder = Path(out) if out is not None else Path("runs") / _new_name()
    if any((folder / name).exists() for name in ("config.json", "lab.json", "plan.json")):
        raise ConfigError(f"--out {folder} holds a run or a lab with its own report; give another folder.")
    return files.make_folder(folder)


def _new_name() -> str:
    """Return a comparison's folder name: local time and four random hex digits, as runs have."""
    return f"compare-{datetime.datetime.now().strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"


def _measured(found: Found, *, seed: int, num_sets: int, data_dir: Path | None) -> Measured:
    """Return the runs' measurements; those without one of their newest snapshot are measured first.

    All must have a snapshot, and nobody else may be measuring one of them, before the first begins.
    """
    from .datasets import opening
    from .laboratory import comparing, keeping, stages

    missing = [run for run in found.runs if not keeping.is_measured(run)]
    measured = comparing.read_measured([run for run in found.runs if run not in missing])
    if not missing:
        return measured
    for run in missing:
        _ = run.snapshot_nimg
    caller = opening.Caller(console.say, console.show, console.download_lines())
    dataset = opening.of_run(missing[0].config, Path(data_dir) if data_dir is not None else None, caller)
    use_machine(*(run.config for run in missing))
    with contextlib.ExitStack() as held:
        can_write = [held.enter_context(keeping.measuring(run)) for run in missing]
        for run, can in zip(missing, can_write):
            work = stages.measured(run, dataset, seed=seed, sizes=stages.usual_sizes(num_sets))
            new: Any = console.show(work, f"measure {run.name}")
            measured[run.folder] = new.record
            keeping.keep_or_say(run, new, can, console.say)
    return measured
