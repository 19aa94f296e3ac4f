"""What the readers have said, as tables and objects that the other commands take.

Of a study that several people have read, the last read that an adjudicator ended counts as the
truth, else the last that anybody ended. Reads that are not ended are in the audit trail alone. An
image that its reader has not had before them is in no truth: nobody has called it normal. What is
left out is told by :mod:`mammoscope.viewer.left_out`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mammoscope._version import __version__
from mammoscope.errors import ReadError, TableError
from mammoscope.files import real_path
from mammoscope.results import source_path
from mammoscope.viewer.library import ImageEntry, Library, StudyEntry
from mammoscope.viewer.modes import ReadingMode
from mammoscope.viewer.reads import Exam, Read, ReadMark, State, read_of
from mammoscope.viewer.reviews import Reviews, Step
from mammoscope.viewer.room import Sources
from mammoscope.viewer.truth import Truth

TRUTH_COLUMNS = (
    *("image", "x0", "y0", "x1", "y1", "label", "patient_id", "laterality", "view", "birads"),
    *("density", "reader", "read_at", "origin", "finding", "rating", "text", "readers"),
)
READING_COLUMNS = (*TRUTH_COLUMNS, "mode", "exam_rating", "exam_text")
READ_COLUMNS = ("reader", "mode", "case", "truth", "rating", "seconds", "lesions", "birads")
MARK_COLUMNS = ("reader", "mode", "case", "lesion", "rating", "image", "x0", "y0", "x1", "y1")

OWN_READ = "independent-own"
"""The mode of what a reader of the mode independent had said before the model was shown."""


@dataclass(frozen=True)
class Exporter:
    """Where exports come from.

    Parameters
    ----------
    adjudicators
        Names of those whose reads count before others'.
    truth
        What is known of the cases of a study; None outside of one.
    cases
        Name of each study's case, by key; its patient where there is no plan.
    planned
        Reader, study and mode of each read of the plan; None where there is no plan. Other reads
        are in no table of a reader study.
    may_tell
        Which steps may be told; all of them but to whoever still has a read of their own to save.
    """

    library: Library
    reviews: Reviews
    sources: Sources
    adjudicators: frozenset[str] = frozenset()
    truth: Truth | None = None
    cases: Mapping[str, str] | None = None
    planned: frozenset[tuple[str, str, str]] | None = None
    may_tell: Callable[[Step], bool] = lambda step: True

    def is_planned(self, read: Read) -> bool:
        """Whether a read is one of the plan; any is where there is no plan."""
        planned = self.planned
        return planned is None or (read.reader, read.study, read.mode.value) in planned

    def steps(self) -> list[Step]:
        """Every step that may be told, in order."""
        return [step for step in self.reviews.steps() if self.may_tell(step)]

    def reads(self) -> list[Read]:
        """All reads begun, by study, reader and mode."""
        groups: dict[tuple[str, str, str], list[Step]] = {}
        for step in self.steps():
            groups.setdefault((step.study, step.reader, step.mode), []).append(step)
        return [
            read_of(reader, study, ReadingMode(mode), steps)
            for (study, reader, mode), steps in sorted(groups.items())
        ]

    def settled(self) -> list[tuple[StudyEntry, Read]]:
        """The read that counts as the truth of each study that has one."""
        chosen: dict[str, Read] = {}
        for _, read in sorted(self.ended(), key=lambda each: self._weight(each[1])):
            chosen[read.study] = read
        return [(self.library.study(key), read) for key, read in sorted(chosen.items())]

    def ended(self) -> list[tuple[StudyEntry, Read]]:
        """All ended reads of studies that are there, by study, reader and mode."""
        known = {study.key: study for study in self.library.studies}
        done = [read for read in self.reads() if read.state is State.DONE]
        return [(known[read.study], read) for read in done if read.study in known]

    def image_path(self, entry: ImageEntry) -> str:
        """The file of an image, as far as it is known."""
        result = self.library.result(entry)
        try:
            return str(real_path(self.sources.path(result, entry)))
        except ReadError:
            return source_path(Path(entry.result).parent, result.source.path)

    def _weight(self, read: Read) -> tuple[bool, str]:
        return read.reader in self.adjudicators, read.ended or ""


def truth_rows(exporter: Exporter) -> list[dict[str, Any]]:
    """One row a mark that stands, and one without a box for an image that was read without any."""
    return [row for study, read in exporter.settled() for row in _rows_of(exporter, study, read)]


def reading_rows(exporter: Exporter) -> list[dict[str, Any]]:
    """The same of every ended read, each with its reader and mode; an own read is one more."""
    rows = []
    for study, read in exporter.ended():
        told = [(read.mode.value, read)]
        if read.own is not None:
            marks, exam = read.own
            before = replace(read, marks={mark.id: mark for mark in marks}, exam=exam)
            told.insert(0, (OWN_READ, before))
        for mode, each in told:
            exam_said = {"mode": mode, "exam_rating": each.exam.rating, "exam_text": each.exam.text}
            rows += [row | exam_said for row in _rows_of(exporter, study, each)]
    return rows


def _rows_of(exporter: Exporter, study: StudyEntry, read: Read) -> Iterable[dict[str, Any]]:
    sides = {"R": read.exam.birads_right, "L": read.exam.birads_left}
    for entry in study.images:
        if not read.has_read(entry.key):
            continue
        about = {
            "image": exporter.image_path(entry),
            "patient_id": study.patient_id,
            "laterality": entry.laterality,
            "view": entry.view,
            "density": read.exam.density,
            "reader": read.reader,
            "read_at": read.ended,
        }
        side = sides.get(entry.laterality or "")
        standing = [mark for mark in read.standing if mark.image == entry.key]
        yield from (about | _mark_row(mark, side) for mark in standing)
        if not standing:
            yield about | {"birads": side}


def truth_csv(exporter: Exporter) -> bytes:
    """A ``truth.csv`` as training and evaluation take it."""
    return _csv(TRUTH_COLUMNS, truth_rows(exporter))


def readings_csv(exporter: Exporter) -> bytes:
    """What each reader says of each image, for whoever compares readers."""
    return _csv(READING_COLUMNS, reading_rows(exporter))


def coco_json(exporter: Exporter) -> bytes:
    """COCO JSON; the classes are benign, malignant and unlabelled masses."""
    classes = {"benign mass": 1, "malignant mass": 2, "mass": 3}
    images: dict[str, dict[str, Any]] = {}
    annotations: list[dict[str, Any]] = []
    for row in truth_rows(exporter):
        image = images.setdefault(
            row["image"],
            {
                "id": len(images) + 1,
                "file_name": row["image"],
                "patient_id": row["patient_id"],
                "laterality": row["laterality"],
                "view": row["view"],
            },
        )
        if "x0" in row:
            x0, y0, x1, y1 = (row[c] for c in ("x0", "y0", "x1", "y1"))
            name = f"{row['label']} mass" if row["label"] else "mass"
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image["id"],
                    "category_id": classes[name],
                    "bbox": [x0, y0, round(x1 - x0, 2), round(y1 - y0, 2)],
                    "area": round((x1 - x0) * (y1 - y0), 2),
                    "iscrowd": 0,
                    "reader": row["reader"],
                }
            )
    known = [{key: v for key, v in image.items() if v is not None} for image in images.values()]
    content = {
        "info": {"description": f"read with mammoscope {__version__}"},
        "images": known,
        "annotations": annotations,
        "categories": [{"id": number, "name": name} for name, number in classes.items()],
    }
    return _json(content)


def audit_json(exporter: Exporter) -> bytes:
    """Every step that anybody took, in order."""
    return _json([asdict(step) for step in exporter.steps()])


def reads_csv(exporter: Exporter) -> bytes:
    """The table of ratings that ``mammoscope study analyse`` takes."""
    truth = _known_truth(exporter)
    rows = []
    for case, read, mode, (exam, seconds), _ in _rated(exporter):
        lesions = truth.lesions(read.study)
        rows.append(
            {
                "reader": read.reader,
                "mode": mode,
                "case": case,
                "truth": int(truth.diseased(read.study)),
                "rating": exam.rating,
                "seconds": seconds,
                "lesions": len(lesions),
                "birads": "/".join(b or "-" for b in (exam.birads_right, exam.birads_left)),
            }
        )
    return _csv(READ_COLUMNS, rows)


def marks_csv(exporter: Exporter) -> bytes:
    """The table of marks that ``mammoscope study analyse --marks`` takes."""
    truth = _known_truth(exporter)
    rows = []
    for case, read, mode, (exam, _), marks in _rated(exporter):
        there = {image.key: image.name for image in exporter.library.study(read.study).images}
        for mark in marks:
            if mark.origin == "rejected" or mark.image not in there:
                continue
            x0, y0, x1, y1 = mark.box
            rows.append(
                {
                    "reader": read.reader,
                    "mode": mode,
                    "case": case,
                    "lesion": truth.hit(read.study, mark.image, mark.box) or "",
                    "rating": exam.rating if mark.rating is None else mark.rating,
                    "image": there[mark.image],
                    **{"x0": x0, "y0": y0, "x1": x1, "y1": y1},
                }
            )
    return _csv(MARK_COLUMNS, rows)


def sr_zip(exporter: Exporter) -> bytes:
    """TID 1500 of each study that was read, with the reader as observer."""
    from mammoscope.viewer.reader_reports import reader_reports

    return reader_reports(exporter)


@dataclass(frozen=True)
class Export:
    """One file that can be taken out."""

    file: str
    media: str
    make: Callable[[Exporter], bytes]
    can_be_made: Callable[[Exporter], bool] = lambda exporter: True


def _has_truth(exporter: Exporter) -> bool:
    return exporter.truth is not None


def _has_dicom(exporter: Exporter) -> bool:
    return find_spec("highdicom") is not None


EXPORTS = {
    "truth": Export("truth.csv", "text/csv; charset=utf-8", truth_csv),
    "readings": Export("readings.csv", "text/csv; charset=utf-8", readings_csv),
    "coco": Export("annotations.json", "application/json", coco_json),
    "sr": Export("reader-reports.zip", "application/zip", sr_zip, _has_dicom),
    "reads": Export("reads.csv", "text/csv; charset=utf-8", reads_csv, _has_truth),
    "marks": Export("marks.csv", "text/csv; charset=utf-8", marks_csv, _has_truth),
    "audit": Export("audit.json", "application/json", audit_json),
}
"""By the last part of their address."""

_Rated = tuple[str, Read, str, tuple[Exam, float], Sequence[ReadMark]]


def _rated(exporter: Exporter) -> Iterable[_Rated]:
    """Ended reads: case, mode, exam and seconds, marks; before and after the model's as two."""
    cases = exporter.cases or {s.key: s.patient_id or s.key for s in exporter.library.studies}
    for study, read in exporter.ended():
        if (case := cases.get(study.key)) is None or not exporter.is_planned(read):
            continue
        if read.own is not None:
            yield case, read, OWN_READ, (read.own[1], read.own_seconds), read.own[0]
        yield case, read, read.mode.value, (read.exam, read.seconds), [*read.marks.values()]


