"""The shipped detector on the patients that its training held out, ready for `mammoscope evaluate`.

    python benchmarks/held_out.py cbis-square:PATH --out held-out
    mammoscope evaluate held-out/both.csv held-out/truth.csv --hit iou:0.5 --hit center --by size

They are of the ONNX model as it is shipped, behind the preprocessing as it is now: whole.csv,
crops.csv and both.csv, boxes in pixels of the files. Another model of the same split is named with
--card.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from mammoscope import datasets
from mammoscope.datasets.splits import hold_out
from mammoscope.detection import Detector
from mammoscope.files import ensure_folder
from mammoscope.models import DetectorCard, find_card
from mammoscope.training.config import DEFAULT_CONFIG, DetectorConfig
from mammoscope.training.predict import look_at, names_of, write_predictions, write_truth


def main() -> None:
    """Write truth.csv and a table of predictions for each path that the model can be run on."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="ADAPTER:PATH of the set that the model was trained on")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--card", type=Path, help="card of the detector; default: the shipped one")
    options = parser.parse_args()
    settings = DetectorConfig.read(DEFAULT_CONFIG).training
    images = datasets.masses(datasets.load(options.data))
    parts = hold_out(images, settings.test, settings.validation, settings.split_seed)
    card = find_card(DetectorCard, options.card)
    looked = look_at(Detector(card), parts.test, lambda error: print(error), os.cpu_count() or 1)
    folder = ensure_folder(options.out)
    names = names_of(images)
    write_truth(folder / "truth.csv", parts.test, names)
    write_predictions(folder, looked, card, names)
    patients = len({image.patient_id for image in parts.test})
    print(f"{len(parts.test)} images of {patients} patients")


if __name__ == "__main__":
    main()
