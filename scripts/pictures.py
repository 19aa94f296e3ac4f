"""Take pictures of the report and of the viewer's pages for README and docs.

usage: python scripts/pictures.py STUDY REPORTED RESULTS OUT

STUDY is a phantom's folder with its truth.csv, REPORTED what `detect` made of it, RESULTS those of
several studies for the viewer. What is right and wrong in the report is told in its picture, by the
truth: it cannot go stale.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from playwright.sync_api import sync_playwright

from mammoscope.tables import Box, read_table
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
PATIENCE_MS = 300_000
"""A machine that is busy takes its time."""


def main() -> None:
    """The report of a study, then the viewer on some results, each of its sides."""
    phantom, reported, results, out = (Path(argument) for argument in sys.argv[1:5])
    with tempfile.TemporaryDirectory() as work, sync_playwright() as driver:
        library = Library([results], Path(work) / "index.sqlite")
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        report(browser, phantom / "truth.csv", reported, out / "report.png")
        for mode in (ReadingMode.BESIDE, ReadingMode.INDEPENDENT):
            reviews = Reviews(Path(work) / f"{mode}.sqlite")
            page = browser.new_page(viewport=SIZE)
            page.set_default_timeout(PATIENCE_MS)
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


def report(browser: Any, truth: Path, reported: Path, path: Path) -> None:
    """The report of a study with a line on what is right and wrong in it."""
    page = browser.new_page(viewport={"width": 1120, "height": 1440})
    page.set_default_timeout(PATIENCE_MS)
    page.goto((reported / "report.html").resolve().as_uri())
    rows = page.eval_on_selector_all(
        ".findings > li:not([hidden])",
        """rows => rows.map((row) => {
             const [film, number] = row.dataset.mark.split("-");
             const told = document.querySelector(`#film-${film} summary`).textContent;
             const text = (part) => row.querySelector(part).textContent;
             return [`${text(".badge")} on ${text(".where")}`, Number(number),
                     told.split(" · ")[0]]; })""",
    )
    line = judged(rows, truth, reported)
    page.evaluate(
        """line => { const note = document.createElement("p");
             note.textContent = line;
             note.style = "margin: 1rem 0 0; padding: .6rem .9rem; color: #dfe4e7;"
               + " border-left: 3px solid #f0e442; background: #1c1f14;";
             document.querySelector("main").prepend(note); }""",
        line,
    )
    page.wait_for_timeout(800)
    page.screenshot(path=str(path))
    page.close()
    print(line)


def judged(rows: list[tuple[str, int, str]], truth: Path, reported: Path) -> str:
    """What is right and wrong among findings (as the page calls it, number, image)."""
    masses: dict[str, list[tuple[Box, str]]] = {}
    for row in read_table(truth):
        if box := row.box():
            masses.setdefault(Path(row["image"]).stem, []).append((box, row["label"]))
    right, wrong, named, found = [], [], [], set[tuple[str, Box]]()
    for called, number, name in rows:
        result = json.loads((reported / f"{name}.json").read_text())
        finding = result["findings"][number - 1]
        x0, y0, x1, y1 = finding["box_px"]
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
        hit = [
            m for m in masses.get(name, ()) if m[0][0] <= x <= m[0][2] and m[0][1] <= y <= m[0][3]
        ]
        (right if hit else wrong).append(called)
        for box, label in hit:
            found.add((name, box))
            said = finding["p_malignant"] >= result["malignant_threshold"]
            fits = "rightly" if said == (label == "malignant") else "wrongly"
            verdict = "malignant" if said else "benign"
            named.append(f"{called} is {label}, {fits} called {verdict}")
    missed = [name for name, some in masses.items() for box, _ in some if (name, box) not in found]
    parts = [
        f"Right: {', '.join(right)} lie on masses that were drawn."
        if right
        else "No mark is right."
    ]
    parts += [f"Of these {'; '.join(named)}."] if named else []
    parts += [f"Wrong: nothing was drawn at {', '.join(wrong)}." if wrong else "No mark is wrong."]
    parts += [f"Missed: {len(missed)} of {sum(map(len, masses.values()))} views of masses."]
    return "What is right and wrong here, by the phantom's truth. " + " ".join(parts)


def beside(page: Any, out: Path) -> None:
    """The worklist, a study, a finding, the help sheet."""
    page.get_by_role("button", name="Malignancy").click()
    page.wait_for_selector(".thumbs img:not([src])", state="detached")
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