def _known_truth(exporter: Exporter) -> Truth:
    if exporter.truth is None:
        raise TableError("truth", "is not known: start the study with --truth")
    return exporter.truth


def _mark_row(mark: ReadMark, birads_of_side: str | None) -> dict[str, Any]:
    x0, y0, x1, y1 = mark.box
    return {
        **{"x0": x0, "y0": y0, "x1": x1, "y1": y1},
        "label": mark.label,
        "birads": mark.birads or birads_of_side,
        "origin": mark.origin,
        "finding": mark.finding,
        "rating": mark.rating,
        "text": mark.text,
        "readers": ";".join(mark.readers),
    }


def _csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8", errors="backslashreplace")


def _json(values: Any) -> bytes:
    return (json.dumps(values, indent=2) + "\n").encode()


def usable(exporter: Exporter) -> list[str]:
    """The kinds that can be made of what is known and installed."""
    return [kind for kind, export in EXPORTS.items() if export.can_be_made(exporter)]


def write_exports(exporter: Exporter, folder: Path, kinds: Iterable[str]) -> list[Path]:
    """Write some of :data:`EXPORTS` into a folder."""
    from mammoscope.files import ensure_folder, write_bytes

    ensure_folder(folder)
    paths = []
    for kind in kinds:
        paths.append(folder / EXPORTS[kind].file)
        write_bytes(paths[-1], EXPORTS[kind].make(exporter))
    return paths
