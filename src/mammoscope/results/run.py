"""What one run did, as JSON, schema ``mammoscope/run/1``: enough to do it again.

``schemas/run-1.json`` is its JSON Schema. Everything but ``timings`` is the same, byte for byte,
from run to run on one machine.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib import metadata
from typing import Any

from mammoscope._version import __version__
from mammoscope.files import DISCLAIMER
from mammoscope.results.image import score_json, seconds_json
from mammoscope.study import Link
from mammoscope.study.levels import RULE
from mammoscope.study.malignancy import PatientScore, image_malignancy
from mammoscope.types import ImageResult, ModelUse

RUN_SCHEMA = "mammoscope/run/1"

# The libraries that pixels and models go through: another version may give other bytes.
_LIBRARIES = (
    "numpy",
    "opencv-python-headless",
    "onnxruntime",
    "pydicom",
    "python-gdcm",
    "pylibjpeg-openjpeg",
)


@dataclass(frozen=True)
class Failure:
    """One file that gave no result: its path, the class name of the error, and the cause."""

    path: str
    error: str
    cause: str

    @classmethod
    def of(cls, error: Exception, path: str | os.PathLike[str]) -> Failure:
        """The failure of ``path`` by ``error``; the cause is one line."""
        cause = getattr(error, "cause", None) or str(error)
        return cls(path=os.fspath(path), error=type(error).__name__, cause=" ".join(cause.split()))


@dataclass(frozen=True)
class ImageLine:
    """One image that gave a result, in short; without findings where none were looked for."""

    name: str
    path: str
    findings_shown: int | None = None
    image_score: float | None = None
    malignancy_score: float | None = None

    @classmethod
    def of(cls, result: ImageResult) -> ImageLine:
        """The line for ``result``."""
        return cls(
            name=result.name,
            path=result.source.path,
            findings_shown=len(result.shown),
            image_score=score_json(result.score),
            malignancy_score=score_json(image_malignancy(result)),
        )


@dataclass(frozen=True)
class RunSummary:
    """What one run was asked for and what came of it.

    Parameters
    ----------
    command
        The command's name: ``"detect"`` or ``"preprocess"``.
    options
        Every option that can change a result, as plain values.
    images, failures
        In the order of the inputs, whatever order the workers finished in.
    links
        Findings of two views that may be one lesion.
    malignancy
        Scores of the patients and their breasts.
    ignored_paths
        Files that were found but are no images, such as a DICOMDIR or a text file.
    notes
        What else a user should know of the run, one sentence each.
    timings_s
        Seconds by phase, summed over the images, and any others such as ``total``.
    """

    command: str
    options: Mapping[str, Any] = field(default_factory=dict)
    models: tuple[ModelUse, ...] = ()
    images: tuple[ImageLine, ...] = ()
    failures: tuple[Failure, ...] = ()
    links: tuple[Link, ...] = ()
    malignancy: tuple[PatientScore, ...] = ()
    ignored_paths: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    timings_s: Mapping[str, float] = field(default_factory=dict)


def library_versions() -> dict[str, str | None]:
    """Versions of the libraries that can change a result; None where one is not installed."""
    return {name: _version(name) for name in _LIBRARIES}


def run_json(summary: RunSummary) -> dict[str, Any]:
    """``summary`` as plain values, with the versions at work, keys in the schema's order."""
    return {
        "schema": RUN_SCHEMA,
        "mammoscope": __version__,
        "python": platform.python_version(),
        "libraries": library_versions(),
        "command": summary.command,
        "options": dict(summary.options),
        "models": [asdict(model) for model in summary.models],
        "counts": {
            "images": len(summary.images) + len(summary.failures),
            "succeeded": len(summary.images),
            "failed": len(summary.failures),
            "ignored": len(summary.ignored_paths),
            "findings_shown": sum(image.findings_shown or 0 for image in summary.images),
        },
        "failures": [asdict(failure) for failure in summary.failures],
        "images": [_without_none(asdict(image)) for image in summary.images],
        "links": [_link_json(link) for link in summary.links],
        "malignancy": _malignancy_json(summary),
        "ignored_paths": list(summary.ignored_paths),
        "notes": list(summary.notes),
        "timings": seconds_json(summary.timings_s),
        "disclaimer": DISCLAIMER,
    }


def _link_json(link: Link) -> dict[str, Any]:
    distances = [round(distance, 3) for distance in link.nipple_distances]
    return asdict(link) | {
        "images": list(link.images),
        "findings": list(link.findings),
        "nipple_distances": distances,
    }


def _malignancy_json(summary: RunSummary) -> dict[str, Any] | None:
    if all(image.malignancy_score is None for image in summary.images):
        return None
    return {"rule": RULE, "patients": [_patient_json(each) for each in summary.malignancy]}


def _patient_json(patient: PatientScore) -> dict[str, Any]:
    breasts = [
        asdict(breast) | {"images": list(breast.images), "score": score_json(breast.score)}
        for breast in patient.breasts
    ]
    return asdict(patient) | {"score": score_json(patient.score), "breasts": breasts}


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
