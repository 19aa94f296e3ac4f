"""From options to a finished phantom."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mammoscope.errors import MammoscopeError
from mammoscope.phantom.anatomy import draw_anatomy
from mammoscope.phantom.film import as_film
from mammoscope.phantom.lookalikes import attenuation_of
from mammoscope.phantom.masses import add_masses, draw_masses
from mammoscope.phantom.model import (
    LABEL_OF_KIND,
    LATERALITIES,
    VIEWS,
    WHITE_ATTENUATION,
    FilmOptions,
    Laterality,
    Phantom,
    PhantomOptions,
    View,
)
from mammoscope.phantom.tissue import draw_tissue
from mammoscope.types import Pixels

_NOISE = 0.0025
"""Standard deviation of the detector's noise in air, in pixels of 0.1 mm."""

_OF_TISSUE = 0.4
"""Grey values of :func:`_exposed` to a unit of attenuation of what looks like a mass."""


def make_phantom(
    view: View, laterality: Laterality, options: PhantomOptions | None = None
) -> Phantom:
    """One synthetic mammogram with its truth; the same arguments give the same pixels.

    Parameters
    ----------
    view, laterality
        ``"CC"`` or ``"MLO"``, ``"L"`` or ``"R"``.
    options
        What to draw; None for :class:`PhantomOptions` as it is.

    Raises
    ------
    MammoscopeError
        If view or laterality is another.
    GeometryError
        If the breast has no room for so many masses.
    """
    options = PhantomOptions() if options is None else options
    if view not in VIEWS or laterality not in LATERALITIES:
        raise MammoscopeError(f"no phantom of view {view!r} and laterality {laterality!r}")
    anatomy = draw_anatomy(view, laterality, options)
    tissue = draw_tissue(anatomy, view, laterality, options)
    masses = draw_masses(laterality, options)
    rng = options.rng("image", laterality, view)
    attenuation, boxes = add_masses(tissue, anatomy, masses, options, rng)
    shape = (options.rows, options.columns)
    breast = anatomy.breast_mask(shape, options.spacing_mm)
    muscle = anatomy.pectoral_mask(shape, options.spacing_mm)
    if options.lookalikes:
        shown = [name for name in options.lookalikes if view == "MLO" or name != "nodes"]
        things = options.rng("lookalikes", laterality, view)
        added = attenuation_of(shown, breast, 1 / options.spacing_mm, things)
        attenuation = attenuation + np.float32(_OF_TISSUE) * added
    phantom = Phantom(
        pixels=_exposed(attenuation, options.spacing_mm, rng),
        breast=breast,
        pectoral=None if muscle is None else muscle & breast,
        boxes=boxes,
        labels=np.array([LABEL_OF_KIND[mass.kind] for mass in masses], dtype=np.str_),
        laterality=laterality,
        view=view,
        spacing_mm=options.spacing_mm,
        options=replace(options, film=None),
    )
    if laterality == "R":
        phantom = _mirrored(phantom)
    return phantom if options.film is None else on_film(phantom, options.film)


def on_film(phantom: Phantom, film: FilmOptions) -> Phantom:
    """The same breast as a digitised film shows it.

    Raises
    ------
    MammoscopeError
        If the phantom is a film already.
    """
    if phantom.options.film is not None:
        raise MammoscopeError("this phantom is a film already")
    options = replace(phantom.options, film=film)
    text = f"{phantom.laterality} {phantom.view}"
    pixels, breast = as_film(phantom.pixels, phantom.breast, text, options)
    muscle = None if phantom.pectoral is None else phantom.pectoral & breast
    return replace(phantom, pixels=pixels, breast=breast, pectoral=muscle, options=options)


def _exposed(attenuation: Pixels, spacing_mm: float, rng: np.random.Generator) -> Pixels:
    """Grey values of a digital detector, with the noise of the photons it counted.

    Photons follow Poisson's law: seen on a logarithmic scale their noise grows as the square root
    of what the tissue takes away, and it falls with the side of a pixel.
    """
    clean = np.clip(1.2 * attenuation, 0, 1)
    spread = np.float32(_NOISE * 0.1 / spacing_mm) * np.exp(WHITE_ATTENUATION / 2 * clean)
    noisy = clean + spread * rng.standard_normal(clean.shape, np.float32)
    return np.asarray(np.clip(noisy, 0, 1), dtype=np.float32)


def _mirrored(phantom: Phantom) -> Phantom:
    boxes = phantom.boxes.copy()
    boxes[:, [0, 2]] = phantom.options.columns - phantom.boxes[:, [2, 0]]
    muscle = phantom.pectoral
    return replace(
        phantom,
        pixels=np.ascontiguousarray(phantom.pixels[:, ::-1]),
        breast=np.ascontiguousarray(phantom.breast[:, ::-1]),
        pectoral=None if muscle is None else np.ascontiguousarray(muscle[:, ::-1]),
        boxes=boxes,
    )
