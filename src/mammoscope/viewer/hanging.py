"""Which image hangs where: the right breast at the left of the screen, chest walls together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mammoscope.viewer.library import ImageEntry

_VIEWS_FIRST = ("CC", "MLO")


@dataclass(frozen=True)
class HangingRow:
    """Images of one view; of the right breast, and of the left. Views that are missing are empty.

    ``view`` is None for images of unknown view.
    """

    view: str | None
    right: tuple[ImageEntry, ...]
    left: tuple[ImageEntry, ...]


@dataclass(frozen=True)
class Hanging:
    """The rows, and the images whose side is unknown."""

    rows: tuple[HangingRow, ...]
    loose: tuple[ImageEntry, ...]


def hang(images: Iterable[ImageEntry]) -> Hanging:
    """CC above MLO above other views by name above unknown ones."""
    known = sorted(images, key=lambda image: image.name)
    sided = [image for image in known if image.laterality in ("R", "L")]
    views = sorted({image.view for image in sided}, key=_place)
    rows = tuple(HangingRow(v, _of(sided, v, "R"), _of(sided, v, "L")) for v in views)
    return Hanging(rows, tuple(i for i in known if i.laterality not in ("R", "L")))


def _place(view: str | None) -> tuple[int, str]:
    if view is None:
        return len(_VIEWS_FIRST) + 1, ""
    return (_VIEWS_FIRST.index(view) if view in _VIEWS_FIRST else len(_VIEWS_FIRST)), view


def _of(images: Sequence[ImageEntry], view: str | None, side: str) -> tuple[ImageEntry, ...]:
    return tuple(image for image in images if (image.view, image.laterality) == (view, side))
