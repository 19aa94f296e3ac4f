"""The pages in a real browser: Debian's chromium, driven by Playwright."""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mammoscope.reader_studies import DesignOptions, design
from mammoscope.types import ImageResult
from mammoscope.viewer.desk import OpenDesk, PlannedDesk, studies_of_cases
from mammoscope.viewer.exports import Exporter
from mammoscope.viewer.library import Library
from mammoscope.viewer.modes import ReadingMode
from mammoscope.viewer.people import Person, Role
from mammoscope.viewer.reviews import Reviews
from mammoscope.viewer.room import Room, Sources

from .conftest import MakeRoom, start, write_results

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: chromium")

FLAGS = [
    *("--no-sandbox", "--disable-quic", "--disable-background-networking"),
    *("--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


Open = Callable[..., Any]


@pytest.fixture
def open_page(
    browser: Any, make_room: MakeRoom, library: Library, reviews: Reviews
) -> Iterator[Open]:
    """Open the viewer in a mode, in a browser of its own; no error may be on its console."""
    pages: list[Any] = []
    problems: list[str] = []

    def opened(link: str) -> Any:
        page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda m: problems.append(m.text) if is_problem(m) else None)
        page.goto(link)
        page.wait_for_selector(".worklist[data-ready]")
        pages.append(page)
        return page

    def make(mode: ReadingMode = ReadingMode.BESIDE, link: str = "") -> Any:
        if link:
            return opened(link)
        exporter = Exporter(library, reviews, Sources(), frozenset({"ann"}))
        clients = start(make_room(mode), exporter, [Person("ann", Role.ADJUDICATOR)])
        return opened(clients["ann"].link)

    yield make
    for page in pages:
        page.context.close()
    assert problems == []


def is_problem(message: Any) -> bool:
    """Errors; that a read may not be opened or ended yet is told to the reader, too."""
    told = ("status of 403", "status of 409")
    return message.type == "error" and not any(status in message.text for status in told)


def enter(page: Any, patient: str = "ANNA") -> None:
    page.get_by_role("row").filter(has_text=patient).click()
    drawn(page)


def drawn(page: Any) -> None:
    page.wait_for_selector(".study[data-ready]")
    page.wait_for_selector(".stage:not(.loading)")


def port(page: Any, label: str) -> Any:
    return page.get_by_role("img", name=label)


def grey(page: Any, label: str) -> np.ndarray:
    """What is to be seen of one image, without its marks."""
    picture = cv2.imdecode(np.frombuffer(page.screenshot(), np.uint8), cv2.IMREAD_GRAYSCALE)
    box = port(page, label).bounding_box()
    x, y, width, height = (int(box[k]) for k in ("x", "y", "width", "height"))
    return picture[y : y + height, x : x + width].astype(float)


def drag(page: Any, label: str, start: tuple[float, float], end: tuple[float, float]) -> None:
    """From one place of a viewport to another, in shares of its size."""
    box = port(page, label).bounding_box()
    points = [(box["x"] + u * box["width"], box["y"] + v * box["height"]) for u, v in (start, end)]
    page.mouse.move(*points[0])
    page.mouse.down()
    page.mouse.move(*points[1], steps=4)
    page.mouse.up()


def test_the_worklist_is_searched_sorted_and_opened_by_keys(open_page: Open) -> None:
    page = open_page()
    rows = page.locator(".studies tbody tr")
    assert rows.count() == 2
    assert "suspicious" in rows.nth(0).inner_text()
    page.keyboard.press("/")
    page.keyboard.type("berta")
    rows.filter(has_text="ANNA").wait_for(state="detached")
    page.locator("input[type=search]").fill("")
    rows.nth(1).wait_for()
    page.get_by_role("button", name="Malignancy").click()
    page.locator("th[aria-sort=descending]").wait_for()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    drawn(page)
    assert "ANNA" in page.locator(".banner").inner_text()
    page.keyboard.press("Escape")
    page.wait_for_selector(".worklist[data-ready]")
    page.get_by_role("button", name="begun").click()
    rows.filter(has_text="BERTA").wait_for(state="detached")


def test_images_hang_chest_walls_together(open_page: Open) -> None:
    page = open_page()
    enter(page)
    places = {name: port(page, name).bounding_box() for name in ("R CC", "L CC", "R MLO", "L MLO")}
    assert places["R CC"]["x"] < places["L CC"]["x"]
    assert places["R CC"]["y"] < places["R MLO"]["y"]
    assert places["R MLO"]["x"] == places["R CC"]["x"]
    page.keyboard.press("v")
    for name in places:
        columns = grey(page, name).mean(axis=0)
        near, far = columns[-8:].mean(), columns[:8].mean()
        assert (near > far + 10) == name.startswith("R"), name
        assert (far > near + 10) == name.startswith("L"), name


def test_window_and_inversion_need_no_request(open_page: Open) -> None:
    page = open_page()
    enter(page)
    page.keyboard.press("v")
    before = grey(page, "R CC")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    # The next study is read ahead, and the page asks whether images came: nothing of these.
    own = {p.get_attribute("data-image") for p in page.locator(".port").all()}
    drag(page, "R CC", (0.3, 0.5), (0.3, 0.2))
    brighter = grey(page, "R CC")
    assert brighter[100:300].mean() > before[100:300].mean() + 5
    page.keyboard.press("i")
    inverted = grey(page, "R CC")
    np.testing.assert_allclose((inverted + brighter)[100:250, -40:-4], 255, atol=4)
    page.keyboard.press("d")
    np.testing.assert_allclose(grey(page, "R CC")[40:-40, 4:-4], before[40:-40, 4:-4], atol=3)
    assert [url for url in asked if "/api/image/" in url and any(k in url for k in own)] == []


def test_zoom_pan_and_layouts(open_page: Open) -> None:
    page = open_page()
    enter(page)
    facts = page.locator(".port .facts")
    fitted = facts.all_inner_texts()
    assert len({text.split()[0] for text in fitted}) == 1
    page.keyboard.press("0")
    assert {text.split(" ·")[0] for text in facts.all_inner_texts()} == {"100 %"}
    page.keyboard.press("f")
    assert facts.all_inner_texts() == fitted
    page.keyboard.press("l")
    box = port(page, "R CC").bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 100)
    page.mouse.wheel(0, -400)
    after = facts.all_inner_texts()
    assert sum(a != b for a, b in zip(after, fitted, strict=True)) == 1
    page.keyboard.press("2")
    assert page.locator(".port").count() == 2
    page.keyboard.press("5")
    assert [p.get_attribute("aria-label").split(",")[0] for p in page.locator(".port").all()] == [
        "L CC",
        "L MLO",
    ]
    page.keyboard.press("Enter")
    assert page.locator(".port").count() == 1
    page.keyboard.press("Escape")
    assert page.locator(".port").count() == 4
    page.keyboard.press("s")
    places = [port(page, name).bounding_box()["x"] for name in ("R CC", "L CC")]
    assert places[0] > places[1]
    # Chest walls stay together, so both sides are mirrored, and say so.
    assert all("mirrored" in text for text in facts.all_inner_texts())
    page.keyboard.press("v")
    drawn(page)
    for name in ("R CC", "L CC", "R MLO", "L MLO"):
        columns = grey(page, name).mean(axis=0)
        at_left, at_right = columns[:8].mean(), columns[-8:].mean()
        assert (at_left > at_right + 10) == name.startswith("R"), name


