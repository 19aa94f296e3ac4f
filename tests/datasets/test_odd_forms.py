"""Numbers, names and pictures in odd forms: read rightly, or told; never passed over."""

from __future__ import annotations

import json
import plistlib
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mammoscope.annotations.table import AnnotatedImage
from mammoscope.datasets import load
from mammoscope.datasets.numbers import number, whole

Said = Callable[[Iterable[AnnotatedImage]], str]


Png = Callable[..., Path]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_number_comes_back_from_its_text(value: float) -> None:
    assert number(repr(value)) == number(f" {value!r} ") == number(value) == value
    assert number(f"{value:e}") == float(f"{value:e}")


@pytest.mark.parametrize("value", [None, True, "", "nan", "1,5", "1_0", "0x1", [1], float("inf")])
def test_what_is_no_number_is_none(value: object) -> None:
    assert number(value) is whole(value) is None
    assert whole("1.5") is None and whole("2.0586908E+07") == 20586908


def coco(folder: Path, **changes: Any) -> AnnotatedImage:
    """The first image of a COCO file with some values changed."""
    image = {"id": 1, "file_name": "a.png"} | changes.get("image", {})
    annotation = {"id": 9, "image_id": 1, "category_id": 3, "bbox": [1, 2, 10, 20]}
    annotation |= changes.get("annotation", {})
    lists = {"images": [image], "annotations": [annotation], "categories": [{"id": 3, "name": "m"}]}
    (folder / "annotations.json").write_bytes(
        changes.get("mark", b"") + json.dumps(lists | changes.get("lists", {})).encode()
    )
    return load(f"coco:{folder}")[0]


@pytest.fixture
def folder(tmp_path: Path, png: Png) -> Path:
    png(tmp_path / "a.png", 30, 40)
    return tmp_path


@pytest.mark.parametrize(
    "changes",
    [
        {"annotation": {"image_id": "1", "category_id": 3.0}},
        {"image": {"id": "1"}},
        {"image": {"id": 1.0, "width": 40.0, "height": "30"}},
        {"annotation": {"bbox": ["1.0", "2e0", " 10 ", "2.0E+1"]}},
        {"annotation": {"bbox": [], "segmentation": [[1, 2, 11, 2, 11, 22, 1, 22]]}},
        {"annotation": {"bbox": None, "segmentation": [[1, 2, 11, 2, 6, 9], [5, 9, 6, 22, 7, 9]]}},
        {"mark": b"\xef\xbb\xbf"},
    ],
)
def test_coco_ids_and_numbers_as_tools_write_them(folder: Path, changes: dict[str, Any]) -> None:
    image = coco(folder, **changes)
    assert image.boxes.tolist() == [[1, 2, 11, 22]]
    assert image.boxes_known and image.notes == ()


def test_a_crowd_is_a_region_to_ignore(folder: Path) -> None:
    image = coco(folder, annotation={"iscrowd": 1})
    assert len(image.boxes) == 0 and image.ignored == ((1, 2, 11, 22),)
    assert len(coco(folder, annotation={"iscrowd": 0}).boxes) == 1


def test_a_picture_of_another_size_has_its_boxes_scaled_and_says_so(folder: Path) -> None:
    image = coco(folder, image={"width": 80, "height": 60})
    assert image.boxes.tolist() == [[0.5, 1, 5.5, 11]]
    assert image.notes == (
        "listed with 80 x 60 pixels, its file has 40 x 30: its boxes are scaled",
    )
    stretched = coco(folder, image={"width": 80, "height": 30}, annotation={"iscrowd": 1})
    assert stretched.ignored == ((0.5, 2, 5.5, 22),)


def test_a_picture_that_was_turned_has_unknown_boxes(folder: Path) -> None:
    image = coco(folder, image={"width": 30, "height": 40})
    assert not image.boxes_known and "it may be turned" in image.notes[0]


def test_a_file_name_of_windows_and_a_json_of_another_name(tmp_path: Path, png: Png) -> None:
    png(tmp_path / "images" / "p1" / "a.png", 30, 40)
    image = coco(tmp_path, image={"file_name": "p1\\a.png", "split": "val", "laterality": "right"})
    assert image.path == tmp_path / "images" / "p1" / "a.png"
    assert (image.split, image.laterality) == ("test", "R")
    (tmp_path / "annotations.json").rename(tmp_path / "_annotations.coco.json")
    assert len(load(f"coco:{tmp_path}")) == 1


def test_two_images_of_one_file_are_told(folder: Path, said: Said) -> None:
    twice = [{"id": i, "file_name": "a.png"} for i in (1, 2)]
    image = coco(folder, lists={"images": twice})
    assert not image.boxes_known
    assert re.search(r"2 images are of the file .*a\.png", said([image]))


def yolo(folder: Path, text: str | bytes, **names: str) -> AnnotatedImage:
    (folder / "labels").mkdir(exist_ok=True)
    data = text if isinstance(text, bytes) else text.encode()
    (folder / "labels" / "a.txt").write_bytes(data)
    for name, content in names.items():
        (folder / name.replace("_", ".")).write_text(content)
    return load(f"yolo:{folder}")[0]


