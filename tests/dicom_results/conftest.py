from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread

from mammoscope.dicom_results.kinds import OWN
from mammoscope.errors import BreastNotFound, MammoscopeError
from mammoscope.geometry import as_boxes
from mammoscope.phantom.dicom import write_dicom
from mammoscope.phantom.encoding import ENCODINGS
from mammoscope.phantom.model import Phantom, PhantomOptions
from mammoscope.phantom.synthesis import make_phantom
from mammoscope.reading import FoundImages, read
from mammoscope.reading.dicom.header import dicom_header
from mammoscope.runs import DicomObjects, Examination, ExaminedImage, Remarks
from mammoscope.study import study_results
from mammoscope.types import Density, Detections, ImageResult, ModelUse

FOUR = ("L_CC", "R_CC", "L_MLO", "R_MLO")


@cache
def phantom(name: str) -> Phantom:
    side, view = name.split("_")
    return make_phantom(view, side, PhantomOptions(rows=300, columns=250, seed=3, masses=2))


@dataclass
class Case:
    """A study on disk and what was found on it, as a run hands them to its outputs."""

    out: Path
    images: list[ExaminedImage] = field(default_factory=list)
    errors: list[tuple[Path, MammoscopeError]] = field(default_factory=list)
    models: tuple[ModelUse, ...] = (ModelUse("mass 2", "ab" * 32),)

    @property
    def results(self) -> list[ImageResult]:
        return [image.result for image in self.images]

    def write(self, *kinds: str) -> Remarks:
        output = DicomObjects(kinds or OWN)
        output.start(self.out)
        for image in self.images:
            output.add(image)
        results = tuple(self.results)
        found = FoundImages(tuple(Path(result.source.path) for result in results), ())
        done = Examination(self.models, results, study_results(results), tuple(self.errors), found)
        return output.finish(done)

    def files(self, kind: str = "*") -> list[Path]:
        return sorted((self.out / "dicom").glob(f"*.{kind}.dcm"))

    def object(self, kind: str) -> Dataset:
        """The only object of a kind."""
        self.write(kind)
        (path,) = self.files(kind)
        return dcmread(path)


@pytest.fixture
def make_case(tmp_path: Path) -> Callable[..., Case]:
    """A phantom study with made results: boxes of its masses, scores and chances as given."""

    def make(
        names: Sequence[str] = FOUR,
        scores: Sequence[float] = (0.9, 0.6),
        p_malignant: float = math.nan,
        failed: Sequence[str] = (),
        change: Callable[[Dataset], None] = lambda header: None,
        encoding: str = "linear",
        out: Path = tmp_path / "out",
        density: Density | None = None,
    ) -> Case:
        out.mkdir(exist_ok=True)
        inputs = tmp_path / "in"
        inputs.mkdir(exist_ok=True)
        case = Case(out)
        for name in names:
            path = inputs / f"{name}.dcm"
            write_dicom(phantom(name), path, ENCODINGS[encoding])
            header = dcmread(path)
            change(header)
            header.save_as(path)
            if name in failed:
                error = BreastNotFound(path, "no breast")
                error.header = dicom_header(path.read_bytes())
                case.errors.append((path, error))
                continue
            mammogram = read(path)
            n = len(scores)
            found = Detections(
                as_boxes(phantom(name).boxes[:n]).copy(),
                np.asarray(scores, dtype=np.float64),
                np.full(n, p_malignant),
                np.full(n, "both", dtype="<U5"),
                mammogram.frame,
            )
            assert mammogram.source is not None
            result = ImageResult(
                name,
                mammogram.source,
                mammogram.frame,
                found,
                threshold=0.5,
                laterality=mammogram.laterality,
                view=mammogram.view,
                density=density,
                dicom=mammogram.dicom,
            )
            case.images.append(ExaminedImage(mammogram, result))
        return case

    return make


@pytest.fixture
def items() -> Callable[..., list[Dataset]]:
    """All content items below one, depth first, whose concept has a code value."""

    def below(item: Dataset) -> Iterator[Dataset]:
        for child in item.get("ContentSequence", ()):
            yield child
            yield from below(child)

    def named(item: Dataset, code: str) -> list[Dataset]:
        return [
            child
            for child in below(item)
            if "ConceptNameCodeSequence" in child
            and child.ConceptNameCodeSequence[0].CodeValue == code
        ]

    return named
