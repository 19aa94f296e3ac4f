"""What a reader of the intervals should know, one sentence each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from mammoscope.evaluation.metrics.bootstrap import ENOUGH_PATIENTS, LEAST_PATIENTS
from mammoscope.evaluation.metrics.classification import Classification
from mammoscope.evaluation.metrics.levels import sides
from mammoscope.evaluation.set.data import Predictions, Truth
from mammoscope.evaluation.set.groups import Grouping

_UNSCORED = "The predictions have no scores: only classification is evaluated."


def notes(
    truth: Truth, groupings: Iterable[Grouping], resamples: int, scored: bool
) -> tuple[str, ...]:
    """On undefined figures, and on intervals that are missing or rough."""
    undefined = _undefined(truth) if scored else (_UNSCORED,)
    if resamples == 0:
        return (*undefined, "No intervals: no resamples were asked for.")
    if not scored:
        return undefined
    return (*undefined, *_whole(truth), *_groups(truth, groupings))


def classification_notes(
    truth: Truth, predictions: Predictions, found: Classification | None, resamples: int
) -> tuple[str, ...]:
    """On what the figures of classification leave out, and on their intervals."""
    if predictions.p_malignant is None:
        return ()
    if found is None:
        return ("No lesion has a label: p_malignant is not evaluated.",)
    classes = {found.malignant, found.scored - found.malignant}
    unclear = found.levels["image"].left_out
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
    return (*left_out, *_sentences(found.patients)) if resamples else left_out


def _undefined(truth: Truth) -> tuple[str, ...]:
    if not truth.has_lesion.any():
        return ("No image holds a lesion: AP, sensitivity and AUC are undefined.",)
    if truth.has_lesion.all():
        return (
            "Every image holds a lesion: AUC and false positives per normal image are undefined.",
        )
    return ()


def _whole(truth: Truth) -> tuple[str, ...]:
    support = _support(truth)
    having, without = support["AP and sensitivity"], support["false positives per normal image"]
    none, rough = _few(support)
    return (
        *(
            f"No interval for {name}: it takes {LEAST_PATIENTS} patients of a kind, and there are "
            f"{having} with and {without} without a lesion in an image."
            for name in none
        ),
        *(f"Rough interval for {name}: under {ENOUGH_PATIENTS} patients." for name in rough),
    )


def _groups(truth: Truth, groupings: Iterable[Grouping]) -> tuple[str, ...]:
    support: dict[str, int] = {}
    patients = np.asarray(truth.patients, dtype=np.str_)
    for grouping in groupings:
        for name, members in zip(grouping.names, grouping.members, strict=True):
            group = f"{grouping.column} {name}"
            if grouping.level == "lesion":
                support[group] = len(set(patients[truth.image_of[members]]))
            else:
                each = _support(truth.on(members))
                support |= {f"{group} ({figure})": count for figure, count in each.items()}
    return _sentences(support)


def _sentences(support: Mapping[str, int]) -> tuple[str, ...]:
    none, rough = _few(support)
    sentences = {
        f"No interval, under {LEAST_PATIENTS} patients of a kind: {'; '.join(none)}.": none,
        f"Rough interval, under {ENOUGH_PATIENTS} patients of a kind: {'; '.join(rough)}.": rough,
    }
    return tuple(sentence for sentence, names in sentences.items() if names)


def _support(truth: Truth) -> dict[str, int]:
    """How many patients each figure of a set rests on."""
    patients = np.asarray(truth.patients, dtype=np.str_)
    having, without = (
        len(set(patients[images])) for images in (truth.has_lesion, ~truth.has_lesion)
    )
    return {
        "AP and sensitivity": having,
        "AUC": min(having, without),
        "false positives per normal image": without,
    }


def _few(support: Mapping[str, int]) -> tuple[list[str], list[str]]:
    """The figures without an interval and those with a rough one.

    What rests on no patient is undefined and in neither.
    """
    none = [name for name, count in support.items() if 0 < count < LEAST_PATIENTS]
    rough = [n for n, count in support.items() if LEAST_PATIENTS <= count < ENOUGH_PATIENTS]
    return none, rough
