"""RSNA Screening Mammography Breast Cancer Detection: digital, a label for each breast, no boxes.

Layout, as Kaggle gives it: ``PATH/train.csv`` (site_id, patient_id, image_id, laterality, view,
age, cancer, biopsy, invasive, BIRADS, implant, density, machine_id, difficult_negative_case) and
``PATH/train_images/<patient_id>/<image_id>.dcm``.

Licence: the rules of the competition, non-commercial. From
https://www.kaggle.com/competitions/rsna-breast-cancer-detection. Cite C. Carr et al., RSNA
Screening Mammography Breast Cancer Detection, Kaggle (2022).

Traps
-----
- ``cancer`` is 1 for every image of a breast with cancer, also where none can be seen.
- ``BIRADS`` is 0 (needs more), 1 or 2 alone, and as empty as ``density`` at one of the sites.
- An image without cancer is not free of benign lesions: it is "negative" here, or "benign" where
  the breast was biopsied.
- ``test.csv`` has no labels and is not read.
"""

from __future__ import annotations

from pathlib import Path

from mammoscope.annotations.adapter import Adapter
from mammoscope.annotations.table import AnnotatedImage, ImageSet
from mammoscope.datasets.fields import birads, density, flag, side, years
from mammoscope.tables import Row, RowFault, each_row, read_table

_COLUMNS = (
    "patient_id",
    "image_id",
    "laterality",
    "view",
    "cancer",
    "biopsy",
    "BIRADS",
    "density",
)


def load(path: Path) -> ImageSet:
    """The annotation table of the set in ``path``; a row that cannot be meant is left out.

    Raises
    ------
    TableError
        If ``train.csv`` is not there, lacks a column or has no row that can be meant.
    """
    faults: list[RowFault] = []
    table = read_table(path / "train.csv", _COLUMNS, faults)
    images = each_row(table, lambda row: _image(path, row), faults, needed=True)
    ordered = sorted(images, key=lambda image: (image.patient_id, image.path.stem))
    return ImageSet.of(ordered, (fault.error for fault in faults))


def _image(path: Path, row: Row) -> AnnotatedImage:
    return AnnotatedImage.unmarked(
        path / "train_images" / row.name("patient_id") / f"{row.name('image_id')}.dcm",
        row.name("patient_id"),
        laterality=side(row, "laterality"),
        view=row.text("view") or None,
        density=density(row, "density"),
        birads=birads(row, "BIRADS"),
        age=years(row, "age"),
        machine=row.text("machine_id") or None,
        site=row.text("site_id") or None,
        image_label=_label(row),
    )


def _label(row: Row) -> str:
    if flag(row, "cancer"):
        return "malignant"
    return "benign" if flag(row, "biopsy") else "negative"


ADAPTER = Adapter(
    name="rsna",
    title="RSNA screening mammography, digital, a label for each breast",
    home="https://www.kaggle.com/competitions/rsna-breast-cancer-detection",
    licence="the competition's rules, non-commercial",
    traps=(
        "An image counts as cancer where its breast has one, seen or not; there are no boxes.",
        "BI-RADS is 0, 1 or 2 alone, and missing with the density at one site.",
        "Without cancer is not without benign lesions: the label is 'negative'.",
    ),
    load=load,
)
