"""Pages on any data: a set that stands in, own pictures, no classes, colour, sizes other than 28 x 28."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fixture import write_lab, write_run
from pages import BROKEN, parse
from PIL import Image
from variants import ATELIER_NAMES, BIRDS, REASON, VARIANTS, bare

from ganatomy.datasets import collection
from ganatomy.datasets.fitting import Fitting
from ganatomy.laboratory.claims import decide_claims
from ganatomy.laboratory.evidence import Evidence
from ganatomy.laboratory.number_claims import NUMBER_CLAIMS, missing
from ganatomy.reporting import figures, page, pictures, reasons
from ganatomy.reporting.page import ReportResult
from ganatomy.reporting.scoring import covered_share
from ganatomy.reporting.section_compare import kept_bars
from ganatomy.reporting.words import Words

Render = Callable[[str, str], ReportResult]
ATELIER_ZH = ("T恤", "毛衣", "大衣", "连衣裙", "半身裙", "长裤", "短裤", "运动鞋", "靴子", "高跟鞋")
ABOUT_CLASSES = {
    "en": ("Classes covered", "Median confidence", "most frequent class", "change class", "class entropy 2", "Dress"),
    "zh": ("覆盖的类别", "置信度中位数", "最多的类别", "类别发生改变", "类别熵 2", "连衣裙"),
}


@pytest.fixture(scope="session")
def render(tmp_path_factory: pytest.TempPathFactory) -> Render:
    """Render a variant's lab in a language; each lab and each page is made once."""
    labs: dict[str, Path] = {}
    made: dict[tuple[str, str], ReportResult] = {}

    def found(variant: str, lang: str) -> ReportResult:
        if variant not in labs:
            labs[variant] = write_lab(tmp_path_factory.mktemp(variant), variant=VARIANTS[variant])
        if (variant, lang) not in made:
            out = tmp_path_factory.mktemp(f"{variant}-{lang}")
            made[variant, lang] = page.render([labs[variant]], lang=lang, out=out)
        return made[variant, lang]

    return found


def section(html: str, name: str) -> str:
    """Return the text of one section."""
    found = re.search(rf'<section id="{name}">.*?</section>', html, flags=re.S)
    assert found, name
    return " ".join(re.sub(r"<[^>]+>", " ", re.sub(r"<svg.*?</svg>", " ", found[0], flags=re.S)).split())


def source(result: ReportResult) -> str:
    return result.html.read_text(encoding="utf-8")


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("variant", ["fallback", "birds", "unlabelled", "tiny"])
def test_no_page_is_broken_or_asks_for_anything(render, variant, lang):
    result = render(variant, lang)
    found = parse(result.html)
    for text in (found.text, result.md.read_text(encoding="utf-8")):
        assert not BROKEN.search(text), BROKEN.search(text)
    for value in found.values("src", "href", "xlink:href", "srcset", "action", "data", "poster"):
        assert value.startswith(("#", "data:")), value[:80]
    ids = found.values("id")
    assert len(ids) == len(set(ids))
    assert all(target[1:] in ids for target in found.values("href") if target.startswith("#"))
    assert not re.search(r"<tbody>\s*</tbody>", source(result))


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_set_that_stands_in_is_announced_before_everything_else(render, lang):
    result, words = render("fallback", lang), Words(lang)
    html = source(result)
    body = html[html.index("<body>") :]
    assert 0 < body.index('class="banner"') < body.index("<h1>")
    banner = parse(result.html).text.split(words("page.kicker"))[0]
    assert words("banner.title", wanted="Fashion-MNIST") in banner
    assert REASON in banner
    assert words("data.atelier" if False else "page.figure", n=1)  # the words of this language are the ones asked for
    assert words.name("data", "atelier") in banner
    assert "<code>ganatomy data get fashion-mnist</code>" in html
    for file in ("train-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"):
        assert file in banner
    lines = [line for line in result.md.read_text(encoding="utf-8").splitlines() if line]
    assert lines[0].startswith("# ")
    assert lines[1] == f"> **{words('banner.title', wanted='Fashion-MNIST')}**"
    assert any(line.startswith("> ") and "`ganatomy data get fashion-mnist`" in line for line in lines[:10])


