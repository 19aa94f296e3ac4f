"""The shipped detector on the patients that its training held out, ready for `mammoscope evaluate`.

    python benchmarks/held_out.py cbis-square:PATH --out held-out
    mammoscope evaluate held-out/both.csv held-out/truth.csv --hit iou:0.5 --hit center --by size

Unlike the predictions that a training run leaves behind, these are of the ONNX model as it is
shipped, behind the preprocessing as it is now: whole.csv, crops.csv and both.csv, boxes in pixels
of the files. Another model of the same split is named with --card.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from mammoscope import datasets
from mammoscope.datasets.splits import hold_out
from mammoscope.detection import Detector
from mammoscope.files import ensure_folder
from mammoscope.models import find_card
from mammoscope.training.config import DEFAULT_CONFIG, DetectorConfig
from mammoscope.training.predict import look_at, write_predictions, write_truth


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
    card = find_card("detection", options.card)
    looked = look_at(Detector(card), parts.test, lambda error: print(error), os.cpu_count() or 1)
    folder = ensure_folder(options.out)
    write_truth(folder / "truth.csv", [one.image for one in looked])
    write_predictions(folder, looked, {path: Detector(card, path) for path in card.threshold})
    patients = len({one.image.patient_id for one in looked})
    print(f"{len(looked)} images of {patients} patients")


if __name__ == "__main__":
    main()
