"""Directions, paths and real images in the report: figures, numbers, verdicts, both languages, missing parts."""

from __future__ import annotations

import copy
import html
import json
import re
import shutil

import numpy as np
import pytest
from pages import BROKEN, parse, section, source
from parts_fixture import Halves, NoClasses, write_parts
from PIL import Image
from versus_fixture import scores, write_training

import ganatomy
from ganatomy.errors import RunError
from ganatomy.reporting import page, parts, section_inversion, section_parts, section_paths
from ganatomy.reporting.blocks import Figure, Para, Table
from ganatomy.reporting.desk import Desk
from ganatomy.reporting.records import Records, read_run
from ganatomy.reporting.section_directions import DirectionsRecord
from ganatomy.reporting.words import Words

LANGS = ("en", "zh")
PARTS = ("directions", "paths", "inversion")


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    return write_parts(tmp_path_factory.mktemp("parts") / "gan-s0", features=Halves(), has_own=True)


@pytest.fixture
def own(run_folder, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(run_folder, tmp_path / "gan-s0")


@pytest.fixture(scope="module", params=LANGS)
def rendered(request, run_folder, tmp_path_factory):
    return request.param, page.render([run_folder], lang=request.param, out=tmp_path_factory.mktemp(request.param))


def desk_of(run, folder, lang="en"):
    return Desk(Records(folder, (run,), {}), Words(lang))


def record_of(folder, part):
    return json.loads((folder / "dissect" / f"{part}.json").read_text(encoding="utf-8"))


def write_record(folder, part, record):
    (folder / "dissect" / f"{part}.json").write_text(json.dumps(record), encoding="utf-8")


def told(folder, out, lang="en"):
    """Return the section's blocks and all its text (None, "" without one)."""
    run = read_run(folder)
    found = section_parts.section(desk_of(run, out, lang), run)
    if found is None:
        return None, ""
    texts = [found.title]
    for block in found.blocks:
        if isinstance(block, Figure):
            texts += [block.title, *block.reading, *(label for image in block.pictures for label in image.rows)]
            texts += [item.text for item in block.legend]
        elif isinstance(block, Table):
            texts += [block.caption, block.note, *(f"{cell.text} {cell.sub}" for row in block.rows for cell in row)]
        else:
            texts.append(block.text)
    return found.blocks, "\n".join(texts)


def test_all_figures_are_there_with_files_and_numbers(rendered):
    lang, report = rendered
    found = parse(report.html)
    ids = found.values("id")
    assert len(ids) == len(set(ids))
    assert {"parts-gan-s0", *(f"{part}-gan-s0" for part in PARTS)} <= set(ids)
    text = html.unescape(section(source(report), "parts-gan-s0"))
    words = Words(lang)
    for key, values in (
        ("fig.directions.svd", {"n": 3}), ("fig.directions.pca", {"n": 3}), ("fig.directions.attribute", {"n": 7}),
        ("fig.directions.class", {"n": 3}), ("fig.entanglement", {}), ("fig.paths", {"n": 4}), ("fig.class_paths", {}),
        ("fig.path_classes", {}), ("fig.path_class_table", {}), ("fig.inversion", {}), ("fig.inversion.pairs", {}),
        ("fig.inversion.edits", {}), ("fig.inversion.own", {}),
    ):  # fmt: skip
        assert words(key, run="GAN", **values) in text, key
    for entry in report.figures:
        assert (report.html.parent / entry["file"]).exists()
    for text in (found.text, report.md.read_text(encoding="utf-8")):
        assert not BROKEN.search(text), BROKEN.search(text)


def test_the_section_follows_the_latents_and_the_contents_name_it_once(rendered):
    _, report = rendered
    order = re.findall(r'<section id="([^"]+)"', source(report))
    assert order.index("parts-gan-s0") == order.index("latent-gan-s0") + 1
    assert source(report).count('href="#parts-gan-s0"') == 1


@pytest.mark.parametrize("lang", LANGS)
def test_a_comparison_of_few_runs_shows_the_parts_of_each(run_folder, tmp_path, lang):
    runs = [
        write_training(run_folder, tmp_path / f"s{seed}", seed, scores(8.0 + seed, 0.6), batch_size=32 * (seed + 1))
        for seed in (0, 1)
    ]
    found = parse(ganatomy.compare(runs, lang=lang, out=tmp_path / "out"))
    ids = found.values("id")
    assert len(ids) == len(set(ids))
    for part in ("parts", *PARTS):
        assert sum(name.startswith(f"{part}-") for name in ids) == 2
    assert not BROKEN.search(found.text), BROKEN.search(found.text)


@pytest.mark.parametrize("lang", LANGS)
def test_names_for_people(own, tmp_path, lang):
    run = read_run(own)
    desk = desk_of(run, tmp_path, lang)
    expected = {
        "en": ["SVD 1", "PC 3", "brightness", "horizontal position", "Bag", "width factor", "my own"],
        "zh": ["奇异方向 1", "主成分 3", "亮度", "水平位置", "包", "宽度因子", "my own"],
    }[lang]
    raw = ["svd-0", "pca-2", "brightness", "position_x", "class:Bag", "factor:width", "my_own"]
    assert [parts.direction_name(desk, run, name) for name in raw] == expected


def test_the_explorer_calls_directions_as_the_report_does(own, tmp_path):
    record = record_of(own, "directions")
    record["directions"][0]["names"] = "class:Trouser"
    record["directions"][1]["names"] = None
    record["directions"].append({"name": "mine", "vector": [1.0, 0, 0, 0, 0, 0]})
    record["directions"].append({"name": "svd-9", "label": "given", "vector": [1.0, 0, 0, 0, 0, 0]})
    write_record(own, "directions", record)
    run = read_run(own)
    labels = parts.labels(desk_of(run, tmp_path, "zh"), run)
    assert (labels["svd-0"], labels["svd-1"], labels["class:Bag"]) == ("奇异方向 1：裤子", "奇异方向 2", "包")
    assert "mine" not in labels
    assert "svd-9" not in labels


def test_another_snapshot_is_not_mixed_in(own, tmp_path):
    record = record_of(own, "paths")
    write_record(own, "paths", record | {"nimg": record["nimg"] - 1})
    blocks, text = told(own, tmp_path)
    assert "directions and real images" in text
    assert not any(getattr(block, "id", "").startswith("paths-") for block in blocks)
    for part in PARTS:
        write_record(own, part, record_of(own, part) | {"nimg": 1})
    assert told(own, tmp_path) == (None, "")


def test_a_run_from_before_has_no_section(own, tmp_path):
    for part in PARTS:
        (own / "dissect" / f"{part}.json").unlink()
    assert told(own, tmp_path) == (None, "")
    assert "parts-" not in source(page.render([own], out=tmp_path))


@pytest.mark.parametrize("lang", LANGS)
def test_without_features_and_data_it_says_so(tmp_path, lang):
    folder = write_parts(tmp_path / "gan-s0", has_data=False)
    blocks, text = told(folder, tmp_path, lang)
    words = Words(lang)
    assert words("path.no_features") in text
    assert words("dir.no_classes") in text
    assert words("parts.inversion.head") not in text  # nothing was inverted
    titles = [block.title for block in blocks if isinstance(block, Figure)]
    assert words("fig.paths", run="GAN", n=4) in titles
    assert not any(words("fig.class_paths", run="GAN") == title for title in titles)
    assert not BROKEN.search(text)


def test_without_classes_but_with_own_pictures(tmp_path):
    folder = write_parts(tmp_path / "gan-s0", features=NoClasses(), has_data=False, has_own=True)
    _, text = told(folder, tmp_path)
    words = Words("en")
    for key in ("path.no_classes", "inv.no_data", "dir.no_classes"):
        assert words(key) in text, key
    assert "All 3 own pictures: median error" in text


def test_a_figure_exists_only_where_its_file_does(own, tmp_path):
    blocks, _ = told(own, tmp_path)
    before = sum(isinstance(block, Figure) for block in blocks)
    for name in ("directions-svd", "path-classes", "inversion-edits"):
        (own / "dissect" / f"{name}.png").unlink()
    blocks, text = told(own, tmp_path)
    assert sum(isinstance(block, Figure) for block in blocks) == before - 3
    assert "test images edited" not in text


@pytest.mark.parametrize(
    ("lo", "hi", "en", "zh"),
    [
        (-3.0, -1.0, "the straight line is the shorter way", "线性插值在特征空间中的路径更短"),
        (1.0, 3.0, "the spherical path is the shorter way", "球面插值在特征空间中的路径更短"),
        (-1.0, 1.0, "neither the straight line nor the spherical path is surely shorter", "孰短未能确定"),
        (0.0, 1.0, "neither the straight line nor the spherical path is surely shorter", "孰短未能确定"),
        (None, None, "neither the straight line nor the spherical path is surely shorter", "孰短未能确定"),
    ],
)
def test_which_path_is_shorter_follows_the_interval(own, tmp_path, lo, hi, en, zh):
    record = record_of(own, "paths")
    record["difference"]["length"] |= {"mean": -2.0, "lo": lo, "hi": hi}
    record["difference"]["length_ratio"] = {"mean": 0.9636, "lo": 0.951, "hi": 0.9763, "num": 8}
    write_record(own, "paths", record)
    assert en in told(own, tmp_path)[1]
    assert "0.964 times as long as the spherical path (95 % interval 0.951 to 0.976)" in told(own, tmp_path)[1]
    assert zh in told(own, tmp_path, "zh")[1]


def test_the_table_says_what_is_not_decided(own, tmp_path):
    record = record_of(own, "paths")
    for name, row in record["difference"].items():
        if isinstance(row, dict):
            row.update({"mean": 0.5, "lo": 0.4, "hi": 0.6} if name == "length" else {"mean": 0.1, "lo": -1.0, "hi": 1})
    write_record(own, "paths", record)
    names = "longest step, least norm, third classes, changes of class and confidence"
    assert f"Decided: length; not decided, since the interval holds 0: {names}." in told(own, tmp_path)[1]
    record["difference"]["length"] |= {"lo": -0.1}
    write_record(own, "paths", record)
    assert "All intervals of differences hold 0" in told(own, tmp_path)[1]


def test_nearest_and_farthest_classes(own, tmp_path):
    record = record_of(own, "paths")
    record["classes"] |= {
        "lengths": [[1.0, 5.0, 9.25], [5.0, 2.0, None], [9.25, None, None]], "num_found": [4, 3, 1],
        "third_class": {"mean": 0.25, "num": 8},
    }  # fmt: skip
    write_record(own, "paths", record)
    text = told(own, tmp_path)[1]
    assert "Nearest are T-shirt/top and Trouser (5.00), farthest T-shirt/top and Bag (9.25)." in text
    assert "Paths within a class are 1.50 long on average, between classes 7.12." in text
    assert "最近的是“T 恤/上衣”与“裤子”（5.00），最远的是“T 恤/上衣”与“包”（9.25）。" in told(own, tmp_path, "zh")[1]


@pytest.mark.parametrize(
    ("lo", "hi", "en", "zh"),
    [
        (-2.2, 4.1, "not surely shown better", "未能确定"),
        (0.5, 4.1, "Training images are shown better", "训练图像重现得更好"),
        (-4.1, -0.5, "Training images are shown worse", "训练图像反而重现得更差"),
    ],
)
def test_generalisation_follows_the_interval(own, tmp_path, lo, hi, en, zh):
    record = record_of(own, "inversion")
    record["test"]["error"] |= {"median": 12.53, "lo": 10.81, "hi": 15.64}
    record["test"]["nearest_error"] |= {"median": 32.35, "lo": 31.11, "hi": 34.84}
    record["test"]["pool_error"] |= {"median": 42.43, "lo": 40.0, "hi": 45.5}
    record["train"]["error"]["median"] = 12.3
    record["generalisation"]["difference"] = {"value": 0.5 * (lo + hi), "lo": lo, "hi": hi}
    write_record(own, "inversion", record)
    text, chinese = told(own, tmp_path)[1], told(own, tmp_path, "zh")[1]
    assert "10 test images shows it with a median error of 12.5 (10.8 to 15.6) levels of 255" in text
    assert (
        "the nearest training image 32.4 (31.1 to 34.8) and the best of 64 random latents 42.4 (40.0 to 45.5)" in text
    )
    assert en in text
    assert "中位数为 12.5（10.8 到 15.6）级" in chinese
    assert zh in chinese


def test_directions_name_what_they_move(own, tmp_path):
    record = record_of(own, "directions")
    table = record["entanglement"]
    column, row = table["directions"].index("svd-0"), table["attributes"].index("height")
    for name, value in (("change", -0.694), ("lo", -0.71), ("hi", -0.68)):
        table[name][row][column] = value
    for direction in record["directions"]:
        if direction["kind"] == "svd":
            direction["names"] = "height" if direction["index"] == 0 else None
        if direction["kind"] == "attribute":
            direction |= {"r2": 0.402 + 0.1 * direction["index"], "reliability": 0.97}
    write_record(own, "directions", record)
    text, chinese = told(own, tmp_path)[1], told(own, tmp_path, "zh")[1]
    assert "most: SVD 1 height (−0.69); nothing is moved by 0.20 or more along SVD 2 and SVD 3." in text
    assert "R² on latents that it was not fitted to is 0.40 (brightness) to 1.0 (vertical position)" in text
    assert "奇异方向 1：高度（−0.69）；沿奇异方向 2、奇异方向 3没有一项的改变达到 0.20。" in chinese
    assert "S1: height↓" in text
    assert "S1：高度↓" in chinese


def test_the_strongest_entanglement_and_the_same_directions(own, tmp_path):
    record = record_of(own, "directions")
    table, cosines = record["entanglement"], record["cosines"]
    names = table["directions"]
    for row in table["normalised"]:
        row[:] = [None if value is None else 0.1 for value in row]
    table["normalised"][table["attributes"].index("contrast")][names.index("brightness")] = 0.97
    for row in cosines["matrix"]:
        row[:] = [0.05] * len(row)
    first, second = names.index("brightness"), names.index("contrast")
    cosines["matrix"][first][second] = cosines["matrix"][second][first] = -0.84
    cosines["matrix"][names.index("svd-0")][names.index("pca-1")] = -0.95
    write_record(own, "directions", record)
    text = told(own, tmp_path)[1]
    assert "along the direction of brightness, contrast moves 0.97 times as much as brightness itself" in text
    assert "by cosine: brightness and contrast −0.84; for two random directions it is about ±0.41." in text
    assert "1 of the 3 SVD directions are also principal components" in text
    assert "沿亮度方向移动时，对比度的改变是亮度本身的 0.97 倍" in told(own, tmp_path, "zh")[1]


def test_cells_are_empty_where_the_interval_holds_0(own):
    record = record_of(own, "directions")
    view = DirectionsRecord(record)
    table = record["entanglement"]
    shown = 0
    for row, trait in enumerate(table["attributes"]):
        for column, name in enumerate(table["directions"]):
            lo, hi = table["lo"][row][column], table["hi"][row][column]
            expected = table["change"][row][column] if lo is not None and (lo > 0 or hi < 0) else None
            assert view.change(trait, name) == expected
            shown += expected is not None
    assert 0 < shown < len(table["attributes"]) * len(table["directions"])


def changed(value, change, draw):
    """Return JSON with `change` applied to a random half of its fractions."""
    if isinstance(value, dict):
        return {key: changed(entry, change, draw) for key, entry in value.items()}
    if isinstance(value, list):
        return [changed(entry, change, draw) for entry in value]
    return change(value) if isinstance(value, float) and draw.random() < 0.5 else value


@pytest.mark.parametrize("change", [lambda x: None, lambda x: 0.0, lambda x: -x, lambda x: 1000 * x])
@pytest.mark.parametrize("seed", range(3))
def test_any_numbers_give_whole_sentences(run_folder, tmp_path, change, seed):
    folder = shutil.copytree(run_folder, tmp_path / "gan-s0")
    draw = np.random.default_rng(seed)
    for part in PARTS:
        record = record_of(folder, part)
        kept = {key: copy.deepcopy(record[key]) for key in ("steps", "values", "threshold") if key in record}
        write_record(folder, part, changed(record, change, draw) | kept)
    if change(1.0) is None:  # among them are numbers that no dissection leaves out
        with pytest.raises(RunError, match=r"is null, expected a number.*make it again with `ganatomy dissect`"):
            told(folder, tmp_path)
        return
    for lang in LANGS:
        _, text = told(folder, tmp_path, lang)
        assert not BROKEN.search(text), BROKEN.search(text)
        assert "（）" not in text
        assert "()" not in text
        assert not re.search(r"[：:] ?[。.;；]", text), text


def test_sheets_are_cut_between_images(own, tmp_path):
    run = read_run(own)
    desk = desk_of(run, tmp_path)
    path = own / "dissect" / "directions-svd.png"
    sheet = np.asarray(Image.open(path))
    first, second = parts.cut(desk, run, path, [parts.Cut(7), parts.Cut(7)], 10, "alt", ["a", "b", "c"])
    assert (first.width, second.width) == (208, 208)
    assert np.array_equal(np.asarray(Image.open(first.path)), sheet[:, :208])
    assert np.array_equal(np.asarray(Image.open(second.path)), sheet[:, 218:])
    (whole,) = parts.cut(desk, run, path, [parts.Cut(5)], 10, "alt", ["a"])
    assert (whole.path, whole.width) == (path, 426)


def test_rows_of_inversions_stand_beside_their_labels(own, tmp_path):
    run = read_run(own)
    desk = desk_of(run, tmp_path)
    entry = record_of(own, "inversion")["figures"]["own"]
    sheet = np.asarray(Image.open(own / "dissect" / entry["file"]))
    tops = section_inversion._tops(entry["rows"], 28)
    assert tops[-1] + 28 == sheet.shape[0]
    (image,) = parts.cut(desk, run, own / "dissect" / entry["file"], [parts.Cut(3)], 2, "alt", entry["rows"], tops)
    pixels = np.asarray(Image.open(image.path))
    assert pixels.shape[0] == 30 * len(tops) - 2
    for i, top in enumerate(tops):
        assert np.array_equal(pixels[30 * i : 30 * i + 28], sheet[top : top + 28])


def test_row_names():
    words = Desk(None, Words("zh"))
    rows = ["image", "inversion", "difference", "nearest training image", "number 21 set to -0.5", "new"]
    expected = ["原图", "反演", "差异", "最近训练图", "z[21] = −0.5", "new"]
    assert [section_inversion.row_name(words, raw) for raw in rows] == expected


def test_differences_carry_signs():
    write = section_paths.shown_difference
    assert [write("switches", x) for x in (0.126, -0.126, 0.0)] == ["+0.13", "−0.13", "0.00"]
    assert [write("length", x) for x in (0.5, -0.5)] == ["+0.500", "−0.500"]
    assert write("third_class", 0.062) == "+6.2\N{NARROW NO-BREAK SPACE}%"


def test_paragraphs_begin_with_the_answer(run_folder, tmp_path):
    blocks, _ = told(run_folder, tmp_path)
    kinds = [block.kind for block in blocks if isinstance(block, Para)]
    assert kinds.count("lead") == 3
