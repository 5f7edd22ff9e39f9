"""Series from CSV files, read whole: what is found out, what is filled in, and what is reported with its line."""

import pytest

from chargen.errors import InputError
from chargen.series.reading.clock import Clock
from chargen.series.reading.table import TableSettings, read_table


def test_one_column_of_a_wide_file(write):
    table = read_table(write("\ufeffday;a;b\r\n2024-01-01;1;2.5\r\n2024-01-02;3;-4e1\r\n\r\n"), column="b", time="day")
    (series,) = table.series
    assert series.values.tolist() == [2.5, -40]
    assert (series.name, series.last, int(series.lines[0])) == ("", "2024-01-02", 2)
    assert (table.column, table.time, str(table.clock)) == ("b", "day", "1 day")
    assert table.notes == ["columns not used: a"]


def test_the_long_format_holds_several_series(write):
    table = read_table(write("unique_id,ds,y\nu,1,10\nv,5,1\nu,2,20\nv,6,2\n"))
    assert [(one.name, one.values.tolist(), one.last, int(one.lines[0])) for one in table.series] == [
        ("u", [10, 20], "2", 2),
        ("v", [1, 2], "6", 3),
    ]
    assert (table.ids, table.notes) == (("unique_id",), [])


def test_several_columns_of_ids_name_a_series(write):
    days = "2024-01-01", "2024-01-02", "2024-01-03"
    rows = [f"{day},{shop},{kind},{kind}{place}" for shop in "NS" for kind in "12" for place, day in enumerate(days)]
    table = read_table(write("date,shop,kind,sold\n" + "\n".join(rows)))
    assert [(one.name, one.ids, one.values.tolist()) for one in table.series][1] == ("N/2", ("N", "2"), [20, 21, 22])
    assert (table.ids, len(table.series), table.notes) == (("shop", "kind"), 4, ["series by shop and kind"])


def test_without_times_the_rows_are_counted(write):
    table = read_table(write("x\n5\n7\n6\n"))
    assert (table.column, table.time, table.series[0].last) == ("x", None, "3")
    assert table.clock.times("3", [1, 2]) == ["4", "5"]
    table = read_table(write("ds,y\n2024-01-05,1\n2024-01-01,2\n"), count_rows=True)
    assert (table.time, table.series[0].last, table.notes) == (None, "2", ["columns not used: ds"])


FILLS = [
    ("ds,y\n2024-01-01,1\n2024-01-02,\n2024-01-05,5\n", "linear", [1, 2, 3, 4, 5], "filled in 3 of 5 values"),
    ("ds,y\n2024-01-01,1\n2024-01-02,NA\n2024-01-05,5\n", "last", [1, 1, 1, 1, 5], "filled in 3 of 5 values"),
    ('y\n""\n1\n-\n3\nnan\n', "linear", [1, 2, 3], "left out 2 rows before the first or after the last value"),
]


@pytest.mark.parametrize(("text", "method", "values", "note"), FILLS)
def test_holes_are_filled_where_that_is_asked_for_and_counted(write, text, method, values, note):
    table = read_table(write(text), fill=method)
    assert table.series[0].values.tolist() == values
    assert any(words.startswith(note) for words in table.notes)
    with pytest.raises(InputError, match="fill it, see fill"):
        read_table(write(text))


def test_a_series_without_any_value_is_left_out(write):
    table = read_table(write("unique_id,ds,y\na,1,1\na,2,2\nb,1,\nb,2,\n"), fill="last")
    assert [one.name for one in table.series] == ["a"]
    assert "series 'b' has no values and is left out" in table.notes
    with pytest.raises(InputError, match="all values of y are missing"):
        read_table(write("ds,y\n1,\n2,\n"), fill="last")


def test_many_columns_take_time_in_proportion(write):
    names = [f"c{number}" for number in range(20_000)]
    text = "\n".join([",".join(["ds", *names]), *(f"{row}," + "7," * 19_999 + "7" for row in range(4))])
    table = read_table(write(text), column="c7777")
    assert table.series[0].values.tolist() == [7, 7, 7, 7]
    assert table.notes[0].startswith("columns not used: c0, c1, ")
    assert table.notes[0].endswith("(19,999 in all)")


def test_the_newest_row_may_come_first(write):
    table = read_table(write("unique_id,ds,y\na,2/1/2024,3\nb,2/1/2024,6\na,1/31/2024,2\nb,1/31/2024,5\n"))
    assert [(one.values.tolist(), one.last, int(one.lines[0])) for one in table.series] == [
        ([2, 3], "2/1/2024", 4),
        ([5, 6], "2/1/2024", 5),
    ]
    assert table.notes == ["the newest rows come first: they are read from the last to the first"]


def test_a_wild_value_is_told(write):
    values = [100 + day % 7 for day in range(60)]
    values[40], values[50] = -9999, 1_000_000
    table = read_table(write("y\n" + "\n".join(map(str, values))))
    assert table.notes == [
        "far from the other values: -9999 in line 42, and 1 more value; correct it if it is an error, or marks a"
        " missing value"
    ]
    assert read_table(write("y\n" + "\n".join(str(2**n) for n in range(12)))).notes == []
    assert read_table(write("y\n" + "0\n" * 30 + "500\n")).notes == []


