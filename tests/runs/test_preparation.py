from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mammoscope.errors import OutputError, TableError
from mammoscope.geometry import Frame
from mammoscope.phantom import PhantomOptions, WrittenStudies, make_phantom
from mammoscope.preprocessing import PreprocessOptions, preprocess, to_uint16
from mammoscope.reading import FoundImages, find_images, load_metadata, read
from mammoscope.runs import PreparationOptions, run_preparation
from mammoscope.tables import read_table


def pngs(study: WrittenStudies, *views: str) -> FoundImages:
    """The films of some views; their names end like ``_R_MLO_png.png``."""
    chosen = [p for p in study.images if p.suffix == ".png" and p.stem[13:-4] in views]
    return find_images(chosen)


def image_of(path: Path) -> np.ndarray:
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert image is not None
    return image


def test_the_written_image_is_the_preprocessed_one_in_sixteen_bits(
    study: WrittenStudies, tmp_path: Path
) -> None:
    found = pngs(study, "L_CC")
    summary = run_preparation(found, tmp_path)
    (path,) = found.paths
    expected = preprocess(read(path)).mammogram
    written = image_of(tmp_path / f"{path.stem}.png")
    assert written.dtype == np.uint16
    np.testing.assert_array_equal(written, to_uint16(expected.pixels))
    record = json.loads((tmp_path / f"{path.stem}.json").read_text())
    assert Frame.from_dict(record["frame"]) == expected.frame
    assert record["file"] == f"{path.stem}.png"
    assert record["source"]["path"] == path.name
    assert record["source"]["sha256"] == expected.source.sha256  # type: ignore[union-attr]
    assert record["pectoral"] == {"found": False, "removed": False}
    assert "not a medical device" in record["disclaimer"]
    assert {p.name for p in tmp_path.iterdir()} == {
        f"{path.stem}.png",
        f"{path.stem}.json",
        "run.json",
        "log.jsonl",
    }
    assert summary.failures == () and [i.name for i in summary.images] == [path.stem]


def test_png_and_tiff_hold_the_same_pixels(study: WrittenStudies, tmp_path: Path) -> None:
    found = pngs(study, "R_CC")
    for kind in ("png", "tiff"):
        run_preparation(found, tmp_path / kind, PreparationOptions(format=kind))  # type: ignore[arg-type]
    png = image_of(tmp_path / "png" / f"{found.paths[0].stem}.png")
    tiff = image_of(tmp_path / "tiff" / f"{found.paths[0].stem}.tiff")
    assert png.dtype == tiff.dtype == np.uint16 and png.max() == 65535
    np.testing.assert_array_equal(png, tiff)


def test_masks_lie_on_the_source_pixels(study: WrittenStudies, tmp_path: Path) -> None:
    assert study.metadata is not None
    found = pngs(study, "L_CC", "L_MLO")
    options = PreparationOptions(
        preprocessing=PreprocessOptions(remove_pectoral=True),
        metadata=load_metadata(study.metadata),
        masks=True,
    )
    run_preparation(found, tmp_path, options)
    for path in found.paths:
        source = image_of(path)
        breast, muscle = (
            image_of(tmp_path / f"{path.stem}.{p}.png") for p in ("breast", "pectoral")
        )
        for mask in (breast, muscle):
            assert mask.shape == source.shape and mask.dtype == np.uint8
            assert set(np.unique(mask)) <= {0, 255}
        record = json.loads((tmp_path / f"{path.stem}.json").read_text())
        assert muscle.any() == ("MLO" in path.stem) == record["pectoral"]["removed"]
        assert not (muscle & ~breast).any()
        x0, y0, x1, y1 = record["breast_box_px"]
        inside = breast[y0:y1, x0:x1]
        assert np.count_nonzero(inside) == np.count_nonzero(breast) > 0

        # What is written is what the masks leave of the source.
        frame = Frame.from_dict(record["frame"])
        image = image_of(tmp_path / f"{path.stem}.png")
        c0, r0, c1, r1 = frame.boxes_to_source([(0, 0, frame.columns, frame.rows)])[0].astype(int)
        left = (breast > 0) & (muscle == 0)
        assert not (image[left[r0:r1, c0:c1] == 0]).any()
        assert (image[left[r0:r1, c0:c1]] > 0).mean() > 0.99


