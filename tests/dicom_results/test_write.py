"""A run's objects: which there are, that they are the same each time, and what a fault costs."""

from __future__ import annotations

import logging
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread

from mammoscope.dicom_results.kinds import OWN
from mammoscope.dicom_results.study import study_name
from mammoscope.errors import RefusedError, WriteError
from mammoscope.reading import read
from mammoscope.runs import dicom_objects

NAMES = ("L_CC", "R_CC")


def contents(case: Any) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in case.files()}


def test_one_report_a_study_and_one_state_and_capture_an_image(make_case: Any) -> None:
    case = make_case(NAMES)
    assert case.write().errors == ()
    study = study_name(
        case.results[0].source and dcmread(case.results[0].source.path).StudyInstanceUID
    )
    assert {path.name for path in case.files()} == {
        *(f"{study}.{kind}.dcm" for kind in ("sr", "sr1500")),
        *(f"{name}.{kind}.dcm" for name in NAMES for kind in ("gsps", "sc")),
    }
    objects = [dcmread(path) for path in case.files()]
    assert len({o.SOPInstanceUID for o in objects}) == 6
    assert len({o.SeriesInstanceUID for o in objects}) == 5
    for o in objects:
        assert o.file_meta.MediaStorageSOPInstanceUID == o.SOPInstanceUID
        assert o.StudyInstanceUID == dcmread(case.results[0].source.path).StudyInstanceUID
        assert o.PatientID == "PHANTOM-0001"


def test_a_second_run_writes_the_same_bytes(make_case: Any) -> None:
    case = make_case(NAMES)
    case.write()
    before = contents(case)
    case.write()
    assert contents(case) == before


@pytest.mark.parametrize("kind", OWN)
def test_another_score_another_model_and_another_name_give_another_uid(
    make_case: Any, kind: str
) -> None:
    def rename(header: Dataset) -> None:
        header.PatientName = "Corrected^Name"

    uids = set()
    for changes in ({}, {"scores": (0.8, 0.6)}, {"change": rename}):
        case = make_case(["L_CC"], **changes)
        uids.add(case.object(kind).SOPInstanceUID)
    case.models = ()
    uids.add(case.object(kind).SOPInstanceUID)
    assert len(uids) == 4


def test_dates_are_those_of_the_images_spoken_of_and_of_no_run(make_case: Any) -> None:
    def change(header: Dataset) -> None:
        header.ContentTime = "120000" if header.ImageLaterality == "L" else "121530.5"

    case = make_case(NAMES, change=change)
    case.write()
    for path in case.files():
        o = dcmread(path)
        stem = "PresentationCreation" if o.Modality == "PR" else "Content"
        is_of_left = "L_" in path.name
        newest = "120000" if is_of_left else "121530.5"
        assert (o[f"{stem}Date"].value, o[f"{stem}Time"].value) == ("20000101", newest)
        assert "InstanceCreationDate" not in o


@pytest.mark.filterwarnings("ignore:Invalid value for VR DA")
def test_where_no_image_has_a_date_one_that_nobody_takes_for_real_stands_there(
    make_case: Any,
) -> None:
    def change(header: Dataset) -> None:
        header.StudyDate = header.ContentDate = "2000.1.1"

    report = make_case(["L_CC"], change=change).object("sr")
    assert (report.ContentDate, report.ContentTime) == ("19000101", "000000")


def test_studies_have_reports_of_their_own(make_case: Any) -> None:
    def apart(header: Dataset) -> None:
        header.StudyInstanceUID = f"1.2.{'LR'.index(header.ImageLaterality)}"

    case = make_case(change=apart)
    case.write("sr")
    reports = [dcmread(path) for path in case.files("sr")]
    assert len(reports) == 2
    for report in reports:
        (evidence,) = report.CurrentRequestedProcedureEvidenceSequence
        (series,) = evidence.ReferencedSeriesSequence
        assert evidence.StudyInstanceUID == report.StudyInstanceUID
        assert len(series.ReferencedSOPSequence) == 2


