"""One study: its images, and what they say together. Made here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mammoscope.showing import Showing
from mammoscope.study.links import Link, link
from mammoscope.study.malignancy import (
    BreastScore,
    ImageScore,
    PatientScore,
    breast_scores,
    image_malignancy,
)
from mammoscope.types import ImageResult


@dataclass(frozen=True, repr=False)
class StudyResult(Showing):
    """What the second reader says of one study.

    Made by :func:`study_results`. Scores are for ranking, they are no probabilities; each holds
    the rule that gave it.

    Parameters
    ----------
    patient_id, study_id
        Unknown stays None. Where both are, the study is of one image, and neither breasts nor a
        patient are spoken of: nothing says which images belong together.
    images
        In the order in which they came.
    scores
        Malignancy of each of ``images``.
    links
        Findings of two views of a breast that may be one lesion.
    breasts
        Malignancy of the breasts, L before R; one of unknown side comes first, without a score.
        Empty where no classifier has looked.
    patient
        Malignancy of the patient as far as this study tells; None where ``breasts`` is empty.

    Examples
    --------
    >>> (study,) = mammoscope.examine("study/", paths="whole")
    >>> [(image.laterality, image.view) for image in study.images]
    [('L', 'MLO'), ('R', 'MLO')]
    >>> study.patient.rule
    'the highest of its breasts'
    """

    patient_id: str | None
    study_id: str | None
    images: tuple[ImageResult, ...]
    scores: tuple[ImageScore, ...]
    links: tuple[Link, ...]
    breasts: tuple[BreastScore, ...]
    patient: PatientScore | None

    def __repr__(self) -> str:
        count = len(self.images)
        said = (
            ""
            if self.patient is None or self.patient.score is None
            else (f", malignancy {self.patient.score:.2f}")
        )
        shown = sum(len(image.shown) for image in self.images)
        return (
            f"<StudyResult of {count} image{'s' * (count != 1)}: "
            f"{shown} finding{'s' * (shown != 1)} shown, {len(self.links)} linked{said}>"
        )

    @property
    def known(self) -> bool:
        """Whether the images are known to belong together."""
        return self.patient_id is not None or self.study_id is not None


def study_results(results: Iterable[ImageResult]) -> tuple[StudyResult, ...]:
    """The studies that some images are of, by patient and study; those of neither come last.

    A study is what has one study ID and one patient ID; where only the patient is known, all
    images of that patient. An image of which neither is known is a study of its own.

    Examples
    --------
    >>> study_results([])
    ()
    """
    images = tuple(results)
    groups = study_groups((image.patient_id, image.study_id) for image in images)
    return tuple(_study([images[i] for i in group]) for group in groups)


def study_groups(ids: Iterable[tuple[str | None, str | None]]) -> list[list[int]]:
    """Which images are of one study, in the order of :func:`study_results`.

    Parameters
    ----------
    ids
        Patient and study of each image.

    Returns
    -------
    list
        For each study the places of its images in ``ids``.

    Examples
    --------
    >>> from mammoscope.study import study_groups
    >>> study_groups([("B", "1"), (None, None), ("A", "1"), ("B", "1")])
    [[2], [0, 3], [1]]
    """
    known: dict[tuple[str | None, str | None], list[int]] = {}
    alone: list[list[int]] = []
    for place, whose in enumerate(ids):
        if whose == (None, None):
            alone.append([place])
        else:
            known.setdefault(whose, []).append(place)
    ordered = sorted(known.items(), key=lambda item: tuple(part or "" for part in item[0]))
    return [*(places for _, places in ordered), *alone]


def patient_scores(studies: Iterable[StudyResult]) -> tuple[PatientScore, ...]:
    """The patients of several studies, which are one where they have one patient ID."""
    told = [study.patient for study in studies if study.patient is not None]
    known: dict[str, list[PatientScore]] = {}
    for patient in told:
        if patient.patient_id is not None:
            known.setdefault(patient.patient_id, []).append(patient)
    unknown = [patient for patient in told if patient.patient_id is None]
    return (*unknown, *(_one(patients) for patients in known.values()))


def _one(patients: list[PatientScore]) -> PatientScore:
    if len(patients) == 1:
        return patients[0]
    return PatientScore.of(patients[0].patient_id, (b for each in patients for b in each.breasts))


def _study(images: list[ImageResult]) -> StudyResult:
    first = images[0]
    known = first.patient_id is not None or first.study_id is not None
    scores = tuple(ImageScore(image.name, image_malignancy(image)) for image in images)
    breasts = breast_scores(images, scores) if known else ()
    return StudyResult(
        patient_id=first.patient_id,
        study_id=first.study_id,
        images=tuple(images),
        scores=scores,
        links=link(images),
        breasts=breasts,
        patient=PatientScore.of(first.patient_id, breasts) if breasts else None,
    )
