"""The metadata table: what it may hold, which image a row means, and who wins."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mammoscope.errors import TableError
from mammoscope.geometry import Frame
from mammoscope.reading import load_metadata, read
from mammoscope.types import Mammogram


@pytest.fixture
def table(tmp_path):
    def write(text, name="metadata.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def _image(**known):
    return Mammogram(pixels=np.zeros((4, 3), dtype=np.float32), frame=Frame(4, 3), **known)


def test_fills_what_is_unknown(table):
    rows = (
        "image,laterality,view,spacing_mm,patient_id,study_id\n"
        "a.png,left,mlo,0.05,p1,s1\n"
        "b.png,R,Cc,0.05\\0.07,,\n"
    )
    metadata = load_metadata(table(rows))
    a, b = metadata.apply(_image(), "x/a.png"), metadata.apply(_image(), "x/b.png")
    assert (a.laterality, a.view, a.patient_id, a.study_id) == ("L", "MLO", "p1", "s1")
    assert (a.frame.spacing_mm, a.frame.spacing_source) == ((0.05, 0.05), "metadata")
    assert (b.laterality, b.view, b.patient_id, b.study_id) == ("R", "CC", None, None)
    assert b.frame.spacing_mm == (0.05, 0.07)
    assert a.warnings == b.warnings == ()


@pytest.mark.parametrize(
    ("image", "path", "meant"),
    [
        ("a.png", "a.png", True),
        ("a.png", "deep/er/a.png", True),
        ("a", "deep/a.dcm", True),
        ("a.png", "a.dcm", True),
        ("deep/a.png", "/data/deep/a.png", True),
        ("deep\\a.png", "/data/deep/a.png", True),
        ("deep/a", "/data/deep/a.png", True),
        ("deep/a.png", "/data/other/a.png", False),
        ("a", "aa", False),
        ("1.2.840.1", "1.2.840.1.dcm", True),
        ("1.2.840.1", "1.2.840", False),
        ("1.2.840.1", "1.2.840.2", False),
    ],
)
def test_names_match_with_and_without_extension(image, path, meant, table):
    metadata = load_metadata(table(f"image,laterality\n{image},L\n"))
    found = metadata.apply(_image(), path)
    assert found.laterality == ("L" if meant else None)
    assert found.warnings == ()


def test_the_most_telling_row_wins(table):
    rows = "image,laterality\na,L\nx/a,R\na.dcm,R\nx/b,L\n"
    metadata = load_metadata(table(rows))
    assert metadata.apply(_image(), "x/a.png").laterality == "R"
    assert metadata.apply(_image(), "y/a.dcm").laterality == "R"
    assert metadata.apply(_image(), "y/a").laterality == "L"


def test_rows_that_could_both_be_meant_are_not_used(table):
    metadata = load_metadata(table("image,laterality\na.png,L\na.tif,R\n"))
    assert metadata.apply(_image(), "a.png").laterality == "L"
    found = metadata.apply(_image(), "a.dcm")
    assert found.laterality is None
    assert "Several rows" in found.warnings[0]


def test_a_row_that_fits_two_files_is_refused_with_both(table):
    path = table("image,laterality\n1.dcm,L\n")
    files = ["/scans/p1/1.dcm", "/scans/p2/1.dcm"]
    with pytest.raises(TableError) as caught:
        load_metadata(path).resolve(files)
    assert str(caught.value) == (
        f"{path}: cannot tell whether 1.dcm means {files[0]} or {files[1]}: give its folder too"
    )


def test_what_a_better_row_leaves_over_is_not_meant(table):
    metadata = load_metadata(table("image,laterality\np1/1.dcm,R\n1.dcm,L\n"))
    with pytest.raises(TableError, match=r"whether 1\.dcm means .*p1/1\.dcm or .*p2/1\.dcm"):
        metadata.resolve(["p1/1.dcm", "p2/1.dcm"])
    alone = metadata.resolve(["p1/1.dcm"])
    assert alone.apply(_image(), "p1/1.dcm").laterality == "R"


def test_a_table_that_knows_its_files_means_no_other(table):
    metadata = load_metadata(table("image,laterality\na,L\nb,R\n")).resolve(["x/a.png"])
    assert metadata.apply(_image(), "x/a.png").laterality == "L"
    assert metadata.apply(_image(), "./x/../x/a.png").laterality == "L"
    assert metadata.apply(_image(), "y/a.png").laterality is None
    assert metadata.unused(["x/a.png"]) == ("b",)


def test_folders_above_the_working_one_count(table, tmp_path, monkeypatch):
    (tmp_path / "p1").mkdir()
    monkeypatch.chdir(tmp_path / "p1")
    metadata = load_metadata(table("image,laterality\np1/1.png,L\np2/1.png,R\n"))
    assert metadata.apply(_image(), "1.png").laterality == "L"
    assert metadata.apply(_image(), "../p2/1.png").laterality == "R"


def test_the_file_wins_and_the_conflict_is_said_without_names(table):
    rows = "image,laterality,view,spacing_mm,patient_id\na,L,CC,0.1,SECRET-ID\n"
    frame = Frame(4, 3, spacing_mm=(0.07, 0.07), spacing_source="ImagerPixelSpacing")
    known = {"laterality": "R", "view": "CC", "patient_id": "SECRET-OTHER"}
    before = Mammogram(pixels=np.zeros((4, 3), dtype=np.float32), frame=frame, **known)
    after = load_metadata(table(rows)).apply(before, "a.dcm")
    assert (after.laterality, after.view, after.patient_id) == ("R", "CC", "SECRET-OTHER")
    assert after.frame == frame
    said = [
        name
        for name in ("laterality", "view", "spacing_mm", "patient_id")
        if any(f"another {name} " in warning for warning in after.warnings)
    ]
    assert said == ["laterality", "spacing_mm", "patient_id"]
    assert not any("SECRET" in warning for warning in after.warnings)


def test_an_unknown_image_comes_back_unchanged(table):
    before = _image()
    assert load_metadata(table("image\nother\n")).apply(before, "a.png") is before


def test_rows_that_mean_no_image_are_named(table):
    known = load_metadata(table("image,view\na.png,CC\np1/b.png,CC\nc,MLO\ntypo.png,CC\n"))
    assert known.unused(["x/a.dcm", "x/p1/b.png", "x/p2/c.png"]) == ("typo.png",)
    assert known.unused(["p2/b.png"]) == ("a.png", "p1/b.png", "c", "typo.png")


def test_read_applies_the_table(table, tmp_path):
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), np.zeros((4, 3), dtype=np.uint8))
    found = read(path, metadata=load_metadata(table("image,view\na,MLO\n")))
    assert found.view == "MLO"


def test_spreadsheets_put_a_mark_first(table):
    metadata = load_metadata(table("\ufeffimage,view\na,ML\n"))
    assert metadata.apply(_image(), "a.png").view == "ML"


@pytest.mark.parametrize(
    ("rows", "cause"),
    [
        ("", "the file is empty"),
        ("name,view\na,CC\n", "column image"),
        ("image,laterality\nb,both\n", "line 2: laterality must be L or R, got 'both'"),
        ("image,view\na,TOP\n", "line 2: view must be one of AT, CC, "),
        ("image,spacing_mm\na,0\n", "line 2: spacing_mm"),
        ("image,spacing_mm\na,-1\n", "line 2: spacing_mm"),
        ("image,spacing_mm\na,nan\n", "line 2: spacing_mm"),
        ("image,spacing_mm\na,wide\n", "line 2: spacing_mm"),
        ("image,spacing_mm\na,1\\2\\3\n", "line 2: spacing_mm"),
        ("image,view\na\n", "line 2: 1 values under 2 columns"),
        ("image,view\na,CC,L\n", "line 2: 3 values under 2 columns"),
        ("image,view\n,CC\n", "line 2: column 'image' is empty"),
        ("image,view\na,CC\na,MLO\n", "line 3: a has an earlier row that says otherwise"),
        ('image,view\n"a,CC\n', "not valid CSV"),
    ],
)
def test_bad_tables(rows, cause, table):
    """Tables of which no row can be meant."""
    path = table(rows)
    with pytest.raises(TableError) as caught:
        load_metadata(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert cause in str(caught.value)


def test_other_columns_are_passed_over(table):
    metadata = load_metadata(table("image,density,view\na,3,CC\n"))
    assert metadata.apply(_image(), "a.png").view == "CC"


def test_tables_that_cannot_be_read(tmp_path):
    with pytest.raises(TableError, match="No such file"):
        load_metadata(tmp_path / "none.csv")
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"image,view\n\xff\xfe\x00,CC\n")
    with pytest.raises(TableError, match="UTF-8"):
        load_metadata(binary)


@pytest.mark.parametrize(
    ("row", "cause"),
    [
        ("b,both,,", "line 3: laterality must be L or R, got 'both'"),
        ("b,L,XYZ,", "line 3: view must be one of"),
        ("b,L,CC,0.07 mm", "line 3: spacing_mm must be one or two positive numbers"),
        ("b,L", "line 3: 2 values under 4 columns"),
        (",L,CC,", "line 3: column 'image' is empty"),
        ("b,L,CC,\nb,R,CC,", "line 4: b has an earlier row that says otherwise: none is used"),
    ],
)
def test_a_bad_row_costs_itself_and_is_told(row, cause, table):
    path = table(f"image,laterality,view,spacing_mm\na,L,CC,0.1\n{row}\nc,R,MLO,\n")
    found = load_metadata(path)
    assert sorted(found.rows) == ["a", "c"]
    assert len(found.faults) == 1 and f"{path}: {cause}" in found.faults[0]
