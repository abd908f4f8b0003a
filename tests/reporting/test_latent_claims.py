"""C6, C9, C10 and the table of noises: with precision, worth and kernel distance, and as older records have them."""

import json
import re

import pytest
from fixture import CLAIM_DETAILS, write_lab
from pages import BROKEN, parse, section, source

from ganatomy.reporting import page
from ganatomy.reporting.latents import worth_items
from ganatomy.reporting.words import Words, num, percent

PARTS = [
    f"share of numbers d with {text} <= -0.1 for edit(d, 20)" for text in ("mean confidence - base", "precision - base")
]


def claim(html, name):
    """Return the text of one claim."""
    found = re.search(rf'<li id="claim-{name}" class="claim">.*?</div>\s*</div>\s*</li>', html, re.S)
    assert found, name
    return " ".join(re.sub(r"<[^>]+>", " ", re.sub(r"<svg.*?</svg>", " ", found[0], flags=re.S)).split())


def plain(text):
    """Return a text with white space as `section` gives it."""
    return " ".join(text.split())


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_c6_shows_both_conditions_in_percent_and_the_older_run_says_what_it_lacks(reports, lang):
    html, words = source(reports[lang]), Words(lang)
    text = claim(html, "C6")
    assert words("claim.C6.rule") in text
    for statistic, value in zip(PARTS, (0.66, 0.83)):
        name = words.name("part", statistic)
        assert name != statistic.replace("_", " ")
        assert plain(f"{name} {percent(value)}") in text
    claims, missing = section(html, "claims"), words("claims.alone.unmeasured")
    assert claims.count(words("claims.alone", run="GAN", reason=missing)) == 1
    assert words("claims.alone", run="DCGAN", reason=missing) not in claims


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_c9_and_c10_show_what_small_noise_is_worth_and_the_kernel_distance(reports, lang):
    html, words = source(reports[lang]), Words(lang)
    worth = CLAIM_DETAILS["C9"]["worth"]
    items = plain(worth_items(words, worth["small"], worth["normal"]))
    assert items.count("61.2") == items.count("16.5") == 1
    assert section(html, "claims").count(words("claims.worth", run="DCGAN", items=items)) == 1
    assert words("claim.kernel", same=19, pairs=21) in claim(html, "C10")
    assert "\N{MINUS SIGN}0.0062" in claim(html, "C10")
    noise = section(html, "latent-dcgan-s0")
    assert words("prior.kernel") in noise
    assert "+0.102" in noise  # the kernel distance of N(0, I) x 0.5 against that of N(0, I)
    assert words("prior.kernel.same") in noise
    assert words("prior.small", n="2,000", items=items) in noise
    assert words.name("measure", "precision") in noise


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_older_records_are_rendered_without_what_they_lack(tmp_path, lang):
    folder = write_lab(tmp_path / "lab", atlas=False)
    for path in folder.glob("runs/*/dissect/dissect.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        del record["priors"]["small_noise"], record["base"]["precision"]
        record["priors"]["frechet"] = [
            {key: value for key, value in row.items() if "kernel" not in key} for row in record["priors"]["frechet"]
        ]
        for table in ("edits", "atlas"):
            record[table] = [row for row in record[table] if row["measure"] != "precision"]
        path.write_text(json.dumps(record), encoding="utf-8")
    lab = json.loads((folder / "lab.json").read_text(encoding="utf-8"))
    for row in lab["claims"]:
        for key in ("worth", "kernel"):
            row.pop(key, None)
        if row["id"] == "C6":
            row.pop("parts", None)
            row["note"] = "the precision of the unedited images of gan-s0 is 0.040 and cannot fall by 0.1, so so."
    (folder / "lab.json").write_text(json.dumps(lab), encoding="utf-8")
    found = page.render([folder], lang=lang)
    html, words = source(found), Words(lang)
    assert not BROKEN.search(parse(found.html).text)
    noise = section(html, "latent-dcgan-s0")
    assert words("prior.value") in noise
    assert words("prior.kernel") not in noise
    assert words.name("measure", "precision") not in noise
    assert words("prior.kernel.same") not in noise
    low = words("claims.alone.low", base="0.040")
    assert section(html, "claims").count(words("claims.alone", run="DCGAN", reason=low)) == 1


def test_worth_names_only_what_is_known():
    words = Words("en")
    assert worth_items(words, {}, {"frechet": 1.0}) == ""
    found = worth_items(words, {"frechet": 12.5, "recall": None}, {"frechet": 2.0, "recall": 0.5})
    assert found == words("worth.frechet", small=num(12.5), normal=num(2.0))
