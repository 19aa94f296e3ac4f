"""Several readers, and one who decides between them, in a real browser; studies that come."""

from __future__ import annotations

import csv
import io
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mammoscope.types import Density, ImageResult, LookAlike
from mammoscope.viewer.desk import OpenDesk
from mammoscope.viewer.exports import EXPORTS, Exporter
from mammoscope.viewer.library import Library
from mammoscope.viewer.modes import ReadingMode
from mammoscope.viewer.people import Person, Role
from mammoscope.viewer.reviews import Reviews
from mammoscope.viewer.room import Room, Sources

from .conftest import MakeRoom, start, write_results
from .test_browser import CHROMIUM, Open, browser, drawn, enter, open_page
from .test_exports import read as say

__all__ = ["browser", "open_page"]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: chromium")


def look(page: Any, name: str) -> None:
    """A picture for whoever wants to see what was tested."""
    if folder := os.environ.get("MAMMOSCOPE_PICTURES"):
        page.screenshot(path=str(Path(folder) / f"{name}.png"))


def test_marks_of_two_readers_are_merged_and_decided(
    open_page: Open, make_room: MakeRoom, library: Library, reviews: Reviews
) -> None:
    room = make_room()
    rows, columns = library.result(library.studies[0].images[0]).frame.size
    box = [0.55 * columns, 0.2 * rows, 0.7 * columns, 0.3 * rows]
    near = [box[0] + 20, box[1] + 20, box[2] + 20, box[3] + 20]
    far = [0.3 * columns, 0.75 * rows, 0.4 * columns, 0.8 * rows]
    say(
        *(room, Person("benedict"), 0),
        {"box": box, "label": "malignant", "birads": "4b", "rating": 70, "text": "spiculated"},
        {"box": far, "label": "benign"},
        **{
            "birads_left": "4b",
            "birads_right": "1",
            "density": "B",
            "rating": 70,
            "text": "recall",
        },
    )
    say(
        *(room, Person("carla"), 0),
        {"box": near, "label": "benign", "birads": "3", "rating": 20},
        **{"birads_left": "3", "birads_right": "1", "density": "C", "rating": 20},
    )
    page = open_page()
    enter(page)
    others = page.locator(".finding.others")
    assert others.count() == 2
    columns_of = page.get_by_role("region", name="Other readers").locator("th[scope=col]")
    assert [c.inner_text().split()[0] for c in columns_of.all()] == ["benedict", "carla"]
    others.filter(has_text="carla").click()
    voices = page.locator(".voices")
    text = voices.inner_text()
    assert all(word in text for word in ("malignant", "benign", "4b", "70 %", "20 %", "spiculated"))
    assert page.locator(".mark.others .badge").count() == 4
    look(page, "adjudication")
    page.keyboard.press("a")
    page.locator(".detail", has_text="Taken over from benedict, carla.").wait_for()
    page.get_by_role("button", name="malignant", exact=True).click()
    assert others.count() == 1
    others.click()
    assert "no mark here" in voices.inner_text()
    page.get_by_role("button", name="take", exact=True).click()
    page.locator(".detail", has_text="Taken over from benedict.").wait_for()
    assert others.count() == 0
    page.get_by_role("button", name="End the read").click()
    page.locator(".who", has_text="BERTA").wait_for()
    exporter = Exporter(library, reviews, Sources(), frozenset({"ann"}))
    made = csv.DictReader(io.StringIO(EXPORTS["truth"].make(exporter).decode()))
    told = {(r["label"], r["readers"], r["reader"]) for r in made if r["x0"]}
    assert told == {("malignant", "benedict;carla", "ann"), ("benign", "benedict", "ann")}


