"""Both languages say the same things, and numbers are written as people write them."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

from ganatomy import reporting
from ganatomy.reporting.text import en, zh
from ganatomy.reporting.words import Words, count, duration, num, percent, signed


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_both_languages_have_the_same_keys_and_placeholders():
    assert en.TEXT.keys() == zh.TEXT.keys()
    may_drop = {"join.sentences"}
    for key in en.TEXT:
        assert placeholders(en.TEXT[key]) == placeholders(zh.TEXT[key]), key
        assert en.TEXT[key] or key in may_drop
    translated = [key for key in en.TEXT if en.TEXT[key] != zh.TEXT[key]]
    assert len(translated) > 0.95 * len(en.TEXT)


def test_chinese_is_set_with_chinese_punctuation():
    for key, text in zh.TEXT.items():
        assert not re.search(r"[\u4e00-\u9fff][,;:?!]", text), key
        assert not re.search(r"[\u4e00-\u9fff]\.(?!\d)", text), key


def test_every_key_used_in_the_code_exists_and_every_key_is_used():
    folder = Path(reporting.__file__).parent
    paths = [*folder.glob("*.py"), *(folder / "templates").glob("*.j2")]
    source = "\n".join(path.read_text(encoding="utf-8") for path in paths)
    literal = set(re.findall(r'(?<![A-Za-z_])(?:words|t)\(\s*"([a-z_]+(?:\.[A-Za-z_]+)*)"', source))
    assert literal <= en.TEXT.keys()
    patterns = [re.sub(r"\\\{.*?\}", '[^"]+', re.escape(s)) for s in re.findall(r'f"([a-z]+\.[^" ]*\{[^"]*)"', source)]
    named = (
        "measure.",
        "class.",
        "data.",
        "prior.",
        "part.",
        "source.",
        "conversion.",
        "decision.",
        "signal.",
        "verdict.",
        "health.word.",
        "factor.",
        "trait.",
    )
    for key in en.TEXT:
        is_used = (
            f'"{key}"' in source or f"'{key}'" in source or any(re.fullmatch(pattern, key) for pattern in patterns)
        )
        assert is_used or key.startswith(named), key


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.04123, "0.0412"),
        (16.372, "16.4"),
        (7.08, "7.08"),
        (1234.5, "1,234"),
        (-0.31, "−0.310"),
        (0.9996, "1.000"),
        (3e-8, "3.00e−08"),
        (99.96, "100.0"),
    ],
)
def test_numbers_have_three_significant_digits(value, text):
    assert num(value) == text


def test_shares_counts_signs_and_times():
    thin = "\N{NARROW NO-BREAK SPACE}"
    assert [percent(x) for x in (0.617, 0.02, 1.0, 0.0)] == [f"61.7{thin}%", f"2{thin}%", f"100{thin}%", f"0{thin}%"]
    assert (count(60000), signed(0.5, 2), signed(-0.5, 2), signed(0)) == ("60,000", "+0.50", "−0.50", "0")
    words = Words("en")
    assert [duration(s, words) for s in (4.25, 42.4, 301, 7385)] == ["4.2 s", "42 s", "5 min 1 s", "2 h 3 min"]


def test_names_and_lists():
    words = Words("zh")
    assert words.name("class", "T-shirt/top") == "T 恤/上衣"
    assert words.name("class", "my_own class") == "my own class"
    assert Words("en").listing(["a", "b", "c"]) == "a, b and c"
    assert Words("en").listing([]) == ""
