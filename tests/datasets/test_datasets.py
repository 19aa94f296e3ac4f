from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mammoscope import datasets
from mammoscope.annotations.splits import split_by_patient
from mammoscope.annotations.table import Lesion
from mammoscope.datasets import (
    ADAPTERS,
    Adapter,
    AnnotatedImage,
    Subtype,
    load,
    masses,
    own,
    to_learn_from,
)
from mammoscope.errors import GeometryError, InputError
from mammoscope.plugins import Socket

Said = Callable[[Iterable[AnnotatedImage]], str]

SQUARE = """\
image,patient_id,laterality,view,x0,y0,x1,y1,pathology,breast_density,mass_shape,assessment,subtlety
b_LEFT_CC.jpg,P2,LEFT,CC,100,200,180,260,malignant,3,IRREGULAR-ARCHITECTURAL_DISTORTION,5,4
a_RIGHT_MLO.jpg,P1,RIGHT,MLO,10,20,30,40,,2,,4,
a_RIGHT_MLO.jpg,P1,RIGHT,MLO,50,60,70,80,benign,2,OVAL,0,
"""


@pytest.fixture
def square(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    (tmp_path / "masses.csv").write_text(SQUARE)
    for name in ("a_RIGHT_MLO.jpg", "b_LEFT_CC.jpg"):
        cv2.imwrite(str(tmp_path / "images" / name), np.zeros((800, 800), np.uint8))
    return tmp_path


def test_the_square_export_gives_one_row_an_image(square: Path) -> None:
    first, second = load(f"cbis-square:{square}")
    assert (first.patient_id, first.laterality, first.view) == ("P1", "R", "MLO")
    assert first.labels == (None, "benign"), "an empty pathology stays unknown"
    assert (first.density, first.subtlety) == (2, None)
    assert second.boxes.tolist() == [[100, 200, 180, 260]]
    assert second.subtypes == (frozenset({Subtype.MASS, Subtype.DISTORTION}),)
    assert (first.birads, second.birads) == ("4", "5"), "the highest of the image"


def test_squares_are_unstretched_and_the_frame_leads_back(square: Path) -> None:
    image = load(f"cbis-square:{square}")[1]
    mammogram = image.read()
    assert mammogram.pixels.shape == (1368, 800)
    (box,) = mammogram.frame.boxes_from_source(image.boxes)
    np.testing.assert_allclose(box, [100, 200 * 1.71, 180, 260 * 1.71])


def test_our_own_truth_keeps_images_without_lesions(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((20, 20), np.uint8))
    (tmp_path / "truth.csv").write_text(
        "image,x0,y0,x1,y1,label,patient_id\nb.png,1,2,3,4,benign,p\na.png,,,,,,q\n"
    )
    normal, marked = load(f"truth:{tmp_path}")
    assert normal.boxes.shape == (0, 4)
    assert normal.labels == ()
    assert (marked.labels, marked.patient_id) == (("benign",), "p")


def test_our_own_truth_may_say_more(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((20, 20), np.uint8))
    header = "image,x0,y0,x1,y1,subtype,density,birads,split\n"
    (tmp_path / "truth.csv").write_text(
        f"{header}a.png,1,2,3,4,mass + calcification,C,4A,test\n"
        "a.png,5,6,7,8,asymmetry,C,4A,test\na.png,5,6,7,8,,C,4A,test\n"
    )
    (image,) = load(f"truth:{tmp_path}")
    assert image.subtypes[0] == frozenset({Subtype.MASS, Subtype.CALCIFICATION})
    assert (image.density, image.birads, image.split) == (3, "4a", "test")
    assert masses([image])[0].boxes.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("subtype", "lump"),
        ("density", "5"),
        ("birads", "9"),
        ("split", "val"),
        ("label", "cancer"),
        ("laterality", "both"),
    ],
)
def test_a_word_that_the_table_does_not_know_is_refused_by_line(
    tmp_path: Path, column: str, value: str
) -> None:
    (tmp_path / "truth.csv").write_text(f"image,x0,y0,x1,y1,{column}\na.png,1,2,3,4,{value}\n")
    with pytest.raises(InputError, match=rf"truth\.csv: line 2: {column} must be"):
        load(f"truth:{tmp_path}")


