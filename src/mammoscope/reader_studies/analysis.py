"""The whole analysis of a reader study, and how it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mammoscope.files import DISCLAIMER
from mammoscope.reader_studies.comparison import (
    CONFIDENCE,
    Comparison,
    Components,
    Omnibus,
    compare,
    compare_all,
    components,
    mean_interval,
)
from mammoscope.reader_studies.figures import Figure, figures_of
from mammoscope.reader_studies.reads import LeftOut, Reads

SCHEMA = "mammoscope/reader-study/1"


@dataclass(frozen=True)
class ModeMean:
    """A figure's mean over the readers in one mode, and each reader's value.

    ``low`` and ``high`` bound 95 % for readers and cases drawn anew; None for a lone reader.
    """

    figure: str
    mode: str
    mean: float
    se: float | None
    low: float | None
    high: float | None
    readers: Mapping[str, float]


@dataclass(frozen=True)
class StudyAnalysis:
    """What a reader study says.

    Parameters
    ----------
    reads
        What was analysed.
    figures
        Figures of merit of every reader in every mode.
    means
        Their means in each mode.
    comparisons
        Differences between the modes, pair by pair.
    tests
        All modes at once, for each figure.
    """

    reads: Reads
    positive_from: float | None
    figures: tuple[Figure, ...]
    means: tuple[ModeMean, ...]
    comparisons: tuple[Comparison, ...]
    tests: tuple[Omnibus, ...]

    def covariances(self) -> dict[str, Components]:
        """Variance and covariances of each figure, by name."""
        return {figure.name: components(figure) for figure in self.figures}

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON: ``figures`` by Obuchowski and Rockette, ``dbm`` the others."""
        reads = self.reads
        each = {"OR": list[dict[str, Any]](), "DBM": list[dict[str, Any]]()}
        by = {figure.name: figure.covariance_by for figure in self.figures}
        for row in self.comparisons:
            found = {**asdict(row), "modes": list(row.modes)}
            found["covariances"] = by[row.figure] if row.method == "OR" else "jackknife"
            each[row.method].append(found)
        return {
            "schema": SCHEMA,
            "modes": list(reads.modes),
            "readers": list(reads.readers),
            "cases": len(reads.cases),
            "diseased": int(reads.truth.sum()),
            "left_out": _listed(reads.left_out),
            "positive_from": self.positive_from,
            "confidence": CONFIDENCE,
            "values": [asdict(mean) for mean in self.means],
            "figures": each["OR"],
            "dbm": each["DBM"],
            "tests": [asdict(test) for test in self.tests],
            "variances": [
                {"figure": name, "covariances": by[name], **_known(asdict(parts))}
                for name, parts in self.covariances().items()
            ],
            "disclaimer": DISCLAIMER,
        }


def analyse(reads: Reads, positive_from: float | None = None) -> StudyAnalysis:
    """All figures of merit and all comparisons of the modes.

    Parameters
    ----------
    positive_from
        Rating from which a case is called diseased, for sensitivity and specificity.

    Raises
    ------
    MissingExtra
        If scipy is not installed.

    Examples
    --------
    >>> analysis = analyse(load_reads("reads.csv"))  # doctest: +SKIP
    >>> analysis.comparisons[0].difference  # doctest: +SKIP
    -0.0438
    """
    figures = figures_of(reads, positive_from)
    return StudyAnalysis(
        reads,
        positive_from,
        figures,
        tuple(_mean(reads, figure, n) for figure in figures for n in range(len(reads.modes))),
        tuple(row for figure in figures for row in compare(figure, reads.modes)),
        tuple(row for figure in figures for row in compare_all(figure)),
    )


def _mean(reads: Reads, figure: Figure, mode: int) -> ModeMean:
    values = figure.values[mode]
    each = dict(zip(reads.readers, values.tolist(), strict=True))
    return ModeMean(
        figure.name,
        reads.modes[mode],
        float(values.mean()),
        *mean_interval(figure, mode),
        each,
    )


def _listed(left_out: LeftOut) -> dict[str, list[str]]:
    return {what: list(some) for what, some in asdict(left_out).items()}


def _known(parts: Mapping[str, float]) -> dict[str, float | None]:
    return {name: None if np.isnan(value) else value for name, value in parts.items()}
