"""Take pictures of the viewer's pages for the docs.

usage: python scripts/pictures.py RESULTS OUT
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from playwright.sync_api import sync_playwright

from mammoscope.viewer.desk import OpenDesk
from mammoscope.viewer.exports import Exporter
from mammoscope.viewer.library import Library
from mammoscope.viewer.modes import ReadingMode
from mammoscope.viewer.people import Doors, Person, Role
from mammoscope.viewer.reviews import Reviews
from mammoscope.viewer.room import Room, Sources
from mammoscope.viewer.server import Place, serve

FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
SIZE = {"width": 1280, "height": 800}


def main() -> None:
    """Open the viewer on some results, and take a picture of each of its sides."""
    results, out = (Path(argument) for argument in sys.argv[1:3])
    with tempfile.TemporaryDirectory() as work, sync_playwright() as driver:
        library = Library([results], Path(work) / "index.sqlite")
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for mode in (ReadingMode.BESIDE, ReadingMode.INDEPENDENT):
            reviews = Reviews(Path(work) / f"{mode}.sqlite")
            page = browser.new_page(viewport=SIZE)
            page.goto(link(library, reviews, mode))
            page.wait_for_selector(".worklist[data-ready]")
            if mode is ReadingMode.BESIDE:
                beside(page, out)
            else:
                study(page)
                save(page, out / "viewer-own-read.jpg")
            page.close()
            reviews.close()
        browser.close()


def beside(page: Any, out: Path) -> None:
    """The worklist, a study, a finding, the help sheet."""
    page.get_by_role("button", name="Malignancy").click()
    page.wait_for_load_state("networkidle")
    save(page, out / "viewer-worklist.jpg")
    study(page)
    save(page, out / "viewer-study.jpg")
    page.keyboard.press("n")
    page.keyboard.press("a")
    page.locator(".answer").first.wait_for()
    page.keyboard.press("h")
    page.wait_for_load_state("networkidle")
    page.locator(".detail").evaluate("element => element.scrollIntoView()")
    save(page, out / "viewer-finding.jpg")
    page.keyboard.press("?")
    save(page, out / "viewer-keys.jpg")
    page.keyboard.press("Escape")


def study(page: Any) -> None:
    """Open the first study, its breasts in their own contrast."""
    page.locator(".studies tbody tr").first.click()
    page.wait_for_selector(".study[data-ready]")
    page.keyboard.press("e")
    page.wait_for_selector(".stage:not(.loading)")


def link(library: Library, reviews: Reviews, mode: ReadingMode) -> str:
    """Serve in a thread that ends with the process."""
    links: list[str] = []
    ready = threading.Event()

    def say(url: str, _: Person) -> None:
        links.append(url)
        ready.set()

    room = Room(library, reviews, OpenDesk(library, mode))
    doors = Doors.fresh([Person("reader", Role.ADJUDICATOR)])
    arguments = (room, doors, Exporter(library, reviews, Sources()), Place(), say)
    threading.Thread(target=serve, args=arguments, daemon=True).start()
    ready.wait()
    return links[0]


def save(page: Any, path: Path) -> None:
    """A picture as JPEG, a tenth of the bytes."""
    page.wait_for_timeout(800)
    picture = cv2.imdecode(np.frombuffer(page.screenshot(), np.uint8), cv2.IMREAD_COLOR)
    cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, 82])


if __name__ == "__main__":
    main()
