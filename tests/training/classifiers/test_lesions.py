from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="needs the extra [train]")

from mammoscope.annotations.table import Lesion as Marked  # noqa: E402
from mammoscope.classification.features import NAMES  # noqa: E402
from mammoscope.datasets import AnnotatedImage, load  # noqa: E402
from mammoscope.errors import InputError, TableError  # noqa: E402
from mammoscope.geometry import FloatArray  # noqa: E402
from mammoscope.phantom import StudyOptions, write_studies  # noqa: E402
from mammoscope.training.classifiers.lesions import (  # noqa: E402
    FEATURES,
    ChangedLesions,
    Lesion,
    collate_lesions,
    load_lesions,
    read_detected,
    regions_of,
)
from mammoscope.training.config import AugmentationConfig, ClassifierConfig  # noqa: E402

SQUARE = (64, 1.6)

Images = tuple[AnnotatedImage, ...]


def loaded(images: Images, detected: dict[Path, FloatArray] | None = None) -> list[Lesion]:
    return load_lesions(images, [SQUARE], detected or {}, lambda error: pytest.fail(str(error)))


def test_every_labelled_lesion_is_there_once_in_order(
    images: Images, lesions: list[Lesion]
) -> None:
    marked = [
        (image.path, tuple(box), label)
        for image in images
        for box, label in zip(image.boxes.tolist(), image.labels, strict=True)
    ]
    labels = {True: "malignant", False: "benign"}
    found = [(a.image.path, tuple(a.boxes[0].tolist()), labels[a.malignant]) for a in lesions]
    assert found == marked and len(marked) == 10
    assert {label for _, _, label in marked} == set(labels.values())


def test_a_lesion_without_a_label_is_left_out(images: Images) -> None:
    (image, *_) = [image for image in images if len(image.boxes) == 2]
    half = replace(image, labels=(None, image.labels[1]))
    (lesion,) = loaded((half, replace(image, labels=(None, None))))
    assert lesion.boxes.tolist() == image.boxes[1:].tolist()


def test_an_image_that_cannot_be_read_costs_only_its_own_lesions(
    images: Images, tmp_path: Path
) -> None:
    broken = AnnotatedImage.of(tmp_path / "a.dcm", "p", [Marked((1, 1, 9, 9), "benign")])
    broken.path.write_bytes(b"")
    told: list[InputError] = []
    found = load_lesions((broken, images[0]), [SQUARE], {}, told.append)
    assert [error.path for error in told] == [str(broken.path)]
    assert [lesion.image.path for lesion in found] == [images[0].path] * 2


def test_what_a_network_is_shown_is_there_for_each_box(lesions: list[Lesion]) -> None:
    counts = {len(lesion.boxes) for lesion in lesions}
    assert counts == {1, 2}
    for lesion in lesions:
        count = len(lesion.boxes)
        assert lesion.shown[SQUARE].shape == (count, 1, 64, 64)
        assert lesion.shown[FEATURES].shape == (count, len(NAMES))
        room, boxes = lesion.rooms[SQUARE]
        assert (room.shape, room.dtype) == ((128, 128), np.uint16)
        assert boxes.shape == (count, 4)


def test_detections_on_a_lesion_go_along_with_it_best_first(images: Images) -> None:
    (image, *_) = [image for image in images if len(image.boxes) == 2]
    moved = [image.boxes[0] + shift for shift in (4, 1, 60, -2, 0, 3)]
    beside = image.boxes[1] + 1
    first, second = loaded((image,), {image.path: np.array([*moved, beside])})
    kept = [moved[0], moved[1], moved[3]]
    assert first.boxes.tolist() == np.array([image.boxes[0], *kept]).tolist()
    assert second.boxes.tolist() == np.array([image.boxes[1], beside]).tolist()