def test_a_form_of_times_finds_their_column(write):
    path = write("x,at,y\n5,31st Jan,1\n6,1st Feb,2\n")
    assert read_table(path).notes == ["no column of times: the rows are counted", "columns not used: x, at"]
    table = read_table(write("x,at,y\n5,31+01+24,1\n6,01+02+24,2\n"), time_format="%d+%m+%y")
    assert (table.time, table.clock.times("01+02+24", [1])) == ("at", ["02+02+24"])
    with pytest.raises(InputError, match="no column has times of the form %H:%M; correct the time_format, or name the"):
        read_table(path, time_format="%H:%M")


BAD = [
    ("", "data.csv is empty; give a table with the names of the columns"),
    ("y\n", "data.csv: no rows below the column names"),
    (
        "a,b\n1,2\n",
        "data.csv has several columns of values: a, b; choose one with column, or name that of the times with",
    ),
    ("y,y\n1,2\n", "line 1: two columns are named 'y'"),
    ("y,ds\n1,1\n2\n", "line 3: 1 cell, but the first line names 2 columns; give each"),
    ("ds,y\n1,1\n2,two\n", "line 3: y is 'two', not a number"),
    ("ds,y\n\n1,1\n2,\n", "line 4: y is missing (''); fill it, see fill"),
    ("ds,y\n1,nan\n", "line 2: y is missing ('nan')"),
    ("ds,y\n1,1e999\n", "line 2: y is '1e999', not a finite number; correct it, or remove the row"),
    (
        "ds,y\n2024-01-01,1\n",
        "line 2: ds: 2024-01-01 alone tells no step; add rows, or ignore the times with count_rows",
    ),
    ("ds,y\n1,1\n2,2\n4,3\n5,4\n", "line 4: ds: 4 after 2 leaves a gap: the step is 1; fill it, see fill, or ignore"),
    ("ds,y\n1,1\n2,2\n3e999999999,3\n", "line 4: ds: '3e999999999' is not a time of the same form as '1'"),
    ("ds,y\n1,1\n2,2\n2,3\n", "line 4: ds: 2 appears twice; remove one of the rows, name the columns that tell"),
    ("ds,y\n1,1\n2,2\n5,3\n4,4\n3,5\n", "line 5: ds: 4 after 5 is out of order; sort the rows by time"),
    (
        "Date,Time,y\n"
        + "".join(f"2024-03-{day:02},{hour:02}:00,{hour}\n" for day in range(1, 5) for hour in range(24)),
        "data.csv: the times seem to be in two columns, Date and Time; write 2024-03-01 and 00:00 in one, such as",
    ),
    (
        "Year,Month,y\n" + "".join(f"{year},{month},{month}\n" for year in range(2015, 2020) for month in range(1, 13)),
        "data.csv: the times seem to be in two columns, Year and Month; write 2015 and 1 in one, such as",
    ),
    ("ds,y\n1,1\n2,2\n1,3\n2,4\n", "line 4: ds: 1 after 2 is out of order; sort the rows by time"),
    (
        "ds,y\n2024-01-01,1\n2024-01-02,1\n2024-01-02 12:00,1\n2024-01-03 12:00,1\n",
        "line 4: ds: 2024-01-02 12:00 after",
    ),
    (
        "ds,y\n2024-01-01,1\n2024-02-01,1\n2024-04-01,1\n2024-05-01,1\n",
        "line 4: ds: 2024-04-01 after 2024-02-01 leaves a",
    ),
    (
        "ds,y\n2024-01-01,1\nTotal,1\n",
        "line 3: ds: 'Total' is not a time of the same form as '2024-01-01'; correct it,",
    ),
    (
        "ds,y\n2024-13-01,1\n",
        "line 2: ds: '2024-13-01' is not a time; write times as 2024-01-31 or 2024-01-31 13:00, say",
    ),
    (
        "ds,y\n2024-01-01,1\n2024-01-01T01:00Z,1\n",
        "line 3: ds: '2024-01-01T01:00Z': some times have a time zone and others do",
    ),
    ("ds,y\n2024-01-01,1\n9999-12-31,1\n", "line 3: ds: '9999-12-31' is too far away; correct it, remove the row, or"),
    ("unique_id,ds,y\na,1,1\na,2,1\nb,1,1\nb,3,1\n", "line 4: ds of series 'b': a step of 2, and the first series has"),
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


@pytest.mark.parametrize("time", ["1e999999999", "9999-12-31"])
def test_no_time_that_follows_a_known_clock_takes_for_ever(write, time):
    style = "number" if "e" in time else "date"
    with pytest.raises(InputError, match=r"line 2: ds: .* is (not a time of the form number|too far away)"):
        read_table(write(f"ds,y\n{time},1\n"), time="ds", clock=Clock("whole numbers", style=style))


def test_settings_that_are_no_settings():
    for wrong, words in (
        ({"fill": "zero"}, "fill 'zero': unknown; choose one of linear, last"),
        ({"decimal": ";"}, "decimal ';': must be . or ,"),
        ({"time_format": "epoch"}, "time_format 'epoch': not a format of times; write it as %d/%m/%Y"),
        ({"count_rows": True, "time": "ds"}, "count_rows cannot be combined with a column of times; leave out time"),
    ):
        with pytest.raises(InputError) as error:
            TableSettings(**wrong)
        assert words in str(error.value)
