"""Charts, colours and computed sentences against closed forms."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from ganatomy.reporting import figures, palette, pictures
from ganatomy.reporting.blocks import LegendItem
from ganatomy.reporting.figures import Axis, Curve
from ganatomy.reporting.section_claims import scale
from ganatomy.reporting.trends import trend


def luminance(code: str) -> float:
    channels = [int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    """WCAG 2.2 contrast ratio."""
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_formula_on_black_and_white():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


def test_all_text_has_contrast_in_both_themes(html):
    """From the custom properties in the page itself; every colour but the surfaces may carry text."""
    themes = re.findall(r":root\{color-scheme:[^;]+;([^}]+)\}|:root\{([^}]+)\}", html)
    themes = ["".join(pair) for pair in themes]
    assert len(themes) == 2
    for theme in themes:
        colours = dict(re.findall(r"--([a-z0-9]+):(#[0-9a-f]{6})", theme))
        assert set(colours) == set(palette.LIGHT)
        for name, code in colours.items():
            if name not in ("paper", "panel", "line"):
                assert contrast(code, colours["paper"]) >= 4.5, name
        for name in ("ink", "muted", "holds", "fails", "undecided"):
            assert contrast(colours[name], colours["panel"]) >= 4.5, name


def test_no_text_is_smaller_than_12_px(html):
    css = html[html.index("<style>") : html.index("</style>")]
    for rem in re.findall(r"font-size: ([\d.]+)rem", css):
        assert float(rem) * 16 >= 12
    for rem in re.findall(r"font: \d+ ([\d.]+)rem", css):
        assert float(rem) * 16 >= 12
    assert not re.search(r"font-size: [\d.]+(em|%)", css)
    for px in re.findall(r"font-size[:=] ?\"?([\d.]+)(?:px)?[;\"]", html[html.index("</style>") :]):
        assert float(px) >= 12


def test_charts_follow_the_theme_and_have_unique_ids(html):
    body = html[html.index("<body>") :]
    assert not re.search(r"#00fa[0-9a-f]{2}", html)
    assert "var(--g)" in body
    assert not re.search(r"(?:fill|stroke): ?#(?!fff)", body)
    ids = re.findall(r'\bid="([^"]+)"', body)
    assert len(ids) == len(set(ids))
    for target in re.findall(r"url\(#([^)]+)\)", body):
        assert target in ids


def small_chart(key: str = "fig1") -> figures.Chart:
    nimg = np.arange(1, 41) * 1000.0
    curves = [Curve(nimg, 1 + 1 / np.arange(1, 41), "g", "G"), Curve(nimg, np.full(40, 0.9), "d", "D")]
    return figures.loss_chart(key, [("", curves)], Axis("张数 <x>", "损失", 'a "b"'), figures.limits(curves))


def test_a_chart_repeats_byte_for_byte_and_is_well_formed_without_a_date():
    first, second = small_chart(), small_chart()
    assert first == second
    root = ElementTree.fromstring(first.file)
    texts = ["".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"张数 <x>", "损失", "G", "D"} <= set(texts)
    assert "metadata" not in first.file
    assert "<style" not in first.wide
    assert 'aria-label="a &quot;b&quot;"' in first.wide
    assert "var(" not in first.file
    assert palette.LIGHT["g"] in first.file


def test_the_file_holds_its_legend():
    names = ["连衣裙", "包"]
    legend = (LegendItem("run0", "bar", "GAN & co"), LegendItem("ink", "line", "真实"))
    drawn = figures.class_chart("c", names, [[0.9, 0.1]], [0.5, 0.5], Axis("%", "", "alt"), legend)
    texts = "".join(ElementTree.fromstring(drawn.file).itertext())
    assert "GAN & co" in texts
    assert "真实" in texts
    assert "连衣裙" in texts
    assert "90.0" in texts


def test_running_mean_keeps_constants_and_lines():
    line = np.linspace(0, 1, 200)
    np.testing.assert_allclose(figures.running_mean(line), line, atol=1e-12)
    np.testing.assert_allclose(figures.running_mean(np.full(7, 3.0)), 3.0)
    np.testing.assert_allclose(figures.running_mean(np.array([0.0, 3.0, 0.0]))[1], 1.0)


def test_labels_are_pushed_apart_and_keep_their_order():
    moved = figures.spread([10.0, 12.0, 11.0, 80.0], 16)
    order = np.argsort(moved)
    assert list(order) == [0, 2, 1, 3]
    assert np.diff(np.sort(moved)).min() >= 16 - 1e-6
    assert moved[3] == 80.0
    assert np.mean(moved[:3]) == pytest.approx(11.0, abs=1e-6)


def test_trend_of_a_line_and_of_noise():
    nimg = np.arange(1, 101) * 1000.0
    falling = trend(nimg, 3 - nimg / 100_000)
    assert falling is not None
    assert falling.moves == "falls"
    assert falling.slope == pytest.approx(-0.1)
    assert falling.drift == pytest.approx(-0.19)
    assert (falling.first, falling.last) == (pytest.approx(2.895), pytest.approx(2.095))
    assert not falling.is_settled
    flat = trend(nimg, np.tile([1.0, 2.0], 50))
    assert flat is not None
    assert flat.moves == "stays"
    assert flat.is_settled
    assert trend(nimg[:9], nimg[:9]) is None


def test_claims_scale_places_shares_on_the_whole_line_and_others_on_their_range():
    row = {"id": "C1", "value": 0.5, "lo": 0.25, "hi": 1.0, "threshold": 0.9, "control": {"value": 0.0}}
    found = scale(row)
    assert found is not None
    assert (found.lo, found.value, found.hi, found.control) == (28.0, 50.0, 94.0, 6.0)
    ratio = scale({"id": "C13", "value": 7.0, "lo": None, "hi": None, "threshold": 2.0})
    assert ratio is not None
    assert (ratio.threshold, ratio.value, ratio.lo, ratio.hi) == (6.0, 94.0, 94.0, 94.0)
    assert scale({"id": "C1", "value": None, "threshold": 0.9}) is None


def test_strips_and_pairs_copy_pixels(tmp_path: Path):
    from PIL import Image

    sheets = []
    for k in (1, 2):
        sheet = np.full((8, 8), 10 * k, np.uint8)
        sheet[:2] = k
        sheets.append(tmp_path / f"{k}.png")
        Image.fromarray(sheet).save(sheets[-1])
    strip = pictures.pixels(pictures.strip(sheets, (2, 2), 3, tmp_path / "made" / "strip.png"))
    assert strip.tolist() == [[1] * 6] * 2 + [[2] * 6] * 2
    pairs = pictures.pixels(pictures.paired_rows(*sheets, (2, 2), 2, tmp_path / "pairs.png"))
    assert pairs[:, 0].tolist() == [1, 1, 2, 2, 255, 255, 255, 255, 10, 10, 20, 20]
    assert pictures.change(*sheets) == pytest.approx((16 * 1 + 48 * 10) / 64)
