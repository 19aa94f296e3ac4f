from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from mammoscope.classification import OnnxClassifier
from mammoscope.errors import OutputError, TableError
from mammoscope.models import ClassifierCard
from mammoscope.phantom import WrittenStudies
from mammoscope.reading import FoundImages, ReadOptions, find_images
from mammoscope.runs import ClassificationRun, run_classification
from mammoscope.tables import Table, read_table


@pytest.fixture
def classifier(write_classifier: Callable[..., ClassifierCard]) -> OnnxClassifier:
    """The brighter a region, the likelier."""
    return OnnxClassifier(write_classifier(calibration={"malignant": [-5, 10]}))


@pytest.fixture
def found(study: WrittenStudies) -> FoundImages:
    """The DICOM files of the study and nothing else."""
    return find_images([study.images[0].parent])


@pytest.fixture
def table(tmp_path: Path) -> Callable[[str], Table]:
    def write(text: str) -> Table:
        path = tmp_path / "boxes.csv"
        path.write_text(text, encoding="utf-8")
        return read_table(path)

    return write


def p_of(path: Path) -> list[str]:
    return [row["p_malignant"] for row in read_table(path)]


def causes(run: ClassificationRun) -> list[tuple[str, str]]:
    return [(failure.path, failure.cause) for failure in run.failures]


def test_rows_and_columns_stay_as_they_were(
    classifier: OnnxClassifier, found: FoundImages, table: Callable[[str], Table], tmp_path: Path
) -> None:
    """Rows of several images in any order, the name with and without its extension."""
    boxes = table(
        'note,y1,y0,x1,x0,image\n"a, ""b""",230,200,380,350,phantom_0001_R_CC\n'
        "é,280.5,250,80,40,phantom_0001_L_CC.dcm\n 7 ,,,,,phantom_0001_L_MLO.dcm\n"
        ",260,200,390,330,phantom_0001_R_CC\n"
    )
    run = run_classification(classifier, found, boxes, tmp_path / "new" / "out.csv")
    assert (run.classified, run.failures) == (3, ())
    written = read_table(tmp_path / "new" / "out.csv")
    assert written.columns == (*boxes.columns, "p_malignant")
    kept = [{c: row[c] for c in boxes.columns} for row in written]
    assert kept == [dict(row) for row in boxes]
    p = p_of(tmp_path / "new" / "out.csv")
    assert [bool(value) for value in p] == [True, True, False, True]
    assert all(0 < float(value) < 1 for value in p if value)


def test_an_earlier_column_of_probabilities_is_replaced(
    classifier: OnnxClassifier, found: FoundImages, table: Callable[[str], Table], tmp_path: Path
) -> None:
    boxes = table(
        "image,p_malignant,x0,y0,x1,y1,logit\nphantom_0001_L_CC,2,40,200,90,250,7\n"
        "phantom_0001_R_CC,2,,,,,7\n"
    )
    run_classification(classifier, found, boxes, tmp_path / "out.csv")
    assert read_table(tmp_path / "out.csv").columns == boxes.columns
    one, other = p_of(tmp_path / "out.csv")
    assert one != "2" and other == ""


def test_what_cannot_be_used_costs_only_itself(
    classifier: OnnxClassifier, found: FoundImages, table: Callable[[str], Table], tmp_path: Path
) -> None:
    broken = tmp_path / "in" / "broken.dcm"
    broken.parent.mkdir()
    broken.write_bytes(b"")
    boxes = table(
        "image,x0,y0,x1,y1\nbroken.dcm,1,1,9,9\nphantom_0001_L_CC,40,200,90,250\n"
        "phantom_0001_L_CC,900,900,950,950\nphantom_0001_L_CC,-50,200,0,250\n"
        "nowhere.png,1,1,9,9\nphantom_0001_R_CC,,,,\nphantom_0001_L_CC,-20,200,60,250\n"
        "broken,2,2,9,9\n"
    )
    both = find_images([*found.paths, broken])
    run = run_classification(classifier, both, boxes, tmp_path / "out.csv")
    given = [bool(value) for value in p_of(tmp_path / "out.csv")]
    assert given == [False, True, False, False, False, False, True, False]
    assert run.classified == 2
    image = found.paths[0]
    assert image.stem == "phantom_0001_L_CC"
    assert causes(run) == [
        ("broken", "no such image among the inputs"),
        ("nowhere.png", "no such image among the inputs"),
        (str(broken), "the file is empty"),
        (boxes.path, f"line 4: the box lies off the breast on {image}"),
        (boxes.path, f"line 5: the box lies off the breast on {image}"),
    ]


