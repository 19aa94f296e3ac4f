"""truth.csv: what it may say, and that whatever a set says comes back from it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammoscope.annotations.table import AnnotatedImage, Lesion, Subtype
from mammoscope.annotations.truth import read_truth, write_truth
from mammoscope.datasets import own
from mammoscope.errors import TableError

HEADER = "image,x0,y0,x1,y1,ignore,cancer,image_label,boxes_known,patient_id\n"


def table(folder: Path, rows: str, header: str = HEADER) -> Path:
    path = folder / "truth.csv"
    path.write_text(header + rows)
    return path


def test_a_region_to_ignore_is_no_lesion(tmp_path: Path) -> None:
    rows = "a,1,2,3,4,,,,,\na,5,6,7,8,1,,,,\nb,5,6,7,8,yes,,,,\nb,,,,,,,,,\n"
    a, b = read_truth(table(tmp_path, rows)).images
    assert [box for _, box in a.lesions] == [(1, 2, 3, 4)]
    assert a.ignored == b.ignored == ((5, 6, 7, 8),)
    assert b.lesions == () and b.is_marked


@pytest.mark.parametrize(
    ("row", "label", "is_marked"),
    [
        ("a,,,,,,1,,,", "malignant", False),
        ("a,,,,,,0,,,", "negative", True),
        ("a,,,,,,,,,", None, True),
        ("a,1,2,3,4,,1.0,,,", "malignant", True),
        ("a,,,,,,,benign,,", "benign", True),
        ("a,,,,,,no,Benign,0,", "benign", False),
        ("a,,,,,,yes,malignant,1,", "malignant", True),
    ],
)
def test_what_is_said_of_an_image(
    tmp_path: Path, row: str, label: str | None, is_marked: bool
) -> None:
    (image,) = read_truth(table(tmp_path, row + "\n")).images
    assert (image.label, image.is_marked) == (label, is_marked)


def test_yes_or_no_needs_no_boxes_at_all(tmp_path: Path) -> None:
    a, b = read_truth(table(tmp_path, "a,1\nb,0\n", "image,cancer\n")).images
    assert (a.label, b.label, a.is_marked, b.is_marked) == ("malignant", "negative", False, False)
    with pytest.raises(
        TableError, match="lacks columns x0, y0, x1, y1; the header has image, view"
    ):
        read_truth(table(tmp_path, "a,CC\n", "image,view\n"))
    with pytest.raises(TableError, match="lacks columns y0, x1, y1"):
        read_truth(table(tmp_path, "a,1,1\n", "image,cancer,x0\n"))


@pytest.mark.parametrize(
    ("rows", "cause"),
    [
        ("", "the table has no rows"),
        ("a,,,,,1,,,,\n", "line 2: a region to ignore needs a box"),
        ("a,1,2,3,4,maybe,,,,\n", "line 2: ignore must be 1 or 0, got 'maybe'"),
        ("a,,,,,,2,,,\n", "line 2: cancer must be 1 or 0, got '2'"),
        ("a,,,,,,,cancer,,\n", "line 2: image_label must be of malignant, benign, negative"),
        ("a,,,,,,1,benign,,\n", "line 2: cancer and image_label contradict each other"),
        ("a,1,2,3,4,,1,,,\na,2,2,3,4,,0,,,\n", "line 3: the image_label of a differs"),
        ("a,1,2,3,4,,,,,p\na,2,2,3,4,,,,,q\n", "line 3: the patient_id of a differs"),
        ("a,1,2,3,4,,,,1,\na,2,2,3,4,,,,0,\n", "line 3: the boxes_known of a differs"),
        ("a,1,2,3,4,,,,,\na,1,2,3,4,,,,,\n", "line 3: this row repeats an earlier one"),
        ("a,1,2,3,4,,,,,\na,,,,,,,,,\n", "line 3: this image has a row with a box and"),
    ],
)
def test_a_bad_row_costs_itself_and_is_told(tmp_path: Path, rows: str, cause: str) -> None:
    path = table(tmp_path, rows)
    if "line 3" not in cause:  # No row is left.
        with pytest.raises(TableError) as caught:
            read_truth(path)
        assert str(caught.value).startswith(f"{path}: {cause}")
    good = "b,1,2,3,4,,,,,\n"
    path.write_text(path.read_text() + good)
    truth = read_truth(path)
    told = [str(fault) for fault in truth.table.faults]
    assert rows == "" or (len(told) == 1 and told[0].startswith(f"{path}: {cause}"))
    by_name = {image.name: image for image in truth.images}
    assert by_name["b"].is_marked and not by_name["b"].faults
    if "line 3" in cause and "repeats" not in cause:
        assert not by_name["a"].is_marked, "not all of its boxes are known"
    if "repeats" in cause:
        assert by_name["a"].is_marked and len(by_name["a"].lesions) == 1


def maybe(values: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.none() | values


COORDINATE = st.floats(0, 3000, allow_nan=False).map(lambda v: round(v, 3))
BOX = st.tuples(COORDINATE, COORDINATE, st.floats(0.01, 500), st.floats(0.01, 500)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)
LESION = st.builds(
    Lesion,
    BOX,
    maybe(st.sampled_from(["benign", "malignant"])),
    st.frozensets(st.sampled_from(Subtype)),
)
FACTS = st.fixed_dictionaries(
    {
        "laterality": maybe(st.sampled_from("LR")),
        "view": maybe(st.sampled_from(["CC", "MLO"])),
        "density": maybe(st.integers(1, 4)),
        "tissue": maybe(st.sampled_from("FGD")),
        "birads": maybe(st.sampled_from(["0", "1", "4a", "6"])),
        "subtlety": maybe(st.integers(1, 5)),
        "age": maybe(st.integers(1, 130)),
        "machine": maybe(st.sampled_from(["21", "GE, Senographe"])),
        "site": maybe(st.sampled_from(["1", "=SUM(1)"])),
        "split": maybe(st.sampled_from(["train", "test"])),
        "true_size": maybe(st.just((1368, 800))),
        "image_label": maybe(st.sampled_from(["malignant", "benign", "negative"])),
        "boxes_known": st.booleans(),
        "ignored": st.lists(BOX, max_size=2, unique=True).map(tuple),
    }
)


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.lists(LESION, max_size=3, unique_by=lambda x: x.box), FACTS),
        min_size=1,
        max_size=4,
    )
)
def test_whatever_a_set_says_comes_back(
    tmp_path_factory: pytest.TempPathFactory, sets: list[tuple[list[Lesion], dict[str, object]]]
) -> None:
    folder = tmp_path_factory.mktemp("set")
    images = [
        AnnotatedImage.of(folder / "p" / f"{i}.png", f"p{i % 2}", lesions, **facts)
        for i, (lesions, facts) in enumerate(sets)
    ]
    write_truth(folder / "truth.csv", images)
    for image, again in zip(images, own.load(folder), strict=True):
        np.testing.assert_array_equal(image.boxes, again.boxes)
        assert facts_of(image) == facts_of(again)


def facts_of(image: AnnotatedImage) -> dict[str, object]:
    """All but the array of boxes."""
    names = [name for name in AnnotatedImage.__dataclass_fields__ if name != "boxes"]
    return {name: getattr(image, name) for name in names}


def test_lesions_of_the_very_same_box_are_one(tmp_path: Path) -> None:
    mass, other = frozenset({Subtype.MASS}), frozenset({Subtype.OTHER})
    lesions = [Lesion((1, 2, 3, 4), "benign", mass), Lesion((1, 2, 3, 4), "benign", other)]
    write_truth(tmp_path / "truth.csv", [AnnotatedImage.of(tmp_path / "a.png", "p", lesions)])
    (again,) = own.load(tmp_path)
    assert again.boxes.tolist() == [[1, 2, 3, 4]]
    assert (again.labels, again.subtypes) == (("benign",), (mass | other,))


def test_images_elsewhere_are_named_by_their_whole_path(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    write_truth(out / "truth.csv", [AnnotatedImage.of(tmp_path / "in" / "a.png", "p", ())])
    (again,) = own.load(out)
    assert again.path == tmp_path / "in" / "a.png"
