"""The figures of ``mammoscope evaluate`` as tables on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table

from mammoscope.cli.common import counted, on_one_line, wide
from mammoscope.evaluation import Estimate, Evaluation, Measured, Subgroups
from mammoscope.evaluation.set.protocols import PROTOCOLS, Protocol
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

_DETECTION_RULE = (
    "An image scores its highest detection (0 without any), a breast the mean of its images, a "
    "patient the highest of its breasts. A breast of unknown side has no score, nor has its "
    "patient."
)

_STUCK = (
    "* No interval: every resample of the patients gives the same value, which does not say how "
    "far it could move. A share of 0 or 1 in n patients goes with one up to 3 / n away from it."
)
"""The rule of three (J. A. Hanley and A. Lippman-Hand, JAMA 249, 1983)."""


def print_tables(evaluations: Sequence[Evaluation]) -> None:
    """Evaluations of one set by several rules."""
    console = _console()
    first = evaluations[0]
    unmarked = f", {first.unmarked} with lesions not marked" if first.unmarked else ""
    console.print(
        f"{counted(first.images, 'image')} ({first.normals} without a lesion{unmarked}) of "
        f"{counted(first.patients, 'patient')}, {counted(first.lesions, 'lesion')}, "
        f"{counted(first.predictions, 'prediction')}"
    )
    printed: list[Estimate] = []
    if first.unmarked < first.images or not first.cancer:
        for evaluation in evaluations:
            console.print(f"Hit rule {evaluation.hit}: {evaluation.hit.describe()}")
        if first.scored:
            printed += _print_rows(console, evaluations, [e.figures for e in evaluations])
    if first.classification:
        printed += _print_classification(console, evaluations)
    if first.cancer:
        printed += _print_cancer(console, evaluations)
    for several in zip(*(evaluation.subgroups for evaluation in evaluations), strict=True):
        printed += _print_subgroups(console, several, evaluations)
    if any(estimate.is_stuck for estimate in printed):
        console.print(_STUCK)
    console.print(
        f"Intervals: {first.bootstrap} resamples of patients, seed {first.seed}. {DISCLAIMER}"
    )


def print_protocols() -> None:
    """Every protocol by name."""
    for protocol in PROTOCOLS.values():
        _console().print(f"{protocol.name}: {protocol.title} ({', '.join(protocol.adapters)})")
        _print_rules(protocol)


def print_protocol(protocol: Protocol) -> None:
    """Which protocol the figures below are of."""
    _console().print(f"Protocol {protocol.name}: {protocol.title}")
    _print_rules(protocol)


def _print_rules(protocol: Protocol) -> None:
    console = _console()
    for rule in protocol.rules:
        console.print(f"  {rule}")
    console.print(f"  Source: {protocol.source}")
    if protocol.unsure:
        console.print(f"  Not checked: {protocol.unsure}.")


def _console() -> Console:
    return Console(soft_wrap=True, highlight=False, markup=False, width=wide())


def _print_rows(
    console: Console, evaluations: Sequence[Evaluation], each: Sequence[Sequence[Measured]]
) -> list[Estimate]:
    """A table of the figures by every rule; gives what it shows."""
    table = _table(evaluations)
    shown: list[Estimate] = []
    for label, estimates in _rows(each):
        table.add_row(label, *_cells(estimates))
        shown += estimates
    console.print(table)
    return shown


def _print_classification(console: Console, evaluations: Sequence[Evaluation]) -> list[Estimate]:
    """A block of its own: which lesions, from which probability up, the figures."""
    each = {str(e.hit): e.classification for e in evaluations if e.classification}
    console.print("\nClassification: malignant or benign")
    for rule, found in each.items():
        console.print(
            f"Hit rule {rule}: {counted(found.labelled, 'lesion')} with a label, of them scored "
            f"{found.scored} ({found.malignant} malignant, {found.scored - found.malignant} benign)"
        )
    first, *_ = each.values()
    console.print(
        f"Malignant from p_malignant {first.malignant_from:g}: {_SAID_BY[first.malignant_from_is]}"
    )
    shown = _print_rows(console, evaluations, [found.figures for found in each.values()])
    unscored = "" if evaluations[0].scored else " Detections without scores count as 1."
    console.print(f"{RULE}{unscored}")
    return shown


def _print_cancer(console: Console, evaluations: Sequence[Evaluation]) -> list[Estimate]:
    """A block of its own: how many have cancer, the figures."""
    each = [evaluation.cancer for evaluation in evaluations if evaluation.cancer]
    console.print("\nCancer: yes or no")
    for level, (yes, no, left_out) in each[0].counts.items():
        left = f", {left_out} left out" if left_out else ""
        plural = f"{level}es" if level.endswith("s") else f"{level}s"
        console.print(f"{plural.capitalize()}: {yes} with cancer, {no} without{left}")
    shown = _print_rows(console, evaluations, [found.figures for found in each])
    console.print(RULE if each[0].by_malignancy else _DETECTION_RULE)
    return shown


def _print_subgroups(
    console: Console, several: Sequence[Subgroups], evaluations: Sequence[Evaluation]
) -> list[Estimate]:
    """The groups by one column; ``several`` are the same groups by each rule."""
    first = several[0]
    measure = f" ({first.measure})" if first.measure else ""
    console.print(f"\nBy {on_one_line(first.column)}{measure}: {_LEVELS[first.level]}")
    table = _table(evaluations, "Group", "Images", "Lesions")
    shown: list[Estimate] = []
    for groups in zip(*(subgroups.groups for subgroups in several), strict=True):
        group = groups[0]
        heading = [on_one_line(group.name), str(group.images), str(group.lesions)]
        for label, estimates in _rows([group.figures for group in groups]):
            if any(estimate.value is not None for estimate in estimates):
                table.add_row(*heading, label, *_cells(estimates))
                shown += estimates
                heading = ["", "", ""]
        table.add_section()
    console.print(table)
    return shown


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


def _rows(each: Sequence[Sequence[Measured]]) -> Iterator[tuple[str, list[Estimate]]]:
    """The figures by their rows' titles, each as it is by every rule."""
    for several in zip(*each, strict=True):
        first = several[0]
        if first.estimate.value is not None or not first.figure.only_defined:
            yield first.label, [one.estimate for one in several]


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
    if estimate.is_stuck:
        return value, "*"
    return value, f"{estimate.low:.3f} to {estimate.high:.3f}"
