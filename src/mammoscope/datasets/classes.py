"""What the classes of a general object detection set say of lesions."""

from __future__ import annotations

from collections.abc import Collection

from mammoscope.datasets.table import Subtype, Subtypes

_SUBTYPES = {
    "mass": Subtype.MASS,
    "calc": Subtype.CALCIFICATION,
    "distortion": Subtype.DISTORTION,
    "asymmetry": Subtype.ASYMMETRY,
}
_LABELS = {"benign": "benign", "malignant": "malignant"}


def meaning(name: str, names: Collection[str]) -> tuple[str | None, Subtypes]:
    """Label and subtypes of a class by the words in its name.

    A name that says neither is unknown where it is the set's only class, and so counts as a mass;
    beside others it is another kind of lesion.

    Parameters
    ----------
    name
        The class.
    names
        All classes of the set.
    """
    low = name.lower()
    label = next((label for word, label in _LABELS.items() if word in low), None)
    kinds = frozenset(kind for word, kind in _SUBTYPES.items() if word in low)
    if not kinds and label is None and len(set(names)) > 1:
        kinds = frozenset({Subtype.OTHER})
    return label, kinds
