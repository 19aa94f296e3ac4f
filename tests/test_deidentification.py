from __future__ import annotations

import base64
import json
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pydicom import DataElement, Dataset, dcmread, dcmwrite
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from mammoscope.deidentification import (
    CODES,
    EMPTY,
    FORMAT,
    KEY,
    NUMBERS,
    WRITTEN,
    Pseudonyms,
    deidentify_images,
)
from mammoscope.errors import BreastNotFound, ReadError, RefusedError
from mammoscope.models import DetectorCard
from mammoscope.phantom import WrittenStudies
from mammoscope.reading import ReadOptions, read

pytestmark = pytest.mark.filterwarnings("ignore:Invalid value for VR")

PSEUDONYMS = Pseudonyms(b"a key")

MARK, DATE = "ZZSECRET", "19471203"

# 96 x 64 pixels of 8 bits, 150 in rows 16 to 79 of the left half and 4 elsewhere, encoded by
# OpenJPH 0.26 without and with loss: no codec among the project's parts writes these.
_HTJ2K_LOSSLESS = (
    "/0//UQApQAAAAABAAAAAYAAAAAAAAAAAAAAAQAAAAGAAAAAAAAAAAAABBwEB/1AACAACAAAAAv9SAAwAAgABAAUEBEAB"
    "/1wAEyBIUFBQUFBQUFBQUFBQSEhI/2QAFwABT3BlbkpQSCBWZXIgMC4yNi4zLv+QAAoAAAAAAgEAAf+TwCrAJYQFeUaN"
    "A5jAtQDAFVAFXAFSEQBERJ0AcIa1AMBmJQlVAAP4QzYAlMlb8AGZ4LUAwBaUAWtAFaCd4wKD0O8UV/DyBcHnJ2S2WAAF"
    "3URYrQmENso82xbiABAM24AQALkAW/P67doBBA/jFHVYAMAXQQBdNAFpAIGYs4/FcjpZLKeTRXVawQYNwL+HFdTup3U9"
    "nkeG894AlZVKahKTycSipcWikuN0Oq0WgD6BazgBaIQHstCdnAAJAACnUwENUWaCv1iLyPIwgsvI8Gwj3gDAF2cAXewB"
    "aQBHb+oQiSIRkSgSEYkiEZEoEhGJIhGRKBIR4SITVOD9f4JZXU7qd1O6ndTup3U/PI44VQGjo9FoNBrlDoBAIBAIBCIh"
    "KhKJRCKRToVIJBKJRCKT+/4kk7Ws4AWiEB79iEB7Lk7Ws4AWiEB79iEB7L4BG8Al/v1/OwpI0jCCiRpGEF4AwC7qAXpM"
    "ArDhh0AgEAgEAoFAIBAIBAKBQCAQCAQCgUAgEAhEBP94X/gGRlOU5TlOU5TlOU5TlOU5TlOU5TmR2F0BkZFIJBKJRCKR"
    "SCQSiYwCEgKBQCAQCAQCgUAgEBH8/3X/VuAAAGRiEB79iEB79iEB79iEB7LAABkYhAe/YhAe/YhAe/YhAey7Agfy/3hf"
    "5nAQUBBaAP/Z"
)
_HTJ2K_LOSSY = (
    "/0//UQApQAAAAABAAAAAYAAAAAAAAAAAAAAAQAAAAGAAAAAAAAAAAAABBwEB/1AACAACAAAAIP9SAAwAAgABAAUEBEAA"
    "/1wAIyJhqWGLYYthblmZWZlZhlHLUctR2kpCSkJKlkIgQiBB2P9kABcAAU9wZW5KUEggVmVyIDAuMjYuMy7/kAAKAAAA"
    "AALRAAH/k8AFaO+S2wN3zJGWA5mAtQDABWQAVkAFWEgQvTFcxZwDmQa1AFTjiFujHfkz+MM1AHLYyN+Y/gzMIpUAwAug"
    "gBb8ALXAgEvG6AgMRC0rblztMdD3MoHHOV8mpPEARjkSQAAzmQAx4kXyDzUg8FmFWo2JX2jMv7TiQOAAZPZcPQAgALoA"
    "ZGRFdjLlCHEgyOeTqvkEEHv0MxICuQDAF18AXcQBbYBc40LnHF+EcrkgldOqQnG5KJXVqkJxuRip06yCkZCOBKALOAkg"
    "SQJIAQhHpqJ/AJalxdJyxFSRCaAuqAvpAtsQDS7KF8oX44U6kYIqpoqZYrKaEeI8AAxoIRxCApugBjQQIQAAFrMBQkgB"
    "EWBoGCgEgChI+L4ADFYjgHpExWCEAF4AwC9IgF6pALQA6GiY9gyQZbHt5wGAZbHt5wGAZbHt5wGAZbHt5wGAZbHt5wGA"
    "ZbHt5wGApaH5JwKEwez9f4CJuAkgSQJIEkCSBJAkkQgHqjYByl1xV27lrtzKXamZvnCcwAmcwAmcwAmcABpY7Av7Yi/2"
    "xV7sC93wB/MAD/AAD/AAD/AAkdD7/gwAEWANAD8IQKdMIQKboAiwBoAfhCBTphCBTd8BADoh+P1/NgDWx56a2PPcAMBe"
    "wQF7nAVwT4J5UvIegJS8ByAl7wFIyXsAUvIegJS8ByAl7wFIyXsAUvIegJS8ByAl7wFIyXsAUvIegJS8ByBJeAGIQPn/"
    "eF/4cdInSTpJ0k6SdJOknSTpJ0k6SdJOknSTpJwB6lIC6Ed+9NGPPvrRRz/66Ecf/eijH+mRARZCCCGEEEIIIQRD8hM/"
    "+eQnn/zkk5988pNPfvLJT/hECAEAAAAAAAAAAIDw/3X/VuLWta1rOR+EABOmAAFOmAAFOmAAFN0ta1rWs5H4QAE6YAAU"
    "6YAAU6YAAU3RAwBiCPj/eF/l8BnoM9oA/9k="
)


