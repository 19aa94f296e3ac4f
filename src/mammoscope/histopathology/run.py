"""Many fields of stained tissue to one table, and pictures of where they look malignant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mammoscope.errors import MammoscopeError, OutputError
from mammoscope.files import ensure_folder, real_path, remove_old
from mammoscope.histopathology import TissueClassifier, TissueOpinion, read_rgb, write_heat
from mammoscope.histopathology.breakhis import parse_name
from mammoscope.reading import FoundImages
from mammoscope.results import Failure
from mammoscope.runs.batch import run_batch
from mammoscope.tables import write_table

_HEAT = ".heat.png"


@dataclass(frozen=True)
class TissueRun:
    """What came of a run: how many images could be read, and what failed."""

    judged: int
    failures: tuple[Failure, ...]


def run_tissue(
    classifier: TissueClassifier,
    found: FoundImages,
    out: Path,
    heat: Path | None,
    workers: int,
    progress: Callable[[], None],
    magnification: int | None = None,
) -> TissueRun:
    """Judge images; ``out`` gets a row for each that could be read, in their order.

    Parameters
    ----------
    out
        CSV with the columns image, label, p_malignant and warnings.
    heat
        Folder for a picture ``NAME.heat.png`` of each field; None for none.
    magnification
        Of fields whose names do not say it as BreaKHis's do.

    Raises
    ------
    OutputError
        If the table cannot be written or is one of the images, or some of these lie in ``heat``.
    """
    ensure_folder(out.parent)
    inputs = {real_path(path) for path in found.paths}
    if out.is_dir():
        raise OutputError(out, "is a folder: choose a file")
    if real_path(out) in inputs:
        raise OutputError(out, "is an input: choose another file")
    if heat is not None and any(real_path(ensure_folder(heat)) in path.parents for path in inputs):
        raise OutputError(heat, "holds images to look at: choose another folder")

    def judge(path: Path) -> TissueOpinion:
        if heat is not None:
            remove_old(heat, found.name(path), (_HEAT,))
        rgb = read_rgb(path)
        facts = parse_name(path)
        opinion = classifier.classify(rgb, facts[3] if facts else magnification)
        if heat is not None and opinion.heat is not None:
            write_heat(heat / f"{found.name(path)}{_HEAT}", rgb, opinion.heat)
        return opinion

    rows, failures = [], []
    for path, result in run_batch(found.paths, judge, workers, {}):
        if isinstance(result, MammoscopeError):
            failures.append(Failure.of(result, path))
        else:
            rows.append(_row(path, result))
        progress()
    write_table(out, ("image", "label", "p_malignant", "warnings"), rows)
    return TissueRun(len(rows), tuple(failures))


def _row(path: Path, opinion: TissueOpinion) -> dict[str, object]:
    p = opinion.p_malignant
    return {
        "image": path.as_posix(),
        "label": opinion.label,
        "p_malignant": None if p is None else f"{p:.4f}",
        "warnings": "; ".join(opinion.warnings),
    }
