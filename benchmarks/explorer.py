"""How fast the explorer of a report is while its slider is dragged, in a headless Chromium.

    python -m benchmarks.explorer runs/LAB/report.html --run dcgan-s0 --seconds 5

Every frame moves the slider by one step through an input event, as a hand does; the page draws edited picture,
difference and measures with the next frame. Prints one line of JSON: `drawn_per_sec` counts edited pictures that
reached the canvas (at most 60, the rate of the screen), `render_ms` is the generator alone, `ready_ms`
what the first picture takes with decoding its weights. Let `--busy 2` keep two processes computing beside it.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import shutil
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

READY = """(name) => {
  const data = JSON.parse(document.getElementById("explorer-data").textContent);
  const z = data.runs.find((each) => each.name === name).z[0], start = performance.now();
  ganatomyExplorer.render(name, z);
  return performance.now() - start;
}"""
DRAG = """async ([seconds]) => {
  let drawn = 0;
  const put = CanvasRenderingContext2D.prototype.putImageData;
  CanvasRenderingContext2D.prototype.putImageData = function (...given) {
    if (this.canvas.id === "explorer-edited") drawn++;
    put.apply(this, given);
  };
  const slider = document.getElementById("explorer-value");
  const frame = () => new Promise(requestAnimationFrame);
  const start = performance.now();
  let step = 0;
  while (performance.now() - start < 1000 * seconds) {
    slider.value = -20 + (step++ % 401) / 10;
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    await frame();
  }
  return [drawn, (performance.now() - start) / 1000];
}"""
RENDER = """([name, num]) => {
  const data = JSON.parse(document.getElementById("explorer-data").textContent);
  const all = data.runs.find((each) => each.name === name).z, times = [];
  for (let k = 0; k < num; k++) {
    const start = performance.now();
    ganatomyExplorer.render(name, all[k % all.length].map((value) => value + (k % 7) / 10));
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  return { median: times[num >> 1], p95: times[Math.floor(0.95 * num)], worst: times[num - 1] };
}"""


def compute_forever() -> None:
    """Keep one core busy."""
    value = 1.0
    while True:
        value = (value * 1.0000001) % 3.0


def measure(report: Path, run: str, seconds: float, num: int) -> dict[str, Any]:
    """Return the record that `main` prints (see the module)."""
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(report.resolve().as_uri())
        ready = page.evaluate(READY, run)
        page.goto(f"{report.resolve().as_uri()}#explore={run};l=1")
        page.wait_for_timeout(1000)  # thumbnails
        drawn, taken = page.evaluate(DRAG, [seconds])
        render = page.evaluate(RENDER, [run, num])
        version = browser.version
        browser.close()
    return {
        "run": run,
        "drawn_per_sec": round(drawn / taken, 1),
        "seconds": round(taken, 2),
        "render_ms": {name: round(value, 2) for name, value in render.items()},
        "ready_ms": round(ready, 1),
        "report_mb": round(report.stat().st_size / 1e6, 2),
        "chromium": version,
    }


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path)
    parser.add_argument("--run", default="dcgan-s0")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--num", type=int, default=300, help="pictures that the generator alone is timed with")
    parser.add_argument("--busy", type=int, default=0, help="processes that compute beside it")
    words = parser.parse_args()
    load = [multiprocessing.Process(target=compute_forever, daemon=True) for _ in range(words.busy)]
    for process in load:
        process.start()
    print(json.dumps({"busy": words.busy, **measure(words.report, words.run, words.seconds, words.num)}))
    for process in load:
        process.terminate()


if __name__ == "__main__":
    main()
