r"""Subgroups and calibration of a model's card, from tables of what it said of patients unseen.

    python benchmarks/card_figures.py FOLDS/both.csv FOLDS/truth.csv --hit center \
        --by density --by view --by size --out figures.json
    python benchmarks/card_figures.py RUN/malignancy/annotated.csv RUN/truth.csv --hit iou:0.25 \
        --by density --by view --by size --out figures.json

Tables as `mammoscope train folds`, `train compare` and benchmarks/out_of_fold.py write them. Writes
`subgroups` and `reliability`, for `figures` of the FACTS of `mammoscope train export`; the page of
models draws the calibration plot from them. Of a detector: marks that hit by score. Of p_malignant:
lesions that are malignant, by the p of the detection that hits them.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from mammoscope.evaluation import (
    Estimate,
    Evaluation,
    EvaluationOptions,
    HitRule,
    Predictions,
    Subgroup,
    Truth,
    evaluate,
    load_predictions,
    load_truth,
    match,
)
from mammoscope.evaluation.metrics.calibration import Reliability
from mammoscope.files import write_json

FPPI = (0.5, 1.0, 2.0)


def main() -> None:
    """Write the two parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("predictions", type=Path)
    parser.add_argument("truth", type=Path)
    parser.add_argument("--hit", type=HitRule.parse, default=HitRule("center", None))
    parser.add_argument("--by", action="append", default=[], help="column of the truth, or size")
    parser.add_argument("--of", default="", help="which models on which patients, in words")
    parser.add_argument("--bootstrap", type=int, default=1000)
    parser.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args()
    truth = load_truth(chosen.truth, columns=chosen.by)
    predictions = load_predictions(chosen.predictions, truth)
    options = EvaluationOptions(chosen.hit, bootstrap=chosen.bootstrap, by=tuple(chosen.by))
    write_json(chosen.out, card_figures(predictions, truth, options, chosen.of))
    print(chosen.out)


def card_figures(
    predictions: Predictions, truth: Truth, options: EvaluationOptions, of: str = ""
) -> dict[str, Any]:
    """The parts ``subgroups`` and ``reliability`` of a card's figures, as plain values."""
    found = evaluate(predictions, truth, options)
    by = [
        {"column": part.column, "groups": [_group(group) for group in part.groups]}
        for part in found.subgroups
    ]
    said = f"hit rule {options.hit}, {found.patients} patients" + (f"; {of}" if of else "")
    parts: dict[str, Any] = {"reliability": {"by": _reliability(predictions, truth, found)}}
    return {"subgroups": {"of": said, "by": by}, **parts} if by else parts


def _group(group: Subgroup) -> dict[str, Any]:
    """Of a group what it has: sensitivities and AP of marks, AUC of p_malignant."""
    counts = {"images": group.images, "lesions": group.lesions, "patients": group.patients}
    figures: dict[str, Estimate | None] = {"ap": group.ap, "auc": _named(group, "classification")}
    at = group.sensitivity_at_fppi
    figures |= {f"sensitivity at {fppi:g} FPPI": at[fppi] for fppi in FPPI if fppi in at}
    told = {
        name: _rounded(each) for name, each in figures.items() if each and each.value is not None
    }
    return {"value": group.name, **counts, **told}


def _named(group: Subgroup, block: str) -> Estimate | None:
    found = [each.estimate for each in group.figures if each.figure.block == block]
    return found[0] if found else None


def _rounded(estimate: Estimate) -> dict[str, float | None]:
    return {
        key: None if value is None else round(value, 3) for key, value in estimate.as_dict().items()
    }


def _reliability(predictions: Predictions, truth: Truth, found: Evaluation) -> list[dict[str, Any]]:
    """Bins of equal mass: of the scores, where there are any, and of p_malignant."""
    parts = []
    if found.scored and len(predictions.scores) and _are_chances(predictions):
        hits = match(predictions, truth, found.hit) >= 0
        bins = Reliability.of(predictions.scores, hits)
        parts.append({"of": f"marks that hit ({found.hit}), by score", "bins": _bins(bins)})
    if found.classification is not None:
        bins = found.classification.reliability
        of = "lesions that are malignant, by P(malignant)"
        parts.append({"of": of, "bins": _bins(bins)})
    return parts


def _are_chances(predictions: Predictions) -> bool:
    return bool(((predictions.scores >= 0) & (predictions.scores <= 1)).all())


def _bins(bins: Reliability) -> list[dict[str, float]]:
    rows = zip(bins.p, bins.malignant, bins.lesions, strict=True)
    return [
        {"p": round(float(p), 4), "share": round(float(s), 4), "count": int(np.rint(n))}
        for p, s, n in rows
    ]


if __name__ == "__main__":
    main()