@pytest.fixture
def pictures(tmp_path: Path, png: Png) -> Path:
    png(tmp_path / "images" / "a.png", 100, 50)
    return tmp_path


@pytest.mark.parametrize(
    "line",
    [
        "0 0.5 0.25 0.2 0.1",
        "0.0 5e-1 2.5E-01 .2 0.1   ",
        "\ufeff0\t0.5\t0.25\t0.2\t0.1\r\n\r\n",
        "0 0.4 0.2 0.6 0.2 0.6 0.3 0.4 0.3",
    ],
)
def test_yolo_lines_as_tools_write_them(pictures: Path, line: str) -> None:
    np.testing.assert_allclose(yolo(pictures, line).boxes, [[20, 20, 30, 30]])


@pytest.mark.parametrize(
    "line",
    [
        "0 0,5 0,25 0,2 0,1",
        "0 0.5 0.25 0.2 0.1 0.9",
        "0 1_0 0 1 1",
        "0 0.5 0.5 0 0.1",
        "0.5 0 0 1 1",
    ],
)
def test_yolo_lines_that_mean_nothing_are_told(pictures: Path, line: str, said: Said) -> None:
    image = yolo(pictures, line)
    assert not image.boxes_known
    assert re.search(r"a\.txt: line 1: ", said([image]))


@pytest.mark.parametrize(
    "names",
    [
        {"data_yaml": "names: {0: calcification, 1: 'mass, benign'}\n"},
        {"data_yaml": "names: [calcification,\n  'mass, benign']\n"},
        {"data_yaml": "\ufeffnames:\n  0: calcification\n  1: mass benign\n"},
        {"classes_txt": "calcification\nmass benign\n"},
    ],
)
def test_yolo_names_as_tools_write_them(pictures: Path, names: dict[str, str]) -> None:
    image = yolo(pictures, "1 0.5 0.5 0.1 0.1\n0 0.5 0.5 0.2 0.2\n", **names)
    assert [sorted(kinds) for kinds in image.subtypes] == [["mass"], ["calcification"]]
    assert image.labels == ("benign", None)


def test_a_yolo_text_without_its_image_is_told(pictures: Path, said: Said) -> None:
    yolo(pictures, "0 0.5 0.5 0.1 0.1")
    (pictures / "labels" / "b.txt").write_text("0 0.5 0.5 0.1 0.1")
    assert re.search(r"b\.txt: there is no image of this name", said(load(f"yolo:{pictures}")))


INBREAST = "File Name;Laterality;View;ACR;Bi-Rads\n{};R;CC;4;4a\n"


def inbreast(folder: Path, points: list[Any], stated: int | None = None, **changes: Any) -> Any:
    name = changes.get("name", "20586908")
    (folder / "INbreast.csv").write_bytes(changes.get("csv", INBREAST.format(name)).encode())
    for kind in ("AllXML", "AllDICOMs"):
        (folder / kind).mkdir(exist_ok=True)
    (folder / "AllDICOMs" / "20586908_p_MG_R_CC_ANON.dcm").touch()
    region = {"Name": "Mass", "NumberOfPoints": stated or len(points), "Point_px": points}
    images = [{"ROIs": [region]}, *changes.get("further", [])]
    (folder / "AllXML" / "20586908.xml").write_bytes(plistlib.dumps({"Images": images}))
    return load(f"inbreast:{folder}")


@pytest.mark.parametrize(
    "points",
    [
        ["(1.5, 20)", "(300.25, 410)"],
        ["( 1.5e+00 ,2E1)", "(3.0025e2,\t4.1e+2)"],
        ["{1.5, 20}", "{300.25, 410}"],
        ["1.5; 20", "300.25; 410"],
        [[1.5, 20], [300.25, 410]],
    ],
)
def test_points_of_a_contour_as_copies_write_them(tmp_path: Path, points: list[Any]) -> None:
    (image,) = inbreast(tmp_path, points)
    assert image.boxes.tolist() == [[1.5, 20, 300.25, 410]]
    assert image.boxes_known and image.notes == ()


@pytest.mark.parametrize("odd", ["(900,5, 900,5)", "(900 900)", "(nine, 900)", "()", 900])
def test_a_point_that_cannot_be_read_never_shrinks_a_box(tmp_path: Path, odd: Any) -> None:
    (image,) = inbreast(tmp_path, ["(1, 2)", "(30, 40)", odd])
    assert not image.boxes_known and "has a point that cannot be read" in image.notes[0]


def test_points_that_are_missing_are_told(tmp_path: Path) -> None:
    (image,) = inbreast(tmp_path, ["(1, 2)", "(30, 40)"], stated=3)
    assert not image.boxes_known and "has 2 of its 3 points" in image.notes[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "20586908.0"},
        {"name": "2.0586908E+07"},
        {"csv": "\ufeff" + INBREAST.format("20586908")},
        {"csv": INBREAST.format("20586908").replace(";", "\t")},
    ],
)
def test_the_table_as_spreadsheets_write_it(tmp_path: Path, changes: dict[str, str]) -> None:
    (image,) = inbreast(tmp_path, ["(1, 2)", "(30, 40)"], **changes)
    assert (image.patient_id, image.birads, len(image.boxes)) == ("p", "4a", 1)


