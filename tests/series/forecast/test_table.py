"""Series from CSV files."""

import pytest

from chargen.errors import InputError
from chargen.series.forecast.table import read_table


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "data.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_one_column_of_a_wide_file(write):
    table = read_table(write("\ufeffday;a;b\r\n2024-01-01;1;2.5\r\n2024-01-02;3;-4e1\r\n\r\n"), "b", "day")
    (series,) = table.series
    assert series.values.tolist() == [2.5, -40]
    assert (series.name, series.last, series.first_line) == ("", "2024-01-02", 2)
    assert (table.column, table.time, str(table.clock)) == ("b", "day", "1 day")


@pytest.mark.parametrize("encoding", ["utf-8", "UTF-8", "utf8"])
def test_a_byte_order_mark_is_no_part_of_a_name(encoding, write):
    assert read_table(write("\ufeffx\n1\n2\n"), encoding=encoding).column == "x"


def test_what_only_python_takes_for_a_number_is_none(write):
    with pytest.raises(InputError, match="line 3: x is '1_0', not a number"):
        read_table(write("x\n1\n1_0\n"))


def test_a_quotation_mark_that_is_never_closed_is_named(write):
    with pytest.raises(InputError, match="line 2: field larger than field limit"):
        read_table(write('"ds,y\n' + 200_000 * "1"))


def test_the_long_format_holds_several_series(write):
    table = read_table(write("unique_id,ds,y\nu,1,10\nv,5,1\nu,2,20\nv,6,2\n"), time="ds")
    assert [(one.name, one.values.tolist(), one.last, one.first_line) for one in table.series] == [
        ("u", [10, 20], "2", 2),
        ("v", [1, 2], "6", 3),
    ]


def test_a_column_named_unique_id_can_be_that_of_the_values(write):
    (series,) = read_table(write("unique_id,ds\n3,1\n5,2\n"), "unique_id", "ds").series
    assert (series.name, series.values.tolist()) == ("", [3, 5])


def test_without_times_the_rows_are_counted(write):
    table = read_table(write("x\n5\n7\n6\n"))
    assert (table.column, table.series[0].last) == ("x", "3")
    assert table.clock.times("3", [1, 2]) == ["4", "5"]


def test_other_encodings_and_quoted_lines(write):
    table = read_table(write('Gr\xf6\xdfe,note\n1,"a\nb"\n2,c\n'.encode("cp1252")), "Größe", encoding="cp1252")
    assert table.series[0].values.tolist() == [1, 2]


BAD = [
    ("", "data.csv: the first line is empty; write the names of the columns there"),
    ("y\n", "data.csv: no rows below the column names"),
    ("a,b\n1,2\n", "data.csv has several columns of values: a, b; choose one with column"),
    ("y,y\n1,2\n", "line 1: two columns are named 'y'"),
    ("y,ds\n1,1\n2\n", "line 3: 1 cells, but the first line names 2 columns; give each"),
    ("ds,y\n1,1\n2,two\n", "line 3: y is 'two', not a number"),
    ("ds;y\n1;1,5\n", "line 2: y is '1,5', not a number; write decimals with a point"),
    ("ds,y\n\n1,1\n2,\n", "line 4: y is missing (''); fill it, or remove the row"),
    ("ds,y\n1,nan\n", "line 2: y is missing ('nan')"),
    ("ds,y\n1,1e999\n", "line 2: y is '1e999', not a finite number; correct it, or remove the row"),
    ("ds,y\n1,1\n2,2\n4,3\n5,4\n", "line 4: ds: 4 after 2 leaves a gap: the step is 1; fill it, or leave out time"),
    ("ds,y\n1,1\n2,2\n2,3\n", "line 4: ds: 2 appears twice; remove one of the rows, or"),
    ("ds,y\n1,1\n2,2\n3,2\n3.5,3\n", "line 2: ds: '1' is not a time"),
    ("ds,y\n1,1\n2,2\n1,3\n2,4\n", "line 4: ds: 1 after 2 is out of order; sort the rows by time"),
    (
        "ds,y\n2024-01-01,1\n2024-01-02,1\n2024-01-02 12:00,1\n2024-01-03 12:00,1\n",
        "line 4: ds: 2024-01-02 12:00 after",
    ),
    (
        "ds,y\n2024-01-01,1\n2024-02-01,1\n2024-04-01,1\n2024-05-01,1\n",
        "line 4: ds: 2024-04-01 after 2024-02-01 leaves a",
    ),
    ("ds,y\n2024-01-01,1\nMonday,1\n", "line 3: ds: 'Monday' is not a time"),
    ("ds,y\n2024-13-01,1\n", "line 2: ds: '2024-13-01' is not a time"),
    (
        "ds,y\n2024-01-01,1\n2024-01-01T01:00Z,1\n",
        "line 3: ds: '2024-01-01T01:00Z': some times have a time zone and others do",
    ),
    ("unique_id,ds,y\na,1,1\na,2,1\nb,1,1\nb,3,1\n", "line 4: series 'b' has a step of 2, and 'a' one of 1"),
    ("unique_id,ds,y\na,1,1\nb,1,1\na,2,1\na,2,2\n", "line 5: ds of series 'a': 2 appears twice"),
    (b"ds,y\n1,1\n\xff\xfe,2\n", "line 3: not utf-8 text; give its encoding"),
    (b"ds,y\n1,1\n\x00\x01,2\n", "line 3: not text"),
]


@pytest.mark.parametrize(("text", "words"), BAD, ids=[words[:40] for _, words in BAD])
def test_every_fault_has_its_line(write, text, words):
    path = write(text)
    with pytest.raises(InputError) as error:
        read_table(path, time="ds" if b"ds" in path.read_bytes() else None)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_column_a_missing_file_and_an_unknown_encoding(write, tmp_path):
    with pytest.raises(InputError, match="no column 'z'; its columns are ds, y"):
        read_table(write("ds,y\n1,2\n"), "z")
    with pytest.raises(InputError, match="no column 'day'; its columns are ds, y"):
        read_table(write("ds,y\n1,2\n"), "y", "day")
    with pytest.raises(InputError, match=r"cannot read .*nowhere.csv"):
        read_table(tmp_path / "nowhere.csv")
    with pytest.raises(InputError, match="encoding 'utf-9': unknown"):
        read_table(write("y\n1\n"), encoding="utf-9")