def test_lesion_boxes_move_along_and_lead_back(study: WrittenStudies, tmp_path: Path) -> None:
    truth = read_table(study.truth)
    found = find_images([study.images[0].parent, study.images[1].parent])
    run_preparation(found, tmp_path, truth=truth)
    moved = read_table(tmp_path / "truth.csv")
    assert moved.columns == truth.columns
    assert len(moved) == len(truth)
    boxes = 0
    for before, after in zip(truth, moved, strict=True):
        stem = Path(before["image"]).stem
        assert after["image"] == f"{stem}.png"
        for column in ("label", "patient_id", "laterality", "view"):
            assert after[column] == before[column]
        if before.box() is None:
            assert after.box() is None
            continue
        frame = Frame.from_dict(json.loads((tmp_path / f"{stem}.json").read_text())["frame"])
        back = frame.boxes_to_source([after.box()])[0]
        np.testing.assert_allclose(back, before.box(), atol=1e-3)
        boxes += 1
    assert boxes == study.boxes > 0


def test_rows_of_images_that_were_not_written_are_left_out(
    study: WrittenStudies, tmp_path: Path
) -> None:
    found = pngs(study, "L_CC")
    run_preparation(found, tmp_path, truth=read_table(study.truth))
    rows = read_table(tmp_path / "truth.csv").rows
    assert {row["image"] for row in rows} == {f"{found.paths[0].stem}.png"}


def test_the_truth_is_not_overwritten_by_the_moved_one(
    study: WrittenStudies, tmp_path: Path
) -> None:
    (tmp_path / "truth.csv").write_bytes(study.truth.read_bytes())
    with pytest.raises(OutputError, match=r"truth\.csv: would be overwritten"):
        run_preparation(pngs(study, "L_CC"), tmp_path, truth=read_table(tmp_path / "truth.csv"))
    assert (tmp_path / "truth.csv").read_bytes() == study.truth.read_bytes()


def test_a_truth_that_may_mean_several_images(study: WrittenStudies, tmp_path: Path) -> None:
    table = tmp_path / "boxes.csv"
    stem = pngs(study, "L_CC").paths[0].stem
    table.write_text(f"image,x0,y0,x1,y1\n{stem}.tif,1,1,2,2\n{stem}.jpg,1,1,2,2\n")
    with pytest.raises(TableError, match=r"boxes\.csv: "):
        run_preparation(pngs(study, "L_CC"), tmp_path / "out", truth=read_table(table))


def test_an_image_is_never_overwritten(study: WrittenStudies, tmp_path: Path) -> None:
    (path,) = pngs(study, "L_CC").paths
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    summary = run_preparation(find_images([copy]), tmp_path)
    assert copy.read_bytes() == path.read_bytes()
    assert "another output folder" in summary.failures[0].cause
    assert (
        run_preparation(find_images([copy]), tmp_path, PreparationOptions(format="tiff")).failures
        == ()
    )


def test_one_and_three_workers_write_the_same_bytes(study: WrittenStudies, tmp_path: Path) -> None:
    found = pngs(study, "L_CC", "R_CC", "R_MLO")
    for workers in (1, 3):
        run_preparation(
            found,
            tmp_path / str(workers),
            PreparationOptions(masks=True),
            read_table(study.truth),
            workers,
        )
    one, three = tmp_path / "1", tmp_path / "3"
    names = sorted(p.name for p in one.iterdir())
    assert names == sorted(p.name for p in three.iterdir()) and len(names) == 3 * 4 + 3
    for name in set(names) - {"log.jsonl"}:
        assert (one / name).read_bytes() == (three / name).read_bytes(), name


def test_rows_of_the_truth_that_mean_no_image_are_told(
    study: WrittenStudies, tmp_path: Path
) -> None:
    table = tmp_path / "t.csv"
    table.write_text(study.truth.read_text() + "typo.png,1,2,3,4,,,,\n")
    found = find_images([study.images[0].parent, study.images[1].parent])
    summary = run_preparation(found, tmp_path / "out", truth=read_table(table))
    assert summary.notes == (
        "Rows of the truth that mean no image of this run were left out: typo.png.",
    )


def test_lesions_off_the_written_image_and_unused_metadata_are_told(
    study: WrittenStudies, tmp_path: Path
) -> None:
    found = pngs(study, "L_CC")
    (path,) = found.paths
    table, metadata = tmp_path / "t.csv", tmp_path / "m.csv"
    metadata.write_text("image,view\ntypo.png,CC\n")
    options = PreparationOptions(metadata=load_metadata(metadata))
    table.write_text(f"image,x0,y0,x1,y1\n{path.name},-40,0,-30,9\n")
    summary = run_preparation(found, tmp_path / "out", options, read_table(table))
    assert summary.notes == (
        f"Lesions that lie outside of what was written: {path.stem}.png.",
        "Rows of the metadata that mean no image of this run were left out: typo.png.",
    )


