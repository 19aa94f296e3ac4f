"""Which image hangs where: study by study, right breast on the left of the screen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import groupby

from mammoscope.study import BreastScore, Link, StudyResult, image_malignancy
from mammoscope.study.exam import exam_score
from mammoscope.types import DENSITIES, Density, ImageResult, Pictures, Preview

# The two views of a screening examination come first; any others follow by their names.
_VIEWS_FIRST = ("CC", "MLO")
_SIDES = ("R", "L")


@dataclass(frozen=True)
class Film:
    """One image of the report, with a close-up of each finding shown, best first.

    ``number`` counts from 1 over the whole report.
    """

    number: int
    result: ImageResult
    preview: Preview
    closeups: tuple[Preview, ...]

    @property
    def label(self) -> str:
        """``"R MLO"``; says what is unknown."""
        side, view = self.result.laterality, self.result.view
        if side and view:
            return f"{side} {view}"
        if side or view:
            return f"{side}, view unknown" if side else f"{view}, side unknown"
        return "side and view unknown"

    @property
    def exam_score(self) -> int | None:
        """Where the image stands among those read as normal, 1 to 10."""
        return exam_score(image_malignancy(self.result), self.result.exam_steps)

    @property
    def told(self) -> str:
        """Its name, and what is said of the whole image."""
        density, score = self.result.density, self.exam_score
        parts = (
            self.result.name,
            density and f"density {density.category}",
            score and f"exam score {score} of 10",
        )
        return " · ".join(part for part in parts if part)

    @property
    def lookalikes(self) -> tuple[tuple[tuple[float, ...], str], ...]:
        """What a second look named: its box on the preview, and what it is said to be."""
        named = self.result.lookalikes
        boxes = self.preview.frame.boxes_from_source([each.box for each in named])
        return tuple(
            (tuple(box), each.words) for box, each in zip(boxes.tolist(), named, strict=True)
        )

    @property
    def facts(self) -> dict[str, str | None]:
        """What is known of the file and said of the whole image; None where something is not."""
        density, score = self.result.density, self.exam_score
        source, frame = self.result.source, self.result.frame
        spacing = "unknown"
        if frame.spacing_mm is not None:
            down, along = frame.spacing_mm
            kind, origin = frame.spacing_kind, frame.spacing_source
            spacing = f"{down:g} × {along:g} mm {kind or ''} ({origin or 'source unknown'})"
        return {
            "File": source.path,
            "sha256": source.sha256,
            "Kind": source.kind,
            "Image": ", ".join((source.image_kind, *source.modifiers)),
            "Size": f"{source.rows} × {source.columns} px, {source.bits_stored} bits stored",
            "Pixel": spacing,
            "Intensity": source.intensity or None,
            "Intent": source.presentation_intent,
            "Orientation": source.patient_orientation,
            "Maker": source.manufacturer,
            "Breast density": None if density is None else _in_words(density),
            "Exam score": None if score is None else f"{score} of 10",
        }


def _in_words(density: Density) -> str:
    shares = zip(DENSITIES, density.probabilities, strict=True)
    return f"{density.category} ({', '.join(f'{name} {share:.2f}' for name, share in shares)})"


@dataclass(frozen=True)
class Row:
    """Images of one view, those of the right breast and those of the left."""

    view: str | None
    right: tuple[Film, ...]
    left: tuple[Film, ...]


@dataclass(frozen=True)
class Sheet:
    """The images of one study, or of one patient where the study is unknown.

    Both ids are None on the last sheet: its images have nothing in common but that. ``breasts``
    and ``links`` are the study's.
    """

    patient_id: str | None
    study_id: str | None
    films: tuple[Film, ...]
    breasts: tuple[BreastScore, ...] = ()
    links: tuple[Link, ...] = ()

    @property
    def known(self) -> bool:
        """Whether the images are known to belong together."""
        return self.patient_id is not None or self.study_id is not None

    def numbered(self, before: int) -> Sheet:
        """The same, its films counted from ``before`` films of other sheets."""
        films = (replace(film, number=n) for n, film in enumerate(self.films, before + 1))
        return replace(self, films=tuple(films))

    def rows(self) -> tuple[Row, ...]:
        """CC, MLO, other views, unknown view; images of unknown side are in :meth:`loose`."""
        sided = [film for film in self.films if film.result.laterality in _SIDES]
        views = sorted({film.result.view for film in sided}, key=_view_order)
        return tuple(Row(view, _of(sided, view, "R"), _of(sided, view, "L")) for view in views)

    def caption(self, film: Film) -> str:
        """What tells ``film`` from the others of this sheet, as short as can be."""
        label = film.label
        if "unknown" not in label and sum(other.label == label for other in self.films) == 1:
            return label
        return film.result.name

    def loose(self) -> tuple[Film, ...]:
        """The images whose side is unknown."""
        return tuple(film for film in self.films if film.result.laterality not in _SIDES)


def sheets(studies: Iterable[tuple[StudyResult, Mapping[str, Pictures]]]) -> tuple[Sheet, ...]:
    """A sheet for each study, in an order that does not depend on the order they came in.

    Images without patient and study share the last sheet.
    """
    images: list[tuple[ImageResult, Pictures]] = []
    said: dict[tuple[str | None, str | None], StudyResult] = {}
    for study, pictures in studies:
        images += ((image, pictures[image.name]) for image in study.images)
        said[study.patient_id, study.study_id] = study
    ordered = sorted(images, key=lambda image: _order(image[0]))
    films = (
        Film(n, result, shown.preview, shown.closeups)
        for n, (result, shown) in enumerate(ordered, start=1)
    )
    return tuple(
        Sheet(*ids, films=tuple(group), breasts=said[ids].breasts, links=said[ids].links)
        for ids, group in groupby(films, key=_belongs_to)
    )


def sheet_order(study: StudyResult) -> tuple[object, ...]:
    """What the sheets of several studies are sorted by."""
    first = min(study.images, key=_order)
    return _order(first)


def _belongs_to(film: Film) -> tuple[str | None, str | None]:
    return film.result.patient_id, film.result.study_id


def _of(films: list[Film], view: str | None, side: str) -> tuple[Film, ...]:
    return tuple(f for f in films if f.result.view == view and f.result.laterality == side)


def _order(result: ImageResult) -> tuple[object, ...]:
    sides = ("R", "L", None)
    side = sides.index(result.laterality) if result.laterality in sides else len(sides)
    return (
        *(_none_last(value) for value in (result.patient_id, result.study_id)),
        _view_order(result.view),
        side,
        result.name,
        result.source.path,
    )


def _view_order(view: str | None) -> tuple[int, str]:
    if view is None:
        return len(_VIEWS_FIRST) + 1, ""
    return (_VIEWS_FIRST.index(view) if view in _VIEWS_FIRST else len(_VIEWS_FIRST)), view


def _none_last(value: str | None) -> tuple[bool, str]:
    return value is None, value or ""
