from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch", reason="needs the extra [train]")

from mammoscope.datasets import AnnotatedImage
from mammoscope.errors import InputError
from mammoscope.geometry import Frame
from mammoscope.training.config import (
    AugmentationConfig,
    DetectorConfig,
    NetworkConfig,
    TrainingConfig,
)
from mammoscope.training.detectors.data import ChangedPictures, Sample, load_samples
from mammoscope.training.engine.each import balanced

SIZE = (160, 96)
WHOLE, CROP = 0, 1
MOVES = AugmentationConfig(
    crop_with_mass=1.0, flip=0.5, rotation_deg=20, scale=0.3, aspect=0.2, shift=0.05
)


def pictures_of(
    samples: list[Sample], changes: AugmentationConfig, seed: int = 0
) -> ChangedPictures:
    network = NetworkConfig("any", *SIZE)
    training = TrainingConfig(epochs=1, batch=1, learning_rate=0, seed=seed)
    return ChangedPictures(samples, DetectorConfig(network, training, changes))


def blob_sample(cx: float, cy: float, rx: float, ry: float) -> Sample:
    """A bright ellipse on a grey breast at the scale of the crops, and its box."""
    rows, columns = 2 * SIZE[0], 2 * SIZE[1]
    y, x = np.mgrid[:rows, :columns] + 0.5
    inside = ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1
    pixels = np.where(inside, 60000, 20000).astype(np.uint16)
    boxes = np.array([[cx - rx, cy - ry, cx + rx, cy + ry]])
    image = AnnotatedImage(Path("blob.png"), "p", boxes, (None,))
    return Sample(image, pixels, boxes, Frame(rows, columns))


def seen_box(picture: np.ndarray) -> list[int]:
    ys, xs = np.nonzero(picture > 0.6)
    return [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]


@settings(max_examples=40, deadline=None)
@given(
    centre=st.tuples(st.floats(75, 115), st.floats(130, 190)),
    radii=st.tuples(st.floats(14, 36), st.floats(14, 36)),
    seed=st.integers(0, 10_000),
    index=st.sampled_from([WHOLE, CROP]),
)
def test_boxes_follow_the_pixels(
    centre: tuple[float, float], radii: tuple[float, float], seed: int, index: int
) -> None:
    pictures = pictures_of([blob_sample(*centre, *radii)], MOVES, seed)
    picture, boxes, _ = pictures[index]
    if len(boxes) == 0:
        assert index == CROP, "a mass is lost only where a crop cuts most of it off"
        return
    np.testing.assert_allclose(boxes[0].numpy(), seen_box(picture[0].numpy()), atol=2.5)


def test_a_whole_picture_is_the_breast_shrunk_and_a_crop_is_a_part_of_it() -> None:
    sample = blob_sample(90, 160, 25, 25)
    pictures = pictures_of([sample], AugmentationConfig(crop_with_mass=1.0))
    whole, crop = pictures[WHOLE], pictures[CROP]
    assert len(pictures) == 2 and whole[0].shape == crop[0].shape == (1, *SIZE)
    np.testing.assert_allclose(whole[1][0].numpy(), sample.boxes[0] / 2, atol=0.6)
    sides = crop[1][0, 2:] - crop[1][0, :2]
    np.testing.assert_allclose(sides.numpy(), [50, 50], atol=1)
    np.testing.assert_allclose(crop[1][0].numpy(), seen_box(crop[0][0].numpy()), atol=1.5)
    assert crop[0].min() > 0, "a crop lies inside the breast where the breast is larger"


def test_crops_without_a_mass_are_shown_too() -> None:
    sample = blob_sample(20, 20, 10, 10)
    pictures = pictures_of([sample], AugmentationConfig(crop_with_mass=0.0))
    counts = []
    for pictures.epoch in range(30):
        counts.append(len(pictures[CROP][1]))
    assert 0 < np.mean(np.array(counts) == 0) < 1


