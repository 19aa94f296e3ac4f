"""Phase 1 in order: find the breast, turn it, find the muscle, crop, stretch."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from mammoscope.errors import BreastNotFound
from mammoscope.preprocessing.breast import WORKING_SIDE, find_breasts
from mammoscope.preprocessing.intensity import stretch
from mammoscope.preprocessing.pectoral import find_pectoral
from mammoscope.preprocessing.region import Region
from mammoscope.types import Mammogram, Mask

PECTORAL_VIEWS = frozenset({"MLO", "ML", "LM", "LMO"})
"""Views on which the pectoral muscle lies in the picture, beside the breast."""


@dataclass(frozen=True)
class PreprocessOptions:
    """How phase 1 is done.

    Parameters
    ----------
    remove_pectoral
        Blacken the pectoral muscle where it is found.

    Examples
    --------
    >>> PreprocessOptions(remove_pectoral=True)
    PreprocessOptions(remove_pectoral=True)
    """

    remove_pectoral: bool = False


@dataclass(frozen=True)
class Preprocessed:
    """What phase 1 gives.

    Parameters
    ----------
    mammogram
        The breast alone: cropped, chest wall at the left, its contrast over [0, 1], 0 around it.
    breast
        The breast with the pectoral muscle.
    pectoral
        The pectoral muscle; None on views without it and where its edge could not be found.
    """

    mammogram: Mammogram
    breast: Region
    pectoral: Region | None


def preprocess(
    mammogram: Mammogram, options: PreprocessOptions = PreprocessOptions()
) -> Preprocessed:
    """The breast alone, cropped, facing one way, with its contrast over the full range.

    The side it faces is read from the picture, as that is what has to be turned; laterality stays
    what the tags say. Of several breasts in one picture this is the greatest, with a warning that
    others were left out.

    Raises
    ------
    BreastNotFound
        If the image holds no breast that can be told from the background.

    Examples
    --------
    >>> breast = mammoscope.preprocess(mammoscope.read("left_mlo.dcm"))
    >>> breast.mammogram.frame.columns < 250, breast.pectoral is not None
    (True, True)
    """
    first, *others = preprocess_each(mammogram, options)
    if not others:
        return first
    warning = f"{len(others) + 1} breasts in one picture: only the greatest was taken."
    return replace(first, mammogram=first.mammogram.warn(warning))


def preprocess_each(
    mammogram: Mammogram, options: PreprocessOptions = PreprocessOptions()
) -> tuple[Preprocessed, ...]:
    """As :func:`preprocess`, each breast of the picture, the greatest first.

    Raises
    ------
    BreastNotFound
        If the image holds no breast that can be told from the background.
    """
    small = _working_copy(mammogram)
    masks = find_breasts(small.pixels)
    if not masks:
        path = mammogram.source.path if mammogram.source else "image"
        raise BreastNotFound(path, _why_not(mammogram))
    return tuple(_prepared(mammogram, small, mask, options) for mask in masks)


def _prepared(
    mammogram: Mammogram, small: Mammogram, mask: Mask, options: PreprocessOptions
) -> Preprocessed:
    breast = Region(mask, small.frame)
    turned = chest_wall_is_right(mask)
    if turned:
        small, breast = small.flip_horizontal(), breast.flip_horizontal()
    pectoral, warnings = _pectoral(small, breast)
    warnings += _against_the_tags(mammogram, turned)
    keep = breast
    if options.remove_pectoral and pectoral is not None:
        keep = replace(breast, mask=breast.mask & ~pectoral.mask)
    cropped = mammogram.crop(*keep.bounds(mammogram.frame))
    if turned:
        cropped = cropped.flip_horizontal()
    pixels = stretch(cropped.pixels, keep.on(cropped.frame))
    return Preprocessed(replace(cropped, pixels=pixels).warn(*warnings), breast, pectoral)


def _against_the_tags(mammogram: Mammogram, chest_wall_right: bool) -> tuple[str, ...]:
    """That rows run from the chest to the nipple or the other way, but not as the tags say."""
    stated = mammogram.source.patient_orientation if mammogram.source else None
    along = (stated or "").partition("\\")[0]
    if "\\" not in (stated or "") or not re.fullmatch("[LRAPHF]{1,3}", along):
        return ()
    says_right = {"A": False, "P": True}.get(along[0])
    if says_right is None or says_right == chest_wall_right:
        return ()
    side = "right" if chest_wall_right else "left"
    return (f"Patient Orientation contradicts the picture: the chest wall lies at its {side}.",)


def chest_wall_is_right(breast: Mask) -> bool:
    """Whether the chest wall lies at the right: the breast is taller there than at its other end.

    Compares the heights of the outermost quarters of the breast's width.
    """
    heights = breast.sum(axis=0)
    used = np.flatnonzero(heights)
    heights = heights[used[0] : used[-1] + 1]
    quarter = max(1, len(heights) // 4)
    return bool(heights[-quarter:].sum() > heights[:quarter].sum())


def _working_copy(mammogram: Mammogram) -> Mammogram:
    rows, columns = mammogram.frame.size
    scale = min(1.0, WORKING_SIDE / max(rows, columns))
    return mammogram.resize(max(1, round(rows * scale)), max(1, round(columns * scale)))


def _pectoral(small: Mammogram, breast: Region) -> tuple[Region | None, tuple[str, ...]]:
    if small.view not in PECTORAL_VIEWS:
        return None, ()
    mask = find_pectoral(small.pixels, breast.mask)
    if mask is None:
        return None, (f"the edge of the pectoral muscle was not found on this {small.view} view",)
    return Region(mask, breast.frame), ()


def _why_not(mammogram: Mammogram) -> str:
    low, high = float(mammogram.pixels.min()), float(mammogram.pixels.max())
    if high - low < 1e-4:
        return f"no breast: every pixel has the same value ({low:.3g} of 1)"
    if min(mammogram.frame.size) < 16:
        return f"no breast: the image is only {mammogram.frame.columns} x {mammogram.frame.rows}"
    return "no breast can be told from the background"