@pytest.mark.parametrize("variant", ["birds", "tiny"])
def test_a_set_that_was_asked_for_has_no_banner(render, variant):
    result = render(variant, "en")
    assert 'class="banner"' not in source(result)
    assert "> **" not in result.md.read_text(encoding="utf-8")


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_fallback_is_read_from_lab_json_alone_too(tmp_path, lang):
    lab = write_lab(tmp_path, dissect=False, scores=False, variant=VARIANTS["fallback"])
    for path in (lab / "runs").glob("*/data.json"):
        path.unlink()
    assert REASON in parse(page.render([lab], lang=lang).html).text


def test_classes_of_the_drawn_set_have_chinese_names(render):
    text = section(source(render("fallback", "zh")), "data")
    assert "、".join(ATELIER_ZH) in text
    assert "atelier（程序绘制）含 60,000 张训练图像和 10,000 张测试图像" in text
    english = section(source(render("fallback", "en")), "data")
    assert ", ".join(ATELIER_NAMES[:-1]) in english
    assert "None of them is a photograph" in english


def test_measured_classes_of_the_drawn_set_have_chinese_names(tmp_path):
    run = write_run(tmp_path / "run", "gan", dissect=False, variant=VARIANTS["atelier"])
    html = source(page.render([run], lang="zh"))
    assert "长裤" in section(html, "compare")
    assert "fd10k_test[atelier-v1]" in html
    assert Words("zh")("features.shipped") in html
    assert 'class="banner"' not in html


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_own_names_stay_as_they_are(render, lang):
    html = source(render("birds", lang))
    told = section(html, "data")
    for name in BIRDS:
        assert name in told
    assert "连衣裙" not in html
    assert "my_birds" in told
    assert "barn owl" not in html


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_data_come_before_the_setup_with_a_picture(render, lang):
    result = render("birds", lang)
    ids = [value for value in parse(result.html).values("id") if value in ("data", "setup", "fig-data", "fig-1")]
    assert ids == ["data", "fig-data", "setup", "fig-1"]
    assert [entry["id"] for entry in result.figures][-1] == "fig-data"
    assert Words(lang)("fig.real", data="my_birds") in section(source(result), "data")
    assert "None" not in result.md.read_text(encoding="utf-8")


def test_without_a_picture_of_the_data_the_figure_is_left_out(tmp_path):
    run = write_run(tmp_path / "run", "gan", dissect=False, variant=VARIANTS["known"])
    (run / "real.png").unlink()
    result = page.render([run])
    assert "fig-data" not in parse(result.html).values("id")
    assert "Fashion-MNIST has 60,000 training images and 10,000 test images" in section(source(result), "data")


def test_a_run_from_before_data_json_is_told_from_its_configuration(report):
    text = section(source(report), "data")
    assert "Fashion-MNIST" in text
    assert "28×28" in text
    assert "60,000" in text
    assert "10,000" in text


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_findings_are_told_whole(render, lang):
    words = Words(lang)
    text = section(source(render("birds", lang)), "data")
    for number in ("3,023", "3,000", "23", "480×320", "400×320", "48×32", "2,700", "JPEG RGB", "PNG RGBA"):
        assert number in text, number
    assert words("found.more_sizes", n=7) in text  # 9 sizes and 4 others, of which 6 are shown
    assert "384×320" not in text
    assert words("conversion.alpha_on_white") in text
    assert "finch/a_2.png" in text
    assert "owl/b.png" not in text
    assert "something_new" in text
    assert words("duplicates.some", n=7, exact=2) in text
    assert words("decided.fit.pad") in text
    assert words("decided.channels.3") in text
    assert words("decided.split.drawn") in text
    for known in ("why.fit_pad", "why.size_asked"):
        assert words(known).replace("`", "")[:12] in text
    assert words("why.colour", n=280, total=300, name="finch/a_1.png") in text
    assert text.count(".heic pictures are not read") == 20
    assert words("refused.more", n=3) in text


