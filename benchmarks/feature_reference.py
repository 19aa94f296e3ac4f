"""Quantiles of a few features over benign and malignant masses, as they are shipped for the report.

    python benchmarks/feature_reference.py cbis-square:PATH --out reference.json

The masses are those that the shipped classifier was trained on: its training part, annotated boxes.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from mammoscope import datasets
from mammoscope.annotations.splits import hold_out
from mammoscope.files import write_json
from mammoscope.training.classifiers.lesions import load_lesions
from mammoscope.training.classifiers.reference import reference_facts
from mammoscope.training.config import DEFAULT_CLASSIFIER, ClassifierConfig


def main() -> None:
    """Write the quantiles of the training part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="ADAPTER:PATH of the set that the model was trained on")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    adapter, _ = datasets.find(options.data)
    settings = ClassifierConfig.read(DEFAULT_CLASSIFIER).training
    images = datasets.masses(datasets.load(options.data))
    parts = hold_out(images, settings.test, settings.validation, settings.split_seed)
    workers = os.cpu_count() or 1
    lesions = load_lesions(parts.training, (), {}, lambda error: print(error), workers)
    source = {
        "name": adapter.title,
        "part": "annotated boxes of the shipped classifier's training part",
        "licence": adapter.licence,
        "home": adapter.home,
    }
    write_json(options.out, reference_facts(lesions, source))
    print(f"{len(lesions)} masses")


if __name__ == "__main__":
    main()
