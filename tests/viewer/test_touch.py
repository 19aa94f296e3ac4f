"""The pages under fingers, as on a tablet: touch events of the browser itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mammoscope.viewer.desk import OpenDesk
from mammoscope.viewer.exports import Exporter
from mammoscope.viewer.library import Library
from mammoscope.viewer.modes import ReadingMode
from mammoscope.viewer.people import Person, Role
from mammoscope.viewer.reviews import Reviews
from mammoscope.viewer.room import Room, Sources

from .conftest import start
from .test_browser import CHROMIUM, browser, drawn, enter, is_problem, port

__all__ = ["browser"]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: chromium")

Fingers = Callable[..., None]


@pytest.fixture
def tablet(browser: Any, library: Library, reviews: Reviews) -> Iterator[tuple[Any, Fingers]]:
    """A study on a tablet, and a function that moves fingers from places to places."""
    room = Room(library, reviews, OpenDesk(library, ReadingMode.BESIDE))
    clients = start(room, Exporter(library, reviews, Sources()), [Person("ann", Role.ADJUDICATOR)])
    context = browser.new_context(
        viewport={"width": 1024, "height": 768}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    page.set_default_timeout(60_000)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda m: problems.append(m.text) if is_problem(m) else None)
    page.goto(clients["ann"].link)
    page.wait_for_selector(".worklist[data-ready]")
    enter(page)
    wire = context.new_cdp_session(page)

    def send(kind: str, places: list[tuple[float, float]]) -> None:
        points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
        wire.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def move(starts: list[tuple[float, float]], ends: list[tuple[float, float]]) -> None:
        send("touchStart", starts[:1])
        if len(starts) > 1:
            send("touchStart", starts)
        for step in range(1, 9):
            send(
                "touchMove",
                [
                    (x0 + (x1 - x0) * step / 8, y0 + (y1 - y0) * step / 8)
                    for (x0, y0), (x1, y1) in zip(starts, ends, strict=True)
                ],
            )
        send("touchEnd", [])
        page.wait_for_timeout(100)

    yield page, move
    context.close()
    assert problems == []


def zoom_of(page: Any, name: str = "R CC") -> int:
    return int(port(page, name).locator(".facts").inner_text().split()[0])


def marks(page: Any, name: str = "R CC") -> list[dict[str, float]]:
    found = port(page, name).locator(".mark .line").all()
    return [line.bounding_box() for line in found]


def middle(page: Any, name: str) -> tuple[float, float]:
    box = port(page, name).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_two_fingers_zoom_about_the_place_between_them(tablet: tuple[Any, Fingers]) -> None:
    page, move = tablet
    before, mark = zoom_of(page), marks(page)[0]
    x, y = mark["x"] + mark["width"] / 2, mark["y"] + mark["height"] / 2
    move([(x - 25, y), (x + 25, y)], [(x - 50, y), (x + 50, y)])
    after = zoom_of(page)
    assert after == pytest.approx(2 * before, rel=0.08)
    assert zoom_of(page, "L MLO") == pytest.approx(after, abs=1)
    now = marks(page)[0]
    assert now["width"] == pytest.approx(2 * mark["width"], rel=0.08)
    # What was between the fingers still is.
    assert now["x"] + now["width"] / 2 == pytest.approx(x, abs=4)
    assert now["y"] + now["height"] / 2 == pytest.approx(y, abs=4)
    move([(x - 50, y), (x + 50, y)], [(x - 25, y), (x + 25, y)])
    assert zoom_of(page) == pytest.approx(before, rel=0.08)


def test_two_fingers_move_the_image(tablet: tuple[Any, Fingers]) -> None:
    page, move = tablet
    x, y = middle(page, "R CC")
    before, zoom = marks(page)[0], zoom_of(page)
    move([(x - 30, y), (x + 30, y)], [(x - 10, y + 40), (x + 50, y + 40)])
    after = marks(page)[0]
    assert (after["x"] - before["x"], after["y"] - before["y"]) == pytest.approx((20, 40), abs=3)
    assert zoom_of(page) == pytest.approx(zoom, abs=1)


def test_one_finger_does_what_the_tool_says(tablet: tuple[Any, Fingers]) -> None:
    page, move = tablet
    x, y = middle(page, "R CC")
    page.get_by_role("button", name="Move", exact=True).tap()
    before = marks(page)[0]
    move([(x, y)], [(x + 30, y - 25)])
    after = marks(page)[0]
    assert (after["x"] - before["x"], after["y"] - before["y"]) == pytest.approx((30, -25), abs=2)
    page.get_by_role("button", name="Ruler").tap()
    move([(x, y)], [(x + 60, y)])
    assert page.locator(".ruler text").text_content().endswith(" mm")
    page.get_by_role("button", name="Mark", exact=True).tap()
    move([(x - 60, y - 60)], [(x - 20, y - 20)])
    page.locator(".finding.own").wait_for()


def test_a_second_finger_draws_nothing(tablet: tuple[Any, Fingers]) -> None:
    """Whoever zooms with a tool chosen has set no mark, moved no window and laid no ruler."""
    page, move = tablet
    x, y = middle(page, "R CC")
    for tool in ("Mark", "Ruler"):
        page.get_by_role("button", name=tool, exact=True).tap()
        move([(x - 20, y), (x + 20, y)], [(x - 70, y - 20), (x + 70, y + 20)])
    assert page.locator(".finding.own, .ruler").count() == 0


def test_a_tap_chooses_a_mark(tablet: tuple[Any, Fingers]) -> None:
    page, _ = tablet
    mark = marks(page)[0]
    page.touchscreen.tap(mark["x"] + mark["width"] / 2, mark["y"] + mark["height"] / 2)
    page.locator(".finding[aria-pressed=true]").wait_for()
    page.keyboard.press("Escape")
    page.wait_for_selector(".worklist[data-ready]")
    page.locator(".studies tbody tr").first.tap()
    drawn(page)
