from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from mammoscope.annotations.table import AnnotatedImage
from mammoscope.datasets import Subtype, load, masses
from mammoscope.errors import InputError

Said = Callable[[Iterable[AnnotatedImage]], str]


INFO = """\
MIAS MiniMammographic Database: the first column of the table is the film, such as mdb001.
*NOTE 3* Calcifications may have no place.

mdb001 G CIRC B 535 425 197
mdb002 G CIRC B 522 280 69
mdb003 D NORM
mdb004 D NORM \n\
mdb005 F CIRC B 477 133 30
mdb005 F SPIC M 500 168 26
mdb216 D CALC M *NOTE 3*
mdb219 G CALC B 546 756
mdb240 D CALC B 5 1020 23
"""


@pytest.fixture
def mias(tmp_path: Path) -> Path:
    (tmp_path / "Info.txt").write_text(INFO)
    for number in (1, 2, 3, 4, 5, 216, 219, 240):
        (tmp_path / f"mdb{number:03d}.pgm").write_bytes(b"P5 2 1 255\n\0\1")
    return tmp_path


def test_circles_become_boxes_with_y_counted_from_the_bottom(mias: Path) -> None:
    first = load(f"mini-mias:{mias}")[0]
    y = 1024 - 425
    assert first.boxes.tolist() == [[535 - 197, y - 197, 535 + 197, y + 197]]
    assert first.labels == ("benign",)
    assert first.subtypes == (frozenset({Subtype.MASS}),)
    assert first.density is None, "tissue F, G, D is not the four grades"


def test_two_films_are_one_patient_and_the_odd_one_is_the_right_breast(mias: Path) -> None:
    images = {image.path.stem: image for image in load(f"mini-mias:{mias}")}
    one, two, three = (images[f"mdb00{i}"] for i in (1, 2, 3))
    assert (one.laterality, two.laterality) == ("R", "L")
    assert one.patient_id == two.patient_id != three.patient_id
    assert {image.view for image in images.values()} == {"MLO"}


def test_a_film_may_have_several_lesions_or_none(mias: Path) -> None:
    images = {image.path.stem: image for image in load(f"mini-mias:{mias}")}
    assert images["mdb005"].labels == ("benign", "malignant")
    assert (len(images["mdb003"].boxes), images["mdb003"].boxes_known) == (0, True)


def test_a_lesion_without_a_place_or_a_radius_makes_the_boxes_unknown(mias: Path) -> None:
    images = {image.path.stem: image for image in load(f"mini-mias:{mias}")}
    unknown = {name for name, image in images.items() if not image.boxes_known}
    assert unknown == {"mdb216", "mdb219"}
    assert {image.path.stem for image in masses(images.values())} == set(images) - unknown


def test_a_circle_is_cut_at_the_picture(mias: Path) -> None:
    edge = load(f"mini-mias:{mias}")[-1]
    assert edge.boxes.tolist() == [[0, 0, 28, 27]]
    assert len(masses([edge])[0].boxes) == 0, "a calcification is no mass"


def test_what_is_missing_or_odd_is_named(mias: Path, said: Said) -> None:
    (mias / "mdb003.pgm").unlink()
    with pytest.raises(InputError, match=r"mdb003\.pgm: this image is not there"):
        load(f"mini-mias:{mias}")
    (mias / "Info.txt").write_text("mdb001 G CIRC B 1 2 3\nmdb002 Q CIRC\n")
    assert re.search(r"Info\.txt: line 2: not a row", said(load(f"mini-mias:{mias}")))
    (mias / "Info.txt").unlink()
    with pytest.raises(InputError, match=r"Info\.txt: No such file"):
        load(f"mini-mias:{mias}")
