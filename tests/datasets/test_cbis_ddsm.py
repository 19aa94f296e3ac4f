from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mammoscope.datasets import Subtype, load, masses
from mammoscope.errors import InputError

Dicom = Callable[..., Path]
MASS_HEADER = (
    "patient_id,breast_density,left or right breast,image view,abnormality id,abnormality type,"
    "mass shape,mass margins,assessment,pathology,subtlety,image file path,"
    "cropped image file path,ROI mask file path\n"
)
CALC_HEADER = (
    "patient_id,breast density,left or right breast,image view,abnormality id,abnormality type,"
    "calc type,calc distribution,assessment,pathology,subtlety,image file path,"
    "cropped image file path,ROI mask file path\n"
)
FILM = "Mass-Training_P_00001_LEFT_CC"


def row(
    film: str = FILM, lesion: int = 1, pathology: str = "MALIGNANT", shape: str = "OVAL"
) -> str:
    """A row with the columns of mask and crop swapped, line feeds and quotes as in the original."""
    kind = "calcification" if film.startswith("Calc") else "mass"
    _, _, number, side, view = film.split("_")
    return (
        f"P_{number},3,{side},{view},{lesion},{kind},{shape},SPICULATED,4,{pathology},4,"
        f'{film}/1.1/1.2/000000.dcm,{film}_{lesion}/2.1/2.2/000001.dcm,"'
        f'{film}_{lesion}/2.1/2.2/000000.dcm\n"\n'
    )


def film_pixels(rows: int = 60, columns: int = 40) -> NDArray[Any]:
    return np.arange(rows * columns, dtype=np.uint16).reshape(rows, columns)


def mask(y0: int, y1: int, x0: int, x1: int, size: tuple[int, int] = (60, 40)) -> NDArray[Any]:
    pixels = np.zeros(size, np.uint8)
    pixels[y0:y1, x0:x1] = 255
    return pixels


@pytest.fixture
def cbis(tmp_path: Path, dicom: Dicom) -> Path:
    """One film with two masses in the classic layout."""
    (tmp_path / "mass_case_description_train_set.csv").write_text(
        MASS_HEADER + row() + row(lesion=2, pathology="BENIGN_WITHOUT_CALLBACK")
    )
    base = tmp_path / "CBIS-DDSM"
    dicom(base / FILM / "1.1" / "1.2" / "1-1.dcm", film_pixels())
    dicom(base / f"{FILM}_1" / "2.1" / "2.2" / "1-1.dcm", film_pixels(12, 9))
    dicom(base / f"{FILM}_1" / "2.1" / "2.2" / "1-2.dcm", mask(10, 22, 5, 14))
    dicom(base / f"{FILM}_2" / "2.1" / "2.2" / "1-1.dcm", mask(40, 50, 20, 30))
    dicom(base / f"{FILM}_2" / "2.1" / "2.2" / "1-2.dcm", film_pixels(40, 30))
    return tmp_path


def test_masks_are_told_from_crops_by_content_whatever_their_names(cbis: Path) -> None:
    (image,) = load(f"cbis-ddsm:{cbis}")
    assert image.boxes.tolist() == [[5, 10, 14, 22], [20, 40, 30, 50]]
    assert image.labels == ("malignant", "benign"), "benign without callback is benign"
    assert (image.patient_id, image.laterality, image.view) == ("P_00001", "L", "CC")
    assert (image.density, image.subtlety, image.birads) == (3, 4, "4")
    assert (image.split, image.boxes_known) == ("train", True)
    assert image.path.name == "1-1.dcm" and image.path.is_file()


def test_folders_named_by_date_are_found_by_patient_and_view(cbis: Path) -> None:
    for folder in list((cbis / "CBIS-DDSM").iterdir()):
        (study,) = folder.iterdir()
        (series,) = study.iterdir()
        series.rename(study / "1.000000-ROI mask images-12345")
        study.rename(folder / "07-20-2016-DDSM-NA-12345")
    (cbis / "CBIS-DDSM").rename(cbis / "moved")
    (cbis / "manifest-1").mkdir()
    (cbis / "moved").rename(cbis / "manifest-1" / "CBIS-DDSM")
    (image,) = load(f"cbis-ddsm:{cbis}")
    assert image.boxes.tolist() == [[5, 10, 14, 22], [20, 40, 30, 50]]


