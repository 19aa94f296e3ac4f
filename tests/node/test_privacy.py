"""A patient's name, ID and birth date stand in no message and no log, whatever goes wrong."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from mammoscope.models import DetectorCard

pytestmark = pytest.mark.filterwarnings("ignore")
"""pydicom warns of the files that are made here."""

Make = Callable[..., Any]

MARK, BORN = "ZZSECRET", "19471203"

_TEXT = (
    *("SpecificCharacterSet", "Modality", "StudyDate", "StudyTime", "ContentDate", "Laterality"),
    *("ImageLaterality", "ViewPosition", "PatientOrientation", "PhotometricInterpretation"),
    *("PresentationIntentType", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"),
    *("SOPClassUID", "PatientBirthDate", "PatientSex", "PatientAge", "AccessionNumber"),
    *("PresentationLUTShape", "VOILUTFunction", "LossyImageCompression", "BurnedInAnnotation"),
    *("TimezoneOffsetFromUTC", "PixelIntensityRelationship", "ViewCodeSequence"),
)
_NUMBERS = (
    *("WindowCenter", "WindowWidth", "ImagerPixelSpacing", "RescaleSlope", "RescaleIntercept"),
    *("NumberOfFrames", "InstanceNumber", "PixelAspectRatio", "Rows", "Columns", "PixelData"),
    *("BitsStored", "BitsAllocated", "HighBit", "PixelRepresentation"),
    *("SamplesPerPixel", "SmallestImagePixelValue", "VOILUTSequence"),
)


def put_raw(dataset: Dataset, keyword: str, vr: str | None = None) -> None:
    """The patient's name as the bytes of any element, as devices that mix up their fields do."""
    tag = Tag(keyword)
    value = f"{MARK}^NAME".encode()
    vr = vr or dictionary_VR(tag)[:2]
    dataset[tag] = RawDataElement(tag, vr, len(value), value, 0, False, True)


