"""Edits of any numbers: their words, what they do, their rows and their pictures."""

import numpy as np
import pytest
import torch
from PIL import Image
from planted import BRIGHT, Z_DIM, Brightness, Planted

from ganatomy import rng
from ganatomy.errors import ConfigError
from ganatomy.latent import edited, edits, measures
from ganatomy.latent.lens import Lens

Z = rng.latents(0, "t", 30, Z_DIM)
UNIT = edits.spread_of(None, Z_DIM)


def applied(text, z=Z, spread=UNIT):
    return edits.parse_edit(text, Z_DIM).apply(z, spread)


@pytest.mark.parametrize(
    ("text", "dims", "wanted"),
    [
        ("3=5", [3], lambda z: 0 * z + 5),
        ("0,2+=2", [0, 2], lambda z: z + 2),
        ("1-4*=0.5", [1, 2, 3, 4], lambda z: 0.5 * z),
        ("5=-2.5sigma", [5], lambda z: 0 * z - 2.5),
        (" 0 - 1 , 4 += -1 ", [0, 1, 4], lambda z: z - 1),
    ],
)
def test_they_change_the_named_numbers_and_no_other(text, dims, wanted):
    changed = applied(text)
    rest = [dim for dim in range(Z_DIM) if dim not in dims]
    torch.testing.assert_close(changed[:, dims], wanted(Z[:, dims]))
    assert torch.equal(changed[:, rest], Z[:, rest])
    assert edits.parse_edit(text, Z_DIM).dims == tuple(dims)


def test_several_changes_follow_each_other():
    torch.testing.assert_close(applied("3=5;3*=2;0+=1"), applied("0+=1;3=10"))
    assert edits.parse_edit("3=5;0+=1", Z_DIM).dims == (0, 3)


def test_sigmas_of_own_latents_are_theirs():
    own = 3 * rng.latents(1, "t", 200, Z_DIM) + 7
    spread = edits.spread_of(own, Z_DIM)
    mean, sd = own[:, 2].mean(), own[:, 2].std()
    torch.testing.assert_close(applied("2=1sigma", own, spread)[:, 2], (mean + sd).expand(200))
    torch.testing.assert_close(applied("2+=1sigma", own, spread)[:, 2], own[:, 2] + sd)
    assert torch.equal(edits.spread_of(own[:1], Z_DIM)[1], torch.ones(Z_DIM))  # one latent has no spread


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("6=1", "0 to 5"),
        ("0-999999999=1", "0 to 5"),
        ("4-2=1", "write 3,17 or 0-9"),
        ("3=nan", "must be finite"),
        ("3=inf", "must be finite"),
        ("3=", "not understood"),
        ("3=a", "no number"),
        ("3*=2sigma", "plain factor"),
        ("hello", "not understood"),
        ("1,1=2", "more than once"),
        ("", "not understood"),
        ("3;4=1", "not understood"),
    ],
)
def test_words_that_mean_nothing_are_refused(text, words):
    with pytest.raises(ConfigError, match=words):
        edits.parse_edit(text, Z_DIM)


def test_the_preset_of_the_source_is_its_fifteen_rows():
    dims = (0, 1, 3, 4, 5)
    found = edits.parse_edits(["source"], Z_DIM, dims)
    assert len(found) == 15
    wanted = [(d, v) for v in (0.1, 5.0, 20.0) for d in dims]
    for edit, (dim, value) in zip(found, wanted):
        assert torch.equal(edit.apply(Z, UNIT), edits.set_number(Z, dim, value))
    assert len(edits.parse_edits(["sigmas", "joint", "3=1"], Z_DIM, dims)) == 5 * 7 + 5 + 1


def test_rows_equal_the_measures_taken_by_hand():
    lens = Lens(Planted(), Brightness())
    edit = edits.parse_edit(f"{BRIGHT}=3;1*=0", Z_DIM)
    *steps, rows = edited.measure_edits(lens, Z, [edit], UNIT, 7)
    assert sum(steps) == edited.num_images(len(Z), 1)
    by_name = {row["measure"]: row for row in rows}
    base, seen = lens.see(Z), lens.see(edit.apply(Z, UNIT))
    control = lens.see(edits.redraw(edits.redraw(Z, 1, 7), BRIGHT, 7))
    assert by_name["visible_share"]["mean"] == pytest.approx(measures.visible_share(seen, base).mean(), rel=1e-5)
    assert by_name["visible_share"]["control"]["mean"] == pytest.approx(
        measures.visible_share(control, base).mean(), rel=1e-5
    )
    assert by_name["confidence"]["mean"] == pytest.approx(measures.confidence(seen).mean(), rel=1e-5)
    assert by_name["top_class_share"]["top_class"] == measures.top_class(seen)
    assert set(by_name) == {measure.name for measure in base.measures()}
    assert all(row["dims"] == [1, BRIGHT] for row in rows)


def test_groups_are_the_strongest_and_the_weakest():
    effects = np.arange(20.0)
    tenth, half, rest, most = edited.group_edits(effects)
    assert tenth == "18,19=0"
    assert half == ",".join(map(str, range(10, 20))) + "=0"
    assert rest == ",".join(map(str, range(10))) + "=0"
    assert most == ",".join(map(str, range(18))) + "=0"
    assert len(edited.group_edits(np.ones(1))) == 2  # one number: no half of it, nothing but it


def test_the_grid_shows_base_and_edits(tmp_path):
    lens = Lens(Planted(), None)
    found = edits.parse_edits([f"{BRIGHT}=4", "0=3"], Z_DIM, ())
    names = edits.write_grid(lens.generate, Z[:5], found, UNIT, tmp_path, "edits")
    sheet = np.asarray(Image.open(tmp_path / names["rows"]))
    wanted = torch.stack([lens.generate(z) for z in (Z[:5], *(edit.apply(Z[:5], UNIT) for edit in found))])
    np.testing.assert_array_equal(sheet, edits.sheet_pixels(wanted))
    change = np.asarray(Image.open(tmp_path / names["difference"]))
    assert change.shape == (2 * 12 + 2, 5 * 12 + 4 * 2, 3)
    assert (change[14:, :12] == 0xF0).all()  # number 0 does nothing: the colour of no change
