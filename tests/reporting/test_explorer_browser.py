"""The explorer in a real Chromium, opened as a double-clicked file: its pictures against PyTorch, and its controls."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from fixture import write_lab, write_run
from generators import add_generator
from torch import nn
from variants import FASHION

from ganatomy import rng
from ganatomy.latent import edits, measures
from ganatomy.latent.attributes import brightness
from ganatomy.models.generate import generate
from ganatomy.reporting import page
from ganatomy.reporting.explorer import BUDGET_BYTES, explorer, pack
from ganatomy.reporting.records import read_run

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install '.[dev]'")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium"),
]

GO_TO = """async (hash) => {
  if (location.hash === hash) return;
  const moved = new Promise((done) => addEventListener("hashchange", done, { once: true }));
  location.hash = hash;
  await moved;
  for (let k = 0; k < 2; k++) await new Promise(requestAnimationFrame);
}"""
"""Sets the address and waits until the picture has been drawn."""
LEVELS = """(name) => {
  const canvas = document.getElementById(`explorer-${name}`), copy = document.createElement("canvas");
  copy.width = canvas.width;
  copy.height = canvas.height;
  const context = copy.getContext("2d", { willReadFrequently: true });
  context.drawImage(canvas, 0, 0);
  return Array.from(context.getImageData(0, 0, copy.width, copy.height).data);
}"""
FRAMES = "async () => { for (let k = 0; k < 3; k++) await new Promise(requestAnimationFrame); }"


@pytest.fixture(scope="module")
def browser() -> Iterator:
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@dataclass
class Made:
    """A report with its generators by the name of their run."""

    html: Path
    generators: dict[str, nn.Module]
    shape: tuple[int, int, int] = (1, 28, 28)
    z_dim: int = 100

    @property
    def z(self) -> torch.Tensor:
        return rng.latents(0, "explorer-test", 16, self.z_dim)

    def levels(self, name: str, z: torch.Tensor) -> np.ndarray:
        """Return the laboratory's images: int [N, H, W, C]."""
        return generate(self.generators[name], z).permute(0, 2, 3, 1).numpy().astype(int)


@pytest.fixture(scope="module")
def grey(tmp_path_factory) -> Made:
    """A lab of two runs on 28 x 28 grey pictures; the first run has directions."""
    folder = write_lab(tmp_path_factory.mktemp("explorer") / "lab", num_pictures=2, atlas=False)
    runs = {name: folder / "runs" / name for name in ("gan-s0", "dcgan-s0")}
    generators = {name: add_generator(run, seed) for seed, (name, run) in enumerate(runs.items())}
    # The page has the latents of each run's own file; both draw them from seed 0 here, so that runs can be compared.
    shutil.copy(runs["gan-s0"] / "dissect" / "atlas.safetensors", runs["dcgan-s0"] / "dissect" / "atlas.safetensors")
    vector = (torch.arange(100) % 3 - 1.0) / 8
    record = {"schema": 1, "directions": [{"name": "width", "label": "wider", "vector": vector.tolist()}]}
    (runs["gan-s0"] / "dissect" / "directions.json").write_text(json.dumps(record), encoding="utf-8")
    return Made(page.render([folder]).html, generators)


@pytest.fixture(scope="module")
def colour(tmp_path_factory) -> Made:
    """A DCGAN of 20 x 36 colour pictures, whose weights have to be rounded to 16 bits."""
    variant = dataclasses.replace(FASHION, img_shape=(3, 20, 36))
    run = write_run(tmp_path_factory.mktemp("colour") / "dcgan-s0", "dcgan", z_dim=9, dims=(2,), variant=variant,
                    num_pictures=2)  # fmt: skip
    generators = {"dcgan-s0": add_generator(run)}
    assert pack([explorer(read_run(run))], BUDGET_BYTES).is_half
    return Made(page.render([run], lang="zh").html, generators, (3, 20, 36), 9)


