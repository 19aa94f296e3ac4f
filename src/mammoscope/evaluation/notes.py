"""What a reader of the intervals should know, one sentence each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from mammoscope.evaluation.bootstrap import ENOUGH_PATIENTS, LEAST_PATIENTS
from mammoscope.evaluation.data import Truth
from mammoscope.evaluation.groups import Grouping


def notes(truth: Truth, groupings: Iterable[Grouping], resamples: int) -> tuple[str, ...]:
    """On undefined figures, and on intervals that are missing or rough."""
    undefined = _undefined(truth)
    if resamples == 0:
        return (*undefined, "No intervals: no resamples were asked for.")
    return (*undefined, *_whole(truth), *_groups(truth, groupings))


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
