"""Results in notebooks: pictures with marks, tables, data frames, files."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from mammoscope.errors import MissingExtra, OutputError
from mammoscope.files import write_bytes, write_json
from mammoscope.reporting.html.pictures import in_page
from mammoscope.reporting.html.templates import environment
from mammoscope.reporting.html.writer import ReportWriter
from mammoscope.reporting.pictures.overlay import draw_marks, mark_colour, mark_texts
from mammoscope.results import FINDING_COLUMNS, finding_rows, image_result_json
from mammoscope.results.image import box_size_mm
from mammoscope.study import StudyResult, study_results
from mammoscope.tables import write_table
from mammoscope.types import ImageResult, Preview

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure
    import pandas

Result = ImageResult | StudyResult

_COLUMNS = ("image", "finding", "score", "P(malignant)", "x0", "y0", "x1", "y1", "mm")


def html(result: Result) -> str:
    """A picture of each image with its marks, and a table of the findings shown."""
    images = _images(result)
    return (
        environment()
        .get_template("notebook.html")
        .render(
            title=repr(result).strip("<>"),
            images=images,
            findings=[row for image in images for row in _rows(image)],
            columns=_COLUMNS,
            colours=_colours,
            picture=in_page,
        )
    )


def plot(result: Result) -> matplotlib.axes.Axes | matplotlib.figure.Figure:
    """The image on axes in pixels of the source; of a study a figure with its images."""
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise MissingExtra("plot()", "notebook") from error
    images = _images(result)
    figure, axes = pyplot.subplots(
        1, len(images), figsize=(4 * len(images), 6), layout="constrained", squeeze=False
    )
    for image, place in zip(images, axes[0], strict=True):
        _plot(image, place)
    return axes[0, 0] if isinstance(result, ImageResult) else figure


def to_frame(result: Result) -> pandas.DataFrame:
    """The findings, a row each."""
    try:
        import pandas
    except ImportError as error:
        raise MissingExtra("to_frame()", "notebook") from error
    rows = [row for image in _images(result) for row in finding_rows(image)]
    return pandas.DataFrame(rows, columns=list(FINDING_COLUMNS))


def to_dict(result: Result) -> dict[str, Any]:
    """Plain values: of an image those of its JSON."""
    if isinstance(result, ImageResult):
        return image_result_json(result)
    return {
        "patient_id": result.patient_id,
        "study_id": result.study_id,
        "images": [image_result_json(image) for image in result.images],
        "scores": [asdict(score) for score in result.scores],
        "links": [asdict(link) for link in result.links],
        "breasts": [asdict(breast) for breast in result.breasts],
        "patient": None if result.patient is None else asdict(result.patient),
    }


def save(result: Result, path: str | os.PathLike[str]) -> None:
    """Write to a file, as its name ends."""
    ends = Path(path).suffix.lower()
    if ends == ".json":
        write_json(path, to_dict(result))
    elif ends == ".csv":
        rows = (row for image in _images(result) for row in finding_rows(image))
        write_table(path, FINDING_COLUMNS, rows)
    elif ends == ".html":
        _write_report(result, path)
    elif ends == ".png":
        drawn = np.hstack(_of_one_height([_drawn(image, path) for image in _images(result)]))
        done = cv2.imencode(".png", cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR))[1]
        write_bytes(path, done.tobytes())
    else:
        raise OutputError(path, "give a name that ends in .json, .csv, .html or .png")


def _images(result: Result) -> tuple[ImageResult, ...]:
    return (result,) if isinstance(result, ImageResult) else result.images


def _rows(result: ImageResult) -> Iterator[tuple[str, ...]]:
    """Cells of the findings shown."""
    found = result.shown
    for number, (box, score, p) in enumerate(
        zip(found.boxes, found.scores, found.p_malignant, strict=True), 1
    ):
        size = " × ".join(f"{side:.1f}" for side in box_size_mm(box, result.frame) or ())
        chance = "" if math.isnan(p) else f"{p:.2f}"
        corners = (f"{value:.0f}" for value in box)
        yield result.name, str(number), f"{score:.2f}", chance, *corners, size


def _plot(result: ImageResult, axes: matplotlib.axes.Axes) -> None:
    from matplotlib.patches import Rectangle

    rows, columns = result.frame.size
    if result.pictures:
        axes.imshow(_decoded(result.pictures.preview), cmap="gray", extent=(0, columns, rows, 0))
    axes.set_xlim(0, columns)
    axes.set_ylim(rows, 0)
    axes.set_aspect("equal")
    axes.set_title(f"{result.name}  {result.laterality or '?'} {result.view or '?'}", fontsize=9)
    for each in result.lookalikes:
        x0, y0, x1, y1 = each.box
        size = x1 - x0, y1 - y0
        axes.add_patch(Rectangle((x0, y0), *size, fill=False, edgecolor="0.67", linestyle="--"))
    found = result.shown
    for box, text, colour in zip(found.boxes, mark_texts(found), _colours(result), strict=True):
        x0, y0, x1, y1 = (float(v) for v in box)
        axes.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor=colour))
        axes.text(x0, y0, text, color=colour, fontsize=8, va="bottom")


def _colours(result: ImageResult) -> list[str]:
    """Of the findings shown, as in the overlay."""
    threshold = result.malignant_threshold
    colours = (mark_colour(p, threshold) for p in result.shown.p_malignant.tolist())
    return ["#" + bytes(colour).hex() for colour in colours]


def _decoded(preview: Preview) -> np.ndarray:
    stored = np.frombuffer(preview.jpeg, dtype=np.uint8)
    return np.asarray(cv2.imdecode(stored, cv2.IMREAD_GRAYSCALE), dtype=np.uint8)


def _drawn(result: ImageResult, path: str | os.PathLike[str]) -> np.ndarray:
    if result.pictures is None:
        raise OutputError(path, f"there is no picture of {result.name}: detect it in this session")
    preview = result.pictures.preview
    return draw_marks(_decoded(preview), preview.frame, result)


def _of_one_height(pictures: list[np.ndarray]) -> list[np.ndarray]:
    rows = max(len(picture) for picture in pictures)
    return [np.pad(each, ((0, rows - len(each)), (0, 0), (0, 0))) for each in pictures]


def _write_report(result: Result, path: str | os.PathLike[str]) -> None:
    studies = (result,) if isinstance(result, StudyResult) else study_results([result])
    pictures = {i.name: i.pictures for study in studies for i in study.images if i.pictures}
    if missing := [i.name for i in _images(result) if i.name not in pictures]:
        raise OutputError(path, f"there is no picture of {missing[0]}: detect it in this session")
    with ReportWriter(path) as report:
        for study in studies:
            report.add(study, pictures)