@pytest.fixture
def images(study: WrittenStudies) -> list[Path]:
    return [path for path in study.images if path.suffix == ".dcm"]


@pytest.fixture
def change(images: list[Path], tmp_path: Path) -> Callable[..., Path]:
    """Write an image with some elements changed."""

    def write(edit: Callable[[Dataset], Any], name: str = "changed.dcm") -> Path:
        image = dcmread(images[0])
        edit(image)
        image.save_as(tmp_path / name)
        return tmp_path / name

    return write


def copy_of(path: Path, folder: Path, pseudonyms: Pseudonyms = PSEUDONYMS) -> Path:
    found, errors = deidentify_images([path], folder, pseudonyms)
    assert errors == []
    (copy,) = found.paths
    return copy


def mark(dataset: Dataset) -> None:
    """Put marks into every kind of element that may say whose an image is."""
    dataset.PatientName, dataset.PatientID = f"{MARK}^NAME", f"{MARK}ID"
    dataset.PatientBirthDate = dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = DATE
    dataset.AcquisitionDate = dataset.InstanceCreationDate = DATE
    dataset.StudyTime = dataset.ContentTime = "194712.03"
    for keyword in (
        *("OtherPatientIDs", "PatientComments", "AccessionNumber", "ReferringPhysicianName"),
        *("InstitutionName", "StationName", "OperatorsName", "DeviceSerialNumber", "StudyID"),
        *("StudyDescription", "SeriesDescription", "ProtocolName", "ImageComments"),
    ):
        setattr(dataset, keyword, MARK)
    dataset.PatientSex = "O"
    dataset.TimezoneOffsetFromUTC = "+1947"
    dataset.private_block(0x0009, f"{MARK} DEVICE", create=True).add_new(1, "LO", MARK)
    dataset.add_new(0x60003000, "OW", MARK.encode())
    item = Dataset()
    item.PatientID = item.CodeMeaning = MARK
    dataset.ViewCodeSequence = dataset.OtherPatientIDsSequence = [item]


def test_a_copy_holds_what_is_listed_and_nothing_else(
    change: Callable[..., Path], tmp_path: Path
) -> None:
    path = change(mark)
    copy = copy_of(path, tmp_path / "copies")
    data = copy.read_bytes()
    assert MARK.encode() not in data and DATE.encode() not in data and b"1947" not in data
    before, after = dcmread(path), dcmread(copy)
    listed = {*NUMBERS, *CODES, *EMPTY, *FORMAT, *WRITTEN, "PixelData"}
    listed |= {"ModalityLUTSequence", "VOILUTSequence", "SOPClassUID", "PatientName", "PatientID"}
    listed |= {"StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"}
    listed |= {"PatientIdentityRemoved", "DeidentificationMethod"}
    assert {element.keyword for element in after} <= listed
    assert all(after[keyword].is_empty for keyword in EMPTY)
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        assert after[keyword].value != before[keyword].value and after[keyword].value.is_valid
    assert after.PatientIdentityRemoved == "YES" and after.PatientID == str(after.PatientName)


