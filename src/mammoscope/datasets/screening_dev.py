"""A part of the RSNA screening set, exported small: to measure on, never to train.

Layout: ``PATH/images/*.jpg``, 640 x 800, and ``PATH/images.csv`` (image, patient_id, laterality,
view, cancer, birads, density, age, machine_id, site_id).

Licence: the terms of the RSNA Screening Mammography Breast Cancer Detection set (RSNA,
BreastScreen Victoria and Emory University, 2022): non-commercial use and academic research only, so
no weights that are passed on may have learnt from it. Say so wherever a figure of it stands.

Traps
-----
- ``cancer`` is of the breast: a view need not show it, and many are calcifications.
- ``birads`` 1 alone says that an image was read as normal; empty and no cancer is "negative" too,
  but benign findings may be there.
- The files were squeezed to a square and stretched back: proportions are only about right, and fine
  detail is gone.
- Machines differ more than anything else does: report by machine.
"""

from __future__ import annotations

from pathlib import Path

from mammoscope.annotations.adapter import Adapter
from mammoscope.annotations.table import AnnotatedImage, ImageSet
from mammoscope.datasets.fields import birads, density, flag, side, years
from mammoscope.tables import Row, RowFault, each_row, read_table

_COLUMNS = ("image", "patient_id", "laterality", "view", "cancer", "birads", "density")


def load(path: Path) -> ImageSet:
    """The annotation table of the export in ``path``; a row that cannot be meant is left out.

    Raises
    ------
    TableError
        If ``images.csv`` is not there, lacks a column or has no row that can be meant.
    """
    faults: list[RowFault] = []
    table = read_table(path / "images.csv", _COLUMNS, faults)
    images = each_row(table, lambda row: _image(path, row), faults, needed=True)
    ordered = sorted(images, key=lambda image: image.path.name)
    return ImageSet.of(ordered, (fault.error for fault in faults))


def _image(path: Path, row: Row) -> AnnotatedImage:
    return AnnotatedImage.unmarked(
        path / "images" / row.name("image"),
        row.name("patient_id"),
        laterality=side(row, "laterality"),
        view=row.text("view") or None,
        density=density(row, "density"),
        birads=birads(row, "birads"),
        age=years(row, "age"),
        machine=row.text("machine_id") or None,
        site=row.text("site_id") or None,
        image_label="malignant" if flag(row, "cancer") else "negative",
    )


ADAPTER = Adapter(
    name="screening-dev",
    title="RSNA screening mammography, a small export to measure on, a label for each breast",
    home="https://www.kaggle.com/competitions/rsna-breast-cancer-detection",
    licence="non-commercial use and academic research only",
    traps=(
        "To measure on only: no weights that are passed on may have learnt from it.",
        "Cancer is said of the breast: a view need not show it, and there are no boxes.",
        "BI-RADS 1 alone says that an image was read as normal.",
        "Proportions are only about right, and machines differ: report by machine.",
    ),
    load=load,
    measure_only=True,
)