def test_a_detector_learns_from_masses_alone_and_only_where_boxes_are_known() -> None:
    calc, mass = frozenset({Subtype.CALCIFICATION}), frozenset({Subtype.MASS})
    boxes = [(0, 0, 1, 1), (1, 1, 2, 2), (2, 2, 3, 3)]
    lesions = [
        Lesion(box, label, kinds)
        for box, label, kinds in zip(
            boxes, ("benign", "malignant", None), (calc, mass, frozenset()), strict=True
        )
    ]
    images = (
        AnnotatedImage.of(Path("a"), "p", lesions),
        AnnotatedImage.of(Path("b"), "p", lesions[:1]),
        AnnotatedImage.unmarked(Path("c"), "p", image_label="malignant"),
    )
    both, none = masses(images)
    assert both.boxes.tolist() == [[1, 1, 2, 2], [2, 2, 3, 3]]
    assert (both.labels, both.subtypes) == (("malignant", None), (mass, frozenset()))
    assert (none.path, none.boxes.shape, none.labels) == (Path("b"), (0, 4), ())


def test_masses_of_the_same_box_are_one() -> None:
    box, mass, other = (1.0, 1.0, 2.0, 2.0), frozenset({Subtype.MASS}), frozenset({Subtype.OTHER})
    lesions = [
        Lesion(box, None, mass),
        Lesion((1, 1, 2, 3), "benign", mass),
        Lesion((1, 1, 2, 3), "malignant", mass),
        Lesion(box, "malignant"),
        Lesion(box, "benign", other),
    ]
    (image,) = masses([AnnotatedImage.of(Path("a"), "p", lesions)])
    assert image.boxes.tolist() == [[1, 1, 2, 2], [1, 1, 2, 3]]
    assert image.labels == ("malignant", None), "a contradiction is not known"
    assert image.subtypes == (mass, mass)


HEADER = "image,x0,y0,x1,y1,patient_id,laterality,view,density,birads,split\n"
MARKED = "a.png,1,2,3,4,"


@pytest.mark.parametrize(
    ("rows", "cause"),
    [
        ([f"{MARKED},,,,,", "a.png,5,6,7,8,p1,,,,,", "a.png,5,6,7,9,p2,,,,,"], "3: the patient_id"),
        ([f"{MARKED}p,L,,,,", "a.png,5,6,7,8,p,R,,,,"], "3: the laterality"),
        ([f"{MARKED}p,,CC,,,", "a.png,5,6,7,8,p,,MLO,,,"], "3: the view"),
        ([f"{MARKED}p,,,A,,", "a.png,5,6,7,8,p,,,B,,"], "3: the density"),
        ([f"{MARKED}p,,,,,train", "a.png,5,6,7,8,p,,,,,test"], "3: the split"),
        ([f"{MARKED}p,,,,,", "a.png,,,,,p,,,,,"], "3: .* a row with a box and a row without"),
        (["a.png,,,,,p,,,,,", f"{MARKED}p,,,,,"], "3: .* a row with a box and a row without"),
    ],
)
def test_rows_of_one_image_that_contradict_are_told_by_line(
    tmp_path: Path, rows: list[str], cause: str, said: Said
) -> None:
    (tmp_path / "truth.csv").write_text(HEADER + "\n".join(rows))
    assert re.search(rf"truth\.csv: line {cause}", said(own.load(tmp_path)))


def test_rows_of_one_image_may_say_the_same_in_other_words(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((20, 20), np.uint8))
    rows = [f"{MARKED}p,L,CC,A,2,train", "a.png,5,6,7,8,p,left,CC,1,4a,train"]
    (tmp_path / "truth.csv").write_text(HEADER + "\n".join(rows))
    (image,) = load(f"truth:{tmp_path}")
    assert (image.laterality, image.density, image.birads) == ("L", 1, "4a"), "the highest"


def test_each_box_needs_a_label_and_subtypes() -> None:
    boxes = np.array([[0.0, 0, 1, 1]])
    assert AnnotatedImage(Path("a"), "p", boxes, (None,)).subtypes == (frozenset(),)
    with pytest.raises(GeometryError, match="1 boxes need as many labels"):
        AnnotatedImage(Path("a"), "p", boxes, ())


