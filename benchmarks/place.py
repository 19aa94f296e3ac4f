r"""What a region's size and place add to a detector's scores, out of fold; and the card's weights.

    mammoscope train folds --data cbis-square:PATH --folds 2 --out FOLDS
    python benchmarks/place.py FOLDS cbis-square:PATH --out OUT

Each region of FOLDS/both.csv is scored anew by logistic regression on `mammoscope.detection.place`,
fitted on the patients of the other parts; the regions whose middle lies in a lesion of
FOLDS/truth.csv are the true ones. Prints figures before and after and what is gained, with 95 %
intervals of resampled patients, of the gain by the same patients. OUT/place.json is for the card:
the regression fitted on all patients. OUT/both.csv are the predictions out of fold.
"""

from __future__ import annotations

import argparse
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
from rescoring import fit, out_of_fold, plain, tell, write_predictions

from mammoscope import datasets
from mammoscope.annotations.table import AnnotatedImage
from mammoscope.detection.place import place_features
from mammoscope.evaluation import HitRule, Predictions, load_predictions, load_truth, match
from mammoscope.files import DISCLAIMER, ensure_folder, write_json
from mammoscope.geometry import FloatArray
from mammoscope.models.detector_card import PlaceWeights
from mammoscope.preprocessing import preprocess
from mammoscope.training.detectors.predict import names_of
from mammoscope.types import Detections

SLOPES = tuple(field.name for field in fields(PlaceWeights))[1:]


def main() -> None:
    """Fit, print, and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folds", type=Path, help="OUT of `mammoscope train folds`")
    parser.add_argument("data", help="ADAPTER:PATH of the set that they are of")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    images = datasets.masses(datasets.load(given.data))
    out = ensure_folder(given.out)
    truth = load_truth(given.folds / "truth.csv")
    found = load_predictions(given.folds / "both.csv", truth)
    names = names_of(images)
    by_name = {names[image.path]: image for image in images}
    features = _features(found, [by_name[name] for name in truth.images])
    hits = match(found, truth, HitRule.parse("center")) >= 0
    after = out_of_fold(found, truth, features, hits, images)
    write_predictions(out / "both.csv", after, truth.images)
    write_json(out / "place.json", plain(fit(features, hits), SLOPES))
    print(
        f"{len(found)} regions on {len(truth.images)} images of {len(set(truth.patients))}"
        f" patients, {int(hits.sum())} of them hits"
    )
    tell({"detector": found, "and size and place": after}, truth)
    print(DISCLAIMER)


def _features(found: Predictions, images: list[AnnotatedImage]) -> FloatArray:
    """(N, F) of each region."""
    features = np.zeros((len(found), len(SLOPES)))
    for i, image in enumerate(images):
        own = found.image_of == i
        breast = preprocess(replace(image.read(), laterality=image.laterality, view=image.view))
        frame = breast.mammogram.frame
        boxes = frame.boxes_from_source(found.boxes[own])
        marks = Detections.of(boxes, found.scores[own], frame, "both")
        features[own] = place_features(marks, breast)
    return features


if __name__ == "__main__":
    main()
