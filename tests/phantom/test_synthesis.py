from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammoscope.errors import GeometryError, MammoscopeError
from mammoscope.geometry import iou
from mammoscope.phantom import FilmOptions, PhantomOptions, make_phantom, on_film
from mammoscope.phantom.texture import power_law

SMALL = PhantomOptions(rows=320, columns=267, masses=2)
BARE = FilmOptions(label=False, border=False, tape=False, dust=False)
VIEWS = [("CC", "L"), ("CC", "R"), ("MLO", "L"), ("MLO", "R")]


@pytest.mark.parametrize(("view", "laterality"), VIEWS)
def test_what_a_phantom_holds(view, laterality):
    phantom = make_phantom(view, laterality, SMALL)
    assert phantom.pixels.shape == phantom.breast.shape == (320, 267)
    assert phantom.pixels.dtype == np.float32
    assert phantom.breast.dtype == bool
    assert phantom.pixels.min() >= 0
    assert phantom.pixels.max() <= 1
    assert (phantom.view, phantom.laterality) == (view, laterality)
    assert phantom.spacing_mm == pytest.approx(229.4 / 320)
    assert phantom.boxes.shape == (2, 4)
    assert sorted(phantom.labels) == ["benign", "malignant"]
    assert (phantom.pectoral is not None) == (view == "MLO")
    # The chest wall is at the left of a left breast.
    inner, outer = (0, -1) if laterality == "L" else (-1, 0)
    assert phantom.breast[:, inner].sum() > 100
    assert not phantom.breast[:, outer].any()
    if phantom.pectoral is not None:
        assert phantom.pectoral[0, inner]
        assert not (phantom.pectoral & ~phantom.breast).any()


@pytest.mark.parametrize(("view", "laterality"), VIEWS)
def test_grey_values_are_those_of_the_tissues(view, laterality):
    phantom = make_phantom(view, laterality, SMALL)
    inside, outside = phantom.pixels[phantom.breast], phantom.pixels[~phantom.breast]
    assert np.median(outside) < 0.01
    assert 0.25 < np.median(inside) < 0.7
    if phantom.pectoral is not None:
        rest = phantom.breast & ~phantom.pectoral
        assert phantom.pixels[phantom.pectoral].mean() > phantom.pixels[rest].mean() + 0.2


def test_same_options_same_pixels_and_another_seed_or_patient_other_ones():
    first = make_phantom("MLO", "L", SMALL)
    again = make_phantom("MLO", "L", SMALL)
    assert first.pixels.tobytes() == again.pixels.tobytes()
    assert first.boxes.tobytes() == again.boxes.tobytes()
    for other in (replace(SMALL, seed=1), replace(SMALL, patient=2)):
        assert make_phantom("MLO", "L", other).pixels.tobytes() != first.pixels.tobytes()


@settings(max_examples=8, deadline=None)
@given(
    patient=st.integers(1, 10_000),
    size=st.sampled_from([(300, 250), (200, 128), (250, 300)]),
    where=st.sampled_from(VIEWS),
)
def test_masses_lie_apart_in_the_breast_and_off_the_muscle(patient, size, where):
    options = PhantomOptions(rows=size[0], columns=size[1], patient=patient, masses=3)
    phantom = make_phantom(*where, options)
    for x0, y0, x1, y1 in phantom.boxes.astype(int):
        assert phantom.breast[y0:y1, x0:x1].all()
        assert phantom.pectoral is None or not phantom.pectoral[y0:y1, x0:x1].any()
    assert (iou(phantom.boxes, phantom.boxes) - np.eye(3)).max() == 0