def test_a_copy_reads_as_the_image_does(images: list[Path], tmp_path: Path) -> None:
    assert len(images) == 4, "one an encoding"
    for path in images:
        before, after = read(path), read(copy_of(path, tmp_path / path.stem))
        same = before.pixels == after.pixels
        hidden = np.unique(after.pixels[~same])
        assert same.mean() > 0.2 and len(hidden) <= 1 and all(hidden < 0.1), "what differs is dark"
        for what in ("frame", "laterality", "view", "warnings"):
            assert getattr(before, what) == getattr(after, what)
        assert before.source.modifiers == after.source.modifiers == ("quality control image",)


@pytest.mark.parametrize("view", ["CC", None])
def test_modifiers_of_the_view_are_kept_in_the_standards_words(
    change: Callable[..., Path], tmp_path: Path, view: str | None
) -> None:
    def modify(image: Dataset) -> None:
        del image.ViewCodeSequence
        image.ViewPosition = view
        item = Dataset()
        item.ViewModifierCodeSequence = [Dataset() for _ in range(3)]
        codes = [("399163009", "SCT"), ("R-102D7", "SRT"), (MARK, "SCT")]
        for modifier, (code, scheme) in zip(item.ViewModifierCodeSequence, codes, strict=True):
            modifier.CodeValue, modifier.CodingSchemeDesignator = code, scheme
            modifier.CodeMeaning = MARK
        image.ViewCodeSequence = [item]
        image.BreastImplantPresent, image.PartialView = "YES", MARK

    path = change(modify)
    copy = copy_of(path, tmp_path / "copies")
    before, after = read(path), read(copy)
    expected = ("magnification", "spot compression", "breast implant", "quality control image")
    assert before.source.modifiers == after.source.modifiers == expected
    assert before.view == after.view == view
    assert MARK.encode() not in copy.read_bytes()