def test_images_and_studies_that_come_are_shown_and_not_called_normal(
    open_page: Open, tmp_path: Path, two_studies: list[ImageResult], reviews: Reviews
) -> None:
    folder = write_results(tmp_path / "r", two_studies[:3])
    library = Library([folder], folder / "index.sqlite")
    room = Room(library, reviews, OpenDesk(library, ReadingMode.BESIDE))
    people = [Person("ann", Role.ADJUDICATOR)]
    exporter = Exporter(library, reviews, Sources(), frozenset({"ann"}))
    page = open_page(link=start(room, exporter, people)["ann"].link)
    assert page.locator(".studies tbody tr").count() == 1
    enter(page)
    assert page.locator(".port:not(.empty)").count() == 3
    assert page.locator(".port.empty").count() == 1
    look(page, "missing-view")
    write_results(folder, two_studies)
    library.refresh_if_written()
    page.get_by_role("button", name="End the read").click()
    page.locator(".toast:not(.came)", has_text="Images have come").wait_for()
    drawn(page)
    assert page.locator(".port:not(.empty)").count() == 4
    page.get_by_role("button", name="End the read").click()
    page.locator(".who", has_text="BERTA").wait_for()
    page.keyboard.press("Escape")
    page.wait_for_selector(".worklist[data-ready]")
    # A study more, while the worklist is looked at.
    page.keyboard.press("j")
    assert page.locator(".studies tbody tr").count() == 2
    alone = [*two_studies[:6]]
    write_results(folder, alone)
    page.wait_for_function(
        "() => document.querySelectorAll('.studies tbody tr:last-child img').length === 2"
    )
    assert page.evaluate("document.activeElement.dataset.key") == library.studies[0].key
    with page.expect_download():
        page.get_by_label("Take out what readers said").select_option("truth")
    assert page.get_by_role("dialog").count() == 0


def test_what_an_export_leaves_out_is_told(
    open_page: Open, tmp_path: Path, two_studies: list[ImageResult], reviews: Reviews
) -> None:
    folder = write_results(tmp_path / "r", two_studies[:3])
    library = Library([folder], folder / "index.sqlite")
    room = Room(library, reviews, OpenDesk(library, ReadingMode.BESIDE))
    say(room, Person("ann"), 0)
    write_results(folder, two_studies[:4])
    people = [Person("ann", Role.ADJUDICATOR)]
    exporter = Exporter(library, reviews, Sources(), frozenset({"ann"}))
    page = open_page(link=start(room, exporter, people)["ann"].link)
    with page.expect_download():
        page.get_by_label("Take out what readers said").select_option("truth")
    page.get_by_role("dialog", name="Not in what you took out").filter(
        has_text="1 image came after"
    ).wait_for()
    look(page, "left-out")


def test_density_exam_score_and_lookalikes_are_shown_where_known(
    open_page: Open, tmp_path: Path, two_studies: list[ImageResult], reviews: Reviews
) -> None:
    dense = Density("C", (0.05, 0.15, 0.7, 0.1))
    steps = tuple(n / 10 for n in range(1, 10))
    node = LookAlike((10.0, 20.0, 50.0, 80.0), "node", 0.934, 0.6)
    known = [
        replace(r, density=dense, exam_steps=steps, lookalikes=(node,)) for r in two_studies[:4]
    ]
    folder = write_results(tmp_path / "r", [*known, *two_studies[4:]])
    library = Library([folder], folder / "index.sqlite")
    room = Room(library, reviews, OpenDesk(library, ReadingMode.BESIDE))
    people = [Person("ann", Role.ADJUDICATOR)]
    page = open_page(link=start(room, Exporter(library, reviews, Sources()), people)["ann"].link)
    enter(page)
    scores = page.locator(".scores").inner_text()
    assert "C, all images" in scores
    assert "of 10" in scores
    assert page.get_by_text("not counted, lymph node (0.93)").count() == 4
    look(page, "density")
    page.keyboard.press("j")
    page.locator(".who", has_text="BERTA").wait_for()
    drawn(page)
    assert "density" not in page.locator(".scores").inner_text()
