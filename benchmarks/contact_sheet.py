"""Preprocessing for the eye: outlines of breast (green) and pectoral muscle (red), many a sheet.

    python benchmarks/contact_sheet.py cbis-square:PATH --count 100 --out sheets

Boxes of annotated masses are drawn too, and those that are not at least 80 % inside the breast are
counted. Images are drawn at random by the seed.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from mammoscope import datasets
from mammoscope.datasets import AnnotatedImage
from mammoscope.preprocessing import preprocess

_TILE = (420, 260)
_ACROSS, _DOWN = 10, 2


def main() -> None:
    """Draw the sheets and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="ADAPTER:PATH")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    images = datasets.load(options.data)
    order = np.random.default_rng(options.seed).permutation(len(images))[: options.count]
    options.out.mkdir(parents=True, exist_ok=True)
    tiles, cut, masses = [], 0, 0
    for index in order:
        tile, shares = _tile(images[index])
        tiles.append(tile)
        masses += len(shares)
        cut += sum(share < 0.8 for share in shares)
    a_sheet = _ACROSS * _DOWN
    for number, start in enumerate(range(0, len(tiles), a_sheet), start=1):
        some = tiles[start : start + a_sheet]
        some += [np.zeros_like(some[0])] * (a_sheet - len(some))
        rows = [np.hstack(some[i : i + _ACROSS]) for i in range(0, a_sheet, _ACROSS)]
        cv2.imwrite(str(options.out / f"sheet-{number}.png"), np.vstack(rows))
    print(f"{len(tiles)} images, {masses} masses, {cut} less than 80 % inside the breast")


def _tile(image: AnnotatedImage) -> tuple[np.ndarray, list[float]]:
    """A picture with outlines, and the share of each mass that lies inside the breast."""
    mammogram = replace(image.read(), laterality=image.laterality, view=image.view)
    done = preprocess(mammogram)
    frame = mammogram.frame
    breast = done.breast.on(frame)
    picture = cv2.cvtColor(np.uint8(255 * np.sqrt(mammogram.pixels)), cv2.COLOR_GRAY2BGR)
    regions = [(breast, (0, 255, 0))]
    if done.pectoral is not None:
        regions.append((done.pectoral.on(frame), (0, 0, 255)))
    for mask, colour in regions:
        outlines, _ = cv2.findContours(
            mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        cv2.drawContours(picture, outlines, -1, colour, 5)
    shares = []
    for x0, y0, x1, y1 in np.rint(frame.boxes_from_source(image.boxes)).astype(int).tolist():
        shares.append(float(breast[max(0, y0) : y1, max(0, x0) : x1].mean()))
        cv2.rectangle(picture, (x0, y0), (x1, y1), (0, 220, 255), 4)
    cv2.putText(picture, image.path.stem, (8, frame.rows - 16), 0, 1.4, (255, 255, 0), 3)
    return cv2.resize(picture, _TILE[::-1], interpolation=cv2.INTER_AREA), shares


if __name__ == "__main__":
    main()
