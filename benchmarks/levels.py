r"""Rules for the malignancy of images, breasts and patients, side by side.

    python benchmarks/out_of_fold.py cbis-square:PATH --folds FOLDS \
        --classifiers COMPARED/malignancy --out OUT
    python benchmarks/levels.py OUT

An image scores the highest score^a * p_malignant of its detections: which power a? AUC of the first
fold, on which the rule was chosen, and of all others.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mammoscope.evaluation import load_predictions, load_truth
from mammoscope.evaluation.metrics.estimates import measure
from mammoscope.evaluation.metrics.levels import Units, of_wholes
from mammoscope.evaluation.metrics.roc import area_under_roc
from mammoscope.files import DISCLAIMER
from mammoscope.geometry import FloatArray

POWERS = (0.0, 0.25, 0.5, 1.0, 2.0)
FIRST = "1"
BOOTSTRAP = 1000


@dataclass(frozen=True)
class Aucs:
    """One figure for each of ``units``."""

    units: Sequence[Units]

    @property
    def size(self) -> int:
        """Values held at once for each weighting, about."""
        return max(map(len, self.units))

    def __call__(self, weights: FloatArray) -> tuple[FloatArray]:
        """(B, U) for weights (B, I)."""
        each = [area_under_roc(u.scores, u.malignant, weights[:, u.image_of]) for u in self.units]
        return (np.stack(each, axis=1),)

    def patients(self, names: Sequence[str]) -> tuple[FloatArray]:
        """How many patients each rests on."""
        return (np.array([len({names[i] for i in u.image_of}) for u in self.units], float),)


def main() -> None:
    """Print one line a power."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("found", type=Path, help="OUT of out_of_fold.py")
    folder = parser.parse_args().found
    truth = load_truth(folder / "truth.csv", ("fold",))
    found = load_predictions(folder / "both.csv", truth)
    first = np.array(truth.columns["fold"].images) == FIRST
    units = []
    for power in POWERS:
        # The rule takes the square root.
        changed = replace(found, scores=found.scores ** (2 * power))
        wholes = of_wholes(truth, changed, found.p_malignant)
        for which in (first, ~first):
            units += [w.only(w.known & which[w.image_of]) for w in wholes.values()]
    (aucs,) = measure(Aucs(units), truth.patients, BOOTSTRAP, seed=0)
    heads = [f"{level}, {fold}" for fold in ("fold 1", "others") for level in wholes]
    print(f"| a | {' | '.join(heads)} |\n|{'---|' * (1 + len(heads))}")
    for power, row in zip(POWERS, aucs.reshape(len(POWERS), -1), strict=True):
        cells = (f"{auc.value:.3f} ({auc.low:.3f} to {auc.high:.3f})" for auc in row)
        print(f"| {power:g} | {' | '.join(cells)} |")
    print(f"95 % intervals from {BOOTSTRAP} resamples of patients.")
    print(DISCLAIMER)


if __name__ == "__main__":
    main()
