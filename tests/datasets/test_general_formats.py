"""COCO JSON and YOLO text files."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mammoscope.annotations.table import AnnotatedImage
from mammoscope.datasets import Subtype, load, masses
from mammoscope.datasets.classes import meaning
from mammoscope.datasets.yolo import _lesion
from mammoscope.errors import InputError

Said = Callable[[Iterable[AnnotatedImage]], str]


Png = Callable[..., Path]


def coco(**changes: Any) -> dict[str, Any]:
    return {
        "images": [
            {"id": 1, "file_name": "b.png", "width": 40, "height": 30, "patient_id": 7},
            {"id": 2, "file_name": "a.png", "laterality": "L", "view": "CC", "split": "test"},
        ],
        "annotations": [{"id": 9, "image_id": 1, "category_id": 3, "bbox": [1, 2.5, 10, 20]}],
        "categories": [{"id": 3, "name": "lesion"}],
    } | changes


@pytest.fixture
def write_coco(tmp_path: Path, png: Png) -> Callable[..., Path]:
    def write(**changes: Any) -> Path:
        png(tmp_path / "images" / "a.png", 30, 40)
        png(tmp_path / "b.png", 30, 40)
        (tmp_path / "annotations.json").write_text(json.dumps(coco(**changes)))
        return tmp_path

    return write


def test_coco_boxes_are_corner_and_size(write_coco: Callable[..., Path]) -> None:
    marked, normal = sorted(load(f"coco:{write_coco()}"), key=lambda image: len(image.boxes))[::-1]
    assert marked.boxes.tolist() == [[1, 2.5, 11, 22.5]]
    assert (marked.patient_id, normal.patient_id) == ("7", "a.png")
    assert (normal.laterality, normal.view, normal.split) == ("L", "CC", "test")
    assert normal.boxes_known and normal.path.parent.name == "images"
    assert len(masses([marked])[0].boxes) == 1, "the only class counts as mass"


def test_several_classes_are_told_by_name(write_coco: Callable[..., Path]) -> None:
    names = ["Mass", "Calcifications", "Nipple"]
    folder = write_coco(
        categories=[{"id": i, "name": name} for i, name in enumerate(names)],
        annotations=[
            {"id": i, "image_id": 1, "category_id": i, "bbox": [i, 0, 5, 5]} for i in range(3)
        ],
    )
    (image,) = (i for i in load(f"coco:{folder / 'annotations.json'}") if len(i.boxes))
    assert [next(iter(kinds)) for kinds in image.subtypes] == [
        Subtype.MASS,
        Subtype.CALCIFICATION,
        Subtype.OTHER,
    ]
    assert len(masses([image])[0].boxes) == 1


def test_benign_and_malignant_as_classes_are_labels() -> None:
    assert meaning("benign") == ("benign", frozenset())
    assert meaning("malignant mass") == ("malignant", frozenset({Subtype.MASS}))
    assert meaning("BenignCalcification") == ("benign", frozenset({Subtype.CALCIFICATION}))
    assert meaning("non-malignant_mass") == (None, frozenset({Subtype.MASS}))


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("non-mass enhancement", {Subtype.OTHER}),
        ("NonMass", {Subtype.OTHER}),
        ("non-calcified masses", {Subtype.MASS}),
        ("microcalcifications", {Subtype.CALCIFICATION}),
        ("Asymmetries", {Subtype.ASYMMETRY}),
        ("Suspicious Lymph Node", {Subtype.OTHER}),
        ("massage", set()),
        ("breast lesion", set()),
        ("tumour", set()),
    ],
)
def test_a_class_is_told_by_whole_words(name: str, kinds: set[Subtype]) -> None:
    assert meaning(name) == (None, kinds)


def test_an_unknown_class_beside_a_placeholder_counts_as_mass(
    write_coco: Callable[..., Path],
) -> None:
    folder = write_coco(categories=[{"id": 0, "name": "objects"}, {"id": 3, "name": "tumor"}])
    assert sum(len(image.boxes) for image in masses(load(f"coco:{folder}"))) == 1


@pytest.mark.parametrize("side", ["left", "LEFT", "l", " L "])
def test_a_side_of_coco_may_be_written_out(write_coco: Callable[..., Path], side: str) -> None:
    folder = write_coco(images=[{"id": 1, "file_name": "a.png", "laterality": side}])
    assert load(f"coco:{folder}")[0].laterality == "L"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"categories": [{"id": 3}]}, "category 3 lacks name"),
        ({"images": [{"id": 1, "file_name": f"{f}.png"} for f in "ab"]}, "image 1 is listed twice"),
        ({"categories": [{"id": 3, "name": n} for n in "ab"]}, "category 3 is listed twice"),
        (
            {"images": [{"id": 1, "file_name": "a.png", "laterality": "both"}]},
            "image a.png: laterality must be L or R",
        ),
        (
            {"annotations": [{"id": 9, "image_id": 5, "category_id": 3}]},
            "annotation 9 is of image 5",
        ),
        (
            {"annotations": [{"id": 9, "image_id": 1, "category_id": 3, "bbox": [1, 2, 0, 4]}]},
            "annotation 9: bbox .* has no area",
        ),
        (
            {"annotations": [{"id": 9, "image_id": 1, "category_id": 3, "bbox": [1, 2, 3]}]},
            "annotation 9: bbox is not four numbers",
        ),
    ],
)
def test_a_bad_item_of_coco_costs_itself_and_is_told(
    write_coco: Callable[..., Path], changes: dict[str, Any], words: str, said: Said
) -> None:
    images = load(f"coco:{write_coco(**changes)}")
    assert images and re.search(rf"annotations\.json: {words}", said(images))
    is_lost = "bbox" in words or "category" in words or "twice" in words
    assert is_lost != all(image.boxes_known for image in images)


def test_a_missing_coco_file_or_image_is_named(write_coco: Callable[..., Path]) -> None:
    folder = write_coco()
    (folder / "b.png").unlink()
    with pytest.raises(InputError, match=r"b\.png: this image is not there"):
        load(f"coco:{folder}")
    (folder / "annotations.json").write_text("{}")
    with pytest.raises(InputError, match=r"annotations\.json: lacks images"):
        load(f"coco:{folder}")
    (folder / "annotations.json").write_text("{")
    with pytest.raises(InputError, match="not valid JSON"):
        load(f"coco:{folder}")
    (folder / "annotations.json").unlink()
    with pytest.raises(InputError, match=r"annotations\.json: No such file"):
        load(f"coco:{folder}")


@pytest.fixture
def yolo(tmp_path: Path, png: Png) -> Path:
    png(tmp_path / "images" / "train" / "a.png", 100, 50)
    png(tmp_path / "images" / "val" / "b.png", 100, 50)
    (tmp_path / "labels" / "train").mkdir(parents=True)
    (tmp_path / "labels" / "train" / "a.txt").write_text("0 0.5 0.25 0.2 0.1\n\n1 0.5 0.5 1 1\n")
    return tmp_path


def test_yolo_boxes_are_parts_of_the_image(yolo: Path) -> None:
    marked, normal = load(f"yolo:{yolo}")
    np.testing.assert_allclose(marked.boxes, [[20, 20, 30, 30], [0, 0, 50, 100]])
    assert (marked.split, normal.split) == ("train", "test")
    assert normal.boxes_known and not len(normal.boxes)
    assert len(masses([marked])[0].boxes) == 2, "without names every box counts as a mass"


@pytest.mark.parametrize(
    "text",
    [
        "path: .\nnames: [mass, 'calcification']\n",
        "nc: 2\nnames:\n  0: mass\n  1: calcification # all\ntrain: images/train\n",
        'names:\n- "mass"\n- calcification\n',
    ],
)
def test_names_are_read_in_each_way_they_are_written(yolo: Path, text: str) -> None:
    (yolo / "data.yaml").write_text(text)
    assert [len(image.boxes) for image in masses(load(f"yolo:{yolo}"))] == [1, 0]


def test_names_in_another_way_are_refused(yolo: Path) -> None:
    (yolo / "data.yaml").write_text("names: *others\n")
    with pytest.raises(InputError, match=r"data\.yaml: names is neither"):
        load(f"yolo:{yolo}")


@pytest.mark.parametrize("line", ["0 0.5 0.5 0.1", "mass 0.5 0.5 0.1 0.1", "0 50 50 10 10"])
def test_a_bad_line_costs_itself_and_is_told(yolo: Path, line: str, said: Said) -> None:
    (yolo / "labels" / "train" / "a.txt").write_text(f"\n{line}\n")
    assert re.search(r"a\.txt: line 2: ", said(load(f"yolo:{yolo}")))


@pytest.mark.parametrize("kind", [2, -1])
def test_a_class_that_names_lacks_is_told_by_line(yolo: Path, kind: int, said: Said) -> None:
    (yolo / "data.yaml").write_text("names: [mass, calcification]\n")
    (yolo / "labels" / "train" / "a.txt").write_text(f"0 0.5 0.5 0.1 0.1\n{kind} 0.5 0.5 1 1\n")
    assert re.search(rf"a\.txt: line 2: class {kind} has no name", said(load(f"yolo:{yolo}")))


def test_a_yolo_box_may_leave_the_image(yolo: Path) -> None:
    (yolo / "labels" / "train" / "a.txt").write_text("0 0 0.5 0.2 0.1\n")
    np.testing.assert_allclose(load(f"yolo:{yolo}")[0].boxes, [[-5, 45, 5, 55]])


def test_an_image_whose_size_cannot_be_read_has_unknown_boxes(yolo: Path) -> None:
    (yolo / "images" / "train" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    image = load(f"yolo:{yolo}")[0]
    assert not image.boxes_known and "cut short" in image.notes[0]


def test_without_its_labels_the_set_is_refused(yolo: Path) -> None:
    (yolo / "labels").rename(yolo / "elsewhere")
    with pytest.raises(InputError, match="labels: no such folder"):
        load(f"yolo:{yolo}")


def test_a_folder_without_images_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"images: holds no images"):
        load(f"yolo:{tmp_path}")


parts = st.floats(0.01, 1)


@given(
    cx=parts, cy=parts, w=parts, h=parts, rows=st.integers(1, 5000), columns=st.integers(1, 5000)
)
def test_a_yolo_box_has_the_centre_and_size_it_says(
    cx: float, cy: float, w: float, h: float, rows: int, columns: int
) -> None:
    kind, (x0, y0, x1, y1) = _lesion(Path("a.txt"), 1, f"4 {cx} {cy} {w} {h}", (rows, columns))
    assert kind == 4
    np.testing.assert_allclose([(x0 + x1) / 2, (y0 + y1) / 2], [cx * columns, cy * rows], atol=1e-9)
    np.testing.assert_allclose([x1 - x0, y1 - y0], [w * columns, h * rows], atol=1e-9)
