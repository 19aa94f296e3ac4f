"""How soon the viewer shows what: a worklist of many studies, and a picture in full resolution.

usage: python benchmarks/viewer.py OUT [--studies 10000] [--browser /usr/bin/chromium]

Makes results of four images a study (no pixels, as no worklist needs them), and one phantom of
4,096 rows. Prints the seconds until the index is made, until it is opened again, until a page of
the worklist is told; with a browser also until it is drawn, and until the picture is.
"""

from __future__ import annotations

import argparse
import json
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
    library = timed("index made", lambda: Library([folder], index))
    library = timed("index opened again", lambda: Library([folder], index))
    reviews = Reviews(given.out / "reviews.sqlite")
    room = Room(library, reviews, OpenDesk(library, ReadingMode.BESIDE))
    person = Person("reader")
    timed("page of the worklist", lambda: room.worklist(person, Query()))
    query = Query(words="patient-00", sort="score", descending=True)
    timed("searched and sorted", lambda: room.worklist(person, query))
    frames = Frames()
    timed(f"read {images[0].name}", lambda: frames.pyramid(images[0]).levels[0].shape)
    if given.browser:
        draw(room, Exporter(library, reviews, Sources()), person, given.browser)
    sys.stdout.write(f"{len(library)} studies\n")


def make(out: Path, folder: Path, studies: int) -> list[Path]:
    """Results of some studies; the first is of real images."""
    folder.mkdir(parents=True, exist_ok=True)
    options = StudyOptions(rows=4096, png=False, encoding="linear")
    images = sorted(write_studies(out / "images", options).images)
    results = [bare(path) for path in images]
    names = [f"a-{result.name}" for result in results]
    for result in results:
        (folder / f"a-{result.name}.json").write_text(json.dumps(image_result_json(result)))
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


def draw(room: Room, exporter: Exporter, person: Person, browser: str) -> None:
    """The same in a browser, without a graphics card."""
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
        timed(
            "worklist drawn",
            lambda: (page.reload(), page.wait_for_selector(".worklist[data-ready]")),
        )

        def picture() -> None:
            page.locator(".studies tbody tr").first.click()
            page.wait_for_selector(".study[data-ready]")
            page.wait_for_selector(".stage:not(.loading)")

        timed("four pictures drawn", picture)
        page.keyboard.press("0")
        timed("full resolution drawn", lambda: page.wait_for_selector(".stage:not(.loading)"))


def timed(what: str, act):  # type: ignore[no-untyped-def]
    """What an action gives; its seconds are printed."""
    begun = time.perf_counter()
    done = act()
    sys.stdout.write(f"{what}: {time.perf_counter() - begun:.2f} s\n")
    return done


if __name__ == "__main__":
    main()
