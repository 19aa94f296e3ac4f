from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mammoscope.classification.reference import reference
from mammoscope.errors import OutputError
from mammoscope.files import DISCLAIMER
from mammoscope.geometry import Frame
from mammoscope.reporting import ReportWriter, encode_closeups, encode_preview
from mammoscope.results import Failure
from mammoscope.study import study_results
from mammoscope.study.levels import RULE
from mammoscope.types import (
    Density,
    Explanation,
    ImageResult,
    LookAlike,
    Mammogram,
    ModelUse,
    NippleLine,
    Pictures,
)

Make = Callable[..., ImageResult]
VOID = {"br", "img", "input", "link", "meta"}
NASTY = "</title><script>alert(1)</script><img src=x onerror='alert(2)'>\"&amp;"


class Page(HTMLParser):
    """The elements of a page, with the text of each and of all."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def find(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        return [
            attributes
            for name, attributes in self.elements
            if name == tag and all(attributes.get(k) == v for k, v in wanted.items())
        ]


@pytest.fixture
def report(tmp_path: Path, mammogram: Mammogram) -> Callable[..., str]:
    def write(results: Iterable[ImageResult], failures: Iterable[Failure] = ()) -> str:
        path = tmp_path / "report.html"
        preview = encode_preview(mammogram)
        with ReportWriter(path) as writer:
            for study in study_results(results):
                closeups = {r.name: encode_closeups(mammogram, r) for r in study.images}
                writer.add(study, {n: Pictures(preview, found) for n, found in closeups.items()})
            for failure in failures:
                writer.add_failure(failure)
        return path.read_text(encoding="utf-8")

    return write


def test_every_finding_is_marked_and_listed(report: Callable[..., str], make_result: Make) -> None:
    result = make_result(p_malignant=[0.625, np.nan])
    page = Page(report([result]))
    assert page.open == []
    marks, rows = page.find("g", **{"class": "mark"}), page.find("li")
    rows = [row for row in rows if "data-mark" in row]
    assert {m["data-mark"] for m in marks} == {r["data-mark"] for r in rows} == {"1-1", "1-2"}
    shown = {m["data-mark"]: "hidden" not in m for m in marks}
    assert shown == {r["data-mark"]: "hidden" not in r for r in rows} == {"1-1": True, "1-2": False}
    for words in (
        "score 0.90",
        "6.0 × 4.0 mm",
        "x 20–60 y 30–90",
        "0.62 P(malignant)",
        "whole image",
    ):
        assert words in page.text
    assert page.text.count("not classified") == 1
    assert "at the detector" in page.text


def test_what_a_second_look_named_is_outlined_and_not_counted(
    report: Callable[..., str], make_result: Make
) -> None:
    dashed = {"stroke-dasharray": "5 4", "x": "20.00", "y": "30.00", "width": "40.00"}
    named = LookAlike((20.0, 30.0, 60.0, 90.0), "node", 0.934, 0.6)
    page = Page(report([make_result([], [], lookalikes=(named,))]))
    assert len(page.find("rect", **dashed)) == 1 and page.find("g", **{"class": "mark"}) == []
    assert "Not counted: lymph node (0.93)" in page.text and "0 findings" in page.text
    assert "Not counted" not in report([make_result()])


def test_marks_lie_on_the_box_in_pixels_of_the_preview(
    tmp_path: Path, mammogram: Mammogram, make_result: Make
) -> None:
    with ReportWriter(tmp_path / "r.html") as writer:
        (study,) = study_results([make_result()])
        writer.add(study, {"left_cc": Pictures(encode_preview(mammogram, max_side=150))})
    page = Page((tmp_path / "r.html").read_text())
    assert page.find("svg", **{"class": "marks"})[0]["viewbox"] == "0 0 100 150"
    assert {
        "class": "line", "x": "10.00", "y": "15.00", "width": "20.00", "height": "30.00"
    } in page.find("rect")  # fmt: skip


def test_picture_in_the_page_is_the_preview(
    report: Callable[..., str], mammogram: Mammogram, make_result: Make
) -> None:
    [image] = Page(report([make_result()])).find("img")
    data = base64.b64decode((image["src"] or "").removeprefix("data:image/jpeg;base64,"))
    assert data == encode_preview(mammogram).jpeg
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert decoded.shape == (int(image["height"] or 0), int(image["width"] or 0)) == (300, 200)


def test_slider_starts_at_the_threshold(report: Callable[..., str], make_result: Make) -> None:
    page = Page(report([make_result(threshold=0.123456789)]))
    [slider] = page.find("input", id="score")
    assert slider["value"] == "0.123456789"
    assert slider["step"] == "any"


def test_nothing_is_fetched_and_nothing_else_may_run(
    report: Callable[..., str], make_result: Make
) -> None:
    text = report([make_result()], [Failure("a", "ReadError", "b")])
    assert not re.search(r"(https?:)?//[a-z]", re.sub(r"base64,[^\"]*", "", text), re.IGNORECASE)
    assert set(re.findall(r"url\(([^)]*)\)", text)) == {"#window-level"}
    assert "@import" not in text
    page = Page(text)
    for _, attributes in page.elements:
        for name, value in attributes.items():
            assert not name.startswith("on") and name != "style"
            if name in ("src", "href"):
                assert re.match(r"data:|#", value or "")
    [policy] = [m for m in page.find("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    rules = dict(rule.split(" ", 1) for rule in (policy["content"] or "").split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    for kind, tag in (("script-src", "script"), ("style-src", "style")):
        [content] = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert rules[kind] == f"'sha256-{digest}'"


BOXES = [(10, 20, 30, 40), (40, 60, 60, 80), (70, 90, 90, 110), (100, 120, 120, 140)]


def test_the_most_likely_malignant_is_listed_first(
    report: Callable[..., str], make_result: Make
) -> None:
    p = [0.1, np.nan, 0.8, 0.3]
    page = Page(report([make_result(BOXES, [0.9, 0.8, 0.7, 0.6], p, malignant_threshold=0.3)]))
    for tag in ("li", "article"):
        keys = [a["data-mark"] for a in page.find(tag) if "data-mark" in a]
        assert keys == ["1-3", "1-4", "1-1", "1-2"]
    # In words, in the list and on the close-up's card; 0.3 itself reaches the threshold.
    assert page.text.count("P(malignant) reaches threshold 0.3") == 4
    assert page.text.count("P(malignant) below threshold 0.3") == 2
    assert page.text.count("not classified") == 1
    for label in ("3 P(mal) 0.80", "2 0.80"):
        assert label in page.text
    kinds = {a["data-mark"]: a["data-kind"] for a in page.find("g", **{"class": "mark"})}
    wanted = ("malignant", "malignant", "benign", "unclassified")
    assert kinds == dict(zip(("1-3", "1-4", "1-1", "1-2"), wanted, strict=True))


def test_every_finding_shown_has_a_closer_look(
    report: Callable[..., str], make_result: Make, mammogram: Mammogram, explanation: Explanation
) -> None:
    result = make_result(p_malignant=[0.625, 0.1], explanations=(explanation,))
    page = Page(report([result]))
    [card] = page.find("article")
    assert card["data-mark"] == "1-1"
    [picture] = [a for t, a in page.elements if t == "svg" and a.get("role") == "img"]
    assert picture["viewbox"] == "-20.00 0.00 120.00 120.00"
    plain, heat = page.find("image")
    [closeup] = encode_closeups(mammogram, result)
    data = base64.b64decode((plain["href"] or "").removeprefix("data:image/jpeg;base64,"))
    assert data == closeup.jpeg
    assert (plain["x"], plain["y"], plain["width"]) == ("0.00", "0.00", "100.00")
    assert (heat["x"], heat["y"], heat["width"]) == ("10.00", "30.00", "60.00")
    assert (heat["href"] or "").startswith("data:image/png;base64,")
    assert len(page.find("button", **{"aria-pressed": "false"})) == 2  # invert, heat map
    place = reference().placed("shape.share", 0.25)
    assert f"Relative size 25 % {place.benign} % {place.malignant} %" in page.text
    assert len(page.find("svg", **{"class": "spread"})) == len(explanation.features)
    for words in ("no outline of a lesion", "not the model’s reasons", "CBIS-DDSM", "CC BY"):
        assert words in page.text


def test_without_a_classifier_there_are_close_ups_alone(
    report: Callable[..., str], make_result: Make
) -> None:
    page = Page(report([make_result()]))
    assert len(page.find("article")) == len(page.find("image")) == 1
    assert not any("data-heat" in a for _, a in page.elements)
    assert page.find("table") == [] and "heat map shows" not in page.text


def test_breasts_are_scored_in_the_head_of_their_study(
    report: Callable[..., str], make_result: Make
) -> None:
    def seen(name: str, p: float, side: str | None, study: str = "1") -> ImageResult:
        facts = {"name": name, "laterality": side, "study_id": study, "malignant_threshold": 0.3}
        return make_result(BOXES[:1], [0.81], [p], **facts)

    results = [
        *(seen("a", 0.5, "R"), seen("b", 0.4, "R"), seen("c", 0.03, "L"), seen("d", 1, None)),
        seen("e", 0.8, "L", study="2"),
        seen("f", 1, None, study="3"),
    ]
    page = Page(report(results))
    heads = re.findall(r"Malignancy score: (?:, |right |left |[.\d]+)+(?= )", page.text)
    assert heads == [
        "Malignancy score: right 0.41, left 0.03",
        "Malignancy score: left 0.72",
    ]
    titles = [a["title"] or "" for a in page.find("p") if "title" in a]
    assert [RULE in title and "no probability" in title for title in titles] == [True, True]
    assert "Malignancy score:" not in Page(report([make_result()])).text


def test_density_and_exam_score_are_told_of_images_and_study(
    report: Callable[..., str], make_result: Make
) -> None:
    steps = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    said = {"study_id": "1", "laterality": "L", "malignant_threshold": 0.3, "exam_steps": steps}
    page = Page(
        report(
            [
                make_result(
                    name=view,
                    view=view,
                    density=Density(category, shares),
                    boxes=[(20, 30, 60, 90)],
                    scores=[0.81],
                    p_malignant=[p],
                    **said,
                )
                for view, p, category, shares in (
                    ("CC", 0.4, "B", (0.1, 0.7, 0.2, 0.0)),
                    ("MLO", 0.95, "C", (0.0, 0.3, 0.6, 0.1)),
                )
            ]
        )
    )
    assert "CC · density B · exam score 4 of 10" in page.text
    assert "MLO · density C · exam score 9 of 10" in page.text
    assert "Breast density C · Exam score 9 of 10" in page.text
    assert "C (A 0.00, B 0.30, C 0.60, D 0.10)" in page.text
    parts = [
        make_result(name=view, view=view, p_malignant=[0.4, 0.1], **{**said, "exam_steps": each})
        for view, each in (("CC", steps), ("MLO", ()))
    ]
    assert "Exam score unknown, as that of an image is" in Page(report(parts)).text
    silent = Page(report([make_result(study_id="1")])).text
    assert "density B" not in silent and "exam score" not in silent.partition("Reading this")[0]


def test_linked_findings_name_each_other(report: Callable[..., str], make_result: Make) -> None:
    line = NippleLine((150.0, 150.0), (0.0, 150.0))
    cc, mlo = (
        make_result(boxes, [0.9, 0.8], name=view, view=view, nipple_line=line)
        for view, boxes in (
            ("CC", [(40, 140, 60, 160), (10, 200, 30, 220)]),
            ("MLO", [(90, 200, 110, 220), (45, 140, 65, 160)]),
        )
    )
    text = Page(report([cc, mlo])).text
    assert text.count("may be the same lesion as 2 on L MLO") == 2  # in the list and on the card
    assert text.count("may be the same lesion as 1 on L CC") == 2
    assert "2 on L MLO: 10 and 10 mm from the nipple" in text


def test_text_from_files_is_escaped(report: Callable[..., str], make_result: Make) -> None:
    nasty: dict[str, Any] = dict.fromkeys(
        ("name", "view", "patient_id", "study_id", "laterality"), NASTY
    )
    result = make_result(**nasty, warnings=(NASTY,), models=(ModelUse(NASTY, NASTY),))
    sided = make_result(**{**nasty, "laterality": "R"})
    page = Page(report([result, sided], [Failure(NASTY, NASTY, NASTY)]))
    assert page.open == []
    assert len(page.find("script")) == 1
    assert len(page.find("img")) == 2
    assert page.text.count(NASTY) > 10
    assert all(not name.startswith("on") for _, a in page.elements for name in a)


def test_file_name_that_is_not_text(report: Callable[..., str]) -> None:
    text = report([], [Failure("caf\udce9.dcm", "ReadError", "empty")])
    assert "caf?.dcm" in Page(text).text


def test_hanging(report: Callable[..., str], make_result: Make) -> None:
    views = [("L", "MLO"), ("R", "MLO"), ("L", "CC"), ("R", "CC"), ("R", "ML")]
    results = [make_result(name=f"{s}{v}", laterality=s, view=v) for s, v in views]
    page = Page(report(results))
    alts = [image["alt"] for image in page.find("img")]
    assert alts == [
        "R CC, RCC", "L CC, LCC", "R MLO, RMLO", "L MLO, LMLO", "R ML, RML"
    ]  # fmt: skip
    slots = [
        a["class"] for t, a in page.elements if t == "div" and "slot" in (a.get("class") or "")
    ]
    assert slots == ["slot slot-r", "slot slot-l"] * 3
    assert "no L ML" in page.text


def test_unknown_side_is_apart(report: Callable[..., str], make_result: Make) -> None:
    results = [
        make_result(name="a"),
        make_result(name="b", laterality="R"),
        make_result(name="c", laterality=None),
        make_result(name="d", laterality=None, view=None),
    ]
    page = Page(report(results))
    assert page.text.count("Unknown side") == 1
    assert "CC, side unknown" in page.text
    assert "side and view unknown" in page.text


def test_studies_are_apart_and_in_order(report: Callable[..., str], make_result: Make) -> None:
    results = [
        make_result(name="e", patient_id=None, study_id=None),
        make_result(name="d", patient_id=None, study_id=None),
        make_result(name="c", patient_id=None, study_id="9"),
        make_result(name="b", patient_id="P2", study_id="1"),
        make_result(name="a", patient_id="P1", study_id="2"),
    ]
    page = Page(report(results))
    assert [i["alt"] for i in page.find("img")] == [f"L CC, {n}" for n in "abcde"]
    titles = ["Patient P1", "Patient P2", "Patient unknown", "Images without patient or study"]
    assert len(page.find("section", **{"class": "study"})) == len(titles)
    places = [page.text.rindex(title) for title in titles]
    assert places == sorted(places)
    links = [a["href"] for a in page.find("a") if (a["href"] or "").startswith("#study")]
    assert links == [f"#study-{n}" for n in (1, 2, 3, 4)]


def test_two_images_of_one_view_are_told_apart(
    report: Callable[..., str], make_result: Make
) -> None:
    page = Page(report([make_result(name="first"), make_result(name="second")]))
    wheres = {a["title"] for a in page.find("span", **{"class": "where"})}
    assert wheres == {"first", "second"}


def test_order_of_arrival_does_not_matter(report: Callable[..., str], make_result: Make) -> None:
    results = [make_result(name=n, laterality=s) for n in "abc" for s in ("R", "L", None)]
    failures = [Failure(n, "ReadError", "empty") for n in "xyz"]
    assert report(results, failures) == report(results[::-1], failures[::-1])


def test_no_finding_no_spacing_no_model(report: Callable[..., str], make_result: Make) -> None:
    empty = make_result(boxes=[], scores=[], models=(), warnings=())
    page = Page(report([empty]))
    assert "No finding at this score." in page.text
    assert "No model took part." in page.text
    assert page.find("g", **{"class": "mark"}) == []
    assert "size unknown" in Page(report([make_result(frame=Frame(300, 200))])).text


def test_empty_report_and_failures(report: Callable[..., str]) -> None:
    page = Page(report([], [Failure("in/broken.dcm", "ReadError", "ends after 3 rows")]))
    assert "There is no image in this report." in page.text
    assert "1 file gave no result in/broken.dcm ends after 3 rows ReadError" in page.text


def test_disclaimer_warnings_and_models(report: Callable[..., str], make_result: Make) -> None:
    result = make_result()
    page = Page(report([result]))
    assert DISCLAIMER in page.text
    assert "Something to know." in page.text
    assert f"detector sha256 {result.models[0].sha256}" in page.text


def test_nothing_is_written_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), ReportWriter(tmp_path / "r.html"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_report_into_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="No such file"), ReportWriter(tmp_path / "no" / "r.html"):
        pass
