"""What one run did, as JSON, schema ``mammoscope/run/2``: enough to do it again.

``schemas/run-2.json`` is its JSON Schema. It is the same, byte for byte, from run to run, with the
same versions; when, where and how long stands in the run's log. Schema 1 is read as well.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib import metadata
from typing import Any

from mammoscope._version import __version__
from mammoscope.files import DISCLAIMER, PathLike
from mammoscope.results.image import score_json
from mammoscope.results.parsing import known, load_values
from mammoscope.study import BreastScore, Link, PatientScore, StudyResult
from mammoscope.study.levels import RULE
from mammoscope.types import ImageResult, ModelUse

RUN_SCHEMA = "mammoscope/run/2"
"""What is written."""

RUN_SCHEMAS = ("mammoscope/run/1", RUN_SCHEMA)
"""What is read."""

FINISHED, UNFINISHED = "finished", "unfinished"
"""States of a run: one that died stays unfinished."""

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
    def of(cls, result: ImageResult, malignancy: float | None) -> ImageLine:
        """The line for ``result``, whose malignancy its :class:`StudyResult` says."""
        return cls(
            name=result.name,
            path=result.source.path,
            findings_shown=len(result.shown),
            image_score=score_json(result.score),
            malignancy_score=score_json(malignancy),
        )


def image_lines(
    results: Iterable[ImageResult], studies: Iterable[StudyResult]
) -> tuple[ImageLine, ...]:
    """A line for each of ``results``, all different in name, which ``studies`` are made of."""
    scores = {said.image: said.score for study in studies for said in study.scores}
    return tuple(ImageLine.of(result, scores[result.name]) for result in results)


def library_versions() -> dict[str, str | None]:
    """Versions of the libraries that can change a result; None where one is not installed."""
    return {name: _version(name) for name in _LIBRARIES}


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
        Seconds by phase, summed over the images, and any others such as ``total``. They stand in
        the run's log, and not in ``run.json``.
    mammoscope, python, libraries
        The versions at work.
    rule
        How ``malignancy`` was scored, in words.
    state
        :data:`FINISHED`, or :data:`UNFINISHED` while it goes on, or when it died.
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
    mammoscope: str = __version__
    python: str = field(default_factory=platform.python_version)
    libraries: Mapping[str, str | None] = field(default_factory=library_versions)
    rule: str = RULE
    state: str = FINISHED


def run_json(summary: RunSummary) -> dict[str, Any]:
    """``summary`` as plain values, with the versions at work, keys in the schema's order."""
    return {
        "schema": RUN_SCHEMA,
        "state": summary.state,
        "mammoscope": summary.mammoscope,
        "python": summary.python,
        "libraries": dict(summary.libraries),
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
        "disclaimer": DISCLAIMER,
    }


def run_from_json(values: Mapping[str, Any]) -> RunSummary:
    """The inverse of :func:`run_json`, up to its rounding; keys of later versions are passed over.

    Raises
    ------
    KeyError, TypeError, ValueError, AttributeError
        If ``values`` are not what :func:`run_json` makes. :func:`load_run` turns these into a
        ReadError that names the file.
    """
    if values["schema"] not in RUN_SCHEMAS:
        raise ValueError(f"schema is {values['schema']!r}, not {RUN_SCHEMA!r}")
    malignancy = values["malignancy"]
    if malignancy is None:
        malignancy = {"rule": RULE, "patients": ()}
    return RunSummary(
        command=str(values["command"]),
        options=dict(values["options"]),
        models=tuple(ModelUse(**known(ModelUse, model)) for model in values["models"]),
        images=tuple(ImageLine(**known(ImageLine, image)) for image in values["images"]),
        failures=tuple(Failure(**known(Failure, failure)) for failure in values["failures"]),
        links=tuple(_link(link) for link in values["links"]),
        malignancy=tuple(_patient(patient) for patient in malignancy["patients"]),
        ignored_paths=tuple(values["ignored_paths"]),
        notes=tuple(values["notes"]),
        timings_s=dict(values.get("timings", {})),
        mammoscope=str(values["mammoscope"]),
        python=str(values["python"]),
        libraries=dict(values["libraries"]),
        rule=str(malignancy["rule"]),
        # Runs were written at their end before there was a word for it.
        state=str(values.get("state", FINISHED)),
    )


def load_run(path: PathLike) -> RunSummary:
    """Read a ``run.json``.

    Raises
    ------
    ReadError
        If the file cannot be read, is not JSON or does not follow the schema.

    Examples
    --------
    >>> from mammoscope.results import RunSummary, run_json
    >>> _ = Path("run.json").write_text(json.dumps(run_json(RunSummary("detect"))))
    >>> mammoscope.load_run("run.json").command
    'detect'
    """
    return load_values(path, run_from_json, "a run's summary")


def _link_json(link: Link) -> dict[str, Any]:
    distances = [round(distance, 3) for distance in link.nipple_distances]
    return asdict(link) | {
        "images": list(link.images),
        "findings": list(link.findings),
        "nipple_distances": distances,
    }


def _link(values: Mapping[str, Any]) -> Link:
    pairs = {key: tuple(values[key]) for key in ("images", "findings", "nipple_distances")}
    if any(len(pair) != 2 for pair in pairs.values()):
        raise ValueError("a link is between two findings")
    return Link(**{**known(Link, values), **pairs})


def _malignancy_json(summary: RunSummary) -> dict[str, Any] | None:
    if all(image.malignancy_score is None for image in summary.images):
        return None
    return {"rule": summary.rule, "patients": [_patient_json(each) for each in summary.malignancy]}


def _patient_json(patient: PatientScore) -> dict[str, Any]:
    return {
        "patient_id": patient.patient_id,
        "score": score_json(patient.score),
        "breasts": [_breast_json(breast) for breast in patient.breasts],
    }


def _breast_json(breast: BreastScore) -> dict[str, Any]:
    return {
        "study_id": breast.study_id,
        "laterality": breast.laterality,
        "images": list(breast.images),
        "score": score_json(breast.score),
    }


def _patient(values: Mapping[str, Any]) -> PatientScore:
    breasts = tuple(
        BreastScore(**{**known(BreastScore, breast), "images": tuple(breast["images"])})
        for breast in values["breasts"]
    )
    return PatientScore(**{**known(PatientScore, values), "breasts": breasts})


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


@cache
def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
