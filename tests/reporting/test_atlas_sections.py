"""The dissection part of the page: every block there, its sentences right, older and odd records rendered."""

from __future__ import annotations

import html as markup
import json
import math
import re
import xml.etree.ElementTree as ElementTree

import pytest
import scipy.stats
from atlas_fixture import FURTHER, effects, order
from fixture import write_lab, write_run
from pages import BROKEN, parse, source
from pages import section as escaped

from ganatomy.reporting import page
from ganatomy.reporting.figures import text_columns
from ganatomy.reporting.words import Words, num, percent

LANGS = ("en", "zh")
PARTS = ("brief", "values", "numbers", "groups", "becomes", "beyond", "own")
FIGURES = ("curves", "ranking.ends", "heat", "spectrum", "groups", "moves", "scales", "own")
FILL = {"run": "DCGAN", "n": 100, "num": 8, "strong": 12, "weak": 6}


def section(html, name):
    """Return the text of one section as people read it."""
    return markup.unescape(escaped(html, name)).replace(" ，", "，")


def plain(text):
    return " ".join(text.split())


def title(words, key):
    more = {"moves": {"values": words.listing(["5", "20"])}, "own": {"n": 2}}.get(key, {})
    return plain(words(f"fig.{key}", **FILL | more))


@pytest.fixture(params=LANGS)
def told(request, reports):
    """The DCGAN's section of the whole lab and its language."""
    return section(source(reports[request.param]), "latent-dcgan-s0"), Words(request.param)


def test_every_question_has_a_heading_and_every_figure_its_place(told, reports):
    text, words = told
    html = source(reports[words.lang])
    for part in PARTS:
        assert plain(words(f"head.{part}")) in text
        for run in ("gan-s0", "dcgan-s0"):
            assert f'id="{part}-{run}"' in html
    places = [text.index(title(words, key)) for key in FIGURES]
    assert places == sorted(places)
    assert "measured-gan-s0" in html


def test_the_answer_in_short_is_from_the_numbers(told):
    text, words = told
    at = {"n": 100, "values": words.listing(["0.1", "5", "20"]),
          "shares": words.listing([percent(x) for x in (0.02, 0.16, 0.31)])}  # fmt: skip
    assert plain(words("brief.values", **at) + words("brief.redrawn", control=percent(0.02))) in text
    assert plain(words("brief.flips", shares=words.listing([percent(x) for x in (0.02, 0.28, 0.66)]))) in text
    assert plain(words("brief.idle.some", idle=3, n=100)) in text
    share = effects(100)[:10].sum() / effects(100).sum()
    assert plain(words("brief.tenth", tenth=10, share=percent(share), even=percent(0.1))) in text
    assert plain(words("brief.dimension", ways="1.7", z_dim=100)) in text
    before = 2 / 55  # class 1 of ten, whose shares are 1 : 2 : ... : 10
    named = {"top": words.name("class", "Trouser"), "share": percent(0.2 * before + 0.8), "base": percent(before)}
    assert plain(words("brief.converge.one", value="20", **named)) in text
    assert plain(words("brief.precision.down", value="20", before=percent(0.62), after=percent(0.08))) in text
    assert plain(words("brief.scale.other", scale="2", value="12.0", ours="16.0")) in text


def test_ranking_trust_and_agreement_with_the_jacobian(told):
    text, words = told
    rho = scipy.stats.spearmanr(effects(100), range(1, 101)).statistic
    assert plain(words("ranking.agree.apart", rho=num(rho, 2))) in text
    assert plain(words("ranking.trust.certain", dim=0, first=1, last=1, median="4", n=100)) in text
    items = [
        words("ranking.named.item", dim=dim, name=words.name("trait", name), change=change)
        for dim, name, change in ((0, "brightness", "+0.50"), (1, "position_x", "\N{MINUS SIGN}0.25"))
    ]
    assert plain(words("ranking.named", items=words.listing(items))) in text
    assert plain(words("ranking.named.rest", rest=98, n=100, limit="0.10")) in text
    assert plain(words("ranking.ends.zero", dim_high=0, dim_low=99, high="10.0", low="0", ratio="")) in text