def test_file_names_cannot_inject(tmp_path):
    findings = dict(VARIANTS["birds"].findings or {})
    findings["refused"] = findings["refused"][-1:]
    run = write_run(
        tmp_path / "run", "gan", dissect=False, variant=dataclasses.replace(VARIANTS["birds"], findings=findings)
    )
    result = page.render([run])
    assert "<b>evil" not in source(result)
    assert "tern/<b>evil</b> | " in parse(result.html).text
    row = next(line for line in result.md.read_text(encoding="utf-8").splitlines() if "evil" in line)
    assert len(re.findall(r"(?<!\\)\|", row)) == 3


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_findings_that_lack_nearly_everything(tmp_path, lang):
    run = write_run(tmp_path / "run", "gan", dissect=False, variant=bare(VARIANTS["birds"]))
    text = section(source(page.render([run], lang=lang)), "data")
    assert Words(lang)("source.npz") in text
    assert not BROKEN.search(text)
    assert "many" not in text


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
    assert "fig.classes" not in text
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
    assert "rough" not in html.lower()
    assert "粗略" not in html


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
    run = write_run(tmp_path / "run", "gan", dissect=False, variant=VARIANTS["large"])
    result = page.render([run])
    html = source(result)
    assert html.count("data:image/webp") == html.count("<img ") == html.count('class="with-pictures full"')
    assert html.count('class="picture large dense"') + html.count('class="picture labelled large dense"') == html.count(
        "<img "
    )
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


def test_runs_on_several_data_sets_tell_each(tmp_path):
    runs = [write_run(tmp_path / name, "gan", dissect=False, variant=VARIANTS[name]) for name in ("known", "tiny")]
    for run, sha in zip(runs, ("aa" * 32, "bb" * 32)):
        for file in ("config.json", "data.json"):
            record = json.loads((run / file).read_text(encoding="utf-8"))
            record["data_sha256" if file == "config.json" else "sha256"] = sha
            (run / file).write_text(json.dumps(record), encoding="utf-8")
    result = page.render(runs)
    text, ids = section(source(result), "data"), parse(result.html).values("id")
    assert "Fashion-MNIST has 60,000" in text
    assert "stamps has 900" in text
    assert {"fig-data-known", "fig-data-tiny", "data-known", "data-tiny"} <= set(ids)
    assert "Fashion-MNIST and stamps" in parse(result.html).text


def test_real_shares_of_own_classes_are_counted(render, tmp_path):
    assert Words("en")("classes.how", even="33.3\N{NARROW NO-BREAK SPACE}%") in section(
        source(render("birds", "en")), "compare"
    )
    run = write_run(tmp_path / "run", "gan", dissect=False, variant=VARIANTS["atelier"])
    assert "The upright line is an even share" in section(source(page.render([run])), "compare")


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
    assert {"owl", "trouser"} & {"trouser"}
    assert "trouser" in reasons.told(Words("en"), "the data of gan-s0 have no class called trouser.", reasons.CLAIMS)
    assert "原文" in reasons.told(Words("zh"), "something else.", reasons.CLAIMS)
    assert reasons.told(Words("en"), "", reasons.CLAIMS) == ""


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("with_classes", [True, False])
def test_what_the_reader_finds_is_told(tmp_path, fit, with_classes):
    """The real reader's findings, so that its words and keys and the page's stay together."""
    draw = np.random.default_rng(0)
    for i in range(24):
        folder = tmp_path / "own" / (f"class_{i % 2}" if with_classes else "")
        folder.mkdir(parents=True, exist_ok=True)
        image = draw.integers(0, 255, (20 + i % 3, 16, 4), dtype=np.uint8)
        Image.fromarray(image, "RGBA").save(folder / f"{i}.png")
    (tmp_path / "own" / ("class_0" if with_classes else "") / "notes.txt").write_text("no picture", encoding="utf-8")
    *_, (dataset, findings) = collection.read_path(tmp_path / "own", Fitting(size=(20, 16), fit=fit))
    variant = dataclasses.replace(
        VARIANTS["unlabelled"], data=dataset.name, class_names=dataset.class_names, img_shape=dataset.img_shape,
        num_train=len(dataset.train), num_test=len(dataset.test), findings=findings.to_dict(),
    )  # fmt: skip
    run = write_run(tmp_path / "run", "gan", dissect=False, variant=variant)
    for lang in ("en", "zh"):
        words = Words(lang)
        text = section(source(page.render([run], lang=lang)), "data")
        assert not BROKEN.search(text)
        assert words(f"decided.fit.{fit}") in text
        assert words(f"conversion.fit_{fit}") in text
        assert words("conversion.alpha_on_white") in text
        assert "20×16" in text
        assert "notes.txt" in text
        assert "_" not in text.replace("class_", "")
        table = section(source(page.render([run], lang="zh")), "data")
        assert "程序的说明" not in table
        assert (words("classes.table") in text) == with_classes


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
