"""The figures of compared classifiers: one table, and plots of each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mammoscope.evaluation import (
    Estimate,
    EvaluationOptions,
    HitRule,
    evaluate,
    load_predictions,
    load_truth,
    plot_reliability,
    plot_roc,
)
from mammoscope.files import DISCLAIMER, write_bytes, write_json
from mammoscope.tables import write_table
from mammoscope.training.classifiers.lesions import SAME
from mammoscope.training.classifiers.predictions import WHOSE

_BY = ("density", "view", "size")
"""Subgroups of figures.json."""

_TITLES = {
    "auc": "AUC",
    "accuracy": "Accuracy",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "brier": "Brier score",
    "calibration_error": "Calibration error",
}


def write_comparison(folder: Path, starts: dict[str, str], malignant_from: float = 0.5) -> None:
    """Write table.csv and table.md, and for each method figures.json, ROC and reliability plots.

    Parameters
    ----------
    folder
        With truth.csv, and a folder a method with annotated.csv and detected.csv.
    starts
        By method: what it was trained from.
    malignant_from
        Probability from which a lesion is called malignant.
    """
    truth = load_truth(folder / "truth.csv", _BY)
    hit = HitRule("iou", SAME)
    options = EvaluationOptions(hit, by=_BY, malignant_from=malignant_from)
    rows: list[dict[str, object]] = []
    for method, start in starts.items():
        figures = {}
        for whose in WHOSE:
            path = folder / method / f"{whose}.csv"
            if not path.exists():
                continue
            found = evaluate(load_predictions(path, truth), truth, options)
            figures[whose] = found.as_dict()
            said = found.classification
            assert said is not None  # noqa: S101  (probabilities and labels are there)
            about = {"method": method, "start": start, "boxes": whose, "lesions": said.scored}
            for metric in _TITLES:
                estimate: Estimate = getattr(said, metric)
                rows.append(about | {"metric": metric} | estimate.as_dict())
            if whose == WHOSE[0]:
                plot_roc([found], folder / method / "roc.png")
                plot_reliability([found], folder / method / "reliability.png")
        write_json(folder / method / "figures.json", figures)
    columns = ("method", "start", "boxes", "lesions", "metric", "value", "low", "high")
    write_table(folder / "table.csv", columns, rows)
    write_bytes(folder / "table.md", _markdown(rows, malignant_from).encode())


def _markdown(rows: Sequence[dict[str, object]], malignant_from: float) -> str:
    """One line a method and kind of boxes, figures with their 95 % intervals."""
    heads = ["Method", "Start", "Boxes", "Lesions", *_TITLES.values()]
    lines = [" | ".join(heads), " | ".join(["---"] * len(heads))]
    for first in range(0, len(rows), len(_TITLES)):
        some = rows[first : first + len(_TITLES)]
        about = [str(some[0][name]) for name in ("method", "start", "boxes", "lesions")]
        lines.append(" | ".join([*about, *map(_cell, some)]))
    note = (
        f"Out-of-fold, split by patient, calibrated on other folds. Malignant from"
        f" {malignant_from:g}. Intervals: 95 %, resamples of patients. {DISCLAIMER}"
    )
    return "\n".join(f"| {line} |" for line in lines) + f"\n\n{note}\n"


def _cell(row: dict[str, object]) -> str:
    value, low, high = row["value"], row["low"], row["high"]
    if value is None:
        return "undefined"
    return f"{value:.3f}" if low is None else f"{value:.3f} ({low:.3f} to {high:.3f})"
