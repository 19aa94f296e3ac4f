from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mammoscope.errors import InputError, TableError
from mammoscope.histopathology import load_tissue
from mammoscope.histopathology.breakhis import parse_name, read_folds

Save = Callable[[Path, np.ndarray], Path]


def test_breakhis_is_read_in_its_own_layout(breakhis: Path) -> None:
    data = load_tissue(breakhis)
    assert data.subtypes == (
        *("adenosis", "fibroadenoma"),
        *("ductal carcinoma", "lobular carcinoma"),
    )
    assert Counter(image.subtype for image in data.images) == {
        **{"adenosis": 4, "fibroadenoma": 4},
        **{"ductal carcinoma": 4, "lobular carcinoma": 2},
    }
    assert sum(image.malignant for image in data.images) == 6
    assert {image.magnification for image in data.images} == {100}
    assert data.has_patients


def test_slides_of_one_patient_are_one_patient(breakhis: Path) -> None:
    whose = {image.path.stem: image.patient for image in load_tissue(breakhis).images}
    assert whose["SOB_B_F-14-200AB-100-001"] == whose["SOB_B_F-14-200CD-100-001"] == "200"
    assert len(set(whose.values())) == 7


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("SOB_B_TA-14-21998CD-100-020", ("tubular adenoma", False, "21998", 100)),
        ("SOB_M_PC-14-9146-400-001", ("papillary carcinoma", True, "9146", 400)),
        ("SOB_M_XX-14-9146-400-001", None),
        ("SOB_B_A-14-22549AB-100-026 (1)", None),
        ("scan", None),
    ],
)
def test_a_name_says_class_patient_and_magnification(name: str, facts: object) -> None:
    assert parse_name(Path(f"{name}.png")) == facts


def test_only_some_magnifications_may_be_wanted(breakhis: Path) -> None:
    data = load_tissue(breakhis)
    assert data.at([100, 400]) == data
    with pytest.raises(ValueError, match=r"no image of magnification \[40\]; there are \[100\]"):
        data.at([40])


def test_an_image_that_is_there_twice_is_refused(breakhis: Path, tmp_path: Path) -> None:
    for part in ("fold1/train", "fold1/test"):
        shutil.copytree(breakhis, tmp_path / part)
    with pytest.raises(InputError, match=r"is there twice: also .*fold1/test"):
        load_tissue(tmp_path)


def test_what_the_names_say_is_not_said_again(breakhis: Path) -> None:
    with pytest.raises(InputError, match="is BreaKHis, whose names say all"):
        load_tissue(breakhis, malignant=["ductal carcinoma"])


def folder_of(save: Save, root: Path, *names: str) -> Path:
    for name in names:
        save(root / name, np.zeros((70, 80, 3), np.uint8))
    return root


def test_a_folder_for_each_class_is_a_set(save: Save, tmp_path: Path) -> None:
    folder = folder_of(save, tmp_path, "benign/a.png", "malignant/b.png", "malignant/x/c.png")
    data = load_tissue(folder)
    assert data.subtypes == ("benign", "malignant")
    assert [image.malignant for image in data.images] == [False, True, True]
    assert not data.has_patients and data.images[0].magnification is None


def test_which_classes_are_malignant_must_be_said(save: Save, tmp_path: Path) -> None:
    folder = folder_of(save, tmp_path, "normal/a.png", "in situ/b.png", "invasive/c.png")
    with pytest.raises(InputError, match="in situ, invasive, normal are malignant must be said"):
        load_tissue(folder)
    data = load_tissue(folder, ["invasive", "in situ"])
    assert data.subtypes == ("normal", "in situ", "invasive")
    for wrong in (["invasiv"], ["normal", "in situ", "invasive"]):
        with pytest.raises(InputError, match="must be said"):
            load_tissue(folder, wrong)


def test_patients_come_from_a_table(save: Save, tmp_path: Path) -> None:
    folder = folder_of(save, tmp_path / "set", "benign/a.png", "malignant/b.png")
    table = tmp_path / "patients.csv"
    table.write_text("image,patient_id\nbenign/a.png,7\nmalignant/b.png,8\n")
    assert [image.patient for image in load_tissue(folder, (), table).images] == ["7", "8"]
    table.write_text("image,patient_id\nbenign/a.png,7\n")
    with pytest.raises(TableError, match=r"patients.csv: has no row for .*b.png"):
        load_tissue(folder, (), table)
    table.write_text("image,patient_id\n")
    with pytest.raises(TableError, match=r"patients.csv: has no row for .*a.png"):
        load_tissue(folder, (), table)


def test_hidden_files_beside_the_images_are_none(save: Save, tmp_path: Path) -> None:
    folder = folder_of(save, tmp_path, "SOB_B_A-14-1-100-001.png")
    (folder / "._SOB_B_A-14-1-100-001.png").write_bytes(b"of another system")
    assert len(load_tissue(folder).images) == 1


def test_a_folder_that_is_no_set_is_refused(save: Save, tmp_path: Path, breakhis: Path) -> None:
    with pytest.raises(InputError, match="missing: no such folder"):
        load_tissue(tmp_path / "missing")
    with pytest.raises(InputError, match="holds no PNG, JPEG or TIFF"):
        load_tissue(tmp_path)
    folder = folder_of(save, tmp_path, "benign/a.png", "malignant/b.png", "loose.png")
    with pytest.raises(InputError, match=r"loose.png: lies in no folder of a class"):
        load_tissue(folder)
    folder_of(save, tmp_path, "SOB_B_A-14-1-100-001.png")
    with pytest.raises(InputError, match="is not named as BreaKHis"):
        load_tissue(folder)


def test_official_folds_say_who_is_tested(tmp_path: Path) -> None:
    lines = "SOB_B_F-14-1-40-001.png|40|1|train\nSOB_M_DC-14-2-100-002.png|100|1|test\n"
    (tmp_path / "dsfold1.txt").write_text(lines, encoding="utf-16")
    (tmp_path / "dsfold2.txt").write_text(lines.replace("test", "train"))
    first, second = read_folds(tmp_path)
    assert first == {"SOB_B_F-14-1-40-001": False, "SOB_M_DC-14-2-100-002": True}
    assert not any(second.values())
    (tmp_path / "dsfold2.txt").write_text("SOB_B_F-14-1-40-001.png 40 1 train\n")
    with pytest.raises(TableError, match=r"dsfold2.txt: line 1: not name|magnification"):
        read_folds(tmp_path)
    with pytest.raises(InputError, match="holds no dsfold"):
        read_folds(tmp_path / "missing")
