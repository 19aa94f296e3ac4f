from __future__ import annotations

import csv
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mammoscope.errors import InputError, OutputError, TableError
from mammoscope.tables import RowFault, each_row, read_table, write_table


def written(tmp_path: Path, data: str | bytes) -> Path:
    path = tmp_path / "t.csv"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def test_reads_bom_crlf_quotes_empty_lines_and_unknown_columns(tmp_path: Path) -> None:
    data = '\ufeffimage , x0,note\r\na,1,"x, ""y"""\r\n\r\nb, 2.5 , z \r\n'
    table = read_table(written(tmp_path, data), ("image", "x0"))
    assert table.columns == ("image", "x0", "note")
    assert [row.line for row in table] == [2, 4]
    assert [row.number("x0") for row in table] == [1.0, 2.5]
    assert table.rows[0]["note"] == 'x, "y"'
    assert dict(table.rows[1]) == {"image": "b", "x0": " 2.5 ", "note": " z "}
    assert table.rows[1].text("nowhere") == ""


SHEET = "image,X0,note\na,1.5,\u00e9\nb,2,z\n"
LINES = SHEET.splitlines()


@pytest.mark.parametrize(
    "data",
    [
        SHEET,
        SHEET.replace("\n", "\r"),
        "\n\n" + SHEET.replace("\n", "\n\n"),
        f" \n{SHEET}   \n,,\n , ,\n",
        "\n".join(f"{line},," for line in LINES),
        "\n".join(f"{line}, , " for line in LINES) + "\n,,,,\n",
        f"sep=,\n{SHEET}",
        '\ufeff"image","X0","note"\n' + "\n".join(LINES[1:]),
        SHEET.replace("X0", "\u00a0x0\0").replace("image", "IMAGE\u200b"),
        SHEET.replace(",", " , "),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_one_table_in_many_forms(tmp_path: Path, data: str, encoding: str) -> None:
    faults: list[RowFault] = []
    table = read_table(written(tmp_path, data.encode(encoding)), ("image",), faults, ("x0",))
    assert table.columns == ("image", "x0", "note") and not faults
    rows = [(row.name("image"), row.number("x0"), row.text("note")) for row in table]
    assert rows == [("a", 1.5, "\u00e9"), ("b", 2.0, "z")]


def test_a_value_under_no_name_is_no_empty_column(tmp_path: Path) -> None:
    faults: list[RowFault] = []
    table = read_table(written(tmp_path, "image,x0,\na,1,\nb,2,5\nc,1,2,\n"), ("x0",), faults)
    assert [row["image"] for row in table] == ["a"]
    assert [fault.row.line for fault in faults] == [3, 4]


def test_columns_of_both_spellings_stay_apart(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "Image,image\na,b\n"), ("image",))
    assert dict(table.rows[0]) == {"Image": "a", "image": "b"}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_reads_what_spreadsheets_and_shells_write(tmp_path: Path, encoding: str, mark: str) -> None:
    if encoding == "utf-8-sig":
        mark = ""
    data = f"{mark}image,note\r\na,\u00e9t\u00e9\r\nb,z\r\n".encode(encoding)
    table = read_table(written(tmp_path, data), ("image",))
    assert [dict(row) for row in table] == [
        {"image": "a", "note": "\u00e9t\u00e9"},
        {"image": "b", "note": "z"},
    ]


def test_a_row_of_another_length_costs_itself_where_that_is_asked_for(tmp_path: Path) -> None:
    faults: list[RowFault] = []
    table = read_table(written(tmp_path, "image,x0\na,1\nb,2,3\nc,4\nd\n"), ("x0",), faults)
    assert [row["image"] for row in table] == ["a", "c"]
    assert [fault.row.text("image") for fault in faults] == ["b", "d"]
    assert "line 3: 3 values under 2 columns" in str(faults[0].error)


def test_a_row_that_is_refused_costs_itself(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "x0\n1\none\n3\n"))
    faults: list[RowFault] = []
    assert each_row(table, lambda row: row.number("x0"), faults, needed=True) == [1, 3]
    assert [str(fault.error).rpartition("t.csv: ")[2] for fault in faults] == [
        "line 3: column 'x0': 'one' is not a finite number"
    ]
    with pytest.raises(TableError, match="line 3: column 'x0'"):
        each_row(table.rows[1:2], lambda row: row.number("x0"), [], needed=True)


def test_what_is_read_can_be_written_back(tmp_path: Path) -> None:
    path = written(tmp_path, 'image,note\na,"x, ""y"""\nb," two\nlines"\n')
    table = read_table(path)
    copy = tmp_path / "copy.csv"
    write_table(copy, table.columns, table.rows)
    assert copy.read_bytes() == path.read_bytes()


