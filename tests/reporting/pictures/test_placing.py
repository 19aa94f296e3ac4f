"""Labels lie beside their marks, and on nothing of another mark."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammoscope.reporting.pictures.overlay import place_labels
from mammoscope.reporting.pictures.placing import Corners, place

ROOM = (40, 30)


def overlap(a: Corners, b: Corners) -> bool:
    return a[0] <= b[2] and b[0] <= a[2] and a[1] <= b[3] and b[1] <= a[3]


@st.composite
def boxes(draw: st.DrawFn, width: int = ROOM[0], height: int = ROOM[1]) -> Corners:
    x0, y0 = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    return x0, y0, draw(st.integers(x0, width - 1)), draw(st.integers(y0, height - 1))


@settings(max_examples=150)
@given(boxes(), st.lists(boxes(), max_size=5), st.integers(1, 45), st.integers(1, 35))
def test_a_label_is_free_and_inside_or_there_is_no_place(
    own: Corners, taken: list[Corners], width: int, height: int
) -> None:
    found = place([(width, height)], own, taken, ROOM, 2)
    free = [
        (x, y)
        for x in range(ROOM[0] - width + 1)
        for y in range(ROOM[1] - height + 1)
        if not any(overlap((x, y, x + width - 1, y + height - 1), box) for box in taken)
    ]
    assert (found is None) == (not free)
    if found is not None:
        assert (found[0], found[1]) in free
        assert (found[2] - found[0] + 1, found[3] - found[1] + 1) == (width, height)


def test_above_is_best_then_below_then_beside_then_inside() -> None:
    own, size = (20, 50, 60, 90), (30, 10)
    above, below, right = (0, 0, 99, 49), (0, 91, 99, 119), (61, 50, 99, 90)
    assert place([size], own, [], (100, 120), 2) == (20, 38, 49, 47)
    assert place([size], own, [above], (100, 120), 2) == (20, 93, 49, 102)
    assert place([size], own, [above, below], (100, 120), 2) == (63, 50, 92, 59)
    inside = place([size], own, [above, below, right], (100, 120), 2)
    assert inside is not None and overlap(inside, own)
    assert place([size, (5, 5)], own, [own, above, below], (100, 120), 2) is not None


@settings(max_examples=60, deadline=None)
@given(st.lists(boxes(300, 400), min_size=1, max_size=12))
def test_no_label_of_an_overlay_lies_on_another_mark(regions: list[Corners]) -> None:
    picture = np.zeros((400, 300, 3), dtype=np.uint8)
    texts = [(f"{i}  0.87  P(mal) 0.52", str(i)) for i in range(len(regions))]
    labels = place_labels(picture, regions, texts)
    for i, label in enumerate(labels):
        if label is None:
            continue
        others = [region for j, region in enumerate(regions) if j != i]
        others += [other.at for j, other in enumerate(labels) if j != i and other is not None]
        assert not any(overlap(label.at, other) for other in others)
        assert label.at[0] >= 0 and label.at[2] < 300 and label.at[1] >= 0 and label.at[3] < 400


@pytest.mark.parametrize("count", [2, 6])
def test_marks_in_a_heap_keep_their_whole_labels(count: int) -> None:
    picture = np.zeros((800, 600, 3), dtype=np.uint8)
    regions = [(250 + 15 * i, 350 + 10 * i, 330 + 15 * i, 420 + 10 * i) for i in range(count)]
    texts = [(f"{i}  0.87  P(mal) 0.52", str(i)) for i in range(count)]
    labels = place_labels(picture, regions, texts)
    assert [label.text if label else None for label in labels] == [text for text, _ in texts]
