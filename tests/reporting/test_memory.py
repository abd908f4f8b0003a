"""What the page says of copies of training images follows from the numbers; a second network has its own table."""

import json

import pytest
from fixture import write_run
from pages import BROKEN, parse, section, source
from variants import VARIANTS

from ganatomy.reporting import page
from ganatomy.reporting.desk import Desk
from ganatomy.reporting.records import Records, read_run
from ganatomy.reporting.section_scores import other_tables
from ganatomy.reporting.words import Words, count, percent

LANGS = ("en", "zh")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("memory") / "gan-s0", "gan", dissect=False, num_pictures=2)


def told(run, lang, out, **changes):
    """Return the section of one run with other shares of images that are too close, and what the report wrote."""
    record = json.loads((run / "measure.json").read_text(encoding="utf-8"))
    for kind, value in changes.items():
        record["memorisation"][kind] |= value
    copy = out / run.name
    copy.mkdir()
    for path in run.iterdir():
        if path.is_file():
            (copy / path.name).write_bytes(path.read_bytes())
    (copy / "measure.json").write_text(json.dumps(record), encoding="utf-8")
    return section(source(page.render([copy], lang=lang)), "compare")


def sentence(lang, key, pixels, features, where=()):
    words = Words(lang)
    text = words(
        f"memory.run.{key}", run="GAN", n=count(1000), pixels=percent(pixels), features=percent(features),
        expected=percent(0.01098), limit=percent(0.02495),
        where=words.listing([words(f"memory.in.{kind}") for kind in where]),
    )  # fmt: skip
    return " ".join(text.split())


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize(
    ("key", "pixels", "features", "where"),
    [
        ("none", 0.0, 0.024, ()),
        ("one", 0.026, 0.0, ("pixels",)),
        ("one", 0.0, 0.5, ("features",)),
        ("both", 1.0, 0.026, ()),
    ],
)
def test_the_sentence_follows_from_the_numbers(run, tmp_path, lang, key, pixels, features, where):
    found = told(run, lang, tmp_path, pixels={"too_close": pixels}, features={"too_close": features})
    assert sentence(lang, key, pixels, features, where) in found
    assert not BROKEN.search(found)


@pytest.mark.parametrize("lang", LANGS)
def test_an_exact_copy_is_called_one(run, tmp_path, lang):
    words = Words(lang)
    pair = {"gen": 0, "train": 0, "distance": 0.0}
    assert words("memory.exact") in told(run, lang, tmp_path, pixels={"pairs": [pair]})
    (tmp_path / "other").mkdir()
    pair["distance"] = 28 * 3.5  # 3.5 levels on each of 28 x 28 pixels
    text = words("memory.closest", levels="3.50", median="46.8", normal="42.5")
    assert text in told(run, lang, tmp_path / "other", pixels={"pairs": [pair]})


def test_both_runs_stand_in_the_table_beside_test_images_and_in_figures(reports):
    result = reports["en"]
    found = section(source(result), "compare")
    assert "Nearer than 99 % of test images, in features 1,000 generated and 1,000 test images against 10,000" in found
    captions = [entry["caption"] for entry in result.figures if "nearest to training images" in entry["caption"]]
    assert [caption.split(" that ")[0] for caption in captions] == ["The images of GAN", "The images of DCGAN"]
    assert "Searched among 60,000 training images in pixels and 10,000 in features." in captions[0]
    markdown = result.md.read_text(encoding="utf-8")
    for name in ("gan-s0", "dcgan-s0"):
        assert f"runs/{name}/nearest.png" in markdown
        assert f"runs/{name}/nearest-features.png" in markdown


def test_runs_of_before_say_nothing_of_it(tmp_path):
    run = write_run(tmp_path / "run", "gan", dissect=False, num_pictures=1)
    record = json.loads((run / "measure.json").read_text(encoding="utf-8"))
    del record["memorisation"]
    (run / "measure.json").write_text(json.dumps(record), encoding="utf-8")
    html = parse(page.render([run]).html)
    assert "compare" in html.values("id")
    assert "memory" not in html.values("id")
    assert Words("en")("memory.title") not in html.text


@pytest.mark.parametrize("lang", LANGS)
def test_a_second_network_has_a_table(render, lang):
    found = section(source(render("known", lang)), "compare")
    assert Words(lang)("scores.table.other", name="fashion-v1b") in found
    assert "precision10k_test[fashion-v1b]" in found


def test_a_second_network_has_a_table_only_where_all_runs_have_it(tmp_path):
    """A measurement of an older snapshot does not count."""
    gan, dcgan = (
        read_run(write_run(tmp_path / name, name, dissect=False, variant=VARIANTS["known"], num_pictures=1))
        for name in ("gan", "dcgan")
    )
    desk = Desk(Records(tmp_path, (gan, dcgan), {}), Words("en"))
    (table,) = other_tables(desk, [gan, dcgan])
    assert table.columns[1:3] == ("GAN", "DCGAN")
    path = dcgan.folder / "measure-fashion-v1b.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(record | {"nimg": 1}), encoding="utf-8")
    assert other_tables(desk, [gan, read_run(dcgan.folder)]) == []
    path.unlink()
    assert other_tables(desk, [gan, read_run(dcgan.folder)]) == []
    assert len(other_tables(desk, [gan])) == 1
