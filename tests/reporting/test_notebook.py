"""Results in a notebook."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from mammoscope.errors import MissingExtra, OutputError
from mammoscope.files import DISCLAIMER
from mammoscope.reporting import encode_pictures
from mammoscope.results import FINDING_COLUMNS, load_image_result
from mammoscope.study import StudyResult, study_results
from mammoscope.types import ImageResult, Mammogram

Make = Callable[..., ImageResult]


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


@pytest.fixture
def result(mammogram: Mammogram, make_result: Make) -> ImageResult:
    made = make_result(p_malignant=[0.25, np.nan], malignant_threshold=0.5)
    return replace(made, pictures=encode_pictures(mammogram, made))


@pytest.fixture
def study(result: ImageResult) -> StudyResult:
    (made,) = study_results([result, replace(result, name="left_mlo", view="MLO")])
    return made


def test_a_short_repr(result: ImageResult, study: StudyResult) -> None:
    assert repr(result) == ("<ImageResult left_cc (L CC): 1 finding shown of 2, best score 0.90>")
    unknown = replace(result, laterality=None, view=None)
    assert "(side unknown view unknown)" in repr(unknown)
    assert repr(study) == "<StudyResult of 2 images: 2 findings shown, 0 linked, malignancy 0.24>"


def test_html_shows_the_picture_the_marks_and_a_table(result: ImageResult) -> None:
    page = Tags(result._repr_html_())
    assert (page.count("svg"), page.count("image"), page.count("rect")) == (1, 1, 1)
    (picture,) = [attributes for tag, attributes in page.tags if tag == "image"]
    assert (picture["href"] or "").startswith("data:image/jpeg;base64,/9j/")
    (mark,) = [attributes for tag, attributes in page.tags if tag == "rect"]
    assert (mark["x"], mark["y"], mark["width"], mark["height"]) == (
        "20.00",
        "30.00",
        "40.00",
        "60.00",
    )
    assert page.count("tr") == 2 and "6.0 × 4.0" in page.text and "0.25" in page.text
    assert DISCLAIMER in page.text


def test_html_of_a_study_has_all_its_images(study: StudyResult) -> None:
    page = Tags(study._repr_html_())
    assert (page.count("svg"), page.count("tr")) == (2, 3)


def test_html_escapes_and_needs_no_picture(make_result: Make) -> None:
    page = make_result(name="<script>alert(1)</script>")._repr_html_()
    assert "<script>" not in page and Tags(page).count("image") == 0
    assert "No findings are shown." in make_result(boxes=[], scores=[])._repr_html_()


def test_a_data_frame_has_the_columns_of_the_table(study: StudyResult, make_result: Make) -> None:
    pytest.importorskip("pandas", reason="needs the extra [notebook]")
    frame = study.to_frame()
    assert tuple(frame.columns) == FINDING_COLUMNS
    assert frame["name"].tolist() == ["left_cc"] * 2 + ["left_mlo"] * 2
    assert frame["score"].tolist() == [0.9, 0.2] * 2
    assert len(make_result(boxes=[], scores=[]).to_frame()) == 0


def test_a_plot_lies_in_pixels_of_the_source(result: ImageResult, study: StudyResult) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra [notebook]").use("agg")
    from matplotlib import pyplot
    from matplotlib.axes import Axes

    axes = result.plot()
    assert isinstance(axes, Axes)
    assert (axes.get_xlim(), axes.get_ylim()) == ((0, 200), (300, 0))
    (box,) = axes.patches
    assert (box.get_x(), box.get_y(), box.get_width(), box.get_height()) == (20, 30, 40, 60)
    assert len(study.plot().axes) == 2
    pyplot.close("all")


@pytest.mark.parametrize(("package", "method"), [("pandas", "to_frame"), ("matplotlib", "plot")])
def test_without_the_extra_it_is_named(
    result: ImageResult, package: str, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=r"mammoscope\[notebook\]"):
        getattr(result, method)()


def test_plain_values_are_those_of_the_json(result: ImageResult, study: StudyResult) -> None:
    assert result.to_dict()["findings"][0]["box_px"] == [20, 30, 60, 90]
    values = json.loads(json.dumps(study.to_dict()))
    assert values["images"][0] == result.to_dict()
    assert values["patient"]["score"] == values["breasts"][0]["score"] == pytest.approx(0.237171)
    assert values["breasts"][0]["rule"] == "the mean of its images"


def test_each_kind_of_file(result: ImageResult, study: StudyResult, tmp_path: Path) -> None:
    result.save(tmp_path / "r.json")
    assert load_image_result(tmp_path / "r.json").name == "left_cc"
    for what, images in ((result, 1), (study, 2)):
        what.save(tmp_path / "r.csv")
        assert len((tmp_path / "r.csv").read_text().splitlines()) == 1 + 2 * images
        what.save(tmp_path / "r.html")
        assert (tmp_path / "r.html").read_text().count('<figure class="film"') == images
        what.save(str(tmp_path / "R.PNG"))
        assert cv2.imread(str(tmp_path / "R.PNG")).shape == (300, 200 * images, 3)


def test_what_cannot_be_saved_is_named(
    result: ImageResult, make_result: Make, tmp_path: Path
) -> None:
    with pytest.raises(OutputError, match=r"ends in \.json, \.csv, \.html or \.png"):
        result.save(tmp_path / "r.txt")
    for end in ("png", "html"):
        with pytest.raises(OutputError, match="there is no picture of left_cc"):
            make_result().save(tmp_path / f"r.{end}")
    with pytest.raises(OutputError, match="cannot be written"):
        result.save(tmp_path / "no" / "r.json")
