"""BreaKHis: what the names of its images say, and its official folds.

F. A. Spanhol et al., "A dataset for breast cancer histopathological image classification", IEEE
Transactions on Biomedical Engineering 63 (2016). CC BY 4.0. 7,909 images; its 82 "patients" are
slides: 22549AB and 22549CD are two of one person, and count as one here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from mammoscope.errors import InputError, TableError
from mammoscope.tables import read_text

SUBTYPES = {
    "A": ("adenosis", False),
    "F": ("fibroadenoma", False),
    "PT": ("phyllodes tumour", False),
    "TA": ("tubular adenoma", False),
    "DC": ("ductal carcinoma", True),
    "LC": ("lobular carcinoma", True),
    "MC": ("mucinous carcinoma", True),
    "PC": ("papillary carcinoma", True),
}
"""Name and malignancy by the code in a file's name."""

_NAME = re.compile(r"SOB_[BM]_(A|F|PT|TA|DC|LC|MC|PC)-\d+-(\d+)[A-Z]*-(\d+)-\d+")
"""Procedure, class, subtype, year, patient with letters of the slide, magnification, number."""

_FOLDS = "dsfold*.txt"


def parse_name(path: Path) -> tuple[str, bool, str, int] | None:
    """Subtype, whether malignant, patient and magnification; None for other names."""
    match = _NAME.fullmatch(path.stem)
    if match is None:
        return None
    name, malignant = SUBTYPES[match[1]]
    return name, malignant, match[2], int(match[3])


def read_folds(folder: Path) -> list[Mapping[str, bool]]:
    """The official folds: for each whether an image, by its file's stem, is of the test part.

    Raises
    ------
    InputError
        If the folder holds no such file.
    TableError
        If a line is not ``name|magnification|fold|train or test``.
    """
    files = sorted(folder.glob(_FOLDS))
    if not files:
        raise InputError(folder, f"holds no {_FOLDS}")
    return [_read_fold(path) for path in files]


def _read_fold(path: Path) -> dict[str, bool]:
    parts: dict[str, bool] = {}
    for number, line in enumerate(read_text(path, errors="replace").splitlines(), 1):
        if not line.strip():
            continue
        fields = line.strip().split("|")
        if len(fields) != 4 or fields[3] not in ("train", "test"):
            raise TableError(path, f"line {number}: not name|magnification|fold|train or test")
        parts[Path(fields[0]).stem] = fields[3] == "test"
    return parts