@pytest.mark.parametrize("kind", ["round", "spiculated"])
def test_a_mass_adds_to_what_was_there_and_its_box_bounds_it(kind):
    options = replace(SMALL, rows=640, columns=534, masses=1, kinds=(kind,))
    with_mass = make_phantom("CC", "R", options)
    without = make_phantom("CC", "R", replace(options, masses=0))
    # The noise is drawn after the masses and differs: look at what is far above it.
    added = with_mass.pixels - without.pixels
    (x0, y0, x1, y1) = with_mass.boxes[0].astype(int)
    middle = added[(y0 + y1) // 2 - 3 : (y0 + y1) // 2 + 3, (x0 + x1) // 2 - 3 : (x0 + x1) // 2 + 3]
    assert middle.mean() > 0.08
    strong = added > 0.5 * middle.mean()
    inside = np.zeros_like(strong)
    inside[y0:y1, x0:x1] = True
    assert (strong & inside).sum() / strong.sum() > 0.98
    rows, columns = np.nonzero(strong & inside)
    assert np.ptp(rows) > 0.4 * (y1 - y0)
    assert np.ptp(columns) > 0.4 * (x1 - x0)


def test_both_views_of_a_breast_show_masses_of_one_kind_and_of_one_size():
    cc, mlo = (make_phantom(view, "L", SMALL) for view in ("CC", "MLO"))
    assert cc.labels.tolist() == mlo.labels.tolist()
    sides = [np.sqrt(np.prod(p.boxes[:, 2:] - p.boxes[:, :2], axis=1)) for p in (cc, mlo)]
    assert np.allclose(sides[0], sides[1], rtol=0.35)


def test_density_and_muscle_are_as_asked():
    fatty, dense = (
        make_phantom("CC", "L", replace(SMALL, masses=0, density=d)) for d in (0.0, 1.0)
    )
    assert dense.pixels[dense.breast].mean() > fatty.pixels[fatty.breast].mean() + 0.1
    assert make_phantom("MLO", "L", replace(SMALL, pectoral=False)).pectoral is None


def test_without_masses_the_arrays_are_empty():
    phantom = make_phantom("CC", "L", replace(SMALL, masses=0))
    assert phantom.boxes.shape == (0, 4)
    assert phantom.labels.shape == (0,)


@pytest.mark.parametrize("beta", [2.0, 3.0])
def test_texture_has_the_power_spectrum_it_is_asked_for(beta):
    field = power_law((256, 256), np.random.default_rng(3), beta)
    assert field.std() == pytest.approx(1, abs=1e-3)
    power = np.abs(np.fft.fft2(field)) ** 2
    f = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.fftfreq(256)[None])
    band = (f > 4 / 256) & (f < 0.1)
    slope, _ = np.polyfit(np.log(f[band]), np.log(power[band]), 1)
    assert -slope == pytest.approx(beta, abs=0.25)


@pytest.mark.parametrize(("view", "laterality"), VIEWS)
@pytest.mark.parametrize("part", ["label", "tape", "border", "dust"])
def test_each_part_of_a_film_shows_where_it_should(view, laterality, part):
    digital = make_phantom(view, laterality, SMALL)
    bare = on_film(digital, BARE)
    film = on_film(digital, replace(BARE, **{part: True}))
    brighter = film.pixels - bare.pixels > 0.04
    assert brighter.any()
    if part in ("label", "tape"):
        assert not (brighter & digital.breast).any()
        assert np.array_equal(film.breast, digital.breast)
    if part == "label":
        assert not brighter[160:].any()
        away = np.s_[:, :133] if laterality == "R" else np.s_[:, 134:]
        assert brighter[away].sum() == brighter.sum()
    if part == "border":
        assert not brighter[8:-8, 8:-8].any()
        covered = (film.pixels - bare.pixels) / (1 - bare.pixels)
        assert covered[film.breast].max() <= 0.5
        assert film.breast.sum() < digital.breast.sum()


def test_a_film_keeps_the_truth_and_the_order_of_greys():
    digital = make_phantom("MLO", "R", SMALL)
    film = on_film(digital, FilmOptions())
    assert film.boxes.tobytes() == digital.boxes.tobytes()
    assert film.pixels.min() >= 0
    assert film.pixels.max() <= 1
    bare = on_film(digital, BARE)
    order = np.argsort(digital.pixels, axis=None, kind="stable")
    assert (np.diff(bare.pixels.ravel()[order]) >= -1e-6).all()
    made = make_phantom("MLO", "R", replace(SMALL, film=FilmOptions()))
    assert made.pixels.tobytes() == film.pixels.tobytes()
    assert made.options == film.options


def test_what_cannot_be_meant_is_refused():
    with pytest.raises(GeometryError, match="128 rows and columns, got 100 x 200"):
        PhantomOptions(rows=100, columns=200)
    with pytest.raises(GeometryError, match="must not be negative"):
        PhantomOptions(masses=-1)
    with pytest.raises(MammoscopeError, match="seed must be 0 or more"):
        PhantomOptions(seed=-1)
    with pytest.raises(MammoscopeError, match="kinds must be among"):
        PhantomOptions(kinds=("oval",))
    with pytest.raises(MammoscopeError, match="density"):
        PhantomOptions(density=1.5)
    with pytest.raises(MammoscopeError, match="view 'LM'"):
        make_phantom("LM", "L", SMALL)
    with pytest.raises(GeometryError, match="no room for 60 masses"):
        make_phantom("CC", "L", replace(SMALL, masses=60))
    with pytest.raises(MammoscopeError, match="a film already"):
        on_film(make_phantom("CC", "L", replace(SMALL, film=BARE)), BARE)
