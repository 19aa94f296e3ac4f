"""How soon the viewer shows what: a worklist of many studies, and a picture in full resolution.

usage: python benchmarks/viewer.py OUT [--studies 10000] [--browser /usr/bin/chromium]

Makes results of four images a study (no pixels, as no worklist needs them), and a phantom of 4,096
rows, one study of four and one of a single picture. Prints the seconds until the index is made,
until it is opened again, until a page of the worklist is told; with a browser also until it is
drawn, and until the pictures are, sharp, with nothing of them in memory before. What cannot be
undercut is measured beside: a stat of each result file and an empty page, the bare reading of the
picture's file. The last lines say how both aims are met: a worklist drawn in under two seconds
after its folder is opened, a picture in under one.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

from mammoscope.phantom import StudyOptions, write_studies
from mammoscope.reading import read
from mammoscope.results import ImageLine, RunSummary, image_result_json, run_json
from mammoscope.types import Detections, ImageResult
from mammoscope.viewer.desk import OpenDesk
from mammoscope.viewer.exports import Exporter
from mammoscope.viewer.frames import Frames
from mammoscope.viewer.library import Library
from mammoscope.viewer.modes import ReadingMode
from mammoscope.viewer.people import Doors, Person
from mammoscope.viewer.reviews import Reviews
from mammoscope.viewer.room import Room, Sources
from mammoscope.viewer.server import Place, serve
from mammoscope.viewer.worklist import Query

FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


def main() -> None:
    """Make, measure, print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("out", type=Path)
    arguments.add_argument("--studies", type=int, default=10_000)
    arguments.add_argument("--browser", default="")
    given = arguments.parse_args()
    folder = given.out / "results"
    images = make(given.out, folder, given.studies)
    index = folder / "viewer-index.sqlite"
    timed("index made", lambda: Library([folder], index))
    timed("floor: a stat of each result", lambda: [e.stat() for e in os.scandir(folder)])
    library = timed("index opened again", lambda: Library([folder], index))
    opened = SECONDS[-1]
    reviews = Reviews(given.out / "reviews.sqlite")
    room = Room(library, reviews, OpenDesk(library, ReadingMode.BESIDE))
    person = Person("reader")
    timed("page of the worklist", lambda: room.worklist(person, Query()))
    query = Query(words="patient-00", sort="score", descending=True)
    timed("searched and sorted", lambda: room.worklist(person, query))
    mammogram = timed("floor: the picture's file read", lambda: read(images[0]))
    timed("read, at every level", lambda: Frames().pyramid(images[0]).levels[0].shape)
    if given.browser:
        listed, shown = draw(room, Exporter(library, reviews, Sources()), person, given.browser)
        rows, columns = mammogram.frame.size
        sys.stdout.write(
            f"AIM 2 s: worklist of {len(library):,} studies opened and drawn in "
            f"{opened + listed:.2f} s\n"
            f"AIM 1 s: picture of {rows:,} x {columns:,} shown in {shown:.2f} s\n"
        )


def make(out: Path, folder: Path, studies: int) -> list[Path]:
    """Results of some studies; the first is of real images."""
    folder.mkdir(parents=True, exist_ok=True)
    options = StudyOptions(rows=4096, png=False, encoding="linear")
    images = sorted(write_studies(out / "images", options).images)
    results = [bare(path) for path in images]
    alone = replace(results[0], name=f"single-{results[0].name}", patient_id="A lone picture")
    first = [*(replace(r, name=f"a-{r.name}") for r in results), replace(alone, study_id="1.0")]
    names = [result.name for result in first]
    for result in first:
        (folder / f"{result.name}.json").write_text(json.dumps(image_result_json(result)))
    texts = [
        json.dumps(
            image_result_json(replace(r, name="NAME", patient_id="PATIENT", study_id="STUDY"))
        )
        for r in results
    ]
    for number in range(1, studies):
        for place, text in enumerate(texts):
            name = f"n{number:06}-{place}"
            names.append(name)
            told = text.replace("NAME", name).replace("PATIENT", f"patient-{number:06}")
            (folder / f"{name}.json").write_text(told.replace("STUDY", f"1.2.{number}"))
    lines = tuple(ImageLine(name, name) for name in names)
    (folder / "run.json").write_text(json.dumps(run_json(RunSummary("detect", images=lines))))
    return images


def bare(path: Path) -> ImageResult:
    """A result without findings."""
    mammogram = read(path)
    assert mammogram.source is not None
    return ImageResult(
        name=path.stem,
        source=mammogram.source,
        frame=mammogram.frame,
        detections=Detections.of([], [], mammogram.frame, "whole"),
        threshold=0.5,
        malignant_threshold=0.5,
        laterality=mammogram.laterality,
        view=mammogram.view,
        patient_id="A real one",
        study_id="1.1",
    )


SHARP = """() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(
  () => done(!document.querySelector(".stage.loading")))))"""
"""Whether all is drawn, after whatever was asked for has begun."""


def draw(room: Room, exporter: Exporter, person: Person, browser: str) -> tuple[float, float]:
    """The same in a browser, without a graphics card: seconds of the worklist and of a picture."""
    from playwright.sync_api import sync_playwright

    links: list[str] = []
    ready = threading.Event()

    def say(link: str, _: Person) -> None:
        links.append(link)
        ready.set()

    arguments = (room, Doors.fresh([person]), exporter, Place(), say)
    threading.Thread(target=serve, args=arguments, daemon=True).start()
    ready.wait()
    with sync_playwright() as driver:
        page = driver.chromium.launch(executable_path=browser, args=FLAGS).new_page()
        page.goto(links[0])
        page.wait_for_selector(".worklist[data-ready]")
        root = page.url.split("#")[0]
        timed("floor: an empty page", lambda: page.goto(root + "assets/index.css"))
        timed(
            "worklist drawn",
            lambda: (page.goto(root), page.wait_for_selector(".worklist[data-ready]")),
        )
        listed = SECONDS[-1]
        # Whoever opens a study has looked at the list for a second.
        page.wait_for_timeout(1000)

        def picture(patient: str) -> None:
            page.get_by_role("row").filter(has_text=patient).click()
            page.wait_for_selector(".study .stage")
            page.wait_for_function(SHARP)

        timed("one picture shown", lambda: picture("A lone picture"))
        shown = SECONDS[-1]

        def full() -> None:
            page.keyboard.press("0")
            page.wait_for_function(SHARP)

        timed("the same at one to one", full)
        page.keyboard.press("Escape")
        page.wait_for_selector(".worklist[data-ready]")
        timed("four pictures shown", lambda: picture("A real one"))
        return listed, shown


SECONDS: list[float] = []
"""Of everything that was measured so far."""


def timed(what: str, act):  # type: ignore[no-untyped-def]
    """What an action gives; its seconds are printed."""
    begun = time.perf_counter()
    done = act()
    SECONDS.append(time.perf_counter() - begun)
    sys.stdout.write(f"{what}: {SECONDS[-1]:.2f} s\n")
    sys.stdout.flush()
    return done


if __name__ == "__main__":
    main()