def test_an_earlier_study_hangs_below(
    browser: Any, tmp_path: Path, two_studies: list[ImageResult], reviews: Reviews
) -> None:
    older = [replace(r, name=f"old-{r.name}", study_id="1.2.0") for r in two_studies[:4]]
    folder = write_results(tmp_path / "both", [*two_studies[:4], *older])
    library = Library([folder], tmp_path / "index.sqlite")
    room = Room(library, reviews, OpenDesk(library, ReadingMode.BESIDE))
    clients = start(room, Exporter(library, reviews, Sources()), [Person("ann")])
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.set_default_timeout(60_000)
    page.goto(clients["ann"].link)
    page.wait_for_selector(".worklist[data-ready]")
    page.get_by_role("row").filter(has_text="1.2.1").click()
    drawn(page)
    page.keyboard.press("o")
    drawn(page)
    ports = page.locator(".port").all()
    assert len(ports) == 8
    now = next(p for p in ports if "R CC, anna" in str(p.get_attribute("aria-label")))
    before = next(p for p in ports if "R CC, old" in str(p.get_attribute("aria-label")))
    assert "prior 2" in before.inner_text()
    a, b = now.bounding_box(), before.bounding_box()
    assert (a["x"], a["y"] < b["y"]) == (b["x"], True)
    page.keyboard.press("2")
    assert page.locator(".port").count() == 4
    page.keyboard.press("o")
    page.keyboard.press("6")
    tops = {p.bounding_box()["y"] for p in page.locator(".port").all()}
    assert len(tops) == 1
    page.context.close()