def test_a_box_longer_than_the_image_costs_only_itself(
    classifier: OnnxClassifier, found: FoundImages, table: Callable[[str], Table], tmp_path: Path
) -> None:
    boxes = table(
        "image,x0,y0,x1,y1\nphantom_0001_L_CC,40,200,90,250\nphantom_0001_L_CC,40,200,1e9,250\n"
    )
    run = run_classification(classifier, found, boxes, tmp_path / "out.csv")
    assert [bool(value) for value in p_of(tmp_path / "out.csv")] == [True, False]
    assert causes(run) == [(boxes.path, f"line 3: the box is longer than {found.paths[0]}")]


def test_an_image_without_a_breast_is_a_failure_of_its_own(
    classifier: OnnxClassifier, table: Callable[[str], Table], tmp_path: Path
) -> None:
    cv2.imwrite(str(tmp_path / "black.png"), np.zeros((300, 200), dtype=np.uint16))
    boxes = table("image,x0,y0,x1,y1\nblack.png,1,1,9,9\n")
    images = find_images([tmp_path / "black.png"])
    run = run_classification(classifier, images, boxes, tmp_path / "out.csv")
    ((path, cause),) = causes(run)
    assert path == str(tmp_path / "black.png") and "no breast" in cause
    assert p_of(tmp_path / "out.csv") == [""]


def test_one_and_four_workers_write_the_same_bytes(
    classifier: OnnxClassifier, study: WrittenStudies, tmp_path: Path
) -> None:
    truth = read_table(study.truth)
    images = find_images(study.images)
    for workers in (1, 4):
        run = run_classification(
            classifier, images, truth, tmp_path / f"{workers}.csv", workers=workers
        )
        assert run.failures == ()
    assert (tmp_path / "1.csv").read_bytes() == (tmp_path / "4.csv").read_bytes()
    marked = [row.box() is not None for row in truth]
    assert [bool(p) for p in p_of(tmp_path / "1.csv")] == marked and any(marked)


def test_a_box_is_where_the_file_shows_it(
    classifier: OnnxClassifier, study: WrittenStudies, table: Callable[[str], Table], tmp_path: Path
) -> None:
    """A bright spot on a breast that is mirrored and cropped before it is looked at."""
    source = next(path for path in study.images if path.name.endswith("_R_CC_png.png"))
    pixels = cv2.imread(str(source), cv2.IMREAD_UNCHANGED) // 2
    rows, columns = pixels.shape
    x, y = round(columns * 0.8), round(rows * 0.55)
    cv2.rectangle(pixels, (x - 12, y - 12), (x + 12, y + 12), 65535, -1)
    cv2.imwrite(str(tmp_path / "spot.png"), pixels)
    places = [(x, y), (x, y - 40), (x, y + 40), (x + 30, y - 40)]
    lines = [f"spot,{x - 8},{y - 8},{x + 8},{y + 8}" for x, y in places]
    boxes = table("\n".join(["image,x0,y0,x1,y1", *lines]))
    images = find_images([tmp_path / "spot.png"])
    run_classification(classifier, images, boxes, tmp_path / "out.csv")
    spot, *others = map(float, p_of(tmp_path / "out.csv"))
    assert spot > 0.99 and max(others) < 0.9


