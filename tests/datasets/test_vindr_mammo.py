from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from mammoscope.annotations.table import AnnotatedImage
from mammoscope.datasets import Subtype, load, masses
from mammoscope.errors import InputError

Said = Callable[[Iterable[AnnotatedImage]], str]


IMAGES = """\
study_id,series_id,laterality,image_id,view_position,height,width,breast_birads,breast_density,split
s1,x,L,i1,CC,3518,2800,BI-RADS 4,DENSITY C,training
s1,x,R,i2,MLO,3518,2800,BI-RADS 1,DENSITY C,training
s2,y,R,i3,MLO,3518,2800,BI-RADS 3,DENSITY A,test
"""
FINDINGS = """\
image_id,study_id,series_id,laterality,view_position,height,width,breast_birads,breast_density,\
finding_categories,finding_birads,xmin,ymin,xmax,ymax,split
i1,s1,x,L,CC,3518,2800,BI-RADS 4,DENSITY C,"['Mass', 'Suspicious Calcification']",BI-RADS 4,\
2355.1,731.6,2801.4,1009.0,training
i1,s1,x,L,CC,3518,2800,BI-RADS 4,DENSITY C,['Nipple Retraction'],BI-RADS 3,-2.5,10,20,30,training
i2,s1,x,R,MLO,3518,2800,BI-RADS 1,DENSITY C,['No Finding'],,,,,,training
i3,s2,y,R,MLO,3518,2800,BI-RADS 3,DENSITY A,['Focal Asymmetry'],BI-RADS 3,1,2,3,4,test
"""


@pytest.fixture
def vindr(tmp_path: Path) -> Path:
    (tmp_path / "breast-level_annotations.csv").write_text(IMAGES)
    (tmp_path / "finding_annotations.csv").write_text(FINDINGS)
    for study, name in (("s1", "i1"), ("s1", "i2"), ("s2", "i3")):
        (tmp_path / "images" / study).mkdir(parents=True, exist_ok=True)
        (tmp_path / "images" / study / f"{name}.dicom").touch()
    return tmp_path


def test_findings_become_boxes_cut_at_the_image(vindr: Path) -> None:
    first = load(f"vindr-mammo:{vindr}")[0]
    assert first.boxes.tolist() == [[2355.1, 731.6, 2800, 1009], [0, 10, 20, 30]]
    assert first.subtypes == (
        frozenset({Subtype.MASS, Subtype.CALCIFICATION}),
        frozenset({Subtype.OTHER}),
    )
    assert (first.laterality, first.view, first.density) == ("L", "CC", 3)
    assert (first.birads, first.split, first.patient_id) == ("4", "train", "s1")
    assert first.labels == (None, None)


def test_no_finding_is_known_to_be_none(vindr: Path) -> None:
    _, normal, other = load(f"vindr-mammo:{vindr}")
    assert (len(normal.boxes), normal.boxes_known) == (0, True)
    assert (other.split, other.density) == ("test", 1)
    assert [len(image.boxes) for image in masses(load(f"vindr-mammo:{vindr}"))] == [1, 0, 0]


def test_an_image_without_a_row_of_findings_is_unknown(vindr: Path) -> None:
    table = vindr / "finding_annotations.csv"
    table.write_text("".join(FINDINGS.splitlines(keepends=True)[:-1]))
    last = load(f"vindr-mammo:{vindr}")[-1]
    assert not last.boxes_known and last.notes


def test_a_finding_without_a_box_is_told_by_line(vindr: Path, said: Said) -> None:
    (vindr / "finding_annotations.csv").write_text(FINDINGS.replace("1,2,3,4,test", ",,,,test"))
    assert re.search(
        r"finding_annotations\.csv: line 5: column 'xmin' is emp",
        said(load(f"vindr-mammo:{vindr}")),
    )
    (vindr / "finding_annotations.csv").write_text(FINDINGS.replace("1,2,3,4,", "2900,2,2990,4,"))
    assert re.search("has no area on the image", said(load(f"vindr-mammo:{vindr}")))


@pytest.mark.parametrize("name", ["breast-level_annotations.csv", "finding_annotations.csv"])
def test_a_missing_table_is_named(vindr: Path, name: str) -> None:
    (vindr / name).unlink()
    with pytest.raises(InputError, match=f"{name}: No such file"):
        load(f"vindr-mammo:{vindr}")


def test_a_missing_image_is_named(vindr: Path) -> None:
    (vindr / "images" / "s2" / "i3.dicom").unlink()
    with pytest.raises(InputError, match=r"s2/i3\.dicom: this image is not there"):
        load(f"vindr-mammo:{vindr}")