def test_a_study_that_is_open_says_when_images_have_come(
    open_page: Open, tmp_path: Path, two_studies: list[ImageResult], reviews: Reviews
) -> None:
    folder = write_results(tmp_path / "coming", two_studies[:3])
    library = Library([folder], tmp_path / "index.sqlite")
    room = Room(library, reviews, OpenDesk(library, ReadingMode.BESIDE))
    clients = start(room, Exporter(library, reviews, Sources()), [Person("ann")])
    page = open_page(link=clients["ann"].link)
    enter(page)
    assert page.locator(".port[data-image]").count() == 3
    write_results(folder, two_studies[:4])
    page.get_by_role("button", name="Show them").click()
    page.locator(".port[data-image]").nth(3).wait_for()


def test_ruler_in_millimetres_and_magnifier(open_page: Open) -> None:
    page = open_page()
    enter(page)
    page.keyboard.press("r")
    drag(page, "L CC", (0.2, 0.3), (0.2, 0.6))
    text = page.locator(".ruler text").text_content()
    assert text.endswith(" mm")
    assert 10 < float(text.split()[0]) < 200
    page.keyboard.press("m")
    box = port(page, "L CC").bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 150)
    page.locator(".magnifier").wait_for()
    page.keyboard.press("Escape")
    page.locator(".magnifier").wait_for(state="hidden")


def test_findings_with_closeup_heat_map_features_and_threshold(open_page: Open) -> None:
    page = open_page()
    enter(page)
    findings = page.locator(".finding")
    assert findings.count() == 4
    assert page.locator(".overlay .mark.malignant").count() == 4
    page.keyboard.press("n")
    page.locator(".closeup canvas").wait_for()
    assert "P(malignant) 0.90" in page.locator(".detail").inner_text()
    assert page.locator(".features table tr").count() > 5
    with page.expect_response(lambda r: "/heat/" in r.url) as heat:
        page.keyboard.press("h")
    assert heat.value.status == 200
    page.get_by_label("Threshold of the score").fill("0.1")
    assert findings.count() == 8
    # By its number on its image: two findings each.
    assert sorted(page.locator(".finding .badge").all_inner_texts()) == ["1"] * 4 + ["2"] * 4
    page.keyboard.press("]")
    page.keyboard.press("]")
    page.keyboard.press("]")
    assert findings.count() == 4
    page.keyboard.press("n")
    pressed = page.locator(".finding[aria-pressed=true]")
    assert pressed.count() == 1


def test_keys_with_shift_and_one_to_one_lead_to_the_breast(open_page: Open) -> None:
    page = open_page()
    enter(page)
    pressed = page.locator(".finding[aria-pressed=true]")
    rows = page.locator(".finding")
    for key, place in (("n", 0), ("Shift+N", 3)):
        page.keyboard.press(key)
        assert pressed.get_attribute("data-id") == rows.nth(place).get_attribute("data-id")
    page.keyboard.press("Escape")
    page.wait_for_selector(".worklist[data-ready]")
    enter(page)
    page.keyboard.press("v")
    for key in ("0", "+", "+", "+"):
        page.keyboard.press(key)
        page.wait_for_timeout(100)
        drawn(page)
        for name in ("R CC", "L CC", "R MLO", "L MLO"):
            assert grey(page, name)[40:-40, 20:-20].mean() > 15, (key, name)
    page.keyboard.press("f")
    page.keyboard.press("v")
    page.keyboard.press("Shift+B")
    page.locator(".finding.own").wait_for()
    page.keyboard.press("Shift+F")
    box, mark = port(page, "R CC").bounding_box(), page.locator(".mark.own .line").bounding_box()
    assert box["x"] + box["width"] / 2 < mark["x"] < box["x"] + box["width"]