def test_the_same_breast_at_twice_the_resolution_gives_the_same(
    classifier: OnnxClassifier, study: WrittenStudies, table: Callable[[str], Table], tmp_path: Path
) -> None:
    source = next(path for path in study.images if path.name.endswith("_R_CC_png.png"))
    pixels = cv2.imread(str(source), cv2.IMREAD_UNCHANGED)
    where = np.array([(330, 200, 370, 250), (280, 250, 340, 280), (320, 180, 350, 210)])
    found = []
    for times in (1, 2):
        cv2.imwrite(str(tmp_path / f"{times}.png"), pixels.repeat(times, 0).repeat(times, 1))
        lines = [f"{times},{','.join(map(str, box))}" for box in (where * times).tolist()]
        boxes = table("\n".join(["image,x0,y0,x1,y1", *lines]))
        images = find_images([tmp_path / f"{times}.png"])
        run_classification(classifier, images, boxes, tmp_path / "out.csv")
        found.append([float(p) for p in p_of(tmp_path / "out.csv")])
    small, large = found
    assert large == pytest.approx(small, abs=0.01)
    assert np.ptp(small) > 0.05, "else any box would do"


def test_options_of_reading_are_used(
    classifier: OnnxClassifier, found: FoundImages, table: Callable[[str], Table], tmp_path: Path
) -> None:
    boxes = table("image,x0,y0,x1,y1\nphantom_0001_L_CC,40,200,90,250\n")
    options = ReadOptions(max_pixels=1000)
    run = run_classification(classifier, found, boxes, tmp_path / "out.csv", options)
    assert [path for path, _ in causes(run)] == [str(found.paths[0])]


@pytest.mark.parametrize(
    ("row", "cause"),
    [
        ("phantom_0001_L_CC,1,1,9,", "line 2: the box lacks y1"),
        ("phantom_0001_L_CC,9,1,1,9", "line 2: the box .* has no area"),
        (",1,1,9,9", "line 2: column 'image' is empty"),
    ],
)
def test_where_no_row_can_be_meant_the_run_ends_before_it_begins(
    classifier: OnnxClassifier,
    found: FoundImages,
    table: Callable[[str], Table],
    tmp_path: Path,
    row: str,
    cause: str,
) -> None:
    boxes = table(f"image,x0,y0,x1,y1\n{row}\n")
    steps: list[int] = []
    with pytest.raises(TableError, match=f"boxes.csv: {cause}"):
        run_classification(
            classifier, found, boxes, tmp_path / "out.csv", progress=lambda: steps.append(1)
        )
    assert not steps and not (tmp_path / "out.csv").exists()


def test_a_row_that_cannot_be_meant_costs_itself(
    classifier: OnnxClassifier,
    found: FoundImages,
    table: Callable[[str], Table],
    tmp_path: Path,
) -> None:
    rows = "phantom_0001_L_CC,9,1,1,9\n,1,1,9,9\nphantom_0001_L_CC,,,,\n"
    boxes = table(f"image,x0,y0,x1,y1\n{rows}")
    run = run_classification(classifier, found, boxes, tmp_path / "out.csv")
    told = [cause.partition(":")[0] for path, cause in causes(run) if path == boxes.path]
    assert told == ["line 2", "line 3"]
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 4


def test_no_input_is_overwritten(
    classifier: OnnxClassifier, study: WrittenStudies, table: Callable[[str], Table], tmp_path: Path
) -> None:
    image = tmp_path / "a.dcm"
    image.write_bytes(study.images[0].read_bytes())
    boxes = table("image,x0,y0,x1,y1\na,40,200,90,250\n")
    before = {path: path.read_bytes() for path in (image, Path(boxes.path))}
    for path in before:
        with pytest.raises(OutputError, match="is an input: choose another file"):
            run_classification(classifier, find_images([image]), boxes, path)
    assert {path: path.read_bytes() for path in before} == before


def test_an_output_that_cannot_be_ends_the_run_before_it_begins(
    classifier: OnnxClassifier, found: FoundImages, table: Callable[[str], Table], tmp_path: Path
) -> None:
    boxes = table("image,x0,y0,x1,y1\nphantom_0001_L_CC,40,200,90,250\n")
    (tmp_path / "file").write_bytes(b"")
    steps: list[int] = []
    with pytest.raises(OutputError, match="file: cannot make this folder"):
        run_classification(
            classifier,
            found,
            boxes,
            tmp_path / "file" / "out.csv",
            progress=lambda: steps.append(1),
        )
    assert not steps
