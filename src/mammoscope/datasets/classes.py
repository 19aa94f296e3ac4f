"""What the classes of a general object detection set say of lesions."""

from __future__ import annotations

import re

from mammoscope.annotations.table import Subtype, Subtypes

_SUBTYPES = {
    Subtype.MASS: re.compile(r"mass(es)?"),
    Subtype.CALCIFICATION: re.compile(r"(micro|macro)?calc(s|ified|ifications?)?"),
    Subtype.DISTORTION: re.compile(r"distortions?"),
    Subtype.ASYMMETRY: re.compile(r"asymmetr(y|ies|ic)"),
}
_LABELS = ("benign", "malignant")
_NEGATIONS = ("no", "non", "not", "without")
# Whole names, for a word of them may stand in the name of a mass: "breast lesion".
_NO_MASSES = re.compile(
    r"nipples?|(suspicious |axillary |intramammary )?lymph nodes?|pectoral( muscle)?|muscle"
    r"|(skin|nipple) (thickening|retraction)|skin|breasts?|background|implants?"
    r"|(surgical |biopsy )?clips?|markers?|arti?e?facts?"
)


def meaning(name: str) -> tuple[str | None, Subtypes]:
    """Label and subtypes of a class by the whole words in its name; not by those after "non".

    A name that says neither ("tumor", "lesion", "objects") is of unknown subtype and so counts as
    a mass: were it another kind, an image with a mass could pass for a normal one. Other kinds are
    names with "non-mass", and a few of what is known to be no mass, such as "nipple".
    """
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
    words = re.findall(r"[a-z]+", re.sub(r"\bnon(?=mass)", "non ", parted))
    said = [word for before, word in zip(["", *words], words, strict=False) if _holds(before)]
    label = next((label for label in _LABELS if label in said), None)
    kinds = frozenset(k for k, pattern in _SUBTYPES.items() if any(map(pattern.fullmatch, said)))
    denied = any(map(_SUBTYPES[Subtype.MASS].fullmatch, words))
    if not kinds and (denied or _NO_MASSES.fullmatch(" ".join(words))):
        kinds = frozenset({Subtype.OTHER})
    return label, kinds


def _holds(before: str) -> bool:
    """Whether a word is meant, by the word before it."""
    return before not in _NEGATIONS
