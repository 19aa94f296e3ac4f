"""What a reader of the intervals should know, one sentence each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from mammoscope.evaluation.metrics.bootstrap import ENOUGH_PATIENTS, LEAST_PATIENTS
from mammoscope.evaluation.metrics.cancer import says_yes_or_no
from mammoscope.evaluation.metrics.classification import Classification
from mammoscope.evaluation.metrics.comparison import Comparison
from mammoscope.evaluation.metrics.figure import Block, Measured
from mammoscope.evaluation.metrics.levels import sides
from mammoscope.evaluation.metrics.subgroups import Subgroups

_UNSCORED = "The predictions have no scores: only classification is evaluated."


def all_notes(
    seen: Comparison,
    subgroups: Iterable[Subgroups],
    measured: Sequence[Measured],
    classified: Classification | None,
) -> tuple[str, ...]:
    """On undefined figures, and on intervals that are missing or rough."""
    resamples = seen.options.bootstrap
    if not seen.predictions.scored:
        undefined: tuple[str, ...] = (_UNSCORED,)
    else:
        undefined = (*_unmarked(seen), *_undefined(seen))
    if resamples == 0:
        undefined += ("No intervals: no resamples were asked for.",)
    elif seen.predictions.scored:
        undefined += (*_whole(seen, measured), *_groups(subgroups))
    notes = (*undefined, *_classification(seen, measured, classified), *_cancer(seen, measured))
    return tuple(dict.fromkeys(notes))


def _support(measured: Iterable[Measured], block: Block) -> dict[str, int]:
    """How many patients the figures of a block rest on, by what notes call them."""
    return {
        each.figure.note: each.patients
        for each in measured
        if each.figure.block == block and each.figure.note
    }


def _cancer(seen: Comparison, measured: Sequence[Measured]) -> tuple[str, ...]:
    if not says_yes_or_no(seen):
        return ()
    sideless = sum(not side for side in sides(seen.truth))
    unclear = seen.cancer["image"]
    left_out = len(unclear) - int(unclear.known.sum())
    sentences = {
        f"Images of unknown side (laterality L or R): {sideless}; their breasts and patients are "
        "left out of the figures of cancer.": sideless,
        f"Images of which the truth says neither cancer nor none: {left_out}.": left_out,
    }
    notes = tuple(sentence for sentence, applies in sentences.items() if applies)
    resamples = seen.options.bootstrap
    return (*notes, *_sentences(_support(measured, "cancer"))) if resamples else notes


def _unmarked(seen: Comparison) -> tuple[str, ...]:
    count = int((~seen.known).sum())
    if not count or not seen.known.any():
        return ()
    return (f"Images whose lesions are not all marked, in no figure of detection: {count}.",)


def _classification(
    seen: Comparison, measured: Sequence[Measured], found: Classification | None
) -> tuple[str, ...]:
    """On what the figures of classification leave out, and on their intervals."""
    truth, predictions = seen.truth, seen.predictions
    if predictions.p_malignant is None:
        return ()
    if found is None:
        if says_yes_or_no(seen):
            return ()
        return ("No lesion has a label: p_malignant is not evaluated.",)
    classes = {found.malignant, found.scored - found.malignant}
    unclear = found.counts["image"][2]
    sideless = sum(not side for side in sides(truth))
    unlooked = int(np.isnan(predictions.p_malignant).sum())
    negative = bool((predictions.scores < 0).any())
    sentences = {
        "The labelled lesions with a p_malignant are not of both classes: their AUC is "
        "undefined.": 0 in classes,
        f"Detections without p_malignant, in no figure of classification: {unlooked}.": unlooked,
        "Scores below 0 cannot be weighed by p_malignant: AUC of images, breasts and patients and "
        "AP by class are left out.": negative,
        "Images left out of the AUC of malignancy, with an unlabelled lesion and no malignant one: "
        f"{unclear}; so are breasts and patients of that kind.": unclear and not negative,
        f"Images of unknown side (laterality L or R): {sideless}; their breasts and patients are "
        "left out of the AUC of malignancy.": sideless and not negative,
    }
    left_out = tuple(sentence for sentence, applies in sentences.items() if applies)
    if not seen.options.bootstrap:
        return left_out
    return (*left_out, *_sentences(_support(measured, "classification")))


def _undefined(seen: Comparison) -> tuple[str, ...]:
    if not seen.known.any():
        return ()
    if not seen.truth.has_lesion[seen.known].any():
        return ("No image holds a lesion: AP, sensitivity and AUC are undefined.",)
    if not seen.normal.any():
        return (
            "Every image holds a lesion: AUC and false positives per normal image are undefined.",
        )
    return ()


def _whole(seen: Comparison, measured: Sequence[Measured]) -> tuple[str, ...]:
    none, rough = _few(_support(measured, "detection"))
    having, without = (
        len(set(np.asarray(seen.truth.patients, dtype=np.str_)[images]))
        for images in (seen.known & ~seen.normal, seen.normal)
    )
    return (
        *(
            f"No interval for {name}: it takes {LEAST_PATIENTS} patients of a kind, and there are "
            f"{having} with and {without} without a lesion in an image."
            for name in none
        ),
        *(f"Rough interval for {name}: under {ENOUGH_PATIENTS} patients." for name in rough),
    )


def _groups(subgroups: Iterable[Subgroups]) -> tuple[str, ...]:
    support: dict[str, int] = {}
    for by in subgroups:
        for group in by.groups:
            name = f"{by.column} {group.name}"
            if by.level == "lesion":
                support[name] = group.patients
            else:
                each = _support(group.figures, "detection") | _support(group.figures, "cancer")
                support |= {f"{name} ({figure})": count for figure, count in each.items()}
    return _sentences(support)


def _sentences(support: Mapping[str, int]) -> tuple[str, ...]:
    none, rough = _few(support)
    sentences = {
        f"No interval, under {LEAST_PATIENTS} patients of a kind: {'; '.join(none)}.": none,
        f"Rough interval, under {ENOUGH_PATIENTS} patients of a kind: {'; '.join(rough)}.": rough,
    }
    return tuple(sentence for sentence, names in sentences.items() if names)


def _few(support: Mapping[str, int]) -> tuple[list[str], list[str]]:
    """The figures without an interval and those with a rough one.

    What rests on no patient is undefined and in neither.
    """
    none = [name for name, count in support.items() if 0 < count < LEAST_PATIENTS]
    rough = [n for n, count in support.items() if LEAST_PATIENTS <= count < ENOUGH_PATIENTS]
    return none, rough