def test_a_mask_of_another_size_is_scaled_to_its_film(cbis: Path, dicom: Dicom) -> None:
    series = cbis / "CBIS-DDSM" / f"{FILM}_1" / "2.1" / "2.2"
    dicom(series / "1-2.dcm", mask(10, 22, 5, 14, size=(66, 50)))
    (image,) = load(f"cbis-ddsm:{cbis}")
    expected = [5 * 40 / 50, 10 * 60 / 66, 14 * 40 / 50, 22 * 60 / 66]
    np.testing.assert_allclose(image.boxes[0], expected)


def test_a_lesion_without_a_mask_makes_the_boxes_unknown(cbis: Path) -> None:
    (cbis / "CBIS-DDSM" / f"{FILM}_2" / "2.1" / "2.2" / "1-1.dcm").unlink()
    (image,) = load(f"cbis-ddsm:{cbis}")
    assert not image.boxes_known
    (note,) = image.notes
    assert f"{FILM}_2" in note and "no mask among the 1 files" in note
    assert masses([image]) == ()


def test_a_film_of_both_tables_is_one_image_of_both_kinds(cbis: Path, dicom: Dicom) -> None:
    calc = "Calc-Training_P_00001_LEFT_CC"
    (cbis / "calc_case_description_train_set.csv").write_text(CALC_HEADER + row(calc))
    with pytest.raises(InputError, match=r"mass_case_description_test_set\.csv"):
        load(f"cbis-ddsm:{cbis}")
    other = "Mass-Test_P_00002_RIGHT_MLO"
    test_row = row(other, shape="ARCHITECTURAL_DISTORTION")
    (cbis / "mass_case_description_test_set.csv").write_text(MASS_HEADER + test_row)
    base = cbis / "CBIS-DDSM"
    dicom(base / other / "1.1" / "1.2" / "1-1.dcm", film_pixels())
    dicom(base / f"{other}_1" / "2.1" / "2.2" / "1-2.dcm", mask(1, 2, 3, 4))
    dicom(base / calc / "1.1" / "1.2" / "1-1.dcm", film_pixels())
    dicom(base / f"{calc}_1" / "2.1" / "2.2" / "1-2.dcm", mask(0, 5, 0, 5))
    first, second = load(f"cbis-ddsm:{cbis}")
    assert first.path.parts[-4] == FILM
    assert [set(kinds) for kinds in first.subtypes] == [{Subtype.MASS}] * 2 + [
        {Subtype.CALCIFICATION}
    ]
    assert (second.split, second.subtypes) == (
        "test",
        (frozenset({Subtype.MASS, Subtype.DISTORTION}),),
    )
    assert [len(image.boxes) for image in masses([first, second])] == [2, 1]


def test_what_is_missing_is_named(cbis: Path) -> None:
    film = cbis / "CBIS-DDSM" / FILM / "1.1" / "1.2" / "1-1.dcm"
    film.unlink()
    with pytest.raises(InputError, match=f"{FILM}.*1-1.dcm: this image is not there"):
        load(f"cbis-ddsm:{cbis}")
    (cbis / "mass_case_description_train_set.csv").unlink()
    with pytest.raises(InputError, match=r"mass_case_description_train_set\.csv: No such file"):
        load(f"cbis-ddsm:{cbis}")


def test_an_unknown_pathology_is_refused_by_line(cbis: Path) -> None:
    table = cbis / "mass_case_description_train_set.csv"
    table.write_text(MASS_HEADER + row(pathology="MAYBE"))
    with pytest.raises(InputError, match=r"line 3: pathology must be benign or malignant"):
        load(f"cbis-ddsm:{cbis}")
