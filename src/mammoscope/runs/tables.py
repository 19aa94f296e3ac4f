"""``findings.parquet`` and ``images.parquet``: tables that data frames read at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from mammoscope.errors import MissingExtra
from mammoscope.files import atomic_file
from mammoscope.results import FINDING_COLUMNS, finding_rows, image_result_json
from mammoscope.runs.examination import Examination, ExaminedImage, Remarks
from mammoscope.types import ImageResult

if TYPE_CHECKING:
    import pyarrow

_ROWS = 10_000
"""So many rows are in memory at once, and in a group of the file."""

_TEXT, _FLOAT, _WHOLE, _YES = "string", "float64", "int32", "bool_"

FINDING_TYPES: dict[str, str] = {
    **dict.fromkeys(FINDING_COLUMNS, _TEXT),
    **dict.fromkeys(("x0", "y0", "x1", "y1", "height_mm", "width_mm"), _FLOAT),
    **dict.fromkeys(("score", "p_malignant"), _FLOAT),
    "finding": _WHOLE,
    "shown": _YES,
}
"""Columns of ``findings.parquet``: those of ``findings.csv``."""

IMAGE_TYPES: dict[str, str] = {
    **dict.fromkeys(("study_id", "patient_id", "image", "name", "laterality", "view"), _TEXT),
    **dict.fromkeys(("rows", "columns", "findings", "findings_shown"), _WHOLE),
    **dict.fromkeys(("image_score", "malignancy_score"), _FLOAT),
    "exam_score": _WHOLE,
    "density": _TEXT,
    **dict.fromkeys(("kind", "image_kind", "manufacturer", "sha256", "digest"), _TEXT),
    "warnings": _WHOLE,
}
"""Columns of ``images.parquet``; ``warnings`` is how many."""


class ParquetTables:
    """``findings.parquet``: a row a finding; ``images.parquet``: a row an image.

    Raises
    ------
    MissingExtra
        If pyarrow is not installed.
    """

    by_files: ClassVar[bool] = True
    ends: ClassVar[dict[str, tuple[str, ...]]] = {}

    def __init__(self) -> None:
        try:
            import pyarrow  # noqa: F401
        except ImportError as error:
            raise MissingExtra("--output parquet", "parquet") from error

    def start(self, folder: Path) -> None:
        """Remember where to write."""
        self._folder = folder

    def add(self, image: ExaminedImage) -> None:
        """Results are at hand in the end."""

    def finish(self, examination: Examination) -> Remarks:
        """Write the tables, a group of rows at a time."""
        findings = (_finding(row) for result in examination.results for row in finding_rows(result))
        _write(self._folder / "findings.parquet", FINDING_TYPES, findings)
        images = (image_row(result) for result in examination.results)
        _write(self._folder / "images.parquet", IMAGE_TYPES, images)
        return Remarks()


def image_row(result: ImageResult) -> dict[str, Any]:
    """The row of an image, rounded as its JSON; None is what is unknown."""
    values = image_result_json(result)
    source, density = values["source"], values["density"]
    return {
        **{name: values.get(name) for name in IMAGE_TYPES},
        **{name: source[name] for name in IMAGE_TYPES if name in source},
        "image": source["path"],
        "density": None if density is None else density["category"],
        "findings": len(values["findings"]),
        "findings_shown": sum(finding["shown"] for finding in values["findings"]),
        "warnings": len(values["warnings"]),
    }


def _finding(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "shown": row["shown"] == "yes"}


def _write(path: Path, types: dict[str, str], rows: Iterable[dict[str, Any]]) -> None:
    import pyarrow
    from pyarrow import parquet

    schema = pyarrow.schema([(name, getattr(pyarrow, kind)()) for name, kind in types.items()])
    with atomic_file(path) as stream, parquet.ParquetWriter(stream, schema) as writer:
        for part in _parts(iter(rows)):
            writer.write_table(_table(part, schema))


def _parts(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while part := list(islice(rows, _ROWS)):
        yield part


def _table(rows: list[dict[str, Any]], schema: pyarrow.Schema) -> pyarrow.Table:
    import pyarrow

    # A file name may hold bytes that are no text: question marks, as in the report.
    plain = [
        {
            k: v.encode("utf-8", "replace").decode() if isinstance(v, str) else v
            for k, v in r.items()
        }
        for r in rows
    ]
    return pyarrow.Table.from_pylist(plain, schema)
