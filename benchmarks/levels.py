r"""Rules for the malignancy of images, breasts and patients, side by side.

    python benchmarks/out_of_fold.py cbis-square:PATH --folds FOLDS \
        --classifiers COMPARED/malignancy --out OUT
    python benchmarks/levels.py OUT

An image scores the highest score^a * p_malignant of its detections: which power a? AUC of the first
fold, on which the rule was chosen, and of all others.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from mammoscope.evaluation import load_predictions, load_truth
from mammoscope.evaluation.levels import of_wholes
from mammoscope.evaluation.roc import area_under_roc
from mammoscope.files import DISCLAIMER

POWERS = (0.0, 0.25, 0.5, 1.0, 2.0)
FIRST = "1"
LEVELS = ("image", "breast", "patient")


def main() -> None:
    """Print one line a power."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("found", type=Path, help="OUT of out_of_fold.py")
    folder = parser.parse_args().found
    truth = load_truth(folder / "truth.csv", ("fold",))
    found = load_predictions(folder / "both.csv", truth)
    first = np.array(truth.columns["fold"].images) == FIRST
    print("| a | " + " | ".join(f"{w}, {f}" for f in ("fold 1", "others") for w in LEVELS) + " |")
    print("|" + "---|" * (1 + 2 * len(LEVELS)))
    for power in POWERS:
        # The rule takes the square root.
        changed = replace(found, scores=found.scores ** (2 * power))
        wholes = of_wholes(truth, changed, found.p_malignant)
        cells = []
        for which in (first, ~first):
            for level in LEVELS:
                units = wholes[level].only(wholes[level].known & which[wholes[level].image_of])
                weights = np.ones((1, len(units)))
                cells.append(f"{area_under_roc(units.scores, units.malignant, weights)[0]:.3f}")
        print(f"| {power:g} | {' | '.join(cells)} |")
    print(DISCLAIMER)


if __name__ == "__main__":
    main()