def test_every_key_is_on_the_help_sheet(open_page: Open) -> None:
    page = open_page()
    sheet = page.get_by_role("dialog")
    page.keyboard.press("?")
    sheet.wait_for()
    # A list has no pictures to drag.
    assert "Drag" not in sheet.inner_text()
    page.keyboard.press("Escape")
    sheet.wait_for(state="detached")
    enter(page)
    page.keyboard.press("?")
    sheet.wait_for()
    for words in ("Window", "Invert", "Magnifier", "Next finding", "Accept", "Full screen"):
        assert words in sheet.inner_text()
    # All of it is to be seen at once.
    assert sheet.evaluate("e => e.scrollHeight <= e.clientHeight")
    page.keyboard.press("Escape")
    sheet.wait_for(state="detached")


def test_review_to_export(open_page: Open, library: Library) -> None:
    page = open_page()
    enter(page)
    page.keyboard.press("n")
    # The answer is in sight, above the close-up.
    reject = page.get_by_role("button", name="Reject").bounding_box()
    assert reject["y"] + reject["height"] < page.locator(".detail .closeup").bounding_box()["y"]
    page.keyboard.press("a")
    page.locator(".answer.accepted").wait_for()
    page.get_by_role("button", name="malignant", exact=True).click()
    page.keyboard.press("n")
    page.keyboard.press("x")
    page.locator(".answer.rejected").wait_for()
    page.keyboard.press("n")
    page.keyboard.press("c")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Enter")
    page.locator(".answer.corrected").wait_for()
    page.keyboard.press("b")
    drag(page, "L MLO", (0.2, 0.4), (0.35, 0.55))
    page.locator(".finding.own").wait_for()
    page.get_by_role("button", name="benign", exact=True).click()
    page.get_by_label("BI-RADS left").select_option("4b")
    page.get_by_label("Density").select_option("C")
    page.get_by_role("button", name="End the read").click()
    page.wait_for_selector(".study[data-ready]")
    page.locator(".who", has_text="BERTA").wait_for()
    page.keyboard.press("Escape")
    page.locator(".tag.done").wait_for()
    with page.expect_download() as download:
        page.get_by_label("Take out what readers said").select_option("truth")
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text())))
    boxes = [row for row in rows if row["x0"]]
    assert sorted(row["origin"] for row in boxes) == ["accepted", "corrected", "own"]
    assert {row["label"] for row in boxes} == {"malignant", "benign", ""}
    assert {row["density"] for row in rows} == {"C"}
    corrected = next(row for row in boxes if row["origin"] == "corrected")
    frame = library.result(library.studies[0].images[0]).frame
    assert float(corrected["x0"]) > 0.3 * frame.columns
    assert float(corrected["y1"]) > 0.45 * frame.rows


def test_own_read_first(open_page: Open) -> None:
    page = open_page(ReadingMode.INDEPENDENT)
    assert "suspicious" not in page.locator(".studies").inner_text()
    enter(page)
    assert page.locator("[data-locked]").count() == 1
    page.keyboard.press("b")
    drag(page, "L CC", (0.1, 0.4), (0.3, 0.6))
    page.locator(".finding.own").wait_for()
    page.get_by_role("button", name="Save own read").click()
    page.locator(".finding.malignant").first.wait_for()
    drawn(page)
    assert page.locator(".finding").count() == 5
    page.locator(".finding.own").click()
    assert page.get_by_role("button", name="Remove").is_disabled()
    page.get_by_role("button", name="End the read").wait_for()


def test_blinded(open_page: Open) -> None:
    page = open_page(ReadingMode.BLINDED)
    enter(page)
    assert "without the model" in page.locator(".panel").inner_text()
    assert page.locator(".finding, .scores dl").count() == 0
    page.get_by_role("button", name="End the read").wait_for()


def test_a_study_of_two_readers(open_page: Open, library: Library, reviews: Reviews) -> None:
    cases = {"ANNA": "1", "BERTA": "0"}
    plan = design(["ann", "ben"], cases, ["blinded", "beside"], DesignOptions(washout_days=28))
    days = [0.0]
    desk = PlannedDesk(
        plan,
        studies_of_cases(library, plan, "plan.csv"),
        reviews,
        lambda: datetime.now(UTC) + timedelta(days=days[0]),
    )
    people = [Person("ann"), Person("ben")]
    exporter = Exporter(library, reviews, Sources())
    clients = start(Room(library, reviews, desk), exporter, people)
    for name in ("ann", "ben"):
        page = open_page(link=clients[name].link)
        assert "4 reads" in page.locator("footer").inner_text()
        told = page.locator(".studies tbody tr").all_inner_texts()
        assert len(set(told)) == 4  # no two rows of a case are alike
        page.locator(".studies tbody tr").first.click()
        for left in (1, 0):
            drawn(page)
            blinded = "blinded" in page.locator(".banner").inner_text()
            assert (page.locator(".slider").count() == 0) == blinded
            page.locator(".exam").get_by_label("malignant, %").fill("30")
            page.get_by_role("button", name="End the read").click()
            if left:
                page.locator(".who", has_text=cases_after(plan, name)).wait_for()
        page.locator(".notice", has_text="washout").wait_for()
    done = [step for step in reviews.steps() if step.kind == "sign"]
    assert len(done) == 4


