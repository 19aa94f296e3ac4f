"""Sets of normal films, digital images with regions to ignore, and one to measure on only."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from mammoscope.annotations.splits import folds, split_by_patient
from mammoscope.annotations.table import AnnotatedImage
from mammoscope.datasets import ADAPTERS, load, masses, to_learn_from
from mammoscope.errors import InputError

Said = Callable[[Iterable[AnnotatedImage]], str]


NORMALS = "image,patient_id,tissue\nmdb008.png,mias4,G\nmdb003.png,mias2,D\nmdb004.png,mias2,\n"
CESM = """\
image,patient_id,laterality,view,age,density,birads,pathology,findings,boxes_recovered
P1_R_DM_CC.jpg,cesm1,R,CC,39,D,5$2,malignant,Mass and edema,1
P1_R_DM_MLO.jpg,cesm1,R,MLO,39,D,,malignant,Edema,1
P2_L_DM_CC.jpg,cesm2,L,CC,,,4,malignant,Mass,0
P3_L_DM_CC.jpg,cesm3,L,CC,61,A,1,malignant,Normal,1
"""
REGIONS = """\
image,patient_id,x0,y0,x1,y1,mass_like,shape
P1_R_DM_CC.jpg,cesm1,10,20,30,40,1,polygon
P1_R_DM_CC.jpg,cesm1,5.5,6,50,60,0,ellipse
P1_R_DM_MLO.jpg,cesm1,1,2,3,4,0,polygon
P2_L_DM_CC.jpg,cesm2,1,2,3,4,1,polygon
"""
SCREENING = """\
image,patient_id,laterality,view,cancer,birads,density,age,machine_id,site_id
1_2.jpg,rsna1,L,MLO,1,0,B,71,49,1
3_4.jpg,rsna3,R,CC,0,1,,,21,2
5_6.jpg,rsna5,R,CC,0,,D,55,21,2
"""


@pytest.fixture
def mias(tmp_path: Path, png: Callable[..., Path]) -> Path:
    (tmp_path / "normals.csv").write_text(NORMALS)
    for number in (3, 4, 8):
        png(tmp_path / "images" / f"mdb{number:03d}.png", 8, 8)
    return tmp_path


@pytest.fixture
def cesm(tmp_path: Path, png: Callable[..., Path]) -> Path:
    (tmp_path / "images.csv").write_text(CESM)
    (tmp_path / "regions.csv").write_text(REGIONS)
    for row in CESM.splitlines()[1:]:
        png(tmp_path / "images" / row.split(",")[0], 64, 64)
    return tmp_path


@pytest.fixture
def screening(tmp_path: Path, png: Callable[..., Path]) -> Path:
    (tmp_path / "images.csv").write_text(SCREENING)
    for row in SCREENING.splitlines()[1:]:
        png(tmp_path / "images" / row.split(",")[0], 8, 8)
    return tmp_path


def test_normal_films_have_no_lesion_and_their_number_tells_the_side(mias: Path) -> None:
    three, four, eight = load(f"mias-normals:{mias}")
    assert [i.laterality for i in (three, four, eight)] == ["R", "L", "L"]
    assert three.patient_id == four.patient_id != eight.patient_id
    assert {(len(i.boxes), i.boxes_known, i.view) for i in (three, four, eight)} == {
        (0, True, "MLO")
    }
    assert [i.tissue for i in (three, four, eight)] == ["D", None, "G"]
    assert three.density is None, "tissue is not density"
    assert len(masses([three, four, eight])) == 3, "a detector learns from images without a mass"


@pytest.mark.parametrize(("was", "odd"), [("mdb008.png", "film8.png"), (",G", ",X")])
def test_films_of_no_number_and_unknown_tissue_are_told(
    mias: Path, was: str, odd: str, said: Said
) -> None:
    (mias / "normals.csv").write_text(NORMALS.replace(was, odd))
    assert re.search("line 2", said(load(f"mias-normals:{mias}")))


def test_regions_that_are_no_mass_are_ignored(cesm: Path) -> None:
    images = {image.path.name: image for image in load(f"cdd-cesm:{cesm}")}
    both, other = images["P1_R_DM_CC.jpg"], images["P1_R_DM_MLO.jpg"]
    assert both.boxes.tolist() == [[10, 20, 30, 40]] and both.labels == (None,)
    assert both.ignored == ((5.5, 6, 50, 60),)
    assert (len(other.boxes), other.ignored, other.boxes_known) == (0, ((1, 2, 3, 4),), True)
    (kept,) = masses([both])
    assert kept.ignored == both.ignored, "what is ignored goes along"


def test_an_image_without_recovered_regions_may_hold_anything(cesm: Path) -> None:
    images = {image.path.name: image for image in load(f"cdd-cesm:{cesm}")}
    unknown = {name for name, image in images.items() if not image.boxes_known}
    assert unknown == {"P2_L_DM_CC.jpg", "P3_L_DM_CC.jpg"}


def test_the_highest_of_several_birads_counts_and_the_rest_is_read(cesm: Path) -> None:
    first, second, third, _ = load(f"cdd-cesm:{cesm}")
    assert [i.birads for i in (first, second, third)] == ["5", None, "4"]
    assert (first.density, first.age, third.density, third.age) == (4, 39, None, None)
    assert {i.image_label for i in (first, second, third)} == {"malignant"}


def test_a_region_of_no_image_is_told(cesm: Path, said: Said) -> None:
    (cesm / "regions.csv").write_text(REGIONS + "P9_L_DM_CC.jpg,cesm9,1,2,3,4,1,polygon\n")
    assert re.search("P9_L_DM_CC", said(load(f"cdd-cesm:{cesm}")))


def test_screening_says_yes_or_no_and_who_made_the_image(screening: Path) -> None:
    cancer, normal, unread = load(f"screening-dev:{screening}")
    assert [i.image_label for i in (cancer, normal, unread)] == [
        "malignant",
        "negative",
        "negative",
    ]
    assert [i.birads for i in (cancer, normal, unread)] == ["0", "1", None]
    assert (cancer.machine, cancer.site, cancer.age) == ("49", "1", 71)
    assert not any(i.boxes_known for i in (cancer, normal, unread))


@pytest.mark.parametrize("value", ["2", "yes", ""])
def test_cancer_is_yes_or_no(screening: Path, value: str, said: Said) -> None:
    (screening / "images.csv").write_text(SCREENING.replace("MLO,1,", f"MLO,{value},"))
    assert re.search("cancer", said(load(f"screening-dev:{screening}")))


@pytest.mark.parametrize("age", ["0", "140", "70.5"])
def test_an_age_is_whole_years(screening: Path, age: str, said: Said) -> None:
    (screening / "images.csv").write_text(SCREENING.replace(",71,", f",{age},"))
    assert re.search("age", said(load(f"screening-dev:{screening}")))


def test_nothing_learns_from_what_is_to_measure_on(screening: Path) -> None:
    assert [name for name in ADAPTERS if ADAPTERS[name].measure_only] == ["screening-dev"]
    assert load(f"screening-dev:{screening}"), "but it can be read"
    with pytest.raises(InputError, match="screening-dev is to measure on"):
        to_learn_from([f"screening-dev:{screening}"])


def test_each_source_is_split_on_its_own(mias: Path, cesm: Path) -> None:
    normals, digital = f"mias-normals:{mias}", f"cdd-cesm:{cesm}"
    together = to_learn_from([normals, digital])
    assert {image.source for image in together} == {"mias-normals", "cdd-cesm"}
    parts = folds(together, 2, 0.0, seed=1)
    alone = folds(to_learn_from([digital]), 2, 0.0, seed=1)
    for part, of_one in zip(parts, alone, strict=True):
        of_digital = tuple(i.path for i in part.test if i.source == "cdd-cesm")
        assert of_digital == tuple(i.path for i in of_one.test)
        assert any(i.source == "mias-normals" for i in part.test)
    stays, out = split_by_patient(together, 0.5, seed=0)
    assert {i.source for i in stays} == {i.source for i in out} == {"mias-normals", "cdd-cesm"}
