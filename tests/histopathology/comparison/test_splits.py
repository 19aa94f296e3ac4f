from __future__ import annotations

import numpy as np
import pytest

from mammoscope.histopathology import TissueSet
from mammoscope.histopathology.comparison.splits import Split, by_image, by_patient, official


def patients(data: TissueSet, which: np.ndarray) -> set[str | None]:
    return {data.images[i].patient for i in which.tolist()}


def all_tests(splits: tuple[Split, ...]) -> list[int]:
    return sorted(np.concatenate([split.test for split in splits]).tolist())


def test_by_patient_no_patient_is_on_both_sides(data: TissueSet) -> None:
    protocol = by_patient(data, 2, 0)
    assert all_tests(protocol.splits) == list(range(len(data.images)))
    for split in protocol.splits:
        assert not patients(data, split.training) & patients(data, split.test)


def test_by_image_patients_are_on_both_sides(data: TissueSet) -> None:
    protocol = by_image(data, 2, 0)
    assert all_tests(protocol.splits) == list(range(len(data.images)))
    assert any(
        patients(data, split.training) & patients(data, split.test) for split in protocol.splits
    )


def test_each_patient_may_be_left_out_in_turn(data: TissueSet) -> None:
    protocol = by_patient(data, None, 0)
    assert protocol.how == "each of 7 patients left out"
    assert [len(patients(data, split.test)) for split in protocol.splits] == [1] * 7


def test_splits_that_cannot_be_are_refused(data: TissueSet) -> None:
    with pytest.raises(ValueError, match="7 patients cannot be split into 8 folds"):
        by_patient(data, 8, 0)
    few = TissueSet(data.images[:5], data.subtypes)
    with pytest.raises(ValueError, match="no benign or no malignant"):
        by_patient(few, 2, 0)


def test_official_folds_count_patients_of_whom_another_slide_was_seen(data: TissueSet) -> None:
    names = [image.path.stem for image in data.images]
    folds = [
        {name: "200AB" in name or "300" in name for name in names},
        {name: "101" in name for name in names},
    ]
    protocol = official(data, folds)
    assert len(protocol.splits) == 2
    assert protocol.how.startswith("the 2 official folds of slides, in which 1 tests are of")
    with pytest.raises(ValueError, match="is in none of the parts"):
        official(data, [dict.fromkeys(names[1:], True)])