def test_the_breast_is_looked_for_as_the_copy_will_be_read(
    images: list[Path], run_command: Callable[..., Any], tmp_path: Path
) -> None:
    image = next(
        image
        for image in map(dcmread, images)
        if image.PresentationLUTShape == "IDENTITY" and image.ImageLaterality == "L"
    )
    stored = image.pixel_array
    # A negative that its tags do not tell of, with text beside the breast.
    negative = stored.max() - stored
    text = np.zeros(stored.shape, np.uint8)
    cv2.putText(text, "NORA 47", (stored.shape[1] - 90, 24), 0, 0.6, 255, 2)
    negative[text > 0] = 0
    image.PixelData = negative.astype("<u2").tobytes()
    image.save_as(tmp_path / "negative.dcm")
    arguments = (tmp_path / "negative.dcm", "--deidentify", "--polarity", "invert")
    done = run_command("detect", *arguments, "--no-classify", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    (copy,) = (tmp_path / "out" / "images").iterdir()
    after = dcmread(copy).pixel_array
    breast = np.s_[100:-100, :30]
    np.testing.assert_array_equal(after[breast], negative[breast])
    assert after[:30, -95:].std() == 0 and after[0, -1] > negative[breast].mean()


def test_what_is_larger_than_allowed_is_not_copied(images: list[Path], tmp_path: Path) -> None:
    few = ReadOptions(max_pixels=100)
    found, (why,) = deidentify_images(images[:1], tmp_path / "copies", PSEUDONYMS, few)
    assert found.paths == () and "pixels" in why.cause


@pytest.mark.parametrize(
    "syntax",
    [
        ImplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
        RLELossless,
        JPEG2000Lossless,
    ],
)
def test_a_copy_is_the_same_however_the_image_is_encoded(
    images: list[Path], tmp_path: Path, syntax: UID
) -> None:
    is_big = syntax == ExplicitVRBigEndian
    big = {"implicit_vr": False, "little_endian": False, "force_encoding": True}
    how = big if is_big else {"enforce_file_format": True}
    for path in images:
        image = dcmread(path)
        if syntax.is_compressed and not syntax.is_deflated:
            image.compress(syntax, generate_instance_uid=False)
        elif is_big:
            image.PixelData = image.pixel_array.astype(">u2").tobytes()
            for item in image.get("VOILUTSequence", []):
                item.LUTData = np.frombuffer(item.LUTData, "<u2").astype(">u2").tobytes()
        image.file_meta.TransferSyntaxUID = syntax
        dcmwrite(tmp_path / path.name, image, **how)
        copy = copy_of(tmp_path / path.name, tmp_path / path.stem)
        plain = copy_of(path, tmp_path / "plain")
        assert dcmread(copy) == dcmread(plain)


def test_what_belongs_together_stays_together(change: Callable[..., Path], tmp_path: Path) -> None:
    def other(**values: str) -> Callable[[Dataset], None]:
        return lambda image: [setattr(image, k, v) for k, v in values.items()]

    edits = (
        other(SOPInstanceUID="1.2.1"),
        other(SOPInstanceUID="1.2.2"),
        other(SOPInstanceUID="1.2.3", StudyInstanceUID="1.3"),
        other(SOPInstanceUID="1.2.4", PatientID="ANOTHER"),
    )
    paths = [change(edit, f"{number}.dcm") for number, edit in enumerate(edits)]
    copies = [dcmread(copy_of(path, tmp_path / path.stem)) for path in paths]
    a, b, later, another = ((c.PatientID, c.StudyInstanceUID) for c in copies)
    assert a == b
    assert later[0] == a[0] and later[1] != a[1]
    assert another[0] != a[0]


def test_pseudonyms_are_the_same_for_the_same_key_and_for_no_other(
    images: list[Path], tmp_path: Path
) -> None:
    keys = (b"a key", b"a key", b"another")
    one, same, other = (
        copy_of(images[0], tmp_path / str(n), Pseudonyms(key)) for n, key in enumerate(keys)
    )
    assert (one.name, one.read_bytes()) == (same.name, same.read_bytes())
    assert one.name != other.name
    assert dcmread(one).PatientID != dcmread(other).PatientID


def test_the_key_comes_from_the_environment_or_is_new_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(KEY, "from outside")
    assert Pseudonyms.from_environment().key == b"from outside"
    monkeypatch.setenv(KEY, "")
    assert Pseudonyms.from_environment() != Pseudonyms.from_environment()


@pytest.mark.parametrize(
    ("edit", "error", "cause"),
    [
        (lambda i: setattr(i, "BurnedInAnnotation", "YES"), RefusedError, "show text"),
        (lambda i: setattr(i, "BurnedInAnnotation", "Yes"), RefusedError, "show text"),
        (lambda i: setattr(i, "BurnedInAnnotation", ["NO", "y"]), RefusedError, "show text"),
        (lambda i: setattr(i, "PixelData", bytes(len(i.PixelData))), BreastNotFound, "breast"),
        (lambda i: setattr(i, "SOPClassUID", "1.2.840.10008.1947"), ReadError, "SOP class"),
        (lambda i: delattr(i, "SOPInstanceUID"), ReadError, "SOPInstanceUID is missing"),
        (lambda i: setattr(i, "SOPClassUID", "1.2.3.19471203"), ReadError, "SOP class"),
    ],
)
def test_what_cannot_be_made_sure_of_is_not_copied(
    change: Callable[..., Path], tmp_path: Path, edit: Any, error: type[Exception], cause: str
) -> None:
    found, (why,) = deidentify_images([change(edit)], tmp_path / "copies", PSEUDONYMS)
    assert found.paths == () and list((tmp_path / "copies").iterdir()) == []
    assert isinstance(why, error) and cause in str(why)


def test_other_files_are_not_copied(study: WrittenStudies, tmp_path: Path) -> None:
    film = next(path for path in study.images if path.suffix == ".png")
    empty = tmp_path / "empty.dcm"
    empty.touch()
    paths = [film, empty, tmp_path / "missing.dcm"]
    found, errors = deidentify_images(paths, tmp_path / "copies", PSEUDONYMS)
    assert found.paths == ()
    causes = ["only DICOM files can be de-identified"] * 2 + ["No such file or directory"]
    assert [error.cause for error in errors] == causes


def values_of(dataset: Dataset, keyword: str) -> Iterator[str]:
    for element in dataset.iterall():
        if element.keyword == keyword:
            yield str(element.value)


def test_no_output_of_a_run_says_whose_the_images_are(
    run_command: Callable[..., Any],
    brightest_pixel: DetectorCard,
    images: list[Path],
    tmp_path: Path,
) -> None:
    inputs, out = tmp_path / MARK, tmp_path / "out"
    inputs.mkdir()
    uids = set()
    for path in images:
        image = dcmread(path)
        mark(image)
        image.save_as(inputs / f"{MARK}_{path.name}")
        uids |= {image.StudyInstanceUID, image.SeriesInstanceUID, image.SOPInstanceUID}
    (inputs / f"{MARK}.dcm").write_bytes(b"\0" * 128 + b"DICM" + MARK.encode())
    kinds = ("--dicom", "sr,sr1500,gsps,sc", "--threshold", 0, "--no-classify")
    arguments = ("--model", brightest_pixel.path, *kinds, "--out", out)
    done = run_command("detect", inputs, "--deidentify", *arguments)
    assert done.exit_code == 1 and f"{MARK}.dcm: " in done.stderr, "the operator must know which"
    assert MARK not in done.stdout
    files = [path for path in out.rglob("*") if path.is_file()]
    assert sum(path.suffix == ".json" for path in files) == 5
    assert sum(path.parent.name == "dicom" for path in files) == 1 + 1 + 4 + 4
    for path in files:
        data = path.read_bytes()
        assert MARK not in str(path.relative_to(out)) and MARK.encode() not in data, path
        assert DATE.encode() not in data, path
        assert not [uid for uid in uids if uid.encode() in data], path
    copies = {str(dcmread(path).SOPInstanceUID) for path in (out / "images").iterdir()}
    for path in (out / "dicom").iterdir():
        result = dcmread(path)
        assert {*values_of(result, "ReferencedSOPInstanceUID")} <= copies
        assert result.PatientIdentityRemoved == "YES"


def test_a_run_finds_the_same_as_without(
    run_command: Callable[..., Any],
    brightest_pixel: DetectorCard,
    images: list[Path],
    tmp_path: Path,
) -> None:
    arguments = ("--model", brightest_pixel.path, "--no-classify", images[0])
    findings = []
    for option in ((), ("--deidentify",)):
        out = tmp_path / f"out{len(option)}"
        assert run_command("detect", *arguments, "--out", out, *option).exit_code == 0
        (path,) = (p for p in out.glob("*.json") if p.name != "run.json")
        findings.append(json.loads(path.read_text())["findings"])
    assert findings[0] == findings[1] != []


def test_metadata_of_the_user_are_not_taken(
    run_command: Callable[..., Any], images: list[Path], tmp_path: Path
) -> None:
    table = tmp_path / "metadata.csv"
    table.write_text("image,patient_id\na.dcm,somebody\n")
    arguments = ("--out", tmp_path / "out", "--deidentify", "--metadata", table)
    done = run_command("detect", images[0], *arguments)
    assert done.exit_code == 2 and "--metadata may name patients" in done.stderr


NATIVE = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
)
HIGH_THROUGHPUT = {
    HTJ2KLossless: _HTJ2K_LOSSLESS,
    HTJ2KLosslessRPCL: _HTJ2K_LOSSLESS,
    HTJ2K: _HTJ2K_LOSSY,
}
COMPRESSORS = {
    JPEGBaseline8Bit: ("dcmcjpeg", "+eb"),
    JPEGExtended12Bit: ("dcmcjpeg", "+ee"),
    JPEGLossless: ("dcmcjpeg", "+el"),
    JPEGLosslessSV1: ("dcmcjpeg", "+e1"),
    JPEGLSLossless: ("dcmcjpls", "+el"),
    JPEGLSNearLossless: ("dcmcjpls", "+en"),
    RLELossless: ("dcmcrle",),
}


