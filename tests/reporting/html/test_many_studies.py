"""Beyond a dozen studies the report is an index and a page a study, with pictures beside them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from mammoscope.errors import OutputError
from mammoscope.files import DISCLAIMER
from mammoscope.reporting import ReportWriter, encode_closeups, encode_preview, write_report
from mammoscope.reporting.html.writer import MANY, MOST_ON_A_PAGE
from mammoscope.results import Failure
from mammoscope.study import study_results
from mammoscope.types import Explanation, ImageResult, Mammogram, Pictures

Make = Callable[..., ImageResult]
NASTY = "</title><script>alert(1)</script><img src=x onerror='alert(2)'>\"&amp;"


class Addresses(HTMLParser):
    """What a page refers to, with the elements' other attributes."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.found: list[tuple[str, str, dict[str, str | None]]] = []
        self.scripts = 0
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        values = dict(attrs)
        for name in ("src", "href"):
            if values.get(name):
                self.found.append((tag, values[name] or "", values))

    def of(self, tag: str) -> list[str]:
        return [address for name, address, _ in self.found if name == tag]


@pytest.fixture
def write(
    tmp_path: Path, mammogram: Mammogram, make_result: Make, explanation: Explanation
) -> Callable[..., Path]:
    preview = encode_preview(mammogram)

    def report(count: int, patient: str = "P", failures: Iterable[Failure] = ()) -> Path:
        results = [
            make_result(
                name=f"{n:02d}",
                patient_id=f"{patient}{n:02d}",
                study_id=str(n),
                p_malignant=[0.6, 0.1],
                explanations=(explanation,),
            )
            for n in range(1, count + 1)
        ]
        with ReportWriter(tmp_path / "report.html") as writer:
            for study in study_results(results):
                shown = {
                    r.name: Pictures(preview, encode_closeups(mammogram, r)) for r in study.images
                }
                writer.add(study, shown)
            for failure in failures:
                writer.add_failure(failure)
        return tmp_path

    return report


def test_a_dozen_is_one_page(write: Callable[..., Path]) -> None:
    folder = write(MOST_ON_A_PAGE)
    assert [path.name for path in folder.iterdir()] == ["report.html"]


def test_more_are_an_index_and_a_page_each(write: Callable[..., Path]) -> None:
    many = MOST_ON_A_PAGE + 1
    folder = write(many, failures=[Failure("in/broken.dcm", "ReadError", "ends after 3 rows")])
    index = Addresses(folder / "report.html")
    assert index.of("a") == [f"report/study-{n}.html" for n in range(1, many + 1)]
    thumbs = [values for tag, _, values in index.found if tag == "img"]
    assert len(thumbs) == many and all(values["loading"] == "lazy" for values in thumbs)
    for values in thumbs:
        picture = cv2.imread(str(folder / (values["src"] or "")), cv2.IMREAD_UNCHANGED)
        assert picture.shape == (int(values["height"] or 0), int(values["width"] or 0))
        assert picture.shape[0] <= 160 and picture.max() > 100
    text = (folder / "report.html").read_text()
    assert "base64," not in text and index.scripts == 0 and len(text) < 40_000
    assert f"<b>{many}</b> studies" in text and f">{many}</b> findings" in text
    assert DISCLAIMER in text and "ends after 3 rows" in text and "Patient P07" in text


def test_each_page_leads_on_and_finds_its_pictures(
    write: Callable[..., Path], mammogram: Mammogram
) -> None:
    many = MOST_ON_A_PAGE + 1
    folder = write(many) / "report"
    for number in range(1, many + 1):
        page = Addresses(folder / f"study-{number}.html")
        ways = [way for way in page.of("a") if not way.startswith("#")]
        beside = [f"study-{n}.html" for n in (number - 1, number + 1) if 1 <= n <= many]
        assert ways == ["../report.html", *beside]
        assert page.of("img") == [f"images/film-{number}.jpg"]
        closeup, heat = page.of("image")
        assert closeup == f"images/closeup-{number}-1.jpg"
        assert heat == f"images/heat-{number}-1.png"
        assert (folder / closeup).read_bytes()[:2] == b"\xff\xd8"
        assert (folder / heat).read_bytes()[1:4] == b"PNG"
        text = (folder / f"study-{number}.html").read_text()
        assert "base64," not in text and "img-src 'self' file: data:;" in unescape(text)
        assert f"Patient P{number:02d}" in text and text.count('class="mark"') == 2
    assert (folder / "images" / "film-5.jpg").read_bytes() == encode_preview(mammogram).jpeg


