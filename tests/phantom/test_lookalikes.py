from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammoscope.errors import MammoscopeError
from mammoscope.phantom import PhantomOptions, make_phantom
from mammoscope.phantom.lookalikes import GROUPS, KINDS, add_lookalike

ROWS, COLUMNS = 220, 130


def half_disc(level: int = 20000) -> np.ndarray:
    y, x = np.mgrid[:ROWS, :COLUMNS]
    inside = (x / 110) ** 2 + ((y - ROWS / 2) / 100) ** 2 < 1
    return np.where(inside, level, 0).astype(np.uint16)


@settings(max_examples=60, deadline=None)
@given(kind=st.sampled_from(list(KINDS)), seed=st.integers(0, 10_000))
def test_what_is_seen_of_a_thing_lies_in_its_box(kind: str, seed: int) -> None:
    breast = half_disc()
    changed, box = add_lookalike(breast, kind, np.random.default_rng(seed))
    assert changed.dtype == np.uint16 and changed.shape == breast.shape
    assert np.array_equal(breast, half_disc()), "what was given stays as it is"
    if box is None:
        assert np.array_equal(changed, breast)
        return
    x0, y0, x1, y1 = (int(v) for v in box)
    beyond = changed.astype(int) - breast
    beyond[y0:y1, x0:x1] = 0
    assert not beyond.any()
    assert (changed != breast)[y0:y1, x0:x1].any()


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"nipple"}))
def test_nothing_but_a_nipple_lies_outside_the_breast(kind: str) -> None:
    breast = half_disc()
    for seed in range(10):
        changed, _ = add_lookalike(breast, kind, np.random.default_rng(seed))
        assert not changed[breast == 0].any()
        assert changed[breast > 0].all(), "the breast has no holes"


def test_a_nipple_in_profile_reaches_beyond_the_breast() -> None:
    breast = half_disc()
    drawn = [add_lookalike(breast, "nipple", np.random.default_rng(s))[0] for s in range(20)]
    assert 0 < sum(bool(one[breast == 0].any()) for one in drawn) < 20


def test_metal_saturates_and_a_node_is_a_rim_around_fat() -> None:
    breast = half_disc()
    beads, box = add_lookalike(breast, "beads", np.random.default_rng(1))
    assert box is not None and beads.max() > 0.84 * 65535
    rims = 0
    for seed in range(30):
        node, box = add_lookalike(breast, "nodes", np.random.default_rng(seed))
        if box is None:
            continue
        assert node.max() < 0.84 * 65535, "soft tissue does not"
        x0, y0, x1, y1 = (int(v) for v in box)
        part = node[y0:y1, x0:x1]
        middle = part[part.shape[0] // 2, part.shape[1] // 2]
        rims += int(middle < part.max())
    assert rims > 15


def test_a_thing_adds_less_to_what_is_bright_already() -> None:
    rng = np.random.default_rng
    added = []
    for level in (10000, 50000):
        breast = half_disc(level)
        changed, _ = add_lookalike(breast, "ring", rng(5))
        added.append(int(changed.max()) - level)
    assert added[0] > added[1] > 0


def test_an_empty_picture_stays_empty() -> None:
    nothing = np.zeros((ROWS, COLUMNS), np.uint16)
    for kind in KINDS:
        changed, box = add_lookalike(nothing, kind, np.random.default_rng(0))
        assert box is None and not changed.any()


def test_a_phantom_is_drawn_with_what_is_asked_for_and_keeps_its_truth() -> None:
    assert {kind for kinds in GROUPS.values() for kind in kinds} == set(KINDS)
    small = {"rows": 320, "columns": 267, "seed": 3}
    plain = make_phantom("MLO", "R", PhantomOptions(**small))
    drawn = make_phantom("MLO", "R", PhantomOptions(**small, lookalikes=tuple(GROUPS)))
    assert np.array_equal(plain.boxes, drawn.boxes)
    assert np.array_equal(plain.breast, drawn.breast)
    assert np.array_equal(plain.pixels[~plain.breast], drawn.pixels[~plain.breast])
    assert (drawn.pixels > plain.pixels + 0.2).sum() > 20


def test_nodes_show_on_mlo_views_alone() -> None:
    for view, changes in (("CC", False), ("MLO", True)):
        small = {"rows": 320, "columns": 267}
        plain = make_phantom(view, "L", PhantomOptions(**small))
        nodes = make_phantom(view, "L", PhantomOptions(**small, lookalikes=("nodes",)))
        assert np.array_equal(plain.pixels, nodes.pixels) != changes


def test_unknown_things_are_refused_with_those_that_are_known() -> None:
    with pytest.raises(MammoscopeError, match="no 'warts' to draw: choose of markers, devices"):
        PhantomOptions(lookalikes=("nodes", "warts"))
