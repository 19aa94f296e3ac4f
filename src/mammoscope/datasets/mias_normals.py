"""Normal films of mini-MIAS: women both of whose breasts were read as normal.

Layout: ``PATH/normals.csv`` (image, patient_id, tissue) and ``PATH/images/mdb003.png`` and so on:
1024 x 1024, 8 bits, 0.2 mm a pixel, each film centred on black. All are MLO views.

Licence: CC BY, as its authors deposited the set in the repository of the University of Cambridge.
Cite J. Suckling et al., Exerpta Medica International Congress Series 1069 (1994); v1.21,
doi 10.17863/CAM.105113.

Traps
-----
- The table says no side: film numbers do, even ones are left breasts and odd ones right.
- Tissue is F (fatty), G (glandular) or D (dense), which are not the four grades of density.
- Labels, tape and the edge of the film are in the pictures.
- Women with an abnormal film are not in it: shares of images here are none of a population.
"""

from __future__ import annotations

import re
from pathlib import Path

from mammoscope.annotations.adapter import Adapter
from mammoscope.annotations.table import AnnotatedImage, ImageSet
from mammoscope.tables import Row, RowFault, each_row, read_table

_FILM = re.compile(r"mdb(\d{3})\.\w+")
_TISSUES = ("F", "G", "D")


def load(path: Path) -> ImageSet:
    """The annotation table of the set in ``path``: every image without a lesion.

    A row that cannot be meant is left out.

    Raises
    ------
    TableError
        If ``normals.csv`` is not there, lacks a column or has no row that can be meant.
    """
    faults: list[RowFault] = []
    table = read_table(path / "normals.csv", ("image", "patient_id", "tissue"), faults)
    images = each_row(table, lambda row: _image(path, row), faults, needed=True)
    ordered = sorted(images, key=lambda image: image.path.name)
    return ImageSet.of(ordered, (fault.error for fault in faults))


def _image(path: Path, row: Row) -> AnnotatedImage:
    name, tissue = row.name("image"), row.text("tissue").upper()
    film = _FILM.fullmatch(name)
    if film is None:
        raise row.error(f"image must be named as mdb003.png, got {name!r}")
    if tissue and tissue not in _TISSUES:
        raise row.error(f"tissue must be F, G or D, got {tissue!r}")
    return AnnotatedImage.of(
        path / "images" / name,
        row.name("patient_id"),
        (),
        laterality="R" if int(film[1]) % 2 else "L",
        view="MLO",
        tissue=tissue or None,
        image_label="negative",
    )


ADAPTER = Adapter(
    name="mias-normals",
    title="mini-MIAS, the normal films of women with no abnormal one",
    home="https://doi.org/10.17863/CAM.105113",
    licence="CC BY",
    traps=(
        "Sides are told by film numbers alone: even is left, odd is right; all are MLO views.",
        "Tissue F, G, D is not the four grades of density.",
        "Labels, tape and the edge of the film are in the pictures.",
    ),
    load=load,
)