def test_heat_spectrum_groups_and_moves(told):
    text, words = told
    assert plain(words("heat.alike.apart", value="2", likeness=num(-1 / 27, 2))) in text
    assert "80.0" in text  # the lightest colour: 10 levels times 8 columns
    assert plain(words("spectrum.num", num="2.25", lo="2.00", hi="2.50")) in text
    assert plain(words("spectrum.first", share=percent(0.75))) in text  # of a geometric series with ratio 1/4
    assert plain(words("groups.weigh.less", strong=10, weak=50)) in text
    assert plain(words("groups.strong.does", n=10, off=percent(0.04), redrawn=percent(0.08))) in text
    before = 2 / 55
    assert plain(words("moves.kept", value="20", kept=percent(0.2 + 0.8 * before))) in text
    shares = {"after": percent(0.2 * before + 0.8), "before": percent(before)}
    assert plain(words("moves.source", value="20", name=words.name("class", "Trouser"), **shares)) in text
    items = [words("moves.become.item", name=words.name("class", name), n=50) for name in ("Trouser", "Pullover")]
    assert plain(words("moves.become.many", items=words.listing(items), num=2, n=100)) in text


def test_beyond_the_training_distribution(told):
    text, words = told
    far = (math.sqrt(124) - scipy.stats.chi.mean(100)) / scipy.stats.chi.std(100)
    norms = {"value": "5", "z_dim": "100", "norm": "10.0", "edited": num(math.sqrt(124)), "more": "24.0"}
    start = plain(words("outside.reading", beyond="5.7 × 10⁻⁷", far=num(far, 2), **norms))
    assert start in text
    assert plain(words("outside.reading.near")) in text
    for key, scale, value in (
        ("precision", "0.5", percent(0.8)),
        ("recall", "3", percent(0.6)),
        ("frechet", "2", "12.0"),
    ):
        assert plain(words(f"scales.best.{key}", scale=scale, value=value)) in text
    for prior in ("fixed norm", "one-hot x 2", "uniform x 0.5"):
        name = words.name("prior", prior)
        assert name != prior
        assert name in text
    further = {"n": 3, "name": words.name("prior", "fixed norm"), "value": "16.4"}
    assert plain(words("prior.further.none", **further)) in text


def test_own_edits_are_named_and_measured(told, reports):
    text, words = told
    table = text[text.index(plain(words("own.table"))) :]
    for edit in FURTHER:
        assert table.count(edit) == 2  # itself and its control
    most = percent(0.16)
    assert plain(words("own.most", edit=FURTHER[1], share=most)) in text
    html = source(reports[words.lang])
    assert f"<code>{FURTHER[1]}</code>" in html


@pytest.mark.parametrize("lang", LANGS)
def test_runs_stand_side_by_side(reports, lang):
    text, words = section(source(reports[lang]), "dissected"), Words(lang)
    share = percent(effects(100)[:10].sum() / effects(100).sum())
    for key, value in (
        ("idle", "3 / 100"),
        ("tenth", share),
        ("dimension", "1.67 1.51–1.83"),
        ("num_90", "2.25 2.00–2.50"),
    ):
        assert plain(f"{words(f'beside.{key}')} {value} {value}") in text
    for value, found in (("0.1", 0.02), ("5", 0.16), ("20", 0.31)):
        assert plain(f"{words('beside.visible', value=value)} {percent(found)} {percent(found)}") in text
    fall = f"\N{MINUS SIGN}{percent(0.54)} {percent(0.62)} → {percent(0.08)}"
    assert plain(f"{words('beside.precision', value='20')} {fall} {fall}") in text
    assert plain(f"{words('beside.scale')} 2 12.0") in text
    assert words.name("prior", "normal x 1.3") in text


def test_picture_files_and_labels(reports):
    for name in ("heat-gan-s0.png", "heat-dcgan-s0.png"):
        assert (reports["en"].html.parent / "figures" / name).exists()
    html = source(reports["en"])
    labels = re.search(r'<div class="column-labels"[^>]*>(.*?)</div>', html)[1]
    assert re.findall(r"<span>(.*?)</span>", labels) == ["−20", "−5", "−2", "0.1", "2", "5", "20", "draw"]
    ranked = [f"z[{dim}]" for dim in order(100)[:8]]
    rows = "".join(f"<span>{label}</span>" for label in ("all", *ranked))
    assert html.count(rows) == 2