class Sheet:
    """A page with everything it asked for and complained of."""

    def __init__(self, browser, made: Made, hash_: str = "", width: int = 1280):
        self.page = browser.new_page(viewport={"width": width, "height": 900})
        self.page.set_default_timeout(10_000)
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.made = made
        self.page.goto(made.html.as_uri() + hash_)

    def state(self, hash_: str) -> None:
        self.page.evaluate(GO_TO, hash_)

    def levels(self, name: str = "edited") -> np.ndarray:
        """Return a canvas: int [H, W, C]."""
        channels, height, width = self.made.shape
        rgba = np.array(self.page.evaluate(LEVELS, name)).reshape(height, width, 4)
        assert (rgba[:, :, 3] == 255).all()
        assert channels == 3 or name == "difference" or (rgba[:, :, :1] == rgba[:, :, :3]).all()
        return rgba[:, :, :3] if channels == 3 or name == "difference" else rgba[:, :, :1]

    def text(self, name: str) -> str:
        return self.page.inner_text(f"#explorer-{name}")

    def until(self, condition: str) -> None:
        """Wait for a condition; wait_for_function would need `unsafe-eval`, which the page's policy refuses."""
        for _ in range(100):
            if self.page.evaluate(condition):
                return
            self.page.wait_for_timeout(100)
        raise AssertionError(f"waited 10 s for {condition}")

    def settle(self) -> None:
        self.page.evaluate(FRAMES)


@pytest.fixture
def sheet(browser, grey) -> Iterator[Sheet]:
    opened = Sheet(browser, grey, "#explore=dcgan-s0")
    opened.settle()
    yield opened
    opened.page.close()


def states(num: int, names: list[str], z_dim: int) -> list[tuple[str, int, dict[int, float]]]:
    """Draw states: run, latent, and up to four numbers with values out to the limit."""
    draw = rng.generator(0, "explorer-test", num)
    found = []
    for i in range(num):
        dims = draw.choice(z_dim, size=int(draw.integers(0, 5)), replace=False)
        values = {int(d): round(float(draw.uniform(-20, 20)), 3) for d in dims}
        found.append((names[i % len(names)], int(draw.integers(16)), values))
    return found


@pytest.mark.parametrize(("which", "num", "most"), [("grey", 100, 1), ("colour", 30, 2)])
def test_a_hundred_states_show_the_images_of_pytorch(browser, request, which, num, most):
    """1 level: a value near x.5 may be rounded either way; 2 levels where weights are rounded to 16 bits."""
    made = request.getfixturevalue(which)
    names = list(made.generators)
    opened = Sheet(browser, made)
    drawn = states(num, names, made.z_dim)
    z = torch.stack([made.z[latent] for _, latent, _ in drawn])
    for row, (_, _, values) in zip(z, drawn):
        for dim, value in values.items():
            row[dim] = value
    wanted = {name: (made.levels(name, made.z), made.levels(name, z)) for name in names}
    worst, shares = 0, []
    for k, (name, latent, values) in enumerate(drawn):
        opened.state(f"#explore={name};l={latent}" + "".join(f";{dim}={value}" for dim, value in values.items()))
        assert opened.text("notice") == ""
        for canvas, image in (("base", wanted[name][0][latent]), ("edited", wanted[name][1][k])):
            gap = np.abs(opened.levels(canvas) - image)
            worst = max(worst, int(gap.max()))
            shares.append(float((gap > 0).mean()))
    assert worst <= most
    assert np.mean(shares) < (0.001 if which == "grey" else 0.1)
    assert opened.complaints == []
    assert opened.requests == [made.html.as_uri()]
    opened.page.close()


@pytest.mark.parametrize("which", ["grey", "colour"])
def test_measures_and_difference_are_those_of_the_laboratory(browser, request, which):
    """Numbers as the page prints them (one decimal of a percent, three digits); colours exactly."""
    made = request.getfixturevalue(which)
    name = list(made.generators)[-1]
    opened = Sheet(browser, made, f"#explore={name};l=1;3=9;7=-14")
    opened.settle()
    base, edited = (
        torch.from_numpy(opened.levels(each)).to(torch.uint8).permute(2, 0, 1)[None] for each in ("base", "edited")
    )
    seen = {"base": measures.Seen(base), "edited": measures.Seen(edited)}
    share = float(measures.visible_share(seen["edited"], seen["base"])[0])
    assert share > 0.05
    assert opened.text("visible") == percent(share)
    table = {"brightness": brightness, "contrast": measures.contrast, "sharpness": measures.sharpness}
    for side, image in seen.items():
        for measure, function in table.items():
            assert float(opened.text(f"{measure}-{side}")) == pytest.approx(float(function(image)[0]), rel=6e-3)
        assert opened.text(f"bright_share-{side}") == percent(float(measures.bright_share(image)[0]))
    wanted = edits.difference_map(edited[None], base)[0, 0].permute(1, 2, 0).numpy()
    assert np.array_equal(opened.levels("difference"), wanted)
    opened.page.close()


def percent(share: float) -> str:
    return f"{100 * share:.1f}".removesuffix(".0") + "\u202f%"