def test_masks_of_an_earlier_run_do_not_stay(study: WrittenStudies, tmp_path: Path) -> None:
    found = pngs(study, "L_CC")
    run_preparation(found, tmp_path, PreparationOptions(masks=True))
    assert len(list(tmp_path.glob("*.breast.png"))) == 1
    run_preparation(found, tmp_path)
    assert not list(tmp_path.glob("*.breast.png"))


@pytest.fixture
def two(tmp_path: Path) -> FoundImages:
    """One picture of both breasts, back to back, each 300 pixels wide."""
    options = PhantomOptions(rows=360, columns=300)
    one, other = (make_phantom("CC", side, options).pixels for side in ("R", "L"))
    pixels = np.rint(np.hstack([one, other]) * 65535).astype(np.uint16)
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in" / "both.png"), pixels)
    return find_images([tmp_path / "in" / "both.png"])


def test_of_two_breasts_in_one_picture_both_are_written(two: FoundImages, tmp_path: Path) -> None:
    table, out = tmp_path / "t.csv", tmp_path / "out"
    table.write_text(
        "image,x0,y0,x1,y1,label,patient_id\n"
        "both.png,200,150,230,190,benign,p\n"
        "both.png,350,100,370,140,malignant,p\n"
    )
    summary = run_preparation(two, out, PreparationOptions(masks=True), read_table(table))
    assert summary.failures == () and [i.name for i in summary.images] == ["both", "both.2"]
    frames, masks = {}, []
    for name in ("both", "both.2"):
        record = json.loads((out / f"{name}.json").read_text())
        frame = frames[record["file"]] = Frame.from_dict(record["frame"])
        assert record["name"] == name and image_of(out / record["file"]).shape == frame.size
        assert any("2 breasts in one picture: each" in w for w in record["warnings"])
        masks.append(image_of(out / f"{name}.breast.png") > 0)
    assert not (masks[0] & masks[1]).any() and min(mask.mean() for mask in masks) > 0.05
    rows = read_table(out / "truth.csv")
    assert sorted(row["label"] for row in rows) == ["benign", "malignant"]
    assert {row["image"] for row in rows} == set(frames)
    for row, box in zip(rows, [[200, 150, 230, 190], [350, 100, 370, 140]], strict=True):
        back = frames[row["image"]].boxes_to_source([row.box()])
        np.testing.assert_allclose(back, [box], atol=1e-3)


def test_the_breast_without_a_lesion_has_a_row_that_says_so(
    two: FoundImages, tmp_path: Path
) -> None:
    table, out = tmp_path / "t.csv", tmp_path / "out"
    header = "image,x0,y0,x1,y1,label,patient_id\n"
    table.write_text(f"{header}both.png,350,100,370,140,malignant,p\n")
    run_preparation(two, out, truth=read_table(table))
    marked, free = sorted(read_table(out / "truth.csv"), key=lambda row: row.box() is None)
    assert marked["label"] == "malignant" and marked["image"] != free["image"]
    assert (free.box(), free["label"], free["patient_id"]) == (None, "", "p")
    table.write_text(f"{header}both.png,,,,,,p\n")
    run_preparation(two, out, truth=read_table(table))
    rows = read_table(out / "truth.csv")
    assert {row["image"] for row in rows} == {"both.png", "both.2.png"} and len(rows) == 2


def test_a_second_breast_overwrites_nothing_and_does_not_stay(
    two: FoundImages, study: WrittenStudies, tmp_path: Path
) -> None:
    (path,) = pngs(study, "L_CC").paths
    (tmp_path / "in" / "both.2.png").write_bytes(path.read_bytes())
    summary = run_preparation(find_images([tmp_path / "in"]), tmp_path / "out")
    assert "would overwrite the results of both.2" in summary.failures[0].cause
    assert [image.name for image in summary.images] == ["both.2"]
    run_preparation(two, tmp_path / "again")
    assert (tmp_path / "again" / "both.2.png").is_file()
    two.paths[0].write_bytes(path.read_bytes())
    run_preparation(two, tmp_path / "again")
    assert {p.name for p in (tmp_path / "again").glob("both*")} == {"both.png", "both.json"}
