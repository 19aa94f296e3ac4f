"""What tools that are not ours say of the objects: dicom3tools, DCMTK, PixelMed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import SecondaryCaptureImageStorage

from mammoscope.types import Density

# Java refuses PixelMed's rules, a style sheet of many megabytes, as suspiciously long without this.
_JAVA = " ".join(
    [
        *(f"-Djdk.xml.xpath{limit}Limit=0" for limit in ("TotalOp", "ExprOp", "ExprGrp")),
        *("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"),
    ]
)

_ALLOWED = (
    # dciodvfy: a state whose image has no side cannot have one.
    "is only permitted to be empty when actually unknown; should be absent (not empty) if an "
    "unpaired body part, and have a value if a paired body part - attribute <Laterality>",
    # dciodvfy: a study without a date is one.
    "needed to build DICOMDIR - Study Date",
    # dcentvfy counts the images' Accession Number to the series.
    "Different information entities for attribute - Element=<AccessionNumber>",
    # DicomSRValidator: two spaces in PixelMed's copy of the template.
    'code meaning in template concept name ("Failed  Detections")',
    # PixelMed takes the relationship of TID 4007 by itself; here it is that of the row of TID 4006
    # that includes it, and no code may contain another (PS3.3 A.35.5.3.1.3): dsrdump holds to that.
    '(129715009,SCT,"Breast composition"): Incorrect relationship - expected CONTAINS',
)
"""Warnings that are known and why they do no harm."""


def forget(header: Dataset) -> None:
    """Tags of a file of which little is known."""
    for keyword in ("ImageLaterality", "ViewPosition", "ViewCodeSequence", "ImagerPixelSpacing"):
        del header[keyword]
    header.PatientOrientation = None
    header.AccessionNumber = None


def as_captured(header: Dataset) -> None:
    """A scanned film stored as a Secondary Capture, its view in Patient Orientation."""
    forget(header)
    header.SOPClassUID = header.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    header.Laterality, header.PatientOrientation = "L", "CC"
    header.ConversionType = "DF"
    for keyword in ("WindowCenter", "WindowWidth", "VOILUTFunction", "PresentationIntentType"):
        del header[keyword]
    header.StudyDate = header.PatientBirthDate = header.PatientSex = ""


DENSE = Density("C", (0.1, 0.2, 0.6, 0.1))

CASES: dict[str, dict[str, Any]] = {
    "none": {"scores": ()},
    "one": {"names": ["L_CC"], "scores": (0.9,)},
    "many on both sides": {"p_malignant": 0.25},
    "density": {"names": ["L_CC", "L_MLO"], "density": DENSE},
    "density, nothing found": {"scores": (), "density": DENSE},
    "one failed": {"failed": ["R_CC"]},
    "all failed": {"failed": ["L_CC", "R_CC", "L_MLO", "R_MLO"]},
    "little known": {"change": forget},
    "table": {"names": ["L_CC"], "encoding": "lut"},
    "sigmoid": {"names": ["L_CC"], "encoding": "sigmoid"},
    "scanned film": {"names": ["L_CC"], "change": as_captured},
    "raw": {"names": ["R_MLO"], "encoding": "processing"},
}

cases = pytest.mark.parametrize("case", CASES)


def run(*command: object) -> str:
    """All that a tool prints; skipped where it is not installed."""
    tool = str(command[0])
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=300,
        check=False,
        env=os.environ | {"JAVA_TOOL_OPTIONS": _JAVA},
    )
    return done.stdout + done.stderr


def complaints(said: str) -> list[str]:
    """Errors, and warnings that are not among those allowed."""
    return [
        line
        for line in said.splitlines()
        if line.startswith(("Error", "Warning", "E:", "javax."))
        and not any(allowed in line for allowed in _ALLOWED)
    ]


def inputs(case: Any) -> list[Path]:
    return sorted((case.out.parent / "in").iterdir())


@cases
def test_dciodvfy_finds_no_error(make_case: Any, case: str) -> None:
    made = make_case(**CASES[case])
    assert made.write().errors == ()
    for path in made.files():
        said = run("dciodvfy", path)
        assert complaints(said) == [], path.name
        assert "MammographyCADSR" in said or ".sr.dcm" not in path.name


@cases
def test_dcentvfy_finds_them_to_belong_together(make_case: Any, case: str) -> None:
    made = make_case(**CASES[case])
    made.write()
    assert complaints(run("dcentvfy", *inputs(made), *made.files())) == []


@cases
def test_dsrdump_finds_the_constraints_of_the_reports_kept(make_case: Any, case: str) -> None:
    made = make_case(**CASES[case])
    made.write("sr", "sr1500")
    for path, title in zip(
        made.files("sr*"), ("Mammography CAD SR", "Comprehensive SR"), strict=True
    ):
        # Without -Er and the like: what breaks a constraint is an error.
        said = run("dsrdump", path)
        assert complaints(said) == []
        assert f"{title} Document" in said


@pytest.mark.parametrize(
    ("case", "kind"),
    [
        # Each takes PixelMed ten seconds: those that differ most in what they hold.
        ("one failed", "sr"),
        ("density", "sr1500"),
        ("density, nothing found", "sr"),
        ("little known", "sr"),
    ],
)
def test_pixelmed_finds_the_templates_kept(make_case: Any, case: str, kind: str) -> None:
    made = make_case(**CASES[case], p_malignant=0.5)
    made.object(kind)
    options = ("-checktemplateid", "-checkcontentitemorder", "-checkambiguoustemplate")
    said = run("DicomSRValidator", *options, made.files(kind)[0])
    assert complaints(said) == []
    assert f"Found Root Template TID_{4000 if kind == 'sr' else 1500}" in said
    assert "Root Template Validation Complete" in said


def test_pixelmed_would_say_so(make_case: Any) -> None:
    made = make_case(["L_CC"])
    report = made.object("sr")
    summary = report.ContentSequence[2]
    del summary.ContentSequence[0].ContentSequence[0]
    report.save_as(made.files("sr")[0])
    (line,) = complaints(run("DicomSRValidator", made.files("sr")[0]))
    assert "Rendering Intent" in line


@pytest.mark.parametrize("kind", ["sr", "sr1500", "gsps", "sc"])
def test_patient_and_study_are_taken_over_as_they_are(make_case: Any, kind: str) -> None:
    def change(header: Dataset) -> None:
        header.SpecificCharacterSet = "ISO_IR 192"
        header.PatientName = "山田^太郎=Ямада"
        header.PatientAge = "051Y"
        header.IssuerOfPatientID = "A hospital"
        header.StudyDescription = "Ganz schön"

    made = make_case(["L_CC"], change=change)
    written, (source,) = made.object(kind), map(dcmread, inputs(made))
    for keyword in ("PatientName", "PatientAge", "IssuerOfPatientID", "StudyDescription"):
        assert written[keyword].value == source[keyword].value
    assert complaints(run("dciodvfy", made.files(kind)[0])) == []
    assert complaints(run("dcentvfy", *inputs(made), *made.files())) == []