def test_the_hash_is_read_written_and_checked(sheet):
    sheet.state("#explore=dcgan-s0;l=3;17=5;200=1;4=99;5=nan;6=1e3;l=77;l=1.5;%3Cb%3E=2;8=-0.5")
    assert sheet.text("notice") == (
        "Left out of the address, not possible here: 200=1, 4=99, 5=nan, 6=1e3, l=77, l=1.5, <b>=2."
    )
    assert sheet.page.is_visible("#explorer-notice")
    assert sheet.page.locator("#explorer-edits li").all_inner_texts() == ["z[17] = 5\n×", "z[8] = −0.5\n×"]
    sheet.state("#explore=nobody;17=2")
    assert "nobody" in sheet.text("notice")
    sheet.page.fill("#explorer-exact", "-3.25")
    assert sheet.text("notice") == ""
    sheet.until("location.hash === '#explore=dcgan-s0;l=3;17=-3.25'")
    before = sheet.levels()
    for anchor in ("#fig-3", "#explore", "#top"):
        sheet.state(anchor)
        assert sheet.page.evaluate("location.hash") == anchor
    assert np.array_equal(sheet.levels(), before)
    assert sheet.page.evaluate("document.querySelector('#fig-3').getBoundingClientRect().top") != 0
    assert sheet.complaints == []


def test_a_link_opens_what_it_holds(browser, grey):
    opened = Sheet(browser, grey, "#explore=gan-s0;l=5;2=4;@width=-2")
    opened.settle()
    z = grey.z[5:6].clone()
    z[0, 2] = 4.0
    z[0] += -2.0 * (torch.arange(100) % 3 - 1.0) / 8
    assert np.abs(opened.levels() - grey.levels("gan-s0", z)[0]).max() <= 1
    assert opened.page.is_checked("[name=explorer-run][value=gan-s0]")
    assert opened.page.is_checked("[name=explorer-latent][value='5']")
    assert opened.text("target") == "wider"
    top = opened.page.evaluate("document.querySelector('#explore').getBoundingClientRect().top")
    assert -5 < top < 100
    opened.page.select_option("#explorer-direction", "")
    opened.settle()
    assert opened.text("target") == "z[3]"
    opened.page.close()


def test_the_keyboard_moves_latents_and_values(sheet):
    first = sheet.levels()
    sheet.page.focus("#explorer-value")
    own = float(grey_value(sheet, 0, 3))
    for _ in range(12):
        sheet.page.keyboard.press("ArrowRight")
    sheet.settle()
    assert float(sheet.page.input_value("#explorer-exact")) == pytest.approx(round(own, 1) + 1.2, abs=0.101)
    assert not np.array_equal(sheet.levels(), first)
    sheet.page.keyboard.press("End")
    sheet.settle()
    assert sheet.page.input_value("#explorer-exact") == "20"
    assert sheet.page.get_attribute("#explorer-value", "aria-valuetext") == "z[3] = 20"
    z = sheet.made.z[:1].clone()
    z[0, 3] = 20.0
    assert np.abs(sheet.levels() - sheet.made.levels("dcgan-s0", z)[0]).max() <= 1
    sheet.page.focus("[name=explorer-latent]:checked")
    sheet.page.keyboard.press("ArrowRight")
    sheet.settle()
    assert np.abs(sheet.levels("base") - sheet.made.levels("dcgan-s0", sheet.made.z[1:2])[0]).max() <= 1
    sheet.page.focus("[name=explorer-run]:checked")
    sheet.page.keyboard.press("ArrowLeft")
    sheet.settle()
    assert np.abs(sheet.levels("base") - sheet.made.levels("gan-s0", sheet.made.z[1:2])[0]).max() <= 1
    assert sheet.page.evaluate("document.activeElement.name") == "explorer-run"


def grey_value(sheet: Sheet, latent: int, dim: int) -> float:
    return float(sheet.made.z[latent, dim])


