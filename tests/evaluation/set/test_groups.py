from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mammoscope.errors import GeometryError
from mammoscope.evaluation import Column, Truth
from mammoscope.evaluation.set.groups import Grouping


def box(wide: float, high: float = 1, at: float = 0) -> list[float]:
    return [at, 0, at + wide, high]


def members(grouping: Grouping) -> dict[str, list[int]]:
    return {
        name: np.flatnonzero(row).tolist()
        for name, row in zip(grouping.names, grouping.members, strict=True)
    }


def test_a_column_on_which_the_rows_of_every_image_agree_groups_images() -> None:
    truth = Truth.of([[box(1), box(2)], [], [box(3)]])
    grouping = Grouping.of(truth.with_image_column("view", ["MLO", "CC", ""]), "view")
    assert grouping.level == "image"
    assert members(grouping) == {"CC": [1], "MLO": [0], "unknown": [2]}


def test_a_column_that_differs_within_an_image_groups_lesions() -> None:
    truth = Truth.of([[box(1), box(2)], [], [box(3)]])
    grouping = Grouping.of(truth.with_lesion_column("margin", ["sharp", "", "sharp"]), "margin")
    assert grouping.level == "lesion"
    assert members(grouping) == {"sharp": [0, 2], "unknown": [1]}


def test_what_is_of_a_lesion_stays_so_where_every_image_holds_one() -> None:
    truth = Truth.of([[box(1)], [box(2)]])
    for column, level in (("label", "lesion"), ("subtlety", "lesion"), ("view", "image")):
        assert Grouping.of(truth.with_image_column(column, ["a", "b"]), column).level == level


def test_a_column_empty_on_every_image_without_lesions_is_of_lesions() -> None:
    truth = Truth.of([[box(1)], [box(2)], [], []])
    for values, level in ((["a", "b", "", ""], "lesion"), (["a", "b", "", "a"], "image")):
        assert Grouping.of(truth.with_image_column("birads", values), "birads").level == level


def test_numbers_are_in_their_order_and_the_unknown_last() -> None:
    truth = Truth.of([[]] * 5)
    for values, order in (
        (["10", "9", "", "unknown", "-1"], ("-1", "9", "10", "unknown")),
        (["nan", "10", "9", "inf", "1"], ("1", "10", "9", "inf", "nan")),
        (["b", "10", "9", "", "a"], ("10", "9", "a", "b", "unknown")),
    ):
        grouping = Grouping.of(truth.with_image_column("density", values), "density")
        assert grouping.names == order


def test_sizes_are_the_longer_sides_of_boxes_in_thirds() -> None:
    truth = Truth.of([[box(1, 40), box(10), box(20)], [box(5, 30), box(5, 60), box(50)], []])
    grouping = Grouping.of(truth, "size")
    assert (grouping.level, grouping.measure) == (
        "lesion",
        "longer side of the box in pixels of the file",
    )
    assert members(grouping) == {
        "up to 20 px": [1, 2],
        "over 20 to 40 px": [0, 3],
        "over 40 px": [4, 5],
    }


def test_sizes_in_millimetres_where_the_truth_has_them() -> None:
    truth = Truth.of([[box(9), box(8), box(7), box(6)]])
    truth = truth.with_lesion_column("size_mm", ["3", "", "12.5", "7"])
    grouping = Grouping.of(truth, "size")
    assert grouping.measure == "column size_mm"
    assert members(grouping) == {
        "up to 3 mm": [0],
        "over 3 to 7 mm": [3],
        "over 7 mm": [2],
        "unknown": [1],
    }


def test_equal_sizes_stay_together_and_no_group_is_empty() -> None:
    same = Truth.of([[box(5, at=i) for i in range(7)]])
    assert members(Grouping.of(same, "size")) == {"up to 5 px": list(range(7))}
    two = Truth.of([[box(1), box(2)]])
    assert members(Grouping.of(two, "size")) == {"up to 1 px": [0], "over 1 to 2 px": [1]}
    assert Grouping.of(Truth.of([[], []]), "size").names == ()


@given(st.lists(st.integers(1, 1000), min_size=3, unique=True))
def test_thirds_of_different_sizes_differ_by_one_lesion_at_most(sizes: list[int]) -> None:
    counts = Grouping.of(Truth.of([[box(s) for s in sizes]]), "size").members.sum(axis=1)
    assert len(counts) == 3
    assert counts.sum() == len(sizes)
    assert counts.max() - counts.min() <= 1


@given(st.lists(st.lists(st.sampled_from(["", "1", "2", "x"]), max_size=3), min_size=1))
def test_everything_is_in_one_group_exactly(values: list[list[str]]) -> None:
    truth = Truth.of([[box(1, at=i) for i in range(len(some))] for some in values])
    shared = tuple(some[0] if some and len(set(some)) == 1 else "" for some in values)
    column = Column(tuple(v for some in values for v in some), shared)
    grouping = Grouping.of(replace(truth, columns={"grade": column}), "grade")
    of = len(truth.images) if grouping.level == "image" else len(truth.boxes)
    assert (grouping.members.sum(axis=0) == np.ones(of)).all() or of == 0


def test_columns_that_are_not_there_or_do_not_fit() -> None:
    truth = Truth.of([[box(1)], []])
    with pytest.raises(ValueError, match="no column 'density'"):
        Grouping.of(truth, "density")
    with pytest.raises(GeometryError, match="'view' has values of 1 lesions and 1 images, not of"):
        replace(truth, columns={"view": Column(("CC",), ("CC",))})
