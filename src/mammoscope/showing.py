"""How results show and save themselves; what does the work is imported when it is first needed."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure
    import pandas


class Showing:
    """What results of images and of studies have in common.

    The work is done in :mod:`mammoscope.reporting.notebook`, which lies above: it knows results,
    and results know nothing of it but its name.
    """

    def _repr_html_(self) -> str:
        """The images with their marks, and a table of the findings shown: for notebooks."""
        return str(_notebook().html(self))

    def plot(self) -> matplotlib.axes.Axes | matplotlib.figure.Figure:
        """The image with its marks on matplotlib axes; of a study its images side by side.

        Raises
        ------
        MissingExtra
            If matplotlib is not installed.
        """
        return _notebook().plot(self)

    def to_frame(self) -> pandas.DataFrame:
        """The findings as a data frame, a row each, with the columns of ``findings.csv``.

        Raises
        ------
        MissingExtra
            If pandas is not installed.
        """
        return _notebook().to_frame(self)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, as they stand in JSON."""
        return dict(_notebook().to_dict(self))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write to one file: ``.json``, ``.csv`` (findings), ``.html`` (report) or ``.png``.

        Raises
        ------
        OutputError
            If the file cannot be written, its name ends otherwise, or it is to show pictures and
            there are none.
        """
        _notebook().save(self, path)


def _notebook() -> Any:
    return import_module("mammoscope.reporting.notebook")