def test_an_image_that_is_no_dicom_file_is_a_note(make_case: Any) -> None:
    case = make_case(["L_CC"])
    png = replace(case.results[0], source=replace(case.results[0].source, kind="PNG"))
    case.images.append(replace(case.images[0], result=png))
    done = case.write("sr")
    assert done.errors == ()
    assert done.notes == ("1 of 2 images are no DICOM files: no DICOM results for them.",)


@pytest.mark.parametrize("keyword", ["SOPInstanceUID", "SeriesInstanceUID", "SOPClassUID"])
def test_an_image_that_nothing_can_refer_to_is_a_note(make_case: Any, keyword: str) -> None:
    def change(header: Dataset) -> None:
        if header.ImageLaterality == "L":
            header[keyword].value = "1.2.3.4" if keyword == "SOPClassUID" else None

    case = make_case(NAMES, change=change)
    done = case.write("sc")
    assert done.errors == ()
    ((note),) = done.notes
    assert note.startswith("L_CC: no DICOM results")
    assert [path.name for path in case.files()] == ["R_CC.sc.dcm"]


def test_of_two_files_of_one_instance_the_first_counts(make_case: Any) -> None:
    def change(header: Dataset) -> None:
        header.SOPInstanceUID = "1.2.3"

    case = make_case(NAMES, change=change)
    ((note),) = case.write().notes
    assert note.startswith("R_CC: no DICOM results, for it is the same SOP instance as ")
    assert [path.name for path in case.files("gsps")] == ["L_CC.gsps.dcm"]


def test_a_refused_file_is_not_spoken_of(make_case: Any) -> None:
    case = make_case(NAMES, failed=["R_CC"])
    case.errors = [(path, RefusedError(path, "no mammogram")) for path, _ in case.errors]
    report = case.object("sr")
    (evidence,) = report.CurrentRequestedProcedureEvidenceSequence
    assert len(evidence.ReferencedSeriesSequence[0].ReferencedSOPSequence) == 1


def test_a_failed_file_of_another_modality_is_not_spoken_of(make_case: Any) -> None:
    case = make_case(NAMES, failed=["R_CC"])
    ((_, error),) = case.errors
    error.header = replace(error.header, is_mammogram=False)
    report = case.object("sr")
    (evidence,) = report.CurrentRequestedProcedureEvidenceSequence
    assert len(evidence.ReferencedSeriesSequence[0].ReferencedSOPSequence) == 1


def test_a_box_that_leaves_the_image_by_the_last_digit_is_taken(make_case: Any) -> None:
    case = make_case(["L_CC"])
    found = case.results[0].detections
    found.boxes[0] = (-1e-13, 0, found.frame.columns + 1e-12, found.frame.rows + 1e-12)
    assert case.write().errors == ()
    assert len(case.files()) == 4


def test_a_failed_file_of_which_nothing_is_known_costs_nothing(make_case: Any) -> None:
    case = make_case(NAMES, failed=["R_CC"])
    (case.out.parent / "in" / "R_CC.dcm").write_bytes(b"\x89PNG\r\n\x1a\n no DICOM file")
    done = case.write("sr")
    assert (done.errors, done.notes) == ((), ())
    assert len(case.files("sr")) == 1


def test_an_object_that_cannot_be_made_costs_itself_only(make_case: Any) -> None:
    case = make_case(NAMES)
    vars(case.images[0])["overlay"] = b"no picture"
    (failure,) = case.write().errors
    assert failure.path == str(case.out / "dicom" / "L_CC.sc.dcm")
    assert failure.cause.endswith("while making it") and not isinstance(failure, WriteError)
    assert len(case.files()) == 5


def test_the_source_is_not_opened_again(make_case: Any) -> None:
    """What an object needs of an image travels with its result or error, its overlay in memory."""
    case = make_case(NAMES, failed=["R_CC"])
    for path in (*(Path(result.source.path) for result in case.results), case.errors[0][0]):
        path.unlink()
    assert case.write().errors == ()
    assert len(case.files()) == 2 + 2
    report = dcmread(case.files("sr")[0])
    (evidence,) = report.CurrentRequestedProcedureEvidenceSequence
    assert len(evidence.ReferencedSeriesSequence[0].ReferencedSOPSequence) == len(NAMES)
    assert {path.name for path in case.out.iterdir()} == {"dicom"}


