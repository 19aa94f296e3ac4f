"""What the templates show of one study."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from mammoscope.reporting.html.hanging import Film, Row, Sheet
from mammoscope.reporting.html.marks import Mark, Tag, Twin, in_order, linked_to, marks, tags
from mammoscope.study.density import exam_density
from mammoscope.study.exam import study_exam_score

_PLURALS = {"study": "studies"}


def counted(number: int, what: str) -> str:
    """``"1 file"``, ``"2 files"``."""
    return f"{number} {plural(number, what)}"


def plural(number: int, what: str) -> str:
    """``"file"`` of 1, ``"files"`` of others."""
    return what if number == 1 else _PLURALS.get(what, f"{what}s")


@dataclass(frozen=True)
class StudyView:
    """One study: its images as they hang, its findings beside them and a closer look at each.

    Parameters
    ----------
    sheet
        Its images.
    number
        Its place in the report, from 1.
    """

    sheet: Sheet
    number: int

    @property
    def anchor(self) -> str:
        """Its id in a page, and the name of its own page."""
        return f"study-{self.number}"

    @property
    def known(self) -> bool:
        """Whether the images are known to belong together."""
        return self.sheet.known

    @property
    def films(self) -> tuple[Film, ...]:
        """Its images."""
        return self.sheet.films

    @property
    def title(self) -> str:
        """``"Patient P1"``, or what else is known."""
        if self.sheet.patient_id is not None:
            return f"Patient {self.sheet.patient_id}"
        return "Patient unknown" if self.known else "Images without patient or study"

    @property
    def facts(self) -> str:
        """Its id and number of images."""
        images = counted(len(self.films), "image")
        if not self.known:
            return f"{images} · they need not be of one person"
        return f"Study {self.sheet.study_id or 'unknown'} · {images}"

    @property
    def malignancy(self) -> str | None:
        """The score of each breast whose side is known."""
        scores = {breast.laterality: breast.score for breast in self.sheet.breasts}
        told = [
            f"{word} {score:.2f}"
            for side, word in (("R", "right"), ("L", "left"))
            if (score := scores.get(side)) is not None
        ]
        return f"Malignancy score: {', '.join(told)}" if told else None

    @property
    def exam(self) -> str | None:
        """Breast density and exam score of the study, as far as they are known."""
        results = [film.result for film in self.films]
        density = exam_density(results) if self.known else None
        scores = [film.exam_score for film in self.films]
        score = study_exam_score(scores)
        exam = f"{score} of 10" if score else "unknown, as that of an image is"
        told = [
            f"Breast density {density.category}" if density else None,
            f"Exam score {exam}" if any(scores) and self.known else None,
        ]
        return " · ".join(part for part in told if part) or None

    @property
    def views(self) -> str:
        """Its images in a line of the contents."""
        return "  ".join(film.label for film in self.films) if self.known else "not grouped"

    @property
    def findings(self) -> str:
        """How many are shown, in words."""
        return counted(sum(len(film.result.shown) for film in self.films), "finding")

    @property
    def best(self) -> float:
        """The best score of any image."""
        return max(film.result.score for film in self.films)

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """Images of known side, view by view."""
        return self.sheet.rows() if self.known else ()

    @property
    def two_sided(self) -> bool:
        """Whether there are images of both breasts, to hang side by side."""
        return any(row.right for row in self.rows) and any(row.left for row in self.rows)

    @property
    def loose(self) -> tuple[Film, ...]:
        """The other images."""
        return self.sheet.loose() if self.known else self.films

    def caption(self, film: Film) -> str:
        """What tells ``film`` from the others, as short as can be."""
        return self.sheet.caption(film)

    @cached_property
    def marks(self) -> dict[int, tuple[Mark, ...]]:
        """The findings of each film by its number, best first."""
        return {film.number: marks(film) for film in self.films}

    @cached_property
    def found(self) -> list[Mark]:
        """All findings in the order of the list."""
        return in_order([mark for some in self.marks.values() for mark in some])

    @cached_property
    def tags(self) -> dict[str, Tag]:
        """The label of each mark by its key."""
        return {key: tag for some in self.marks.values() for key, tag in tags(some).items()}

    @property
    def shown(self) -> int:
        """How many are shown at first."""
        return sum(mark.shown for mark in self.found)

    @cached_property
    def twins(self) -> dict[str, Twin | None]:
        """By the key of each finding what may be the same lesion on the other view."""
        return {mark.key: linked_to(mark, self.sheet) for mark in self.found}

    @property
    def cards(self) -> list[Mark]:
        """Findings with a close-up."""
        return [mark for mark in self.found if mark.closeup]

    @property
    def explained(self) -> bool:
        """Whether any finding has features to be shown."""
        return any(mark.explanation for mark in self.found)

    @property
    def heated(self) -> bool:
        """Whether any finding has a heat map."""
        return any(mark.explanation and mark.explanation.evidence for mark in self.found)

    @property
    def about_sizes(self) -> str:
        """What a reader must know of the sizes in the list, said once."""
        frames = [film.result.frame for film in self.films]
        sentences = []
        if any(f.spacing_mm and f.spacing_source == "ImagerPixelSpacing" for f in frames):
            # DICOM PS3.3 C.8.11.4: measured at the front plane of the detector's housing.
            sentences.append(
                "Sizes are measured at the detector, where the breast appears magnified."
            )
        if any(frame.spacing_mm is None for frame in frames):
            sentences.append("Where a size is unknown, the file gives no pixel spacing.")
        return " ".join(sentences)

    @property
    def warnings(self) -> list[tuple[Film, str]]:
        """What is to be known of single images."""
        return [(film, warning) for film in self.films for warning in film.result.warnings]
