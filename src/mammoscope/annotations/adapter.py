"""What is known of a data set besides its images: where it is to be had, its terms, its traps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mammoscope.annotations.table import AnnotatedImage


@dataclass(frozen=True)
class Adapter:
    """Reads one layout of files as the one annotation table.

    Parameters
    ----------
    name
        Name on the command line.
    title
        What the set is.
    home
        Official page from which it is to be had.
    licence
        Its terms, in short; the page above has them in full.
    traps
        What has misled users of the set, one sentence each.
    load
        From the path the user gave to the images, ordered by patient or name. Tables are read
        strictly; image files need not exist.
    measure_only
        Its terms, or ours, forbid that a model learns from it: training refuses it.
    """

    name: str
    title: str
    home: str
    licence: str
    traps: tuple[str, ...]
    load: Callable[[Path], tuple[AnnotatedImage, ...]]
    measure_only: bool = False
