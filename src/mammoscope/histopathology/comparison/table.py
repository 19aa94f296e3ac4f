"""The results of a comparison: table.csv, table.md and charts."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mammoscope.evaluation.metrics.estimates import Estimate
from mammoscope.files import DISCLAIMER, write_bytes
from mammoscope.histopathology.comparison.chart import Bars, write_chart
from mammoscope.histopathology.comparison.figures import METRICS, RECOGNITION, RESAMPLES
from mammoscope.histopathology.comparison.methods import CNN, CNNS, SIX
from mammoscope.histopathology.comparison.splits import IMAGE, PATIENT, Protocol
from mammoscope.histopathology.tissue import TissueSet
from mammoscope.tables import write_table

BINARY, SUBTYPES = "binary", "subtypes"

_TITLES = {BINARY: "Benign or malignant", SUBTYPES: "Subtypes"}

PAPER = {
    "random-forest": 0.8805,
    "kmeans-gmm": 0.7435,
    "svm": 0.6655,
    "resnet-inception": 0.8645,
    CNN: 0.8982,
    "ours": 0.9541,
}
"""Accuracy that the paper which this comparison follows prints for its own six."""

_MEANING = """\
**By image** the images are dealt out to training and test whosever they are, as most papers do.
Then images of one patient, often of the same cut and the same staining, lie on both sides: a method
can do well by knowing the patient again. These figures are **optimistic** and say little of the
next patient. **By patient** all images of a patient (of a slide, in the official folds) are on one
side: this is what a method is worth on patients it has never seen. Where the two differ much, the
first one measured memory. With few patients in a class it can lie below chance: what is most like a
patient left out is then more often of the other class.
"""


@dataclass(frozen=True)
class Result:
    """One figure; fields as in table.csv."""

    protocol: str
    task: str
    method: str
    metric: str
    estimate: Estimate


@dataclass(frozen=True)
class Cost:
    """Seconds that something took, and the most memory the process had held by its end, in MB."""

    seconds: float
    peak_mb: float

    def plus(self, other: Cost) -> Cost:
        """Of both, one after the other."""
        return Cost(self.seconds + other.seconds, max(self.peak_mb, other.peak_mb))


@dataclass
class Results:
    """What is known so far.

    Parameters
    ----------
    facts, notes
        Of the set and of the protocols, in sentences.
    subtypes
        Of the set.
    """

    subtypes: tuple[str, ...]
    facts: str
    notes: list[str]
    rows: list[Result] = field(default_factory=list)
    starts: dict[str, str] = field(default_factory=dict)
    costs: dict[str, Cost] = field(default_factory=dict)

    @classmethod
    def of(cls, data: TissueSet, protocols: Sequence[Protocol], notes: Sequence[str]) -> Results:
        """None yet, on a set."""
        malignant = sum(image.malignant for image in data.images)
        patients = len({image.patient for image in data.images})
        whose = f" of {patients} patients" if data.has_patients else ""
        facts = (
            f"{len(data.images)} images{whose}, {malignant} of them malignant;"
            f" {len(data.subtypes)} classes: {', '.join(data.subtypes)}."
        )
        splits = [f"By {protocol.name}: {protocol.how}." for protocol in protocols]
        return cls(data.subtypes, facts, [*splits, *notes])

    @property
    def cost(self) -> Cost:
        """Of the whole comparison, parts that were done in earlier runs included."""
        total = Cost(0.0, 0.0)
        for cost in self.costs.values():
            total = total.plus(cost)
        return total

    def write(self, folder: Path) -> None:
        """Write table.csv, table.md, and the charts of what there is."""
        columns = ("protocol", "task", "method", "metric", "value", "low", "high")
        write_table(folder / "table.csv", columns, self._cells())
        write_bytes(folder / "table.md", "\n".join(self._markdown()).encode())
        for name, methods in (("chart.png", SIX), ("activations.png", tuple(CNNS))):
            bars = []
            for task in self._tasks():
                paper = PAPER if (task, methods) == (BINARY, SIX) else {}
                bars.append(Bars(_TITLES[task], self._accuracies(task, methods), paper))
            if all(each.by_method for each in bars):
                write_chart(folder / name, bars)

    def _cells(self) -> Iterator[dict[str, object]]:
        for row in self.rows:
            values = {k: _rounded(v) for k, v in row.estimate.as_dict().items()}
            names = ("protocol", "task", "method", "metric")
            yield {name: getattr(row, name) for name in names} | values

    def _tasks(self) -> list[str]:
        return list(dict.fromkeys(row.task for row in self.rows))

    def _accuracies(self, task: str, methods: Sequence[str]) -> dict[str, dict[str, Estimate]]:
        """By method and protocol, in the order of ``methods``."""
        found: dict[str, dict[str, Estimate]] = {}
        for name in methods:
            for row in self.rows:
                if (row.task, row.method, row.metric) == (task, name, "accuracy"):
                    found.setdefault(name, {})[row.protocol] = row.estimate
        return found

    def _markdown(self) -> Iterator[str]:
        yield "# Methods compared on breast histopathology\n"
        yield f"{self.facts} {' '.join(self.notes)}\n"
        yield _MEANING
        yield (
            f"95 % intervals from {RESAMPLES} resamples: of patients where tests are by patient, of"
            " images where they are by image (which takes images of one patient for independent and"
            " so makes these intervals too narrow). Figures are over the tests of all folds"
            " together. Of subtypes, all but the accuracy are means over the classes.\n"
        )
        for task in self._tasks():
            yield f"## {_TITLES[task]}\n"
            yield from self._overview(task, SIX)
            yield from self._details(task, METRICS, METRICS)
        if SUBTYPES in self._tasks():
            yield (
                "Share called right as benign or malignant, by subtype (recognition rate: mean over"
                " its patients, or over its images):\n"
            )
            yield from self._details(BINARY, [rate_of(n) for n in self.subtypes], self.subtypes)
        if len(set(CNNS) & set(self.starts)) > 1:
            yield "## Activation functions of the plain network\n"
            for task in self._tasks():
                yield f"{_TITLES[task]}:\n"
                yield from self._overview(task, tuple(CNNS))
        yield from self._costs()
        yield f"\n{DISCLAIMER}\n"

    def _overview(self, task: str, methods: Sequence[str]) -> Iterator[str]:
        with_paper = task == BINARY and methods == SIX
        yield "| method | accuracy by image | accuracy by patient |" + (
            " the paper |" if with_paper else ""
        )
        yield "|---|---|---|" + ("---|" if with_paper else "")
        for name, by_protocol in self._accuracies(task, methods).items():
            cells = [_words(by_protocol.get(protocol)) for protocol in (IMAGE, PATIENT)]
            paper = f" {PAPER[name]:.4f} |" if with_paper else ""
            yield f"| {_shown(name)} | {' | '.join(cells)} |{paper}"
        yield ""

    def _details(self, task: str, metrics: Sequence[str], heads: Sequence[str]) -> Iterator[str]:
        yield f"| method | by | {' | '.join(heads)} |"
        yield "|---|---|" + "---|" * len(heads)
        rows: dict[tuple[str, str], dict[str, Estimate]] = {}
        for row in self.rows:
            if row.task == task and row.method in SIX:
                rows.setdefault((row.method, row.protocol), {})[row.metric] = row.estimate
        for (method, protocol), found in rows.items():
            cells = [_words(found.get(metric)) for metric in metrics]
            yield f"| {_shown(method)} | {protocol} | {' | '.join(cells)} |"
        yield ""

    def _costs(self) -> Iterator[str]:
        yield "## What each started from, and what it took\n"
        yield "| method | starts from | minutes |\n|---|---|---|"
        for name, start in self.starts.items():
            yield f"| {_shown(name)} | {start} | {self.costs[name].seconds / 60:.1f} |"
        yield f"\n{self.cost_in_words}"

    @property
    def cost_in_words(self) -> str:
        """Time and memory in a sentence."""
        cost = self.cost
        return f"In all {cost.seconds / 60:.1f} minutes, at most {cost.peak_mb:,.0f} MB of memory."


def peak_mb() -> float:
    """The most memory held so far by this process, and by the largest of its helpers beside it.

    What the two share counts twice. 0 on Windows, which does not say it.
    """
    try:
        import resource
    except ImportError:
        return 0.0
    both = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    peak = sum(resource.getrusage(who).ru_maxrss for who in both)
    # Linux counts kilobytes, macOS bytes.
    return round(peak / (1e6 if sys.platform == "darwin" else 1e3), 1)


def rate_of(subtype: str) -> str:
    """The metric by which a subtype's tests are called right as benign or malignant."""
    return f"{RECOGNITION}_{subtype.replace(' ', '_')}"


def _shown(name: str) -> str:
    return "cnn (relu)" if name == CNN else name


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _words(estimate: Estimate | None) -> str:
    if estimate is None or estimate.value is None:
        return "not testable"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} ({estimate.low:.2f} to {estimate.high:.2f})"