def test_tags_and_overlay_wait_as_they_were(make_case: Any, tmp_path: Path) -> None:
    case = make_case(NAMES)
    for image in case.images:
        waiting = tmp_path / image.result.name
        waiting.write_bytes(dicom_objects._packed(image.result, b"a\nb"))
        assert image.result.dicom.identity
        assert dicom_objects._read(waiting, image.result) == (image.result.dicom, b"a\nb")
        assert dicom_objects._read(waiting, replace(image.result, digest="another")) is None


def test_an_object_that_cannot_be_written_costs_itself_only(make_case: Any) -> None:
    case = make_case(NAMES)
    (case.out / "dicom" / "L_CC.sc.dcm").mkdir(parents=True)
    (failure,) = case.write("sc", "sr").errors
    assert isinstance(failure, WriteError) and "cannot be written" in failure.cause
    assert (case.out / "dicom" / "R_CC.sc.dcm").is_file()


def test_a_report_that_is_not_made_again_does_not_stay(make_case: Any) -> None:
    case = make_case(["L_CC"])
    case.write("sr", "sr1500")
    case.write("sr")
    assert [path.name.split(".", 1)[1] for path in case.files()] == ["sr.dcm"]


@pytest.mark.filterwarnings("ignore:Unknown encoding")
@pytest.mark.parametrize(
    ("charset", "name"),
    [
        ("ISO_IR 192", "Müller^Zoë".encode("latin-1")),
        ("ISO_IR 100", "Ямада^Иван".encode()),
        ("ISO 2022 IR 6\\ISO 2022 IR 87", b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B"),
        ("ISO 2022 IR 149", b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7"),
        ("GB18030", "王^小东".encode("gb18030")),
        ("FOO BAR", b"\xff\xfe^x"),
        (None, "Grün^Eva".encode("latin-1")),
    ],
)
def test_a_name_is_the_same_bytes_whatever_its_character_set(
    make_case: Any, charset: str | None, name: bytes
) -> None:
    def change(header: Dataset) -> None:
        header.PatientName = "X" * (len(name) + len(name) % 2)
        header.SpecificCharacterSet = charset.split("\\") if charset else None

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first = make_case(["L_CC"], change=change)
    path = first.out.parent / "in" / "L_CC.dcm"
    even = name + b" " * (len(name) % 2)
    path.write_bytes(path.read_bytes().replace(b"X" * len(even), even))
    mammogram = read(path)
    said = replace(first.results[0], dicom=mammogram.dicom)
    first.images[0] = replace(first.images[0], result=said)
    assert first.write().errors == ()
    for written in first.files():
        found = dcmread(written)
        assert found.get_item("PatientName").value == even
        stated = found.get("SpecificCharacterSet") or ""
        assert (stated if isinstance(stated, str) else "\\".join(stated)) == (charset or "")


def test_no_name_and_no_id_leaks(make_case: Any, caplog: Any, capfd: Any) -> None:
    """A malformed name, of which libraries like to complain aloud."""
    secrets = ["Sch\u00f6n=Secret^^^^^^^^=x=y=z", "ID-Secret-4711\\2", "not a Secret date"]

    def change(header: Dataset) -> None:
        header.PatientName, header.PatientID, header.PatientBirthDate = secrets
        header.PatientSex = "Secret"
        header.ReferringPhysicianName = "Secret^Doctor" * 10

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        case = make_case(NAMES, change=change)
    caplog.clear()
    with warnings.catch_warnings(record=True) as caught, caplog.at_level(logging.DEBUG):
        warnings.simplefilter("always")
        done = case.write()
    said = " ".join(
        [
            *capfd.readouterr(),
            caplog.text,
            *(str(warning.message) for warning in caught),
            *done.notes,
            *(f"{failure.path} {failure.cause}" for failure in done.errors),
            *(path.name for path in case.files()),
        ]
    )
    assert "Secret" not in said
    assert done.errors == ()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path in case.files():
            written = dcmread(path)
            assert str(written.PatientName) == secrets[0], "the patient is the source's"
            assert written.PatientBirthDate == secrets[2]
