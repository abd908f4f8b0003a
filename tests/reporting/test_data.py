"""The data on the page: the banner of a set that stands in, what the data are, and how own pictures were read."""

from __future__ import annotations

import dataclasses
import json
import re

import numpy as np
import pytest
from fixture import write_lab, write_run
from pages import BROKEN, parse, section, source
from PIL import Image
from variants import ATELIER_NAMES, BIRDS, REASON, VARIANTS, bare

from ganatomy.datasets import collection
from ganatomy.datasets.fitting import Fitting
from ganatomy.reporting import page
from ganatomy.reporting.words import Words

ATELIER_ZH = ("T恤", "毛衣", "大衣", "连衣裙", "半身裙", "长裤", "短裤", "运动鞋", "靴子", "高跟鞋")


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
    banner = body[body.index("<aside") : body.index("</aside>")]
    banner = " ".join(re.sub(r"<[^>]+>", "", banner).split())
    assert words("banner.title", wanted="Fashion-MNIST") in banner
    assert REASON in banner
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
    assert "No picture is a photograph" in english


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
        assert "程序的说明" not in text  # every reason is known in Chinese
        assert (f"class_1 {11} {1}" in text) == with_classes
