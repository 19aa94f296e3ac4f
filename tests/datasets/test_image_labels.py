"""Sets that label images and not lesions: CMMD and RSNA."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset

from mammoscope.annotations.table import AnnotatedImage
from mammoscope.datasets import load, masses
from mammoscope.errors import InputError

Said = Callable[[Iterable[AnnotatedImage]], str]


CMMD = """\
ID1,LeftRight,Age,number,abnormality,classification,subtype
D1-0001,R,44,2,calcification,Benign,
D2-0002,L,50,4,both,Malignant,Luminal A
"""
RSNA = """\
site_id,patient_id,image_id,laterality,view,age,cancer,biopsy,invasive,BIRADS,implant,density,\
machine_id,difficult_negative_case
2,10006,462822612,L,CC,61.0,0,0,0,,0,,29,False
1,10011,220375232,R,MLO,55.0,1,1,1,0.0,0,B,21,False
1,10011,541722628,L,CC,55.0,0,1,0,1,0,B,21,True
"""


def view(code: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator = code, "SCT"
    return item


@pytest.fixture
def cmmd(tmp_path: Path, dicom: Callable[..., Path]) -> Path:
    (tmp_path / "CMMD_clinicaldata_revision.csv").write_text(CMMD)
    codes = {"CC": "399162004", "MLO": "399368009"}
    for patient, side, name, number in (
        ("D1-0001", "R", "CC", 1),
        ("D1-0001", "R", "MLO", 2),
        ("D2-0002", "L", "CC", 1),
        ("D2-0002", "R", "CC", 2),
    ):
        folder = tmp_path / "CMMD" / patient / "07-18-2010-NA-NA-79377" / "1.000000-NA-70244"
        dicom(
            folder / f"1-{number}.dcm",
            np.ones((8, 6), np.uint8),
            ImageLaterality=side,
            ViewCodeSequence=[view(codes[name])],
            PatientID=patient,
        )
    return tmp_path


def test_the_label_of_a_breast_is_that_of_its_images(cmmd: Path) -> None:
    first, second, third, other = load(f"cmmd:{cmmd}")
    assert [i.image_label for i in (first, second, third)] == ["benign", "benign", "malignant"]
    assert other.image_label is None, "the other breast has no row"
    assert [(i.laterality, i.view) for i in (first, second)] == [("R", "CC"), ("R", "MLO")]
    assert {i.patient_id for i in (first, second)} == {"D1-0001"}


def test_no_boxes_are_learnt_from_image_labels(cmmd: Path) -> None:
    images = load(f"cmmd:{cmmd}")
    assert not any(image.boxes_known for image in images)
    assert masses(images) == ()


def test_what_cmmd_lacks_is_named(cmmd: Path, said: Said) -> None:
    table = cmmd / "CMMD_clinicaldata_revision.csv"
    table.write_text(CMMD + "D2-0002,L,50,4,both,Benign,\n")
    assert re.search("line 4: an earlier row says otherwise", said(load(f"cmmd:{cmmd}")))
    for file in (cmmd / "CMMD" / "D1-0001").rglob("*.dcm"):
        file.unlink()
    with pytest.raises(InputError, match=r"D1-0001/1-1\.dcm: this image is not there"):
        load(f"cmmd:{cmmd}")
    table.rename(table.with_suffix(".xlsx"))
    with pytest.raises(InputError, match=r"revision\.xlsx: cannot be read: save it as CMMD_"):
        load(f"cmmd:{cmmd}")
    table.with_suffix(".xlsx").unlink()
    with pytest.raises(InputError, match=r"CMMD_clinicaldata_revision\.csv: No such file"):
        load(f"cmmd:{cmmd}")


@pytest.fixture
def rsna(tmp_path: Path) -> Path:
    (tmp_path / "train.csv").write_text(RSNA)
    for name in ("10006/462822612", "10011/220375232", "10011/541722628"):
        path = tmp_path / "train_images" / f"{name}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def test_rsna_labels_images_alone(rsna: Path) -> None:
    negative, cancer, biopsied = load(f"rsna:{rsna}")
    assert [negative.image_label, cancer.image_label] == ["negative", "malignant"]
    assert biopsied.image_label == "benign"
    assert [i.birads for i in (negative, cancer, biopsied)] == [None, "0", "1"]
    assert [i.density for i in (negative, cancer)] == [None, 2]
    assert (cancer.patient_id, cancer.laterality, cancer.view) == ("10011", "R", "MLO")
    assert (cancer.age, cancer.machine, cancer.site) == (55, "21", "1")
    assert masses((negative, cancer, biopsied)) == ()


def test_what_rsna_lacks_is_named(rsna: Path, said: Said) -> None:
    (rsna / "train_images" / "10006" / "462822612.dcm").unlink()
    with pytest.raises(InputError, match=r"462822612\.dcm: this image is not there"):
        load(f"rsna:{rsna}")
    (rsna / "train.csv").write_text(RSNA.replace("0,0,0,,0", "2,0,0,,0"))
    assert re.search("line 2: cancer must be 0 or 1, got '2'", said(load(f"rsna:{rsna}")))
    (rsna / "train.csv").unlink()
    with pytest.raises(InputError, match=r"train\.csv: No such file"):
        load(f"rsna:{rsna}")
