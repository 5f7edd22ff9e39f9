"""Series from CSV files, and their times."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargen.errors import InputError
from chargen.series.forecast.clock import infer_clock, parse_time
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


def test_without_times_the_rows_are_counted(write):
    table = read_table(write("x\n5\n7\n6\n"))
    assert (table.column, table.series[0].last) == ("x", "3")
    assert table.clock.times("3", [1, 2]) == ["4", "5"]


def test_other_encodings_and_quoted_lines(write):
    table = read_table(write('Gr\xf6\xdfe,note\n1,"a\nb"\n2,c\n'.encode("cp1252")), "Größe", encoding="cp1252")
    assert table.series[0].values.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("times", "step", "following"),
    [
        ("2024-01-31 2024-02-29 2024-03-31 2024-04-30", "1 month", "2024-05-31 2024-06-30"),
        ("2023-11-30 2023-12-30 2024-01-30 2024-02-29", "1 month", "2024-03-30 2024-04-30"),
        ("2023-03-31 2023-06-30 2023-09-30 2023-12-31", "3 months", "2024-03-31 2024-06-30"),
        ("2020-02-29 2021-02-28 2022-02-28 2023-02-28", "1 year", "2024-02-29 2025-02-28"),
        ("1949-11 1949-12 1950-01", "1 month", "1950-02 1950-03"),
        ("2023-07-01 2023-08-01", "1 month", "2023-09-01 2023-10-01"),
        ("2024-02-28 2024-02-29 2024-03-01", "1 day", "2024-03-02 2024-03-03"),
        ("2024-01-01 2024-01-15 2024-01-29", "2 weeks", "2024-02-12 2024-02-26"),
        ("2024-01-01T22:00 2024-01-01T23:00 2024-01-02T00:00", "1 hour", "2024-01-02T01:00 2024-01-02T02:00"),
        ("2024-01-01T00:00:00Z 2024-01-01T00:15:00Z", "15 minutes", "2024-01-01T00:30:00Z 2024-01-01T00:45:00Z"),
        ("2024-01-01T00:00:59 2024-01-01T00:01:00", "1 second", "2024-01-01T00:01:01 2024-01-01T00:01:02"),
        ("2024/12/30 2024/12/31", "1 day", "2025-01-01 2025-01-02"),
        ("20241230 20241231", "1 day", "2025-01-01 2025-01-02"),
        ("1990 1991 1992", "1", "1993 1994"),
        ("-4 0 4", "4", "8 12"),
    ],
)
def test_times_go_on_as_they_came(times, step, following):
    times = times.split()
    clock = infer_clock(times)
    assert str(clock) == step
    assert clock.times(times[-1], [1, 2]) == following.split()
    if "/" not in times[0] and len(times[0]) != 8:
        assert clock.times(times[-1], range(1 - len(times), 1)) == times


@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)).map(lambda time: time.replace(microsecond=0)),
    st.integers(1, 100_000),
    st.integers(3, 20),
)
def test_any_fixed_step_is_inferred_and_continued(start, seconds, count):
    times = [start + timedelta(seconds=seconds * place) for place in range(count + 5)]
    texts = [time.isoformat(" ", "seconds") for time in times]
    assert infer_clock(texts[:count]).times(texts[count - 1], range(1, 6)) == texts[count:]
    assert [parse_time(text) for text in texts] == times


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
