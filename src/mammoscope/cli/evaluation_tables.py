"""The figures of ``mammoscope evaluate`` as tables on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mammoscope.cli.common import on_one_line, wide
from mammoscope.evaluation import Classification, Estimate, Evaluation, Subgroup, Subgroups
from mammoscope.files import DISCLAIMER
from mammoscope.study.levels import RULE

_LEVELS = {
    "image": "the images of each group evaluated alone",
    "lesion": "lesions found at the operating points of the whole set",
}

_SAID_BY = {
    "option": "as asked for",
    "results": "recorded in the results",
    "default": "the default, as the results record none",
}


def print_tables(evaluations: Sequence[Evaluation], plots: Mapping[str, Path | None]) -> None:
    """Evaluations of one set by several rules, and where each plot was written."""
    console = Console(soft_wrap=True, highlight=False, markup=False, width=wide())
    first = evaluations[0]
    console.print(
        f"{first.images} images ({first.normals} without a lesion) of "
        f"{first.patients} patients, {first.lesions} lesions, {first.predictions} predictions"
    )
    for evaluation in evaluations:
        console.print(f"Hit rule {evaluation.hit}: {evaluation.hit.describe()}")
    if first.scored:
        _print_rows(console, evaluations, _rows(evaluations, first.threshold))
    if first.classification:
        _print_classification(console, evaluations)
    for several in zip(*(evaluation.subgroups for evaluation in evaluations), strict=True):
        _print_subgroups(console, several, evaluations)
    console.print(
        f"Intervals: {first.bootstrap} resamples of patients, seed {first.seed}. {DISCLAIMER}"
    )
    for name, path in plots.items():
        if path is not None:
            console.print(f"{name}: {path}")


def _print_rows(
    console: Console, evaluations: Sequence[Evaluation], rows: Mapping[str, Sequence[Estimate]]
) -> None:
    table = _table(evaluations)
    for label, estimates in rows.items():
        table.add_row(label, *_cells(estimates))
    console.print(table)


def _print_classification(console: Console, evaluations: Sequence[Evaluation]) -> None:
    """A block of its own: which lesions, from which probability up, the figures."""
    each = {str(e.hit): e.classification for e in evaluations if e.classification}
    console.print("\nClassification: malignant or benign")
    for rule, found in each.items():
        console.print(
            f"Hit rule {rule}: {found.labelled} lesions with a label, of them scored "
            f"{found.scored} ({found.malignant} malignant, {found.scored - found.malignant} benign)"
        )
    first, *_ = each.values()
    console.print(
        f"Malignant from p_malignant {first.malignant_from:g}: {_SAID_BY[first.malignant_from_is]}"
    )
    figures = [_classification_figures(found) for found in each.values()]
    _print_rows(console, evaluations, _side_by_side(figures))
    unscored = "" if evaluations[0].scored else " Detections without scores count as 1."
    console.print(f"{RULE}{unscored}")


def _classification_figures(found: Classification) -> dict[str, Estimate]:
    called = f"{found.malignant_from:g} and up"
    return {
        "AUC, lesions": found.auc,
        "Brier score, lesions": found.brier,
        "Calibration error, lesions": found.calibration_error,
        f"Accuracy, {called}": found.accuracy,
        f"Sensitivity, {called}": found.sensitivity,
        f"Specificity, {called}": found.specificity,
        **{
            f"AUC, {name}s ({level.malignant} malignant, {level.benign} benign)": level.auc
            for name, level in found.levels.items()
        },
        **{f"AP, {name} masses": estimate for name, estimate in found.ap.items()},
    }


def _print_subgroups(
    console: Console, several: Sequence[Subgroups], evaluations: Sequence[Evaluation]
) -> None:
    """The groups by one column; ``several`` are the same groups by each rule."""
    first = several[0]
    measure = f" ({first.measure})" if first.measure else ""
    console.print(f"\nBy {on_one_line(first.column)}{measure}: {_LEVELS[first.level]}")
    table = _table(evaluations, "Group", "Images", "Lesions")
    for groups in zip(*(subgroups.groups for subgroups in several), strict=True):
        group = groups[0]
        heading = [on_one_line(group.name), str(group.images), str(group.lesions)]
        for label, estimates in _rows(groups, evaluations[0].threshold).items():
            if any(estimate.value is not None for estimate in estimates):
                table.add_row(*heading, label, *_cells(estimates))
                heading = ["", "", ""]
        table.add_section()
    console.print(table)


def _table(evaluations: Sequence[Evaluation], *before: str) -> Table:
    """A table without rows: columns ``before`` the figure's name, then those of each rule."""
    table = Table()
    for title in before:
        table.add_column(title, justify="left" if title == before[0] else "right")
    table.add_column("Figure")
    rules = [f"{evaluation.hit} (95 % interval)" for evaluation in evaluations]
    for title in ("Value", "95 % interval") if len(rules) == 1 else rules:
        table.add_column(title, justify="right")
    return table


def _rows(several: Sequence[Evaluation | Subgroup], threshold: float) -> dict[str, list[Estimate]]:
    """The figures by their names in the table, each as it is by every rule."""
    return _side_by_side([_figures(found, threshold) for found in several])


def _side_by_side(each: Sequence[Mapping[str, Estimate]]) -> dict[str, list[Estimate]]:
    return {label: [figures[label] for figures in each] for label in each[0]}


def _figures(found: Evaluation | Subgroup, threshold: float) -> dict[str, Estimate]:
    """The figures that there are; those at the threshold only where one is known."""
    shown = f"score {threshold:g} and up"
    figures = {
        "AP": found.ap,
        **{f"Sensitivity at {f:g} FPPI": e for f, e in found.sensitivity_at_fppi.items()},
        "AUC, image level": found.auc,
    }
    if found.sensitivity_at_threshold.value is not None:
        figures[f"Sensitivity, {shown}"] = found.sensitivity_at_threshold
    if found.fppi_at_threshold is not None and found.fppi_at_threshold.value is not None:
        figures[f"False positives an image, {shown}"] = found.fppi_at_threshold
        figures[f"Images without a false positive, {shown}"] = found.clean_at_threshold
    figures[f"False positives a normal image, {shown}"] = found.false_positives_per_normal
    if isinstance(found, Subgroup):
        figures["AUC of malignancy, lesions"] = found.malignancy_auc
    return {label: estimate for label, estimate in figures.items() if estimate is not None}


def _cells(estimates: Sequence[Estimate]) -> list[str]:
    """Value and interval in two cells of one rule, in one cell of each of several."""
    pairs = [_texts(estimate) for estimate in estimates]
    if len(pairs) == 1:
        return [pairs[0][0], pairs[0][1] or "-"]
    return [f"{value} ({interval})" if interval else value for value, interval in pairs]


def _texts(estimate: Estimate) -> tuple[str, str]:
    value = "undefined" if estimate.value is None else f"{estimate.value:.3f}"
    if estimate.low is None:
        return value, ""
    return value, f"{estimate.low:.3f} to {estimate.high:.3f}"