def test_none_is_written_as_an_empty_value(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", ["a", "b"], [{"a": 1.5, "b": None}])
    assert (tmp_path / "t.csv").read_text() == "a,b\n1.5,\n"


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"", "the file is empty"),
        (b"\xef\xbb\xbf \n\n", "the file is empty"),
        (b"image,x0\n\xff,1\n", "not UTF-8 text: byte 0xff at position 9"),
        ("\ufeffimage,x0\na,1\n".encode("utf-16-le")[:-1], "neither UTF-8 nor UTF-16 text"),
        ("image;x0\na;1\n", "the header has image;x0 (separator: comma, and not semicolon)"),
        ("image\tx0\na\t1\n", "(separator: comma, and not tab)"),
        ("sep=;\nimage;x0\na;1,5\n", "the header has image;x0 (separator: comma, and not semic"),
        ('image,x0\na,"1,5"\nb,1,5\n', "line 3: 3 values under 2 columns"),
        (b"PK\x03\x04 and more", "spreadsheet, no text: save it as CSV"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel file, no text: save it as CSV"),
        ("image,y0\na,1\n", "lacks column x0; the header has image, y0"),
        ("image,x0,x0\na,1,2\n", "the header names x0 twice"),
        ("image,,x0\na,1,2\n", "column 2 has no name"),
        ("image,x0\na\n", "line 2: 1 values under 2 columns"),
        ("image,x0\na,1\nb,2,3\n", "line 3: 3 values under 2 columns"),
        ('image,x0\na,"1\n', "not valid CSV"),
    ],
)
def test_bad_tables_name_file_line_and_cause(tmp_path: Path, data: str | bytes, cause: str) -> None:
    path = written(tmp_path, data)
    with pytest.raises(TableError) as caught:
        read_table(path, ("image", "x0"))
    assert str(caught.value).startswith(f"{path}: ")
    assert cause in caught.value.cause


def test_missing_file_and_folder_are_table_errors(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(InputError, match=str(path)):
            read_table(path)


@pytest.mark.parametrize(
    "text", ["", "nan", "inf", "1e999", "1_000", "0x1", "1.5 px", "١", '"1,5"']
)
def test_only_finite_decimal_numbers_are_numbers(tmp_path: Path, text: str) -> None:
    row = read_table(written(tmp_path, f"image,x0\na,{text}\n")).rows[0]
    with pytest.raises(TableError, match=r"line 2: column 'x0'"):
        row.number("x0")


@pytest.mark.parametrize("text", ["1", "-1.5", "+.5", "2.", "1e3", "1E-3"])
def test_decimal_numbers(tmp_path: Path, text: str) -> None:
    row = read_table(written(tmp_path, f"image,x0\na,{text}\n")).rows[0]
    assert row.number("x0") == float(text)


def test_boxes(tmp_path: Path) -> None:
    data = "image,x0,y0,x1,y1\na,1,2,3,4.5\nb,,, ,\nc,1,2,,4\nd,3,2,3,4\ne,1,4,3,2\n"
    good, empty, partial, narrow, reverse = read_table(written(tmp_path, data)).rows
    assert good.box() == (1.0, 2.0, 3.0, 4.5)
    assert empty.box() is None
    with pytest.raises(TableError, match="line 4: the box lacks x1"):
        partial.box()
    for row in (narrow, reverse):
        with pytest.raises(TableError, match=f"line {row.line}: .*no area"):
            row.box()


def test_a_table_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="nowhere"):
        write_table(tmp_path / "nowhere" / "t.csv", ["a"], [])


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=6), min_size=1))
@example(["\r", "a\rb", "\n", "a\r\nb"])
def test_any_text_comes_back_and_no_cell_is_a_formula(cells: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        write_table(path, ["n", "text"], [{"n": 1, "text": cell} for cell in cells])
        assert [row["text"] for row in read_table(path)] == cells
        with path.open(encoding="utf-8", newline="") as file:
            written = [text for _, text in csv.reader(file)][1:]
    number = re.compile(r"[+-]?[\d.]+([eE][+-]?\d+)?", re.ASCII)
    assert not [w for w in written if w[:1] in tuple("=+-@\t\r") and not number.fullmatch(w)]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+49 30", "'+49 30"),
        ("-a.png", "'-a.png"),
        ("@x", "'@x"),
        ("\t=x", "'\t=x"),
        ("'=x", "''=x"),
        ("'x", "'x"),
        ("-0.5", "-0.5"),
        (-0.5, "-0.5"),
        (None, ""),
    ],
)
def test_what_a_spreadsheet_would_run_is_guarded(
    tmp_path: Path, value: object, written: str
) -> None:
    write_table(tmp_path / "t.csv", ["a"], [{"a": value}, {"a": "last"}])
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as file:
        assert [cell for (cell,) in csv.reader(file) if cell][1:] == [
            *([written] if written else []),
            "last",
        ]
