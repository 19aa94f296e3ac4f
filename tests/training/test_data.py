from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch", reason="needs the extra [train]")

from mammoscope.datasets import AnnotatedImage
from mammoscope.errors import InputError
from mammoscope.geometry import Frame
from mammoscope.training.config import AugmentationConfig
from mammoscope.training.data import (
    ChangedPictures,
    Sample,
    load_samples,
    spare_size,
)

SIZE = (160, 96)
MOVES = AugmentationConfig(flip=0.5, rotation_deg=20, scale=0.3, aspect=0.2, shift=0.05)


def blob_sample(cx: float, cy: float, rx: float, ry: float) -> Sample:
    """A bright ellipse on a grey breast, and its box."""
    rows, columns = spare_size(*SIZE)
    y, x = np.mgrid[:rows, :columns] + 0.5
    inside = ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1
    pixels = np.where(inside, 60000, 20000).astype(np.uint16)
    boxes = np.array([[cx - rx, cy - ry, cx + rx, cy + ry]])
    image = AnnotatedImage(Path("blob.png"), "p", boxes, (None,))
    return Sample(image, pixels, boxes, Frame(rows, columns))


@settings(max_examples=40, deadline=None)
@given(
    centre=st.tuples(st.floats(45, 75), st.floats(80, 120)),
    radii=st.tuples(st.floats(8, 20), st.floats(8, 20)),
    seed=st.integers(0, 10_000),
)
def test_boxes_follow_the_pixels(
    centre: tuple[float, float], radii: tuple[float, float], seed: int
) -> None:
    pictures = ChangedPictures([blob_sample(*centre, *radii)], SIZE, MOVES, seed)
    picture, boxes = pictures[0]
    ys, xs = np.nonzero(picture[0].numpy() > 0.6)
    assert len(boxes) == 1
    seen = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
    np.testing.assert_allclose(boxes[0].numpy(), seen, atol=2.0)


def test_unchanged_settings_change_nothing_but_the_size() -> None:
    sample = blob_sample(60, 100, 15, 15)
    picture, boxes = ChangedPictures([sample], SIZE, AugmentationConfig(), 0)[0]
    scale = SIZE[0] / sample.pixels.shape[0]
    np.testing.assert_allclose(boxes[0].numpy(), sample.boxes[0] * scale, atol=0.6)
    assert picture.shape == (1, *SIZE)


def test_a_picture_depends_on_seed_and_epoch_alone() -> None:
    sample = blob_sample(60, 100, 15, 15)
    everything = AugmentationConfig(
        0.5, 15, 0.2, 0.1, 0.05, gamma=0.5, contrast=0.3, flatten=0.5, noise=0.05, blur_px=1.0
    )
    one, two = (ChangedPictures([sample], SIZE, everything, 3) for _ in range(2))
    assert one[0][0].equal(two[0][0])
    two.epoch = 1
    assert not one[0][0].equal(two[0][0])
    assert 0 <= two[0][0].min() <= two[0][0].max() <= 1


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
