"""Which columns hold the values, the times and the names of series."""

import pytest

from chargen.errors import InputError
from chargen.series.reading.columns import choose_columns
from chargen.series.reading.rows import read_rows


def chosen(text, column=None, **named):
    rows = read_rows("data.csv", text, chosen=column is not None)
    columns = choose_columns(rows, column, **named)
    names = rows.names
    found = (columns.value, columns.time, *columns.ids)
    return [None if at is None else names[at] for at in found], [names[at] for at in columns.unused]


FOUND = [
    ("ds,y\n1,2\n2,4\n", ["y", "ds"], []),
    ("unique_id,ds,y\na,1,2\na,2,4\n", ["y", "ds", "unique_id"], []),
    ("y,price,ds\n2,9,1\n4,8,2\n", ["y", "ds"], ["price"]),
    ("Month,Sales\n1949-01,112\n1949-02,118\n", ["Sales", "Month"], []),
    ("year,value\n1700,5\n1701,11\n", ["value", "year"], []),
    (",0\n2024-01-01,5\n2024-01-02,6\n", ["0", "index"], []),
    (",day,sales\n0,2024-01-01,5\n1,2024-01-02,6\n", ["sales", "day"], []),
    (",time,value\n1,1949.000,5\n2,1949.083,6\n", ["value", "time"], []),
    (",ds,y\n0,2024-01-01,5\n1,2024-01-02,6\n", ["y", "ds"], []),
    ("sales\n5\n6\n", ["sales", None], []),
    ("note,sales\nx,5\ny,6\n", ["sales", None], ["note"]),
    (
        "city,day,t\n" + "".join(f"{city},2024-01-0{day},5.{day}\n" for city in "AB" for day in range(1, 5)),
        ["t", "day", "city"],
        [],
    ),
    (
        "day,sensor,t\n" + "".join(f"2024-01-0{day},{at},{at}.5\n" for day in range(1, 5) for at in (7, 8)),
        ["t", "day", "sensor"],
        [],
    ),
]


@pytest.mark.parametrize(("text", "found", "unused"), FOUND, ids=[text.split("\n")[0] for text, *_ in FOUND])
def test_columns_are_found(text, found, unused):
    assert chosen(text) == (found, unused)


def test_columns_that_are_named_are_taken():
    assert chosen("unique_id,ds\n3,1\n5,2\n", "unique_id", time="ds") == (["unique_id", "ds"], [])
    assert chosen("ds,a,b\n1,x,2\n2,x,4\n", "b", time="ds", ids=("a",)) == (["b", "ds", "a"], [])
    assert chosen("ds,y\n9,1\n1,2\n", count_rows=True) == (["y", None], ["ds"])


BAD = [
    ({}, "ds,a,b\n2024-01-01,1,2\n", "data.csv has several columns of values: a, b; choose one with column"),
    (
        {},
        "from,to,y\n2024-01-01,2024-01-02,2\n",
        "data.csv has several columns of times: from, to; choose one with time",
    ),
    (
        {},
        "date,hour,load\n" + "".join(f"2024-01-01,{hour},7\n" for hour in range(24)),
        "the times seem to be in two columns, date and hour; write 2024-01-01 and 0 in one, such as 2024-03-01 07:00",
    ),
    ({"column": "z"}, "ds,y\n1,2\n", "no column 'z'; its columns are ds, y"),
    ({"time": "day"}, "ds,y\n1,2\n", "no column 'day'; its columns are ds, y"),
    ({"column": "y", "time": "y"}, "ds,y\n1,2\n", "'y' is named for two purposes; give each a column of its own"),
    ({"column": "ds", "time": "ds"}, "ds,y\n1,2\n", "'ds' is named for two purposes"),
    ({}, "ds\n2024-01-01\n", "no column of values; its columns are ds"),
]


@pytest.mark.parametrize(("named", "text", "words"), BAD, ids=[words for *_, words in BAD])
def test_what_cannot_be_chosen_is_asked_for(named, text, words):
    with pytest.raises(InputError) as error:
        chosen(text, **named)
    assert words in str(error.value)
