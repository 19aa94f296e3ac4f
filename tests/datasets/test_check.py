from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mammoscope.annotations.table import Lesion
from mammoscope.datasets import AnnotatedImage, Subtype
from mammoscope.datasets.check import Contents, find_problems


@pytest.fixture
def image(tmp_path: Path, dicom: Callable[..., Path]) -> AnnotatedImage:
    path = dicom(tmp_path / "a.dcm", np.ones((30, 20), np.uint8), ImageLaterality="L")
    kinds = frozenset({Subtype.MASS, Subtype.CALCIFICATION})
    lesions = [Lesion((1, 2, 20, 30), "benign", kinds), Lesion((1, 2, 3, 4))]
    return AnnotatedImage.of(path, "p", lesions, laterality="L", density=2, split="train")


def kinds(*images: AnnotatedImage, read: bool = False) -> list[str]:
    return [problem.kind for problem in find_problems(images, read)]


def test_contents_count_lesions_by_subtype_and_label(image: AnnotatedImage) -> None:
    other = AnnotatedImage.unmarked(Path("b.dcm"), "q", image_label="negative", density=2)
    contents = Contents.of((image, other))
    assert (contents.images, contents.patients, contents.lesions) == (2, 2, 2)
    assert (contents.without_lesion, contents.boxes_unknown) == (0, 1)
    assert contents.subtypes == {"calcification": 1, "mass": 1, "unknown": 1}
    assert contents.labels == {"benign": 1, "unknown": 1}
    assert contents.image_labels == {"negative": 1, "unknown": 1}
    assert (contents.density, contents.splits) == ({"2": 2}, {"train": 1, "unknown": 1})


def test_a_whole_image_has_no_problem(image: AnnotatedImage) -> None:
    assert kinds(image, read=True) == []


def test_a_missing_file_is_found(image: AnnotatedImage) -> None:
    image.path.unlink()
    assert kinds(image) == ["missing file"]


def test_a_box_outside_the_picture_is_found(image: AnnotatedImage) -> None:
    for corner, value in ((0, -1.0), (3, 31.0)):
        boxes = image.boxes.copy()
        boxes[0, corner] = value
        (problem,) = find_problems([replace(image, boxes=boxes)])
        assert problem.kind == "box outside the picture"
        assert "leaves the 20 x 30 pixels" in problem.cause


def test_a_side_that_the_tags_contradict_is_found(image: AnnotatedImage) -> None:
    assert kinds(replace(image, laterality="R")) == ["table and file disagree"]
    assert kinds(replace(image, laterality=None)) == []


def test_a_patient_in_two_splits_and_a_file_in_two_rows_are_found(image: AnnotatedImage) -> None:
    assert kinds(image, replace(image, split="test")) == [
        "image listed twice",
        "patient in two splits",
    ]


def test_damage_of_the_pixels_is_found_only_by_reading(image: AnnotatedImage) -> None:
    data = image.path.read_bytes()
    image.path.write_bytes(data[:-50])
    assert kinds(image) == []
    assert kinds(image, read=True) == ["unreadable file"]
    image.path.write_bytes(b"not an image")
    assert kinds(image) == ["unreadable file"]


def test_the_same_content_under_two_names_is_found_by_reading(image: AnnotatedImage) -> None:
    copy = image.path.with_name("copy.dcm")
    copy.write_bytes(image.path.read_bytes())
    assert kinds(image, replace(image, path=copy), read=True) == ["same content twice"]


def test_notes_of_the_adapter_are_problems(image: AnnotatedImage) -> None:
    (problem,) = find_problems([replace(image, notes=("no mask",))])
    assert (problem.kind, problem.cause) == ("noted by the adapter", "no mask")
