"""Pages on any pictures: without classes, by other feature networks, in colour, of other sizes and many classes."""

from __future__ import annotations

import base64
import io
import json
import re

import numpy as np
import pytest
from fixture import write_run
from pages import parse, section, source
from PIL import Image
from variants import VARIANTS

from ganatomy.laboratory.claims import decide_claims
from ganatomy.laboratory.evidence import Evidence
from ganatomy.laboratory.number_claims import NUMBER_CLAIMS, missing
from ganatomy.reporting import figures, page, pictures, reasons
from ganatomy.reporting.scoring import covered_share
from ganatomy.reporting.section_compare import kept_bars
from ganatomy.reporting.words import Words

ABOUT_CLASSES = {
    "en": ("Classes covered", "Median confidence", "most frequent class", "change class", "class entropy 2", "Dress"),
    "zh": ("覆盖的类别", "置信度中位数", "最多的类别", "类别发生改变", "类别熵 2", "连衣裙"),
}


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_without_classes_the_page_says_so_and_says_nothing_of_them(render, lang):
    words, html = Words(lang), source(render("unlabelled", lang))
    text = parse(render("unlabelled", lang).html).text
    plain = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", html[html.index("<body>") :]))
    assert words("missing.unlabelled", data="my_photos", network="random-v1").replace("`", "") in plain
    assert words("missing.claims") in plain
    assert words("data.unlabelled") in section(html, "data")
    assert words("missing.measures", names=words.listing([words.name("measure", m) for m in
                 ("confidence", "class_flip", "class_entropy")])) in plain  # fmt: skip
    for claim in ("C6", "C7", "C8"):
        row = re.search(rf'<li id="claim-{claim}".*?</ol>|<li id="claim-{claim}".*?(?=<li id="claim-)', html, re.S)
        assert row
        assert words("reason.no_classes", network="random-v1") in row[0]
    outside = html.replace(html[html.index('<section id="claims">') : html.index('<section id="networks">')], "")
    for phrase in ABOUT_CLASSES[lang]:
        assert phrase not in outside, phrase
    assert words("fig.classes", runs="") not in text


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_with_classes_but_random_features_the_page_says_what_helps(render, lang):
    words, html = Words(lang), source(render("tiny", lang))
    plain = re.sub(r"<[^>]+>", "", html)
    assert words("missing.untrained", data="stamps", network="random-v1").replace("`", "") in plain
    assert "<code>ganatomy features train DATA</code>" in html
    assert words("features.random") in section(html, "compare")


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_reason_that_only_the_measurement_knows_is_quoted(tmp_path, lang):
    run = write_run(tmp_path / "run", "gan", dissect=False, variant=VARIANTS["tiny"])
    record = json.loads((run / "measure.json").read_text(encoding="utf-8"))
    record["message"] = "it knows no classes and no other can be trained: stamps has 12 training images"
    (run / "measure.json").write_text(json.dumps(record), encoding="utf-8")
    assert f"“{record['message']}”" in parse(page.render([run], lang=lang).html).text


@pytest.mark.parametrize(("variant", "key", "num"), [("tiny", "few.rank", 100), ("birds", "few.some", 300)])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_few_real_images_are_noted_beside_the_score(render, variant, key, num, lang):
    words, html = Words(lang), source(render(variant, lang))
    assert words(key, n=num) in section(html, "compare")
    assert words("few.short", n=num) in html[: html.index("<main>")]


def test_enough_real_images_are_not_called_rough(report):
    html = source(report)
    assert not re.search(r"\brough\b|粗略", html, re.I)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_networks_trained_by_the_user_are_named(render, lang):
    html = source(render("birds", lang))
    assert "fd10k_test[own-1a2b3c4d]" in html
    assert re.sub("`", "", Words(lang)("features.own")) in section(html, "compare").replace(" ，", "，")
    assert "own-1a2b3c4d · SHA-256" in section(html, "reproduce")
    assert "93.4" in section(html, "reproduce")


@pytest.mark.parametrize("variant", ["birds", "unlabelled", "tiny"])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_text_depends_on_the_data(render, variant, lang):
    html = source(render(variant, lang))
    claims = html[html.index('<section id="claims">') : html.index('<section id="networks">')]
    rest = re.sub(r"data:image[^\"]+", "", html[html.index("<body>") :].replace(claims, ""))
    grey = ("grey levels", "灰度级") if variant != "tiny" else ("mean of the three channels", "三个通道")
    for word in ("Fashion", "28×28", "garment", "trouser", "衣物", "裤", *grey):
        assert word not in rest, word
    assert Words(lang)("claims.other", data=VARIANTS[variant].data) in claims


@pytest.mark.parametrize("variant", ["fallback", "birds", "tiny"])
def test_pictures_are_enlarged_by_whole_factors_and_never_stretched(render, variant):
    html = source(render(variant, "en"))
    shown = re.findall(r'<img src="data:image/png;base64,([^"]+)" width="(\d+)" height="(\d+)"', html)
    assert len(shown) == html.count("<img ") > 10
    for encoded, width, height in shown:
        size = Image.open(io.BytesIO(base64.b64decode(encoded))).size
        scale = int(width) / size[0]
        assert scale == int(height) / size[1] == int(scale) >= 1
        assert int(width) <= 560
    assert "height: auto" in html


