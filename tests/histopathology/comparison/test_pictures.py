from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from mammoscope.histopathology.comparison.config import CnnSettings, RegionsSettings
from mammoscope.histopathology.comparison.fields import Fields
from mammoscope.histopathology.comparison.pictures import RegionPictures, SmallPictures, collate
from mammoscope.histopathology.stain import STANDARD, normalised


def test_a_picture_depends_on_seed_epoch_and_index_alone(
    fields: Fields, regions: RegionsSettings
) -> None:
    first, second = (RegionPictures(fields, np.array([0, 3, 13]), regions) for _ in range(2))
    for index in (5, 0, 8):
        assert torch.equal(first[index][0], second[index][0])
    second.epoch = 1
    assert not torch.equal(first[0][0], second[0][0])


def test_of_normalised_stains_every_form_of_an_image_is_made(
    fields: Fields, regions: RegionsSettings, tmp_path: Path
) -> None:
    normal = Fields(fields.data, tmp_path, lambda text: None, normalise=True)
    views = regions.network.views
    for (before, stains), (after, standard) in zip(
        fields.fitted(views), normal.fitted(views), strict=True
    ):
        np.testing.assert_array_equal(after, normalised(before, stains))
        assert standard is STANDARD
    assert np.abs(np.subtract(fields.small(32, 48), normal.small(32, 48), dtype=float)).mean() > 5
    assert np.abs(fields.handmade() - normal.handmade()).max() > 0.1


def test_classes_are_shown_alike_and_patients_by_the_root_of_their_images(
    fields: Fields, regions: RegionsSettings
) -> None:
    # Two benign images of one patient, one of another, and a malignant one.
    which = np.array([0, 1, 2, 13])
    benign, ill = (fields.labels(which).by_patient(malignant) for malignant in (False, True))
    assert [each.tolist() for each in benign] == [[0, 1], [2]]
    assert [each.tolist() for each in ill] == [[3]]
    pictures = RegionPictures(fields, which, regions)
    shown, malignant, subtype = collate([pictures[i] for i in range(len(pictures))])
    assert shown.shape == (12, 3, 64, 64) and shown.dtype == torch.float32
    assert float(shown.min()) >= 0 and float(shown.max()) <= 1
    assert malignant.tolist() == [0, 1] * 6
    assert subtype.tolist() == [0, 3] * 6
    np.testing.assert_allclose(pictures.often[0], np.array([2**0.5, 1]) / (2**0.5 + 1))


def test_small_pictures_are_only_turned_over(fields: Fields, cnn: CnnSettings) -> None:
    images = fields.small(cnn.network.rows, cnn.network.columns)
    pictures = SmallPictures(images, fields.labels(np.arange(len(images))), 0)
    seen = set()
    for pictures.epoch in range(12):
        shown = np.round(pictures[3][0].numpy().transpose(1, 2, 0) * 255).astype(np.uint8)
        flips = [np.flip(images[3], axes) for axes in ((), (0,), (1,), (0, 1))]
        matches = [i for i, flip in enumerate(flips) if np.array_equal(flip, shown)]
        seen.update(matches)
        assert len(matches) == 1
    assert seen == {0, 1, 2, 3}