def charts(html, run, kind):
    body = html[html.index(f'<section id="latent-{run}">') :]
    body = body[: body.index("</section>")]
    found = re.findall(rf'<div class="{kind}">(<svg.*?</svg>)</div>', body, flags=re.S)
    return [ElementTree.fromstring(svg.replace("&nbsp;", " ")) for svg in found]


@pytest.mark.parametrize("kind", [("narrow", 320), ("wide", 600)])
@pytest.mark.parametrize("lang", LANGS)
def test_words_of_charts_stay_inside_them_on_a_phone_too(reports, lang, kind):
    name, width = kind
    found = charts(source(reports[lang]), "dcgan-s0", name)
    assert len(found) == 6  # curves, ranking, all numbers, spectrum, classes, scales
    for chart in found:
        _, _, box, height = map(float, chart.attrib["viewBox"].split())
        assert box == width
        for text in chart.iter("text"):
            words = "".join(text.itertext())
            if "x" not in text.attrib or not words.strip():
                continue
            size = 0.6 * float(text.attrib.get("font-size", 12)) * text_columns(words)
            x, anchor = float(text.attrib["x"]), text.attrib.get("text-anchor", "start")
            left = x - {"start": 0, "middle": size / 2, "end": size}[anchor]
            assert left >= -8, (words, left)
            assert left + size <= box + 8, (words, left + size)
            assert 0 <= float(text.attrib["y"]) <= height


def test_panels_stack_on_a_phone(reports):
    curves = charts(source(reports["en"]), "dcgan-s0", "narrow")[0]
    titles = [node for node in curves.iter("text") if node.attrib.get("font-weight") == "600"]
    assert len(titles) == 8
    assert {float(node.attrib["x"]) for node in titles} == {0.0}
    places = [float(node.attrib["y"]) for node in titles]
    assert places == sorted(set(places))


@pytest.mark.parametrize("lang", LANGS)
def test_a_lab_from_before_the_atlas_renders_without_it(tmp_path, lang):
    found = page.render([write_lab(tmp_path / "lab", atlas=False, num_pictures=2)], lang=lang)
    html, words = source(found), Words(lang)
    assert not BROKEN.search(parse(found.html).text)
    text = section(html, "latent-dcgan-s0")
    for key in FIGURES:
        assert title(words, key) not in text
    for part in ("brief", "groups", "becomes", "own"):
        assert f'id="{part}-dcgan-s0"' not in html
    assert plain(words("fig.atlas", run="DCGAN", n=100)) in text
    assert words("prior.value") in text
    assert plain(words("beside.noise")) in section(html, "dissected")


def changed(run, change):
    """Rewrite a run's dissect.json and jacobian.json."""
    paths = [run / "dissect" / name for name in ("dissect.json", "jacobian.json")]
    record, jacobian = (json.loads(path.read_text(encoding="utf-8")) for path in paths)
    change(record, jacobian)
    for path, content in zip(paths, (record, jacobian)):
        path.write_text(json.dumps(content), encoding="utf-8")


def silent(record, jacobian):
    """Nothing does anything: no effect, no change, no strength."""
    record["attributes"]["moves"] = [None] * 7
    for row in record["ranking"]["numbers"]:
        row |= {"effect": 0.0, "lo": 0.0, "hi": 0.0, "control": 0.0, "is_idle": True}
    for curve in record["curves"].values():
        for point in (*curve["values"], curve["control"]):
            point |= {"mean": curve["base"] or 0.0, "lo": 0.0, "hi": 1.0}
    for row in record["moves"]["numbers"]:
        row |= {"becomes": None, "share": None, "leaves": None, "source_share": None, "flipped": 0.0}
    num = len(record["moves"]["base"])
    record["moves"]["matrices"] = {key: [[float(i == k) for i in range(num)] for k in range(num)]
                                   for key in record["moves"]["matrices"]}  # fmt: skip
    record["moves"]["shares"] = dict.fromkeys(record["moves"]["shares"], record["moves"]["base"])
    for row in record["groups"] + record["further"]:
        row["mean"] = row["control"]["mean"] = 0.0
    for row in jacobian["strength"]:
        row |= {"mean": 0.0, "lo": 0.0, "hi": 0.0}
    jacobian["spectrum"] = {key: [0.0] * 7 for key in jacobian["spectrum"]}