def test_hostile_names_stay_text_on_every_page(write: Callable[..., Path]) -> None:
    folder = write(MOST_ON_A_PAGE + 1, patient=NASTY)
    pages = [folder / "report.html", *(folder / "report").glob("*.html")]
    for path in pages:
        page = Addresses(path)
        assert page.scripts == (path.name != "report.html")
        assert all(not name.startswith("on") for _, _, values in page.found for name in values)
        assert re.search(r"&lt;script&gt;alert\(1\)", path.read_text())
    assert sorted(p.name for p in folder.iterdir()) == ["report", "report.html"]


def test_nothing_of_an_earlier_report_is_left_and_nothing_else_goes(
    write: Callable[..., Path],
) -> None:
    folder = write(MOST_ON_A_PAGE + 3)
    first = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    write(MOST_ON_A_PAGE + 3)
    assert first == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    write(MOST_ON_A_PAGE + 1)
    assert len(list((folder / "report").glob("study-*.html"))) == MOST_ON_A_PAGE + 1
    (folder / "report" / "mine.txt").write_text("keep")
    write(1)
    assert [path.name for path in (folder / "report").iterdir()] == ["mine.txt"]
    (folder / "report" / "mine.txt").unlink()
    write(1)
    assert not (folder / "report").exists()


def test_a_file_in_the_way_of_the_pages_is_told(write: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "report").write_text("a file")
    with pytest.raises(OutputError, match="report"):
        write(MOST_ON_A_PAGE + 1)
    assert write(1).joinpath("report.html").exists()


def test_of_very_many_the_most_suspicious_have_a_page_and_all_a_line(
    tmp_path: Path, mammogram: Mammogram, make_result: Make
) -> None:
    many = MANY + 1
    base = make_result(malignant_threshold=0.5, p_malignant=[0.5, 0.1])
    shares = [(7 * n % many + 1) / (many + 1) for n in range(many)]
    results = [
        replace(
            base,
            name=f"i{n}",
            patient_id=None if n == 5 else f"P{n:04d}",
            study_id=None if n == 5 else str(n),
            detections=replace(base.detections, p_malignant=np.array([share, 0.0])),
        )
        for n, share in enumerate(shares)
    ]
    preview = encode_preview(mammogram)
    drawn: list[str] = []

    def pictures(result: ImageResult) -> Pictures:
        drawn.append(result.name)
        return Pictures(preview)

    failure = Failure("broken.dcm", "ReadError", "ends after 3 rows")
    studies = study_results(results)
    write_report(tmp_path / "report.html", studies, pictures, [failure], most=3)
    first, _, third = sorted(range(many), key=lambda n: -shares[n])[:3]
    assert len(drawn) == 3 and drawn[0] == f"i{first}" and drawn[2] == f"i{third}"
    pages = {path.name for path in (tmp_path / "report").glob("*.html")}
    assert pages == {"index-2.html", "index-3.html", *(f"study-{n}.html" for n in (1, 2, 3))}
    index = Addresses(tmp_path / "report.html")
    assert index.of("a") == [
        "report/index-2.html",
        *(f"report/study-{n}.html" for n in (1, 2, 3)),
    ]
    assert len(index.of("img")) == 3
    lines = []
    for path in (tmp_path / "report.html", *sorted((tmp_path / "report").glob("index-*.html"))):
        lines.append(re.findall(r"<b>(Patient P\d+|Images without[^<]*)</b>", path.read_text()))
    assert [len(each) for each in lines] == [500, 500, 1]
    assert len({name for each in lines for name in each}) == many
    assert lines[0][0] == f"Patient P{first:04d}"
    assert "broken.dcm" in (tmp_path / "report.html").read_text()
    assert Addresses(tmp_path / "report" / "index-2.html").of("a") == [
        "../report.html",
        "../report/index-3.html",
    ]
    assert f"<b>{many}</b> image" in (tmp_path / "report.html").read_text()
    ways = Addresses(tmp_path / "report" / "study-3.html").of("a")
    assert [way for way in ways if not way.startswith("#")] == ["../report.html", "study-2.html"]
