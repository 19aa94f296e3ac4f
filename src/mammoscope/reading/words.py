"""One vocabulary for view, side, modality, intent and functions, however they are written.

Views and modifiers are those of PS3.16 CID 4014 and CID 4015 and the abbreviations that the ACR
made for them (PS3.3 C.8.11.7). Case, blanks, NUL padding and punctuation never matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

# View, then its codes in SNOMED CT and in SNOMED RT (also as SNM3 and 99SDM), then its names.
_VIEWS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "CC": ("399162004", "R-10242", ("craniocaudal", "craniocaudad", "kraniokaudal")),
    "MLO": (
        *("399368009", "R-10226"),
        (
            *("mediolateraloblique", "mediallateraloblique"),
            *("oml", "oblicuamediolateral", "mediolateraloblicua", "obliquamediolateral"),
        ),
    ),
    "ML": ("399260004", "R-10224", ("mediolateral", "mediallateral")),
    "LM": ("399352003", "R-10228", ("lateromedial", "lateralmedial")),
    "LMO": ("399099002", "R-10230", ("lateromedialoblique", "lateralmedialoblique")),
    "FB": ("399196006", "R-10244", ("caudocranial", "frombelow", "caudalcranial")),
    "SIO": ("399188001", "R-102D0", ("superolateraltoinferomedialoblique",)),
    "ISO": ("441555000", "R-40AAA", ("inferomedialtosuperolateraloblique",)),
    "XCC": ("399265009", "R-102CF", ("craniocaudalexaggerated", "exaggeratedcraniocaudal")),
    "XCCL": (
        "399192008",
        "R-1024A",
        ("craniocaudalexaggeratedlaterally", "exaggeratedcraniocaudallaterally"),
    ),
    "XCCM": (
        "399101009",
        "R-1024B",
        ("craniocaudalexaggeratedmedially", "exaggeratedcraniocaudalmedially"),
    ),
    # Modifiers by the standard, and views of their own wherever nothing else stands beside them.
    "AT": ("399011000", "R-102D1", ("axillarytail",)),
    "CV": ("399161006", "R-102D2", ("cleavage",)),
    "TAN": ("399110001", "R-102C2", ("tangential",)),
}
VIEWS = frozenset(_VIEWS)
"""Every view by its abbreviation."""

SPECIMEN = "specimen"
MAGNIFICATION = "magnification"
IMPLANT_DISPLACED = "implant displaced"
SPOT = "spot compression"

# Modifier, then its codes, then what stands for it beside a view.
_MODIFIERS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    IMPLANT_DISPLACED: (
        ("399209000", "R-102D5"),
        ("ID", "IMPLANTDISPLACED", "IMPLANTDISPLACEMENT", "EKLUND"),
    ),
    MAGNIFICATION: (("399163009", "R-102D6"), ("MAGNIFICATION", "MAGNIFIED", "MAG", "M")),
    SPOT: (("399055006", "R-102D7"), ("SPOTCOMPRESSION", "SPOT", "S")),
    "axillary tail": (("399011000", "R-102D1"), ("AXILLARYTAIL", "AT")),
    "cleavage": (("399161006", "R-102D2"), ("CLEAVAGE", "CV")),
    "tangential": (("399110001", "R-102C2"), ("TANGENTIAL", "TAN")),
    "rolled laterally": (("399197002", "R-102D3"), ("ROLLEDLATERAL", "RL")),
    "rolled medially": (("399226006", "R-102D4"), ("ROLLEDMEDIAL", "RM")),
    "rolled inferiorly": (("414493004", "R-102CA"), ("ROLLEDINFERIOR", "RI")),
    "rolled superiorly": (("415670009", "R-102C9"), ("ROLLEDSUPERIOR", "RS")),
    "nipple in profile": (("442581004", "R-40AB3"), ("NIPPLEINPROFILE", "NP")),
    "anterior compression": (("441752004", "P2-00161"), ("ANTERIORCOMPRESSION", "AC")),
    "inframammary fold": (("442593008", "R-40ABE"), ("INFRAMAMMARYFOLD", "IMF")),
    "axillary tissue": (("442580003", "R-40AB2"), ("AXILLARYTISSUE", "AX")),
    "rolled": ((), ("ROLLED",)),
    SPECIMEN: (("127457009", "G-8310"), ("TISSUESPECIMENFROMBREAST", "SPECIMEN", "SPEC")),
}
_SIDES = {
    "L": (
        *("L", "LT", "LEFT", "LEFTBREAST", "LBREAST", "BREASTL", "LI", "LINKS", "GAUCHE"),
        *("IZQ", "IZQUIERDA", "IZQUIERDO", "ESQUERDA", "SINISTRA"),
    ),
    "R": (
        *("R", "RT", "RIGHT", "RIGHTBREAST", "RBREAST", "BREASTR", "RE", "RECHTS", "DROITE"),
        *("DER", "DERECHA", "DERECHO", "DIREITA", "DESTRA"),
    ),
    "B": ("B", "BOTH", "BILATERAL", "BOTHBREASTS", "RIGHTANDLEFT", "LEFTANDRIGHT"),
    "U": ("U", "UNPAIRED"),
}
SIDE_WORDS = tuple(sorted((*_SIDES["L"], *_SIDES["R"]), key=lambda word: (-len(word), word)))
"""Words of one side, the longest first."""

# SNOMED CT and RT: left and right breast, then left and right as a modifier of another place.
_SIDE_CODES = {
    "80248007": "L", "T-04030": "L", "7771000": "L", "G-A101": "L",
    "73056007": "R", "T-04020": "R", "24028007": "R", "G-A100": "R",
    "63762007": "B", "T-04080": "B", "51440002": "B", "G-A102": "B",
}  # fmt: skip

_VIEW_OF_CODE = {code: view for view, (*codes, _) in _VIEWS.items() for code in codes}
_VIEW_OF_NAME = {name: view for view, (_, _, names) in _VIEWS.items() for name in names}
_BESIDE = frozenset(("AT", "CV", "TAN"))
"""Views of their own, and modifiers beside another."""

VIEW_CODES = frozenset(_VIEW_OF_CODE)
"""Codes of all views."""

_MODIFIER_OF_CODE = {code: name for name, (codes, _) in _MODIFIERS.items() for code in codes}
_MODIFIER_OF_WORD = {word: name for name, (_, words) in _MODIFIERS.items() for word in words}
_SIDE_OF_WORD = {word: side for side, words in _SIDES.items() for word in words}

_FILLERS = frozenset(
    (
        *("VIEW", "BREAST", "PROJECTION", "THE", "OF", "WITH", "MAMMOGRAM", "MAMMO", "MAMMOGRAPHY"),
        *("2D", "3D", "FFDM", "TOMO", "DBT", "DIGITAL", "SCREENING", "DIAGNOSTIC"),
    )
)
"""Words that say nothing of view and side."""

_AMBIGUOUS = frozenset(("LAT", "RAT"))
"""A lateral, or the axillary tail of a side."""
_SUFFIXES = "MAG|SPOT|TAN|ID|RL|RM|RI|RS|AT|CV|NP|AC|IMF|M|S"
# The ACR's labels: magnification and spot compression before the view, the rest after it.
_LABEL = re.compile(
    r"(?P<side>LEFT|RIGHT|LT|RT|L|R)?(?P<before>(?:MAG|SPOT|TAN|ID|M|S)*)"
    r"(?P<view>XCCL|XCCM|XCC|MLO|LMO|SIO|ISO|CC|ML|LM|FB|AT|CV)"
    rf"(?P<after>(?:{_SUFFIXES})*)"
)


@dataclass(frozen=True)
class ViewWords:
    """What words for a view say: the view, the side and the modifiers, each where it is named."""

    view: str | None = None
    side: str | None = None
    modifiers: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.view or self.side or self.modifiers)


def compact(text: str) -> str:
    """Letters and digits alone, in upper case."""
    return re.sub(r"[\W_]+", "", text).upper()


def parse_view(text: str) -> ViewWords:
    """The view that a text names, such as ``LMLO``, ``CCID``, ``MLO spot`` or ``cranio-caudal``.

    Nothing where any part of it is a word that is not known, or two views are named.
    """
    whole = compact(text)
    if whole.lower() in _VIEW_OF_NAME or whole in ("CC", "MLO", "LMO"):
        return ViewWords(_VIEW_OF_NAME.get(whole.lower(), whole))
    views, sides, modifiers = set[str](), set[str](), list[str]()
    tokens = list(_tokens(text))
    for token in tokens:
        part = _parse_label(token) or ViewWords(side=_SIDE_OF_WORD.get(token))
        if token in ("M", "S"):
            part = ViewWords(None, None, (_MODIFIER_OF_WORD[token],))
        if not part and token not in _FILLERS and not token.isdecimal():
            return ViewWords()
        views |= {part.view} if part.view else set()
        sides |= {part.side} if part.side else set()
        modifiers += part.modifiers
    for beside in sorted(views & _BESIDE) if len(views) > 1 else ():
        views.discard(beside)
        modifiers += modifier_of_view(beside)
    if len(views) > 1 or len(sides) > 1:
        return ViewWords()
    lone = not views and all(len(token) == 1 for token in tokens)
    told = () if lone else tuple(dict.fromkeys(modifiers))
    return ViewWords(next(iter(views), None), next(iter(sides), None), told)


def _parse_label(word: str) -> ViewWords | None:
    """One word or label without blanks."""
    if word in _AMBIGUOUS:
        return None
    if word in VIEWS:
        return ViewWords(word)
    if word.lower() in _VIEW_OF_NAME:
        return ViewWords(_VIEW_OF_NAME[word.lower()])
    if len(word) > 1 and word in _MODIFIER_OF_WORD:
        return ViewWords(None, None, (_MODIFIER_OF_WORD[word],))
    match = _LABEL.fullmatch(word)
    if match is None:
        return None
    side = _SIDE_OF_WORD.get(match["side"] or "")
    parts = re.findall(_SUFFIXES, match["before"] + " " + match["after"])
    return ViewWords(match["view"], side, tuple(_MODIFIER_OF_WORD[part] for part in parts))


def _tokens(text: str) -> Iterator[str]:
    """The words of a text; neighbours that together are one name, such as "spot compression"."""
    words = [word for word in re.split(r"[\W_]+", text.upper()) if word]
    at = 0
    while at < len(words):
        for end in range(min(len(words), at + 5), at, -1):
            joined = "".join(words[at:end])
            known = joined.lower() in _VIEW_OF_NAME or joined in _MODIFIER_OF_WORD
            if (
                end - at == 1
                or (known and len(joined) > 3)
                or joined in ("LEFTBREAST", "RIGHTBREAST")
            ):
                yield joined
                at = end
                break


def modifier_of_view(view: str | None) -> tuple[str, ...]:
    """The modifier that a view of its own is where it stands beside another."""
    return (_MODIFIER_OF_WORD[view],) if view in _MODIFIER_OF_WORD else ()


def code_of(term: str) -> str | None:
    """The SNOMED CT code of a view or of a modifier, by our word for it; None for other words."""
    if term in _VIEWS:
        return _VIEWS[term][0]
    return _MODIFIERS[term][0][0] if term in _MODIFIERS else None


def parse_side(text: str) -> str | None:
    """``L``, ``R``, ``B`` (both) or ``U`` (unpaired); None for what is none of them."""
    return _SIDE_OF_WORD.get(compact(text))


def plain_code(value: str) -> str:
    """A code without blanks and without the address before it in a URN."""
    return re.split(r"[:/]", value.strip(" \0"))[-1].upper()


def coded_view(code: str, scheme: str, meaning: str) -> ViewWords:
    """What a coded concept says of the view, by its code, else by its meaning in words."""
    code = plain_code(code)
    if _is_snomed(scheme):
        if code in _VIEW_OF_CODE:
            return ViewWords(_VIEW_OF_CODE[code])
        if code in _MODIFIER_OF_CODE:
            return ViewWords(None, None, (_MODIFIER_OF_CODE[code],))
    return parse_view(meaning) or parse_view(code)


def coded_side(code: str, scheme: str, meaning: str) -> str | None:
    """What a coded concept says of the side."""
    if _is_snomed(scheme) and (side := _SIDE_CODES.get(plain_code(code))):
        return side
    return parse_side(meaning)


def _is_snomed(scheme: str) -> bool:
    return compact(scheme) in ("", "SCT", "SRT", "SNM3", "SNM", "99SDM", "SNOMED", "SNOMEDCT")


def first_known(values: Iterable[str], known: Iterable[str]) -> str | None:
    """The first of ``values`` that, punctuation and case aside, is one of ``known``."""
    by_word = {compact(word): word for word in known}
    return next((by_word[compact(v)] for v in values if compact(v) in by_word), None)


FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")
"""VOI LUT Function, PS3.3 C.11.2.1.3."""

SHAPES = ("IDENTITY", "INVERSE")
"""Presentation LUT Shape, PS3.3 C.11.6."""

RELATIONSHIPS = ("LIN", "LOG")
"""Pixel Intensity Relationship, PS3.3 C.8.11.3."""

PHOTOMETRIC = ("MONOCHROME1", "MONOCHROME2")
"""Photometric Interpretation of grey images, PS3.3 C.7.6.3.1.2."""


def parse_intent(text: str) -> str | None:
    """``FOR PRESENTATION`` or ``FOR PROCESSING`` (PS3.3 C.8.11.1)."""
    word = compact(text).removeprefix("FOR")
    return f"FOR {word}" if word in ("PRESENTATION", "PROCESSING") else None


def parse_modality(text: str) -> str:
    """A modality's code; the words that stand for mammography are MG."""
    words = [compact(part) for part in text.split("\\")]
    if any(word in ("MG", "MAMMO", "MAMMOGRAPHY", "MAMMOGRAM", "DM") for word in words):
        return "MG"
    return next((word for word in words if word), "")


def is_breast(text: str) -> bool:
    """Whether a body part is the breast."""
    return re.search(r"BREAST|MAMM|BRUST|SENO\b", text.upper()) is not None