def undefined(record, jacobian):
    """Everything that may be None is."""
    record["attributes"] = {"message": "the values -2 and 2 were not measured."}
    for curve in record["curves"].values():
        curve["base"] = None
        curve["control"] = {"mean": None, "lo": None, "hi": None}
        curve["values"][0] |= {"mean": None, "lo": None, "hi": None}
    for row in record["ranking"]["numbers"]:
        row["control"] = None
    for row in record["groups"] + record["further"]:
        row["control"] = {"mean": None, "lo": None, "hi": None}
    for row in record["scales"]["rows"]:
        for key in ("frechet", "frechet_se", "precision", "recall"):
            row[key] = None
    for key in ("strength", "spectrum", "effective_dimension", "num_90"):
        del jacobian[key]


def level(record, jacobian):
    """Ties everywhere: all numbers and classes are alike, and 20 reaches as far as -20."""
    for row in record["ranking"]["numbers"]:
        row |= {"effect": 1.0, "lo": 1.0, "hi": 1.0, "rank_lo": 1, "rank_hi": 7, "is_idle": False}
    for row in record["scales"]["rows"]:
        row |= {"frechet": 5.0, "precision": 0.5, "recall": 0.5}
    for row in jacobian["strength"]:
        row |= {"mean": 2.0, "lo": 2.0, "hi": 2.0}


@pytest.mark.parametrize("change", [silent, undefined, level])
@pytest.mark.parametrize("lang", LANGS)
def test_any_numbers_give_whole_sentences(tmp_path, lang, change):
    run = write_run(tmp_path / "run", "dcgan", z_dim=7, dims=(2, 5), values=(0.1, 5.0, 20.0), num_pictures=2)
    changed(run, change)
    found = page.render([run], lang=lang)
    text, words = section(source(found), "latent-run"), Words(lang)
    for whole in (parse(found.html).text, found.md.read_text(encoding="utf-8")):
        assert not BROKEN.search(whole), BROKEN.search(whole)
    assert plain(words("fig.curves", run="DCGAN", n=7)) in text
    if change is silent:
        assert plain(words("brief.idle.all", n=7)) in text
        assert plain(words("groups.weigh.same", strong=1, weak=4)) in text
        assert plain(words("fig.spectrum", run="DCGAN")) not in text
    if change is level:
        assert plain(words("brief.idle.none", n=7)) in text
        assert plain(words("ranking.trust.open", dim=0, first=1, last=7, median="7", n=7)) in text
        assert "Spearman" not in text
        assert "斯皮尔曼" not in text


@pytest.mark.parametrize("lang", LANGS)
def test_one_number_one_value_and_no_classes(tmp_path, lang):
    run = write_run(tmp_path / "run", "gan", z_dim=1, dims=(0,), values=(-3.0,), num_pictures=2)

    def without_classes(record, jacobian):
        del record["moves"]
        for name in ("confidence", "class_flip", "class_entropy", "top_class_share", "precision", "logit"):
            record["curves"].pop(name, None)

    changed(run, without_classes)
    found = page.render([run], lang=lang)
    words = Words(lang)
    assert not BROKEN.search(parse(found.html).text)
    text = section(source(found), "latent-run")
    assert plain(words("fig.ranking.whole", run="GAN", strong=12, weak=6, n=1)) in text
    assert plain(words("head.becomes")) not in text
    assert "−3" in text


def test_converging_each_to_its_own_class_is_told_from_none(tmp_path):
    run = write_run(tmp_path / "run", "dcgan", num_pictures=2)

    def set_top(record, jacobian, after):
        shares = record["moves"]["shares"]["20"]
        record["moves"]["shares"]["20"] = [1 / len(shares)] * len(shares)
        record["curves"]["top_class_share"]["values"][-1]["mean"] = after

    for after, kind in ((0.6, "each"), (0.2, "none")):
        changed(run, lambda record, jacobian, after=after: set_top(record, jacobian, after))
        text, words = section(source(page.render([run])), "latent-run"), Words("en")
        named = {"top": "T-shirt/top", "share": percent(0.1), "own": percent(after), "before": percent(0.19)}
        assert plain(words(f"brief.converge.{kind}", value="20", base="", **named)) in text