def test_a_mass_is_moved_into_another_breast() -> None:
    empty = blob_sample(90, 160, 25, 25)
    plain = Sample(empty.image, np.full_like(empty.pixels, 20000), np.zeros((0, 4)), empty.frame)
    donor = blob_sample(90, 160, 25, 25)
    pictures = pictures_of([plain, donor], AugmentationConfig(paste=1.0))
    found = 0
    for pictures.epoch in range(20):
        picture, boxes, _ = pictures[WHOLE]
        for box in boxes.numpy().round().astype(int):
            found += 1
            middle = picture[0, (box[1] + box[3]) // 2, (box[0] + box[2]) // 2]
            assert middle > 0.6, "the mass lies in its box"
    assert found > 0


def test_a_picture_depends_on_seed_and_epoch_alone() -> None:
    sample = blob_sample(90, 160, 25, 25)
    everything = AugmentationConfig(
        paste=0.5,
        flip=0.5,
        rotation_deg=15,
        scale=0.2,
        aspect=0.1,
        shift=0.05,
        gamma=0.5,
        contrast=0.3,
        lookalikes=0.5,
        flatten=0.5,
        local=0.5,
        sharpen=0.5,
        noise=0.05,
        blur_px=1.0,
    )
    one, two = (pictures_of([sample], everything, 3) for _ in range(2))
    for index in (WHOLE, CROP):
        assert one[index][0].equal(two[index][0])
    two.epoch = 1
    assert not one[WHOLE][0].equal(two[WHOLE][0])
    assert 0 <= two[WHOLE][0].min() <= two[WHOLE][0].max() <= 1


def test_an_unusable_image_is_handed_back_and_left_out(
    images: tuple[AnnotatedImage, ...], tmp_path: Path
) -> None:
    bad = AnnotatedImage(tmp_path / "missing.png", "p", np.zeros((0, 4)), ())
    errors: list[InputError] = []
    samples = load_samples((images[0], bad, images[1]), (96, 64), errors.append)
    assert [sample.image for sample in samples] == list(images[:2])
    assert "missing.png" in str(errors[0])


def test_a_sample_keeps_the_way_back_to_the_file(images: tuple[AnnotatedImage, ...]) -> None:
    marked = next(image for image in images if len(image.boxes))
    (sample,) = load_samples([marked], (96, 64), lambda error: pytest.fail(str(error)))
    np.testing.assert_allclose(sample.frame.boxes_to_source(sample.boxes), marked.boxes, atol=1e-3)


def test_what_is_neither_goes_along_and_so_does_a_mass_cut_off() -> None:
    sample = blob_sample(90, 160, 25, 25)
    ignored = np.array([[100.0, 40.0, 140.0, 60.0]])
    plain = Sample(sample.image, sample.pixels, sample.boxes, sample.frame, ignored)
    _, boxes, neither = pictures_of([plain], AugmentationConfig())[WHOLE]
    np.testing.assert_allclose(neither.numpy(), ignored / 2, atol=0.6)
    corner = blob_sample(8, 8, 30, 30)
    away = pictures_of([corner], AugmentationConfig(crop_with_mass=0.0, shift=0.3))
    seen = [away[CROP] for away.epoch in range(60)]
    assert any(len(neither) and not len(boxes) for _, boxes, neither in seen)
    for _, boxes, neither in seen:
        assert len(boxes) + len(neither) <= 1, "a mass is one or the other"


def test_lookalikes_are_drawn_into_pictures_and_bring_no_box() -> None:
    sample = blob_sample(90, 160, 25, 25)
    plain = Sample(sample.image, np.full_like(sample.pixels, 20000), np.zeros((0, 4)), sample.frame)
    pictures = pictures_of([plain], AugmentationConfig(lookalikes=1.0))
    contrasts = []
    for pictures.epoch in range(20):
        picture, boxes, neither = pictures[WHOLE]
        assert len(boxes) == len(neither) == 0
        contrasts.append(float(picture.max() - picture.min()))
    assert np.mean(np.array(contrasts) > 0.02) > 0.7


def test_a_small_source_is_shown_several_times() -> None:
    many = [blob_sample(90, 160, 25, 25)] * 9
    few = replace(many[0], image=replace(many[0].image, source="few"))
    assert balanced([*many, few], 0.0) == [*many, few]
    shown = balanced([*many, few], 0.3)
    assert len(shown) == 12 and sum(s.image.source == "few" for s in shown) == 3