def test_large_pictures_fill_the_column_and_are_packed(tmp_path):
    run = write_run(tmp_path / "run", "gan", dissect=False, variant=VARIANTS["large"], num_pictures=2)
    result = page.render([run])
    html = source(result)
    num = html.count("<img ")
    assert html.count("data:image/webp") == html.count('class="with-pictures full"') == num == 3
    assert len(re.findall(r'class="picture(?: labelled)? large dense"', html)) == num
    assert 'width="1024" height="1024"' in html
    assert max(len(uri) for uri in re.findall(r"base64,([^\"]+)", html)) < 2**20
    assert "Shown are the 24 of 60 classes" in html
    assert "and 48 more" in section(html, "data")
    assert all((run / entry["file"]).suffix in (".png", ".svg") for entry in result.figures)


def test_room_for_pictures(tmp_path):
    def scale(width: int, height: int, rows: tuple[str, ...] = ()) -> int:
        path = tmp_path / "p.png"
        Image.fromarray(np.zeros((height, width), np.uint8)).save(path)
        return pictures.picture(path, "alt", rows=rows).scale

    assert scale(224, 224) == 2
    assert scale(256, 384) == 2  # 8 x 8 of 48 x 32
    assert scale(270, 748, rows=("a",)) == 1  # too tall to be doubled
    assert scale(104, 72) == 5
    assert scale(1024, 1024) == 1


def test_height_and_width_have_their_own_arithmetic(render):
    text = section(source(render("birds", "en")), "networks")
    assert "H: (48 + 2×1 − 4)/2 + 1 = 24 W: (32 + 2×1 − 4)/2 + 1 = 16" in text


def test_real_shares_of_own_classes_are_counted(render, tmp_path):
    assert Words("en")("classes.how", even="33.3 %") in section(source(render("birds", "en")), "compare")
    run = write_run(tmp_path / "run", "gan", dissect=False, variant=VARIANTS["atelier"])
    assert "The upright line is an even share, 10 %." in section(source(page.render([run])), "compare")


def test_reasons_of_the_laboratory_are_known():
    empty = decide_claims({"gan": [Evidence("gan-s0")], "dcgan": [Evidence("dcgan-s0")]})
    found = [row["reason"] for row in empty if row["reason"]]
    arrays = {f"all/edit/{name}": np.zeros((1, 2, 3)) for name in ("visible_share", "class", "confidence")}
    arrays |= {"all/base/class": np.zeros(3, int)}
    names = ["owl", "tern"]
    evidence = [
        Evidence("a", {"values": [20.0], "features": "random-v1"}, {"all/edit/visible_share": np.zeros((1, 2, 3))}),
        Evidence("a", {"values": [20.0], "features": None}, {"all/edit/visible_share": np.zeros((1, 2, 3))}),
        Evidence("a", {"values": [20.0], "features": "own-1a2b3c4d", "class_names": names}, arrays),
        Evidence("a", {"values": [5.0], "features": "own-1a2b3c4d", "class_names": names}, arrays),
    ]
    found += [missing(claim, [e]) for claim in NUMBER_CLAIMS if claim.id in ("C6", "C7", "C8") for e in evidence]
    found = [reason for reason in found if reason]
    assert len(found) > 20
    for reason in found:
        told = reasons.told(Words("zh"), reason, reasons.CLAIMS)
        assert "原文" not in told, reason
        assert not re.search(r"[a-z]{4,} [a-z]{2,} [a-z]{2,}", told.replace("`ganatomy dissect`", "")), told
    told = reasons.told(Words("en"), "the data of gan-s0 have no class called trouser.", reasons.CLAIMS)
    assert told == "the data have no class called trouser."
    assert "原文" in reasons.told(Words("zh"), "something else.", reasons.CLAIMS)
    assert reasons.told(Words("en"), "", reasons.CLAIMS) == ""


def test_a_class_counts_as_covered_from_a_share_that_fits_the_number_of_classes():
    assert covered_share(2) == covered_share(10) == 0.02
    assert covered_share(20) == pytest.approx(0.01)
    assert covered_share(100_000) == 0.001


def test_of_many_classes_those_furthest_from_the_line_are_drawn():
    real = [0.01] * 100
    row = [0.01] * 100
    row[7], row[93] = 0.05, 0.0
    kept = kept_bars([row], real)
    assert len(kept) == 24
    assert {7, 93} <= set(kept)
    assert kept == sorted(kept)
    assert kept_bars([[0.5, 0.5]], [0.5, 0.5]) == [0, 1]


def test_names_are_cut_to_what_a_plot_has_room_for():
    assert figures.shorten("great spotted woodpecker", 12) == "great spott…"
    assert figures.shorten("大斑啄木鸟", 8) == "大斑啄…"
    assert figures.shorten("owl", 3) == "owl"
    assert figures.text_columns("a大") == 3


def test_names_in_chinese_sentences_leave_no_gaps():
    words = Words("zh")
    text = words("answer.one", data="atelier（程序绘制）", run="GAN", value="2.3")
    assert text == "在 atelier（程序绘制）上训练后，GAN 的生成图像与真实测试图像的弗雷歇距离为 2.3。"
    assert words.listing(["a", "b", "c", "d", "e"], 2) == "a、b等（另有 3 个）"
    assert Words("en").listing(["a", "b", "c", "d"], 3) == "a, b, c and d"