def test_every_adapter_says_where_its_set_is_from() -> None:
    for name, adapter in ((name, ADAPTERS[name]) for name in ADAPTERS):
        assert adapter.name == name
        assert all((adapter.title, adapter.home, adapter.licence, adapter.traps))


def test_a_missing_image_and_an_unknown_adapter_are_named(tmp_path: Path) -> None:
    (tmp_path / "truth.csv").write_text("image,x0,y0,x1,y1\nnone.png,,,,\nnor.png,,,,\n")
    with pytest.raises(InputError, match=r"none\.png: this image and 1 more are not there"):
        load(f"truth:{tmp_path}")
    with pytest.raises(InputError, match="adapter of cbis-ddsm, cbis-square"):
        load(f"unheard-of:{tmp_path}")
    with pytest.raises(InputError, match="nowhere: no such file or folder"):
        load(f"truth:{tmp_path / 'nowhere'}")


@given(
    patients=st.lists(st.integers(0, 12), min_size=1, max_size=40),
    held_out=st.floats(0, 1),
    seed=st.integers(0, 99),
)
def test_no_patient_is_on_both_sides_of_a_split(
    patients: list[int], held_out: float, seed: int
) -> None:
    images = tuple(
        AnnotatedImage(Path(f"{i}.png"), f"p{p}", np.zeros((0, 4)), ())
        for i, p in enumerate(patients)
    )
    shown, held = split_by_patient(images, held_out, seed)
    assert sorted(i.path for i in shown + held) == sorted(i.path for i in images)
    assert not {i.patient_id for i in shown} & {i.patient_id for i in held}
    assert len({i.patient_id for i in held}) == round(held_out * len(set(patients)))
    assert (shown, held) == split_by_patient(images, held_out, seed)


PLUGIN = """from mammoscope.annotations.adapter import Adapter
from mammoscope.annotations.table import AnnotatedImage



def load(path):
    return tuple(AnnotatedImage.unmarked(file, file.stem) for file in sorted(path.glob("*.png")))


ADAPTER = Adapter("theirs", "Another's", "here", "not to learn from", ("none",), load, True)
"""


@pytest.fixture
def plugged_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one image, and an installed package whose adapter reads it."""
    (tmp_path / "their_sets.py").write_text(PLUGIN)
    info = tmp_path / "their_sets-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-sets\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[mammoscope.datasets]\ntheirs = their_sets:ADAPTER\n")
    monkeypatch.syspath_prepend(tmp_path)
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((20, 20), np.uint8))
    own = {"truth": ADAPTERS["truth"]}
    fresh = Socket(ADAPTERS.group, own, lambda found: isinstance(found, Adapter))
    monkeypatch.setattr(datasets, "ADAPTERS", fresh)
    return tmp_path


def test_an_adapter_of_another_package_is_read_by_its_name(plugged_in: Path) -> None:
    (image,) = load(f"theirs:{plugged_in}")
    assert (image.patient_id, image.source) == ("a", "theirs")


def test_nothing_learns_from_a_set_to_measure_on(plugged_in: Path) -> None:
    (plugged_in / "truth.csv").write_text("image,x0,y0,x1,y1\na.png,1,2,3,4\n")
    assert len(to_learn_from([f"truth:{plugged_in}", f"truth:{plugged_in}"])) == 2
    with pytest.raises(InputError, match="theirs is to measure on, not to train: not to learn"):
        to_learn_from([f"truth:{plugged_in}", f"theirs:{plugged_in}"])


PAGE = Path(__file__).parents[2] / "docs" / "extending.md"


def test_the_adapter_of_the_page_reads_its_set(tmp_path: Path) -> None:
    section = PAGE.read_text(encoding="utf-8").split("## A data set")[1]
    namespace: dict[str, object] = {}
    exec(section.split("```python")[1].split("```")[0], namespace)
    adapter = namespace["ADAPTER"]
    assert isinstance(adapter, Adapter)
    rows = "file,woman,view,x0,y0,x1,y1,cancer\na.png,w1,CC,1,2,3,4,yes\nb.png,w1,,,,,,no\n"
    (tmp_path / "cases.csv").write_text(rows)
    marked, normal = adapter.load(tmp_path)
    assert (marked.boxes.tolist(), marked.labels, marked.view) == (
        [[1, 2, 3, 4]],
        ("malignant",),
        "CC",
    )
    assert normal.boxes_known and not len(normal.boxes)
