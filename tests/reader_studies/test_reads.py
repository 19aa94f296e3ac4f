"""Tables of reads and of marks, good and bad."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mammoscope.errors import TableError
from mammoscope.reader_studies import load_reads

HEADER = "reader,mode,case,truth,rating"
READS = [f"{r},{m},{c},{c % 2},{c + m}" for r in "ab" for m in (1, 2) for c in range(4)]


def write(path: Path, lines: list[str], header: str = HEADER) -> Path:
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def test_rows_may_come_in_any_order(tmp_path: Path) -> None:
    reads = load_reads(write(tmp_path / "a.csv", READS))
    other = load_reads(write(tmp_path / "b.csv", READS[::-1]))
    assert (reads.modes, reads.readers, reads.cases) == (("1", "2"), ("a", "b"), tuple("0123"))
    assert reads.ratings[1, 0].tolist() == [2, 3, 4, 5]
    np.testing.assert_array_equal(reads.ratings, other.ratings)
    assert reads.truth.tolist() == [False, True, False, True]


@pytest.mark.parametrize("column", ["treatment", "modality"])
def test_other_names_of_the_mode(tmp_path: Path, column: str) -> None:
    path = write(tmp_path / "a.csv", READS, HEADER.replace("mode", column))
    assert load_reads(path).modes == ("1", "2")


def test_numbers_as_names_go_by_value(tmp_path: Path) -> None:
    lines = [f"{r},x,{c},{c % 2},1" for r in (10, 9) for c in (11, 2, 100, 1)]
    reads = load_reads(write(tmp_path / "a.csv", lines))
    assert (reads.readers, reads.cases) == (("9", "10"), ("1", "2", "11", "100"))


def test_truth_in_words_and_times(tmp_path: Path) -> None:
    lines = [f"a,x,{c},{('Benign', 'malignant')[c % 2]},1,{c}.5" for c in range(4)]
    reads = load_reads(write(tmp_path / "a.csv", lines, f"{HEADER},seconds"))
    assert reads.truth.tolist() == [False, True, False, True]
    assert reads.seconds is not None
    assert reads.seconds[0, 0].tolist() == [0.5, 1.5, 2.5, 3.5]


BAD = {
    "line 2: column 'rating': 'high' is not a finite number": [0, "a,1,0,0,high"],
    "line 2: column 'rating': 'nan' is not a finite number": [0, "a,1,0,0,nan"],
    "line 2: column 'rating' is empty": [0, "a,1,0,0,"],
    "line 2: column 'reader' is empty": [0, ",1,0,0,1"],
    "line 2: column 'truth': 'maybe' is neither": [0, "a,1,0,maybe,1"],
    "line 6: truth of case '0' differs from that in line 2": [4, "a,2,0,1,1"],
    "line 3: mode '1', reader 'a', case '0' is there twice: line 2": [1, "a,1,0,0,1"],
    "no row for mode '2', reader 'b', case '3'": [15, None],
    "line 17: 4 values under 5 columns": [15, "b,2,3,1"],
}


@pytest.mark.parametrize("cause", BAD)
def test_a_bad_row_is_named(tmp_path: Path, cause: str) -> None:
    number, line = BAD[cause]
    lines = [*READS[:number], *([line] if line else []), *READS[number + 1 :]]
    with pytest.raises(TableError, match="reads.csv: " + cause.replace("(", "\\(")):
        load_reads(write(tmp_path / "reads.csv", lines))


EIGHT = [
    f"{r},{m},{c},{c % 2},{c + m},{2 * (c % 2)}" for r in "ab" for m in (1, 2) for c in range(8)
]
"""Rows of a study large enough to lose cases."""


@pytest.mark.parametrize(
    ("number", "line", "cases"),
    [
        (3, "a,1,3,1,high,2", "3"),
        (3, "a,1,3,1", "3"),
        (3, "Doe, J,1,3,1,4,2", "3"),
        (3, ",,,?,,", "3"),
        (9, "a,2,1,0,3,0", "1"),  # A truth that another row contradicts.
        (4, "a,1,3,1,0,2", "34"),  # A read twice, with two ratings, and another's place empty.
        (None, "Total,,,,,", ""),
        (None, EIGHT[3], ""),
        (None, "a,1,3,1,0,2", "3"),
        (None, "a,1,99,1,high,2", "99"),
    ],
)
def test_a_bad_row_costs_its_case(
    tmp_path: Path, number: int | None, line: str, cases: str
) -> None:
    lines = [*EIGHT, line] if number is None else [*EIGHT[:number], line, *EIGHT[number + 1 :]]
    reads = load_reads(write(tmp_path / "a.csv", lines, f"{HEADER},lesions"))
    said = ("99",) if cases == "99" else tuple(cases)
    assert (reads.left_out.cases, reads.left_out.figures) == (said, ())
    assert reads.cases == tuple(c for c in "01234567" if c not in said)
    assert reads.ratings.shape == (2, 2, len(reads.cases))
    at = 34 if number is None else number + 2
    (told,) = reads.left_out.rows
    assert f"a.csv: line {at}: " in told


def test_a_reader_of_bad_rows_alone_is_not_left_out(tmp_path: Path) -> None:
    third = [line.replace("a,", "c,", 1).replace(",0,", ",0;0,") for line in EIGHT[:16]]
    third = [",".join([*line.split(",")[:4], "2", "5", "0"]) for line in third]  # Decimal commas.
    with pytest.raises(TableError, match="line 34: 7 values under 6 columns"):
        load_reads(write(tmp_path / "a.csv", [*EIGHT, *third], f"{HEADER},lesions"))


def test_two_gaps_are_not_one_bad_row(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="line 2: column 'rating'"):
        load_reads(write(tmp_path / "a.csv", ["a,1,0,0,high,0", *EIGHT[2:]], f"{HEADER},lesions"))


def test_a_bad_mark_costs_its_case_or_the_figure(tmp_path: Path) -> None:
    table = write(tmp_path / "a.csv", EIGHT, f"{HEADER},lesions")
    good = ["a,1,1,left,3", "b,2,3,right,4", "a,1,0,,2"]
    reads = load_reads(table, write(tmp_path / "m.csv", [*good, "a,1,1,x,high"], MARKS_HEADER))
    assert (reads.left_out.cases, reads.left_out.figures) == (("1",), ())
    assert reads.marks is not None and reads.marks.case_of.tolist() == [2, 2, 4, 4, 6, 6]
    assert np.isfinite(reads.marks.lesions).sum() == 1
    for bad in ("a,1,9,x,3", "a,1,,x,3", "a,1,1,x,3,5"):
        reads = load_reads(table, write(tmp_path / "m.csv", [*good, bad], MARKS_HEADER))
        assert (reads.left_out.cases, reads.left_out.figures) == ((), ("JAFROC",))
        assert reads.marks is None and "m.csv: line 5: " in reads.left_out.rows[0]


@pytest.mark.parametrize("truth", [0, 1])
def test_both_kinds_of_case_are_needed(tmp_path: Path, truth: int) -> None:
    lines = [f"a,x,{c},{truth},1" for c in range(4)]
    with pytest.raises(TableError, match="and at least two are needed"):
        load_reads(write(tmp_path / "a.csv", lines))


def test_a_study_that_nobody_has_read_yet(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"a\.csv: no reads"):
        load_reads(write(tmp_path / "a.csv", []))


def test_a_table_without_a_mode(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", READS, "reader,way,case,truth,rating")
    with pytest.raises(TableError, match="lacks column mode or treatment or modality"):
        load_reads(path)


MARKS_HEADER = "reader,mode,case,lesion,rating"
WITH_LESIONS = [f"{line},{2 * (n % 2)}" for n, line in enumerate(READS)]


def test_marks(tmp_path: Path) -> None:
    reads = write(tmp_path / "a.csv", WITH_LESIONS, f"{HEADER},lesions")
    lines = ["a,1,1,left,3", "b,2,1,right,4", "a,1,1,left,2", "b,1,0,,5", "b,1,0,,6"]
    marks = load_reads(reads, write(tmp_path / "m.csv", lines, MARKS_HEADER)).marks
    assert marks is not None
    assert marks.case_of.tolist() == [1, 1, 3, 3]
    none = -np.inf
    assert marks.lesions[0, 0].tolist() == [3, none, none, none]
    assert marks.lesions[1, 1].tolist() == [none, 4, none, none]
    assert marks.false[0, 1].tolist() == [6, none, none, none]


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        (["c,1,1,,3"], "line 2: no reader 'c' among the reads"),
        (["a,1,1,x,3", "a,1,1,y,3", "a,1,1,z,3"], "line 4: case '1' has only 2 lesions"),
        (["a,1,0,x,3"], "line 2: case '0' has only 0 lesions"),
    ],
)
def test_a_bad_mark_is_named(tmp_path: Path, lines: list[str], cause: str) -> None:
    reads = write(tmp_path / "a.csv", WITH_LESIONS, f"{HEADER},lesions")
    with pytest.raises(TableError, match=cause):
        load_reads(reads, write(tmp_path / "m.csv", lines, MARKS_HEADER))


def test_marks_need_the_number_of_lesions(tmp_path: Path) -> None:
    marks = write(tmp_path / "m.csv", [], MARKS_HEADER)
    with pytest.raises(TableError, match="'lesions'"):
        load_reads(write(tmp_path / "a.csv", READS), marks)
    wrong = [*WITH_LESIONS[:2], "a,1,2,0,3,1", *WITH_LESIONS[3:]]
    with pytest.raises(TableError, match=r"line 4: .*contradict the truth"):
        load_reads(write(tmp_path / "b.csv", wrong, f"{HEADER},lesions"), marks)