def compressed(image: Dataset, syntax: UID, folder: Path) -> Dataset:
    """An image in another transfer syntax."""
    if syntax in (JPEG2000Lossless, JPEG2000):
        loss = {"j2k_psnr": [60]} if syntax == JPEG2000 else {}
        image.compress(syntax, generate_instance_uid=False, **loss)
        return image
    if syntax in HIGH_THROUGHPUT:
        image.Rows, image.Columns = 96, 64
        image.BitsAllocated, image.BitsStored, image.HighBit = 8, 8, 7
        image.PixelData = encapsulate([base64.b64decode(HIGH_THROUGHPUT[syntax])])
        image["PixelData"].VR = "OB"
        return image
    command = COMPRESSORS[syntax]
    if shutil.which(command[0]) is None:
        pytest.skip("needs DCMTK: Debian package dcmtk")
    image.save_as(folder / "plain.dcm")
    paths = (folder / "plain.dcm", folder / "compressed.dcm")
    subprocess.run([*command, *paths], check=True, capture_output=True)
    return dcmread(folder / "compressed.dcm")


def hide_marks(image: Dataset, syntax: UID) -> None:
    """A mark wherever bytes can hide: behind pixels, tables and streams, in overlays, in codes."""
    image.add_new(0x60000010, "US", 8)
    image.add_new(0x60003000, "OW", MARK.encode())
    for keyword in ("ConversionType", "PositionerType", "LossyImageCompressionMethod"):
        setattr(image, keyword, MARK)
    image.ImageType = ["ORIGINAL", "PRIMARY", MARK]
    image.PatientOrientation = [MARK, "F"]
    image.RescaleType = MARK
    table = Dataset()
    table.LUTDescriptor, table.LUTExplanation = [4096, 0, 16], MARK
    table["LUTData"] = DataElement(
        0x00283006, "OW", (np.arange(4096) * 16).astype("<u2").tobytes() + MARK.encode()
    )
    image.VOILUTSequence = [table]
    image.preamble = MARK.encode().ljust(128, b"\0")
    image.DataSetTrailingPadding = MARK.encode()
    if syntax.is_encapsulated:
        (stream,) = list(generate_frames(image.PixelData, number_of_frames=1))
        if stream.startswith(b"\xff\xd8"):
            size = struct.pack(">H", len(MARK) + 2)
            stream = stream[:2] + b"\xff\xfe" + size + MARK.encode() + stream[2:]
        elif stream.startswith(b"\xff\x4f"):
            at = 4 + int.from_bytes(stream[4:6])
            size = struct.pack(">HH", len(MARK) + 4, 1)
            stream = stream[:at] + b"\xff\x64" + size + MARK.encode() + stream[at:]
        image.PixelData = encapsulate([stream + MARK.encode()])
        image["PixelData"].is_undefined_length = True
    else:
        image.PixelData += MARK.encode()


