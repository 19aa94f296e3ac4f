"""The labels of the page's marks, in a real browser: Debian's chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mammoscope.reporting import ReportWriter, encode_preview
from mammoscope.study import study_results
from mammoscope.types import ImageResult, Mammogram, Pictures

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

BOXES = """() => [...document.querySelectorAll(".film .mark:not([hidden])")].map((mark) => {
  const box = (part) => {
    const r = mark.querySelector(part).getBoundingClientRect();
    return [r.left, r.top, r.right, r.bottom];
  };
  return { number: mark.querySelector(".number").textContent, region: box(".line"),
           label: box(".plate"), stroke: getComputedStyle(mark.querySelector(".line")).stroke };
})"""


def overlap(a: list[float], b: list[float]) -> bool:
    """By more than the width of a line."""
    return min(a[2], b[2]) - max(a[0], b[0]) > 2 and min(a[3], b[3]) - max(a[1], b[1]) > 2


@pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: chromium")
def test_labels_of_close_marks_lie_on_no_other_mark(
    tmp_path: Path, mammogram: Mammogram, make_result: Callable[..., ImageResult]
) -> None:
    boxes = [[40 + 12 * i, 100 + 9 * i, 80 + 12 * i, 140 + 9 * i] for i in range(6)]
    p = [0.1, 0.9, np.nan, 0.5, 0.7, 0.2]
    scores = [0.9, 0.88, 0.86, 0.84, 0.82, 0.1]
    result = make_result(boxes, scores, p, malignant_threshold=0.5, threshold=0.5)
    with ReportWriter(tmp_path / "report.html") as writer:
        (study,) = study_results([result])
        writer.add(study, {result.name: Pictures(encode_preview(mammogram))})
    with playwright.sync_playwright() as driver:
        flags = ["--no-sandbox", "--use-angle=swiftshader"]
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=flags)
        page: Any = browser.new_page(viewport={"width": 1200, "height": 800})
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto((tmp_path / "report.html").as_uri())
        page.wait_for_timeout(300)
        marks = page.evaluate(BOXES)
        page.evaluate("() => { const s = document.getElementById('score'); s.value = 0;"
                      " s.dispatchEvent(new Event('input')); }")  # fmt: skip
        all_of_them = page.evaluate(BOXES)
        browser.close()
    assert problems == [] and (len(marks), len(all_of_them)) == (5, 6)
    for shown in (marks, all_of_them):
        for i, mark in enumerate(shown):
            others = [other for j, other in enumerate(shown) if j != i]
            assert not any(overlap(mark["label"], other["region"]) for other in others)
            assert not any(overlap(mark["label"], other["label"]) for other in others)
    # The best is painted last.
    assert [mark["number"] for mark in marks][::-1] == ["1", "2", "3", "4", "5"]
    strokes = [mark["stroke"] for mark in marks][::-1]
    blue, vermilion, orange = "rgb(86, 180, 233)", "rgb(213, 94, 0)", "rgb(230, 159, 0)"
    assert strokes == [blue, vermilion, orange, vermilion, vermilion]
    assert all_of_them[0]["number"] == "6"
