"""Where a page goes and whose numbers it shows: nothing of others is overwritten, older numbers are said to be so."""

import json
import shutil
from pathlib import Path

import pytest

from ganatomy.errors import OutputError
from ganatomy.reporting import page, place, provenance
from ganatomy.reporting.desk import Desk
from ganatomy.reporting.records import read
from ganatomy.reporting.words import Words


@pytest.mark.parametrize("name", ["report.html", "report.md", "compare.json", "figures/my-plot.png"])
def test_what_others_wrote_is_left_alone(lab, tmp_path, name):
    target = tmp_path / name
    target.parent.mkdir(exist_ok=True)
    target.write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match=r"not written by ganatomy and would be overwritten\. Choose another folder"):
        place.check(tmp_path)
    assert target.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("name", ["report.html", "figures"])
def test_links_are_not_followed(tmp_path, name):
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).symlink_to(outside)
    with pytest.raises(OutputError, match="is a link"):
        place.check(tmp_path / "out")
    assert list(outside.iterdir()) == []


def test_our_own_page_is_written_again_whatever_part_of_it_is_left(reports, tmp_path):
    folder = reports["en"].html.parent
    for names in (["report.html", "report.md", "figures"], ["figures"], ["report.md"], ["report.html"]):
        out = tmp_path / "-".join(names)
        out.mkdir()
        for name in names:
            copy = shutil.copytree if (folder / name).is_dir() else shutil.copyfile
            copy(folder / name, out / name)
        place.check(out)
    (tmp_path / "report.html-report.md-figures" / "figures" / "my-plot.png").write_bytes(b"mine")
    place.check(tmp_path / "report.html-report.md-figures")


def desk_of(folder: Path, lang: str = "en") -> Desk:
    return Desk(read([folder]), Words(lang))


def change(path: Path, **keys: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | keys), encoding="utf-8")


@pytest.mark.parametrize(("lang", "older", "newest"), [("en", "at 3,840 images", "of 6,400"), ("zh", "3,840", "6,400")])
def test_older_records_are_said_to_be_so(lab, tmp_path, lang, older, newest):
    run = Path(shutil.copytree(lab / "runs" / "gan-s0", tmp_path / "gan-s0"))
    shutil.rmtree(run / "snapshots", ignore_errors=True)
    (run / "dissect" / "atlas.safetensors").unlink()  # these snapshots are no networks for the explorer
    (run / "snapshots").mkdir()
    (run / "snapshots" / "G_ema-000003840.safetensors").write_bytes(b"weights")
    change(run / "measure.json", nimg=3840)
    change(run / "dissect" / "dissect.json", nimg=3840)
    desk = desk_of(run, lang)
    assert [provenance.stale(desk, desk.records.runs[0], kind) for kind in ("measure", "dissect")] == ["", ""]
    change(run / "measure.json", snapshot_sha256="0" * 64)
    desk = desk_of(run, lang)
    assert "3,840" in provenance.stale(desk, desk.records.runs[0], "measure")  # another one of the same count
    (run / "snapshots" / "G_ema-000006400.safetensors").write_bytes(b"more")
    desk = desk_of(run, lang)
    for kind in ("measure", "dissect"):
        text = provenance.stale(desk, desk.records.runs[0], kind)
        assert older in text
        assert newest in text
    markdown = page.render([run], lang=lang, out=tmp_path / "out").md.read_text(encoding="utf-8")
    assert markdown.count(provenance.stale(desk, desk.records.runs[0], "measure").split("`")[0].strip()) >= 2


def test_what_changed_after_a_lab_is_said(lab, tmp_path):
    folder = Path(shutil.copytree(lab, tmp_path / "lab"))
    assert provenance.changed(desk_of(folder)) == ()
    measured = json.loads((folder / "runs/gan-s0/measure.json").read_text(encoding="utf-8"))
    name = next(iter(measured["scores"]))
    measured["scores"][name]["value"] += 1
    change(folder / "runs/gan-s0/measure.json", scores=measured["scores"], seed=12345)
    (text,) = provenance.changed(desk_of(folder))
    assert text.startswith("GAN was measured again after the lab (seed 12345)")
    made = page.render([folder])
    assert made.changes == (text,)
    assert text.split("`")[0] in made.html.read_text(encoding="utf-8").replace("&#39;", "'")
