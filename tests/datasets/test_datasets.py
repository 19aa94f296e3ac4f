from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mammoscope.datasets import AnnotatedImage, load
from mammoscope.datasets.table import split_by_patient
from mammoscope.errors import InputError

SQUARE = """\
image,patient_id,laterality,view,x0,y0,x1,y1,pathology,breast_density,subtlety
b_LEFT_CC.jpg,P2,LEFT,CC,100,200,180,260,malignant,3,4
a_RIGHT_MLO.jpg,P1,RIGHT,MLO,10,20,30,40,,2,
a_RIGHT_MLO.jpg,P1,RIGHT,MLO,50,60,70,80,benign,2,
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


def test_a_missing_image_and_an_unknown_adapter_are_named(tmp_path: Path) -> None:
    (tmp_path / "truth.csv").write_text("image,x0,y0,x1,y1\nnone.png,,,,\n")
    with pytest.raises(InputError, match=r"line 2: there is no image none\.png"):
        load(f"truth:{tmp_path}")
    with pytest.raises(InputError, match="adapter of cbis-square, truth"):
        load(f"inbreast:{tmp_path}")


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
