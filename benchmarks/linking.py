"""How often the mass of a breast is linked across its two views, and how often two strangers are.

    python benchmarks/linking.py cbis-square:PATH

Takes breasts with one annotated mass on CC and one on MLO. Strangers: the CC view of one patient
with the MLO view of the next, as for a mass and a false mark somewhere else in the breast.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from mammoscope import datasets
from mammoscope.datasets import AnnotatedImage
from mammoscope.geometry import Frame
from mammoscope.preprocessing import nipple_line, preprocess
from mammoscope.study.links import TOLERANCE, link
from mammoscope.types import Detections, ImageResult

_VIEWS = ("CC", "MLO")


def main() -> None:
    """Print both shares."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="ADAPTER:PATH of annotated masses on both views")
    images = datasets.masses(datasets.load(parser.parse_args().data))
    breasts: dict[tuple[str, str | None], dict[str | None, AnnotatedImage]] = {}
    for image in images:
        if len(image.boxes) == 1:
            breasts.setdefault((image.patient_id, image.laterality), {})[image.view] = image
    pairs = [
        [views[view] for view in _VIEWS] for views in breasts.values() if {*_VIEWS} <= {*views}
    ]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        cc, mlo = (list(pool.map(_result, some)) for some in zip(*pairs, strict=True))
    known = [(a, b) for a, b in zip(cc, mlo, strict=True) if a.nipple_line and b.nipple_line]
    print(f"{len(pairs)} breasts, the nipple told on both views of {len(known)}")
    cc, mlo = (list(some) for some in zip(*known, strict=True))
    print(f"linked up to {TOLERANCE:g} depths: {_linked(cc, mlo):.0%} of the masses,", end=" ")
    print(f"{_linked(cc, mlo[1:] + mlo[:1]):.0%} of strangers")


def _result(image: AnnotatedImage) -> ImageResult:
    """The annotated mass as if it was found, all in pixels of true proportions."""
    read = replace(image.read(), laterality=image.laterality, view=image.view)
    boxes = read.frame.boxes_from_source(image.boxes)
    whole = replace(read, frame=Frame(*read.frame.size))
    assert whole.source is not None
    return ImageResult(
        name=image.path.name,
        source=whole.source,
        frame=whole.frame,
        detections=Detections.of(boxes, [1.0], whole.frame, "whole"),
        threshold=0.5,
        nipple_line=nipple_line(preprocess(whole)),
        view=image.view,
    )


def _linked(cc: Sequence[ImageResult], mlo: Sequence[ImageResult]) -> float:
    """Share of the pairs that are linked, taken for one breast each."""
    breasts = [
        replace(view, patient_id=str(n), laterality="L")
        for n, pair in enumerate(zip(cc, mlo, strict=True))
        for view in pair
    ]
    return len(link(breasts)) / len(cc)


if __name__ == "__main__":
    main()
