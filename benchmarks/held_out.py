"""The shipped detector on the patients that its training held out, ready for `mammoscope evaluate`.

    python benchmarks/held_out.py cbis-square:PATH --out held-out
    mammoscope evaluate held-out/predictions.csv held-out/truth.csv --hit iou:0.5

Unlike the predictions that a training run leaves behind, these are of the ONNX model as it is
shipped, behind the preprocessing as it is now. Boxes are in pixels of the files.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mammoscope import datasets
from mammoscope.datasets.splits import split_by_patient
from mammoscope.detection import Detector
from mammoscope.files import ensure_folder
from mammoscope.models import find_card
from mammoscope.preprocessing import preprocess
from mammoscope.tables import BOX_COLUMNS, write_table
from mammoscope.training.config import DEFAULT_CONFIG, DetectorConfig


def main() -> None:
    """Write predictions.csv and truth.csv."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="ADAPTER:PATH of the set that the model was trained on")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    settings = DetectorConfig.read(DEFAULT_CONFIG).training
    images = datasets.load(options.data)
    _, held_out = split_by_patient(images, settings.held_out, settings.seed)
    detector = Detector(find_card("detection"))
    truth, predictions = [], []
    for image in held_out:
        name = {"image": image.path.name, "patient_id": image.patient_id}
        found = detector.find(preprocess(image.read()).mammogram)
        boxes = found.frame.boxes_to_source(found.boxes)
        truth += [name | dict(zip(BOX_COLUMNS, box, strict=True)) for box in image.boxes.tolist()]
        predictions += [
            name | dict(zip(BOX_COLUMNS, box, strict=True)) | {"score": score}
            for box, score in zip(boxes.tolist(), found.scores.tolist(), strict=True)
        ]
    folder = ensure_folder(options.out)
    write_table(folder / "truth.csv", ("image", *BOX_COLUMNS, "patient_id"), truth)
    columns = ("image", *BOX_COLUMNS, "score", "patient_id")
    write_table(folder / "predictions.csv", columns, predictions)
    print(f"{len(held_out)} images of {len({i.patient_id for i in held_out})} patients")


if __name__ == "__main__":
    main()