@pytest.mark.parametrize(
    "syntax", [*NATIVE, *COMPRESSORS, JPEG2000Lossless, JPEG2000, *HIGH_THROUGHPUT], ids=str
)
def test_no_mark_survives_in_any_transfer_syntax(
    images: list[Path], tmp_path: Path, syntax: UID
) -> None:
    image = dcmread(images[0])
    stored = image.pixel_array & 0x0FFF
    image.BitsStored, image.HighBit = 12, 11
    image.PixelData = stored.tobytes()
    if syntax.is_encapsulated:
        image = compressed(image, syntax, tmp_path)
    else:
        # A mark in the bits that are not used, a character in four of them.
        bits = np.frombuffer(MARK.encode(), np.uint8)
        nibbles = np.stack([bits >> 4, bits & 15], axis=1).ravel().astype(np.uint16)
        hidden = stored | (np.resize(nibbles, stored.shape) << 12)
        order = ">u2" if syntax == ExplicitVRBigEndian else "<u2"
        image.PixelData = hidden.astype(order).tobytes()
    mark(image)
    hide_marks(image, syntax)
    image.file_meta.TransferSyntaxUID = syntax
    path = tmp_path / "marked.dcm"
    big = {"implicit_vr": False, "little_endian": False, "force_encoding": True}
    dcmwrite(path, image, **(big if syntax == ExplicitVRBigEndian else {}))
    found, errors = deidentify_images([path], tmp_path / "copies", PSEUDONYMS)
    for error in errors:
        assert MARK not in error.cause
    assert found.paths, errors
    for copy in found.paths:
        data = copy.read_bytes()
        assert MARK.encode() not in data and MARK not in copy.name and b"1947" not in data
        clean = dcmread(copy)
        assert not (clean.pixel_array >> clean.BitsStored).any()


def test_text_beside_the_breast_is_blacked_out(change: Callable[..., Path], tmp_path: Path) -> None:
    def write(image: Dataset) -> None:
        pixels = image.pixel_array.copy()
        # A left breast lies at the left.
        text = np.zeros(pixels.shape, np.uint8)
        cv2.putText(text, "NORA 47", (pixels.shape[1] - 90, 24), 0, 0.6, 255, 2)
        pixels[text > 0] = pixels.max()
        image.PixelData = pixels.tobytes()

    path = change(write)
    before, after = read(path), read(copy_of(path, tmp_path / "copies"))
    corner = np.s_[:30, -95:]
    assert before.pixels[corner].std() > 0.05
    assert after.pixels[corner].std() == 0
    breast = np.s_[100:-100, :30]
    np.testing.assert_array_equal(before.pixels[breast], after.pixels[breast])