def cases_after(plan: Any, reader: str) -> str:
    """The case of a reader's second read."""
    return next(p.case for p in plan if (p.reader, p.session, p.position) == (reader, 1, 2))


def test_at_the_size_of_a_tablet_nothing_is_cut_off(open_page: Open) -> None:
    page = open_page()
    page.set_viewport_size({"width": 820, "height": 1180})
    enter(page)
    wide = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide[0] <= wide[1]
    assert port(page, "R CC").bounding_box()["width"] > 300


CONTRAST = """() => {
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => v / 255)
      .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [0, 0, 0];
  };
  const poor = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    const style = getComputedStyle(element);
    if (!own || !element.checkVisibility() || element.closest("svg, :disabled, option")) continue;
    const [a, b] = [light(parse(style.color)), light(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push(`${ratio.toFixed(1)} ${element.outerHTML.slice(0, 80)}`);
  }
  return poor;
}"""


def test_text_is_told_from_its_ground(open_page: Open) -> None:
    page = open_page()
    assert page.evaluate(CONTRAST) == []
    enter(page)
    page.keyboard.press("n")
    page.locator(".features").wait_for()
    assert page.evaluate(CONTRAST) == []
    page.keyboard.press("?")
    assert page.evaluate(CONTRAST) == []


def test_whoever_uses_keys_sees_where_they_are(open_page: Open) -> None:
    page = open_page()
    enter(page)
    for _ in range(25):
        page.keyboard.press("Tab")
        seen = page.evaluate(
            """() => {
              const style = getComputedStyle(document.activeElement);
              return style.outlineStyle !== "none" || style.boxShadow !== "none";
            }"""
        )
        assert seen, page.evaluate("document.activeElement.outerHTML")


def test_ohif_takes_all_findings_into_its_panel(
    browser: Any, make_room: MakeRoom, library: Library, reviews: Reviews
) -> None:
    place = os.environ.get("MAMMOSCOPE_OHIF")
    if not place:
        pytest.skip("needs an unpacked OHIF viewer, its folder in MAMMOSCOPE_OHIF")
    pytest.importorskip("highdicom", reason="needs the extra [dicom]")
    import threading

    from mammoscope.cli.view import ohif_guest
    from mammoscope.viewer.people import Doors
    from mammoscope.viewer.server import Place, serve

    links: list[str] = []
    ready = threading.Event()

    def say(link: str, _: Person) -> None:
        links.append(link)
        if len(links) == 2:
            ready.set()

    room = make_room()
    arguments = (
        room,
        Doors.fresh([Person("ann")]),
        Exporter(library, reviews, Sources()),
        Place(),
        say,
    )
    guest = {"guest": ohif_guest(Path(place), room, ReadingMode.BESIDE)}
    threading.Thread(target=serve, args=arguments, kwargs=guest, daemon=True).start()
    assert ready.wait(20)
    page = browser.new_context(viewport={"width": 1400, "height": 900}).new_page()
    page.set_default_timeout(120_000)
    added: list[str] = []
    page.on("console", lambda m: added.append(m.text) if "Measurement added" in m.text else None)
    page.goto(links[1])
    root = links[1].split("/enter")[0]
    page.goto(f"{root}/viewer?StudyInstanceUIDs={library.studies[0].study_id}")
    page.get_by_text("Skip all").click()
    page.get_by_text("Confirm and hide").click()
    page.get_by_text("Mammography CAD").first.dblclick()
    page.get_by_role("button", name="Yes").click()
    page.get_by_role("button", name="Yes").wait_for(state="detached")
    page.wait_for_timeout(5_000)
    assert len(added) == 4
    page.context.close()
