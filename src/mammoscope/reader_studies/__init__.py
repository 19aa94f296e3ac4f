"""Reader studies: many readers, many cases, several ways of reading, one answer.

::

    reads = load_reads("reads.csv")
    analysis = analyse(reads, positive_from=3)
    analysis.comparisons[0].p
"""

from __future__ import annotations

from mammoscope.reader_studies.analysis import StudyAnalysis, analyse
from mammoscope.reader_studies.comparison import Comparison, Omnibus
from mammoscope.reader_studies.design import DesignOptions, PlannedRead, design, write_design
from mammoscope.reader_studies.figures import Figure, figures_of
from mammoscope.reader_studies.marks import Marks
from mammoscope.reader_studies.reads import Reads, load_reads

__all__ = [
    "Comparison",
    "DesignOptions",
    "Figure",
    "Marks",
    "Omnibus",
    "PlannedRead",
    "Reads",
    "StudyAnalysis",
    "analyse",
    "design",
    "figures_of",
    "load_reads",
    "write_design",
]
