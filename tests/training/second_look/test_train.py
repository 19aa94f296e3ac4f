"""Training a second look on phantoms, from marks to a card."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra [train]")
pytest.importorskip("onnx", reason="needs the extra [train]")

from mammoscope.datasets import AnnotatedImage  # noqa: E402
from mammoscope.errors import InputError, TableError  # noqa: E402
from mammoscope.models.second_look_card import KINDS, SecondLookCard  # noqa: E402
from mammoscope.tables import BOX_COLUMNS, read_table, write_table  # noqa: E402
from mammoscope.training.config import AugmentationConfig, TrainingConfig  # noqa: E402
from mammoscope.training.engine.loop import Run  # noqa: E402
from mammoscope.training.marks import Marks, read_marks  # noqa: E402
from mammoscope.training.second_look.config import (  # noqa: E402
    DEFAULT_SECOND_LOOK,
    LookConfig,
    RegionsConfig,
    SecondLookConfig,
)
from mammoscope.training.second_look.network import SecondLookNetwork  # noqa: E402
from mammoscope.training.second_look.pictures import ChangedRegions  # noqa: E402
from mammoscope.training.second_look.regions import LEARNT, load_regions  # noqa: E402
from mammoscope.training.second_look.train import (  # noqa: E402
    coefficients_of,
    train_second_look,
)

Images = tuple[AnnotatedImage, ...]

CONFIG = SecondLookConfig(
    LookConfig("test_efficientnet", side=32),
    RegionsConfig(false_marks=2, drawn=2, looked_at=3),
    TrainingConfig(epochs=1, batch=2, learning_rate=1e-3, warmup_steps=2),
    AugmentationConfig(flip=0.5, noise=0.02),
)


@pytest.fixture(scope="module")
def marks(images: Images) -> dict[Path, Marks]:
    """On each image its masses, and four places beside them, in descending order."""
    found = {}
    for image in images:
        start = image.boxes[:1] if len(image.boxes) else np.array([[60.0, 60.0, 90.0, 90.0]])
        beside = start + np.array([0.0, 40.0, 0.0, 40.0]) * np.arange(1, 5)[:, None]
        boxes = np.concatenate([image.boxes, beside])
        found[image.path] = Marks(boxes, np.linspace(0.9, 0.1, len(boxes)))
    return found


@pytest.fixture(scope="module")
def trained(
    images: Images, marks: dict[Path, Marks], tmp_path_factory: pytest.TempPathFactory
) -> tuple[SecondLookCard, Run]:
    run = Run(tmp_path_factory.mktemp("look"), None, lambda sentence: None)
    return train_second_look(CONFIG, images, marks, 3, run), run


def told(error: InputError) -> None:
    raise error


def test_shipped_settings_can_be_read() -> None:
    assert SecondLookConfig.read(DEFAULT_SECOND_LOOK).regions.looked_at == 10
    assert set(LEARNT) <= set(KINDS) and (LEARNT[0], LEARNT[-1]) == ("mass", "other")


def test_regions_are_what_they_are(images: Images, marks: dict[Path, Marks]) -> None:
    for one in load_regions(images, marks, CONFIG, told, workers=1):
        count = len(one.image.boxes)
        assert [room.kind for room in one.masses] == ["mass"] * count
        assert one.hits[:count].all() and one.counts.all()
        false = [room for room in one.others if room.kind is None]
        assert len(false) <= CONFIG.regions.false_marks
        assert all(room.allowed[0] == 0 and room.allowed[1:].all() for room in false)
        assert all(room.allowed[LEARNT.index(room.kind or "")] == 1 for room in one.masses)
        assert len(one.pictures) == min(CONFIG.regions.looked_at, len(one.marks.boxes))
        middle = one.pictures[:, 14:18, 14:18].mean(axis=(1, 2))
        assert middle[:count].all(), "the picture is about the mark"


def test_what_is_to_be_ignored_is_neither_learnt_nor_counted(
    images: Images, marks: dict[Path, Marks]
) -> None:
    image = next(image for image in images if len(image.boxes))
    box = marks[image.path].boxes[-1]
    ignoring = replace(image, ignored=(tuple(box.tolist()),))
    (one,) = load_regions([ignoring], marks, CONFIG, told, workers=1)
    assert not one.counts[-1] or one.hits[-1]
    (before,) = load_regions([image], marks, CONFIG, told, workers=1)
    assert before.counts.all()


def test_half_of_what_is_shown_is_no_mass_and_the_same_each_time(
    images: Images, marks: dict[Path, Marks]
) -> None:
    pictures = ChangedRegions(load_regions(images, marks, CONFIG, told, workers=1), CONFIG)
    again = ChangedRegions(load_regions(images, marks, CONFIG, told, workers=2), CONFIG)
    assert len(pictures) == 2 * len(pictures.masses)
    for index in range(len(pictures)):
        picture, allowed = pictures[index]
        assert picture.shape == (1, 32, 32) and 0 <= picture.min() <= picture.max() <= 1
        assert allowed[0] == 1 - index % 2
        assert torch.equal(picture, again[index][0])


def test_a_source_without_masses_is_not_learnt_from(
    images: Images, marks: dict[Path, Marks]
) -> None:
    normal = [
        replace(image, source="normals", boxes=image.boxes[:0], labels=(), subtypes=())
        for image in images
    ]
    both = [replace(image, source="films") for image in images]
    looked = load_regions([*normal, *both], marks, CONFIG, told, workers=1)
    pictures = ChangedRegions(looked, CONFIG)
    assert list(pictures.others) == ["films"]
    alone = ChangedRegions([one for one in looked if one.image.source == "normals"], CONFIG)
    assert len(alone) == 0


def test_the_loss_asks_only_for_what_is_known() -> None:
    torch.manual_seed(0)
    network = SecondLookNetwork(CONFIG.network, len(LEARNT)).eval()
    pictures = torch.rand(2, 1, 32, 32)
    chances = torch.softmax(network(pictures), dim=1)
    allowed = torch.ones(2, len(LEARNT))
    allowed[:, 0] = 0
    wanted = -torch.log(1 - chances[:, 0]).mean()
    found = network(pictures, allowed).detach()
    assert float(found) == pytest.approx(float(wanted.detach()), abs=1e-5)


def test_every_mark_is_judged_by_a_model_that_never_saw_its_patient(
    trained: tuple[SecondLookCard, Run], images: Images, marks: dict[Path, Marks]
) -> None:
    card, run = trained
    rows = list(read_table(run.folder / "marks.csv"))
    assert len(rows) == sum(len(m.boxes) for m in marks.values())
    fold_of = {row["patient_id"]: row["fold"] for row in rows}
    assert len(set(fold_of.values())) == 3
    assert all(row["fold"] == fold_of[row["patient_id"]] for row in rows)
    looked = [row for row in rows if row["kind"]]
    assert {row["kind"] for row in looked} <= set(LEARNT)
    assert all(row["score"] == row["before"] for row in rows if not row["kind"])
    assert card.kinds == LEARNT and card.side == 32 and card.regions == 3


def test_marks_that_all_miss_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="hit a mass"):
        coefficients_of([], tmp_path)


def test_a_table_that_names_no_image_is_refused(images: Images, tmp_path: Path) -> None:
    row = dict(zip(BOX_COLUMNS, (1, 2, 3, 4), strict=True)) | {"image": "other", "score": 0.5}
    write_table(tmp_path / "marks.csv", ("image", *BOX_COLUMNS, "score"), [row])
    with pytest.raises(TableError, match="no detection on any"):
        read_marks(tmp_path / "marks.csv", images)
    row["image"] = images[0].path.name
    write_table(
        tmp_path / "marks.csv", ("image", *BOX_COLUMNS, "score"), [row, row | {"score": 0.7}]
    )
    assert read_marks(tmp_path / "marks.csv", images)[images[0].path].scores.tolist() == [0.7, 0.5]
