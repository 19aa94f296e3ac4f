"""Training runs side by side: ways of looking, families, settings; one row a run and path.

    python benchmarks/compare.py RUN [RUN ...] [--part validation] [--paths both] [--time FOLDER]

Each RUN is a folder that ``mammoscope train detector`` wrote. AP at IoU 0.5 and 0.25, sensitivity
by the centre rule, each with a 95 % interval from resampling patients; size of the ONNX file; with
``--time`` the median ms an image of detection alone, on all cores, over the images of a folder.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from pathlib import Path

from mammoscope.detection import OnnxDetector
from mammoscope.evaluation import (
    Estimate,
    EvaluationOptions,
    HitRule,
    evaluate,
    load_predictions,
    load_truth,
)
from mammoscope.models import DetectorCard
from mammoscope.models.detector_card import PATHS
from mammoscope.preprocessing import preprocess
from mammoscope.reading import find_images, read
from mammoscope.types import Mammogram

HEADER = (
    "run",
    "paths",
    "AP, IoU 0.5",
    "AP, IoU 0.25",
    "sens. at 0.5 FPPI",
    "at 1 FPPI",
    "ms",
    "MB",
)


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--part", default="validation", choices=("validation", "test"))
    parser.add_argument("--paths", nargs="+", default=PATHS, choices=PATHS)
    parser.add_argument("--time", type=Path, help="folder of images to time detection on")
    options = parser.parse_args()
    breasts = []
    if options.time:
        found = find_images([options.time], Path("none"))
        breasts = [preprocess(read(path)).mammogram for path in found.paths]
    print("| " + " | ".join(HEADER) + " |\n" + "|---" * len(HEADER) + "|")
    for run in options.runs:
        card = DetectorCard.read(run / "detector.json")
        for path in options.paths:
            cells = [run.name, path, *figures(run / options.part, path)]
            cells += [
                milliseconds(card, path, breasts),
                f"{card.weights_path.stat().st_size / 1e6:.1f}",
            ]
            print("| " + " | ".join(cells) + " |")


def figures(folder: Path, path: str) -> list[str]:
    """The figures of one way of looking, as a table shows them."""
    truth = load_truth(folder / "truth.csv")
    predictions = load_predictions(folder / f"{path}.csv", truth)
    half, quarter, center = (
        evaluate(predictions, truth, EvaluationOptions(rule))
        for rule in (HitRule("iou", 0.5), HitRule("iou", 0.25), HitRule("center", None))
    )
    sensitivity = center.sensitivity_at_fppi
    return [_cell(e) for e in (half.ap, quarter.ap, sensitivity[0.5], sensitivity[1.0])]


def milliseconds(card: DetectorCard, path: str, breasts: list[Mammogram]) -> str:
    """Median time of detection on one image, on all cores."""
    if not breasts:
        return "-"
    detector = OnnxDetector(card, path, threads=os.cpu_count() or 1)
    detector.find(breasts[0])
    times = []
    for breast in breasts:
        start = time.perf_counter()
        detector.find(breast)
        times.append(time.perf_counter() - start)
    return f"{1000 * statistics.median(times):.0f}"


def _cell(estimate: Estimate) -> str:
    if estimate.value is None or estimate.low is None:
        return "-"
    return f"{estimate.value:.3f} ({estimate.low:.2f} to {estimate.high:.2f})"


if __name__ == "__main__":
    main()
