"""From seconds and bytes to a table, with the aims met or not."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median
from typing import Any

from rich.table import Table

MOST_TIMES_DECODING = 3.0
"""Preprocessing takes no more than this many times as long as decoding the pixels alone."""

MOST_BYTES = 1_000_000_000
"""Most memory that the phases hold at one time, with the process that decodes for them."""

PHASES = ("read", "preprocess", "detect")

Results = dict[str, dict[str, Any]]
"""By transfer syntax: what ``measure.measure`` gave for each case."""


class Figures:
    """The figures of one transfer syntax."""

    def __init__(self, cases: dict[str, Any]) -> None:
        self._baseline = int(cases["phases"]["baseline_bytes"])
        self._steps: dict[str, Any] = {}
        for case in cases.values():
            self._steps |= case["steps"]
        self.phases = [name for name in PHASES if name in self._steps]

    def seconds(self, name: str) -> list[float]:
        """Every run of a step; ``"total"`` is all phases of a run."""
        if name != "total":
            return list(self._steps[name]["seconds"])
        return [sum(run) for run in zip(*map(self.seconds, self.phases), strict=True)]

    def ratio(self, name: str, floor: str) -> float:
        """Least time over least time: what else the machine does disturbs these least."""
        return min(self.seconds(name)) / min(self.seconds(floor))

    def peak(self, name: str) -> int:
        """Most bytes held up to the end of a phase, with the decoder's process."""
        step = self._steps[name]
        return int(step["own_peak_bytes"]) + int(step["children_peak_bytes"] or 0)

    def peak_above_baseline(self, name: str) -> int:
        """The same without what Python and the libraries take before the first image."""
        return self.peak(name) - self._baseline


def table(results: Results) -> Table:
    """Times, ratios to the two floors and peak memory, a column for each transfer syntax."""
    figures = [Figures(cases) for cases in results.values()]
    phases = figures[0].phases
    made = Table(title="ms: median (least) of the runs; ratios of the least times; peak MB")
    made.add_column("", no_wrap=True)
    for syntax in results:
        made.add_column(syntax, justify="right", no_wrap=True)
    made.add_row("floor: decode", *(_ms(f.seconds("decode")) for f in figures))
    made.add_row("floor: one pass", *(_ms(f.seconds("pass")) for f in figures))
    made.add_section()
    for name in (*phases, "total"):
        made.add_row(name, *(_ms(f.seconds(name)) for f in figures))
    made.add_section()
    for name in (*phases, "total"):
        made.add_row(f"{name} / decode", *(f"{f.ratio(name, 'decode'):.2f}" for f in figures))
    made.add_row(
        "preprocess / one pass", *(f"{f.ratio('preprocess', 'pass'):.1f}" for f in figures)
    )
    made.add_section()
    for name in phases:
        made.add_row(f"peak up to {name}", *(_mb(f.peak(name)) for f in figures))
    made.add_row("less the baseline", *(_mb(f.peak_above_baseline(phases[-1])) for f in figures))
    return made


def aims(results: Results) -> Iterable[str]:
    """One line for each aim and transfer syntax, in rich's markup."""
    for syntax, cases in results.items():
        figures = Figures(cases)
        ratio, peak = figures.ratio("preprocess", "decode"), figures.peak(figures.phases[-1])
        yield (
            f"{_verdict(ratio <= MOST_TIMES_DECODING)} {syntax}: preprocessing takes {ratio:.2f} "
            f"times as long as decoding the pixels; the aim is {MOST_TIMES_DECODING:g}"
        )
        yield (
            f"{_verdict(peak < MOST_BYTES)} {syntax}: {_mb(peak)} MB at most; "
            f"the aim is less than {_mb(MOST_BYTES)}"
        )


def _verdict(met: bool) -> str:
    return "[green]met[/]    " if met else "[red]not met[/]"


def _ms(seconds: list[float]) -> str:
    return f"{1000 * median(seconds):.1f} ({1000 * min(seconds):.1f})"


def _mb(size: int) -> str:
    return f"{size / 1e6:.0f}"
