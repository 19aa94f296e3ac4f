from __future__ import annotations

import plistlib
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mammoscope.annotations.table import AnnotatedImage
from mammoscope.datasets import Subtype, load, masses
from mammoscope.errors import InputError

Said = Callable[[Iterable[AnnotatedImage]], str]


CSV = """\
Patient ID;Patient age;Laterality;View;Acquisition date;File Name;ACR;Bi-Rads
removed;removed;R;CC;201001;20586908;4;4a
removed;removed;L;MLO;201001;20586934; ;1
;;;;;;;
"""
SQUARE = ["(10.5, 20.0)", "(30.0, 20.0)", "(30.0, 41.25)", "(10.5, 41.25)"]


def regions(*named: tuple[str, list[str]]) -> bytes:
    rois: list[dict[str, Any]] = [
        {"Name": name, "NumberOfPoints": len(points), "Point_px": points, "Type": 15}
        for name, points in named
    ]
    image = {"ImageIndex": 0, "NumberOfROIs": len(rois), "ROIs": rois}
    return plistlib.dumps({"Images": [image]})


@pytest.fixture
def inbreast(tmp_path: Path, dicom: Callable[..., Path]) -> Path:
    (tmp_path / "INbreast.csv").write_text(CSV)
    for name in ("20586908_6c613a14b80a8591_MG_R_CC", "20586934_0a1b_MG_L_ML"):
        dicom(tmp_path / "AllDICOMs" / f"{name}_ANON.dcm", np.ones((60, 50), np.uint16))
    (tmp_path / "AllXML").mkdir()
    (tmp_path / "AllXML" / "20586908.xml").write_bytes(
        regions(
            ("Mass", SQUARE),
            ("Calcification", ["(3.0, 4.0)"]),
            ("Cluster", ["(1.0, 2.0)", "(9.0, 8.0)"]),
            ("Espiculated Region", SQUARE),
            ("Assymetry", SQUARE),
            ("Point 1", ["(5.0, 5.0)"]),
        )
    )
    return tmp_path


def test_regions_of_the_property_list_become_boxes(inbreast: Path) -> None:
    marked, normal = load(f"inbreast:{inbreast}")
    assert marked.boxes.tolist()[:2] == [[10.5, 20, 30, 41.25], [1, 2, 9, 8]]
    kinds = [next(iter(k)) for k in marked.subtypes]
    assert kinds == [Subtype.MASS, Subtype.CALCIFICATION, Subtype.ASYMMETRY]
    assert marked.labels == (None,) * 3, "INbreast has no pathology"
    assert marked.boxes_known and "'Point 1' is a point of no known kind" in marked.notes[0]
    assert (marked.birads, marked.density, marked.laterality, marked.view) == ("4a", 4, "R", "CC")
    assert marked.patient_id == "6c613a14b80a8591"
    assert (len(normal.boxes), normal.boxes_known, normal.density) == (0, True, None)


def test_a_point_is_no_box_and_a_mass_without_area_makes_boxes_unknown(inbreast: Path) -> None:
    file = inbreast / "AllXML" / "20586934.xml"
    file.write_bytes(regions(("Calcification", ["(3.0, 4.0)"])))
    points = load(f"inbreast:{inbreast}")[1]
    assert (len(points.boxes), points.boxes_known) == (0, True)
    file.write_bytes(regions(("Mass", ["(3.0, 4.0)", "(9.0, 4.0)"])))
    flat = load(f"inbreast:{inbreast}")[1]
    assert not flat.boxes_known and "'Mass' has no area" in flat.notes[0]
    assert len(masses([flat])) == 0


def square(x: int, y: int, side: int) -> list[str]:
    return [f"({x}, {y})", f"({x + side}, {y + side})"]


def test_a_spiculated_region_is_one_lesion_with_the_mass_inside_it(inbreast: Path) -> None:
    around = ("Spiculated Region", square(0, 0, 30))
    file = inbreast / "AllXML" / "20586934.xml"
    file.write_bytes(
        regions(
            around,
            ("Mass", square(5, 5, 8)),
            ("Mass", square(15, 15, 8)),
            ("Spiculated Region", square(40, 40, 9)),
        )
    )
    (image,) = masses(load(f"inbreast:{inbreast}")[1:])
    assert image.boxes.tolist() == [[5, 5, 13, 13], [15, 15, 23, 23], [40, 40, 49, 49]]
    file.write_bytes(regions(around, ("Mass", square(29, 29, 12))))
    assert len(load(f"inbreast:{inbreast}")[1].boxes) == 2, "a mass beside it is another"


def test_a_region_of_unknown_name_is_noted_and_never_makes_an_image_normal(inbreast: Path) -> None:
    file = inbreast / "AllXML" / "20586934.xml"
    file.write_bytes(regions(("Nodule", SQUARE)))
    (image,) = masses(load(f"inbreast:{inbreast}")[1:])
    assert len(image.boxes) == 1 and "'Nodule' is of no known kind" in image.notes[0]
    file.write_bytes(regions(("Nodule", ["(3.0, 4.0)", "(9.0, 4.0)"])))
    line = load(f"inbreast:{inbreast}")[1]
    assert not line.boxes_known and "'Nodule' has no area" in line.notes[0]


def test_a_spreadsheet_says_how_to_go_on(inbreast: Path) -> None:
    (inbreast / "INbreast.csv").rename(inbreast / "INbreast.xls")
    with pytest.raises(
        InputError, match=r"INbreast\.xls: cannot be read: save it as INbreast\.csv"
    ):
        load(f"inbreast:{inbreast}")
    (inbreast / "INbreast.xls").unlink()
    with pytest.raises(InputError, match=r"INbreast\.csv: No such file"):
        load(f"inbreast:{inbreast}")


def test_commas_are_read_too_and_a_missing_column_is_named(inbreast: Path) -> None:
    (inbreast / "INbreast.csv").write_text(CSV.replace(";", ","))
    assert len(load(f"inbreast:{inbreast}")) == 2
    (inbreast / "INbreast.csv").write_text("File Name;View\n1;CC\n")
    with pytest.raises(InputError, match=r"INbreast\.csv: lacks column Laterality, ACR, Bi-Rads"):
        load(f"inbreast:{inbreast}")


def test_a_damaged_list_and_a_missing_image_are_named(inbreast: Path, said: Said) -> None:
    (inbreast / "AllXML" / "20586934.xml").write_text("<plist><dict>")
    assert re.search(r"20586934\.xml: not a property list", said(load(f"inbreast:{inbreast}")))
    (inbreast / "AllXML" / "20586934.xml").unlink()
    next((inbreast / "AllDICOMs").glob("20586934*")).unlink()
    with pytest.raises(InputError, match=r"20586934\.dcm: this image is not there"):
        load(f"inbreast:{inbreast}")


def test_a_category_that_is_none_is_told_by_line(inbreast: Path, said: Said) -> None:
    (inbreast / "INbreast.csv").write_text(CSV.replace("4a", "7"))
    assert re.search(
        r"line 2: Bi-Rads must be a BI-RADS category", said(load(f"inbreast:{inbreast}"))
    )


def test_without_its_contours_the_set_is_refused(inbreast: Path) -> None:
    (inbreast / "AllXML").rename(inbreast / "elsewhere")
    with pytest.raises(InputError, match="AllXML: no such folder"):
        load(f"inbreast:{inbreast}")