def test_buttons_set_reset_and_choose(sheet):
    page_ = sheet.page
    page_.click("#explorer-quick >> text='5'")
    page_.fill("#explorer-dim", "42")
    page_.click("#explorer-quick >> text='20'")
    assert page_.locator("#explorer-edits li").all_inner_texts() == ["z[3] = 5\n×", "z[42] = 20\n×"]
    assert page_.locator("#explorer-averages tr.now th").all_inner_texts() == ["20"]
    page_.click("[aria-label='Set z[3] back to its own value']")
    assert page_.locator("#explorer-edits li").all_inner_texts() == ["z[42] = 20\n×"]
    page_.click("#explorer-quick [data-key=own]")
    assert page_.is_visible("#explorer-none")
    page_.click("#explorer-strongest button >> nth=0")
    chosen = page_.inner_text("#explorer-strongest button >> nth=0")
    assert sheet.text("target") == f"z[{chosen}]"
    page_.click("#explorer-quick >> text='20'")
    page_.click("#explorer-reset")
    sheet.settle()
    assert np.array_equal(sheet.levels(), sheet.levels("base"))
    assert sheet.text("visible") == "0\u202f%"
    sheet.until("document.querySelector('#explorer-live').textContent.length > 20")
    assert re.search(r"0\u202f% of the pixels", page_.text_content("#explorer-live"))


def test_averages_and_distance_are_told(sheet):
    sheet.state("#explore=dcgan-s0;l=0;3=5")
    record = json.loads((sheet.made.html.parent / "runs/dcgan-s0/dissect/dissect.json").read_text(encoding="utf-8"))
    means = {(r["dim"], r["value"], r["measure"]): r["mean"] for r in record["atlas"]}
    rows = [row.split("\t") for row in sheet.page.locator("#explorer-averages-rows tr").all_inner_texts()]
    wanted = [[f"{v:g}", *(percent(round(means[3, v, m], 4)) for m in ("visible_share", "class_flip"))]
              for v in (0.1, 5.0, 20.0)]  # fmt: skip
    assert rows == wanted
    z = sheet.made.z[0].clone()
    z[3] = 5.0
    norm = float(z.norm())
    assert f"Length of the latent: {norm:.3g}, {abs(norm - 9.975) / 0.7062:.1f} σ " in sheet.text("distance")
    assert sheet.text("distance").startswith("z[3] is 5.00 σ from 0.")


@pytest.mark.parametrize("which", ["grey", "colour"])
def test_a_phone_needs_no_sideways_scrolling_and_targets_are_large(browser, request, which):
    opened = Sheet(browser, request.getfixturevalue(which), "#explore", width=390)
    opened.settle()
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 390
    boxes = opened.page.locator("#explorer :is(button, input, select):visible").evaluate_all(
        "all => all.map((e) => { const b = e.getBoundingClientRect(); return [b.width, b.height]; })"
    )
    assert len(boxes) > 20
    assert min(min(box) for box in boxes) >= 40
    opened.page.close()


def test_nothing_is_computed_until_the_reader_comes_near(browser, grey):
    opened = Sheet(browser, grey)
    opened.settle()
    width = "document.querySelector('#explorer-base').width"
    assert opened.page.evaluate(width) == 1
    opened.page.evaluate("document.querySelector('#explore').scrollIntoView({behavior: 'instant'})")
    opened.until(f"{width} === 28")
    opened.until("document.querySelector('#explorer-latents label:last-child canvas').width === 28")
    opened.page.close()


def test_print_shows_the_three_pictures_without_controls(sheet):
    sheet.page.emulate_media(media="print")
    assert not sheet.page.is_visible("#explorer-value")
    assert not sheet.page.is_visible("#explorer-latents")
    assert all(sheet.page.is_visible(f"#explorer-{name}") for name in ("base", "edited", "difference"))


def test_without_script_the_page_says_so(browser, grey):
    context = browser.new_context(java_script_enabled=False)
    opened = context.new_page()
    opened.goto(grey.html.as_uri())
    assert "needs JavaScript" in opened.locator("#explore noscript").inner_text()
    assert not opened.is_visible("#explorer")
    context.close()


def test_many_changes_before_a_frame_are_drawn_once(sheet):
    """Latest wins: fifty values before the next frame cost one picture, that of the last."""
    drawn = sheet.page.evaluate("""async () => {
      let drawn = 0;
      const put = CanvasRenderingContext2D.prototype.putImageData;
      CanvasRenderingContext2D.prototype.putImageData = function (...given) {
        if (this.canvas.id === "explorer-edited") drawn++;
        put.apply(this, given);
      };
      const slider = document.getElementById("explorer-value");
      for (let k = 1; k <= 50; k++) {
        slider.value = k / 10;
        slider.dispatchEvent(new Event("input", { bubbles: true }));
      }
      for (let k = 0; k < 3; k++) await new Promise(requestAnimationFrame);
      return drawn;
    }""")
    assert drawn == 1
    z = sheet.made.z[:1].clone()
    z[0, 3] = 5.0
    assert np.abs(sheet.levels() - sheet.made.levels("dcgan-s0", z)[0]).max() <= 1
