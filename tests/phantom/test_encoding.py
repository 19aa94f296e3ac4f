from __future__ import annotations

import shutil
import subprocess
from itertools import product

import numpy as np
import pydicom
import pytest
from pydicom.pixels import apply_modality_lut, apply_voi_lut

from mammoscope.errors import MammoscopeError, OutputError
from mammoscope.phantom import (
    ENCODINGS,
    DicomEncoding,
    FilmOptions,
    PhantomOptions,
    make_phantom,
    on_film,
    write_dicom,
)

SMALL = PhantomOptions(rows=240, columns=200)
VIEWS = [("CC", "L"), ("CC", "R"), ("MLO", "L"), ("MLO", "R")]
PHOTOMETRIC = ("MONOCHROME1", "MONOCHROME2")
PRESENTATION = [
    DicomEncoding("presentation", *rest)
    for rest in product(PHOTOMETRIC, (10, 12, 14, 16), ("linear", "sigmoid", "lut"))
]
PROCESSING = [
    DicomEncoding("processing", photometric, bits, None)
    for photometric, bits in product(PHOTOMETRIC, (10, 12, 14, 16))
]


def name(encoding: DicomEncoding) -> str:
    return f"{encoding.intent}-{encoding.photometric}-{encoding.bits_stored}-{encoding.voi}"


@pytest.fixture(scope="module")
def phantom():
    return make_phantom("MLO", "R", SMALL)


def rank_correlation(a, b):
    a, b = (np.argsort(np.argsort(v, kind="stable"), kind="stable") for v in (a, b))
    return np.corrcoef(a, b)[0, 1]


@pytest.mark.parametrize("encoding", PRESENTATION, ids=name)
def test_rendered_as_dicom_says_every_encoding_looks_the_same(phantom, encoding, tmp_path):
    write_dicom(phantom, tmp_path / "x.dcm", encoding)
    data = pydicom.dcmread(tmp_path / "x.dcm")
    stored = data.pixel_array
    assert stored.max() <= 2**encoding.bits_stored - 1
    assert np.unique(stored).size > 100
    top = 65535 if encoding.voi == "lut" else 2**encoding.bits_stored - 1
    shown = apply_voi_lut(apply_modality_lut(stored, data).astype(int), data).astype(float) / top
    if data.PresentationLUTShape == "INVERSE":
        shown = 1 - shown
    assert data.PresentationLUTShape == ("INVERSE" if encoding.inverted else "IDENTITY")
    inside = phantom.breast
    assert np.corrcoef(shown[inside], phantom.pixels[inside])[0, 1] > 0.95
    # 0.01 is the darkest grey that a SIGMOID reaches; 10 bits and a steep LUT cost the rest.
    assert np.abs(shown - phantom.pixels).max() < 0.025


@pytest.mark.parametrize("encoding", PROCESSING, ids=name)
def test_for_processing_follows_the_exposure(phantom, encoding, tmp_path):
    write_dicom(phantom, tmp_path / "x.dcm", encoding)
    data = pydicom.dcmread(tmp_path / "x.dcm")
    stored = data.pixel_array.astype(float)
    air, tissue = stored[~phantom.breast].mean(), stored[phantom.breast].mean()
    if data.PixelIntensityRelationshipSign == 1:
        assert data.PixelIntensityRelationship == "LIN"
        assert air > 2 * tissue
        dense = -np.log(stored + 1)
    else:
        assert data.PixelIntensityRelationship == "LOG"
        assert air < tissue
        dense = stored
    inside = phantom.breast
    assert rank_correlation(dense[inside], phantom.pixels[inside]) > 0.95
    assert "WindowCenter" not in data
    assert "VOILUTSequence" not in data


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dicom3tools is not installed")
@pytest.mark.parametrize("encoding", PRESENTATION + PROCESSING, ids=name)
def test_dciodvfy_finds_no_error_in_any_encoding(phantom, encoding, tmp_path):
    write_dicom(phantom, tmp_path / "x.dcm", encoding)
    assert dciodvfy_errors(tmp_path / "x.dcm") == []


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dicom3tools is not installed")
@pytest.mark.parametrize(("view", "laterality"), VIEWS)
def test_dciodvfy_finds_no_error_in_any_view(view, laterality, tmp_path):
    film = on_film(make_phantom(view, laterality, SMALL), FilmOptions())
    write_dicom(film, tmp_path / "x.dcm")
    assert dciodvfy_errors(tmp_path / "x.dcm") == []


def dciodvfy_errors(path):
    done = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).splitlines()
    assert any(line.startswith("MammographyImageFor") for line in lines)
    return [line for line in lines if "Error" in line]


@pytest.mark.parametrize(
    ("view", "laterality", "orientation", "code"),
    [
        ("CC", "L", ["A", "R"], "399162004"),
        ("CC", "R", ["P", "L"], "399162004"),
        ("MLO", "L", ["A", "FR"], "399368009"),
        ("MLO", "R", ["P", "FL"], "399368009"),
    ],
)
def test_tags_say_side_view_and_spacing(view, laterality, orientation, code, tmp_path):
    phantom = make_phantom(view, laterality, SMALL)
    write_dicom(phantom, tmp_path / "x.dcm", ENCODINGS["sigmoid"])
    data = pydicom.dcmread(tmp_path / "x.dcm")
    assert data.ImageLaterality == laterality
    assert data.ViewPosition == view
    assert data.ViewCodeSequence[0].CodeValue == code
    assert list(data.PatientOrientation) == orientation
    assert [float(v) for v in data.ImagerPixelSpacing] == pytest.approx([229.4 / 240] * 2)
    assert (data.PatientID, str(data.PatientName)) == ("PHANTOM-0001", "Phantom^Synthetic")
    assert data.BurnedInAnnotation == "NO"
    assert data.QualityControlImage == "YES"
    write_dicom(on_film(phantom, FilmOptions()), tmp_path / "film.dcm")
    assert pydicom.dcmread(tmp_path / "film.dcm").BurnedInAnnotation == "YES"


def test_one_study_several_instances_and_the_same_bytes_again(tmp_path):
    uids = []
    for number, (view, laterality) in enumerate(VIEWS):
        phantom = make_phantom(view, laterality, SMALL)
        for encoding in ENCODINGS.values():
            path = tmp_path / f"{number}.dcm"
            write_dicom(phantom, path, encoding)
            data = pydicom.dcmread(path)
            uids.append((data.StudyInstanceUID, data.SeriesInstanceUID, data.SOPInstanceUID))
            intent = data.PresentationIntentType.removeprefix("FOR ").lower()
            assert intent == encoding.intent
    studies, series, instances = (set(column) for column in zip(*uids, strict=True))
    assert (len(studies), len(series), len(instances)) == (1, 2, 16)
    write_dicom(make_phantom(*VIEWS[-1], SMALL), tmp_path / "again.dcm", encoding)
    assert (tmp_path / "again.dcm").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"bits_stored": 9}, "10 to 16"),
        ({"voi": None}, "does not go with For Presentation"),
        ({"intent": "processing"}, "does not go with For Processing"),
        ({"intent": "viewing"}, "no presentation intent 'viewing'"),
        ({"photometric": "RGB"}, "no photometric interpretation 'RGB'"),
    ],
)
def test_what_cannot_be_meant_is_refused(values, message):
    with pytest.raises(MammoscopeError, match=message):
        DicomEncoding(**values)


def test_a_missing_folder_is_named(phantom, tmp_path):
    with pytest.raises(OutputError, match=r"absent.x\.dcm: No such file or directory"):
        write_dicom(phantom, tmp_path / "absent" / "x.dcm")