def test_a_detection_that_hardly_overlaps_is_none_of_the_lesion(images: Images) -> None:
    image = replace(images[0], boxes=images[0].boxes[:1], labels=("benign",), subtypes=())
    x0, y0, x1, y1 = image.boxes[0]
    for share, count in ((0.24, 1), (0.26, 2)):
        part = np.array([[x0, y0, x0 + share * (x1 - x0), y1]])
        (lesion,) = loaded((image,), {image.path: part})
        assert len(lesion.boxes) == count


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Images:
    """Lesions of so many pixels that half a pixel of the file is little."""
    folder = tmp_path_factory.mktemp("large")
    write_studies(folder / "in", StudyOptions(rows=1200, png=False))
    return load(f"truth:{folder / 'in'}")


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    which=st.integers(0, 3),
    grown=st.floats(0.8, 1.25),
    aspect=st.floats(0.8, 1.25),
    shift=st.tuples(st.floats(-0.2, 0.2), st.floats(-0.2, 0.2)),
    side=st.sampled_from([48, 64, 80]),
    margin=st.sampled_from([1.2, 1.6, 2.0]),
)
def test_a_box_in_the_room_shows_what_it_shows_in_the_breast(
    large: Images,
    roi_config: ClassifierConfig,
    which: int,
    grown: float,
    aspect: float,
    shift: tuple[float, float],
    side: int,
    margin: float,
) -> None:
    """Unchanged pictures of a lesion in its room are those that are cut from the breast."""
    marked = [(image, i) for image in large for i in range(len(image.boxes))]
    image, i = marked[which]
    box = image.boxes[i]
    size = box[2:] - box[:2]
    middle = (box[:2] + box[2:]) / 2 + shift * size
    half = size / 2 * grown * (aspect, 1 / aspect)
    other = np.concatenate([middle - half, middle + half])
    one = replace(image, boxes=box[None], labels=("benign",), subtypes=())
    (lesion,) = load_lesions(
        (one,), [(side, margin)], {image.path: other[None]}, lambda error: pytest.fail(str(error))
    )
    still = replace(
        roi_config,
        network=replace(roi_config.network, side=side, margin=margin),
        augmentation=AugmentationConfig(),
    )
    pictures = ChangedLesions([lesion], still)
    seen = set()
    for pictures.epoch in range(12):
        picture, features, _ = pictures[0]
        is_it = (lesion.shown[FEATURES] == features.numpy()).all(axis=1)
        at = int(np.flatnonzero(is_it)[0])
        seen.add(at)
        shown = lesion.shown[side, margin][at, 0]
        # Both windows begin on whole pixels, so they may be half a pixel of the file apart.
        assert np.abs(picture[0].numpy() - shown)[3:-3, 3:-3].mean() < 0.01
    assert seen == set(range(len(lesion.boxes)))


def test_pictures_depend_on_seed_epoch_and_index_alone(
    lesions: list[Lesion], roi_config: ClassifierConfig
) -> None:
    pictures, again = (ChangedLesions(lesions, roi_config) for _ in range(2))
    assert len(pictures) == len(lesions)
    for index in (3, 0, 3):
        picture, features, label = pictures[index]
        assert (picture.shape, picture.dtype) == ((1, 64, 64), torch.float32)
        assert (features.shape, features.dtype) == ((len(NAMES),), torch.float32)
        assert float(label) == lesions[index].malignant
        assert picture.min() >= 0 and picture.max() <= 1
        torch.testing.assert_close(again[index], (picture, features, label), rtol=0, atol=0)
    again.epoch = 1
    assert not torch.equal(again[3][0], pictures[3][0])


def test_a_batch_is_stacked(lesions: list[Lesion], roi_config: ClassifierConfig) -> None:
    pictures = ChangedLesions(lesions, roi_config)
    batch = collate_lesions([pictures[0], pictures[1], pictures[2]])
    assert [tuple(part.shape) for part in batch] == [(3, 1, 64, 64), (3, len(NAMES)), (3,)]


def test_regions_are_of_the_box_that_is_asked_for(lesions: list[Lesion]) -> None:
    some = [lesion for lesion in lesions if len(lesion.boxes) == 2]
    for box in (0, 1):
        regions = regions_of(some, SQUARE, True, box)
        assert regions.pictures is not None and regions.features is not None
        np.testing.assert_array_equal(regions.pictures[1], some[1].shown[SQUARE][box])
        np.testing.assert_array_equal(regions.features[1], some[1].shown[FEATURES][box])
    assert regions_of(some, None, True).pictures is None
    assert regions_of(some, SQUARE, False).features is None


def table(folder: Path, *rows: str) -> Path:
    path = folder / "found.csv"
    path.write_text("\n".join(["patient_id,image,x0,y0,x1,y1,score", *rows]))
    return path


def test_detections_are_read_best_first_by_the_image_that_they_mean(
    images: Images, tmp_path: Path
) -> None:
    first, second = images[:2]
    path = table(
        tmp_path,
        f"p,{first.path.name},1,1,9,9,0.2",
        f"p,{second.path.stem},5,5,9,9,0.5",
        f"p,{first.path.name},2,1,9,9,0.9",
        f"p,{first.path.name},1,1,8,8,0.9",
        f"p,{first.path.name},,,,,",
        "p,elsewhere.png,1,1,9,9,0.9",
    )
    found = read_detected(path, images)
    assert {path: boxes.tolist() for path, boxes in found.items()} == {
        first.path: [[1, 1, 8, 8], [2, 1, 9, 9], [1, 1, 9, 9]],
        second.path: [[5, 5, 9, 9]],
    }


@pytest.mark.parametrize(
    ("rows", "cause"),
    [
        (["p,elsewhere.png,1,1,9,9,0.9"], "has no detection on any of the images"),
        (["p,a.dcm,1,1,9,9,0.9", "p,a.png,1,1,9,9,0.9"], "cannot tell whether"),
        (["p,phantom_0001_L_CC,1,1,9,9,high"], "line 2: column 'score': 'high' is not a finite"),
    ],
)
def test_detections_that_cannot_be_meant_are_refused_by_file(
    images: Images, tmp_path: Path, rows: list[str], cause: str
) -> None:
    known = (*images, replace(images[0], path=Path("a.tif")))
    with pytest.raises(TableError, match=rf"found\.csv: {cause}"):
        read_detected(table(tmp_path, *rows), known)
