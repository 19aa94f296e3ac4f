"""Phase 1 as a whole, on phantoms and on images that hold nothing."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammoscope.errors import BreastNotFound
from mammoscope.geometry import Frame
from mammoscope.phantom import FilmOptions, Phantom, PhantomOptions, make_phantom, on_film
from mammoscope.preprocessing import PreprocessOptions, preprocess, preprocess_each, to_uint16
from mammoscope.preprocessing.breast import WORKING_SIDE
from mammoscope.types import Mammogram, Pixels, SourceFacts

View = Literal["CC", "MLO"]
Side = Literal["L", "R"]
ALL = [(view, side) for view in ("CC", "MLO") for side in ("L", "R")]
ROWS, SEED = 800, 2


@cache
def phantom(view: View, side: Side, film: bool = False) -> Phantom:
    if film:
        return on_film(phantom(view, side), FilmOptions())
    options = PhantomOptions(rows=ROWS, columns=ROWS * 5 // 6, seed=SEED, masses=2)
    return make_phantom(view, side, options)


def mammogram(shown: Phantom, **changes: Any) -> Mammogram:
    spacing = (shown.spacing_mm, shown.spacing_mm)
    values: dict[str, Any] = {
        "pixels": shown.pixels,
        "frame": Frame(*shown.pixels.shape, spacing_mm=spacing, spacing_source="metadata"),
        "laterality": shown.laterality,
        "view": shown.view,
    }
    return Mammogram(**(values | changes))


def plain(pixels: np.ndarray, **changes: Any) -> Mammogram:
    return Mammogram(pixels.astype(np.float32), Frame(*pixels.shape), **changes)


@pytest.mark.parametrize("film", [False, True], ids=["digital", "film"])
@pytest.mark.parametrize(("view", "side"), ALL)
def test_what_comes_out_is_the_breast_alone_facing_one_way(
    view: View, side: Side, film: bool
) -> None:
    shown = phantom(view, side, film)
    done = preprocess(mammogram(shown))
    image = done.mammogram
    assert image.pixels.dtype == np.float32
    assert np.isfinite(image.pixels).all()
    assert image.pixels.min() >= 0 and image.pixels.max() <= 1
    written = to_uint16(image.pixels)
    assert (written.min(), written.max()) == (0, 65535)
    assert (image.laterality, image.view) == (side, view)

    # The chest wall lies at the left: the flip is in the frame, and the breast is tallest there.
    assert image.frame.to_source[0][0] == (-1 if side == "R" else 1)
    filled = (image.pixels > 0).mean(axis=0)
    quarter = len(filled) // 4
    assert filled[:quarter].mean() > filled[-quarter:].mean()

    # Cropped to the breast: it touches all four sides, to a working pixel.
    touched, near = image.pixels > 0, int(np.ceil(ROWS / WORKING_SIDE))
    for edge in (touched[:near], touched[-near:], touched[:, :near], touched[:, -near:]):
        assert edge.any()

    # On the source image it lies where the truth says, and nothing outside of it is left.
    x0, y0, x1, y1 = image.frame.boxes_to_source([(0, 0, *image.frame.size[::-1])])[0].astype(int)
    kept = np.zeros(shown.breast.shape, dtype=bool)
    kept[y0:y1, x0:x1] = (image.pixels if side == "L" else image.pixels[:, ::-1]) > 0
    assert 2 * (kept & shown.breast).sum() / (kept.sum() + shown.breast.sum()) > 0.97


@pytest.mark.parametrize("film", [False, True], ids=["digital", "film"])
@pytest.mark.parametrize(("view", "side"), ALL)
def test_lesions_go_along_and_stay_as_bright_as_they_were(
    view: View, side: Side, film: bool
) -> None:
    shown = phantom(view, side, film)
    image = preprocess(mammogram(shown)).mammogram
    boxes = image.frame.boxes_from_source(shown.boxes)
    assert len(boxes) == 2
    np.testing.assert_allclose(image.frame.boxes_to_source(boxes), shown.boxes, atol=1e-3)
    for there, here in zip(shown.boxes.round().astype(int), boxes.round().astype(int), strict=True):
        before = shown.pixels[there[1] : there[3], there[0] : there[2]]
        after = image.pixels[here[1] : here[3], here[0] : here[2]]
        if side == "R":
            after = after[:, ::-1]
        assert before.shape == after.shape
        # Linear in what it was: not a pixel of the lesion is moved, cut off or flattened.
        assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 1 - 1e-6


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_no_grey_level_of_the_breast_is_lost_in_sixteen_bits(bits: int) -> None:
    shown = phantom("CC", "L")
    stored = np.rint(shown.pixels * (2**bits - 1)).astype(int)
    image = preprocess(
        mammogram(shown, pixels=(stored / (2**bits - 1)).astype(np.float32))
    ).mammogram
    written = to_uint16(image.pixels).astype(int)
    x0, y0, x1, y1 = image.frame.boxes_to_source([(0, 0, *image.frame.size[::-1])])[0].astype(int)
    source = stored[y0:y1, x0:x1]
    inside = written > 0
    pairs = np.unique(np.stack([source[inside], written[inside]], axis=1), axis=0)
    # One written value for one stored value, and in the same order.
    assert len(pairs) == len(np.unique(pairs[:, 0])) > 2 ** (bits - 1) * 0.8
    assert (np.diff(pairs[:, 1]) > 0).all()


def test_the_muscle_can_be_blackened() -> None:
    shown = phantom("MLO", "R", film=True)
    assert shown.pectoral is not None
    kept, removed = (preprocess(mammogram(shown), PreprocessOptions(remove)) for remove in (0, 1))
    for done in (kept, removed):
        assert done.pectoral is not None
        found = done.pectoral.on(mammogram(shown).frame)
        assert 2 * (found & shown.pectoral).sum() / (found.sum() + shown.pectoral.sum()) > 0.9
    core = cv2.erode(shown.pectoral.astype(np.uint8), np.ones((25, 25), np.uint8))
    y, x = np.argwhere(core)[len(np.argwhere(core)) // 2]
    for done, black in ((kept, False), (removed, True)):
        column, row = done.mammogram.frame.points_from_source([(x + 0.5, y + 0.5)])[0].astype(int)
        inside = 0 <= row < done.mammogram.frame.rows and 0 <= column < done.mammogram.frame.columns
        assert (not inside or done.mammogram.pixels[row, column] == 0) == black


@pytest.mark.parametrize("view", ["CC", "XCCL", "SIO", None])
def test_a_view_without_a_muscle_or_an_unknown_one_gets_no_muscle(view: str | None) -> None:
    # The picture shows one: only the view decides, and it is never guessed.
    done = preprocess(mammogram(phantom("MLO", "L"), view=view), PreprocessOptions(True))
    assert done.pectoral is None
    assert done.mammogram.view == view
    assert done.mammogram.warnings == ()


def test_an_oblique_view_without_an_edge_says_so() -> None:
    shown = make_phantom("MLO", "L", PhantomOptions(rows=720, columns=600, pectoral=False))
    done = preprocess(mammogram(shown, warnings=("first",)))
    assert done.pectoral is None
    assert done.mammogram.warnings[0] == "first"
    assert "pectoral muscle was not found on this MLO view" in done.mammogram.warnings[1]


def test_the_side_is_read_from_the_picture_and_laterality_from_the_tags() -> None:
    shown = phantom("CC", "R")
    for said in ("L", "R", None):
        image = preprocess(mammogram(shown, laterality=said)).mammogram
        assert image.laterality == said
        assert image.frame.to_source[0][0] == -1


def test_an_image_and_its_mirror_give_the_same_breast() -> None:
    image = mammogram(phantom("MLO", "L", film=True))
    a, b = preprocess(image).mammogram, preprocess(image.flip_horizontal()).mammogram
    assert np.abs(np.subtract(a.frame.size, b.frame.size)).max() <= 3
    boxes = image.frame.boxes_to_source([(100, 200, 150, 260)])
    np.testing.assert_allclose(
        a.frame.boxes_to_source(a.frame.boxes_from_source(boxes)),
        b.frame.boxes_to_source(b.frame.boxes_from_source(boxes)),
        atol=1e-3,
    )


def test_what_goes_in_is_left_as_it_is() -> None:
    image = mammogram(phantom("MLO", "R"))
    before = image.pixels.copy()
    preprocess(image, PreprocessOptions(remove_pectoral=True))
    np.testing.assert_array_equal(image.pixels, before)


@pytest.mark.parametrize(
    ("pixels", "cause"),
    [
        (np.zeros((400, 300)), r"every pixel has the same value \(0 of 1\)"),
        (np.full((400, 300), 0.5), r"every pixel has the same value \(0.5 of 1\)"),
        (np.ones((1, 1)), "every pixel has the same value"),
        (np.eye(9), "the image is only 9 x 9"),
        (np.linspace(0, 1, 4000).reshape(4, 1000), "the image is only 1000 x 4"),
        (np.eye(400), "told from the background"),
    ],
    ids=["black", "grey", "one pixel", "tiny", "flat", "hair"],
)
def test_why_there_is_no_breast(pixels: np.ndarray, cause: str) -> None:
    facts = SourceFacts("scans/a.png", "0", "PNG", *pixels.shape, bits_stored=8)
    with pytest.raises(BreastNotFound, match=rf"^scans/a\.png: no breast.*{cause}"):
        preprocess(plain(pixels, source=facts))


def test_an_image_made_in_memory_has_a_name_in_errors_too() -> None:
    with pytest.raises(BreastNotFound, match=r"^image: no breast"):
        preprocess(plain(np.zeros((400, 300))))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 200), st.integers(1, 200)),
    coarse=st.sampled_from([1, 7, 30, 90]),
    view=st.sampled_from(["MLO", "CC"]),
    remove=st.booleans(),
)
def test_any_picture_gives_a_breast_or_says_why_not(
    seed: int, shape: tuple[int, int], coarse: int, view: str, remove: bool
) -> None:
    rng = np.random.default_rng(seed)
    small = rng.random((1 + shape[0] // coarse, 1 + shape[1] // coarse)).astype(np.float32)
    pixels = cv2.resize(small, shape[::-1], interpolation=cv2.INTER_LINEAR)
    image = plain(pixels.reshape(shape), view=view)
    try:
        done = preprocess(image, PreprocessOptions(remove_pectoral=remove))
    except BreastNotFound as error:
        assert "no breast" in error.cause
        return
    pixels = done.mammogram.pixels
    assert np.isfinite(pixels).all() and pixels.min() >= 0 and pixels.max() <= 1
    corners = done.mammogram.frame.boxes_to_source([(0, 0, *pixels.shape[::-1])])[0]
    assert (corners >= 0).all() and (corners <= [*shape[::-1], *shape[::-1]]).all()


def _of(pixels: Pixels, orientation: str | None = None) -> Mammogram:
    rows, columns = pixels.shape
    facts = SourceFacts("a.dcm", "", "DICOM", rows, columns, 12, patient_orientation=orientation)
    return Mammogram(pixels, Frame(rows, columns), source=facts)


def test_two_breasts_are_prepared_each_and_one_alone_is_told() -> None:
    options = PhantomOptions(rows=360, columns=300)
    left, right = (make_phantom("CC", side, options).pixels for side in ("L", "R"))
    both = _of(np.hstack([left, right]))
    parts = preprocess_each(both)
    assert len(parts) == 2
    spans = sorted(
        part.mammogram.frame.boxes_to_source([[0, 0, *part.mammogram.frame.size[::-1]]])[0].tolist()
        for part in parts
    )
    assert spans[0][2] < 300 < spans[1][0] and spans[1][2] == 600
    assert any("2 breasts in one picture" in w for w in preprocess(both).mammogram.warnings)


@pytest.mark.parametrize(
    ("side", "orientation", "warned"),
    [
        ("L", "A\\R", False),
        ("R", "P\\L", False),
        ("L", "P\\L", True),
        ("R", "A\\R", True),
        ("L", "CC", False),
        ("L", None, False),
    ],
)
def test_an_orientation_that_contradicts_the_picture(
    side: Literal["L", "R"], orientation: str | None, warned: bool
) -> None:
    pixels = make_phantom("CC", side, PhantomOptions(rows=360, columns=300)).pixels
    told = preprocess(_of(pixels, orientation)).mammogram.warnings
    assert any("Patient Orientation" in warning for warning in told) == warned