def test_contours_without_a_row_and_of_a_second_picture_are_kept(tmp_path: Path) -> None:
    csv = INBREAST.format("111")
    second = {"ROIs": [{"Name": "Mass", "Point_px": ["(50, 50)", "(60, 60)"]}]}
    listed, found = inbreast(tmp_path, ["(1, 2)", "(30, 40)"], csv=csv, further=[second])[::1]
    assert len(listed.boxes) == 0
    assert len(found.boxes) == 2 and found.notes == ("INbreast.csv has no row of it",)


@pytest.fixture(autouse=True)
def _files_need_not_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Adapters name files that these tests do not write."""
    from mammoscope import datasets

    def whatever(spec: str) -> tuple[AnnotatedImage, ...]:
        adapter, path = datasets.find(spec)
        return adapter.load(path)

    monkeypatch.setitem(globals(), "load", whatever)


@pytest.mark.parametrize(
    "row",
    [
        "mdb005 F CIRC B 477 133 30",
        "\ufeffmdb005 F CIRC B 477 133 30",
        "mdb005\tF\tCIRC\tB\t477.0\t1.33e2\t30.0",
        "mdb005,F,CIRC,B,477,133,30",
        "MDB005; f; circ; b; 477; 133; 30",
    ],
)
def test_circles_as_copies_write_them(tmp_path: Path, row: str) -> None:
    (tmp_path / "Info.txt").write_text(row + "\n", encoding="utf-8")
    (image,) = load(f"mini-mias:{tmp_path}")
    assert image.boxes.tolist() == [[447, 861, 507, 921]]
    assert (image.labels, image.boxes_known) == (("benign",), True)


def test_a_circle_without_a_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "Info.txt").write_text("mdb005 F CIRC B 47,7 133\nmdb007 F MISC B 5000 5000 10\n")
    for image in load(f"mini-mias:{tmp_path}"):
        assert not image.boxes_known and image.notes


def test_circles_of_a_copy_of_another_size_are_scaled(tmp_path: Path, png: Png) -> None:
    png(tmp_path / "mdb005.png", 512, 512)
    (tmp_path / "Info.txt").write_text("mdb005 F CIRC B 477 133 30\n")
    (image,) = load(f"mini-mias:{tmp_path}")
    assert image.path.name == "mdb005.png"
    assert image.boxes.tolist() == [[223.5, 430.5, 253.5, 460.5]]
    assert image.notes == ("its file has 512 x 512 pixels: circles are scaled",)


HEADER = (
    "study_id,laterality,image_id,view_position,height,width,breast_birads,breast_density,split\n"
)


def vindr(folder: Path, categories: str, box: str = "1,2,30,40", image: str = "i1") -> Any:
    row = "s1,L,i1,CC,3518,2800,BI-RADS 4,DENSITY C,Training\n"
    (folder / "breast-level_annotations.csv").write_text(HEADER + row)
    (folder / "finding_annotations.csv").write_text(
        f"image_id,finding_categories,xmin,ymin,xmax,ymax\n{image},{categories},{box}\n"
    )
    return load(f"vindr-mammo:{folder}")[0]


@pytest.mark.parametrize(
    "categories",
    ["['Mass', 'Asymmetry']", '["Mass", "Asymmetry"]', "Mass, Asymmetry", "[mass,asymmetry]"],
)
def test_categories_as_copies_write_them(tmp_path: Path, categories: str) -> None:
    quoted = '"' + categories.replace('"', '""') + '"'
    image = vindr(tmp_path, quoted, "1e0,2.0,3.0E+1,40")
    assert image.boxes.tolist() == [[1, 2, 30, 40]]
    assert sorted(image.subtypes[0]) == ["asymmetry", "mass"]
    assert image.split == "train"


@pytest.mark.parametrize("none", ["['No Finding']", "No Finding", '"[""no finding""]"'])
def test_no_finding_is_none(tmp_path: Path, none: str) -> None:
    image = vindr(tmp_path, none, ",,,")
    assert image.boxes_known and len(image.boxes) == 0


def test_a_box_that_is_much_cut_is_told(tmp_path: Path) -> None:
    assert vindr(tmp_path, "Mass", "2700,2,2801,40").notes == ()
    (note,) = vindr(tmp_path, "Mass", "2700,2,2900,40").notes
    assert note == "line 2: the box (2700.0, 2.0, 2900.0, 40.0) leaves the image and was cut"


def test_findings_of_an_image_that_is_not_listed_are_told(tmp_path: Path, said: Said) -> None:
    vindr(tmp_path, "Mass", image="i2")
    told = said(load(f"vindr-mammo:{tmp_path}"))
    assert re.search(r"line 2: i2 is not in breast-level_annotations\.csv", told)