@pytest.fixture
def marked(pictures: Any, tmp_path: Path) -> Path:
    """A folder of images of one marked patient: a good one, and many that are wrong somewhere."""
    folder = tmp_path / "marked"
    folder.mkdir()
    good = pictures.files[0]

    def write(name: str, change: Callable[[Dataset], None]) -> None:
        image = dcmread(good)
        image.PatientName, image.PatientID = f"{MARK}^NAME", f"{MARK}ID"
        image.PatientBirthDate = BORN
        image.OtherPatientIDs = image.PatientComments = image.AccessionNumber = f"{MARK}ID"
        image.SOPInstanceUID = f"1.2.3.{len(list(folder.iterdir()))}"
        change(image)
        image.save_as(folder / f"{name}.dcm")

    write("good", lambda image: None)
    for keyword in _TEXT + _NUMBERS:
        write(keyword, lambda image, keyword=keyword: put_raw(image, keyword))
    write("long", lambda image: setattr(image, "PatientName", f"{MARK}^" + "NAME" * 40))
    write("nobody", lambda image: put_raw(image, "PatientName", "SQ"))
    write("number", lambda image: put_raw(image, "PatientID", "DS"))
    write("syntax", lambda image: put_raw(image.file_meta, "TransferSyntaxUID"))
    write("hardly", lambda image: setattr(image, "PixelData", bytes(10)))
    whole = (folder / "good.dcm").read_bytes()
    (folder / "cut.dcm").write_bytes(whole[:700])
    (folder / "half.dcm").write_bytes(whole[: len(whole) // 2])
    (folder / "torn.dcm").write_bytes(whole[:400] + b"\xff" * 40 + whole[400:])
    assert MARK.encode() in whole and BORN.encode() in whole
    return folder


@pytest.fixture
def tables(marked: Path, tmp_path: Path) -> dict[str, Path]:
    """Tables that name the patient, right and wrong ones."""
    header = ["image", "x0", "y0", "x1", "y1", "label", "patient_id", "laterality", "view", "split"]
    who = f"{MARK}ID"
    rows = {
        "right": [["good.dcm", 1, 2, 30, 40, "benign", who, "L", "CC", "train"]],
        "outside": [["good.dcm", 1, 2, 3000, 4000, "benign", who, "R", "MLO", "train"]],
        "no_number": [["good.dcm", 1, 2, 30, "wide", "benign", who, "L", "CC", "train"]],
        "upside_down": [["good.dcm", 30, 2, 1, 40, "benign", who, "L", "CC", "test"]],
        "missing": [["nothing.dcm", 1, 2, 30, 40, "benign", who, "L", "CC", "test"]],
        "two_sides": [
            ["good.dcm", 1, 2, 30, 40, "benign", who, "L", "CC", "train"],
            ["good.dcm", 5, 2, 30, 40, "benign", f"{MARK}OTHER", "R", "CC", "test"],
        ],
    }
    paths = {name: marked / f"{name}.csv" for name in rows}
    for name, path in paths.items():
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([header, *rows[name]])
    metadata = tmp_path / "metadata.csv"
    metadata.write_text(f"image,spacing_mm,patient_id,laterality\ngood.dcm,wide,{who},left\n")
    return paths | {"metadata": metadata}


def test_no_command_tells_who_it_was(
    start: Make,
    brightest_pixel: DetectorCard,
    marked: Path,
    tables: dict[str, Path],
    tmp_path: Path,
    wait_for: Make,
) -> None:
    out = tmp_path / "out"
    every = ("--dicom", "sr,sr1500,gsps,sc", "--threshold", 0)
    every += ("--model", brightest_pixel.path, "--no-classify")
    detect = start("detect", marked, "--out", out, "--workers", 1, *every)
    wait_for(lambda: detect.has_ended)
    commands = [
        (
            "detect",
            marked / "good.dcm",
            "--out",
            tmp_path / "none",
            "--metadata",
            tables["metadata"],
        ),
        ("detect", marked / "good.dcm", "--out", tmp_path / "one", "--workers", 1),
        ("preprocess", marked, "--out", tmp_path / "prepared", "--masks"),
        ("phantom", "--out", marked / "good.dcm", "--rows", 200),
        ("classify", marked, "--boxes", tables["right"], "--out", tmp_path / "classified.csv"),
        ("evaluate", tables["right"], tables["right"]),
        *(("evaluate", out, table) for table in tables.values()),
        *(("datasets", "check", f"truth:{table}", "--read") for table in tables.values()),
    ]
    running = [start(*command) for command in commands]
    wait_for(lambda: all(one.has_ended for one in running))
    for command, one in zip((("detect",), *commands), (detect, *running), strict=True):
        assert MARK not in one.said and BORN not in one.said, command
        assert "Traceback" not in one.said, command
        assert "exit code" in one.said, command
    assert "exit code 1" in detect.said and detect.said.count("Failed:") > 10


@pytest.mark.parametrize("way", ["dimse", "dicomweb"])
def test_the_node_does_not_tell_who_it_was(
    make_orthanc: Make,
    start_node: Make,
    marked: Path,
    wait_for: Make,
    free_port: Make,
    storescu: Make,
    way: str,
) -> None:
    orthanc, port = make_orthanc(), free_port()
    # Orthanc's QIDO answers nothing at all where one of these is no number.
    numbers = {
        *("Rows", "Columns", "BitsStored", "BitsAllocated", "HighBit", "PixelRepresentation"),
        *("SamplesPerPixel", "SmallestImagePixelValue"),
    }
    files = sorted(path for path in marked.glob("*.dcm") if path.stem not in numbers)
    arguments = ("--dicom", "sr,sr1500,gsps,sc", "--threshold", 0)
    if way == "dimse":
        node = start_node("--send-to", orthanc.address, "--port", port, *arguments)
        orthanc.stop()
        for path in files:
            storescu(path, port=port)
        wait_for(lambda: node.said.count("the PACS is away") > 1)
        orthanc.start()
    else:
        storescu(*files, port=orthanc.port, aec="ORTHANC")
        node = start_node("--dicomweb", orthanc.dicomweb, "--days", 36500, *arguments)
    wait_for(lambda: "an object was sent" in node.said)
    wait_for(lambda: not list((node.output.parent / "spool" / "out").iterdir()))
    assert MARK not in node.said and BORN not in node.said and "Traceback" not in node.said
    names = [path.name for path in (node.output.parent / "spool").rglob("*")]
    assert not any(MARK in name or BORN in name for name in names)
