r"""How far the density that the shipped model says agrees with what a set says.

    python benchmarks/density.py screening-dev:PATH --out OUT

Prints the quadratic-weighted kappa with its interval from patients, for all images and by machine,
view and cancer yes or no; OUT gets density.csv with every image and density.json with the tables.
Sets that the model has learnt from are refused: their figures stand on its card, out of fold.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mammoscope import datasets
from mammoscope.datasets import AnnotatedImage
from mammoscope.density import find_density
from mammoscope.errors import InputError
from mammoscope.evaluation.metrics.agreement import Agreement
from mammoscope.files import ensure_folder, write_json
from mammoscope.preprocessing import preprocess
from mammoscope.tables import write_table
from mammoscope.types import DENSITIES, Density

LEARNT_FROM = ("cbis-square", "cbis-ddsm", "cdd-cesm", "mias-normals", "mini-mias")
LEAST = 20
"""Fewest images of a group that is told."""

Said = tuple[AnnotatedImage, Density]


def main() -> None:
    """Look at the images and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="ADAPTER:PATH of a set with densities")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    if options.data.split(":")[0] in LEARNT_FROM:
        parser.error("the shipped model has learnt from this set: see its card")
    model = find_density()
    said: list[Said] = []
    for image in datasets.load(options.data):
        if image.density is not None:
            try:
                said.append((image, model.of(preprocess(image.read()).mammogram)))
            except InputError as error:
                print(f"left out: {error}")
    folder = ensure_folder(options.out)
    write_table(folder / "density.csv", ("image", "patient_id", "true", "said"), map(_row, said))
    figures = {name: _figures(some) for name, some in _groups(said)}
    write_json(folder / "density.json", figures)
    print(f"{model.model.name} on {options.data.split(':')[0]}: quadratic-weighted kappa (95 %)")
    for name, values in figures.items():
        kappa = values["quadratic_kappa"]
        print(
            f"{name:<20} {kappa['value']:.2f} ({kappa['low']:.2f} to {kappa['high']:.2f}),"
            f" {values['images']} images of {values['patients']} patients"
        )
    print("true A to D down, said across:", figures["all"]["table"])


def _row(one: Said) -> dict[str, object]:
    image, density = one
    return {
        "image": image.path.name,
        "patient_id": image.patient_id,
        "true": DENSITIES[(image.density or 1) - 1],
        "said": density.category,
    }


def _groups(said: list[Said]) -> Iterator[tuple[str, list[Said]]]:
    yield "all", said
    for what in ("machine", "view", "image_label"):
        for value in sorted({getattr(image, what) or "" for image, _ in said}):
            some = [one for one in said if (getattr(one[0], what) or "") == value]
            if value and len(some) >= LEAST:
                yield f"{what} {value}", some


def _figures(said: list[Said]) -> dict[str, object]:
    patients = [image.patient_id for image, _ in said]
    true = np.array([(image.density or 1) - 1 for image, _ in said], dtype=np.int64)
    found = np.array([DENSITIES.index(density.category) for _, density in said], dtype=np.int64)
    agreement = Agreement.measured(true, found, patients, categories=len(DENSITIES))
    return {
        "images": len(said),
        "patients": len(set(patients)),
        "quadratic_kappa": agreement.kappa.as_dict(),
        "table": agreement.table.tolist(),
    }


if __name__ == "__main__":
    main()
