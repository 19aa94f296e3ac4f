from __future__ import annotations

import csv
from collections import Counter

import cv2
import numpy as np
import pydicom
import pytest

from mammoscope.errors import GeometryError, MammoscopeError, OutputError
from mammoscope.phantom import (
    ENCODINGS,
    FilmOptions,
    PhantomOptions,
    StudyOptions,
    make_phantom,
    on_film,
    write_png,
    write_studies,
)

ROWS = 240


def table(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_studies(tmp_path_factory.mktemp("study"), StudyOptions(rows=ROWS))


def test_four_views_twice_with_names_apart(written):
    assert len(written.images) == 8
    assert all(path.is_file() for path in written.images)
    assert len({path.stem for path in written.images}) == 8
    folders = Counter(path.parent.name for path in written.images)
    assert folders == {"dicom": 4, "png": 4}


def test_the_views_cover_the_encodings(written):
    seen = set()
    for path in written.images:
        if path.suffix == ".dcm":
            data = pydicom.dcmread(path, stop_before_pixels=True)
            voi = data.get("VOILUTFunction", "LUT" if "VOILUTSequence" in data else None)
            seen.add(
                (data.PresentationIntentType, data.PhotometricInterpretation, data.BitsStored, voi)
            )
    assert seen == {
        ("FOR PRESENTATION", "MONOCHROME2", 12, "LINEAR"),
        ("FOR PRESENTATION", "MONOCHROME1", 14, "SIGMOID"),
        ("FOR PRESENTATION", "MONOCHROME2", 10, "LUT"),
        ("FOR PROCESSING", "MONOCHROME1", 16, None),
    }


def test_the_truth_has_every_image_and_the_boxes_of_its_masses(written):
    rows = table(written.truth)
    assert {row["image"] for row in rows} == {f"{p.parent.name}/{p.name}" for p in written.images}
    assert written.boxes == sum(row["x0"] != "" for row in rows) > 0
    for row in rows:
        assert row["patient_id"] == "PHANTOM-0001"
        assert f"_{row['laterality']}_{row['view']}" in row["image"]
        box = [row[key] for key in ("x0", "y0", "x1", "y1")]
        if row["label"]:
            x0, y0, x1, y1 = map(float, box)
            assert 0 <= x0 < x1 <= 200
            assert 0 <= y0 < y1 <= ROWS
            assert row["label"] in ("benign", "malignant")
        else:
            assert box == [""] * 4
    # One breast has masses, in both of its views; the other has none.
    assert len({row["laterality"] for row in rows if row["label"]}) == 1
    assert len({row["laterality"] for row in rows if not row["label"]}) == 1


def test_the_metadata_serve_the_png_files(written):
    rows = table(written.metadata)
    assert [row["image"] for row in rows] == [p.name for p in written.images if p.suffix == ".png"]
    for row in rows:
        assert f"_{row['laterality']}_{row['view']}_png" in row["image"]
        assert float(row["spacing_mm"]) == pytest.approx(229.4 / ROWS)
        assert (row["patient_id"], row["study_id"]) == ("PHANTOM-0001", "PHANTOM-0001-PNG")


def test_png_files_hold_the_film_in_sixteen_bits(written):
    path = next(p for p in written.images if p.name == "phantom_0001_R_MLO_png.png")
    values = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert values.dtype == np.uint16
    truth = [
        row for row in table(written.truth) if row["image"] == f"png/{path.name}" and row["label"]
    ]
    options = PhantomOptions(rows=ROWS, columns=200, masses=len(truth))
    film = on_film(make_phantom("MLO", "R", options), FilmOptions())
    assert np.abs(values / 65535 - film.pixels).max() < 1e-5


def test_a_patient_is_the_same_however_many_are_made(written, tmp_path):
    more = write_studies(tmp_path, StudyOptions(rows=ROWS, studies=2))
    assert len(more.images) == 16
    for path in written.images:
        assert (tmp_path / path.parent.name / path.name).read_bytes() == path.read_bytes()
    studies = {
        pydicom.dcmread(p, specific_tags=["StudyInstanceUID"]).StudyInstanceUID
        for p in more.images
        if p.suffix == ".dcm"
    }
    assert len(studies) == 2


def test_normal_studies_have_no_boxes_and_one_encoding_where_asked(tmp_path):
    options = StudyOptions(rows=ROWS, normal=True, encoding="processing", png=False)
    written = write_studies(tmp_path, options)
    assert written.boxes == 0
    assert written.metadata is None
    assert not (tmp_path / "png").exists()
    assert [row["x0"] for row in table(written.truth)] == [""] * 4
    for path in written.images:
        assert pydicom.dcmread(path).SOPClassUID == "1.2.840.10008.5.1.4.1.1.1.2.1"


def test_without_film_the_png_files_show_the_digital_image(tmp_path):
    written = write_studies(tmp_path, StudyOptions(rows=ROWS, normal=True, film=False, dicom=False))
    values = cv2.imread(str(written.images[0]), cv2.IMREAD_UNCHANGED)
    plain = make_phantom("CC", "L", PhantomOptions(rows=ROWS, columns=200, masses=0))
    assert np.abs(values / 65535 - plain.pixels).max() < 1e-5


def test_other_files_in_the_folder_stay(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "truth.csv").write_text("old")
    write_studies(tmp_path, StudyOptions(rows=ROWS, dicom=False))
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert table(tmp_path / "truth.csv")[0]["image"].startswith("png/phantom_0001")


def test_what_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="file"):
        write_studies(tmp_path / "file", StudyOptions(rows=ROWS))
    with pytest.raises(OutputError, match=r"absent.x\.png: No such file or directory"):
        write_png(make_phantom("CC", "L", PhantomOptions(ROWS, 200)), tmp_path / "absent/x.png")


def test_what_cannot_be_meant_is_refused():
    with pytest.raises(GeometryError, match="1 or more"):
        StudyOptions(studies=0)
    with pytest.raises(GeometryError, match="128 rows and columns"):
        StudyOptions(rows=50)
    with pytest.raises(MammoscopeError, match=f"mixed, {', '.join(ENCODINGS)}"):
        StudyOptions(encoding="jpeg")
    with pytest.raises(MammoscopeError, match="neither"):
        StudyOptions(dicom=False, png=False)
